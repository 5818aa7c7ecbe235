"""Any feed of news: RSS, Atom or JSON Feed, read for its items; nothing in it is run, followed or kept as markup."""

from __future__ import annotations

import re
from datetime import date, datetime
from email.utils import parsedate_to_datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import pandas as pd

from ripeness.data.tables import is_formula, parse_day
from ripeness.errors import ContentError, Fault
from ripeness.files import read_bytes
from ripeness.intake.reading import Item, Source, elements_of, read_json

MOST_ITEMS: Final = 2_000  # of a file; the fullest feeds have a few hundred
_MOST_BYTES: Final = 2**26
_LONGEST: Final = 3_000  # letters of an item that are read
_LONGEST_ADDRESS: Final = 1_000
_SILENT: Final = ("script", "style")
_BREAKS: Final = ("p", "br", "div", "li", "tr", "td", "h1", "h2", "h3")
_DAYS: Final = ("pubDate", "published", "dc:date", "date_published", "updated", "date_modified")
_TEXTS: Final = ("title", "description", "summary", "content_text", "content_html", "content", "content:encoded")
_MEND: Final = "take the feed as its publisher gives it"


def read_feed(path: Path) -> list[Item]:
    """The items of an RSS, Atom or JSON feed: the title and the longest of its texts, without markup.

    The day is that of the publisher's clock, as the item gives it. An address that is none of the web, or has a name or password in it, is left out.

    Parameters
    ----------
    path : Path
        The file; its name without the ending is the source's.

    Raises
    ------
    ContentError
        If the file is no such feed; is XML with a document type, which may hold entities; or has more than 2,000 items.

    Examples
    --------
    >>> from ripeness.intake.items import read_feed
    >>> read_feed(Path("agency.xml"))  # doctest: +SKIP
    [Item(day=datetime.date(2026, 10, 4), text='…', source='agency 2026-10-04', address='https://…')]
    """
    shown = Path(path.name)
    raw = read_bytes(path, shown, "a feed", "name the file that holds it")
    if len(raw) > _MOST_BYTES:
        raise ContentError(Fault(shown, None, f"{len(raw) / 2**20:.0f} MiB", f"at most {_MOST_BYTES / 2**20:.0f} MiB", _MEND))
    if raw.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"{":
        entries = _json_entries(read_json(path, "a JSON Feed"), shown)
    else:
        _, entries = elements_of(raw, ("item", "entry"), shown, longest=_LONGEST, nested=True)
    if len(entries) > MOST_ITEMS:
        raise ContentError(Fault(shown, None, f"{len(entries):,} items", f"at most {MOST_ITEMS:,}", _MEND))
    found = [_item(entry, path.stem) for entry in entries]
    if found and all(item.day is None for item in found):
        expected = f"a day in {', '.join(_DAYS)}, as RSS, Atom or JSON Feed has it"
        raise ContentError(Fault(shown, None, "no item with a day", expected, _MEND))
    return found


def plain_text(markup: str) -> str:
    """What markup shows: without tags, scripts and styles, in letters that can be printed, and nothing before it that a spreadsheet would run.

    Examples
    --------
    >>> plain_text("<b>=Talks</b> begin<script>alert(1)</script> &amp; end")
    'Talks begin & end'
    """
    reader = _Text()
    reader.feed(markup[:_LONGEST])
    reader.close()
    return printed("".join(reader.texts))


def printed(text: str) -> str:
    """A text on one line, without control, format and lone surrogate characters, and without what would make it a formula."""
    kept = "".join(letter if letter.isprintable() else " " if letter.isspace() or ord(letter) < 32 else "" for letter in text)
    text = " ".join(kept.split())
    while is_formula(text):
        text = text[1:].lstrip()
    return text


class _Text(HTMLParser):
    """Collects what is shown."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.texts: list[str] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self._silent += tag in _SILENT
        if tag in _BREAKS:
            self.texts.append(" ")

    def handle_endtag(self, tag: str) -> None:
        self._silent -= tag in _SILENT and self._silent > 0
        if tag in _BREAKS:
            self.texts.append(" ")

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.texts.append(data)


def _json_entries(feed: Any, shown: Path) -> list[dict[str, str]]:
    entries = feed.get("items") if isinstance(feed, dict) else None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ContentError(Fault(shown, 1, "something else", "a JSON Feed with a list of items", _MEND))
    if len(entries) > MOST_ITEMS:
        raise ContentError(Fault(shown, None, f"{len(entries):,} items", f"at most {MOST_ITEMS:,}", _MEND))
    return [{name: text for name, text in entry.items() if isinstance(text, str)} for entry in entries]


def _item(entry: dict[str, str], name: str) -> Item:
    title, *texts = (plain_text(entry.get(key, "")) for key in _TEXTS)
    body = max(texts, key=len)
    text = body if body.startswith(title.rstrip(".")) else f"{title.rstrip('.')}. {body}" if title and body else title or body
    day = next((day for key in _DAYS if (day := _day(entry.get(key, "")))), None)
    address = next((found for key in ("link", "link@href", "url", "id", "guid") if (found := _address(entry.get(key, "")))), "")
    return Item(day, text[:_LONGEST], printed(f"{name} {day or ''}"), address)


def _day(text: str) -> date | None:
    """The day of a date of RFC 822 or ISO 8601, as it is written there; None if it is none."""
    text = text.strip()[:64]
    try:
        found = datetime.fromisoformat(text) if text[:4].isdecimal() else parsedate_to_datetime(text)
        return parse_day(f"{found:%Y-%m-%d}")
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _address(text: str) -> str:
    """An address of the web; empty if it is none, or says more than where the page is."""
    text = text.strip()
    try:
        parts = urlsplit(text)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc
    except ValueError:
        return ""
    return text if sound and re.fullmatch(rf"[\x21-\x7e]{{1,{_LONGEST_ADDRESS}}}", text) else ""


def _no_tables(*_: Path) -> dict[str, pd.DataFrame]:
    return {}


SOURCE = Source(
    "News: any RSS, Atom or JSON feed, read for drafts of events",
    (),
    _no_tables,
    terms="the publisher's; one sentence of an item is quoted, with its address",
    items=read_feed,
)
