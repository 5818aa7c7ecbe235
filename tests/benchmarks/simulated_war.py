"""Wars of any size, simulated in memory: weeks, factors and indicators are given, all else follows the shipped workspace's proportions.

Of four indicators one is monthly and one a count, the others weekly with Student-t noise; every third factor has a slow level, the first is
one-sided, every fourth has heavy-tailed innovations. Paths, rows and rounds are drawn from the model at its prior's centre.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

sys.path.append(str(Path(__file__).resolve().parents[1]))
import made_up_war

from ripeness import names
from ripeness.data.events import CLASSES
from ripeness.data.indicators import read_contracts
from ripeness.data.observations import Counted, Measured, Record
from ripeness.data.panel import Panel
from ripeness.elicitation.elicit import Priors
from ripeness.model.meetings import Meetings
from ripeness.model.spec import ModelSpec
from ripeness.model.terms.conditions import build_inside, conjunctive_score, log_mean_exp, openness, reading_data, regressors, weight_matrix
from ripeness.model.terms.outside import hat_matrix, outside_knots
from ripeness.model.terms.slow_levels import level_basis
from ripeness.workspace import read_workspace

Array = NDArray[np.float64]
SIMULATED, SILENT = "simulated", "silent"
RECORDS = (SIMULATED, SILENT)
CONDITIONS = ("north", "south", "host")
BEGAN = date(1950, 1, 2)
MONTH = 4  # weeks
WEEKLY, MONTHLY, COUNTED = "weekly", "monthly", "counted"
KINDS = (WEEKLY, MONTHLY, COUNTED, WEEKLY)
NOISE, DISPERSION, LOG_CENTRE, COUNT_SCALE, HALF_LIFE, LEVEL_MOVE = 0.35, 8.0, float(np.log(12.0)), 0.5, 10.0, 0.5


@dataclass(frozen=True)
class Size:
    """How large a war is, and whether its rounds are simulated or none follows the first."""

    weeks: int
    factors: int
    indicators: int
    record: str = SIMULATED


class SimulatedPriors(made_up_war.MadeUpPriors):
    """The made-up war's priors, with effects of its own; hardly a round is announced."""

    def __init__(self, effects: Sequence[Any]) -> None:
        self.effects = {names.AS_WRITTEN: effects}  # type: ignore[misc]

    def __getitem__(self, name: str) -> SimpleNamespace:
        return SimpleNamespace(mu=-6.0, sigma=0.5) if name == "share_announced" else super().__getitem__(name)


def simulate(size: Size, seed: int, folder: Path) -> ModelSpec:
    """A war of this size.

    Parameters
    ----------
    size : Size
    seed : int
    folder : Path
        Empty; ripeness.toml and indicators.toml are written there, rows and rounds are not.
    """
    rng = np.random.default_rng([seed, size.weeks, size.factors, size.indicators])
    (folder / "data").mkdir()
    (folder / "ripeness.toml").write_text(_workspace_file(size), "utf-8")
    (folder / "data" / "indicators.toml").write_text(_contracts_file(size), "utf-8")
    workspace = read_workspace(folder)
    contracts = read_contracts(workspace)
    effects = _effects(size)
    structure = build_inside(effects, workspace.factors, workspace.condition_ids)
    path = _paths(size, np.array([factor.tails == "shocks" for factor in workspace.factors]), rng)
    level = np.zeros_like(path)
    for k, factor in enumerate(workspace.factors):
        if factor.level:
            basis = level_basis(size.weeks)
            level[k] = np.cumsum(rng.normal(0.0, LEVEL_MOVE, len(basis))) @ basis
    measured, counted = _rows(size, path, level, rng)
    weeks = tuple(BEGAN + timedelta(days=6 + 7 * t) for t in range(size.weeks))
    nothing = Record(1, np.eye(1, size.weeks)[0], np.ones(size.weeks), np.zeros(size.weeks, dtype=np.intp), ((0.9, 0.99),))
    panel = Panel(weeks[-1], weeks, nothing, measured, counted)
    none = np.zeros(0, dtype=np.int64)
    meetings = Meetings(np.zeros((len(CLASSES), size.weeks)), none, none, np.zeros(0))
    spec = ModelSpec(workspace, contracts, panel, cast(Priors, SimulatedPriors(effects)), meetings, structure)
    if size.record == SILENT:
        return spec
    return replace(spec, panel=replace(panel, record=replace(nothing, found=_rounds(spec, path, rng))))


def _workspace_file(size: Size) -> str:
    head = made_up_war.RIPENESS.split("[[condition]]")[0].replace("2024-01-03", BEGAN.isoformat())
    conditions = "".join(f'[[condition]]\nid = "{name}"\nlabel = "{name}"\n' for name in CONDITIONS)
    return head + conditions + "".join(_factor_table(k) for k in range(size.factors))


def _factor_table(k: int) -> str:
    acts = (
        'losing_when_plus = "south"\nlosing_when_minus = "north"\n'
        if k == 0
        else f'effects = {{ {CONDITIONS[k % len(CONDITIONS)]} = "+" }}\n'
    )
    tails, level = "shocks" if k % 4 == 0 else "smooth", str(k % 3 == 1).lower()
    return f'[[factor]]\nid = "factor{k}"\nlabel = "factor"\nplus = "more"\ntails = "{tails}"\nlevel = {level}\n{acts}'


