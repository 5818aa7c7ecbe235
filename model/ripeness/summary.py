"""The summary: every number and word that the page shows, computed once from draws, rows and prior files, and stored as forecast.json.

Each number can be traced: `forecasts` and everything with mean, lower and upper to the draws of a fit in posterior.nc; `indicators` and
`rounds` to rows; `drivers` and `effects` to entries of priors/ with their claims and citations.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import arviz as az
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from ripeness import names
from ripeness.claims import Claims
from ripeness.fit.gate import AT_MOST, WORDS, Verdict
from ripeness.forecast.pulses import fading_pulses
from ripeness.ledger import Entry
from ripeness.runs.made import Fitted, MadeRun

Array = NDArray[np.float64]
LOWER, UPPER = 0.05, 0.95
# the data moved a quantity if its posterior mean lies half a prior standard deviation off, or its spread shrank by a fifth
MOVED_BY_MEAN, MOVED_BY_SPREAD = 0.5, 0.2
CLASS_LABELS = {
    "agreed": "accepted by both sides",
    "one_side": "proposed by one side",
    "third_party": "offered by a third party",
    "leaders": "a meeting of leaders",
}


def build_summary(made: MadeRun, claims: Claims, meta: Mapping[str, Any], previous: Entry | None) -> dict[str, Any]:
    """Gather what the page shows.

    Parameters
    ----------
    made : MadeRun
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
    workspace, panel = made.spec.workspace, made.spec.panel
    question = workspace.question
    last = panel.weeks[panel.record.last_round]
    weeks_back = len(panel.weeks) - 1 - panel.record.last_round
    head = {
        "schema": 1,
        "title": workspace.title,
        "question": question.model_dump(mode="json"),
        "origin": panel.origin.isoformat(),
        **meta,
        "essay": {"title": claims.card.title, "author": claims.card.author, "date": claims.card.date.isoformat()},
        "dormancy": {
            "last_round": max(day for day in made.vintage.rounds() if day <= last).isoformat(),
            "weeks": weeks_back,
            "active": not question.is_dormant(weeks_back),
            "missed_round_probability": missed_round(made),
        },
        "headline_weeks": question.headline_weeks,
        "forecasts": forecast_rows(made),
        "gate": {"passed": made.passed, "fits": [_verdict(fit.verdict, fit.attempts) for fit in made.fits.values()]},
        "indicators": _indicators(made),
        "coverage": _coverage(made),
        "rounds": [day.isoformat() for day in made.vintage.rounds()],
        "previous": None
        if previous is None
        else {
            "run_id": previous.run_id,
            "origin": previous.origin.isoformat(),
            "horizon_weeks": previous.horizon_weeks,
            "probability": previous.probability,
            "target_end_date": previous.target_end_date.isoformat(),
        },
    }
    if not made.passed:
        return head
    drivers = _drivers(made)
    return head | {
        "hazard_past": _hazard_past(made),
        "ahead": {"weeks": [week.isoformat() for week in _headline(made)[0].ahead.weeks]}
        | {names.MIXTURE: _ahead(_headline(made)), names.OUTSIDE: _ahead([made.fits[names.OUTSIDE]])},
        "announcements": _announcements(made),
        "conditions": _conditions(made),
        "factors": _factors(made),
        "effects": _effects(made),
        "drivers": drivers,
        "claims": [_claim(claim) for claim in claims.claims],
        "paragraphs": claims.card.paragraphs,
        "citations": {
            name: " ".join(filter(None, (citation.reference, citation.address)))
            for name, citation in made.spec.priors.files.citations.items()
        },
        "graph": made.graph,
    }


def _headline(made: MadeRun) -> list[Fitted]:
    return [made.fits[name] for name in names.HEADLINE_FITS]


def interval(values: Array) -> dict[str, float]:
    """Mean and 5–95 % range of draws."""
    flat = np.asarray(values, float).ravel()
    return {"mean": float(flat.mean()), "lower": float(np.quantile(flat, LOWER)), "upper": float(np.quantile(flat, UPPER))}


def _median(values: Array) -> dict[str, float]:
    flat = np.asarray(values, float).ravel()
    return {name: float(np.quantile(flat, level)) for name, level in (("lower", LOWER), ("median", 0.5), ("upper", UPPER))}


