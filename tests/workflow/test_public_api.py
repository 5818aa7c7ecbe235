"""The public names: each has a docstring in numpydoc's form, and its examples run, in the folder of a workspace with a stored run."""

from __future__ import annotations

import doctest
import inspect
import pydoc
from datetime import date
from pathlib import Path
from typing import Any

import arviz as az
import pymc as pm
import pytest

import ripeness
from ripeness.errors import UsageError
from ripeness.reweighting import refusals as reasons

CALLABLE = [name for name in ripeness.__all__ if inspect.isfunction(getattr(ripeness, name))]
WITH_EXAMPLES = [*CALLABLE, "Inputs", "Request", "Run"]


@pytest.fixture(scope="module")
def known(workspace: Path) -> dict[str, Any]:
    """What examples read: the workspace that stands in the working folder."""
    return {"ripeness": ripeness, "workspace": ripeness.open_workspace(workspace), "date": date, "az": az, "pm": pm, "Path": Path}


@pytest.mark.filterwarnings("ignore:Numba will use object mode:UserWarning")  # for what PyMC draws by a Python function
@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_examples_run(name: str, known: dict[str, Any], workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(workspace)
    monkeypatch.setattr(reasons, "LARGEST_ERROR", 1.0)  # so few draws have a Monte Carlo error that would ask for a new fit
    documented = getattr(ripeness, name)
    example = doctest.DocTestParser().get_doctest(inspect.getdoc(documented) or "", dict(known), name, None, None)
    assert example.examples, f"{name} has no example"
    failures: list[str] = []
    doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(example, out=failures.append)
    assert not failures, "".join(failures)


@pytest.mark.parametrize("make", [ripeness.build_model, ripeness.sample])
def test_a_reading_that_the_workspace_has_not_is_refused(make: Any, workspace: Path) -> None:
    with pytest.raises(UsageError, match="reading 'other_wars', which this workspace has not; it has as_written, tempered"):
        make(ripeness.open_workspace(workspace), reading="other_wars")


@pytest.mark.parametrize("name", CALLABLE)
def test_docstrings_name_every_parameter(name: str) -> None:
    """Sections Parameters, Returns and Examples; every argument with its type."""
    function = getattr(ripeness, name)
    text = inspect.getdoc(function) or ""
    assert all(f"{section}\n{'-' * len(section)}" in text for section in ("Parameters", "Returns", "Examples")), name
    section = text.partition("Parameters\n----------")[2].partition("\n\n")[0]
    listed = {
        word.strip()
        for line in section.splitlines()
        if " : " in line and not line.startswith(" ")
        for word in line.split(" : ")[0].split(",")
    }
    assert listed == set(inspect.signature(function).parameters)


def test_help_is_a_page_with_every_public_name() -> None:
    page = pydoc.render_doc(ripeness, renderer=pydoc.plaintext)
    assert "open_workspace" in page.partition("NAME")[2][:2000]
    for name in {*ripeness.__all__} - {"__version__"}:
        assert f" {name}(" in page or f"class {name}" in page, name
    assert "VERSION" in page
    assert len(page.splitlines()) < 900


@pytest.mark.filterwarnings("ignore:Numba will use object mode:UserWarning")  # for what PyMC draws by a Python function
def test_the_model_is_one_that_pymc_takes(known: dict[str, Any]) -> None:
    """Simulated from, intervened on, observed, drawn as a graph."""
    model = ripeness.build_model(known["workspace"], date(2025, 6, 18))
    factors = len(model.coords["factor"])
    slower = pm.do(model, {"half_life": [52.0] * factors})
    assert "half_life" not in {variable.name for variable in slower.free_RVs}
    drawn = pm.sample_prior_predictive(5, model=slower, random_seed=1)
    assert drawn["prior_predictive"]["rounds"].sizes["week_at_risk"] == len(model.coords["week_at_risk"])
    still = pm.observe(model, {"path": [[0.0] * len(model.coords["week"])] * factors})
    assert "path" in {variable.name for variable in still.observed_RVs}
    graph = pm.model_to_graphviz(model)
    assert "half_life" in graph.source and "rounds" in graph.source