def _kind(size: Size, i: int) -> str:
    """Every factor gets indicators of every kind, if it has enough of them."""
    return KINDS[(i + i // size.factors) % len(KINDS)]


def _contracts_file(size: Size) -> str:
    return "".join(_contract_table(i, i % size.factors, i < size.factors, _kind(size, i)) for i in range(size.indicators))


def _contract_table(i: int, factor: int, reference: bool, kind: str) -> str:
    own = {
        WEEKLY: f'transform = "none"\ncentre = 0.0\nscale = 1.0\nplausible = [-1000, 1000]\n{made_up_war.STUDENT}',
        MONTHLY: 'transform = "none"\ncentre = 0.0\nscale = 1.0\nplausible = [-1000, 1000]\n'
        'likelihood = "student"\nwindow = "month"\nfrequency = "monthly"\nnoise_floor = 0.05\n',
        COUNTED: f"centre = 12.0\nscale = {COUNT_SCALE}\n{made_up_war.COUNT}",
    }[kind]
    key = "reference = true\n" if reference else ""
    return f'[indicator{i}]\ntitle = "indicator"\nfactor = "factor{factor}"\n{key}sign = "+"\n{own}{made_up_war.COMMON}'


def _effects(size: Size) -> list[SimpleNamespace]:
    own = [effect for effect in made_up_war.EFFECTS if effect.role]
    share = 1.0 / np.sqrt(size.factors)
    sided = [SimpleNamespace(**(vars(effect) | {"factor": "factor0"})) for effect in own]
    return sided + [
        SimpleNamespace(factor=f"factor{k}", condition=CONDITIONS[k % len(CONDITIONS)], role=None, mean=share, sd=share)
        for k in range(1, size.factors)
    ]


def _paths(size: Size, shocks: NDArray[np.bool_], rng: np.random.Generator) -> Array:
    """Factor paths (factor, week) of unit variance."""
    phi, df = 2.0 ** (-1.0 / HALF_LIFE), made_up_war.FACTOR_TAILS
    heavy = rng.standard_t(df, (size.factors, size.weeks)) * np.sqrt((df - 2) / df)
    innovation = np.where(shocks[:, None], heavy, rng.normal(size=(size.factors, size.weeks)))
    path = innovation.copy()
    for t in range(1, size.weeks):
        path[:, t] = phi * path[:, t - 1] + np.sqrt(1 - phi**2) * innovation[:, t]
    return path


def _rows(size: Size, path: Array, level: Array, rng: np.random.Generator) -> tuple[Measured, Counted]:
    """A row a week, or a month, of every indicator."""
    continuous = [i for i in range(size.indicators) if _kind(size, i) != COUNTED]
    counts = [i for i in range(size.indicators) if _kind(size, i) == COUNTED]
    weeks = np.arange(size.weeks)
    rows: list[Array] = []
    for place, i in enumerate(continuous):
        k, loading, intercept = i % size.factors, *_relation(size, i, rng)
        last = weeks[MONTH - 1 :: MONTH] if _kind(size, i) == MONTHLY else weeks
        first = last - MONTH + 1 if _kind(size, i) == MONTHLY else weeks
        whole = np.concatenate([[0.0], np.cumsum(path[k])])
        strength = (whole[last + 1] - whole[first]) / (last - first + 1) + level[k, last]
        value = intercept + loading * strength + NOISE * rng.standard_t(made_up_war.NOISE_TAILS, len(last))
        rows.append(np.stack([np.full(len(last), place), first, last, value], axis=1))
    table = np.concatenate(rows)
    indicator, first, last = (table[:, column].astype(np.intp) for column in range(3))
    ids = tuple(f"indicator{i}" for i in continuous)
    measured = Measured(ids, indicator, first, last, table[:, 3], np.ones(len(table)), np.zeros(len(table)))
    found = np.zeros((len(counts), size.weeks))
    for place, i in enumerate(counts):
        k, loading, intercept = i % size.factors, *_relation(size, i, rng)
        mean = np.exp(LOG_CENTRE + COUNT_SCALE * (intercept + loading * (path[k] + level[k])))
        found[place] = rng.negative_binomial(DISPERSION, DISPERSION / (DISPERSION + mean))
    who, when = (index.ravel() for index in np.indices(found.shape))
    counted = Counted(
        tuple(f"indicator{i}" for i in counts),
        who.astype(np.intp),
        when.astype(np.intp),
        found.ravel(),
        np.zeros(found.size),
        np.zeros(found.size, dtype=np.intp),
        (),
    )
    return measured, counted


def _relation(size: Size, i: int, rng: np.random.Generator) -> tuple[float, float]:
    """Loading and intercept; 1 and 0 of a reference."""
    return (1.0, 0.0) if i < size.factors else (float(np.exp(rng.normal(0.0, 0.3))), float(rng.normal(0.0, 0.5)))


def _rounds(spec: ModelSpec, path: Array, rng: np.random.Generator) -> Array:
    """1 in weeks with a round: the first week, and what the hazard at the prior's centre gives after it."""
    data, files = reading_data(spec, names.AS_WRITTEN, names.CONJUNCTIVE), spec.priors.files
    matrix = weight_matrix(np.exp(data["total_mu"]) * data["leverage"] * data["effect_mean"], spec.structure)
    in_weeks, at_points = regressors(path, spec.structure.sided, np), spec.structure.points
    score, fixed = (conjunctive_score(openness(moving, matrix, data["open_mu"]), np) for moving in (in_weeks, at_points))
    inside = score - log_mean_exp(fixed, np)
    knots = np.concatenate([[spec.priors[f"rhythm.week_{week}"].mu for week in files.rhythm_weeks], spec.reference.log_rate])
    outside = hat_matrix(outside_knots(spec), np.arange(1.0, path.shape[1] + 1)) @ knots
    found, dormancy = np.zeros(path.shape[1]), 1
    found[0] = 1.0
    for t in range(1, len(found)):
        found[t] = float(rng.random() < -np.expm1(-np.exp(outside[dormancy - 1] + inside[t - 1])))
        dormancy = 1 if found[t] else dormancy + 1
    return found
