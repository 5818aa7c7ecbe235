"""What names a run, and what a run was made with; the digest of the code that makes its numbers.

The digest follows what code means. From the modules that read, elicit, fit, reweight and summarise, every module that they import, at the head or in a
function, is found by its syntax, and each is digested by its syntax tree: without docstrings, comments, formatting and annotations of functions and
variables, whatever its line ends. Fields of classes keep their annotations, which pydantic and dataclasses read. What only types need is left out.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ripeness.data.indicators import FILE as CONTRACTS_FILE
from ripeness.data.vintages import Vintage
from ripeness.files import hash_file, hash_text, write_json
from ripeness.names import AS_WRITTEN, COMPILED, READING_NAMES, Sampler
from ripeness.workflow.request import Inputs
from ripeness.workspace import FILE as WORKSPACE_FILE
from ripeness.workspace import Workspace

VERSIONED = ("pymc", "pytensor", "nutpie", "numba", "arviz", "preliz", "numpy", "scipy", "pandas", "xarray")
RUN_ID_DIGITS = 12
REMEMBERED = ".code.json"
PACKAGE = Path(__file__).parents[1]
# where the numbers of a run are made; what these import is found, not listed
MAKES_RUNS = (
    "ripeness.workspace",
    "ripeness.essay",
    "ripeness.data.vintages",
    "ripeness.elicitation.entries",
    "ripeness.elicitation.elicit",
    "ripeness.workflow.fit_run",
    "ripeness.workflow.summary_new",
    "ripeness.workflow.reweight_run",
    "ripeness.workflow.summary_reweighted",
)


def attribution_hash(reports: Path, caller: str, modules: tuple[str, ...], *parts: str) -> str:
    """Digest of the inputs and the code of an attribution of a run: where it is the same, so is the attribution.

    Parameters
    ----------
    reports : Path
        The workspace's folder of runs.
    caller : str
        The module that lays it out, whose own code counts.
    modules : tuple of str
        Where its numbers are made; with them all that they import.
    *parts : str
        What it is made from.
    """
    own = _read_module(PACKAGE.joinpath(*caller.split(".")[1:]).with_suffix(".py"), caller, PACKAGE).digest
    return hash_text(*parts, remembered_digest(modules, reports), own)


def code_version(reports: Path | None = None) -> str:
    """The package's version and a digest of the code that makes the numbers of a run, so that changed code never passes for the same.

    Parameters
    ----------
    reports : Path, optional
        The workspace's folder of runs, where digests are remembered.
    """
    return f"{version('ripeness')}+{remembered_digest(MAKES_RUNS, reports)[:8]}"


@cache
def remembered_digest(modules: tuple[str, ...], reports: Path | None) -> str:
    """As `digest_of_code` has it; read from a small file in `reports` where no file of the package has changed, as parsing takes half a second."""
    sources = hash_text(*(f"{path.relative_to(PACKAGE).as_posix()} {hash_file(path)}" for path in sorted(PACKAGE.rglob("*.py"))))
    path = None if reports is None else reports / REMEMBERED
    digests: dict[str, str] = {}
    with suppress(OSError, ValueError, KeyError, TypeError):
        known = json.loads(path.read_text("utf-8")) if path else {}
        digests = known["digests"] if known["sources"] == sources else {}
    key = " ".join(modules)
    if key not in digests:
        digests[key] = digest_of_code(modules)
        if path is not None and path.parent.is_dir():
            with suppress(OSError):  # who may only read goes without
                write_json(path, {"sources": sources, "digests": digests})
    return digests[key]


def digest_of_code(modules: tuple[str, ...], package: Path = PACKAGE) -> str:
    """SHA-256 over the meaning of some modules of a package and of all that they import from it; raises `KeyError` if one of them is not there."""
    digest, found = sha256(), reachable(modules, package)
    if not found.keys() >= set(modules):
        raise KeyError(f"no such module: {', '.join(sorted(set(modules) - found.keys()))}")
    for name, module in sorted(found.items()):
        digest.update(f"{name}\0{module.digest}\0".encode())
    return digest.hexdigest()


class Module:
    """A module of a package by its syntax.

    Parameters
    ----------
    path : Path
    name : str
        With the packages it lies in, such as "ripeness.data.vintages".
    package : Path
        The outermost package.
    """

    def __init__(self, path: Path, name: str, package: Path) -> None:
        self.package, self.is_package = package, path.name == "__init__.py"
        self.name = name
        self.imports: list[str] = []
        letters: list[str] = []
        self._spell(ast.parse(path.read_bytes()), False, letters)
        self.digest = sha256("".join(letters).encode()).hexdigest()

    def _spell(self, node: object, in_class: bool, letters: list[str]) -> None:
        """Write the syntax below a node, without what means nothing to a computation; notes the imports on the way."""
        if isinstance(node, list):
            for one in node:
                self._spell(one, in_class, letters)
            return
        if not isinstance(node, ast.AST):
            letters.append(repr(node))
            return
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):  # a docstring, or one of a field
            return
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            self._spell(node.orelse, in_class, letters)
            return
        if isinstance(node, ast.Import | ast.ImportFrom):
            self._note(node)
        is_annotated = isinstance(node, ast.AnnAssign) and not in_class
        if isinstance(node, ast.AnnAssign) and is_annotated and node.value is None:
            return
        letters.append(f"{'Assign' if is_annotated else type(node).__name__}(")
        inside = isinstance(node, ast.ClassDef) or (in_class and not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda))
        for name, value in ast.iter_fields(node):
            annotation = (name in ("annotation", "simple") and (isinstance(node, ast.arg) or is_annotated)) or name == "returns"
            if value is None or value == [] or name in ("type_comment", "kind", "ctx") or annotation:
                continue
            letters.append(f"{'targets' if is_annotated and name == 'target' else name}=")
            self._spell(value, inside, letters)
        letters.append(")")

    def _note(self, node: ast.Import | ast.ImportFrom) -> None:
        if isinstance(node, ast.Import):
            found = [alias.name for alias in node.names]
        else:
            inside = self.name.split(".")[: None if self.is_package else -1]
            above = inside[: len(inside) + 1 - node.level] if node.level else []
            whole = ".".join([*above, *([node.module] if node.module else [])])
            found = [f"{whole}.{alias.name}" for alias in node.names]
        for name in found:
            if name.partition(".")[0] == self.package.name:
                self.imports.append(name)


def reachable(modules: tuple[str, ...], package: Path = PACKAGE) -> dict[str, Module]:
    """The modules of a package that some of them import, themselves included, by name.

    With a module come the packages it lies in, which are run before it; but not the outermost one, whose names are only loaded when they are asked for.
    """
    found: dict[str, Module] = {}
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        path = _file_of(name, package)
        above = name.rpartition(".")[0]
        if above and above != package.name:
            waiting.append(above)
        if path is None or name in found:  # a name in a module, or one that is known
            continue
        found[name] = module = _read_module(path, name, package)
        waiting += module.imports
    return found


@cache
def _read_module(path: Path, name: str, package: Path) -> Module:
    return Module(path, name, package)


def _file_of(name: str, package: Path) -> Path | None:
    path = package.joinpath(*name.split(".")[1:])
    return next((file for file in (path / "__init__.py", path.with_suffix(".py")) if path != package and file.is_file()), None)


@cache
def library_versions() -> dict[str, str]:
    """Versions of the libraries that numbers come from."""
    return {name: version(name) for name in VERSIONED}


def workspace_hash(workspace: Workspace) -> str:
    """SHA-256 of ripeness.toml, blind to the kind of line ends."""
    return hash_file(workspace.root / WORKSPACE_FILE)


def identify(inputs: Inputs, vintage: Vintage, seed: int, sampler: Sampler) -> dict[str, Any]:
    """What names a run, and everything that it is made with and from, as its manifest has it."""
    workspace = inputs.workspace
    contracts = inputs.store.hashes[CONTRACTS_FILE]
    data_hash = hash_text(vintage.hash, contracts)
    versions = library_versions()
    origin, hashes = vintage.origin.isoformat(), (inputs.priors.hash, workspace_hash(workspace), code_version(workspace.reports))
    run_id = hash_text(origin, data_hash, *hashes, str(seed), sampler, str(versions))
    other, mixture = "" if sampler == COMPILED else sampler, workspace.mixture
    readings = ", ".join(f"{READING_NAMES[one]} {weight:g}" for one, weight in mixture.readings.items() if one != AS_WRITTEN)
    method = f"mixture of forms and readings, substitutable {mixture.substitutable:g}, {readings}, NUTS"
    return {
        "run_id": run_id[:RUN_ID_DIGITS],
        "code_version": code_version(workspace.reports),
        "seed": seed,
        "sampler": sampler,
        "settings": workspace.fit.model_dump(mode="json"),
        "data_hash": data_hash,
        "priors_hash": inputs.priors.hash,
        "workspace_hash": workspace_hash(workspace),
        "contracts_hash": contracts,
        "versions": versions,
        "method": f"{method} ({other})" if other else method,
        "command": f"ripeness report --as-of {origin} --seed {seed}" + (f" --sampler {other}" if other else ""),
    }


FIT_INPUTS = ("workspace_hash", "contracts_hash", "priors_hash", "code_version", "versions", "seed", "sampler")


def fit_inputs(meta: Mapping[str, Any], *but: str) -> dict[str, Any]:
    """Inputs of a fit besides rows, less those that may differ (`but`); where any other has changed since, the fit's draws cannot be reweighted."""
    return {key: meta[key] for key in FIT_INPUTS if key not in but}


def identify_update(meta: Mapping[str, Any], base_run_id: str) -> dict[str, Any]:
    """What names an update: the run that a new fit would be, and the run whose draws it uses."""
    run_id = hash_text(meta["run_id"], base_run_id)[:RUN_ID_DIGITS]
    return {**meta, "run_id": run_id, "method": f"{meta['method']}, reweighted from run {base_run_id}"}
