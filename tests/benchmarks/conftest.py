"""The made-up war as a problem of plain arrays."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))


@pytest.fixture(scope="session")
def made_up_problem(spec: Any) -> Any:
    """The made-up war, conjunctive."""
    from layout import lay_out

    return lay_out(spec)
