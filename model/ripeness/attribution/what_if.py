r"""The what-if panel: the futures that scenarios use, small enough for a page, and what follows from moves of conditions and factors.

Of each draw and each pair of antithetic paths the page holds what hazards read: the factors in the record's last week, :math:`z_0`, and the departures
e of one path from :math:`\varphi^t z_0`, the other's being −e. Numbers of draws are kept in sixteen bits over the range of each, departures in eight over
the range of each factor's. But for that all is exact: a factor held at v in weeks a … b moves by

.. math:: d_t = v - z_t \quad (a \le t \le b), \qquad d_t = \varphi\, d_{t-1} \quad (t > b),

a condition by what is added to its log odds, and silence follows as in :mod:`ripeness.forecast.horizons`. :func:`read_panel` says in NumPy what the
page's script does.

A slider of the panel has ticks: round values of a factor's reference indicator, or typical departures where it has none.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ripeness import names
from ripeness.attribution.futures import Futures, Origin
from ripeness.attribution.scenario_file import Path, Scenario
from ripeness.attribution.scenarios import in_scales, references_of
from ripeness.data.indicators import Contract
from ripeness.forecast.simulate import keep_shocks
from ripeness.model.meetings import announced_weeks
from ripeness.model.spec import ModelSpec
from ripeness.model.terms import conditions as inner
from ripeness.model.terms.announcements import standing_hazards
from ripeness.model.terms.factor_paths import persistence
from ripeness.model.terms.loadings import factor_scales
from ripeness.model.terms.outside import outside_basis
from ripeness.model.terms.pulses import fading_pulses
from ripeness.model.terms.slow_levels import cumulative_places, levels_in, read_ratio
from ripeness.model.terms.track_record import outside_knots_now

Array = NDArray[np.float64]
Payload = Mapping[str, Any]
Move = Mapping[str, int]  # places of a factor and of its tick, first and last week ahead
FINE: Final = 65535  # steps of a number of a draw
COARSE: Final = 127  # steps of a departure, to either side
DECIMALS: Final = 9
WIDEST, STEP = 3.0, 0.25  # typical departures to either side of the slow level, and between ticks
DIGITS: Final = 2  # of a value


@dataclass(frozen=True)
class Answer:
    """What follows from moves.

    Parameters
    ----------
    within : ndarray (horizon,)
        Probability of a round within each horizon of the panel.
    by_week : ndarray (ahead,)
        The same by the end of each week.
    open : ndarray (condition,)
        Mean chance that each condition is open in the weeks of the first horizon.
    """

    within: Array
    by_week: Array
    open: Array


def build_panel(origin: Origin, scenarios: Sequence[Scenario]) -> dict[str, Any]:
    """All that the panel reads, as plain values.

    Parameters
    ----------
    origin : Origin
    scenarios : sequence of Scenario
        Ready ones to choose from; may be none.

    Returns
    -------
    dict
        origin; horizons, the headline's and the next longer one; horizon_share and announced_share (horizon, ahead) and whole (ahead,), shares of weeks;
        first, how many of the weeks that hazards read lie in the record; dormancy (state,); outside (dormancy, knot); exposure (class, ahead);
        sided; pulsed, cumulative and levels, places of factors; placement, of condition, regressor and effect; conditions; factors with their sliders;
        scenarios with their moves; and of each fit its form, its weight in the headline and its draws, packed.
    """
    spec, question, workspace = origin.spec, origin.spec.workspace.question, origin.spec.workspace
    fits = list(origin.futures.values())
    ahead, today = fits[0].ahead, spec.panel.origin
    horizons = [weeks for weeks in question.horizons_weeks if weeks >= question.headline_weeks][:2]
    rows = [question.horizons_weeks.index(weeks) for weeks in horizons]
    weeks = int(np.flatnonzero(ahead.horizon_share[rows[-1]])[-1]) + 1
    horizon_share, starts = ahead.horizon_share[rows, :weeks], np.arange(weeks) == 0
    states = np.unique(np.concatenate([one.ahead.dormancy for one in fits]))
    share = spec.priors.files.named_week_share
    exposure = announced_weeks(origin.announcements, ahead.weeks[:weeks], share, today)
    structure = spec.structure
    placed = np.argwhere(structure.placement.reshape(-1, structure.conditions, structure.regressors))
    sliders = build_sliders(spec, fits, [path for one in scenarios for path in one.paths])
    return {
        "origin": today.isoformat(),
        "horizons": horizons,
        "horizon_share": _rounded(horizon_share),
        "announced_share": _rounded(np.where(starts & (horizon_share > 0), 1.0, horizon_share)),
        "whole": _rounded(np.where(starts, horizon_share[-1, 0], 1.0)),
        "first": 1 + int(spec.panel.origin_inside_week),
        "dormancy": states.tolist(),
        "outside": _rounded(outside_basis(spec, int(states[-1]) + weeks)),
        "exposure": _rounded(exposure) if exposure.any() else [],
        "sided": structure.sided.tolist(),
        "pulsed": [k for k, factor in enumerate(workspace.factors) if factor.pulse],
        "cumulative": cumulative_places(spec),
        "levels": [k for k, factor in enumerate(workspace.factors) if factor.level],
        "placement": [[int(c), int(r), int(e)] for e, c, r in placed],
        "conditions": [{"id": one.id, "label": one.label} for one in workspace.conditions],
        "factors": [{"id": one.id, "label": one.label, "plus": one.plus, **describe_slider(sliders[one.id])} for one in workspace.factors],
        "scenarios": [{"id": one.id, "title": one.title, "moves": _moves(spec, one, sliders)} for one in scenarios],
        "fits": [_pack_fit(spec, one, weeks, states) for one in fits],
    }


def _rounded(values: Array) -> Any:
    return np.round(values, DECIMALS).tolist()


def _moves(spec: ModelSpec, scenario: Scenario, sliders: Mapping[str, Any]) -> list[dict[str, int]]:
    ids, references = spec.workspace.factor_ids, references_of(spec)
    return [
        {
            "factor": ids.index(path.factor),
            "tick": sliders[path.factor].ticks.index(tick_of(path, references.get(path.factor))),
            "first": path.from_week,
            "last": path.to_week,
        }
        for path in scenario.paths
    ]


def _pack_fit(spec: ModelSpec, futures: Futures, weeks: int, states: NDArray[np.intp]) -> dict[str, Any]:
    """One fit's draws: numbers of each in sixteen bits, departures of its paths in eight."""
    draws, ahead, factors = futures.start.draws, futures.ahead, spec.workspace.factors
    phi, read = persistence(draws["half_life"]), futures.read[..., :weeks]
    first = 1 + int(spec.panel.origin_inside_week)
    pulse = fading_pulses(factors, [ahead.weeks[0] - timedelta(days=7)], spec.panel.origin, draws)[..., 0]
    state = np.zeros((len(phi), len(states)))
    state[:, np.searchsorted(states, ahead.dormancy)] = ahead.state
    numbers = {
        "persistence": phi,
        "start": read[:, 0, :, :first].transpose(0, 2, 1).reshape(len(phi), -1),
        "pulse": pulse[:, [k for k, factor in enumerate(factors) if factor.pulse]],
        "ratio": read_ratio(spec, draws)[:, cumulative_places(spec)],
        "level": levels_now(spec, draws)[:, [k for k, factor in enumerate(factors) if factor.level]],
        "factor_scale": factor_scales(spec, draws),
        "weight": draws["weight"],
        "intercept": draws["intercept_open"],
        "offset": _offset(futures),
        "outside": outside_knots_now(spec, draws),
        "state": state,
        "kept": draws["kept"],
        "unannounced": ahead.unannounced[:, :weeks],
    }
    table = np.concatenate(list(numbers.values()), axis=1)
    low, step = table.min(axis=0), np.ptp(table, axis=0) / FINE
    codes = np.rint((table - low) / np.where(step > 0.0, step, 1.0)).astype("<u2")
    later = np.arange(1, weeks - first + 1)
    middle = phi[:, None, :, None] ** later * read[..., first - 1 : first]
    departure = (read[..., first:] - middle)[:, : read.shape[1] // 2]
    scale = np.abs(departure).max(axis=(0, 1, 3)) / COARSE
    coarse = np.rint(departure / np.where(scale > 0.0, scale, 1.0)[:, None]).astype("i1")
    return {
        "variant": futures.start.variant,
        "weight": futures.start.weight,
        "draws": len(phi),
        "pairs": departure.shape[1],
        "columns": {name: values.shape[1] for name, values in numbers.items()},
        "low": low.tolist(),
        "step": step.tolist(),
        "numbers": b64encode(codes.tobytes()).decode(),
        "scale": scale.tolist(),
        "departures": b64encode(coarse.tobytes()).decode(),
    }


def levels_now(spec: ModelSpec, draws: Mapping[str, Array]) -> Array:
    """Slow levels of all factors at the origin and after it, in units of the factor: (draw, factor)."""
    return levels_in(spec, draws, spec.panel.weeks[-1:])[..., 0]


def _offset(futures: Futures) -> Array:
    """What is added to the log odds of each cause, (draw, condition), or in the conjunctive form to their score, (draw, 1)."""
    draws = futures.start.draws
    if futures.start.variant == names.CONJUNCTIVE:
        return -draws["normaliser"][:, None]
    return np.asarray(np.log(draws["cause_share"]) - draws["cause_normaliser"])


def read_panel(payload: Payload, moves: Sequence[Move] = (), shifts: Sequence[float] | None = None) -> Answer:
    """What the panel shows.

    Parameters
    ----------
    payload : mapping
        From :func:`build_panel`.
    moves : sequence of mapping
        Which factors are held, at which of their ticks, from which week ahead to which; no two of a factor in one week.
    shifts : sequence of float, optional
        By condition what is added to its log odds in all weeks ahead.
    """
    more = np.zeros(len(payload["conditions"])) if shifts is None else np.asarray(shifts, dtype=float)
    parts = [(fit, _read_fit(payload, fit, moves, more)) for fit in payload["fits"]]

    def mean(name: str, *variants: str) -> Array:
        own = [(fit["weight"], getattr(part, name)) for fit, part in parts if fit["variant"] in variants]
        return np.asarray(np.average([values for _, values in own], axis=0, weights=[weight for weight, _ in own]))

    # only of the conjunctive form may a condition be said to be open
    return Answer(mean("within", *names.FORMS), mean("by_week", *names.FORMS), mean("open", names.CONJUNCTIVE))


def _read_fit(payload: Payload, fit: Payload, moves: Sequence[Move], shifts: Array) -> Answer:
    numbers, factors = _unpack_numbers(fit), len(payload["factors"])
    phi, weeks = numbers["persistence"], len(payload["whole"])
    z = _factors(fit, numbers, payload["first"], weeks)
    for k in {move["factor"] for move in moves}:
        _hold(payload, numbers, z[:, :, k], k, [move for move in moves if move["factor"] == k])
    for place, k in enumerate(payload["pulsed"]):
        z[:, :, k] += (numbers["pulse"][:, place, None] * phi[:, k, None] ** np.arange(weeks))[:, None]
    for place, k in enumerate(payload["cumulative"]):
        level = numbers["level"][:, payload["levels"].index(k), None, None]
        z[:, :, k] = numbers["ratio"][:, place, None, None] * (z[:, :, k] + level)
    sided = np.array(payload["sided"], dtype=np.intp)
    matrix = np.zeros((len(phi), len(shifts), factors + 2 * len(sided)))
    for condition, regressor, effect in payload["placement"]:
        matrix[:, condition, regressor] = numbers["weight"][:, effect]
    odds = inner.openness(inner.regressors(z, sided, np), matrix[:, None], numbers["intercept"][:, None]) + shifts[:, None]
    if fit["variant"] == names.CONJUNCTIVE:
        lift = np.exp(inner.conjunctive_score(odds, np) + numbers["offset"][:, None])
    else:
        lift = np.exp(odds + numbers["offset"][:, None, :, None]).sum(axis=2)
    base = np.exp(numbers["outside"] @ np.array(payload["outside"]).T)
    horizon_share, whole = np.array(payload["horizon_share"]), np.array(payload["whole"])
    within, by_week = np.zeros((*lift.shape[:2], len(horizon_share))), np.zeros(lift.shape)
    for place, dormancy in enumerate(payload["dormancy"]):
        rate = lift * (base[:, dormancy - 1 : dormancy - 1 + weeks] * numbers["unannounced"])[:, None]
        weight = numbers["state"][:, place, None, None]
        within += weight * np.exp(-rate @ horizon_share.T)
        by_week += weight * np.exp(-np.cumsum(rate * whole, axis=2))
    if payload["exposure"]:
        announced = standing_hazards(numbers) @ np.array(payload["exposure"])
        within *= np.exp(-announced @ np.array(payload["announced_share"]).T)[:, None]
        by_week *= np.exp(-np.cumsum(announced, axis=1))[:, None]
    opened = np.exp(inner.log_sigmoid(odds[..., : payload["horizons"][0]], np)).mean(axis=(0, 1, 3))
    return Answer(1.0 - within.mean(axis=(0, 1)), 1.0 - by_week.mean(axis=(0, 1)), opened)


def _unpack_numbers(fit: Payload) -> dict[str, Array]:
    codes = np.frombuffer(b64decode(fit["numbers"]), dtype="<u2").reshape(fit["draws"], -1)
    table = np.array(fit["low"]) + np.array(fit["step"]) * codes
    bounds = np.cumsum(list(fit["columns"].values()))
    return dict(zip(fit["columns"], np.split(table, bounds[:-1], axis=1), strict=True))


def _factors(fit: Payload, numbers: Mapping[str, Array], first: int, weeks: int) -> Array:
    """Factors as hazards read them, pulses left out: (draw, path, factor, ahead)."""
    phi = numbers["persistence"]
    draws, factors = phi.shape
    coarse = np.frombuffer(b64decode(fit["departures"]), dtype="i1").reshape(draws, fit["pairs"], factors, weeks - first)
    departure = np.array(fit["scale"])[:, None] * coarse
    start = numbers["start"].reshape(draws, first, factors).transpose(0, 2, 1)
    middle = (phi[..., None] ** np.arange(1, weeks - first + 1) * start[..., -1:])[:, None]
    later = np.concatenate([middle + departure, middle - departure], axis=1)
    return np.concatenate([np.repeat(start[:, None], later.shape[1], axis=1), later], axis=3)


def _hold(payload: Payload, numbers: Mapping[str, Array], z: Array, k: int, moves: Sequence[Move]) -> None:
    """Move factor k, (draw, path, ahead), as it is held."""
    places = payload["levels"]
    level, scale = numbers["level"][:, places.index(k), None] if k in places else 0.0, numbers["factor_scale"][:, k, None]

    def hold(week: int, now: Array) -> None:
        for move in moves:
            if move["first"] <= week <= move["last"]:
                value, height = payload["factors"][k]["ticks"][move["tick"]]
                now[...] = height if value is None else height / scale - level

    z[...] = keep_shocks(z, numbers["persistence"][:, k, None], payload["first"] - 1, hold)


@dataclass(frozen=True)
class Tick:
    """A place to hold a factor at.

    Parameters
    ----------
    value : float or None
        Of the reference indicator, in its unit; None where it is stated in units of the factor.
    height : float
        A value in scales of the indicator, with the slow level; otherwise units of the factor, without.
    """

    value: float | None
    height: float


@dataclass(frozen=True)
class Slider:
    """The ticks of one factor, rising.

    Parameters
    ----------
    indicator, unit : str
        Title and unit of the reference indicator; empty where there is none.
    ticks : tuple of Tick
    now : Tick
        Where the factor is: the median of all draws in the record's last week.
    rest : int
        The tick nearest to that.
    """

    indicator: str
    unit: str
    ticks: tuple[Tick, ...]
    now: Tick
    rest: int


def tick_of(path: Path, reference: Contract | None) -> Tick:
    """The tick at which a scenario's path holds its factor."""
    if path.value is None or reference is None:
        return Tick(None, path.units or 0.0)
    return Tick(path.value, in_scales(reference, path.value))


def build_sliders(spec: ModelSpec, fits: Sequence[Futures], paths: Sequence[Path]) -> dict[str, Slider]:
    """The slider of each factor, by its id.

    Parameters
    ----------
    spec : ModelSpec
    fits : sequence of Futures
    paths : sequence of Path
        Of scenarios: a slider can stand wherever one of them holds its factor.
    """
    references = references_of(spec)
    level, scale = (np.concatenate([of(spec, one.start.draws) for one in fits]) for of in (levels_now, factor_scales))
    last = np.concatenate([one.start.draws["path"][:, :, -1] for one in fits])
    found = {}
    for k, factor in enumerate(spec.workspace.factor_ids):
        reference, middle = references.get(factor), (float(scale[:, k].mean()), float(level[:, k].mean()))
        ticks = {tick_of(path, reference) for path in paths if path.factor == factor}
        for departure in np.arange(-WIDEST, WIDEST + STEP / 2, STEP):
            ticks.add(_round_tick(reference, *middle, float(departure)))
        rising = tuple(sorted(ticks, key=lambda tick, middle=middle: _departure(tick, *middle)))  # type: ignore[misc]
        median = float(np.median(scale[:, k] * (last[:, k] + level[:, k]) if reference else last[:, k]))
        now = Tick(float(reference.natural(median)) if reference else None, median)
        rest = int(np.argmin([abs(_departure(tick, *middle) - _departure(now, *middle)) for tick in rising]))
        found[factor] = Slider(reference.title if reference else "", reference.unit if reference else "", rising, now, rest)
    return found


def _round_tick(reference: Contract | None, scale: float, level: float, departure: float) -> Tick:
    if reference is None:
        return Tick(None, departure)
    low, high = reference.plausible
    value = min(max(float(f"{float(reference.natural(scale * (level + departure))):.{DIGITS}g}"), low), high)
    if not reference.in_domain(value) or (reference.is_count and value == 0.0):
        return Tick(None, departure)
    return Tick(value, in_scales(reference, value))


def _departure(tick: Tick, scale: float, level: float) -> float:
    return tick.height if tick.value is None else tick.height / scale - level


def describe_slider(slider: Slider) -> Mapping[str, object]:
    """A slider as plain values: ticks as pairs of value and height."""
    pairs = [[tick.value, round(tick.height, 9)] for tick in slider.ticks]
    return {
        "indicator": slider.indicator,
        "unit": slider.unit,
        "ticks": pairs,
        "now": [slider.now.value, slider.now.height],
        "rest": slider.rest,
    }
