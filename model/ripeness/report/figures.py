"""Charts of a stored run, each as SVG with what it shows in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import arviz_stats
import numpy as np
import xarray as xr
from markupsafe import Markup
from numpy.typing import NDArray

from ripeness import names
from ripeness.report import charts
from ripeness.report.drawing import HALF, both_widths, dates_of, one_width, render_svg, sparkline
from ripeness.report.sentences import count, day, fine_percent, forecast_of, hundredths, interval, join, percent, sentence, signed

Array = NDArray[np.float64]
COUNTS_TOGETHER = 8  # weeks


def headline_figures(summary: Mapping[str, Any], row: Mapping[str, Any]) -> dict[str, Markup]:
    """The steps that lead to the headline, the hazard past and ahead, the conditions."""
    figures = {}
    steps = steps_of(summary, row)
    text = (
        "From the outside view to the forecast: "
        + "; ".join(f"{label.replace(chr(10), ' ')} {percent(value)}" for label, value, _, _ in steps)
        + "."
    )
    figures["steps"] = both_widths("steps", text, lambda width: charts.plot_steps(steps, width))

    past = summary["hazard_past"]
    if past["weeks"]:
        mean = np.asarray(past["mean"], float)
        peak = int(np.argmax(mean))
        text = (
            f"Weekly chance of a round since {day(past['weeks'][0])}: lowest {percent(float(mean.min()))}, "
            f"highest {percent(float(mean[peak]))} in the week of {day(past['weeks'][peak])}, "
            f"{percent(float(mean[-1]))} in the last week; outside view {percent(past['outside_mean'][-1])} there. "
            f"{count(len(summary['rounds']), 'round').capitalize()}: {join([day(d) for d in summary['rounds']])}."
        )
        figures["past"] = render_svg(charts.plot_hazard_past(past, summary["rounds"], HALF), "past", text)
    ahead = summary["ahead"]
    mixture, outside, until = ahead["mixture"], ahead["outside"], day(ahead["weeks"][-1])
    text = (
        f"Weekly chance of a first round, while none is held: {fine_percent(mixture['hazard_mean'][0])} in the first week ahead, "
        f"{fine_percent(mixture['hazard_mean'][-1])} in the week of {until}; "
        f"outside view {fine_percent(outside['hazard_mean'][0])} and {fine_percent(outside['hazard_mean'][-1])}."
    )
    figures["ahead"] = render_svg(charts.plot_hazard_ahead(ahead), "ahead", text)
    text = (
        f"Chance of at least one round by {until}: {percent(mixture['by_week_mean'][-1])}, "
        f"5–95 % {interval(mixture['by_week_lower'][-1], mixture['by_week_upper'][-1])}; "
        f"outside view {percent(outside['by_week_mean'][-1])}."
    )
    figures["by_week"] = render_svg(charts.plot_by_week(ahead), "by-week", text)
    conditions = summary["conditions"]
    text = " ".join(
        f"{c['label']}: open now {percent(c['open_now']['mean'])}, usually {percent(c['usual_posterior']['mean'])} "
        f"({percent(c['usual_prior']['mean'])} before the data)."
        for c in conditions
    )
    figures["conditions"] = render_svg(charts.plot_conditions(conditions, HALF), "conditions", text)
    return figures


def steps_of(summary: Mapping[str, Any], row: Mapping[str, Any]) -> list[tuple[str, float, float | None, float | None]]:
    """The steps from the outside view to the headline: label, probability, lower, upper."""
    weeks = row["horizon_weeks"]
    outside = forecast_of(summary, row["question"], "outside", weeks)
    steps: list[tuple[str, float, float | None, float | None]] = []
    if outside:
        steps.append(("Outside view alone", outside["probability"], outside["lower"], outside["upper"]))
    if row.get("level_only") is not None:
        steps.append(("Base rate of the fits\nwith factors", row["level_only"], None, None))
    for form, label in names.FORM_LABELS.items():
        own = forecast_of(summary, row["question"], form, weeks)
        if own:
            steps.append((sentence(label), own["probability"], own["lower"], own["upper"]))
    steps.append(("Forecast: their mixture", row["probability"], row["lower"], row["upper"]))
    return steps


def factor_figure(factor: Mapping[str, Any], titles: Mapping[str, str], tree: xr.DataTree) -> Markup | None:
    """One factor as the hazards read it, with its indicators' values; None where the run keeps no path."""
    path = factor.get("path")
    if path is None:
        return None
    weeks = path["weeks"]
    lower, median, upper = (np.asarray(path[name], float) for name in ("lower", "median", "upper"))
    points = factor_points(tree, factor, titles)
    text = (
        f"{factor['label']}, {day(weeks[0])} to {day(weeks[-1])}: "
        f"highest {signed(float(median.max()))} in the week of {day(weeks[int(median.argmax())])}, "
        f"lowest {signed(float(median.min()))} in that of {day(weeks[int(median.argmin())])}. "
        f"High means: {factor['plus']}."
    )
    low, high = charts.factor_frame(lower, upper, [values for _, values in points.values()])
    beyond = sum(int(((values < low) | (values > high)).sum()) for _, values in points.values())
    if beyond:
        text += f" {sentence(count(beyond, 'value lies', 'values lie'))} beyond the frame."
    figure = charts.plot_factor(weeks, lower, median, upper, points, factor["plus"])
    return render_svg(figure, f"factor-{factor['id']}", text)


