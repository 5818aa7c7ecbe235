"""`ripeness draft` and `ripeness desk` at the door: nothing enters without a yes, a yes enters as every row does, and all of it is undone or none."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import click
import pytest
from publisher_server import gives, serve
from typer.testing import CliRunner, Result

from ripeness.cli import desk as cli
from ripeness.cli.app import app
from ripeness.cli.init import TEMPLATE
from ripeness.data import transaction as transactions
from ripeness.files import digest
from ripeness.intake import drafts as module
from ripeness.intake.updates import Choices
from ripeness.workflow.fetch import run_fetch

Tree = Callable[[Path], dict[str, bytes | None]]
TODAY = "2025-06-20"
TALKS = "Delegations of Arden and Belmora hold talks in a third city."
CONTACT = "The envoy of a neighbour visits Arden."


def run(*words: str | Path, stdin: str | None = None) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words], input=stdin)


def feed(*texts: str, day: str = "2025-06-18") -> str:
    return json.dumps(
        {"items": [{"title": text, "date_published": day, "url": f"https://agency.example/{n}"} for n, text in enumerate(texts)]}
    )


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    shutil.copytree(TEMPLATE, tmp_path / "desk")
    return tmp_path / "desk"


@pytest.fixture
def draft(workspace: Path, tmp_path: Path) -> Callable[..., list[dict[str, Any]]]:
    """Draft from a feed; gives the new drafts."""

    def make(*texts: str, day: str = "2025-06-18", today: str = TODAY) -> list[dict[str, Any]]:
        path = tmp_path / "agency.json"
        path.write_text(feed(*texts, day=day), "utf-8")
        result = run("draft", "news", path, "--date", today, "--json", "--workspace", workspace)
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)["new"]  # type: ignore[no-any-return]

    return make


def desk(workspace: Path, *words: str, stdin: str | None = None) -> Result:
    return run("desk", *words, "--date", TODAY, "--workspace", workspace, stdin=stdin)


def rows(workspace: Path, table: str = "events") -> list[str]:
    return (workspace / "data" / f"{table}.csv").read_text("utf-8").splitlines()


def verdicts(workspace: Path) -> list[str]:
    return [json.loads(line)["verdict"] for line in (workspace / "data/drafts.jsonl").read_text("utf-8").splitlines()]


def test_a_draft_is_no_data(workspace: Path, draft: Callable[..., list[dict[str, Any]]], tree_of: Tree) -> None:
    before = tree_of(workspace)
    new = draft(TALKS, CONTACT, "It rains in Arden.")
    assert [(one["kind"], one["date"], one["published_on"], one["round"]) for one in new] == [
        ("round", "2025-06-18", "2025-06-19", True),
        ("contact", "2025-06-18", "2025-06-19", False),
    ]
    assert new[0]["description"] == f"ARD-BEL: {TALKS}" and new[0]["sentence"] == TALKS
    assert new[0]["address"] == "https://agency.example/0"
    after = tree_of(workspace)
    assert {name for name in after if after[name] != before.get(name)} == {"data/drafts.jsonl"}
    check = run("check", "--workspace", workspace)
    assert check.exit_code == 0 and "2 drafted event(s) await a verdict" in check.stdout
    assert draft(TALKS, CONTACT) == []


def test_a_yes_enters_as_every_row_does(workspace: Path, tmp_path: Path, draft: Callable[..., list[dict[str, Any]]]) -> None:
    talks, contact = draft(TALKS, CONTACT)
    before = rows(workspace)
    result = desk(workspace, "--yes", talks["id"], "--no", contact["id"], "--json")
    assert result.exit_code == 0, result.output
    said = json.loads(result.stdout)
    assert (said["batch"], said["counts"]["new"]) == (1, 1)
    source = "agency 2025-06-18, https://agency.example/0"
    assert rows(workspace) == [*before, f'2025-06-18,2025-06-18,round,yes,2025-06-19,ARD-BEL: {TALKS},"{source}",B']
    record = rows(workspace, "updates")[-1].split(",")
    assert record[1:5] == [TODAY, "events", "agency.json", digest((tmp_path / "agency.json").read_bytes())]
    assert verdicts(workspace) == ["yes", "no"]
    assert run("check", "--workspace", workspace).exit_code == 0
    assert json.loads(desk(workspace, "--json").stdout)["open"] == []
    assert draft(TALKS, CONTACT) == [], "a verdict stands"


def test_a_no_touches_no_data(workspace: Path, draft: Callable[..., list[dict[str, Any]]], tree_of: Tree) -> None:
    (talks,) = draft(TALKS)
    before = tree_of(workspace)
    assert desk(workspace, "--no", talks["id"]).exit_code == 0
    after = tree_of(workspace)
    assert {name for name in after if after[name] != before[name]} == {"data/drafts.jsonl"}


def test_a_correction_is_entered_and_noted(workspace: Path, draft: Callable[..., list[dict[str, Any]]]) -> None:
    (talks,) = draft(TALKS)
    changes = ("--set", "kind=technical_round", "--set", "round=no", "--set", "date=2025-06-17", "--set", "description=Engineers meet")
    assert desk(workspace, "--yes", talks["id"], *changes).exit_code == 0
    assert rows(workspace)[-1].startswith("2025-06-17,2025-06-17,technical_round,no,2025-06-19,Engineers meet,")
    stored = json.loads((workspace / "data/drafts.jsonl").read_text("utf-8"))
    assert stored["corrected"] and stored["kind"] == "technical_round" and stored["sentence"] == TALKS


def test_what_is_known_on_the_day_of_the_yes_is_not_known_later(draft: Callable[..., list[dict[str, Any]]], workspace: Path) -> None:
    (talks,) = draft(TALKS, day=TODAY)
    assert talks["published_on"] == "2025-06-21"
    assert desk(workspace, "--yes", talks["id"]).exit_code == 0
    assert rows(workspace)[-1].split(",")[4] == TODAY


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--yes", "{id}", "--set", "kind=rond"), "did you mean 'round'"),
        (("--yes", "{id}", "--set", "date=soon"), "date = 'soon'"),
        (("--yes", "{id}", "--set", "round=maybe"), "round = 'maybe'"),
        (("--yes", "{id}", "--set", "description==1+1"), "formula"),
        (("--yes", "{id}", "--set", "end_date=2025-06-01"), "before date"),
        (("--yes", "{id}", "--set", "published_on=2025-06-30"), "after the batch's day"),
        (("--yes", "{id}", "--set", "id=1"), "COLUMN=TEXT"),
        (("--yes", "00000000"), "no draft 00000000"),
        (("--no", "{id}", "--no", "00000000"), "no draft 00000000"),
        (("--yes", "{id}", "--no", "{id}"), "two verdicts"),
        (("--set", "kind=round"), "go with --yes"),
        (("--no", "{id}", "--set", "kind=round"), "one --yes"),
    ],
)
def test_what_is_refused_changes_nothing(
    workspace: Path, draft: Callable[..., list[dict[str, Any]]], tree_of: Tree, words: tuple[str, ...], message: str
) -> None:
    (talks,) = draft(TALKS)
    before = tree_of(workspace)
    result = desk(workspace, *(word.replace("{id}", talks["id"]) for word in words))
    assert result.exit_code in (1, 2) and message in result.output, result.output
    assert tree_of(workspace) == before
    assert isinstance(result.exception, SystemExit)


def test_a_verdict_is_given_once(workspace: Path, draft: Callable[..., list[dict[str, Any]]]) -> None:
    (talks,) = draft(TALKS)
    assert desk(workspace, "--no", talks["id"]).exit_code == 0
    result = desk(workspace, "--yes", talks["id"])
    assert result.exit_code == 2 and "has its verdict: no" in result.output
    assert len(rows(workspace)) == len(rows(TEMPLATE))


def test_an_event_on_record_is_shown_beside_its_draft(workspace: Path, draft: Callable[..., list[dict[str, Any]]]) -> None:
    line, last = [(number, row.split(",")[0]) for number, row in enumerate(rows(workspace), start=1) if ",round,yes," in row][-1]
    draft(TALKS, day=last)
    (asked,) = json.loads(desk(workspace, "--json").stdout)["open"]
    assert (asked["on_record"][0]["line"], asked["on_record"][0]["date"]) == (line, last)
    assert f"on record, line {line}: {last}" in desk(workspace).stdout


def press(monkeypatch: pytest.MonkeyPatch, *keys: str) -> None:
    waiting = list(keys)
    monkeypatch.setattr(cli, "is_terminal", lambda: True)
    monkeypatch.setattr(click, "getchar", lambda: waiting.pop(0))


def test_one_key_each_at_the_terminal(workspace: Path, draft: Callable[..., list[dict[str, Any]]], monkeypatch: pytest.MonkeyPatch) -> None:
    draft(TALKS, CONTACT, "Arden declares a truce on 16 June.", "Arden and Belmora will hold talks on 1 July.")
    press(monkeypatch, "x", "s", "y", "c", "n")
    before = len(rows(workspace))
    order = [one["kind"] for one in json.loads(desk(workspace, "--json").stdout)["open"]]
    result = desk(workspace, stdin="\n\n\n\n\ncorrected words\n\n\n")
    assert result.exit_code == 0, result.output
    assert "1 yes, 1 corrected, 1 no; 1 still open." in result.stdout
    new = rows(workspace)[before:]
    assert [row.split(",")[2] for row in new] == [order[1], order[2]] and "corrected words" in new[1]
    assert verdicts(workspace).count("open") == 1


def test_quitting_keeps_what_was_said_and_leaves_the_rest_open(
    workspace: Path, draft: Callable[..., list[dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    draft(TALKS, CONTACT)
    press(monkeypatch, "y", "q")
    assert "1 yes, 0 corrected, 0 no; 1 still open." in desk(workspace).stdout
    assert sorted(verdicts(workspace)) == ["open", "yes"]


def test_a_row_refused_at_the_terminal_leaves_its_draft_open(
    workspace: Path, draft: Callable[..., list[dict[str, Any]]], monkeypatch: pytest.MonkeyPatch, tree_of: Tree
) -> None:
    draft("Arden declares a truce from 28 June to 30 June.")
    before = tree_of(workspace)
    press(monkeypatch, "y", "q")
    result = desk(workspace)
    assert "before date" in result.output and tree_of(workspace) == before


def test_a_yes_broken_off_is_taken_back_whole(
    workspace: Path, draft: Callable[..., list[dict[str, Any]]], monkeypatch: pytest.MonkeyPatch, tree_of: Tree
) -> None:
    (talks,) = draft(TALKS)
    before = tree_of(workspace)

    def no_room(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(transactions, "replay_journal", no_room)
        assert desk(workspace, "--yes", talks["id"]).exit_code == 1
    assert desk(workspace, "--json").exit_code == 0
    assert tree_of(workspace) == before


def test_a_dry_run_writes_nothing(workspace: Path, draft: Callable[..., list[dict[str, Any]]], tree_of: Tree) -> None:
    talks, contact = draft(TALKS, CONTACT)
    before = tree_of(workspace)
    assert "1 row(s) would be stored" in desk(workspace, "--yes", talks["id"], "--dry-run").stdout
    assert desk(workspace, "--no", contact["id"], "--dry-run").exit_code == 0
    assert tree_of(workspace) == before


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "JSON"),
        ("", "JSON"),
        ('{"id": "1"}', "a draft"),
        ("{stored}", "a second time"),
        ('{"verdict": "maybe"}', "a draft"),
    ],
)
def test_a_damaged_file_is_refused_with_its_line(
    workspace: Path, draft: Callable[..., list[dict[str, Any]]], line: str, message: str, tree_of: Tree
) -> None:
    (talks,) = draft(TALKS)
    path = workspace / "data/drafts.jsonl"
    path.write_text(path.read_text("utf-8") + line.replace("{stored}", path.read_text("utf-8").strip()) + "\n", "utf-8")
    before = tree_of(workspace)
    for words in (("desk",), ("desk", "--no", talks["id"]), ("desk", "--yes", talks["id"]), ("check",)):
        result = run(*words, "--workspace", workspace)
        assert result.exit_code == 1 and "data/drafts.jsonl, line 2" in result.output and message in result.output, result.output
    assert tree_of(workspace) == before


HOSTILE = [
    "<b>Arden</b><script>alert(1)</script> and Belmora hold talks.",
    "&#61;HYPERLINK(1) Arden and Belmora hold talks.",
    "\u202e\u200b=cmd Arden and Belmora hold talks.",
    "Arden \x1b]0;x\x07 and Belmora hold talks, again.",
]


def test_hostile_news_ends_as_text(workspace: Path, draft: Callable[..., list[dict[str, Any]]]) -> None:
    new = draft(*HOSTILE)
    assert len(new) == len(HOSTILE)
    shown = desk(workspace).stdout
    for letter in ("\x1b", "\x07", "\u202e", "<script>", "=HYPERLINK", "=cmd"):
        assert letter not in shown and letter not in (workspace / "data/drafts.jsonl").read_text("utf-8")
    yes = [word for one in new for word in ("--yes", one["id"])]
    assert desk(workspace, *yes).exit_code == 0
    assert run("check", "--workspace", workspace).exit_code == 0


def test_a_feed_that_gives_too_many_drafts_is_refused_and_harms_no_other(workspace: Path, tmp_path: Path) -> None:
    flood, good = tmp_path / "flood.json", tmp_path / "good.json"
    flood.write_text(feed(*(f"Arden and Belmora hold talks number {n}." for n in range(201))), "utf-8")
    good.write_text(feed(TALKS), "utf-8")
    result = run("draft", "news", flood, good, "--date", TODAY, "--workspace", workspace)
    assert result.exit_code == 1 and "flood.json: found news for 201 drafts" in result.output
    assert verdicts(workspace) == ["open"]


def test_without_words_or_news_the_error_says_what_to_do(workspace: Path, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(feed(TALKS), "utf-8")
    for words, message in (
        (("draft", "news"), "or neither"),
        (("draft", "eia", tmp_path / "x.json"), "'eia' is no source of news"),
        (("draft", "news", tmp_path / "absent.json"), "no such file"),
        (("import", "news", tmp_path / "x.json"), "ripeness draft news"),
    ):
        result = run(*words, "--workspace", workspace)
        assert result.exit_code == 2 and message in result.output, result.output
    (workspace / "data/drafting.toml").unlink()
    result = run("draft", "news", tmp_path / "x.json", "--workspace", workspace)
    assert result.exit_code == 2 and "no data/drafting.toml" in result.output
    assert run("check", "--workspace", workspace).exit_code == 0


FEEDS = """\
[[feed]]
source = "news"
file = "{name}"
address = "{address}"
form = "json"
cadence_days = 1
licence = "quoted"
"""


def test_feeds_are_fetched_and_drafted_from(workspace: Path) -> None:
    with serve() as publishers:
        first = publishers.play("/a.json", gives(feed(TALKS)), gives(feed(TALKS, CONTACT)))
        old = publishers.play("/b.json", gives(feed("Belmora and Arden hold talks.", day="2025-04-01")))
        (workspace / "data/sources.toml").write_text(
            FEEDS.format(name="a.json", address=first) + FEEDS.format(name="b.json", address=old), "utf-8"
        )

        def fetch() -> None:
            (done,) = run_fetch(workspace, [], date(2025, 6, 20), Choices(), loopback=True, pause_seconds=0.01)
            assert [file.name for file in done.files] == ["a.json", "b.json"]
            assert not done.faults and done.update is not None and done.update.takes == 0

        fetch()
        result = run("draft", "--date", TODAY, "--json", "--workspace", workspace)
        assert result.exit_code == 0, result.output
        assert [one["sentence"] for one in json.loads(result.stdout)["new"]] == [TALKS]
        fetch()
        again = run("draft", "--date", TODAY, "--json", "--workspace", workspace)
        assert [one["sentence"] for one in json.loads(again.stdout)["new"]] == [CONTACT]


def test_feeds_of_news_each_have_a_name(workspace: Path) -> None:
    one = FEEDS.format(name="a.json", address="https://agency.example/a")
    for text, message in (
        (one + one, "a second feed of a.json"),
        (FEEDS.format(name="../a", address="https://agency.example/a"), "a name for what is fetched"),
    ):
        (workspace / "data/sources.toml").write_text(text, "utf-8")
        result = run("fetch", "--workspace", workspace)
        assert result.exit_code == 1 and message in result.output, result.output


def test_ids_come_from_what_is_said_and_when(draft: Callable[..., list[dict[str, Any]]]) -> None:
    (first,) = draft(TALKS)
    assert draft(TALKS.upper()) == []
    (later,) = draft(TALKS, day="2025-06-17")
    assert later["id"] != first["id"] and len(first["id"]) == module.ID_DIGITS
