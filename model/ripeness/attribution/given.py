"""*Given*: rows of indicators that are made up as a scenario tells them, and what they say of a stored fit's draws.

Made-up rows come in as real ones would: each factor they speak of is renewed under them, from the window on, so that what they say reaches back into
the record's last weeks, to the rounds there and to every parameter through the draws' weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from ripeness.attribution.scenario_file import Path
from ripeness.data.indicators import Contract
from ripeness.model.spec import ModelSpec
from ripeness.reweighting.paths import Renewed, renew_path
from ripeness.reweighting.reweighted import StoredFit, Updated, weigh
from ripeness.reweighting.window import Key, read_parameters, rows_by_factor

Array = NDArray[np.float64]


def tell_fit(
    old: ModelSpec, new: ModelSpec, fit: StoredFit, paths: Sequence[Path], seed: np.random.SeedSequence
) -> tuple[Updated, dict[int, Array]]:
    """A stored fit under a vintage and rows told for the weeks after it; without a path, what :func:`update_fit` gives, to the last bit.

    Parameters
    ----------
    old, new : ModelSpec
        Of the fit's vintage and of the one that the made-up rows follow.
    fit : StoredFit
    paths : sequence of Path
    seed : SeedSequence

    Returns
    -------
    updated : Updated
        Weighted by the made-up rows too; paths reach to the vintage's last week.
    told : dict of ndarray (draw, ahead)
        By factor its path through the weeks ahead that it has made-up rows of.

    Raises
    ------
    ValueError
        If a path is told in units.
    """
    own, stretches = seed.spawn(2)
    path, parameters = np.asarray(fit.draws["path"], dtype=float), read_parameters(old, fit.draws)
    before, after = rows_by_factor(old), rows_by_factor(new)
    known = len(new.panel.weeks) - fit.window.stored
    ratios, renewed, told = [], [], dict[int, Array]()
    for k, seed_of_factor in enumerate(own.spawn(path.shape[1])):
        held = [one for one in paths if one.factor == new.workspace.factor_ids[k]]
        spec = _with_weeks(new, max((one.to_week for one in held), default=0))
        rows = dict(sorted({**after[k], **hypothetical_rows(new, held)}.items()))
        rng = np.random.default_rng(seed_of_factor)
        ratio, states = renew_path(old, spec, fit.window, k, (before[k], rows), path, parameters, rng)
        ratios.append(ratio)
        renewed.append(states[:, :known])
        if held:
            told[k] = states[:, known:]
    return weigh(old, new, fit, Renewed(np.stack(ratios, axis=1), np.stack(renewed, axis=1)), stretches), told


def hypothetical_rows(spec: ModelSpec, paths: Sequence[Path]) -> dict[Key, tuple[float, ...]]:
    """Rows of reference indicators as they would come in on paths: one a week, or one for the stretch where a value describes months.

    Raises
    ------
    ValueError
        If a path is told in units.
    """
    panel, found = spec.panel, dict[Key, tuple[float, ...]]()
    for path in paths:
        if path.value is None:
            raise ValueError(f"the path of {path.factor} is told in units, not as values of an indicator: nothing could say it")
        name = next(one for one, contract in spec.contracts.items() if contract.factor == path.factor and contract.reference)
        i, contract = panel.indicators.index(name), spec.contracts[name]
        first, last = len(panel.weeks) + path.from_week - 1, len(panel.weeks) + path.to_week - 1
        spans = [(first, last)] if contract.window in ("month", "quarter") else [(week, week) for week in range(first, last + 1)]
        for (one, other), said in zip(spans, _said(spec, contract, name, path.value, len(spans)), strict=True):
            found[i, one, other] = said
    return found


def _said(spec: ModelSpec, contract: Contract, name: str, value: float, rows: int) -> list[tuple[float, ...]]:
    """What so many rows say one after the other; whole counts that keep up with the rate."""
    if not contract.is_count:
        return [(float(contract.transformed(value)), 1.0, 0.0)] * rows
    eras = [place for place, (indicator, _) in enumerate(spec.panel.counted.eras) if indicator == name]
    counts = np.diff(np.floor(value * np.arange(rows + 1) + 0.5))
    return [(float(count), 0.0, float(eras[-1] if eras else len(spec.panel.counted.eras))) for count in counts]


def _with_weeks(spec: ModelSpec, more: int) -> ModelSpec:
    """The same with weeks added to the grid, in which nothing was looked for."""
    weeks = list(spec.panel.weeks)
    weeks += [weeks[-1] + timedelta(days=7 * week) for week in range(1, more + 1)]
    return replace(spec, panel=replace(spec.panel, weeks=tuple(weeks)))
