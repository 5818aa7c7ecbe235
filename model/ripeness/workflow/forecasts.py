"""`ripeness fit` and `forecast`: the stored run where it is what would be made now; else one made of an older fit's draws, or of a new fit."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ripeness.data.vintages import Vintage
from ripeness.errors import ContentError, Fault, GateError, RipenessError
from ripeness.files import as_json, hash_text, rounded, write_json, write_whole
from ripeness.ledger import Entry, previous_entry, read_ledger
from ripeness.names import COMPILED
from ripeness.workflow import run as store
from ripeness.workflow.identity import fit_inputs, identify, identify_update, workspace_hash
from ripeness.workflow.request import Inputs, Request, open_workspace
from ripeness.workflow.run import Progress, Run, open_run, quiet, stored_run
from ripeness.workspace.csv import csv_text

if TYPE_CHECKING:
    from ripeness.attribution.futures import Origin
    from ripeness.elicitation.elicited import Priors
    from ripeness.reweighting.stored import Base
    from ripeness.workflow.new_run import NewRun

DIGEST = "digest"  # of what else stands in a file beside a run
STORED_FIT = "inputs unchanged: the stored fit is used"
STORED_FORECAST = "inputs unchanged: the stored forecast is used"


def run_fit(request: Request, progress: Progress = quiet) -> Run:
    """The fit of a day with its forecast, made unless an equal one is stored.

    Parameters
    ----------
    request : Request
    progress : callable
        Called with a few words on what is being done.

    Returns
    -------
    Run
        As it is stored in reports/<origin>.

    Raises
    ------
    ContentError
        If a file is wrong; nothing is written.
    UsageError
        If the day is none that the record covers.
    GateError
        If a fit fails its gate; a page that shows the failure is written, an older run stays.
    BusyError
        If another command writes the same run and does not end.

    Examples
    --------
    >>> run = ripeness.run_fit(ripeness.Request(".", as_of=date(2025, 6, 18)))
    >>> run.is_reweighted
    False
    """
    return _obtain(open_workspace(request.workspace), request, True, progress)


def run_forecast(request: Request, progress: Progress = quiet) -> Run:
    """The forecast of a day: the stored one of the same inputs, else from an older fit's draws where these will do, else from a new fit.

    Parameters
    ----------
    request : Request
    progress : callable
        Called with a few words on what is being done.

    Returns
    -------
    Run
        As it is stored in reports/<origin>.

    Raises
    ------
    ContentError, UsageError, GateError, BusyError
        As `run_fit` does.

    Examples
    --------
    >>> run = ripeness.run_forecast(ripeness.Request(".", as_of=date(2025, 6, 18)))
    >>> 0.0 < run.headline["lower"] < run.headline["probability"] < run.headline["upper"] < 1.0
    True
    """
    return obtain_forecast(open_workspace(request.workspace), request, progress)


def obtain_fit(inputs: Inputs, request: Request, progress: Progress) -> Run:
    """A fit of the day with the run's seed and sampler, for what asks for one itself; where the day's run is reweighted it stays, and the fit lies apart, in reports/fits/."""
    run = None if request.refit else stored_as_asked(inputs, request)
    if run is None or not run.is_reweighted:
        return _obtain(inputs, request, True, progress)
    alike = replace(request, as_of=run.origin, seed=run.seed, sampler=run.sampler)
    return _obtain(inputs, alike, True, progress, store.FITS)


def obtain_forecast(inputs: Inputs, request: Request, progress: Progress) -> Run:
    """As `run_forecast` does, from files that are read already."""
    return _obtain(inputs, request, False, progress)


def _obtain(inputs: Inputs, request: Request, fitted: bool, progress: Progress, below: str = "") -> Run:
    vintage, workspace = inputs.vintage(request.as_of), inputs.workspace
    folder = workspace.reports / below / vintage.origin.isoformat()
    issued = read_ledger(workspace.reports)  # first: where it is spoilt nothing is touched

    def find() -> Run | None:
        found = None if request.refit else stored_as_asked(inputs, request, fitted, below)
        if found is not None:
            progress(STORED_FORECAST if found.is_reweighted else STORED_FIT)
        return found

    found = find()
    if found is not None and not store.changed_files(folder, found.manifest, store.FORECAST_CSV):
        return found
    with store.writing(folder, workspace.shown(folder), progress):
        # another command may have made it in the meantime
        found = found or find()
        if found is None:
            if not request.refit:
                _tell_changed(folder, store.stored_manifest(folder) or {}, progress)
            found = _make(_ask(inputs, request, vintage, folder, issued), request, fitted, progress)
        if store.changed_files(folder, found.manifest, store.FORECAST_CSV):
            write_whole(folder / store.FORECAST_CSV, _forecast_csv(found.summary))
        return found


def _tell_changed(folder: Path, manifest: Mapping[str, Any], progress: Progress) -> None:
    """Name the files of a run for which it has to be made again."""
    for name in store.changed_files(folder, manifest, *manifest.get("files", {})):
        progress(f"{folder.name}/{name} {store.CHANGED if (folder / name).exists() else 'is not there any more'}")


def stored_as_asked(inputs: Inputs, request: Request, fitted: bool = False, below: str = "") -> Run | None:
    """The run stored for a day, if it is one that the same inputs would give with its own seed and sampler, or those asked for.

    Parameters
    ----------
    inputs : Inputs
    request : Request
    fitted : bool
        Whether it must be a fit of that very day.
    below : str
        The folder of reports/ that has it; that of the runs themselves by default.
    """
    vintage = inputs.vintage(request.as_of)
    run = stored_run(inputs.workspace.reports / below / vintage.origin.isoformat())
    if run is None or (fitted and run.is_reweighted):
        return None
    meta = _identify(inputs, request, vintage, run.manifest)
    expected = identify_update(meta, run.fit_id) if run.is_reweighted else meta
    return run if run.run_id == expected["run_id"] and run.has_draws else None


def _identify(inputs: Inputs, request: Request, vintage: Vintage, stored: Mapping[str, Any] | None) -> dict[str, Any]:
    """What names the run that is asked for: with its own seed and sampler where the stored run, of this manifest, was made by the same ripeness.toml."""
    workspace = inputs.workspace
    kept = stored if stored is not None and stored.get("workspace_hash") == workspace_hash(workspace) else None
    seed = workspace.fit.seed if kept is None else kept["seed"]
    sampler = COMPILED if kept is None else kept["sampler"]
    return identify(inputs, vintage, seed if request.seed is None else request.seed, request.sampler or sampler)


@dataclass(frozen=True)
class _Asked:
    """A run that is asked for: what it is made from, and where it goes."""

    inputs: Inputs
    vintage: Vintage
    meta: dict[str, Any]
    folder: Path
    issued: Sequence[Entry]

    @property
    def shown(self) -> Path:
        return self.inputs.workspace.shown(self.folder)

    def previous(self, run_id: str) -> Entry | None:
        """The headline's last forecast before this one, which is issued under `run_id`."""
        question = self.inputs.workspace.question
        return previous_entry(self.issued, question.id, question.headline_weeks, self.vintage.origin, run_id)


