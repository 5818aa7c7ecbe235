"""Events and coverage: what happened on which day, and how well rounds were searched for.

Of an announced meeting (kinds meeting_…) date and end_date say when it is to be held, and published_on when that was announced. A
postponement or cancellation names the planned date it takes back. A row is revised by a row with the same date, kind and description,
in whatever letters, and a later published_on; a round found not to qualify is revised to round = no.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from ripeness.data.rows import ROWS
from ripeness.data.tables import DAY, NUMBER, TEXT, YES_NO, Form, Rule, Table, grade_rule, plain_rule, read_table, text_rule
from ripeness.errors import Fault, did_you_mean
from ripeness.workspace import Workspace
from ripeness.workspace.csv import FaultText

EVENTS_FILE: Final = "events.csv"
COVERAGE_FILE: Final = "coverage.csv"
EVENTS: Final = Form(
    types={
        "date": DAY,
        "end_date": DAY,
        "kind": TEXT,
        "round": YES_NO,
        "published_on": DAY,
        "description": TEXT,
        "source": TEXT,
        "grade": TEXT,
    },
    key=("date", "kind", "description"),
    content=("end_date", "round", "grade", "source"),
    defaults=(("end_date", "date"),),
)
COVERAGE: Final = Form(
    types={"from": DAY, "to": DAY, "q05": NUMBER, "q95": NUMBER, "published_on": DAY, "note": TEXT},
    key=("from", "to"),
    content=("q05", "q95", "note"),
)
BY_TABLE: Final = {"events": EVENTS, "coverage": COVERAGE}
EVENT_KEY: Final = [*EVENTS.key, "published_on"]
COVERAGE_KEY: Final = list(COVERAGE.key)

_SAME: Final = str.maketrans(dict.fromkeys("‘’‚‛′`´", "'") | dict.fromkeys("“”„‟″«»", '"') | dict.fromkeys("‐‑‒–—―−", "-"))

ROUND: Final = "round"
GOVERNMENT_ENDS: Final = "government_ends"
MEETING: Final = "meeting_"  # what the kinds of announced meetings begin with
# classes of announced meetings, strongest first, and the kind of event that makes each
CLASSES: Final[dict[str, str]] = {
    "agreed": "meeting_agreed",
    "one_side": "meeting_one_side",
    "third_party": "meeting_third_party",
    "leaders": "meeting_leaders",
}
TIED: Final = (
    "agreed",
    "one_side",
)  # the first classes: their meetings bring rounds, so that how often they are announced follows the hazard
AHEAD: Final = tuple(CLASSES.values())
POSTPONED: Final = "meeting_postponed"
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
    "leaders_meeting": "heads of both governments meet or speak, with or without a mediator",
    "truce": "a truce that one side declares, or a local one",
    "truce_agreed": "a halt of some kind of strikes, or for some days, declared by both sides",
    "truce_kept": "the first day of a truce declared by both sides that neither ends or breaks for four weeks, by either's word",
    "ceasefire": "a general ceasefire agreed by both comes into force",
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
    return in_known_words(read_table(path, shown, EVENTS, event_rules()))


def in_known_words(events: pd.DataFrame, known: pd.DataFrame | None = None) -> pd.DataFrame:
    """Events with each description as it was first spelled for its date and kind: in `known`, else in the rows themselves.

    One description may come in other letters: accents composed or not, other blanks, quotes, dashes or capitals, marks that cannot be seen. As a part of
    the key it must be the same, or a revision would pass for another event.
    """
    both = events if known is None else pd.concat([known, events], ignore_index=True)
    spelled = {text: _plain_letters(text) for text in both["description"].unique()}
    first: dict[tuple[Any, ...], str] = {}
    words = [
        first.setdefault((day, kind, spelled[text]), text)
        for day, kind, text in zip(both["date"], both["kind"], both["description"], strict=True)
    ]
    return events.assign(description=pd.array(words[len(both) - len(events) :], dtype="str"))


def _plain_letters(text: str) -> str:
    letters = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text.translate(_SAME)).casefold())
    return " ".join("".join(letter for letter in letters if letter.isspace() or unicodedata.category(letter)[0] != "C").split())


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
    contiguous = Rule("contiguous", ("from", "to"), _follows, _describe_gap)

    def rules(table: Table) -> list[Rule]:
        # a stretch whose dates cannot be read would pass for a gap
        return coverage_rules() if table.unread or table.faults else [*coverage_rules(), contiguous]

    return read_table(path, shown, COVERAGE, rules).sort_values(["from", "to", "published_on"], ignore_index=True)


def form_of(table: str) -> Form:
    """The form of a table: events, coverage, or an indicator."""
    return BY_TABLE.get(table, ROWS)


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
            "ahead",
            ("end_date", "kind", "published_on"),
            lambda events: ~events["kind"].isin(AHEAD) | (events["end_date"] >= events["published_on"]),
            lambda event, _: (
                f"{event['kind']} published_on {event['published_on']:%Y-%m-%d} for days to {event['end_date']:%Y-%m-%d}",
                "a meeting to be announced on or before its last day",
                "correct one of the dates; for a meeting without a date name the days in which it is to be expected",
            ),
        ),
        text_rule("description", "a few words on what happened", "describe the event"),
        text_rule("source", "where it was reported", "name the source"),
        Rule("unique", ("date", "published_on"), lambda events: ~events.duplicated(EVENT_KEY), _describe_twin),
        grade_rule(),
        plain_rule("description"),
        plain_rule("source"),
    ]


def _describe_twin(event: Mapping[Any, Any], events: pd.DataFrame) -> FaultText:
    twins = events[(events[EVENT_KEY] == pd.Series(event)[EVENT_KEY]).all(axis=1)]
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


def _describe_gap(stretch: Mapping[Any, Any], stretches: pd.DataFrame) -> FaultText:
    before = _before(stretches)[stretches["line"] == stretch["line"]].iloc[0]
    wrong = "an overlap" if stretch["from"] <= before else "a gap"
    expected = before + pd.Timedelta(days=1)
    return (
        f"{wrong}: from {stretch['from']:%Y-%m-%d} after a stretch to {before:%Y-%m-%d}",
        f"from {expected:%Y-%m-%d}",
        "let each stretch begin on the day after the one before",
    )


def check_kinds(workspace: Workspace) -> Iterator[Fault]:
    """Kinds of events that rungs of ripeness.toml count and that are not known: there they are to be mended."""
    for number, rung in enumerate(workspace.rungs):
        for kind in rung.kinds:
            if kind not in KINDS:
                found = f"rung '{rung.id}' counts events of kind '{kind}'"
                yield workspace.toml.fault(("rung", number, "kinds"), found, "a known kind of event", did_you_mean(kind, list(KINDS)))
