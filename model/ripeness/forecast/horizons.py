r"""The headline: the probability of at least one round within each horizon.

No events need simulating: with dormancy running on, the probability of silence is exact for a given factor path, so for each draw s

.. math:: P_s = 1 - \sum_d \pi_s(d)\; \mathbb E_{\text{paths}}\Big[\exp\Big(-\sum_t \lambda_t(d + t)\Big)\Big]

The probability is the mean of P_s, its interval the 5–95 % range of P_s after the noise of finitely many paths is taken out.

A sustained process is counted in simulated futures, few of each draw: most shares are 0, and however far they are drawn together they do not
have the shape of P_s. So P_s is taken to be logit-normal over the draws, as the random intercept of a binomial model is (Williams 1982), with the
mean of the shares and their variance less that of their noise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit, ndtri

from ripeness.forecast.ahead import Ahead, horizon_shares
from ripeness.forecast.ladder import base_probabilities, rung_probabilities
from ripeness.forecast.simulate import simulate_rounds, sustained_process
from ripeness.kernels.compilation import compiled
from ripeness.kernels.exponential import exponential
from ripeness.kernels.reductions import dot
from ripeness.model.spec import ModelSpec
from ripeness.workspace.question import Question

Array = NDArray[np.float64]
NODES = 64  # of the quadrature
WIDEST, LOCATIONS = 10.0, (-200.0, 200.0)  # on the logit scale


@dataclass(frozen=True)
class Probabilities:
    """Probabilities of a round, draw by draw.

    Parameters
    ----------
    within : ndarray (draw, horizon)
        P_s: at least one round within the horizon, in [0, 1].
    path_variance : ndarray (draw, horizon)
        Variance of each P_s from the finite number of paths.
    by_week : ndarray (draw, ahead)
        At least one round by the end of each week ahead.
    hazard : ndarray (draw, ahead)
        Round in the week, given none in the weeks ahead before it; whole weeks but for the rest of the origin's own.
    multiplier : ndarray (draw, ahead)
        Mean of the inside view's multiplier over the paths; 1 means like the base rate.
    level_only : ndarray (draw, horizon)
        P_s with the inside view's multiplier set to 1: what the fit's own base rate and announcements say.
    """

    within: Array
    path_variance: Array
    by_week: Array
    hazard: Array
    multiplier: Array
    level_only: Array


def forecast_probabilities(ahead: Ahead) -> Probabilities:
    """Probability of at least one round, by horizon and by week ahead."""
    lift = np.exp(ahead.inside)
    silent, by_week, level = survival_ahead(ahead, lift, ahead.horizon_share)
    survival = np.concatenate([np.ones((len(lift), 1)), by_week], axis=1)
    hazard = 1.0 - survival[:, 1:] / np.maximum(survival[:, :-1], np.finfo(float).tiny)  # 1 once silence is impossible
    within, variance = 1.0 - silent.mean(axis=1), _variance_of_mean(silent)
    return Probabilities(within, variance, 1.0 - by_week, hazard, lift.mean(axis=1), 1.0 - level)


def ladder_probabilities(spec: ModelSpec, ahead: Ahead, seed: np.random.SeedSequence) -> tuple[Array, Array, Array]:
    """Of each rung of the workspace, within each of its `rung_horizons`.

    Returns
    -------
    within, variance, base : ndarray (draw, rung, time)
        P_s, its variance from the finite number of futures, and P_s with the conditions as over the long run.
    """
    ids, shares = spec.workspace.rung_ids, horizon_shares(spec.panel.origin, spec.workspace.rung_horizons, len(ahead.weeks))
    return (*rung_probabilities(ahead, ids, shares, seed), base_probabilities(ahead, ids, shares, seed))


def usual_multiplier(spec: ModelSpec, inside: Array) -> Array:
    """Mean of the inside view's multiplier over the weeks at risk on record: (draw,), from its log (draw, week)."""
    return np.asarray(np.exp(inside[:, spec.panel.record.start - 1 : len(spec.panel.weeks) - 1]).mean(axis=1), dtype=float)


