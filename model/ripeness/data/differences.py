"""What became known between two days: a vintage against an earlier one, table by table.

new          known on the later day only
revised      known on both, with other content: which columns, from what to what
withdrawn    known on the earlier day only
"""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from ripeness.data.forms import BY_TABLE, Form, form_of
from ripeness.data.vintages import Vintage

CHANGES: Final = ("new", "revised", "withdrawn")
WORDING: Final = {"source", "note"}  # how a thing is said: no revision by itself


def compare(earlier: Vintage, later: Vintage) -> dict[str, pd.DataFrame]:
    """Compare what was known on two days.

    Returns
    -------
    dict
        Table (indicators in the order of indicators.toml, events, coverage) to a DataFrame (row): the columns of its key, change,
        published_on (of the later row; of a withdrawn one, of the earlier), and for each column of the content two, old_<column> and
        new_<column>, missing where there was or is no row. Only tables that changed.
    """
    found = {}
    for table in [*later.contracts, *BY_TABLE]:
        form = form_of(table)
        rows = _compare(earlier.table(table), later.table(table), form)
        if len(rows):
            found[table] = rows
    return found


def _compare(old: pd.DataFrame, new: pd.DataFrame, form: Form) -> pd.DataFrame:
    key, content = list(form.key), [name for name in form.content if name not in WORDING]
    columns = [*key, "published_on", *content]
    both = old[columns].merge(new[columns], on=key, how="outer", suffixes=("__old", "__new"), indicator=True)
    differs = np.zeros(len(both), dtype=bool)
    for name in content:
        before, after = both[f"{name}__old"], both[f"{name}__new"]
        differs |= ((before != after) & ~(before.isna() & after.isna())).to_numpy(dtype=bool)
    source = both["_merge"].astype(str)
    change = np.select([source == "right_only", source == "left_only", differs], ["new", "withdrawn", "revised"], default="")
    rows = both[key].assign(change=change, published_on=both["published_on__new"].fillna(both["published_on__old"]))
    for name in content:
        rows[f"old_{name}"], rows[f"new_{name}"] = both[f"{name}__old"], both[f"{name}__new"]
    changed: pd.DataFrame = rows[change != ""].reset_index(drop=True)
    return changed
