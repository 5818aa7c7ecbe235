"""The model of a workspace in a modeller's hands: as a `pm.Model`, and sampled, with every group that ArviZ reads."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import numpy as np

from ripeness import names
from ripeness.errors import UsageError
from ripeness.names import COMPILED, Sampler
from ripeness.workflow.request import Inputs

if TYPE_CHECKING:
    import pymc as pm
    import xarray as xr

    from ripeness.model.spec import ModelSpec, Variant
    from ripeness.model.term import Form

PRIOR_DRAWS = 1000


def spec_of(inputs: Inputs, as_of: date | None = None) -> ModelSpec:
    """What the model of an origin is built from: panel, priors, announcements, structure of the inside view.

    Parameters
    ----------
    inputs : Inputs
        From :func:`ripeness.open_workspace`.
    as_of : date, optional
        The origin; by default the last Sunday that was searched.

    Raises
    ------
    UsageError
        If the day lies before the war or after what the record covers.
    ContentError
        If no distribution has the quantiles of a prior.
    """
    from ripeness.elicitation.elicit import elicit_priors
    from ripeness.model.spec import build_spec

    return build_spec(inputs.workspace, inputs.vintage(as_of), elicit_priors(inputs.priors))[0]


def build_model(
    inputs: Inputs, as_of: date | None = None, variant: Variant = "conjunctive", reading: str = names.AS_WRITTEN, form: Form = "centred"
) -> pm.Model:
    """The model of an origin in PyMC, joined from its terms.

    Parameters
    ----------
    inputs : Inputs
        From :func:`ripeness.open_workspace`.
    as_of : date, optional
        The origin; by default the last Sunday that was searched.
    variant : {"conjunctive", "substitutable", "outside"}
        How open conditions multiply the hazard; "outside" has no factors.
    reading : {"as_written", "tempered", "other_wars"}
        Whose priors of effects and conditions.
    form : {"centred", "non-centred", "whitened"}
        What the factor paths are made of; the posterior is the same. "centred" is to be simulated from and intervened on, "whitened" to be sampled.

    Returns
    -------
    pm.Model
        With dims and coords; observed variables measured (row,), counted (count_row,), lead (arrival,), rounds (week_at_risk,), and where there are rungs events
        (event_week,) and nested (nested_week,).

    Raises
    ------
    UsageError
        If the day lies before the war or after what the record covers, or the workspace has not the reading.
    ContentError
        If no distribution has the quantiles of a prior.

    Examples
    --------
    >>> model = ripeness.build_model(workspace, date(2025, 6, 18))
    >>> {variable.name for variable in model.observed_RVs} == {"measured", "counted", "lead", "rounds", "events", "nested"}
    True
    >>> prior = pm.sample_prior_predictive(20, model=model, random_seed=1)
    >>> prior["prior"]["half_life"].dims
    ('chain', 'draw', 'factor')
    """
    from ripeness.model.build import build_model as build

    _want_reading(inputs, reading)
    return build(spec_of(inputs, as_of), variant, reading, form)


def sample(
    inputs: Inputs,
    as_of: date | None = None,
    variant: Variant = "conjunctive",
    reading: str = names.AS_WRITTEN,
    sampler: Sampler = COMPILED,
    seed: int | None = None,
    draws: int | None = None,
    tune: int | None = None,
    chains: int | None = None,
) -> xr.DataTree:
    """Draw from the posterior of one variant under one reading. Nothing is stored, and no gate is held.

    Parameters
    ----------
    inputs : Inputs
        From :func:`ripeness.open_workspace`.
    as_of : date, optional
        The origin; by default the last Sunday that was searched.
    variant : {"conjunctive", "substitutable", "outside"}
    reading : {"as_written", "tempered", "other_wars"}
    sampler : {"compiled", "nutpie", "pymc"}
        NUTS on the compiled density, or of nutpie or PyMC on the PyMC graph.
    seed : int, optional
        Of every random number; by default that of ripeness.toml.
    draws, tune, chains : int, optional
        By default those of ripeness.toml.

    Returns
    -------
    DataTree
        Groups posterior, sample_stats, prior, log_likelihood, log_prior, posterior_predictive, prior_predictive, observed_data, constant_data.

    Raises
    ------
    UsageError
        If the day lies before the war or after what the record covers, or the workspace has not the reading.

    Examples
    --------
    >>> idata = ripeness.sample(workspace, date(2025, 6, 18), "outside", draws=200, tune=200, chains=2, seed=1)
    >>> idata["posterior"]["hazard"].dims
    ('chain', 'draw', 'week_at_risk')
    >>> float(az.rhat(idata, var_names=["log_war_level"])["log_war_level"]) < 1.1
    True
    """
    import xarray as xr

    from ripeness.forecast.prior_predictive import sample_prior
    from ripeness.inference.inference_data import build_groups
    from ripeness.inference.sample import sample_posterior

    _want_reading(inputs, reading)
    spec, own = spec_of(inputs, as_of), inputs.workspace.fit
    asked = {"draws": draws, "tune": tune, "chains": chains}
    settings = own.model_copy(update={name: value for name, value in asked.items() if value is not None})
    sampling, predictive, prior_seed = np.random.SeedSequence(own.seed if seed is None else seed).spawn(3)
    sampled = sample_posterior(spec, variant, reading, settings, int(sampling.generate_state(1)[0]), sampler=sampler)
    prior = sample_prior(spec, reading, variant, PRIOR_DRAWS, prior_seed)
    return xr.DataTree.from_dict(build_groups(spec, variant, reading, sampled, prior, predictive))


def _want_reading(inputs: Inputs, reading: str) -> None:
    readings = inputs.workspace.readings
    if reading not in readings:
        raise UsageError(f"reading '{reading}', which this workspace has not; it has {', '.join(readings)}")