def within_at(ahead: Ahead, multiplier: Array) -> Array:
    """Probability of at least one round within each horizon with the inside view's multiplier (draw,) held: (draw, horizon)."""
    held = np.broadcast_to(multiplier[:, None, None], (len(multiplier), 1, len(ahead.weeks)))
    return np.asarray(1.0 - survival_ahead(ahead, np.ascontiguousarray(held), ahead.horizon_share)[0][:, 0])


def survival_ahead(ahead: Ahead, lift: Array, horizon_share: Array) -> tuple[Array, Array, Array]:
    """Probability that no round comes, announced or not.

    Parameters
    ----------
    ahead : Ahead
    lift : ndarray (draw, path, ahead)
        The inside view's multiplier, exp of `ahead.inside`.
    horizon_share : ndarray (horizon, ahead)
        Share of each week that lies in the horizon and after the origin. Announcements are counted by day from the origin on already, so the
        origin's own week counts in full with them.

    Returns
    -------
    tuple of ndarray
        Within each horizon along each path, (draw, path, horizon); to the end of each week ahead, (draw, ahead); within each horizon with
        the multiplier set to 1, (draw, horizon).
    """
    first = np.arange(lift.shape[2]) == 0
    announced_share = np.where(first[None, :] & (horizon_share > 0), 1.0, horizon_share)
    whole = np.where(first, ahead.horizon_share[-1, 0], 1.0)
    silent, by_week, level = survival_of_paths(
        lift, np.exp(ahead.outside), ahead.unannounced, ahead.dormancy, ahead.state, horizon_share, whole
    )
    none_kept = np.exp(-ahead.announced @ announced_share.T)
    silent *= none_kept[:, None, :]
    by_week *= np.exp(-np.cumsum(ahead.announced, axis=1))
    return silent, by_week, level * none_kept


@compiled
def survival_of_paths(
    lift: Array, base: Array, unannounced: Array, dormancy: NDArray[np.intp], state: Array, horizon_share: Array, whole: Array
) -> tuple[Array, Array, Array]:
    """Probability that no round comes but by the meetings that stand at the origin, along given paths.

    Parameters
    ----------
    lift : ndarray (draw, path, ahead)
        The inside view's multiplier.
    base : ndarray (draw, dormancy)
        Weekly hazard of the outside view at d = 1, 2, …
    unannounced : ndarray (draw, ahead)
        Share of the total hazard that those meetings do not account for.
    dormancy : ndarray of int (state,)
    state : ndarray (draw, state)
    horizon_share : ndarray (horizon, ahead)
    whole : ndarray (ahead,)
        Share of each week that lies after the origin.

    Returns
    -------
    tuple of ndarray
        Within each horizon, path by path (draw, path, horizon); to the end of each week, over all paths (draw, ahead); within each horizon
        with a multiplier of 1 (draw, horizon).
    """
    draws, paths, weeks = lift.shape
    horizons = horizon_share.shape[0]
    silent, level = np.zeros((draws, paths, horizons)), np.zeros((draws, horizons))
    by_week, rate, summed, own = np.zeros((draws, weeks)), np.empty(weeks), np.empty(weeks), np.empty(weeks)
    for s in range(draws):
        for d in range(dormancy.shape[0]):
            weight, start = state[s, d], dormancy[d] - 1
            if weight == 0.0:
                continue
            for j in range(weeks):
                own[j] = base[s, start + j] * unannounced[s, j]
            for h in range(horizons):
                level[s, h] += weight * exponential(-dot(own, horizon_share[h]))
            for m in range(paths):
                total = 0.0
                for j in range(weeks):
                    rate[j] = lift[s, m, j] * own[j]
                    total += rate[j] * whole[j]
                    summed[j] = total
                for j in range(weeks):
                    by_week[s, j] += weight / paths * exponential(-summed[j])
                for h in range(horizons):
                    silent[s, m, h] += weight * exponential(-dot(rate, horizon_share[h]))
    return silent, by_week, level


