"""What the commands share: how refusals are printed, the options that more than one takes, and the workspace they work in."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from typer.core import TyperGroup

from ripeness.errors import ContentError, RipenessError, UsageError, printable
from ripeness.names import Sampler

if TYPE_CHECKING:
    from ripeness.workflow.request import Request


class Commands(TyperGroup):
    """Commands whose refusals are printed, not raised.

    What goes wrong on purpose ends here: a `UsageError` with exit code 2, any other `RipenessError` with its own, each printed to stderr without
    a traceback; and so does a disk that is full or may not be written to.
    """

    def invoke(self, ctx: Any) -> Any:
        """Run the command; an error that it can end in becomes its message and its exit code."""
        try:
            return super().invoke(ctx)
        except UsageError as error:
            _print_error(f"Error: {error}")
            raise typer.Exit(error.exit_code) from None
        except ContentError as error:
            count = len(error.faults)
            for fault in error.faults:
                _print_error(f"Error: {fault}")
            _print_error(f"Refused: {count} fault{'' if count == 1 else 's'}; nothing was changed.")
            raise typer.Exit(error.exit_code) from None
        except RipenessError as error:
            _print_error(f"Refused: {error}")
            raise typer.Exit(error.exit_code) from None
        except OSError as error:
            from ripeness.files import FORBIDDEN, FULL, mend_write

            if error.errno not in (*FORBIDDEN, *FULL):
                raise
            name = Path(error.filename).name if isinstance(error.filename, str) else "a file"
            _print_error(f"Refused: {name} cannot be written ({error.strerror}). To mend: {mend_write(error)}")
            raise typer.Exit(1) from None


def _print_error(message: str) -> None:
    """Print what was refused; words of whoever called, or of a file, must not steer the terminal."""
    typer.echo("\n".join(printable(line) for line in message.splitlines()), err=True)


# rich_markup_mode=None: plain help, which loads in half the time and reads the same in a pipe
PLAIN: Final[dict[str, Any]] = {
    "cls": Commands,
    "rich_markup_mode": None,
    "no_args_is_help": True,
    "add_completion": False,
    "pretty_exceptions_enable": False,
    "context_settings": {"help_option_names": ["--help", "-h"]},
}


def read_day(text: str) -> date:
    """A day as an option gives it, YYYY-MM-DD; anything else is called wrongly."""
    try:
        return date.fromisoformat(text) if len(text) == len("2026-06-28") else _no_day(text)
    except ValueError:
        return _no_day(text)


def _no_day(text: str) -> date:
    raise typer.BadParameter(f"'{printable(text)}' is no day: write YYYY-MM-DD, such as 2026-06-28")


Workspace = Annotated[
    Path | None, typer.Option("--workspace", metavar="DIR", help="Folder of ripeness.toml; by default the nearest one upwards.")
]
AsOf = Annotated[
    date | None,
    typer.Option(
        "--as-of", metavar="YYYY-MM-DD", parser=read_day, help="Use only what was known on this day; by default the last Sunday searched."
    ),
]
Seed = Annotated[
    int | None,
    typer.Option("--seed", metavar="N", min=0, help="Seed of every random number; by default the stored run's, or that of ripeness.toml."),
]
SamplerName = Annotated[
    Sampler | None,
    typer.Option("--sampler", help="What draws the posterior; by default what drew the stored run, or compiled."),
]
Refit = Annotated[
    bool,
    typer.Option("--refit", help="Fit anew even where a run of the same inputs is stored; seed and sampler as given or as by default."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]
Day = Annotated[
    date | None,
    typer.Option("--date", metavar="YYYY-MM-DD", parser=read_day, help="The batch's own day; by default its newest published_on."),
]
Confirm = Annotated[bool, typer.Option("--confirm", help="Values that jump further than the history knows are meant.")]
AcceptValid = Annotated[bool, typer.Option("--accept-valid", help="Store the good rows although others are refused.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show the verdicts and write nothing.")]
FetchedOn = Annotated[
    date | None,
    typer.Option("--date", metavar="YYYY-MM-DD", parser=read_day, help="The day of fetching and of the batches; by default today."),
]
Today = Annotated[
    date | None,
    typer.Option("--date", metavar="YYYY-MM-DD", parser=read_day, help="Today, and the day of the batch; by default by the clock."),
]
RunOn = Annotated[
    date | None, typer.Option("--date", metavar="YYYY-MM-DD", parser=read_day, help="Day written beside the results; by default today.")
]


def example(*lines: str) -> str:
    """The end of a command's help: calls of it, a line each, as they stand."""
    return "\b\n" + "\n".join(("Example:" if len(lines) == 1 else "Examples:", *(f"  {line}" for line in lines)))


def request_of(
    workspace: Path | None, as_of: date | None = None, seed: int | None = None, sampler: Sampler | None = None, refit: bool = False
) -> Request:
    """What is asked for, as the options have it."""
    from ripeness.workflow.request import Request

    return Request(root_of(workspace), as_of, seed, sampler, refit)


def root_of(workspace: Path | None) -> Path:
    """The workspace to work in: that of --workspace, or the nearest one upwards.

    Raises
    ------
    UsageError
        If that folder is none or has no ripeness.toml, or there is none upwards.
    """
    from ripeness.workspace import FILE, find_workspace

    if workspace is None:
        return find_workspace(Path.cwd())
    if not workspace.is_dir():
        raise UsageError(f"--workspace {workspace}: no such folder")
    if not (workspace / FILE).is_file():
        raise UsageError(f"--workspace {workspace}: no {FILE} in this folder; a workspace is a folder that has one")
    return workspace.resolve()
