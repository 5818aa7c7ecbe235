"""When only a new fit will do: what of a new vintage stored draws cannot be weighted by, in words.

Weights can take up whatever touches the window: new, revised and withdrawn rows, and weeks in which nothing was found. They cannot take up what
changes kept states, of which nothing is integrated; and a round is rare enough to move every parameter at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import numpy as np

from ripeness.data.observations import UNSEARCHED, Rows, RungEvents
from ripeness.data.panel import Panel
from ripeness.model.spec import ModelSpec
from ripeness.reweighting.weights import LARGEST_ERROR, LARGEST_KHAT, OLDEST_WEEKS, Weights
from ripeness.reweighting.window import Window, rows_by_factor

# inputs of a fit besides rows, and the reason given where one has changed since
INPUT_CHANGES = {
    "workspace_hash": "ripeness.toml has changed",
    "contracts_hash": "indicators.toml has changed",
    "priors_hash": "the priors have changed",
    "code_version": "the program has changed",
    "versions": "a library has changed",
    "seed": "another seed is asked for",
    "sampler": "another sampler is asked for",
}


def changed_inputs(base: Mapping[str, object], new: Mapping[str, object]) -> list[str]:
    """Which inputs of a fit have changed since, by the keys of `INPUT_CHANGES`; what `new` does not name may be anything."""
    return [words for key, words in INPUT_CHANGES.items() if key in new and base.get(key) != new[key]]


def beyond_window(base: ModelSpec, new: ModelSpec, window: Window, weighs_rounds: bool = False) -> list[str]:
    """What has changed since the fit that weights cannot take up.

    Parameters
    ----------
    base, new : ModelSpec
        Of the fit's vintage and of the new one, of the same workspace and contracts.
    window : Window
        Of the fit.
    weighs_rounds : bool
        Whether rounds added in the window are weighed too, which takes many draws' worth.
    """
    old, now = base.panel, new.panel
    if now.origin < old.origin:
        return [f"{_in_words(now.origin)} lies before the origin of the fit, {_in_words(old.origin)}"]
    reasons = []
    if (now.origin - old.origin).days > 7 * OLDEST_WEEKS:
        reasons.append(f"the fit of {_in_words(old.origin)} is more than {OLDEST_WEEKS} weeks old")
    reasons += [f"what rows of the likelihood {name} say is in no weight" for name, rows in now.others.items() if len(rows.indicator)]
    rounds = _rounds(old, now, window.first if weighs_rounds else len(now.weeks))
    reasons += rounds + _coverage(old, now, window.first) + _announced(base, new, window.first)
    return reasons + _outcomes(old, now, window.first) + _rows(base, new, window)


def untrustworthy(weights: Weights) -> list[str]:
    """What is wrong with the weights of a fit."""
    if weights.khat <= LARGEST_KHAT:
        return []
    return [f"the weights are too uneven: k-hat {weights.khat:.2f}, must be at most {LARGEST_KHAT:g}"]


def imprecise(what: str, error: float) -> list[str]:
    """What is wrong with the Monte Carlo error of a probability, such as the headline."""
    if error <= LARGEST_ERROR:
        return []
    return [f"the Monte Carlo error of the {what} is {100 * error:.2f} points, must be at most {100 * LARGEST_ERROR:g}"]


def _rounds(old: Panel, now: Panel, weighed: int) -> list[str]:
    """Rounds added before week `weighed`, or taken back."""
    before, after = ({week for week, found in zip(panel.weeks, panel.record.found, strict=True) if found > 0} for panel in (old, now))
    reasons = [f"a round in the week to {_in_words(week)} was added" for week in sorted((after - before) & set(now.weeks[:weighed]))]
    return reasons + [f"the round in the week to {_in_words(week)} was taken back" for week in sorted(before - after)]


def _coverage(old: Panel, now: Panel, first: int) -> list[str]:
    for t in range(first):
        if _searched(old, t) != _searched(now, t):
            return [f"how well the week to {_in_words(old.weeks[t])} was searched, before the window, has changed"]
    return []


def _searched(panel: Panel, t: int) -> tuple[float, float] | None:
    stretch = int(panel.record.stretch[t])
    return None if stretch == UNSEARCHED else panel.record.sensitivities[stretch]


def _announced(base: ModelSpec, new: ModelSpec, first: int) -> list[str]:
    old, now = (spec.meetings.before(first) for spec in (base, new))
    if all(np.array_equal(one, other) for one, other in zip(old, now, strict=True)):
        return []
    return ["what was announced for weeks before the window has changed"]


def _outcomes(old: Panel, now: Panel, first: int) -> list[str]:
    if now.events.searches != old.events.searches:
        return ["how well the events of a rung were looked for is new"]
    for name, rows in old.outcomes.items():
        before, after = (_said(one.pick(one.first_week < first)) for one in (rows, now.outcomes[name]))
        if before != after:
            return ["events of rungs in weeks before the window have changed"]
    return []


def _said(rows: Rows) -> list[tuple[object, ...]]:
    columns = {name: values.tolist() for name, values in rows.columns.items()}
    if isinstance(rows, RungEvents):
        columns["search"] = [rows.searches[place] for place in rows.search]
    return sorted(zip(*columns.values(), strict=True))


def _rows(base: ModelSpec, new: ModelSpec, window: Window) -> list[str]:
    if base.panel.indicators != new.panel.indicators:
        return ["the indicators have changed"]
    reasons = []
    for kept, before, after in zip(window.kept, rows_by_factor(base), rows_by_factor(new), strict=True):
        for key in sorted({**before, **after}):
            indicator, first, last = key
            name = base.panel.indicators[indicator]
            if last <= kept and before.get(key) != after.get(key):
                what = "revised" if key in before and key in after else "added" if key in after else "withdrawn"
                week = _in_words(new.panel.weeks[last])
                reasons.append(f"a value of {name} for the week to {week}, before the window, was {what}")
            elif last > kept and first < window.stored:
                reasons.append(f"a value of {name} describes weeks before the stored ones")
    return reasons


def _in_words(day: date) -> str:
    return f"{day.day} {day:%B %Y}"
