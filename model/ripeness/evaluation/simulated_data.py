"""Simulated wars: rows of indicators and a record of rounds drawn together from one draw of the model, where the real panel has them.

Which weeks have a row, which poll had how many respondents, which weeks were searched how well and which meetings were announced is taken
from the real panel and held fixed; only what was measured, counted and found is drawn. Rounds are held week by week from the true dormancy,
missed ones included, and found with the sensitivity of their stretch.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ripeness import names
from ripeness.data.panel import UNSEARCHED, Panel
from ripeness.evaluation.stored import Draws
from ripeness.inference.predictive import replicates
from ripeness.model.spec import ModelSpec
from ripeness.model.terms.outside import outside_basis

Array = NDArray[np.float64]


@dataclass(frozen=True)
class SimulatedWar:
    """One simulated data set.

    Parameters
    ----------
    spec : ModelSpec
        The model with the simulated panel.
    truth : dict of ndarray (1, …)
        What it was drawn from, by the names of the posterior.
    """

    spec: ModelSpec
    truth: Draws


def simulate_war(spec: ModelSpec, truth: Draws, rng: np.random.Generator) -> SimulatedWar:
    """Draw rows and rounds.

    Parameters
    ----------
    spec : ModelSpec
        Whose panel gives the pattern.
    truth : dict of ndarray (1, …)
        One draw of the prior or of the posterior; path, level_path and inside on the panel's weeks.
    rng : Generator
    """
    panel = simulate_rows(spec, truth, rng)
    outside = (truth["outside_knots"] @ outside_basis(spec, len(panel.weeks) - panel.record.start + 1).T)[0]
    found = simulate_record(weekly_terms(spec, truth), outside, sensitivity_by_week(spec, truth), 1, rng)
    record = replace(panel.record, found=np.concatenate([panel.record.found[: panel.record.start], found]))
    return SimulatedWar(replace(spec, panel=replace(panel, record=record)), truth)


def simulate_rows(spec: ModelSpec, truth: Draws, rng: np.random.Generator) -> Panel:
    """The panel with simulated values and counts."""
    panel = spec.panel
    found = replicates(spec, names.CONJUNCTIVE, {name: values for name, values in truth.items() if name != "hazard"}, rng)
    measured, counted = replace(panel.measured, value=found["measured"][0]), replace(panel.counted, count=found["counted"][0])
    return replace(panel, measured=measured, counted=counted)


@dataclass(frozen=True)
class WeeklyTerms:
    """What makes the hazard of each week at risk besides dormancy: log multiplier and hazard of announced meetings, each (week,)."""

    multiplier: Array
    announced: Array

    def part(self, weeks: slice) -> WeeklyTerms:
        """Those of some of the weeks."""
        return WeeklyTerms(self.multiplier[weeks], self.announced[weeks])


def weekly_terms(spec: ModelSpec, truth: Draws) -> WeeklyTerms:
    """From the inside view of the week before, the share of the week on record, and announced meetings."""
    record, weeks = spec.panel.record, len(spec.panel.weeks)
    at_risk = slice(record.start, weeks)
    multiplier = truth["inside"][0, record.start - 1 : weeks - 1] + np.log(record.share[at_risk])
    announced = (-np.log1p(-truth["kept"]) @ spec.announced[:, at_risk])[0]
    return WeeklyTerms(multiplier, announced)


def sensitivity_by_week(spec: ModelSpec, truth: Draws) -> Array:
    """P(found | held) of each week at risk; zero where nobody looked."""
    record = spec.panel.record
    sensitivity = truth["sensitivity"][0] if record.sensitivities else np.zeros(0)
    stretch = record.stretch[record.start :]
    return np.concatenate([sensitivity, [0.0]])[np.where(stretch == UNSEARCHED, len(sensitivity), stretch)]


def simulate_record(terms: WeeklyTerms, outside: Array, sensitivity: Array, dormancy: int, rng: np.random.Generator) -> Array:
    """Weeks in which a round was found: (week at risk,).

    Parameters
    ----------
    terms : WeeklyTerms
    outside : ndarray (dormancy,)
        Log weekly hazard at d = 1, 2, …
    sensitivity : ndarray (week at risk,)
    dormancy : int
        True weeks since the last round, in the first week at risk.
    rng : Generator
    """
    weeks = len(terms.multiplier)
    found = np.zeros(weeks)
    held_draw, found_draw = rng.random((2, weeks))
    for t in range(weeks):
        hazard = np.exp(outside[dormancy - 1] + terms.multiplier[t]) + terms.announced[t]
        held = held_draw[t] < -np.expm1(-hazard)
        found[t] = float(held and found_draw[t] < sensitivity[t])
        dormancy = 1 if held else dormancy + 1
    return found


def silence_unread(spec: ModelSpec) -> ModelSpec:
    """A deliberately wrong model of the same data: it reads weeks without a round as weeks that nobody searched."""
    record = spec.panel.record
    stretch = np.where(record.found > 0, record.stretch, UNSEARCHED)
    return replace(spec, panel=replace(spec.panel, record=replace(record, stretch=stretch)))
