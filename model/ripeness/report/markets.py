"""What markets say, on the page and in the brief: each bridge beside the price of its market, and how those that are settled fared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ripeness import names
from ripeness.report.sentences import count, day, interval, join, percent, sentence

Json = Mapping[str, Any]
NO_PRICE = "–"
TOLD = 2  # where there is less room


def markets_section(summary: Json) -> list[dict[str, Any]]:
    """What the page shows of the bridges, in the order of ripeness.toml; nothing where no bridge ends within the horizons.

    Parameters
    ----------
    summary : mapping
        forecast.json.

    Returns
    -------
    list of dict
        label, venue, text, by; ours, range, base_rate and price in words, with price_day; rules and note, sentences.
    """
    rows = []
    for bridge in summary.get("bridges", []):
        ours = next(row for row in bridge["forecasts"] if row["source"] == names.MIXTURE)
        price = bridge["price"]
        rows.append(
            {
                **{name: bridge[name] for name in ("label", "venue", "text", "rules")},
                "by": day(bridge["by"]),
                "ours": percent(ours["probability"], ours["mc_error"]),
                "range": interval(ours["lower"], ours["upper"], ours["mc_error"]),
                "base_rate": percent(bridge["outside_view"], ours["mc_error"]),
                "price": percent(price["probability"]) if price else NO_PRICE,
                "price_day": day(price["date"]) if price else "no price on file",
                "note": f"{sentence(price['note'])}." if price and price["note"] else "",
            }
        )
    return rows


def markets_sentence(rows: Sequence[Json]) -> str:
    """The bridges that have a price, ours beside theirs, in a sentence; or that none has one."""
    priced = [one for one in rows if one["price"] != NO_PRICE]
    if not priced:
        return "No market has a price on file for what it asks."
    told = "; ".join(f"“{one['label']}”: ours {one['ours']}, {one['venue']} {one['price']} on {one['price_day']}" for one in priced[:TOLD])
    return f"They ask other questions. {told}."


def bridge_sentences(bridges: Sequence[Json]) -> list[str]:
    """How the bridges that are settled fared beside their markets, those issued ahead; and how many are open.

    Parameters
    ----------
    bridges : sequence of mapping
        As `bridge_record` gives them.
    """
    if not bridges:
        return []
    fates = [one["outcome"] if one["outcome"] in ("open", "void") else "settled" for one in bridges]
    told = join([count(fates.count(fate), fate, fate) if fate in fates else f"none {fate}" for fate in ("open", "settled", "void")])
    found = [f"{sentence(count(len(bridges), 'forecast'))} of what markets ask: {told}."]
    scored = [one for one in bridges if one["brier"] is not None and one["issued"] == "ahead"]
    if scored:
        found.append(
            f"Those issued ahead and settled, {count(len(scored), 'forecast')}, have a mean Brier score of {_mean(scored, 'brier'):.3f}."
        )
    both = [one for one in scored if one["market_brier"] is not None]
    if both:
        ours, theirs = _mean(both, "brier"), _mean(both, "market_brier")
        found.append(
            f"Where there was a price ({count(len(both), 'forecast')}): ours {ours:.3f}, the market’s {theirs:.3f}; lower is better."
        )
    return found


def _mean(rows: Sequence[Json], name: str) -> float:
    return float(sum(row[name] for row in rows)) / len(rows)
