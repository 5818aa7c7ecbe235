"""Parts of a summary, forecast.json, that a new fit and a reweighted one share: what was known, and what fits say of rounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ripeness import names
from ripeness.calendar import target_date
from ripeness.data.crowds import newest_price
from ripeness.data.events import CLASSES
from ripeness.data.vintages import Vintage
from ripeness.essay import Claims
from ripeness.forecast.ahead import Ahead
from ripeness.forecast.horizons import Probabilities, within_at
from ripeness.forecast.mixture import mixed_error, pool_draws
from ripeness.model.meetings import Announcement
from ripeness.model.spec import ModelSpec
from ripeness.workflow.new_run import Answer, BridgeAnswer

if TYPE_CHECKING:
    from ripeness.ledger import Entry

Array = NDArray[np.float64]
LOWER, UPPER = 0.05, 0.95
CLASS_LABELS = {
    "agreed": "accepted by both sides",
    "one_side": "proposed by one side",
    "third_party": "offered by a third party",
    "leaders": "a meeting of leaders",
}


def head_of(
    spec: ModelSpec, vintage: Vintage, claims: Claims, meta: Mapping[str, Any], previous: Entry | None, missed: float
) -> dict[str, Any]:
    """What stands first in a summary: the question, the run, the silence and the forecast before.

    Parameters
    ----------
    spec : ModelSpec
    vintage : Vintage
    claims : Claims
    meta : mapping
        run_id, code_version, seed, data_hash, priors_hash, versions, command.
    previous : Entry or None
        The ledger's last forecast of the headline.
    missed : float
        Probability that a round was held after the last one on record.
    """
    workspace, panel = spec.workspace, spec.panel
    question = workspace.question
    last = panel.weeks[panel.record.last_round]
    weeks_back = len(panel.weeks) - 1 - panel.record.last_round
    return {
        "schema": 1,
        "title": workspace.title,
        "question": question.model_dump(mode="json"),
        "origin": panel.origin.isoformat(),
        **meta,
        "essay": {"title": claims.card.title, "author": claims.card.author, "date": claims.card.date.isoformat()},
        "dormancy": {
            "last_round": max(day for day in vintage.rounds() if day <= last).isoformat(),
            "weeks": weeks_back,
            "active": not question.is_dormant(weeks_back),
            "missed_round_probability": missed,
        },
        "headline_weeks": question.headline_weeks,
        "mixture": {"weights": workspace.mixture.weights, "rationale": workspace.mixture.rationale.strip()},
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


def record_of(spec: ModelSpec, vintage: Vintage) -> dict[str, Any]:
    """Indicators, coverage and rounds."""
    return {
        "indicators": _indicators(spec, vintage),
        "coverage": _coverage(vintage),
        "rounds": [day.isoformat() for day in vintage.rounds()],
        "rungs": [rung.model_dump(mode="json", include={"id", "label", "text", "definition", "void"}) for rung in spec.workspace.rungs],
    }


def _indicators(spec: ModelSpec, vintage: Vintage) -> list[dict[str, Any]]:
    fresh = vintage.freshness().set_index("indicator")
    rows = []
    for name in spec.panel.indicators:
        contract, values = spec.contracts[name], vintage.values[name]
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


def _coverage(vintage: Vintage) -> dict[str, Any]:
    stretches: list[dict[str, Any]] = []
    coverage = vintage.coverage
    for first, last, low, high in zip(coverage["from"], coverage["to"], coverage["q05"], coverage["q95"], strict=True):
        if stretches and (stretches[-1]["lower"], stretches[-1]["upper"]) == (float(low), float(high)):
            stretches[-1]["last"] = last.date().isoformat()
        else:
            stretches.append(
                {"first": first.date().isoformat(), "last": last.date().isoformat(), "lower": float(low), "upper": float(high)}
            )
    return {"searched_to": stretches[-1]["last"] if stretches else None, "stretches": stretches}


def pending(spec: ModelSpec, announcements: Sequence[Announcement], kept: Array) -> list[dict[str, Any]]:
    """Announced meetings whose time is not over, with the odds (..., class) that they are kept."""
    origin, classes = spec.panel.origin, list(CLASSES)
    return [
        {
            "class": one.kept,
            "class_label": CLASS_LABELS[one.kept],
            "first": one.first.isoformat(),
            "last": one.last.isoformat(),
            "known": one.announced_on.isoformat(),
            "kept": interval(kept[..., classes.index(one.kept)]),
        }
        for one in announcements
        if one.announced_on <= origin and one.lapsed_on is None and _end(one.last) > origin
    ]


def _end(last: date) -> date:
    return last + timedelta(days=7)


class WithForecast(Protocol):
    """A fit with its forecast, new or reweighted to a later vintage."""

    @property
    def ahead(self) -> Ahead:
        """The weeks ahead."""

    @property
    def probabilities(self) -> Probabilities:
        """Probabilities of a round, draw by draw."""

    @property
    def usual(self) -> Array | None:
        """Mean of the inside view's multiplier over the weeks on record, (draw,); None where there is no inside view."""

    @property
    def bridges(self) -> Mapping[str, BridgeAnswer]:
        """What it says of each bridge, by its id; nothing where there is no inside view."""

    def answer(self, question: str) -> Answer:
        """What it says of a question."""

    def rung_base(self, rung: str) -> Array:
        """Of each draw the probability of a rung within each time with the conditions as over the long run: (draw, time)."""


