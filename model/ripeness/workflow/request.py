"""What is asked for at the door, and the files of the workspace, read and checked once for everything that follows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from ripeness.data.indicators import read_contracts
from ripeness.data.vintages import Store, Vintage, read_store
from ripeness.elicitation.entries import PriorFiles, read_priors
from ripeness.errors import ContentError, Fault, UsageError
from ripeness.essay import Claims, read_claims
from ripeness.names import Sampler
from ripeness.workspace import Workspace, read_workspace


@dataclass(frozen=True)
class Request:
    """What a command, or a notebook, asks for.

    Parameters
    ----------
    workspace : Path or str
        Folder of ripeness.toml.
    as_of : date, optional
        The origin; by default the last Sunday that was searched.
    seed : int, optional
        Of every random number. By default that of the run stored for the origin, or of the fit that is reweighted, or else of ripeness.toml.
    sampler : {"compiled", "nutpie", "pymc"}, optional
        What draws the posterior; by default as for the seed, or else "compiled".
    refit : bool
        Fit anew even where a run of the same inputs is stored; seed and sampler are then those asked for, or the defaults.

    Examples
    --------
    >>> request = ripeness.Request(".", as_of=date(2025, 6, 18))
    >>> request.seed is None
    True
    """

    workspace: Path
    as_of: date | None = None
    seed: int | None = None
    sampler: Sampler | None = None
    refit: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "workspace", Path(self.workspace))


@dataclass(frozen=True)
class Inputs:
    """Everything a person has written, read and checked.

    Parameters
    ----------
    workspace : Workspace
        ripeness.toml: question, conditions, factors, settings of the fit, folders.
    claims : Claims
        Of the essay.
    store : Store
        Indicators, events and coverage, with the day on which each row was published.
    priors : PriorFiles
        Quantiles as they are written; no distribution is fitted to them yet.

    Examples
    --------
    >>> workspace.store.default_origin() >= date(2025, 6, 18)
    True
    """

    workspace: Workspace
    claims: Claims
    store: Store
    priors: PriorFiles
    _vintages: dict[date, Vintage] = field(default_factory=dict, repr=False, compare=False)

    def vintage(self, as_of: date | None) -> Vintage:
        """What was known on a day; on the default origin unless one is given.

        Rounds must have been searched for up to that day by what is known now; where that was published later, the weeks in question count as not
        searched, as they did then.

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
        if origin in self._vintages:
            return self._vintages[origin]
        covered = self.store.coverage["to"].max().date()
        if covered < origin:
            raise UsageError(
                f"--as-of {origin}: rounds have been searched for up to {covered}; add rows to coverage.csv or choose a day up to {newest}"
            )
        self._vintages[origin] = self.store.as_of(origin)
        return self._vintages[origin]


def open_workspace(root: Path | str) -> Inputs:
    """Read and check every file of a workspace, without elicitation or model.

    Parameters
    ----------
    root : Path or str
        Folder of ripeness.toml.

    Returns
    -------
    Inputs

    Raises
    ------
    ContentError
        With every fault found, file and line. priors/ is checked against the claims and against indicators.toml, so its faults are reported
        once these two are sound, whatever is wrong with rows of data.

    Examples
    --------
    >>> workspace = ripeness.open_workspace(".")
    >>> workspace.workspace.condition_ids[0] in workspace.workspace.condition_ids
    True
    >>> len(workspace.vintage(date(2025, 6, 18)).rounds()) > 0
    True
    """
    workspace = read_workspace(Path(root))
    faults: list[Fault] = []

    def attempt[Content](read: Callable[[], Content], report: bool = True) -> Content | None:
        try:
            return read()
        except ContentError as error:
            faults.extend(error.faults if report else ())
            return None

    claims = attempt(lambda: read_claims(workspace))
    store = attempt(lambda: read_store(workspace))
    # where only rows are wrong the contracts can still be read; where they are wrong themselves the store has reported it
    contracts = store.contracts if store else attempt(lambda: read_contracts(workspace), report=False)
    priors = None
    if claims is not None and contracts is not None:
        priors = attempt(lambda: read_priors(workspace, claims, contracts))
    if claims is None or store is None or priors is None:
        raise ContentError(faults)
    return Inputs(workspace, claims, store, priors)
