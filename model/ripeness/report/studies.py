"""Whether the forecast deserves trust: what the studies in reports/studies/ found, in sentences, tables and charts.

Nothing is computed anew; a study that has not been run is not spoken of.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from ripeness import names
from ripeness.evaluation import origins, published
from ripeness.evaluation.baselines import CONSTANT_RATE, PERSISTENCE
from ripeness.evaluation.unit import WEEK
from ripeness.inference.checks import flag_leaning
from ripeness.report.drawing import (
    FAINT,
    GRID,
    INK,
    MAIN,
    SECOND,
    THIRD,
    WARN,
    WIDE,
    chart,
    charts,
    date_axis,
    dates_of,
    label_rows,
    one_width,
    percent_axis,
)
from ripeness.report.scorecard import Subjects, scorecard_section
from ripeness.report.sentences import interval, join, number, percent, sentence, signed

Row = Mapping[str, str]
BACKTEST, SENSITIVITY, EVIDENCE, SCORECARD, SBC, WARS = "backtest", "sensitivity", published.EVIDENCE, published.SCORECARD, "sbc", "wars"
PUBLISHED, PLACEBO = "published", "placebo"  # what stands beside a ratio from other wars
SIMULATIONS: Final = "sbc_simulations"
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
CLAIM, INDICATOR, PRIOR, LIKELIHOOD = "claim zeroed", "indicator left out", "prior scaled", "likelihood scaled"
MOVED = 0.25  # standard deviations of its prior, from which a weight is said to have moved
SIZE = 0.05
RANK = "rank "
RUNG_FORECASTERS = {names.MIXTURE: "This model", names.OUTSIDE: "At base rates", CONSTANT_RATE: "Constant rate", PERSISTENCE: "Persistence"}
SHOWN_RANKS = (
    "headline[",
    "hazard now",
    "inside view now",
    "weight[",
    "half_life[",
    "factor now[",
    "outside_knots[",
    "sensitivity[",
    "log-",
)


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
        found[BACKTEST] = {
            "about": about,
            "sentences": published.all_sentences(folder, headline_weeks),
            "verdict": published.verdict_sentence(folder),
            "even_odds": published.even_odds_sentence(folder),
            "forecasts": published.read_rows(folder, published.FORECASTS),
            "scores": published.read_rows(folder, published.SCORES),
            "weekly": published.read_rows(folder, published.WEEKLY),
            "rungs": published.read_rows(folder, published.RUNGS),
        }
    for study in (SENSITIVITY, EVIDENCE, SCORECARD, SBC):
        rows, notes = published.read_rows(folder, f"{study}.csv"), published.read_about(folder, f"{study}.json")
        if rows and notes:
            found[study] = {"about": notes, "rows": rows}
    if SCORECARD in found:
        found[SCORECARD]["details"] = published.read_rows(folder, f"{SCORECARD}_details.csv")
        found[SCORECARD]["states"] = published.read_rows(folder, published.STATES)
    if SBC in found:
        found[SBC]["simulations"] = published.read_rows(folder, f"{SIMULATIONS}.csv")
    return found


def rung_table(rows: Sequence[Mapping[str, str]]) -> list[dict[str, Any]]:
    """Of each rung and horizon over all origins how many forecasts, how many came, and the Brier score of each forecaster in `RUNG_FORECASTERS`."""
    found: dict[tuple[str, int], dict[str, Any]] = {}
    for row in rows:
        if row["population"] == origins.ALL:
            key = (row["question"], int(row["horizon_weeks"]))
            found.setdefault(key, {"question": key[0], "weeks": key[1], "n": row["n"], "yes": row["yes"], "brier": {}})
            found[key]["brier"][row["forecaster"]] = float(row["brier"])
    return list(found.values())


def trust_section(studies: Mapping[str, Any], headline_weeks: int, subjects: Subjects | None = None) -> dict[str, Any]:
    """What the page shows of them.

    Parameters
    ----------
    studies : mapping
        As `read_studies` gives them.
    headline_weeks : int
    subjects : mapping, optional
        Factors and conditions, as `subjects_of` gives them.

    Returns
    -------
    dict
        By study: sentences; figure, SVG with words; rows of a table; about, how it was made.
    """
    shown: dict[str, Any] = {}
    if BACKTEST in studies:
        found = studies[BACKTEST]
        shown[BACKTEST] = {
            **{name: found[name] for name in ("about", "sentences", "verdict", "even_odds")},
            "figure": one_width("backtest", " ".join(found["sentences"]), plot_backtest(found["forecasts"], headline_weeks)),
            "horizons": sorted({int(row["horizon_weeks"]) for row in found["scores"]}),
            "rows": score_table(found["scores"], found["weekly"], origins.ALL),
            "populations": population_table(found["scores"], found["weekly"], headline_weeks),
            "rungs": rung_table(found["rungs"]),
            "rung_forecasters": RUNG_FORECASTERS,
        }
    if SENSITIVITY in studies:
        found = studies[SENSITIVITY]
        sentences = sensitivity_sentences(found["rows"], float(found["about"]["headline"]))
        shown[SENSITIVITY] = {
            "about": found["about"],
            "sentences": sentences,
            "flags": leaning_sentences(found["rows"], float(found["about"]["headline"])),
            "rows": found["rows"],
            "figure": one_width("sensitivity", " ".join(sentences), plot_sensitivity(found["rows"])),
        }
    if EVIDENCE in studies:
        found = studies[EVIDENCE]
        sentences = evidence_sentences(found["rows"], headline_weeks)
        shown[EVIDENCE] = {
            "about": found["about"],
            "sentences": sentences,
            "figure": one_width("sources", sentences[0], plot_evidence(found["rows"], headline_weeks)),
        }
    if SCORECARD in studies:
        shown[SCORECARD] = scorecard_section(studies[SCORECARD], subjects or {})
    if SBC in studies:
        found = studies[SBC]
        sentences, figure = sbc_sentences(found["rows"], found["about"]), None
        if found["simulations"]:
            figure = one_width("sbc", sentences[0], plot_sbc(found["simulations"], found["about"]))
        shown[SBC] = {"about": found["about"], "sentences": sentences, "figure": figure}
    return shown


# --- Backtest ----------------------------------------------------------------------------------------------------------------------------


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
        mixture, outside = (by_week.get((name, population)) for name in (names.MIXTURE, names.OUTSIDE))
        if mixture is None or outside is None:
            continue
        of_horizon = [by_horizon.get((name, population)) for name in (names.MIXTURE, names.OUTSIDE)]
        rows.append(
            {
                "population": label,
                "origins": 0 if of_horizon[0] is None else int(of_horizon[0]["n"]),
                "brier": None if of_horizon[0] is None else float(of_horizon[0]["brier"]),
                "outside_brier": None if of_horizon[1] is None else float(of_horizon[1]["brier"]),
                "weeks": int(mixture["weeks"]),
                "rounds": int(mixture["rounds"]),
                "skill": float(outside["total_log_score"]) - float(mixture["total_log_score"]),
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
    with charts(width, 4.6, rows=2, sharex=True) as (figure, grid):
        upper, lower = grid.flat
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
        percent_axis(upper.yaxis)
        upper.set_title(f"Probability of a round within {headline_weeks} weeks, by origin")
        lower.set_title("Log score over the outside view’s, summed week by week")
        date_axis(lower)
        figure.legend(loc="outside lower left", ncols=2)
    return figure


# --- Sensitivity ------------------------------------------------------------------------------------------------------------------------


def sensitivity_sentences(rows: Sequence[Row], headline: float) -> list[str]:
    """What the headline leans on, in a few sentences.

    Parameters
    ----------
    rows : sequence
        sensitivity.csv, ranked.
    headline : float
        The probability that the study started from, in [0, 1].
    """

    def points(row: Row) -> float:
        return float(row["change_points"])

    def strongest(kind: str) -> Row | None:
        return max((row for row in rows if row["kind"] == kind), key=lambda row: abs(points(row)), default=None)

    found = []
    claim = strongest(CLAIM)
    if claim:
        found.append(
            f"The claim whose silence would move it most is “{claim['what']}”: {signed(points(claim))} percentage points if its weight were zero."
        )
    indicator = strongest(INDICATOR)
    if indicator:
        found.append(f"The indicator that matters most is {indicator['what']}: {signed(points(indicator))} points without it.")
    scaled = strongest(PRIOR)
    if scaled:
        found.append(f"Of the priors, scaling that of the {scaled['what']} moves it most: {signed(points(scaled))} points.")
    return found


def leaning_sentences(rows: Sequence[Row], headline: float) -> list[str]:
    """A sentence for each indicator that alone moves the answer by more than the stated share; nothing is withheld for it."""
    changes = {row["what"]: float(row["change_points"]) / 100 for row in rows if row["kind"] == INDICATOR}
    return [sentence(flag.found) + "." for flag in flag_leaning(changes, headline)]


def plot_sensitivity(rows: Sequence[Row], width: float = WIDE, most: int = 30) -> Figure:
    """The changes of the headline, ranked: one bar each, coloured by kind."""
    shown = rows[:most]
    colours = {CLAIM: MAIN, INDICATOR: SECOND, PRIOR: FAINT, LIKELIHOOD: FAINT}
    with chart(width, 1.0 + 0.22 * len(shown)) as (figure, axes):
        changes = [float(row["change_points"]) for row in shown]
        axes.barh(range(len(shown)), changes, color=[colours.get(row["kind"], WARN) for row in shown], height=0.7)
        axes.axvline(0.0, color=INK, linewidth=0.8)
        label_rows(axes, [f"{row['what']} ({row['kind']})" for row in shown], 7.5)
        axes.set_xlabel("change of the headline, percentage points")
        axes.set_title("What the headline leans on")
    return figure


# --- Evidence by source -----------------------------------------------------------------------------------------------------------------


def evidence_sentences(rows: Sequence[Row], headline_weeks: int) -> list[str]:
    """What each source makes of the headline, and which weights moved by more than a quarter of a standard deviation, and mostly by what.

    Parameters
    ----------
    rows : sequence
        evidence.csv, in the order of the sources.
    headline_weeks : int
    """
    steps = [row for row in rows if row["what"] == published.HEADLINE]
    first, *later = [_chance(row) for row in steps]
    added = [f"{first} by the essay alone", *(f"{value} with {_source(row)}" for row, value in zip(steps[1:], later, strict=True))]
    found = [f"The chance of a round within {headline_weeks} weeks is {', then '.join(added)}."]
    moved: dict[str, list[Row]] = {}
    for row in rows:
        if row["what"] != published.HEADLINE:
            moved.setdefault(row["what"], []).append(row)
    told = []
    for what, path in moved.items():
        places = [0.0, *(float(row["value"]) for row in path)]
        if abs(places[-1]) > MOVED:
            steepest = max(range(len(path)), key=lambda at: (places[at + 1] - places[at]) * np.sign(places[-1]))
            told.append((places[-1], f"“{what.replace('_', ' ')}” by {signed(places[-1], 1)}, most of it by {_source(path[steepest])}"))
    if moved:
        told.sort(key=lambda one: -abs(one[0]))
        words = join([words for _, words in told]) if told else "none"
        found.append(f"Of {len(moved)} weights {len(told)} moved by more than a quarter of a standard deviation of their priors: {words}.")
    return found


def _source(row: Row) -> str:
    return {published.INDICATORS: "the indicators", published.ROUNDS: "the record of rounds"}.get(
        row["source"], row["source"].replace("_", " ")
    )


def _chance(row: Row) -> str:
    value, lower, upper, error = (float(row[name]) for name in ("value", "lower", "upper", "mcse"))
    return f"{percent(value, error)} ({interval(lower, upper, error)})"


def plot_evidence(rows: Sequence[Row], headline_weeks: int, width: float = WIDE) -> Figure:
    """The headline with its 5–95 % range, source by source."""
    steps = [row for row in rows if row["what"] == published.HEADLINE]
    value, lower, upper = (np.array([100 * float(row[name]) for row in steps]) for name in ("value", "lower", "upper"))
    with chart(width, 1.2 + 0.34 * len(steps)) as (figure, axes):
        axes.hlines(range(len(steps)), lower, upper, color=MAIN, linewidth=1.4)
        axes.plot(value, range(len(steps)), "o", color=MAIN, markersize=4.5)
        axes.plot(value, range(len(steps)), color=FAINT, linewidth=0.8, zorder=0)
        label_rows(axes, [f"{'' if row['source'] == steps[0]['source'] else '+ '}{row['source'].replace('_', ' ')}" for row in steps], 8)
        axes.set_xlim(0, None)
        axes.set_xlabel(f"a round within {headline_weeks} weeks, %, and 5–95 % range")
        axes.set_title("What each source adds")
    return figure


# --- Calibration ------------------------------------------------------------------------------------------------------------------------


def sbc_sentences(rows: Sequence[Row], notes: Mapping[str, Any]) -> list[str]:
    """What simulation-based calibration found.

    Parameters
    ----------
    rows : sequence
        sbc.csv.
    notes : mapping
        sbc.json.
    """
    simulations, failed = int(rows[0]["simulations"]), int(rows[0]["failed_fits"])
    smallest = min(rows, key=lambda row: float(row["p_value"]))
    adjusted = min(1.0, float(smallest["p_value"]) * len(rows))
    outcome = (
        f"no rank departs from uniformity (smallest of {len(rows)} p-values {number(float(smallest['p_value']), 3)}, of {smallest['quantity']}; "
        f"{number(adjusted, 2)} after Holm's correction)"
        if adjusted > SIZE
        else f"the ranks of {smallest['quantity']} depart from uniformity (p = {adjusted:.2g} after Holm's correction for {len(rows)} quantities)"
    )
    diverged = notes.get("right", {}).get("diverged")
    of_these = f", {diverged} of them ({percent(diverged / simulations)} of all) with divergent transitions" if diverged else ""
    found = [
        f"In {simulations} wars simulated from the priors, {outcome}. {failed} of the short fits failed their gate{of_these}; they were counted in."
    ]
    wrong = notes.get("wrong")
    if wrong:
        found.append(
            f"A model made wrong on purpose, which takes silence for weeks that nobody searched, is found out: {wrong['rejected']} of "
            f"{wrong['quantities']} quantities fail in {wrong['simulations']} wars."
            if wrong["rejected"]
            else f"A model made wrong on purpose was not found out in {wrong['simulations']} wars: the test is too weak."
        )
    future = notes.get("future")
    if future:
        found.append(
            f"Around the real data, with {future['simulations']} futures of a year simulated from the posterior and fitted again, "
            + (f"{future['rejected']} of {future['quantities']} quantities fail." if future["rejected"] else "none fails.")
        )
    held = notes.get("recovery", {})
    if "hazards 90" in held and "factors with indicators 90" in held:
        found.append(
            f"The 90 % intervals held {percent(held['hazards 90'][0])} of past hazards and {percent(held['factors with indicators 90'][0])} of weekly "
            "factors that have indicators."
        )
    if notes.get("predictions"):
        found.append(str(notes["predictions"]))
    return found


def plot_sbc(simulations: Sequence[Row], notes: Mapping[str, Any], width: float = WIDE) -> Figure:
    """Share of ranks up to each place less what uniform ranks would give: a line for each quantity, and the band that holds all of one line."""
    own = [row for row in simulations if row["model"] == "right"]
    wrong = [row for row in simulations if row["model"] == "wrong"]
    lower, upper = (np.asarray(notes["band"][side], float) for side in ("lower", "upper"))
    draws = len(lower)
    expected = np.arange(1, draws + 1) / (draws + 1)
    quantities = [name for name in own[0] if name.startswith(RANK) and name.removeprefix(RANK).startswith(SHOWN_RANKS)]
    rows_of_charts = 1 if width > 6 else 2
    with charts(width, 3.4 * rows_of_charts, rows_of_charts, 2 // rows_of_charts) as (figure, grid):
        panels = grid.flat
        for axes, rows, title in ((panels[0], own, "The model"), (panels[1], wrong, "A model made wrong on purpose")):
            for name in quantities if rows else []:
                ranks = np.array([int(row[name]) for row in rows if row[name] != ""])
                upto = (ranks[:, None] < np.arange(1, draws + 1)[None]).mean(axis=0)
                headline = name.removeprefix(RANK).startswith("headline")
                axes.plot(expected, upto - expected, color=MAIN if headline else FAINT, linewidth=1.3 if headline else 0.5)
            axes.axhline(0.0, color=INK, linewidth=0.8)
            axes.set_title(f"{title} ({len(rows)} wars)")
            axes.set_xlabel("rank of the truth, as a share")
        panels[0].fill_between(expected, lower - expected, upper - expected, color=SECOND, alpha=0.2, linewidth=0)
        panels[0].set_ylabel("share of ranks below, less uniform")
    return figure


# --- Other wars -------------------------------------------------------------------------------------------------------------------------


def ratio_text(row: Row, prefix: str = "") -> str:
    """A hazard ratio with its interval; nothing where there is none."""
    cells = [row[f"{prefix}{name}"] for name in ("ratio", "lower", "upper")]
    return "{:.2f} [{:.2f}, {:.2f}]".format(*map(float, cells)) if all(cells) else ""


def wars_sentences(rows: Sequence[Row], notes: Mapping[str, Any]) -> list[str]:
    """Which mechanisms have an interval that leaves out 1, what a panel's scores and placebo leads say, and how well was sampled.

    Parameters
    ----------
    rows : sequence
        wars.csv or wars_panel.csv.
    notes : mapping
        The JSON beside it.
    """

    def clear(prefix: str = "") -> list[str]:
        return [row["mechanism"] for row in rows if row.get(f"{prefix}lower") and not _holds_one(row, prefix)]

    found = [f"The interval leaves out 1 for {join(clear()) or 'no mechanism'}; {len(rows)} were fitted."]
    for score in notes.get("scores", ()):
        interval = f"{score['lower']:+.1f}, {score['upper']:+.1f}"
        found.append(f"With countries left out, {score['what']}: {score['nats']:+.1f} nats [{interval}].")
    if clear(f"{PLACEBO}_"):
        found.append(f"Placebo leads that tell something, so that the ratio is no effect: {join(clear(f'{PLACEBO}_'))}.")
    sampled = (
        f"largest R-hat {notes['rhat']:.3f}, smallest effective sample size {notes['ess_bulk']:.0f}, {notes['divergences']} divergences"
    )
    return [*found, f"How it was sampled: {sampled}."]


def _holds_one(row: Row, prefix: str) -> bool:
    return float(row[f"{prefix}lower"]) <= 1.0 <= float(row[f"{prefix}upper"])


def plot_wars(rows: Sequence[Row], beside: str = PUBLISHED, width: float = WIDE) -> Figure:
    """Forest plot: hazard ratios with their intervals on a log scale, and beside each the published one or the placebo lead's."""
    with chart(width, 1.3 + 0.3 * len(rows)) as (figure, axes):
        for prefix, label, shift, colour in (("", "fitted here", -0.14, MAIN), (f"{beside}_", beside, 0.14, SECOND)):
            own = [(place + shift, row) for place, row in enumerate(rows) if row[f"{prefix}ratio"]]
            if own:
                at = [place for place, _ in own]
                ratio, lower, upper = (np.array([float(row[prefix + name]) for _, row in own]) for name in ("ratio", "lower", "upper"))
                axes.hlines(at, lower, upper, color=colour, linewidth=1.2)
                axes.plot(ratio, at, "o", color=colour, markersize=3.5, label=label)
        axes.set_xscale("log")
        axes.axvline(1.0, color=INK, linewidth=0.8)
        axes.set_xticks([0.5, 0.7, 1, 1.5, 2, 3], ["0.5", "0.7", "1", "1.5", "2", "3"])
        axes.xaxis.set_minor_formatter(NullFormatter())
        label_rows(axes, [f"{row['mechanism']}, per {row['per']}" for row in rows], 7.5)
        axes.set_xlabel("hazard ratio of the return of talks, 5–95 %")
        axes.set_title("What other wars say")
        figure.legend(loc="outside lower left", ncols=2)
    return figure
