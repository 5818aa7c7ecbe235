"""The summary of a run from an older fit's draws.

New: forecasts, weeks ahead, the hazard and the factors from the first week that was integrated anew, how far conditions are open, everything that was
known. From the base fit, as the page says: prior against posterior (effects, drivers, usual openness, half-lives), the gate, and the weeks before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from ripeness import names
from ripeness.essay import Claims
from ripeness.forecast.mixture import pool_draws
from ripeness.model.inside import condition_log_odds
from ripeness.model.terms.pulses import read_factors
from ripeness.workflow.reweight_run import Reweighted, ReweightedRun
from ripeness.workflow.summary import (
    bridge_rows,
    forecast_rows,
    hazard_past,
    head_of,
    interval,
    missed_round,
    mixed_sources,
    pending,
    record_of,
    weeks_ahead,
    weights_of,
)

if TYPE_CHECKING:
    from ripeness.ledger import Entry

Array = NDArray[np.float64]
FROM_BASE = ("effects", "drivers", "claims", "paragraphs", "citations", "graph")  # of the base's summary, unchanged


def update_in_words(new: ReweightedRun) -> str:
    """Which path was taken: "the draws of the fit of 28 June 2026, reweighted for 14 new or changed values; k-hat 0.12"."""
    origin = new.base.panel.origin
    values = f"{new.rows} new or changed value{'' if new.rows == 1 else 's'}"
    khat = max(fit.weights.khat for fit in new.fits.values())
    tail = f"; k-hat {khat:.2f}" if np.isfinite(khat) else ""
    return f"the draws of the fit of {origin.day} {origin:%B %Y}, reweighted for {values}{tail}"


def build_reweighted_summary(new: ReweightedRun, claims: Claims, meta: Mapping[str, Any], previous: Entry | None) -> dict[str, Any]:
    """Gather what the page shows.

    Parameters
    ----------
    new : ReweightedRun
        Without reasons against it.
    claims, meta, previous
        As for :func:`ripeness.workflow.summary_new.build_summary`.
    """
    spec, base = new.spec, new.base.summary
    passed = [one["fit"] for one in base["gate"]["fits"] if one["passed"]]
    sources: list[tuple[str, Sequence[str]]] = [*mixed_sources(spec), *((name, (name,)) for name in new.fits if name in passed)]
    return {
        **head_of(spec, new.vintage, claims, meta, previous, missed_round(spec, new.fits, spec.workspace.headline_fits)),
        "reweighted": _update(new),
        "forecasts": forecast_rows(spec, new.fits, sources),
        "gate": base["gate"],
        "flags": [asdict(flag) for flag in new.flags],
        **record_of(spec, new.vintage),
        "hazard_past": _hazard_past(new),
        "ahead": weeks_ahead(spec, new.fits),
        "bridges": bridge_rows(spec, new.vintage, new.fits, sources),
        "announcements": pending(spec, new.announcements, _pool(new, [fit.draws["kept"] for fit in _headline(new)])),
        "conditions": _conditions(new),
        "factors": _factors(new),
        **{key: base[key] for key in FROM_BASE},
    }


def _headline(new: ReweightedRun) -> list[Reweighted]:
    return [new.fits[name] for name in new.spec.workspace.headline_fits]


def _pool(new: ReweightedRun, parts: Sequence[Array], fits: Sequence[str] | None = None) -> Array:
    return pool_draws(parts, weights_of(new.spec, new.spec.workspace.headline_fits if fits is None else fits))


def _update(new: ReweightedRun) -> dict[str, Any]:
    """How the run came about."""
    question = new.spec.workspace.question
    headline = question.horizons_weeks.index(question.headline_weeks)
    return {
        "words": update_in_words(new),
        "base_run_id": new.base.about["run_id"],
        "base_origin": new.base.panel.origin.isoformat(),
        "changed_values": new.rows,
        "fits": [
            {
                "fit": name,
                "khat": fit.weights.khat,
                "effective_draws": fit.weights.effective,
                "mc_error": float(fit.answer("within").error[headline]),
            }
            for name, fit in new.fits.items()
        ],
    }


def _hazard_past(new: ReweightedRun) -> dict[str, Any]:
    """The base's up to the first week that was integrated anew, then the new one."""
    base, panel = new.base.summary["hazard_past"], new.spec.panel
    first = _headline(new)[0].window.first
    weeks = [week.isoformat() for week in panel.weeks[panel.record.start :]]
    kept = first - panel.record.start
    # the outside view has no window of factors, but the same first week
    later = hazard_past(weeks[kept:], _pool(new, [fit.chance for fit in _headline(new)]), new.fits[names.OUTSIDE].chance)
    return {key: [*base[key][:kept], *later[key]] for key in base}


def _effective_paths(new: ReweightedRun, fit: Reweighted) -> Array:
    """Factors as the hazard reads them, from the window's first stored week on: (draw, factor, week)."""
    return read_factors(new.spec, fit.draws, fit.draws["path"], new.spec.panel.weeks[fit.window.stored :])


def _conditions(new: ReweightedRun) -> list[dict[str, Any]]:
    now = {}
    for fit in (new.fits[name] for name in new.spec.workspace.fits_of_form(names.CONJUNCTIVE)):
        log_odds = condition_log_odds(new.spec, fit.draws, _effective_paths(new, fit)[:, :, -1:])
        now[fit.reading] = expit(log_odds[..., 0])
    return [
        condition
        | {
            "open_now": interval(_pool(new, [shares[:, c] for shares in now.values()], new.spec.workspace.fits_of_form(names.CONJUNCTIVE))),
            "by_reading": {reading: interval(shares[:, c]) for reading, shares in now.items()},
        }
        for c, condition in enumerate(new.base.summary["conditions"])
    ]


def _factors(new: ReweightedRun) -> list[dict[str, Any]]:
    panel, stored = new.spec.panel, _headline(new)[0].window.stored
    paths = _pool(new, [_effective_paths(new, fit) for fit in _headline(new)])
    # all weeks of all factors at once
    lower, median, upper = np.quantile(paths, (0.05, 0.5, 0.95), axis=0)
    weeks = [week.isoformat() for week in panel.weeks]
    result = []
    for k, factor in enumerate(new.base.summary["factors"]):
        path = factor["path"]
        own = {"lower": lower[k], "median": median[k], "upper": upper[k]}
        whole = {name: [*path[name][:stored], *values.tolist()] for name, values in own.items()}
        result.append(factor | {"now": interval(paths[:, k, -1]), "path": {"weeks": weeks} | whole})
    return result
