"""Prices of markets, from a daily file of each event and single readings: two events, days inferred, several prices a day."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pandas as pd
import pytest
from shipped import SOURCES, import_source

from ripeness.errors import ContentError, UsageError
from ripeness.intake.updates import Choices
from ripeness.workflow.updates import run_import_update
from ripeness_ukraine.crowds import Crowds, Settled, import_crowds

AGREEMENT = "russia-x-ukraine-ceasefire-agreement-by-december-31-2026"
BEFORE = "russia-x-ukraine-ceasefire-before-2027"


def read_prices(folder: Path, ceasefire: str = "", agreement: str = "", readings: str = "") -> list[tuple[str, ...]]:
    """What is made of the three files, each market with one price at least, as day, market's name, price and note."""
    files = {
        "polymarket_ceasefire_daily.csv": f"date,market_slug,last_trade_price,volume_usd,commit\n2025-11-26,{BEFORE},0.5,1,abcdef0\n{ceasefire}",
        "polymarket_ceasefire_agreement_daily.csv": f"date,market_slug,last_trade_price,volume_usd,commit\n2026-05-14,{AGREEMENT},0.4,,abcdef0\n{agreement}",
        "readings_2026_aug_to_oct.csv": f"date,market,probability,source,note\n2026-09-04,kalshi:KXZELENSKYPUTIN-29-27,0.06,x,\n{readings}",
    }
    for name, text in files.items():
        (folder / name).write_text(text, "utf-8")
    rows = import_source("crowds", [folder / name for name in files])["crowds"]
    return [(f"{row.date:%Y-%m-%d}", row.market.partition(":")[2], row.probability, row.note) for row in rows.itertuples()]


def test_prices_are_of_the_markets_wanted_and_a_price_before_the_first_trade_is_none(tmp_path: Path) -> None:
    agreement = f"2026-05-12,{AGREEMENT},0.0,,abc\n2026-05-13,{AGREEMENT},0.0,,abc\n2026-05-13,another-market,0.2,,abc\n"
    rows = read_prices(tmp_path, agreement=agreement)
    assert [row[:3] for row in rows] == [
        ("2025-11-26", BEFORE, 0.5),
        ("2026-05-14", AGREEMENT, 0.4),
        ("2026-09-04", "KXZELENSKYPUTIN-29-27", 0.06),
    ]


def test_two_events_of_one_day_stay_two_and_an_inferred_day_is_said(tmp_path: Path) -> None:
    note = "day inferred from contracts listed in it"
    readings = f'2026-09-25,polymarket:{AGREEMENT},0.225,page,{note}\n2026-09-25,"polymarket:russia-x-ukraine-ceasefire-by (31 Dec 2026 leg, other rules)",0.135,page,{note}\n'
    readings += f"2026-09-02,polymarket:{AGREEMENT},0.175,page,\"'then' leg: date is generated time less the window, +-1 day\"\n"
    readings += f"2026-09-08,polymarket:{AGREEMENT},0.2,page,'now' leg\n"
    rows = {row[:2]: row[2:] for row in read_prices(tmp_path, readings=readings)}
    assert rows["2026-09-25", AGREEMENT] == (0.225, note)
    assert rows["2026-09-25", BEFORE] == (0.135, f"{note}; listed as 'russia-x-ukraine-ceasefire-by (31 Dec 2026 leg, other rules)'")
    assert rows["2026-09-02", AGREEMENT] == (0.175, "day inferred from a window of hours, give or take a day")
    assert rows["2026-09-08", AGREEMENT] == (0.2, "")


def test_of_several_prices_of_a_day_the_surest_stands_and_names_the_others(tmp_path: Path) -> None:
    readings = f"2026-05-14,polymarket:{AGREEMENT},0.3,guess,\"'then' leg\"\n2026-05-14,polymarket:{AGREEMENT},0.42,tracker (file 60256),\n"
    rows = {row[:2]: row[2:] for row in read_prices(tmp_path, readings=readings)}
    assert rows["2026-05-14", AGREEMENT] == (0.4, "also 0.42 (tracker); also 0.3 (guess)")


def test_a_daily_file_with_two_prices_or_a_market_without_any_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ContentError, match=r"agreement_daily\.csv, line 3: found .* on 2026-05-14 a second time"):
        read_prices(tmp_path, agreement=f"2026-05-14,{AGREEMENT},0.5,,abc\n")
    (tmp_path / "readings_2026_aug_to_oct.csv").write_text(
        "date,market,probability,source,note\n2026-09-04,kalshi:other,0.06,x,\n", "utf-8"
    )
    (tmp_path / "polymarket_ceasefire_agreement_daily.csv").write_text(
        f"date,market_slug,last_trade_price,volume_usd,commit\n2026-05-14,{AGREEMENT},0.4,,abc\n", "utf-8"
    )
    paths = [tmp_path / Path(file).name for file in SOURCES["crowds"].files]
    with pytest.raises(ContentError, match="no row of 'kalshi:KXZELENSKYPUTIN-29-27'"):
        import_source("crowds", paths)


def test_an_update_stores_no_price_and_says_how_they_are_stored(tmp_path: Path, copied_workspace: Path) -> None:
    read_prices(tmp_path)
    with pytest.raises(UsageError, match=r"stored by no update; write crowds\.csv with ripeness import crowds FILES --out data"):
        run_import_update(copied_workspace, "crowds", [tmp_path / Path(file).name for file in SOURCES["crowds"].files], Choices())


def test_a_market_that_is_over_is_settled_by_a_judgement(tmp_path: Path) -> None:
    read_prices(tmp_path)
    settled = Settled(market=f"polymarket:{BEFORE}", on=date(2027, 1, 1), outcome="no", source="polymarket.com")
    judged = Crowds(markets=(f"polymarket:{BEFORE}",), same={}, settled=(settled,))
    rows = import_crowds(*(tmp_path / Path(file).name for file in SOURCES["crowds"].files), judged)["crowds"]
    assert rows.iloc[-1].tolist() == [pd.Timestamp("2027-01-01"), f"polymarket:{BEFORE}", 0.0, "polymarket.com", "settled"]
