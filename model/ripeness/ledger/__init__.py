"""The ledger: every forecast ever issued, and what became of each. Both files only grow.

In come forecasts as they are issued and judgements of what came of them; out go `ledger.csv` (the same forecast issued again adds nothing),
`resolutions.csv` (yes, no or void with its scores; a later row supersedes) and the record that the page shows. A score or a column may be added;
a row that stands is never changed.
"""

from ripeness.ledger.entries import COLUMNS, FILE, Entry, append_entries, new_entries, previous_entry, read_ledger
from ripeness.ledger.record import build_record
from ripeness.ledger.resolutions import RESOLUTIONS_FILE, Resolution, read_resolutions, resolve_forecasts

__all__ = [
    "COLUMNS",
    "FILE",
    "RESOLUTIONS_FILE",
    "Entry",
    "Resolution",
    "append_entries",
    "build_record",
    "new_entries",
    "previous_entry",
    "read_ledger",
    "read_resolutions",
    "resolve_forecasts",
]
