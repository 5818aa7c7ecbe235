r"""News: why the headline moved between two days, in lines that add up to the change.

With v(S) the probability from one stored fit's draws where of all that became known only the causes S are known,

    the earlier forecast → time passes, nothing is found: v(∅) → causes one by one, on the average over their orders: v(all) → the later forecast

A cause is an indicator's new values, its revised ones, or new announcements of meetings. What a cause adds is split in two: what it says of the
factors now (other paths, the draws' weights held) and what it teaches about parameters (other weights, paths held), either first, averaged. What is left
between v(all) and the later forecast is Monte Carlo error, or, where that has a fit of its own, the new fit with it. After the news of Bańbura and
Modugno 2014 ("Maximum likelihood estimation of factor models on datasets with arbitrary pattern of missing data"), for a model that is not linear.

Shapley values: a change shared among its causes, each credited with what it adds, averaged over the orders in which they could have come.

Shapley 1953, "A value for n-person games". For few causes all orders are gone through; for many, random orders and their reverses (Castro,
Gómez and Tejada 2009, "Polynomial calculation of the Shapley value based on sampling"). Within an order the parts add up to the whole, and so
they do on average.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from itertools import permutations
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ripeness.data.vintages import Vintage
from ripeness.elicitation.elicited import Priors
from ripeness.model.spec import ModelSpec, build_spec
from ripeness.model.terms.announcements import Announcement
from ripeness.reweighting.paths import Redrawn, redraw_path
from ripeness.reweighting.refusals import beyond_window
from ripeness.reweighting.reweighted import StoredFit, look_ahead, weigh
from ripeness.reweighting.stored import CORES, Base, base_spec
from ripeness.reweighting.weights import Weights, weighted_mean
from ripeness.reweighting.window import Key, read_parameters, rows_by_factor
from ripeness.workspace import Workspace

Array = NDArray[np.float64]
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
FEW, ORDERS = 5, 4  # up to so many causes all orders are gone through, of more this many
PATHS: Final = 4
BATCHES: Final = 20  # of draws, whose lines give the Monte Carlo error
POINTS: Final = 100.0


@dataclass(frozen=True)
class Cause:
    """Something that became known.

    Parameters
    ----------
    label : str
    kind : {"rows", "revision", "events"}
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
        Monte Carlo standard error, in points.
    factors, parameters : float or None
        Of these points: what is said of the factors now, and what is taught about parameters.
    """

    label: str
    kind: str
    points: float
    mcse: float
    factors: float | None = None
    parameters: float | None = None


@dataclass(frozen=True)
class Moved:
    """A change of the headline from one fit's draws.

    Parameters
    ----------
    lines : list of Line
        Time first, then causes, the largest first.
    before, after : float
        Probability at either end, by these draws.
    """

    lines: list[Line]
    before: float
    after: float


class NotReweighted(Exception):
    """The draws of the fit cannot be reweighted for the later day; says why."""

    def __init__(self, reasons: Sequence[str]) -> None:
        super().__init__("; ".join(reasons))
        self.reasons = list(reasons)


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
        Rounds that only the later one knows are left out.
    seed : int

    Raises
    ------
    NotReweighted
        If stored draws cannot be weighted by what has changed.
    """
    question = workspace.question
    headline = question.horizons_weeks.index(question.headline_weeks)
    shorter = question.model_copy(update={"horizons_weeks": [question.headline_weeks]})
    workspace = replace(workspace, question=shorter)
    started, found = build_spec(workspace, earlier, priors)
    seen = replace(later, events=earlier.events if later.rounds() != earlier.rounds() else later.events)
    uninformed, _ = build_spec(workspace, replace(later, values=earlier.values, events=earlier.events), priors)
    informed, announcements = build_spec(workspace, seen, priors)
    old = base_spec(informed, base)
    window = next(iter(base.fits.values())).window
    reasons = beyond_window(old, informed, window) + beyond_window(old, started, window)
    if reasons:
        raise NotReweighted(list(dict.fromkeys(reasons)))
    causes = find_causes(uninformed, informed, announcements != found)
    weights = {name: weight for name, weight in workspace.mixture.weights.items() if weight > 0.0}
    own = [
        _FromDraws(
            old,
            uninformed,
            informed,
            (found, announcements),
            base.fits[name],
            weights[name],
            headline,
            causes,
            np.random.SeedSequence([seed, place]),
        )
        for place, name in enumerate(weights)
    ]
    endpoints = [
        _FromDraws(
            old, started, started, (found, found), base.fits[name], weights[name], headline, [], np.random.SeedSequence([seed, place])
        )
        for place, name in enumerate(weights)
    ]
    before, nothing = _mean(endpoints, frozenset(), frozenset()), _mean(own, frozenset(), frozenset())
    held = any(day not in earlier.rounds() for day in later.rounds())
    lines = [_line(time_label((later.origin - earlier.origin).days, held), TIME, nothing - before, np.zeros(1))]
    after = nothing
    if causes:
        everything = frozenset(range(len(causes)))
        shares = share_out(len(causes), partial(_step, own), FEW, ORDERS, np.random.SeedSequence([seed, len(causes)]))
        after = _mean(own, everything, everything)
        rows = [
            replace(
                _line(cause.label, cause.kind, parts.sum(axis=0), errors.sum(axis=0)[:1]),
                factors=POINTS * float(parts[0, 0]),
                parameters=POINTS * float(parts[1, 0]),
            )
            for cause, parts, errors in zip(causes, shares.values, shares.errors, strict=True)
        ]
        lines += sorted(rows, key=lambda line: -abs(line.points))
    return Moved(lines, float(before[0]), float(after[0]))


