"""The essay's claims: what each sentence says about why talks stopped or what would start them, and how strongly.

    essay.toml   the card: who wrote the text and when, its hash, how many paragraphs it has
    claims.toml  every sentence of every paragraph, as a claim or as an aside

A claim is about an *effect* (a factor moves a condition) or about a *state* (where a factor or a condition stood when the essay was
written). Effects feed the weights of the model; states say what the essay saw, and can be scored by what came. The text itself is never
distributed: `verify_essay` tests a reader's own copy.
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
