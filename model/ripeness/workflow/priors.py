"""`ripeness priors`: each prior asked and achieved, and what they imply before any data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ripeness.workflow.request import Request, open_workspace

if TYPE_CHECKING:
    from ripeness.elicitation.elicited import PriorRow

PREDICTIVE_DRAWS = 2000
DORMANCIES = (1, 4, 8, 13, 26, 52, 104, 208)  # weeks at which the prior hazard is shown


@dataclass(frozen=True)
class PriorReport:
    """What `ripeness priors` shows; each part is a list of rows.

    Parameters
    ----------
    table : list of PriorRow
        Asked and achieved quantiles of every entry.
    predictive : list of dict
        reading, horizon_weeks, probability, lower, upper: a round within the horizon, as the priors alone imply it.
    hazards : list of dict
        reading, dormancy_weeks, lowest, median, highest: 5, 50 and 95 % of prior draws of the weekly probability of a round.
    totals : list of dict
        reading, lower, median, upper: how many times likelier a round is in the best tenth of weeks than in the worst, as achieved.
    other_wars : list of dict
        effect, mechanism, and mean and sd of tempered, panel and combined: of each effect that other wars speak of, in log hazard per standard deviation of the
        factor; none where there is no such reading.
    implied_total : float or None
        The total that the sizes of that reading would give by themselves, beside the elicited one in `totals`.
    directions : list of dict
        reading, effect, claimed, share: share of prior draws in which the effect has the claimed direction.
    """

    table: list[PriorRow]
    predictive: list[dict[str, Any]]
    hazards: list[dict[str, Any]]
    totals: list[dict[str, Any]]
    directions: list[dict[str, Any]]
    other_wars: list[dict[str, Any]]
    implied_total: float | None


def run_priors(request: Request) -> PriorReport:
    """Elicit the priors and draw from them: their table and what they imply before any indicator is seen."""
    inputs = open_workspace(request.workspace)
    vintage = inputs.vintage(request.as_of)

    import numpy as np

    from ripeness import names
    from ripeness.elicitation.elicit import elicit_priors
    from ripeness.forecast.ahead import build_ahead
    from ripeness.forecast.horizons import forecast_probabilities
    from ripeness.forecast.prior_predictive import check_directions, sample_prior
    from ripeness.model.inside import log_odds_at_points
    from ripeness.model.spec import build_spec
    from ripeness.model.terms.conditions import best_to_worst
    from ripeness.model.terms.outside import outside_basis
    from ripeness.model.terms.track_record import outside_knots_now

    priors = elicit_priors(inputs.priors)
    workspace = inputs.workspace
    spec, announcements = build_spec(workspace, vintage, priors)
    seeds = np.random.SeedSequence(workspace.fit.seed if request.seed is None else request.seed).spawn(3 * len(workspace.readings))
    found = inputs.priors.other_wars
    combined = [
        {
            "effect": one.effect,
            "mechanism": one.row.mechanism,
            **{name: {"mean": own.mean, "sd": own.stdev} for name, own in one.by_source.items()},
        }
        for one in (found.combined if found else ())
    ]
    report = PriorReport(priors.table(), [], [], [], [], combined, found.implied_total if found else None)

    def quantiles(values: Any, *keys: str) -> dict[str, float]:
        return dict(zip(keys, map(float, np.quantile(values, [0.05, 0.5, 0.95])), strict=True))

    for number, reading in enumerate(workspace.readings):
        first, second, third = seeds[3 * number : 3 * number + 3]
        drawn = sample_prior(spec, reading, names.CONJUNCTIVE, PREDICTIVE_DRAWS, first)
        ahead = build_ahead(spec, names.CONJUNCTIVE, drawn, announcements, workspace.fit.future_paths, second)
        within = forecast_probabilities(ahead).within
        for h, weeks in enumerate(workspace.question.horizons_weeks):
            span = quantiles(within[:, h], "lower", "median", "upper")
            report.predictive.append({"reading": reading, "horizon_weeks": weeks, "probability": float(within[:, h].mean()), **span})
        outside = outside_knots_now(spec, drawn) @ outside_basis(spec, max(DORMANCIES)).T
        for dormancy in DORMANCIES:
            weekly = 1 - np.exp(-np.exp(outside[:, dormancy - 1] + drawn["inside"][:, -1]))
            report.hazards.append({"reading": reading, "dormancy_weeks": dormancy, **quantiles(weekly, "lowest", "median", "highest")})
        achieved = best_to_worst(names.CONJUNCTIVE, drawn, log_odds_at_points(spec, drawn))
        report.totals.append({"reading": reading, **quantiles(achieved, "lower", "median", "upper")})
        for one in check_directions(spec, reading, PREDICTIVE_DRAWS, third):
            report.directions.append({"reading": reading, "effect": one.effect, "claimed": one.claimed, "share": one.share})
    return report
