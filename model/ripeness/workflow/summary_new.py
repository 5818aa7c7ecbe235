"""The summary of a run from new fits.

Each number can be traced: `forecasts` and everything with mean, lower and upper to the draws of a fit in posterior.nc; `indicators` and
`rounds` to rows; `drivers` and `effects` to entries of priors/ with their claims and citations.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from ripeness import names
from ripeness.essay import Claims
from ripeness.forecast.mixture import pool_draws
from ripeness.inference.gate import AT_MOST, WORDS, Verdict
from ripeness.model.build import model_coords, parameters_of
from ripeness.model.terms.pulses import READ_BY_HAZARD, read_factors
from ripeness.model.terms.slow_levels import read_ratio
from ripeness.workflow.new_run import Fitted, NewRun
from ripeness.workflow.summary import (
    LOWER,
    UPPER,
    bridge_rows,
    forecast_rows,
    hazard_past,
    head_of,
    interval,
    median_range,
    missed_round,
    mixed_sources,
    pending,
    record_of,
    weeks_ahead,
    weights_of,
)

if TYPE_CHECKING:
    from ripeness.elicitation.other_wars import Combined
    from ripeness.ledger import Entry

Array = NDArray[np.float64]
# the data moved a quantity if its posterior mean lies half a prior standard deviation off, or its spread shrank by a fifth
MOVED_BY_MEAN, MOVED_BY_SPREAD = 0.5, 0.2


def build_summary(new: NewRun, claims: Claims, meta: Mapping[str, Any], previous: Entry | None) -> dict[str, Any]:
    """Gather what the page shows.

    Parameters
    ----------
    new : NewRun
        If it has not passed its gate, only the outside view's forecasts are in the summary.
    claims : Claims
    meta : mapping
        run_id, code_version, seed, data_hash, priors_hash, versions, command.
    previous : Entry or None
        The ledger's last forecast of the headline.

    Returns
    -------
    dict
        Of plain values only, ready for JSON.
    """
    spec = new.spec
    missed = missed_round(spec, new.fits, spec.workspace.headline_fits if new.passed else (names.OUTSIDE,))
    head = {
        **head_of(spec, new.vintage, claims, meta, previous, missed),
        "reweighted": None,
        "forecasts": forecast_rows(spec, new.fits, _sources(new)),
        "gate": {"passed": new.passed, "fits": [_verdict(fit.verdict, fit.attempts) for fit in new.fits.values()]},
        "flags": [asdict(flag) for flag in new.flags],
        **record_of(spec, new.vintage),
    }
    if not new.passed:
        return head
    return head | {
        "hazard_past": _hazard_past(new),
        "ahead": weeks_ahead(spec, new.fits),
        "bridges": bridge_rows(spec, new.vintage, new.fits, _sources(new)),
        "announcements": pending(spec, new.announcements, together(new, "posterior", "kept")),
        "conditions": conditions_of(new),
        "factors": factors_of(new),
        "effects": effects_of(new),
        "drivers": drivers_of(new),
        "claims": [_claim(claim) for claim in claims.claims],
        "paragraphs": claims.card.paragraphs,
        "citations": {
            name: " ".join(filter(None, (citation.reference, citation.address))) for name, citation in spec.priors.files.citations.items()
        },
        "graph": new.graph,
    }


def _sources(new: NewRun) -> list[tuple[str, Sequence[str]]]:
    """Who speaks: the mixture first, then each form, then each fit; only the outside view if the headline has failed."""
    single: list[tuple[str, Sequence[str]]] = [
        (name, (name,)) for name, fit in new.fits.items() if fit.verdict.passed and (new.passed or name == names.OUTSIDE)
    ]
    return [*mixed_sources(new.spec), *single] if new.passed else single


def flat(fit: Fitted, group: str, variable: str) -> Array:
    """Draws of a variable, flattened over chains: (draw, …)."""
    values = fit.groups[group][variable].values
    return np.asarray(values.reshape(-1, *values.shape[2:]))


def together(new: NewRun, group: str, variable: str, fits: Sequence[str] | None = None) -> Array:
    """The same of some fits, all of the headline unless given, pooled by their weights."""
    fits = new.spec.workspace.headline_fits if fits is None else fits
    return pool_draws([flat(new.fits[name], group, variable) for name in fits], weights_of(new.spec, fits))


def _hazard_past(new: NewRun) -> dict[str, Any]:
    outside = new.fits[names.OUTSIDE].groups["posterior"]
    weeks = outside[names.RISK].values.astype("datetime64[D]").astype(str).tolist()
    alone = outside["hazard"].values
    return hazard_past(weeks, together(new, "posterior", "hazard"), alone.reshape(-1, alone.shape[-1]).astype(float))


def _verdict(verdict: Verdict, attempts: int) -> dict[str, Any]:
    return {
        "fit": verdict.fit,
        "passed": verdict.passed,
        "attempts": attempts,
        "criteria": [
            {
                "name": criterion.name,
                "words": WORDS[criterion.name],
                "value": criterion.value,
                "limit": criterion.limit,
                "sense": "at most" if criterion.name in AT_MOST else "at least",
                "passed": criterion.passed,
                "worst": criterion.worst,
                "mend": criterion.mend,
            }
            for criterion in verdict.criteria
        ],
    }


def _claim(claim: Any) -> dict[str, Any]:
    keys = (
        "id",
        "paragraph",
        "locator",
        "paraphrase",
        "mechanism",
        "direction",
        "strength",
        "about",
        "factor",
        "condition",
        "role",
        "state",
    )
    return {key: getattr(claim, key) for key in keys}


def conditions_of(new: NewRun) -> list[dict[str, Any]]:
    """How far each condition is open, now and usually, where all are needed."""
    result = []
    conjunctive = new.spec.workspace.fits_of_form(names.CONJUNCTIVE)  # by which a condition may be said to be open
    weights, usual = weights_of(new.spec, conjunctive), together(new, "posterior", "share_open", conjunctive)
    prior = together(new, "prior", "share_open", conjunctive)
    for c, condition in enumerate(new.spec.workspace.conditions):
        now = {fit.reading: expit(flat(fit, "posterior", "log_odds_open")[:, c, -1]) for fit in (new.fits[name] for name in conjunctive)}
        result.append(
            {
                "id": condition.id,
                "label": condition.label,
                "open_now": interval(pool_draws(list(now.values()), weights)),
                "usual_prior": interval(prior[:, c]),
                "usual_posterior": interval(usual[:, c]),
                "by_reading": {reading: interval(values) for reading, values in now.items()},
            }
        )
    return result


def factor_paths(new: NewRun) -> Array:
    """Draws of the factors as the hazard reads them, pooled over the headline's fits: (draw, factor, week)."""
    parts = []
    for name in new.spec.workspace.headline_fits:
        draws = _read_by_hazard(new, name)
        parts.append(read_factors(new.spec, draws, draws["path"], new.spec.panel.weeks).astype("float32"))  # as stored
    return pool_draws(parts, weights_of(new.spec, new.spec.workspace.headline_fits))


