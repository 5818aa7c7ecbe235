r"""Rungs: outcomes beside the rounds, by whose events the conditions are measured too.

A rung r needs some of the conditions, C_r. Its events in week t, on record, are

.. math:: n_{rt} \sim \text{NegBin}(q_{rt}\, \mu_{rt},\; \alpha_r), \qquad
          \mu_{rt} = \text{share of week}_t \cdot \rho_r\, \beta_r^{[\text{active}_t]} \exp\{\kappa_r S_r(t - 1) - N_r\}, \qquad
          S_r(t) = \sum_{c \in C_r} \log \sigma(x_{ct})

with the rung's own rate ρ while talks are dormant, β times that while they are active (the last round on record is at most `active_weeks` back), the share q
of its events that the search found, and an exponent κ that says how far the conditions x matter to it: 1 as they do to rounds. What it needs must all be there,
in either form of the inside view. N is the log of the stationary mean of exp(κ S), so that the conditions move events between weeks and never lift their
rate. The dispersion α makes events bunch.

Of the events of what a rung is part of, rounds or the events of another rung, a share is of the rung: of n in a week k, k ~ Binomial(n, share).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, xlog1py, xlogy

from ripeness import names
from ripeness.data.observations import EVENTS, NESTED
from ripeness.elicitation.elicited import elicit_quantiles
from ripeness.kernels.compilation import compiled, inner
from ripeness.kernels.exponential import exponential
from ripeness.kernels.reductions import dot
from ripeness.model.term import Derived, Kernel, Likelihood, Observed, Parameter, Scales, Scope, elicited
from ripeness.model.terms.conditions import log_mean_exp, log_sigmoid
from ripeness.model.terms.count_rows import negative_binomial_log_density, summed_rise
from ripeness.model.terms.inside_view import shares_of
from ripeness.model.terms.pulses import read_factors
from ripeness.workspace.config import FILE

if TYPE_CHECKING:
    from ripeness.model.spec import ModelSpec

Array = NDArray[np.float64]
Index = NDArray[np.int64]


def rung_ids(spec: ModelSpec) -> Sequence[str]:
    """Ids of the rungs with conditions."""
    return spec.panel.events.indicators


def nested_ids(spec: ModelSpec) -> Sequence[str]:
    """Ids of the rungs that are part of another or of the rounds."""
    return spec.panel.nested.indicators


def search_prior(spec: ModelSpec, reading: str) -> Scales:
    """Of the share of events that is on record in each stretch, on the logit scale: (search,)."""
    path = spec.workspace.shown(spec.workspace.root / FILE)
    fitted = [elicit_quantiles(low, high, "logitnormal", f"{rung}: searched", path, None) for rung, low, high in spec.panel.events.searches]
    return np.array([prior.mu for prior in fitted]), np.array([prior.sigma for prior in fitted])


def needs_of(spec: ModelSpec) -> Index:
    """1 where a rung needs a condition: (rung, condition)."""
    ids = spec.workspace.condition_ids
    return np.array([[int(one in rung.conditions) for one in ids] for rung in spec.workspace.rated_rungs], dtype=np.int64).reshape(
        -1, len(ids)
    )


def active_rows(spec: ModelSpec) -> Array:
    """1 for each row of events in whose week talks were active by the record: (row,)."""
    record = spec.panel.record
    return (record.dormancy[spec.panel.events.week - record.start] <= spec.workspace.question.active_weeks).astype(float)


@inner
def log_sigmoid_and_rest(log_odds: Array) -> tuple[Array, Array]:
    """log σ(x) and 1 − σ(x), each (condition, week), of log odds x (condition, week)."""
    there, rest = np.empty(log_odds.shape), np.empty(log_odds.shape)
    for c in range(log_odds.shape[0]):
        own, own_rest = there[c], rest[c]
        for t in range(log_odds.shape[1]):
            own[t] = exponential(-abs(log_odds[c, t]))
        for t in range(log_odds.shape[1]):
            own_rest[t] = (own[t] if log_odds[c, t] > 0.0 else 1.0) / (1.0 + own[t])
            own[t] = min(log_odds[c, t], 0.0) - math.log1p(own[t])
    return there, rest


@inner
def score_of(there: Array, needed: Index) -> Array:
    """Σ log σ over the conditions that are needed, (week,), of log σ (condition, week)."""
    score = np.zeros(there.shape[1])
    for c in range(needed.shape[0]):
        if needed[c] > 0:
            for t in range(there.shape[1]):
                score[t] += there[c, t]
    return score


@compiled
def density_of_events(
    log_odds: Array, at_points: Array, rate: Array, exponent: Array, active: Array, dispersion: Array, searched: Array,
    needs: Index, rung: Index, week: Index, search: Index, count: Array, log_share: Array, is_active: Array,
) -> tuple[Array, Array, Array, Array, Array, Array, Array, Array, Array]:  # fmt: skip
    """Log-likelihood of the events of each rung and week (row,); saved are N (rung,) and the gradient of the sum in the first seven arguments.

    Parameters
    ----------
    log_odds, at_points : ndarray (condition, week), (condition, point)
    rate, exponent, active, dispersion : ndarray (rung,)
    searched : ndarray (search,)
    needs : ndarray of int (rung, condition)
    rung, week, search : ndarray of int (row,)
    count, log_share, is_active : ndarray (row,)
    """
    rungs, conditions, points = needs.shape[0], needs.shape[1], at_points.shape[1]
    log_odds_bar, at_points_bar = np.zeros(log_odds.shape), np.zeros(at_points.shape)
    rate_bar, exponent_bar, active_bar = np.zeros(rungs), np.zeros(rungs), np.zeros(rungs)
    dispersion_bar, searched_bar = np.zeros(rungs), np.zeros(searched.shape[0])
    density, normaliser, pulled = np.empty(count.shape[0]), np.empty(rungs), np.empty(rungs)
    there, rest = log_sigmoid_and_rest(log_odds)
    there_at, rest_at = log_sigmoid_and_rest(at_points)
    share, score = np.empty((rungs, points)), np.empty((rungs, log_odds.shape[1]))
    for r in range(rungs):
        own, score_at = share[r], score_of(there_at, needs[r])
        for i in range(points):
            own[i] = exponent[r] * score_at[i]
        normaliser[r] = shares_of(own)
        pulled[r] = dot(own, score_at)
        score[r] = score_of(there, needs[r])
    moved, log_rate, log_active, log_searched = np.zeros(rungs), np.log(rate) - normaliser, np.log(active), np.log(searched)
    for j in range(count.shape[0]):
        r, t, alpha, n = rung[j], week[j] - 1, dispersion[rung[j]], int(count[j])
        log_mean = log_rate[r] + log_searched[search[j]] + log_share[j] + is_active[j] * log_active[r] + exponent[r] * score[r, t]
        odds = math.exp(log_mean) / alpha
        rise, inverses = summed_rise(alpha, 0, n)
        log_rest = math.log1p(odds)
        density[j] = rise - summed_rise(1.0, 0, n)[0] + n * log_mean - (n + alpha) * log_rest
        pull = (n - alpha * odds) / (1.0 + odds)
        rate_bar[r] += pull / rate[r]
        active_bar[r] += is_active[j] * pull / active[r]
        searched_bar[search[j]] += pull / searched[search[j]]
        dispersion_bar[r] += inverses - log_rest - pull / alpha
        exponent_bar[r] += pull * (score[r, t] - pulled[r])
        moved[r] += pull
        for c in range(conditions):
            if needs[r, c] > 0:
                log_odds_bar[c, t] += pull * exponent[r] * rest[c, t]
    for r in range(rungs):
        for c in range(conditions):
            if needs[r, c] > 0:
                for i in range(points):
                    at_points_bar[c, i] -= moved[r] * exponent[r] * share[r, i] * rest_at[c, i]
    return density, normaliser, log_odds_bar, at_points_bar, rate_bar, exponent_bar, active_bar, dispersion_bar, searched_bar


@compiled
def adjoint_of_events(
    log_odds: Array, at_points: Array, rate: Array, exponent: Array, active: Array, dispersion: Array, searched: Array,
    needs: Index, rung: Index, week: Index, search: Index, count: Array, log_share: Array, is_active: Array,
    density: Array, normaliser: Array, log_odds_by: Array, at_points_by: Array, rate_by: Array, exponent_by: Array, active_by: Array,
    dispersion_by: Array, searched_by: Array, density_bar: Array,
) -> tuple[Array, Array, Array, Array, Array, Array, Array]:  # fmt: skip
    """What was saved: the cotangent of every row is one, as of any log density."""
    return log_odds_by, at_points_by, rate_by, exponent_by, active_by, dispersion_by, searched_by


@inner
def density_of_nested(share: Array, rung: Index, count: Array, trials: Array) -> tuple[Array]:
    """Log-likelihood of how many of a week's events are of a nested rung: (row,)."""
    density = np.empty(count.shape[0])
    for j in range(count.shape[0]):
        own, k, n = share[rung[j]], count[j], trials[j]
        ways = math.lgamma(n + 1.0) - math.lgamma(k + 1.0) - math.lgamma(n - k + 1.0)
        density[j] = ways + k * math.log(own) + (n - k) * math.log1p(-own)
    return (density,)


