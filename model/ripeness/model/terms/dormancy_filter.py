r"""The filter of :mod:`ripeness.model.terms.record` and its adjoint, as one kernel.

Forward, with s = exp(−λ_t(d)) and α_t a distribution over d:

    round found      L = q Σ_d α_t(d) (1 − s)                     α_{t+1} is 1 at d = 1
    none found       m = (1 − q) Σ_d α_t(d) (1 − s)               α_{t+1}(1) = m / L
                     L = Σ_d α_t(d) s + m                         α_{t+1}(d + 1) = α_t(d) s / L

Backward, with b_t the cotangent of log L_t. Let g_t(d) be the derivative of Σ_{u ≥ t} b_u log L_u by α_t(d), a multiple of α_t being the
same distribution: then Σ_d α_t(d) g_t(d) = 0, and g = 0 after the last week. With h(d) = (g_{t+1}(d) + b_t) / L and m' = (1 − q) h(1):

    round found      g_t(d) = b_t [(1 − s) q / L − 1]             cotangent of λ_t(d): α_t(d) s b_t q / L
    none found       g_t(d) = s h(d + 1) + (1 − s) m' − b_t       cotangent of λ_t(d): α_t(d) s [m' − h(d + 1)]

so that the cotangent of what is announced, their sum over d, is m' − b_t where none was found.

Announcements. Before its rounds a week is held against its arrivals, n_t ~ Poisson(c_t T_t(d)), T_t(d) = exp(outside(d) + multiplier_t) being the total hazard:
with w(d) their probability, α̃(d) ∝ α(d) w(d) takes the place of α_t(d) above, log L_t gains log Σ_d α_t(d) w(d), and λ_t(d) = v_t T_t(d) + announced_t
with the share v_t of rounds without an announcement on record. Backward, g̃ being what stands above as g, r(d) = w(d) / Σ_d α_t(d) w(d):

    g_t(d) = r(d) [g̃(d) + b_t] − b_t                            cotangent of log w(d): α̃(d) [g̃(d) + b_t]

Track record. What is called outside(d) above is outside(d) + r(d) x_t where earlier rounds raise it (:mod:`ripeness.model.terms.track_record`): x changes only in
the week after a round on record, so that the weeks from there to the next share one table of hazards.

Layout. A week's states stand in one row, the longest dormancy first: then a state keeps its place from week to week, d = 1 is appended, and
the hazards are read from a reversed table. Rows are filled up to whole blocks of 8 with states of probability zero, so that loops run on
whole vectors; rows lie end to end. A row is a multiple of α, and its sum (`mass`) is
updated: what was found is subtracted. Before it has fallen by half it is summed anew and the row brought back to a sum of one, so
that no digits are lost. Saved are the rows, α̃ where arrivals were counted, and, for each state, r and the probability of what was seen: 1 − s or s.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ripeness.kernels.compilation import compiled, inner
from ripeness.kernels.exponential import exponential, exponential_and_rest
from ripeness.kernels.reductions import sum_of_first

Array = NDArray[np.float64]
BATCH = 8
# hazard of the states that fill a row up: none of them stays silent, so nothing builds up there
FILLED = 1e300
# no probability of arrivals is taken to be below e to this: a row that sums to zero says nothing of the dormancy
LEAST_POWER = -700.0


@inner
def count_states(found: Array) -> NDArray[np.int64]:
    """Number of states in each week, (week,): dormancies possible when the week begins."""
    states = np.empty(found.shape[0], dtype=np.int64)
    possible = 1
    for t in range(found.shape[0]):
        states[t] = possible
        possible = 1 if found[t] > 0.5 else possible + 1
    return states


@inner
def longest_of(states: NDArray[np.int64]) -> int:
    """The most states that a week has."""
    longest = 1
    for t in range(states.shape[0]):
        longest = max(longest, states[t])
    return longest


@inner
def count_table(states: NDArray[np.int64]) -> int:
    """Length of the table of hazards: of each stretch between rounds on record its dormancies, filled up."""
    length = 0
    for t in range(states.shape[0]):
        length += 1 + BATCH * int(states[t] == 1)
    return length


@inner
def end_of_stretch(states: NDArray[np.int64], first: int) -> int:
    """One past the last week of the stretch that begins in a week: the next week with d = 1 alone."""
    end = first + 1
    while end < states.shape[0] and states[end] > 1:
        end += 1
    return end


@inner
def whole_blocks(number: int) -> int:
    """The least multiple of 8 that is not below a number."""
    return (number + BATCH - 1) // BATCH * BATCH


@inner
def count_arrivals(
    row: Array,
    raised: Array,
    hazard: Array,
    log_hazard: Array,
    size: int,
    sum_of_row: float,
    multiplier: float,
    lift: float,
    rate: float,
    number: float,
) -> tuple[float, float]:
    """Hold a week's row against the arrivals counted in it: it is multiplied by their probability and brought to a sum of one; r stands in `raised`.

    Returns
    -------
    float
        Log of the probability of the arrivals.
    float
        The row's new sum.
    """
    exposure = rate * lift
    if number > 0.0:
        log_rate = np.log(rate) + multiplier
        for i in range(size):
            raised[i] = exponential(max(number * (log_hazard[i] + log_rate) - exposure * hazard[i], LEAST_POWER))
    else:
        for i in range(size):
            raised[i] = exponential(max(-exposure * hazard[i], LEAST_POWER))
    for i in range(size):
        row[i] *= raised[i]
    total = sum_of_first(row, size)
    scale, scale_raised = 1.0 / total, sum_of_row / total
    for i in range(size):
        row[i] *= scale
        raised[i] *= scale_raised
    return np.log(total / sum_of_row) - math.lgamma(number + 1.0), 1.0


@compiled
def filter_dormancy(
    outside: Array,
    by_record: Array,
    multiplier: Array,
    announced: Array,
    unannounced: Array,
    arrival_rate: Array,
    found_if_held: Array,
    found: Array,
    arrived: Array,
    log_months: Array,
) -> tuple[Array, Array, Array, Array, Array, Array, Array, Array, Array]:
    """Log-likelihood of the record of rounds and of meetings announced, week by week, with missed rounds summed out.

    Parameters
    ----------
    outside : ndarray (dormancy,)
        Log weekly hazard of the outside view at d = 1, 2, …, of a war with the average track record.
    by_record : ndarray (dormancy,)
        What each unit of `log_months` adds to it.
    multiplier : ndarray (week,)
        Log of what multiplies it: inside view plus the log share of the week that is on record.
    announced : ndarray (week,)
        Hazard added by announced meetings, ≥ 0.
    unannounced, arrival_rate : ndarray (week,)
        In units of the total hazard: rounds without an announcement on record, and meetings announced anew; nobody counted them where the latter is 0.
    found_if_held : ndarray (week,)
        Sensitivity q of the search, in [0, 1].
    found : ndarray (week,)
        1 where a round is on record, else 0. The first week is the one after a week with a round, so d = 1.
    arrived : ndarray (week,)
        Number of meetings announced anew.
    log_months : ndarray (week,)
        Track record before the week; read in the first week after a round on record, as it changes there alone.

    Returns
    -------
    log_likelihood : ndarray (week,)
    probability : ndarray (week,)
        Saved: probability of a round in the week, given what was found before it.
    likelihood, mass, lift : ndarray (week,)
        Saved: L of the rounds, the sum of the week's row, and e^multiplier.
    base : ndarray (dormancy of every stretch, filled up)
        Saved: hazards at a multiplier of one, stretch by stretch, each with its longest dormancy first.
    alpha, seen, raised : ndarray (state of every week,)
        Saved: the rows, one after another, the probability of what was seen, and r.
    """
    weeks = multiplier.shape[0]
    states = count_states(found)
    longest = longest_of(states)
    in_table = count_table(states)
    base, log_base, ends = np.empty(in_table), np.zeros(in_table), np.empty(weeks, dtype=np.int64)
    end, t = 0, 0
    while t < weeks:
        stop = end_of_stretch(states, t)
        end += stop - t
        for d in range(stop - t):
            log_base[end - 1 - d] = outside[d] + by_record[d] * log_months[t]
            base[end - 1 - d] = exponential(log_base[end - 1 - d])
            ends[t + d] = end
        for i in range(end, end + BATCH):
            base[i] = FILLED
        end, t = end + BATCH, stop
    lift = np.empty(weeks)
    for t in range(weeks):
        lift[t] = exponential(multiplier[t])
    length = BATCH
    for t in range(weeks):
        length += whole_blocks(states[t] + 1)
    alpha, seen, raised = np.empty(length), np.empty(length), np.empty(length)
    leaving = np.empty(longest + BATCH)
    log_likelihood, probability = np.empty(weeks), np.empty(weeks)
    likelihood, mass = np.empty(weeks), np.empty(weeks)
    for i in range(BATCH):
        alpha[i] = 0.0
    alpha[0] = 1.0
    sum_of_row, begin = 1.0, 0
    for t in range(weeks):
        size = whole_blocks(states[t])
        own, own_seen, following = alpha[begin : begin + size], seen[begin : begin + size], alpha[begin + size :]
        begin += size
        hazard = base[ends[t] - states[t] :]
        log_arrivals = 0.0
        if arrival_rate[t] > 0.0:
            log_arrivals, sum_of_row = count_arrivals(
                own,
                raised[begin - size : begin],
                hazard,
                log_base[ends[t] - states[t] :],
                size,
                sum_of_row,
                multiplier[t],
                lift[t],
                arrival_rate[t],
                arrived[t],
            )
        factor, extra = lift[t] * unannounced[t], announced[t]
        mass[t] = sum_of_row
        if found[t] > 0.5:
            for i in range(size):
                _, happens = exponential_and_rest(-(hazard[i] * factor + extra))
                own_seen[i] = happens
                leaving[i] = own[i] * happens
            probability[t] = sum_of_first(leaving, size) / sum_of_row
            likelihood[t] = probability[t] * found_if_held[t]
            for i in range(BATCH):
                following[i] = 0.0
            following[0] = 1.0
            sum_of_row = 1.0
        else:
            for i in range(size):
                silent, happens = exponential_and_rest(-(hazard[i] * factor + extra))
                own_seen[i] = silent
                leaving[i] = own[i] * happens
                following[i] = own[i] * silent
            held = sum_of_first(leaving, size)
            filled = whole_blocks(states[t] + 1)
            for i in range(size, filled):
                following[i] = 0.0
            following[states[t]] = held * (1.0 - found_if_held[t])
            left = sum_of_row - held * found_if_held[t]
            recount = left < 0.5
            if recount:
                left = sum_of_first(following, filled)
            probability[t] = held / sum_of_row
            likelihood[t] = left / sum_of_row
            sum_of_row = left
            if recount:
                for i in range(filled):
                    following[i] /= left
                sum_of_row = 1.0
        log_likelihood[t] = np.log(likelihood[t]) + log_arrivals
    return log_likelihood, probability, likelihood, mass, lift, base, alpha, seen, raised


@compiled
def adjoint_filter(
    outside: Array,
    by_record: Array,
    multiplier: Array,
    announced: Array,
    unannounced: Array,
    arrival_rate: Array,
    found_if_held: Array,
    found: Array,
    arrived: Array,
    log_months: Array,
    log_likelihood: Array,
    probability: Array,
    likelihood: Array,
    mass: Array,
    lift: Array,
    base: Array,
    alpha: Array,
    seen: Array,
    raised: Array,
    log_likelihood_bar: Array,
) -> tuple[Array, Array, Array, Array, Array, Array, Array]:
    """Adjoint of :func:`filter_dormancy` with respect to its log-likelihood.

    Parameters
    ----------
    outside, by_record, multiplier, announced, unannounced, arrival_rate, found_if_held, found, arrived, log_months : ndarray
        Inputs of :func:`filter_dormancy`.
    log_likelihood, probability, likelihood, mass, lift, base, alpha, seen, raised : ndarray
        What it returned.
    log_likelihood_bar : ndarray (week,)

    Returns
    -------
    outside_bar, by_record_bar : ndarray (dormancy,)
    multiplier_bar, announced_bar, unannounced_bar, arrival_rate_bar, found_if_held_bar : ndarray (week,)
    """
    weeks = multiplier.shape[0]
    states = count_states(found)
    longest = longest_of(states)
    multiplier_bar, announced_bar, found_if_held_bar = np.empty(weeks), np.empty(weeks), np.empty(weeks)
    unannounced_bar, arrival_rate_bar = np.empty(weeks), np.zeros(weeks)
    base_bar = np.zeros(base.shape[0])
    outside_bar, by_record_bar = np.zeros(outside.shape[0]), np.zeros(outside.shape[0])
    by_multiplier = np.empty(longest + BATCH)
    g = np.zeros(longest + BATCH)
    begin, end = 0, base.shape[0] - BATCH
    for t in range(weeks):
        begin += whole_blocks(states[t])
    for t in range(weeks - 1, -1, -1):
        size = whole_blocks(states[t])
        begin -= size
        own, own_seen = alpha[begin : begin + size], seen[begin : begin + size]
        place = end - states[t]
        hazard, hazard_bar = base[place:], base_bar[place:]
        bar, factor = log_likelihood_bar[t], lift[t] * unannounced[t]
        share = factor / mass[t]
        if found[t] > 0.5:
            scale = bar / probability[t]
            found_if_held_bar[t] = bar / found_if_held[t]
            announced_bar[t] = scale * (1.0 - probability[t])
            for i in range(size):
                pushed = own[i] * (1.0 - own_seen[i]) * (share * scale)
                hazard_bar[i] += pushed
                by_multiplier[i] = pushed * hazard[i]
                g[i] = own_seen[i] * scale - bar
        else:
            scale = 1.0 / likelihood[t]
            newest = (g[states[t]] + bar) * scale
            missed = (1.0 - found_if_held[t]) * newest
            found_if_held_bar[t] = -probability[t] * newest
            announced_bar[t] = missed - bar
            for i in range(size):
                later = (g[i] + bar) * scale
                pushed = own[i] * own_seen[i] * ((missed - later) * share)
                hazard_bar[i] += pushed
                by_multiplier[i] = pushed * hazard[i]
                g[i] = own_seen[i] * later + (1.0 - own_seen[i]) * missed - bar
        multiplier_bar[t] = sum_of_first(by_multiplier, size)
        unannounced_bar[t] = multiplier_bar[t] / unannounced[t]
        if arrival_rate[t] > 0.0:
            exposure, per_mass = arrival_rate[t] * lift[t], 1.0 / mass[t]
            if arrived[t] > 0.0:
                for i in range(size):
                    hazard_bar[i] += own[i] * per_mass * (g[i] + bar) * (arrived[t] / hazard[i])
            for i in range(size):
                common = own[i] * per_mass * (g[i] + bar)
                by_multiplier[i] = common * hazard[i]
                hazard_bar[i] -= common * exposure
                g[i] = raised[begin + i] * (g[i] + bar) - bar
            counted = arrived[t] * bar - exposure * sum_of_first(by_multiplier, size)
            multiplier_bar[t] += counted
            arrival_rate_bar[t] = counted / arrival_rate[t]
        if states[t] == 1:
            length = end_of_stretch(states, t) - t
            for d in range(length):
                pushed = base_bar[end - 1 - d] * base[end - 1 - d]
                outside_bar[d] += pushed
                by_record_bar[d] += pushed * log_months[t]
            end -= length + BATCH
    return outside_bar, by_record_bar, multiplier_bar, announced_bar, unannounced_bar, arrival_rate_bar, found_if_held_bar
