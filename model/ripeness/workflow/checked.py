"""Everything a person has written, read and checked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from ripeness.data.indicators import read_contracts
from ripeness.data.vintages import Store, Vintage, read_store
from ripeness.elicitation.entries import PriorFiles, read_priors
from ripeness.errors import ContentError, Fault, UsageError
from ripeness.essay import Claims, read_claims
from ripeness.workspace import Workspace, read_workspace


@dataclass(frozen=True)
class Checked:
    """Everything a person has written, read and checked."""

    workspace: Workspace
    claims: Claims
    store: Store
    priors: PriorFiles

    def vintage(self, as_of: date | None) -> Vintage:
        """What was known on a day; on the default origin unless one is given.

        Raises
        ------
        UsageError
            If the day lies before the war or after what the record covers.
        """
        newest = self.store.default_origin()
        origin = as_of or newest
        began = self.workspace.question.war_began
        if origin < began:
            raise UsageError(f"--as-of {origin}: the record begins on {began}")
        vintage = self.store.as_of(origin)
        covered = vintage.covered_to
        if covered is None or covered < origin:
            raise UsageError(
                f"--as-of {origin}: rounds have been searched for up to {covered}, by what was known then; add rows to coverage.csv or choose a day up to {newest}"
            )
        return vintage


def check_workspace(root: Path) -> Checked:
    """Read and check every file of a workspace, without elicitation or model.

    Raises
    ------
    ContentError
        With every fault found, file and line. priors/ is checked against the claims and against indicators.toml, so its faults are told
        once these two are sound, whatever is wrong with rows of data.
    """
    workspace = read_workspace(root)
    faults: list[Fault] = []

    def attempt[Content](read: Callable[[], Content], told: bool = True) -> Content | None:
        try:
            return read()
        except ContentError as error:
            faults.extend(error.faults if told else ())
            return None

    claims = attempt(lambda: read_claims(workspace))
    store = attempt(lambda: read_store(workspace))
    # where only rows are wrong the contracts can still be read; where they are wrong themselves the store has told it
    contracts = store.contracts if store else attempt(lambda: read_contracts(workspace), told=False)
    priors = None
    if claims is not None and contracts is not None:
        priors = attempt(lambda: read_priors(workspace, claims, contracts))
    if claims is None or store is None or priors is None:
        raise ContentError(faults)
    return Checked(workspace, claims, store, priors)
