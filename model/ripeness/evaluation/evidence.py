"""Evidence by source: the headline by the essay alone, then with each source of evidence added to those before it, and how far each moves the weights.

The sources in their order are the essay's own readings, the reading by other wars, the indicators, the events of each rung that has a rate of
its own, and the record of rounds with its announcements, which makes it the headline. The order matters: what a source moves is what it adds. Before any
outcome is seen the factors are independent of the weights, so that priors are joined with the factors of one fit
(:mod:`ripeness.evaluation.left_out`); with the first rung every fit is made anew. Rungs that are part of another's events say nothing of the conditions and
have no step. How long talks have been dormant is part of the question, so that every step knows it, and so do all of them know the outside view.

A weight is moved by as many standard deviations of its prior as lie between the means of posterior and prior, averaged over the conjunctive fits by their
weights in the headline.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ripeness import names
from ripeness.evaluation.left_out import headline_of_priors, refit, without_rounds
from ripeness.evaluation.published import HEADLINE, INDICATORS, ROUNDS
from ripeness.evaluation.resumed import Progress, ResumedTable
from ripeness.evaluation.stored import Draws, Stored, error_of_mean
from ripeness.forecast.mixture import mixed_error, pool_draws
from ripeness.model.terms.rungs import rung_ids

Array = NDArray[np.float64]
COLUMNS: Final = ("source", "what", "value", "lower", "upper", "mcse", "how")
ESSAY, OTHER_WARS = "essay", "other wars"
PRIOR, REFITTED, READ_OFF = "drawn from the priors", "fitted anew", "read off"


@dataclass(frozen=True)
class Seen:
    """What one fit says once a source is seen.

    Parameters
    ----------
    headline : ndarray (draw,)
        P_s, path noise taken out.
    mcse : float
        Of its mean.
    draws : dict of ndarray or None
        Of the posterior; None where its weights are at their priors.
    passed : bool
        Whether a fit that was made for it passed the gate.
    """

    headline: Array
    mcse: float
    draws: Draws | None = None
    passed: bool = True


def sources_of(stored: Stored) -> list[str]:
    """The sources in the order in which they are added."""
    workspace = stored.spec.workspace
    learnt = [OTHER_WARS] if names.OTHER_WARS in workspace.readings else []
    indicators = [INDICATORS] if stored.spec.panel.indicators else []
    return [ESSAY, *learnt, *indicators, *rung_ids(stored.spec), ROUNDS]


def study_evidence(stored: Stored, table: ResumedTable, progress: Progress) -> list[dict[str, str]]:
    """Find the rows of every source that the table lacks, and return all of them in the order of the sources.

    Parameters
    ----------
    stored : Stored
    table : ResumedTable
        With the columns `COLUMNS`; of each source the headline, in [0, 1], with its 5-95 % range and Monte Carlo error, and once outcomes are seen how far
        each weight has moved, in standard deviations of its prior.
    progress : callable
    """
    sources = sources_of(stored)
    steps = _steps(stored, [source for source in sources if not table.has(source=source)], progress)
    for source, how, found in steps:
        weights = {name: weight for name, weight in stored.spec.workspace.mixture.weights.items() if name in found}
        table.add(_headline_row(source, how, found, weights), *_weight_rows(stored, source, how, found, weights))
    return sorted(table.rows, key=lambda row: sources.index(row["source"]))


def _steps(stored: Stored, wanted: Sequence[str], progress: Progress) -> Iterator[tuple[str, str, dict[str, Seen]]]:
    """Of each source how its numbers were made, and what every fit says."""
    panel, seen, rungs = stored.spec.panel, None, list(rung_ids(stored.spec))
    for source in wanted:
        progress(f"evidence: {source}")
        seed = stored.seed + 1000 * (1 + sources_of(stored).index(source))
        if source == INDICATORS:
            seen = refit(stored, without_rounds(panel), names.CONJUNCTIVE, names.AS_WRITTEN, seed)
        found = {}
        for fit, variant, reading in stored.headline_fits:
            if source == ROUNDS:
                now = stored.forecast(fit)
                found[fit] = Seen(now, error_of_mean(now.reshape(stored.shape)), stored.draws(fit))
            elif source in rungs:
                known = without_rounds(panel, rungs[: rungs.index(source) + 1])
                anew = refit(stored, known, variant, reading, seed)  # type: ignore[arg-type]
                now = stored.headline(variant, anew.draws, path_noise=False)
                found[fit] = Seen(now, error_of_mean(now.reshape(anew.chains, -1)), anew.draws, anew.verdict.passed)
            elif source != ESSAY or reading != names.OTHER_WARS:
                now = headline_of_priors(stored, variant, reading, seed, seen.draws if seen else None, path_noise=False)  # type: ignore[arg-type]
                found[fit] = Seen(now, float(now.std() / np.sqrt(len(now))), passed=seen is None or seen.verdict.passed)
        how = READ_OFF if source == ROUNDS else REFITTED if source in (INDICATORS, *rungs) else PRIOR
        yield source, how, found


def _headline_row(source: str, how: str, found: Mapping[str, Seen], weights: Mapping[str, float]) -> dict[str, Any]:
    of_fits, shares = [found[name] for name in weights], list(weights.values())
    failed = sum(not one.passed for one in of_fits)
    lower, upper = np.quantile(pool_draws([one.headline for one in of_fits], shares), [0.05, 0.95])
    return {
        "source": source,
        "what": HEADLINE,
        "value": float(np.average([one.headline.mean() for one in of_fits], weights=shares)),
        "lower": float(lower),
        "upper": float(upper),
        "mcse": float(mixed_error([one.mcse for one in of_fits], shares)),
        "how": f"{how}; {failed} of {len(of_fits)} fits failed the gate" if failed else how,
    }


def _weight_rows(stored: Stored, source: str, how: str, found: Mapping[str, Seen], weights: Mapping[str, float]) -> list[dict[str, Any]]:
    """How far each weight has moved; no row where outcomes have not been seen."""
    moved, shares = list[Array](), list[float]()
    for fit, variant, reading in stored.headline_fits:
        draws = found[fit].draws if fit in found else None
        if variant == names.CONJUNCTIVE and draws is not None and weights[fit]:
            effects, sizes = stored.spec.priors.effects[reading], draws["effect_size"]
            moved.append((sizes.mean(axis=0) - [effect.mean for effect in effects]) / [effect.sd for effect in effects])
            shares.append(weights[fit])
    if not moved:
        return []
    shifts = np.average(moved, axis=0, weights=shares)
    ids = [effect.id for effect in stored.spec.priors.effects[names.AS_WRITTEN]]
    return [{"source": source, "what": one, "value": float(shift), "how": how} for one, shift in zip(ids, shifts, strict=True)]
