"""What an importer made of a publisher's files, as a batch of rows.

A publisher's file holds the whole history as it stands today, and says nothing of when each figure became known: the importers reconstruct
`published_on` from the usual lag. So an import is compared by period with what is stored, not by published_on:

    period known, same content          a duplicate, whatever `published_on` and `source` were reconstructed
    period known, other content         a revision, published on the batch's day (`--date`, which is then required): when the publisher
                                        changed it is not known, but that day it stands
    period not known                    new, with the reconstructed published_on; with the batch's day if that is earlier, as the figure is
                                        at hand by then
    period stored, not in the import    stays as it is, and is counted: a shorter file withdraws nothing
    period withdrawn by hand            stays withdrawn while the publisher's value is the one that was withdrawn

"Content" is the value, sample size and grade of a row; end, round and grade of an event; the quantiles of a stretch of coverage. The verdicts are
then those of any batch, so a gap filled later is a late entry. An event whose date, kind or description the chronology has reworded
counts as a new one, beside the old: the note on what is not in the import says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Final

import numpy as np
import pandas as pd

from ripeness.data.events import BY_TABLE, EVENTS, form_of, in_known_words
from ripeness.data.tables import YES_NO, Form
from ripeness.data.vintages import Store
from ripeness.errors import UsageError
from ripeness.intake.incoming import TABLE, Incoming

SAME: Final = ("value", "sample_size", "grade", "end_date", "round", "q05", "q95")  # what makes a revision of an import


def as_batch(
    source: str, tables: Mapping[str, pd.DataFrame], files: tuple[tuple[str, str], ...], store: Store, day: date | None
) -> tuple[list[Incoming], list[str]]:
    """Turn imported tables into a batch.

    Parameters
    ----------
    source : str
        The importer, to name the rows by.
    tables : mapping
        Indicator id, "events" or "coverage" to a DataFrame in the columns of its file, as `import_sources` gives it.
    files : tuple of (str, str)
        Names and hashes of the publisher's files.
    store : Store
    day : date or None
        The batch's day.

    Returns
    -------
    tuple
        The batch, and notes on what is stored but not in the import.

    Raises
    ------
    UsageError
        If a known period has another value, and no day is given.
    """
    batch, notes, changed = [], [], {}
    for table, found in tables.items():
        form = form_of(table)
        frame = _typed(found, form)
        held = _held(store, table, form)
        if form is EVENTS:
            frame = in_known_words(frame, store.events)
        frame, revised = _dated(frame, held, form, day)
        if revised:
            changed[table] = revised
        spanned = held[held[form.key[0]].between(frame[form.key[0]].min(), frame[form.key[0]].max())]
        left = len(spanned) - int(_places(spanned, frame, form)[1].sum())
        if left:
            notes.append(f"{table}: {left} stored row(s) of the same span are not in the import; they stay as they are")
        frame[TABLE] = pd.Categorical([table] * len(frame), categories=[table])
        batch.append(Incoming(f"{source}: {table}", form, frame, files=files))
    if changed and day is None:
        where = ", ".join(f"{table} ({number})" for table, number in changed.items())
        raise UsageError(
            f"known periods have other values in the import: {where}; give the day on which they stood there with --date YYYY-MM-DD"
        )
    return batch, notes


def _typed(found: pd.DataFrame, form: Form) -> pd.DataFrame:
    """An importer's table in the types of its form."""
    frame = found.reindex(columns=list(form.all_columns)).reset_index(drop=True)
    for name, dtype in form.types.items():
        if dtype == YES_NO:
            frame[name] = frame[name] == "yes"
    return frame.assign(line=0).astype(form.dtypes)


def _held(store: Store, table: str, form: Form) -> pd.DataFrame:
    """Of each stored key the row published last; of a withdrawn period the last with a value."""
    known = table in store.rows or table in BY_TABLE
    stored = store.table(table) if known else form.empty()
    if "value" in form.content:
        stored = stored[stored["value"].notna()]
    return stored.sort_values([*form.key, "published_on"]).drop_duplicates(list(form.key), keep="last").reset_index(drop=True)


def _places(frame: pd.DataFrame, held: pd.DataFrame, form: Form) -> tuple[pd.DataFrame, np.ndarray[tuple[int], np.dtype[np.bool_]]]:
    """For each row the held row of its key, and whether there is one."""
    key = list(form.key)
    columns = ["published_on", *form.content]
    merged = frame[key].merge(held[[*key, *columns]].assign(_held=True), on=key, how="left")
    return merged, merged["_held"].notna().to_numpy()


def _dated(frame: pd.DataFrame, held: pd.DataFrame, form: Form, day: date | None) -> tuple[pd.DataFrame, int]:
    """The rows with the published_on, and where nothing changed with all, that the store is to compare; and how many are revised."""
    merged, known = _places(frame, held, form)
    same = known.copy()
    for name in form.content:
        if name in SAME:
            here, there = frame[name], merged[name]
            same &= ((here == there) | (here.isna() & there.isna())).to_numpy(dtype=bool)
    out = frame.copy()
    for name in ("published_on", *form.content):
        out.loc[same, name] = merged.loc[same, name].astype(frame[name].dtype).to_numpy()
    if day is not None:
        today = np.datetime64(day, "ns")
        by_rule, stored = out["published_on"].to_numpy(), merged["published_on"].to_numpy()
        # where something later is stored than the batch's day, its day is kept: the verdict then says that a revision must be later still
        out["published_on"] = np.select([same, known], [by_rule, np.maximum(stored, today)], np.minimum(by_rule, today))
    return out, int((known & ~same).sum())
