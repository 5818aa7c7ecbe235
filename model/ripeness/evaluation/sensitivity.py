"""Sensitivity of the headline: by how many percentage points it would differ if one thing were otherwise.

One row each for every claim zeroed, every indicator left out, every reading and variant by itself, every kind of evidence by itself, and
every group of priors and part of the data weakened or strengthened by power-scaling. Rows are written as they are found; the table ranks
them by the size of the change.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ripeness import names
from ripeness.evaluation.left_out import (
    Change,
    change_between,
    headline_of_priors,
    leave_out,
    leave_out_plan,
    likelihood_of_outcomes,
    mix_changes,
    refit,
    without_rounds,
    without_rows,
    zeroed_change,
)
from ripeness.evaluation.power import POWERS, Scaling, scale_powers
from ripeness.evaluation.resumed import Progress, ResumedTable
from ripeness.evaluation.scorecard import claims_of
from ripeness.evaluation.stored import CONJUNCTIVE_READINGS, POINTS, Draws, Stored, error_of_mean, error_of_mixture
from ripeness.reweighting.weights import LARGEST_KHAT

Array = NDArray[np.float64]
COLUMNS = ("kind", "what", "change_points")
DETAILS = ("kind", "what", "change_points", "error_points", "probability", "k_hat", "gradient", "how")
CLAIM, INDICATOR, READING, VARIANT, EVIDENCE_KIND = "claim zeroed", "indicator left out", "reading alone", "variant", "evidence"
PRIOR, LIKELIHOOD = "prior scaled", "likelihood scaled"
REWEIGHTED, REFITTED = "reweighted", "fitted anew"
PRIORS_ALONE, OUTCOMES_ONLY, INDICATORS_ONLY = "priors alone", "outcomes only", "indicators only"
EVIDENCE = (PRIORS_ALONE, OUTCOMES_ONLY, INDICATORS_ONLY)


@dataclass
class Headline:
    """The headline as it is, reading by reading.

    Parameters
    ----------
    draws : dict
        Posterior draws of each conjunctive fit.
    now : dict
        P_s of each, (draw,).
    """

    draws: dict[str, Draws] = field(default_factory=dict)
    now: dict[str, Array] = field(default_factory=dict)

    @property
    def mean(self) -> float:
        """The even mixture."""
        return float(np.mean([values.mean() for values in self.now.values()]))


def open_headline(stored: Stored) -> Headline:
    """Draws and headline of both readings."""
    found = Headline()
    for fit, _ in CONJUNCTIVE_READINGS:
        found.draws[fit] = stored.draws(fit)
        found.now[fit] = stored.headline(names.CONJUNCTIVE, found.draws[fit])
    return found


def study_sensitivity(stored: Stored, table: ResumedTable, progress: Progress) -> list[dict[str, str]]:
    """Find every row that the table lacks, and return all of them, ranked by the size of the change.

    Parameters
    ----------
    stored : Stored
    table : ResumedTable
        With the columns `DETAILS`.
    progress : callable
    """
    progress("reading the stored draws")
    headline = open_headline(stored)
    for find in (_readings, _claims, _scalings, _evidence, _indicators):
        for step, row in find(stored, headline, table):
            progress(step)
            table.add(*row)
    return sorted(table.rows, key=lambda row: -abs(float(row["change_points"])))


def usable(row: Mapping[str, str]) -> bool:
    """Whether a change may be shown: its importance weights, if any, have a k̂ of at most 0.7."""
    return row["k_hat"] == "" or float(row["k_hat"]) <= LARGEST_KHAT


Found = Iterator[tuple[str, list[dict[str, Any]]]]


def _row(headline: Headline, kind: str, what: str, change: Change, how: str, gradient: float | None = None) -> dict[str, Any]:
    return {
        "kind": kind,
        "what": what,
        "change_points": change.points,
        "error_points": change.error,
        "probability": headline.mean + change.points / POINTS,
        "k_hat": change.k,
        "gradient": gradient,
        "how": how,
    }


def _readings(stored: Stored, headline: Headline, table: ResumedTable) -> Found:
    """Each reading by itself, and the variants beside the headline."""
    errors = {fit: error_of_mean(now.reshape(stored.shape)) for fit, now in headline.now.items()}
    error = POINTS * error_of_mixture(list(errors.values()))
    for fit, reading in CONJUNCTIVE_READINGS:
        what = f"the essay {names.READING_LABELS[reading]}"
        if not table.has(kind=READING, what=what):
            change = Change(POINTS * (float(headline.now[fit].mean()) - headline.mean), error)
            yield f"reading: {what}", [_row(headline, READING, what, change, "read off")]
    for name, _, _ in names.FITS:
        if name in names.HEADLINE_FITS or table.has(kind=VARIANT, what=name):
            continue
        then = stored.forecast(name)
        own = POINTS * error_of_mean(then.reshape(stored.shape))
        change = Change(POINTS * (float(then.mean()) - headline.mean), float(np.hypot(own, error)))
        yield f"variant: {name}", [_row(headline, VARIANT, name, change, "read off")]


def _claims(stored: Stored, headline: Headline, table: ResumedTable) -> Found:
    """Every claim zeroed; claims of one effect share its weight, and so the change."""
    likelihood: dict[str, Array] = {}
    for e, effect in enumerate(stored.spec.priors.effects[names.AS_WRITTEN]):
        claims = claims_of(stored, effect)
        if all(table.has(kind=CLAIM, what=claim.id) for claim in claims):
            continue
        changes = []
        for fit, _ in CONJUNCTIVE_READINGS:
            if fit not in likelihood:
                likelihood[fit] = likelihood_of_outcomes(stored.spec, headline.draws[fit])
            changes.append(zeroed_change(stored, headline.draws[fit], headline.now[fit], likelihood[fit], e))
        change = mix_changes(changes)
        how = f"weight of {effect.id} at zero, {REWEIGHTED}"
        yield f"zeroed: {effect.id}", [_row(headline, CLAIM, claim.id, change, how) for claim in claims]


def _scalings(stored: Stored, headline: Headline, table: ResumedTable) -> Found:
    """Priors and likelihoods raised to powers."""
    parts: dict[tuple[str, str], list[Scaling]] = {}
    if table.has(kind=PRIOR):
        return
    for fit, reading in CONJUNCTIVE_READINGS:
        for scaling in scale_powers(stored, fit, reading, headline.draws[fit], headline.now[fit]):
            parts.setdefault((scaling.component, scaling.what), []).append(scaling)
    rows = []
    for (component, what), found in parts.items():
        kind = PRIOR if component == "prior" else LIKELIHOOD
        gradient = max(scaling.gradient for scaling in found)
        for power, side in zip(POWERS, ("weaker", "stronger"), strict=True):
            change = mix_changes([getattr(scaling, side) for scaling in found])
            rows.append(_row(headline, kind, f"{what}, power {power:g}", change, REWEIGHTED, gradient))
    yield "priors and likelihoods scaled", rows


def _evidence(stored: Stored, headline: Headline, table: ResumedTable) -> Found:
    """What each kind of evidence says by itself."""
    panel, seen = stored.spec.panel, None
    for number, evidence in enumerate(EVIDENCE):
        if table.has(kind=EVIDENCE_KIND, what=evidence):
            continue
        seed, changes, failures, how = stored.seed + 1000 * (number + 1), [], 0, "drawn from the priors"
        if evidence == INDICATORS_ONLY:
            seen = refit(stored, without_rounds(panel), names.AS_WRITTEN, seed)
            failures, how = int(not seen.verdict.passed), f"{REFITTED}, without the record"
        for fit, reading in CONJUNCTIVE_READINGS:
            if evidence == OUTCOMES_ONLY:
                found = refit(stored, without_rows(panel, set(panel.indicators)), reading, seed)
                failures, how = failures + (not found.verdict.passed), REFITTED
                then = stored.headline(names.CONJUNCTIVE, found.draws)
            else:
                then = headline_of_priors(stored, reading, seed, seen.draws if seen else None)
            changes.append(change_between(headline.now[fit], then, stored.shape[0]))
        yield f"evidence: {evidence}", [_row(headline, EVIDENCE_KIND, evidence, mix_changes(changes), how + _of_gate(failures))]


def _indicators(stored: Stored, headline: Headline, table: ResumedTable) -> Found:
    """Every indicator left out, one of each factor at a time."""
    likelihood: dict[str, Array] = {}
    for turn, left_out in enumerate(leave_out_plan(stored.spec)):
        if all(table.has(kind=INDICATOR, what=indicator) for indicator in left_out):
            continue
        panel = without_rounds(without_rows(stored.spec.panel, set(left_out)))
        found = refit(stored, panel, names.AS_WRITTEN, stored.seed + 10 * (turn + 1))
        for indicator in left_out:
            if table.has(kind=INDICATOR, what=indicator):
                continue
            changes = []
            for fit, _ in CONJUNCTIVE_READINGS:
                draws = headline.draws[fit]
                if fit not in likelihood:
                    likelihood[fit] = likelihood_of_outcomes(stored.spec, draws)
                changes.append(leave_out(stored, draws, headline.now[fit], likelihood[fit], found.draws, indicator))
            how = f"its factor {REFITTED} without it, the rest {REWEIGHTED}" + _of_gate(int(not found.verdict.passed))
            yield f"left out: {indicator}", [_row(headline, INDICATOR, indicator, mix_changes(changes), how)]


def _of_gate(failures: int) -> str:
    return f"; {failures} of the fits failed the gate" if failures else ""