def _ask(inputs: Inputs, request: Request, vintage: Vintage, folder: Path, issued: Sequence[Entry]) -> _Asked:
    meta = _identify(inputs, request, vintage, None if request.refit else store.stored_manifest(folder))
    return _Asked(inputs, vintage, meta, folder, issued)


def _make(asked: _Asked, request: Request, fitted: bool, progress: Progress) -> Run:
    lost = store.stored_manifest(asked.folder)  # a fit of the same inputs, of which a file is damaged
    if not (fitted or request.refit or (lost is not None and lost["run_id"] == asked.meta["run_id"])):
        found = _reweight(asked, request, progress)
        if found is not None:
            return found
    seed = asked.meta["seed"]
    if request.seed is None and seed != asked.inputs.workspace.fit.seed:
        progress(f"with seed {seed}, as the run that is stored")
    return _fit(asked, progress)


def _fit(asked: _Asked, progress: Progress) -> Run:
    inputs, meta = asked.inputs, asked.meta
    progress("eliciting priors")
    from ripeness.elicitation.elicit import elicit_priors

    priors = elicit_priors(inputs.priors)
    from ripeness.reweighting.stored import write_base
    from ripeness.workflow.fit_run import fit_run
    from ripeness.workflow.new_run import build_tree
    from ripeness.workflow.summary_new import build_summary

    new = fit_run(inputs.workspace, asked.vintage, priors, meta["seed"], meta["sampler"], progress)
    summary = build_summary(new, inputs.claims, meta, asked.previous(meta["run_id"]))
    if not new.passed:
        _write_failure(asked.folder, summary)
        raise GateError(_failure_in_words(new, asked.shown / store.FAILURE_PAGE))
    progress("storing draws")
    with store.replacing_run(asked.folder, asked.shown) as prepared:
        store.write_tree(prepared / store.POSTERIOR, build_tree(new, _attributes(asked, meta)))
        about = {"run_id": meta["run_id"], **fit_inputs(meta)}
        write_base(prepared / store.BASE, about, new.spec, {name: fit.base for name, fit in new.fits.items()}, rounded(summary))
        _write_tables(prepared, asked, meta, summary, {"base": None, "reference_log_probability": new.reference_log_probability})
    return open_run(asked.folder)


