r"""e^x and 1 − e^x by additions and multiplications alone, so that a loop over an array runs on whole vectors.

With n the whole number nearest to x / ln 2 and r = x − n ln 2, |r| ≤ ln 2 / 2,

.. math:: e^x = 2^n (1 + p), \qquad 1 - e^x = (1 - 2^n) - 2^n p, \qquad p = e^r - 1 = r + r^2/2! + \dots + r^{13}/13!

The first term left out is below 4·10⁻¹⁸. Error of either result: at most 2 units in the last place; 1 − e^x keeps its digits where x is
tiny. Below x = −708 e^x is zero, above 709 it is infinite; what is not a number stays so.
"""

from __future__ import annotations

from math import factorial

import numpy as np

from ripeness.kernels.compilation import inner

LOWEST, HIGHEST = -708.0, 709.0
PER_LN2 = 1.4426950408889634
# ln 2 in two parts; the first has so few digits that its product with n is exact
LN2_HIGH = 6.93147180369123816490e-01
LN2_LOW = 1.90821492927058770002e-10
# adding it rounds to a whole number, which then stands in the last bits
ROUNDER = 6755399441055744.0
FRACTION_BITS = 52
BITS_OF_ONE = 1023 << FRACTION_BITS
C2, C3, C4, C5, C6, C7, C8, C9, C10, C11, C12, C13 = (1.0 / factorial(k) for k in range(2, 14))


@inner
def exponential_and_rest(x: float) -> tuple[float, float]:
    """e^x and 1 − e^x of one number."""
    shifted = x * PER_LN2 + ROUNDER
    n = shifted - ROUNDER
    r = (x - n * LN2_HIGH) - n * LN2_LOW
    # 2^n, its exponent written into the bits of a number
    scale = np.int64((np.float64(shifted).view(np.int64) << FRACTION_BITS) + BITS_OF_ONE).view(np.float64)
    s = r * r
    s2 = s * s
    low = (C2 + C3 * r) + (C4 + C5 * r) * s
    middle = (C6 + C7 * r) + (C8 + C9 * r) * s
    high = (C10 + C11 * r) + (C12 + C13 * r) * s
    p = r + s * (low + s2 * (middle + s2 * high))
    power: float = scale + scale * p
    rest: float = (1.0 - scale) - scale * p
    if x < LOWEST:
        power, rest = 0.0, 1.0
    if x > HIGHEST:
        power, rest = np.inf, -np.inf
    return power, rest


@inner
def exponential(x: float) -> float:
    """e^x of one number."""
    power: float = exponential_and_rest(x)[0]
    return power
