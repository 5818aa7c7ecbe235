r"""*Would have*: a scenario set in the past, with the shocks of each week kept.

The third verb. Of each posterior draw the shocks of every past week are taken as they were, and the path is changed: held where the scenario holds it, then

.. math:: z'_t = \varphi z'_{t-1} + (z_t - \varphi z_{t-1})

so that what differs is the intervention and what it leaves behind, not the luck of the weeks (Pearl 2009, "Causality", chapter 7: abduction, action,
prediction). Both arms ask for the chance of a round within so many weeks of that day, dormancy running on from the last round before it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from ripeness import names
from ripeness.attribution.scenario_file import Scenario
from ripeness.attribution.scenarios import Contrast, change_path, contrast_of, targets_of
from ripeness.errors import UsageError
from ripeness.forecast.mixture import mixed_error
from ripeness.model.build import without_weeks
from ripeness.model.inside import inside_view
from ripeness.model.spec import ModelSpec
from ripeness.model.terms.factor_paths import persistence
from ripeness.model.terms.outside import outside_basis
from ripeness.model.terms.pulses import fading_pulses

Array = NDArray[np.float64]
Draws = Mapping[str, Array]
DRAWS: Final = 1000


def past_draws(posterior: xr.Dataset) -> dict[str, Array]:
    """Some draws of a stored fit, evenly over its chains: (draw, …) by variable.

    Parameters
    ----------
    posterior : Dataset
        With chains and draws.
    """
    number = posterior.sizes[names.CHAIN] * posterior.sizes[names.DRAW]
    some = posterior.isel({names.DRAW: slice(None, None, max(1, number // DRAWS))})
    found = {}
    for name in ("path", *without_weeks()):
        if name in some:
            values = some[name].transpose(names.CHAIN, names.DRAW, ...).values.astype(float)
            found[name] = values.reshape(values.shape[0] * values.shape[1], *values.shape[2:])
    return found


def would_have(spec: ModelSpec, fits: Mapping[str, Draws], scenario: Scenario, start: int, horizons: Sequence[int]) -> list[Contrast]:
    """The chance of a round within each horizon of a past week, as it was and as it would have been.

    Parameters
    ----------
    spec : ModelSpec
        Of the fit.
    fits : mapping of str to dict of ndarray (draw, …)
        Draws of each fit of the headline, by its name.
    scenario : Scenario
    start : int
        Index of the last week before the scenario begins; its week 1 is the next.
    horizons : sequence of int
        Weeks.

    Raises
    ------
    UsageError
        If no round was on record by then, or the record ends before the longest horizon does.
    """
    panel = spec.panel
    rounds = np.flatnonzero(panel.record.found[: start + 1] > 0)
    if not len(rounds):
        raise UsageError(f"no round was on record by {panel.weeks[start]}: there is no dormancy to run on")
    if start + max(horizons) >= len(panel.weeks):
        last = panel.weeks[len(panel.weeks) - 1 - max(horizons)]
        raise UsageError(f"the record ends {max(horizons)} weeks after {last}: choose that day or an earlier one")
    arms = []
    weights = [spec.workspace.mixture.weights[name] for name in fits]
    for name, draws in fits.items():
        changed = change_path(
            draws["path"], persistence(draws["half_life"]), scenario.paths, targets_of(spec, draws, scenario.paths, start), start
        )
        variant, held = names.FITS[names.HEADLINE_FITS.index(name)][1], int(rounds[-1])
        arms.append((_silence(spec, variant, draws, draws["path"], start, held), _silence(spec, variant, draws, changed, start, held)))
    contrasts = []
    for weeks in horizons:
        chances = [(1.0 - was[:, weeks - 1], 1.0 - then[:, weeks - 1]) for was, then in arms]
        error = mixed_error([np.sqrt((two - one).var() / len(one)) for one, two in chances], weights)
        contrasts.append(contrast_of(weeks, chances, weights, float(error)))
    return contrasts


def _silence(spec: ModelSpec, variant: str, draws: Draws, path: Array, start: int, last_round: int) -> Array:
    """Probability of no round until the end of each week after `start`: (draw, week)."""
    panel = spec.panel
    weeks = np.arange(start + 1, len(panel.weeks))
    before = [panel.weeks[t] - timedelta(days=7) for t in weeks]
    factors = path[:, :, weeks - 1] + fading_pulses(spec.workspace.factors, before, panel.origin, draws)
    inside = inside_view(spec, variant, draws, factors)
    dormancy = weeks - last_round
    outside = (draws["outside_knots"] @ outside_basis(spec, int(dormancy[-1]) + 1).T)[:, dormancy - 1]
    announced = -np.log1p(-draws["kept"]) @ spec.announced[:, weeks]
    return np.asarray(np.exp(-np.cumsum(np.exp(outside + inside) + announced, axis=1)))
