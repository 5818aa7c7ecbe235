"""What a model is built from, laid out: panel, priors, announcements and inside view of one origin, without any sampler."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ripeness import names
from ripeness.data.indicators import Contract
from ripeness.data.panel import Panel, build_panel
from ripeness.data.vintages import Vintage
from ripeness.elicitation.elicited import Priors
from ripeness.elicitation.reference import ReferenceCurve
from ripeness.model.terms.announcements import CLASSES, Announcement, announced_weeks, find_announcements
from ripeness.model.terms.conditions import InsideStructure, build_inside
from ripeness.workspace import Workspace

Variant = Literal["conjunctive", "substitutable", "outside"]
Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ModelSpec:
    """What the model is built from.

    Parameters
    ----------
    workspace : Workspace
    contracts : mapping of str to Contract
    panel : Panel
    priors : Priors
        Elicited priors of all readings.
    announced : ndarray (announcement class, week)
        Share of each class's hazard that falls in each week of the record.
    announcement_classes : tuple of str
    structure : InsideStructure
    """

    workspace: Workspace
    contracts: Mapping[str, Contract]
    panel: Panel
    priors: Priors
    announced: Array
    announcement_classes: tuple[str, ...]
    structure: InsideStructure

    @property
    def reference(self) -> ReferenceCurve:
        """The reference class beyond the weeks in which the process has a rhythm of its own."""
        return self.priors.reference.beyond(self.workspace.question.active_weeks)


def build_spec(workspace: Workspace, vintage: Vintage, priors: Priors) -> tuple[ModelSpec, list[Announcement]]:
    """Lay out a vintage and its announcements for the model.

    Parameters
    ----------
    workspace : Workspace
    vintage : Vintage
    priors : Priors
        Fitted ones only where the model itself is to be built.
    """
    panel = build_panel(vintage, vintage.contracts, workspace.question, priors.files.grades)
    announcements = find_announcements(vintage.events)
    weeks = list(panel.weeks)
    # a week may use the news of the Sunday before it
    announced = announced_weeks(announcements, weeks, [sunday - timedelta(days=7) for sunday in weeks], priors.files.named_week_share)
    structure = build_inside(priors.effects[names.AS_WRITTEN], workspace.factors, workspace.condition_ids)
    return ModelSpec(workspace, vintage.contracts, panel, priors, announced, tuple(CLASSES), structure), announcements
