"""Test a copy of the essay against its card, and every locator against the text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha256

from ripeness.errors import printable
from ripeness.essay.entries import CARD_FILE, Aside, Claim, Claims

_STRAIGHT = str.maketrans("\u2018\u2019\u201c\u201d\u2013\u2014", "''\"\"--")  # curly quotes and dashes as a keyboard gives them


@dataclass(frozen=True)
class Miss:
    """One thing in which a copy of the essay and the two files disagree.

    Parameters
    ----------
    entry : str
        What disagrees: a key of the card, the id of a claim, or "aside".
    line : int or None
        Line of claims.toml; None for the card.
    found, expected, mend : str
        What the copy holds, what the file says, and what to do about it.
    """

    entry: str
    line: int | None
    found: str
    expected: str
    mend: str

    def __str__(self) -> str:
        place = f" (line {self.line})" if self.line else ""
        return printable(f"{self.entry}{place}: found {self.found}; expected {self.expected}. To mend: {self.mend}.")


def verify_essay(claims: Claims, text: bytes) -> list[Miss]:
    """Compare a copy of the essay with its card and claims.

    Parameters
    ----------
    claims : Claims
        The card and the claims.
    text : bytes
        The copy, as it lies on disk.

    Returns
    -------
    list of Miss
        Empty if hash, number of paragraphs and every locator agree; in the order card, claims, asides.
    """
    misses: list[Miss] = []
    digest = sha256(text).hexdigest()
    if digest != claims.card.sha256:
        misses.append(
            Miss(
                f"{CARD_FILE}: sha256",
                None,
                digest,
                claims.card.sha256,
                "use the copy the claims were read from; if no locator is missed below, only spaces, the byline or unclaimed words differ",
            )
        )
    try:
        decoded = text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return [*misses, Miss("text", None, f"bytes that are not UTF-8 at byte {error.start + 1}", "UTF-8 text", "save the copy as UTF-8")]
    paragraphs = _paragraphs(decoded, claims.card.front_lines)
    if len(paragraphs) != claims.card.paragraphs:
        misses.append(
            Miss(
                f"{CARD_FILE}: paragraphs",
                None,
                f"{len(paragraphs)} non-empty lines after the first {claims.card.front_lines}",
                str(claims.card.paragraphs),
                "one paragraph or heading a line, below title and byline",
            )
        )
    entries: list[Claim | Aside] = [*claims.claims, *claims.asides]
    for entry in entries:
        miss = _miss_of(entry, claims, paragraphs)
        if miss:
            misses.append(miss)
    return misses


def _paragraphs(text: str, front_lines: int) -> list[str]:
    lines = [" ".join(line.split()) for line in re.split(r"\r\n|\r|\n", text)]
    return [line for line in lines if line][front_lines:]


def _miss_of(entry: Claim | Aside, claims: Claims, paragraphs: list[str]) -> Miss | None:
    where = _standing(entry.locator, paragraphs)
    if entry.paragraph in where:
        return None
    name = entry.id if isinstance(entry, Claim) else "aside"
    if where:
        found = "it in " + _named(where)
        mend = f"correct 'paragraph', now {entry.paragraph}"
    elif alike := _standing(_plain(entry.locator), [_plain(paragraph) for paragraph in paragraphs]):
        found = f"it with other quotation marks, dashes or capitals in {_named(alike)}"
        mend = "write the locator as it stands in the text"
    else:
        found = "it in no paragraph"
        mend = "correct the locator: a few words exactly as they stand in the text"
    return Miss(name, claims.line(entry), found, f"“{entry.locator}” in paragraph {entry.paragraph}", mend)


def _standing(locator: str, paragraphs: list[str]) -> list[int]:
    """Numbers of the paragraphs in which the locator stands, as whole words."""
    pattern = re.compile(rf"(?<!\w){re.escape(' '.join(locator.split()))}(?!\w)")
    return [number for number, paragraph in enumerate(paragraphs, start=1) if pattern.search(paragraph)]


def _plain(text: str) -> str:
    return text.translate(_STRAIGHT).casefold()


def _named(numbers: list[int]) -> str:
    return ("paragraph " if len(numbers) == 1 else "paragraphs ") + ", ".join(str(number) for number in numbers)
