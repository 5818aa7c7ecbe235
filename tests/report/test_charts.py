"""Charts: the data are in the artists, the SVG is the same every time and speaks."""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import xarray as xr
from matplotlib.figure import Figure

from ripeness.report import charts, figures
from ripeness.report.charts import layers_of, place_nodes, plot_graph
from ripeness.report.drawing import render_svg, strip


def lines(figure: Figure, label: str) -> np.ndarray:
    (found,) = [line for line in figure.axes[0].lines if line.get_label() == label]
    return np.asarray(found.get_ydata(), float)


def test_hazard_past_shows_mean_outside_and_rounds(summary: dict[str, Any]) -> None:
    figure = charts.plot_hazard_past(summary["hazard_past"], summary["rounds"])
    assert figure.axes[0].get_yscale() == "log"
    np.testing.assert_allclose(lines(figure, "with the factors"), summary["hazard_past"]["mean"])
    np.testing.assert_allclose(lines(figure, "outside view"), summary["hazard_past"]["outside_mean"])
    assert len(lines(figure, "round held")) == len(summary["rounds"])


@pytest.mark.parametrize(("plot", "key"), [(charts.plot_hazard_ahead, "hazard_mean"), (charts.plot_by_week, "by_week_mean")])
def test_ahead_shows_forecast_and_outside(summary: dict[str, Any], plot: Any, key: str) -> None:
    figure = plot(summary["ahead"])
    np.testing.assert_allclose(lines(figure, "forecast"), summary["ahead"]["mixture"][key])
    np.testing.assert_allclose(lines(figure, "outside view"), summary["ahead"]["outside"][key])


def test_steps_end_in_the_forecast(summary: dict[str, Any]) -> None:
    row = summary["forecasts"][1]
    steps = figures.steps_of(summary, row)
    assert steps[0][0] == "Outside view alone"
    assert steps[-1][1] == row["probability"]
    figure = charts.plot_steps(steps)
    shown = [float(line.get_xdata()[0]) for line in figure.axes[0].lines if line.get_marker() == "o"]  # type: ignore[index]
    np.testing.assert_allclose(shown, [step[1] for step in steps])


def test_conditions_show_means(summary: dict[str, Any]) -> None:
    figure = charts.plot_conditions(summary["conditions"])
    (now,) = [line for line in figure.axes[0].lines if line.get_label() == "open now"]
    np.testing.assert_allclose(np.asarray(now.get_xdata(), float), [0.2, 0.2])


def test_points_are_in_units_of_the_factor(summary: dict[str, Any], tree: xr.DataTree) -> None:
    points = figures.factor_points(tree, summary["factors"][0], {"bread": "Bread", "coal": "Coal"})
    np.testing.assert_allclose(points["Bread"][1], [0.0, 0.5, 1.0])  # less the level of 0.5
    np.testing.assert_allclose(points["Coal"][1], [1.0, 0.5])  # less the intercept of 1, over the loading of 2, less the level
    adds_up = summary["factors"][0] | {"reads": "cumulative", "read_ratio": 0.4}
    points = figures.factor_points(tree, adds_up, {"bread": "Bread", "coal": "Coal"})
    np.testing.assert_allclose(points["Bread"][1], [0.2, 0.4, 0.6])  # with the level, over the deviation of both
    np.testing.assert_allclose(points["Coal"][1], [0.6, 0.4])


def test_counts_are_shown_in_means() -> None:
    values = np.array([0.0, 0, 1, 3, 2, 2, 4, 4, 0, 0])
    scaled = 2 * np.log(np.maximum(values, 0.5)) - 1
    together, weeks = figures.counts_together(values, scaled, [str(n) for n in range(10)])
    np.testing.assert_allclose(together, [2 * np.log(2.0) - 1, 2 * np.log(0.25) - 1])
    assert weeks == ["4", "9"]


