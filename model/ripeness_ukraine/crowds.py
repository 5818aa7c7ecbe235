"""Prices of prediction markets: daily last trades, and single readings of later days. No rows of an indicator: the fit never reads them.

Two different events share a date, an agreement and a ceasefire under other rules: they are markets of their own, by their own names. A price of 0.0
before a market's first trade is no price. Of several prices of a day that of the daily file stands, then one read on the day itself, then one whose day
is only inferred; the note names the others.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import pandas as pd
from pydantic import Field

from ripeness.errors import ContentError, Fault, did_you_mean
from ripeness.intake.reading import Day, Judgements, Source, read_table

_COLUMNS = ["date", "market", "probability", "source", "note"]
_INFERRED = "day inferred from a window of hours, give or take a day"
_VENUE = "polymarket:"  # of both daily files
_SERIAL = r"^file \d+ \((.*)\)$|^(.*?) \(file \d+\)$"  # the collection's own numbers say nothing to a reader

Market = Annotated[str, Field(pattern=r"^[a-z][a-z0-9]*:\S+$")]


class Settled(Judgements):
    """How a market was settled, as its venue has it."""

    market: Market
    on: Day
    outcome: Literal["yes", "no"]
    source: str


class Crowds(Judgements):
    """Which markets are taken; under which name those go that a file calls otherwise; how those that are over were settled."""

    markets: tuple[Market, ...] = Field(min_length=1)
    same: dict[str, Market]
    settled: tuple[Settled, ...] = ()


def import_crowds(ceasefire: Path, agreement: Path, readings: Path, judged: Crowds) -> dict[str, pd.DataFrame]:
    """Prices by day and market, one each.

    Parameters
    ----------
    ceasefire, agreement : Path
        `date,market_slug,last_trade_price,volume_usd,commit`: the last trade of each day on Polymarket.
    readings : Path
        `date,market,probability,source,note`: single readings.
    judged : Crowds

    Raises
    ------
    ContentError
        If a file is not such a table, has two prices of a market on a day, or none of a market that is wanted.
    """
    parts = [_daily(path, judged) for path in (ceasefire, agreement)]
    parts.append(_readings(readings, judged))
    found = pd.concat(parts, ignore_index=True)
    missing = [market for market in judged.markets if market not in set(found["market"])]
    if missing:
        known = sorted(set(pd.concat([_named(path)["market"] for path in (ceasefire, agreement)])))
        raise ContentError(
            [Fault(Path(readings.name), None, f"no row of '{name}'", "at least one", did_you_mean(name, known)) for name in missing]
        )
    found = found.sort_values(["date", "market", "rank"], kind="stable")
    rows = [_one(group) for _, group in found.groupby(["date", "market"], sort=True)]
    rows += [
        {
            "date": pd.Timestamp(one.on),
            "market": one.market,
            "probability": float(one.outcome == "yes"),
            "source": one.source,
            "note": "settled",
        }
        for one in judged.settled
    ]
    return {"crowds": pd.DataFrame(rows, columns=_COLUMNS).sort_values(["date", "market"], ignore_index=True)}


def _named(path: Path) -> pd.DataFrame:
    """A daily file with the ids of its markets."""
    table = read_table(path, days=["date"], amounts=["last_trade_price"], words=["market_slug", "commit"])
    twice = table.index[table.duplicated(["date", "market_slug"])]
    if len(twice):
        raise ContentError(
            [
                Fault(
                    Path(path.name),
                    int(line),
                    f"{table.loc[line, 'market_slug']} on {table.loc[line, 'date']:%Y-%m-%d} a second time",
                    "each market once a day",
                    "remove one of the rows",
                )
                for line in twice
            ]
        )
    return table.assign(market=_VENUE + table["market_slug"])


def _daily(path: Path, judged: Crowds) -> pd.DataFrame:
    table = _named(path)
    table = table[table["market"].isin(judged.markets)].sort_values("date", kind="stable")
    traded = (table["last_trade_price"] > 0).groupby(table["market"]).cummax()
    table = table[traded & table["last_trade_price"].notna()]
    return pd.DataFrame(
        {
            "date": table["date"],
            "market": table["market"],
            "probability": table["last_trade_price"],
            "source": "Polymarket, last trade of the day (daily file, commit " + table["commit"].str[:7] + ")",
            "note": "",
            "rank": 0,
        }
    )


def _readings(path: Path, judged: Crowds) -> pd.DataFrame:
    table = read_table(path, days=["date"], amounts=["probability"], words=["market", "source", "note"])
    market = table["market"].replace(judged.same)
    taken_for = ("listed as '" + table["market"].str.partition(":")[2] + "'").where(market != table["market"], "")
    window, listed = table["note"].str.contains("'then' leg", regex=False), table["note"].str.contains("day inferred", regex=False)
    said = table["note"].mask(window, _INFERRED).mask(table["note"].str.contains("'now' leg", regex=False), "")
    note = [";".join(filter(None, pair)).replace(";", "; ") for pair in zip(said, taken_for, strict=True)]
    source = table["source"].str.replace(_SERIAL, r"\1\2", regex=True)
    frame = table.assign(market=market, source=source, note=note, rank=1 + (window | listed).astype(int))
    return frame.loc[frame["market"].isin(judged.markets) & frame["probability"].notna(), [*_COLUMNS, "rank"]]


def _one(group: pd.DataFrame) -> dict[str, object]:
    """The price of a day: the first of its rows, the others in its note."""
    row = group.iloc[0]
    others = [f"also {price:g} ({source})" for price, source in zip(group["probability"][1:], group["source"][1:], strict=True)]
    return {**{name: row[name] for name in _COLUMNS}, "note": "; ".join(filter(None, [row["note"], *others]))}


SOURCE = Source(
    "Prediction markets: daily prices and single readings",
    (
        "crowds/polymarket_ceasefire_daily.csv",
        "crowds/polymarket_ceasefire_agreement_daily.csv",
        "crowds/readings_2026_aug_to_oct.csv",
    ),
    import_crowds,
    tables=("crowds",),
    terms="no licence stated; figures only, credited",
    judgements=Crowds,
)
