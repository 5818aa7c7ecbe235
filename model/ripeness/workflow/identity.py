"""What names a run, and what a run was made with."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ripeness import files
from ripeness.data.indicators import FILE as CONTRACTS_FILE
from ripeness.data.vintages import Vintage
from ripeness.workflow.checked import Checked
from ripeness.workspace import FILE as WORKSPACE_FILE
from ripeness.workspace import Workspace

VERSIONED = ("pymc", "pytensor", "nutpie", "numba", "arviz", "preliz", "numpy", "scipy", "pandas", "xarray")
RUN_ID_DIGITS = 12
# of the package: shows, tests or explains a run's numbers, makes none
SHOWS_ONLY = (
    "cli",
    "evaluation",
    "attribution",
    "report",
    "__main__.py",
    "workflow/issue.py",
    "workflow/studies.py",
    "workflow/news.py",
    "workflow/scenarios.py",
    "workflow/watchlist.py",
    "workflow/what_if.py",
    "workflow/counterfactual.py",
    "workflow/explained.py",
    "workflow/endpoints.py",
)
METHOD = "mixture of conjunctive readings, NUTS"


@cache
def code_version() -> str:
    """The package's version and a digest of its source, so that changed code never passes for the same.

    Only what can change a number of a run is in the digest: `SHOWS_ONLY` is not, as it shows, tests or explains what is stored. The page is made anew from the stored run each time, so changed words or charts need no new fit.
    """
    return f"{version('ripeness')}+{digest_of_code(Path(__file__).parents[1])[:8]}"


def digest_of_code(package: Path) -> str:
    """SHA-256 over the names and sources of a package's modules that can change a number; blind to the kind of line ends."""
    digest = sha256()
    for path in sorted(package.rglob("*.py")):
        name = path.relative_to(package)
        if name.parts[0] not in SHOWS_ONLY and name.as_posix() not in SHOWS_ONLY:
            digest.update(name.as_posix().encode())
            digest.update(path.read_bytes().replace(b"\r\n", b"\n"))
    return digest.hexdigest()


@cache
def library_versions() -> dict[str, str]:
    """Versions of the libraries that numbers come from."""
    return {name: version(name) for name in VERSIONED}


def workspace_hash(workspace: Workspace) -> str:
    """SHA-256 of ripeness.toml."""
    return files.hash_file(workspace.root / WORKSPACE_FILE)


def identify(checked: Checked, vintage: Vintage, seed: int) -> dict[str, Any]:
    """What names a run: hashes of everything it is made from."""
    workspace = checked.workspace
    data_hash = files.hash_text(vintage.hash, checked.store.hashes[CONTRACTS_FILE])
    versions = library_versions()
    run_id = files.hash_text(
        vintage.origin.isoformat(), data_hash, checked.priors.hash, workspace_hash(workspace), code_version(), str(seed), str(versions)
    )
    return {
        "run_id": run_id[:RUN_ID_DIGITS],
        "code_version": code_version(),
        "seed": seed,
        "data_hash": data_hash,
        "priors_hash": checked.priors.hash,
        "versions": versions,
        "method": METHOD,
        "command": f"ripeness report --as-of {vintage.origin} --seed {seed}",
    }


def made_with(checked: Checked, meta: Mapping[str, Any]) -> dict[str, Any]:
    """What a fit was made with besides rows; where any of it is another now, the fit's draws cannot be carried on."""
    return {
        "workspace_hash": workspace_hash(checked.workspace),
        "contracts_hash": checked.store.hashes[CONTRACTS_FILE],
        **{key: meta[key] for key in ("priors_hash", "code_version", "versions", "seed")},
    }


def identify_update(meta: Mapping[str, Any], base_run_id: str) -> dict[str, Any]:
    """What names an update: the run that a new fit would be, and the run whose draws it uses."""
    run_id = files.hash_text(meta["run_id"], base_run_id)[:RUN_ID_DIGITS]
    return {**meta, "run_id": run_id, "method": f"{METHOD}, reweighted from run {base_run_id}"}
