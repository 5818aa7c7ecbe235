"""Brent spot prices of the US Energy Information Administration (public domain)."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from pydantic import Field

from ripeness.intake.reading import Day, Days, Judgements, Source, daily, read_table, rows, weekly_mean


class Eia(Judgements):
    """From when on prices are taken, how soon after its Sunday a week is known, and how many trading days make one."""

    first: Day = Field(alias="from")
    lag_days: Days
    fewest_days: int = Field(ge=1, le=5, default=1)


def import_eia(prices: Path, judged: Eia) -> dict[str, pd.DataFrame]:
    """Weekly Brent from daily prices, `Date,Price` in US dollars a barrel.

    The value is the mean of the trading days of a week, Monday to Sunday, in the publisher's dates (no time zone: settlement days). A
    week that the file does not reach the Sunday of, or begins inside, is left out, and so is one with fewer than `fewest_days`.

    Raises
    ------
    ContentError
        If the file is not such a table.
    """
    series = daily(read_table(prices, days=["Date"], amounts=["Price"]), prices, "Date", "Price").dropna()
    # Trading ends on Friday: a file that reaches a Friday holds that week whole. No empty days are added to it: with them pandas sums
    # another way, and a mean that ends in a five may come out rounded to the other side.
    last = series.index.max()
    values = weekly_mean(series, last + pd.Timedelta(days=6 - last.weekday()) if last.weekday() >= 4 else last, judged.fewest_days)
    return {"brent": rows(values[pd.Timestamp(judged.first) :], lag_days=judged.lag_days, source="US EIA", grade="A", decimals=2)}


SOURCE = Source(
    "US EIA: Brent",
    ("datasets_oil_prices/brent-daily.csv",),
    import_eia,
    tables=("brent",),
    terms="public domain",
    judgements=Eia,
)
