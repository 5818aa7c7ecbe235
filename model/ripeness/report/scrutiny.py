"""What the studies of calibration, sensitivity and claims say: sentences, tables and charts from what they left in reports/studies/.

Nothing is computed anew: each function reads small tables. Where a study has not been run there is nothing to say, and None is returned.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter
from numpy.typing import NDArray

from ripeness.inference.checks import flag_leaning
from ripeness.report.charts import WIDE
from ripeness.report.sentences import count, day, join, number, percent, sentence, signed
from ripeness.report.svg import FAINT, GRID, INK, MAIN, SECOND, WARN, chart_style

Array = NDArray[np.float64]
Row = Mapping[str, str]
SBC, SENSITIVITY, SCORECARD = "sbc", "sensitivity", "scorecard"
CLAIM, INDICATOR, EVIDENCE, PRIOR, LIKELIHOOD = "claim muted", "indicator removed", "evidence", "prior scaled", "likelihood scaled"
EVIDENCE_WORDS = {
    "priors alone": "the priors by themselves give",
    "indicators only": "with the indicators alone it would be",
    "rounds only": "with the record of rounds alone",
}
SIZE = 0.05
RANK = "rank "
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


# --- Sensitivity ------------------------------------------------------------------------------------------------------------------------


def sensitivity_said(rows: Sequence[Row], headline: float) -> list[str]:
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

    said = []
    evidence = {row["what"]: headline + points(row) / 100 for row in rows if row["kind"] == EVIDENCE}
    told = [f"{words} {percent(evidence[what])}" for what, words in EVIDENCE_WORDS.items() if what in evidence]
    if told:
        said.append(f"{sentence(join(told))}; all together {number(100 * headline, 3)}\u00a0%.")
    claim = strongest(CLAIM)
    if claim:
        said.append(
            f"The claim whose silence would move it most is “{claim['what']}”: {signed(points(claim))} percentage points if its weight were zero."
        )
    indicator = strongest(INDICATOR)
    if indicator:
        said.append(f"The indicator that matters most is {indicator['what']}: {signed(points(indicator))} points without it.")
    scaled = strongest(PRIOR)
    if scaled:
        said.append(f"Of the priors, scaling that of the {scaled['what']} moves it most: {signed(points(scaled))} points.")
    return said


def leaning_said(rows: Sequence[Row], headline: float) -> list[str]:
    """A sentence for each indicator that alone moves the answer by more than the stated share; nothing is withheld for it."""
    changes = {row["what"]: float(row["change_points"]) / 100 for row in rows if row["kind"] == INDICATOR}
    return [sentence(flag.found) + "." for flag in flag_leaning(changes, headline)]


def plot_sensitivity(rows: Sequence[Row], width: float = WIDE, most: int = 30) -> Figure:
    """The changes of the headline, ranked: one bar each, coloured by kind."""
    shown = list(rows[:most])[::-1]
    colours = {CLAIM: MAIN, INDICATOR: SECOND, PRIOR: FAINT, LIKELIHOOD: FAINT}
    with chart_style():
        figure = Figure(figsize=(width, 1.0 + 0.22 * len(shown)), layout="constrained")
        axes = figure.add_subplot()
        changes = [float(row["change_points"]) for row in shown]
        axes.barh(range(len(shown)), changes, color=[colours.get(row["kind"], WARN) for row in shown], height=0.7)
        axes.axvline(0.0, color=INK, linewidth=0.8)
        axes.set_yticks(range(len(shown)), [f"{row['what']} ({row['kind']})" for row in shown])
        axes.tick_params(axis="y", length=0, labelsize=7.5)
        axes.grid(axis="y", visible=False)
        axes.set_xlabel("change of the headline, percentage points")
        axes.set_title("What the headline leans on")
    return figure


# --- Scorecard --------------------------------------------------------------------------------------------------------------------------


def scorecard_said(rows: Sequence[Row]) -> list[str]:
    """How many claims the record supports, contradicts and leaves unmoved, day by day."""
    said = []
    for as_of in sorted({row["as_of"] for row in rows}):
        own = [row for row in rows if row["as_of"] == as_of]
        verdicts = Counter(row["verdict"] for row in own)
        named = [f"{row['claim']} ({row['verdict']})" for row in own if row["verdict"] != "unmoved"]
        sentence = (
            f"By what was known on {day(as_of)}, of {count(len(own), 'claim')} that carry a weight the record supports "
            f"{verdicts['supported'] or 'none'}, contradicts {verdicts['contradicted'] or 'none'} and leaves "
            f"{verdicts['unmoved'] or 'none'} where the essay put them"
        )
        said.append(sentence + (f": {join(named)}." if named else "."))
    newest = [row for row in rows if row["as_of"] == max(row["as_of"] for row in rows)] if rows else []
    if newest:
        furthest = max(newest, key=lambda row: abs(np.log(float(row["odds_ratio"]))))
        said.append(
            f"The furthest moved is {furthest['claim']}: its odds are {number(float(furthest['odds_ratio']))} times what they were. So few rounds "
            "cannot tell much more about so many weights."
        )
    return said


def scorecard_table(details: Sequence[Row], reading: str = "as_written") -> list[dict[str, Any]]:
    """A readable row for each claim as of the newest day, the furthest moved first; with the verdict of the earlier day beside it.

    Returns
    -------
    list of dict
        claim, effect, claimed, prior, posterior, odds_ratio, verdict, before (verdict of the earlier day, or None), record (a sentence on where
        the factor stood before rounds).
    """
    own = [row for row in details if row["reading"] == reading]
    days = sorted({row["as_of"] for row in own})
    before = {row["claim"]: row["verdict"] for row in own if len(days) > 1 and row["as_of"] == days[0]}
    rows = []
    for row in (row for row in own if row["as_of"] == days[-1]):
        low, higher, high = (float(row[name]) for name in ("stood_lower", "stood_higher", "stood_upper"))
        rows.append(
            {
                **{name: row[name] for name in ("claim", "effect", "claimed", "verdict")},
                **{name: float(row[name]) for name in ("prior", "posterior", "odds_ratio", "lower", "upper")},
                "before": before.get(row["claim"]),
                "record": f"In the weeks before the {row['rounds']} weeks with a round, what it speaks of stood {number(abs(higher))} units "
                f"{'higher' if higher > 0 else 'lower'} than in other weeks (5–95 % of the difference: {signed(low)} to {signed(high)}).",
            }
        )
    return sorted(rows, key=lambda row: -abs(np.log(row["odds_ratio"])))


def plot_scorecard(details: Sequence[Row], width: float = WIDE, reading: str = "as_written") -> Figure:
    """Odds ratios of all claims on a log scale, as of each day, with their Monte Carlo error and the two thresholds."""
    own = [row for row in details if row["reading"] == reading]
    days = sorted({row["as_of"] for row in own})
    claims = list(dict.fromkeys(row["claim"] for row in own))[::-1]
    with chart_style():
        figure = Figure(figsize=(width, 1.2 + 0.22 * len(claims)), layout="constrained")
        axes = figure.add_subplot()
        for place, as_of in enumerate(days):
            found = {row["claim"]: row for row in own if row["as_of"] == as_of}
            at = [claims.index(name) + 0.16 * (1 if place else -1) for name in found]
            ratio, lower, upper = (np.array([float(row[name]) for row in found.values()]) for name in ("odds_ratio", "lower", "upper"))
            colour = (SECOND, MAIN)[min(place, 1)]
            axes.hlines(at, np.maximum(lower, 1e-2), np.minimum(upper, 1e2), color=colour, linewidth=1.2)
            axes.plot(ratio, at, "o", color=colour, markersize=3.5, label=f"as of {day(as_of)}")
        axes.set_xscale("log")
        for bound in (1 / 3, 3.0):
            axes.axvline(bound, color=GRID, linestyle="--", linewidth=1.0)
        axes.axvline(1.0, color=INK, linewidth=0.8)
        axes.set_xticks([0.2, 1 / 3, 0.5, 1, 2, 3, 5], ["0.2", "1/3", "0.5", "1", "2", "3", "5"])
        axes.xaxis.set_minor_formatter(FuncFormatter(lambda *_: ""))
        axes.set_yticks(range(len(claims)), claims)
        axes.tick_params(axis="y", length=0, labelsize=7.5)
        axes.set_xlabel("posterior over prior odds of the claimed sign; supported from 3, contradicted up to 1/3")
        axes.set_title("The claims against the record")
        figure.legend(loc="outside lower left", ncols=2)
    return figure


# --- Calibration ------------------------------------------------------------------------------------------------------------------------


def sbc_said(rows: Sequence[Row], notes: Mapping[str, Any]) -> list[str]:
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
    said = [
        f"In {simulations} wars simulated from the priors, {outcome}. {failed} of the short fits failed their gate; they were counted in."
    ]
    wrong = notes.get("wrong")
    if wrong:
        said.append(
            f"A model made wrong on purpose, which takes silence for weeks that nobody searched, is found out: {wrong['rejected']} of "
            f"{wrong['quantities']} quantities fail in {wrong['simulations']} wars."
            if wrong["rejected"]
            else f"A model made wrong on purpose was not found out in {wrong['simulations']} wars: the test is too weak."
        )
    future = notes.get("future")
    if future:
        said.append(
            f"Around the real data, with {future['simulations']} futures of a year simulated from the posterior and fitted again, "
            + (f"{future['rejected']} of {future['quantities']} quantities fail." if future["rejected"] else "none fails.")
        )
    held = notes.get("recovery", {})
    if "hazards 90" in held and "factors with indicators 90" in held:
        said.append(
            f"The 90 % intervals held {percent(held['hazards 90'][0])} of past hazards and {percent(held['factors with indicators 90'][0])} of weekly "
            "factors that have indicators."
        )
    if notes.get("predictions"):
        said.append(str(notes["predictions"]))
    return said


def plot_sbc(simulations: Sequence[Row], notes: Mapping[str, Any], width: float = WIDE) -> Figure:
    """Share of ranks up to each place less what uniform ranks would give: a line for each quantity, and the band that holds all of one line."""
    own = [row for row in simulations if row["model"] == "right"]
    wrong = [row for row in simulations if row["model"] == "wrong"]
    lower, upper = (np.asarray(notes["band"][side], float) for side in ("lower", "upper"))
    draws = len(lower)
    expected = np.arange(1, draws + 1) / (draws + 1)
    quantities = [name for name in own[0] if name.startswith(RANK) and name.removeprefix(RANK).startswith(SHOWN_RANKS)]
    with chart_style():
        figure = Figure(figsize=(width, 3.4), layout="constrained")
        panels = figure.subplots(1, 2, sharey=False)
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


def write_figure(path: Path, figure: Figure) -> None:
    """A chart as an SVG file, the same bytes for the same chart."""
    with chart_style():
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, format="svg", facecolor="white", metadata={"Date": None, "Creator": None})
