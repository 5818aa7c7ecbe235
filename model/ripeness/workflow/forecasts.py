"""`ripeness fit` and `forecast`: from a new fit, or from an older one's draws where that will do."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ripeness import files, results
from ripeness.data.vintages import Vintage
from ripeness.errors import GateError
from ripeness.ledger import Entry, previous_entry, read_ledger
from ripeness.workflow.bases import find_base
from ripeness.workflow.checked import Checked, check_workspace
from ripeness.workflow.identity import identify, identify_update, made_with

if TYPE_CHECKING:
    from ripeness.workflow.new_run import MadeRun

Progress = Callable[[str], None]


def quiet(message: str) -> None:
    """A progress function that says nothing."""


def run_fit(root: Path, as_of: date | None = None, seed: int | None = None, refit: bool = False, progress: Progress = quiet) -> Path:
    """Fit and forecast, unless an equal run is stored already; writes posterior.nc, base.npz, forecast.json and manifest.json.

    Returns
    -------
    Path
        reports/<origin>.

    Raises
    ------
    ContentError
        If a file is wrong; nothing is written.
    GateError
        If a fit fails its gate; a page that shows the failure is written, older results stay.
    """
    asked = _ask(root, as_of, seed)
    if not refit and _is_stored(asked.folder, asked.meta["run_id"], results.POSTERIOR):
        progress("inputs unchanged: the stored fit is used")
        return asked.folder
    return _fit(asked, progress)


@dataclass(frozen=True)
class _Asked:
    """A run that is asked for: what it is made from, and where it goes."""

    checked: Checked
    vintage: Vintage
    meta: dict[str, Any]
    folder: Path
    issued: Sequence[Entry]

    @property
    def seed(self) -> int:
        return int(self.meta["seed"])

    def previous(self, run_id: str) -> Entry | None:
        """The headline's last forecast before this one, which is issued under `run_id`."""
        question = self.checked.workspace.question
        return previous_entry(self.issued, question.id, question.headline_weeks, self.vintage.origin, run_id)


def _ask(root: Path, as_of: date | None, seed: int | None) -> _Asked:
    checked = check_workspace(root)
    vintage, workspace = checked.vintage(as_of), checked.workspace
    meta = identify(checked, vintage, workspace.fit.seed if seed is None else seed)
    return _Asked(checked, vintage, meta, workspace.reports / vintage.origin.isoformat(), read_ledger(workspace.reports))


def _fit(asked: _Asked, progress: Progress) -> Path:
    checked, meta, folder = asked.checked, asked.meta, asked.folder
    workspace = checked.workspace
    progress("eliciting priors")
    from ripeness.elicitation.elicit import elicit_priors

    priors = elicit_priors(checked.priors)
    from ripeness.reweighting.stored import write_base
    from ripeness.workflow.fit_run import make_run
    from ripeness.workflow.new_run import build_tree
    from ripeness.workflow.summary.fitted import build_summary

    made = make_run(workspace, asked.vintage, priors, asked.seed, progress)
    summary = build_summary(made, checked.claims, meta, asked.previous(meta["run_id"]))
    if not made.passed:
        _write_failure(folder, summary)
        raise GateError(_failure_in_words(made, workspace.shown(folder / results.FAILURE_PAGE)))
    progress("storing draws")
    (folder / results.MANIFEST).unlink(missing_ok=True)
    results.write_tree(folder / results.POSTERIOR, build_tree(made, _attributes(asked, meta)))
    about = {"run_id": meta["run_id"], **made_with(checked, meta)}
    write_base(folder / results.BASE, about, made.spec, {name: fit.base for name, fit in made.fits.items()}, files.rounded(summary))
    files.write_json(folder / results.FORECAST_JSON, summary)
    manifest = {"schema": results.SCHEMA, **meta, "base": None, "reference_log_probability": made.reference_log_probability}
    files.write_json(folder / results.MANIFEST, manifest)
    return folder


def _attributes(asked: _Asked, meta: Mapping[str, Any]) -> dict[str, Any]:
    workspace = asked.checked.workspace
    attributes = {
        "schema": results.SCHEMA,
        "title": workspace.title,
        "origin": asked.vintage.origin.isoformat(),
        "question": workspace.question.id,
    }
    return attributes | {key: meta[key] for key in ("run_id", "seed", "code_version", "data_hash", "priors_hash")}


