"""What studies left in reports/studies/, and what the backtest's tables show, in a sentence each; read without anything heavy.

Each function takes that folder; one that says something gives a sentence, or None where the table is not there.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, Final

from ripeness import names
from ripeness.errors import ContentError, Fault
from ripeness.workspace.csv import read_rows as read_csv_rows

STUDIES: Final = "studies"  # below reports/
ABOUT: Final = "backtest.json"
FORECASTS: Final = "backtest.csv"
SCORES: Final = "backtest_scores.csv"
WEEKLY: Final = "backtest_weeks.csv"
RUNGS: Final = "backtest_rungs.csv"
SKILL: Final = "skill.csv"
SKILL_POWER: Final = "skill_power.csv"
GAP: Final = "vintage_gap.csv"
LFO: Final = "lfo.csv"
FIGURE: Final = "backtest.svg"
SCORECARD: Final = "scorecard"
EVIDENCE: Final = "evidence"
HEADLINE, INDICATORS, ROUNDS = "headline", "indicators", "rounds"  # in evidence.csv
STATES: Final = "states.csv"
PRIOR, FILTERED, SMOOTHED, NOW = ESTIMATES = "prior", "filtered", "smoothed", "now"  # of a state
CONDITION, LATER, NOT_MEASURED = "condition", "later", "not measured"

EVERYTHING: Final = "all"
EVEN_BRIER: Final = 0.25  # of who always says 50 %
FOUR_IN_FIVE: Final = 0.8
READABLE: Final = {
    names.MIXTURE: "the model",
    names.OUTSIDE: "the outside view",
    **{reading: f"the essay {label}" for reading, label in names.READING_LABELS.items()},
    **{fit: f"{names.FORM_LABELS[form]}, {names.READING_NAMES[reading]}" for fit, form, reading in names.FITS if form in names.FORMS},
    "constant_rate": "the war's constant rate",
    "persistence": "persistence",
}


def read_rows(folder: Path, name: str) -> list[dict[str, str]]:
    """Rows of a table as text; none if it is not there."""
    path = folder / name
    if not path.is_file():
        return []
    return read_csv_rows(path, Path(folder.parent.name, folder.name, name), "run the study again")


def read_about(folder: Path, name: str = ABOUT) -> dict[str, Any] | None:
    """Command, date, seed, settings and versions of a study, and results that are no table; by default of the backtest. None if it is not there.

    Raises
    ------
    ContentError
        If it cannot be read.
    """
    path = folder / name
    if not path.is_file():
        return None
    try:
        found = json.loads(path.read_text("utf-8"))
    except ValueError:
        found = None
    if not isinstance(found, dict):
        shown = Path(folder.parent.name, folder.name, name)
        raise ContentError(Fault(shown, None, "JSON that cannot be read", "what the study wrote", "run the study again"))
    return found


def skill_sentence(folder: Path) -> str | None:
    """Does the model beat the outside view?"""
    row = _skill(folder)
    if row is None:
        return None
    skill, number = float(row["skill"]), int(row["resumptions"])
    seen = f"over {row['weeks']} weeks with {number} resumption{'' if number == 1 else 's'}"
    measured = f"{seen}, the log probability it gave to what happened, less the outside view's, sums to {skill:+.2f}{_span(row)}"
    mark = f"luck exceeds {float(row['threshold']):+.2f} in 5 %"
    if row["claimed"] == "yes":
        return f"In the backtest the model beats the outside view: {measured}; {mark}, and the claim does not hang on one week."
    if skill <= 0:
        return f"In the backtest the model does not beat the outside view: {measured}; {mark}."
    if skill > float(row["threshold"]):
        return f"In the backtest the model does better than the outside view, but the claim hangs on one week: {measured}; {mark}."
    return f"In the backtest the model does not beat the outside view by more than luck: {measured}; {mark}."


def best_week_sentence(folder: Path) -> str | None:
    """How much of the skill is owed to a single week; None where there is none to owe."""
    row = _skill(folder)
    if row is None or float(row["skill"]) <= 0:
        return None
    skill, gain, sunday = float(row["skill"]), float(row["best_week_gain"]), date.fromisoformat(row["best_week"])
    given, outside = (_small_percent(row[name]) for name in ("best_week_probability", "best_week_reference"))
    return (
        f"{gain:+.2f} of it ({100 * gain / skill:.0f} %) comes from one week, that to {sunday.day} {sunday:%B %Y}, for which the model gave a round "
        f"{given} and the outside view {outside}; without it {skill - gain:+.2f} is left."
    )


def verdict_sentence(folder: Path) -> str | None:
    """The same in one short sentence, for the first screen."""
    row = _skill(folder)
    if row is None:
        return None
    skill = float(row["skill"])
    if row["claimed"] == "yes":
        return "In a backtest over this war it beats the outside view by more than luck allows."
    if skill <= 0:
        return "In a backtest over this war it did not beat the outside view."
    little = "by no more than luck allows"
    if skill > float(row["threshold"]):
        little = f"{100 * float(row['best_week_gain']) / skill:.0f} % of that is one week"
    return f"In a backtest over this war it did better than the outside view, but {little}: it is not shown to beat it."


def power_sentence(folder: Path) -> str | None:
    """Could one tell? The power, were the forecasts right as they were made, and how long a record it would take."""
    row = _skill(folder)
    if row is None:
        return None
    found = (
        f"Were its weekly forecasts right as they were made, its skill would exceed that mark in {_percent(row['power'])} of records: so little do "
        "they differ from the outside view's"
    )
    lengths = read_rows(folder, SKILL_POWER)
    if not lengths:
        return f"{found}."
    last = lengths[-1]
    if float(last["power"]) < FOUR_IN_FIVE:
        return f"{found}; for four in five a record {last['records']} times as long would not be enough."
    return f"{found}; for four in five it would take a record {last['records']} times as long ({last['resumptions']} resumptions)."


def readings_sentence(folder: Path) -> str | None:
    """Do weights that heed other findings score better than the essay's as written? None where there is one reading."""
    rows = [row for row in read_rows(folder, SKILL) if row.get("reference") == names.AS_WRITTEN and row["population"] == EVERYTHING]
    if not rows:
        return None
    labels = [names.READING_LABELS[row["forecaster"]] for row in rows]
    parts = [
        f"{float(row['skill']):+.2f} {label}{_span(row)}, where luck exceeds {float(row['threshold']):+.2f} in 5 %"
        for row, label in zip(rows, labels, strict=True)
    ]
    better = [label for row, label in zip(rows, labels, strict=True) if row["claimed"] == "yes"]
    verdict = f"better {' and '.join(better)}" if better else "no reading is shown to score better than it"
    return f"Over the essay as written the weekly log probability sums to {'; '.join(parts)}: {verdict}."


