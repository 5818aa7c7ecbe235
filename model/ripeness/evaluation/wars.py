r"""What other wars say of a mechanism: a discrete-time hazard of the return of talks, refitted from counts of months.

The hazard has a complementary log-log link (Prentice and Gloeckler 1978), so that a coefficient is a log hazard ratio: with :math:`\eta` the log hazard of a
month at risk, talks return in it with probability :math:`1 - \exp(-e^\eta)`. A war is at risk once it has been silent for two months, or never talked.

Mechanism m has :math:`y_{bd}` onsets in :math:`n_{bd}` months at risk with its covariate in bin b and dormancy in class d,

.. math:: y_{bd} \sim \mathrm{Binomial}(n_{bd}, 1 - \exp(-e^{\alpha_{md} + \beta_m x_{mb}})),

with :math:`\alpha \sim N(\ln 0.03, 1.5)`, wide about a monthly rate of 3 %, and :math:`\beta \sim N(0, 1)`. Mechanisms share no parameter, so that fitting
them at once is fitting one at a time. An event has x = 0 (absent) and 1 (present). A covariate that was cut into low, middle and high has as x the mean of a standard normal
within the stretch that holds the bin's share of months (normal scores, van der Waerden), so that :math:`\beta` is per standard deviation: the counts
keep neither means nor spread, and edges alone overstate the middle. For a Laplace distribution, with tails as heavy as some of these have, the outer thirds lie
at 0.99 standard deviations instead of 1.09, so that a log ratio is understated by about a tenth.

Months of one war are no independent trials, and the counts do not say which are of one war. The standard error is therefore multiplied by what clustering
cost where it was measured: the standard error that the panel's published interval implies, over that of the counts, and never less than 1; of a
mechanism without a published ratio the root mean square of the others. The published fit has intercepts by war and country and slopes by country besides fifteen covariates, so
that this factor holds them too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ripeness.data.tables import NUMBER, TEXT, WHOLE, Form, Rule, Table, read_table, text_rule
from ripeness.elicitation.reference import Z90
from ripeness.errors import did_you_mean
from ripeness.workspace import Workspace

if TYPE_CHECKING:
    import pymc as pm
    import xarray as xr

Array = NDArray[np.float64]
Index = NDArray[np.signedinteger[Any]]

COUNTS: Final = "other_wars_counts.csv"
PUBLISHED: Final = "other_wars_ratios.csv"
COLUMNS: Final = (
    *("mechanism", "ratio", "lower", "upper", "per", "months", "onsets", "wars_at_least", "log_ratio", "standard_error", "inflation"),
    *("published_ratio", "published_lower", "published_upper"),
)
EVENT, SD = "event", "SD"
LEVELS: Final = {EVENT: ("absent", "present"), SD: ("low", "middle", "high")}
QUANTILES: Final = (0.05, 0.5, 0.95)
USUAL_RATE: Final = 0.03  # a month


@dataclass(frozen=True)
class Sampling:
    """How much is drawn.

    Parameters
    ----------
    chains, tune, draws : int
        Draws are per chain and kept after tuning.
    """

    chains: int = 4
    tune: int = 1000
    draws: int = 1000


FULL: Final = Sampling()
_COUNTS = Form({"mechanism": TEXT, "covariate": TEXT, "months_dormant": TEXT, "months_at_risk": WHOLE, "onsets": WHOLE, "wars": WHOLE})
_PUBLISHED = Form({"mechanism": TEXT, "ratio": NUMBER, "lower": NUMBER, "upper": NUMBER})


def read_counts(workspace: Workspace) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The counts of other_wars_counts.csv and the ratios published for their mechanisms, of other_wars_ratios.csv.

    Returns
    -------
    tuple of DataFrame
        (bin of a mechanism and class of dormancy): mechanism, covariate (a level of `LEVELS`), months_dormant, months_at_risk, onsets, wars; and
        (mechanism): ratio with its 90 % interval.

    Raises
    ------
    ContentError
        With file and line of everything that is wrong.
    """
    paths = [workspace.priors / name for name in (COUNTS, PUBLISHED)]
    counts = read_table(paths[0], workspace.shown(paths[0]), _COUNTS, _rules_of_counts)
    known = set(counts["mechanism"])
    rules = [
        Rule(
            "known",
            ("mechanism",),
            lambda rows: rows["mechanism"].isin(known) & ~rows["mechanism"].duplicated(),
            lambda row, _: (
                f"mechanism '{row['mechanism']}'",
                f"each mechanism of {COUNTS} at most once",
                "remove the line" if row["mechanism"] in known else did_you_mean(row["mechanism"], sorted(known)),
            ),
        ),
        Rule(
            "order",
            ("ratio", "lower", "upper"),
            lambda rows: (rows["lower"] > 0) & (rows["lower"] < rows["ratio"]) & (rows["ratio"] < rows["upper"]),
            lambda row, _: (f"{row['lower']}, {row['ratio']}, {row['upper']}", "0 < lower < ratio < upper", "put them in order"),
        ),
    ]
    return counts, read_table(paths[1], workspace.shown(paths[1]), _PUBLISHED, rules)


