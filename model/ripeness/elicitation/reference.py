"""The outside view beyond a process's own rhythm: how often talks resumed in other wars, by how long they had been dormant."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from math import log, sqrt
from pathlib import Path
from statistics import NormalDist, fmean, variance

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, TypeAdapter

from ripeness.calendar import WEEKS_IN_MONTH
from ripeness.elicitation.cited import Table
from ripeness.errors import ContentError, Fault, did_you_mean
from ripeness.files import read_bytes
from ripeness.workspace import Workspace
from ripeness.workspace.csv import read_records

FILE = "reference_class.csv"
MOST_MONTHS = 2000  # of talks, beyond which none is counted
INDEPENDENT = 2  # the sources come in pairs that code the same wars: two of mediation, two of what talks produced
ROUNDED = 5.1e-5  # of a rate with four decimals
Z90 = NormalDist().inv_cdf(0.95)


class ReferenceRow(Table):
    """One source's rate in one class of dormancy (a line of reference_class.csv).

    Attributes
    ----------
    months_dormant_from, months_dormant_to : int
        Whole months since the last episode, both included; no upper end for the open class.
    months_at_risk, resumptions, wars : int
        Exposure in war-months, resumptions in them, and wars that gave them.
    rate_per_month, lo90, hi90 : float
        Probability of a resumption in a month, which is the share of these counts, and its 90 % interval. The interval is of a bootstrap of whole wars, whose
        rows cannot be redistributed: counts alone make it narrower as a rule, as months of one war are alike.
    """

    months_dormant_from: int = Field(ge=1)
    months_dormant_to: int | None = None
    source: str = Field(min_length=1)
    months_at_risk: int = Field(ge=1)
    resumptions: int = Field(ge=1)
    wars: int = Field(ge=1)
    rate_per_month: float = Field(gt=0, lt=1)
    lo90: float = Field(gt=0, lt=1)
    hi90: float = Field(gt=0, lt=1)
    citation: str


COLUMNS = tuple(ReferenceRow.model_fields)


@dataclass(frozen=True)
class ReferenceCurve:
    """Log weekly rate of resumption at the dormancy that stands for each class.

    Parameters
    ----------
    labels : tuple of str
        The classes in months of dormancy, "2-3" … "25+".
    dormancy_weeks : ndarray (class,)
        Weeks since the last episode, rising.
    log_rate : ndarray (class,)
        Log of resumptions a week.
    sd : ndarray (class,)
        Standard deviation of `log_rate`: what the sources disagree about, and sampling.
    citations : tuple of str
        Ids of the sources.
    log_months : float
        Mean over the dormancies of the class of log(1 + months with talks before).
    """

    labels: tuple[str, ...]
    dormancy_weeks: NDArray[np.float64]
    log_rate: NDArray[np.float64]
    sd: NDArray[np.float64]
    citations: tuple[str, ...]
    log_months: float

    def beyond(self, weeks: float) -> ReferenceCurve:
        """The classes whose dormancy is more than `weeks`."""
        keep = self.dormancy_weeks > weeks
        labels = tuple(label for label, kept in zip(self.labels, keep, strict=True) if kept)
        return replace(self, labels=labels, dormancy_weeks=self.dormancy_weeks[keep], log_rate=self.log_rate[keep], sd=self.sd[keep])


def read_reference_rows(workspace: Workspace, citations: Collection[str], faults: list[Fault]) -> list[ReferenceRow]:
    """Lines of reference_class.csv; what is wrong is added to `faults` with its line."""
    path = workspace.priors / FILE
    shown = workspace.shown(path)
    try:
        raw = read_bytes(path, shown, "the rates of the reference class")
        found, wrong = read_records(raw, shown, TypeAdapter(ReferenceRow), COLUMNS, "correct the line")
    except ContentError as error:
        faults += error.faults
        return []
    for line, row in found:
        if not row.lo90 < row.rate_per_month < row.hi90:
            interval = f"{row.lo90}, {row.rate_per_month}, {row.hi90}"
            wrong.append(Fault(shown, line, interval, "lo90 < rate_per_month < hi90", "put them in order"))
        if abs(row.rate_per_month - row.resumptions / row.months_at_risk) > ROUNDED:
            counted = f"{row.resumptions / row.months_at_risk:.4f}, {row.resumptions} of {row.months_at_risk} months"
            wrong.append(Fault(shown, line, f"rate_per_month {row.rate_per_month}", counted, "correct the rate or the counts"))
        if row.citation not in citations:
            mend = did_you_mean(row.citation, sorted(citations))
            wrong.append(Fault(shown, line, f"unknown citation '{row.citation}'", "the id of a citation", mend))
    rows = [row for _, row in found]
    faults += wrong or _faults_of_classes(rows, shown)
    return rows


def _faults_of_classes(rows: Sequence[ReferenceRow], shown: Path) -> list[Fault]:
    """Classes must follow each other without gap or overlap, the last one open, each with two sources or more."""
    classes = _classes(rows)
    faults = []
    for (start, end), (following, _) in zip(classes, [*list(classes)[1:], (None, None)], strict=True):
        if following is None and end is not None:
            faults.append(
                Fault(shown, None, f"a last class that ends at {end} months", "an open last class", "leave its months_dormant_to empty")
            )
        if following is not None and end != following - 1:
            mend = "let each class begin a month after the one before ends"
            faults.append(
                Fault(shown, None, f"class {start}-{end or ''} followed by one from {following}", "classes without gap or overlap", mend)
            )
        if len(classes[start, end]) < 2:
            faults.append(Fault(shown, None, f"one source for class {start}", "two sources or more", "add a source, or widen the class"))
    if not classes and not faults:
        faults.append(Fault(shown, None, "no rates", "at least one class of dormancy", "add its lines"))
    return faults


def _classes(rows: Sequence[ReferenceRow]) -> dict[tuple[int, int | None], list[ReferenceRow]]:
    classes: dict[tuple[int, int | None], list[ReferenceRow]] = {}
    for row in sorted(rows, key=lambda row: row.months_dormant_from):
        classes.setdefault((row.months_dormant_from, row.months_dormant_to), []).append(row)
    return classes


def build_reference(rows: Sequence[ReferenceRow]) -> ReferenceCurve:
    """Pool the sources of each class into a log weekly rate at one dormancy.

    A class "2-3" covers dormancies of 2.0 up to 4.0 months, and is put at the geometric mean of these edges, since the curve is drawn in
    log dormancy. The open class is put at its exposure-weighted dormancy: a war that stays in it for a time that is exponential with mean T
    spends it, on average over its exposure, at the lower edge plus T; T is months at risk by wars, averaged over sources.

    A monthly probability p is the weekly rate −log(1 − p) / 4.348; its logs are averaged over sources. The variance of that average is
    (variance between sources + mean sampling variance) / 2: the interval's width on the log scale gives the sampling part, and the four
    sources count as two, since they come in pairs that code the same wars. Sampling also inflates the first part, so this errs on the
    wide side.
    """
    labels, dormancies, logs, sds = [], [], [], []
    for (start, end), members in _classes(rows).items():
        lower = start * WEEKS_IN_MONTH
        if end is None:
            dormancy = lower + fmean(row.months_at_risk / row.wars for row in members) * WEEKS_IN_MONTH
        else:
            dormancy = sqrt(lower * (end + 1) * WEEKS_IN_MONTH)
        rates = [_log_weekly(row.rate_per_month) for row in members]
        sampling = [((_log_weekly(row.hi90) - _log_weekly(row.lo90)) / (2 * Z90)) ** 2 for row in members]
        labels.append(f"{start}+" if end is None else str(start) if start == end else f"{start}-{end}")
        dormancies.append(dormancy)
        logs.append(fmean(rates))
        sds.append(sqrt((variance(rates) + fmean(sampling)) / min(INDEPENDENT, len(members))))
    citations = tuple(dict.fromkeys(row.citation for row in rows))
    return ReferenceCurve(tuple(labels), np.array(dormancies), np.array(logs), np.array(sds), citations, mean_log_months(rows))


def mean_log_months(rows: Sequence[ReferenceRow]) -> float:
    """Mean over the dormancies of the class of log(1 + months with talks before), averaged over sources.

    The rows say how many dormancies a war has: one more than it has resumptions, m on average. How they are spread over wars the rows do not say; it is
    taken to be geometric, the chance of a further resumption being the same after each. Then the months before a dormancy are geometric with the same mean,
    each resumption being counted in a month of its own.
    """
    found = []
    for source in dict.fromkeys(row.source for row in rows):
        own = [row for row in rows if row.source == source]
        wars = max(row.wars for row in own)  # of the class that most of them come to
        last = wars / (wars + sum(row.resumptions for row in own))  # the chance that none follows
        months = np.arange(1, MOST_MONTHS)
        found.append(float(last * (1.0 - last) ** (months - 1) @ np.log1p(months)))
    return fmean(found)


def _log_weekly(monthly: float) -> float:
    return log(-log(1 - monthly) / WEEKS_IN_MONTH)