def _variance_of_mean(values: Array) -> Array:
    """Variance of the mean over paths, (draw,), from values (draw, path) whose two halves are antithetic pairs."""
    paths = values.shape[1]
    if paths < 4:
        return np.zeros(len(values))
    pairs = 0.5 * (values[:, : paths // 2] + values[:, paths // 2 :])
    return np.asarray(pairs.var(axis=1, ddof=1) / pairs.shape[1])


def without_path_noise(within: Array, path_variance: Array) -> Array:
    """P_s drawn together until their variance is what it would be with infinitely many paths: (draw, horizon).

    The mean stays; the spread is shrunk by √(1 − mean path variance / variance), the usual correction for a measured mean.
    """
    mean = within.mean(axis=0)
    variance = within.var(axis=0)
    kept = np.sqrt(np.clip(1.0 - path_variance.mean(axis=0) / np.maximum(variance, 1e-300), 0.0, 1.0))
    return np.clip(mean + (within - mean) * kept, 0.0, 1.0)


def sustained_probabilities(ahead: Ahead, question: Question, seed: np.random.SeedSequence, futures: int) -> tuple[Array, Array]:
    """Probability of a sustained process within each horizon, by simulation.

    Parameters
    ----------
    ahead : Ahead
    question : Question
    seed : SeedSequence
    futures : int
        Simulated of each draw.

    Returns
    -------
    tuple of ndarray
        Share of the futures that have one, and P_s without their noise (`without_binomial_noise`): (draw, horizon) each, in [0, 1].
    """
    rounds, available = simulate_rounds(ahead, seed, futures), ahead.inside.shape[1]
    # futures along one pair of antithetic paths are not independent of each other, those of different pairs are
    pair = np.arange(futures) % available % max(available // 2, 1) if available > 2 else np.arange(futures)
    groups = [rounds[:, pair == one] for one in range(pair.max() + 1)]
    shares = np.stack([sustained_process(own, ahead.horizon_share, question.sustained_rounds, question.sustained_weeks) for own in groups])
    weights = np.array([own.shape[1] for own in groups]) / futures
    mean = np.tensordot(weights, shares, axes=1)
    if len(groups) < 2:
        return mean, mean
    noise = np.tensordot(weights, (shares - mean) ** 2, axes=1) / (len(groups) - 1)
    return mean, without_binomial_noise(mean, noise)


def without_binomial_noise(shares: Array, variance: Array) -> Array:
    """P_s of which only noisy shares of a few futures are known: (draw, horizon), in [0, 1].

    Quantiles of the logit-normal distribution with the mean of the shares and their variance less that of the noise, in the order of the shares;
    the mean where there is no more variance than noise.

    Parameters
    ----------
    shares : ndarray (draw, horizon)
        In [0, 1].
    variance : ndarray (draw, horizon)
        Of each share from the finite number of futures.
    """
    result = np.empty_like(shares)
    normal = ndtri((np.arange(len(shares)) + 0.5) / len(shares))
    for h, own in enumerate(shares.T):
        mean, spread = own.mean(), own.var() - variance[:, h].mean()
        if spread <= 0.0 or not 0.0 < mean < 1.0:
            result[:, h] = mean
            continue
        mu, sigma = logit_normal(float(mean), float(spread))
        result[np.argsort(own, kind="stable"), h] = expit(mu + sigma * normal)
    return result


def logit_normal(mean: float, variance: float) -> tuple[float, float]:
    """Location and scale, on the logit scale, of the logit-normal distribution with this mean and variance, by Gauss-Hermite quadrature.

    Parameters
    ----------
    mean : float
        In (0, 1).
    variance : float
        Above 0; the widest scale, `WIDEST`, is returned where even that has less.
    """
    nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
    weights = weights / weights.sum()

    def location(sigma: float) -> float:
        return float(brentq(lambda mu: weights @ expit(mu + sigma * nodes) - mean, *LOCATIONS))

    def excess(sigma: float) -> float:
        return float(weights @ expit(location(sigma) + sigma * nodes) ** 2) - mean**2 - variance

    sigma = WIDEST if excess(WIDEST) <= 0.0 else float(brentq(excess, 1e-6, WIDEST))
    return location(sigma), sigma
