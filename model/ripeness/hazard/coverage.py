r"""Missed rounds: dormancy is known only as well as rounds were searched for, so unreported rounds are summed out.

Let d be the weeks since the week of the last round, found or not. In week t a round is held with probability
p_t(d) = 1 − exp(−λ_t(d)), λ_t(d) = exp(outside(d) + log multiplier_t) + announced_t, and is found with probability q_t (the stretch's
sensitivity). The forward recursion over d:

    round found      L_t = q_t Σ_d α_t(d) p_t(d)                          then d = 1
    none found       L_t = Σ_d α_t(d) [1 − q_t p_t(d)]                    then d = 1 if one was missed, else d + 1

Σ_t log L_t is the exact log-likelihood of the record, and α after the last week says how long the silence has really been. A week that
nobody searched has q = 0 and says nothing.

`DormancyFilter` and its adjoint are written by hand and compiled by numba.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numba
import numpy as np
import pytensor.tensor as pt
from numpy.typing import NDArray
from pytensor.gradient import DisconnectedType
from pytensor.graph.basic import Apply, Variable
from pytensor.graph.op import Op
from pytensor.link.numba.dispatch import basic as numba_basic
from pytensor.link.numba.dispatch.basic import register_funcify_default_op_cache_key

Array = NDArray[np.float64]


def filter_dormancy(outside: Array, multiplier: Array, announced: Array, found_if_held: Array, found: Array) -> tuple[Array, Array]:
    """Log-likelihood of the record of rounds, week by week, with missed rounds summed out.

    Parameters
    ----------
    outside : ndarray (dormancy,)
        Log weekly hazard of the outside view at d = 1, 2, …
    multiplier : ndarray (week,)
        Log of what multiplies it: inside view plus the log share of the week that is on record.
    announced : ndarray (week,)
        Hazard added by announced meetings, ≥ 0.
    found_if_held : ndarray (week,)
        Sensitivity q of the search, in [0, 1].
    found : ndarray (week,)
        1 where a round is on record, else 0. The first week is the one after a week with a round, so d = 1.

    Returns
    -------
    log_likelihood : ndarray (week,)
    probability : ndarray (week,)
        Probability of a round in the week, given what was found before it.
    """
    weeks = multiplier.shape[0]
    base = np.exp(outside)
    alpha = np.zeros(weeks + 1)
    following = np.zeros(weeks + 1)
    alpha[0] = 1.0
    reach = 1
    log_likelihood = np.empty(weeks)
    probability = np.empty(weeks)
    for t in range(weeks):
        lift = np.exp(multiplier[t])
        held = 0.0
        if found[t] > 0.5:
            for d in range(reach):
                held -= alpha[d] * np.expm1(-(base[d] * lift + announced[t]))
            log_likelihood[t] = np.log(held * found_if_held[t])
            reach = 1
            alpha[0] = 1.0
        else:
            for d in range(reach):
                silent = np.exp(-(base[d] * lift + announced[t]))
                following[d + 1] = alpha[d] * silent
                held += alpha[d] * (1.0 - silent)
            following[0] = held * (1.0 - found_if_held[t])
            total = 0.0
            for d in range(reach + 1):
                total += following[d]
            reach += 1
            for d in range(reach):
                alpha[d] = following[d] / total
            log_likelihood[t] = np.log(total)
        probability[t] = held
    return log_likelihood, probability


def pull_back_filter(
    outside: Array, multiplier: Array, announced: Array, found_if_held: Array, found: Array, bar: Array
) -> tuple[Array, Array, Array, Array]:
    """Adjoint of :func:`filter_dormancy` with respect to its log-likelihood.

    Parameters
    ----------
    outside, multiplier, announced, found_if_held, found : ndarray
        Inputs of :func:`filter_dormancy`.
    bar : ndarray (week,)
        Cotangent of each week's log-likelihood.

    Returns
    -------
    outside_bar : ndarray (dormancy,)
    multiplier_bar, announced_bar, found_if_held_bar : ndarray (week,)
    """
    weeks = multiplier.shape[0]
    base = np.exp(outside)
    offset = np.zeros(weeks + 2, dtype=np.int64)
    reach = 1
    for t in range(weeks):
        offset[t + 1] = offset[t] + reach
        reach = 1 if found[t] > 0.5 else reach + 1
    offset[weeks + 1] = offset[weeks] + reach
    alpha = np.empty(offset[weeks + 1])
    silent = np.empty(offset[weeks])
    total = np.empty(weeks)
    alpha[0] = 1.0
    for t in range(weeks):
        here, there = offset[t], offset[t + 1]
        size = there - here
        lift = np.exp(multiplier[t])
        held = 0.0
        for d in range(size):
            silent[here + d] = np.exp(-(base[d] * lift + announced[t]))
            held += alpha[here + d] * (1.0 - silent[here + d])
        if found[t] > 0.5:
            total[t] = held * found_if_held[t]
            alpha[there] = 1.0
        else:
            total[t] = 1.0 - found_if_held[t] * held
            alpha[there] = held * (1.0 - found_if_held[t]) / total[t]
            for d in range(size):
                alpha[there + d + 1] = alpha[here + d] * silent[here + d] / total[t]
    outside_bar = np.zeros(outside.shape[0])
    multiplier_bar = np.zeros(weeks)
    announced_bar = np.zeros(weeks)
    found_if_held_bar = np.zeros(weeks)
    alpha_bar = np.zeros(weeks + 2)
    previous_bar = np.zeros(weeks + 2)
    for t in range(weeks - 1, -1, -1):
        here, there = offset[t], offset[t + 1]
        size = there - here
        lift = np.exp(multiplier[t])
        if found[t] > 0.5:
            found_if_held_bar[t] += bar[t] / found_if_held[t]
            for d in range(size):
                previous_bar[d] = (1.0 - silent[here + d]) * found_if_held[t] * bar[t] / total[t]
                rate_bar = alpha[here + d] * found_if_held[t] * bar[t] / total[t] * silent[here + d]
                outside_bar[d] += rate_bar * base[d] * lift
                multiplier_bar[t] += rate_bar * base[d] * lift
                announced_bar[t] += rate_bar
        else:
            dot = 0.0
            for d in range(size + 1):
                dot += alpha_bar[d] * alpha[there + d]
            missed_bar = (alpha_bar[0] - dot + bar[t]) / total[t]
            for d in range(size):
                on_bar = (alpha_bar[d + 1] - dot + bar[t]) / total[t]
                s = silent[here + d]
                previous_bar[d] = s * on_bar + (1.0 - s) * (1.0 - found_if_held[t]) * missed_bar
                rate_bar = -s * alpha[here + d] * (on_bar - (1.0 - found_if_held[t]) * missed_bar)
                found_if_held_bar[t] -= alpha[here + d] * (1.0 - s) * missed_bar
                outside_bar[d] += rate_bar * base[d] * lift
                multiplier_bar[t] += rate_bar * base[d] * lift
                announced_bar[t] += rate_bar
        for d in range(size):
            alpha_bar[d] = previous_bar[d]
    return outside_bar, multiplier_bar, announced_bar, found_if_held_bar


class DormancyFilter(Op):
    """PyTensor Op for :func:`filter_dormancy`; only the log-likelihood is differentiable."""

    __props__ = ()

    def make_node(self, *inputs: Any) -> Apply:
        """Inputs outside (dormancy,), multiplier, announced, found_if_held, found (week,)."""
        return Apply(self, [pt.as_tensor(value).astype("float64") for value in inputs], [pt.dvector(), pt.dvector()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Any) -> None:
        """Evaluate without numba."""
        for storage, value in zip(output_storage, filter_dormancy(*inputs), strict=True):
            storage[0] = value

    def infer_shape(self, node: Apply, shapes: Any) -> list[Any]:
        """Both outputs have the length of the record."""
        return [shapes[1], shapes[1]]

    def pullback(self, inputs: Sequence[Variable], outputs: Sequence[Variable], cotangents: Sequence[Variable]) -> list[Variable]:
        """Cotangents of the inputs; the record itself is not differentiable."""
        bar = cotangents[0]
        if isinstance(bar.type, DisconnectedType):
            bar = outputs[0].zeros_like()
        return [*DormancyFilterPullback()(*inputs, bar, return_list=True), inputs[4].zeros_like()]


class DormancyFilterPullback(Op):
    """PyTensor Op for :func:`pull_back_filter`."""

    __props__ = ()

    def make_node(self, *inputs: Any) -> Apply:
        """Inputs of :class:`DormancyFilter` and the cotangent of its log-likelihood."""
        return Apply(self, [pt.as_tensor(value).astype("float64") for value in inputs], [pt.dvector() for _ in range(4)])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Any) -> None:
        """Evaluate without numba."""
        for storage, value in zip(output_storage, pull_back_filter(*inputs), strict=True):
            storage[0] = value

    def infer_shape(self, node: Apply, shapes: Any) -> list[Any]:
        """Each output is shaped like its input."""
        return list(shapes[:4])


@register_funcify_default_op_cache_key(DormancyFilter)
def _(op: DormancyFilter, **_: Any) -> tuple[Callable[..., Any], int]:
    return numba_basic.numba_njit(filter_dormancy), 1


@register_funcify_default_op_cache_key(DormancyFilterPullback)
def _(op: DormancyFilterPullback, **_: Any) -> tuple[Callable[..., Any], int]:
    return numba_basic.numba_njit(pull_back_filter), 1


dormancy_filter = DormancyFilter()


@numba.njit(cache=True)
def dormancy_at_origin(
    outside: Array, multiplier: Array, announced: Array, found_if_held: Array, found: Array, last_week_is_whole: bool
) -> Array:
    """Distribution of dormancy in the week after the record, for each posterior draw.

    Parameters
    ----------
    outside : ndarray (draw, dormancy)
    multiplier, announced, found_if_held : ndarray (draw, week)
        As in :func:`filter_dormancy`.
    found : ndarray (week,)
    last_week_is_whole : bool
        False where the origin falls inside a week: the rest of that week has the same dormancy, not one week more.

    Returns
    -------
    ndarray (draw, state)
        Probability that d = 1, 2, …; as many states as weeks since the last round on record.
    """
    draws, weeks = multiplier.shape
    reach = 1
    for t in range(weeks):
        reach = 1 if found[t] > 0.5 else reach + 1
    if not last_week_is_whole and weeks > 0 and found[weeks - 1] < 0.5:
        reach -= 1
    result = np.zeros((draws, reach))
    alpha = np.zeros(weeks + 1)
    following = np.zeros(weeks + 1)
    for s in range(draws):
        alpha[0] = 1.0
        size = 1
        for t in range(weeks):
            if found[t] > 0.5:
                alpha[0] = 1.0
                size = 1
                continue
            stay = 0 if (t == weeks - 1 and not last_week_is_whole) else 1
            lift = np.exp(multiplier[s, t])
            missed = 0.0
            total = 0.0
            following[0] = 0.0
            for d in range(size):
                silent = np.exp(-(np.exp(outside[s, d]) * lift + announced[s, t]))
                following[d + stay] = alpha[d] * silent
                missed += alpha[d] * (1.0 - silent) * (1.0 - found_if_held[s, t])
            following[0] += missed
            size += stay
            for d in range(size):
                total += following[d]
            for d in range(size):
                alpha[d] = following[d] / total
        for d in range(reach):
            result[s, d] = alpha[d]
    return result
