"""The steps of `ripeness study`: each study resumable, its small tables, notes and figure under reports/studies/.

A study starts from stored runs, made first where they are not there. What it found is in CSV files; how it was made (command, date, seed,
versions, code) and what is no table stand beside them as JSON. Rows that carry `made_from` are kept when a study is run again with the same
inputs, so an interrupted study goes on where it stopped.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

from ripeness import files, results
from ripeness.errors import UsageError
from ripeness.evaluation import published
from ripeness.files import hash_text
from ripeness.report import studies
from ripeness.report.drawing import write_chart
from ripeness.workflow.checked import Checked, check_workspace
from ripeness.workflow.forecasts import run_fit
from ripeness.workflow.identity import code_version

Progress = Callable[[str], None]
SIMULATIONS, WRONG_SIMULATIONS, FUTURES = 200, 40, 60
SIMULATED = "sbc_simulations"
ID_DIGITS = 12


def run_scorecard(root: Path, seed: int | None, day: date, progress: Progress) -> Path:
    """The claims against the record, as of the essay's day and as of now: writes scorecard.csv, its details and figure.

    Returns
    -------
    Path
        scorecard.csv.

    Raises
    ------
    ContentError, GateError
        If a file is wrong, or a fit that is needed fails its gate.
    """
    checked = check_workspace(root)
    now = checked.store.default_origin()
    essay = checked.claims.card.date
    days = sorted({essay, now}) if checked.workspace.question.war_began <= essay <= now else [now]
    from dataclasses import asdict

    from ripeness import names
    from ripeness.evaluation.resumed import write_rows
    from ripeness.evaluation.scorecard import COLUMNS, DETAILS, score_claims

    rows = []
    for as_of in days:
        progress(f"as of {as_of}")
        rows += [asdict(row) for row in score_claims(_open(checked, as_of, seed, progress))]
    folder = checked.workspace.reports / published.STUDIES
    written = [row for row in rows if row["reading"] == names.AS_WRITTEN]
    write_rows(folder / f"{studies.SCORECARD}.csv", COLUMNS, written)
    write_rows(folder / f"{studies.SCORECARD}_details.csv", DETAILS, rows)
    details = published.read_rows(folder, f"{studies.SCORECARD}_details.csv")
    write_chart(folder / f"{studies.SCORECARD}.svg", studies.plot_scorecard(details))
    _note(checked, studies.SCORECARD, f"ripeness study {studies.SCORECARD}", seed, day, {"as_of": [one.isoformat() for one in days]})
    return folder / f"{studies.SCORECARD}.csv"


def run_sensitivity(root: Path, as_of: date | None, seed: int | None, day: date, progress: Progress) -> Path:
    """What the headline leans on: writes sensitivity.csv, its details and figure.

    Returns
    -------
    Path
        sensitivity.csv.
    """
    checked = check_workspace(root)
    stored = _open(checked, as_of, seed, progress)
    from ripeness.evaluation.resumed import ResumedTable, write_rows
    from ripeness.evaluation.sensitivity import COLUMNS, DETAILS, study_sensitivity, usable

    folder = checked.workspace.reports / published.STUDIES
    made_from = hash_text(stored.spec.panel.hash, stored.spec.priors.hash, str(stored.tree.attrs["seed"]), str(stored.seed))[:ID_DIGITS]
    table = ResumedTable(folder / f"{studies.SENSITIVITY}_details.csv", DETAILS, made_from)
    rows = [row for row in study_sensitivity(stored, table, progress) if usable(row)]  # the details have them all
    write_rows(folder / f"{studies.SENSITIVITY}.csv", COLUMNS, rows)
    write_chart(folder / f"{studies.SENSITIVITY}.svg", studies.plot_sensitivity(rows))
    origin = stored.spec.panel.origin.isoformat()
    headline = float(rows[0]["probability"]) - float(rows[0]["change_points"]) / 100
    command = f"ripeness study {studies.SENSITIVITY} --as-of {origin}"
    _note(checked, studies.SENSITIVITY, command, seed, day, {"origin": origin, "headline": headline, "made_from": made_from})
    return folder / f"{studies.SENSITIVITY}.csv"


def run_sbc(
    root: Path, simulations: int, wrong: int, futures: int, as_of: date | None, seed: int | None, day: date, progress: Progress
) -> Path:
    """Simulation-based calibration: writes sbc.csv, every simulation, notes and figures.

    Parameters
    ----------
    root : Path
    simulations, wrong, futures : int
        How many wars from the prior, how many of them for the wrong model, how many futures from the posterior.
    as_of : date, optional
        Whose panel gives the pattern.
    seed : int, optional
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
    checked = check_workspace(root)
    import numpy as np

    from ripeness.evaluation import calibration, sbc
    from ripeness.evaluation.resumed import ResumedTable, write_rows
    from ripeness.evaluation.sbc import simultaneous_band
    from ripeness.forecast.prior_predictive import sample_prior

    stored = _open(checked, as_of, seed, progress) if futures else None
    spec, announcements = (stored.spec, stored.announcements) if stored else _spec(checked, as_of)
    seed = checked.workspace.fit.seed if seed is None else seed
    first = sample_prior(spec, "as_written", "conjunctive", 2, np.random.SeedSequence(seed))
    quantities = list(calibration.quantities(spec, first, announcements, np.random.SeedSequence(seed))[0])
    horizons = spec.workspace.question.horizons_weeks
    folder = checked.workspace.reports / published.STUDIES
    columns = sbc.simulation_columns(quantities, horizons)
    table = ResumedTable(folder / f"{SIMULATED}.csv", columns, sbc.made_from(spec, seed))

    def summarise() -> None:
        """After every simulation, so that an interrupted study says what it has."""
        rows = table.rows
        found = {model: sbc.summarise(rows, model) for model in (calibration.RIGHT, calibration.WRONG, sbc.FUTURE)}
        if not found[calibration.RIGHT]:
            return
        write_rows(folder / f"{studies.SBC}.csv", sbc.COLUMNS, found[calibration.RIGHT])
        notes = _sbc_notes(found, rows, spec, seed)
        lower, upper = simultaneous_band(int(found[calibration.RIGHT][0]["simulations"]), calibration.RANKED)
        notes["band"] = {"lower": lower.tolist(), "upper": upper.tolist()}
        command = (
            f"ripeness study {studies.SBC} --as-of {spec.panel.origin} --simulations {simulations} --wrong {wrong} --futures {futures}"
        )
        _note(checked, studies.SBC, command, seed, day, notes | {"made_from": table.made_from})

    try:
        sbc.simulate_wars(spec, announcements, table, calibration.RIGHT, simulations, seed, progress)
        sbc.simulate_wars(spec, announcements, table, calibration.WRONG, wrong, seed, progress)
        if stored:
            posterior = {reading: stored.draws(f"conjunctive_{reading}") for reading in spec.priors.effects}
            sbc.simulate_futures(spec, posterior, announcements, table, futures, seed, progress)
    finally:
        summarise()
    _draw_sbc(folder, table.rows, published.read_about(folder, f"{studies.SBC}.json") or {}, spec, seed)
    return folder / f"{studies.SBC}.csv"