def scores_sentence(folder: Path, horizon_weeks: int) -> str | None:
    """Brier scores of model, outside view and baselines at a horizon."""
    rows = {
        row["forecaster"]: row
        for row in read_rows(folder, SCORES)
        if row["population"] == EVERYTHING and int(row["horizon_weeks"]) == horizon_weeks
    }
    if names.MIXTURE not in rows:
        return None
    order = [name for name in (names.MIXTURE, names.OUTSIDE, "constant_rate", "persistence") if name in rows]
    scores = ", ".join(f"{READABLE[name]} {float(rows[name]['brier']):.3f}" for name in order)
    return f"Brier score at {horizon_weeks} weeks over {rows[names.MIXTURE]['n']} origins, which overlap (lower is better): {scores}."


def even_odds_sentence(folder: Path) -> str | None:
    """At which horizons the model scored worse than who always says 50 %; None if at none."""
    rows = [row for row in read_rows(folder, SCORES) if row["population"] == EVERYTHING and float(row["brier"]) > EVEN_BRIER]
    found = []
    for row in (row for row in rows if row["forecaster"] == names.MIXTURE):
        own = f"at {row['horizon_weeks']} weeks (Brier {float(row['brier']):.3f}, over {row['n']} origins that overlap"
        outside = [one for one in rows if (one["forecaster"], one["horizon_weeks"]) == (names.OUTSIDE, row["horizon_weeks"])]
        found.append(own + (f"; so did the outside view, {float(outside[0]['brier']):.3f})" if outside else ")"))
    return f"Always saying 50 % would have scored better (Brier {EVEN_BRIER:.3f}) than the model {' and '.join(found)}." if found else None


