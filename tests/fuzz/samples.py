"""Small sound files of every form that is read, and the two workspaces they are read in."""

from __future__ import annotations

import json
import re
import runpy
from datetime import date, timedelta
from math import log
from pathlib import Path

from ripeness.intake.sources import FILE as JUDGEMENTS
from ripeness.intake.sources import find_installed
from ripeness.workspace import OTHER_WARS_FILE

ROOT = Path(__file__).resolve().parents[2]
_SMALL = runpy.run_path(str(ROOT / "tests" / "small_workspace.py"))  # the small workspace of the tests of data

_HASH = "0123456789abcdef" * 4
_ISSUED = [("2024-02-04", 4, "2024-03-03", 0.25, 0.1, 0.5, 0.3), ("2024-02-04", 13, "2024-05-05", 0.4, 0.2, 0.625, 0.5)]
_LEDGER = (
    "run_id,question,origin,horizon_weeks,target_end_date,probability,lower,upper,outside_view,method,data_hash,priors_hash,code_version,"
    "differs,record_to\n"
    + "".join(
        f'5d77ed9ad23d,round,{origin},{weeks},{target},{p},{low},{high},{outside},"mixture, NUTS",{_HASH},{_HASH},0.1.0,,2024-02-04\n'
        for origin, weeks, target, p, low, high, outside in _ISSUED
    )
)
_RESOLUTIONS = (
    "run_id,question,origin,horizon_weeks,target_end_date,probability,outside_view,outcome,as_of,issued,reason,brier,log_score,"
    "outside_brier,outside_log_score,sensitivity_q05,sensitivity_q95\n"
    + "".join(
        f"5d77ed9ad23d,round,{origin},{weeks},{target},{p},{outside},yes,2024-06-02,ahead,a round on 2024-02-10,"
        f"{(1 - p) ** 2:.6f},{-log(p):.6f},{(1 - outside) ** 2:.6f},{-log(outside):.6f},0.9,0.99\n"
        for origin, weeks, target, p, _, _, outside in _ISSUED
    )
)
_BRIDGES = (
    "run_id,origin,bridge,market,by,probability,lower,upper,record_to,price,price_on\n"
    "5d77ed9ad23d,2024-02-04,fair_2024,fair:will-they,2024-04-30,0.250000,0.100000,0.500000,2024-02-04,0.300000,2024-02-01\n"
    "5d77ed9ad23d,2024-02-04,other,fair:other,2024-03-31,0.400000,0.200000,0.625000,2024-02-04,,\n"
)
_BRIDGE = """\
[[bridge]]
id = "fair_2024"
label = "Talks by the end of April"
text = "Will they talk by 30 April 2024?"
venue = "Fair"
market = "fair:will-they"
rung = "round"
by = 2024-04-30
rules = "Counts a call as well, so it comes more often."
"""
_CROWDS = (
    "date,market,probability,source,note\n2024-01-20,fair:will-they,0.3,fair.example,\n"
    '2024-02-01,fair:other,0.62,fair.example,"day inferred, give or take one"\n2024-02-01,fair:will-they,0.3,fair.example,\n'
    "2024-05-01,fair:will-they,0,fair.example,settled\n"
)
_UPDATES = (
    "batch,date,table,files,sha256,lines,late_lines,new,revision,withdrawal,late entry,duplicate,refused\n"
    f"1,2024-01-16,oil,oil.csv,{_HASH},2-3,,2,0,0,0,0,0\n2,2024-02-20,poll,week.csv;more.csv,{_HASH};{_HASH},2,2,0,0,0,1,0,0\n"
)

# Files of the small workspace, as they stand in it.
STORE: dict[str, str] = {
    "ripeness.toml": _SMALL["RIPENESS"] + _BRIDGE,
    "data/indicators.toml": _SMALL["INDICATORS"],
    **{f"data/{name}.csv": text for name, text in _SMALL["CSVS"].items()},
    "data/updates.csv": _UPDATES,
    "data/crowds.csv": _CROWDS,
    "reports/bridges.csv": _BRIDGES,
    "reports/ledger.csv": _LEDGER,
    "reports/resolutions.csv": _RESOLUTIONS,
}

# What is judged of the publishers' files, as it is shipped.
JUDGED: dict[str, str] = {f"data/{JUDGEMENTS}": (ROOT / "data" / JUDGEMENTS).read_text("utf-8")}