def _read_by_hazard(new: NewRun, name: str) -> dict[str, Array]:
    fit = new.fits[name]
    return {one: flat(fit, "posterior", one) for one in READ_BY_HAZARD if one in fit.groups["posterior"]}


def quantile_paths(paths: Array) -> dict[str, list[float]]:
    """Median and 5–95 % range of paths (draw, week), by week."""
    return {name: np.quantile(paths, level, axis=0).tolist() for name, level in (("lower", LOWER), ("median", 0.5), ("upper", UPPER))}


def factors_of(new: NewRun) -> list[dict[str, Any]]:
    """Each factor: its path, its indicators, how fast it fades, what it acts on."""
    spec = new.spec
    paths, weeks = factor_paths(new), [week.isoformat() for week in spec.panel.weeks]
    posterior, prior = (new.fits[spec.workspace.headline_fits[0]].groups[group] for group in ("posterior", "prior"))
    ratio = np.median(read_ratio(spec, _read_by_hazard(new, spec.workspace.headline_fits[0])), axis=0)
    result = []
    for k, factor in enumerate(spec.workspace.factors):
        indicators = [name for name in spec.panel.indicators if spec.contracts[name].factor == factor.id]
        result.append(
            {
                "id": factor.id,
                "label": factor.label,
                "plus": factor.plus,
                "observed": bool(indicators),
                "level": factor.level,
                "reads": factor.reads,
                "read_ratio": float(ratio[k]),
                "now": interval(paths[:, k, -1]),
                "path": {"weeks": weeks} | quantile_paths(paths[:, k]),
                "half_life": {
                    "prior": median_range(prior["half_life"].values[..., k]),
                    "posterior": median_range(posterior["half_life"].values[..., k]),
                },
                "indicators": indicators,
                "effects": [effect.id for effect in spec.priors.effects[names.AS_WRITTEN] if effect.factor == factor.id],
            }
        )
    return result


def moved(prior: Array, posterior: Array) -> tuple[bool, float]:
    """Whether the data moved a quantity, and how far, from draws on a scale where its prior is Normal.

    Returns
    -------
    bool
        The mean lies at least half a prior standard deviation off, or the spread shrank by at least a fifth.
    float
        The larger of the two as a share: distance of the means over the prior's spread, or loss of spread; at most 1.
    """
    spread = float(prior.std())
    distance = abs(float(posterior.mean() - prior.mean())) / spread
    shrunk = 1.0 - float(posterior.std()) / spread
    return distance >= MOVED_BY_MEAN or shrunk >= MOVED_BY_SPREAD, float(min(1.0, max(distance, shrunk, 0.0)))


