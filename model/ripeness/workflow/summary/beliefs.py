"""Prior against posterior: conditions, factors, effects and what else moves the answer."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ripeness import names
from ripeness.model.terms.pulses import fading_pulses
from ripeness.workflow.new_run import Fitted, MadeRun
from ripeness.workflow.summary.draws import LOWER, UPPER, interval, median_range

Array = NDArray[np.float64]
# the data moved a quantity if its posterior mean lies half a prior standard deviation off, or its spread shrank by a fifth
MOVED_BY_MEAN, MOVED_BY_SPREAD = 0.5, 0.2


def headline_fits(made: MadeRun) -> list[Fitted]:
    """The fits that the headline mixes."""
    return [made.fits[name] for name in names.HEADLINE_FITS]


def sigmoid(x: Array) -> Array:
    """Log odds as shares."""
    return 1.0 / (1.0 + np.exp(-x))


def conditions_of(made: MadeRun) -> list[dict[str, Any]]:
    """How far each condition is open, now and usually."""
    result = []
    for c, condition in enumerate(made.spec.workspace.conditions):
        now = {fit.reading: sigmoid(fit.groups["posterior"]["log_odds_open"].values[..., c, -1]) for fit in headline_fits(made)}
        usual = [fit.groups["posterior"]["share_open"].values[..., c] for fit in headline_fits(made)]
        prior = [fit.groups["prior"]["share_open"].values[..., c] for fit in headline_fits(made)]
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


def factor_paths(made: MadeRun) -> Array:
    """Draws of the factors as the hazard reads them, pulses included, pooled over the headline's fits: (draw, factor, week)."""
    factors, panel = made.spec.workspace.factors, made.spec.panel
    parts = []
    for fit in headline_fits(made):
        draws = {name: fit.groups["posterior"][name].values for name in ("path", "half_life", "pulse") if name in fit.groups["posterior"]}
        path = draws["path"] + fading_pulses(factors, panel.weeks, panel.origin, draws)
        parts.append(path.reshape(-1, *path.shape[-2:]).astype("float32"))  # as stored
    longest = max(len(part) for part in parts)
    return np.concatenate([np.repeat(part, longest // len(part), axis=0) for part in parts])


def quantile_paths(paths: Array) -> dict[str, list[float]]:
    """Median and 5–95 % range of paths (draw, week), by week."""
    return {name: np.quantile(paths, level, axis=0).tolist() for name, level in (("lower", LOWER), ("median", 0.5), ("upper", UPPER))}


def factors_of(made: MadeRun) -> list[dict[str, Any]]:
    """Each factor: its path, its indicators, how fast it fades, what it acts on."""
    spec = made.spec
    paths, weeks = factor_paths(made), [week.isoformat() for week in spec.panel.weeks]
    posterior = headline_fits(made)[0].groups["posterior"]
    prior = headline_fits(made)[0].groups["prior"]
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


def effects_of(made: MadeRun) -> list[dict[str, Any]]:
    """Weights of the effects, prior and posterior, by reading."""
    result = []
    effects = made.spec.priors.effects
    for e, effect in enumerate(effects[names.AS_WRITTEN]):
        readings, changed = {}, []
        sign = -1.0 if effect.direction == "-" else 1.0
        for fit in headline_fits(made):
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


def drivers_of(made: MadeRun) -> list[dict[str, Any]]:
    """Prior against posterior for what moves the answer besides the effects: level, rhythm, conditions, total size, odds, half-lives."""
    spec = made.spec
    priors = spec.priors
    headline = headline_fits(made)
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
    for i, name in enumerate(spec.announcement_classes):
        add(f"kept.{name}", priors[f"kept.{name}"].entry.quantity, "kept", i, None, same, logit)
    for reading in names.READINGS:
        for i, condition in enumerate(spec.workspace.condition_ids):
            add(f"share_open.{condition}", priors[f"share_open.{condition}"].entry.quantity, "share_open", i, reading, same, logit)
        add("best_to_worst", priors["best_to_worst"].entry.quantity, "log_best_to_worst", None, reading, np.exp, np.log)
    for i, factor in enumerate(spec.workspace.factor_ids):
        add(f"half_life.{factor}", priors[f"half_life.{factor}"].entry.quantity, "half_life", i, None, same, np.log)
    return rows