def _reweight(asked: _Asked, request: Request, progress: Progress) -> Run | None:
    """Forecast from an older fit's draws, whatever its seed and sampler unless one is asked for; None, with the reason reported, where only a new fit will do."""
    inputs, vintage = asked.inputs, asked.vintage
    free = [name for name in ("seed", "sampler") if getattr(request, name) is None]
    wanted = fit_inputs(asked.meta, *free)
    found = find_base(inputs.workspace.reports, vintage.origin, wanted, lambda manifest: _fit_again(inputs, manifest, progress))
    if isinstance(found, list):
        if found:
            progress(f"a new fit is needed: {'; '.join(found)}")
        return None
    from ripeness.model.spec import build_spec
    from ripeness.reweighting.stored import read_base
    from ripeness.workflow.reweight_run import build_reweighted_tree, reweight_run
    from ripeness.workflow.summary_reweighted import build_reweighted_summary, update_in_words

    base = read_base(found)
    fit_id, seed, sampler = (base.about[name] for name in ("run_id", "seed", "sampler"))
    spec, announcements = build_spec(inputs.workspace, vintage, unfitted_priors(inputs))
    new = reweight_run(spec, announcements, vintage, base, seed)
    if new.reasons:
        progress(f"a new fit is needed: {'; '.join(new.reasons)}")
        return None
    progress(update_in_words(new))
    meta = identify_update(identify(inputs, vintage, seed, sampler), fit_id)
    summary = build_reweighted_summary(new, inputs.claims, meta, asked.previous(meta["run_id"]))
    with store.replacing_run(asked.folder, asked.shown) as prepared:
        store.write_tree(prepared / store.REWEIGHTED, build_reweighted_tree(new, _attributes(asked, meta)))
        _write_tables(prepared, asked, meta, summary, {"base": {"run_id": fit_id, "origin": base.panel.origin.isoformat()}})
    return open_run(asked.folder)


def _fit_again(inputs: Inputs, manifest: Mapping[str, Any], progress: Progress) -> bool:
    """Make a stored fit again of which a file is damaged; whether the same inputs, seed and sampler still give it."""
    day = date.fromisoformat(manifest["origin"])
    again = _obtain(inputs, Request(inputs.workspace.root, day, manifest["seed"], manifest["sampler"]), True, progress)
    return again.run_id == str(manifest["run_id"])


