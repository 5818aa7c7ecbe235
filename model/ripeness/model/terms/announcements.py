r"""Announced meetings as a process: they arrive at a rate tied to the total hazard, and raise the hazard around their days.

With T_t the total hazard of a round in week t, a share s of rounds is announced at least a day ahead, by meetings agreed by both sides or proposed by one (the tied
classes k), in shares π_k, of which a share p_k is kept and a share c_k of the announcements is on record. Then, in a week that was searched,

    meetings of class k announced anew and on record     Poisson(T_t · s π_k c_k / p_k)
    rounds without an announcement on record             hazard T_t · (1 − s Σ π_k c_k)
    rounds by those that stand                           hazard −log(1 − p_k), most of it on the days for which they were named

so that the long-run rate of rounds is T, whatever is on the calendar, while the near weeks know the calendar. The arrivals are scored with the rounds
(:mod:`ripeness.model.terms.record`); their classes and lead times here. π is stick-breaking: of the rounds that the classes before it leave, the share of each
class. Lead times are a lognormal in days, rounded up.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from ripeness import names
from ripeness.data.events import CLASSES, TIED
from ripeness.data.observations import UNSEARCHED
from ripeness.kernels.compilation import inner
from ripeness.kernels.reductions import dot
from ripeness.model.meetings import DAYS_AFTER
from ripeness.model.term import Kernel, Likelihood, Observed, Parameter, Scope, Term, elicited, elicited_once

if TYPE_CHECKING:
    from ripeness.model.spec import ModelSpec

Array = NDArray[np.float64]
Index = NDArray[np.int64]
ROOT_HALF, PER_ROOT_2PI = math.sqrt(0.5), 1.0 / math.sqrt(2.0 * math.pi)
LEAST = 1e-300  # of a probability whose logarithm is taken
LONGEST_LEAD = 16  # weeks after that of its announcement in which a meeting may be held, in forecasts


def class_ids(spec: ModelSpec) -> Sequence[str]:
    """Classes of announced meetings."""
    return list(CLASSES)


def split_ids(spec: ModelSpec) -> Sequence[str]:
    """Tied classes that leave a rest: all but the last."""
    return list(TIED[:-1])


def tied_ids(spec: ModelSpec) -> Sequence[str]:
    """Classes whose announcements follow the hazard."""
    return list(TIED)


@inner
def lay_announced(kept: Array, share: Array) -> tuple[Array]:
    """Hazard that announced meetings add in each week at risk."""
    added = np.zeros(share.shape[1])
    for j in range(kept.shape[0]):
        hazard = -np.log1p(-kept[j])
        for t in range(added.shape[0]):
            added[t] += hazard * share[j, t]
    return (added,)


@inner
def adjoint_announced(kept: Array, share: Array, added: Array, added_bar: Array) -> tuple[Array]:
    """Cotangent of the probabilities that a meeting is kept."""
    kept_bar = np.empty(kept.shape[0])
    for j in range(kept.shape[0]):
        kept_bar[j] = dot(added_bar, share[j]) / (1.0 - kept[j])
    return (kept_bar,)


@inner
def lay_arrivals(
    kept: Array, recorded: Array, share_announced: Array, class_split: Array, searched: Array
) -> tuple[Array, Array, Array, Array, Array]:
    """In units of the total hazard: of each week the rounds without an announcement on record, and the arrivals; the share of each class in arrivals.

    Saved: the share of each class in announced rounds, and its arrivals.
    """
    classes = recorded.shape[0]
    share, rate, weight = np.empty(classes), np.empty(classes), np.empty(classes)
    rest, on_record, total = 1.0, 0.0, 0.0
    for k in range(classes):
        share[k] = rest * class_split[k] if k < classes - 1 else rest
        rest -= share[k]
        on_record += share[k] * recorded[k]
        rate[k] = share_announced[0] * share[k] * recorded[k] / kept[k]
        total += rate[k]
    for k in range(classes):
        weight[k] = rate[k] / total
    unannounced, arrivals = np.empty(searched.shape[0]), np.empty(searched.shape[0])
    for t in range(searched.shape[0]):
        unannounced[t] = 1.0 - searched[t] * share_announced[0] * on_record
        arrivals[t] = searched[t] * total
    return unannounced, arrivals, weight, share, rate


@inner
def adjoint_arrivals(
    kept: Array, recorded: Array, share_announced: Array, class_split: Array, searched: Array,
    unannounced: Array, arrivals: Array, weight: Array, share: Array, rate: Array,
    unannounced_bar: Array, arrivals_bar: Array, weight_bar: Array,
) -> tuple[Array, Array, Array, Array]:  # fmt: skip
    """Cotangents of what is kept, recorded and announced, and of the split of classes."""
    classes, s = recorded.shape[0], share_announced[0]
    left, total_bar, total, mean_bar = dot(unannounced_bar, searched), dot(arrivals_bar, searched), 0.0, 0.0
    for k in range(classes):
        total += rate[k]
        mean_bar += weight[k] * weight_bar[k]
    kept_bar, recorded_bar, share_bar = np.zeros(kept.shape[0]), np.empty(classes), np.empty(classes)
    announced_bar, split_bar = np.zeros(1), np.empty(classes - 1)
    for k in range(classes):
        by_rate = (total_bar + (weight_bar[k] - mean_bar) / total) * rate[k]
        announced_bar[0] += by_rate / s - left * share[k] * recorded[k]
        kept_bar[k] = -by_rate / kept[k]
        recorded_bar[k] = by_rate / recorded[k] - left * s * share[k]
        share_bar[k] = by_rate / share[k] - left * s * recorded[k]
    later = share_bar[classes - 1] * share[classes - 1]
    for k in range(classes - 2, -1, -1):
        split_bar[k] = share_bar[k] * share[k] / class_split[k] - later / (1.0 - class_split[k])
        later += share_bar[k] * share[k]
    return kept_bar, recorded_bar, announced_bar, split_bar


@inner
def below(z: float) -> float:
    """Standard normal distribution function."""
    return 0.5 * math.erfc(-z * ROOT_HALF)


@inner
def lead_probability(lead: float, log_median: float, spread: float) -> tuple[float, float, float]:
    """Probability that a lognormal, rounded up, is `lead` days, and the two limits on the standard normal's scale; the lower one is −40 for one day."""
    upper = (math.log(lead) - log_median) / spread
    lower = (math.log(lead - 1.0) - log_median) / spread if lead > 1.0 else -40.0
    # of the tail that both lie in, so that no digits are lost
    probability = below(upper) - below(lower) if upper < 0.0 else below(-lower) - below(-upper)
    return max(probability, LEAST), lower, upper


