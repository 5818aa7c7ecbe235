"""Rouble rate, key rate and consumer prices from the tables of the Bank of Russia (prices: Rosstat)."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from ripeness.sources.series import daily, rows, whole_weeks
from ripeness.sources.tables import read_table

_RATES = ["rub_per_usd", "rub_per_eur", "rub_per_cny"]


def import_bank_of_russia(rates: Path, monthly: Path) -> dict[str, pd.DataFrame]:
    """Weekly rouble rate, monthly key rate and inflation.

    Rouble: the mean of the rates published in a week, Monday to Sunday, by the day for which a rate holds (Moscow). A day on which all
    three currencies repeat the day before is carried forward over a weekend or holiday and is left out; a week without a published rate
    is missing, and so is a last week that the file does not cover to its Sunday. Known on the Monday after.

    Key rate: the mean of a month's working days, in % a year, known on its last day; a month that the daily rates do not cover to its end is
    left out, as its mean is not yet that of the month. Inflation: year on year in %, known 15 days after the
    month; later revisions are not in the file.

    Parameters
    ----------
    rates : Path
        `date,rub_per_usd,rub_per_eur,rub_per_cny`, daily, filled forward.
    monthly : Path
        `month,…,key_rate,…,cpi_yoy,…`.

    Raises
    ------
    ContentError
        If a file is not such a table.
    """
    table = read_table(rates, days=["date"], numbers=_RATES)
    series = daily(table, rates, "date", "rub_per_usd")
    quotes = table.set_index("date")[_RATES].sort_index()
    carried = (quotes == quotes.shift()).all(axis=1)
    rouble = series[~carried].resample("W-SUN").mean().reindex(whole_weeks(series)).dropna()
    macro = read_table(monthly, months=["month"], numbers=["key_rate", "cpi_yoy"])
    by_month = {name: daily(macro, monthly, "month", name).dropna()["2022-02":] for name in ("key_rate", "cpi_yoy")}
    key_rate = by_month["key_rate"][: series.index.max()]
    return {
        "rouble_per_usd": rows(rouble["2022-02-27":], lag_days=1, source="Bank of Russia", grade="A", decimals=4),
        "key_rate": rows(key_rate, lag_days=0, source="Bank of Russia", grade="A", decimals=3),
        "cpi_yoy": rows(by_month["cpi_yoy"], lag_days=15, source="Rosstat (by Bank of Russia)", grade="A", decimals=2),
    }
