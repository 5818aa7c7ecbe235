"""The priors of this repository's workspace, elicited once."""

from __future__ import annotations

from pathlib import Path

import pytest

from ripeness.data.indicators import read_contracts
from ripeness.elicitation.elicit import elicit_priors
from ripeness.elicitation.elicited import Priors
from ripeness.elicitation.entries import read_priors
from ripeness.essay import read_claims
from ripeness.workspace import Workspace, read_workspace

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def own_workspace() -> Workspace:
    return read_workspace(ROOT)


@pytest.fixture(scope="session")
def own_priors(own_workspace: Workspace) -> Priors:
    return elicit_priors(read_priors(own_workspace, read_claims(own_workspace), read_contracts(own_workspace)))
