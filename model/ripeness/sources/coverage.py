"""How thoroughly rounds were searched for: judged stretch by stretch, published week by week."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path

import pandas as pd

from ripeness.data.tables import FIRST_DAY, LAST_DAY
from ripeness.errors import ContentError, Fault
from ripeness.sources.tables import read_text

_ROWS_TO = re.compile(r"Rows to ([^.]*)\.")
_BEGAN = pd.Timestamp("2022-02-24")
SEARCHED_TO = pd.Timestamp("2026-06-30")  # the last day of the last judgement

# Last day, 5 and 95 % quantiles of the share of rounds found, and why.
_STRETCHES = (
    ("2022-05-15", 0.95, 0.995, "two independent chronologies agree; near-daily online sessions are taken as weeks"),
    ("2025-02-09", 0.92, 0.98, "all sides call May 2025 the first direct talks since spring 2022; exchange negotiators met unlisted"),
    ("2026-03-29", 0.95, 0.99, "sources number the rounds and refer to each other"),
    ("2026-06-30", 0.80, 0.92, "dated pages of May and June mention none; news portal only sampled"),
)

# The day of the essay is an origin of special interest: the week's row is split there, so that a forecast as of that day finds the
# days up to it covered.
_SPLIT_AFTER = (pd.Timestamp("2025-06-18"),)


def searched_to(path: Path) -> pd.Timestamp:
    """The day up to which the chronology was searched, as the file says: "Rows to 30 June 2026."; SEARCHED_TO where it says nothing.

    Raises
    ------
    ContentError
        If the day it names is none.
    """
    for number, line in enumerate(re.split(r"\r\n|\r|\n", read_text(path, Path(path.name))), start=1):
        if found := _ROWS_TO.match(line):
            try:
                day = datetime.strptime(found.group(1), "%d %B %Y").date()
                if not FIRST_DAY <= day < LAST_DAY:
                    raise ValueError(found.group(1))
                return pd.Timestamp(day)
            except ValueError:
                mend = "write when the search ended"
                raise ContentError(Fault(Path(path.name), number, f"'{found.group(1)}'", "a day such as 30 June 2026", mend)) from None
    return SEARCHED_TO


def coverage_rows(to: pd.Timestamp = SEARCHED_TO) -> pd.DataFrame:
    """Rows `from,to,q05,q95,published_on,note`, one a week, contiguous from the first day of the war to the last day searched.

    What was searched after the last judgement is not in them: somebody has to judge it, and add its stretch by `ripeness update`. Where the
    search ended before that, the week it ended in is left out.

    The judgement is one per stretch and was made in 2026. It is given by the week, each row published on its last day, because a forecast
    as of a day reads only rows published by then, and must find the record covered up to the last Sunday.
    """
    if to < SEARCHED_TO:
        to -= pd.Timedelta(days=(to.weekday() + 1) % 7)
    entries = []
    first = _BEGAN
    for text, low, high, note in _STRETCHES:
        end = min(pd.Timestamp(text), to)
        while first <= end:
            sunday = first + pd.Timedelta(days=6 - first.weekday())
            last = min([sunday, end, *(day for day in _SPLIT_AFTER if day >= first)])
            entries.append({"from": first, "to": last, "q05": low, "q95": high, "published_on": last, "note": note})
            first = last + pd.Timedelta(days=1)
    return pd.DataFrame(entries)
