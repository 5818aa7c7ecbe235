r"""The claim scorecard: what the record makes of each claim of the essay that carries a weight.

A claim about an effect names a sign. Its odds are those of the weight having that sign:

.. math:: \text{odds ratio} = \frac{P(\text{sign}\mid\text{data}) / P(\text{other sign}\mid\text{data})}{P(\text{sign}) / P(\text{other sign})}

the Bayes factor of the claimed sign against the other. At least 3: supported; at most 1/3: contradicted; else unmoved. The words "supported"
and "contradicted" begin where Jeffreys' scale has "substantial". The prior is that of the essay as written, exact as its weights are
Normal; the posterior is counted in draws, so its Monte Carlo error is stated. One weight speaks for all claims of an effect. A claim that
argues both ways names no sign and has no row.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from ripeness import names
from ripeness.elicitation.readings import EffectPrior
from ripeness.essay import Claim
from ripeness.evaluation.stored import Draws, Stored, error_of_mean
from ripeness.model.inside import effect_regressors
from ripeness.model.spec import ModelSpec
from ripeness.model.terms.pulses import read_factors

Array = NDArray[np.float64]
SUPPORTED, CONTRADICTED, UNMOVED = "supported", "contradicted", "unmoved"
THRESHOLD = 3.0
COLUMNS = ("claim", "as_of", "odds_ratio", "verdict")
DETAILS = (
    *("claim", "as_of", "effect", "claimed", "word", "reading", "prior", "posterior", "odds_ratio", "lower", "upper", "verdict"),
    *("stood_higher", "stood_lower", "stood_upper", "rounds"),
)


@dataclass(frozen=True)
class Scored:
    """One claim under one reading, as of one day.

    Parameters
    ----------
    claim, as_of, effect, claimed, word, reading : str
        Its id; the day; "factor → condition"; the sign it claims; the essay's word; whose prior.
    prior, posterior : float
        P(the weight has the claimed sign), in (0, 1).
    odds_ratio, lower, upper : float
        Posterior over prior odds; the bounds are two Monte Carlo standard errors away.
    verdict : str
    stood_higher, stood_lower, stood_upper : float
        What the record says of the factor: by how many of its standard deviations it stood higher in the weeks that rounds followed than in
        other weeks, posterior mean and 5-95 % range; for a one-sided factor, of how far the side of that role was losing or winning.
    rounds : int
        Weeks with a round that this rests on.
    """

    claim: str
    as_of: str
    effect: str
    claimed: str
    word: str
    reading: str
    prior: float
    posterior: float
    odds_ratio: float
    lower: float
    upper: float
    verdict: str
    stood_higher: float
    stood_lower: float
    stood_upper: float
    rounds: int


def verdict_of(odds_ratio: float) -> str:
    """Supported from 3 on, contradicted up to 1/3, else unmoved."""
    if odds_ratio >= THRESHOLD:
        return SUPPORTED
    return CONTRADICTED if odds_ratio <= 1.0 / THRESHOLD else UNMOVED


def prior_of_sign(effect: EffectPrior, sign: str) -> float:
    """P(the weight has the sign) a priori."""
    positive = 1.0 - NormalDist(effect.mean, effect.sd).cdf(0.0)
    return positive if sign == "+" else 1.0 - positive


def odds_change(before: float, after: float) -> float:
    """Odds after over odds before, of two probabilities in (0, 1)."""
    return after / (1.0 - after) * (1.0 - before) / before


def odds_ratio(prior: float, agrees: NDArray[np.bool_]) -> tuple[float, float, float, float]:
    """Posterior over prior odds of a sign.

    Parameters
    ----------
    prior : float
        P(sign), in (0, 1).
    agrees : ndarray of bool (chain, draw)
        Where the weight has the sign. If all draws agree, or none, half a draw is taken to differ: the odds are then a bound.

    Returns
    -------
    posterior, ratio, lower, upper : float
        The bounds are two Monte Carlo standard errors of the posterior probability away, on the log scale.
    """
    half = 0.5 / agrees.size
    posterior = float(np.clip(agrees.mean(), half, 1.0 - half))
    ratio = odds_change(prior, posterior)
    mixed = bool(agrees.any() and not agrees.all())
    error = error_of_mean(agrees.astype(float)) / (posterior * (1.0 - posterior)) if mixed else np.inf
    return posterior, ratio, ratio * float(np.exp(-2 * error)), ratio * float(np.exp(2 * error))


def score_claims(stored: Stored) -> list[Scored]:
    """Every claim about an effect, by the conjunctive form under each reading, as of the run's origin; the essay as written first."""
    rows = []
    as_of = stored.spec.panel.origin.isoformat()
    effects = stored.spec.priors.effects
    for fit, form, reading in stored.spec.workspace.fits:
        if form != names.CONJUNCTIVE:
            continue
        draws = stored.draws(fit)
        stood = stood_before_rounds(stored, draws)
        for e, effect in enumerate(effects[reading]):
            positive = draws["effect_size"][:, e].reshape(stored.shape) > 0
            for claim in claims_of(stored, effects[names.AS_WRITTEN][e]):
                agrees = positive if claim.direction == "+" else ~positive
                prior = prior_of_sign(effect, claim.direction)
                posterior, ratio, lower, upper = odds_ratio(prior, agrees)
                low, high = np.quantile(stood[:, e], [0.05, 0.95])
                rows.append(
                    Scored(
                        *(claim.id, as_of, effect.id, claim.direction, claim.strength, reading),
                        *(prior, posterior, ratio, lower, upper, verdict_of(ratio)),
                        *(float(stood[:, e].mean()), float(low), float(high), int(_before_rounds(stored).sum())),
                    )
                )
    return rows


def claims_of(stored: Stored, effect: EffectPrior) -> list[Claim]:
    """The claims of the essay that give an effect its sign; those that argue both ways have none to give."""
    found = (stored.claims.by_id[name] for name in effect.claims)
    return [claim for claim in found if claim.direction != "both"]


def _before_rounds(stored: Stored) -> NDArray[np.bool_]:
    """Which weeks a week with a round followed: (week at risk,)."""
    record = stored.spec.panel.record
    return np.asarray(record.found[record.start :] > 0)


def stood_before_rounds(stored: Stored, draws: Draws) -> Array:
    """How much higher what each effect acts through stood in the weeks before rounds than in other weeks: (draw, effect).

    In standard deviations of the factor; a week with a round reads the factors of the week before it, as in the model.
    """
    spec, start = stored.spec, stored.spec.panel.record.start
    read, before = effect_regressors(spec, factors_read(spec, draws)[..., start - 1 : -1]), _before_rounds(stored)
    return np.asarray(read[..., before].mean(axis=-1) - read[..., ~before].mean(axis=-1))


def factors_read(spec: ModelSpec, draws: Draws) -> Array:
    """Factors as the hazards read them, pulses included, in units of their stationary standard deviation: (draw, factor, week)."""
    return read_factors(spec, draws, draws["path"], spec.panel.weeks)
