"""The terms of the model, each in a file of its own.

What comes in: the laid-out data and priors of one origin (:class:`ripeness.model.spec.ModelSpec`). What goes out: for each term its parameters, its statement
in PyMC, its kernels, prior draws and what it says of data. To change the model, change a term; to add one, write its file and put it in the list below.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ripeness import names
from ripeness.model.term import Term
from ripeness.model.terms.announcements import Announcements, Arrivals
from ripeness.model.terms.conditions import Conditions
from ripeness.model.terms.count_rows import CountRows
from ripeness.model.terms.factor_paths import FactorPaths
from ripeness.model.terms.inside_view import Conjunctive, Substitutable
from ripeness.model.terms.interactions import Interactions
from ripeness.model.terms.loadings import Loadings
from ripeness.model.terms.outside import OutsideCurve
from ripeness.model.terms.pulses import Pulses
from ripeness.model.terms.record import Record
from ripeness.model.terms.rungs import NestedRungs, Rungs
from ripeness.model.terms.slow_levels import SlowLevels
from ripeness.model.terms.student_t_rows import StudentTRows
from ripeness.model.terms.track_record import TrackRecord

if TYPE_CHECKING:
    from ripeness.model.spec import ModelSpec

FACTORS: tuple[Term, ...] = (Loadings(), SlowLevels(), StudentTRows(), CountRows(), FactorPaths(), Pulses())
CONDITIONS: tuple[Term, ...] = (Conditions(), Interactions())
RUNGS: tuple[Term, ...] = (Rungs(), NestedRungs())
HAZARD: tuple[Term, ...] = (OutsideCurve(), TrackRecord(), Announcements(), Arrivals(), Record())
OF_VARIANT: dict[str, tuple[Term, ...]] = {
    names.CONJUNCTIVE: (*FACTORS, *CONDITIONS, Conjunctive(), *RUNGS, *HAZARD),
    names.SUBSTITUTABLE: (*FACTORS, *CONDITIONS, Substitutable(), *RUNGS, *HAZARD),
    names.OUTSIDE: HAZARD,
}


def every_term() -> tuple[Term, ...]:
    """The terms of all variants."""
    return tuple(dict.fromkeys(term for terms in OF_VARIANT.values() for term in terms))


def terms_of(variant: str, spec: ModelSpec | None = None) -> tuple[Term, ...]:
    """The terms of a variant, in the order in which they are declared: what a term reads of others stands before it.

    Parameters
    ----------
    variant : {"conjunctive", "substitutable", "outside"}
    spec : ModelSpec, optional
        Then without the terms of which it has nothing.
    """
    terms = OF_VARIANT[variant]
    return terms if spec is None else tuple(term for term in terms if term.present(spec))
