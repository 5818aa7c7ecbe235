"""How every chart is drawn: one style, axes in dates, per cent and labelled rows, and the figure as inline SVG or as a file.

An SVG has the same bytes every time, ids that cannot clash, colours that follow the page, and words for who cannot see it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.dates as mdates
import numpy as np
from markupsafe import Markup, escape
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter, NullLocator
from numpy.typing import NDArray

from ripeness.files import replacing

# Colours are written as these and then replaced by the page's own variables, so that a chart is legible on light and on dark.
INK, FAINT, GRID, PAPER = "#101112", "#717273", "#d1d2d3", "#fdfefd"
MAIN, SECOND, THIRD, WARN = "#115599", "#bb6611", "#228866", "#aa2244"
TOKENS = {
    INK: "--ink",
    FAINT: "--faint",
    GRID: "--rule",
    PAPER: "--paper",
    MAIN: "--main",
    SECOND: "--second",
    THIRD: "--third",
    WARN: "--warn",
}
SERIES = (MAIN, SECOND, THIRD, WARN)
WIDE, NARROW, HALF = 8.8, 4.9, 4.7  # inches: across the page, on a telephone, beside another chart
STYLE = {
    "svg.hashsalt": "ripeness",
    "svg.fonttype": "none",
    "text.parse_math": False,  # a dollar in a title is a dollar
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 8.5,
    "text.color": INK,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.titlesize": 9,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.labelsize": 8.5,
    "grid.color": GRID,
    "grid.linewidth": 0.5,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "figure.facecolor": "none",
    "savefig.facecolor": "none",
    "savefig.bbox": None,  # PreliZ sets another for the whole process once a fit has loaded it
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "lines.linewidth": 1.4,
    "lines.solid_capstyle": "round",
    "path.simplify": True,
    "path.simplify_threshold": 0.3,
}

SPARKS = 90  # places along a sparkline
POINTS = 72  # of the SVG, to the inch
DOTS = 200  # of a PNG, to the inch
NO_METADATA = {".svg": {"Date": None, "Creator": None}, ".png": {"Software": None}}

_FONT = re.compile(r"font: ([^;\"]*?)'DejaVu Sans'[^;\"]*")
_NUMBER = re.compile(r"(?<![\w#])-?\d+\.\d{2,}")
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)


@contextmanager
def chart(width: float, height: float) -> Iterator[tuple[Figure, Axes]]:
    """A figure with one pair of axes, in the style of every chart; the style holds within the block.

    Parameters
    ----------
    width, height : float
        Inches.
    """
    with charts(width, height) as (figure, grid):
        yield figure, grid.item()


@contextmanager
def charts(width: float, height: float, rows: int = 1, columns: int = 1, **shared: bool) -> Iterator[tuple[Figure, NDArray[Any]]]:
    """The same with several axes, (row, column); `shared` as in `Figure.subplots`."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        yield figure, figure.subplots(rows, columns, squeeze=False, **shared)  # type: ignore[call-overload]


def dates_of(days: Iterable[Any]) -> NDArray[np.datetime64]:
    """Days as matplotlib takes them."""
    return np.array([str(day)[:10] for day in days], dtype="datetime64[D]")


def date_axis(axes: Axes) -> None:
    """Few dates along x, each as short as can be."""
    locator = mdates.AutoDateLocator(minticks=3, maxticks=7)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(mdates.ConciseDateFormatter(locator, show_offset=False))


def percent_axis(axis: Axis) -> None:
    """Probabilities in per cent."""
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.3g} %"))


def log_percent_axis(axes: Axes) -> None:
    """Probabilities in per cent along y, on a log scale with ticks at 1 and 3 of each decade."""
    axes.set_yscale("log")
    low, high = axes.get_ylim()
    axes.yaxis.set_major_locator(FixedLocator([m * 10.0**e for e in range(-6, 1) for m in (1, 3) if low <= m * 10.0**e <= high]))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_minor_formatter(NullFormatter())
    percent_axis(axes.yaxis)


def label_rows(axes: Axes, labels: Sequence[str], size: float = 8.5) -> None:
    """A label for each row 0, 1, … from the top, without ticks or lines across."""
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.5, -0.75)
    axes.grid(axis="y", visible=False)
    axes.tick_params(axis="y", length=0, labelsize=size)
    axes.spines["left"].set_visible(False)


def write_text(axes: Axes, text: str, x: float, y: float, dx: float, dy: float, **looks: Any) -> None:
    """A few words beside a point, so many points (1/72 inch) off."""
    axes.annotate(text, (x, y), xytext=(dx, dy), textcoords="offset points", **{"ha": "center", "color": INK, "fontsize": 8, **looks})


def write_chart(path: Path, figure: Figure) -> None:
    """A chart as a file, SVG or PNG by the path's suffix: the same bytes for the same chart."""
    with mpl.rc_context(STYLE), replacing(path) as temporary:
        figure.savefig(temporary, format=path.suffix[1:], dpi=DOTS, facecolor="white", metadata=NO_METADATA[path.suffix])


def both_widths(name: str, text: str, plot: Callable[[float], Figure]) -> Markup:
    """A chart drawn twice, for wide and for narrow pages; the style sheet shows one of them."""
    wide = render_svg(plot(WIDE), f"{name}-w", text)
    narrow = render_svg(plot(NARROW), f"{name}-n", text)
    return Markup('<div class="wide">{}</div><div class="narrow">{}</div>').format(wide, narrow)


