"""Events and coverage: what happened on which day, and how well rounds were searched for.

Of an announced meeting (kinds meeting_…) date and end_date say when it is to be held, and published_on when that was announced. A
postponement or cancellation names the planned date it takes back. A row is revised by a row with the same date, kind and description
and a later published_on; a round found not to qualify is revised to round = no.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from ripeness.data.rows import grade_rule, plain_rule
from ripeness.data.tables import Rule, Said, read_table
from ripeness.errors import did_you_mean

EVENTS_FILE: Final = "events.csv"
COVERAGE_FILE: Final = "coverage.csv"
EVENT_COLUMNS: Final = ("date", "end_date", "kind", "round", "published_on", "description", "source", "grade")
COVERAGE_COLUMNS: Final = ("from", "to", "q05", "q95", "published_on", "note")
EVENT_KEY: Final = ["date", "kind", "description"]
COVERAGE_KEY: Final = ["from", "to"]
EVENT_TYPES: Final = {
    "date": "datetime64[ns]",
    "end_date": "datetime64[ns]",
    "kind": "str",
    "round": "bool",
    "published_on": "datetime64[ns]",
    "description": "str",
    "source": "str",
    "grade": "str",
    "line": "int64",
}
COVERAGE_TYPES: Final = {
    "from": "datetime64[ns]",
    "to": "datetime64[ns]",
    "q05": "float64",
    "q95": "float64",
    "published_on": "datetime64[ns]",
    "note": "str",
    "line": "int64",
}

ROUND: Final = "round"
GOVERNMENT_ENDS: Final = "government_ends"
MEETING: Final = "meeting_"  # what the kinds of announced meetings begin with
KINDS: Final[dict[str, str]] = {
    ROUND: "a round of talks (round = yes where it meets the definition)",
    "technical_round": "delegations meet on a technical matter",
    "contact": "two principals and a go-between meet or call",
    "contact_multilateral": "more than two principals meet or call",
    "meeting_agreed": "a future meeting that both sides accept",
    "meeting_one_side": "a future meeting that one side proposes",
    "meeting_third_party": "a future meeting that a third party offers",
    "meeting_leaders": "a future meeting of leaders",
    "meeting_postponed": "an announced meeting is put off",
    "meeting_cancelled": "an announced meeting is called off",
    "prisoner_exchange": "prisoners or bodies are exchanged",
    "truce": "a truce, of whatever reach",
    "deal": "an agreement on a part",
    "proposal": "a plan or a draft is put forward",
    "guarantee": "a step towards security guarantees",
    "shock": "a domestic shock",
    "front_break": "the front breaks",
    GOVERNMENT_ENDS: "one of the governments ceases to exist: the question is void",
}


def read_events(path: Path, shown: Path) -> pd.DataFrame:
    """Read and check events.csv, in the order of the file.

    Returns
    -------
    DataFrame (row)
        date, end_date, published_on : datetime64[ns] (an empty end_date is the date); kind, description, source, grade : str;
        round : bool; line : int, counted from 1.

    Raises
    ------
    ContentError
        With the line of everything that is wrong.
    """
    table = read_table(path, shown, EVENT_COLUMNS)
    said = table.columns["round"]
    for row, word in enumerate(said):
        if word not in ("yes", "no"):
            table.refuse(row, f"round '{word}'", "yes or no", "say whether the event is a round as ripeness.toml defines it", "round")
    date = table.days("date")
    frame = pd.DataFrame(
        {
            "date": date,
            "end_date": table.days("end_date", default="date"),
            "kind": table.columns["kind"],
            "round": [word == "yes" for word in said],
            "published_on": table.days("published_on"),
            "description": table.columns["description"],
            "source": table.columns["source"],
            "grade": table.columns["grade"],
            "line": table.lines,
        }
    ).astype(EVENT_TYPES)
    table.check(frame, EVENT_TYPES, event_rules())
    return frame


def read_coverage(path: Path, shown: Path) -> pd.DataFrame:
    """Read and check coverage.csv, in the order of the stretches.

    Returns
    -------
    DataFrame (row)
        from, to, published_on : datetime64[ns]; q05, q95 : float, quantiles of the share of rounds that the search found,
        0 < q05 < q95 < 1; note : str; line : int, counted from 1. A stretch revised later has several rows.

    Raises
    ------
    ContentError
        With the line of everything that is wrong; stretches must follow each other without gap or overlap.
    """
    table = read_table(path, shown, COVERAGE_COLUMNS)
    frame = pd.DataFrame(
        {
            "from": table.days("from"),
            "to": table.days("to"),
            "q05": table.numbers("q05", empty=False),
            "q95": table.numbers("q95", empty=False),
            "published_on": table.days("published_on"),
            "note": table.columns["note"],
            "line": table.lines,
        }
    ).astype(COVERAGE_TYPES)
    rules = coverage_rules()
    if not table.unread:  # a stretch whose dates cannot be read would pass for a gap
        rules.append(Rule("contiguous", ("from", "to"), _follows, _say_gap))
    table.check(frame, COVERAGE_TYPES, rules)
    return frame.sort_values(["from", "to", "published_on"], ignore_index=True)


def event_rules() -> list[Rule]:
    """What must hold for each event."""
    return [
        Rule(
            "kind",
            ("kind",),
            lambda events: events["kind"].isin(list(KINDS)),
            lambda event, _: (f"kind '{event['kind']}'", "a known kind of event", did_you_mean(event["kind"], list(KINDS))),
        ),
        Rule(
            "end",
            ("date", "end_date"),
            lambda events: events["end_date"] >= events["date"],
            lambda event, _: (
                f"end_date {event['end_date']:%Y-%m-%d} before date {event['date']:%Y-%m-%d}",
                "end_date on or after date",
                "correct one of them",
            ),
        ),
        Rule(
            "round",
            ("kind", "round"),
            lambda events: ~events["round"] | (events["kind"] == ROUND),
            lambda event, _: (f"round = yes for kind '{event['kind']}'", f"round = yes for kind '{ROUND}' only", "correct kind or round"),
        ),
        Rule(
            "published",
            ("date", "kind", "published_on"),
            lambda events: events["kind"].str.startswith(MEETING) | (events["published_on"] >= events["date"]),
            lambda event, _: (
                f"published_on {event['published_on']:%Y-%m-%d} before date {event['date']:%Y-%m-%d}",
                f"an event to be known after it happened (only {MEETING}… speak of the future)",
                "correct one of the dates, or the kind",
            ),
        ),
        Rule(
            "described",
            ("description",),
            lambda events: events["description"] != "",
            lambda event, _: ("no description", "a few words on what happened", "describe the event"),
        ),
        Rule(
            "source",
            ("source",),
            lambda events: events["source"] != "",
            lambda event, _: ("no source", "where it was reported", "name the source"),
        ),
        Rule("unique", ("date", "published_on"), lambda events: ~events.duplicated([*EVENT_KEY, "published_on"]), _say_twin),
        grade_rule(),
        plain_rule("description"),
        plain_rule("source"),
    ]


def _say_twin(event: Mapping[Any, Any], events: pd.DataFrame) -> Said:
    twins = events[(events[[*EVENT_KEY, "published_on"]] == pd.Series(event)[[*EVENT_KEY, "published_on"]]).all(axis=1)]
    return (
        f"the same date, kind, description and published_on as line {twins.iloc[0]['line']}",
        "each event once",
        "remove one of them, or give a revision its own, later published_on",
    )


def coverage_rules() -> list[Rule]:
    """What must hold for each stretch; that they follow each other is not a matter of one row."""
    return [
        Rule(
            "forward",
            ("from", "to"),
            lambda stretches: stretches["to"] >= stretches["from"],
            lambda stretch, _: (
                f"to {stretch['to']:%Y-%m-%d} before from {stretch['from']:%Y-%m-%d}",
                "to on or after from",
                "correct one of them",
            ),
        ),
        Rule(
            "quantiles",
            ("q05", "q95"),
            lambda stretches: (stretches["q05"] > 0) & (stretches["q05"] < stretches["q95"]) & (stretches["q95"] < 1),
            lambda stretch, _: (
                f"q05 {stretch['q05']:.15g} and q95 {stretch['q95']:.15g}",
                "0 < q05 < q95 < 1",
                _mend_quantiles(float(stretch["q05"]), float(stretch["q95"])),
            ),
        ),
        Rule(
            "published",
            ("to", "published_on"),
            lambda stretches: stretches["published_on"] >= stretches["to"],
            lambda stretch, _: (
                f"published_on {stretch['published_on']:%Y-%m-%d} before to {stretch['to']:%Y-%m-%d}",
                "a search to be known after the stretch it covers",
                "correct one of the dates",
            ),
        ),
        Rule(
            "unique",
            ("from", "to", "published_on"),
            lambda stretches: ~stretches.duplicated([*COVERAGE_KEY, "published_on"]),
            lambda stretch, _: (
                f"the stretch from {stretch['from']:%Y-%m-%d}, published on {stretch['published_on']:%Y-%m-%d}, a second time",
                "each once",
                "remove one, or give a revision its own, later published_on",
            ),
        ),
        plain_rule("note"),
    ]


def _mend_quantiles(low: float, high: float) -> str:
    if max(low, high) > 1:
        return "give the share of rounds found, not percent"
    if max(low, high) == 1:
        return "no search is certain: for one that hardly missed a round write q05 = 0.99 and q95 = 0.999"
    if min(low, high) <= 0:
        return "give shares above 0: for a search that found next to nothing write q05 = 0.01 and q95 = 0.1"
    return "put them in rising order" if low > high else "set them apart by how unsure the share is"


def _before(stretches: pd.DataFrame) -> pd.Series[pd.Timestamp]:
    """The last day of the stretch before each one; NaT for the first. Rows of one stretch (its revisions) share it."""
    whole = stretches.drop_duplicates(COVERAGE_KEY).sort_values(COVERAGE_KEY)
    before = whole.assign(before=whole["to"].shift())
    merged = stretches[COVERAGE_KEY].merge(before[[*COVERAGE_KEY, "before"]], on=COVERAGE_KEY, how="left")
    return pd.Series(merged["before"].to_numpy(), index=stretches.index)


def _follows(stretches: pd.DataFrame) -> pd.Series[bool]:
    before = _before(stretches)
    return before.isna() | (stretches["from"] == before + np.timedelta64(1, "D"))


def _say_gap(stretch: Mapping[Any, Any], stretches: pd.DataFrame) -> Said:
    before = _before(stretches)[stretches["line"] == stretch["line"]].iloc[0]
    wrong = "an overlap" if stretch["from"] <= before else "a gap"
    expected = before + pd.Timedelta(days=1)
    return (
        f"{wrong}: from {stretch['from']:%Y-%m-%d} after a stretch to {before:%Y-%m-%d}",
        f"from {expected:%Y-%m-%d}",
        "let each stretch begin on the day after the one before",
    )
