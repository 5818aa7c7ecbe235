"""`ripeness update`, `import … --update` and `data diff` at the door: what they print, write and refuse, and what they never load."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from ripeness.cli.app import app
from ripeness.data.observations import UNSEARCHED
from ripeness.data.quality import flag_vintage
from ripeness.errors import UsageError
from ripeness.model.spec import build_spec
from ripeness.workflow.forecasts import unfitted_priors
from ripeness.workflow.request import open_workspace

Tree = Callable[[Path], dict[str, bytes | None]]
HEADER = "observed_on,value,published_on,source,grade\n"
NEW = "2026-08-23,91.5,2026-08-26,US EIA,A\n"
REVISED = "2026-08-16,92.9,2026-08-26,US EIA,A\n"
STORED = "2026-08-09,87.86,2026-08-12,US EIA,A\n"


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def file(tmp_path: Path) -> Callable[..., Path]:
    def write(*rows: str, name: str = "brent.csv", header: str = HEADER) -> Path:
        (tmp_path / name).write_text(header + "".join(rows), "utf-8")
        return tmp_path / name

    return write


def update(workspace: Path, *arguments: str | Path) -> Result:
    return run("update", *arguments, "--workspace", workspace)


def test_verdicts_are_shown_and_rows_stored(copied_workspace: Path, file: Callable[..., Path]) -> None:
    before = (copied_workspace / "data/brent.csv").read_bytes()
    result = update(copied_workspace, file(NEW, REVISED, STORED))
    assert result.exit_code == 0, result.output
    output = " ".join(result.stdout.split())
    assert "│ brent │ 1 │ 1 │ · │ · │ 1 │ · │" in output
    assert "│ brent │ 2026-08-16 │ 2026-08-26 │ revision │ 92.51 │ 92.9 │ brent.csv, line 3 │" in output
    assert "│ brent │ 2026-08-23 │ 2026-08-26 │ 3 │" in output
    assert "│ key_rate │ 2026-07-31 │ 2026-07-31 │ 26 │" in output  # how fresh the others are, too
    assert "Overdue on 2026-08-26, by their usual lag: " in output and " brent" not in output.split("Overdue")[1]
    assert output.endswith("Stored: 2 rows, as batch 1.")
    assert (copied_workspace / "data/brent.csv").read_bytes() == before + (NEW + REVISED).encode()
    assert run("check", "--workspace", copied_workspace).exit_code == 0


def test_coverage_published_after_its_sunday_stops_nothing(tmp_path: Path, file: Callable[..., Path]) -> None:
    desk, header = tmp_path / "desk", "from,to,q05,q95,published_on,note\n"
    assert run("init", desk).exit_code == 0
    late = file("2025-06-02,2025-06-08,0.95,0.995,2025-06-09,two newspapers\n", name="coverage.csv", header=header)
    assert update(desk, late, "--date", "2025-06-09").exit_code == 0
    found = run("check", "--workspace", desk)
    assert found.exit_code == 0 and "the search after 2025-06-01 was published after 2025-06-08" in " ".join(found.stdout.split())

    inputs = open_workspace(desk)
    stretches = {}
    for origin in (None, date(2025, 6, 1)):
        spec, _ = build_spec(inputs.workspace, inputs.vintage(origin), unfitted_priors(inputs))
        stretches[spec.panel.origin] = spec.panel.record.stretch
    assert list(stretches) == [date(2025, 6, 8), date(2025, 6, 1)]
    assert [found[-1] == UNSEARCHED for found in stretches.values()] == [True, False]  # that week says nothing of rounds
    assert [flag.name for flag in flag_vintage(inputs.vintage(None)) if flag.name == "search"] == ["search"]
    assert not any(flag.name == "search" for flag in flag_vintage(inputs.vintage(date(2025, 6, 1))))
    with pytest.raises(UsageError, match="searched for up to 2025-06-08"):
        inputs.vintage(date(2025, 6, 9))

    late = file("2025-06-09,2025-06-15,0.95,0.995,2025-06-16,two newspapers\n", name="coverage.csv", header=header)
    assert update(desk, late, "--date", "2025-06-16").exit_code == 0
    inputs = open_workspace(desk)
    spec, _ = build_spec(inputs.workspace, inputs.vintage(None), unfitted_priors(inputs))
    assert [place == UNSEARCHED for place in spec.panel.record.stretch[-2:]] == [False, True]  # the week before is known by now


def test_a_dry_run_shows_the_same_and_writes_nothing(copied_workspace: Path, tree_of: Tree, file: Callable[..., Path]) -> None:
    before = tree_of(copied_workspace)
    dry = update(copied_workspace, file(NEW, REVISED), "--dry-run")
    assert (dry.exit_code, tree_of(copied_workspace)) == (0, before)
    assert "Nothing was written (--dry-run); 2 rows would be stored." in dry.stdout
    wet = update(copied_workspace, file(NEW, REVISED))
    assert dry.stdout.splitlines()[:-1] == wet.stdout.splitlines()[:-1]


@pytest.mark.parametrize("more", [[], ["--dry-run"], ["--json"]], ids=lambda options: " ".join(options))
def test_refused_rows_change_nothing(copied_workspace: Path, tree_of: Tree, file: Callable[..., Path], more: list[str]) -> None:
    before = tree_of(copied_workspace)
    result = update(copied_workspace, file(NEW, "2026-08-30,much,2026-09-02,US EIA,A\n"), *more)
    assert result.exit_code == 1
    assert "Error: brent.csv, line 3: found value 'much'" in result.stderr
    assert "Refused: 1 fault; nothing was changed." in result.stderr
    assert "Traceback" not in result.output
    assert tree_of(copied_workspace) == before


def test_good_rows_alone(copied_workspace: Path, tree_of: Tree, file: Callable[..., Path]) -> None:
    mixed = file(NEW, "2026-08-30,much,2026-09-02,US EIA,A\n")
    result = update(copied_workspace, mixed, "--accept-valid")
    assert result.exit_code == 0
    assert "Refused, and left out:" in result.stdout and "line 3" in result.stdout
    assert "Stored: 1 row, as batch 1." in result.stdout
    before = tree_of(copied_workspace)
    assert update(copied_workspace, mixed, "--accept-valid").exit_code == 1  # nothing good is left, and something is refused
    assert tree_of(copied_workspace) == before


def test_json_has_every_row_with_old_and_new(copied_workspace: Path, file: Callable[..., Path]) -> None:
    output = json.loads(update(copied_workspace, file(NEW, REVISED, STORED), "--json").stdout)
    assert (output["date"], output["batch"], output["written"], output["dry_run"]) == ("2026-08-26", 1, True, False)
    assert output["tables"]["brent"] == output["counts"]
    assert (output["counts"]["new"], output["counts"]["revision"], output["counts"]["duplicate"]) == (1, 1, 1)
    new, revised = output["rows"]
    assert (new["verdict"], new["line"], new["old"], new["row"]["value"]) == ("new", 2, None, 91.5)
    assert (revised["old"]["value"], revised["row"]["value"], revised["row"]["sample_size"]) == (92.51, 92.9, None)
    assert output["rows_left_out"] == 0
    assert [row["indicator"] for row in output["freshness"] if row["touched"]] == ["brent"]


def test_a_jump_is_confirmed(copied_workspace: Path, file: Callable[..., Path]) -> None:
    jump = file("2026-08-23,30,2026-08-26,US EIA,A\n")
    assert "run the command again with --confirm" in update(copied_workspace, jump).stderr
    assert update(copied_workspace, jump, "--confirm").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "output"),
    [
        (["update", "none.csv"], "none.csv: no such file"),
        (["update", "data"], "data: a folder"),
        (["update", "data/brent.csv", "--indicator", "brant"], "did you mean 'brent'?"),
        (["update", "data/brent.csv", "--date", "5 July"], "'5 July' is no day"),
        (["update", "data/brent.csv", "data/brent.csv"], "two files are named brent.csv"),
        (["update", "data/events.csv", "--indicator", "brent"], "says itself what it holds"),
        (["import", "eia", "data/brent.csv", "--date", "2026-07-06"], "--date goes with --update"),
        (["import", "eia", "data/brent.csv", "--update", "--out", "data"], "--out or --update, not both"),
        (["import", "all", "data", "--update"], "no folder with files of a source"),
        (["data", "diff", "2026-06-28", "2026-06-21"], "give the earlier day first"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_calls(copied_workspace: Path, tree_of: Tree, monkeypatch: pytest.MonkeyPatch, arguments: list[str], output: str) -> None:
    monkeypatch.chdir(copied_workspace)
    before = tree_of(copied_workspace)
    result = run(*arguments)
    assert (result.exit_code, "Traceback" in result.output) == (2, False), result.output
    assert output in result.stderr
    assert tree_of(copied_workspace) == before


def _prices(path: Path, **changed: float) -> Path:
    days = [f"2026-08-{day:02}" for day in range(3, 26)]
    stored = {"2026-08-09": 87.86, "2026-08-16": 92.51}
    lines = []
    for day in days:
        week = next((price for sunday, price in stored.items() if day <= sunday), 92.0)
        lines.append(f"{day},{changed.get('d' + day.replace('-', ''), week)}")
    path.write_text("Date,Price\n" + "\n".join(lines) + "\n")
    return path


def test_an_import_goes_through_the_same_verdicts(copied_workspace: Path, tree_of: Tree, tmp_path: Path) -> None:
    before = (copied_workspace / "data/brent.csv").read_bytes()
    prices = _prices(tmp_path / "brent-daily.csv")
    result = run("import", "eia", prices, "--update", "--date", "2026-08-26", "--workspace", copied_workspace)
    assert result.exit_code == 0, result.output
    assert (
        copied_workspace / "data/brent.csv"
    ).read_bytes() == before + b"2026-08-23,92,2026-08-26,US EIA,A\n"  # 24 and 25 August begin a week
    again = tree_of(copied_workspace)
    assert "there is nothing new" in run("import", "eia", prices, "--update", "--workspace", copied_workspace).stdout
    assert tree_of(copied_workspace) == again
    changed = _prices(prices, d20260812=88.0)
    refused = run("import", "eia", changed, "--update", "--workspace", copied_workspace)
    assert refused.exit_code == 2 and "brent (1); give the day on which they stood there with --date" in refused.stderr
    output = run("import", "eia", changed, "--update", "--date", "2026-08-27", "--workspace", copied_workspace, "--json").stdout
    (row,) = json.loads(output)["rows"]
    assert (row["verdict"], row["row"]["published_on"], row["old"]["value"]) == ("revision", "2026-08-27", 92.51)


def test_an_import_of_all_reads_a_folder(copied_workspace: Path, tmp_path: Path) -> None:
    (tmp_path / "downloads").mkdir()
    _prices(tmp_path / "downloads" / "brent-daily.csv")
    arguments = ["--update", "--date", "2026-08-26", "--json", "--workspace", copied_workspace]
    output = json.loads(run("import", "all", tmp_path / "downloads", *arguments).stdout)
    assert list(output["tables"]) == ["brent"]
    assert output["notes"][0].startswith("not in the folder: air_force, bank_of_russia, chronology")


def test_an_import_of_all_is_shown_and_written_elsewhere(copied_workspace: Path, tree_of: Tree, tmp_path: Path) -> None:
    (tmp_path / "downloads").mkdir()
    (tmp_path / "out").mkdir()
    _prices(tmp_path / "downloads" / "brent-daily.csv")
    before = tree_of(copied_workspace)
    shown = run("import", "all", tmp_path / "downloads", "--workspace", copied_workspace)
    assert (shown.exit_code, "Nothing was written." in shown.stdout) == (0, True), shown.output
    assert "Note: not in the folder: air_force, bank_of_russia, chronology" in " ".join(shown.stdout.split())
    assert run("import", "all", tmp_path / "downloads", "--out", tmp_path / "out", "--workspace", copied_workspace).exit_code == 0
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["brent.csv"]
    assert tree_of(copied_workspace) == before


def test_a_week_after_the_last_era_says_what_to_write_and_then_goes_in(copied_workspace: Path, file: Callable[..., Path]) -> None:
    row = "2026-10-11,2,2026-10-12,Chronology,B\n"
    week = file("mediated_contacts," + row, "guarantee_steps," + row, name="week.csv", header="indicator," + HEADER)
    refused = update(copied_workspace, week)
    assert refused.exit_code == 1 and "week.csv, line 2: found observed_on 2026-10-11, after the last era" in refused.stderr
    contracts, loadings = copied_workspace / "data/indicators.toml", copied_workspace / "priors/loadings.toml"
    written = re.findall(r"add an era such as (\{ .* \}) to eras of \[(\w+)\] in indicators.toml.* as (\[.*\])\.", refused.stderr)
    assert [name for _, name, _ in written] == ["mediated_contacts", "guarantee_steps"]
    for era, name, share in written:
        head, middle, tail = contracts.read_text("utf-8").partition(f"[{name}]")
        contracts.write_text(head + middle + tail.replace("\n]\n", f"\n  {era},\n]\n", 1), "utf-8")
        entry = 'quantity = "share captured"\nunit = "share"\nq05 = 0.4\nq50 = 0.5\nq95 = 0.6\nfamily = "logitnormal"\nrationale = "By how it was searched."\n'
        loadings.write_text(loadings.read_text("utf-8") + f"\n{share}\n{entry}", "utf-8")
    assert run("check", "--workspace", copied_workspace).exit_code == 0
    assert "Stored: 2 rows, as batch 1." in update(copied_workspace, week).stdout


def test_formulas_reach_no_export(copied_workspace: Path, tree_of: Tree, tmp_path: Path, file: Callable[..., Path]) -> None:
    before = tree_of(copied_workspace)
    for text in ("=1+1", "+1", "-1", "@SUM(1)", "＝1", "\"=cmd|' /C calc'!A0\""):
        result = update(copied_workspace, file(NEW.replace("US EIA", text)))
        assert result.exit_code == 1 and "a spreadsheet would take for a formula" in result.stderr, text
    event = "2026-07-01,,contact,no,2026-07-02,=HYPERLINK(1),page,A\n"
    header = "date,end_date,kind,round,published_on,description,source,grade\n"
    assert update(copied_workspace, file(event, name="events.csv", header=header)).exit_code == 1
    assert tree_of(copied_workspace) == before
    chronology = "date,end_date,kind,level,parties,agreed_at_round,description,source,grade\n2024-01-10,2024-01-10,truce,,=RU,,x,=1+1,A\n"
    table = file("| 2020-01-01 | both | nobody | none | delegation | no |  | A |\n", name="COVERAGE.md", header="\n")
    out = tmp_path / "out"
    out.mkdir()
    record = file(name="diplomacy_chronology.csv", header=chronology)
    result = run("import", "chronology", record, table, "--out", out, "--workspace", copied_workspace)
    assert (result.exit_code, list(out.iterdir())) == (1, [])
    assert "text that begins with none of = + - @" in result.stderr


def test_markup_in_a_source_is_kept_as_text(copied_workspace: Path, file: Callable[..., Path]) -> None:
    text = NEW.replace("US EIA", "<script>[bold]x[/bold]</script>")
    assert update(copied_workspace, file(text)).exit_code == 0
    shown = run("data", "show", "brent", "--as-of", "2026-08-26", "--last", "1", "--workspace", copied_workspace).stdout
    assert "[bold]" in shown  # what the page makes of it: tests/report/test_page.py


def test_differences_between_two_days(copied_workspace: Path, file: Callable[..., Path]) -> None:
    update(copied_workspace, file(NEW, REVISED, "2026-08-02,,2026-08-26,US EIA,A\n"))
    arguments = ["data", "diff", "2026-08-21", "2026-08-26", "--workspace", copied_workspace]
    output: dict[str, Any] = json.loads(run(*arguments, "--json").stdout)
    assert output["counts"]["brent"] == {"new": 1, "revised": 1, "withdrawn": 1}
    rows = {row["key"]["observed_on"]: row for row in output["rows"] if row["table"] == "brent"}
    assert rows["2026-08-16"]["old"]["value"] == 92.51 and rows["2026-08-16"]["new"]["value"] == 92.9
    assert rows["2026-08-02"]["new"] is None and rows["2026-08-23"]["old"] is None
    shown = " ".join(run(*arguments).stdout.split())
    assert "│ brent │ 1 │ 1 │ 1 │" in shown
    assert "│ brent │ 2026-08-16 │ 2026-08-26 │ revised │ value 92.51 │ value 92.9 │" in shown
    assert "Nothing became known" in run("data", "diff", "2026-10-10", "2026-10-11", "--workspace", copied_workspace).stdout


FORBIDDEN = {"pymc", "pytensor", "nutpie", "preliz", "arviz", "xarray", "matplotlib"}


def test_fifty_rows_load_no_sampler_and_take_less_than_a_second(copied_workspace: Path, tmp_path: Path) -> None:
    weeks = [date(2026, 8, 23) + timedelta(days=7 * week) for week in range(25)]
    rows = [f"{name},{day},{90 + day.day / 10:g},2027-02-28,source,A\n" for name in ("brent", "rouble_per_usd") for day in weeks]
    (tmp_path / "fifty.csv").write_text("indicator," + HEADER + "".join(rows))
    code = (
        "import sys, time\nimport ripeness.workflow, ripeness.cli.update, ripeness.intake.incoming, ripeness.intake.updates, rich.table, typer._adapters\n"
        "from ripeness.cli.app import app\nbegan = time.process_time()\n"
        f"try:\n    app({['update', str(tmp_path / 'fifty.csv'), '--workspace', str(copied_workspace)]!r})\n"
        "except SystemExit as end:\n    assert not end.code, end.code\n"
        "print('\\n', time.process_time() - began, *{name.split('.')[0] for name in sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env={**os.environ, "COLUMNS": "140"})
    assert "Stored: 50 rows" in done.stdout
    seconds, *loaded = done.stdout.splitlines()[-1].split()
    assert not FORBIDDEN & set(loaded)
    assert float(seconds) < 1.0


@pytest.mark.slow
def test_a_million_rows_take_less_than_fifteen_seconds_and_a_gibibyte(copied_workspace: Path, tmp_path: Path) -> None:
    path = tmp_path / "million.csv"
    with path.open("w") as out:
        out.write("indicator," + HEADER)
        for week in range(3700):
            observed = date(1950, 1, 1) + timedelta(days=7 * week)
            for name in ("brent", "rouble_per_usd"):
                for day in range(1, 137):
                    published = observed + timedelta(days=day)
                    out.write(f"{name},{observed},{50 + (week * day) % 4000 / 100:g},{published},source,A\n")
    run_it = [
        sys.executable,
        "-m",
        "ripeness",
        "update",
        str(path),
        "--date",
        "2026-07-06",
        "--confirm",
        "--workspace",
        str(copied_workspace),
    ]
    watch = (
        "import resource, subprocess, sys, time\nbegan = time.perf_counter()\n"
        f"done = subprocess.run({run_it!r}, capture_output=True, text=True)\n"
        "print(time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, 'Stored: 1006400 rows' in done.stdout)"
    )
    seconds, kib, stored = subprocess.run([sys.executable, "-c", watch], capture_output=True, text=True, check=True).stdout.split()
    assert stored == "True"
    assert float(seconds) < 15
    assert int(kib) < 2**20
