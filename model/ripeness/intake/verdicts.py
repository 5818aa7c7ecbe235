"""What each incoming row is, against what is stored: every row has one verdict.

    new           a period, event or stretch that is not known
    revision      a known one, published later than the row it follows; old and new content are shown, also where they are equal
    withdrawal    an empty value for a known period
    late entry    one of these whose published_on lies before the newest that the table holds already: a forecast as of a day between would
                  see it now, but could not then. Kept, and marked in updates.csv
    duplicate     the very row is stored, or stands earlier in the batch; ignored
    refused       with the reason and the line

A row is refused if a cell cannot be read; by the rules that also hold for the stored files (`row_rules`, `event_rules`, `coverage_rules`);
if it is published after the batch's day; if the same thing published on the same day stands there with another content, as a revision needs
a later published_on; if it withdraws what is not there; if a stretch of coverage leaves a gap or overlaps; and, unless confirmed, if its value
jumps (`data/jumps.py`) or it is a round = no beside a round of that day with another description, or a postponement of days for which no meeting was announced. A value outside the contract's `plausible` cannot be confirmed: the range is the contract's promise
about every stored row, and whoever finds it too narrow widens it there, with a reason.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property, partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ripeness.data.batches import APPENDED, VERDICTS
from ripeness.data.events import AHEAD, EVENTS, POSTPONED, ROUND, coverage_rules, event_rules, in_known_words
from ripeness.data.indicators import Contract
from ripeness.data.jumps import LEAST, LIMIT, find_jumps
from ripeness.data.rows import row_rules
from ripeness.data.tables import Flags, Form, Rule
from ripeness.intake.incoming import TABLE, Incoming
from ripeness.workspace.csv import FaultText

FILE = "file"  # which of the batch's files a row comes from
WAS = "was_"  # before a column: what stood there before a revision

Places = NDArray[np.intp]


@dataclass
class Judged:
    """The rows of a batch for one table, with their verdicts.

    Attributes
    ----------
    table : str
    form : Form
    rows : DataFrame (row)
        The columns of the form; FILE and line, where each comes from; verdict; change: new, revision or withdrawal, also of a late entry,
        else empty; WAS + column for what a revision may change: the row it follows (missing where there is none).
    """

    table: str
    form: Form
    rows: pd.DataFrame = field(repr=False)

    @cached_property
    def counts(self) -> dict[str, int]:
        """Rows by verdict."""
        found = self.rows["verdict"].value_counts()
        return {verdict: int(found.get(verdict, 0)) for verdict in VERDICTS}

    @property
    def appended(self) -> pd.DataFrame:
        """The rows to be stored."""
        return self.rows[self.rows["verdict"].isin(APPENDED)]


def judge(
    table: str,
    form: Form,
    incoming: Sequence[Incoming],
    stored: pd.DataFrame,
    day: date,
    contract: Contract | None,
    known: pd.DataFrame | None,
    confirmed: bool,
) -> Judged:
    """Give a verdict to each row of a batch that is for one table; faults are noted in the files they are in.

    Parameters
    ----------
    table, form : str, Form
    incoming : sequence of Incoming
        The files with rows of this form, in the order of the batch.
    stored : DataFrame (row)
        All stored rows of the table.
    day : date
        The batch's day.
    contract, known : Contract, DataFrame (row)
        Of an indicator: its contract, and its values as known on the day.
    confirmed : bool
        Whether values that jump are meant.
    """
    rules = row_rules(table, contract) if contract else event_rules() if "kind" in form.key else coverage_rules()
    parts = [(number, one, np.flatnonzero(one.frame[TABLE] == table)) for number, one in enumerate(incoming) if one.form is form]
    pieces = []
    for number, one, places in parts:
        piece = one.frame.take(places)
        piece[FILE], piece["place"] = number, places
        piece["refused"] = ~one.can_be_read(list(one.unread))[places]
        pieces.append(piece)
    rows = pd.concat(pieces, ignore_index=True).drop(columns=TABLE)
    if form is EVENTS:
        rows = in_known_words(rows, stored)
    judging = _Judging(rows, incoming, np.zeros(len(rows), dtype=bool))
    for rule in rules:
        if rule.name != "unique":
            judging.try_rule(rule)
    name = [*form.key, "published_on"]
    judging.twin = _find_twins(judging, stored, name, [*name, *form.content])
    after = rows["published_on"] > pd.Timestamp(day)
    judging.refuse(after.to_numpy(), lambda row: _describe_future(row, day))
    if contract is not None and known is not None and not confirmed:
        _refuse_jumps(judging, contract, known)
    if form is EVENTS and not confirmed:
        _refuse_strays(judging, stored)
        _refuse_unmatched(judging, stored)
    if form.key == ("from", "to"):
        _refuse_gaps(judging, stored)
    previous = _previous(rows[~judging.judged], stored, form)
    if "value" in form.content:
        idle = previous["value"].isna() & previous[WAS + "value"].isna()
        judging.refuse(rows.index.isin(previous.index[idle]), _describe_idle)
        previous = _previous(rows[~judging.judged], stored, form)
    rows["verdict"] = np.where(judging.twin & ~judging.refused, "duplicate", "refused")
    rows["change"] = ""
    rows.loc[previous.index, "change"] = previous["change"]
    late = previous["published_on"] < stored["published_on"].max()
    rows.loc[previous.index, "verdict"] = previous["change"].where(~late, "late entry")
    rows = rows.join(previous[[WAS + column for column in form.content]])
    return Judged(table, form, rows.drop(columns=["refused", "place"]))


@dataclass
class _Judging:
    """Rows being judged, which of them are exact duplicates, and the files in which faults are noted."""

    rows: pd.DataFrame
    incoming: Sequence[Incoming]
    twin: Flags

    @property
    def refused(self) -> Flags:
        return self.rows["refused"].to_numpy()

    @property
    def judged(self) -> Flags:
        """Rows that have their verdict: refused, or duplicates."""
        return self.refused | self.twin

    def refuse(self, wrong: Flags, describe: Callable[[Mapping[Any, Any]], FaultText]) -> None:
        """Refuse rows; of those that have their verdict nothing more is said."""
        self._note(wrong & ~self.judged, describe)

    def try_rule(self, rule: Rule) -> None:
        """Refuse what breaks a rule, where all it looks at could be read."""
        read = np.ones(len(self.rows), dtype=bool)
        for number, one in enumerate(self.incoming):
            here = (self.rows[FILE] == number).to_numpy()
            if here.any():
                read[here] = one.can_be_read(rule.columns)[self.rows.loc[here, "place"].to_numpy()]
        self._note(~rule.holds(self.rows).to_numpy(dtype=bool) & read, lambda row: rule.describe(row, self.rows))

    def _note(self, wrong: Flags, describe: Callable[[Mapping[Any, Any]], FaultText]) -> None:
        if not wrong.any():
            return
        file, place = self.rows[FILE].to_numpy(), self.rows["place"].to_numpy()
        for number, one in enumerate(self.incoming):
            here = np.flatnonzero(wrong & (file == number))
            if len(here):
                places = np.zeros(len(one.frame), dtype=bool)
                places[place[here]] = True
                one.refuse(places, partial(self._named, describe, here, place[here]))
        self.rows["refused"] = self.refused | wrong

    def _named(self, describe: Callable[[Mapping[Any, Any]], FaultText], here: Places, places: Places, place: int) -> FaultText:
        """What is wrong with the row at a place of its file; where it has no line (an import), with the day it is about."""
        row = self.rows.iloc[here[np.searchsorted(places, place)]].to_dict()
        found, expected, mend = describe(row)
        about = next((row[name] for name in ("observed_on", "date", "from") if name in row), None)
        return (found if row["line"] or about is None else f"{found} (of {about:%Y-%m-%d})"), expected, mend


def _find_twins(judging: _Judging, stored: pd.DataFrame, name: list[str], whole: list[str]) -> Flags:
    """Which rows are exact duplicates; rows of the same name and another content are refused."""
    rows = judging.rows
    sound = rows.loc[~judging.refused, whole]
    both = pd.concat([stored[whole], sound], ignore_index=True)
    again = both.duplicated(whole).to_numpy()
    exact = np.zeros(len(rows), dtype=bool)
    exact[sound.index[again[len(stored) :]]] = True
    differ = both[~again].duplicated(name, keep=False)
    differ = differ[differ.index >= len(stored)]
    wrong = np.zeros(len(rows), dtype=bool)
    wrong[sound.index[differ.index[differ] - len(stored)]] = True
    judging.refuse(wrong, lambda row: _describe_twin(row, rows[wrong], stored, name, whole[len(name) :]))
    return exact


def _previous(rows: pd.DataFrame, stored: pd.DataFrame, form: Form) -> pd.DataFrame:
    """Rows with their change, and the content of the row that each of them follows: of the same key, published next before it."""
    key, content = list(form.key), list(form.content)
    both = pd.concat(
        [stored[[*key, "published_on", *content]].assign(incoming=-1), rows[[*key, "published_on", *content]].assign(incoming=rows.index)]
    )
    both = both.sort_values([*key, "published_on"], kind="stable", ignore_index=True)
    follows = (both[key] == both[key].shift()).all(axis=1)
    was = both[content].shift().where(follows)
    both = both.join(was.add_prefix(WAS))
    both["change"] = np.where(follows, "revision", "new")
    if "value" in content:
        both.loc[both["value"].isna(), "change"] = "withdrawal"
    return both[both["incoming"] >= 0].set_index("incoming").sort_index()


def _refuse_jumps(judging: _Judging, contract: Contract, known: pd.DataFrame) -> None:
    sound = np.flatnonzero(~judging.judged)
    found = find_jumps(contract, judging.rows.iloc[sound], known)
    wrong = np.zeros(len(judging.rows), dtype=bool)
    wrong[sound[found.jumps]] = True
    numbers = (
        dict(zip(zip(judging.rows.loc[sound, FILE], judging.rows.loc[sound, "place"], strict=True), range(len(sound)), strict=True))
        if wrong.any()
        else {}
    )

    def describe(row: Mapping[Any, Any]) -> FaultText:
        number = numbers[row[FILE], row["place"]]
        return (
            f"value {row['value']:g} after {found.nearest[number]:g}, a change of {found.change[number]:.1f} units of the scale",
            f"at most {max(LIMIT * found.largest, LEAST):.1f}, as the largest change so far was {found.largest:.1f}",
            "correct the value or its unit; if it is right, run the command again with --confirm",
        )

    judging.refuse(wrong, describe)


def _refuse_strays(judging: _Judging, stored: pd.DataFrame) -> None:
    """Refuse a round = no that revises nothing while a round of that day stands under another description or kind: it may be meant to take that back."""
    rows, both = judging.rows, pd.concat([stored, judging.rows[~judging.judged]], ignore_index=True)
    stand = both[both["round"]].drop_duplicates("date").set_index("date")["description"]
    known = set(zip(both["date"][both["round"]], both["description"][both["round"]], strict=True))
    named = np.array([pair in known for pair in zip(rows["date"], rows["description"], strict=True)], dtype=bool)
    strays = ~rows["round"] & rows["date"].isin(stand.index) & ((rows["kind"] == ROUND) != named)
    judging.refuse(
        strays.to_numpy(),
        lambda row: (
            f"{row['kind']}, round = no, '{row['description'][:80]}' on {row['date']:%Y-%m-%d}, while a round of that day stands: '{stand[row['date']][:80]}'",
            f"kind '{ROUND}' and the description of the round that is taken back",
            "write both as they stand; if it is another meeting, which does not count, run the command again with --confirm",
        ),
    )


def _refuse_unmatched(judging: _Judging, stored: pd.DataFrame) -> None:
    """Refuse a postponement of days for which no meeting was announced by then: it would take nothing back."""
    rows, both = judging.rows, pd.concat([stored, judging.rows[~judging.judged]], ignore_index=True)
    meetings = both[both["kind"].isin(AHEAD)]

    def touches(row: Any) -> bool:
        days = (meetings["date"] <= row.end_date) & (meetings["end_date"] >= row.date)
        return bool((days & (meetings["published_on"] <= row.published_on)).any())

    unmatched = (rows["kind"] == POSTPONED).to_numpy() & ~judging.judged
    unmatched[unmatched] = [not touches(row) for row in rows[unmatched].itertuples()]
    judging.refuse(
        unmatched,
        lambda row: (
            f"{POSTPONED} of {row['date']:%Y-%m-%d} to {row['end_date']:%Y-%m-%d}, for which no meeting was announced",
            "as date and end_date the planned days of the meeting that is put off",
            "write them; if its announcement is not on record, run the command again with --confirm",
        ),
    )


def _refuse_gaps(judging: _Judging, stored: pd.DataFrame) -> None:
    """Refuse stretches that do not begin on the day after the last one, or end on the day before the first."""
    one = np.timedelta64(1, "D")
    known = set(zip(stored["from"], stored["to"], strict=True))
    first, last = stored["from"].min(), stored["to"].max()
    sound = judging.rows[~judging.judged]
    stretches = sorted(set(zip(sound["from"], sound["to"], strict=True)) - known)
    fitting = set(known)
    for begin, end in stretches:
        if begin == last + one:
            fitting.add((begin, end))
            last = end
    for begin, end in reversed(stretches):
        if end == first - one:
            fitting.add((begin, end))
            first = begin
    wrong = np.array([pair not in fitting for pair in zip(judging.rows["from"], judging.rows["to"], strict=True)], dtype=bool)
    mend = "let each stretch begin on the day after the one before; a known one is revised as a whole"
    judging.refuse(
        wrong,
        lambda row: (
            f"{'a gap' if row['from'] > last + one or row['to'] < first - one else 'an overlap'}: from {row['from']:%Y-%m-%d} to {row['to']:%Y-%m-%d}",
            f"a stretch from {last + one:%Y-%m-%d}, or one of those known",
            mend,
        ),
    )


def _describe_future(row: Mapping[Any, Any], day: date) -> FaultText:
    return (
        f"published_on {row['published_on']:%Y-%m-%d}, after the batch's day {day}",
        "rows published by then",
        "correct the date, or give the batch its own day with --date",
    )


def _describe_idle(row: Mapping[Any, Any]) -> FaultText:
    found = f"an empty value for {row['observed_on']:%Y-%m-%d}, of which nothing is known on {row['published_on']:%Y-%m-%d}"
    return found, "a value, or a known period to withdraw", "fill in the value, or leave the row out"


def _describe_twin(row: Mapping[Any, Any], twins: pd.DataFrame, stored: pd.DataFrame, name: list[str], content: Sequence[str]) -> FaultText:
    def same(frame: pd.DataFrame) -> pd.DataFrame:
        return frame[np.logical_and.reduce([frame[column] == row[column] for column in name])]

    held, others = same(stored), same(twins)
    others = others[(others["place"] != row["place"]) | (others[FILE] != row[FILE])]
    other = (held if len(held) else others).iloc[0]
    where = (
        f"stored line {other['line']}" if len(held) else f"line {other['line']}" + ("" if other[FILE] == row[FILE] else " of another file")
    )
    differs = [column for column in content if row[column] != other[column] and not (pd.isna(row[column]) and pd.isna(other[column]))]
    if not row["line"] and not len(held):  # of an import, which has no lines
        pairs = " and ".join(f"{column} {str(row[column])[:80]} and {str(other[column])[:80]}" for column in differs)
        return f"two rows: {pairs}", "one row a publication", "find out which of the publisher's rows is right, and leave the other out"
    return (
        f"another {' and '.join(differs)} than {where}, published on the same {row['published_on']:%Y-%m-%d}",
        "one row a publication",
        "give the revision its own, later published_on",
    )