@inner
def adjoint_of_nested(share: Array, rung: Index, count: Array, trials: Array, density: Array, density_bar: Array) -> tuple[Array]:
    """Cotangent of the shares."""
    share_bar = np.zeros(share.shape[0])
    for j in range(count.shape[0]):
        own = share[rung[j]]
        share_bar[rung[j]] += density_bar[j] * (count[j] / own - (trials[j] - count[j]) / (1.0 - own))
    return (share_bar,)


OF_RUNGS = ("rung_rate", "rung_exponent", "rung_active", "rung_dispersion")
READ = ("log_odds_open", "log_odds_at_points", *OF_RUNGS, "rung_searched")


class Rungs(Likelihood):
    """Events of the rungs with conditions and a rate of their own."""

    parameters = (
        Parameter(
            "rung_rate", (names.RUNG,), "log", elicited("rung_rate", rung_ids), "events of the rung while talks are dormant", "rung_rate",
            "events a week", driver=True,
        ),
        Parameter(
            "rung_exponent", (names.RUNG,), "log", elicited("rung_exponent", rung_ids), "how far the conditions matter to the rung, against rounds",
            "rung_exponent", driver=True,
        ),
        Parameter(
            "rung_active", (names.RUNG,), "log", elicited("rung_active", rung_ids), "how many times as often the rung's events come while talks are active",
            "rung_active",
        ),
        Parameter("rung_dispersion", (names.RUNG,), "log", elicited("rung_dispersion", rung_ids), "how evenly the rung's events come", "rung_dispersion"),
        Parameter("rung_searched", (names.SEARCH,), "logit", search_prior, "share of the rung's events that is on record", FILE),
    )  # fmt: skip
    kernels = (
        Kernel(
            density_of_events,
            adjoint_of_events,
            inputs=(
                *READ,
                *("rung_needs", "event_rung", "event_week", "event_search", "event_count", "event_log_share", "event_active"),
            ),
            outputs={EVENTS: "vector"},
            saved={
                "rung_normaliser": "vector",
                "events_by_log_odds": "matrix", "events_by_points": "matrix", "events_by_rate": "vector", "events_by_exponent": "vector",
                "events_by_active": "vector", "events_by_dispersion": "vector", "events_by_searched": "vector",
            },
            wrt=READ,
            log_density=EVENTS,
        ),
    )  # fmt: skip
    derived = (
        Derived("rung_normaliser", (names.RUNG,), "log of the mean of what the conditions multiply the rung's rate by", ranked=True),
    )
    observed = Observed(EVENTS, (names.EVENT_WEEK,), "events of the rungs in a week", whole=True)
    replicated_from = frozenset({"log_odds_open", "rung_normaliser"})

    def present(self, spec: ModelSpec) -> bool:
        return bool(rung_ids(spec))

    def coords(self, spec: ModelSpec) -> dict[str, Any]:
        events = spec.panel.events
        return {
            names.RUNG: list(rung_ids(spec)),
            names.SEARCH: [f"{rung} {low:g}-{high:g}" for rung, low, high in events.searches],
            names.EVENT_WEEK: np.arange(len(events.count)),
        }

    def data(self, spec: ModelSpec, reading: str, variant: str) -> dict[str, Any]:
        events = spec.panel.events
        return {
            "rung_needs": needs_of(spec),
            "event_rung": events.indicator.astype(np.int64),
            "event_week": events.week.astype(np.int64),
            "event_search": events.search.astype(np.int64),
            "event_count": events.count,
            "event_log_share": np.log(spec.panel.record.share[events.week]),
            "event_active": active_rows(spec),
        }

    def constants(self, spec: ModelSpec) -> dict[str, tuple[tuple[str, ...], Any]]:
        events, dim = spec.panel.events, (names.EVENT_WEEK,)
        return {"event_week_indicator": (dim, np.array(events.indicators)[events.indicator]), "event_week_week": (dim, events.week)}

    def declare(self, scope: Scope) -> None:
        for parameter in self.parameters:
            scope.free(parameter)

    def observe(self, scope: Scope) -> None:
        import pymc as pm
        import pytensor.tensor as pt

        data, needs = self.data(scope.spec, scope.reading, scope.variant), needs_of(scope.spec)
        rung, week = data["event_rung"], data["event_week"]
        conditions = [np.flatnonzero(needed) for needed in needs]
        of_points, of_weeks = (
            pt.stack([log_sigmoid(scope[name], pt)[own].sum(axis=0) for own in conditions]) for name in ("log_odds_at_points", "log_odds")
        )
        normaliser = log_mean_exp(scope["rung_exponent"][:, None] * of_points, pt)
        pm.Deterministic("rung_normaliser", normaliser, dims=names.RUNG)
        log_mean = (
            pt.log(scope["rung_rate"])[rung] + pt.log(scope["rung_searched"])[data["event_search"]] + data["event_log_share"]
            + data["event_active"] * pt.log(scope["rung_active"])[rung] + scope["rung_exponent"][rung] * of_weeks[rung, week - 1] - normaliser[rung]
        )  # fmt: skip
        pm.NegativeBinomial(
            EVENTS,
            mu=pt.exp(log_mean),
            alpha=scope["rung_dispersion"][rung],
            observed=data["event_count"].astype(int),
            dims=names.EVENT_WEEK,
        )

    def log_likelihood(self, spec: ModelSpec, draws: Mapping[str, Array]) -> Array:
        return events_log_likelihood(spec, draws, record_log_odds(spec, draws), 0)

    def replicate(self, spec: ModelSpec, draws: Mapping[str, Array], rng: np.random.Generator) -> Array:
        """Counts of the same weeks, looked for as well as these were; talks active as they were."""
        log_mean, alpha = expected_events(spec, draws, draws["log_odds_open"], 0)
        return np.asarray(rng.poisson(rng.gamma(alpha, np.exp(log_mean) / alpha)), dtype=float)

    def observations(self, spec: ModelSpec) -> Array:
        return spec.panel.events.count


