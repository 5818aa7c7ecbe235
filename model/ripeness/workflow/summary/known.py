"""What was known: indicators, rounds, how well was searched, announced meetings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ripeness.data.vintages import Vintage
from ripeness.essay import Claims
from ripeness.ledger import Entry
from ripeness.model.spec import ModelSpec
from ripeness.model.terms.announcements import Announcement
from ripeness.workflow.summary.draws import interval

Array = NDArray[np.float64]
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
    origin, classes = spec.panel.origin, list(spec.announcement_classes)
    return [
        {
            "class": one.kept,
            "class_label": CLASS_LABELS[one.kept],
            "first": one.first.isoformat(),
            "last": one.last.isoformat(),
            "known": one.known.isoformat(),
            "kept": interval(kept[..., classes.index(one.kept)]),
        }
        for one in announcements
        if one.known <= origin and one.gone is None and _end(one.last) > origin
    ]


def _end(last: date) -> date:
    return last + timedelta(days=7)
