"""The summary of a run from new fits.

Each number can be traced: `forecasts` and everything with mean, lower and upper to the draws of a fit in posterior.nc; `indicators` and
`rounds` to rows; `drivers` and `effects` to entries of priors/ with their claims and citations.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from ripeness import names
from ripeness.essay import Claims
from ripeness.inference.gate import AT_MOST, WORDS, Verdict
from ripeness.ledger import Entry
from ripeness.workflow.new_run import MadeRun
from ripeness.workflow.summary.beliefs import conditions_of, drivers_of, effects_of, factors_of, headline_fits
from ripeness.workflow.summary.known import head_of, pending, record_of
from ripeness.workflow.summary.rounds import forecast_rows, hazard_past, missed_round, weeks_ahead


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
    spec = made.spec
    missed = missed_round(headline_fits(made) if made.passed else [made.fits[names.OUTSIDE]])
    head = {
        **head_of(spec, made.vintage, claims, meta, previous, missed),
        "reweighted": None,
        "forecasts": forecast_rows(spec, made.fits, _sources(made)),
        "gate": {"passed": made.passed, "fits": [_verdict(fit.verdict, fit.attempts) for fit in made.fits.values()]},
        "flags": [asdict(flag) for flag in made.flags],
        **record_of(spec, made.vintage),
    }
    if not made.passed:
        return head
    return head | {
        "hazard_past": _hazard_past(made),
        "ahead": weeks_ahead(made.fits),
        "announcements": pending(spec, made.announcements, _together(made, "kept")),
        "conditions": conditions_of(made),
        "factors": factors_of(made),
        "effects": effects_of(made),
        "drivers": drivers_of(made),
        "claims": [_claim(claim) for claim in claims.claims],
        "paragraphs": claims.card.paragraphs,
        "citations": {
            name: " ".join(filter(None, (citation.reference, citation.address))) for name, citation in spec.priors.files.citations.items()
        },
        "graph": made.graph,
    }


def _sources(made: MadeRun) -> list[tuple[str, Sequence[str]]]:
    """Who speaks: the mixture first; only the outside view if the headline has failed."""
    single: list[tuple[str, Sequence[str]]] = [
        (name, (name,)) for name, fit in made.fits.items() if fit.verdict.passed and (made.passed or name == names.OUTSIDE)
    ]
    return [(names.MIXTURE, names.HEADLINE_FITS), *single] if made.passed else single


def _together(made: MadeRun, variable: str) -> np.ndarray[Any, Any]:
    return np.concatenate([fit.groups["posterior"][variable].values for fit in headline_fits(made)], axis=0)


def _hazard_past(made: MadeRun) -> dict[str, Any]:
    outside = made.fits[names.OUTSIDE].groups["posterior"]
    weeks = outside[names.RISK].values.astype("datetime64[D]").astype(str).tolist()
    alone = outside["hazard"].values
    return hazard_past(weeks, _together(made, "hazard"), alone.reshape(-1, alone.shape[-1]).astype(float))


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
