"""The notebook runs from top to bottom on a stored run."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest.mock import create_autospec

import nbformat
import pytest

import ripeness

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "reports" / "notebooks" / "inspect_posterior.ipynb"


# nbclient and its kernel open sockets and event loops of their own, about which only their authors can do anything
@pytest.mark.filterwarnings("ignore")
def test_the_notebook_runs(short_run: Any) -> None:
    from nbclient import NotebookClient

    folder = short_run.root / "reports" / "notebooks"
    folder.mkdir(exist_ok=True)
    shutil.copy(NOTEBOOK, folder)
    notebook = nbformat.read(folder / NOTEBOOK.name, as_version=4)
    NotebookClient(notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(folder)}}).execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert not [output for output in outputs if output.output_type == "error"]
    shown = "".join(str(output.get("data", {}).get("text/html", "")) for output in outputs)
    assert "probability" in shown
    assert sum("image/png" in output.get("data", {}) for output in outputs) >= 4


def test_the_notebook_is_stored_without_outputs() -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert all(not cell.outputs and cell.execution_count is None for cell in notebook.cells if cell.cell_type == "code")


def readme_snippets() -> list[str]:
    return re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)


def test_the_readme_opens_a_run_as_it_says(short_run: Any) -> None:
    """Its first snippet, line by line, on a run of another day."""
    snippet = readme_snippets()[0]
    code = re.sub(r'"reports/[^"]+"', repr(str(short_run.folder)), snippet)
    assert code != snippet
    shown = "\nprint(run.forecast.shape, fit.posterior['path'].dims)"
    done = subprocess.run([sys.executable, "-c", code + shown], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "'factor'" in done.stdout


def test_the_readme_builds_the_model_as_it_says(short_run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its second snippet on the same workspace; the sampling, which takes minutes, by its arguments alone."""
    _, snippet = readme_snippets()
    asked = create_autospec(ripeness.sample)
    monkeypatch.setattr(ripeness, "sample", asked)
    monkeypatch.chdir(short_run.root)
    names: dict[str, Any] = {"ripeness": ripeness}
    exec(compile(snippet, "README.md", "exec"), names)
    assert "path" in names["model"].named_vars
    asked.assert_called_once_with(names["workspace"], sampler="compiled")
