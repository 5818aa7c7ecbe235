"""`ripeness study` and `backtest`: each resumable, its small tables, notes and figure under reports/studies/.

A study starts from stored runs, made first where they are not there. What it found is in CSV files; how it was made (command, date, seed,
versions, code) and what is no table stand beside them as JSON. Rows that carry `made_from` are kept when a study is run again with the same
inputs, so an interrupted study goes on where it stopped. A seed that is given is the study's own; the run is the stored one, with its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ripeness import names
from ripeness.errors import UsageError
from ripeness.evaluation import published
from ripeness.files import hash_text, write_json
from ripeness.report import scorecard, studies
from ripeness.report.drawing import write_chart
from ripeness.workflow.forecasts import obtain_fit
from ripeness.workflow.identity import code_version, library_versions, workspace_hash
from ripeness.workflow.request import Inputs, Request, open_workspace
from ripeness.workflow.run import Progress, quiet

if TYPE_CHECKING:
    from ripeness.evaluation.stored import Stored

SIMULATED = "sbc_simulations"
ID_DIGITS = 12


def run_scorecard(request: Request, day: date, progress: Progress = quiet) -> Path:
    """The claims against the record, as of the essay's day and as of now: writes scorecard.csv, its details and figure, and states.csv.

    Returns
    -------
    Path
        scorecard.csv.

    Raises
    ------
    ContentError, GateError
        If a file is wrong, or a fit that is needed fails its gate.
    """
    inputs = open_workspace(request.workspace)
    now = inputs.store.default_origin()
    essay = inputs.claims.card.date
    days = sorted({essay, now}) if inputs.workspace.question.war_began <= essay <= now else [now]
    from dataclasses import asdict

    from ripeness import names
    from ripeness.evaluation.resumed import write_rows
    from ripeness.evaluation.scorecard import COLUMNS, DETAILS, score_claims
    from ripeness.evaluation.states import COLUMNS as STATE_COLUMNS
    from ripeness.evaluation.states import score_states

    rows, opened = [], []
    for as_of in days:
        progress(f"as of {as_of}")
        stored = _open(inputs, replace(request, as_of=as_of), progress)
        rows += [asdict(row) for row in score_claims(stored)]
        opened.append(stored)
    states = score_states(opened[0] if days[0] == essay else None, stored, essay)
    folder = inputs.workspace.reports / published.STUDIES
    written = [row for row in rows if row["reading"] == names.AS_WRITTEN]
    write_rows(folder / f"{studies.SCORECARD}.csv", COLUMNS, written)
    write_rows(folder / f"{studies.SCORECARD}_details.csv", DETAILS, rows)
    write_rows(folder / published.STATES, STATE_COLUMNS, [scored.row for scored in states])
    details = published.read_rows(folder, f"{studies.SCORECARD}_details.csv")
    write_chart(folder / f"{studies.SCORECARD}.svg", scorecard.plot_scorecard(details))
    _note(inputs, studies.SCORECARD, f"ripeness study {studies.SCORECARD}", stored.seed, day, {"as_of": [one.isoformat() for one in days]})
    return folder / f"{studies.SCORECARD}.csv"


def run_sensitivity(request: Request, day: date, progress: Progress = quiet) -> Path:
    """What the headline leans on: writes sensitivity.csv, its details and figure.

    Returns
    -------
    Path
        sensitivity.csv.
    """
    inputs = open_workspace(request.workspace)
    stored = _open(inputs, request, progress)
    from ripeness.evaluation.resumed import ResumedTable, write_rows
    from ripeness.evaluation.sensitivity import COLUMNS, DETAILS, study_sensitivity, usable

    folder = inputs.workspace.reports / published.STUDIES
    made_from = hash_text(stored.spec.panel.hash, stored.spec.priors.hash, str(stored.tree.attrs["seed"]), str(stored.seed))[:ID_DIGITS]
    table = ResumedTable(folder / f"{studies.SENSITIVITY}_details.csv", DETAILS, made_from)
    rows = [row for row in study_sensitivity(stored, table, progress) if usable(row)]  # the details have them all
    write_rows(folder / f"{studies.SENSITIVITY}.csv", COLUMNS, rows)
    write_chart(folder / f"{studies.SENSITIVITY}.svg", studies.plot_sensitivity(rows))
    origin = stored.spec.panel.origin.isoformat()
    headline = float(rows[0]["probability"]) - float(rows[0]["change_points"]) / 100
    command = f"ripeness study {studies.SENSITIVITY} --as-of {origin}"
    _note(inputs, studies.SENSITIVITY, command, stored.seed, day, {"origin": origin, "headline": headline, "made_from": made_from})
    return folder / f"{studies.SENSITIVITY}.csv"


def run_sbc(request: Request, simulations: int, wrong: int, futures: int, day: date, progress: Progress = quiet) -> Path:
    """Simulation-based calibration: writes sbc.csv, every simulation, notes and figures.

    Parameters
    ----------
    root : Path
    simulations, wrong, futures : int
        How many wars from the prior, how many of them for the wrong model, how many futures from the posterior.
    day : date
        On which it is run.
    progress : callable

    Returns
    -------
    Path
        sbc.csv.

    Raises
    ------
    UsageError
        If fewer than one simulation is asked for.
    """
    if simulations < 1:
        raise UsageError(f"--simulations {simulations}: at least 1")
    inputs = open_workspace(request.workspace)
    import numpy as np

    from ripeness.evaluation import calibration, sbc
    from ripeness.evaluation.resumed import ResumedTable, write_rows
    from ripeness.evaluation.sbc import simultaneous_band
    from ripeness.forecast.prior_predictive import sample_prior

    stored = _open(inputs, request, progress) if futures else None
    spec, announcements = (stored.spec, stored.announcements) if stored else _spec(inputs, request.as_of)
    seed = _seed(inputs, request)
    quantities = dict[str, Any]()
    for form in names.FORMS:
        first = sample_prior(spec, names.AS_WRITTEN, form, 2, np.random.SeedSequence(seed))
        quantities |= calibration.quantities(spec, first, announcements, np.random.SeedSequence(seed))[0]
    horizons = spec.workspace.question.horizons_weeks
    folder = inputs.workspace.reports / published.STUDIES
    columns = sbc.simulation_columns(list(quantities), horizons)
    table = ResumedTable(folder / f"{SIMULATED}.csv", columns, sbc.inputs_hash(spec, seed))

    def summarise() -> None:
        """After every simulation, so that an interrupted study says what it has."""
        rows = table.rows
        found = {model: sbc.summarise(rows, model) for model in (calibration.RIGHT, calibration.WRONG, sbc.FUTURE)}
        if not found[calibration.RIGHT]:
            return
        write_rows(folder / f"{studies.SBC}.csv", sbc.COLUMNS, found[calibration.RIGHT])
        notes = _sbc_notes(found, rows, spec, seed)
        lower, upper = simultaneous_band(max(int(row["simulations"]) for row in found[calibration.RIGHT]), calibration.RANKED)
        notes["band"] = {"lower": lower.tolist(), "upper": upper.tolist()}
        command = (
            f"ripeness study {studies.SBC} --as-of {spec.panel.origin} --simulations {simulations} --wrong {wrong} --futures {futures}"
        )
        _note(inputs, studies.SBC, command, seed, day, notes | {"made_from": table.made_from})

    try:
        sbc.simulate_wars(spec, announcements, table, calibration.RIGHT, simulations, seed, progress)
        sbc.simulate_wars(spec, announcements, table, calibration.WRONG, wrong, seed, progress)
        if stored:
            posterior = {fit: stored.draws(fit) for fit in inputs.workspace.headline_fits}
            sbc.simulate_futures(spec, posterior, announcements, table, futures, seed, progress)
    finally:
        summarise()
    _draw_sbc(folder, table.rows, published.read_about(folder, f"{studies.SBC}.json") or {}, spec, seed)
    return folder / f"{studies.SBC}.csv"


def run_wars(request: Request, panel: Path | None, day: date, progress: Progress = quiet) -> Path:
    """What other wars say of each mechanism: writes wars.csv with notes and a forest plot; of a panel of one's own wars_panel.csv instead.

    Parameters
    ----------
    request : Request
        Its workspace and seed.
    panel : Path or None
        A panel of conflict-months; without it the counts in the workspace's priors are refitted.
    day : date
        On which it is run.
    progress : callable

    Returns
    -------
    Path
        The table.

    Raises
    ------
    ContentError
        If a file is wrong; nothing is written.
    """
    inputs = open_workspace(request.workspace)
    from ripeness.evaluation import wars, wars_panel
    from ripeness.evaluation.resumed import write_rows

    seed, name, command = _seed(inputs, request), studies.WARS, f"ripeness study {studies.WARS}"
    columns: tuple[str, ...]
    if panel is None:
        counts, ratios = wars.read_counts(inputs.workspace)
        progress("refitting the counts")
        rows, notes = wars.refit_counts(counts, ratios, seed)
        columns, beside = wars.COLUMNS, studies.PUBLISHED
    else:
        name, command = f"{name}_panel", f"{command} --panel {panel.name}"
        rows, notes = wars_panel.fit_panel(wars_panel.lay_out_months(wars_panel.read_panel(panel, panel), panel), seed, progress=progress)
        columns, beside = wars_panel.COLUMNS, studies.PLACEBO
    folder = inputs.workspace.reports / published.STUDIES
    write_rows(folder / f"{name}.csv", columns, rows)
    write_chart(folder / f"{name}.svg", studies.plot_wars(published.read_rows(folder, f"{name}.csv"), beside))
    _note(inputs, name, command, seed, day, notes)
    return folder / f"{name}.csv"


def _sbc_notes(found: dict[str, list[dict[str, Any]]], rows: list[dict[str, str]], spec: Any, seed: int) -> dict[str, Any]:
    from ripeness.evaluation import calibration, sbc
    from ripeness.evaluation.sbc import SIZE, calibration_sentence

    notes: dict[str, Any] = {"settings": sbc.settings_in_words(), "size": SIZE, "recovery": sbc.recovery(rows)}
    for model in (calibration.RIGHT, calibration.WRONG, sbc.FUTURE):
        tested = found[model]
        if tested:
            rejected = [row["quantity"] for row in tested if row["p_holm"] <= SIZE]
            notes[model] = {
                "simulations": max(row["simulations"] for row in tested),
                "failed_fits": tested[0]["failed_fits"],
                "diverged": published.count_failures(rows, model).get("divergences", 0),
                "quantities": len(tested),
                "rejected": len(rejected),
                "which": rejected,
                "smallest_p_holm": min(row["p_holm"] for row in tested),
            }
    weeks = spec.workspace.question.headline_weeks
    notes["predictions"] = calibration_sentence(*sbc.predictions(rows, weeks), f"a round within {weeks} weeks in the simulated wars")
    return notes


def _draw_sbc(folder: Path, rows: list[dict[str, str]], notes: dict[str, Any], spec: Any, seed: int) -> None:
    from ripeness.evaluation import sbc
    from ripeness.evaluation.sbc import enough, plot_calibration

    write_chart(folder / f"{studies.SBC}.svg", studies.plot_sbc(rows, notes))
    predicted = sbc.predictions(rows, spec.workspace.question.headline_weeks)
    if enough(predicted[1]):
        figure = plot_calibration(*predicted, seed).viz["figure"].item()
        write_chart(folder / "predictions_simulated.svg", figure)


def _spec(inputs: Inputs, as_of: date | None) -> Any:
    from ripeness.elicitation.elicit import elicit_priors
    from ripeness.model.spec import build_spec

    return build_spec(inputs.workspace, inputs.vintage(as_of), elicit_priors(inputs.priors))


def _open(inputs: Inputs, request: Request, progress: Progress) -> Stored:
    """The stored fit of a day with what it was made from; made now if it is not there."""
    run = obtain_fit(inputs, replace(request, seed=None), progress)
    from ripeness.elicitation.elicit import elicit_priors
    from ripeness.evaluation.stored import open_stored

    seed = run.seed if request.seed is None else request.seed
    return open_stored(inputs.workspace, inputs.claims, inputs.vintage(request.as_of), elicit_priors(inputs.priors), run.tree, seed)


def _seed(inputs: Inputs, request: Request) -> int:
    return inputs.workspace.fit.seed if request.seed is None else request.seed


def _note(inputs: Inputs, study: str, command: str, seed: int, day: date, more: dict[str, Any]) -> None:
    """How a study was made, and what of its results is no table."""
    about = {
        "command": command,
        "date": day.isoformat(),
        "seed": seed,
        "code_version": code_version(inputs.workspace.reports),
        "versions": library_versions(),
    }
    write_json(inputs.workspace.reports / published.STUDIES / f"{study}.json", about | more)


@dataclass(frozen=True)
class Backtest:
    """What `ripeness backtest` shows: the tables of a folder.

    Parameters
    ----------
    folder : Path
    horizon_weeks : int
        The headline's.
    """

    folder: Path
    horizon_weeks: int

    @property
    def scores(self) -> list[dict[str, str]]:
        """Mean scores of all origins, by forecaster and horizon."""
        return [row for row in published.read_rows(self.folder, published.SCORES) if row["population"] == published.EVERYTHING]

    @property
    def sentences(self) -> list[str]:
        """What the tables show, the answer first."""
        return published.all_sentences(self.folder, self.horizon_weeks)

    def as_json(self) -> dict[str, Any]:
        """All tables but that of the forecasts, as lists of rows."""
        named = (published.SCORES, published.WEEKLY, published.SKILL, published.SKILL_POWER, published.GAP, published.LFO)
        tables = {name.removesuffix(".csv"): published.read_rows(self.folder, name) for name in named}
        return {"about": published.read_about(self.folder), "sentences": self.sentences, **tables}


def run_backtest(
    request: Request,
    quick: bool,
    gap: bool,
    scheduler: str | None,
    about: dict[str, Any],
    progress: Callable[[int, int, date, str], None],
) -> Backtest:
    """Forecast at every origin, score, and write tables and figure to reports/studies/; those of a quick one to reports/backtest/.

    Parameters
    ----------
    request : Request
        Its workspace and seed.
    quick : bool
        Twelve origins instead of all.
    gap : bool
        Whether to forecast with final data, too, and so measure what late and revised rows are worth.
    scheduler : str or None
        Address of a Dask scheduler; local processes by default.
    about : dict
        Command and date, which the tables are to bear.
    progress : callable
        As `ripeness.evaluation.backtest.run_tasks` has it.

    Raises
    ------
    ContentError
        If a file is wrong; nothing is written.
    UsageError
        If no scheduler answers.
    """
    inputs = open_workspace(request.workspace)
    workspace, seed = inputs.workspace, _seed(inputs, request)
    from ripeness.elicitation.elicit import elicit_priors
    from ripeness.evaluation.backtest import VINTAGES, backtest_settings, open_executor
    from ripeness.evaluation.origins import AS_OF
    from ripeness.evaluation.study import Study, run_study

    hashes = {
        "code_version": code_version(workspace.reports),
        "priors_hash": inputs.priors.hash,
        "workspace_hash": workspace_hash(workspace),
    }
    settings = backtest_settings(workspace)
    priors = elicit_priors(inputs.priors)
    study = Study(
        workspace, inputs.store, inputs.claims.card.date, priors, str(hashes), settings, seed, quick, VINTAGES if gap else (AS_OF,)
    )
    run_study(study, partial(open_executor, scheduler), progress, {**about, **hashes})
    forecasts = published.read_rows(study.tables, published.FORECASTS)
    write_chart(study.tables / published.FIGURE, studies.plot_backtest(forecasts, workspace.question.headline_weeks))
    return Backtest(study.tables, workspace.question.headline_weeks)
