"""A stored fit is what ArviZ's functions take, called as a user would; and a stored run is small and opens without its draws."""

from __future__ import annotations

import copy
import hashlib
import pickle
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import arviz as az
import h5py
import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr
from scipy import stats
from small_workspace import FITS, HEADLINE_FITS

from ripeness import names, open_run
from ripeness.lazy_netcdf import StoredArray
from ripeness.reweighting.weights import smooth_weights
from ripeness.workflow.run import Run

FIT = HEADLINE_FITS[0]


@pytest.fixture(scope="module")
def run(short_run: Any) -> Run:
    return open_run(short_run.folder)


@pytest.fixture(scope="module")
def fit(run: Run) -> xr.DataTree:
    return run.fit(FIT)


@pytest.fixture(autouse=True)
def closed_figures() -> Iterator[None]:
    yield
    plt.close("all")


@pytest.fixture(autouse=True)
def short_chains() -> Iterator[None]:
    """480 draws are too few for some rows, which ArviZ says."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Estimated shape parameter of Pareto distribution", UserWarning)
        yield


def flat(fit: xr.DataTree, group: str, name: str) -> Any:
    return fit[group][name].transpose(names.CHAIN, names.DRAW, ...).values.astype(float).reshape(480, -1)


# what the functions of ArviZ say


def test_summary_gives_means_and_spreads_of_the_draws(fit: xr.DataTree) -> None:
    table = az.summary(fit, var_names=["weight", "log_war_level"], round_to="none")
    draws = fit.posterior["log_war_level"]
    assert len(table) == fit.posterior.sizes[names.EFFECT] + 1
    assert float(table.loc["log_war_level", "mean"]) == pytest.approx(float(draws.mean()), abs=1e-6)
    assert float(table.loc["log_war_level", "sd"]) == pytest.approx(float(draws.std(ddof=1)), rel=1e-2)


def test_loo_of_rounds_is_the_expected_density_of_each_week(fit: xr.DataTree) -> None:
    found = az.loo(fit, var_name="rounds", pointwise=True)
    assert found.n_data_points == fit.observed_data.sizes[names.RISK]
    # by hand: importance weights that leave each week out
    likelihood = flat(fit, "log_likelihood", "rounds")
    by_hand = np.empty(likelihood.shape[1])
    for week in range(likelihood.shape[1]):
        weights = smooth_weights(-likelihood[:, week]).values
        by_hand[week] = np.log(np.sum(weights * np.exp(likelihood[:, week])))
    assert found.elpd == pytest.approx(by_hand.sum(), abs=0.05)


@pytest.mark.parametrize("name", ["measured", "counted"])
def test_loo_of_rows_is_below_what_they_say_when_kept(fit: xr.DataTree, name: str) -> None:
    found = az.loo(fit, var_name=name)
    likelihood = flat(fit, "log_likelihood", name)
    kept_in = np.log(np.exp(likelihood).mean(axis=0)).sum()
    assert found.n_data_points == likelihood.shape[1]
    assert found.elpd < kept_in and found.p == pytest.approx(kept_in - found.elpd, rel=0.05)


def test_two_fits_compare_by_the_record(run: Run) -> None:
    fits = {name: run.fit(name) for name in (FIT, "substitutable_as_written", "outside")}
    table = az.compare(fits, var_name="rounds", round_to="none")
    assert set(table.index) == set(fits) and table["weight"].sum() == pytest.approx(1.0)
    best = table.index[0]
    assert float(table.loc[best, "elpd"]) == pytest.approx(az.loo(fits[best], var_name="rounds").elpd)


def test_power_scaling_sees_that_the_prior_leads(fit: xr.DataTree) -> None:
    table = az.psense_summary(fit, var_names=["log_war_level", "loading", "kept"])
    assert (table[["prior", "likelihood"]] >= 0).all().all() and "diagnosis" in table
    # by hand, for a quantity that its prior alone holds: the mean moves as the weights of its own density say
    own = az.psense(fit, var_names=["kept"], group="prior", group_var_names="kept")["kept"]
    other = az.psense(fit, var_names=["kept"], group="prior", group_var_names="dispersion")["kept"]
    assert float(own.max()) > 2 * float(other.max())


def test_loo_pit_lies_between_0_and_1_and_is_drawn(fit: xr.DataTree) -> None:
    pit = az.loo_pit(fit, var_names="measured")["measured"].values
    assert ((pit >= 0) & (pit <= 1 + 1e-12)).all() and abs(pit.mean() - 0.5) < 0.05
    drawn = az.plot_loo_pit(fit, var_names="measured", backend="matplotlib")
    assert set(drawn.viz["ecdf_lines"].data_vars) == {"measured"}


# where draws in a tail are all one count, ArviZ divides by their spread before it falls back on them
@pytest.mark.filterwarnings("ignore:invalid value encountered in :RuntimeWarning")
@pytest.mark.parametrize("name", ["counted", "rounds"])
def test_loo_pit_takes_counts_and_weeks(fit: xr.DataTree, name: str) -> None:
    assert name in az.plot_loo_pit(fit, var_names=name, backend="matplotlib").viz["ecdf_lines"]


def test_predictive_draws_are_drawn_over_the_data(fit: xr.DataTree) -> None:
    drawn = az.plot_ppc_dist(fit, var_names="measured", num_samples=20, backend="matplotlib")
    assert drawn.viz["predictive_dist"]["measured"].size == 20
    line = np.asarray(drawn.viz["observed_dist"]["measured"].item().get_xdata(), float)
    data = fit.observed_data["measured"].values
    assert np.allclose([line.min(), line.max()], [data.min(), data.max()], atol=np.ptp(data) / 400)  # the steps of its grid


def test_counts_and_weeks_are_integers_and_drawn_as_such(fit: xr.DataTree) -> None:
    for group in ("posterior_predictive", "observed_data"):
        assert fit[group]["counted"].dtype.kind == fit[group]["rounds"].dtype.kind == "i"
    assert "counted" in az.plot_ppc_rootogram(fit, var_names="counted", backend="matplotlib").viz["observed_markers"]
    assert "rounds" in az.plot_ppc_pava(fit, var_names="rounds", backend="matplotlib").viz["lines"]
    with pytest.warns(UserWarning, match="plot_ppc_rootogram"):
        az.plot_ppc_dist(fit, var_names="counted", num_samples=5, backend="matplotlib")


def test_the_prior_stands_beside_the_posterior(fit: xr.DataTree) -> None:
    drawn = az.plot_prior_posterior(fit, var_names=["log_war_level", "share_open"], backend="matplotlib")
    assert set(drawn.viz["dist"].coords["group"].values) == {"prior", "posterior"}
    assert drawn.viz["dist"]["share_open"].sizes[names.CONDITION] == 3


def test_traces_have_a_line_for_each_chain(fit: xr.DataTree) -> None:
    drawn = az.plot_trace_dist(fit, var_names=["log_war_level", "log_best_to_worst"], backend="matplotlib")
    lines = drawn.viz["trace"]["log_war_level"].values.ravel()
    assert len(lines) == 4
    assert np.allclose(lines[2].get_ydata(), fit.posterior["log_war_level"].sel(chain=2))


def test_energy_is_drawn_with_its_bfmi(fit: xr.DataTree) -> None:
    drawn = az.plot_energy(fit, backend="matplotlib")
    assert drawn.viz["dist"]["Energy"].coords["energy"].values.tolist() == ["marginal", "transition"]
    points = drawn.viz["bfmi_points"]["bfmi"].item().get_offsets()
    bfmi = az.bfmi(fit)["energy"].values
    energy = fit.sample_stats["energy"].values
    assert np.isclose(np.asarray(points), bfmi[:, None]).any(axis=1).all()
    assert np.allclose(bfmi, (np.diff(energy, axis=1) ** 2).mean(axis=1) / energy.var(axis=1, ddof=1), rtol=0.02)


def test_plots_come_from_plotly_as_well(fit: xr.DataTree) -> None:
    drawn = az.plot_trace_dist(fit, var_names=["log_war_level"], backend="plotly")
    figure = drawn.viz["figure"].item()
    traces = [trace for trace in figure.data if trace.y is not None and len(trace.y) == 120]
    assert len(traces) == 4 and np.allclose(traces[1].y, fit.posterior["log_war_level"].sel(chain=1))


# what the groups hold


def test_log_prior_is_the_density_of_each_quantity_in_natural_units(run: Run, fit: xr.DataTree, workspace: Path) -> None:
    from ripeness.elicitation.elicit import elicit_priors
    from ripeness.workflow.request import open_workspace

    priors = elicit_priors(open_workspace(workspace).priors)
    war = priors["war_level"]
    found, draws = fit["log_prior"], fit.posterior
    assert np.allclose(found["log_war_level"], stats.norm.logpdf(draws["log_war_level"], war.mu, war.sigma), atol=2**-9)
    for number, factor in enumerate(draws[names.FACTOR].values):
        own = priors[f"half_life.{factor}"]
        by_hand = stats.lognorm.logpdf(draws["half_life"][..., number], own.sigma, scale=np.exp(own.mu))
        assert np.allclose(found["half_life"][..., number], by_hand, atol=2**-9)
    free = set(draws.data_vars) & set(found.data_vars)
    assert free == set(found.data_vars) >= {"kept", "sensitivity", "effect_size", "loading", "noise", "dispersion", "capture"}
    assert all(found[name].dims == draws[name].dims for name in found.data_vars)


def test_every_fit_has_as_many_predictive_as_likelihood_draws(run: Run) -> None:
    for name, _, _ in FITS:
        fit = run.fit(name)
        for group in ("posterior_predictive", "log_likelihood"):
            assert fit[group].sizes[names.DRAW] == fit.posterior.sizes[names.DRAW]
            assert set(fit[group].data_vars) == set(fit.observed_data.data_vars)
    assert "log_prior" not in run.fit("substitutable_as_written").children  # power-scaling would lack its rows


def test_predictions_are_the_forecast(run: Run) -> None:
    rows = {(row["source"], row["question"], row["horizon_weeks"]): row["probability"] for row in run.summary["forecasts"]}
    for name, _, _ in FITS:
        predictions = run.fit(name)[names.PREDICTIONS]
        for weeks in predictions[names.HORIZON].values:
            assert float(predictions["within"].sel(horizon=weeks).mean()) == pytest.approx(rows[name, "round", int(weeks)], abs=1e-6)
        hazard = predictions["hazard_ahead"].astype(float)
        silent = (1 - hazard).cumprod(names.AHEAD)
        assert np.allclose(1 - silent, predictions["by_week"], atol=2e-3)
    targets = run.fit(FIT)["predictions_constant_data"]["target_end_date"].values.astype("datetime64[D]").astype(str)
    assert targets[0] == "2025-07-16"


def test_attributes_say_what_a_group_is_and_no_clock_does(run: Run) -> None:
    for node in run.tree.subtree:
        assert not {key for key in node.attrs if "created" in key or "time" in key}, node.path
    stats_of, posterior = run.fit(FIT)["sample_stats"], run.fit("conjunctive_tempered")["posterior"]
    assert stats_of.attrs["inference_library"] == "nutpie" and stats_of.attrs["inference_library_version"]
    assert posterior.attrs["variant"] == "conjunctive" and posterior.attrs["reading"] == "tempered"
    assert posterior.attrs["creation_library"] == "ripeness"
    assert posterior["half_life"].attrs == {"long_name": "half-life of a factor", "units": "weeks"}
    bare = {str(name) for name in posterior.data_vars if "long_name" not in posterior[name].attrs}
    assert bare == set()


# how it is stored


def test_opening_loads_no_draw(run: Run) -> None:
    fresh = open_run(run.folder)
    path = fresh.tree[f"{FIT}/posterior/path"].variable
    inner: Any = path._data
    while not isinstance(inner, StoredArray):
        assert not isinstance(inner, np.ndarray)
        inner = inner.array
    assert not path._in_memory


def test_the_lazy_tree_is_the_one_that_xarray_opens(run: Run) -> None:
    with xr.open_datatree(run.folder / "posterior.nc", engine="h5netcdf") as theirs:
        ours = open_run(run.folder).tree
        assert set(ours.groups) == set(theirs.groups)
        for group in theirs.groups:
            xr.testing.assert_identical(ours[group].to_dataset(), theirs[group].to_dataset())
    some = run.tree[f"{FIT}/posterior"].to_dataset()["path"].isel(draw=[3, 1], week=slice(2, 9, 3))
    whole = run.tree[f"{FIT}/posterior"].to_dataset()["path"].load().isel(draw=[3, 1], week=slice(2, 9, 3))
    assert np.array_equal(some, whole)


def test_a_lazy_tree_may_be_copied_and_pickled(run: Run) -> None:
    lazy = open_run(run.folder).fit(FIT)
    for other in (copy.deepcopy(lazy), pickle.loads(pickle.dumps(lazy))):
        assert np.array_equal(other.posterior["weight"], lazy.posterior["weight"])


def test_what_is_rounded_is_rounded_far_below_the_monte_carlo_error(run: Run) -> None:
    posterior = run.tree[f"{FIT}/posterior"].to_dataset()
    for name, step in {"path": 2**-5, "inside": 2**-9, "log_odds_open": 2**-6}.items():
        spread = posterior[name].std([names.CHAIN, names.DRAW])
        assert float(spread.median()) > 50 * step / np.sqrt(12)  # of the rounding error of one draw, whose mean is smaller still
    hazard = posterior["hazard"].values
    assert hazard.dtype == np.float32 and (hazard > 0).all()


def test_the_same_tree_gives_the_same_bytes(run: Run, tmp_path: Path) -> None:
    from ripeness.inference.storage import as_stored
    from ripeness.workflow.run import write_tree

    digests = []
    for number in range(2):
        content = {f"/{FIT}/{group}": as_stored(group, node.to_dataset()) for group, node in run.fit(FIT).children.items()}
        write_tree(tmp_path / f"{number}.nc", xr.DataTree.from_dict(content))
        digests.append(hashlib.sha256((tmp_path / f"{number}.nc").read_bytes()).hexdigest())
    assert digests[0] == digests[1]


def test_four_thousand_draws_take_at_most_150_mb(run: Run) -> None:
    """By the bytes of the groups that grow with the draws, and all of the others."""
    growing, others = 0, 0
    with h5py.File(run.folder / "posterior.nc", "r") as file:

        def add(place: str, content: Any) -> None:
            nonlocal growing, others
            size = content.id.get_storage_size() if isinstance(content, h5py.Dataset) else 0
            of_prior = "/prior" in place or place.startswith(names.DATA_GROUP)
            growing, others = (growing, others + size) if of_prior else (growing + size, others)

        file.visititems(add)
    assert others + growing * 4000 / 480 < 150e6