def one_width(name: str, text: str, figure: Figure) -> Markup:
    """A chart drawn once, to be scrolled where the page is narrower: for what is folded away."""
    return Markup('<div class="scroll" tabindex="0">{}</div>').format(render_svg(figure, f"{name}-w", text))


def render_svg(figure: Figure, name: str, text: str, keep: Collection[str] = ()) -> Markup:
    """A figure as inline SVG.

    Parameters
    ----------
    figure : Figure
    name : str
        Unique on the page; the prefix of every id.
    text : str
        What is to be seen, in words and numbers.
    keep : collection of str
        Ids that stay in the figure though nothing in it refers to them, for what changes it later.
    """
    buffer = StringIO()
    with mpl.rc_context(STYLE):
        FigureCanvasSVG(figure).print_svg(buffer, metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    source = buffer.getvalue()
    source = source[source.index("<svg") :]
    source = re.sub(r"<metadata>.*?</metadata>", "", source, flags=re.DOTALL)
    source = re.sub(r"<style type=\"text/css\">.*?</style>", "", source, flags=re.DOTALL)
    source = _COMMENT.sub("", source)
    view = re.search(r'viewBox="([^"]+)"', source)
    assert view is not None
    body = source[source.index(">") + 1 : source.rindex("</svg>")]
    used = {*keep, *re.findall(r'(?:href="#|url\(#)([^")]+)', body)}
    body = re.sub(r' id="([^"]+)"', lambda m: f' id="{name}-{m[1]}"' if m[1] in used else "", body)
    body = re.sub(r'(xlink:)?href="#', f'href="#{name}-', body)
    body = body.replace("url(#", f"url(#{name}-")
    body = _FONT.sub(r"font: \1var(--font)", body)
    for colour, variable in TOKENS.items():
        body = re.sub(re.escape(colour), f"var({variable})", body, flags=re.IGNORECASE)
    body = _NUMBER.sub(lambda m: f"{float(m[0]):.2f}".rstrip("0").rstrip("."), body)
    body = re.sub(r"<defs>\s*</defs>", "", body)
    body = re.sub(r">\s+<", "><", body).strip()
    body = re.sub(r"\n\s*", " ", body)
    return (
        Markup('<svg class="chart" role="img" viewBox="{}" aria-labelledby="{}-t"><title id="{}-t">{}</title>').format(
            view[1], name, name, text
        )
        + Markup(body)
        + Markup("</svg>")
    )


def axes_frame(figure: Figure) -> list[float]:
    """Where the only axes of a rendered figure lie in its SVG: left, right, bottom and top, in units of its view box."""
    (axes,) = figure.axes
    (width, height), box = POINTS * figure.get_size_inches(), axes.get_position()
    return [round(float(end), 3) for end in (width * box.x0, width * box.x1, height * (1 - box.y0), height * (1 - box.y1))]


def sparkline(name: str, values: Sequence[float], text: str) -> Markup:
    """A path as a line of a word's height, with zero and its last place marked; `text` says the same in words."""
    path = np.asarray(values, float)
    if len(path) > SPARKS:
        path = path[np.linspace(0, len(path) - 1, SPARKS).round().astype(int)]
    low, high = min(float(path.min()), 0.0), max(float(path.max()), 0.0)
    x, y = np.linspace(2, 116, len(path)), 22 - 20 * (np.append(path, 0.0) - low) / ((high - low) or 1.0)
    points = " ".join(f"{a:.0f},{b:.1f}" for a, b in zip(x, y, strict=False))
    return Markup('<svg class="spark" role="img" viewBox="0 0 120 24" aria-labelledby="{}"><title id="{}">{}</title>').format(
        name, name, text
    ) + Markup(f'<path class="zero" d="M2 {y[-1]:.1f}H116"/><polyline points="{points}"/><circle cx="116" cy="{y[-2]:.1f}" r="2.5"/></svg>')


def strip(name: str, prior: Mapping[str, Any], posterior: Mapping[str, Any], text: str) -> Markup:
    """Prior and posterior of one quantity as two bars, one above the other, each with its median; on a log scale where it spans decades.

    Parameters
    ----------
    name : str
        Unique on the page.
    prior, posterior : mapping
        lower, median and upper, in the same unit.
    text : str
        The same in words and numbers.
    """
    intervals = np.array([[q["lower"], q.get("median", q.get("mean")), q["upper"]] for q in (prior, posterior)], dtype=float)
    if (intervals > 0).all() and intervals.max() > 12 * intervals.min():
        intervals = np.log(intervals)
    low, high = float(intervals.min()), float(intervals.max())
    x = 4 + 172 * (intervals - low) / ((high - low) or 1.0)
    bars = "".join(
        f'<rect class="{kind}" x="{a:.1f}" y="{y}" width="{max(c - a, 1.5):.1f}" height="{height}" rx="1.5"/>'
        f'<rect class="{kind}-mid" x="{b - 1:.1f}" y="{y - 2}" width="2" height="{height + 4}"/>'
        for kind, y, height, (a, b, c) in (("was", 5, 3, x[0]), ("is", 14, 5, x[1]))
    )
    return (
        Markup('<svg class="strip" role="img" viewBox="0 0 180 24" aria-labelledby="{}"><title id="{}">{}</title>').format(
            name, name, escape(text)
        )
        + Markup(bars)
        + Markup("</svg>")
    )