def _curves(values: Array, name: str) -> dict[str, list[float]]:
    flat = values.reshape(-1, values.shape[-1])
    return {
        f"{name}_mean": flat.mean(axis=0).tolist(),
        f"{name}_lower": np.quantile(flat, LOWER, axis=0).tolist(),
        f"{name}_upper": np.quantile(flat, UPPER, axis=0).tolist(),
    }


def _error(values: Array) -> float:
    """Monte Carlo standard error of the mean of draws (chain, draw)."""
    return float(az.mcse(xr.Dataset({"value": ((names.CHAIN, names.DRAW), values)}))["value"])


def missed_round(made: MadeRun) -> float:
    """Probability that a round was held after the last one on record and not found, by the outside view's fit if the others failed."""
    fits = _headline(made) if made.passed else [made.fits[names.OUTSIDE]]
    longest = max(int(fit.ahead.dormancy[-1]) for fit in fits)
    return float(np.mean([1.0 - fit.ahead.state[:, fit.ahead.dormancy == longest].sum(axis=1).mean() for fit in fits]))


def forecast_rows(made: MadeRun) -> list[dict[str, Any]]:
    """A row for each question, source and horizon; the headline mixture of the first question first."""
    question, origin = made.spec.workspace.question, made.spec.panel.origin
    outside = made.fits[names.OUTSIDE]
    sources: list[tuple[str, list[Fitted]]] = []
    if made.passed:
        sources.append((names.MIXTURE, _headline(made)))
    sources += [(name, [fit]) for name, fit in made.fits.items() if fit.verdict.passed and (made.passed or name == names.OUTSIDE)]
    rows = []
    for asked, attribute in ((question.id, "within"), (names.SUSTAINED, "sustained")):
        for source, fits in sources:
            for h, (horizon, target) in enumerate(zip(question.horizons_weeks, question.targets(origin), strict=True)):
                draws = np.concatenate([getattr(fit, attribute)[..., h].ravel() for fit in fits])
                mean = float(np.mean([getattr(fit, attribute)[..., h].mean() for fit in fits]))
                level = np.mean([fit.probabilities.level_only[:, h].mean() for fit in fits])
                inside = source != names.OUTSIDE and attribute == "within"
                rows.append(
                    {
                        "question": asked,
                        "source": source,
                        "horizon_weeks": horizon,
                        "target_end_date": target.isoformat(),
                        "probability": mean,
                        "lower": float(np.quantile(draws, LOWER)),
                        "upper": float(np.quantile(draws, UPPER)),
                        "mc_error": float(np.sqrt(np.mean([_error(getattr(fit, attribute)[..., h]) ** 2 for fit in fits]) / len(fits))),
                        "outside_view": float(getattr(outside, attribute)[..., h].mean()),
                        "level_only": float(level) if inside else None,
                        "inside_multiplier": mean / float(level) if inside else None,
                    }
                )
    return rows


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
            }
            for criterion in verdict.criteria
        ],
    }


def _indicators(made: MadeRun) -> list[dict[str, Any]]:
    fresh = made.vintage.freshness().set_index("indicator")
    rows = []
    for name in made.spec.panel.indicators:
        contract, values = made.spec.contracts[name], made.vintage.values[name]
        empty = values.empty
        rows.append(
            {
                "id": name,
                "title": contract.title,
                "unit": contract.unit,
                "family": contract.family,
                "factor": contract.factor,
                "reference": contract.reference,
                "source": contract.source,
                "newest_observed_on": None if empty else values["observed_on"].iloc[-1].date().isoformat(),
                "newest_published_on": None if empty else values["published_on"].max().date().isoformat(),
                "newest_value": None if empty else float(values["value"].iloc[-1]),
                "days_old": None if empty else int(float(str(fresh.at[name, "days_old"]))),
                "expected_lag_days": contract.expected_lag_days,
                "overdue": bool(fresh.at[name, "overdue"]),
                "ended": contract.ended.isoformat() if contract.ended else None,
                "weeks_seen": len(values),
            }
        )
    return rows


def _coverage(made: MadeRun) -> dict[str, Any]:
    stretches: list[dict[str, Any]] = []
    coverage = made.vintage.coverage
    for first, last, low, high in zip(coverage["from"], coverage["to"], coverage["q05"], coverage["q95"], strict=True):
        if stretches and (stretches[-1]["lower"], stretches[-1]["upper"]) == (float(low), float(high)):
            stretches[-1]["last"] = last.date().isoformat()
        else:
            stretches.append(
                {"first": first.date().isoformat(), "last": last.date().isoformat(), "lower": float(low), "upper": float(high)}
            )
    return {"searched_to": stretches[-1]["last"] if stretches else None, "stretches": stretches}