def find_base(
    reports: Path, origin: date, wanted: Mapping[str, Any], mend: Callable[[Mapping[str, Any]], bool] = lambda _: False
) -> Path | list[str]:
    """The newest fit of a day no later than `origin` of the same inputs as a new run would have. Never an update: a chain of them begins with the fit.

    Parameters
    ----------
    reports : Path
    origin : date
    wanted : mapping
        Inputs of a new run besides rows; what is left out may be anything.
    mend : callable
        Given the manifest of such a fit of an earlier day of which a file is damaged: makes it again, and says whether it could.

    Returns
    -------
    Path, or list of str
        Its base.npz; where there is none, what has changed since the newest; an empty list where there never was one.
    """
    from ripeness.reweighting.refusals import changed_inputs
    from ripeness.reweighting.stored import read_about

    changed: list[str] = []
    for path in sorted(reports.glob(f"????-??-??/{store.MANIFEST}"), reverse=True):
        manifest, folder = store.stored_manifest(path.parent), path.parent
        if folder.name > origin.isoformat() or manifest is None or manifest.get("base") is not None:
            continue
        reasons = changed_inputs(manifest, wanted)
        if reasons or (not store.has_fit(folder, manifest["run_id"]) and (folder.name == origin.isoformat() or not mend(manifest))):
            changed = changed or reasons or [f"a file of {folder.name} {store.CHANGED}"]
            continue
        try:
            read_about(folder / store.BASE)
        except RipenessError as error:
            changed = changed or [str(error).partition(".")[0]]
            continue
        return folder / store.BASE
    return changed


def _attributes(asked: _Asked, meta: Mapping[str, Any]) -> dict[str, Any]:
    workspace = asked.inputs.workspace
    attributes = {
        "schema": store.SCHEMA,
        "title": workspace.title,
        "origin": asked.vintage.origin.isoformat(),
        "question": workspace.question.id,
    }
    return attributes | {key: meta[key] for key in ("run_id", "seed", "sampler", "code_version", "data_hash", "priors_hash")}


def _write_tables(prepared: Path, asked: _Asked, meta: Mapping[str, Any], summary: Mapping[str, Any], more: Mapping[str, Any]) -> None:
    """What can be read without draws; the manifest last."""
    write_json(prepared / store.FORECAST_JSON, summary)
    write_whole(prepared / store.FORECAST_CSV, _forecast_csv(rounded(summary)))
    files = {path.name: store.digest_of(path) for path in sorted(prepared.iterdir())}
    manifest = {"schema": store.SCHEMA, "origin": asked.vintage.origin.isoformat(), **meta, **more, "files": files}
    write_json(prepared / store.MANIFEST, manifest)


def _forecast_csv(summary: Mapping[str, Any]) -> str:
    rows = [[f"{cell:.6f}" if isinstance(cell, float) else cell for cell in row] for row in store.forecast_rows(summary)]
    return csv_text([store.FORECAST_COLUMNS, *rows])


def _write_failure(folder: Path, summary: dict[str, Any]) -> None:
    from ripeness.report.page import render_failure

    write_json(folder / store.FAILURE_JSON, summary)
    write_whole(folder / store.FAILURE_PAGE, render_failure(rounded(summary)))


def _failure_in_words(new: NewRun, page: Path) -> str:
    failures = "; ".join(
        f"{name}: {', '.join(f'{criterion}; to mend: {criterion.mend}' for criterion in fit.verdict.failures)}"
        for name, fit in new.fits.items()
        if not fit.verdict.passed
    )
    withheld = " ".join(f"{flag}." for flag in new.flags if flag.withholds)
    if not failures:
        return f"no probability is published: {withheld} See {page.as_posix()}"
    return f"the fit failed its gate after {max(fit.attempts for fit in new.fits.values())} attempts, so no probability is published ({failures}).{withheld and f' {withheld}'} See {page.as_posix()}"


def unfitted_priors(inputs: Inputs) -> Priors:
    """The priors as they are written, for what asks for no distribution fitted to them: everything that reads a stored fit."""
    from ripeness.elicitation.elicited import Priors

    return Priors({}, {}, inputs.priors)


