"""Words that point to kinds of events: which sentence is drafted as what, of whom and of which days."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import pytest

from ripeness.cli.init import TEMPLATE
from ripeness.errors import ContentError, UsageError
from ripeness.intake import drafting
from ripeness.intake.drafting import Proposal, Rules, Words, clean, days_in, find_drafters, propose, read_rules, sentences
from ripeness.intake.reading import Item
from ripeness.workspace import read_workspace

DAY = date(2026, 10, 5)  # a Monday
RULES = Rules.model_validate(
    {
        "lag_days": 1,
        "undated_days": 14,
        "days_back": 30,
        "grade": "B",
        "sides": ("ARD", "BEL"),
        "parties": {"ARD": ["arden"], "BEL": ["belmora"], "ENV": ["envoy"]},
        "rule": [
            {"kind": "round", "round": True, "parties": "both", "words": ["talks"], "also": ["hold", "begin"], "without": ["will"]},
            {"kind": "meeting_agreed", "parties": "both", "words": ["talks"], "also": ["will"]},
            {"kind": "contact", "parties": "third", "words": [r"\bmeets\b"]},
            {"kind": "truce", "parties": "one", "words": ["truce"], "also_item": ["declare"], "dated": True},
        ],
    }
)


def drafted(text: str) -> list[tuple[str, tuple[str, ...], date, date]]:
    return [(one.kind, one.parties, one.first, one.last) for one in Words(RULES).propose(Item(DAY, text, "x"))]


def test_a_sentence_is_drafted_by_the_rules_that_it_meets() -> None:
    assert drafted("ARDEN and Belmora hold talks. It rains.") == [("round", ("ARD", "BEL"), DAY, DAY)]
    assert drafted("Arden and the moon hold talks.") == []
    assert drafted("Arden's envoy meets nobody.") == [("contact", ("ENV", "ARD"), DAY, DAY)]
    assert drafted("Arden meets Belmora.") == []


def test_an_announced_meeting_has_the_days_that_it_names_or_the_next_ones() -> None:
    assert drafted("Talks of Arden and Belmora will be held on 8–9 October.") == [
        ("meeting_agreed", ("ARD", "BEL"), date(2026, 10, 8), date(2026, 10, 9))
    ]
    assert drafted("Talks of Arden and Belmora will be held.") == [
        ("meeting_agreed", ("ARD", "BEL"), date(2026, 10, 6), date(2026, 10, 19))
    ]
    past = drafted("Talks of Arden and Belmora will follow those of 1 October.")
    assert past == [("meeting_agreed", ("ARD", "BEL"), date(2026, 10, 6), date(2026, 10, 19))]


def test_days_count_only_where_the_rule_has_them_and_words_of_the_item_in_all_of_it() -> None:
    assert drafted("Arden has a truce on 10 October. They declare it.")[0][2] == date(2026, 10, 10)
    assert drafted("Arden has a truce on 10 October.") == []
    assert drafted("Arden and Belmora hold talks on 10 October.")[0][2] == DAY


def test_of_each_kind_an_item_gives_one_draft() -> None:
    assert [one[0] for one in drafted("Arden and Belmora hold talks. Talks begin. They will hold talks.")] == ["round", "meeting_agreed"]


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("from May 8–10", date(2026, 5, 8), date(2026, 5, 10)),
        ("on 30 December", date(2026, 12, 30), date(2026, 12, 30)),
        ("on 28 and 30 October", date(2026, 10, 28), date(2026, 10, 30)),
        ("from October 30 to November 2", date(2026, 10, 30), date(2026, 11, 2)),
        ("on 2 March", date(2027, 3, 2), date(2027, 3, 2)),
        ("tomorrow", date(2026, 10, 6), date(2026, 10, 6)),
        ("next week", date(2026, 10, 12), date(2026, 10, 18)),
        ("on Monday", DAY, DAY),
        ("on Thursday", date(2026, 10, 8), date(2026, 10, 8)),
    ],
)
def test_days_are_read(text: str, first: date, last: date) -> None:
    assert days_in(f"They meet {text}.", DAY) == (first, last)


@pytest.mark.parametrize("text", ["soon", "on 31 June", "in May", "on 99 October", "in October 2026", "mayor 3"])
def test_what_is_no_day_is_none(text: str) -> None:
    assert days_in(f"They meet {text}.", DAY) is None


def test_sentences_end_where_they_end_and_credits_are_left_out() -> None:
    text = 'The U.S. President meets Dr. Who in St. Louis. "No," he says. (Agency) (Other Agency)'
    assert sentences(text) == ["The U.S. President meets Dr. Who in St. Louis.", '"No," he says.']
    assert max(map(len, sentences("x" * 5_000))) == drafting.LONGEST


def test_the_templates_and_the_shipped_words_are_sound(root: Path) -> None:
    for workspace in (root, TEMPLATE):
        rules = read_rules(read_workspace(workspace))
        assert rules is not None and rules.model is None and len(rules.rule) > 3


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('kind = "contact"', 'kind = "contract"', "did you mean 'contact'"),
        ('words = ["ceasefire", "truce"]', 'words = ["(truce"]', r"'\(truce' is none"),
        ('sides = ["ARD", "BEL"]', 'sides = ["ARD", "CAR"]', "CAR is not"),
        ('kind = "truce"', 'kind = "truce"\nround = true', "round = true for kind 'round' only"),
        ("lag_days = 1", "lag_day = 1", "lag_days"),
        ("lag_days = 1", "lag_days = -1", "greater than or equal to 0"),
    ],
)
def test_wrong_words_are_refused_with_their_line(tmp_path: Path, old: str, new: str, words: str) -> None:
    import shutil

    shutil.copytree(TEMPLATE, tmp_path / "w")
    path = tmp_path / "w" / "data" / "drafting.toml"
    assert old in path.read_text("utf-8")
    path.write_text(path.read_text("utf-8").replace(old, new), "utf-8")
    with pytest.raises(ContentError, match=words) as caught:
        read_rules(read_workspace(tmp_path / "w"))
    assert all(fault.path.as_posix() == "data/drafting.toml" for fault in caught.value.faults)


class Model:
    """What a package might register."""

    def __init__(self, *proposals: Proposal) -> None:
        self.proposals = proposals

    def propose(self, item: Item) -> Iterable[Proposal]:
        return self.proposals


ITEM = clean(Item(DAY, "Arden and Belmora hold talks. The weather is fine.", "x"))
FINE = Proposal("contact", "The weather is fine.", ("ARD",), DAY, DAY)


def test_a_model_is_asked_only_where_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drafting, "entry_points", lambda group: EntryPoints([EntryPoint("clever", f"{__name__}:MODEL", group)]))
    assert [type(one).__name__ for one in find_drafters(RULES)] == ["Words"]
    monkeypatch.setattr(EntryPoint, "load", lambda _: Model(FINE))
    named = find_drafters(RULES.model_copy(update={"model": "clever"}))
    assert [one.kind for one in propose(ITEM, named, "x")] == ["round", "contact"]
    with pytest.raises(UsageError, match="no such model is installed"):
        find_drafters(RULES.model_copy(update={"model": "clevr"}))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"sentence": "Arden surrenders."}, "does not stand in the item"),
        ({"sentence": " "}, "does not stand in the item"),
        ({"kind": "peace"}, "of kind 'peace'"),
        ({"last": date(2026, 10, 1)}, "the days"),
        ({"first": date(1, 1, 1)}, "the days"),
        ({"parties": ("=1",)}, "the parties"),
    ],
)
def test_what_a_model_makes_up_is_refused(changes: dict[str, object], words: str) -> None:
    wrong = Proposal(**(vars(FINE) | changes))  # type: ignore[arg-type]
    with pytest.raises(ContentError, match=words):
        propose(ITEM, [Model(wrong)], "x")


def test_a_model_that_breaks_off_is_named() -> None:
    class Broken:
        def propose(self, item: Item) -> Iterable[Proposal]:
            raise OSError("no network")

    with pytest.raises(ContentError, match=r"broke off \(OSError\)"):
        propose(ITEM, [Broken()], "x")
