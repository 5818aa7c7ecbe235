"""The summary of a run from an older fit's draws.

New: forecasts, weeks ahead, the hazard and the factors from the first week that was integrated anew, how far conditions are open, everything that was
known. From the base fit, as the page says: prior against posterior (effects, drivers, usual openness, half-lives), the gate, and the weeks before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ripeness import names
from ripeness.essay import Claims
from ripeness.ledger import Entry
from ripeness.model.terms import conditions as inner
from ripeness.model.terms.pulses import fading_pulses
from ripeness.workflow.reweight_run import Carried, CarriedRun
from ripeness.workflow.summary.draws import interval
from ripeness.workflow.summary.known import head_of, pending, record_of
from ripeness.workflow.summary.rounds import forecast_rows, hazard_past, missed_round, weeks_ahead

Array = NDArray[np.float64]
FROM_BASE = ("effects", "drivers", "claims", "paragraphs", "citations", "graph")  # of the base's summary, unchanged


def update_in_words(made: CarriedRun) -> str:
    """Which path was taken: "the draws of the fit of 28 June 2026, reweighted for 14 new or changed values; k-hat 0.12"."""
    origin = made.base.panel.origin
    values = f"{made.rows} new or changed value{'' if made.rows == 1 else 's'}"
    khat = max(fit.weights.khat for fit in made.fits.values())
    tail = f"; k-hat {khat:.2f}" if np.isfinite(khat) else ""
    return f"the draws of the fit of {origin.day} {origin:%B %Y}, reweighted for {values}{tail}"


def build_carried_summary(made: CarriedRun, claims: Claims, meta: Mapping[str, Any], previous: Entry | None) -> dict[str, Any]:
    """Gather what the page shows.

    Parameters
    ----------
    made : CarriedRun
        Without reasons against it.
    claims, meta, previous
        As for :func:`ripeness.workflow.summary.fitted.build_summary`.
    """
    spec, base = made.spec, made.base.summary
    passed = [one["fit"] for one in base["gate"]["fits"] if one["passed"]]
    sources: list[tuple[str, Sequence[str]]] = [
        (names.MIXTURE, names.HEADLINE_FITS),
        *((name, (name,)) for name in made.fits if name in passed),
    ]
    return {
        **head_of(spec, made.vintage, claims, meta, previous, missed_round(_headline(made))),
        "reweighted": _update(made),
        "forecasts": forecast_rows(spec, made.fits, sources),
        "gate": base["gate"],
        "flags": [asdict(flag) for flag in made.flags],
        **record_of(spec, made.vintage),
        "hazard_past": _hazard_past(made),
        "ahead": weeks_ahead(made.fits),
        "announcements": pending(spec, made.announcements, np.concatenate([fit.draws["kept"] for fit in _headline(made)])),
        "conditions": _conditions(made),
        "factors": _factors(made),
        **{key: base[key] for key in FROM_BASE},
    }


def _headline(made: CarriedRun) -> list[Carried]:
    return [made.fits[name] for name in names.HEADLINE_FITS]


def _update(made: CarriedRun) -> dict[str, Any]:
    """How the run came about."""
    question = made.spec.workspace.question
    headline = question.horizons_weeks.index(question.headline_weeks)
    return {
        "words": update_in_words(made),
        "base_run_id": made.base.about["run_id"],
        "base_origin": made.base.panel.origin.isoformat(),
        "changed_values": made.rows,
        "fits": [
            {
                "fit": name,
                "khat": fit.weights.khat,
                "effective_draws": fit.weights.effective,
                "mc_error": float(fit.answer("within").error[headline]),
            }
            for name, fit in made.fits.items()
        ],
    }


def _hazard_past(made: CarriedRun) -> dict[str, Any]:
    """The base's up to the first week that was integrated anew, then the new one."""
    base, panel = made.base.summary["hazard_past"], made.spec.panel
    first = _headline(made)[0].window.first
    weeks = [week.isoformat() for week in panel.weeks[panel.record.start :]]
    kept = first - panel.record.start
    # the outside view has no window of factors, but the same first week
    new = hazard_past(weeks[kept:], np.concatenate([fit.chance for fit in _headline(made)]), made.fits[names.OUTSIDE].chance)
    return {key: [*base[key][:kept], *new[key]] for key in base}


def _effective_paths(made: CarriedRun, fit: Carried) -> Array:
    """Factors as the hazard reads them, pulses included, from the window's first stored week on: (draw, factor, week)."""
    panel = made.spec.panel
    pulses = fading_pulses(made.spec.workspace.factors, panel.weeks[fit.window.stored :], panel.origin, fit.draws)
    paths: Array = fit.draws["path"] + pulses
    return paths


def _conditions(made: CarriedRun) -> list[dict[str, Any]]:
    structure = made.spec.structure
    now = {}
    for fit in _headline(made):
        regressors = inner.regressors(_effective_paths(made, fit)[:, :, -1:], structure.sided, np)
        log_odds = inner.openness(regressors, inner.weight_matrix(fit.draws["weight"], structure), fit.draws["intercept_open"])
        now[fit.reading] = 1.0 / (1.0 + np.exp(-log_odds[..., 0]))
    return [
        condition
        | {
            "open_now": interval(np.concatenate([shares[:, c] for shares in now.values()])),
            "by_reading": {reading: interval(shares[:, c]) for reading, shares in now.items()},
        }
        for c, condition in enumerate(made.base.summary["conditions"])
    ]


def _factors(made: CarriedRun) -> list[dict[str, Any]]:
    panel, stored = made.spec.panel, _headline(made)[0].window.stored
    paths = np.concatenate([_effective_paths(made, fit) for fit in _headline(made)])
    # all weeks of all factors at once
    lower, median, upper = np.quantile(paths, (0.05, 0.5, 0.95), axis=0)
    weeks = [week.isoformat() for week in panel.weeks]
    result = []
    for k, factor in enumerate(made.base.summary["factors"]):
        path = factor["path"]
        new = {"lower": lower[k], "median": median[k], "upper": upper[k]}
        own = {name: [*path[name][:stored], *values.tolist()] for name, values in new.items()}
        result.append(factor | {"now": interval(paths[:, k, -1]), "path": {"weeks": weeks} | own})
    return result
