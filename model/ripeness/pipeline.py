"""The steps of each verb, in order. Everything is read and checked before anything heavy is loaded or anything is written."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ripeness import results
from ripeness.claims import Claims, read_claims
from ripeness.data.contracts import FILE as CONTRACTS_FILE
from ripeness.data.contracts import read_contracts
from ripeness.data.vintages import Store, Vintage, read_store
from ripeness.errors import ContentError, Fault, GateError, UsageError, did_you_mean
from ripeness.ledger import (
    Entry,
    Resolution,
    append_entries,
    build_record,
    new_entries,
    previous_entry,
    read_ledger,
    read_resolutions,
    resolve_forecasts,
)
from ripeness.priors.entries import PriorFiles, read_priors
from ripeness.workspace import FILE as WORKSPACE_FILE
from ripeness.workspace import Workspace, read_workspace

if TYPE_CHECKING:
    from ripeness.data.intake import Incoming
    from ripeness.data.updates import Choices, Update
    from ripeness.priors.elicited import PriorRow
    from ripeness.runs.made import MadeRun

Progress = Callable[[str], None]
METHOD = "mixture of conjunctive readings, NUTS"
VERSIONED = ("pymc", "pytensor", "nutpie", "numba", "arviz", "preliz", "numpy", "scipy", "pandas", "xarray")
RUN_ID_DIGITS = 12
PREDICTIVE_DRAWS = 2000
SHOWS_ONLY = ("cli", "report", "__main__.py")  # of the package: shows numbers, makes none
DORMANCIES = (1, 4, 8, 13, 26, 52, 104, 208)  # weeks at which the prior hazard is shown


def quiet(message: str) -> None:
    """A progress function that says nothing."""


@dataclass(frozen=True)
class Checked:
    """Everything a person has written, read and checked."""

    workspace: Workspace
    claims: Claims
    store: Store
    priors: PriorFiles

    def vintage(self, as_of: date | None) -> Vintage:
        """What was known on a day; on the default origin unless one is given.

        Raises
        ------
        UsageError
            If the day lies before the war or after what the record covers.
        """
        newest = self.store.default_origin()
        origin = as_of or newest
        began = self.workspace.question.war_began
        if origin < began:
            raise UsageError(f"--as-of {origin}: the record begins on {began}")
        vintage = self.store.as_of(origin)
        covered = vintage.covered_to
        if covered is None or covered < origin:
            raise UsageError(
                f"--as-of {origin}: rounds have been searched for up to {covered}, by what was known then; add rows to coverage.csv or choose a day up to {newest}"
            )
        return vintage


@dataclass(frozen=True)
class PriorReport:
    """What `ripeness priors` shows; each part is a list of rows.

    Parameters
    ----------
    table : list of PriorRow
        Asked and achieved quantiles of every entry.
    predictive : list of dict
        reading, horizon_weeks, probability, lower, upper: a round within the horizon, as the priors alone imply it.
    hazards : list of dict
        reading, dormancy_weeks, lowest, median, highest: 5, 50 and 95 % of prior draws of the weekly probability of a round.
    totals : list of dict
        reading, lower, median, upper: how many times likelier a round is in the best tenth of weeks than in the worst, as achieved.
    directions : list of dict
        reading, effect, claimed, share: share of prior draws in which the effect has the claimed direction.
    """

    table: list[PriorRow]
    predictive: list[dict[str, Any]]
    hazards: list[dict[str, Any]]
    totals: list[dict[str, Any]]
    directions: list[dict[str, Any]]


def check_workspace(root: Path) -> Checked:
    """Read and check every file of a workspace, without elicitation or model.

    Raises
    ------
    ContentError
        With every fault found, file and line. priors/ is checked against the claims and against indicators.toml, so its faults are told
        once these two are sound, whatever is wrong with rows of data.
    """
    workspace = read_workspace(root)
    faults: list[Fault] = []

    def attempt[Content](read: Callable[[], Content], told: bool = True) -> Content | None:
        try:
            return read()
        except ContentError as error:
            faults.extend(error.faults if told else ())
            return None

    claims = attempt(lambda: read_claims(workspace))
    store = attempt(lambda: read_store(workspace))
    # where only rows are wrong the contracts can still be read; where they are wrong themselves the store has told it
    contracts = store.contracts if store else attempt(lambda: read_contracts(workspace), told=False)
    priors = None
    if claims is not None and contracts is not None:
        priors = attempt(lambda: read_priors(workspace, claims, contracts))
    if claims is None or store is None or priors is None:
        raise ContentError(faults)
    return Checked(workspace, claims, store, priors)


def run_update(root: Path, files: Sequence[Path], indicator: str | None, choices: Choices) -> Update:
    """Judge files of rows and store what is good; see `ripeness.data.updates`.

    Raises
    ------
    UsageError
        If a file is missing, or `indicator` is unknown or does not fit a file.
    ContentError
        If a file cannot be read at all, or the stored data is not sound. Refused rows are in the result.
    """
    from ripeness.data.intake import read_files
    from ripeness.data.updates import update_store

    workspace = read_workspace(root)
    known = list(read_contracts(workspace))
    if indicator is not None and indicator not in known:
        raise UsageError(f"--indicator {indicator}: no such indicator; {did_you_mean(indicator, known)}")
    incoming = read_files(files, known, indicator)
    return update_store(workspace, lambda _: incoming, choices)


def run_import_update(root: Path, source: str, files: Sequence[Path], choices: Choices) -> Update:
    """Judge what an importer makes of a publisher's files and store what is good; see `ripeness.data.imported`.

    Parameters
    ----------
    root : Path
    source : str
        A key of `SOURCES`; or ALL, with a folder in which files of several publishers lie: one batch.
    files : sequence of Path
    choices : Choices

    Raises
    ------
    UsageError
        If the source is unknown, a file is missing, or known periods have other values and no day is given for them.
    ContentError
        If a file is not what it should be, or the stored data is not sound. Refused rows are in the result.
    """
    from ripeness.data.imported import as_batch
    from ripeness.data.intake import check_name
    from ripeness.data.tables import hash_file
    from ripeness.data.updates import update_store
    from ripeness.sources import files_by_source, import_source

    workspace = read_workspace(root)
    found, absent = files_by_source(source, files)
    notes = [f"not in the folder: {', '.join(absent)}"] if absent else []
    imported = {name: import_source(name, paths) for name, paths in found.items()}
    named = {name: tuple((check_name(path), hash_file(path)) for path in paths) for name, paths in found.items()}

    def bring(store: Store) -> list[Incoming]:
        incoming: list[Incoming] = []
        for name, tables in imported.items():
            batch, said = as_batch(name, tables, named[name], store, choices.day)
            incoming += batch
            notes.extend(said)
        return incoming

    return replace(update_store(workspace, bring, choices), notes=tuple(notes))


def elicit(root: Path, as_of: date | None = None, seed: int | None = None) -> PriorReport:
    """Elicit the priors and draw from them: their table and what they imply before any indicator is seen."""
    checked = check_workspace(root)
    vintage = checked.vintage(as_of)

    import numpy as np

    from ripeness import names
    from ripeness.forecast.ahead import build_ahead
    from ripeness.forecast.prior import check_directions, sample_prior
    from ripeness.forecast.probability import forecast_probabilities
    from ripeness.hazard.inside import best_to_worst, weight_matrix
    from ripeness.priors.elicit import elicit_priors
    from ripeness.spec import build_spec, outside_basis

    priors = elicit_priors(checked.priors)
    workspace = checked.workspace
    spec, announcements = build_spec(workspace, vintage, priors)
    seeds = np.random.SeedSequence(workspace.fit.seed if seed is None else seed).spawn(3 * len(names.READINGS))
    report = PriorReport(priors.table(), [], [], [], [])

    def quantiles(values: Any, *keys: str) -> dict[str, float]:
        return dict(zip(keys, map(float, np.quantile(values, [0.05, 0.5, 0.95])), strict=True))

    for number, reading in enumerate(names.READINGS):
        first, second, third = seeds[3 * number : 3 * number + 3]
        drawn = sample_prior(spec, reading, names.CONJUNCTIVE, PREDICTIVE_DRAWS, first)
        ahead = build_ahead(spec, names.CONJUNCTIVE, drawn, announcements, workspace.fit.future_paths, second)
        within = forecast_probabilities(ahead).within
        for h, weeks in enumerate(workspace.question.horizons_weeks):
            span = quantiles(within[:, h], "lower", "median", "upper")
            report.predictive.append({"reading": reading, "horizon_weeks": weeks, "probability": float(within[:, h].mean()), **span})
        outside = drawn["outside_knots"] @ outside_basis(spec, max(DORMANCIES)).T
        for dormancy in DORMANCIES:
            weekly = 1 - np.exp(-np.exp(outside[:, dormancy - 1] + drawn["inside"][:, -1]))
            report.hazards.append({"reading": reading, "dormancy_weeks": dormancy, **quantiles(weekly, "lowest", "median", "highest")})
        matrix = weight_matrix(drawn["weight"], spec.structure)
        achieved = best_to_worst(matrix, drawn["intercept_open"], spec.structure, True)
        report.totals.append({"reading": reading, **quantiles(achieved, "lower", "median", "upper")})
        for one in check_directions(spec, reading, PREDICTIVE_DRAWS, third):
            report.directions.append({"reading": reading, "effect": one.effect, "claimed": one.claimed, "share": one.share})
    return report


def run_fit(root: Path, as_of: date | None = None, seed: int | None = None, refit: bool = False, progress: Progress = quiet) -> Path:
    """Fit and forecast, unless an equal run is stored already; writes posterior.nc, forecast.json and manifest.json.

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
    checked = check_workspace(root)
    vintage = checked.vintage(as_of)
    workspace = checked.workspace
    seed = workspace.fit.seed if seed is None else seed
    folder = workspace.reports / vintage.origin.isoformat()
    meta = _meta(checked, vintage, seed)
    issued = read_ledger(workspace.reports)
    if not refit and _is_stored(folder, meta["run_id"]):
        progress("inputs unchanged: the stored fit is used")
        return folder

    progress("eliciting priors")
    from ripeness.priors.elicit import elicit_priors

    priors = elicit_priors(checked.priors)
    from ripeness.runs.fitted import make_run
    from ripeness.runs.made import build_tree
    from ripeness.summary import build_summary

    made = make_run(workspace, vintage, priors, seed, progress)
    previous = previous_entry(issued, workspace.question.id, workspace.question.headline_weeks, vintage.origin, meta["run_id"])
    summary = build_summary(made, checked.claims, meta, previous)
    if not made.passed:
        _write_failure(folder, summary)
        raise GateError(_failure_in_words(made, workspace.shown(folder / results.FAILURE_PAGE)))
    progress("storing draws")
    attributes = {
        "schema": results.SCHEMA,
        "title": workspace.title,
        "origin": vintage.origin.isoformat(),
        "question": workspace.question.id,
    }
    attributes |= {key: meta[key] for key in ("run_id", "seed", "code_version", "data_hash", "priors_hash")}
    (folder / results.MANIFEST).unlink(missing_ok=True)
    results.write_tree(folder / results.POSTERIOR, build_tree(made, attributes))
    results.write_json(folder / results.FORECAST_JSON, summary)
    manifest = {"schema": results.SCHEMA, **meta, "reference_log_probability": made.reference_log_probability}
    results.write_json(folder / results.MANIFEST, manifest)
    return folder


