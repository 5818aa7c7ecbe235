"""What a model is built from, laid out: panel, priors, announcements and inside view of one origin, without any sampler."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from ripeness import names
from ripeness.data.indicators import Contract
from ripeness.data.panel import Panel, build_panel
from ripeness.data.vintages import Vintage
from ripeness.elicitation.elicited import Priors
from ripeness.elicitation.reference import ReferenceCurve
from ripeness.model.meetings import Announcement, Meetings, find_announcements, lay_out_meetings
from ripeness.model.terms.conditions import InsideStructure, build_inside
from ripeness.workspace import Workspace

Variant = Literal["conjunctive", "substitutable", "outside"]


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
    meetings : Meetings
        What announced meetings say of the weeks of the record.
    structure : InsideStructure
    """

    workspace: Workspace
    contracts: Mapping[str, Contract]
    panel: Panel
    priors: Priors
    meetings: Meetings
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
    panel = build_panel(vintage, vintage.contracts, workspace.question, priors.files.grades, workspace.rungs)
    announcements = find_announcements(vintage.events)
    meetings = lay_out_meetings(announcements, panel.weeks, panel.record.start, priors.files.named_week_share)
    structure = build_inside(priors.effects[names.AS_WRITTEN], workspace.factors, workspace.condition_ids)
    return ModelSpec(workspace, vintage.contracts, panel, priors, meetings, structure), announcements
