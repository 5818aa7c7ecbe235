"""One real fit of the made-up war: it finds the truth again, its chains agree, and the same seed gives the same draws."""

from __future__ import annotations

import arviz as az
import numpy as np
import pytest
import xarray as xr
from made_up_war import PRIORS, Truth
from numpy.typing import NDArray
from scipy.special import log_expit

from ripeness import names
from ripeness.inference.sample import sample_posterior
from ripeness.model.spec import ModelSpec
from ripeness.names import COMPILED, Sampler
from ripeness.workspace import FitSettings

Array = NDArray[np.float64]


@pytest.fixture(scope="session")
def posterior(spec: ModelSpec) -> xr.Dataset:
    tree = sample_posterior(spec, "conjunctive", names.AS_WRITTEN, FitSettings(chains=4, tune=300, draws=1000, seed=1), seed=1)
    assert int(tree["sample_stats"]["diverging"].sum()) == 0
    return tree["posterior"].to_dataset()


def ranks(posterior: xr.Dataset, truth: Truth, name: str) -> Array:
    """Share of draws below the truth, for each element."""
    return np.asarray((posterior[name] < truth.values[name]).mean(("chain", "draw")).values.ravel())


def test_the_fit_finds_the_parameters_again(posterior: xr.Dataset, truth: Truth) -> None:
    known = ("half_life", "loading", "intercept", "noise", "dispersion", "capture")
    found = np.concatenate([ranks(posterior, truth, name) for name in known])
    assert len(found) == 3 + 3 + 3 + 4 + 2 + 2
    outside = (found < 0.005) | (found > 0.995)
    assert outside.sum() <= 1, dict(zip(known, [ranks(posterior, truth, name).round(3) for name in known], strict=True))
    # ranks of a right posterior are uniform: their mean is 0.5 with standard deviation 0.07
    assert found.mean() == pytest.approx(0.5, abs=0.25)


def test_the_fit_finds_the_paths_again(posterior: xr.Dataset, truth: Truth) -> None:
    found = ranks(posterior, truth, "path")
    assert ((found > 0.005) & (found < 0.995)).mean() > 0.93
    assert 0.35 < ((found > 0.25) & (found < 0.75)).mean() < 0.7
    means = posterior["path"].mean(("chain", "draw")).values
    for own, true in zip(means, truth.values["path"], strict=True):
        assert np.corrcoef(own, true)[0, 1] > 0.8


def test_the_data_taught_the_fit_something(posterior: xr.Dataset) -> None:
    """A posterior as wide as the prior would cover every truth; of the errors, beside their floor, sixty weeks teach less than of loadings."""
    for name, share in (("loading", 0.6), ("noise", 0.7)):
        spread = np.log(posterior[name]).std(("chain", "draw")).values
        assert spread.min() < share * PRIORS[name][1], name
    early = np.log(posterior["capture"]).isel({names.ERA: 0}).std().item()
    assert early < 0.8 * np.std(log_expit(np.random.default_rng(1).normal(0, 0.7, 10_000)))


def test_the_chains_agree(posterior: xr.Dataset) -> None:
    between = posterior["path"].isel({names.WEEK: -1}).mean("draw").std("chain")
    within = posterior["path"].isel({names.WEEK: -1}).std(("chain", "draw"))
    assert float((between / within).max()) < 0.3


def test_the_same_seed_gives_the_same_draws_and_another_gives_others(spec: ModelSpec) -> None:
    """Chains run at the same time, in other places of memory each time: to the last bit nothing of that may show."""
    short = FitSettings(chains=4, tune=100, draws=100, seed=1)
    first, second, other = (
        sample_posterior(spec, "conjunctive", names.AS_WRITTEN, short, seed=seed)["posterior"]["path"].values for seed in (5, 5, 6)
    )
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("sampler", ["nutpie", "pymc"])
def test_samplers_of_the_graph_have_the_same_posterior_by_the_same_names(spec: ModelSpec, sampler: Sampler) -> None:
    """Variables, dims, coordinates and means of the outside variant."""
    settings = FitSettings(chains=4, tune=300, draws=500, seed=1)
    own, other = (sample_posterior(spec, "outside", names.AS_WRITTEN, settings, seed=3, sampler=one) for one in (COMPILED, sampler))
    left, right = own["posterior"].to_dataset(), other["posterior"].to_dataset()
    assert set(left.data_vars) == set(right.data_vars)
    assert {"logp", "diverging", "energy"} <= set(other["sample_stats"].data_vars)
    for name, values in left.items():
        assert values.dims == right[name].dims
        assert all(np.array_equal(values[dim], right[name][dim]) for dim in values.dims[2:]), name
    for name in ("log_war_level", "kept", "sensitivity", "hazard"):
        error = np.hypot(az.mcse(left)[name].values, az.mcse(right)[name].values)
        assert np.abs((left[name] - right[name]).mean(("chain", "draw")).values / error).max() < 5, name
    assert not np.array_equal(left["log_war_level"], right["log_war_level"]), "another sampler has other draws"


def test_the_graph_has_every_variable_of_the_compiled_sampler(spec: ModelSpec, posterior: xr.Dataset) -> None:
    short = FitSettings(chains=4, tune=100, draws=100, seed=1)
    found = sample_posterior(spec, "conjunctive", names.AS_WRITTEN, short, seed=1, sampler="nutpie")["posterior"].to_dataset()
    # the moves of slow levels are free in both; white noise is stored by neither
    assert {name: values.dims for name, values in found.items()} == {name: values.dims for name, values in posterior.items()}
