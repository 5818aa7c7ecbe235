"""Charts: each takes data and returns a figure; no files, no model, no page.

Bands are 5-95 % ranges, lines are means (hazards) or medians (factors); dates are Sundays of weeks; widths are in inches.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from matplotlib.ticker import FixedLocator, MaxNLocator
from numpy.typing import NDArray

from ripeness.report.drawing import (
    FAINT,
    GRID,
    HALF,
    INK,
    MAIN,
    PAPER,
    SECOND,
    SERIES,
    THIRD,
    WARN,
    WIDE,
    chart,
    charts,
    date_axis,
    dates_of,
    label_rows,
    log_percent_axis,
    percent_axis,
    write_text,
)

Array = NDArray[np.float64]
PER_ROW = 7  # boxes of the model's graph beside each other
COLOURS = {"free": MAIN, "deterministic": FAINT, "data": THIRD, "observed": SECOND, "potential": SECOND}


def plot_hazard_past(past: Mapping[str, Any], rounds: Sequence[str], width: float = WIDE) -> Figure:
    """The weekly chance of a round through the record, with the outside view and the rounds that were held.

    Parameters
    ----------
    past : mapping
        weeks, mean, lower, upper and outside_mean, each (week,); probabilities in [0, 1].
    rounds : sequence of str
        Days of the rounds on record.
    """
    with chart(width, 3.3) as (figure, axes):
        weeks = dates_of(past["weeks"])
        lower = np.maximum(np.asarray(past["lower"], float), 1e-5)
        axes.fill_between(weeks, lower, past["upper"], color=MAIN, alpha=0.2, linewidth=0, label="5–95 %")
        axes.plot(weeks, past["mean"], color=MAIN, label="with the factors")
        axes.plot(weeks, past["outside_mean"], color=SECOND, linewidth=1.1, linestyle="--", label="outside view")
        held = dates_of(rounds)
        top = float(np.max(past["upper"])) * 1.6
        axes.plot(held, np.full(len(held), top), "v", color=WARN, markersize=6, linestyle="none", label="round held", clip_on=False)
        axes.set_ylim(max(float(np.min(lower)) * 0.8, 2e-4), min(top * 1.15, 1.3))
        log_percent_axis(axes)
        date_axis(axes)
        axes.set_title("Chance of a round in the week", pad=12)
        figure.legend(loc="outside lower left", ncols=4 if width > 6 else 2)
    return figure


def plot_hazard_ahead(ahead: Mapping[str, Any], width: float = HALF) -> Figure:
    """The weekly chance of a round ahead, while dormancy runs on.

    Parameters
    ----------
    ahead : mapping
        weeks, and for "mixture" and "outside" hazard_mean (and hazard_lower, hazard_upper), each (ahead,); in [0, 1].
    """
    return _ahead(ahead, "hazard", "Chance of a first round in the week", width)


def plot_by_week(ahead: Mapping[str, Any], width: float = HALF) -> Figure:
    """The chance of at least one round up to each week ahead: by_week_mean, by_week_lower, by_week_upper, each (ahead,)."""
    return _ahead(ahead, "by_week", "Chance of at least one round by then", width)


def _ahead(ahead: Mapping[str, Any], what: str, title: str, width: float) -> Figure:
    with chart(width, 2.9) as (figure, axes):
        weeks, mixture, outside = dates_of(ahead["weeks"]), ahead["mixture"], ahead["outside"]
        axes.fill_between(weeks, mixture[f"{what}_lower"], mixture[f"{what}_upper"], color=MAIN, alpha=0.2, linewidth=0, label="5–95 %")
        axes.plot(weeks, mixture[f"{what}_mean"], color=MAIN, label="forecast")
        axes.plot(weeks, outside[f"{what}_mean"], color=SECOND, linestyle="--", linewidth=1.1, label="outside view")
        axes.set_ylim(0, None)
        percent_axis(axes.yaxis)
        date_axis(axes)
        axes.set_title(title)
        figure.legend(loc="outside lower left", ncols=3)
    return figure


def plot_what_if(by_week: Sequence[float], horizons: Sequence[int], width: float = HALF) -> Figure:
    """The chance of at least one round by each week ahead, and a line with the id "what-if" that the page's panel moves.

    Parameters
    ----------
    by_week : sequence of float (ahead,)
        As forecast, in [0, 1].
    horizons : sequence of int
        Weeks that are marked.
    """
    with chart(width, 2.3) as (figure, axes):
        weeks, chances = np.arange(len(by_week) + 1), [0.0, *by_week]
        for horizon in horizons:
            axes.axvline(horizon, color=GRID, linewidth=1.0, linestyle=":")
        axes.plot(weeks, chances, color=FAINT, linewidth=1.6, label="forecast")
        axes.plot(weeks, chances, color=MAIN, linewidth=2.0, label="what if", gid="what-if")
        axes.set_xlim(0, weeks[-1])
        axes.set_ylim(0, 1)
        axes.set_xticks([0, *horizons])
        axes.set_yticks([0, 0.25, 0.5, 0.75, 1])
        percent_axis(axes.yaxis)
        axes.set_title("Chance of at least one round by then")
        axes.set_xlabel("weeks from the forecast’s day")
        figure.legend(loc="outside lower left", ncols=2)
    return figure


def plot_steps(steps: Sequence[tuple[str, float, float | None, float | None]], width: float = WIDE) -> Figure:
    """How a probability comes about: one dot a step, its interval where it has one.

    Parameters
    ----------
    steps : sequence of (label, probability, lower, upper)
        From the first to the result; probabilities in [0, 1].
    """
    with chart(width, 0.7 + 0.36 * len(steps)) as (figure, axes):
        for place, (_, value, low, high) in enumerate(steps):
            colour = MAIN if place == len(steps) - 1 else SECOND if place == 0 else FAINT
            if low is not None and high is not None:
                axes.plot([low, high], [place, place], color=colour, linewidth=5, alpha=0.3, solid_capstyle="butt")
            axes.plot([value], [place], "o", color=colour, markersize=7)
            write_text(axes, f"{100 * value:.0f} %", value, place, 0, 7, fontsize=8.5)
        label_rows(axes, [step[0] for step in steps])
        axes.set_xlim(0, None)
        axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
        percent_axis(axes.xaxis)
    return figure


def plot_conditions(conditions: Sequence[Mapping[str, Any]], width: float = WIDE) -> Figure:
    """How open each condition is now, against its usual share of open weeks before and after the data.

    Parameters
    ----------
    conditions : sequence of mapping
        label, and mean, lower, upper of open_now, usual_prior and usual_posterior, in [0, 1].
    """
    series = (
        ("usual_prior", "usual: before the data", FAINT, -0.24),
        ("usual_posterior", "usual: after the data", THIRD, 0.0),
        ("open_now", "open now", MAIN, 0.24),
    )
    with chart(width, 0.9 + 0.62 * len(conditions)) as (figure, axes):
        for key, label, colour, shift in series:
            y = np.arange(len(conditions)) + shift
            mean, lower, upper = ([c[key][name] for c in conditions] for name in ("mean", "lower", "upper"))
            axes.hlines(y, lower, upper, color=colour, linewidth=4, alpha=0.35)
            axes.plot(mean, y, "o", color=colour, markersize=5, label=label)
        label_rows(axes, [c["label"] for c in conditions])
        axes.set_xlim(0, 1)
        percent_axis(axes.xaxis)
        figure.legend(loc="outside lower left", ncols=3 if width > 6 else 2)
    return figure


def factor_frame(lower: Array, upper: Array, values: Sequence[Array]) -> tuple[float, float]:
    """Limits that hold the whole band and most points, but never let stray points flatten the band to less than half of the frame."""
    low, high = float(np.min(lower)), float(np.max(upper))
    spare = (high - low) / 2
    seen = np.concatenate([np.asarray(value, float) for value in values]) if values else np.array([])
    if len(seen):
        low, high = min(low, max(float(np.quantile(seen, 0.01)), low - spare)), max(high, min(float(np.quantile(seen, 0.99)), high + spare))
    return low - 0.1 * spare, high + 0.1 * spare


def plot_factor(
    weeks: Sequence[Any],
    lower: Array,
    median: Array,
    upper: Array,
    points: Mapping[str, tuple[Sequence[Any], Array]],
    plus: str,
    width: float = HALF,
) -> Figure:
    """The path of one factor with the values that speak of it.

    Parameters
    ----------
    weeks : sequence of day (week,)
    lower, median, upper : ndarray (week,)
        In units of the factor: 0 is usual, 1 a typical departure.
    points : mapping
        Indicator title to its weeks and values in units of the factor.
    plus : str
        What high means.
    """
    colours, marks = (SECOND, THIRD, WARN, FAINT, INK), ("o", "s", "^", "D", "v")
    with chart(width, 2.3 + 0.17 * len(points)) as (figure, axes):
        along = dates_of(weeks)
        axes.axhline(0, color=FAINT, linewidth=0.6)
        for place, (title, (when, value)) in enumerate(points.items()):
            colour, mark = colours[place % len(colours)], marks[place % len(marks)]
            few = len(value) < 60
            axes.plot(
                dates_of(when),
                value,
                mark,
                color=colour,
                markersize=3.6 if few else 2.2,
                alpha=0.9 if few else 0.6,
                linestyle="none",
                label=title,
                markeredgewidth=0,
            )
        axes.fill_between(along, lower, upper, color=MAIN, alpha=0.22, linewidth=0)
        axes.plot(along, median, color=MAIN, linewidth=1.1)
        axes.set_ylim(*factor_frame(lower, upper, [value for _, value in points.values()]))
        axes.yaxis.set_major_locator(MaxNLocator(5))
        date_axis(axes)
        axes.set_title(f"↑ {plus}", fontweight="normal", fontsize=8.5)
        if points:
            legend = figure.legend(loc="outside lower left", ncols=1, handletextpad=0.2, labelspacing=0.25, fontsize=8)
            for handle in legend.legend_handles:
                handle.set_markersize(4.5)  # type: ignore[union-attr]
                handle.set_alpha(1)  # type: ignore[union-attr]
    return figure


def plot_ranks(quantities: Mapping[str, Array], effective: Mapping[str, float], width: float = WIDE) -> Figure:
    """Ranks of each chain's draws among all: the difference of their distribution from the uniform one, which is 0 where chains agree.

    After Säilynoja, Bürkner and Vehtari (2022), "Graphical test for discrete uniformity"; the grey band is three standard deviations of a
    chain with its share of the effective draws.

    Parameters
    ----------
    quantities : mapping
        Label to draws (chain, draw).
    effective : mapping
        Label to bulk effective sample size over all chains.
    """
    columns = 2 if width < 6 else 3
    lines = -(-len(quantities) // columns)
    with charts(width, 0.2 + 1.55 * lines, lines, columns, sharex=True, sharey=True) as (figure, grid):
        for axes, (label, draws) in zip(grid.flat, quantities.items(), strict=False):
            chains = draws.shape[0]
            ranks = (draws.ravel().argsort().argsort().reshape(draws.shape) + 0.5) / draws.size
            at = np.linspace(0, 1, 61)
            band = 3 * np.sqrt(at * (1 - at) * (1 - 1 / chains) / (effective[label] / chains))
            axes.fill_between(at, -band, band, color=GRID, alpha=0.6, linewidth=0)
            for chain, colour in zip(ranks, SERIES * (1 + chains // 4), strict=False):
                axes.plot(at, np.searchsorted(np.sort(chain), at, side="right") / len(chain) - at, color=colour, linewidth=0.9)
            axes.set_title(label, fontsize=8.5, fontweight="normal")
            axes.xaxis.set_major_locator(FixedLocator([0, 0.5, 1]))
            axes.yaxis.set_major_locator(MaxNLocator(4))
        for axes in grid.flat[len(quantities) :]:
            axes.set_visible(False)
    return figure


def plot_essence(row: Mapping[str, Any], outside: float, width: float = WIDE) -> Figure:
    """The headline on a line from 0 to 100 %: probability, range and outside view; all in [0, 1]."""
    with chart(width, 0.85) as (figure, axes):
        axes.axhline(0, color=GRID, linewidth=1)
        axes.plot([row["lower"], row["upper"]], [0, 0], color=MAIN, linewidth=8, alpha=0.3, solid_capstyle="butt")
        axes.plot([outside], [0], "|", color=SECOND, markersize=15, markeredgewidth=2)
        axes.plot([row["probability"]], [0], "o", color=MAIN, markersize=9, markeredgecolor=PAPER)
        right = outside >= row["probability"]
        shift, align = (5, "left") if right else (-5, "right")
        write_text(axes, "outside view", outside, 0, shift, 9, ha=align, color=SECOND)
        axes.set_xlim(0, 1)
        axes.set_ylim(-1, 1)
        axes.set_yticks([])
        percent_axis(axes.xaxis)
        axes.set_xticks([0, 0.25, 0.5, 0.75, 1])
        axes.grid(visible=False)
        for edge in ("left", "bottom"):
            axes.spines[edge].set_visible(False)
        axes.tick_params(length=0)
    return figure


def layers_of(nodes: Sequence[str], edges: Sequence[Sequence[str]]) -> list[list[str]]:
    """Nodes by layer, the causes first; each stands just above the nearest of its effects.

    Raises
    ------
    ValueError
        If the edges run in a circle.
    """
    below: dict[str, list[str]] = defaultdict(list)
    for start, end in edges:
        below[start].append(end)
    height: dict[str, int] = {}
    for _ in range(len(nodes) + 1):
        before = dict(height)
        for node in nodes:
            height[node] = 1 + max((height.get(child, 0) for child in below[node]), default=-1)
        if height == before:
            break
    else:
        raise ValueError("the model's graph runs in a circle")
    top = max(height.values(), default=0)
    return [[node for node in nodes if top - height[node] == level] for level in range(top + 1)]


def place_nodes(nodes: Sequence[Mapping[str, Any]], edges: Sequence[Sequence[str]]) -> dict[str, tuple[float, float]]:
    """Column and row of each node: neighbours of a plate together, otherwise below the mean of its causes."""
    plate = {node["id"]: str(node["plate"] or "") for node in nodes}
    above: dict[str, list[str]] = defaultdict(list)
    for start, end in edges:
        above[end].append(start)
    spots: dict[str, tuple[float, float]] = {}
    row = 0
    for layer in layers_of(list(plate), edges):
        pull = {node: sum(spots[a][0] for a in above[node] if a in spots) / max(len(above[node]), 1) for node in layer}
        by_plate: dict[str, list[str]] = defaultdict(list)
        for node in layer:
            by_plate[plate[node]].append(node)
        order = sorted(by_plate, key=lambda name: (sum(pull[n] for n in by_plate[name]) / len(by_plate[name]), name))
        line = [node for name in order for node in sorted(by_plate[name], key=lambda n: (pull[n], n))]
        for first in range(0, len(line), PER_ROW):
            part = line[first : first + PER_ROW]
            offset = (PER_ROW - len(part)) / 2
            for column, node in enumerate(part):
                spots[node] = (offset + column, float(row))
            row += 1
    return spots


def plot_graph(graph: Mapping[str, Any]) -> Figure:
    """The model's graph.

    Parameters
    ----------
    graph : mapping
        nodes (id, kind, plate) and edges (from, to).
    """
    nodes, edges = graph["nodes"], list(graph["edges"])
    spots = place_nodes(nodes, edges)
    rows = 1 + max((spot[1] for spot in spots.values()), default=0)
    with chart(1.55 * PER_ROW, 0.72 * rows + 0.3) as (figure, axes):
        axes.set_axis_off()
        axes.set_xlim(-0.55, PER_ROW - 0.45)
        axes.set_ylim(rows - 0.45, -0.6)
        for start, end in edges:
            (x0, y0), (x1, y1) = spots[start], spots[end]
            arrow: dict[str, Any] = {"arrowstyle": "-|>", "mutation_scale": 6, "color": FAINT, "linewidth": 0.5, "alpha": 0.6}
            arrow |= {"shrinkA": 0, "shrinkB": 0, "connectionstyle": "arc3,rad=0.04"}
            axes.add_patch(FancyArrowPatch((x0, y0 + 0.16), (x1, y1 - 0.18), **arrow))
        _plates(axes, nodes, spots)
        for node in nodes:
            x, y = spots[node["id"]]
            colour = COLOURS.get(str(node["kind"]).split("_")[0], FAINT)
            line = 1.4 if node["kind"] != "deterministic" else 0.8
            _box(
                axes,
                (x - 0.42, y - 0.12),
                0.84,
                0.24,
                "round,pad=0.02,rounding_size=0.08",
                facecolor=PAPER,
                edgecolor=colour,
                linewidth=line,
            )
            axes.text(x, y, node["id"], ha="center", va="center", fontsize=7 if len(node["id"]) < 18 else 5.8, color=INK)
    return figure


def _plates(axes: Any, nodes: Sequence[Mapping[str, Any]], spots: Mapping[str, tuple[float, float]]) -> None:
    """A box around each run of neighbours of one plate, named below."""
    plate = {spots[node["id"]]: node["plate"] for node in nodes}
    done: set[tuple[float, float]] = set()
    for x, y in sorted(plate, key=lambda spot: (spot[1], spot[0])):
        if (x, y) in done or not plate[x, y]:
            continue
        last = x
        while plate.get((last + 1, y)) == plate[x, y]:
            last += 1
        done |= {(x + step, y) for step in range(int(last - x) + 1)}
        frame = "round,pad=0.0,rounding_size=0.05"
        _box(axes, (x - 0.46, y - 0.21), last - x + 0.92, 0.5, frame, facecolor="none", edgecolor=GRID, linewidth=0.9)
        axes.text(last + 0.44, y + 0.275, plate[x, y], ha="right", va="bottom", fontsize=5.8, color=FAINT)


def _box(axes: Any, corner: tuple[float, float], width: float, height: float, style: str, **looks: Any) -> None:
    axes.add_patch(FancyBboxPatch(corner, width, height, style, **looks))
