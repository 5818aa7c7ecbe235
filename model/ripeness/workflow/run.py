"""Stored runs: their files and names, how one is opened, and how a new one takes the place of an older one.

Opening reads two small files, loads no draws and imports neither a sampler nor xarray; draws come lazily. The names of files, groups and variables
are public: docs/schema.md.

Why a reader never sees half of a run. A writer holds the lock of the folder and prepares every file in a folder beside it; an older run stays as it is
until all of the new one is on disk. Then the files take their places by atomic renames: forecast.json first, manifest.json last. Both name their run, so
whoever opens the folder in between finds two names, waits, and reads again; so he gets an error where draws have been replaced since. A writer that was
stopped between two renames has left the rest ready, and the next one finishes what he began before it does anything else.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ripeness import names
from ripeness.errors import ContentError, Fault, RipenessError
from ripeness.files import BusyError, digest, hash_file, is_locked_here, lock, mend_write, replacing, with_lf, write_whole
from ripeness.names import Sampler

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

SCHEMA: Final = 3
POSTERIOR: Final = "posterior.nc"
BASE: Final = "base.npz"  # what an update of a fit needs of it
REWEIGHTED: Final = "reweighted.nc"  # draws of an update
DRAWS: Final = (POSTERIOR, BASE, REWEIGHTED)  # these may be gone
MANIFEST: Final = "manifest.json"
FITS: Final = "fits"  # below reports/: fits of days whose own run is reweighted, for studies, news and counterfactuals
FORECAST_JSON: Final = "forecast.json"
FORECAST_CSV: Final = "forecast.csv"
PAGE: Final = "index.html"
FAILURE_PAGE: Final = "failure.html"
FAILURE_JSON: Final = "failure.json"
FORECAST_COLUMNS: Final = (
    "question",
    "origin",
    "horizon_weeks",
    "target_end_date",
    "probability",
    "lower",
    "upper",
    "outside_view",
)
NEEDED: Final = {"schema", "run_id", "origin", "seed", "sampler", "base"}  # of a manifest
CHANGED: Final = "is not as it was written"
LONGEST_WAIT_SECONDS = 3600.0  # for a command that fits
WAIT_SECONDS, LOOK_AGAIN_SECONDS = 2.0, 0.02  # for the renames of a new run

Progress = Callable[[str], None]  # called with a few words on what is being done


def forecast_rows(summary: Mapping[str, Any]) -> list[list[Any]]:
    """The rows of forecast.csv: the mixture's probabilities as published, to six decimals, in the order of `FORECAST_COLUMNS`."""
    rows = [row | {"origin": summary["origin"]} for row in summary["forecasts"] if row["source"] == names.MIXTURE]
    return [[round(row[name], 6) if isinstance(row[name], float) else row[name] for name in FORECAST_COLUMNS] for row in rows]


def quiet(message: str) -> None:
    """A progress function that says nothing."""


