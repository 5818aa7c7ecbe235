"""The record: how the forecasts issued so far have fared, by what was known on a day; plain values for the page and for JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date
from typing import Any, Final

from ripeness.ledger.entries import LABELS, LATE, Entry, counting_versions, issue_labels, subject
from ripeness.ledger.outcomes import VOID, YES
from ripeness.ledger.resolutions import Resolution, latest
from ripeness.workspace.question import Question

OPEN: Final = "open"
SCORES: Final = ("brier", "outside_brier", "log_score", "outside_log_score")


def build_record(
    entries: Sequence[Entry], resolutions: Sequence[Resolution], question: Question, essay: date, as_of: date
) -> dict[str, Any]:
    """Gather what is on record.

    Parameters
    ----------
    entries, resolutions : sequence
        The whole of ledger.csv and of resolutions.csv, in their order.
    question : Question
    essay : date
        Day of the essay.
    as_of : date
        Forecasts of later origins and resolutions of later days are left out.

    Returns
    -------
    dict
        as_of, headline_weeks; counts: issued, open, resolved, void and due (open, though the target has passed) of the forecasts issued
        ahead, late and in hindsight; scores: for each kind of issue but late, question and horizon the number resolved, how many of them by
        yes, and the mean scores; resolved: the rows of resolutions.csv in force, the newest targets first, without scores where issued late; history: every forecast of
        the headline, by origin, with its outcome, "open" where there is none. In all of these each forecast counts once, by the version that `counting_versions`
        takes; versions: the rows of ledger.csv that do not count, by question, horizon and origin, in the order of issue.
    """
    standing = latest([row for row in resolutions if row.as_of <= as_of])
    labels = issue_labels(entries, essay)
    counting = counting_versions([subject(entry) for entry in entries], labels)
    counts = {issued: dict.fromkeys(("issued", OPEN, "resolved", VOID, "due"), 0) for issued in LABELS}
    resolved, history, versions = [], [], []
    for place, (entry, issued) in enumerate(zip(entries, labels, strict=True)):
        if entry.origin > as_of:
            continue
        if place not in counting:
            versions.append(_plain(entry) | {"issued": issued})
            continue
        row = standing.get(entry.key)
        outcome = OPEN if row is None else row.outcome
        counts[issued]["issued"] += 1
        counts[issued][outcome if outcome in (OPEN, VOID) else "resolved"] += 1
        counts[issued]["due"] += outcome == OPEN and entry.target_end_date <= as_of
        if row is not None:
            resolved.append(_plain(row) | {"issued": issued} | (dict.fromkeys(SCORES) if issued == LATE else {}))
        if (entry.question, entry.horizon_weeks) == (question.id, question.headline_weeks):
            history.append(_plain(entry) | {"issued": issued, "outcome": outcome})
    resolved.sort(key=lambda row: (row["target_end_date"], row["origin"]), reverse=True)  # stable: in the order of issue
    history.sort(key=lambda row: str(row["origin"]))
    versions.sort(key=lambda row: (row["question"] != question.id, row["question"], row["horizon_weeks"], row["origin"]))
    return {
        "as_of": as_of.isoformat(),
        "headline_weeks": question.headline_weeks,
        "counts": counts,
        "scores": _mean_scores(resolved, question.id),
        "resolved": resolved,
        "history": history,
        "versions": versions,
    }


def _mean_scores(resolved: Sequence[dict[str, Any]], first: str) -> list[dict[str, Any]]:
    groups: dict[tuple[str, bool, str, int], list[dict[str, Any]]] = {}
    for row in resolved:
        if row["outcome"] != VOID and row["issued"] != LATE:
            groups.setdefault((row["issued"], row["question"] != first, row["question"], row["horizon_weeks"]), []).append(row)
    return [
        {
            "issued": issued,
            "question": question,
            "horizon_weeks": weeks,
            "resolved": len(rows),
            "yes": sum(row["outcome"] == YES for row in rows),
            **{name: sum(row[name] for row in rows) / len(rows) for name in SCORES},
        }
        for (issued, _, question, weeks), rows in sorted(groups.items())
    ]


def _plain(row: Entry | Resolution) -> dict[str, Any]:
    return {name: value.isoformat() if isinstance(value, date) else value for name, value in asdict(row).items()}
