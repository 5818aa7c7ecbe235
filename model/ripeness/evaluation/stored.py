"""What a study of one origin starts from: the spec, the announcements and the stored draws of its run.

Studies ask what else the same draws say (a claim zeroed, a prior narrowed, an indicator left out), so they read stored fits and sample
anew only where reweighting cannot answer. The headline is always that of the method: the mixture of forms and readings, for the
headline horizon.
"""

from __future__ import annotations

from dataclasses import dataclass

import arviz as az
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from ripeness import names
from ripeness.data.vintages import Vintage
from ripeness.elicitation.elicited import Priors
from ripeness.essay import Claims
from ripeness.forecast.ahead import build_ahead
from ripeness.forecast.horizons import forecast_probabilities
from ripeness.inference.sample import flatten_draws
from ripeness.model.meetings import Announcement
from ripeness.model.spec import ModelSpec, build_spec
from ripeness.workspace import Workspace

Array = NDArray[np.float64]
Draws = dict[str, Array]
POINTS = 100.0  # percentage points in a probability of one


@dataclass(frozen=True)
class Stored:
    """A stored run with what it was made from.

    Parameters
    ----------
    spec : ModelSpec
    claims : Claims
    vintage : Vintage
    announcements : list of Announcement
    tree : DataTree
        posterior.nc.
    seed : int
        Of the study; the same seed gives the same futures to every forecast that is compared.
    """

    spec: ModelSpec
    claims: Claims
    vintage: Vintage
    announcements: list[Announcement]
    tree: xr.DataTree
    seed: int

    @property
    def headline_fits(self) -> tuple[names.Which, ...]:
        """Name, variant and reading of the fits that the headline mixes."""
        return tuple(which for which in self.spec.workspace.fits if which[1] != names.OUTSIDE)

    @property
    def horizon(self) -> int:
        """Place of the headline horizon among the question's horizons."""
        question = self.spec.workspace.question
        return question.horizons_weeks.index(question.headline_weeks)

    @property
    def shape(self) -> tuple[int, int]:
        """Into which an array over the draws of any stored fit is parted by chain, as `reshape` takes it."""
        return self.tree[f"{self.spec.workspace.headline_fits[0]}/posterior"].sizes[names.CHAIN], -1

    def draws(self, fit: str) -> Draws:
        """Posterior draws of a fit, flattened over chains: (draw, …) by variable."""
        return flatten_draws(self.tree[f"{fit}/posterior"].to_dataset())

    def forecast(self, fit: str) -> Array:
        """P_s of the headline horizon as the run forecast it: (draw,), in [0, 1]."""
        weeks = self.spec.workspace.question.headline_weeks
        within = self.tree[f"{fit}/{names.PREDICTIONS}"].to_dataset()["within"].sel({names.HORIZON: weeks})
        return np.asarray(within.transpose(names.CHAIN, names.DRAW), dtype=float).ravel()

    def headline(self, variant: str, draws: Draws) -> Array:
        """P_s of the headline horizon that draws imply at the origin: (draw,), in [0, 1]."""
        seed = np.random.SeedSequence(self.seed)
        paths = self.spec.workspace.fit.future_paths
        ahead = build_ahead(self.spec, variant, draws, self.announcements, paths, seed)  # type: ignore[arg-type]
        return forecast_probabilities(ahead).within[:, self.horizon]


def open_stored(workspace: Workspace, claims: Claims, vintage: Vintage, priors: Priors, tree: xr.DataTree, seed: int) -> Stored:
    """Lay out again what a stored run was made from."""
    spec, announcements = build_spec(workspace, vintage, priors)
    return Stored(spec, claims, vintage, announcements, tree, seed)


def error_of_mean(values: Array) -> float:
    """Monte Carlo standard error of the mean of draws (chain, draw)."""
    return float(az.mcse(xr.Dataset({"value": ((names.CHAIN, names.DRAW), values)}))["value"])
