"""The Geopolitical Risk Index of Dario Caldara and Matteo Iacoviello (American Economic Review 2022)."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from pydantic import Field

from ripeness.intake.reading import Day, Days, Judgements, Source, daily, read_table, rows


class GeopoliticalRisk(Judgements):
    """From when on the index is taken, and how soon a month is known."""

    first: Day = Field(alias="from")
    lag_days: Days


def import_geopolitical_risk(index: Path, judged: GeopoliticalRisk) -> dict[str, pd.DataFrame]:
    """How much of the world's risk news is about something else than Ukraine, by month.

    The value is the index GPR divided by the country share GPRC_UKR (per cent of articles that speak of such risk and of Ukraine). The
    plain index would call March 2022 the most distracted month, though this very war drove it. Revised slightly at times, so the
    vintage is reconstructed.

    Parameters
    ----------
    index : Path
        `month,GPR,…,GPRC_UKR,…`.
    judged : GeopoliticalRisk

    Raises
    ------
    ContentError
        If the file is not such a table.
    """
    table = read_table(index, months=["month"], amounts=["GPR", "GPRC_UKR"])
    table["elsewhere"] = table["GPR"] / table["GPRC_UKR"].where(table["GPRC_UKR"] > 0)
    values = daily(table, index, "month", "elsewhere").dropna()[pd.Timestamp(judged.first) :]
    source = "Caldara and Iacoviello, vintage reconstructed"
    return {"risk_elsewhere": rows(values, lag_days=judged.lag_days, source=source, grade="B", decimals=2)}


SOURCE = Source(
    "Caldara and Iacoviello: geopolitical risk",
    ("gpr_caldara_iacoviello/gpr_monthly.csv",),
    import_geopolitical_risk,
    tables=("risk_elsewhere",),
    terms="no licence stated; figures only, credited",
    judgements=GeopoliticalRisk,
)
