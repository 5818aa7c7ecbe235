"""Crowds: what prediction markets said on which day of what ripeness.toml bridges to. Read and shown beside the forecast, never an input of it.

    date         market                 probability
    2026-09-25   somewhere:some-name    0.225          the price of that day, as it was public on it
    2027-01-01   somewhere:some-name    0              the last row of a market that is settled: 0 for no, 1 for yes

A day without a trade has no row. Rows stand by day and market, each day and market once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any, Final

import pandas as pd

from ripeness.data.tables import DAY, NUMBER, TEXT, Form, Rule, plain_rule, read_table, text_rule
from ripeness.errors import Fault, did_you_mean
from ripeness.workspace import Workspace
from ripeness.workspace.question import MARKET

CROWDS: Final = "crowds"  # the table as readers of publishers' files name it
CROWDS_FILE: Final = "crowds.csv"
FORM: Final = Form(types={"date": DAY, "market": TEXT, "probability": NUMBER, "source": TEXT, "note": TEXT}, key=("date", "market"))
SETTLED: Final = {0.0: "no", 1.0: "yes"}


def read_crowds(path: Path, shown: Path) -> pd.DataFrame:
    """Read and check crowds.csv.

    Returns
    -------
    DataFrame (row)
        date : datetime64[ns]; market, source, note : str; probability : float in [0, 1]; line : int, counted from 1. By date and market.

    Raises
    ------
    ContentError
        With the line of everything that is wrong.
    """
    return read_table(path, shown, FORM, crowd_rules())


def crowd_rules() -> list[Rule]:
    """What must hold for each price."""
    return [
        Rule(
            "market",
            ("market",),
            lambda rows: rows["market"].str.fullmatch(MARKET.strip("^$")),
            lambda row, _: (f"market '{row['market']}'", "a venue in small letters, a colon and its name of the market", "correct the id"),
        ),
        Rule(
            "probability",
            ("probability",),
            lambda rows: rows["probability"].between(0, 1),
            lambda row, _: (f"probability {row['probability']:.15g}", "a probability from 0 to 1", "give it as a share, not in per cent"),
        ),
        Rule(
            "settled",
            ("date", "market", "probability"),
            lambda rows: ~rows["probability"].isin(list(SETTLED)) | (rows["date"] == rows.groupby("market")["date"].transform("max")),
            lambda row, _: (
                f"probability {row['probability']:g} on {row['date']:%Y-%m-%d}, and later prices of {row['market']}",
                "0 or 1 on the last day of a market only, once it is settled",
                "leave out a day without a trade; correct the price of another",
            ),
        ),
        Rule(
            "order",
            ("date", "market"),
            _follows,
            lambda row, _: (
                f"{row['date']:%Y-%m-%d}, {row['market']} after a row that is to follow it",
                "rows by day and then by market, each day and market once",
                "sort them; of several prices of a day keep one and name the others in its note",
            ),
        ),
        text_rule("source", "where the price was read", "name the source"),
        plain_rule("source"),
        plain_rule("note"),
    ]


def _follows(rows: pd.DataFrame) -> pd.Series[bool]:
    """Whether each row comes after the one before it, by day and market."""
    before = rows[["date", "market"]].shift()
    later = (rows["date"] == before["date"]) & (rows["market"] > before["market"].fillna(""))
    return before["date"].isna() | (rows["date"] > before["date"]) | later


def newest_price(crowds: pd.DataFrame, market: str, origin: date) -> dict[str, Any] | None:
    """The newest price of a market on or before a day: date, probability and note, as plain values; None if there is none."""
    rows = crowds[(crowds["market"] == market) & (crowds["date"] <= pd.Timestamp(origin))]
    if rows.empty:
        return None
    row: Mapping[Any, Any] = rows.iloc[-1].to_dict()
    return {"date": f"{row['date']:%Y-%m-%d}", "probability": float(row["probability"]), "note": str(row["note"])}


def settled_on(crowds: pd.DataFrame, market: str, as_of: date) -> tuple[str, date] | None:
    """How a market was settled, "yes" or "no", and on which day, by what was known on a day; None if it was not."""
    price = newest_price(crowds, market, as_of)
    if price is None or price["probability"] not in SETTLED:
        return None
    return SETTLED[price["probability"]], date.fromisoformat(price["date"])


def check_markets(workspace: Workspace, crowds: pd.DataFrame) -> Iterator[Fault]:
    """Markets of bridges without any price, where there are prices at all: in ripeness.toml they are to be mended."""
    known = sorted(set(crowds["market"]))
    for number, bridge in enumerate(workspace.bridges):
        if known and bridge.market not in known:
            found = f"bridge '{bridge.id}' names the market '{bridge.market}', of which {CROWDS_FILE} has no price"
            mend = f"add a row for it; {did_you_mean(bridge.market, known)}"
            yield workspace.toml.fault(("bridge", number, "market"), found, f"a market of {CROWDS_FILE}", mend)
