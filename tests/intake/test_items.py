"""Feeds read for items: what is shown, the day and the address; hostile ones end as text or as a refusal."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from ripeness.errors import ContentError
from ripeness.intake.items import MOST_ITEMS, plain_text, read_feed

RSS = """\
<?xml version="1.0" encoding="utf-8"?>
<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/"><channel><title>Agency</title><link>https://agency.example/</link>
<item><title>Talks begin</title><link>https://agency.example/1</link><author>someone@agency.example</author>
<description>&lt;p&gt;Delegations of &lt;b&gt;Arden&lt;/b&gt; &amp;amp; Belmora meet.&lt;/p&gt;</description><pubDate>Sun, 04 Oct 2026 23:30:00 -0400</pubDate></item>
<item><title>No day</title><guid>tag:none</guid></item>
</channel></rss>"""
ATOM = """\
<feed xmlns="http://www.w3.org/2005/Atom"><title>Agency</title>
<entry><title type="html">A truce</title><link rel="self" href="https://agency.example/self"/><link href="https://agency.example/2"/>
<content type="xhtml"><div>Arden <i>declares</i> a truce.</div></content><updated>2026-10-05T01:00:00Z</updated><published>2026-10-04T08:00:00Z</published></entry></feed>"""
JSON_FEED = {
    "items": [
        {
            "id": "7",
            "url": "https://agency.example/3",
            "title": "Swap",
            "content_text": "Prisoners go home.",
            "date_published": "2026-10-03",
        }
    ]
}


@pytest.fixture
def feed(tmp_path: Path):  # type: ignore[no-untyped-def]
    def write(content: str | bytes, name: str = "agency.xml") -> Path:
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        return tmp_path / name

    return write


def test_rss_gives_text_day_and_address_and_no_author(feed) -> None:  # type: ignore[no-untyped-def]
    first, second = read_feed(feed(RSS))
    assert first.text == "Talks begin. Delegations of Arden & Belmora meet."
    assert (first.day, first.address, first.source) == (date(2026, 10, 4), "https://agency.example/1", "agency 2026-10-04")
    assert (second.day, second.address) == (None, "")


def test_atom_gives_the_main_link_and_the_day_of_publication(feed) -> None:  # type: ignore[no-untyped-def]
    (entry,) = read_feed(feed(ATOM))
    assert (entry.day, entry.address) == (date(2026, 10, 4), "https://agency.example/2")
    assert entry.text == "A truce. Arden declares a truce."


def test_a_json_feed_is_read(feed) -> None:  # type: ignore[no-untyped-def]
    (item,) = read_feed(feed("\ufeff" + json.dumps(JSON_FEED), "agency.json"))
    assert (item.day, item.address, item.text) == (date(2026, 10, 3), "https://agency.example/3", "Swap. Prisoners go home.")


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("<script>alert(1)</script>a<style>b</style>", "a"),
        ("<img src=x onerror=alert(1)>Talks", "Talks"),
        ("\u202e\u200b=HYPERLINK(1)", "HYPERLINK(1)"),
        ("&#61;cmd|' /C calc'!A0", "cmd|' /C calc'!A0"),
        ("＝1+1", "1+1"),
        ("- \t@x", "x"),
        ("a\x1b[31mb\x00c\r\nd", "a [31mb c d"),
        ("\ud800x", "x"),
        ("<" * 2_500, "<" * 2_500),
        ("", ""),
    ],
    ids=[
        "script",
        "handler",
        "hidden formula",
        "escaped formula",
        "wide formula",
        "signs",
        "controls",
        "half a letter",
        "brackets",
        "nothing",
    ],
)
def test_what_is_hostile_ends_as_text(markup: str, text: str) -> None:
    assert plain_text(markup) == text


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        "https://name:word@agency.example/",
        "file:///etc/passwd",
        "https://[",
        "https://a b/",
        "https://x/" + "y" * 2000,
    ],
)
def test_an_address_that_is_none_of_the_web_is_left_out(feed, address: str) -> None:  # type: ignore[no-untyped-def]
    (item,) = read_feed(feed(json.dumps({"items": [JSON_FEED["items"][0] | {"url": address}]}), "a.json"))
    assert item.address == ""


BOMB = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><rss><item><title>&b;</title></item></rss>'


@pytest.mark.parametrize(
    ("content", "name", "words"),
    [
        (BOMB, "a.xml", "document type"),
        ("<rss><item></rss>", "a.xml", "broken XML"),
        ("<html>no feed", "a.xml", "broken XML"),
        (b"\xff\xfe\x00", "a.xml", "broken XML"),
        ("[" * 100_000, "a.json", "broken XML"),
        ('{"items": ' + "[" * 100_000, "a.json", "nested too deeply"),
        ('{"items": 3}', "a.json", "JSON Feed"),
        ('{"items": [3]}', "a.json", "JSON Feed"),
        ("<rss>" + "<item/>" * (MOST_ITEMS + 1) + "</rss>", "a.xml", "2,001 items"),
        ("<rss>" + "<item/>" * 300_000 + "</rss>", "a.xml", "more than 200,000"),
        (json.dumps({"items": [{}] * 1_000_000}), "a.json", "1,000,000 items"),
        ("<rss><item><title>x</title><pubDate>yesterday</pubDate></item></rss>", "a.xml", "no item with a day"),
        ("<rss><item><title>x</title><pubDate>9999-99-99</pubDate></item></rss>", "a.xml", "no item with a day"),
    ],
)
def test_what_is_no_feed_is_refused(feed, content: str | bytes, name: str, words: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ContentError, match=words):
        read_feed(feed(content, name))


def test_an_endless_item_is_cut(feed) -> None:  # type: ignore[no-untyped-def]
    (item,) = read_feed(feed(f"<rss><item><title>{'x ' * 3_000_000}</title><pubDate>2026-10-04</pubDate></item></rss>"))
    assert len(item.text) <= 3_000
