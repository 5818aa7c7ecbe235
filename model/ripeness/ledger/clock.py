"""Where the clock is read: for the day that is written beside what is issued or resolved, and for no computation."""

from __future__ import annotations

from datetime import UTC, date, datetime


def day_of_issue() -> date:
    """Today, in UTC; no option says another day."""
    return datetime.now(UTC).date()