def weights_of(spec: ModelSpec, mixed: Sequence[str]) -> list[float]:
    """How much each of some fits weighs: as in the headline, or, of a form that weighs nothing there and of a fit by itself, as its reading does."""
    mixture = spec.workspace.mixture
    weights = [mixture.weights.get(name, 0.0) for name in mixed]
    return weights if any(weights) else [mixture.readings[reading] or 1.0 for name, _, reading in spec.workspace.fits if name in mixed]


def missed_round(spec: ModelSpec, fits: Mapping[str, WithForecast], mixed: Sequence[str]) -> float:
    """Probability that a round was held after the last one on record and not found, by some of the fits together."""
    longest = max(int(fits[name].ahead.dormancy[-1]) for name in mixed)
    missed = [1.0 - fits[name].ahead.state[:, fits[name].ahead.dormancy == longest].sum(axis=1).mean() for name in mixed]
    return float(np.average(missed, weights=weights_of(spec, mixed)))


def forecast_rows(spec: ModelSpec, fits: Mapping[str, WithForecast], sources: Sequence[tuple[str, Sequence[str]]]) -> list[dict[str, Any]]:
    """A row for each question, source and horizon.

    What the inside view does, `inside_multiplier`, is split into what it has been in this war on average (the probability with its multiplier
    held at its mean over the weeks on record, over that with a multiplier of 1) and what it is now and ahead (the forecast over the former).

    Parameters
    ----------
    spec : ModelSpec
    fits : mapping
        By name; "outside" among them.
    sources : sequence of (str, sequence of str)
        What forecasts, and the fits that it mixes, as the headline weighs them, in the order of the rows.
    """
    question, origin = spec.workspace.question, spec.panel.origin
    rows = []
    held = {name: within_at(fit.ahead, fit.usual).mean(axis=0) for name, fit in fits.items() if fit.usual is not None}
    for asked, attribute in ((question.id, "within"), (names.SUSTAINED, "sustained")):
        answers = {name: fit.answer(attribute) for name, fit in fits.items()}
        for source, mixed in sources:
            own, weights = [answers[name] for name in mixed], weights_of(spec, mixed)
            for h, (horizon, target) in enumerate(zip(question.horizons_weeks, question.targets(origin), strict=True)):
                found = mixed_answer(own, weights, h)
                level = np.average([fits[name].probabilities.level_only[:, h].mean() for name in mixed], weights=weights)
                known = all(name in held for name in mixed)
                usual = float(np.average([held[name][h] for name in mixed], weights=weights)) if known else None
                inside = source != names.OUTSIDE and attribute == "within"
                rows.append(
                    {
                        "question": asked,
                        "source": source,
                        "horizon_weeks": horizon,
                        "target_end_date": target.isoformat(),
                        **found,
                        "outside_view": float(answers[names.OUTSIDE].mean[h]),
                        "level_only": float(level) if inside else None,
                        "inside_multiplier": found["probability"] / float(level) if inside else None,
                        "usual_multiplier": usual / float(level) if inside and usual is not None else None,
                        "now_multiplier": found["probability"] / usual if inside and usual is not None else None,
                    }
                )
    return rows + rung_rows(spec, fits, sources)


def rung_rows(spec: ModelSpec, fits: Mapping[str, WithForecast], sources: Sequence[tuple[str, Sequence[str]]]) -> list[dict[str, Any]]:
    """A row for each rung, source and horizon; the outside view is that of the headline's fits with the conditions as over the long run."""
    workspace, origin = spec.workspace, spec.panel.origin
    rows = []
    for rung in workspace.rungs:
        answers = {name: fits[name].answer(rung.id) for name in fits if name != names.OUTSIDE}
        of_fits = {name: fits[name].rung_base(rung.id) for name in workspace.headline_fits}
        bases = [Answer(base, base.mean(axis=0), answers[name].error) for name, base in of_fits.items()]
        at_base = bases, weights_of(spec, workspace.headline_fits)
        for source, mixed in sources:
            own = at_base if source == names.OUTSIDE else ([answers[name] for name in mixed], weights_of(spec, mixed))
            for weeks in rung.horizons_weeks or workspace.question.horizons_weeks:
                h = workspace.rung_horizons.index(weeks)
                rows.append(
                    {
                        "question": rung.id,
                        "source": source,
                        "horizon_weeks": weeks,
                        "target_end_date": target_date(origin, weeks).isoformat(),
                        **mixed_answer(*own, h),
                        "outside_view": mixed_answer(*at_base, h)["probability"],
                        **dict.fromkeys(("level_only", "inside_multiplier", "usual_multiplier", "now_multiplier")),
                    }
                )
    return rows