# What `ripeness update` may be given in that workspace.
INCOMING: dict[str, str] = {
    "oil.csv": "observed_on,value,published_on,source,grade\n2024-01-21,77,2024-01-23,agency,A\n2024-01-14,78.5,2024-01-23,agency,A\n"
    '2024-01-07,,2024-01-23,"agency, corrected",A\n2024-01-14,78,2024-01-16,agency,A\n',
    "poll.csv": "observed_on;value;published_on;source;grade;sample_size\n2024-03-03;41,5;2024-03-20;pollster;B;1000\n"
    "2024-04-03;42,25;2024-04-20;pollster;B;\n",
    "week.csv": "indicator,observed_on,value,published_on,source,grade,sample_size\noil,2024-01-21,77,2024-01-23,agency,A,\n"
    "contacts,2024-01-14,2,2024-01-15,chronology,B,110\npoll,2024-03-03,41.5,2024-03-20,pollster,B,900\n",
    "events.csv": "date,end_date,kind,round,published_on,description,source,grade\n2024-02-10,,round,yes,2024-02-10,more talks,agency,A\n"
    '2024-02-12,2024-02-13,contact,no,2024-02-14,"a call,\nat night",agency,B\n',
    "coverage.csv": "from,to,q05,q95,published_on,note\n2024-03-07,2024-03-31,0.9,0.99,2024-03-31,\n2024-04-01,2024-04-07,0.9,0.99,2024-04-07,thin\n",
}


def _days(first: str, number: int, step: int = 1) -> list[str]:
    start = date.fromisoformat(first)
    return [(start + timedelta(days=step * place)).isoformat() for place in range(number)]


def _table(header: str, lines: list[str]) -> str:
    return "\n".join([header, *lines]) + "\n"


_MONTHS = [f"{year}-{month:02d}" for year in (2022, 2023) for month in range(1, 13)]
_CREA = "CREA Russian fossil export revenue"
_LEVADA = "Levada,RU,start peace talks vs continue military action"