@dataclass(frozen=True)
class Run:
    """One stored run: what the page, the notebook and every later command read.

    Parameters
    ----------
    folder : Path
        reports/<origin>.
    manifest : mapping
        What the run was made with and from: `run_id`, `origin`, `seed`, `sampler`, `settings`, `base`, hashes, versions.
    summary : dict
        Every number and word that the page shows: forecast.json.

    Examples
    --------
    >>> run = ripeness.open_run("reports/2025-06-18")
    >>> list(run.forecast.columns)[:4]
    ['question', 'origin', 'horizon_weeks', 'target_end_date']
    >>> fit = run.fit("conjunctive_as_written")
    >>> sorted(fit.children)[:3]
    ['constant_data', 'log_likelihood', 'log_prior']
    >>> float(fit["posterior"]["half_life"].mean()) > 0.0
    True
    """

    folder: Path
    manifest: Mapping[str, Any]
    summary: dict[str, Any] = field(repr=False)

    @property
    def run_id(self) -> str:
        """Names everything that the run was made from."""
        return str(self.manifest["run_id"])

    @property
    def origin(self) -> date:
        """The as-of day."""
        return date.fromisoformat(self.manifest["origin"])

    @property
    def seed(self) -> int:
        """Of every random number."""
        return int(self.manifest["seed"])

    @property
    def sampler(self) -> Sampler:
        """What drew the fit."""
        found: Sampler = self.manifest["sampler"]
        return found

    @property
    def is_reweighted(self) -> bool:
        """Whether the run was made from an older fit's draws instead of a fit of its own."""
        return self.manifest["base"] is not None

    @property
    def fit_id(self) -> str:
        """The run whose fit gave the draws: its own, or that of its base."""
        return str(self.manifest["base"]["run_id"]) if self.is_reweighted else self.run_id

    @property
    def fit_folder(self) -> Path:
        """Where that fit is stored."""
        return self.folder.parent / self.manifest["base"]["origin"] if self.is_reweighted else self.folder

    @property
    def has_draws(self) -> bool:
        """Whether the draws are there as they were written, of the very fit that the run was made from, and what updates need of it."""
        import h5py

        files = {self.fit_folder / POSTERIOR: self.fit_id} | ({self.folder / REWEIGHTED: self.run_id} if self.is_reweighted else {})
        try:
            for path, run_id in files.items():
                with h5py.File(path) as draws:
                    if draws.attrs.get("run_id") != run_id:
                        return False
        except OSError:  # not there, or cut short
            return False
        own = [] if not self.is_reweighted else changed_files(self.folder, self.manifest, REWEIGHTED)
        return not own and has_fit(self.fit_folder, self.fit_id)

    @property
    def headline(self) -> Mapping[str, Any]:
        """The row of `summary["forecasts"]` that the page begins with: the mixture's, of the question, for the headline horizon."""
        wanted = (self.summary["question"]["id"], names.MIXTURE, self.summary["headline_weeks"])
        return next(row for row in self.summary["forecasts"] if (row["question"], row["source"], row["horizon_weeks"]) == wanted)

    @cached_property
    def tree(self) -> xr.DataTree:
        """All draws: a tree with a group for each fit, and the group data. Nothing is loaded before it is asked for.

        An update has the fits of its base, their predictions as of the base's day, the group reweighted for its own ones, and its own data.

        Raises
        ------
        RipenessError
            If a file is of another schema or of another run or not as it was written, or the base of an update is not there any more.
        """
        import xarray as xr

        fit = _open_tree(self.fit_folder / POSTERIOR, self.fit_id, self.folder.name, stored_manifest(self.fit_folder) or {})
        if not self.is_reweighted:
            return fit
        own = _open_tree(self.folder / REWEIGHTED, self.run_id, self.folder.name, self.manifest)
        nodes = {node.path: node.to_dataset(inherit=False) for whole in (fit, own) for node in whole.subtree}
        return xr.DataTree.from_dict(nodes)

    @cached_property
    def forecast(self) -> pd.DataFrame:
        """What stands in forecast.csv, as a table."""
        import pandas as pd

        return pd.DataFrame(forecast_rows(self.summary), columns=list(FORECAST_COLUMNS))

    def fit(self, name: str) -> xr.DataTree:
        """One fit with its ArviZ groups, as a tree of its own: pass it to any function of ArviZ.

        Raises
        ------
        RipenessError
            If there is no such fit.
        """
        fits = [child for child in self.tree.children if child not in (names.REWEIGHTED_GROUP, names.DATA_GROUP)]
        if name not in fits:
            raise RipenessError(f"no fit '{name}' in {self.folder.name}; there are: {', '.join(fits)}")
        import xarray as xr

        fit = self.tree[name]
        groups = {group: node.to_dataset() for group, node in fit.children.items()}
        return xr.DataTree.from_dict({"/": fit.to_dataset(), **groups}, name=name)


