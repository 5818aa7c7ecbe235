r"""Power-scaling: how far the headline leans on each prior and on each part of the data.

Priors or likelihoods are raised to powers near one by importance weights, and ArviZ measures how fast the distribution of P_s moves
(Kallioinen, Paananen, Bürkner and Vehtari 2024): the gradient of the cumulative Jensen-Shannon distance per doubling, above 0.05 worth a
look. For a plain number the headline at powers 0.8 and 1.25 is given too, with k̂ of the weights.

Priors are scaled where they are Normal (the log of a half-life, the log odds of a share), so a power α multiplies the standard deviation by
:math:`1/\sqrt\alpha` and leaves the median alone (`az.psense_summary` on a stored fit scales the density in natural units instead, which moves a
LogNormal's median as well). White noise and slow levels make the factors' paths; their priors are no opinions and are not scaled.
"""

from __future__ import annotations

from dataclasses import dataclass

import arviz as az
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from ripeness import names
from ripeness.evaluation.left_out import Change, reweighted_change
from ripeness.evaluation.stored import Draws, Stored
from ripeness.inference.log_prior import elicited_parameters, normal_log_density
from ripeness.inference.predictive import log_likelihoods
from ripeness.model.spec import Variant

Array = NDArray[np.float64]
POWERS = (0.8, 1.25)
# parts of x whose priors are scaled together, by what a reader calls them
PRIOR_GROUPS = {
    "weights of the claims": ("effect_size",),
    "total size of the inside view": ("log_best_to_worst",),
    "how often conditions are open": ("intercept_open",),
    "level of this war": ("log_war_level",),
    "track record of earlier rounds": ("track_record",),
    "shape of the outside view": ("deviation", "log_rhythm"),
    "odds that announced meetings are kept": ("kept",),
    "how rounds are announced": ("recorded", "share_announced", "class_split", "lead_median", "lead_spread"),
    "how well rounds were searched for": ("sensitivity",),
    "half-lives of the factors": ("half_life",),
    "scales of the factors": ("factor_scale",),
    "measurement of the indicators": ("loading", "intercept", "noise", "dispersion", "capture"),
    "dated jumps": ("pulse",),
    "shares of the causes": ("cause_weight",),
}
RECORD, ROWS = "record of rounds", "rows of the indicators"
OF_RECORD = ("rounds", "lead")


@dataclass(frozen=True)
class Scaling:
    """What power-scaling one component does to the headline of one fit.

    Parameters
    ----------
    component : {"prior", "likelihood"}
    what : str
    gradient : float
        Per doubling, of the cumulative Jensen-Shannon distance of P_s.
    weaker, stronger : Change
        At the first and the second of `POWERS`.
    """

    component: str
    what: str
    gradient: float
    weaker: Change
    stronger: Change


def scale_powers(stored: Stored, variant: Variant, reading: str, draws: Draws, headline: Array) -> list[Scaling]:
    """Power-scale each group of priors and each part of the likelihood, on the headline of one fit.

    Parameters
    ----------
    stored : Stored
    variant, reading : str
    draws : dict of ndarray
    headline : ndarray (draw,)
        P_s of the headline horizon.
    """
    elements = normal_log_density(stored.spec, variant, reading, draws)
    priors = {name: density.reshape(len(headline), -1).sum(axis=1) for name, density in elements.items()}
    rows = log_likelihoods(stored.spec, variant, draws)
    likelihoods = {name: density.reshape(len(headline), -1).sum(axis=1) for name, density in rows.items() if density.size}
    grouped = {name for parts in PRIOR_GROUPS.values() for name in parts}
    prior_groups = PRIOR_GROUPS | {one.label: (name,) for name, one in elicited_parameters(variant).items() if name not in grouped}
    found, likelihood_groups = [], {RECORD: OF_RECORD, ROWS: tuple(name for name in likelihoods if name not in OF_RECORD)}
    for component, groups, densities in (("prior", prior_groups, priors), ("likelihood", likelihood_groups, likelihoods)):
        for what, parts in groups.items():
            present = [densities[name] for name in parts if name in densities]
            if present:
                found.append(_scale(stored, component, what, np.sum(present, axis=0), headline))
    return found


def _scale(stored: Stored, component: str, what: str, density: Array, headline: Array) -> Scaling:
    dims, shape = (names.CHAIN, names.DRAW), stored.shape
    group = {"prior": "log_prior", "likelihood": "log_likelihood"}[component]
    tree = xr.DataTree.from_dict(
        {
            "posterior": xr.Dataset({"headline": (dims, headline.reshape(shape))}),
            group: xr.Dataset({"component": (dims, density.reshape(shape))}),
        }
    )
    gradient = float(az.psense(tree, var_names=["headline"], group=component)["headline"])
    weaker, stronger = (reweighted_change(headline, headline, (power - 1.0) * density, shape) for power in POWERS)
    return Scaling(component, what, gradient, weaker, stronger)