def _hazard_past(made: MadeRun) -> dict[str, Any]:
    hazard = np.concatenate([fit.groups["posterior"]["hazard"].values for fit in _headline(made)], axis=0)
    weeks = made.fits[names.OUTSIDE].groups["posterior"][names.RISK].values.astype("datetime64[D]").astype(str).tolist()
    curves = {key.removeprefix("_"): value for key, value in _curves(hazard, "").items()}
    outside = made.fits[names.OUTSIDE].groups["posterior"]["hazard"].mean((names.CHAIN, names.DRAW))
    return {"weeks": weeks, **curves, "outside_mean": outside.values.astype(float).tolist()}


def _ahead(fits: Sequence[Fitted]) -> dict[str, list[float]]:
    found = [fit.probabilities for fit in fits]
    return {
        **_curves(np.concatenate([one.hazard for one in found]), "hazard"),
        **_curves(np.concatenate([one.by_week for one in found]), "by_week"),
        **_curves(np.concatenate([one.multiplier for one in found]), "multiplier"),
    }


def _announcements(made: MadeRun) -> list[dict[str, Any]]:
    origin = made.spec.panel.origin
    kept = np.concatenate([fit.groups["posterior"]["kept"].values for fit in _headline(made)], axis=0)
    classes = list(made.spec.announcement_classes)
    return [
        {
            "class": one.kept,
            "class_label": CLASS_LABELS[one.kept],
            "first": one.first.isoformat(),
            "last": one.last.isoformat(),
            "known": one.known.isoformat(),
            "kept": interval(kept[..., classes.index(one.kept)]),
        }
        for one in made.announcements
        if one.known <= origin and one.gone is None and _end(one.last) > origin
    ]


def _end(last: date) -> date:
    return last + timedelta(days=7)


def _sigmoid(x: Array) -> Array:
    return 1.0 / (1.0 + np.exp(-x))


def _conditions(made: MadeRun) -> list[dict[str, Any]]:
    result = []
    for c, condition in enumerate(made.spec.workspace.conditions):
        now = {fit.reading: _sigmoid(fit.groups["posterior"]["log_odds_open"].values[..., c, -1]) for fit in _headline(made)}
        usual = [fit.groups["posterior"]["share_open"].values[..., c] for fit in _headline(made)]
        prior = [fit.groups["prior"]["share_open"].values[..., c] for fit in _headline(made)]
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
    for fit in _headline(made):
        draws = {name: fit.groups["posterior"][name].values for name in ("path", "half_life", "pulse") if name in fit.groups["posterior"]}
        path = draws["path"] + fading_pulses(factors, panel.weeks, panel.origin, draws)
        parts.append(path.reshape(-1, *path.shape[-2:]).astype("float32"))  # as stored
    longest = max(len(part) for part in parts)
    return np.concatenate([np.repeat(part, longest // len(part), axis=0) for part in parts])


def _factors(made: MadeRun) -> list[dict[str, Any]]:
    spec = made.spec
    paths, weeks = factor_paths(made), [week.isoformat() for week in spec.panel.weeks]
    posterior = _headline(made)[0].groups["posterior"]
    prior = _headline(made)[0].groups["prior"]
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
                "path": {"weeks": weeks}
                | {
                    name: np.quantile(paths[:, k], level, axis=0).tolist()
                    for name, level in (("lower", LOWER), ("median", 0.5), ("upper", UPPER))
                },
                "half_life": {
                    "prior": _median(prior["half_life"].values[..., k]),
                    "posterior": _median(posterior["half_life"].values[..., k]),
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


def _effects(made: MadeRun) -> list[dict[str, Any]]:
    result = []
    effects = made.spec.priors.effects
    for e, effect in enumerate(effects[names.AS_WRITTEN]):
        readings, changed = {}, []
        sign = -1.0 if effect.direction == "-" else 1.0
        for fit in _headline(made):
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


def _drivers(made: MadeRun) -> list[dict[str, Any]]:
    """Prior against posterior for what moves the answer besides the effects: level, rhythm, conditions, total size, odds, half-lives."""
    spec = made.spec
    priors = spec.priors
    headline = _headline(made)
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
                "prior": _median(back(drawn[0])),
                "posterior": _median(back(drawn[1])),
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
