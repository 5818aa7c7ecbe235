"""The ledger: every forecast ever issued, and what became of each. Both files only grow.

ledger.csv        a row for each forecast as it was issued; the same forecast issued again adds nothing
resolutions.csv   a row for each forecast whose target has passed: yes, no or void, with its scores; a later row supersedes
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
