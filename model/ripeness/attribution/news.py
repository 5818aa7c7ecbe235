r"""News: why the headline moved between two days, in lines that add up to the change.

With v(S) the probability from one stored fit's draws where of all that has changed only the causes S are known,

    the earlier forecast = v(∅) → causes one by one, on the average over their orders → v(all) → the later forecast

A cause is an indicator's new values, its revised ones, the time that passed, or what happened in it: rounds, and meetings announced or called off. Without
time v(S) speaks of the window of the earlier forecast and of a record that ends there, with time of the later one's, and of weeks in which nothing was
found. Values tell of the factors' paths in either case: before their time has passed they are hindsight about the earlier window. What happened in some weeks
cannot be known before these have passed, so that time comes before it in every order; otherwise all orders count alike.

What a cause adds is split in two: what it says of the factors now (other paths, the draws' weights held) and what it teaches about parameters (other
weights, paths held), either first, averaged. What is left between v(all) and the later forecast is Monte Carlo error, or, where that has a fit of its own, the
new fit with it. After the news of Bańbura and Modugno 2014 ("Maximum likelihood estimation of factor models on datasets with arbitrary pattern of missing
data"), for a model that is not linear.

Shapley values: a change shared among its causes, each credited with what it adds, averaged over the orders in which they could have come.

Shapley 1953, "A value for n-person games"; where one must come before another, Faigle and Kern 1992, "The Shapley value for cooperative games under precedence
constraints". For few causes the values are exact; for many, the mean over random orders and their reverses (Castro, Gómez and Tejada 2009, "Polynomial
calculation of the Shapley value based on sampling"), with an error of as many degrees of freedom as there are such pairs, less one. Within an order the
parts add up to the whole, and so they do on average.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date
from itertools import combinations
from math import factorial, inf
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ripeness.data.vintages import Vintage
from ripeness.elicitation.elicited import Priors
from ripeness.model.meetings import Announcement
from ripeness.model.spec import ModelSpec, build_spec
from ripeness.reweighting.paths import Redrawn, RedrawnFactor, redraw_path
from ripeness.reweighting.refusals import beyond_window, untrustworthy
from ripeness.reweighting.reweighted import StoredFit, look_ahead, weigh, weigh_base
from ripeness.reweighting.stored import CORES, Base, base_spec
from ripeness.reweighting.weights import Weights, weighted_mean
from ripeness.reweighting.window import Key, read_parameters, rows_by_factor
from ripeness.workspace import Workspace

Array = NDArray[np.float64]
Day = tuple[ModelSpec, list[Announcement]]
TIME, ROWS, REVISED, EVENTS, ROUNDS, INPUTS, REFIT, MONTE_CARLO = (
    "time",
    "rows",
    "revision",
    "events",
    "rounds",
    "made",
    "refit",
    "monte carlo",
)
VALUES: Final = 128  # of coalitions that are computed: as many as there are where so few causes met, else about as many
LEAST_PAIRS: Final = 4  # of orders and their reverses
PATHS: Final = 2  # from each draw, an antithetic pair: draws differ far more than the paths of one
BATCHES: Final = 20  # of draws, of which one after another is left out for the Monte Carlo error
POINTS: Final = 100.0


@dataclass(frozen=True)
class Cause:
    """Something that became known.

    Parameters
    ----------
    label : str
    kind : {"time", "rows", "revision", "events", "rounds"}
    keys : dict of int to frozenset
        Which rows of each factor.
    """

    label: str
    kind: str
    keys: Mapping[int, frozenset[Key]]


@dataclass(frozen=True)
class Line:
    """One line of the news.

    Parameters
    ----------
    label, kind : str
    points : float
        Percentage points of probability.
    mcse : float
        Standard error in points, Monte Carlo error and that of orders which were drawn.
    df : float or None
        Its degrees of freedom; None where it is known as well as if it were normal.
    factors, parameters : float or None
        Of these points: what is said of the factors now, and what is taught about parameters.
    pairs : int or None
        Over how many orders and their reverses it is averaged; None of an exact value.
    days : int or None
        That passed, in the line of time.
    """

    label: str
    kind: str
    points: float
    mcse: float
    df: float | None = None
    factors: float | None = None
    parameters: float | None = None
    pairs: int | None = None
    days: int | None = None


@dataclass(frozen=True)
class Moved:
    """A change of the headline from one fit's draws.

    Parameters
    ----------
    lines : list of Line
        Those of the causes.
    before, after : float
        Probability at either end, by these draws.
    """

    lines: list[Line]
    before: float
    after: float


class NotReweighted(Exception):
    """The draws of the fit cannot be reweighted for the later day; says why.

    Parameters
    ----------
    reasons : sequence of str
    uneven : bool
        Whether the weights alone are at fault, so that a fit nearer to the day helps.
    """

    def __init__(self, reasons: Sequence[str], uneven: bool = False) -> None:
        super().__init__("; ".join(reasons))
        self.uneven = uneven


def decompose_change(workspace: Workspace, priors: Priors, base: Base, earlier: Vintage, later: Vintage, seed: int) -> Moved:
    """Split the change of the headline between two days.

    Parameters
    ----------
    workspace : Workspace
    priors : Priors
        The files' are enough.
    base : Base
        A fit of the earlier day or of one before it.
    earlier, later : Vintage
        Of two days, one after the other.
    seed : int

    Raises
    ------
    NotReweighted
        If stored draws cannot be weighted by what has changed, or not evenly enough.
    """
    question = workspace.question
    headline = question.horizons_weeks.index(question.headline_weeks)
    shorter = question.model_copy(update={"horizons_weeks": [question.headline_weeks]})
    workspace = replace(workspace, question=shorter)
    then = build_spec(workspace, earlier, priors)
    silent = build_spec(workspace, replace(later, values=earlier.values, events=earlier.events), priors)
    now = build_spec(workspace, later, priors)
    old = base_spec(now[0], base)
    window = next(iter(base.fits.values())).window
    reasons = beyond_window(old, now[0], window, weighs_rounds=True) + beyond_window(old, then[0], window)
    if reasons:
        raise NotReweighted(list(dict.fromkeys(reasons)))
    days = (later.origin - earlier.origin).days
    rounds = [day for day in later.rounds() if day not in earlier.rounds()]
    causes = [Cause(time_label(days, bool(rounds)), TIME, {}), *find_causes(silent[0], now[0])]
    if rounds or silent[1] != now[1]:
        causes.append(Cause(_events_label(rounds, silent[1] != now[1]), ROUNDS if rounds else EVENTS, {}))
    weights = {name: weight for name, weight in workspace.mixture.weights.items() if weight > 0.0}
    fits = [
        _FromDraws(old, (then, silent, now), base.fits[name], headline, causes, np.random.SeedSequence([seed, place]))
        for place, name in enumerate(weights)
    ]
    everything = frozenset(range(len(causes)))
    constraint = (0, len(causes) - 1) if causes[-1].kind in (EVENTS, ROUNDS) else None
    with ThreadPoolExecutor(CORES) as pool:  # kernels let go of Python's lock

        def mean(ask: Callable[[_FromDraws], Array]) -> Array:
            """The mixture of the fits, as the headline weighs them."""
            return np.asarray(np.average(list(pool.map(ask, fits)), axis=0, weights=list(weights.values())))

        after = mean(lambda fit: fit.probability(everything, everything))
        uneven = [reason for fit in fits for reason in untrustworthy(fit.at(everything)[1])]
        if uneven:
            raise NotReweighted(uneven[:1], uneven=True)
        shares = share_out(
            len(causes),
            lambda known, cause: mean(lambda fit: fit.step(known, cause)),
            np.random.SeedSequence([seed, len(causes)]),
            before=constraint,
        )
        nothing = mean(lambda fit: fit.probability(frozenset(), frozenset()))
    lines = [_line(*shared, shares.pairs, days) for shared in zip(causes, shares.values, shares.errors, strict=True)]
    return Moved(lines, float(nothing[0]), float(after[0]))


def time_label(days: int, held: bool) -> str:
    """What the line of so many days is called: they pass and nothing is found, or nothing but rounds that have a line of their own."""
    number, noun = (days // 7, "week") if days % 7 == 0 else (days, "day")
    return f"{number} {noun}{'' if number == 1 else 's'}{' apart from the rounds held' if held else ' in which nothing was found'}"


def _events_label(rounds: Sequence[date], announced: bool) -> str:
    """What the line of rounds held and of meetings announced or called off is called."""
    words = [f"round{'' if len(rounds) == 1 else 's'} held ({', '.join(day.isoformat() for day in rounds)})"] if rounds else []
    return " and ".join([*words, "meetings announced or called off"] if announced else words)


def find_causes(uninformed: ModelSpec, informed: ModelSpec) -> list[Cause]:
    """Values that became known between two layouts of the same weeks, in the order of indicators.toml."""
    found: dict[tuple[int, str], dict[int, set[Key]]] = {}
    for k, (before, after) in enumerate(zip(rows_by_factor(uninformed), rows_by_factor(informed), strict=True)):
        for key in {**before, **after}:
            if before.get(key) != after.get(key):
                kind = REVISED if key in before else ROWS
                found.setdefault((key[0], kind), {}).setdefault(k, set()).add(key)
    causes = []
    for (indicator, kind), keys in sorted(found.items()):
        title = informed.contracts[informed.panel.indicators[indicator]].title
        label = title if kind == ROWS else f"{title}, revised"
        causes.append(Cause(label, kind, {k: frozenset(some) for k, some in keys.items()}))
    return causes


class _FromDraws:
    """Probabilities from the draws of one fit, by which causes are known.

    Parameters
    ----------
    old : ModelSpec
        What the fit saw.
    days : sequence of (ModelSpec, list of Announcement)
        The earlier day; the later one, where nothing had become known; the later one.
    fit : StoredFit
    weight : float
        Of the fit in the headline.
    headline : int
        Place of the headline among the fit's horizons.
    causes : sequence of Cause
    seed : SeedSequence
        The same random numbers serve all sets of causes.
    """

    def __init__(
        self, old: ModelSpec, days: Sequence[Day], fit: StoredFit, headline: int, causes: Sequence[Cause], seed: np.random.SeedSequence
    ) -> None:  # fmt: skip
        self.old, self.days, self.fit, self.headline, self.causes = old, days, fit, headline, causes
        paths, self.stretches, self.forward = seed.spawn(3)
        self.seeds = paths.spawn(len(old.workspace.factors))
        self.path = np.asarray(fit.draws["path"], dtype=float)
        self.parameters, self.before = read_parameters(old, fit.draws), weigh_base(old, fit)
        self.old_rows, *self.rows = (rows_by_factor(spec) for spec in (old, *(spec for spec, _ in days)))
        self.factors: dict[tuple[int, bool, frozenset[int]], RedrawnFactor] = {}
        self.probabilities: dict[frozenset[int], tuple[Array, Weights]] = {}
        self.answers: dict[tuple[frozenset[int], frozenset[int]], Array] = {}

    def relevant(self, k: int, causes: frozenset[int]) -> frozenset[int]:
        """Causes that say something of a factor."""
        return frozenset(cause for cause in causes if k in self.causes[cause].keys)

    def day(self, causes: frozenset[int]) -> int:
        """Place in `days` of the window and the record."""
        kinds = {self.causes[cause].kind for cause in causes}
        return 0 if TIME not in kinds else 2 if kinds & {EVENTS, ROUNDS} else 1

    def factor(self, k: int, causes: frozenset[int]) -> RedrawnFactor:
        """One factor, its path to the later day, where some causes are known."""
        relevant, later = self.relevant(k, causes), self.day(causes) > 0 or self.rows[0][k] == self.rows[1][k]
        if (k, later, relevant) not in self.factors:
            own = dict(self.rows[int(later)][k])
            for key in (key for cause in relevant for key in self.causes[cause].keys[k]):
                own.pop(key, None)
                if key in self.rows[2][k]:
                    own[key] = self.rows[2][k][key]
            rows, rng = (self.old_rows[k], dict(sorted(own.items()))), np.random.default_rng(self.seeds[k])
            self.factors[k, later, relevant] = redraw_path(
                self.old, self.days[2][0], self.fit.window, k, rows, self.path, self.parameters, rng
            )
        return self.factors[k, later, relevant]

    def at(self, causes: frozenset[int]) -> tuple[Array, Weights]:
        """P_s of each draw, (draw,), and the weights of the draws where these causes are known."""
        if causes not in self.probabilities:
            parts = [self.factor(k, causes) for k in range(self.path.shape[1])]
            path, (spec, announcements) = np.stack([part.path for part in parts], axis=1), self.days[self.day(causes)]
            weeks = len(spec.panel.weeks) - self.fit.window.stored
            told = [k for k in range(len(parts)) if self.relevant(k, causes)]

            def hold(week: int, factors: Array) -> None:
                if week <= path.shape[2] - weeks:  # what values tell of weeks that are still ahead
                    factors[:, :, told] = path[:, None, told, weeks - 1 + week]

            updated = weigh(self.old, spec, self.fit, Redrawn.of(spec, self.fit.window, parts), self.stretches, self.before)
            _, found = look_ahead(spec, self.fit, updated, announcements, PATHS, self.forward, hold)
            self.probabilities[causes] = found.within[:, 0], updated.weights
        return self.probabilities[causes]

    def probability(self, paths: frozenset[int], weights: frozenset[int]) -> Array:
        """The headline with the paths that some causes give and the weights that others give: by all draws, then without each batch of them."""
        if (paths, weights) not in self.answers:
            within, smoothed = self.at(paths)[0], self.at(weights)[1]
            before, anchor = self.fit.within[:, self.headline], self.fit.anchors[self.headline]
            mean, _ = weighted_mean(within, smoothed, before, anchor, self.fit.efficiency)
            order = np.argsort(before, kind="stable")
            batches = [order[place::BATCHES] for place in range(BATCHES)]
            sums = np.array([(smoothed.values[some] @ within[some], smoothed.values[some].sum()) for some in batches])
            rest = sums.sum(axis=0) - sums
            self.answers[paths, weights] = np.concatenate([[mean], rest[:, 0] / rest[:, 1]])
        return self.answers[paths, weights]

    def step(self, causes: frozenset[int], cause: int) -> Array:
        """What a cause adds, and of this what it says of the factors: (part, 1 + batch)."""
        more = causes | {cause}
        neither, both = self.probability(causes, causes), self.probability(more, more)
        paths, weights = self.probability(more, causes), self.probability(causes, more)
        return np.stack([both - neither, 0.5 * ((paths - neither) + (both - weights))])


def _line(cause: Cause, parts: Array, orders: Array, pairs: int | None, days: int) -> Line:
    """A line from its parts, (part, 1 + batch), and the errors of not going through all orders; the Monte Carlo error by the delete-a-group jackknife."""
    draws = (BATCHES - 1) / np.sqrt(BATCHES) * parts[0, 1:].std(ddof=1)
    mcse, df = combine_errors([(float(draws), BATCHES - 1), (float(orders[0, 0]), inf if pairs is None else pairs - 1)])
    line = Line(cause.label, cause.kind, POINTS * float(parts[0, 0]), POINTS * mcse, df, pairs=pairs)
    if cause.kind == TIME:
        return replace(line, days=days)
    factors = POINTS * float(parts[1, 0])
    return replace(line, factors=factors, parameters=line.points - factors)


def combine_errors(errors: Sequence[tuple[float, float]]) -> tuple[float, float | None]:
    """Standard error of a sum and its degrees of freedom, after Welch and Satterthwaite; None for infinitely many.

    Parameters
    ----------
    errors : sequence of (float, float)
        Independent standard errors with their degrees of freedom.
    """
    variance = sum(error**2 for error, _ in errors)
    spread = sum(error**4 / df for error, df in errors)
    return variance**0.5, variance**2 / spread if spread > 0.0 else None


@dataclass(frozen=True)
class Shares:
    """What each cause is credited with.

    Parameters
    ----------
    values : ndarray (cause, …)
    errors : ndarray (cause, …)
        Standard errors from not going through all orders; zero of exact values.
    pairs : int or None
        Number of orders and reverses that values are the mean of, so that errors have one degree of freedom less; None of exact values.
    """

    values: Array
    errors: Array
    pairs: int | None


def share_out(
    causes: int,
    step: Callable[[frozenset[int], int], Array],
    seed: np.random.SeedSequence,
    most: int = VALUES,
    before: tuple[int, int] | None = None,
) -> Shares:
    """Share a change among causes.

    Parameters
    ----------
    causes : int
        At least one.
    step : callable
        What cause g adds where those of a set are there already, an array of any shape.
    seed : SeedSequence
    most : int
        Where there are no more sets of causes, the values are exact; else so many orders are drawn as ask for about as many sets, but at
        least four and their reverses.
    before : tuple of int, optional
        Two causes of which the first comes before the second in every order; all other orders count alike.
    """
    if 2**causes <= most:
        return _exact(causes, step, before)
    added = []
    pairs = max(LEAST_PAIRS, most // (2 * causes))
    for order in _random_orders(causes, pairs, np.random.default_rng(seed), before):
        parts = {cause: step(frozenset(order[:place]), cause) for place, cause in enumerate(order)}
        added.append(np.stack([parts[cause] for cause in range(causes)]))
    values = np.array(added)
    values = 0.5 * (values[::2] + values[1::2])
    return Shares(values.mean(axis=0), values.std(axis=0, ddof=1) / np.sqrt(pairs), pairs)


def _exact(causes: int, step: Callable[[frozenset[int], int], Array], before: tuple[int, int] | None) -> Shares:
    """Each set of causes with the share of all orders that begin with it."""
    everything = frozenset(range(causes))

    def orders(some: frozenset[int]) -> float:
        return factorial(len(some)) / (2 if before is not None and set(before) <= some else 1)

    values: dict[int, list[Array]] = {cause: [] for cause in everything}
    for known in (frozenset(some) for size in range(causes) for some in combinations(everything, size)):
        for cause in sorted(everything - known):
            rest = everything - known - {cause}
            if before is None or before[0] in known or before[1] in rest:
                values[cause].append(orders(known) * orders(rest) / orders(everything) * step(known, cause))
    found = np.array([np.sum(values[cause], axis=0) for cause in range(causes)])
    return Shares(found, np.zeros(found.shape), None)


def _random_orders(causes: int, pairs: int, rng: np.random.Generator, before: tuple[int, int] | None) -> Iterator[list[int]]:
    """Random orders, each followed by its reverse; where two stand the wrong way round they change places."""
    for _ in range(pairs):
        drawn = rng.permutation(causes).tolist()
        for order in (drawn, drawn[::-1]):
            if before is not None and order.index(before[0]) > order.index(before[1]):
                swap = {before[0]: before[1], before[1]: before[0]}
                order = [swap.get(cause, cause) for cause in order]
            yield order
