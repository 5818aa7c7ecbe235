"""Rows of an indicator: data/<indicator>.csv, one observation a line, never edited in place.

Two dates are kept apart:

    observed_on    the last day of the period that the value describes
    published_on   the day on which the value became known

A revision is a new row with the same observed_on and a later published_on; an empty value withdraws the period.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from ripeness.data.indicators import Contract
from ripeness.data.tables import DAY, NUMBER, TEXT, Form, Rule, grade_rule, plain_rule, read_table, text_rule
from ripeness.workspace.csv import FaultText

ROWS: Final = Form(
    types={"observed_on": DAY, "value": NUMBER, "published_on": DAY, "source": TEXT, "grade": TEXT, "sample_size": NUMBER},
    key=("observed_on",),
    content=("value", "sample_size", "grade", "source"),
    optional=("sample_size",),
    may_be_empty=("value", "sample_size"),
)
KEY = [*ROWS.key, "published_on"]
FEWEST_RESPONDENTS: Final = 10  # whoever asks fewer has a slip of the pen in the number


def read_rows(path: Path, shown: Path, contract: Contract) -> pd.DataFrame:
    """Read and check the rows of one indicator, in the order of the file.

    Parameters
    ----------
    path, shown : Path
        The file, and how to name it in faults.
    contract : Contract
        What the rows must keep to.

    Returns
    -------
    DataFrame (row)
        observed_on, published_on : datetime64[ns]; value : float in natural units, NaN where the row withdraws its period;
        source, grade : str; sample_size : float, NaN where the row has none; line : int, counted from 1.

    Raises
    ------
    ContentError
        With the line of everything that is wrong.
    """
    return read_table(path, shown, ROWS, row_rules(path.stem, contract))


def row_rules(indicator: str, contract: Contract) -> list[Rule]:
    """What must hold for each row of an indicator."""
    low, high = contract.plausible
    rules = [
        Rule("published", ("observed_on", "published_on"), lambda rows: rows["published_on"] >= rows["observed_on"], _describe_published),
        Rule("unique", ("observed_on", "published_on", "value"), lambda rows: ~rows.duplicated(KEY), _describe_unique),
        text_rule("source", "where the value was published", "name the source"),
        grade_rule(),
        plain_rule("source"),
        Rule(
            "plausible",
            ("value",),
            lambda rows: rows["value"].isna() | rows["value"].between(low, high),
            lambda row, _: (
                f"value {row['value']:g}",
                f"{low:g} to {high:g} {contract.unit}",
                "correct the value or its unit, or widen plausible in indicators.toml",
            ),
        ),
        Rule(
            "domain",
            ("value",),
            lambda rows: rows["value"].isna() | contract.in_domain(rows["value"]),
            lambda row, _: (
                f"value {row['value']:g}",
                f"a value of which the {contract.transform} can be taken",
                "correct the value, or the transform in indicators.toml",
            ),
        ),
        Rule(
            "sample_size",
            ("sample_size",),
            lambda rows: rows["sample_size"].isna() | _is_size(rows["sample_size"], contract),
            lambda row, _: (
                f"sample_size {row['sample_size']:g}",
                "a number above 0" if contract.exposure else f"a whole number of respondents, from {FEWEST_RESPONDENTS} on",
                "correct it or leave it empty",
            ),
        ),
        Rule(
            "period",
            ("observed_on",),
            lambda rows: _ends_a_period(rows["observed_on"], contract),
            lambda row, _: _describe_period(row, contract),
        ),
    ]
    if contract.is_count:
        rules.append(
            Rule(
                "whole",
                ("value",),
                lambda rows: rows["value"].isna() | (rows["value"] % 1 == 0),
                lambda row, _: (f"value {row['value']:g}", "a whole number, as this indicator counts", "correct the value"),
            )
        )
    if contract.exposure:
        rules.append(
            Rule(
                "exposure",
                ("value", "sample_size"),
                lambda rows: rows["value"].isna() | rows["sample_size"].notna(),
                lambda row, _: ("no sample_size", "the exposure of the count in sample_size", "fill it in"),
            )
        )
    if contract.eras:
        rules.append(
            Rule(
                "era",
                ("observed_on",),
                lambda rows: _in_an_era(rows["observed_on"], contract),
                lambda row, _: _describe_era(row, indicator, contract),
            )
        )
    return rules


def _is_size(sizes: pd.Series[float], contract: Contract) -> pd.Series[bool]:
    return sizes > 0 if contract.exposure else (sizes >= FEWEST_RESPONDENTS) & (sizes % 1 == 0)


def _ends_a_period(days: pd.Series[pd.Timestamp], contract: Contract) -> pd.Series[bool]:
    """Whether regular rows end on a Sunday or on a month's last day; others may end on any."""
    match contract.frequency, contract.window:
        case "weekly", "week":
            return (days.dt.day_of_week == 6) | (days.dt.is_month_end if contract.also_monthly else False)
        case "monthly", "month" | "quarter":
            return days.dt.is_month_end
        case _:
            return pd.Series(True, index=days.index)