def time_label(days: int, held: bool) -> str:
    """What the line of so many days is called: they pass and nothing is found; where rounds were held, as if none had been found."""
    number, noun = (days // 7, "week") if days % 7 == 0 else (days, "day")
    return f"{number} {noun}{'' if number == 1 else 's'}{', had no round been found' if held else ' in which nothing was found'}"


def find_causes(uninformed: ModelSpec, informed: ModelSpec, announced: bool) -> list[Cause]:
    """What became known between two layouts of the same weeks, in the order of indicators.toml; announcements last."""
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
    return causes + ([Cause("meetings announced or called off", EVENTS, {})] if announced else [])


class _FromDraws:
    """Probabilities from the draws of one fit, by which causes are known.

    Parameters
    ----------
    old, uninformed, informed : ModelSpec
        What the fit saw; the later day without and with all causes.
    announcements : tuple of list
        Without and with all causes.
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
        self, old: ModelSpec, uninformed: ModelSpec, informed: ModelSpec, announcements: tuple[list[Announcement], list[Announcement]],
        fit: StoredFit, weight: float, headline: int, causes: Sequence[Cause], seed: np.random.SeedSequence,
    ) -> None:  # fmt: skip
        self.old, self.uninformed, self.informed, self.announcements = old, uninformed, informed, announcements
        self.fit, self.weight, self.headline, self.causes = fit, weight, headline, causes
        paths, self.stretches, self.forward = seed.spawn(3)
        self.seeds = paths.spawn(len(old.workspace.factors))
        self.path = np.asarray(fit.draws["path"], dtype=float)
        self.parameters = read_parameters(old, fit.draws)
        self.rows = rows_by_factor(old), rows_by_factor(uninformed), rows_by_factor(informed)
        self.factors: dict[tuple[int, frozenset[int]], tuple[Array, Array]] = {}
        self.probabilities: dict[frozenset[int], tuple[Array, Weights]] = {}
        self.answers: dict[tuple[frozenset[int], frozenset[int]], Array] = {}

    def factor(self, k: int, causes: frozenset[int]) -> tuple[Array, Array]:
        """One factor's log ratio, (draw,), and path, (draw, week), where some of its causes are known."""
        relevant = frozenset(cause for cause in causes if k in self.causes[cause].keys)
        if (k, relevant) not in self.factors:
            own = dict(self.rows[1][k])
            for key in (key for cause in relevant for key in self.causes[cause].keys[k]):
                own.pop(key, None)
                if key in self.rows[2][k]:
                    own[key] = self.rows[2][k][key]
            rows, rng = (self.rows[0][k], dict(sorted(own.items()))), np.random.default_rng(self.seeds[k])
            self.factors[k, relevant] = redraw_path(self.old, self.informed, self.fit.window, k, rows, self.path, self.parameters, rng)
        return self.factors[k, relevant]

    def at(self, causes: frozenset[int]) -> tuple[Array, Weights]:
        """P_s of each draw, (draw,), and the weights of the draws where these causes are known."""
        if causes not in self.probabilities:
            parts = [self.factor(k, causes) for k in range(self.path.shape[1])]
            redrawn = Redrawn(np.stack([ratio for ratio, _ in parts], axis=1), np.stack([path for _, path in parts], axis=1))
            announced = any(self.causes[cause].kind == EVENTS for cause in causes)
            spec = replace(self.uninformed, announced=(self.informed if announced else self.uninformed).announced)
            updated = weigh(self.old, spec, self.fit, redrawn, self.stretches)
            _, found = look_ahead(spec, self.fit, updated, self.announcements[int(announced)], PATHS, self.forward)
            self.probabilities[causes] = found.within[:, 0], updated.weights
        return self.probabilities[causes]

    def probability(self, paths: frozenset[int], weights: frozenset[int]) -> Array:
        """The headline with the paths that some causes give and the weights that others give: by all draws, then by each batch."""
        if (paths, weights) not in self.answers:
            within, smoothed = self.at(paths)[0], self.at(weights)[1]
            before, anchor = self.fit.within[:, self.headline], self.fit.anchors[self.headline]
            mean, _ = weighted_mean(within, smoothed, before, anchor, self.fit.efficiency)
            order = np.argsort(before, kind="stable")
            batches = [order[place::BATCHES] for place in range(BATCHES)]
            of_batches = [float(smoothed.values[some] @ within[some] / smoothed.values[some].sum()) for some in batches]
            self.answers[paths, weights] = np.array([mean, *of_batches])
        return self.answers[paths, weights]


def _mean(fits: Sequence[_FromDraws], paths: frozenset[int], weights: frozenset[int]) -> Array:
    """The mixture of the fits, as the headline weighs them."""
    with ThreadPoolExecutor(CORES) as pool:  # kernels let go of Python's lock
        found = list(pool.map(lambda fit: fit.probability(paths, weights), fits))
    return np.asarray(np.average(found, axis=0, weights=[fit.weight for fit in fits]))


def _step(fits: Sequence[_FromDraws], causes: frozenset[int], cause: int) -> Array:
    """What a cause adds, (part, 1 + batch): what it says of the factors, and what it teaches about parameters."""
    more = causes | {cause}
    neither, both = _mean(fits, causes, causes), _mean(fits, more, more)
    paths, weights = _mean(fits, more, causes), _mean(fits, causes, more)
    of_paths = 0.5 * ((paths - neither) + (both - weights))
    return np.stack([of_paths, both - neither - of_paths])


def _line(label: str, kind: str, change: Array, sampled: Array) -> Line:
    """A line from the change by all draws and by batches, and the error of not going through all orders."""
    error = change[1:].std(ddof=1) / np.sqrt(BATCHES)
    return Line(label, kind, POINTS * float(change[0]), POINTS * float(np.hypot(error, sampled[0])))


@dataclass(frozen=True)
class Shares:
    """What each cause is credited with.

    Parameters
    ----------
    values : ndarray (cause, …)
    errors : ndarray (cause, …)
        Standard errors from not going through all orders; zero where all were.
    """

    values: Array
    errors: Array


def share_out(causes: int, step: Callable[[frozenset[int], int], Array], few: int, orders: int, seed: np.random.SeedSequence) -> Shares:
    """Share a change among causes.

    Parameters
    ----------
    causes : int
        At least one.
    step : callable
        What cause g adds where those of a set are there already, an array of any shape.
    few : int
        Up to so many causes all orders are gone through.
    orders : int
        Of more causes, how many; even, at least four.
    seed : SeedSequence
    """
    exact = causes <= few
    added = []
    for order in permutations(range(causes)) if exact else _random_orders(causes, orders, np.random.default_rng(seed)):
        parts: dict[int, Array] = {}
        for place, cause in enumerate(order):
            parts[cause] = step(frozenset(order[:place]), cause)
        added.append(np.stack([parts[cause] for cause in range(causes)]))
    values = np.array(added)
    if exact:
        return Shares(values.mean(axis=0), np.zeros(values.shape[1:]))
    pairs = 0.5 * (values[::2] + values[1::2])
    return Shares(pairs.mean(axis=0), pairs.std(axis=0, ddof=1) / np.sqrt(len(pairs)))


def _random_orders(causes: int, orders: int, rng: np.random.Generator) -> Iterator[tuple[int, ...]]:
    """Random orders, each followed by its reverse."""
    for _ in range(orders // 2):
        order = tuple(int(cause) for cause in rng.permutation(causes))
        yield order
        yield order[::-1]