def test_stray_points_do_not_flatten_the_band() -> None:
    low, high = charts.factor_frame(np.array([-1.0]), np.array([1.0]), [np.array([-50.0, 0.0, 50.0])])
    assert -2.2 < low < -1
    assert 1 < high < 2.2
    assert charts.factor_frame(np.array([-1.0]), np.array([1.0]), []) == (-1.1, 1.1)


def test_factor_figure_says_where_the_path_jumps(summary: dict[str, Any], tree: xr.DataTree) -> None:
    factor = summary["factors"][1]
    picture = figures.factor_figure(factor, {}, tree)
    assert picture is not None
    assert "highest 2.0 in the week of 8 September 2030" in picture.replace("+", "")
    assert figures.factor_figure({key: value for key, value in factor.items() if key != "path"}, {}, tree) is None


def test_factor_shows_path_and_points(summary: dict[str, Any]) -> None:
    path = summary["factors"][0]["path"]
    weeks, median = path["weeks"], np.array(path["median"])
    figure = charts.plot_factor(weeks, median - 1, median, median + 1, {"Bread": (weeks[:3], np.array([0.0, 0.5, 1.0]))}, "plenty")
    assert any(len(line.get_ydata()) == len(median) and np.allclose(line.get_ydata(), median) for line in figure.axes[0].lines)  # type: ignore[arg-type]
    np.testing.assert_allclose(lines(figure, "Bread"), [0.0, 0.5, 1.0])


def test_ranks_are_flat_where_chains_agree_and_not_where_they_do_not() -> None:
    rng = np.random.default_rng(5)
    same = rng.normal(size=(4, 500))
    apart = same + np.array([[0.0], [0.0], [0.0], [3.0]])
    figure = charts.plot_ranks({"same": same, "apart": apart}, {"same": 2000.0, "apart": 8.0})
    reach = [max(float(np.abs(np.asarray(line.get_ydata())).max()) for line in axes.lines) for axes in figure.axes[:2]]
    assert reach[0] < 0.06 < 0.5 < reach[1]


def test_graph_puts_causes_above_effects(summary: dict[str, Any]) -> None:
    graph = summary["graph"]
    spots = place_nodes(graph["nodes"], graph["edges"])
    assert all(spots[start][1] < spots[end][1] for start, end in graph["edges"])
    assert len(set(spots.values())) == len(graph["nodes"])
    words = {text.get_text() for text in plot_graph(graph).axes[0].texts}
    assert {node["id"] for node in graph["nodes"]} <= words
    assert "factor x week" in words


def test_graph_in_a_circle_is_refused() -> None:
    with pytest.raises(ValueError, match="circle"):
        layers_of(["a", "b"], [["a", "b"], ["b", "a"]])


def test_svg_is_the_same_twice_and_speaks(summary: dict[str, Any]) -> None:
    one, two = (render_svg(charts.plot_by_week(summary["ahead"]), "x", 'Says "so" & <so>') for _ in range(2))
    assert one == two
    root = ElementTree.fromstring(one.replace("xlink:href", "href"))
    assert root.get("role") == "img"
    title = root.find("title")
    assert title is not None and title.text == 'Says "so" & <so>'
    assert not re.search(r"#(101112|115599)", one)  # colours are the page's
    assert "<metadata" not in one and "<style" not in one


def test_two_charts_share_no_id(summary: dict[str, Any]) -> None:
    ids = [set(re.findall(r' id="([^"]+)"', render_svg(charts.plot_by_week(summary["ahead"]), name, "x"))) for name in ("a", "b")]
    assert ids[0] and not ids[0] & ids[1]


def test_strip_shows_prior_and_posterior_to_scale() -> None:
    picture = strip("s", {"lower": 0.0, "median": 5.0, "upper": 10.0}, {"lower": 5.0, "median": 6.0, "upper": 7.5}, "words")
    assert 'class="was" x="4.0" y="5" width="172.0"' in picture
    assert 'class="is" x="90.0" y="14" width="43.0"' in picture
