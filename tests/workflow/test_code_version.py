"""The digest of the code that makes numbers: it follows what the code means, and only that which a run's making reaches."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ripeness.workflow import identity
from ripeness.workflow.identity import (
    MAKES_FORECASTS,
    MAKES_RUNS,
    OF_THE_MODEL,
    PACKAGE,
    REMEMBERED,
    code_version,
    digest_of_code,
    reachable,
)

MAKER = '''"""What makes numbers."""
from __future__ import annotations
from typing import TYPE_CHECKING
from package.parts import terms
if TYPE_CHECKING:
    from package.page import Page


class Record:
    """Its fields.

    Parameters
    ----------
    weeks : int
    """

    weeks: int = 4


def make(page: Page) -> float:
    """A number."""
    from package.late import more

    share: float = 0.5  # of it
    return more(terms.value(share))
'''
FILES = {
    "__init__.py": "from package.names import anything\n",
    "names.py": "anything = 1\n",
    "maker.py": MAKER,
    "late.py": "def more(x):\n    return x + 1\n",
    "page.py": "class Page:\n    pass\n",
    "parts/__init__.py": '"""Parts."""\n',
    "parts/terms.py": "from .rates import RATE\n\n\ndef value(share):\n    return RATE * share\n",
    "parts/rates.py": "RATE = 3\n",
    "parts/unused.py": "RATE = 4\n",
}


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package of which some modules make numbers."""
    for name, text in FILES.items():
        path = tmp_path / "package" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return tmp_path / "package"


def digest(package: Path) -> str:
    identity._read_module.cache_clear()
    return digest_of_code(("package.maker",), package)


def test_imports_at_the_head_in_a_function_and_of_the_parent_package_are_followed(package: Path) -> None:
    found = reachable(("package.maker",), package)
    assert set(found) == {"package.maker", "package.late", "package.parts", "package.parts.terms", "package.parts.rates"}


def test_a_module_that_is_not_there_is_no_maker(package: Path) -> None:
    with pytest.raises(KeyError, match=r"no such module: package\.gone"):
        digest_of_code(("package.maker", "package.gone"), package)


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("maker.py", '"""A number."""', '"""A number that is told otherwise."""'),
        ("maker.py", '    """A number."""\n', ""),
        ("maker.py", "    weeks : int\n", "    weeks : int\n        How many.\n"),
        ("maker.py", "  # of it", "  # of all\n"),
        ("maker.py", "share: float = 0.5", "share = 0.5"),
        ("maker.py", "def make(page: Page) -> float:", "def make(\n    page: object,\n):"),
        ("maker.py", "    from package.page import Page", "    from package.page import Page as Page"),
        ("maker.py", "return more(terms.value(share))", "return (more( terms.value(share) ))"),
        ("page.py", "pass", "number = 2"),
        ("parts/unused.py", "4", "5"),
        ("names.py", "1", "2"),
    ],
)
def test_what_means_the_same_or_makes_no_number_is_not_in_the_digest(package: Path, name: str, old: str, new: str) -> None:
    before, path = digest(package), package / name
    assert old in path.read_text("utf-8")
    path.write_text(path.read_text("utf-8").replace(old, new), "utf-8")
    assert digest(package) == before
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert digest(package) == before


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("maker.py", "0.5", "0.6"),
        ("maker.py", "weeks: int = 4", "weeks: int = 5"),
        ("maker.py", "weeks: int", "weeks: float"),  # pydantic reads by it
        ("maker.py", "more(terms", "-more(terms"),
        ("late.py", "x + 1", "x - 1"),
        ("parts/rates.py", "3", "4"),
        ("parts/__init__.py", '"""Parts."""', "import math"),
        ("parts/terms.py", "RATE *", "None or RATE *"),
    ],
)
def test_what_can_change_a_number_is(package: Path, name: str, old: str, new: str) -> None:
    before, path = digest(package), package / name
    assert old in path.read_text("utf-8")
    path.write_text(path.read_text("utf-8").replace(old, new), "utf-8")
    assert digest(package) != before