def open_run(folder: Path | str) -> Run:
    """Open a stored run, whole; draws are loaded when they are asked for.

    Parameters
    ----------
    folder : Path or str
        reports/<origin>.

    Returns
    -------
    Run

    Raises
    ------
    ContentError
        If the folder holds no run.
    RipenessError
        If it holds one of another schema, one of which a file is not as it was written, or one whose files a writer has left in part.

    Examples
    --------
    >>> ripeness.open_run("reports/2025-06-18").origin
    datetime.date(2025, 6, 18)
    """
    folder, until = Path(folder), time.monotonic() + WAIT_SECONDS
    while True:
        manifest = read_json(folder, MANIFEST)
        if manifest.get("schema") != SCHEMA:
            raise RipenessError(_of_another_schema(folder.name, MANIFEST, manifest.get("schema")))
        summary = read_json(folder, FORECAST_JSON)
        same = summary.get("run_id") == manifest["run_id"]
        if same and not changed_files(folder, manifest, FORECAST_JSON):
            return Run(folder, manifest, summary)
        if time.monotonic() > until:
            found = f"{FORECAST_JSON} is of run {summary.get('run_id')}, {MANIFEST} of run {manifest['run_id']}: the writer was stopped"
            found = f"{FORECAST_JSON} {CHANGED}" if same else found
            raise RipenessError(f"{folder.name}: {found}. To mend: run 'ripeness forecast --as-of {folder.name}'")
        time.sleep(LOOK_AGAIN_SECONDS)


def stored_run(folder: Path) -> Run | None:
    """The run of a folder; None if it holds none that this version can read."""
    try:
        return open_run(folder)
    except RipenessError:
        return None


def stored_manifest(folder: Path) -> dict[str, Any] | None:
    """The manifest of a folder, whatever has become of its other files; None if it has none that this version can read."""
    try:
        manifest = read_json(folder, MANIFEST)
    except RipenessError:
        return None
    return manifest if manifest.get("schema") == SCHEMA else None


def changed_files(folder: Path, manifest: Mapping[str, Any], *wanted: str) -> list[str]:
    """Which of the files of a run are not there as its manifest has them."""
    written = manifest.get("files", {})
    changed = []
    for name in wanted:
        try:
            if name in written and digest_of(folder / name) != written[name]:
                changed.append(name)
        except OSError:
            changed.append(name)
    return changed


def has_fit(folder: Path, fit_id: str) -> bool:
    """Whether a folder has the fit of a run as it was written: its draws, and what updates need of it."""
    manifest = stored_manifest(folder)
    there = all((folder / name).is_file() for name in (POSTERIOR, BASE))
    return there and manifest is not None and manifest["run_id"] == fit_id and not changed_files(folder, manifest, POSTERIOR, BASE)


def digest_of(path: Path) -> str:
    """SHA-256 of a file of a run; of a text the same for LF and CRLF."""
    return hash_file(path) if path.suffix in (".json", ".csv") else digest(path.read_bytes())


def read_json(folder: Path, name: str) -> dict[str, Any]:
    """What a file of a run says, forecast.json or the manifest, which may be of another schema.

    Raises
    ------
    ContentError
        If there is no such file.
    RipenessError
        If it cannot be read.
    """
    shown = Path(folder.name) / name
    try:
        found = json.loads((folder / name).read_text("utf-8"))
        if isinstance(found, dict) and (name != MANIFEST or found.get("schema", SCHEMA) != SCHEMA or found.keys() >= NEEDED):
            return found
    except FileNotFoundError:
        raise ContentError(Fault(shown, None, "no such file", "a stored run", "make one with 'ripeness fit'")) from None
    except (OSError, ValueError, RecursionError):
        pass
    raise RipenessError(f"{shown.as_posix()} cannot be read: it {CHANGED}. To mend: run 'ripeness forecast --as-of {folder.name}'")


def _open_tree(path: Path, run_id: str, origin: str, manifest: Mapping[str, Any]) -> xr.DataTree:
    from ripeness.lazy_netcdf import open_lazily

    place = f"{path.parent.name}/{path.name}"
    mend = f"To mend: run 'ripeness report --as-of {origin}' again, or with --refit"
    if not path.is_file():
        raise RipenessError(f"{place}, whose draws {origin} uses, is not there any more. {mend}")
    if manifest.get("run_id") == run_id and changed_files(path.parent, manifest, path.name):
        raise RipenessError(f"{place}, whose draws {origin} uses, {CHANGED}. {mend}")
    tree = open_lazily(path)
    found = int(tree.attrs.get("schema", 0))
    if found != SCHEMA:
        tree.close()
        raise RipenessError(_of_another_schema(path.parent.name, path.name, found))
    if tree.attrs["run_id"] != run_id:
        tree.close()
        raise RipenessError(f"{place} is not of run {run_id} any more, whose draws {origin} uses. {mend}")
    return tree