def _sbc_notes(found: dict[str, list[dict[str, Any]]], rows: list[dict[str, str]], spec: Any, seed: int) -> dict[str, Any]:
    from ripeness.evaluation import calibration, sbc
    from ripeness.evaluation.sbc import SIZE, calibration_said

    notes: dict[str, Any] = {"settings": sbc.settings_in_words(), "size": SIZE, "recovery": sbc.recovery(rows)}
    for model in (calibration.RIGHT, calibration.WRONG, sbc.FUTURE):
        tested = found[model]
        if tested:
            rejected = [row["quantity"] for row in tested if row["p_holm"] <= SIZE]
            notes[model] = {
                "simulations": tested[0]["simulations"],
                "failed_fits": tested[0]["failed_fits"],
                "quantities": len(tested),
                "rejected": len(rejected),
                "which": rejected,
                "smallest_p_holm": min(row["p_holm"] for row in tested),
            }
    weeks = spec.workspace.question.headline_weeks
    notes["predictions"] = calibration_said(*sbc.predictions(rows, weeks), f"a round within {weeks} weeks in the simulated wars")
    return notes


def _draw_sbc(folder: Path, rows: list[dict[str, str]], notes: dict[str, Any], spec: Any, seed: int) -> None:
    from ripeness.evaluation import sbc
    from ripeness.evaluation.sbc import enough, plot_calibration

    write_chart(folder / f"{studies.SBC}.svg", studies.plot_sbc(rows, notes))
    said = sbc.predictions(rows, spec.workspace.question.headline_weeks)
    if enough(said[1]):
        figure = plot_calibration(*said, seed).viz["figure"].item()
        write_chart(folder / "predictions_simulated.svg", figure)


def _spec(checked: Checked, as_of: date | None) -> Any:
    from ripeness.elicitation.elicit import elicit_priors
    from ripeness.model.spec import build_spec

    return build_spec(checked.workspace, checked.vintage(as_of), elicit_priors(checked.priors))


def _open(checked: Checked, as_of: date | None, seed: int | None, progress: Progress) -> Any:
    """The stored run of a day with what it was made from; made now if it is not there."""
    folder = run_fit(checked.workspace.root, as_of, None, False, progress)
    from ripeness.elicitation.elicit import elicit_priors
    from ripeness.evaluation.stored import open_stored

    seed = checked.workspace.fit.seed if seed is None else seed
    priors = elicit_priors(checked.priors)
    return open_stored(checked.workspace, checked.claims, checked.vintage(as_of), priors, results.open_run(folder).tree, seed)


def _note(checked: Checked, study: str, command: str, seed: int | None, day: date, more: dict[str, Any]) -> None:
    """How a study was made, and what of its results is no table."""
    from ripeness.workflow.identity import library_versions

    made = {
        "command": command,
        "date": day.isoformat(),
        "seed": checked.workspace.fit.seed if seed is None else seed,
        "code_version": code_version(),
        "versions": library_versions(),
    }
    files.write_json(checked.workspace.reports / published.STUDIES / f"{study}.json", made | more)
