"""The ledger: every forecast ever issued, and what became of each. Its files only grow, and their rows are chained by digests.

In come forecasts as they are issued and judgements of what came of them; out go `ledger.csv` (the same forecast issued again adds nothing),
`resolutions.csv` (yes, no or void with its scores; a later row supersedes), `bridges.csv` (what was forecast of others' questions) and the record that the page shows. A score or a column may be added;
a row that stands is never changed, and whoever kept the head of a file can tell (`chain`, `verify`).
"""

from ripeness.ledger.bridges import (
    BRIDGES_FILE,
    BridgeForecast,
    append_bridge_forecasts,
    bridge_record,
    new_bridge_forecasts,
    read_bridge_forecasts,
)
from ripeness.ledger.entries import COLUMNS, FILE, Entry, append_entries, new_entries, previous_entry, read_ledger
from ripeness.ledger.record import build_record
from ripeness.ledger.resolutions import RESOLUTIONS_FILE, Resolution, read_resolutions, resolve_forecasts
from ripeness.ledger.verify import Head, find_head, migrate_reports, verify_reports

__all__ = [
    "BRIDGES_FILE",
    "COLUMNS",
    "FILE",
    "RESOLUTIONS_FILE",
    "BridgeForecast",
    "Entry",
    "Head",
    "Resolution",
    "append_bridge_forecasts",
    "append_entries",
    "bridge_record",
    "build_record",
    "find_head",
    "migrate_reports",
    "new_bridge_forecasts",
    "new_entries",
    "previous_entry",
    "read_bridge_forecasts",
    "read_ledger",
    "read_resolutions",
    "resolve_forecasts",
    "verify_reports",
]