def run_forecast(root: Path, as_of: date | None = None, seed: int | None = None, refit: bool = False, progress: Progress = quiet) -> Path:
    """The fit's forecast as a table: writes forecast.csv beside what `run_fit` writes."""
    folder = run_fit(root, as_of, seed, refit, progress)
    summary = results.open_run(folder).summary
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, results.FORECAST_COLUMNS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for row in summary["forecasts"]:
        if row["source"] == "mixture":
            numbers = {name: f"{row[name]:.6f}" for name in ("probability", "lower", "upper", "outside_view")}
            writer.writerow(row | numbers | {"origin": summary["origin"]})
    results.write_whole(folder / results.FORECAST_CSV, buffer.getvalue())
    return folder


def run_report(root: Path, as_of: date | None = None, seed: int | None = None, refit: bool = False, progress: Progress = quiet) -> Path:
    """The page and the ledger: writes index.html and appends to reports/ledger.csv what is not in it yet."""
    folder = run_forecast(root, as_of, seed, refit, progress)
    progress("drawing the page")
    from ripeness.report.page import render_page

    run = results.open_run(folder)
    workspace = read_workspace(root)
    entries = _ledger_entries(run.summary, read_store(workspace).default_origin())
    issued, resolutions = read_ledger(workspace.reports), read_resolutions(workspace.reports)
    essay, origin = date.fromisoformat(run.summary["essay"]["date"]), date.fromisoformat(run.summary["origin"])
    record = build_record([*issued, *new_entries(issued, entries)], resolutions, workspace.question, essay, origin)
    results.write_whole(folder / results.PAGE, render_page(run.summary, run.tree, results.rounded(record)))
    append_entries(workspace.reports, entries)
    (folder / results.FAILURE_PAGE).unlink(missing_ok=True)
    (folder / results.FAILURE_JSON).unlink(missing_ok=True)
    return folder


