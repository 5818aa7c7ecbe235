"""bridges.csv: what was forecast of the questions that others ask, beside the price of their market, in the order in which it was issued.

The ledger's own rows end whole weeks after their origin; a bridge ends on the other's day, so it has a file of its own, which is added to and never
changed. What stands there already, whichever run it comes from, is not added again. What became of a bridge and the scores are computed each time:

    settled by its market     crowds.csv ends with its price of 0 or 1
    else by our record        as a forecast of its rung up to its day (`outcomes`), except that a bridge which counts more than its rung is not a no for
                              want of the rung's event: that waits for the market
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, fields
from datetime import date
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter

from ripeness.calendar import DAYS_IN_WEEK
from ripeness.data.crowds import settled_on
from ripeness.data.vintages import Vintage
from ripeness.errors import Fault
from ripeness.ledger.chain import CHAIN, RESTORE, refuse_if_touched
from ripeness.ledger.entries import (
    LATE,
    Forecast,
    Issued,
    Name,
    Share,
    Text,
    append_new,
    as_filed,
    cells_of,
    counting_versions,
    issue_labels,
    read_contents,
)
from ripeness.ledger.outcomes import NO, resolve
from ripeness.ledger.record import OPEN
from ripeness.ledger.resolutions import scores
from ripeness.workspace import Workspace
from ripeness.workspace.csv import read_records
from ripeness.workspace.question import Bridge

BRIDGES_FILE: Final = "bridges.csv"


@dataclass(frozen=True)
class BridgeForecast:
    """One row of reports/bridges.csv.

    Parameters
    ----------
    run_id : str
    origin : date
    bridge, market : str
        Ids, of ripeness.toml and of data/crowds.csv.
    by : date
        The last day that counts; after the origin.
    probability, lower, upper : float
        In [0, 1].
    record_to : date
        As in the ledger.
    price, price_on : float, date, or None
        The newest price of the market on or before the origin, and its day; both or neither.
    issued_on, program_version, note : date, str, str, or None
        As in the ledger.
    """

    run_id: Text
    origin: date
    bridge: Name
    market: Text
    by: date
    probability: Share
    lower: Share
    upper: Share
    record_to: date
    price: Share | None = None
    price_on: date | None = None
    issued_on: date | None = None
    program_version: Text | None = None
    note: Text | None = None

    @property
    def target_end_date(self) -> date:
        """As the ledger names the last day that counts."""
        return self.by


BRIDGE_COLUMNS: Final = tuple(field.name for field in fields(BridgeForecast))
UNCHAINED: Final = BRIDGE_COLUMNS.index("issued_on")  # columns before rows were chained
NOT_SAID: Final = ("run_id", "record_to", "issued_on", "program_version", "note")  # by a forecast
_SPEC = TypeAdapter(BridgeForecast)


def read_bridge_forecasts(reports: Path) -> list[BridgeForecast]:
    """All rows, in the order in which they were issued; none if there is no file yet.

    Raises
    ------
    ContentError
        With the line of everything that cannot have been issued so.
    BusyError
        If another command is adding to the folder and does not end.
    """
    (raw,) = read_contents(reports, BRIDGES_FILE)
    return parse_bridges(raw, Path(reports.name) / BRIDGES_FILE)


def append_bridge_forecasts(reports: Path, rows: Sequence[BridgeForecast]) -> int:
    """Add forecasts of bridges, all or none; those that stand there already are not added again. Returns how many were added.

    Raises
    ------
    ContentError
        If the file cannot be read or written to; nothing was changed.
    BusyError
        If another command uses the folder and does not end.
    """
    return append_new(reports, BRIDGES_FILE, BRIDGE_COLUMNS, rows, parse_bridges, new_bridge_forecasts) if rows else 0


def new_bridge_forecasts(issued: Sequence[BridgeForecast], rows: Sequence[BridgeForecast]) -> list[BridgeForecast]:
    """Those of `rows` that say what does not stand there yet, as they will stand there."""
    known = {_statement(row) for row in issued}
    return [as_filed(row) for row in rows if _statement(row) not in known]


def _statement(row: BridgeForecast) -> tuple[str, ...]:
    """What a row says, whichever run it comes from and whenever it was issued."""
    cells = dict(zip(BRIDGE_COLUMNS, cells_of(row), strict=True))
    return tuple(cell for name, cell in cells.items() if name not in NOT_SAID)


def parse_bridges(raw: bytes | None, shown: Path) -> list[BridgeForecast]:
    """As `read_bridge_forecasts`, from the content of the file; None where there is none."""
    if raw is None:
        return []
    rows, faults = read_records(raw, shown, _SPEC, (*BRIDGE_COLUMNS, *CHAIN), RESTORE, UNCHAINED)
    lines: dict[tuple[str, ...], int] = {}
    for line, row in rows:
        if row.by <= row.origin:
            faults.append(Fault(shown, line, f"by {row.by} for the origin {row.origin}", "a day after the origin", RESTORE))
        if row.lower > row.upper:
            faults.append(Fault(shown, line, f"lower {row.lower:g} above upper {row.upper:g}", "lower up to upper", RESTORE))
        if (row.price is None) != (row.price_on is None) or (row.price_on is not None and row.price_on > row.origin):
            found = f"price {row.price} of {row.price_on} for the origin {row.origin}"
            faults.append(Fault(shown, line, found, "a price and its day, on or before the origin, or neither", RESTORE))
        if lines.setdefault(_statement(row), line) != line:
            faults.append(Fault(shown, line, f"the forecast of line {lines[_statement(row)]} a second time", "each once", RESTORE))
    refuse_if_touched(raw, shown, faults, UNCHAINED)
    return [row for _, row in rows]


def bridge_record(
    issued: Sequence[BridgeForecast],
    workspace: Workspace,
    essay: date,
    as_of: date,
    vintage_on: Callable[[date], Vintage],
    wider: Collection[str],
) -> list[dict[str, Any]]:
    """What became of every bridge that was forecast, by what was known on a day.

    Parameters
    ----------
    issued : sequence of BridgeForecast
        The whole of bridges.csv, in its order.
    workspace : Workspace
    essay : date
        Day of the essay.
    as_of : date
        Forecasts of later origins are left out.
    vintage_on : callable
        From a day to its vintage.
    wider : collection of str
        Ids of bridges that count more than their rung does.

    Returns
    -------
    list of dict
        Of each bridge and origin, the newest days first, the version that counts (`counting_versions`): its columns, label, issued ("ahead", "late" or "hindsight"),
        outcome ("yes", "no", "void" or "open"), reason, and the Brier scores of the forecast and of the price, brier and market_brier, None where there is none,
        as of one that was issued late.
    """
    bridges = {bridge.id: bridge for bridge in workspace.bridges}
    labels = issue_labels(issued, essay)
    counting = counting_versions([(row.bridge, row.origin) for row in issued], labels)
    found = []
    for place, (row, label) in enumerate(zip(issued, labels, strict=True)):
        if place not in counting or row.origin > as_of:
            continue
        bridge = bridges.get(row.bridge)
        outcome, reason = _settle(row, bridge, workspace, as_of, vintage_on, row.bridge in wider)
        plain = {name: value.isoformat() if isinstance(value, date) else value for name, value in vars(row).items()}
        found.append(
            plain
            | {"label": row.bridge if bridge is None else bridge.label, "issued": label, "outcome": outcome, "reason": reason}
            | {"brier": _brier(row.probability, outcome, label), "market_brier": _brier(row.price, outcome, label)}
        )
    return sorted(found, key=lambda one: (one["by"], one["origin"]), reverse=True)


def _settle(
    row: BridgeForecast, bridge: Bridge | None, workspace: Workspace, as_of: date, vintage_on: Callable[[date], Vintage], wider: bool
) -> tuple[str, str]:
    if as_of < row.by:
        return OPEN, f"to be settled on {row.by} or later"
    market = settled_on(vintage_on(as_of).crowds, row.market, as_of)
    if market is not None:
        return market[0], f"settled by its market, on file with the price of {market[1]}"
    if bridge is None:
        return OPEN, "the bridge is not in ripeness.toml any more, and its market is not settled on file"
    weeks = -(-(row.by - row.origin).days // DAYS_IN_WEEK)
    asked = Forecast(row.run_id, bridge.rung, row.origin, weeks, row.by, row.probability)
    outcome = resolve(asked, workspace.question, as_of, vintage_on, rungs=workspace.rungs)
    if outcome is None:
        return OPEN, "the record does not cover its days yet"
    if outcome.word == NO and wider:
        return OPEN, "none on our record, but it counts more than that: how its market was settled is not on file"
    return outcome.word, f"by our record: {outcome.reason}"


def _brier(probability: float | None, outcome: str, issued: Issued) -> float | None:
    return None if probability is None or outcome == OPEN or issued == LATE else scores(probability, outcome)[0]
