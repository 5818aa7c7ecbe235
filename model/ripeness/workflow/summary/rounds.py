"""What fits say of rounds: the forecasts, the weeks ahead, and the hazard of the past."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ripeness import names
from ripeness.forecast.ahead import Ahead
from ripeness.forecast.horizons import Probabilities
from ripeness.model.spec import ModelSpec
from ripeness.workflow.new_run import Answer
from ripeness.workflow.summary.draws import LOWER, UPPER, curves

Array = NDArray[np.float64]


class Spoken(Protocol):
    """A fit with its forecast, new or carried to a later vintage."""

    @property
    def ahead(self) -> Ahead:
        """The weeks ahead."""

    @property
    def probabilities(self) -> Probabilities:
        """Probabilities of a round, draw by draw."""

    def answer(self, question: str) -> Answer:
        """What it says of a question."""


def missed_round(fits: Sequence[Spoken]) -> float:
    """Probability that a round was held after the last one on record and not found, by some fits together."""
    longest = max(int(fit.ahead.dormancy[-1]) for fit in fits)
    return float(np.mean([1.0 - fit.ahead.state[:, fit.ahead.dormancy == longest].sum(axis=1).mean() for fit in fits]))


def forecast_rows(spec: ModelSpec, fits: Mapping[str, Spoken], sources: Sequence[tuple[str, Sequence[str]]]) -> list[dict[str, Any]]:
    """A row for each question, source and horizon.

    Parameters
    ----------
    spec : ModelSpec
    fits : mapping
        By name; "outside" among them.
    sources : sequence of (str, sequence of str)
        What speaks and the fits that it mixes evenly, in the order of the rows.
    """
    question, origin = spec.workspace.question, spec.panel.origin
    rows = []
    for asked, attribute in ((question.id, "within"), (names.SUSTAINED, "sustained")):
        answers = {name: fit.answer(attribute) for name, fit in fits.items()}
        for source, mixed in sources:
            own = [answers[name] for name in mixed]
            for h, (horizon, target) in enumerate(zip(question.horizons_weeks, question.targets(origin), strict=True)):
                draws = np.concatenate([answer.draws[:, h] for answer in own])
                mean = float(np.mean([answer.mean[h] for answer in own]))
                level = np.mean([fits[name].probabilities.level_only[:, h].mean() for name in mixed])
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
                        "mc_error": float(np.sqrt(np.mean([answer.error[h] ** 2 for answer in own]) / len(own))),
                        "outside_view": float(answers[names.OUTSIDE].mean[h]),
                        "level_only": float(level) if inside else None,
                        "inside_multiplier": mean / float(level) if inside else None,
                    }
                )
    return rows


def weeks_ahead(fits: Mapping[str, Spoken]) -> dict[str, Any]:
    """Hazard, probability and multiplier by week ahead, of the mixture and of the outside view."""
    headline = [fits[name] for name in names.HEADLINE_FITS]
    return {"weeks": [week.isoformat() for week in headline[0].ahead.weeks]} | {
        names.MIXTURE: _ahead(headline),
        names.OUTSIDE: _ahead([fits[names.OUTSIDE]]),
    }


def _ahead(fits: Sequence[Spoken]) -> dict[str, list[float]]:
    found = [fit.probabilities for fit in fits]
    return {
        **curves(np.concatenate([one.hazard for one in found]), "hazard_"),
        **curves(np.concatenate([one.by_week for one in found]), "by_week_"),
        **curves(np.concatenate([one.multiplier for one in found]), "multiplier_"),
    }


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
