"""The tables of the bench: their columns, effective draws per second, and what is not said of a sampler that has not converged."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import samplers
from comparison import COLUMNS, MORE_COLUMNS, Run, judge, make_tables, ratio_sentence, read_table, write_table
from figure import draw_samplers
from numpy.typing import NDArray
from problem import Problem
from rival import Sampled, Settings

Array = NDArray[np.float64]
LABELS = ["slow", "first", "second"]
ABOUT = {"chains": 4, "draws": 1000, "tune": 500, "seed": 1, "date": "2026-11-23", "command": "python samplers.py"}
SLOWNESS = 0.8


def draw(seed: int, draws: int = 1000, centre: float = 0.0) -> Array:
    """Four chains of three quantities of unit variance: the first an AR(1) series, the others independent."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(4, draws, 3))
    for t in range(1, draws):
        values[:, t, 0] = SLOWNESS * values[:, t - 1, 0] + np.sqrt(1 - SLOWNESS**2) * values[:, t, 0]
    return np.asarray(values + centre)


def a_run(quantities: Array, seconds: float = 10.0, **changes: Any) -> Run:
    shape = quantities.shape[:2]
    sampled = Sampled(quantities, np.full(shape, 15.0), np.zeros(shape, dtype=bool), 4000.0, seconds, 6.0, 30.0, 19.0)
    run = Run(sampled, quantities, np.array([0.1, 0.2, 0.6]), (1e-12, 1e-10), "sampler 1.0")
    return replace(run, sampled=replace(sampled, **changes))


def tables(**runs: list[Run]) -> tuple[dict[str, dict[str, Any]], dict[str, dict[str, Any]]]:
    """Rows of both tables by sampler, all on the whitened density."""
    rows, more = make_tables({(name, "whitened"): own for name, own in runs.items()}, LABELS, ABOUT)
    return {row["sampler"]: row for row in rows}, {row["sampler"]: row for row in more}


def test_effective_draws_per_second_are_those_of_a_series_whose_autocorrelation_is_known() -> None:
    """An AR(1) series has N (1 − φ)/(1 + φ) effective draws of its mean; two repetitions make 8000 draws in 25 seconds."""
    rows, more = tables(ripeness=[a_run(draw(1), 10.0), a_run(draw(2), 15.0)])
    row = rows["ripeness"]
    known = 8000 * (1 - SLOWNESS) / (1 + SLOWNESS)
    assert row["min_ess_bulk_per_s"] == pytest.approx(known / 25, rel=0.15)
    assert row["min_ess_bulk_per_draw"] == pytest.approx(known / 8000, rel=0.15)
    assert row["min_ess_bulk_per_s"] * 25 == pytest.approx(row["min_ess_bulk_per_draw"] * 8000)
    assert more["ripeness"]["min_ess_bulk_of"] == "slow"
    assert (row["gradient_ms"], row["gradients_per_draw"], row["compile_s"], row["sample_s"]) == (0.2, 15.0, 30.0, 12.5)
    assert more["ripeness"]["min_ess_bulk_per_s_with_compiling"] == pytest.approx(row["min_ess_bulk_per_s"] * 25 / 85)
    assert row["converged"] == "yes"


def test_independent_draws_count_fully() -> None:
    judged = judge(draw(3)[:, :, 1:])
    assert judged.bulk == pytest.approx([4000, 4000], rel=0.15)
    assert judged.error == pytest.approx([4000**-0.5] * 2, rel=0.15)
    assert judged.max_rhat < 1.005


def test_engine_is_compared_with_who_has_converged() -> None:
    rows, more = tables(ripeness=[a_run(draw(4), 5.0)], rival=[a_run(draw(5), 20.0)])
    assert rows["rival"]["converged"] == "yes"
    ratio = rows["ripeness"]["min_ess_bulk_per_s"] / rows["rival"]["min_ess_bulk_per_s"]
    assert more["rival"]["engine_times_faster"] == pytest.approx(ratio)
    assert ratio == pytest.approx(4, rel=0.25)
    assert more["rival"]["largest_z"] < 4


def apart() -> Array:
    """Chains that have not found each other."""
    return draw(6) + np.array([0.0, 0.0, 0.0, 2.0])[:, None, None]


def one_divergence() -> NDArray[np.bool_]:
    diverging = np.zeros((4, 1000), dtype=bool)
    diverging[2, 500] = True
    return diverging


@pytest.mark.parametrize(
    "run",
    [
        a_run(apart()),
        a_run(draw(7, 60)),
        a_run(draw(7), complete=False),
        a_run(draw(7), diverging=one_divergence()),
        a_run(draw(7, 0), complete=False),
    ],
    ids=["chains apart", "few draws", "cut short", "a divergence", "still in warm-up"],
)
def test_nothing_is_divided_by_a_sampler_that_has_not_converged(run: Run, tmp_path: Path) -> None:
    rows, more = tables(ripeness=[a_run(draw(8))], rival=[run])
    assert rows["rival"]["converged"] == "no"
    assert more["rival"]["engine_times_faster"] == ""
    assert rows["ripeness"]["converged"] == "yes"
    write_table(tmp_path / "samplers.csv", COLUMNS, list(rows.values()))
    draw_samplers(list(rows.values()), tmp_path / "samplers.svg")
    assert "not converged after 10 s" in (tmp_path / "samplers.svg").read_text("utf-8")


