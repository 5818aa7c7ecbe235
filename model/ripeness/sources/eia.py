"""Brent spot prices of the US Energy Information Administration (public domain)."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from ripeness.sources.series import daily, rows, weekly_mean
from ripeness.sources.tables import read_table


def import_eia(prices: Path) -> dict[str, pd.DataFrame]:
    """Weekly Brent from daily prices, `Date,Price` in US dollars a barrel.

    The value is the mean of the trading days of a week, Monday to Sunday, in the publisher's dates (no time zone: settlement days). A
    week that the file does not reach the Sunday of, or begins inside, is left out. Known three days after the Sunday.

    Raises
    ------
    ContentError
        If the file is not such a table.
    """
    series = daily(read_table(prices, days=["Date"], numbers=["Price"]), prices, "Date", "Price").dropna()
    # Trading ends on Friday: a file that reaches a Friday holds that week whole. No empty days are added to it: with them pandas sums
    # another way, and a mean that ends in a five may come out rounded to the other side.
    last = series.index.max()
    values = weekly_mean(series, last + pd.Timedelta(days=6 - last.weekday()) if last.weekday() >= 4 else last)["2022-02-27":]
    return {"brent": rows(values, lag_days=3, source="US EIA", grade="A", decimals=2)}