def factor_sparkline(factor: Mapping[str, Any]) -> Markup:
    """The path of one factor, as a line of a word's height; empty where the run keeps none."""
    path = factor.get("path")
    if path is None:
        return Markup("")
    text = f"{factor['label']} since {day(path['weeks'][0])}, around its usual level; now {hundredths(factor['now']['mean'])}."
    return sparkline(f"spark-{factor['id']}", path["median"], text)


def _fits(tree: xr.DataTree) -> list[xr.Dataset]:
    """Posteriors of the fits behind the headline."""
    return [
        tree[f"{key}/posterior"].to_dataset()
        for key, form, _ in names.FITS
        if form != names.OUTSIDE and key in tree.children and "posterior" in tree[key].children
    ]


def factor_points(tree: xr.DataTree, factor: Mapping[str, Any], titles: Mapping[str, str]) -> dict[str, tuple[list[str], Array]]:
    """Values of a factor's indicators in what the hazards read: less intercept and slow level, over loading and scale (posterior medians).

    A cumulative factor is read with its level, both over the standard deviation of their sum.

    Returns
    -------
    dict
        Title of the indicator to weeks and values.
    """
    if names.DATA_GROUP not in tree.children or not _fits(tree):
        return {}
    data, posterior = tree[names.DATA_GROUP].to_dataset(), _fits(tree)[0]
    centre = {
        name: posterior[name].median([names.CHAIN, names.DRAW])
        for name in ("factor_scale", "loading", "intercept", "level_path")
        if name in posterior
    }
    points = {}
    for indicator in factor["indicators"]:
        rows = data.isel({names.OBSERVATION: np.flatnonzero(data["indicator"].values.astype(str) == indicator)})
        if not rows.sizes[names.OBSERVATION]:
            continue
        values, weeks = rows["scaled"].values.astype(float), [str(week)[:10] for week in rows["observed_on"].values]
        title = titles.get(indicator, indicator)
        if names.COUNTED in posterior.coords and indicator in posterior[names.COUNTED].values:
            values, weeks = counts_together(rows["value"].values.astype(float), values, weeks)
            title += f", means of {COUNTS_TOGETHER} weeks"
        if "loading" in centre and indicator in centre["loading"][names.RELATIVE].values:
            values = (values - float(centre["intercept"].sel({names.RELATIVE: indicator}))) / float(
                centre["loading"].sel({names.RELATIVE: indicator})
            )
        cumulative = factor.get("reads") == "cumulative"
        if not cumulative and "level_path" in centre and factor["id"] in centre["level_path"][names.LEVEL].values:
            level = centre["level_path"].sel({names.LEVEL: factor["id"]})
            seen, known = (dates_of(days).astype(float) for days in (weeks, level[names.WEEK].values))
            values = values - np.interp(seen, known, level.values)
        if "factor_scale" in centre and factor["id"] in centre["factor_scale"][names.SCALED].values:
            values = values / float(centre["factor_scale"].sel({names.SCALED: factor["id"]}))
        values = values * factor["read_ratio"]
        kept = np.isfinite(values)
        points[title] = ([week for week, keep in zip(weeks, kept, strict=True) if keep], values[kept])
    return points


