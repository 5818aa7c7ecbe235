r"""What other wars say of mechanisms: the hierarchical hazard of the return of talks, fitted to a panel of conflict-months.

With country c and war w of month i, its silence s and the months with talks before it k, the log hazard, as `wars` has it, is

.. math:: \eta_i = f(\ln s_i) + \gamma \ln(1 + k_i) + u_c + v_w + \sum_j (\beta_j + b_{jc}) x_{ij},

f a cubic B-spline with inner knots at the quartiles, or a constant of its own where a war never talked; :math:`u, v, b` normal with a half-normal standard deviation each, x as of the month before.
*Leave-country-out*: countries are dealt into folds, and each fold is predicted by a fit without it, with intercepts and slopes of its countries drawn anew; scores are log scores
summed by country, their intervals bootstrap over countries. *Placebo leads* (Autor 2003): each covariate is replaced by what its value of months later
adds to the present one (the residual of a regression on it, by Frisch, Waugh and Lovell), which should tell nothing; where it does, talks are expected by the covariate or
cause it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ripeness.data.tables import NUMBER, TEXT, WHOLE, Form, Rule, convert, text_rule
from ripeness.errors import ContentError, Fault
from ripeness.evaluation.wars import (
    EVENT,
    FULL,
    QUANTILES,
    SD,
    USUAL_RATE,
    Array,
    Index,
    Sampling,
    convergence,
    onset_probability,
    ratio_interval,
    sample_graph,
)
from ripeness.workspace.csv import check_header, faults_of_rows, read_csv_file

if TYPE_CHECKING:
    import pymc as pm
    import xarray as xr

Progress = Callable[[str], None]

COLUMNS: Final = (
    *("mechanism", "ratio", "lower", "upper", "per", "months", "onsets", "wars", "country_sd"),
    *("placebo_ratio", "placebo_lower", "placebo_upper"),
)
REQUIRED: Final = ("war", "country", "month", "talks")
AT_RISK: Final = 2  # silent months
LEAD: Final = 6  # months by which a placebo is moved into the future
FOLDS: Final = 5
BOOTSTRAPS: Final = 4000
CURVE, COVARIATES = "dormancy and history against a constant rate", "covariates against dormancy and history"
_MONTH = re.compile(r"[12]\d{3}-(0[1-9]|1[0-2])", re.ASCII)


def read_panel(path: Path, shown: Path) -> pd.DataFrame:
    """Read and check a panel: war, country, month (YYYY-MM), talks (1 where there were any, else 0), and a column of numbers for each covariate.

    Every war has all its months from the first to the last, whether at risk or not.

    Returns
    -------
    DataFrame (war and month)
        The columns as they are; month is counted from year 0; sorted by war and month.

    Raises
    ------
    ContentError
        With file and line of everything that is wrong.
    """
    cells = read_csv_file(path, shown)
    covariates = tuple(name for name in dict.fromkeys(cells.header) if name not in REQUIRED)
    faults = check_header(cells.header, shown, REQUIRED, covariates)
    if not covariates or not all(covariates) or "line" in covariates:
        found = "a column named 'line'" if "line" in covariates else "a column without a name" if covariates else "no covariate"
        mend = "add or rename the column"
        faults.append(Fault(shown, 1, found, f"{','.join(REQUIRED)} and a named column for each covariate", mend))
    if faults:
        raise ContentError(faults)
    types = dict.fromkeys(REQUIRED[:3], TEXT) | {"talks": WHOLE} | dict.fromkeys(covariates, NUMBER)
    table = convert(cells, Form(types))
    table.check(
        [
            text_rule("war", "the name of a war", "name it"),
            text_rule("country", "the name of a country", "name it"),
            Rule(
                "month",
                ("month",),
                lambda rows: rows["month"].str.fullmatch(_MONTH),
                lambda row, _: (f"month '{row['month']}'", "a month such as 1994-05", "write it as YYYY-MM"),
            ),
            Rule(
                "talks",
                ("talks",),
                lambda rows: rows["talks"] <= 1,
                lambda row, _: (f"talks '{row['talks']}'", "1 where there were any in the month, else 0", "write 1 or 0"),
            ),
        ]
    )
    panel = table.sound()
    panel["month"] = panel["month"].str[:4].astype(int) * 12 + panel["month"].str[5:].astype(int) - 1
    panel = panel.sort_values(["war", "month"], ignore_index=True)
    faults = _faults_of_wars(panel, shown) or [
        Fault(shown, None, f"'{name}' with the same value everywhere", "a covariate that varies", "leave the column out")
        for name in covariates
        if panel[name].nunique() == 1
    ]
    if faults:
        raise ContentError(faults)
    return panel


def _faults_of_wars(panel: pd.DataFrame, shown: Path) -> list[Fault]:
    """Of months that do not follow each other, and of wars in two countries; `panel` is sorted."""
    same = (panel["war"] == panel["war"].shift()).to_numpy()
    steps = panel["month"].diff().to_numpy()
    lines = panel["line"].to_numpy()
    twice, gaps = np.flatnonzero(same & (steps == 0)), np.flatnonzero(same & (steps > 1))
    moved = np.flatnonzero(same & (panel["country"] != panel["country"].shift()).to_numpy())

    def at(row: int) -> str:
        month = int(panel["month"][row])
        return f"{month // 12:04d}-{month % 12 + 1:02d} of war '{panel['war'][row]}'"

    every = "every month of a war from its first to its last, once"
    return sorted(
        [
            *faults_of_rows(shown, lines, twice, lambda row: (f"{at(row)} twice", every, "remove one of the lines")),
            *faults_of_rows(shown, lines, gaps, lambda row: (f"{at(row)} after a gap", every, "add the months between, or name two wars")),
            *faults_of_rows(
                shown, lines, moved, lambda row: (f"{at(row)} in '{panel['country'][row]}'", "one country a war", "name two wars")
            ),
        ],
        key=lambda fault: fault.line or 0,
    )


@dataclass(frozen=True)
class Months:
    """The months at risk of a panel, laid out for `build_hazard`.

    Attributes
    ----------
    onset : ndarray (month,)
        1 where talks returned.
    country, war : ndarray (month,)
        Places in `countries` and `wars`.
    spline : ndarray (month, knot)
        The basis in log months of silence; zeros where a war never talked.
    never : ndarray (month,)
        1 where a war never talked.
    track : ndarray (month,)
        log(1 + months with talks before).
    x : ndarray (month, covariate)
        As of the month before: an event as it is, else in standard deviations from the mean.
    lead : ndarray (month, covariate)
        What x of `LEAD` months later adds to x of now, in the same units; NaN beyond the war's record.
    countries, wars, covariates : tuple of str
    per : tuple of str
        "event" or "SD", of each covariate.
    """

    onset: Index
    country: Index
    war: Index
    spline: Array
    never: Array
    track: Array
    x: Array
    lead: Array
    countries: tuple[str, ...]
    wars: tuple[str, ...]
    covariates: tuple[str, ...]
    per: tuple[str, ...]


def lay_out_months(panel: pd.DataFrame, shown: Path) -> Months:
    """Which months of a panel are at risk, and what the hazard reads in them.

    A war's first month is left out, as nothing is known of the month before.

    Raises
    ------
    ContentError
        If there are fewer than two countries, or too few returns to draw a curve through.
    """
    covariates = tuple(name for name in panel.columns if name not in (*REQUIRED, "line"))
    wars = panel.groupby("war")
    place, talks = wars.cumcount(), panel["talks"].astype(bool)
    last = place.where(talks).groupby(panel["war"]).ffill().groupby(panel["war"]).shift()
    silent: Array = np.asarray(place - last - 1, np.float64)  # NaN: never talked
    track = np.log1p((wars["talks"].cumsum() - panel["talks"]).to_numpy(float))
    kept = np.flatnonzero((place > 0) & (np.isnan(silent) | (silent >= AT_RISK)))
    country, countries = pd.factorize(panel["country"].iloc[kept], sort=True)
    onset, silent = panel["talks"].to_numpy(np.int64)[kept], silent[kept]
    returned = np.unique(silent[onset == 1])
    if len(countries) < 2 or np.count_nonzero(~np.isnan(returned)) < 2:
        found = f"{len(countries)} countries with months at risk and {int(onset.sum())} onsets in them"
        raise ContentError(Fault(shown, None, found, "two countries, and returns after two lengths of silence", "add wars"))
    values = panel[list(covariates)]
    events = [set(values[name]) <= {0.0, 1.0} for name in covariates]
    centre, scale = (np.where(events, plain, found) for plain, found in ((0.0, values.mean()), (1.0, values.std(ddof=0))))
    scaled = pd.DataFrame((values.to_numpy() - centre) / scale)
    x, later = (scaled.groupby(panel["war"]).shift(by).to_numpy(float)[kept] for by in (1, 1 - LEAD))
    war, names = pd.factorize(panel["war"].iloc[kept], sort=True)
    never = np.isnan(silent)
    return Months(
        onset,
        country,
        war,
        _spline(silent, never),
        never.astype(float),
        track[kept],
        x,
        _added(later, x),
        tuple(countries),
        tuple(names),
        covariates,
        tuple(EVENT if event else SD for event in events),
    )


def _spline(silent: Array, never: NDArray[np.bool_]) -> Array:
    """A cubic B-spline in the log of months of silence, with inner knots at the quartiles."""
    from scipy.interpolate import BSpline

    log_silent = np.log(silent[~never])
    ends = np.array([log_silent.min(), log_silent.max()])
    inner = np.unique(np.quantile(log_silent, (0.25, 0.5, 0.75)))
    knots = np.concatenate([np.repeat(ends[0], 4), inner[(inner > ends[0]) & (inner < ends[1])], np.repeat(ends[1], 4)])
    basis = np.zeros((len(silent), len(knots) - 4))
    basis[~never] = BSpline.design_matrix(log_silent, knots, 3).toarray()
    return basis


def _added(later: Array, now: Array) -> Array:
    """Residuals of each column of `later` on a constant and the same column of `now`; NaN where there is no later value."""
    added = np.full(now.shape, np.nan)
    there = ~np.isnan(later).any(axis=1)
    for j in range(now.shape[1] if there.sum() > 2 else 0):
        design = np.column_stack([np.ones(there.sum()), now[there, j]])
        added[there, j] = later[there, j] - design @ np.linalg.lstsq(design, later[there, j], rcond=None)[0]
    return added


def build_hazard(months: Months) -> pm.Model:
    """The hierarchical hazard of a panel.

    Its data may be replaced: `x` (month, covariate), and `trials` (month,) with `onsets` (month,), 0 both where a month is left out. The log hazard
    ratios are `slope` (covariate,), their spread between countries `slope_sd`; `probability` (month,) is that of an onset, whether left out or not.
    """
    import pymc as pm

    coords = {"country": months.countries, "war": months.wars, "covariate": months.covariates}
    with pm.Model(coords=coords) as model:
        x, trials = pm.Data("x", months.x), pm.Data("trials", np.ones(len(months.onset), np.int64))
        onsets = pm.Data("onsets", months.onset)
        curve = pm.Normal("curve", np.log(USUAL_RATE), 1.5, shape=months.spline.shape[1])
        never, track = pm.Normal("never_talked", np.log(USUAL_RATE), 1.5), pm.Normal("track", 0.0, 0.5)
        country = pm.HalfNormal("country_sd", 0.5) * pm.Normal("of_country", 0.0, 1.0, dims="country")
        war = pm.HalfNormal("war_sd", 0.5) * pm.Normal("of_war", 0.0, 1.0, dims="war")
        slope, slope_sd = pm.Normal("slope", 0.0, 0.5, dims="covariate"), pm.HalfNormal("slope_sd", 0.2, dims="covariate")
        slopes = slope + slope_sd * pm.Normal("slope_by_country", 0.0, 1.0, dims=("country", "covariate"))
        eta = pm.math.dot(months.spline, curve) + never * months.never + track * months.track
        eta = eta + country[months.country] + war[months.war] + (x * slopes[months.country]).sum(axis=1)
        probability = pm.Deterministic("probability", onset_probability(eta))
        # the binomial's log density without its constant, which would be computed anew at every step
        pm.Potential("returned", (onsets * pm.math.log(probability) - (trials - onsets) * pm.math.exp(eta)).sum())
    return model


def fit_panel(
    months: Months, seed: int, sampling: Sampling = FULL, folds: int = FOLDS, progress: Progress = lambda _: None
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Hazard ratios of a panel's covariates, their placebo leads, and leave-country-out scores.

    Parameters
    ----------
    months : Months
    seed : int
    sampling : Sampling
        Of each fit.
    folds : int
        Into so many parts are the countries dealt, at most one each.
    progress : callable

    Returns
    -------
    tuple
        Rows of `COLUMNS`; and scores (a list: what against what, nats over all months, their 90 % interval), and the worst of what `convergence`
        says of the fits.
    """
    import nutpie

    progress("compiling the hazard")
    compiled = nutpie.compile_pymc_model(build_hazard(months))
    sampled: list[dict[str, float]] = []

    def sample(what: str, x: Array, trials: Index) -> xr.DataTree:
        progress(what)
        draws = sample_graph(compiled, seed, sampling, x=x, trials=trials, onsets=months.onset * trials)
        sampled.append(convergence(draws, "slope", "slope_sd", "country_sd", "war_sd"))
        return draws

    everything = np.ones(len(months.onset), np.int64)
    drawn = sample("hazard ratios", months.x, everything)
    known = (~np.isnan(months.lead).any(axis=1)).astype(np.int64)
    placebo = sample("placebo leads", np.nan_to_num(months.lead), known) if known.any() else None
    fold = np.random.default_rng(seed).permutation(len(months.countries)) % min(folds, len(months.countries))
    predicted: dict[str, Array] = {name: np.zeros(len(months.onset)) for name in (CURVE, COVARIATES, "constant")}
    for number in np.unique(fold):
        out = fold[months.country] == number
        trials = (~out).astype(np.int64)
        predicted["constant"][out] = (months.onset[~out].sum() + 0.5) / ((~out).sum() + 1)
        for name, x in ((CURVE, np.zeros_like(months.x)), (COVARIATES, months.x)):
            fitted = sample(f"fold {number + 1} left out: {name}", x, trials)
            predicted[name][out] = fitted["posterior"].to_dataset()["probability"].mean(("chain", "draw")).values[out]
    rows = []
    posterior = drawn["posterior"].to_dataset()
    of_leads = None if placebo is None else placebo["posterior"].to_dataset()
    for place, name in enumerate(months.covariates):
        slope = posterior["slope"].values[..., place].ravel()
        lead = {} if of_leads is None else ratio_interval(of_leads["slope"].values[..., place].ravel(), "placebo_")
        counted = {"months": len(months.onset), "onsets": int(months.onset.sum()), "wars": len(months.wars)}
        spread = float(np.median(posterior["slope_sd"].values[..., place]))
        rows.append({"mechanism": name, **ratio_interval(slope), "per": months.per[place], **counted, "country_sd": spread, **lead})
    scores = [
        score_difference(months, predicted[better], predicted[worse], seed) | {"what": better}
        for better, worse in ((CURVE, "constant"), (COVARIATES, CURVE))
    ]
    fits = pd.DataFrame(sampled)
    worst = {"rhat": fits["rhat"].max(), "ess_bulk": fits["ess_bulk"].min(), "divergences": int(fits["divergences"].sum())}
    return rows, {"scores": scores, **worst}


def score_difference(months: Months, probability: Array, reference: Array, seed: int) -> dict[str, float]:
    """Log score of one set of probabilities over another's, summed over months, with a bootstrap over countries.

    Parameters
    ----------
    months : Months
    probability, reference : ndarray (month,)
        Of an onset, in (0, 1).
    seed : int

    Returns
    -------
    dict
        nats, above zero where `probability` is better; lower and upper, 5 and 95 % of the bootstrap.
    """
    gained = np.where(months.onset == 1, np.log(probability / reference), np.log1p(-probability) - np.log1p(-reference))
    by_country = np.bincount(months.country, weights=gained)
    again = np.random.default_rng(seed).integers(len(by_country), size=(BOOTSTRAPS, len(by_country)))
    lower, upper = np.quantile(by_country[again].sum(axis=1), (QUANTILES[0], QUANTILES[-1]))
    return {"nats": float(gained.sum()), "lower": float(lower), "upper": float(upper)}
