"""The Geopolitical Risk Index of Dario Caldara and Matteo Iacoviello (American Economic Review 2022)."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from ripeness.sources.series import daily, rows
from ripeness.sources.tables import read_table


def import_geopolitical_risk(index: Path) -> dict[str, pd.DataFrame]:
    """How much of the world's risk news is about something else than Ukraine, by month.

    The value is the index GPR divided by the country share GPRC_UKR (per cent of articles that speak of such risk and of Ukraine). The
    plain index would call March 2022 the most distracted month, though this very war drove it. Known 32 days after the month; revised
    slightly at times, so the vintage is reconstructed.

    Parameters
    ----------
    index : Path
        `month,GPR,…,GPRC_UKR,…`.

    Raises
    ------
    ContentError
        If the file is not such a table.
    """
    table = read_table(index, months=["month"], numbers=["GPR", "GPRC_UKR"])
    table["elsewhere"] = table["GPR"] / table["GPRC_UKR"].where(table["GPRC_UKR"] > 0)
    values = daily(table, index, "month", "elsewhere").dropna()["2022-03":]
    source = "Caldara and Iacoviello, vintage reconstructed"
    return {"risk_elsewhere": rows(values, lag_days=32, source=source, grade="B", decimals=2)}