class NestedRungs(Likelihood):
    """Of the events of what a rung is part of, those that are of the rung."""

    parameters = (
        Parameter(
            "rung_share", (names.NESTED,), "logit", elicited("rung_share", nested_ids), "share of the events of what a rung is part of that are of the rung",
            "rung_share", driver=True,
        ),
    )  # fmt: skip
    kernels = (
        Kernel(
            density_of_nested,
            adjoint_of_nested,
            inputs=("rung_share", "nested_rung", "nested_count", "nested_trials"),
            outputs={NESTED: "vector"},
            wrt=("rung_share",),
            log_density=NESTED,
        ),
    )
    observed = Observed(NESTED, (names.NESTED_WEEK,), "events of a week that are of a rung that is part of them", whole=True)
    replicated_from = frozenset({"rung_share"})

    def present(self, spec: ModelSpec) -> bool:
        return bool(nested_ids(spec))

    def coords(self, spec: ModelSpec) -> dict[str, Any]:
        return {names.NESTED: list(nested_ids(spec)), names.NESTED_WEEK: np.arange(len(spec.panel.nested.count))}

    def data(self, spec: ModelSpec, reading: str, variant: str) -> dict[str, Any]:
        nested = spec.panel.nested
        return {"nested_rung": nested.indicator.astype(np.int64), "nested_count": nested.count, "nested_trials": nested.trials}

    def constants(self, spec: ModelSpec) -> dict[str, tuple[tuple[str, ...], Any]]:
        nested, dim = spec.panel.nested, (names.NESTED_WEEK,)
        return {"nested_week_rung": (dim, np.array(nested.indicators)[nested.indicator]), "nested_week_trials": (dim, nested.trials)}

    def declare(self, scope: Scope) -> None:
        for parameter in self.parameters:
            scope.free(parameter)

    def observe(self, scope: Scope) -> None:
        import pymc as pm

        nested = scope.spec.panel.nested
        share = scope["rung_share"][nested.indicator]
        pm.Binomial(NESTED, n=nested.trials.astype(int), p=share, observed=nested.count.astype(int), dims=names.NESTED_WEEK)

    def log_likelihood(self, spec: ModelSpec, draws: Mapping[str, Array]) -> Array:
        nested = spec.panel.nested
        share, k, n = draws["rung_share"][:, nested.indicator], nested.count, nested.trials
        ways = gammaln(n + 1.0) - gammaln(k + 1.0) - gammaln(n - k + 1.0)
        return np.asarray(ways + xlogy(k, share) + xlog1py(n - k, -share))

    def replicate(self, spec: ModelSpec, draws: Mapping[str, Array], rng: np.random.Generator) -> Array:
        """Numbers out of as many events."""
        nested = spec.panel.nested
        return rng.binomial(nested.trials.astype(np.int64), draws["rung_share"][:, nested.indicator]).astype(float)

    def observations(self, spec: ModelSpec) -> Array:
        return spec.panel.nested.count


