"""The gate: a sound fit passes, and each criterion fails by itself."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr
from numpy.typing import NDArray

from ripeness import names
from ripeness.inference.gate import LIMITS, Criterion, Verdict, failed, judge_fit, monitored

DRAWS, WEEKS = 1000, 3


class Fit:
    """A made-up fit that passes; tests spoil one thing."""

    def __init__(self, chains: int = 4) -> None:
        rng = np.random.default_rng(1)
        shape = (chains, DRAWS)
        dims = (names.CHAIN, names.DRAW)
        self.posterior = xr.Dataset(
            {
                "half_life": ((*dims, names.FACTOR), rng.normal(size=(*shape, 2))),
                "path": ((*dims, names.FACTOR, names.WEEK), rng.normal(size=(*shape, 2, WEEKS))),
                "inside": ((*dims, names.WEEK), rng.normal(size=(*shape, WEEKS))),
                "hazard": ((*dims, names.RISK), rng.normal(size=(*shape, 2))),
                "sensitivity": ((*dims, names.STRETCH), np.zeros((*shape, 0))),
            },
            coords={names.CHAIN: range(chains), names.DRAW: range(DRAWS), names.WEEK: range(WEEKS), names.FACTOR: ["a", "b"]},
        )
        self.stats = xr.Dataset({"diverging": (dims, np.zeros(shape, dtype=bool)), "energy": (dims, rng.normal(size=shape))})
        self.headline = xr.DataArray(rng.normal(0.2, 0.05, shape), dims=dims)

    def verdict(self) -> Verdict:
        return judge_fit("made up", self.posterior, self.stats, self.headline)


def walk(seed: int, memory: float, size: int = DRAWS) -> NDArray[np.float64]:
    """Draws of four chains that mix slowly but surely."""
    rng = np.random.default_rng(seed)
    chain = np.zeros((4, size))
    for t in range(1, size):
        chain[:, t] = memory * chain[:, t - 1] + rng.normal(size=4)
    return chain


def few_chains(fit: Fit) -> None:
    fit.__init__(chains=3)  # type: ignore[misc]


def chain_apart(fit: Fit) -> None:
    fit.posterior["half_life"][0, :, 1] += 0.45


def slow_parameter(fit: Fit) -> None:
    fit.posterior["half_life"][:, :, 0] = walk(1, memory=0.85)


def stuck_tail(fit: Fit) -> None:
    """Each chain keeps one stretch of its draws in its tail: the bulk hardly notices."""
    values = np.random.default_rng(3).normal(size=(4, DRAWS))
    values = np.clip(values, -1.5, 1.5)
    values[:, 300:360] = 4.0 + np.random.default_rng(4).normal(0, 0.1, (4, 60))
    fit.posterior["half_life"][:, :, 0] = values


def one_divergence(fit: Fit) -> None:
    fit.stats["diverging"][2, 17] = True


def sluggish_energy(fit: Fit) -> None:
    fit.stats["energy"][1] = np.cumsum(np.random.default_rng(5).normal(size=DRAWS))


def wide_headline(fit: Fit) -> None:
    fit.headline = fit.headline + np.random.default_rng(6).normal(0, 1.0, fit.headline.shape)


SPOILT: dict[str, Callable[[Fit], None]] = {
    "chains": few_chains,
    "rhat": chain_apart,
    "ess_bulk": slow_parameter,
    "ess_tail": stuck_tail,
    "divergences": one_divergence,
    "bfmi": sluggish_energy,
    "headline_mcse": wide_headline,
}


def test_a_sound_fit_passes() -> None:
    verdict = Fit().verdict()
    assert verdict.passed, [str(criterion) for criterion in verdict.failures]
    assert [criterion.name for criterion in verdict.criteria] == list(LIMITS)
    assert failed([verdict]) == []


@pytest.mark.parametrize("name", LIMITS)
def test_each_criterion_can_fail(name: str) -> None:
    fit = Fit()
    SPOILT[name](fit)
    verdict = fit.verdict()
    assert not verdict.passed
    assert name in [criterion.name for criterion in verdict.failures]
    assert failed([verdict]) == [verdict]


@pytest.mark.parametrize("name", ["chains", "divergences", "bfmi", "headline_mcse"])
def test_these_fail_alone(name: str) -> None:
    fit = Fit()
    SPOILT[name](fit)
    assert [criterion.name for criterion in fit.verdict().failures] == [name]


@pytest.mark.parametrize("name", ["rhat", "ess_bulk", "ess_tail"])
def test_the_worst_quantity_is_named(name: str) -> None:
    fit = Fit()
    SPOILT[name](fit)
    worst = {criterion.name: criterion.worst for criterion in fit.verdict().criteria}
    assert worst[name].startswith("half_life")


@pytest.mark.parametrize("variable", ["path", "inside", "hazard", "half_life"])
def test_whatever_is_not_a_number_fails(variable: str) -> None:
    fit = Fit()
    fit.posterior[variable][..., -1] = np.nan
    assert {"rhat", "ess_bulk", "ess_tail"} <= {criterion.name for criterion in fit.verdict().failures}


def test_a_headline_that_is_not_a_number_fails() -> None:
    fit = Fit()
    fit.headline[0, 0] = np.nan
    assert "headline_mcse" in {criterion.name for criterion in fit.verdict().failures}


def test_a_headline_that_does_not_mix_fails() -> None:
    fit = Fit()
    fit.headline = fit.headline.copy(data=0.2 + 0.001 * walk(7, memory=0.99))
    assert "ess_bulk" in {criterion.name for criterion in fit.verdict().failures}


def test_only_the_last_week_of_a_path_is_looked_at() -> None:
    fit = Fit()
    fit.posterior["path"][0, :, :, 0] += 5
    assert fit.verdict().passed
    fit.posterior["path"][0, :, 1, -1] += 5
    assert "rhat" in {criterion.name for criterion in fit.verdict().failures}
    looked_at = monitored(fit.posterior, fit.headline)
    assert looked_at["path"].dims == (names.CHAIN, names.DRAW, names.FACTOR)
    assert looked_at["hazard"].sizes[names.RISK] == 2
    assert "headline" in looked_at


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("chains", 4, 3),
        ("rhat", 1.01, 1.0101),
        ("ess_bulk", 400, 399.9),
        ("ess_tail", 400, 399.9),
        ("divergences", 0, 1),
        ("bfmi", 0.3, 0.299),
        ("headline_mcse", 0.005, 0.0051),
    ],
)
def test_limits(name: str, good: float, bad: float) -> None:
    assert Criterion(name, good, LIMITS[name]).passed
    assert not Criterion(name, bad, LIMITS[name]).passed
    assert not Criterion(name, float("nan"), LIMITS[name]).passed
    assert not Criterion(name, float("inf"), LIMITS[name]).passed


def test_a_criterion_reads_as_a_sentence() -> None:
    assert str(Criterion("rhat", 1.5, 1.01, "x")) == "largest R-hat 1.5 (x), must be at most 1.01"
    assert str(Criterion("ess_bulk", 90.0, 400.0)) == "smallest bulk effective sample size 90, must be at least 400"