def base_of(run: Run) -> Base:
    """The fit that a stored run comes from, as updates read it; raises `RipenessError` if it is not there as it was written."""
    from ripeness.reweighting.stored import read_base

    if not store.has_fit(run.fit_folder, run.fit_id):
        day = run.fit_folder.name
        raise RipenessError(f"{day}: a file of the fit {store.CHANGED}. To mend: run 'ripeness report --as-of {run.origin}'")
    return read_base(run.fit_folder / store.BASE)


def origin_of(inputs: Inputs, run: Run) -> Origin:
    """What scenarios and the watch list start from: the fits of a stored run, reweighted to its day, with its seed."""
    from ripeness.attribution.futures import open_origin

    return open_origin(inputs.workspace, unfitted_priors(inputs), base_of(run), inputs.vintage(run.origin), run.seed)


def read_beside(run: Run, name: str) -> dict[str, Any] | None:
    """What a file beside a run says of it; None if there is none as it was written."""
    return read_signed(run.folder / name)


def read_signed(path: Path) -> dict[str, Any] | None:
    """What `write_beside` wrote; None if it is not there as it was written. Of an older version, which wrote no digest, whatever it says."""
    try:
        found = json.loads(path.read_text("utf-8"))
        written = found.pop(DIGEST, None) if isinstance(found, dict) else None
    except (OSError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and written in (None, hash_text(as_json(found))) else None


def write_beside(inputs: Inputs, run: Run, name: str, content: Mapping[str, Any]) -> None:
    """Store an attribution beside its run, unless it stands there; raises `RipenessError` if it cannot be written."""
    text = as_json({**content, DIGEST: hash_text(as_json(content))})
    store.store_text(run.folder / name, text, inputs.workspace.shown(run.folder))


def verify_runs(reports: Path) -> None:
    """Hold the files of every stored run against its manifest, and its forecasts against the ledger; draws may be gone.

    Raises
    ------
    ContentError
        With every file whose digest is not that of the manifest or of the file itself, and every forecast of a run in the ledger that says something else there.
    """
    issued = read_ledger(reports)
    folders = [path.parent for below in (reports, reports / store.FITS) for path in sorted(below.glob(f"????-??-??/{store.MANIFEST}"))]
    faults = [fault for folder in folders for fault in _faults_of_run(folder, folder.relative_to(reports.parent), issued)]
    if faults:
        raise ContentError(faults)


def _faults_of_run(folder: Path, shown: Path, issued: Sequence[Entry]) -> Iterator[Fault]:
    def fault(name: str, found: str, expected: str = "the file as it was written") -> Fault:
        return Fault(shown / name, None, found, expected, "restore it, or remove the folder: a command that needs the run makes it again")

    try:
        manifest = store.read_json(folder, store.MANIFEST)
        if manifest["schema"] != store.SCHEMA:  # of another version, which is not read
            return
        summary = store.read_json(folder, store.FORECAST_JSON)
        numbers = {tuple(row) for row in store.forecast_rows(summary)}
    except (RipenessError, LookupError, TypeError):
        yield fault("", f"{store.MANIFEST} or {store.FORECAST_JSON} damaged or missing", "both as they were written")
        return
    changed = store.changed_files(folder, manifest, *manifest.get("files", {}))
    beside = [path.name for path in sorted(folder.glob("*.json")) if path.name != store.MANIFEST and read_signed(path) is None]
    for name in (*changed, *beside):
        if (folder / name).exists():
            yield fault(name, "other bytes than were written")
        elif name not in store.DRAWS:
            yield fault(name, "no such file")
    if store.FORECAST_JSON in changed:
        return
    own = [entry for entry in issued if entry.run_id == manifest["run_id"]]
    for row in sorted(numbers - {_numbers(entry) for entry in issued}):
        if any(row[:4] == _numbers(entry)[:4] for entry in own):
            yield fault(
                store.FORECAST_JSON, f"{row[4]:g} for {row[0]} in {row[2]} weeks", f"what the ledger says of run {manifest['run_id']}"
            )


def _numbers(entry: Entry) -> tuple[Any, ...]:
    values = asdict(entry)
    return tuple(value.isoformat() if isinstance(value := values[name], date) else value for name in store.FORECAST_COLUMNS)
