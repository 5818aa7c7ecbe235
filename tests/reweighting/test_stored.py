"""What a fit leaves for updates: opened as it was written, the same bytes each time, and refused in words where it is no such file."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from ripeness import names
from ripeness.errors import RipenessError
from ripeness.model.spec import ModelSpec
from ripeness.reweighting.refusals import INPUT_CHANGES
from ripeness.reweighting.reweighted import StoredFit
from ripeness.reweighting.stored import read_about, read_base, write_base
from ripeness.reweighting.weights import Anchor
from ripeness.reweighting.window import Window
from ripeness.workflow.forecasts import find_base
from ripeness.workflow.run import BASE, MANIFEST, POSTERIOR, SCHEMA

Array = NDArray[np.float64]
FIT_INPUTS = {key: f"{key} then" for key in INPUT_CHANGES}
SUMMARY = {"gate": {"passed": True}, "probability": 0.123456789, "title": "Übung"}


@pytest.fixture
def spec(make_spec: Callable[..., ModelSpec]) -> ModelSpec:
    return make_spec(
        6,
        [("ground", 1, 1, 0.5, 1.0, 0.0), ("prices", 1, 4, 0.2, 1.5, 0.1)],
        [("visits", 2, 4.0, 0.3, 1)],
        arrivals=[(3, 1, 4.0), (4, 0, 2.0)],
    )


@pytest.fixture
def fit(make_draws: Callable[..., dict[str, Array]]) -> StoredFit:
    window = Window(6, np.array([3, 2, 3, 3], dtype=np.int64), 4, 1)
    draws = make_draws(7, 1, 5)
    draws["path"] = draws["path"].astype(np.float32).astype(float)
    rng = np.random.default_rng(2)
    anchors = (Anchor(0.1, 0.001), Anchor(0.2, 0.002))
    return StoredFit(names.CONJUNCTIVE, names.TEMPERED, window, draws, rng.dirichlet(np.ones(3), 7), rng.random((7, 2)), anchors, 0.8)


def store(folder: Path, spec: ModelSpec, fit: StoredFit, **other: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    write_base(folder / BASE, {"run_id": "a" * 12, **FIT_INPUTS, **other}, spec, {"some_fit": fit}, SUMMARY)
    return folder / BASE


def store_run(folder: Path, spec: ModelSpec, fit: StoredFit, **other: Any) -> None:
    """With what besides makes the folder a run's."""
    store(folder, spec, fit, **other)
    (folder / POSTERIOR).touch()
    manifest = {"schema": SCHEMA, "base": None, "origin": folder.name, "sampler": "compiled", **FIT_INPUTS, **other}
    (folder / MANIFEST).write_text(json.dumps(manifest), "utf-8")


def test_it_opens_as_it_was_written(tmp_path: Path, spec: ModelSpec, fit: StoredFit) -> None:
    found = read_base(store(tmp_path, spec, fit))
    assert found.summary == SUMMARY and found.about["run_id"] == "a" * 12 and found.about["origin"] == spec.panel.origin.isoformat()
    assert (found.panel.origin, found.panel.weeks) == (spec.panel.origin, spec.panel.weeks)
    assert found.panel.hash == spec.panel.hash
    for stored, given in zip(found.meetings, spec.meetings, strict=True):
        np.testing.assert_array_equal(stored, given)
        assert stored.dtype == given.dtype
    (again,) = found.fits.values()
    for field in fields(StoredFit):
        before, after = getattr(fit, field.name), getattr(again, field.name)
        if field.name == "draws":
            assert set(before) == set(after)
            for name, values in before.items():
                np.testing.assert_array_equal(after[name], values)
                assert after[name].dtype == float
        elif field.name == "window":
            np.testing.assert_array_equal(after.kept, before.kept)
            assert (after.weeks, after.first, after.stored) == (before.weeks, before.first, before.stored)
        else:
            np.testing.assert_array_equal(after, before)


def test_the_same_fit_has_the_same_bytes(tmp_path: Path, spec: ModelSpec, fit: StoredFit) -> None:
    first, second = (store(tmp_path / name, spec, fit).read_bytes() for name in ("one", "other"))
    assert first == second
    assert [path.name for path in (tmp_path / "one").iterdir()] == [BASE], "nothing half written is left"


def test_no_code_is_in_it(tmp_path: Path, spec: ModelSpec, fit: StoredFit) -> None:
    with np.load(store(tmp_path, spec, fit), allow_pickle=False) as stored:
        assert all(stored[name].dtype != object for name in stored.files)


@pytest.mark.parametrize("content", [b"", b"no archive at all", b"PK\x03\x04 but cut off"])
def test_what_is_no_such_file_is_refused_in_words(tmp_path: Path, content: bytes) -> None:
    (tmp_path / BASE).write_bytes(content)
    with pytest.raises(RipenessError, match=r"base\.npz cannot be read.*--refit"):
        read_about(tmp_path / BASE)


def test_another_schema_is_refused(tmp_path: Path, spec: ModelSpec, fit: StoredFit) -> None:
    path = store(tmp_path, spec, fit)
    with np.load(path) as stored:
        arrays = dict(stored)
    about = json.loads(arrays["about"].tobytes()) | {"schema": 99}
    arrays["about"] = np.frombuffer(json.dumps(about).encode(), dtype=np.uint8)
    np.savez(path, **arrays)
    with pytest.raises(RipenessError, match="schema 99"):
        read_base(path)


def test_the_base_is_the_newest_fit_of_the_same_inputs(tmp_path: Path, spec: ModelSpec, fit: StoredFit) -> None:
    from datetime import date

    assert find_base(tmp_path, date(2025, 1, 1), FIT_INPUTS) == []
    store_run(tmp_path / "2024-03-03", spec, fit, run_id="b" * 12)
    store_run(tmp_path / "2024-03-10", spec, fit, run_id="c" * 12)
    store_run(tmp_path / "2024-03-17", spec, fit, run_id="d" * 12, priors_hash="others")
    store_run(tmp_path / "2024-03-31", spec, fit, run_id="e" * 12)
    assert find_base(tmp_path, date(2024, 3, 24), FIT_INPUTS) == tmp_path / "2024-03-10" / BASE
    assert find_base(tmp_path, date(2024, 3, 9), FIT_INPUTS) == tmp_path / "2024-03-03" / BASE
    found = find_base(tmp_path, date(2024, 3, 24), FIT_INPUTS | {"code_version": "another", "seed": "another"})
    assert found == [INPUT_CHANGES["priors_hash"], INPUT_CHANGES["code_version"], INPUT_CHANGES["seed"]]
    any_seed = {key: value for key, value in FIT_INPUTS.items() if key != "seed"}
    store_run(tmp_path / "2024-03-24", spec, fit, run_id="f" * 12, seed=99)
    assert find_base(tmp_path, date(2024, 3, 24), any_seed) == tmp_path / "2024-03-24" / BASE
    assert find_base(tmp_path, date(2024, 3, 24), FIT_INPUTS) == tmp_path / "2024-03-10" / BASE
