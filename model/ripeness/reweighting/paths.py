r"""Reweighting: draws of a stored fit with their last weeks integrated anew, weighted by rows that came in since.

A stored draw has parameters θ and paths z. Of each factor the path up to its last kept week W is kept with θ; what comes after, in the base
record's last weeks and in all later ones, is integrated under the base vintage and under the new one. Given θ each row speaks of one factor,
so that factors are taken one by one, and the draw's weight is the product of

.. math:: \frac{p(\text{rows of the new vintage that touch the window} \mid \theta, z_{\le W})}
               {p(\text{rows of the base vintage that touch the window} \mid \theta, z_{\le W})}

times the same ratio for the rounds (:mod:`ripeness.reweighting.reweighted`), which needs the paths that are drawn here.

**Unbiased, not approximate.** Neither probability is known in closed form: rows and innovations are Student-t, counts negative binomial. Both
are estimated without bias by importance sampling from a Gaussian (:mod:`ripeness.reweighting.integral`), with the mixing precisions of Student-t terms
as further variables: a pseudo-marginal ratio (Andrieu and Roberts 2009, "The pseudo-marginal approach for efficient Monte Carlo computations").
The base's estimate contains the stored path itself, which is a draw from its posterior; the new one takes over its noise ε and its
mixing precisions, so that most of the errors of the two cancel. Weighted so, the draws with their new paths have the new posterior exactly, however
crude the Gaussian; a crude one makes the weights more uneven, which k̂ and the effective draws show.

A mixing precision is redrawn, in `SETS` sets whose weights are averaged, where it matters: of rows that are new, revised or withdrawn, of the base's
rows of the last `RECENT` periods, and of innovations from the first week on that a changed row speaks of, or in the base's last `RECENT` weeks. It is drawn from a Gamma about its mean-field value, whose shape lies between the prior's and
that of a known residual by how far the residual is known on the average of all draws. The other mixing precisions are drawn once, given the
stored path, and held. A factor of which nothing new is said has weight one: its path is kept and runs on by its prior.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from ripeness.model.spec import ModelSpec
from ripeness.model.terms.factor_paths import simulate_ar1
from ripeness.model.terms.slow_levels import level_basis
from ripeness.reweighting.integral import Sites, integrate
from ripeness.reweighting.sites import Rows, fit_sites
from ripeness.reweighting.window import FactorWindow, Key, Parameters, Window, factor_window, read_parameters, rows_by_factor

Array = NDArray[np.float64]
Index = NDArray[np.int64]
RowsByKey = Mapping[Key, tuple[float, ...]]
FittedSites = tuple[Array, Array, Array, Array, Array, Array]
SETS = 8
DEFENSIVE = 0.2  # share of the mixing precisions that are drawn from their prior: no weight of one can be above its inverse
RECENT = 4


class RedrawnFactor(NamedTuple):
    """One factor's path under a new vintage.

    Parameters
    ----------
    log_ratio : ndarray (draw,)
        Log of the ratio of its window.
    path : ndarray (draw, week)
        From week `window.stored` to the new record's last.
    move : ndarray (draw,), optional
        Standardised move of its slow level at a knot that the record has crossed since the fit.
    """

    log_ratio: Array
    path: Array
    move: Array | None = None


@dataclass(frozen=True)
class Redrawn:
    """Stored draws under a new vintage.

    Parameters
    ----------
    log_ratio : ndarray (draw, factor)
        Log of the ratio of each factor's window.
    path : ndarray (draw, factor, week)
        Paths, from week `window.stored` to the new record's last.
    moves : ndarray (draw, level factor), optional
        Standardised moves of the slow levels at a knot that the record has crossed since the fit.
    """

    log_ratio: Array
    path: Array
    moves: Array | None = None

    @classmethod
    def of(cls, new: ModelSpec, window: Window, factors: Sequence[RedrawnFactor]) -> Redrawn:
        """All factors under a vintage, whose record may end before theirs."""
        weeks, moves = len(new.panel.weeks), [own.move for own in factors if own.move is not None]
        crossed = moves and len(level_basis(weeks)) > len(level_basis(window.weeks))
        return cls(
            np.stack([own.log_ratio for own in factors], axis=1),
            np.stack([own.path[:, : weeks - window.stored] for own in factors], axis=1),
            np.stack(moves, axis=1) if crossed else None,
        )


def redraw_paths(base: ModelSpec, new: ModelSpec, window: Window, draws: Mapping[str, Array], seed: np.random.SeedSequence) -> Redrawn:
    """Integrate the window under both vintages and draw a path under the new one.

    Parameters
    ----------
    base, new : ModelSpec
        Of the fit's vintage and of the new one; rows that do not touch the window are the same in both.
    window : Window
    draws : mapping of ndarray (draw, …)
        By the names of the posterior; `path` (draw, factor, week) from week `window.stored` to the base record's last.
    seed : SeedSequence
    """
    path = np.asarray(draws["path"], dtype=float)
    parameters = read_parameters(base, draws)
    rows = rows_by_factor(base), rows_by_factor(new)
    found = [
        redraw_path(base, new, window, k, (rows[0][k], rows[1][k]), path, parameters, np.random.default_rng(own))
        for k, own in enumerate(seed.spawn(path.shape[1]))
    ]
    return Redrawn.of(new, window, found)


def redraw_path(
    base: ModelSpec, new: ModelSpec, window: Window, k: int, rows: tuple[RowsByKey, RowsByKey], path: Array, parameters: Parameters,
    rng: np.random.Generator,
) -> RedrawnFactor:  # fmt: skip
    """Integrate one factor's window anew, or run its path on where nothing new is said of it.

    Parameters
    ----------
    base, new : ModelSpec
    window : Window
    k : int
        The factor.
    rows : tuple of dict
        Its rows under either vintage, as :func:`ripeness.reweighting.window.rows_by_factor` gives them.
    path : ndarray (draw, factor, week)
        Stored paths of all factors.
    parameters : Parameters
    rng : Generator
    """
    before, after = (factor_window(spec, window, k, own, path, parameters) for spec, own in zip((base, new), rows, strict=True))
    more = len(new.panel.weeks) - window.weeks
    redrawn = np.concatenate([path[:, k], np.empty((len(path), more))], axis=1)
    if before.contents == after.contents and not after.moved:
        extend_path(redrawn, more, after.rows, rng)
        return RedrawnFactor(np.zeros(len(path)), redrawn)
    start = int(window.kept[k]) + 1 - window.stored
    log_ratio, states = redraw_factor(before, after, np.ascontiguousarray(path[:, k, start:]), rng)
    redrawn[:, start:] = states[:, : redrawn.shape[1] - start]
    return RedrawnFactor(log_ratio, redrawn, states[:, -1] if after.moved else None)


def extend_path(path: Array, more: int, rows: Rows, rng: np.random.Generator) -> None:
    """Fill the last `more` weeks of paths (draw, week) by their prior."""
    phi, df, known = rows.persistence[:, None], rows.df[0], path.shape[1] - more
    onward = simulate_ar1(path[:, known - 1 : known], phi, np.array([df > 0.0]), df, rng)
    for t in range(known, path.shape[1]):
        path[:, t] = next(onward)[:, 0]


def redraw_factor(before: FactorWindow, after: FactorWindow, path: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """Integrate one factor's window under both vintages, and draw its states under the new one.

    Parameters
    ----------
    before, after : FactorWindow
        Under the base vintage and the new one.
    path : ndarray (draw, week)
        Stored states, a draw of the posterior under `before`.
    rng : Generator

    Returns
    -------
    log_ratio : ndarray (draw,)
        Log of an unbiased estimate of p(rows after)/p(rows before), up to a constant of the rows.
    states : ndarray (draw, state)
        Under the new vintage; properly weighted by the ratio.
    """
    draws, weeks = path.shape
    states = len(after.rows.envelope)
    drawn = _FreeMixing(before, after, weeks)
    held = mixing_given(before.rows, path, rng)
    fitted = drawn.fit_sites(before, held), drawn.fit_sites(after, held)
    mixing, log_ratio = drawn.draw(fitted, held, rng)
    later, uniform = rng.normal(size=(draws, states - weeks)), rng.random(draws)
    noise, redrawn = np.empty((draws, weeks)), np.empty((draws, states))
    old = integrate(before.rows, drawn.sites(before, fitted[0], mixing, log_ratio), True, path, noise, uniform)
    noise = np.concatenate([noise, later], axis=1)
    new = integrate(after.rows, drawn.sites(after, fitted[1], mixing, log_ratio), False, redrawn, noise, uniform)
    return new - old, redrawn


def mixing_given(rows: Rows, path: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """Mixing precisions of rows and innovations drawn from their distribution given the states: (draw, row), (draw, week); one where none applies."""
    df, row_df = rows.df
    summed = np.concatenate([np.zeros((len(path), 1)), np.cumsum(path, axis=1)], axis=1)
    strength = (summed[:, rows.last + 1] - summed[:, rows.first]) * rows.share
    off = (rows.target - rows.slope * strength) ** 2 * rows.precision
    by_row = np.where(rows.bent, rng.standard_gamma(0.5 * (row_df + 1.0), size=off.shape) / (0.5 * (row_df + off)), 1.0)
    if df == 0.0:
        return by_row, np.ones(path.shape)
    earlier = np.concatenate([rows.before[:, None], path[:, :-1]], axis=1)
    phi = rows.persistence[:, None]
    shock = (path - phi * earlier) ** 2 / (1.0 - phi * phi) * df / (df - 2.0)
    return by_row, rng.standard_gamma(0.5 * (df + 1.0), size=shock.shape) / (0.5 * (df + shock))


class _FreeMixing:
    """Which mixing precisions are redrawn, of rows by key and of innovations by week, and where each stands in either vintage.

    Parameters
    ----------
    before, after : FactorWindow
    weeks : int
        Weeks of the base record in the window.
    """

    def __init__(self, before: FactorWindow, after: FactorWindow, weeks: int) -> None:
        last = {key: int(state) for side in (before, after) for key, state in zip(side.contents, side.rows.last, strict=True)}
        first = {key: int(state) for side in (before, after) for key, state in zip(side.contents, side.rows.first, strict=True)}
        continuous = [key for side in (before, after) for key, count in zip(side.contents, side.rows.counted, strict=True) if count < 0.0]
        changed = {key for key in last if before.contents.get(key) != after.contents.get(key)}
        periods = sorted({last[key] for key in continuous if key in before.contents})[-RECENT:] if changed & set(continuous) else []
        bent = {key for side in (before, after) for key, own in zip(side.contents, side.rows.bent, strict=True) if own}
        self.keys = [key for key in dict.fromkeys(continuous) if key in bent and (key in changed or last[key] in periods)]
        begin = max(min([weeks - RECENT, *(first[key] for key in changed)]), 0)
        df, row_df = after.rows.df
        self.weeks = list(range(begin, int(after.rows.weeks[0]))) if df > 0.0 else []
        self.df = np.array([row_df] * len(self.keys) + [df] * len(self.weeks))
        self.sides = (before, after)

    def rows(self, side: FactorWindow) -> tuple[Index, Index]:
        """Places of redrawn rows among all that is redrawn, and among the rows of a side."""
        order = list(side.contents)
        return _columns([(u, order.index(key)) for u, key in enumerate(self.keys) if key in side.contents])

    def innovations(self, side: FactorWindow) -> tuple[Index, Index]:
        """Places of redrawn innovations among all that is redrawn, and among the weeks of a side."""
        return _columns([(u, t) for u, t in enumerate(self.weeks, start=len(self.keys)) if t < side.rows.weeks[0]])

    def fit_sites(self, side: FactorWindow, held: tuple[Array, Array]) -> FittedSites:
        """Fit the sites of a side, with the base's mixing precisions where they are held."""
        before, draws = self.sides[0], len(held[0])
        by_row, by_week = np.ones((draws, len(side.contents))), np.ones((draws, int(side.rows.weeks[0])))
        order = {key: j for j, key in enumerate(before.contents)}
        pairs = [(j, order[key]) for j, key in enumerate(side.contents) if key in order]
        here, there = _columns(pairs)
        by_row[:, here], by_week[:, : held[1].shape[1]] = held[0][:, there], held[1]
        found: FittedSites = fit_sites(side.rows, by_row, by_week, self.rows(side)[1], self.innovations(side)[1])
        return found

    def draw(self, fitted: tuple[FittedSites, FittedSites], held: tuple[Array, Array], rng: np.random.Generator) -> tuple[Array, Array]:
        """Sets of mixing precisions, (draw, set, item), and the log of their prior density over the density they were drawn from.

        The first set has what is held for items of the base: given the path, it is a draw of their posterior.
        """
        draws, items = len(held[0]), len(self.df)
        sets = SETS if items else 1
        means, shares, known = np.ones((2, draws, items)), np.zeros((2, items)), np.zeros((2, items))
        for place, (side, found) in enumerate(zip(self.sides, fitted, strict=True)):
            for (own, there), mean, knows in zip((self.rows(side), self.innovations(side)), found[2:4], found[4:], strict=True):
                means[place][:, own], known[place, own], shares[place, own] = mean[:, there], knows[:, there].mean(axis=0), 1.0
        prior = 0.5 * self.df
        shapes = prior + 0.5 * known
        rates = shapes[:, None] / means
        shares *= (1.0 - DEFENSIVE) / np.maximum(shares.sum(axis=0), 1.0)
        pick = rng.random((draws, sets, items))
        of_prior, of_base = pick < DEFENSIVE, pick < DEFENSIVE + shares[0]
        shape = np.where(of_prior, prior, np.where(of_base, shapes[0], shapes[1]))
        mixing = rng.standard_gamma(shape) / np.where(of_prior, prior, np.where(of_base, rates[0][:, None], rates[1][:, None]))
        before = self.sides[0]
        for (own, there), values in zip((self.rows(before), self.innovations(before)), held, strict=True):
            mixing[:, 0, own] = values[:, there]
        logs = np.log(mixing)
        constants = shapes[:, None] * np.log(rates) - gammaln(shapes)[:, None] - prior * np.log(prior) + gammaln(prior)
        over_prior = np.full(mixing.shape, DEFENSIVE)
        for place in range(2):
            exponent = (shapes[place] - prior) * logs - (rates[place] - prior)[:, None] * mixing + constants[place][:, None]
            over_prior += shares[place] * np.exp(exponent)
        return mixing, 0.5 * logs - np.log(over_prior)

    def sites(self, side: FactorWindow, fitted: FittedSites, mixing: Array, log_ratio: Array) -> Sites:
        """Sites of a side with the sets of mixing precisions of what stands in it."""
        (row_items, rows), (week_items, weeks) = self.rows(side), self.innovations(side)
        log_prior = log_ratio[:, :, row_items].sum(axis=2) + log_ratio[:, :, week_items].sum(axis=2)
        by_row, by_week = (np.ascontiguousarray(mixing[:, :, items]) for items in (row_items, week_items))
        return Sites(*fitted[:4], rows, weeks, by_row, by_week, log_prior)


def _columns(pairs: list[tuple[int, int]]) -> tuple[Index, Index]:
    table = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return np.ascontiguousarray(table[:, 0]), np.ascontiguousarray(table[:, 1])