def run_resolve(root: Path, as_of: date | None = None) -> tuple[list[Resolution], dict[str, Any]]:
    """Resolve every forecast that the record of a day settles, by default of the last Sunday searched; appends to resolutions.csv.

    Returns
    -------
    list of Resolution, dict
        What was added, and the whole record, as `build_record` gives it.

    Raises
    ------
    UsageError
        If the day lies before the war, or nothing in the data was published on it or later: no clock is read, so that only the data can
        show that a day has come.
    ContentError
        If a file is wrong; nothing was changed.
    """
    workspace = read_workspace(root)
    essay = read_claims(workspace).card.date
    store = read_store(workspace)
    day = as_of or store.default_origin()
    if day < workspace.question.war_began:
        raise UsageError(f"--as-of {day}: the record begins on {workspace.question.war_began}")
    newest = max(frame["published_on"].max() for frame in (*store.rows.values(), store.events, store.coverage) if not frame.empty).date()
    if day > newest:
        raise UsageError(f"--as-of {day}: the newest row of the data was published on {newest}; choose a day up to it, or add what is new")
    added = resolve_forecasts(workspace.reports, workspace.question, essay, day, store.as_of)
    issued, resolutions = read_ledger(workspace.reports), read_resolutions(workspace.reports)
    return added, build_record(issued, resolutions, workspace.question, essay, day)