SHOWS_ONLY = (
    "report.page",
    "cli.app",
    "attribution.news",
    "evaluation.backtest",
    "intake.updates",
    "ledger.entries",
    "workflow.issue",
    "workflow.forecasts",
    "workflow.run",
)


def test_readers_page_and_ledger_are_not_in_the_digest_and_terms_are() -> None:
    found = set(reachable(MAKES_RUNS))
    assert {"ripeness.model.build", "ripeness.inference.sample", "ripeness.forecast.horizons", "ripeness.data.vintages"} <= found
    assert {"ripeness.elicitation.elicit", "ripeness.workspace", "ripeness.reweighting.weights"} <= found
    shown = {f"ripeness.{name}" for name in SHOWS_ONLY}
    assert all((PACKAGE / f"{name.replace('.', '/')}.py").is_file() for name in SHOWS_ONLY)
    assert not shown & found
    rooms = ("ripeness.report", "ripeness.cli", "ripeness.attribution", "ripeness.intake", "ripeness.ledger", "ripeness.sources")
    assert not [name for name in found if name.startswith(rooms)]


def test_a_constant_of_a_term_changes_the_version_and_a_docstring_does_not(tmp_path: Path) -> None:
    copy = tmp_path / "ripeness"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    before = digest_of_code(MAKES_RUNS, copy)
    assert before == digest_of_code(MAKES_RUNS)
    path = copy / "forecast" / "horizons.py"
    text = path.read_text("utf-8")
    path.write_text(text.replace('"""', '"""So it is: ', 1), "utf-8")
    identity._read_module.cache_clear()
    assert digest_of_code(MAKES_RUNS, copy) == before
    path.write_text(text + "\n\nMORE = 1.5\n", "utf-8")
    identity._read_module.cache_clear()
    assert digest_of_code(MAKES_RUNS, copy) != before


def test_everything_that_is_loaded_to_make_a_run_is_in_the_digest() -> None:
    code = f"import sys\nfor name in {MAKES_RUNS!r}:\n    __import__(name)\nprint(*(name for name in sys.modules if name.startswith('ripeness.')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) <= set(reachable(MAKES_RUNS))


def test_a_digest_is_remembered_as_long_as_no_file_has_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    version = code_version(tmp_path)
    number, short = version.split("+")
    assert number[0].isdigit() and short == digest_of_code(MAKES_RUNS)[:8]
    remembered = json.loads((tmp_path / REMEMBERED).read_text("utf-8"))
    identity.remembered_digest.cache_clear()
    monkeypatch.setattr(identity, "digest_of_code", lambda *_, **__: "parsed again" * 8)
    assert code_version(tmp_path) == version
    for spoilt in ("", "[]", json.dumps(remembered | {"sources": "others"})):
        identity.remembered_digest.cache_clear()
        (tmp_path / REMEMBERED).write_text(spoilt, "utf-8")
        assert code_version(tmp_path).endswith("+parsed a")
    identity.remembered_digest.cache_clear()


def test_a_model_is_the_same_whatever_reads_stores_and_shows(tmp_path: Path) -> None:
    copy = tmp_path / "ripeness"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__", "template"))

    def digest() -> str:
        identity._read_module.cache_clear()
        return digest_of_code(MAKES_FORECASTS, copy, OF_THE_MODEL)

    before = digest()
    for reader in ("workspace/csv.py", "data/tables.py", "files.py", "workflow/summary_new.py"):
        (copy / reader).write_text((copy / reader).read_text("utf-8") + "\nMORE = 1\n", "utf-8")
    assert digest() == before
    (copy / "model/terms/track_record.py").write_text((copy / "model/terms/track_record.py").read_text("utf-8") + "\nMORE = 1\n", "utf-8")
    assert digest() != before
