"""A made-up war, small enough to integrate by hand: four factors, rows of every kind, and a record of rounds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray

from ripeness.calendar import week_grid
from ripeness.data.events import CLASSES, TIED
from ripeness.data.observations import Counted, Measured, Record
from ripeness.data.panel import Panel
from ripeness.elicitation.reference import ReferenceCurve
from ripeness.model.meetings import Meetings
from ripeness.model.spec import ModelSpec
from ripeness.model.terms.conditions import build_inside
from ripeness.reweighting.sites import Rows
from ripeness.workspace import Factor

Array = NDArray[np.float64]
BEGAN = date(2024, 1, 1)  # a Monday
FACTORS = (
    Factor(id="front", label="Front", plus="more", tails="shocks", effects={"north": "+"}),
    Factor(id="cost", label="Cost", plus="more", level=True, effects={"south": "+"}),
    Factor(id="host", label="Host", plus="more", tails="shocks", effects={"south": "+"}),
    Factor(id="faith", label="Faith", plus="more", effects={"north": "-"}),
)


def contract(factor: str, **other: Any) -> SimpleNamespace:
    made = SimpleNamespace(
        **{"factor": factor, "sign": "+", "scale": 0.5, "centre": 6.0, "noise_floor": 0.05, "errors": "student"}
        | {"reference": False, "window": "week"}
        | other
    )
    made.on = lambda observed_on: made
    return made


CONTRACTS: Any = {
    "ground": contract("front", reference=True),
    "losses": contract("cost", reference=True),
    "prices": contract("cost", window="month", errors="normal"),
    "visits": contract("host", reference=True),
    "items": contract("front", sign="-"),
}
MEASURED, COUNTED = ("ground", "losses", "prices"), ("visits", "items")
ERAS = (("visits", "early"), ("visits", "late"))
REFERENCE = ReferenceCurve(("2-5", "6+"), np.array([18.0, 60.0]), np.log([0.03, 0.01]), np.array([0.3, 0.4]), ("made up",), 1.1)
DF = 4.0
# a row: indicator, first and last week, value, widening, sampling error; a count: indicator, week, count, log exposure, era
MeasuredRow = tuple[str, int, int, float, float, float]
CountRow = tuple[str, int, float, float, int]
Maker = Callable[..., ModelSpec]


def spec_of(
    weeks: int,
    rows: Sequence[MeasuredRow] = (),
    counts: Sequence[CountRow] = (),
    found: Sequence[int] = (1,),
    pairs: Sequence[tuple[float, float]] | None = None,
    announced: Array | None = None,
    arrivals: Sequence[tuple[int, int, float]] = (),
    days_missing: int = 0,
) -> ModelSpec:
    """A record of so many weeks, its origin `days_missing` days before the last Sunday, each week searched as its pair of quantiles says; meetings are
    announced anew as arrivals say, by week, class and lead time, and those that stand have the shares of weeks of `announced`."""
    grid = tuple(week_grid(BEGAN, date.fromordinal(BEGAN.toordinal() + 7 * weeks - 1)))
    origin = date.fromordinal(grid[-1].toordinal() - days_missing)
    held, share = np.zeros(weeks), np.ones(weeks)
    held[list(found)] = 1.0
    share[-1] = 1.0 - days_missing / 7
    by_week = list(pairs) if pairs is not None else [(0.8, 0.9)] * weeks
    known = tuple(dict.fromkeys(by_week))
    record = Record(found[0] + 1, held, share, np.array([known.index(pair) for pair in by_week], dtype=np.intp), known)
    columns: list[Any] = [np.array(column) for column in zip(*rows, strict=True)] or [np.zeros(0)] * 6
    number = np.array([MEASURED.index(str(name)) for name in columns[0]], dtype=np.intp)
    measured = Measured(MEASURED, number, columns[1].astype(np.intp), columns[2].astype(np.intp), *columns[3:])
    columns = [np.array(column) for column in zip(*counts, strict=True)] or [np.zeros(0)] * 5
    number = np.array([COUNTED.index(str(name)) for name in columns[0]], dtype=np.intp)
    counted = Counted(COUNTED, number, columns[1].astype(np.intp), columns[2], columns[3], columns[4].astype(np.intp), ERAS)
    week, kind, lead = (np.array([one[place] for one in arrivals], dtype=np.int64 if place < 2 else float) for place in range(3))
    effects = [SimpleNamespace(factor=one.id, condition=next(iter(one.effects)), role=None) for one in FACTORS]
    files = SimpleNamespace(factor_tails=DF, noise_tails=DF, rhythm_weeks=(1, 4), entries={"track_record": None})
    priors: Any = SimpleNamespace(files=files, reference=SimpleNamespace(beyond=lambda weeks: REFERENCE))
    workspace: Any = SimpleNamespace(
        factors=FACTORS, factor_ids=[one.id for one in FACTORS], condition_ids=["north", "south"], question=SimpleNamespace(active_weeks=8)
    )
    return ModelSpec(
        workspace,
        CONTRACTS,
        Panel(origin, grid, record, measured, counted),
        priors,
        Meetings(announced if announced is not None else np.zeros((len(CLASSES), weeks)), week, kind, lead),
        build_inside(effects, cast(Any, FACTORS), ["north", "south"]),
    )


def draws_of(draws: int, knots: int, weeks: int, seed: int = 0) -> dict[str, Array]:
    """Draws of all that rows, innovations and hazards need, and paths of so many weeks, from no model in particular."""
    rng = np.random.default_rng(seed)
    return {
        "half_life": rng.uniform(2.0, 20.0, (draws, len(FACTORS))),
        "factor_scale": rng.uniform(0.6, 1.6, (draws, 3)),
        "loading": rng.uniform(0.5, 1.5, (draws, 2)),
        "intercept": rng.normal(0.0, 0.3, (draws, 2)),
        "noise": rng.uniform(0.1, 0.4, (draws, len(MEASURED))),
        "dispersion": rng.uniform(2.0, 9.0, (draws, len(COUNTED))),
        "capture": rng.uniform(0.4, 0.9, (draws, len(ERAS))),
        "level": rng.uniform(0.2, 0.6, (draws, 1)),
        "level_start": rng.normal(0.0, 0.5, (draws, 1)),
        "level_moves": rng.normal(size=(draws, 1, knots)),
        "path": rng.normal(size=(draws, len(FACTORS), weeks)),
        "outside_knots": rng.normal(-2.0, 0.5, (draws, 4)),
        "kept": rng.uniform(0.1, 0.6, (draws, len(CLASSES))),
        "sensitivity": rng.uniform(0.7, 0.95, (draws, 1)),
        "weight": rng.normal(0.0, 0.7, (draws, len(FACTORS))),
        "intercept_open": rng.normal(0.0, 1.0, (draws, 2)),
        "normaliser": rng.normal(-1.5, 0.3, draws),
        "recorded": rng.uniform(0.3, 0.9, (draws, len(TIED))),
        "share_announced": rng.uniform(0.3, 0.9, draws),
        "class_split": rng.uniform(0.3, 0.8, (draws, len(TIED) - 1)),
        "lead_median": rng.uniform(2.0, 9.0, draws),
        "lead_spread": rng.uniform(0.5, 1.5, draws),
        "cause_share": rng.dirichlet([3.0, 2.0], draws),
        "cause_normaliser": rng.normal(0.3, 0.3, (draws, 2)),
        "track_record": rng.normal(0.3, 0.3, draws),
    }


def rows_of(weeks: int, heavy: bool, moved: bool, rows: list[tuple[int, int, float, float]], draws: int = 2, seed: int = 0) -> Rows:
    """Rows (first, last, count or CONTINUOUS, weeks before the window) with numbers of no meaning."""
    rng = np.random.default_rng(seed)
    first, last = (np.array([row[place] for row in rows], dtype=np.int64) for place in (0, 1))
    states = weeks + int(moved)
    envelope = np.maximum(np.arange(states) - 1, 0)
    for a, b in zip(first, last, strict=True):
        envelope[a : b + 1] = np.minimum(envelope[a : b + 1], a)
    envelope[weeks:] = 0
    number = len(rows)
    counted = np.array([row[2] for row in rows], dtype=float)
    target = np.where(counted >= 0, rng.normal(1.0, 0.3, (draws, number)), rng.normal(0.0, 1.0, (draws, number)))
    return Rows(
        persistence=rng.uniform(0.6, 0.95, draws),
        before=rng.normal(size=draws),
        df=np.array([4.0 if heavy else 0.0, 5.0]),
        envelope=envelope.astype(np.int64),
        weeks=np.array([weeks], dtype=np.int64),
        step=rng.uniform(0.3, 0.8, draws),
        first=first,
        last=last,
        share=np.array([1.0 / (b - a + 1 + more) for a, b, _, more in rows]),
        ramp=np.linspace(0.1, 1.0, number) if moved else np.zeros(number),
        counted=counted,
        bent=(counted < 0) & (np.arange(number) % 3 != 2),
        target=target,
        slope=rng.uniform(0.5, 1.2, (draws, number)),
        precision=rng.uniform(2.0, 9.0, (draws, number)),
        constant=rng.normal(size=draws),
    )


def design_of(rows: Rows, s: int) -> Array:
    """What each row's strength is made of: (row, state)."""
    table = np.zeros((len(rows.first), len(rows.envelope)))
    for j, (a, b) in enumerate(zip(rows.first, rows.last, strict=True)):
        table[j, a : b + 1] = rows.share[j]
        if rows.ramp[j]:
            table[j, -1] += rows.ramp[j] * rows.step[s]
    return table


@pytest.fixture
def make_rows() -> Callable[..., Rows]:
    return rows_of


@pytest.fixture
def design() -> Callable[..., Array]:
    return design_of


@pytest.fixture
def make_spec() -> Maker:
    return spec_of


@pytest.fixture
def make_draws() -> Callable[..., dict[str, Array]]:
    return draws_of
