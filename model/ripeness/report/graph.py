"""The model's graph, drawn in layers: causes above what they cause, quantities of one plate side by side in a box."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from ripeness.report.svg import FAINT, GRID, INK, MAIN, PAPER, SECOND, THIRD, chart_style

PER_ROW = 7
COLOURS = {"free": MAIN, "deterministic": FAINT, "data": THIRD, "observed": SECOND, "potential": SECOND}


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
    with chart_style():
        figure = Figure(figsize=(1.55 * PER_ROW, 0.72 * rows + 0.3), layout="constrained")
        axes = figure.add_subplot()
        axes.set_axis_off()
        axes.set_xlim(-0.55, PER_ROW - 0.45)
        axes.set_ylim(rows - 0.45, -0.6)
        for start, end in edges:
            (x0, y0), (x1, y1) = spots[start], spots[end]
            arrow = FancyArrowPatch(
                (x0, y0 + 0.16),
                (x1, y1 - 0.18),
                arrowstyle="-|>",
                mutation_scale=6,
                color=FAINT,
                linewidth=0.5,
                alpha=0.6,
                shrinkA=0,
                shrinkB=0,
                connectionstyle="arc3,rad=0.04",
            )
            axes.add_patch(arrow)
        _plates(axes, nodes, spots)
        for node in nodes:
            x, y = spots[node["id"]]
            colour = COLOURS.get(str(node["kind"]).split("_")[0], FAINT)
            box = FancyBboxPatch(
                (x - 0.42, y - 0.12),
                0.84,
                0.24,
                boxstyle="round,pad=0.02,rounding_size=0.08",
                facecolor=PAPER,
                edgecolor=colour,
                linewidth=1.4 if node["kind"] != "deterministic" else 0.8,
            )
            axes.add_patch(box)
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
        axes.add_patch(
            FancyBboxPatch(
                (x - 0.46, y - 0.21),
                last - x + 0.92,
                0.5,
                boxstyle="round,pad=0.0,rounding_size=0.05",
                facecolor="none",
                edgecolor=GRID,
                linewidth=0.9,
            )
        )
        axes.text(last + 0.44, y + 0.275, plate[x, y], ha="right", va="bottom", fontsize=5.8, color=FAINT)