@inner
def density_of_arrivals(weight: Array, lead_median: Array, lead_spread: Array, kind: Index, lead: Array) -> tuple[Array]:
    """Log-likelihood of the class and the lead time of each meeting announced anew: (arrival,)."""
    density, log_median = np.empty(kind.shape[0]), np.log(lead_median[0])
    for j in range(kind.shape[0]):
        density[j] = np.log(weight[kind[j]]) + np.log(lead_probability(lead[j], log_median, lead_spread[0])[0])
    return (density,)


@inner
def adjoint_density(
    weight: Array, lead_median: Array, lead_spread: Array, kind: Index, lead: Array, density: Array, density_bar: Array
) -> tuple[Array, Array, Array]:
    """Cotangents of the shares of classes, and of median and spread of lead times."""
    weight_bar, median_bar, spread_bar = np.zeros(weight.shape[0]), np.zeros(1), np.zeros(1)
    log_median, spread = np.log(lead_median[0]), lead_spread[0]
    for j in range(kind.shape[0]):
        weight_bar[kind[j]] += density_bar[j] / weight[kind[j]]
        probability, lower, upper = lead_probability(lead[j], log_median, spread)
        at_lower, at_upper = PER_ROOT_2PI * np.exp(-0.5 * lower * lower), PER_ROOT_2PI * np.exp(-0.5 * upper * upper)
        slope = -density_bar[j] / (probability * spread)
        median_bar[0] += slope * (at_upper - at_lower) / lead_median[0]
        spread_bar[0] += slope * (upper * at_upper - lower * at_lower)
    return weight_bar, median_bar, spread_bar