def _rules_of_counts(table: Table) -> list[Rule]:
    named: dict[str, set[str]] = {str(name): set(rows) for name, rows in table.frame.groupby("mechanism")["covariate"]}
    key = ["mechanism", "covariate", "months_dormant"]
    forms = " or ".join(", ".join(levels) for levels in LEVELS.values())
    return [
        text_rule("mechanism", "the name of a mechanism", "name it"),
        text_rule("months_dormant", "a class of dormancy, such as 2-3", "name it"),
        Rule(
            "levels",
            ("mechanism", "covariate"),
            lambda rows: rows["mechanism"].map(lambda name: any(named[name] == set(levels) for levels in LEVELS.values())),
            lambda row, _: (
                f"'{row['mechanism']}' with {', '.join(sorted(named[row['mechanism']]))}",
                f"all of {forms}",
                "correct covariate, or add the missing lines",
            ),
        ),
        Rule(
            "unique",
            tuple(key),
            lambda rows: ~rows.duplicated(key),
            lambda row, _: (f"{', '.join(row[name] for name in key)} twice", "each once", "remove one of the lines"),
        ),
        Rule(
            "onsets",
            ("months_at_risk", "onsets"),
            lambda rows: (rows["months_at_risk"] > 0) & (rows["onsets"] <= rows["months_at_risk"]),
            lambda row, _: (
                f"{row['onsets']} onsets in {row['months_at_risk']} months",
                "at most one a month, in at least one",
                "correct them",
            ),
        ),
    ]


def covariate_values(counts: pd.DataFrame) -> Array:
    """What stands for the covariate in each line of counts: 0 or 1 of an event, else the normal score of its bin.

    Parameters
    ----------
    counts : DataFrame (row)
        As `read_counts` gives them.

    Returns
    -------
    ndarray (row,)
        In events, or in standard deviations; with the months as weights the scores of a mechanism have mean 0.
    """
    from scipy.stats import norm

    values = np.zeros(len(counts))
    for _, rows in counts.groupby("mechanism"):
        levels = LEVELS[_per(rows)]
        place = np.array([levels.index(level) for level in rows["covariate"]])
        if len(levels) == 2:
            values[rows.index] = place
            continue
        share = np.bincount(place, weights=rows["months_at_risk"]) / rows["months_at_risk"].sum()
        density = norm.pdf(norm.ppf(np.clip(np.cumsum([0.0, *share]), 0.0, 1.0)))
        values[rows.index] = (-np.diff(density) / share)[place]
    return values


def _per(rows: pd.DataFrame) -> str:
    return next(per for per, levels in LEVELS.items() if rows["covariate"].iloc[0] in levels)


def build_counts_model(counts: pd.DataFrame) -> pm.Model:
    """The hazard of every mechanism from its counts; its log hazard ratios are `slope` (mechanism,)."""
    import pymc as pm

    mechanism, mechanisms = pd.factorize(counts["mechanism"])
    dormancy, classes = pd.factorize(counts["months_dormant"])
    with pm.Model(coords={"mechanism": list(mechanisms), "dormancy": list(classes)}) as model:
        baseline = pm.Normal("baseline", np.log(USUAL_RATE), 1.5, dims=("mechanism", "dormancy"))
        slope = pm.Normal("slope", 0.0, 1.0, dims="mechanism")
        eta = baseline[mechanism, dormancy] + slope[mechanism] * covariate_values(counts)
        pm.Binomial("onsets", n=counts["months_at_risk"].to_numpy(), p=onset_probability(eta), observed=counts["onsets"].to_numpy())
    return model


