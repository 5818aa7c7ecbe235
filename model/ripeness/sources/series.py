"""A publisher's column as a series by day, put together by week, and handed on as rows in the project's columns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from ripeness.errors import ContentError, Fault


def daily(table: pd.DataFrame, path: Path, day: str, value: str) -> pd.Series[float]:
    """One column as a series by day, in order of time.

    Raises
    ------
    ContentError
        If a day occurs twice.
    """
    repeated = table.index[table[day].duplicated()]
    if len(repeated):
        entry = table.index.name == "entry"  # of an array, which has no lines
        raise ContentError(
            [
                Fault(
                    Path(path.name),
                    None if entry else int(line),
                    f"{table.loc[line, day]:%Y-%m-%d} a second time{f' in entry {line}' if entry else ''}",
                    "each day once",
                    "remove one of the rows",
                )
                for line in repeated
            ]
        )
    return pd.Series(table[value].to_numpy(dtype=float), index=pd.DatetimeIndex(table[day]), name=value).sort_index()


def whole_weeks(series: pd.Series[Any], last: pd.Timestamp | None = None) -> pd.DatetimeIndex:
    """Sundays of the weeks, Monday to Sunday, that lie wholly between the first and the last day of a series by day.

    `last` is the day up to which the series is whole, where nothing is to come on the days after its own last.
    """
    first, last = series.index.min(), last or series.index.max()
    sundays = pd.date_range(first, last, freq="W-SUN")
    return pd.DatetimeIndex(sundays[sundays - pd.Timedelta(days=6) >= first])


def weekly_mean(series: pd.Series[float], last: pd.Timestamp | None = None) -> pd.Series[float]:
    """Mean of the days present in each whole week; a week without any is absent."""
    return series.resample("W-SUN").mean().reindex(whole_weeks(series, last)).dropna()


def weekly_sum(series: pd.Series[float]) -> pd.Series[float]:
    """Sum over each whole week; a day without a row counts nothing."""
    return series.resample("W-SUN").sum().reindex(whole_weeks(series))


def rows(
    values: pd.Series[float],
    *,
    lag_days: int,
    source: str,
    grade: str | pd.Series[str],
    decimals: int,
    sample_size: pd.Series[float] | None = None,
) -> pd.DataFrame:
    """A series by `observed_on` in the columns of an indicator file.

    Parameters
    ----------
    values : Series
        Indexed by the last day of the period each value describes; natural units.
    lag_days : int
        Days from that day to publication.
    source : str
        Publisher, and whether the vintage is reconstructed.
    grade : str or Series of str
        A, B or C.
    decimals : int
        Figures kept after the point.
    sample_size : Series, optional
        Poll size or exposure.
    """
    frame = pd.DataFrame({"observed_on": values.index, "value": values.round(decimals).to_numpy()})
    frame["published_on"] = frame["observed_on"] + pd.Timedelta(days=lag_days)
    frame["source"] = source
    frame["grade"] = grade if isinstance(grade, str) else grade.reindex(values.index).to_numpy()
    if sample_size is not None:
        frame["sample_size"] = sample_size.reindex(values.index).to_numpy()
    return frame