def record_log_odds(spec: ModelSpec, draws: Mapping[str, Array]) -> Array:
    """Log odds of the conditions in the record's weeks, (draw, condition, week): as stored, or from paths where a form does not store them."""
    from ripeness.model.inside import condition_log_odds

    if "log_odds_open" in draws:
        return draws["log_odds_open"]
    return condition_log_odds(spec, draws, read_factors(spec, draws, draws["path"], spec.panel.weeks))


def scores(spec: ModelSpec, log_odds: Array) -> Array:
    """How far what each rung needs is there, Σ log σ over its conditions: (draw, …, rung, week), of log odds (draw, …, condition, week)."""
    there = log_sigmoid(log_odds, np)
    # a product of matrices as small as these takes five times as long
    return np.stack([there[..., np.flatnonzero(own), :].sum(axis=-2) for own in needs_of(spec)], axis=-2)


def rung_normalisers(spec: ModelSpec, draws: Mapping[str, Array], at_points: Array) -> Array:
    """N of each rung, (draw, rung), from the conditions' log odds at the points (draw, condition, point)."""
    return np.asarray(log_mean_exp(draws["rung_exponent"][..., None] * scores(spec, at_points), np))


def log_multipliers(spec: ModelSpec, draws: Mapping[str, Array], log_odds: Array) -> Array:
    """What the conditions multiply each rung's rate by, in logs: (draw, …, rung, week), of log odds (draw, …, condition, week)."""
    found = scores(spec, log_odds)
    shape = (len(found), *(1,) * (found.ndim - 3), found.shape[-2], 1)
    return np.asarray(draws["rung_exponent"].reshape(shape) * found - draws["rung_normaliser"].reshape(shape))


def expected_events(spec: ModelSpec, draws: Mapping[str, Array], log_odds: Array, first: int) -> tuple[Array, Array]:
    """Log mean on record and dispersion of the rows after week `first`, each (draw, row); log odds (draw, condition, week) from week `first` on."""
    events = spec.panel.events
    some = events.week > first
    rung, week = events.indicator[some], events.week[some]
    lift = log_multipliers(spec, draws, log_odds)[:, rung, week - 1 - first]
    level = np.log(draws["rung_rate"][:, rung]) + np.log(draws["rung_searched"][:, events.search[some]])
    active = active_rows(spec)[some] * np.log(draws["rung_active"][:, rung])
    return level + active + np.log(spec.panel.record.share[week]) + lift, draws["rung_dispersion"][:, rung]


def events_log_likelihood(spec: ModelSpec, draws: Mapping[str, Array], log_odds: Array, first: int) -> Array:
    """Log-likelihood of the rows that `expected_events` tells of: (draw, row)."""
    events = spec.panel.events
    return negative_binomial_log_density(events.count[events.week > first], *expected_events(spec, draws, log_odds, first))