def effects_of(new: NewRun) -> list[dict[str, Any]]:
    """Weights of the effects, prior and posterior, by reading, where all conditions are needed."""
    result = []
    effects, other_wars = new.spec.priors.effects, new.spec.priors.files.other_wars
    analogues = {one.effect: one for one in (other_wars.combined if other_wars else ())}
    for e, effect in enumerate(effects[names.AS_WRITTEN]):
        readings, changed = {}, []
        sign = -1.0 if effect.direction == "-" else 1.0
        for fit in (new.fits[name] for name in new.spec.workspace.fits_of_form(names.CONJUNCTIVE)):
            prior, posterior = (fit.groups[group]["weight"].values[..., e] for group in ("prior", "posterior"))
            readings[fit.reading] = {
                "prior": interval(prior) | {"p_claimed": float(np.mean(sign * prior > 0))},
                "posterior": interval(posterior) | {"p_claimed": float(np.mean(sign * posterior > 0))},
            }
            drawn = [fit.groups[group]["effect_size"].values[..., e] for group in ("prior", "posterior")]
            changed.append(moved(*drawn)[0])
        others = {reading: effects[reading][e] for reading in new.spec.workspace.readings if reading != names.AS_WRITTEN}
        result.append(
            {
                "id": effect.id,
                "factor": effect.factor,
                "condition": effect.condition,
                "role": effect.role,
                "direction": effect.direction,
                "readings": readings,
                "claims": list(effect.claims),
                "citations": sorted({*effect.citations, *(name for one in others.values() for name in one.citations)}),
                "rationale": effect.rationale,
                "rationale_tempered": others[names.TEMPERED].rationale,
                "rationale_other_wars": others[names.OTHER_WARS].rationale if names.OTHER_WARS in others else None,
                "analogue": _analogue(analogues.get(effect.id), sign),
                "moved": any(changed),
            }
        )
    return result


def _analogue(found: Combined | None, sign: float) -> dict[str, Any] | None:
    """What other wars say of an effect, and with what probability its sign is the claimed one in a war like those; None where nothing stands for it."""
    if found is None:
        return None
    row = found.row
    return {
        **{key: getattr(row, key) for key in ("mechanism", "measure", "per", "outcome", "ratio", "wars", "onsets")},
        "lower": row.lo90,
        "upper": row.hi90,
        "p_claimed": 1.0 - NormalDist(sign * found.panel.mean, found.panel.stdev).cdf(0.0),
        "claims": row.claims.split(),
        "citations": row.citations.split(),
    }


def drivers_of(new: NewRun) -> list[dict[str, Any]]:
    """Prior against posterior for what moves the answer besides the effects: level, rhythm, conditions, causes, total size, odds, half-lives."""
    spec = new.spec
    priors = spec.priors
    rows = []

    def add(
        name: str, label: str, variable: str, index: int | None, reading: str | None, back: Any, link: Any, form: str | None = None
    ) -> None:
        fits = [
            one
            for one, variant, own in spec.workspace.fits
            if variant != names.OUTSIDE and form in (None, variant) and reading in (None, own)
        ]
        drawn = []
        for group in ("prior", "posterior"):
            values = together(new, group, variable, fits)
            drawn.append(values if index is None else values[:, index])
        fitted = (priors.for_reading(reading) if reading else priors)[name]
        changed, shift = moved(link(drawn[0]), link(drawn[1]))
        entry = fitted.entry
        rows.append(
            {
                "name": name,
                "label": label,
                "unit": entry.unit,
                "reading": reading,
                "prior": median_range(back(drawn[0])),
                "posterior": median_range(back(drawn[1])),
                "moved": changed,
                "shift": shift,
                "claims": list(entry.claims),
                "citations": list(entry.citations),
                "rationale": entry.rationale,
            }
        )

    def same(x: Array) -> Array:
        return x

    def logit(x: Array) -> Array:
        return np.log(x) - np.log1p(-x)

    add("war_level", priors["war_level"].entry.quantity, "log_war_level", None, None, np.exp, same)
    for i, week in enumerate(priors.files.rhythm_weeks):
        add(f"rhythm.week_{week}", priors[f"rhythm.week_{week}"].entry.quantity, "log_rhythm", i, None, np.exp, same)
    for reading in spec.workspace.readings:
        for i, condition in enumerate(spec.workspace.condition_ids):
            label = priors[f"share_open.{condition}"].entry.quantity
            add(f"share_open.{condition}", label, "share_open", i, reading, same, logit, names.CONJUNCTIVE)
        label = priors["best_to_worst"].entry.quantity
        add("best_to_worst", label, "log_best_to_worst", None, reading, np.exp, np.log, names.CONJUNCTIVE)
    for i, cause in enumerate(spec.workspace.conditions):
        label = f"share of the hazard that “{cause.label}” brings about, where causes add up"
        add(f"cause_weight.{cause.id}", label, "cause_share", i, None, same, logit, names.SUBSTITUTABLE)
    coords = model_coords(spec, names.CONJUNCTIVE)
    for one in (one for one in parameters_of(names.CONJUNCTIVE, spec) if one.driver):
        elements: list[tuple[int | None, Any]] = list(enumerate(coords[one.dims[0]])) if one.dims else [(None, None)]
        for place, element in elements:
            key = one.key if place is None else f"{one.key}.{element}"
            add(key, priors[key].entry.quantity, one.name, place, None, same, one.unconstrained)
    return rows
