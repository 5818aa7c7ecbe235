"""Forecasts of the headline that an explanation leads from and to, and the fits behind them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ripeness import files, names, results
from ripeness.errors import UsageError
from ripeness.ledger import Entry, read_ledger
from ripeness.workflow.checked import Checked
from ripeness.workflow.forecasts import run_forecast
from ripeness.workflow.identity import digest_of_code

if TYPE_CHECKING:
    from ripeness.attribution.futures import Origin
    from ripeness.reweighting.stored import Base

Progress = Callable[[str], None]
SHORTEST_RUN_ID = 4
PACKAGE = Path(__file__).parents[1]


@dataclass(frozen=True)
class End:
    """A forecast of the headline.

    Parameters
    ----------
    origin : date
    probability : float
        As it was issued, in [0, 1]; undefined of a day that is only named.
    error : float
        Its Monte Carlo error; zero of an entry of the ledger, which does not say.
    run_id : str
        Empty where a day was named.
    """

    origin: date
    probability: float
    error: float = 0.0
    run_id: str = ""

    def shown(self) -> dict[str, Any]:
        """As it is stored."""
        return {"origin": self.origin.isoformat(), "probability": self.probability, "run_id": self.run_id}


def find_end(checked: Checked, said: str) -> End:
    """One end: the newest entry of a run in the ledger, or a day.

    Raises
    ------
    UsageError
        If it is neither.
    """
    try:
        return End(date.fromisoformat(said), float("nan"))
    except ValueError:
        pass
    entries = headlines_issued(checked)
    found = [entry for entry in entries if len(said) >= SHORTEST_RUN_ID and entry.run_id.startswith(said)]
    if not found:
        newest = ", ".join(entry.run_id for entry in entries[-3:])
        raise UsageError(
            f"'{said}' is no day (write YYYY-MM-DD, such as 2026-06-28) and no run of the ledger (the newest are {newest or 'none'})"
        )
    return _end_of_entry(found[-1])


def last_issued_before(checked: Checked, origin: date) -> End | None:
    """The newest entry of the ledger of an earlier day, or None."""
    earlier = sorted((entry for entry in headlines_issued(checked) if entry.origin < origin), key=lambda entry: entry.origin)
    return _end_of_entry(earlier[-1]) if earlier else None


def headlines_issued(checked: Checked) -> list[Entry]:
    """Entries of the ledger of the headline's question and horizon, in the order of issue."""
    question = checked.workspace.question
    return [
        entry
        for entry in read_ledger(checked.workspace.reports)
        if (entry.question, entry.horizon_weeks) == (question.id, question.headline_weeks)
    ]


def _end_of_entry(entry: Entry) -> End:
    return End(entry.origin, entry.probability, 0.0, entry.run_id)


def end_of(checked: Checked, folder: Path) -> End:
    """The headline of a stored run."""
    summary, question = results.open_run(folder).summary, checked.workspace.question
    row = next(
        row
        for row in summary["forecasts"]
        if (row["question"], row["source"], row["horizon_weeks"]) == (question.id, names.MIXTURE, question.headline_weeks)
    )
    return End(date.fromisoformat(summary["origin"]), float(row["probability"]), float(row["mc_error"]), str(summary["run_id"]))


def make_end(checked: Checked, origin: date, progress: Progress) -> End:
    """The forecast of a day as it is made now.

    Raises
    ------
    ContentError, GateError
        As `run_forecast` does.
    """
    return end_of(checked, run_forecast(checked.workspace.root, origin, None, False, progress))


def base_of(folder: Path) -> Base:
    """The fit that a stored run comes from, as updates read it."""
    from ripeness.reweighting.stored import read_base

    base = results.open_run(folder).manifest["base"]
    return read_base((folder if base is None else folder.parent / base["origin"]) / results.BASE)


def open_folder(checked: Checked, folder: Path) -> Origin:
    """What scenarios and the watch list start from: the fits of a stored run, carried to its day."""
    from ripeness.attribution.futures import open_origin
    from ripeness.elicitation.elicited import Priors

    summary = results.open_run(folder).summary
    vintage = checked.vintage(date.fromisoformat(summary["origin"]))
    priors = Priors({}, {}, checked.priors)  # nothing on this path asks for a fitted prior
    return open_origin(checked.workspace, priors, base_of(folder), vintage, summary["seed"])


def hash_of(*parts: str) -> str:
    """What an explanation is made from, and by which code: where it is the same, so is the explanation."""
    return files.hash_text(*parts, *(digest_of_code(PACKAGE / name) for name in ("attribution", "workflow")))
