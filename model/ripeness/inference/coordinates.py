"""The coordinates in which the engine samples: every free quantity of the model as a part of one vector x.

In x every prior is Normal: quantities whose prior is LogNormal stand by their logarithm, LogitNormal ones by their log odds, and the
factor paths by white noise (:mod:`ripeness.model.terms.whitening`). So a reading's prior is two vectors, mean and standard deviation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ripeness import names
from ripeness.inference.rotation import Rotation, components, join_rotations, reflection
from ripeness.model.spec import ModelSpec, Variant, normal_scale, reading_data, sensitivity_scale
from ripeness.model.terms.factor_paths import level_basis

Array = NDArray[np.float64]

LOG, LOG_ODDS, PLAIN = "log", "log odds", "plain"


@dataclass(frozen=True)
class Part:
    """One free quantity.

    Parameters
    ----------
    name : str
        As in the posterior.
    stands_by : {"log", "log odds", "plain"}
        What of it is in x.
    dims : tuple of str
    """

    name: str
    stands_by: str
    dims: tuple[str, ...]


# in the order in which they stand in x; kernels know them by place
PARTS = (
    Part("half_life", LOG, (names.FACTOR,)),
    Part("level", LOG, (names.LEVEL,)),
    Part("level_start", PLAIN, (names.LEVEL,)),
    Part("level_moves", PLAIN, (names.LEVEL, names.LEVEL_KNOT)),
    Part("loading", LOG, (names.RELATIVE,)),
    Part("intercept", PLAIN, (names.RELATIVE,)),
    Part("noise", LOG, (names.MEASURED,)),
    Part("dispersion", LOG, (names.COUNTED,)),
    Part("capture", LOG_ODDS, (names.ERA,)),
    Part("white_noise", PLAIN, (names.FACTOR, names.WEEK)),
    Part("pulse", LOG, (names.PULSE,)),
    Part("intercept_open", PLAIN, (names.CONDITION,)),
    Part("log_best_to_worst", LOG, ()),
    Part("effect_size", PLAIN, (names.EFFECT,)),
    Part("log_rhythm", PLAIN, (names.RHYTHM,)),
    Part("log_war_level", PLAIN, ()),
    Part("deviation", PLAIN, (names.CLASS,)),
    Part("kept", LOG_ODDS, (names.KEPT,)),
    Part("sensitivity", LOG_ODDS, (names.STRETCH,)),
)
OUTSIDE_ONLY = ("log_rhythm", "log_war_level", "deviation", "kept", "sensitivity")  # what the outside variant has


def prior_scales(spec: ModelSpec, variant: Variant, reading: str) -> dict[str, tuple[Array, Array]]:
    """Mean and standard deviation of each part of x under a reading's priors, in the shape of the part; only parts that the variant has."""
    panel, priors, workspace = spec.panel, spec.priors, spec.workspace
    reference = spec.reference

    def scale(prefix: str, ids: list[str]) -> tuple[Array, Array]:
        return normal_scale(priors, prefix, ids)

    nothing = np.zeros(0), np.zeros(0)
    own = {
        "log_rhythm": scale("rhythm", [f"week_{week}" for week in priors.files.rhythm_weeks]),
        "log_war_level": (np.array(priors["war_level"].mu), np.array(priors["war_level"].sigma)),
        "deviation": (np.zeros(len(reference.sd)), np.asarray(reference.sd, dtype=float)),
        "kept": scale("kept", list(spec.announcement_classes)),
        "sensitivity": sensitivity_scale(spec) if panel.record.sensitivities else nothing,
    }
    if variant == names.OUTSIDE:
        return own
    relative = [name for name in panel.indicators if not spec.contracts[name].reference]
    levels = [factor.id for factor in workspace.factors if factor.level]
    moves = (len(levels), len(level_basis(len(panel.weeks))))
    white = (len(workspace.factors), len(panel.weeks))
    data = reading_data(spec, reading, variant)
    return own | {
        "half_life": scale("half_life", list(workspace.factor_ids)),
        "level": scale("level", levels),
        "level_start": scale("level_start", levels),
        "level_moves": (np.zeros(moves), np.ones(moves)),
        "loading": scale("loading", relative),
        "intercept": scale("intercept", relative),
        "noise": scale("noise", list(panel.measured.indicators)),
        "dispersion": scale("dispersion", list(panel.counted.indicators)),
        "capture": scale("capture", [f"{name}.{era}" for name, era in panel.counted.eras]),
        "white_noise": (np.zeros(white), np.ones(white)),
        "pulse": scale("pulse", [factor.id for factor in workspace.factors if factor.pulse]),
        "intercept_open": (data["open_mu"], data["open_sigma"]),
        "log_best_to_worst": (data["total_mu"], data["total_sigma"]),
        "effect_size": (data["effect_mean"], data["effect_sd"]),
    }


