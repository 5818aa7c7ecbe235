"""Rouble rate, key rate and consumer prices from the tables of the Bank of Russia (prices: Rosstat)."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from pydantic import Field

from ripeness.errors import ContentError, Fault
from ripeness.intake.reading import Day, Days, Form, Judgements, Source, daily, parse_day, read_table, read_xml, rows, whole_weeks

_RATES = ["rub_per_usd", "rub_per_eur", "rub_per_cny"]


class BankOfRussia(Judgements):
    """From when on the series are taken, and how soon each is known."""

    first: Day = Field(alias="from")
    rouble_lag_days: Days
    key_rate_lag_days: Days
    prices_lag_days: Days


def import_bank_of_russia(rates: Path, monthly: Path, judged: BankOfRussia) -> dict[str, pd.DataFrame]:
    """Weekly rouble rate, monthly key rate and inflation.

    Rouble: the mean of the rates published in a week, Monday to Sunday, by the day for which a rate holds (Moscow). A day on which all
    three currencies repeat the day before is carried forward over a weekend or holiday and is left out; a week without a published rate
    is missing, and so is one of which the file lacks a day or a rate of the dollar.

    Key rate: the mean of a month's working days, in % a year; a month that the daily rates do not cover to its end is left out, as its mean
    is not yet that of the month. Inflation: year on year in %; later revisions are not in the file. All by the day or month they describe,
    from `from` on, known after the lag judged for each.

    Parameters
    ----------
    rates : Path
        `date,rub_per_usd,rub_per_eur,rub_per_cny`, daily, filled forward.
    monthly : Path
        `month,…,key_rate,…,cpi_yoy,…`.
    judged : BankOfRussia

    Raises
    ------
    ContentError
        If a file is not such a table.
    """
    first = pd.Timestamp(judged.first)
    table = read_table(rates, days=["date"], amounts=_RATES)
    series = daily(table, rates, "date", "rub_per_usd")
    quotes = table.set_index("date")[_RATES].sort_index()
    repeated = (quotes == quotes.shift()).all(axis=1)
    whole = series.resample("W-SUN").count() == 7
    rouble = series[~repeated].resample("W-SUN").mean().reindex(whole_weeks(series))[whole].dropna()
    macro = read_table(monthly, months=["month"], amounts=["key_rate"], numbers=["cpi_yoy"])
    by_month = {name: daily(macro, monthly, "month", name).dropna()[first:] for name in ("key_rate", "cpi_yoy")}
    key_rate = by_month["key_rate"][: series.index.max()]
    return {
        "rouble_per_usd": _rouble(rouble, judged),
        "key_rate": rows(key_rate, lag_days=judged.key_rate_lag_days, source="Bank of Russia", grade="A", decimals=3),
        "cpi_yoy": rows(by_month["cpi_yoy"], lag_days=judged.prices_lag_days, source="Rosstat (by Bank of Russia)", grade="A", decimals=2),
    }


def import_dynamic(rates: Path, judged: BankOfRussia) -> dict[str, pd.DataFrame]:
    """The rouble rate alone, from the bank's own answer on the dynamic of the dollar's rate: it has the days with a published rate only.

    Parameters
    ----------
    rates : Path
        `<ValCurs DateRange1= DateRange2=>` with a `<Record Date=>` of `Nominal` and `Value` for each day; what it was asked for ends on DateRange2.
    judged : BankOfRussia

    Raises
    ------
    ContentError
        If the file is no such answer.
    """
    table, asked = read_xml(rates, "Record", numbers=["Nominal", "Value"], days=["Date"], day_first=True, decimal_comma=True)
    table["rate"] = table["Value"] / table["Nominal"].where(table["Nominal"] > 0)
    series = daily(table, rates, "Date", "rate").dropna()
    last = parse_day("-".join(reversed(asked.get("DateRange2", "").split("."))))
    if last is None or series.empty:
        found = "no rate" if last else f"DateRange2 = '{asked.get('DateRange2', '')}'"
        raise ContentError(
            Fault(Path(rates.name), 1, found, "rates, and the last day asked for as DD.MM.YYYY", "take the publisher's file as it is")
        )
    rouble = series.resample("W-SUN").mean().reindex(whole_weeks(series, pd.Timestamp(last))).dropna()
    return {"rouble_per_usd": _rouble(rouble, judged)}


def _rouble(weekly: pd.Series[float], judged: BankOfRussia) -> pd.DataFrame:
    return rows(weekly[pd.Timestamp(judged.first) :], lag_days=judged.rouble_lag_days, source="Bank of Russia", grade="A", decimals=4)


SOURCE = Source(
    "Bank of Russia: rouble, key rate, prices",
    ("cbr_fin_calc/cbr_fx_daily.csv", "cbr_fin_calc/cbr_macro_monthly.csv"),
    import_bank_of_russia,
    tables=("rouble_per_usd", "key_rate", "cpi_yoy"),
    terms="no licence stated; figures only, credited",
    judgements=BankOfRussia,
    own=Form(("XML_dynamic.xml",), import_dynamic),
)
