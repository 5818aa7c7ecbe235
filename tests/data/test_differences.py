"""What became known between two days."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import numpy as np
import pandas as pd

from ripeness.data.vintages import compare, read_store
from ripeness.workspace import Workspace

OIL = """observed_on,value,published_on,source,grade
2024-01-07,75.5,2024-01-09,agency,A
2024-01-14,78,2024-01-16,agency,A
2024-01-21,79,2024-01-23,agency,A
2024-01-28,80,2024-02-10,agency,A
2024-01-07,75.7,2024-02-01,agency,A
2024-01-14,,2024-02-01,agency,A
2024-01-21,79,2024-02-01,another page,A
"""
EVENTS = """date,end_date,kind,round,published_on,description,source,grade
2024-01-10,2024-01-11,round,yes,2024-01-10,talks,agency,A
2024-01-10,2024-01-11,round,no,2024-02-03,talks,agency,A
2024-02-01,2024-02-01,contact,no,2024-02-02,a call,agency,A
"""


def test_rows_are_new_revised_or_withdrawn(write_workspace: Callable[..., Workspace]) -> None:
    store = read_store(write_workspace(oil=OIL, events=EVENTS))
    found = compare(store.as_of(date(2024, 1, 30)), store.as_of(date(2024, 2, 20)))
    assert list(found) == ["oil", "poll", "events", "coverage"]
    oil = found["oil"].set_index("observed_on")
    assert oil["change"].to_dict() == {
        pd.Timestamp("2024-01-07"): "revised",
        pd.Timestamp("2024-01-14"): "withdrawn",
        pd.Timestamp("2024-01-28"): "new",  # and 21 January, named by another page, is none of these
    }
    np.testing.assert_array_equal(oil["old_value"], [75.5, 78, np.nan])
    np.testing.assert_array_equal(oil["new_value"], [75.7, np.nan, 80])
    assert oil["published_on"].tolist() == [pd.Timestamp(day) for day in ("2024-02-01", "2024-01-16", "2024-02-10")]
    events = found["events"].set_index("kind")
    assert events["change"].to_dict() == {"round": "revised", "contact": "new"}
    assert (events.loc["round", "old_round"], events.loc["round", "new_round"]) == (True, False)


def test_a_day_does_not_differ_from_itself(write_workspace: Callable[..., Workspace]) -> None:
    vintage = read_store(write_workspace(oil=OIL)).as_of(date(2024, 2, 20))
    assert compare(vintage, vintage) == {}