def _carry(asked: _Asked, progress: Progress) -> Path | None:
    """Forecast from an older fit's draws; None, with the reason told, where only a new fit will do."""
    found = find_base(asked.checked.workspace.reports, asked.vintage.origin, made_with(asked.checked, asked.meta))
    if isinstance(found, list):
        if found:
            progress(f"a new fit is needed: {'; '.join(found)}")
        return None
    path, base_run_id = found
    meta, folder = identify_update(asked.meta, base_run_id), asked.folder
    if _is_stored(folder, meta["run_id"], results.REWEIGHTED):
        progress("inputs unchanged: the stored forecast is used")
        return folder
    from ripeness.elicitation.elicited import Priors
    from ripeness.model.spec import build_spec
    from ripeness.reweighting.stored import read_base
    from ripeness.workflow.reweight_run import build_carried_tree, carry_run
    from ripeness.workflow.summary.reweighted import build_carried_summary, update_in_words

    checked, base = asked.checked, read_base(path)
    # nothing on this path asks for a fitted prior
    spec, announcements = build_spec(checked.workspace, asked.vintage, Priors({}, {}, checked.priors))
    made = carry_run(spec, announcements, asked.vintage, base, asked.seed)
    if made.reasons:
        progress(f"a new fit is needed: {'; '.join(made.reasons)}")
        return None
    progress(update_in_words(made))
    summary = build_carried_summary(made, checked.claims, meta, asked.previous(meta["run_id"]))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / results.MANIFEST).unlink(missing_ok=True)
    results.write_tree(folder / results.REWEIGHTED, build_carried_tree(made, _attributes(asked, meta)))
    files.write_json(folder / results.FORECAST_JSON, summary)
    manifest = {"schema": results.SCHEMA, **meta, "base": {"run_id": base_run_id, "origin": base.panel.origin.isoformat()}}
    files.write_json(folder / results.MANIFEST, manifest)
    return folder


def run_forecast(root: Path, as_of: date | None = None, seed: int | None = None, refit: bool = False, progress: Progress = quiet) -> Path:
    """The forecast as a table, from an older fit's draws where these will do: writes forecast.csv beside what made it.

    Raises
    ------
    ContentError, GateError
        As `run_fit` does.
    """
    asked = _ask(root, as_of, seed)
    if not refit and _is_stored(asked.folder, asked.meta["run_id"], results.POSTERIOR):
        progress("inputs unchanged: the stored fit is used")
        folder = asked.folder
    else:
        folder = (None if refit else _carry(asked, progress)) or _fit(asked, progress)
    summary = results.open_run(folder).summary
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, results.FORECAST_COLUMNS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for row in summary["forecasts"]:
        if row["source"] == "mixture":
            numbers = {name: f"{row[name]:.6f}" for name in ("probability", "lower", "upper", "outside_view")}
            writer.writerow(row | numbers | {"origin": summary["origin"]})
    files.write_whole(folder / results.FORECAST_CSV, buffer.getvalue())
    return folder


def _is_stored(folder: Path, run_id: str, draws: str) -> bool:
    """Whether a run is stored, with its file of draws."""
    if not all((folder / name).is_file() for name in (results.MANIFEST, draws, results.FORECAST_JSON)):
        return False
    return bool(results.open_run(folder).manifest["run_id"] == run_id)


def _write_failure(folder: Path, summary: dict[str, Any]) -> None:
    from ripeness.report.page import render_failure

    files.write_json(folder / results.FAILURE_JSON, summary)
    files.write_whole(folder / results.FAILURE_PAGE, render_failure(files.rounded(summary)))


def _failure_in_words(made: MadeRun, page: Path) -> str:
    failures = "; ".join(
        f"{name}: {', '.join(f'{criterion}; to mend: {criterion.mend}' for criterion in fit.verdict.failures)}"
        for name, fit in made.fits.items()
        if not fit.verdict.passed
    )
    withheld = " ".join(f"{flag}." for flag in made.flags if flag.withholds)
    if not failures:
        return f"no probability is published: {withheld} See {page.as_posix()}"
    return f"the fit failed its gate after {max(fit.attempts for fit in made.fits.values())} attempts, so no probability is published ({failures}).{withheld and f' {withheld}'} See {page.as_posix()}"