@dataclass(frozen=True)
class Coordinates:
    """Where each part stands in x, and its prior.

    Parameters
    ----------
    shapes : tuple of tuple of int
        Of each part; None for one that the variant does not have.
    start : ndarray of int (part + 1,)
        First place of each part, and the length of x.
    mean, sd : ndarray (place,)
        Of the Normal prior.
    rotation : Rotation
        Which of x the sampler sees rotated.
    """

    shapes: tuple[tuple[int, ...] | None, ...]
    start: NDArray[np.int64]
    mean: Array
    sd: Array
    rotation: Rotation

    def take(self, x: Array) -> dict[str, Array]:
        """Parts by name in natural units, (..., *shape of the part), from vectors x (..., place)."""
        found = {}
        for part, shape, first, end in zip(PARTS, self.shapes, self.start[:-1], self.start[1:], strict=True):
            if shape is None:
                continue
            own = x[..., first:end].reshape(*x.shape[:-1], *shape)
            if part.stands_by == LOG:
                own = np.exp(own)
            elif part.stands_by == LOG_ODDS:
                own = 1.0 / (1.0 + np.exp(-own))
            found[part.name] = own
        return found


def build_coordinates(spec: ModelSpec, variant: Variant, reading: str) -> Coordinates:
    """Lay out x for one variant, with one reading's priors."""
    scales = prior_scales(spec, variant, reading)
    shapes = tuple(scales[part.name][0].shape if part.name in scales else None for part in PARTS)
    sizes = [int(np.prod(shape)) if shape is not None else 0 for shape in shapes]
    present = [scales[part.name] for part in PARTS if part.name in scales]
    mean, sd = (np.concatenate([np.ravel(pair[side]) for pair in present]) for side in (0, 1))
    start = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    return Coordinates(shapes, start, mean, sd, _rotation(spec, variant, scales, start))


def _rotation(spec: ModelSpec, variant: Variant, scales: dict[str, tuple[Array, Array]], start: NDArray[np.int64]) -> Rotation:
    """What the sampler moves along together: of each factor, the loadings of its indicators and their intercepts; each slow level."""
    if variant == names.OUTSIDE:
        return join_rotations([])
    relative = [spec.contracts[name].factor for name in spec.panel.indicators if not spec.contracts[name].reference]
    places = {part.name: int(first) for part, first in zip(PARTS, start[:-1], strict=True)}
    (loading, loading_sd), (_, intercept_sd) = scales["loading"], scales["intercept"]
    together = []
    for factor in spec.workspace.factor_ids:
        own = np.array([i for i, of in enumerate(relative) if of == factor], dtype=np.int64)
        together.append((places["loading"] + own, reflection(1.0 / loading_sd[own])))
        together.append((places["intercept"] + own, reflection(np.exp(loading[own]) / intercept_sd[own])))
    basis = level_basis(len(spec.panel.weeks))
    led_to = np.cumsum(basis[:0:-1], axis=0)[::-1].T  # (week, move): a move lifts the level at its knot and at all later ones
    (step, _), (_, start_sd) = scales["level"], scales["level_start"]
    for level in range(len(step)):
        moves = places["level_moves"] + level * len(basis) + np.arange(1, len(basis))
        effects = np.column_stack([np.full(len(led_to), start_sd[level]), np.exp(step[level]) * led_to])
        together.append((np.concatenate([[places["level_start"] + level], moves]), components(effects)))
    return join_rotations(together)
