"""The summary of a run from new fits.

Each number can be traced: `forecasts` and everything with mean, lower and upper to the draws of a fit in posterior.nc; `indicators` and
`rounds` to rows; `drivers` and `effects` to entries of priors/ with their claims and citations.
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
from ripeness.inference.gate import AT_MOST, WORDS, Verdict
from ripeness.model.build import model_coords, parameters_of
from ripeness.model.terms.pulses import fading_pulses
from ripeness.workflow.new_run import Fitted, NewRun
from ripeness.workflow.summary import (
    LOWER,
    UPPER,
    forecast_rows,
    hazard_past,
    head_of,
    interval,
    median_range,
    missed_round,
    pending,
    record_of,
    weeks_ahead,
)

if TYPE_CHECKING:
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
    missed = missed_round(headline_fits(new) if new.passed else [new.fits[names.OUTSIDE]])
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
        "ahead": weeks_ahead(new.fits),
        "announcements": pending(spec, new.announcements, _together(new, "kept")),
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
    """Who speaks: the mixture first; only the outside view if the headline has failed."""
    single: list[tuple[str, Sequence[str]]] = [
        (name, (name,)) for name, fit in new.fits.items() if fit.verdict.passed and (new.passed or name == names.OUTSIDE)
    ]
    return [(names.MIXTURE, names.HEADLINE_FITS), *single] if new.passed else single


def _together(new: NewRun, variable: str) -> np.ndarray[Any, Any]:
    return np.concatenate([fit.groups["posterior"][variable].values for fit in headline_fits(new)], axis=0)


def _hazard_past(new: NewRun) -> dict[str, Any]:
    outside = new.fits[names.OUTSIDE].groups["posterior"]
    weeks = outside[names.RISK].values.astype("datetime64[D]").astype(str).tolist()
    alone = outside["hazard"].values
    return hazard_past(weeks, _together(new, "hazard"), alone.reshape(-1, alone.shape[-1]).astype(float))


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


def headline_fits(new: NewRun) -> list[Fitted]:
    """The fits that the headline mixes."""
    return [new.fits[name] for name in names.HEADLINE_FITS]


def conditions_of(new: NewRun) -> list[dict[str, Any]]:
    """How far each condition is open, now and usually."""
    result = []
    for c, condition in enumerate(new.spec.workspace.conditions):
        now = {fit.reading: expit(fit.groups["posterior"]["log_odds_open"].values[..., c, -1]) for fit in headline_fits(new)}
        usual = [fit.groups["posterior"]["share_open"].values[..., c] for fit in headline_fits(new)]
        prior = [fit.groups["prior"]["share_open"].values[..., c] for fit in headline_fits(new)]
        result.append(
            {
                "id": condition.id,
                "label": condition.label,
                "open_now": interval(np.concatenate(list(now.values()))),
                "usual_prior": interval(np.concatenate(prior)),
                "usual_posterior": interval(np.concatenate(usual)),
                "by_reading": {reading: interval(values) for reading, values in now.items()},
            }
        )
    return result


def factor_paths(new: NewRun) -> Array:
    """Draws of the factors as the hazard reads them, pulses included, pooled over the headline's fits: (draw, factor, week)."""
    factors, panel = new.spec.workspace.factors, new.spec.panel
    parts = []
    for fit in headline_fits(new):
        draws = {name: fit.groups["posterior"][name].values for name in ("path", "half_life", "pulse") if name in fit.groups["posterior"]}
        path = draws["path"] + fading_pulses(factors, panel.weeks, panel.origin, draws)
        parts.append(path.reshape(-1, *path.shape[-2:]).astype("float32"))  # as stored
    longest = max(len(part) for part in parts)
    return np.concatenate([np.repeat(part, longest // len(part), axis=0) for part in parts])


def quantile_paths(paths: Array) -> dict[str, list[float]]:
    """Median and 5–95 % range of paths (draw, week), by week."""
    return {name: np.quantile(paths, level, axis=0).tolist() for name, level in (("lower", LOWER), ("median", 0.5), ("upper", UPPER))}


def factors_of(new: NewRun) -> list[dict[str, Any]]:
    """Each factor: its path, its indicators, how fast it fades, what it acts on."""
    spec = new.spec
    paths, weeks = factor_paths(new), [week.isoformat() for week in spec.panel.weeks]
    posterior = headline_fits(new)[0].groups["posterior"]
    prior = headline_fits(new)[0].groups["prior"]
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
    """Weights of the effects, prior and posterior, by reading."""
    result = []
    effects = new.spec.priors.effects
    for e, effect in enumerate(effects[names.AS_WRITTEN]):
        readings, changed = {}, []
        sign = -1.0 if effect.direction == "-" else 1.0
        for fit in headline_fits(new):
            prior, posterior = (fit.groups[group]["weight"].values[..., e] for group in ("prior", "posterior"))
            readings[fit.reading] = {
                "prior": interval(prior) | {"p_claimed": float(np.mean(sign * prior > 0))},
                "posterior": interval(posterior) | {"p_claimed": float(np.mean(sign * posterior > 0))},
            }
            drawn = [fit.groups[group]["effect_size"].values[..., e] for group in ("prior", "posterior")]
            changed.append(moved(*drawn)[0])
        tempered = effects[names.TEMPERED][e]
        result.append(
            {
                "id": effect.id,
                "factor": effect.factor,
                "condition": effect.condition,
                "role": effect.role,
                "direction": effect.direction,
                "readings": readings,
                "claims": list(effect.claims),
                "citations": sorted({*effect.citations, *tempered.citations}),
                "rationale": effect.rationale,
                "rationale_tempered": tempered.rationale,
                "moved": any(changed),
            }
        )
    return result


def drivers_of(new: NewRun) -> list[dict[str, Any]]:
    """Prior against posterior for what moves the answer besides the effects: level, rhythm, conditions, total size, odds, half-lives."""
    spec = new.spec
    priors = spec.priors
    headline = headline_fits(new)
    rows = []

    def add(name: str, label: str, variable: str, index: int | None, reading: str | None, back: Any, link: Any) -> None:
        fits = headline if reading is None else [fit for fit in headline if fit.reading == reading]
        drawn = []
        for group in ("prior", "posterior"):
            arrays = [fit.groups[group][variable].values for fit in fits]
            drawn.append(np.concatenate([(values if index is None else values[..., index]).ravel() for values in arrays]))
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
    for reading in names.READINGS:
        for i, condition in enumerate(spec.workspace.condition_ids):
            add(f"share_open.{condition}", priors[f"share_open.{condition}"].entry.quantity, "share_open", i, reading, same, logit)
        add("best_to_worst", priors["best_to_worst"].entry.quantity, "log_best_to_worst", None, reading, np.exp, np.log)
    coords = model_coords(spec, names.CONJUNCTIVE)
    for one in (one for one in parameters_of(names.CONJUNCTIVE, spec) if one.driver):
        elements: list[tuple[int | None, Any]] = list(enumerate(coords[one.dims[0]])) if one.dims else [(None, None)]
        for place, element in elements:
            key = one.key if place is None else f"{one.key}.{element}"
            add(key, priors[key].entry.quantity, one.name, place, None, same, one.unconstrained)
    return rows