def _of_another_schema(folder: str, file: str, found: object) -> str:
    return f"{folder}/{file} was written with schema {found}, this version reads schema {SCHEMA}. To mend: run 'ripeness fit --refit'"


@contextmanager
def writing(folder: Path, shown: Path, progress: Progress) -> Iterator[None]:
    """Keep the folder of a run to oneself; waits, and says for whom, while another command writes it. Does nothing where this command has it.

    Parameters
    ----------
    folder, shown : Path
        reports/<origin>, and how to name it to the user.
    progress : callable

    Raises
    ------
    BusyError
        If the other command has not ended after `LONGEST_WAIT_SECONDS`.
    RipenessError
        If nothing may be written there, or the folder is a link.
    """
    if is_locked_here(folder):
        yield
        return
    with ExitStack() as held:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            try:
                held.enter_context(lock(folder, shown, 0.0))
            except BusyError as busy:
                progress(f"{str(busy).partition(' and did not end')[0]}; waiting for it")
                held.enter_context(lock(folder, shown, LONGEST_WAIT_SECONDS))
            refuse_link(folder, shown)
            if _prepared(folder).is_symlink():
                _prepared(folder).unlink()
            _finish(folder)
        except OSError as error:
            raise _not_written(shown, error) from None
        yield


@contextmanager
def replacing_run(folder: Path, shown: Path) -> Iterator[Path]:
    """A fresh folder for the files of a new run, which takes the place of the one stored in `folder` at the end; to be called while `writing`.

    Raises
    ------
    RipenessError
        If nothing may be written there; the older run stays.
    """
    prepared = _prepared(folder)
    try:
        shutil.rmtree(prepared, ignore_errors=True)
        prepared.mkdir()
        yield prepared
        _finish(folder)
    except OSError as error:
        raise _not_written(shown, error) from None
    finally:
        if not (prepared / MANIFEST).is_file():
            shutil.rmtree(prepared, ignore_errors=True)


def refuse_link(folder: Path, shown: Path) -> None:
    """Refuse a folder that is a link, as nothing is written through one.

    Raises
    ------
    ContentError
    """
    if folder.is_symlink():
        raise ContentError(Fault(shown, None, "a link", "a folder", "remove the link, and put the folder itself in its place"))


def _finish(folder: Path) -> None:
    """Move what was prepared to its place, the manifest last: as long as that is among it, the whole new run is on disk; else it is removed."""
    prepared = _prepared(folder)
    if not (prepared / MANIFEST).is_file():
        shutil.rmtree(prepared, ignore_errors=True)
    else:
        for path in sorted(prepared.iterdir(), key=lambda path: (path.name == MANIFEST, path.name != FORECAST_JSON, path.name)):
            os.replace(path, folder / path.name)
        prepared.rmdir()
        for name in (FAILURE_PAGE, FAILURE_JSON):
            (folder / name).unlink(missing_ok=True)


def _prepared(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.new")


def _not_written(shown: Path, error: OSError) -> RipenessError:
    return RipenessError(
        f"{shown.as_posix()} cannot be written ({error.strerror}); what is stored there is unchanged. To mend: {mend_write(error)}"
    )


def store_text(path: Path, text: str, shown: Path) -> None:
    """Write a text whole, unless it stands there already, so that a reader without write access gets by.

    Raises
    ------
    RipenessError
        If it does not stand there and cannot be written.
    """
    try:
        if not path.is_file() or with_lf(path.read_bytes()) != text.encode():
            write_whole(path, text)
    except OSError as error:
        raise _not_written(shown, error) from None


def write_tree(path: Path, tree: xr.DataTree) -> None:
    """Replace a file of draws by a new one, whole; made in memory, as HDF5 takes the process down with it where a disk is full."""
    content = BytesIO()
    tree.to_netcdf(content, engine="h5netcdf")
    with replacing(path) as temporary:
        temporary.write_bytes(content.getvalue())
