"""Sensitivity of the headline: by how many percentage points it would differ if one thing were otherwise.

One row each for every claim zeroed, every indicator left out, every reading, form and variant by itself, every kind of evidence by itself, and
every group of priors and part of the data weakened or strengthened by power-scaling. Rows are written as they are found; the table ranks
them by the size of the change.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
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
from ripeness.evaluation.stored import POINTS, Draws, Stored, error_of_mean
from ripeness.forecast.mixture import mixed_error
from ripeness.reweighting.weights import LARGEST_KHAT

Array = NDArray[np.float64]
COLUMNS = ("kind", "what", "change_points")
DETAILS = ("kind", "what", "change_points", "error_points", "probability", "k_hat", "gradient", "how")
CLAIM, INDICATOR, READING, FORM, VARIANT, EVIDENCE_KIND = (
    "claim zeroed",
    "indicator left out",
    "reading alone",
    "form alone",
    "variant",
    "evidence",
)
PRIOR, LIKELIHOOD = "prior scaled", "likelihood scaled"
REWEIGHTED, REFITTED = "reweighted", "fitted anew"
PRIORS_ALONE, OUTCOMES_ONLY, INDICATORS_ONLY = "priors alone", "outcomes only", "indicators only"
EVIDENCE = (PRIORS_ALONE, OUTCOMES_ONLY, INDICATORS_ONLY)


@dataclass
class Headline:
    """The headline as it is, fit by fit.

    Parameters
    ----------
    draws : dict
        Posterior draws of each fit.
    now : dict
        P_s of each, (draw,).
    weights : dict
        Of each in the mixture.
    """

    weights: Mapping[str, float]
    draws: dict[str, Draws] = field(default_factory=dict)
    now: dict[str, Array] = field(default_factory=dict)

    @property
    def mean(self) -> float:
        """The mixture."""
        return self.mix([float(values.mean()) for values in self.now.values()])

    def mix(self, values: Sequence[float]) -> float:
        """What the fits say, in their order, mixed."""
        return float(np.average(values, weights=list(self.weights.values())))

    def mix_changes(self, changes: Sequence[Change]) -> Change:
        """The change of the mixture from those of all fits, in their order."""
        return mix_changes(changes, list(self.weights.values()))


def open_headline(stored: Stored) -> Headline:
    """Draws and headline of every fit that it mixes."""
    found = Headline(stored.spec.workspace.mixture.weights)
    for fit, variant, _ in stored.headline_fits:
        found.draws[fit] = stored.draws(fit)
        found.now[fit] = stored.headline(variant, found.draws[fit])
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
    """Each reading and each form by itself, and the outside view."""
    errors = {fit: error_of_mean(now.reshape(stored.shape)) for fit, now in headline.now.items()}
    error = POINTS * float(mixed_error(list(errors.values()), list(headline.weights.values())))
    alone = [(READING, f"the essay {names.READING_LABELS[reading]}", 2, reading) for reading in stored.spec.workspace.readings]
    alone += [(FORM, names.FORM_LABELS[form], 1, form) for form in names.FORMS]
    for kind, what, place, wanted in alone:
        own = {which[0]: headline.weights[which[0]] for which in stored.headline_fits if which[place] == wanted}
        if not table.has(kind=kind, what=what) and any(own.values()):
            mean = float(np.average([headline.now[fit].mean() for fit in own], weights=list(own.values())))
            yield f"{kind}: {what}", [_row(headline, kind, what, Change(POINTS * (mean - headline.mean), error), "read off")]
    for name, variant, _ in stored.spec.workspace.fits:
        if variant != names.OUTSIDE or table.has(kind=VARIANT, what=name):
            continue
        then = stored.forecast(name)
        alone_error = POINTS * error_of_mean(then.reshape(stored.shape))
        change = Change(POINTS * (float(then.mean()) - headline.mean), float(np.hypot(alone_error, error)))
        yield f"variant: {name}", [_row(headline, VARIANT, name, change, "read off")]


def _claims(stored: Stored, headline: Headline, table: ResumedTable) -> Found:
    """Every claim zeroed; claims of one effect share its weight, and so the change."""
    likelihood: dict[str, Array] = {}
    for e, effect in enumerate(stored.spec.priors.effects[names.AS_WRITTEN]):
        claims = claims_of(stored, effect)
        if all(table.has(kind=CLAIM, what=claim.id) for claim in claims):
            continue
        changes = []
        for fit, variant, _ in stored.headline_fits:
            if fit not in likelihood:
                likelihood[fit] = likelihood_of_outcomes(stored.spec, headline.draws[fit])
            changes.append(zeroed_change(stored, variant, headline.draws[fit], headline.now[fit], likelihood[fit], e))
        change = headline.mix_changes(changes)
        how = f"weight of {effect.id} at zero, {REWEIGHTED}"
        yield f"zeroed: {effect.id}", [_row(headline, CLAIM, claim.id, change, how) for claim in claims]


def _scalings(stored: Stored, headline: Headline, table: ResumedTable) -> Found:
    """Priors and likelihoods raised to powers."""
    parts: dict[tuple[str, str], dict[str, Scaling]] = {}
    if table.has(kind=PRIOR):
        return
    for fit, variant, reading in stored.headline_fits:
        for scaling in scale_powers(stored, variant, reading, headline.draws[fit], headline.now[fit]):  # type: ignore[arg-type]
            parts.setdefault((scaling.component, scaling.what), {})[fit] = scaling
    unmoved = Change(0.0, 0.0)  # a fit that does not read a group of priors
    rows = []
    for (component, what), found in parts.items():
        kind = PRIOR if component == "prior" else LIKELIHOOD
        gradient = max(scaling.gradient for scaling in found.values())
        for power, side in zip(POWERS, ("weaker", "stronger"), strict=True):
            change = headline.mix_changes([getattr(found[fit], side) if fit in found else unmoved for fit in headline.weights])
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
            seen = refit(stored, without_rounds(panel), names.CONJUNCTIVE, names.AS_WRITTEN, seed)
            failures, how = int(not seen.verdict.passed), f"{REFITTED}, without the record"
        for fit, variant, reading in stored.headline_fits:
            if evidence == OUTCOMES_ONLY:
                found = refit(stored, without_rows(panel, set(panel.indicators)), variant, reading, seed)  # type: ignore[arg-type]
                failures, how = failures + (not found.verdict.passed), REFITTED
                then = stored.headline(variant, found.draws)
            else:
                then = headline_of_priors(stored, variant, reading, seed, seen.draws if seen else None)  # type: ignore[arg-type]
            changes.append(change_between(headline.now[fit], then, stored.shape[0]))
        yield f"evidence: {evidence}", [_row(headline, EVIDENCE_KIND, evidence, headline.mix_changes(changes), how + _of_gate(failures))]


def _indicators(stored: Stored, headline: Headline, table: ResumedTable) -> Found:
    """Every indicator left out, one of each factor at a time."""
    likelihood: dict[str, Array] = {}
    for turn, left_out in enumerate(leave_out_plan(stored.spec)):
        if all(table.has(kind=INDICATOR, what=indicator) for indicator in left_out):
            continue
        panel = without_rounds(without_rows(stored.spec.panel, set(left_out)))
        found = refit(stored, panel, names.CONJUNCTIVE, names.AS_WRITTEN, stored.seed + 10 * (turn + 1))
        for indicator in left_out:
            if table.has(kind=INDICATOR, what=indicator):
                continue
            changes = []
            for fit, variant, _ in stored.headline_fits:
                draws = headline.draws[fit]
                if fit not in likelihood:
                    likelihood[fit] = likelihood_of_outcomes(stored.spec, draws)
                changes.append(leave_out(stored, variant, draws, headline.now[fit], likelihood[fit], found.draws, indicator))
            how = f"its factor {REFITTED} without it, the rest {REWEIGHTED}" + _of_gate(int(not found.verdict.passed))
            yield f"left out: {indicator}", [_row(headline, INDICATOR, indicator, headline.mix_changes(changes), how)]


def _of_gate(failures: int) -> str:
    return f"; {failures} of the fits failed the gate" if failures else ""
