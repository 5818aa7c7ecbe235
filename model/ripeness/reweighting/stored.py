"""What a fit leaves for updates: some of its draws, the panel they were fitted to, and its summary, in one file that opens fast.

An archive of plain arrays (NumPy's .npz; nothing in it is code), the same bytes for the same fit. Beside them stands `about`, JSON: schema version, run,
origin, seed, the hashes that a later run is held against, and of each fit window, means and efficiency. The panel is kept because it cannot be
had again: rows may be entered later that were published before the fit's origin.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import date
from pathlib import Path
from typing import Any, Final
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from ripeness.data.observations import EVENTS, NESTED, Counted, Measured, NestedEvents, Record, RungEvents
from ripeness.data.panel import Panel
from ripeness.errors import RipenessError
from ripeness.files import replacing
from ripeness.model.meetings import Meetings
from ripeness.model.spec import ModelSpec
from ripeness.reweighting.reweighted import StoredFit
from ripeness.reweighting.weights import Anchor
from ripeness.reweighting.window import Window

Array = NDArray[np.float64]
CORES = 2
SCHEMA: Final = 3
SINGLE: Final = ("path",)  # in single precision: no state is known to seven digits
PARTS: Final[dict[str, Any]] = {"record": Record, "measured": Measured, "counted": Counted, EVENTS: RungEvents, NESTED: NestedEvents}


@dataclass(frozen=True)
class Base:
    """A stored fit of every variant.

    Parameters
    ----------
    about : mapping
        What is known of the run, and `origin`.
    panel : Panel
    meetings : Meetings
    fits : dict of StoredFit
        By the name of the fit.
    summary : dict
        What the fit's page shows.
    """

    about: Mapping[str, Any]
    panel: Panel
    meetings: Meetings
    fits: Mapping[str, StoredFit]
    summary: Mapping[str, Any]


def write_base(path: Path, about: Mapping[str, Any], spec: ModelSpec, fits: Mapping[str, StoredFit], summary: Mapping[str, Any]) -> None:
    """Replace the file of a run by a new one, whole.

    Parameters
    ----------
    path : Path
    about : mapping
        Run id, seed, hashes: plain values.
    spec : ModelSpec
        What was fitted.
    fits : mapping of StoredFit
    summary : mapping
        forecast.json, its floats rounded.
    """
    panel = spec.panel
    arrays: dict[str, Any] = {f"meetings/{name}": value for name, value in spec.meetings._asdict().items()}
    scalars: dict[str, Any] = {}
    for part, rows in ({"record": panel.record} | panel.rows | panel.outcomes).items():
        for name, value in asdict(rows).items():
            if isinstance(value, np.ndarray):
                arrays[f"{part}/{name}"] = value
            else:
                scalars[f"{part}/{name}"] = value
    for name, fit in fits.items():
        for variable, values in fit.draws.items():
            arrays[f"{name}/draws/{variable}"] = values.astype(np.float32) if variable in SINGLE else values
        arrays |= {f"{name}/state": fit.state, f"{name}/within": fit.within, f"{name}/kept": fit.window.kept}
        arrays[f"{name}/anchors"] = np.array([(anchor.mean, anchor.error) for anchor in fit.anchors])
    content = {
        "schema": SCHEMA,
        "origin": panel.origin.isoformat(),
        "weeks": [week.isoformat() for week in panel.weeks],
        **about,
        "panel": scalars,
        "others": list(panel.others),
        "fits": {
            name: {
                "variant": fit.variant,
                "reading": fit.reading,
                "efficiency": fit.efficiency,
                "window": {key: getattr(fit.window, key) for key in ("weeks", "first", "stored")},
            }
            for name, fit in fits.items()
        },
    }
    arrays |= {"about": _as_bytes(content), "summary": _as_bytes(summary)}
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)


def read_about(path: Path) -> dict[str, Any]:
    """What is known of a stored run, without its draws.

    Raises
    ------
    RipenessError
        If the file is of another schema, or none of ours.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            about: dict[str, Any] = _from_bytes(stored["about"])
    except (ValueError, KeyError, OSError, EOFError, BadZipFile) as error:
        raise RipenessError(f"{path.parent.name}/{path.name} cannot be read. To mend: run 'ripeness fit --refit'") from error
    if about.get("schema") != SCHEMA:
        problem = f"was written with schema {about.get('schema')}, this version reads schema {SCHEMA}"
        raise RipenessError(f"{path.parent.name}/{path.name} {problem}. To mend: run 'ripeness fit --refit'")
    return about


def base_spec(spec: ModelSpec, base: Base) -> ModelSpec:
    """What the base was fitted to, of the same workspace, priors and contracts as `spec`."""
    return replace(spec, panel=base.panel, meetings=base.meetings)


def read_base(path: Path) -> Base:
    """A stored run, whole; raises as `read_about` does."""
    about = read_about(path)
    with np.load(path, allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in stored.files}
    parts: dict[str, Any] = {}
    for part, kind in (PARTS | dict.fromkeys(about["others"], Measured)).items():
        found = {name: arrays.get(f"{part}/{name}", about["panel"].get(f"{part}/{name}")) for name in (one.name for one in fields(kind))}
        parts[part] = kind(**{name: _tuples(value) for name, value in found.items()})
    others = {name: parts.pop(name) for name in about["others"]}
    panel = Panel(date.fromisoformat(about["origin"]), tuple(map(date.fromisoformat, about["weeks"])), **parts, others=others)
    fits = {}
    for name, stored_fit in about["fits"].items():
        prefix = f"{name}/draws/"
        draws = {key.removeprefix(prefix): np.asarray(values, dtype=float) for key, values in arrays.items() if key.startswith(prefix)}
        window = Window(kept=arrays[f"{name}/kept"], **stored_fit["window"])
        anchors = tuple(Anchor(*map(float, pair)) for pair in arrays[f"{name}/anchors"])
        state, within = arrays[f"{name}/state"], arrays[f"{name}/within"]
        fits[name] = StoredFit(
            stored_fit["variant"], stored_fit["reading"], window, draws, state, within, anchors, stored_fit["efficiency"]
        )
    meetings = Meetings(**{name: arrays[f"meetings/{name}"] for name in Meetings._fields})
    return Base(about, panel, meetings, fits, _from_bytes(arrays["summary"]))


def _as_bytes(content: Mapping[str, Any]) -> NDArray[np.uint8]:
    return np.frombuffer(json.dumps(content, ensure_ascii=False, allow_nan=False).encode(), dtype=np.uint8)


def _from_bytes(content: NDArray[np.uint8]) -> Any:
    return json.loads(content.tobytes())


def _tuples(value: Any) -> Any:
    """JSON's lists as the tuples they were."""
    return tuple(_tuples(one) for one in value) if isinstance(value, list) else value