def mixed_answer(answers: Sequence[Answer], weights: Sequence[float], time: int) -> dict[str, float]:
    """What fits mixed by weights say of one time: probability, 5–95 % range over their draws, and Monte Carlo error."""
    draws = pool_draws([answer.draws[:, time] for answer in answers], weights)
    return {
        "probability": float(np.average([answer.mean[time] for answer in answers], weights=weights)),
        "lower": float(np.quantile(draws, LOWER)),
        "upper": float(np.quantile(draws, UPPER)),
        "mc_error": float(mixed_error([answer.error[time] for answer in answers], weights)),
    }


def bridge_rows(
    spec: ModelSpec, vintage: Vintage, fits: Mapping[str, WithForecast], sources: Sequence[tuple[str, Sequence[str]]]
) -> list[dict[str, Any]]:
    """What is forecast of each bridge, beside the newest price of its market: the bridge as ripeness.toml has it, outside_view, forecasts and price.

    The outside view is that of the headline's fits with the conditions as over the long run. `forecasts` has a row for each source with an inside view.
    """
    rows = []
    for bridge in spec.workspace.bridges_after(spec.panel.origin):
        forecasts = []
        for source, mixed in sources:
            if all(bridge.id in fits[name].bridges for name in mixed):
                own = [fits[name].bridges[bridge.id].answer for name in mixed]
                forecasts.append({"source": source} | mixed_answer(own, weights_of(spec, mixed), 0))
        bases = [fits[name].bridges[bridge.id].base.mean() for name in spec.workspace.headline_fits]
        outside = float(np.average(bases, weights=weights_of(spec, spec.workspace.headline_fits)))
        rows.append(bridge.model_dump(mode="json") | {"outside_view": outside, "forecasts": forecasts})
    return with_prices(rows, vintage)


def with_prices(bridges: Sequence[Mapping[str, Any]], vintage: Vintage) -> list[dict[str, Any]]:
    """Bridges of a summary, each with the `price` of its market as known at a vintage: date, probability and note; None if there was none."""
    return [{**bridge, "price": newest_price(vintage.crowds, bridge["market"], vintage.origin)} for bridge in bridges]


def weeks_ahead(spec: ModelSpec, fits: Mapping[str, WithForecast]) -> dict[str, Any]:
    """Hazard, probability and multiplier by week ahead, of the mixture and of the outside view."""
    return {"weeks": [week.isoformat() for week in fits[names.OUTSIDE].ahead.weeks]} | {
        source: {
            key: values
            for what in ("hazard", "by_week", "multiplier")
            for key, values in curves(
                pool_draws([getattr(fits[name].probabilities, what) for name in mixed], weights_of(spec, mixed)), f"{what}_"
            ).items()
        }
        for source, mixed in ((names.MIXTURE, spec.workspace.headline_fits), (names.OUTSIDE, (names.OUTSIDE,)))
    }


def mixed_sources(spec: ModelSpec) -> list[tuple[str, Sequence[str]]]:
    """Who speaks besides the single fits, and what each mixes: the headline, and each form by itself with the readings mixed as there."""
    return [(names.MIXTURE, spec.workspace.headline_fits), *((form, spec.workspace.fits_of_form(form)) for form in names.FORMS)]


def hazard_past(weeks: Sequence[str], hazard: Array, outside: Array) -> dict[str, Any]:
    """Weekly chances of the past.

    Parameters
    ----------
    weeks : sequence of str (week,)
    hazard : ndarray (draw, week)
        Of the headline's fits together.
    outside : ndarray (draw, week)
    """
    return {"weeks": list(weeks), **curves(hazard, ""), "outside_mean": outside.mean(axis=0).astype(float).tolist()}


def interval(values: Array) -> dict[str, float]:
    """Mean and 5–95 % range of draws."""
    flat = np.asarray(values, float).ravel()
    return {"mean": float(flat.mean()), "lower": float(np.quantile(flat, LOWER)), "upper": float(np.quantile(flat, UPPER))}


def median_range(values: Array) -> dict[str, float]:
    """Median and 5–95 % range of draws."""
    flat = np.asarray(values, float).ravel()
    return {name: float(np.quantile(flat, level)) for name, level in (("lower", LOWER), ("median", 0.5), ("upper", UPPER))}


def curves(values: Array, name: str) -> dict[str, list[float]]:
    """Mean and 5–95 % range of draws (..., week), by week; `name` stands before their keys."""
    flat = values.reshape(-1, values.shape[-1])
    return {
        f"{name}mean": flat.mean(axis=0).tolist(),
        f"{name}lower": np.quantile(flat, LOWER, axis=0).tolist(),
        f"{name}upper": np.quantile(flat, UPPER, axis=0).tolist(),
    }