# Files of the publishers, by their names.
PUBLISHED: dict[str, str] = {
    "deepstate_occupied_area_daily.csv": _table(
        "date,occupied_km2,n_polygons,blob", [f"{day},{109360 + 7.5 * n},7,4a9fb360e9" for n, day in enumerate(_days("2024-07-08", 25))]
    ),
    "territory.csv": _table("date,area", [f"{day} 00:00:00,{60000.5 + 9 * n}" for n, day in enumerate(_days("2022-04-08", 25))]),
    "russia_losses_personnel.json": json.dumps(
        [{"date": day, "day": n, "personnel": 2800 + 600 * n, "personnel*": "about"} for n, day in enumerate(_days("2022-03-06", 22))],
        indent=0,
    ),
    "russia_losses_equipment.json": json.dumps(
        [{"date": day, "day": n, "tank": 80 + n, "field artillery": 49 + 3 * n} for n, day in enumerate(_days("2022-03-06", 22))], indent=0
    ),
    "russia_losses_equipment_correction.json": json.dumps([{"date": "2022-03-16", "field artillery": 4, "personnel": -50}], indent=0),
    "aggregated_daily.csv": _table(
        "date,shahed_launched,cruise_launched,ballistic_launched,mixed_missile_launched,unknown_missile_launched,unknown_uav_launched",
        [f"{day},{n},1,{n % 3 or ''},0,2,9" for n, day in enumerate(_days("2024-08-21", 25))],
    ),
    "launches_by_month.csv": _table(
        "# Derived from counts\nmonth,drones,missiles,partial,total",
        ["2024-08,888,228,False,1116", "2024-10,2010,110,False,2120", "2024-11,2516,270,True,2786"],
    ),
    "brent-daily.csv": _table("Date,Price", [f"{day},{90 + n / 4}" for n, day in enumerate(_days("2022-02-24", 25))]),
    "sparse_economy_points.csv": _table(
        "period,series,value,unit,source",
        [f"2022-12,{_CREA},640,EUR mn/day,klimat.rp.pl", "2025,Deficit,5.6,RUB trn,x", f"2023-07,{_CREA},663,,energyandcleanair.org"],
    ),
    "cbr_fx_daily.csv": _table(
        "date,rub_per_usd,rub_per_eur,rub_per_cny", [f"{day},{80 + n},{90 + n},{12.5 + n}" for n, day in enumerate(_days("2022-02-21", 40))]
    ),
    "cbr_macro_monthly.csv": _table(
        "month,rate_usd_avg,key_rate,key_rate_end,cpi_yoy", [f"{month},74.2,9.5,9.5,{n}" for n, month in enumerate(_MONTHS)]
    ),
    "allocations_by_group_monthly.csv": _table(
        "month,us_total,eu_inst_total,eu_members_total", [f"{month},1.5,0,0.25" for month in _MONTHS]
    ),
    "polls_ua_ru.csv": _table(
        "fieldwork,mid_date,pollster,country,question,share_pro,share_against,label_pro,label_against,source,quality,mid_date_assumed",
        [
            "2022-05,2022-05-15,KIIS,UA,territorial concessions to end war quickly,10,82,ready,never,novinite.com 230145; nenka.info,range 8-10,1",
            "2022-07-06/20,2022-07-13,KIIS,UA,territorial concessions to end war quickly,10,84,ready,never,babel.ua/en/news,secondary page,0",
            f"2025-02-14/03-04,2025-02-23,{_LEVADA},55,,talks,war,levada.ru 2025-03-10,primary page stored,0",
            f"2022,2022-09-06,{_LEVADA},,,talks,war,page.org,APPROXIMATE,1",
        ],
    ),
    "ce_daily_counts.csv": _table(
        "date,items_total,items_ukraine_russia,items_ua_negotiation_words,items_ua_arms_aid,items_russia_domestic_unrest,deep_format_day",
        [f"{day},{15 + n % 5},3,1,0,1,{int(n == 5)}" for n, day in enumerate(_days("2024-01-01", 27))],
    ),
    "polymarket_ceasefire_daily.csv": _table(
        "date,market_slug,last_trade_price,volume_usd,commit",
        ["2025-11-26,russia-x-ukraine-ceasefire-before-2027,0.52,3107392,632cad243e75", "2025-11-26,other-market,0.0,,632cad243e75"],
    ),
    "polymarket_ceasefire_agreement_daily.csv": _table(
        "date,market_slug,last_trade_price,volume_usd,commit",
        [
            "2026-05-14,russia-x-ukraine-ceasefire-agreement-by-december-31-2026,0.0,,a7bafad444bd",
            "2026-05-15,russia-x-ukraine-ceasefire-agreement-by-december-31-2026,0.465,,a7bafad444bd",
        ],
    ),
    "readings_2026_aug_to_oct.csv": _table(
        "date,market,probability,source,note",
        [
            "2026-09-04,kalshi:KXZELENSKYPUTIN-29-27,0.061,a tracker (file 602),Zelensky and Putin meet before 1 Jan 2027",
            "2026-05-15,polymarket:russia-x-ukraine-ceasefire-agreement-by-december-31-2026,0.45,file 684 (a listing),\"'then' leg: a window\"",
            '2026-09-25,"polymarket:russia-x-ukraine-ceasefire-by (31 Dec 2026 leg, other rules)",0.135,page.org,day inferred from a page',
        ],
    ),
    "gpr_monthly.csv": _table("month,GPR,GPRT,GPRC_UKR", [f"{month},{130 + n},90,{1 + n / 8}" for n, month in enumerate(_MONTHS)]),
    "diplomacy_chronology.csv": _table(
        "date,end_date,kind,level,parties,agreed_at_round,description,source,grade",
        [
            "2022-02-24,2022-02-24,contact_principal,leader,IN-RU,,A call,Wikipedia 2022-02-24,A",
            '2022-02-25,2022-02-25,announced,one_side,RU-UA,,"Proposer: RU (Kremlin). Proposed date: none. Venue, later, moved",Wikipedia,A',
            "2022-02-28,2022-02-28,round,delegation_inperson,RU-UA,,Gomel,Wikipedia,A",
            '2024-05-31,2024-06-01,guarantee,,"SE,NO,IS-UA",,three treaties,page.org,B',
            "2025-05-16,2025-05-16,postponed,suspension,RU-UA,,suspended,page.org,B",
            "2026-01-22,2026-01-22,announced,both,US-RU-UA,,Proposer: UA. Proposed date: 2026-01-23. Held,page.org,B",
            "2026-01-24,2026-01-24,postponed,other,RU-UA,,put off,page.org,C",
            "2026-02-01,2026-02-04,domestic_shock_ua,,UA,,a crisis,page.org,C",
        ],
    ),
    "COVERAGE.md": "# Coverage\n\nRows to 30 June 2026. Judgements.\n\n"
    "| announced | level | proposer | proposed date | type | held in 14 days | held on | grade |\n|---|---|---|---|---|---|---|---|\n"
    "| 2022-02-25 | one_side | RU (Kremlin) | none | delegation | yes | 2022-02-28 | A |\n"
    "| 2025-07-23 | one_side | UA | end of 2025-08 | leaders | no |  | B |\n"
    "| 2025-08-18 | third_party | US | by 2025-09-01 | leaders | no |  | B |\n"
    "| 2025-08-19 | both | all | 2025-08-25..27 | trilateral | no |  | B |\n"
    "| 2026-01-22 | both | UA | 2026-01-23 | trilateral | yes | 2026-01-23 | B |\n",
}


def _map(side: float) -> str:
    """A map of one square with a hole, a point of the ring on each line."""
    ring = [[35.0, 47.0], [35.0 + side, 47.0], [35.0 + side, 48.5], [35.0, 48.5], [35.0, 47.0]]
    hole = [[35.2, 47.2], [35.3, 47.2], [35.3, 47.3], [35.2, 47.2]]
    feature = {"type": "Feature", "properties": {}, "geometry": {"type": "MultiPolygon", "coordinates": [[ring, hole]]}}
    return json.dumps({"type": "FeatureCollection", "features": [feature]}).replace("], [", "],\n[")