def counts_together(values: Array, scaled: Array, weeks: list[str]) -> tuple[Array, list[str]]:
    """Counts in means of several rows, in units of the factor: single weeks of 0 or 1 say little, and the log of 0 nothing.

    Parameters
    ----------
    values, scaled : ndarray (row,)
        Counts, and the same in units of the factor, where a count of 0 stands as a half: linear in the log of the count.
    weeks : list of str (row,)

    Returns
    -------
    ndarray (group,), list of str (group,)
        Scaled means and the middle week of each; a group of nothing but 0 stands as half a count in all.
    """
    logs = np.log(np.maximum(values, 0.5))
    if len(np.unique(logs)) < 2:
        return scaled, weeks
    slope, start = np.polyfit(logs, scaled, 1)
    groups = [slice(first, first + COUNTS_TOGETHER) for first in range(0, len(values), COUNTS_TOGETHER)]
    means = [max(float(values[group].sum()), 0.5) / len(values[group]) for group in groups]
    return start + slope * np.log(means), [weeks[group][len(weeks[group]) // 2] for group in groups]


def rank_figures(tree: xr.DataTree, headline_weeks: int) -> Markup | None:
    """Rank plots by chain of what the headline rests on."""
    quantities: dict[str, Array] = {}
    conjunctive = [(reading, fit) for fit, form, reading in names.FITS if form == names.CONJUNCTIVE]
    for reading, fit in conjunctive:
        if f"/{fit}/posterior" not in tree.groups:
            continue
        posterior = tree[f"{fit}/posterior"].to_dataset()
        for variable, label in (("log_war_level", "level of this war"), ("log_best_to_worst", "best to worst weeks")):
            if variable in posterior:
                quantities[f"{label}, {names.READING_NAMES[reading]}"] = posterior[variable].transpose(names.CHAIN, names.DRAW).values
    for reading, fit in conjunctive:
        place = f"{fit}/{names.PREDICTIONS}"
        if f"/{place}" in tree.groups:
            within = tree[place].to_dataset()["within"].sel({names.HORIZON: headline_weeks})
            quantities[f"headline, {names.READING_NAMES[reading]}"] = within.transpose(names.CHAIN, names.DRAW).values
    if not quantities:
        return None
    effective = {
        label: float(arviz_stats.ess(draws)) for label, draws in quantities.items()
    }  # each by itself: fits keep draws by their weights
    text = f"Rank plots by chain of {join(list(quantities))}: effective draws {join([f'{effective[label]:.0f}' for label in quantities])}."
    return one_width("ranks", text, charts.plot_ranks(quantities, effective))


def graph_figure(graph: Mapping[str, Any]) -> Markup | None:
    """The model's graph; None where the run keeps none."""
    if not graph or not graph["nodes"]:
        return None
    kinds: dict[str, list[str]] = {}
    for node in graph["nodes"]:
        kinds.setdefault(node["kind"], []).append(node["id"])
    text = f"Graph of {count(len(graph['nodes']), 'quantity', 'quantities')} and {count(len(graph['edges']), 'arrow')}. "
    return render_svg(
        charts.plot_graph(graph), "graph", text + " ".join(f"{kind.capitalize()}: {join(ids)}." for kind, ids in kinds.items())
    )