def vintage_gap_sentence(folder: Path, horizon_weeks: int) -> str | None:
    """What late and revised data are worth."""
    for row in read_rows(folder, GAP):
        if row["forecaster"] == names.MIXTURE and row["question"] != "week" and int(row["horizon_weeks"]) == horizon_weeks:
            gap = float(row["log_score_gap"])
            return f"With final in place of as-of data the model's log score at {horizon_weeks} weeks changes by {gap:+.3f} on average (below zero is better)."
    return None


def lfo_sentence(folder: Path) -> str | None:
    """Leave-future-out: each fit against the outside view, and the stacking weights, which are not used."""
    rows = [row for row in read_rows(folder, LFO) if row["fit"] != names.OUTSIDE]
    if not rows:
        return None
    differences = ", ".join(
        f"{_readable(row['fit'])} {float(row['difference_to_outside']):+.2f} ({float(row['without_best_block']):+.2f} without its best block, better in "
        f"{row['blocks_better']})"
        for row in rows
    )
    weights = ", ".join(f"{_readable(row['fit'])} {float(row['stacking_weight']):.2f}" for row in read_rows(folder, LFO))
    return (
        f"Leave-future-out over {rows[0]['blocks']} blocks of four weeks, log score against the outside view's: {differences}. No standard error is "
        f"given: blocks with and without a round are unlike, so normal theory does not hold. Stacking would give {weights}; it is not used."
    )


def gate_sentence(folder: Path) -> str | None:
    """How many of the backtest's fits passed the gate of publication; none was dropped."""
    fits = [name for name, _, _ in names.FITS]
    gates = {
        (row["origin"], row["forecaster"]): row["gate"]
        for row in read_rows(folder, FORECASTS)
        if row["vintage"] == "as_of" and row["forecaster"] in fits and row["question"] != "week"
    }
    if not gates:
        return None
    passed = sum(gate == "passed" for gate in gates.values())
    return (
        f"Of the backtest's {len(gates)} fits, shorter than a published one and never repeated, {passed} passed the gate; none was dropped."
    )


def all_sentences(folder: Path, horizon_weeks: int) -> list[str]:
    """All of these, the answer first."""
    sentences = (
        skill_sentence(folder),
        best_week_sentence(folder),
        power_sentence(folder),
        readings_sentence(folder),
        scores_sentence(folder, horizon_weeks),
        even_odds_sentence(folder),
        lfo_sentence(folder),
        vintage_gap_sentence(folder, horizon_weeks),
        gate_sentence(folder),
    )
    return [sentence for sentence in sentences if sentence]


def _readable(forecaster: str) -> str:
    """What a reader calls a forecaster, though a table be of a version that had others."""
    return READABLE.get(forecaster, forecaster.replace("_", " "))


def _skill(folder: Path) -> dict[str, str] | None:
    for row in read_rows(folder, SKILL):
        if row["forecaster"] == names.MIXTURE and row["population"] == EVERYTHING:
            return row
    return None


def _span(row: Mapping[str, str]) -> str:
    """The range of a row of skill.csv when one cluster of rounds at a time is left out."""
    return row["lowest"] and f" (leaving out one cluster of rounds at a time: {float(row['lowest']):+.2f} to {float(row['highest']):+.2f})"


def _percent(share: str) -> str:
    return f"{100 * float(share):.0f} %"


def _small_percent(share: str) -> str:
    return f"{100 * float(share):.2g} %"


def count_failures(simulations: Sequence[Mapping[str, str]], model: str) -> dict[str, int]:
    """How many fits to simulated wars of a model there are, how many failed, and how many by each criterion, the most frequent first.

    Parameters
    ----------
    simulations : sequence
        sbc_simulations.csv.
    model : str
        "right", "wrong" or "future".

    Returns
    -------
    dict of int
        simulations, failed, then criteria of the gate.
    """
    failed = [row["failed"].split("; ") for row in simulations if row["model"] == model and row["failed"]]
    criteria = Counter(name for one in failed for name in one)
    return {"simulations": sum(row["model"] == model for row in simulations), "failed": len(failed), **dict(criteria.most_common())}
