r"""States scored: what the essay says of the present, against where factors and conditions stood.

Of a factor, as the hazards read it and in its stationary standard deviations, a state is a third of its stationary normal distribution; of a
condition it is a range of the probability that it is met, σ(log odds):

    ========  =================================  ======================================
    state     factor                             condition
    ========  =================================  ======================================
    low       below Φ⁻¹(1/3) ≈ −0.43             not met: probability below 1/3
    middle    between                            in between
    high      from Φ⁻¹(2/3) ≈ 0.43 on            met: probability from 2/3 on
    ========  =================================  ======================================

The probability that the essay was right is the share of draws in that range, mean over the readings by their weights in the headline; its odds before and
after the data make the verdict of :mod:`ripeness.evaluation.scorecard`. Draws are of the conjunctive form, in which alone a condition is met or not.
Heavy-tailed innovations make a factor's stationary thirds slightly narrower than a normal's; the prior is simulated and has that. Whether a factor's
slow level counts is for the hazards to say: what they read is scored.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from statistics import NormalDist
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from ripeness import names
from ripeness.calendar import week_of
from ripeness.essay import Claim
from ripeness.evaluation.published import CONDITION, ESTIMATES, FILTERED, LATER, NOT_MEASURED, NOW, PRIOR, SMOOTHED
from ripeness.evaluation.scorecard import factors_read, odds_change, verdict_of
from ripeness.evaluation.stored import Draws, Stored, error_of_mean
from ripeness.forecast.mixture import mixed_error, pool_draws
from ripeness.forecast.prior_predictive import sample_prior
from ripeness.model.spec import ModelSpec

Array = NDArray[np.float64]
STATES: Final = ("low", "middle", "high")
FACTOR: Final = "factor"
OUTER: Final = NormalDist().inv_cdf(2 / 3)
CUTS: Final[Mapping[str, tuple[float, float]]] = {FACTOR: (-OUTER, OUTER), CONDITION: (1 / 3, 2 / 3)}
PRIOR_DRAWS: Final = 4000  # of each reading

POSTERIOR: Final = (FILTERED, SMOOTHED, NOW)
YES, NO, INFERRED = "yes", "no", "inferred"
PARTS: Final = ("error", "at", "lower", "upper")
COLUMNS: Final = (
    *("claim", "paragraph", "kind", "of", "state", "measured", "verdict", *ESTIMATES),
    *(f"{estimate}_{part}" for estimate in POSTERIOR for part in PARTS),
)


@dataclass(frozen=True)
class Standing:
    """Where a factor or a condition stood in one week, and whether that is the state claimed.

    Parameters
    ----------
    probability, error : float
        P(the state), in (0, 1): where all draws agree half a draw is taken to differ; its Monte Carlo standard error.
    at, lower, upper : float
        Mean and 5-95 % range: of a factor in its standard deviations, of a condition as the probability that it is met.
    """

    probability: float
    error: float
    at: float
    lower: float
    upper: float


@dataclass(frozen=True)
class ScoredState:
    """One claim about a state.

    Parameters
    ----------
    claim : Claim
    measured : {"yes", "later", "no", "inferred"}
        Whether an indicator measures the factor: since before the essay's day, only later, or none does. A condition follows from factors and rounds.
    verdict : str
        Of the essay's day by all that is known now, where the record has it, else of now; "not measured" if no indicator measures the factor.
    standings : mapping of str to Standing
        prior; filtered, as known on the essay's day; smoothed, of that day as known now; now. Those that the record allows.
    """

    claim: Claim
    measured: str
    verdict: str
    standings: Mapping[str, Standing]

    @property
    def row(self) -> dict[str, Any]:
        """By `COLUMNS`; what there is not is left out."""
        kind, of = subject_of(self.claim)
        row = {"claim": self.claim.id, "paragraph": self.claim.paragraph, "kind": kind, "of": of, "state": self.claim.state}
        row |= {"measured": self.measured, "verdict": self.verdict}
        for estimate, standing in self.standings.items():
            row |= {estimate: standing.probability, **{f"{estimate}_{part}": getattr(standing, part) for part in PARTS}}
        return row


def subject_of(claim: Claim) -> tuple[str, str]:
    """Whose state a claim is about: "factor" or "condition", and its id."""
    return (FACTOR, claim.factor) if claim.factor is not None else (CONDITION, str(claim.condition))


def in_state(places: Array, kind: str, state: str) -> NDArray[np.bool_]:
    """In which draws a factor, by its standard deviations, or a condition, by its probability, is low, middle or high; a cut belongs to what is above it."""
    return np.asarray(np.digitize(places, CUTS[kind]) == STATES.index(state))


def standing_of(by_reading: Sequence[Array], weights: Sequence[float], kind: str, state: str) -> Standing:
    """Where something stood, by draws of its place (chain, draw) of each reading and the weights of these."""
    held = [in_state(places, kind, state) for places in by_reading]
    errors = [error_of_mean(one.astype(float)) if one.any() and not one.all() else 0.5 / one.size for one in held]
    half = 0.5 / sum(one.size for one in held)
    probability, at = (float(np.average([one.mean() for one in some], weights=weights)) for some in (held, by_reading))
    pooled = pool_draws([places.ravel() for places in by_reading], weights)
    lower, upper = (float(end) for end in np.quantile(pooled, [0.05, 0.95]))
    return Standing(float(np.clip(probability, half, 1.0 - half)), float(mixed_error(errors, weights)), at, lower, upper)


def places_on(spec: ModelSpec, draws: Draws, day: date) -> dict[tuple[str, str], Array]:
    """Where every factor and every condition stood in a day's week, (draw,) by kind and id."""
    week = spec.panel.weeks.index(week_of(day))
    factors, met = factors_read(spec, draws)[..., week], expit(draws["log_odds_open"][..., week])
    of_factors = {(FACTOR, name): factors[:, k] for k, name in enumerate(spec.workspace.factor_ids)}
    return of_factors | {(CONDITION, name): met[:, c] for c, name in enumerate(spec.workspace.condition_ids)}


