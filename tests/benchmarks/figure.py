"""Figures of the bench, as SVG that is the same bytes for the same table: fixed salt, no date, text as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

SALT = "ripeness"
ENGINE_COLOUR, RIVAL_COLOUR, OPEN_COLOUR = "#1f5a7a", "#8aa9b8", "#d9d9d9"


def save_svg(figure: Figure, path: Path) -> None:
    """Write a figure."""
    with mpl.rc_context({"svg.hashsalt": SALT, "svg.fonttype": "none"}):
        figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})


def draw_samplers(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Effective draws per second of every sampler, on a log scale; one that has not converged has no bar."""
    best = [float(row["min_ess_bulk_per_s"]) for row in rows if row["converged"] == "yes"]
    figure = Figure(figsize=(7.2, 0.9 + 0.42 * len(rows)), layout="constrained")
    axes = figure.subplots()
    for place, row in enumerate(rows):
        if row["converged"] == "yes":
            rate = float(row["min_ess_bulk_per_s"])
            axes.barh(place, rate, color=ENGINE_COLOUR if row["sampler"] == "ripeness" else RIVAL_COLOUR, height=0.62)
            axes.annotate(f"{rate:.3g}", (rate, place), xytext=(4, 0), textcoords="offset points", va="center", fontsize=9)
        else:
            label = f"not converged after {float(row['sample_s']):.0f} s"
            axes.annotate(label, (0.0, place), xycoords=("axes fraction", "data"), xytext=(4, 0), textcoords="offset points",
                          va="center", fontsize=9, color="#777777", style="italic")  # fmt: skip
    axes.set_yticks(np.arange(len(rows)), [f"{row['sampler']}, {row['density']}" for row in rows])
    axes.invert_yaxis()
    axes.set_xscale("log")
    if best:
        axes.set_xlim(min(best) / 4, max(best) * 2.5)
    axes.set_xlabel("effective draws per second of sampling, least of all quantities (log scale)")
    axes.spines[["top", "right"]].set_visible(False)
    save_svg(figure, path)
