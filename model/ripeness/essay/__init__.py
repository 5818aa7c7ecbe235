"""The essay's claims: what each sentence says about why talks stopped or what would start them, and how strongly.

In come `essay.toml`, the card of the text (author, day, hash, paragraphs), and `claims.toml`, every sentence of every paragraph as a claim or as an
aside; out go `Claims`, about an *effect* (a factor moves a condition) or about a *state* (where a factor or a condition stood when the essay was
written). A new kind of claim is an entry of `entries.py`; the text itself is never distributed, and `verify_essay` tests a reader's own copy.
"""

from ripeness.essay.coverage import Coverage, ParagraphCoverage, coverage_by_condition, coverage_by_factor, coverage_by_paragraph
from ripeness.essay.entries import (
    ASSERTED,
    CARD_FILE,
    CLAIMS_FILE,
    MECHANISMS,
    REASONS,
    ROLES,
    STRENGTHS,
    Aside,
    Card,
    Claim,
    Claims,
    Effect,
    effects_of,
)
from ripeness.essay.read import read_claims
from ripeness.essay.verify import Miss, verify_essay

__all__ = [
    "ASSERTED",
    "CARD_FILE",
    "CLAIMS_FILE",
    "MECHANISMS",
    "REASONS",
    "ROLES",
    "STRENGTHS",
    "Aside",
    "Card",
    "Claim",
    "Claims",
    "Coverage",
    "Effect",
    "Miss",
    "ParagraphCoverage",
    "coverage_by_condition",
    "coverage_by_factor",
    "coverage_by_paragraph",
    "effects_of",
    "read_claims",
    "verify_essay",
]
