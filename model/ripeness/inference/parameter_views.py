"""The vector x taken apart: a view of every free quantity, by its name, so that kernels write `x.loading` and never count places."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ripeness.kernels.compilation import inner

Array = NDArray[np.float64]
Index = NDArray[np.int64]


class Parts(NamedTuple):
    """Parts of x, or of its gradient, in the order of :data:`ripeness.inference.coordinates.PARTS`; what a model does not have is empty.

    Tables are flat: `level_moves` (level · knot,), `white_noise` (factor · week,).
    """

    half_life: Array
    level: Array
    level_start: Array
    level_moves: Array
    loading: Array
    intercept: Array
    noise: Array
    dispersion: Array
    capture: Array
    white_noise: Array
    pulse: Array
    intercept_open: Array
    log_best_to_worst: Array
    effect_size: Array
    log_rhythm: Array
    log_war_level: Array
    deviation: Array
    kept: Array
    sensitivity: Array


@inner
def take_apart(x: Array, start: Index) -> Parts:
    """Views of all parts of x (place,), part i from `start[i]` on."""
    return Parts(
        x[start[0] : start[1]], x[start[1] : start[2]], x[start[2] : start[3]], x[start[3] : start[4]], x[start[4] : start[5]],
        x[start[5] : start[6]], x[start[6] : start[7]], x[start[7] : start[8]], x[start[8] : start[9]], x[start[9] : start[10]],
        x[start[10] : start[11]], x[start[11] : start[12]], x[start[12] : start[13]], x[start[13] : start[14]], x[start[14] : start[15]],
        x[start[15] : start[16]], x[start[16] : start[17]], x[start[17] : start[18]], x[start[18] : start[19]],
    )  # fmt: skip