def test_nothing_is_divided_by_an_engine_that_has_not_converged() -> None:
    _, more = tables(ripeness=[a_run(apart())], rival=[a_run(draw(9))])
    assert more["rival"]["engine_times_faster"] == ""


def test_other_posterior_means_are_seen() -> None:
    _, more = tables(ripeness=[a_run(draw(10))], rival=[a_run(draw(11) + np.array([0.0, 0.3, 0.0]))])
    assert more["rival"]["largest_z_of"] == "first"
    assert more["rival"]["largest_z"] == pytest.approx(0.3 / np.hypot(4000**-0.5, 4000**-0.5), rel=0.2)
    assert more["rival"]["rms_z"] > 3


def test_tables_have_their_columns(tmp_path: Path) -> None:
    rows, more = tables(ripeness=[a_run(draw(12))], rival=[a_run(draw(13))])
    for name, columns, content in (("samplers", COLUMNS, rows), ("samplers-more", MORE_COLUMNS, more)):
        write_table(tmp_path / name, columns, list(content.values()))
        header, *lines = list(csv.reader((tmp_path / name).read_text("utf-8").splitlines()))
        assert tuple(header) == columns
        assert [line[0] for line in lines] == ["ripeness", "rival"]
    assert ",".join(COLUMNS) == (
        "sampler,density,converged,min_ess_bulk_per_s,min_ess_bulk_per_draw,gradient_ms,gradients_per_draw,max_rhat,compile_s,sample_s"
    )


def table(**rates: float) -> list[dict[str, Any]]:
    """A table of samplers on the whitened density that have converged."""
    return [{"sampler": name, "density": "whitened", "converged": "yes", "min_ess_bulk_per_s": str(rate)} for name, rate in rates.items()]


def test_the_sentence_names_the_best_rival() -> None:
    assert "makes 60 effective draws" in ratio_sentence(table(ripeness=60.2, numpyro=10.0, stan=15.05))
    assert "4.0 times as many as the better of NumPyro and Stan, Stan, on" in ratio_sentence(table(ripeness=60.2, numpyro=10.0, stan=15.05))


def test_the_sentence_says_nothing_of_who_has_not_converged() -> None:
    rows = table(ripeness=60.0, numpyro=10.0, stan=30.0)
    rows[2]["converged"] = "no"
    rows += [{"sampler": "nutpie", "density": "centred", "converged": "yes", "min_ess_bulk_per_s": "50"}]
    assert "6.0 times as many as NumPyro on" in ratio_sentence(rows)
    assert "has not been compared" in ratio_sentence(rows[::2][:1])


def test_the_readme_says_what_the_table_says(root: Path) -> None:
    stored = samplers.RESULTS / "samplers.csv"
    if stored.exists():
        assert ratio_sentence(read_table(stored)) in " ".join((root / "README.md").read_text("utf-8").split())


def test_stored_tables_have_these_columns() -> None:
    for name, columns in (("samplers.csv", COLUMNS), ("samplers-more.csv", MORE_COLUMNS)):
        for stored in samplers.RESULTS.glob(name):
            assert tuple(next(csv.reader(stored.read_text("utf-8").splitlines()))) == columns


def test_figure_is_the_same_bytes_every_time(tmp_path: Path) -> None:
    rows, _ = tables(ripeness=[a_run(draw(14))], rival=[a_run(draw(15), 50.0)])
    for name in ("first", "second"):
        draw_samplers(list(rows.values()), tmp_path / name)
    assert (tmp_path / "first").read_bytes() == (tmp_path / "second").read_bytes()


def test_a_rival_with_another_density_is_refused(tmp_path: Path, made_up_problem: Problem) -> None:
    """A constant apart is the same density; a millionth more in one point, or in one slope, is not."""
    sampler = samplers.Sampler("rival", "whitened", "none.py")
    folder = tmp_path / "rival-0"
    folder.mkdir()
    made_up_problem.save(folder / "problem.npz")
    Settings(5, 5, 2, 1).save(folder / "settings.json")
    rng = np.random.default_rng(16)
    x = rng.normal(size=(4, len(made_up_problem.mean)))
    values, slopes = np.array([-5000.0, -4000.0, -4500.0, -6000.0]), rng.normal(size=x.shape)
    np.savez(folder / "points.npz", x=x, log_density=values, gradient=slopes)
    draws = np.tile(made_up_problem.mean, (2, 5, 1))
    steps = np.ones((2, 5))
    sampled = Sampled(draws, steps, steps < 0, 10.0, 1.0, 1.0, 1.0, 1.0)

    def errors(log_density: Array, gradient: Array) -> tuple[float, float]:
        sampled.save(folder / "sampled.npz", log_density=log_density, gradient=gradient, versions=np.array("rival 1"))
        return samplers.read_run(sampler, tmp_path, 0)[1].errors

    assert max(errors(values + 77.0, slopes)) < 1e-12
    with pytest.raises(samplers.Disagreement, match="rival: log density differs"):
        errors(values + np.array([0.0, 0.0, 0.0, 1e-3]), slopes)
    bent = slopes.copy()
    bent[1, 3] += 1e-5
    with pytest.raises(samplers.Disagreement):
        errors(values, bent)


def test_settings_survive_their_file(tmp_path: Path) -> None:
    from rival import read_settings

    settings = Settings(10, 20, 2, 3, cap=12.5)
    settings.save(tmp_path / "settings.json")
    assert read_settings(tmp_path / "settings.json") == settings
