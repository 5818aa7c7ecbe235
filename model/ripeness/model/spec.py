"""Everything that a model is built from, laid out: panel, priors, announcements and inside view of one origin, without any sampler."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ripeness import names
from ripeness.calendar import to_datetime64
from ripeness.data.indicators import Contract
from ripeness.data.panel import Panel, build_panel
from ripeness.data.vintages import Vintage
from ripeness.elicitation.elicited import Priors, elicit_quantiles
from ripeness.elicitation.reference import ReferenceCurve
from ripeness.model.terms import conditions as inner
from ripeness.model.terms.announcements import CLASSES, Announcement, announced_weeks, find_announcements
from ripeness.model.terms.factor_paths import level_basis
from ripeness.model.terms.outside import hat_matrix
from ripeness.workspace import Workspace

Variant = Literal["conjunctive", "additive", "outside"]
Array = NDArray[np.float64]


@dataclass(frozen=True)
class ModelSpec:
    """Everything the model is built from.

    Parameters
    ----------
    workspace : Workspace
    contracts : mapping of str to Contract
    panel : Panel
    priors : Priors
        Elicited priors of one reading.
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
    structure: inner.InsideStructure

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
    structure = inner.build_inside(priors.effects[names.AS_WRITTEN], workspace.factors, workspace.condition_ids)
    return ModelSpec(workspace, vintage.contracts, panel, priors, announced, tuple(CLASSES), structure), announcements


def normal_scale(priors: Any, prefix: str, ids: Sequence[str]) -> tuple[Array, Array]:
    """Location and spread of elicited priors on their family's own scale: two arrays in the order of `ids`."""
    entries = [priors[f"{prefix}.{name}"] for name in ids]
    return np.array([entry.mu for entry in entries]), np.array([entry.sigma for entry in entries])


def reading_data(spec: ModelSpec, reading: str, variant: Variant) -> dict[str, Array]:
    """What differs between readings, as the model's data: so that one compiled model serves them all.

    Returns
    -------
    dict
        effect_mean, effect_sd (effect,): Normal priors of the effects in units of the total; open_mu, open_sigma (condition,);
        total_mu, total_sigma (): log of the log of best-to-worst; leverage (effect,): weight of an effect of size one.
    """
    priors = spec.priors.for_reading(reading)
    effects = spec.priors.effects[reading]
    open_mu, open_sigma = normal_scale(priors, "share_open", spec.workspace.condition_ids)
    total = priors["best_to_worst"]
    data = {
        "effect_mean": np.array([effect.mean for effect in effects]),
        "effect_sd": np.array([effect.sd for effect in effects]),
        "open_mu": open_mu,
        "open_sigma": open_sigma,
        "total_mu": np.array(total.mu),
        "total_sigma": np.array(total.sigma),
    }
    if variant != names.OUTSIDE:
        data["leverage"] = inner.calibrated_leverage(data, spec.structure, variant == names.CONJUNCTIVE)
        data["conjunctive"] = np.array(float(variant == names.CONJUNCTIVE))
    return data


def model_coords(spec: ModelSpec, variant: Variant) -> dict[str, Any]:
    panel, workspace = spec.panel, spec.workspace
    record = panel.record
    weeks = to_datetime64(list(panel.weeks))
    coords: dict[str, Any] = {
        names.WEEK: weeks,
        names.RISK: weeks[record.start :],
        names.KNOT: outside_knots(spec),
        names.RHYTHM: list(spec.priors.files.rhythm_weeks),
        names.CLASS: [round(float(weeks), 1) for weeks in spec.reference.dormancy_weeks],
        names.KEPT: list(spec.announcement_classes),
        names.STRETCH: [f"{low:g}-{high:g}" for low, high in record.sensitivities],
    }
    if variant == names.OUTSIDE:
        return coords
    levels = [factor.id for factor in workspace.factors if factor.level]
    return coords | {
        names.FACTOR: workspace.factor_ids,
        names.CONDITION: workspace.condition_ids,
        names.EFFECT: list(spec.structure.effects),
        names.INDICATOR: list(panel.indicators),
        names.RELATIVE: [name for name in panel.indicators if not spec.contracts[name].reference],
        names.MEASURED: list(panel.measured.indicators),
        names.COUNTED: list(panel.counted.indicators),
        names.ERA: [f"{name} {era}" for name, era in panel.counted.eras],
        names.LEVEL: levels,
        names.LEVEL_KNOT: np.arange(level_basis(len(panel.weeks)).shape[0]),
        names.PULSE: [factor.id for factor in workspace.factors if factor.pulse],
        names.ROW: np.arange(len(panel.measured.value)),
        names.COUNT_ROW: np.arange(len(panel.counted.count)),
    }


def outside_knots(spec: ModelSpec) -> Array:
    return np.array([*spec.priors.files.rhythm_weeks, *spec.reference.dormancy_weeks], dtype=float)


def outside_basis(spec: ModelSpec, longest: int) -> Array:
    """Hat matrix (dormancy, knot) of the outside curve at d = 1 … `longest`."""
    return hat_matrix(outside_knots(spec), np.arange(1, longest + 1, dtype=float))


def sensitivity_scale(spec: ModelSpec) -> tuple[Array, Array]:
    """Location and spread, on the logit scale, of P(found | held) in each stretch of coverage."""
    path = spec.workspace.shown(spec.workspace.data / "coverage.csv")
    fitted = [
        elicit_quantiles(low, high, "logitnormal", "sensitivity of the search", path, None) for low, high in spec.panel.record.sensitivities
    ]
    return np.array([prior.mu for prior in fitted]), np.array([prior.sigma for prior in fitted])