def _describe_period(row: Mapping[Any, Any], contract: Contract) -> FaultText:
    last = "a Sunday" if contract.window == "week" else "the last day of a month"
    if contract.also_monthly:
        last += ", or the last day of a month"
    return (
        f"observed_on {row['observed_on']:%Y-%m-%d}, a {row['observed_on']:%A}",
        f"{last}, as the indicator is {contract.frequency}",
        "give the last day of the period that the value describes",
    )


def _in_an_era(days: pd.Series[pd.Timestamp], contract: Contract) -> pd.Series[bool]:
    inside = pd.Series(False, index=days.index)
    for era in contract.eras:
        inside |= days.between(pd.Timestamp(era.first), pd.Timestamp(era.last))
    return inside


def _describe_era(row: Mapping[Any, Any], indicator: str, contract: Contract) -> FaultText:
    day, first, last = f"{row['observed_on']:%Y-%m-%d}", contract.eras[0], contract.eras[-1]
    if day < last.last.isoformat():
        found = f"observed_on {day}, before the first era '{first.id}', from {first.first}"
        return found, f"a day of one of the eras of [{indicator}] in indicators.toml", "correct the date, or begin the first era earlier"
    began = last.last + timedelta(days=1)
    era = f'{{ id = "from_{began:%Y_%m}", from = {began}, to = {day[:4]}-12-31 }}'
    return (
        f"observed_on {day}, after the last era '{last.id}', to {last.last}",
        "an era that holds the day, as somebody has to judge how much of what happened was captured",
        f"add an era such as {era} to eras of [{indicator}] in indicators.toml, and to loadings.toml its share captured, "
        f"as [capture.{indicator}.from_{began:%Y_%m}]",
    )


def _describe_published(row: Mapping[Any, Any], _: pd.DataFrame) -> FaultText:
    return (
        f"published_on {row['published_on']:%Y-%m-%d} before observed_on {row['observed_on']:%Y-%m-%d}",
        "a value to be published after the period it describes",
        "correct one of the dates",
    )


def _describe_unique(row: Mapping[Any, Any], rows: pd.DataFrame) -> FaultText:
    twins = rows[(rows["observed_on"] == row["observed_on"]) & (rows["published_on"] == row["published_on"])]
    first = twins.iloc[0]
    same = first["value"] == row["value"] or (np.isnan(first["value"]) and np.isnan(row["value"]))
    how = "the same row as" if same else "another value than"
    return (
        f"{how} line {first['line']} for observed_on {row['observed_on']:%Y-%m-%d}, published_on {row['published_on']:%Y-%m-%d}",
        "one row a period and publication",
        "remove one of them, or give a revision its own, later published_on",
    )