def _page(title: str) -> str:
    """A page of the portal, as the API gives it."""
    text = (
        "{{Current events|year=2024|month=09|day=02|content=\n<!-- All news items below this line -->\n'''Armed conflicts'''\n"
        "*[[Russian invasion of Ukraine]]\n"
        "**[[Ukraine|Ukrainian]] and Russian delegations agree on a ceasefire {{flag|UA}} of some days at the front. [https://example.org/1 (Agency)]\n"
        "**A court in [[Moscow]] has members of the opposition detained, says the Russian agency. <ref name=x>y</ref> [https://example.org/2 (Agency)]"
    )
    page = {"ns": 100, "title": title, "revisions": [{"slots": {"main": {"contentmodel": "wikitext", "content": text}}}]}
    return json.dumps({"batchcomplete": True, "query": {"pages": [page]}})


# Files as the publishers themselves have them, by the source that reads them beside others of the same figures.
FETCHED: dict[str, dict[str, str]] = {
    "deepstate": {f"deepstatemap_data_2024-09-{8 + 7 * n:02d}.json": _map(1.0 + n / 100) for n in range(3)},
    "bank_of_russia": {
        "XML_dynamic.xml": '<?xml version="1.0" encoding="windows-1251"?>\n<ValCurs DateRange1="21.02.2022" DateRange2="27.03.2022">\n'
        + "".join(
            f'<Record Date="{day[8:]}.{day[5:7]}.{day[:4]}" Id="R01235"><Nominal>1</Nominal><Value>{80 + n},{n:02d}</Value></Record>\n'
            for n, day in enumerate(_days("2022-02-22", 30))
        )
        + "</ValCurs>\n"
    },
    "current_events": {
        f"current_events_{day}.json": _page(f"Portal:Current events/2024 September {int(day[8:])}") for day in _days("2024-09-02", 7)
    },
}


# What the desk reads: words, drafts, and feeds of each form.
_ITEM = "Arden and Belmora hold talks on 8 October. The envoy meets nobody. (Agency)"
DESK: dict[str, str] = {
    "data/drafting.toml": (ROOT / "model" / "ripeness" / "cli" / "template" / "data" / "drafting.toml").read_text("utf-8"),
    "data/drafts.jsonl": json.dumps(
        {"id": "0123abcd", "kind": "round", "date": "2024-02-10", "end_date": "2024-02-10", "round": True, "published_on": "2024-02-11"}
        | {"description": "ARD-BEL: talks", "source": "agency", "grade": "B", "sentence": "talks", "address": "https://agency.example/1"}
        | {"from_source": "news", "file": "agency.xml", "sha256": "0123456789abcdef" * 4, "verdict": "open", "corrected": False}
    )
    + "\n",
    "agency.xml": f'<?xml version="1.0"?>\n<rss version="2.0"><channel>\n<item><title>{_ITEM}</title>\n<link>https://agency.example/1</link>'
    "<pubDate>Sun, 04 Oct 2026 08:00:00 +0000</pubDate></item>\n</channel></rss>\n",
    "agency.json": json.dumps(
        {"items": [{"url": "https://agency.example/1", "content_html": f"<p>{_ITEM}</p>", "date_published": "2026-10-04"}]}, indent=1
    ),
}


def files_of(source: str) -> dict[str, str]:
    """The sound files of a publisher, in the order of its reader's arguments."""
    return {Path(file).name: PUBLISHED[Path(file).name] for file in find_installed()[source].files}


def write_small(root: Path) -> None:
    """Write the workspace of three indicators."""
    for name, text in {**STORE, **{name: text for name, text in DESK.items() if name.startswith("data/")}}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(text.encode())


def write_shipped(root: Path) -> None:
    """Write the shipped workspace with the first rows of each of its files only."""
    for folder in ("data", "priors"):
        (root / folder).mkdir(parents=True)
    for path in ("ripeness.toml", "data/indicators.toml", f"data/{JUDGEMENTS}", f"priors/{OTHER_WARS_FILE}"):
        (root / path).write_bytes((ROOT / path).read_bytes())
    ids = re.findall(r"^\[(\w+)\]", (ROOT / "data" / "indicators.toml").read_text("utf-8"), re.MULTILINE)
    for name in (*ids, "events", "coverage"):
        lines = (ROOT / "data" / f"{name}.csv").read_text("utf-8").splitlines(keepends=True)
        (root / "data" / f"{name}.csv").write_text("".join(lines[:4]), encoding="utf-8", newline="")
