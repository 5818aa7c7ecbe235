"""`ripeness claims`."""

from __future__ import annotations

from pathlib import Path

from ripeness.cli.claims import print_claims, print_verification
from ripeness.cli.screen import open_console, print_json
from ripeness.errors import UsageError
from ripeness.essay import Claim, read_claims, verify_essay
from ripeness.workspace import read_workspace


def show_claims(root: Path, json: bool) -> None:
    """Print what the essay claims; as JSON, each claim of the ledger."""
    workspace = read_workspace(root)
    claims = read_claims(workspace)
    if json:
        print_json([_claim(claim) for claim in claims.claims])
    else:
        print_claims(open_console(), claims, workspace)


def verify_copy(root: Path, copy: Path, json: bool) -> bool:
    """Compare a copy of the essay with card and claims; returns whether they differ.

    Raises
    ------
    UsageError
        If there is no such file.
    """
    claims = read_claims(read_workspace(root))
    if not copy.is_file():
        raise UsageError(f"--verify {copy}: no such file")
    misses = verify_essay(claims, copy.read_bytes())
    if json:
        print_json([{"entry": miss.entry, "line": miss.line, "found": miss.found, "expected": miss.expected} for miss in misses])
    else:
        print_verification(open_console(), claims, misses)
    return bool(misses)


def _claim(claim: Claim) -> dict[str, object]:
    return claim.model_dump(mode="json")
