"""The commands: their names, options and help.

Nothing else is loaded until a command runs, so that `--help` answers at once.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from ripeness.cli.options import (
    PLAIN,
    AcceptValid,
    AsOf,
    Confirm,
    Day,
    DryRun,
    FetchedOn,
    Json,
    Refit,
    RunOn,
    SamplerName,
    Seed,
    Today,
    Workspace,
    example,
    read_day,
    request_of,
    root_of,
)
from ripeness.errors import UsageError

app = typer.Typer(help="A living Bayesian forecast of whether dormant peace talks resume.", **PLAIN)
data = typer.Typer(help="Look at the data as it was known on a day.", **PLAIN)
app.add_typer(data, name="data")
ledger = typer.Typer(help="Ask whether the ledger was touched.", **PLAIN)
app.add_typer(ledger, name="ledger")
study = typer.Typer(help="Ask how far the forecast deserves trust.", **PLAIN)
app.add_typer(study, name="study")


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"ripeness {version('ripeness')}")
        raise typer.Exit


@app.callback(
    epilog=example(
        "ripeness check                     is everything in this folder sound?",
        "ripeness report                    fit if needed, forecast, write the page",
        "ripeness report --as-of 2025-05-11",
    )
)
def _root(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")] = False,
) -> None:
    """A living Bayesian forecast of whether dormant peace talks resume."""


@app.command(epilog=example("ripeness init ~/desks/valleys", "ripeness init ~/desks/valleys --title 'Will the valleys talk?'"))
def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder that does not exist or is empty.", show_default=False)],
    title: Annotated[str | None, typer.Option("--title", metavar="TITLE", help="Headline of its pages.")] = None,
) -> None:
    """Start a workspace for another war.

    A small one that is made up and runs as it is: question, essay, priors and data, each file to be replaced by your own.
    """
    from ripeness.cli.init import make_workspace

    make_workspace(folder, title)


@app.command(epilog=example("ripeness check --workspace ~/desks/valleys"))
def check(workspace: Workspace = None, json: Json = False) -> None:
    """Check every file, row and id; change nothing."""
    from ripeness.cli.inputs import show_check

    show_check(root_of(workspace), json)


@app.command(epilog=example("ripeness claims", "ripeness claims --verify essay.txt"))
def claims(
    verify: Annotated[
        Path | None, typer.Option("--verify", metavar="FILE", help="Compare a copy of the essay with card and claims.")
    ] = None,
    workspace: Workspace = None,
    json: Json = False,
) -> None:
    """Show what the essay claims and leaves open."""
    from ripeness.cli.inputs import show_claims, verify_copy

    root = root_of(workspace)
    if verify is None:
        show_claims(root, json)
    elif verify_copy(root, verify, json):
        raise typer.Exit(1)


@app.command(epilog=example("ripeness priors", "ripeness priors --as-of 2025-05-11 --json"))
def priors(as_of: AsOf = None, seed: Seed = None, workspace: Workspace = None, json: Json = False) -> None:
    """Show the priors and what they imply."""
    from ripeness.cli.inputs import show_priors

    show_priors(request_of(workspace, as_of, seed), json)


@app.command("import", epilog=example("ripeness import eia brent-daily.csv", "ripeness import all downloads --update --date 2026-07-06"))
def import_(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="The publisher, or all; an unknown one lists them.", show_default=False)],
    files: Annotated[list[Path], typer.Argument(metavar="FILE", help="The publisher's files; of all, their folder.", show_default=False)],
    out: Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Write the rows there, as files of their own.")] = None,
    update: Annotated[bool, typer.Option("--update", help="Store what is new or revised, as `ripeness update` does.")] = False,
    day: Day = None,
    confirm: Confirm = False,
    accept_valid: AcceptValid = False,
    dry_run: DryRun = False,
    workspace: Workspace = None,
    json: Json = False,
) -> None:
    """Turn a publisher's files into rows.

    The rows are compared with those in the data, and written only with --update or --out.
    """
    if not update:
        only = {"--date": day, "--confirm": confirm, "--accept-valid": accept_valid, "--dry-run": dry_run, "--json": json}
        for name in (name for name, given in only.items() if given):
            raise UsageError(f"{name} goes with --update")
    elif out is not None:
        raise UsageError("--out or --update, not both")
    from ripeness.cli.imports import import_files, update_from_import

    if not update:
        import_files(root_of(workspace), source, files, out)
        return
    from ripeness.intake.updates import Choices

    update_from_import(root_of(workspace), source, files, Choices(day, confirm, accept_valid, dry_run), json)


@app.command(epilog=example("ripeness fetch", "ripeness fetch eia deepstate --dry-run", "ripeness fetch --json > fetched.json"))
def fetch(
    sources: Annotated[
        list[str] | None,
        typer.Argument(metavar="[SOURCE]...", help="Those with a [[feed]] in data/sources.toml; by default all.", show_default=False),
    ] = None,
    day: FetchedOn = None,
    confirm: Confirm = False,
    accept_valid: AcceptValid = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the verdicts and store no row; the files are kept.")] = False,
    workspace: Workspace = None,
    json: Json = False,
) -> None:
    """Download the publishers' files and store what is new.

    The files are kept in data/raw, by digest. Each source is stored as one, or not at all; one that fails harms no other. Exit code 1 if any failed.
    """
    from ripeness.cli.fetch import fetch_sources
    from ripeness.intake.updates import Choices

    if fetch_sources(root_of(workspace), sources or [], Choices(day, confirm, accept_valid, dry_run), json):
        raise typer.Exit(1)


@app.command(
    epilog=example("ripeness draft", "ripeness draft news agency.xml", "ripeness draft current_events current_events_2026-10-04.json")
)
def draft(
    source: Annotated[
        str | None, typer.Argument(metavar="SOURCE", help="Whose files; by default all that was fetched.", show_default=False)
    ] = None,
    files: Annotated[list[Path] | None, typer.Argument(metavar="FILE", help="Pages or feeds of it.", show_default=False)] = None,
    day: Today = None,
    workspace: Workspace = None,
    json: Json = False,
) -> None:
    """Draft events from news, by the words of data/drafting.toml.

    A draft is no data: it awaits a verdict of `ripeness desk`. Exit code 1 if a file was refused.
    """
    if (source is None) != (not files):
        raise UsageError("ripeness draft SOURCE FILE…, or neither for all that was fetched")
    from ripeness.cli.desk import draft_events

    if draft_events(root_of(workspace), source, files or [], day, json):
        raise typer.Exit(1)


@app.command(
    epilog=example(
        "ripeness desk                                     one key a draft",
        "ripeness desk --json",
        "ripeness desk --yes 1a2b3c4d --set end_date=2026-10-06 --no 5e6f7a8b",
    )
)
def desk(
    yes: Annotated[list[str] | None, typer.Option("--yes", metavar="ID", help="This draft becomes an event; may be repeated.")] = None,
    no: Annotated[list[str] | None, typer.Option("--no", metavar="ID", help="This one does not; may be repeated.")] = None,
    changes: Annotated[
        list[str] | None, typer.Option("--set", metavar="COLUMN=TEXT", help="Correct the draft of --yes first; may be repeated.")
    ] = None,
    day: Today = None,
    dry_run: DryRun = False,
    workspace: Workspace = None,
    json: Json = False,
) -> None:
    """Say yes or no to drafted events.

    On a terminal one key each: yes, no, correct, skip, quit. A yes stores the row as `ripeness update` would; nothing enters without one.
    """
    from ripeness.cli.desk import give_verdicts, sit_at_desk

    root = root_of(workspace)
    if yes or no:
        give_verdicts(root, yes or [], no or [], changes or [], day, dry_run, json)
        return
    if changes or dry_run:
        raise UsageError("--set and --dry-run go with --yes or --no")
    sit_at_desk(root, day, json)


@app.command(epilog=example("ripeness run", "ripeness run week27.csv events.csv --no-fetch", "ripeness run --json > week.json"))
def run(
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[FILE]...", help="Rows of your own, as `ripeness update` takes them.", show_default=False),
    ] = None,
    fetch: Annotated[bool, typer.Option("--fetch/--no-fetch", help="Whether to ask the publishers.")] = True,
    day: FetchedOn = None,
    confirm: Confirm = False,
    accept_valid: AcceptValid = False,
    workspace: Workspace = None,
    json: Json = False,
) -> None:
    """Do a week's work, from fetching to exporting.

    Fetch, draft, update, forecast, news, watch, report, resolve, export. What is done already is not done again, and a second run waits for the first. Exit code 3 if a tripwire was crossed, 4 if a publisher failed, 7 if
    both; 1 if a step failed, and the steps after it were left out.
    """
    from ripeness.cli.weekly import run_week
    from ripeness.intake.updates import Choices

    code = run_week(root_of(workspace), files or [], day, Choices(day, confirm, accept_valid), fetch, json)
    if code:
        raise typer.Exit(code)


@app.command(epilog=example("ripeness update brent.csv", "ripeness update week27.csv events.csv --date 2026-07-06 --dry-run"))
def update(
    files: Annotated[list[Path], typer.Argument(metavar="FILE", help="Rows of indicators, events or coverage.", show_default=False)],
    indicator: Annotated[
        str | None, typer.Option("--indicator", metavar="ID", help="Whose rows a file holds, where its name does not say so.")
    ] = None,
    day: Day = None,
    confirm: Confirm = False,
    accept_valid: AcceptValid = False,
    dry_run: DryRun = False,
    workspace: Workspace = None,
    json: Json = False,
) -> None:
    """Add new and revised rows to the data.

    Each row gets a verdict. All rows of all files are stored as one, or none if one is refused.
    """
    from ripeness.cli.update import update_from_files
    from ripeness.intake.updates import Choices

    update_from_files(root_of(workspace), files, indicator, Choices(day, confirm, accept_valid, dry_run), json)


@app.command(epilog=example("ripeness fit", "ripeness fit --as-of 2025-05-11 --seed 7"))
def fit(as_of: AsOf = None, seed: Seed = None, sampler: SamplerName = None, refit: Refit = False, workspace: Workspace = None) -> None:
    """Sample the posterior and hold it to the gate."""
    from ripeness.cli.runs import make_fit

    make_fit(request_of(workspace, as_of, seed, sampler, refit))


@app.command(epilog=example("ripeness forecast", "ripeness forecast --as-of 2025-05-11 --json"))
def forecast(
    as_of: AsOf = None,
    seed: Seed = None,
    sampler: SamplerName = None,
    refit: Refit = False,
    workspace: Workspace = None,
    json: Json = False,
) -> None:
    """Show the probabilities of a round.

    Fits first where no fit of the same inputs is stored.
    """
    from ripeness.cli.runs import make_forecast

    make_forecast(request_of(workspace, as_of, seed, sampler, refit), json)


@app.command(epilog=example("ripeness report", "ripeness report --as-of 2025-05-11"))
def report(as_of: AsOf = None, seed: Seed = None, sampler: SamplerName = None, refit: Refit = False, workspace: Workspace = None) -> None:
    """Write the page, and what it says into the ledger.

    It says the forecast, how it comes about and how far to trust it. Fits first where no fit of the same inputs is stored.
    """
    from ripeness.cli.runs import make_report

    make_report(request_of(workspace, as_of, seed, sampler, refit))


@app.command(epilog=example("ripeness news 2026-06-21 2026-06-28", "ripeness news 9eeaf9e19e96 2026-07-05 --json"))
def news(
    earlier: Annotated[str, typer.Argument(metavar="FROM", help="A day, or a run of the ledger.", show_default=False)],
    later: Annotated[str, typer.Argument(metavar="TO", help="A later one.", show_default=False)],
    workspace: Workspace = None,
    json: Json = False,
) -> None:
    """Say why the forecast moved.

    The change of the headline in lines that add up to it: time, each indicator's new and revised values, announcements, rounds.
    """
    from ripeness.cli.attribution import show_news

    show_news(request_of(workspace), earlier, later, json)


@app.command(
    epilog=example(
        "ripeness scenario",
        "ripeness scenario breakthrough ceasefire-offer --reach 0.5",
        "ripeness scenario breakthrough --from 2024-06-02",
    )
)
def scenario(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="Ids of priors/scenarios.toml; by default all.", show_default=False)
    ] = None,
    given: Annotated[
        bool, typer.Option("--given", help="Let rows say it, and let them teach about all else; by default it is done.")
    ] = False,
    reach: Annotated[
        float | None, typer.Option("--reach", metavar="P", help="Also say what each condition alone would need to bring the chance to P.")
    ] = None,
    start: Annotated[
        date | None,
        typer.Option(
            "--from", metavar="YYYY-MM-DD", parser=read_day, help="What would it have done from this past day on, all shocks kept?"
        ),
    ] = None,
    as_of: AsOf = None,
    workspace: Workspace = None,
    json: Json = False,
) -> None:
    """Show what would move the forecast.

    Factors are held on the paths of priors/scenarios.toml, with the same draws and random numbers in every arm.
    """
    from ripeness.cli.attribution import show_scenarios, show_would_have

    if start is not None:
        if given or reach is not None:
            raise UsageError("--from goes with neither --given nor --reach")
        show_would_have(request_of(workspace, as_of), names or [], start, json)
        return

    show_scenarios(request_of(workspace, as_of), names or [], given, reach, json)


@app.command(epilog=example("ripeness watch", "ripeness watch --json"))
def watch(as_of: AsOf = None, workspace: Workspace = None, json: Json = False) -> None:
    """Show which release may move the forecast next.

    Exit code 3 if new rows have crossed a tripwire of the watch list before.
    """
    from ripeness.cli.attribution import show_watch

    code = show_watch(request_of(workspace, as_of), json)
    if code:
        raise typer.Exit(code)


@app.command(epilog=example("ripeness export", "ripeness export brief hub --out outbox --as-of 2026-06-28"))
def export(
    kinds: Annotated[
        list[str] | None, typer.Argument(metavar="[hub] [brief] [figures]", help="Which; by default all.", show_default=False)
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Where to; by default reports/<origin>/export.")] = None,
    as_of: AsOf = None,
    workspace: Workspace = None,
) -> None:
    """Write the forecast in other forms.

    hub: model output as the hubverse has it. brief: one page of Markdown. figures: the charts as SVG and PNG.
    """
    from ripeness.cli.runs import export_run

    export_run(request_of(workspace, as_of), kinds or [], out)


@app.command(epilog=example("ripeness resolve", "ripeness resolve --as-of 2026-06-28 --json"))
def resolve(as_of: AsOf = None, workspace: Workspace = None, json: Json = False) -> None:
    """Score the forecasts whose target has passed.

    Appends to reports/resolutions.csv what the record settles by now.
    """
    from ripeness.cli.runs import show_resolutions

    show_resolutions(request_of(workspace, as_of), json)


@ledger.callback()
def _ledger() -> None:
    """Ask whether the ledger was touched."""


@ledger.command(epilog=example("ripeness ledger verify", "ripeness ledger verify 9f2c…"))
def verify(
    head: Annotated[
        str | None, typer.Argument(metavar="[HEAD]", help="A head kept elsewhere: does its row still stand?", show_default=False)
    ] = None,
    workspace: Workspace = None,
    json: Json = False,
) -> None:
    """Check that no row was touched, and print the heads.

    Of ledger.csv, bridges.csv and resolutions.csv. Names the first row that was edited, moved, doubled or before which one was deleted.
    """
    from ripeness.cli.ledger import show_heads

    show_heads(root_of(workspace), head, json)


@ledger.command(epilog=example("ripeness ledger migrate --issued 0123456789ab=2025-06-23 --note 'by the mail of that day'"))
def migrate(
    issued: Annotated[
        list[str] | None,
        typer.Option("--issued", metavar="RUN=YYYY-MM-DD", help="Day of issue of a run's rows, if something says so; may be repeated."),
    ] = None,
    note: Annotated[str | None, typer.Option("--note", metavar="WORDS", help="What says so; stands in each of these rows.")] = None,
    workspace: Workspace = None,
    json: Json = False,
) -> None:
    """Chain the rows of a ledger of the older form, once.

    The next report does it too, but knows no day of issue; rows without one count as hindsight.
    """
    from ripeness.cli.ledger import chain_files

    chain_files(root_of(workspace), issued or [], note, json)


@app.command(epilog=example("ripeness backtest --quick", "ripeness backtest --scheduler tcp://127.0.0.1:8786"))
def backtest(
    quick: Annotated[
        bool, typer.Option("--quick", help="Twelve origins instead of all, and no gap; tables go to reports/backtest.")
    ] = False,
    gap: Annotated[
        bool | None, typer.Option("--gap/--no-gap", help="Also with final data, to see what late and revised rows are worth.")
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(
            "--scheduler",
            metavar="ADDRESS",
            help="Run on a Dask scheduler of your own: who reaches it runs code here. By default on local processes.",
        ),
    ] = None,
    seed: Seed = None,
    day: Annotated[
        date | None, typer.Option("--date", metavar="YYYY-MM-DD", parser=read_day, help="The day that the tables are to bear.")
    ] = None,
    workspace: Workspace = None,
    json: Json = False,
) -> None:
    """Forecast anew from every fourth week and score it.

    Each origin sees only what was known by then. An interrupted backtest goes on where it stopped.
    """
    from ripeness.cli.studies import make_backtest

    make_backtest(request_of(workspace, seed=seed), quick, not quick if gap is None else gap, scheduler, day, json)


@data.callback()
def _data() -> None:
    """Look at the data as it was known on a day."""


@data.command(
    epilog=example("ripeness data show brent", "ripeness data show brent --as-of 2025-05-11 --last 4", "ripeness data show brent --source")
)
def show(
    indicator: Annotated[str, typer.Argument(metavar="INDICATOR", help="An id of data/indicators.toml.", show_default=False)],
    as_of: AsOf = None,
    last: Annotated[int, typer.Option("--last", metavar="N", min=1, help="How many of the newest values.")] = 12,
    source: Annotated[
        bool, typer.Option("--source", help="Also the file that each value came from: its digest, and where it lies.")
    ] = False,
    workspace: Workspace = None,
    json: Json = False,
) -> None:
    """Show the newest values of an indicator as known on a day."""
    from ripeness.cli.data import show_values

    show_values(root_of(workspace), indicator, as_of, last, source, json)


@data.command(epilog=example("ripeness data diff 2026-06-21 2026-06-28"))
def diff(
    earlier: Annotated[date, typer.Argument(metavar="DATE", parser=read_day, help="A day.", show_default=False)],
    later: Annotated[date, typer.Argument(metavar="DATE", parser=read_day, help="A later day.", show_default=False)],
    workspace: Workspace = None,
    json: Json = False,
) -> None:
    """Show what became known between two days: new, revised, withdrawn."""
    from ripeness.cli.data import show_differences

    show_differences(root_of(workspace), earlier, later, json)


@study.callback()
def _study() -> None:
    """Ask how far the forecast deserves trust; each study goes on where it was interrupted."""


@study.command(epilog=example("ripeness study scorecard"))
def scorecard(seed: Seed = None, day: RunOn = None, workspace: Workspace = None) -> None:
    """Hold each claim of the essay against the record.

    As of the essay's day and as of now: supported, contradicted or unmoved.
    """
    from ripeness.cli.studies import study_scorecard

    study_scorecard(request_of(workspace, seed=seed), day)


@study.command(epilog=example("ripeness study sensitivity", "ripeness study sensitivity --as-of 2025-06-18"))
def sensitivity(as_of: AsOf = None, seed: Seed = None, day: RunOn = None, workspace: Workspace = None) -> None:
    """Show what the headline leans on.

    Every claim zeroed, every indicator left out, priors and likelihoods scaled; takes minutes.
    """
    from ripeness.cli.studies import study_sensitivity

    study_sensitivity(request_of(workspace, as_of, seed), day)


@study.command(epilog=example("ripeness study evidence"))
def evidence(as_of: AsOf = None, seed: Seed = None, day: RunOn = None, workspace: Workspace = None) -> None:
    """Show what each source of evidence adds to the headline.

    The essay alone, other wars, the indicators, the events of each outcome, the record of rounds; takes a quarter of an hour.
    """
    from ripeness.cli.studies import study_evidence

    study_evidence(request_of(workspace, as_of, seed), day)


@study.command(epilog=example("ripeness study sbc", "ripeness study sbc --simulations 50 --wrong 20 --futures 0"))
def sbc(
    simulations: Annotated[int, typer.Option("--simulations", metavar="N", min=1, help="Wars simulated from the priors.")] = 200,
    wrong: Annotated[int, typer.Option("--wrong", metavar="N", min=0, help="Of these, how many a wrong model is tried on.")] = 40,
    futures: Annotated[int, typer.Option("--futures", metavar="N", min=0, help="Futures simulated from the posterior.")] = 60,
    as_of: AsOf = None,
    seed: Seed = None,
    day: RunOn = None,
    workspace: Workspace = None,
) -> None:
    """Test the inference on simulated wars.

    Simulation-based calibration of the whole model; takes about half an hour.
    """
    from ripeness.cli.studies import study_sbc

    study_sbc(request_of(workspace, as_of, seed), simulations, wrong, futures, day)


@study.command(epilog=example("ripeness study wars", "ripeness study wars --panel FILE"))
def wars(
    panel: Annotated[
        Path | None,
        typer.Option("--panel", metavar="FILE", help="Fit a panel of conflict-months of your own (CSV) instead of the counts in priors/."),
    ] = None,
    seed: Seed = None,
    day: RunOn = None,
    workspace: Workspace = None,
) -> None:
    """Refit what other wars say of each mechanism.

    Hazard ratios from counts of months and onsets; of a panel also placebo leads and scores with countries left out.
    """
    from ripeness.cli.studies import study_wars

    study_wars(request_of(workspace, seed=seed), panel, day)


@study.command(epilog=example("ripeness study drafting current_events current_events_2025-*.json --test-from 2025-07-01"))
def drafting(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="Whose files they are.", show_default=False)],
    files: Annotated[list[Path], typer.Argument(metavar="FILE", help="Pages or feeds of days that the record knows.", show_default=False)],
    test_from: Annotated[
        date, typer.Option("--test-from", metavar="YYYY-MM-DD", parser=read_day, help="First of the days on which no word was written.")
    ],
    day: RunOn = None,
    workspace: Workspace = None,
) -> None:
    """Hold drafted events against the record.

    Recall and precision of each kind, on the days that the files are of.
    """
    from ripeness.cli.desk import study_drafting

    study_drafting(root_of(workspace), source, files, test_from, day)
