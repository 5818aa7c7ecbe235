"""Whether the forecast deserves trust: what the studies in reports/studies/ found, as the page shows it.

Nothing is computed anew; a study that has not been made is not spoken of.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from matplotlib.figure import Figure

from ripeness import names
from ripeness.evaluation import origins, published
from ripeness.evaluation.baselines import CONSTANT_RATE, PERSISTENCE
from ripeness.evaluation.unit import WEEK
from ripeness.report import scrutiny
from ripeness.report.charts import WIDE, date_axis, dates_of, percent_axis
from ripeness.report.figures import both_widths
from ripeness.report.svg import FAINT, GRID, INK, MAIN, SECOND, THIRD, chart_style

Row = Mapping[str, str]
FORECASTERS: Final = {names.MIXTURE: MAIN, names.OUTSIDE: INK, CONSTANT_RATE: THIRD, PERSISTENCE: SECOND}
POPULATIONS: Final = {
    origins.ALL: "all origins",
    origins.HINDSIGHT: "before the essay (priors in hindsight)",
    origins.AFTER: "since the essay",
    origins.DORMANT: "talks dormant",
    origins.ACTIVE: "talks active",
    origins.RECONSTRUCTED: "data put together afterwards",
    origins.RECORDED: "data recorded as it came",
}
SIMULATIONS: Final = "sbc_simulations"


def read_studies(reports: Path, headline_weeks: int) -> dict[str, Any]:
    """What the studies left, by study; those that have not been made are missing.

    Parameters
    ----------
    reports : Path
        With the folder studies/.
    headline_weeks : int
    """
    found: dict[str, Any] = {}
    folder = reports / published.STUDIES
    about = published.read_about(folder)
    if about is not None:
        found["backtest"] = {
            "about": about,
            "said": published.say_everything(folder, headline_weeks),
            "verdict": published.say_verdict(folder),
            "forecasts": published.read_rows(folder, published.FORECASTS),
            "scores": published.read_rows(folder, published.SCORES),
            "weekly": published.read_rows(folder, published.WEEKLY),
        }
    for study in (scrutiny.SENSITIVITY, scrutiny.SCORECARD, scrutiny.SBC):
        rows, notes = published.read_rows(folder, f"{study}.csv"), published.read_about(folder, f"{study}.json")
        if rows and notes:
            found[study] = {"about": notes, "rows": rows}
    if scrutiny.SCORECARD in found:
        found[scrutiny.SCORECARD]["details"] = published.read_rows(folder, f"{scrutiny.SCORECARD}_details.csv")
    if scrutiny.SBC in found:
        found[scrutiny.SBC]["simulations"] = published.read_rows(folder, f"{SIMULATIONS}.csv")
    return found


def trust_section(studies: Mapping[str, Any], headline_weeks: int) -> dict[str, Any]:
    """What the page shows of them.

    Parameters
    ----------
    studies : mapping
        As `read_studies` gives them.
    headline_weeks : int

    Returns
    -------
    dict
        By study: said, sentences; figure, SVG with words; rows of a table; about, how it was made.
    """
    shown: dict[str, Any] = {}
    if "backtest" in studies:
        found = studies["backtest"]
        shown["backtest"] = {
            **{name: found[name] for name in ("about", "said", "verdict")},
            "figure": both_widths("backtest", " ".join(found["said"]), lambda w: plot_backtest(found["forecasts"], headline_weeks, w)),
            "horizons": sorted({int(row["horizon_weeks"]) for row in found["scores"]}),
            "rows": score_table(found["scores"], found["weekly"], origins.ALL),
            "populations": population_table(found["scores"], found["weekly"], headline_weeks),
        }
    if scrutiny.SENSITIVITY in studies:
        found = studies[scrutiny.SENSITIVITY]
        said = scrutiny.sensitivity_said(found["rows"], float(found["about"]["headline"]))
        shown["sensitivity"] = {
            "about": found["about"],
            "said": said,
            "flags": scrutiny.leaning_said(found["rows"], float(found["about"]["headline"])),
            "rows": found["rows"],
            "figure": both_widths("sensitivity", " ".join(said), lambda w: scrutiny.plot_sensitivity(found["rows"], w)),
        }
    if scrutiny.SCORECARD in studies:
        found = studies[scrutiny.SCORECARD]
        shown["scorecard"] = {
            "about": found["about"],
            "said": scrutiny.scorecard_said(found["rows"]),
            "rows": scrutiny.scorecard_table(found["details"]),
        }
    if scrutiny.SBC in studies:
        found = studies[scrutiny.SBC]
        said = scrutiny.sbc_said(found["rows"], found["about"])
        shown["sbc"] = {"about": found["about"], "said": said, "figure": None}
        if found["simulations"]:
            figure = both_widths("sbc", said[0], lambda w: scrutiny.plot_sbc(found["simulations"], found["about"], w))
            shown["sbc"]["figure"] = figure
    return shown


def score_table(scores: Sequence[Row], weekly: Sequence[Row], population: str) -> list[dict[str, Any]]:
    """A row for each forecaster: Brier score of every horizon, and the weekly log score summed; the best total first."""
    rows = []
    for week in (row for row in weekly if row["population"] == population):
        own = [row for row in scores if row["forecaster"] == week["forecaster"] and row["population"] == population]
        rows.append(
            {
                "forecaster": published.READABLE.get(week["forecaster"], week["forecaster"]),
                "brier": {int(row["horizon_weeks"]): float(row["brier"]) for row in own},
                "total": float(week["total_log_score"]),
                "weeks": int(week["weeks"]),
            }
        )
    return sorted(rows, key=lambda row: row["total"])


def population_table(scores: Sequence[Row], weekly: Sequence[Row], headline_weeks: int) -> list[dict[str, Any]]:
    """A row for each population that has scored forecasts: the model beside the outside view."""
    by_horizon = {(row["forecaster"], row["population"]): row for row in scores if int(row["horizon_weeks"]) == headline_weeks}
    by_week = {(row["forecaster"], row["population"]): row for row in weekly}
    rows = []
    for population, label in POPULATIONS.items():
        ours, theirs = (by_week.get((name, population)) for name in (names.MIXTURE, names.OUTSIDE))
        if ours is None or theirs is None:
            continue
        of_horizon = [by_horizon.get((name, population)) for name in (names.MIXTURE, names.OUTSIDE)]
        rows.append(
            {
                "population": label,
                "origins": 0 if of_horizon[0] is None else int(of_horizon[0]["n"]),
                "brier": None if of_horizon[0] is None else float(of_horizon[0]["brier"]),
                "outside_brier": None if of_horizon[1] is None else float(of_horizon[1]["brier"]),
                "weeks": int(ours["weeks"]),
                "rounds": int(ours["rounds"]),
                "skill": float(theirs["total_log_score"]) - float(ours["total_log_score"]),
            }
        )
    return rows


def plot_backtest(forecasts: Sequence[Row], headline_weeks: int, width: float = WIDE) -> Figure:
    """What was forecast, origin by origin, and how skill over the outside view has summed up, week by week; rounds dotted.

    Parameters
    ----------
    forecasts : sequence
        backtest.csv.
    headline_weeks : int
    width : float
        Inches.
    """
    as_of = [row for row in forecasts if row["vintage"] == origins.AS_OF]
    weeks = [row for row in as_of if row["question"] == WEEK and row["outcome"] != ""]
    rounds = sorted({row["target_end_date"] for row in weeks if float(row["outcome"]) > 0})
    lost = {(row["forecaster"], row["target_end_date"]): float(row["log_score"]) for row in weeks}
    with chart_style():
        figure = Figure(figsize=(width, 4.6), layout="constrained")
        upper, lower = figure.subplots(2, 1, sharex=True)
        for name, colour in FORECASTERS.items():
            own = [row for row in as_of if row["forecaster"] == name]
            horizon = [row for row in own if row["question"] != WEEK and int(row["horizon_weeks"]) == headline_weeks]
            horizon.sort(key=lambda row: row["origin"])
            days = dates_of([row["origin"] for row in horizon])
            upper.plot(days, [float(row["probability"]) for row in horizon], color=colour, label=published.READABLE[name])
            if name == names.MIXTURE:
                low, high = ([float(row[end]) for row in horizon] for end in ("lower", "upper"))
                upper.fill_between(days, low, high, color=colour, alpha=0.15, linewidth=0)
            sundays = sorted(day for forecaster, day in lost if forecaster == name and (names.OUTSIDE, day) in lost)
            if name != names.OUTSIDE:
                skill = np.cumsum([lost[names.OUTSIDE, day] - lost[name, day] for day in sundays])
                lower.plot(dates_of(sundays), skill, color=colour)
        lower.axhline(0, color=INK, linewidth=1)
        for axes in (upper, lower):
            for day in dates_of(rounds):
                axes.axvline(day, color=FAINT, linewidth=0.8, linestyle=":")
            axes.grid(axis="x", color=GRID)
        upper.set_ylim(0, 1)
        percent_axis(upper)
        upper.set_title(f"Probability of a round within {headline_weeks} weeks, by origin")
        lower.set_title("Log score over the outside view’s, summed week by week")
        date_axis(lower)
        figure.legend(loc="outside lower left", ncols=2)
    return figure