class Announcements(Term):
    """How often meetings are announced, and what those that stand add to the hazard."""

    parameters = (
        Parameter("kept", (names.KEPT,), "logit", elicited("kept", class_ids), "probability that an announced meeting is held", "kept", driver=True),
        Parameter(
            "recorded", (names.TIED,), "logit", elicited("recorded", tied_ids), "share of announcements that are on record", "recorded"
        ),
        Parameter(
            "share_announced", (), "logit", elicited_once("share_announced"), "share of rounds that are announced at least a day ahead",
            "share_announced", driver=True,
        ),
        Parameter(
            "class_split", (names.SPLIT,), "logit", elicited("class_split", split_ids),
            "of announced rounds that no stronger class brings, the share that this class brings", "class_split",
        ),
    )  # fmt: skip
    kernels = (
        Kernel(lay_announced, adjoint_announced, ("kept", "announced_share"), {"announced": "vector"}, ("kept",)),
        Kernel(
            lay_arrivals,
            adjoint_arrivals,
            inputs=("kept", "recorded", "share_announced", "class_split", "searched"),
            outputs={"unannounced": "vector", "arrival_rate": "vector", "class_weight": "vector"},
            saved={"class_share": "vector", "class_rate": "vector"},
            wrt=("kept", "recorded", "share_announced", "class_split"),
        ),
    )

    def coords(self, spec: ModelSpec) -> dict[str, Any]:
        return {names.KEPT: list(class_ids(spec)), names.TIED: list(TIED), names.SPLIT: list(split_ids(spec))}

    def data(self, spec: ModelSpec, reading: str, variant: str) -> dict[str, Any]:
        return {"announced_share": spec.meetings.exposure[:, spec.panel.record.start :], "searched": searched_weeks(spec)}

    def constants(self, spec: ModelSpec) -> dict[str, tuple[tuple[str, ...], Any]]:
        return {"announced_share": ((names.KEPT, names.RISK), spec.meetings.exposure[:, spec.panel.record.start :])}

    def declare(self, scope: Scope) -> None:
        import pytensor.tensor as pt

        from ripeness.model.ops import op_of

        for parameter in self.parameters:
            scope.free(parameter)
        data = self.data(scope.spec, scope.reading, scope.variant)
        scope["announced"] = (-pt.log1p(-scope["kept"])[:, None] * data["announced_share"]).sum(axis=0)
        given = op_of(self.kernels[1])(scope.quantities | data | {"share_announced": scope["share_announced"].reshape((1,))})
        for name in self.kernels[1].outputs:
            scope[name] = given[name]


class Arrivals(Likelihood):
    """Class and lead time of each meeting announced anew."""

    parameters = (
        Parameter(
            "lead_median",
            (),
            "log",
            elicited_once("lead.median"),
            "median time from an announcement to the first day it names",
            "lead",
            "days",
        ),
        Parameter("lead_spread", (), "log", elicited_once("lead.spread"), "standard deviation of the log of that time", "lead"),
    )
    kernels = (
        Kernel(
            density_of_arrivals,
            adjoint_density,
            inputs=("class_weight", "lead_median", "lead_spread", "arrival_kind", "arrival_lead"),
            outputs={"lead": "vector"},
            wrt=("class_weight", "lead_median", "lead_spread"),
            log_density="lead",
        ),
    )
    observed = Observed("lead", (names.ARRIVAL,), "time from an announcement to the first day it names", "days", whole=True)
    replicated_from = frozenset({"lead_median", "lead_spread"})

    def coords(self, spec: ModelSpec) -> dict[str, Any]:
        return {names.ARRIVAL: np.arange(len(spec.meetings.lead))}

    def data(self, spec: ModelSpec, reading: str, variant: str) -> dict[str, Any]:
        return {"arrival_kind": spec.meetings.kind, "arrival_lead": spec.meetings.lead}

    def constants(self, spec: ModelSpec) -> dict[str, tuple[tuple[str, ...], Any]]:
        meetings = spec.meetings
        return {
            "arrival_class": ((names.ARRIVAL,), np.array(TIED)[meetings.kind]),
            "arrival_week": ((names.ARRIVAL,), meetings.week),
        }

    def declare(self, scope: Scope) -> None:
        for parameter in self.parameters:
            scope.free(parameter)

    def observe(self, scope: Scope) -> None:
        import pymc as pm
        import pytensor.tensor as pt

        from ripeness.model.ops import op_of

        data, kernel = self.data(scope.spec, scope.reading, scope.variant), op_of(self.kernels[0])

        def log_density(lead: Any, weight: Any, median: Any, spread: Any, kind: Any) -> Any:
            given = {"class_weight": weight, "lead_median": median.reshape((1,)), "lead_spread": spread.reshape((1,))}
            return kernel(given | {"arrival_kind": kind, "arrival_lead": lead})["lead"]

        def draw(weight: Array, median: Array, spread: Array, kind: Index, rng: Any = None, size: Any = None) -> Array:
            return draw_leads(np.full(len(kind), float(median)), float(spread), rng)

        given = [pt.as_tensor(scope[name]) for name in ("class_weight", "lead_median", "lead_spread")]
        kind = pt.as_tensor(data["arrival_kind"])
        signature = "(k),(),(),(j)->(j)"
        pm.CustomDist(
            "lead", *given, kind, logp=log_density, random=draw, signature=signature, observed=data["arrival_lead"], dims=names.ARRIVAL
        )

    def log_likelihood(self, spec: ModelSpec, draws: Mapping[str, Array]) -> Array:
        upper = (np.log(spec.meetings.lead) - np.log(draws["lead_median"])[:, None]) / draws["lead_spread"][:, None]
        with np.errstate(divide="ignore"):
            lower = (np.log(spec.meetings.lead - 1.0) - np.log(draws["lead_median"])[:, None]) / draws["lead_spread"][:, None]
        tail = np.where(upper < 0.0, 1.0, -1.0)
        probability = tail * (ndtr(tail * upper) - ndtr(tail * lower))
        rate = arrival_rates(draws)
        weight = rate / rate.sum(axis=1, keepdims=True)
        return np.asarray(np.log(np.maximum(probability, LEAST)) + np.log(weight[:, spec.meetings.kind]))

    def replicate(self, spec: ModelSpec, draws: Mapping[str, Array], rng: np.random.Generator) -> Array:
        """Lead times, each drawn anew."""
        median = np.repeat(draws["lead_median"][:, None], len(spec.meetings.lead), axis=1)
        return draw_leads(median, draws["lead_spread"][:, None], rng)

    def observations(self, spec: ModelSpec) -> Array:
        return spec.meetings.lead


