"""The families that priors are fitted from: a Normal on the scale that keeps the quantity inside its support."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import exp, inf, log, log1p
from typing import Final


@dataclass(frozen=True)
class Family:
    """A family of distributions that is Normal after a transform.

    Parameters
    ----------
    name : str
        lognormal, logitnormal or normal.
    forward, back : callable
        From the quantity to the Normal's scale, and back.
    low, high : float
        The open interval of its support.
    """

    name: str
    forward: Callable[[float], float]
    back: Callable[[float], float]
    low: float
    high: float

    def to_normal(self, value: float, on: str | None = None) -> float:
        """A value in natural units on the Normal's scale; with on = "log" of its log."""
        return self.forward(log(value) if on else value)

    def to_natural(self, value: float, on: str | None = None) -> float:
        """A value of the Normal's scale in natural units."""
        return exp(self.back(value)) if on else self.back(value)

    def supports(self, value: float, on: str | None = None) -> bool:
        """Whether a value, in natural units, lies in the support."""
        if on and value <= 0:
            return False
        return self.low < (log(value) if on else value) < self.high

    def support_in_words(self, on: str | None = None) -> str:
        """What a value has to be."""
        low, high = (exp(bound) if on and bound < 700 else bound for bound in (self.low, self.high))
        if low == -inf:
            return "a number"
        return (
            f"a {self.name} value above {low:g}" + (f" and below {high:g}" if high < inf else "") + (" (fitted on its log)" if on else "")
        )


def _logit(share: float) -> float:
    return log(share) - log1p(-share)


def _expit(value: float) -> float:
    return 1 / (1 + exp(-value)) if value >= 0 else exp(value) / (1 + exp(value))


def _same(value: float) -> float:
    return value


FAMILIES: Final = {
    "lognormal": Family("lognormal", log, exp, 0.0, inf),
    "logitnormal": Family("logitnormal", _logit, _expit, 0.0, 1.0),
    "normal": Family("normal", _same, _same, -inf, inf),
}