def onset_probability(eta: Any) -> Any:
    """Probability of an onset in a month at the log hazard `eta`, a tensor."""
    import pymc as pm

    return -pm.math.expm1(-pm.math.exp(eta))


def refit_counts(
    counts: pd.DataFrame, published: pd.DataFrame, seed: int, sampling: Sampling = FULL
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Log hazard ratio of each mechanism from its counts, with the standard error inflated for clustering.

    Parameters
    ----------
    counts, published : DataFrame
        As `read_counts` gives them.
    seed : int
    sampling : Sampling

    Returns
    -------
    tuple
        Rows of `COLUMNS`, in the order of the counts; and how well was sampled, as `convergence` says it. `wars_at_least` is the most wars that any one
        line of a mechanism has: lines share wars, so that they do not add up.
    """
    draws = sample_graph(build_counts_model(counts), seed, sampling)
    slope = draws["posterior"].to_dataset()["slope"]
    of_counts = slope.std(("chain", "draw")).to_series()
    ratios = published.set_index("mechanism")
    measured = (np.log(ratios["upper"] / ratios["lower"]) / (2 * Z90) / of_counts[ratios.index]).clip(lower=1.0)
    inflation = measured.reindex(of_counts.index).fillna(float(np.sqrt((measured**2).mean())))
    rows = []
    for label, own in counts.groupby("mechanism", sort=False):
        name = str(label)
        drawn = slope.sel(mechanism=name).values.ravel()
        widened = drawn.mean() + inflation[name] * (drawn - drawn.mean())
        rows.append(
            {
                "mechanism": name,
                **ratio_interval(widened),
                "per": _per(own),
                "months": int(own["months_at_risk"].sum()),
                "onsets": int(own["onsets"].sum()),
                "wars_at_least": int(own["wars"].max()),
                "log_ratio": float(drawn.mean()),
                "standard_error": float(widened.std()),
                "inflation": float(inflation[name]),
                **({f"published_{key}": float(ratios[key][name]) for key in _PUBLISHED.columns[1:]} if name in ratios.index else {}),
            }
        )
    return rows, convergence(draws, "slope")


def ratio_interval(log_ratio: Array, prefix: str = "") -> dict[str, float]:
    """Median and 5-95 % interval of a hazard ratio from draws of its logarithm, each key with `prefix`."""
    lower, ratio, upper = np.exp(np.quantile(log_ratio, QUANTILES)).tolist()
    return {f"{prefix}ratio": ratio, f"{prefix}lower": lower, f"{prefix}upper": upper}


def sample_graph(model: Any, seed: int, sampling: Sampling, **data: Array | Index) -> xr.DataTree:
    """Draw from the posterior of a PyMC model, or of one that nutpie has compiled, with other data where they are given."""
    import nutpie
    import pymc as pm

    compiled = nutpie.compile_pymc_model(model) if isinstance(model, pm.Model) else model
    return nutpie.sample(  # type: ignore[no-any-return]
        compiled.with_data(**data) if data else compiled,
        draws=sampling.draws,
        tune=sampling.tune,
        chains=sampling.chains,
        seed=seed,
        target_accept=0.9,
        save_warmup=False,
        progress_bar=False,
    )


def convergence(draws: xr.DataTree, *names: str) -> dict[str, float]:
    """Largest R-hat and smallest bulk effective sample size of some variables, and the divergences of all."""
    import arviz as az

    chosen = draws["posterior"].to_dataset()[list(names)]
    return {
        "rhat": float(az.rhat(chosen).to_array().max()),
        "ess_bulk": float(az.ess(chosen, method="bulk").to_array().min()),
        "divergences": int(draws["sample_stats"]["diverging"].sum()),
    }
