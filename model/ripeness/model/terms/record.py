r"""Missed rounds: dormancy is known only as well as rounds were searched for, so unreported rounds are summed out.

Let d be the weeks since the week of the last round, found or not. In week t a round is held with probability
p_t(d) = 1 − exp(−λ_t(d)), λ_t(d) = v_t T_t(d) + announced_t, T_t(d) = exp(outside(d) + r(d) x_t + log multiplier_t), and is found with probability q_t (the stretch's
sensitivity). The forward recursion over d, after α_t has been held against the meetings announced anew in the week, Poisson(c_t T_t(d))
(:mod:`ripeness.model.terms.announcements` has v and c, :mod:`ripeness.model.terms.track_record` r and x):

    round found      L_t = q_t Σ_d α_t(d) p_t(d)                          then d = 1
    none found       L_t = Σ_d α_t(d) [1 − q_t p_t(d)]                    then d = 1 if one was missed, else d + 1

Σ_t log L_t is the exact log-likelihood of the record, and α after the last week says how long the silence has really been. A week that
nobody searched has q = 0 and says nothing.

The kernel of this likelihood and its adjoint: :mod:`ripeness.model.terms.dormancy_filter`. Beside the term stands :func:`filter_forward`, the same for many
draws, from any week on and without an adjoint: what it says of those weeks, and how long it leaves the silence to have been.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ripeness import names
from ripeness.calendar import to_datetime64
from ripeness.data.observations import UNSEARCHED
from ripeness.elicitation.elicited import elicit_quantiles
from ripeness.kernels.compilation import compiled, inner
from ripeness.kernels.exponential import exponential, exponential_and_rest
from ripeness.kernels.reductions import sum_of_first
from ripeness.model.term import Derived, Kernel, Likelihood, Observed, Parameter, Scales, Scope
from ripeness.model.terms.announcements import arrival_rates, searched_weeks, share_on_record, standing_hazards
from ripeness.model.terms.dormancy_filter import adjoint_filter, count_arrivals, filter_dormancy
from ripeness.model.terms.outside import outside_basis
from ripeness.model.terms.track_record import dormant_share, log_months, log_months_on_record, slopes_of

if TYPE_CHECKING:
    from ripeness.model.spec import ModelSpec

Array = NDArray[np.float64]
CERTAIN = 1e6  # rounds a week: a hazard beyond it, of a draw whose factors are beyond reason, is drawn as this one
Index = NDArray[np.int64]


@compiled
def filter_forward(
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
    state: Array,
    whole: bool,
) -> tuple[Array, Array, Array]:
    """Log-likelihood of the rounds and announcements of some weeks, missed rounds summed out, and the dormancy after them.

    Parameters
    ----------
    outside, by_record : ndarray (draw, dormancy)
        Log weekly hazard at d = 1, 2, …, and what each unit of `log_months` adds to it.
    multiplier, announced, unannounced, arrival_rate, found_if_held : ndarray (draw, week)
        As in :func:`ripeness.model.terms.dormancy_filter.filter_dormancy`.
    found, arrived : ndarray (week,)
        1 where a round is on record; number of meetings announced anew.
    log_months : ndarray (week,)
        Track record before each week.
    state : ndarray (draw, state)
        Probability that d = 1, 2, … in the first week.
    whole : bool
        Whether the last week is over; else the rest of it has the same dormancy, not one week more.

    Returns
    -------
    log_likelihood : ndarray (draw, week)
    state : ndarray (draw, state)
        Probability that d = 1, 2, … in what comes next.
    chance : ndarray (draw, week)
        Probability of a round in each week, given the record before it and what was announced in it.
    """
    draws, weeks = multiplier.shape
    remaining = state.shape[1]
    for t in range(weeks):
        remaining = 1 if found[t] > 0.5 else remaining + int(whole or t < weeks - 1)
    log_likelihood, after, chance = np.empty((draws, weeks)), np.zeros((draws, remaining)), np.empty((draws, weeks))
    longest = state.shape[1] + weeks + 1
    alpha, following, base, log_base = np.empty(longest), np.empty(longest), np.empty(longest), np.empty(longest)
    for s in range(draws):
        size = state.shape[1]
        alpha[:size] = state[s]
        for t in range(weeks):
            if t == 0 or found[t - 1] > 0.5:
                for d in range(min(size + weeks - t, outside.shape[1])):
                    log_base[d] = outside[s, d] + by_record[s, d] * log_months[t]
                    base[d] = exponential(log_base[d])
            lift, extra, total, log_arrivals = exponential(multiplier[s, t]), announced[s, t], 0.0, 0.0
            if arrival_rate[s, t] > 0.0:
                log_arrivals, _ = count_arrivals(
                    alpha,
                    following,
                    base,
                    log_base,
                    size,
                    sum_of_first(alpha, size),
                    multiplier[s, t],
                    lift,
                    arrival_rate[s, t],
                    arrived[t],
                )
            lift *= unannounced[s, t]
            if found[t] > 0.5:
                for d in range(size):
                    total += alpha[d] * exponential_and_rest(-(base[d] * lift + extra))[1]
                log_likelihood[s, t] = np.log(total * found_if_held[s, t]) + log_arrivals
                chance[s, t] = total
                alpha[0], size = 1.0, 1
                continue
            for d in range(size):
                silent = exponential(-(base[d] * lift + extra))
                following[d] = alpha[d] * silent
            kept = 0.0
            for d in range(size):
                kept += following[d]
                total += alpha[d]
            missed = (total - kept) * (1.0 - found_if_held[s, t])
            stay = int(whole or t < weeks - 1)
            likelihood, chance[s, t] = (kept + missed) / total, 1.0 - kept / total
            log_likelihood[s, t] = np.log(likelihood) + log_arrivals
            if stay == 0:
                alpha[0] = following[0] + missed
                alpha[1:size] = following[1:size]
            else:
                alpha[0] = missed
                alpha[1 : size + 1] = following[:size]
            size += stay
            alpha[:size] /= kept + missed
        after[s] = alpha[:remaining]
    return log_likelihood, after, chance


def sensitivity_prior(spec: ModelSpec, reading: str) -> Scales:
    """Of P(found | held) in each stretch of coverage, on the logit scale: (stretch,)."""
    path = spec.workspace.shown(spec.workspace.data / "coverage.csv")
    fitted = [
        elicit_quantiles(low, high, "logitnormal", "sensitivity of the search", path, None) for low, high in spec.panel.record.sensitivities
    ]
    return np.array([prior.mu for prior in fitted]), np.array([prior.sigma for prior in fitted])


@inner
def lay_multiplier(inside: Array, log_days: Array, before: Index) -> tuple[Array]:
    """Log of what multiplies the hazard of each week at risk: the inside view of the week before it, and the share of the week on record."""
    multiplier = np.empty(log_days.shape[0])
    for t in range(log_days.shape[0]):
        multiplier[t] = inside[before[0] + t] + log_days[t]
    return (multiplier,)


@inner
def adjoint_multiplier(inside: Array, log_days: Array, before: Index, multiplier: Array, multiplier_bar: Array) -> tuple[Array]:
    """Cotangent of the inside view."""
    inside_bar = np.zeros(inside.shape[0])
    for t in range(log_days.shape[0]):
        inside_bar[before[0] + t] = multiplier_bar[t]
    return (inside_bar,)


@inner
def lay_sensitivity(sensitivity: Array, place: Index) -> tuple[Array]:
    """P(found | held) in each week at risk; 0 where nobody searched, 1 where a round is on record there all the same."""
    found_if_held = np.empty(place.shape[0])
    for t in range(place.shape[0]):
        beyond = place[t] - sensitivity.shape[0]
        found_if_held[t] = float(beyond) if beyond >= 0 else sensitivity[place[t]]
    return (found_if_held,)


@inner
def adjoint_sensitivity(sensitivity: Array, place: Index, found_if_held: Array, found_if_held_bar: Array) -> tuple[Array]:
    """Cotangent of the sensitivities."""
    sensitivity_bar = np.zeros(sensitivity.shape[0])
    for t in range(place.shape[0]):
        if place[t] < sensitivity.shape[0]:
            sensitivity_bar[place[t]] += found_if_held_bar[t]
    return (sensitivity_bar,)


class Record(Likelihood):
    """The record of rounds, missed ones summed out."""

    parameters = (
        Parameter(
            "sensitivity", (names.STRETCH,), "logit", sensitivity_prior, "probability that a round is found, if held", "coverage.csv"
        ),
    )
    kernels = (
        Kernel(lay_multiplier, adjoint_multiplier, ("inside", "log_days", "week_before"), {"multiplier": "vector"}, ("inside",)),
        Kernel(lay_sensitivity, adjoint_sensitivity, ("sensitivity", "stretch_place"), {"found_if_held": "vector"}, ("sensitivity",)),
        Kernel(
            filter_dormancy,
            adjoint_filter,
            inputs=(
                "outside", "by_record", "multiplier", "announced", "unannounced", "arrival_rate", "found_if_held", "found", "arrived",
                "log_months",
            ),
            outputs={"rounds": "vector"},
            saved={
                "hazard": "vector", "filter_likelihood": "vector", "filter_mass": "vector", "filter_lift": "vector", "filter_base": "vector",
                "filter_alpha": "vector", "filter_seen": "vector", "filter_raised": "vector",
            },
            wrt=("outside", "by_record", "multiplier", "announced", "unannounced", "arrival_rate", "found_if_held"),
            log_density="rounds",
        ),
    )  # fmt: skip
    derived = (Derived("hazard", (names.RISK,), "probability of a round in the week, given the record before it"),)
    observed = Observed("rounds", (names.RISK,), "weeks with a round", whole=True)
    replicated_from = frozenset({"hazard"})

    def coords(self, spec: ModelSpec) -> dict[str, Any]:
        record = spec.panel.record
        return {
            names.RISK: to_datetime64(list(spec.panel.weeks))[record.start :],
            names.STRETCH: [f"{low:g}-{high:g}" for low, high in record.sensitivities],
        }

    def data(self, spec: ModelSpec, reading: str, variant: str) -> dict[str, Any]:
        record, weeks = spec.panel.record, len(spec.panel.weeks)
        return {
            "inside": np.zeros(weeks),  # where no term gives one
            "by_record": np.zeros(weeks - record.start + 1),
            "log_days": np.log(record.share[record.start :]),
            "week_before": np.array([record.start - 1], dtype=np.int64),
            "stretch_place": stretch_place(spec),
            "found": record.found[record.start :],
            "arrived": spec.meetings.arrived(record.start, weeks),
            "log_months": log_months_on_record(spec, record.start, weeks),
        }

    def constants(self, spec: ModelSpec) -> dict[str, tuple[tuple[str, ...], Any]]:
        record = spec.panel.record
        return {
            "share_of_week": ((names.RISK,), record.share[record.start :]),
            "dormancy": ((names.RISK,), record.dormancy),
            "coverage_stretch": ((names.RISK,), record.stretch[record.start :]),
            "arrived": ((names.RISK,), spec.meetings.arrived(record.start, len(spec.panel.weeks))),
        }

    def declare(self, scope: Scope) -> None:
        import pytensor.tensor as pt

        if scope.spec.panel.record.sensitivities:
            scope.free(self.parameters[0])
        else:
            scope["sensitivity"] = pt.zeros(0)

    def observe(self, scope: Scope) -> None:
        import pymc as pm
        import pytensor.tensor as pt

        from ripeness.model.ops import op_of

        data, spec = self.data(scope.spec, scope.reading, scope.variant), scope.spec
        kernel = op_of(self.kernels[2])
        chances = pt.concatenate([scope["sensitivity"], np.array([0.0, 1.0])])  # nobody looked; a round is on record where nobody looked
        inside = scope["inside"] if "inside" in scope else data["inside"]
        multiplier = inside[spec.panel.record.start - 1 : len(spec.panel.weeks) - 1] + data["log_days"]
        start = spec.panel.record.start
        before, mean = spec.panel.record.found[:start], spec.reference.log_months
        inputs = {
            "outside": scope["outside"],
            "by_record": scope["by_record"] if "by_record" in scope else data["by_record"],
            "multiplier": multiplier,
            "announced": scope["announced"],
            "unannounced": scope["unannounced"],
            "arrival_rate": scope["arrival_rate"],
            "found_if_held": chances[data["stretch_place"]],
        }
        counted = {"arrived": data["arrived"]}
        seen = {"found": data["found"], "log_months": data["log_months"]}
        pm.Deterministic("hazard", kernel(inputs | counted | seen)["hazard"], dims=names.RISK)

        def log_density(found: Any, *given: Any) -> Any:
            months = log_months(spec.panel.weeks, pt.concatenate([before, found]), mean, pt)[start:]
            return kernel(dict(zip(inputs, given, strict=True)) | counted | {"found": found, "log_months": months})["rounds"]

        def months_before(found: Array) -> Array:
            return np.asarray(log_months(spec.panel.weeks, np.concatenate([before, found]), mean)[start:])

        def draw(
            outside: Array,
            by_record: Array,
            multiplier: Array,
            announced: Array,
            unannounced: Array,
            arrival_rate: Array,
            found_if_held: Array,
            rng: Any = None,
            size: Any = None,
        ) -> Array:
            return simulate_record(outside, by_record, multiplier, announced, unannounced, found_if_held, months_before, rng)

        given = [pt.as_tensor(value) for value in inputs.values()]
        signature = "(d),(d),(t),(t),(t),(t),(t)->(t)"
        pm.CustomDist("rounds", *given, logp=log_density, random=draw, signature=signature, observed=data["found"], dims=names.RISK)

    def log_likelihood(self, spec: ModelSpec, draws: Mapping[str, Array]) -> Array:
        return _filter_record(spec, draws)[0]

    def of_rounds(self, spec: ModelSpec, draws: Mapping[str, Array]) -> Array:
        """Log-likelihood of the rounds of each week alone, given the record before it and what was announced in it: (draw, week at risk)."""
        found = sensitivities(spec, draws)[:, stretch_place(spec)] * _filter_record(spec, draws)[2]
        return np.asarray(np.where(self.observations(spec) > 0.5, np.log(np.maximum(found, np.finfo(float).tiny)), np.log1p(-found)))

    def replicate(self, spec: ModelSpec, draws: Mapping[str, Array], rng: np.random.Generator) -> Array:
        """Weeks with a round, each drawn from its hazard given the record before it."""
        return (rng.random(draws["hazard"].shape) < draws["hazard"]).astype(float)

    def observations(self, spec: ModelSpec) -> Array:
        return spec.panel.record.found[spec.panel.record.start :]


def _filter_record(spec: ModelSpec, draws: Mapping[str, Array]) -> tuple[Array, Array, Array]:
    """What :func:`filter_forward` gives of the whole record."""
    start, stop = spec.panel.record.start, len(spec.panel.weeks)
    number = len(draws["outside_knots"])
    inside = draws["inside"][:, start - 1 : stop - 1] if "inside" in draws else np.zeros((number, stop - start))
    terms = record_terms(spec, draws, start, stop, np.asarray(inside, dtype=float), 1)
    found: tuple[Array, Array, Array] = filter_forward(*terms, *on_record(spec, start, stop), np.ones((number, 1)), True)
    return found


class RecordTerms(NamedTuple):
    """What makes the hazards of some weeks, and what is found.

    Parameters
    ----------
    outside, by_record : ndarray (draw, dormancy)
        Log weekly hazard at d = 1, 2, …, and what each unit of the track record adds to it.
    multiplier, announced : ndarray (draw, week)
        Log of what multiplies it, the share of the week on record included; hazard added by announced meetings.
    unannounced, arrival_rate : ndarray (draw, week)
        Rounds without an announcement on record, and meetings announced anew, in units of the total hazard.
    found_if_held : ndarray (draw, week)
        P(found | held).
    """

    outside: Array
    by_record: Array
    multiplier: Array
    announced: Array
    unannounced: Array
    arrival_rate: Array
    found_if_held: Array


def record_terms(spec: ModelSpec, draws: Mapping[str, Array], first: int, stop: int, inside: Array, dormancy: int) -> RecordTerms:
    """Hazards of the weeks `first` to `stop`, and what is found in them; `dormancy` is the longest in the first of them."""
    record, span = spec.panel.record, slice(first, stop)
    longest = dormancy + stop - first + 1
    outside = np.ascontiguousarray(draws["outside_knots"] @ outside_basis(spec, longest).T)
    by_record = slopes_of(spec, draws)[:, None] * dormant_share(spec, longest)
    announced = standing_hazards(draws) @ spec.meetings.exposure[:, span]
    searched = searched_weeks(spec, first, stop)
    unannounced = 1.0 - share_on_record(draws)[:, None] * searched
    rate = arrival_rates(draws).sum(axis=1)[:, None] * searched
    found_if_held = sensitivities(spec, draws)[:, stretch_place(spec, first, stop)]
    return RecordTerms(outside, by_record, inside + np.log(record.share[span]), announced, unannounced, rate, found_if_held)


def on_record(spec: ModelSpec, first: int, stop: int) -> tuple[Array, Array, Array]:
    """Weeks `first` to `stop` with a round, numbers of meetings announced anew in them, and the track record before them: (week,) each."""
    return spec.panel.record.found[first:stop], spec.meetings.arrived(first, stop), log_months_on_record(spec, first, stop)


def stretch_place(spec: ModelSpec, first: int | None = None, stop: int | None = None) -> Index:
    """Of each week its place in sensitivities, then 0 (nobody searched), then 1 (nobody searched, and a round is on record): (week,); all weeks at risk."""
    record = spec.panel.record
    span = slice(record.start if first is None else first, stop)
    return np.where(record.stretch[span] != UNSEARCHED, record.stretch[span], len(record.sensitivities) + (record.found[span] > 0)).astype(
        np.int64
    )


def sensitivities(spec: ModelSpec, draws: Mapping[str, Array]) -> Array:
    """P(found | held) of every stretch, then of where nobody searched, 0, and of where a round is on record all the same, 1: (draw, place)."""
    number, stretches = len(draws["outside_knots"]), len(spec.panel.record.sensitivities)
    known = draws.get("sensitivity", np.zeros((number, 0)))[:, :stretches]
    return np.concatenate([known, np.zeros((number, 1)), np.ones((number, 1))], axis=1)


def rounds_in_week(hazard: Array, dormancy: Index, rng: np.random.Generator) -> tuple[Index, Index]:
    """Hold the rounds of one week: their number is Poisson(λ), so that P(at least one) = 1 − exp(−λ).

    Parameters
    ----------
    hazard : ndarray
        λ of each future in this week.
    dormancy : ndarray of int
        Weeks since the week of the last round.
    rng : Generator

    Returns
    -------
    rounds, dormancy : ndarray of int
        Rounds held, and dormancy in the week after: 1 after a week with a round, found or not.
    """
    rounds = rng.poisson(np.minimum(hazard, CERTAIN))
    return rounds, np.where(rounds > 0, 1, dormancy + 1)


def simulate_record(
    outside: Array,
    by_record: Array,
    multiplier: Array,
    announced: Array,
    unannounced: Array,
    found_if_held: Array,
    months_before: Callable[[Array], Array],
    rng: np.random.Generator,
) -> Array:
    """Draw which weeks have a round on record, announcements being as they are: rounds are held week by week, missed ones included, and found with the weeks' sensitivity.

    Parameters
    ----------
    outside, by_record : ndarray (dormancy,)
        Log weekly hazard at d = 1, 2, …, and what each unit of the track record adds to it.
    multiplier, announced, unannounced, found_if_held : ndarray (week,)
        As in :func:`filter_forward`.
    months_before : callable
        From the weeks with a round on record to the track record before each week.
    rng : Generator

    Returns
    -------
    ndarray (week,)
        1 where a round is on record, else 0.
    """
    found, since = np.zeros(len(multiplier)), np.array(1)
    seen = rng.random(len(found)) < found_if_held
    for t in range(len(found)):
        raised = outside[since - 1] + by_record[since - 1] * months_before(found)[t]
        rounds, since = rounds_in_week(np.exp(raised + multiplier[t]) * unannounced[t] + announced[t], since, rng)
        found[t] = rounds > 0 and seen[t]
    return found