def _ledger_entries(summary: dict[str, Any], record_to: date) -> list[Entry]:
    return [
        Entry(
            summary["run_id"],
            row["question"],
            date.fromisoformat(summary["origin"]),
            row["horizon_weeks"],
            date.fromisoformat(row["target_end_date"]),
            row["probability"],
            row["lower"],
            row["upper"],
            row["outside_view"],
            METHOD,
            summary["data_hash"],
            summary["priors_hash"],
            summary["code_version"],
            record_to=record_to,
        )
        for row in summary["forecasts"]
        if row["source"] == "mixture"
    ]


@cache
def code_version() -> str:
    """The package's version and a digest of its source, so that changed code never passes for the same.

    Only what can change a number of a run is in the digest: `cli/`, `report/` and `__main__.py` are not, as they show what is stored. The
    page is made anew from the stored run each time, so changed words or charts need no new fit.
    """
    return f"{version('ripeness')}+{digest_of_code(Path(__file__).parent)[:8]}"


def digest_of_code(package: Path) -> str:
    """SHA-256 over the names and sources of a package's modules that can change a number; blind to the kind of line ends."""
    digest = sha256()
    for path in sorted(package.rglob("*.py")):
        name = path.relative_to(package)
        if name.parts[0] not in SHOWS_ONLY:
            digest.update(name.as_posix().encode())
            digest.update(path.read_bytes().replace(b"\r\n", b"\n"))
    return digest.hexdigest()


def _meta(checked: Checked, vintage: Vintage, seed: int) -> dict[str, Any]:
    """What names a run: hashes of everything it is made from."""
    workspace = checked.workspace
    data_hash = results.hash_text(vintage.hash, checked.store.hashes[CONTRACTS_FILE])
    workspace_hash = sha256((workspace.root / WORKSPACE_FILE).read_bytes()).hexdigest()
    versions = {name: version(name) for name in VERSIONED}
    run_id = results.hash_text(
        vintage.origin.isoformat(), data_hash, checked.priors.hash, workspace_hash, code_version(), str(seed), str(versions)
    )
    return {
        "run_id": run_id[:RUN_ID_DIGITS],
        "code_version": code_version(),
        "seed": seed,
        "data_hash": data_hash,
        "priors_hash": checked.priors.hash,
        "versions": versions,
        "command": f"ripeness report --as-of {vintage.origin} --seed {seed}",
    }


def _is_stored(folder: Path, run_id: str) -> bool:
    if not all((folder / name).is_file() for name in (results.MANIFEST, results.POSTERIOR, results.FORECAST_JSON)):
        return False
    return bool(results.open_run(folder).manifest["run_id"] == run_id)


def _write_failure(folder: Path, summary: dict[str, Any]) -> None:
    from ripeness.report.page import render_failure

    results.write_json(folder / results.FAILURE_JSON, summary)
    results.write_whole(folder / results.FAILURE_PAGE, render_failure(results.rounded(summary)))


def _failure_in_words(made: MadeRun, page: Path) -> str:
    failures = "; ".join(
        f"{name}: {', '.join(map(str, fit.verdict.failures))}" for name, fit in made.fits.items() if not fit.verdict.passed
    )
    return f"the fit failed its gate after {max(fit.attempts for fit in made.fits.values())} attempts, so no probability is published ({failures}). See {page.as_posix()}"