def draw_leads(median: Array, spread: Any, rng: np.random.Generator) -> Array:
    """Lead times in days, of the shape of `median`."""
    return np.asarray(np.maximum(np.ceil(median * np.exp(spread * rng.normal(size=np.shape(median)))), 1.0))


def searched_weeks(spec: ModelSpec, first: int | None = None, stop: int | None = None) -> Array:
    """1 where a week was searched, and so announcements are on record as far as they are recorded: (week,); all weeks at risk."""
    record = spec.panel.record
    return (record.stretch[record.start if first is None else first : stop] != UNSEARCHED).astype(float)


def standing_hazards(draws: Mapping[str, Array]) -> Array:
    """Hazard that a meeting of each class adds in all while it stands, −log(1 − p): (draw, class)."""
    return np.asarray(-np.log1p(-draws["kept"]))


def class_shares(draws: Mapping[str, Array]) -> Array:
    """Share of each class in announced rounds: (draw, class)."""
    split = draws["class_split"]
    left = np.concatenate([np.ones((len(split), 1)), np.cumprod(1.0 - split, axis=1)], axis=1)
    return left * np.concatenate([split, np.ones((len(split), 1))], axis=1)


def arrival_rates(draws: Mapping[str, Array]) -> Array:
    """Meetings of each class announced anew and on record, in units of the total hazard: (draw, class)."""
    return np.asarray(draws["share_announced"][:, None] * class_shares(draws) * draws["recorded"] / draws["kept"][:, : len(TIED)])


def share_on_record(draws: Mapping[str, Array]) -> Array:
    """Share of rounds that are announced on record at least a day ahead: (draw,)."""
    return np.asarray(draws["share_announced"] * (class_shares(draws) * draws["recorded"]).sum(axis=1))


def lead_weeks(draws: Mapping[str, Array], named_share: float) -> Array:
    """Share of kept meetings that are held in the week of their announcement, the one after it, …: (draw, lag).

    The day of the announcement is even over its week, the meeting on the first day named with the share `named_share`, else on one of the seven days after.
    What lies beyond `LONGEST_LEAD` weeks is held in the last of them.
    """
    longest = 7 * LONGEST_LEAD
    days = np.arange(1, longest + 1)
    z = (np.log(days) - np.log(draws["lead_median"])[:, None]) / draws["lead_spread"][:, None]
    by_lead = np.diff(ndtr(z), axis=1, prepend=0.0)
    by_lead[:, -1] += 1.0 - by_lead.sum(axis=1)
    delay = np.r_[named_share, np.full(DAYS_AFTER, (1.0 - named_share) / DAYS_AFTER)]
    weekday = np.zeros((longest + DAYS_AFTER + 7, LONGEST_LEAD + 1))
    for day in range(7):
        for lead in range(longest + DAYS_AFTER + 1):
            weekday[lead, min((day + lead) // 7, LONGEST_LEAD)] += 1.0 / 7.0
    held = np.stack([(weekday[lead : lead + len(delay)] * delay[:, None]).sum(axis=0) for lead in days])
    return np.asarray(by_lead @ held)
