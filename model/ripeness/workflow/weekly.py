"""`ripeness run`: the commands of a week one after another, each as it is by itself.

Nothing is remembered between two runs: each step finds what it made before and does not make it again, so that a run that was broken off is started
once more and goes on. A second run waits until the first has ended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from ripeness.errors import ContentError, RipenessError
from ripeness.intake.drafting import FILE as DRAFTING
from ripeness.workflow import run as store
from ripeness.workflow.desk import run_draft
from ripeness.workflow.forecasts import run_forecast
from ripeness.workflow.issue import run_export, run_report, run_resolve
from ripeness.workflow.news import obtain_news
from ripeness.workflow.request import Request, open_workspace
from ripeness.workflow.run import Progress, quiet
from ripeness.workflow.updates import run_update
from ripeness.workflow.watchlist import run_watch
from ripeness.workspace import Workspace, read_workspace

if TYPE_CHECKING:
    from ripeness.intake.updates import Choices
    from ripeness.workflow.fetch import FetchedSource

KEPT: Final = ".run"  # the folder of reports/ that a run keeps to itself

State = Literal["done", "failed", "alert", "left out"]
Told = tuple[State, str]
Fetch = Callable[[Path, Sequence[str], date, "Choices", Progress], list["FetchedSource"]]


@dataclass(frozen=True)
class Step:
    """What became of one step.

    Attributes
    ----------
    name : str
    state : "done", "failed", "alert" or "left out"
        An alert is a publisher that failed, a page of which no draft could be made, or a tripwire that was crossed; what follows is done all the same. After a step that failed the others
        are left out.
    words : str
    error : RipenessError or None
        Why it failed.
    """

    name: str
    state: State
    words: str
    error: RipenessError | None = None


def run_weekly(
    root: Path, files: Sequence[Path], today: date, choices: Choices, fetch: Fetch | None, progress: Progress = quiet
) -> Iterator[Step]:
    """Fetch, draft, update, forecast, news, watch, report, resolve and export, in this order.

    Parameters
    ----------
    root : Path
    files : sequence of Path
        A person's own rows, as `ripeness update` takes them.
    today : date
        The day of fetching and of the batches.
    choices : Choices
        How rows are to be taken.
    fetch : callable or None
        `run_fetch`; None: nothing is fetched.
    progress : callable

    Yields
    ------
    Step
        Each when it has ended.

    Raises
    ------
    ContentError
        If ripeness.toml is not what it should be.
    BusyError
        If another run has not ended within an hour.
    """
    workspace = read_workspace(root)
    request, choices = Request(root), replace(choices, day=today)
    steps: dict[str, Callable[[], Told]] = {
        "fetch": lambda: _fetch(root, today, choices, fetch, progress),
        "draft": lambda: _draft(workspace, today),
        "update": lambda: _update(root, files, choices),
        "forecast": lambda: _forecast(request, progress),
        "news": lambda: _news(request, progress),
        "watch": lambda: _watch(request, progress),
        "report": lambda: ("done", f"the page: {workspace.shown(run_report(request, progress).folder / store.PAGE).as_posix()}"),
        "resolve": lambda: ("done", f"{_number(len(run_resolve(request)[0]), 'forecast')} newly settled"),
        "export": lambda: ("done", f"{_number(len(run_export(request, (), None, progress)), 'file')} written"),
    }
    folder, failed = workspace.reports / KEPT, ""
    with store.writing(folder, workspace.shown(folder), progress):
        for name, do in steps.items():
            if failed:
                yield Step(name, "left out", f"as {failed} failed")
                continue
            try:
                state, words = do()
            except RipenessError as error:
                failed = name
                yield Step(name, "failed", str(error).partition("\n")[0], error)
            else:
                yield Step(name, state, words)


def _fetch(root: Path, today: date, choices: Choices, fetch: Fetch | None, progress: Progress) -> Told:
    if fetch is None:
        return "left out", "as asked for"
    done = fetch(root, (), today, choices, progress)
    stored = sum(one.update is not None and one.update.batch is not None for one in done)
    words = f"{_number(len(done), 'source')}, {stored} with new rows"
    failed = {one.name: one.faults[0] for one in done if one.faults}
    return ("alert", "; ".join([words, *(f"{name} failed: {fault}" for name, fault in failed.items())])) if failed else ("done", words)


def _draft(workspace: Workspace, today: date) -> Told:
    if not (workspace.data / DRAFTING).exists():
        return "left out", f"no {DRAFTING}"
    drafted = run_draft(workspace.root, None, (), today)
    words = f"{_number(len(drafted.new), 'event')} drafted"
    return ("alert", "; ".join([words, *map(str, drafted.faults)])) if drafted.faults else ("done", words)


def _update(root: Path, files: Sequence[Path], choices: Choices) -> Told:
    if not files:
        return "left out", "no file of your own was given"
    update = run_update(root, files, None, choices)
    if update.faults and not (choices.accept_valid and update.takes):
        raise ContentError(update.faults)
    return "done", f"{_number(update.takes, 'row')} stored" if update.takes else "nothing new"


def _forecast(request: Request, progress: Progress) -> Told:
    run = run_forecast(request, progress)
    return "done", f"{100 * run.headline['probability']:.0f} % until {run.headline['target_end_date']}, as known on {run.origin}"


def _news(request: Request, progress: Progress) -> Told:
    news = obtain_news(open_workspace(request.workspace), run_forecast(request, progress), progress)
    if not news:
        return "done", "there is no earlier forecast"
    if "reason" in news:
        return "done", f"only a new fit could tell ({news['reason']}): ripeness news {news['from']} {news['to']}"
    return "done", f"{news['total_points']:+.1f} points since {news['from']['origin']}"


def _watch(request: Request, progress: Progress) -> Told:
    crossed = run_watch(request, progress)["crossed"]
    return ("alert" if crossed else "done"), f"{_number(len(crossed), 'tripwire')} crossed"


def _number(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
