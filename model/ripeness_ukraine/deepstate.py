"""Russian-held area by DeepStateMap."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import asin, atan2, atanh, inf, radians, sin, sqrt, tan
from pathlib import Path
from typing import Any

import pandas as pd

from ripeness.errors import ContentError, Fault
from ripeness.intake.reading import Days, Form, Judgements, Source, daily, parse_day, read_json, read_table, rows

_DAY = re.compile(r"(\d{4})-?(\d\d)-?(\d\d)")
_AXIS, _FLATTENING = 6378.137, 1 / 298.257223563  # of WGS 84; kilometres
_SQUARED = _FLATTENING * (2 - _FLATTENING)  # of its eccentricity
_MEND = "take the publisher's file as it is"
_EXPECTED = "polygons of longitudes and latitudes"


class DeepState(Judgements):
    """How soon the map of a day is known."""

    lag_days: Days


def import_deepstate(area: Path, judged: DeepState) -> dict[str, pd.DataFrame]:
    """Weekly change of the area held by Russia, in square kilometres a week.

    The value is the area on a week's Sunday less that on the Sunday before (the map's dates, Kyiv). Where a Sunday is missing, the
    Saturday before it stands in, else the Monday after, and the change is put on seven days; where these are missing too, so are both
    weeks. The area includes Crimea and what was held before 2022, which cancels in the difference.

    Parameters
    ----------
    area : Path
        `date,occupied_km2,…`, daily with gaps.
    judged : DeepState

    Raises
    ------
    ContentError
        If the file is not such a table.
    """
    series = daily(read_table(area, days=["date"], amounts=["occupied_km2"]), area, "date", "occupied_km2").dropna()
    return _weekly(series, judged)


def import_maps(maps: Sequence[Path], judged: DeepState) -> dict[str, pd.DataFrame]:
    """The same from the maps themselves, of which each gives a day's area.

    The area is geodesic, of edges that are shortest lines on WGS 84. On 760 of the 769 days of July 2024 to August 2026 that both have it is the
    table's to the 0.1 square kilometres that it is rounded to, on the others it differs by 0.1.

    Parameters
    ----------
    maps : sequence of Path
        GeoJSON with the day in the name, of any days: deepstatemap_data_20261004.geojson.
    judged : DeepState

    Raises
    ------
    ContentError
        If a file is no such map.
    """
    table = pd.DataFrame([(_day(path), round(map_area(path), 1)) for path in maps], columns=["date", "occupied_km2"])
    table.index = pd.RangeIndex(1, len(table) + 1, name="entry")
    return _weekly(daily(table, maps[0], "date", "occupied_km2"), judged)


def _weekly(series: pd.Series[float], judged: DeepState) -> dict[str, pd.DataFrame]:
    return {"area_change_deepstate": rows(weekly_change(series), lag_days=judged.lag_days, source="DeepStateMap", grade="B", decimals=1)}


def weekly_change(series: pd.Series[float]) -> pd.Series[float]:
    """Change between Sundays put on seven days; a missing Sunday is read from the day before it or else the day after."""
    if series.empty:
        return series
    first, last = series.index.min(), series.index.max()
    sundays = pd.date_range(first - pd.Timedelta(days=1), last, freq="W-SUN")
    read: dict[pd.Timestamp, pd.Timestamp] = {}
    for sunday in sundays:
        for offset in (0, -1, 1):
            day = sunday + pd.Timedelta(days=offset)
            if day in series.index:
                read[sunday] = day
                break
    change = {}
    for sunday, day in read.items():
        before = read.get(sunday - pd.Timedelta(days=7))
        if before is not None:
            change[sunday] = (series[day] - series[before]) * 7 / (day - before).days
    return pd.Series(list(change.values()), index=pd.DatetimeIndex(list(change)), dtype=float)


def map_area(path: Path) -> float:
    """Area of a map's polygons, without their holes, in square kilometres.

    Raises
    ------
    ContentError
        If the file is no GeoJSON of polygons, or has no area.
    """
    total = 0.0
    try:
        for feature in read_json(path)["features"]:
            for outer, *holes in _polygons(feature["geometry"]):
                total += ring_area(outer) - sum(map(ring_area, holes))
    except (TypeError, KeyError, IndexError, ValueError):
        raise _fault(path, "something else") from None
    if not 0 < total < inf:
        raise _fault(path, "no area")
    return total


def _polygons(geometry: Any) -> Iterator[Any]:
    match geometry["type"]:
        case "MultiPolygon":
            yield from geometry["coordinates"]
        case "Polygon":
            yield geometry["coordinates"]
        case other:
            raise ValueError(other)


def ring_area(ring: Sequence[Sequence[float]]) -> float:
    """Area of one closed ring of (longitude, latitude) in degrees, in square kilometres.

    The ellipsoid is mapped to the sphere of equal area, where the area between an edge and the equator is known in closed form (Bevis and
    Cambareri 1987, Mathematical Geology 19).
    """
    if len(ring) < 4 or ring[0] != ring[-1] or any(abs(longitude) > 180 or abs(latitude) > 90 for longitude, latitude, *_ in ring):
        raise ValueError("no ring")
    pole = _authalic(1.0)
    points = [(radians(longitude), tan(asin(_authalic(sin(radians(latitude))) / pole) / 2)) for longitude, latitude, *_ in ring]
    steps = (2 * atan2(tan((there - here) / 2) * (low + high), 1 + low * high) for (here, low), (there, high) in pairwise(points))
    return abs(sum(steps)) * _AXIS**2 * pole / 2


def _authalic(sine: float) -> float:
    eccentricity = sqrt(_SQUARED)
    return (1 - _SQUARED) * (sine / (1 - _SQUARED * sine**2) + atanh(eccentricity * sine) / eccentricity)


def _day(path: Path) -> pd.Timestamp:
    found = _DAY.search(path.name)
    day = parse_day("-".join(found.groups())) if found else None
    if day is None:
        raise ContentError(Fault(Path(path.name), 1, "a name without a day", "a name such as deepstatemap_data_20261004.geojson", _MEND))
    return pd.Timestamp(day)


def _fault(path: Path, found: str) -> ContentError:
    return ContentError(Fault(Path(path.name), 1, found, _EXPECTED, _MEND))


SOURCE = Source(
    "DeepStateMap: area held by Russia",
    ("deepstate_cyterat/deepstate_occupied_area_daily.csv",),
    import_deepstate,
    tables=("area_change_deepstate",),
    terms="no licence stated; figures only, credited",
    judgements=DeepState,
    own=Form(("deepstatemap_data_*.*json",), import_maps),
)