def posterior_places(stored: Stored, day: date) -> dict[tuple[str, str], list[Array]]:
    """By kind and id: where it stood in a day's week, (chain, draw) of each reading."""
    return _by_subject(
        {name: places.reshape(stored.shape) for name, places in places_on(stored.spec, stored.draws(fit), day).items()}
        for fit in stored.spec.workspace.fits_of_form(names.CONJUNCTIVE)
    )


def prior_places(stored: Stored, day: date) -> dict[tuple[str, str], list[Array]]:
    """By kind and id: where the priors alone would have it in a day's week, (1, draw) of each reading."""
    spec, seed = stored.spec, np.random.SeedSequence(stored.seed)
    return _by_subject(
        {
            name: places[None]
            for name, places in places_on(spec, sample_prior(spec, reading, names.CONJUNCTIVE, PRIOR_DRAWS, seed), day).items()
        }
        for reading in spec.workspace.readings
    )


def _by_subject(by_reading: Iterable[Mapping[tuple[str, str], Array]]) -> dict[tuple[str, str], list[Array]]:
    readings = list(by_reading)
    return {subject: [places[subject] for places in readings] for subject in readings[0]}


def measured_factors(spec: ModelSpec) -> set[str]:
    """Factors of which an indicator has a row."""
    return {spec.contracts[rows.indicators[place]].factor for rows in spec.panel.rows.values() for place in np.unique(rows.indicator)}


def score_states(then: Stored | None, now: Stored, essay: date) -> list[ScoredState]:
    """Every claim about a state, in the order of the essay.

    Parameters
    ----------
    then : Stored or None
        The run as of the essay's day; None where the record does not have that day.
    now : Stored
        The run as of now.
    essay : date
        Its day.
    """
    first, today = then or now, now.spec.panel.origin
    weights = list(now.spec.workspace.mixture.readings.values())
    places = {PRIOR: prior_places(first, essay if then else today), NOW: posterior_places(now, today)}
    if then is not None:
        places |= {FILTERED: posterior_places(then, essay), SMOOTHED: posterior_places(now, essay)}
    known_then, known_now = measured_factors(first.spec), measured_factors(now.spec)
    scored = []
    for claim in now.claims.by_id.values():
        if claim.about != "state":
            continue
        kind, of = subject_of(claim)
        measured = INFERRED if kind == CONDITION else YES if of in known_then else LATER if of in known_now else NO
        standings = {
            estimate: standing_of(places[estimate][kind, of], weights, kind, str(claim.state))
            for estimate in ESTIMATES
            if estimate in places
        }
        before, after = standings[PRIOR].probability, standings.get(SMOOTHED, standings[NOW]).probability
        verdict = NOT_MEASURED if measured == NO else verdict_of(odds_change(before, after))
        scored.append(ScoredState(claim, measured, verdict, standings))
    return scored
