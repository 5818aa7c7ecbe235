"""What studies left in reports/studies/, and what the backtest's tables show, in a sentence each; read without anything heavy.

Each function takes that folder; one that says something gives a sentence, or None where the table is not there.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from ripeness import names
from ripeness.workspace.csv import read_rows as read_csv_rows

STUDIES: Final = "studies"  # below reports/
ABOUT: Final = "backtest.json"
FORECASTS: Final = "backtest.csv"
SCORES: Final = "backtest_scores.csv"
WEEKLY: Final = "backtest_weeks.csv"
SKILL: Final = "skill.csv"
SKILL_POWER: Final = "skill_power.csv"
GAP: Final = "vintage_gap.csv"
LFO: Final = "lfo.csv"
FIGURE: Final = "backtest.svg"

EVERYTHING: Final = "all"
READABLE: Final = {
    names.MIXTURE: "the model",
    names.OUTSIDE: "the outside view",
    "conjunctive_as_written": "all conditions needed, as written",
    "conjunctive_tempered": "all conditions needed, tempered",
    "substitutable_as_written": "causes add up, as written",
    "substitutable_tempered": "causes add up, tempered",
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
    """Command, date, seed, settings and versions of a study, and results that are no table; by default of the backtest. None if it is not there."""
    path = folder / name
    if not path.is_file():
        return None
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return found


def beats_outside_view(folder: Path) -> bool | None:
    """Whether the backtest allows the claim that the model beats the outside view; None if it has not been made."""
    row = _skill(folder)
    return None if row is None else row["claimed"] == "yes"


def skill_sentence(folder: Path) -> str | None:
    """Does the model beat the outside view?"""
    row = _skill(folder)
    if row is None:
        return None
    skill, number = float(row["skill"]), int(row["resumptions"])
    span = (
        ""
        if not row["lowest"]
        else f" (leaving out one cluster of rounds at a time: {float(row['lowest']):+.2f} to {float(row['highest']):+.2f})"
    )
    seen = f"over {row['weeks']} weeks with {number} resumption{'' if number == 1 else 's'}"
    measured = f"{seen}, the log probability it gave to what happened, less the outside view's, sums to {skill:+.2f}{span}"
    if row["claimed"] == "yes":
        return f"In the backtest the model beats the outside view: {measured}, more than luck allows ({float(row['threshold']):.2f})."
    needed = f"; a claim would need {float(row['threshold']):+.2f}" if row["threshold"] else ""
    if skill <= 0:
        return f"In the backtest the model does not beat the outside view: {measured}{needed}."
    return f"In the backtest the model does not beat the outside view by more than luck: {measured}{needed}."


def verdict_sentence(folder: Path) -> str | None:
    """The same in one short sentence, for the first screen."""
    row = _skill(folder)
    if row is None:
        return None
    if row["claimed"] == "yes":
        return "In a backtest over this war it beats the outside view by more than luck allows."
    if float(row["skill"]) > 0:
        return (
            "In a backtest over this war it did better than the outside view, but by no more than luck allows: it is not shown to beat it."
        )
    return "In a backtest over this war it did not beat the outside view."


def power_sentence(folder: Path) -> str | None:
    """Could one tell? The power of a perfect model, and how many more resumptions it would take."""
    row = _skill(folder)
    if row is None or not row["power"]:
        return None
    rows = read_rows(folder, SKILL_POWER)
    wars = rows[0]["wars"] if rows else "many"
    power = f"In {wars} simulated wars with as many resumptions a perfect model would be told from luck, with false claims in at most 5 %, in {_percent(row['power'])}"
    if not row["resumptions_needed"]:
        return f"{power}, and no number of resumptions that was looked at would be enough for four in five."
    return f"{power}; for four in five it would take {row['more_needed']} more resumptions ({row['resumptions_needed']} in all)."


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
        f"{_readable(row['fit'])} {float(row['difference_to_outside']):+.2f} ± {float(row['se_of_difference']):.2f}" for row in rows
    )
    weights = ", ".join(f"{_readable(row['fit'])} {float(row['stacking_weight']):.2f}" for row in read_rows(folder, LFO))
    return f"Leave-future-out over {rows[0]['blocks']} blocks of four weeks, log score against the outside view's: {differences}. Stacking would give {weights}; it is not used."


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
        power_sentence(folder),
        scores_sentence(folder, horizon_weeks),
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


def _percent(share: str) -> str:
    return f"{100 * float(share):.0f} %"
