"""Fitted priors: what was asked of each, the Normal that was found, and quantiles of two numbers, which need no fitting.

Nothing here loads PreliZ: what was fitted can be read and passed on without it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist

from ripeness.elicitation.entries import PriorFiles
from ripeness.elicitation.families import FAMILIES
from ripeness.elicitation.readings import EffectPrior
from ripeness.elicitation.reference import ReferenceCurve
from ripeness.elicitation.tables import Entry
from ripeness.errors import ContentError, Fault
from ripeness.names import OTHER_WARS, TEMPERED

LEVELS = (0.05, 0.50, 0.95)
DIGITS = 4  # finer than anybody elicits; keeps the last bits of an optimiser out of the results


@dataclass(frozen=True)
class Elicited:
    """A fitted prior.

    Parameters
    ----------
    name : str
        Dotted, "half_life.<factor>".
    entry : Entry
        What was asked, in natural units, and where it comes from.
    mu, sigma : float
        Of the Normal on the family's own scale: of the log for a lognormal, of the logit for a logitnormal, of the quantity for a normal;
        with on = "log", of the same of its log.
    achieved : tuple of float
        The fitted 5, 50 and 95 % quantiles, in natural units.
    error : float
        Largest distance between an asked and an achieved quantile on the family's own scale, as a share of the asked 90 % width there.
    reading : str or None
        The reading it belongs to, None where all share it.
    """

    name: str
    entry: Entry
    mu: float
    sigma: float
    achieved: tuple[float, float, float]
    error: float
    reading: str | None = None

    def quantile(self, probability: float) -> float:
        """A quantile in natural units."""
        return FAMILIES[self.entry.family].to_natural(NormalDist(self.mu, self.sigma).inv_cdf(probability), self.entry.on)

    def natural(self, value: float) -> float:
        """A value of the Normal's scale in natural units."""
        return FAMILIES[self.entry.family].to_natural(value, self.entry.on)


@dataclass(frozen=True)
class PriorRow:
    """One prior as a table shows it; quantiles are the 5, 50 and 95 % ones in natural units."""

    name: str
    reading: str | None
    quantity: str
    unit: str
    asked: tuple[float, float, float]
    achieved: tuple[float, float, float]
    error: float
    claims: tuple[str, ...]
    citations: tuple[str, ...]
    rationale: str


@dataclass(frozen=True)
class Priors:
    """Every fitted prior; `priors["half_life.<factor>"]` finds one by name.

    Parameters
    ----------
    elicited : dict
        By name, as all readings share them.
    overrides : dict
        Reading to those that it has of its own, by name.
    files : PriorFiles
        What they were fitted from.
    """

    elicited: Mapping[str, Elicited]
    overrides: Mapping[str, Mapping[str, Elicited]]
    files: PriorFiles

    def __getitem__(self, name: str) -> Elicited:
        return self.elicited[self.files.shared.get(name, name)]

    def __contains__(self, name: object) -> bool:
        return name in self.elicited or name in self.files.shared

    def for_reading(self, reading: str) -> Priors:
        """The priors of one reading: its own entries put in the place of the shared ones; the one tempered by other wars starts from the tempered one."""
        layers = {TEMPERED: (TEMPERED,), OTHER_WARS: (TEMPERED, OTHER_WARS)}.get(reading, ())
        own = {name: fitted for layer in layers for name, fitted in self.overrides.get(layer, {}).items()}
        return Priors({**self.elicited, **own}, {}, self.files) if own else self

    @property
    def effects(self) -> Mapping[str, Sequence[EffectPrior]]:
        """Reading to the priors of its weights, in model order."""
        return self.files.effects

    @property
    def reference(self) -> ReferenceCurve:
        """Rates of the reference class, all classes of dormancy."""
        return self.files.reference

    @property
    def hash(self) -> str:
        """SHA-256 over the bytes of the prior files."""
        return self.files.hash

    def table(self) -> list[PriorRow]:
        """A row for each entry of the files, a reading's own ones after the one they override."""
        rows = []
        for name, fitted in self.elicited.items():
            rows += [_row(one) for one in (fitted, *(own.get(name) for own in self.overrides.values())) if one]
        return rows


def _row(fitted: Elicited) -> PriorRow:
    entry = fitted.entry
    return PriorRow(
        fitted.name,
        fitted.reading,
        entry.quantity,
        entry.unit,
        entry.asked,
        fitted.achieved,
        fitted.error,
        entry.claims,
        entry.citations,
        entry.rationale,
    )


def elicit_quantiles(q05: float, q95: float, family: str, name: str, path: Path, line: int | None) -> Elicited:
    """The distribution with two given quantiles, as those of a stretch of coverage.csv.

    Parameters
    ----------
    q05, q95 : float
        5 and 95 % quantiles in natural units.
    family : str
        lognormal, logitnormal or normal.
    name : str
        What the quantity is.
    path, line : Path, int or None
        Where the quantiles stand, for errors.

    Raises
    ------
    ContentError
        If they are not rising or not inside the family's support.
    """
    found = FAMILIES[family]
    if not q05 < q95:
        raise ContentError(
            Fault(path, line, f"quantiles {q05:g} and {q95:g}", "the 5 % quantile below the 95 % one", "put them in rising order")
        )
    for value in (q05, q95):
        if not found.supports(value):
            raise ContentError(Fault(path, line, f"a quantile of {value:g}", found.support_in_words(), "correct the value"))
    low, high = found.to_normal(q05), found.to_normal(q95)
    mu, sigma = round(0.5 * (low + high), DIGITS), round(0.5 * (high - low) / NormalDist().inv_cdf(LEVELS[-1]), DIGITS)
    fitted = NormalDist(mu, sigma)
    achieved = tuple(found.to_natural(fitted.inv_cdf(level)) for level in LEVELS)
    low, middle, high = achieved
    entry = Entry(quantity=name, unit="share", q05=q05, q50=middle, q95=q95, family=family, rationale=f"from {path.name}")
    error = max(abs(fitted.inv_cdf(level) - found.to_normal(value)) for level, value in ((0.05, q05), (0.95, q95)))
    return Elicited(name, entry, mu, sigma, (low, middle, high), error / (found.to_normal(q95) - found.to_normal(q05)))
