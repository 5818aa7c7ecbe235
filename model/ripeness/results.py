"""Stored runs: what a fit leaves behind, written whole or not at all, and opened again with its schema checked.

The names of files, groups and variables are public: docs/schema.md.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ripeness.errors import ContentError, Fault, RipenessError
from ripeness.files import replacing

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

SCHEMA: Final = 1
POSTERIOR: Final = "posterior.nc"
BASE: Final = "base.npz"  # what an update of a fit needs of it
REWEIGHTED: Final = "reweighted.nc"  # draws of an update
MANIFEST: Final = "manifest.json"
FORECAST_JSON: Final = "forecast.json"
FORECAST_CSV: Final = "forecast.csv"
PAGE: Final = "index.html"
FAILURE_PAGE: Final = "failure.html"
FAILURE_JSON: Final = "failure.json"
FORECAST_COLUMNS: Final = (
    "question",
    "origin",
    "horizon_weeks",
    "target_end_date",
    "probability",
    "lower",
    "upper",
    "outside_view",
)


@dataclass(frozen=True)
class Run:
    """One stored run.

    Parameters
    ----------
    folder : Path
        reports/<origin>.
    manifest : dict
        Schema version, hashes, seed, versions.
    """

    folder: Path
    manifest: Mapping[str, Any]

    @cached_property
    def tree(self) -> xr.DataTree:
        """All draws: a tree with a group for each fit, and the group data. Nothing is loaded before it is asked for.

        An update has the fits of its base, their forecasts as of the base's day, the group carried for its own ones, and its own data.

        Raises
        ------
        RipenessError
            If a file is of another schema, or the base of an update is not there any more.
        """
        import xarray as xr

        base = self.manifest.get("base")
        if base is None:
            return _open_tree(self.folder / POSTERIOR)
        path = self.folder.parent / base["origin"] / POSTERIOR
        tree = _open_tree(path) if path.is_file() else None
        if tree is None or tree.attrs["run_id"] != base["run_id"]:
            found = f"{base['origin']}/{POSTERIOR} is not that of run {base['run_id']}, whose draws {self.folder.name} uses"
            raise RipenessError(f"{found}. To mend: run 'ripeness report --as-of {self.folder.name}' again, or with --refit")
        own = _open_tree(self.folder / REWEIGHTED)
        nodes = {node.path: node.to_dataset(inherit=False) for whole in (tree, own) for node in whole.subtree}
        return xr.DataTree.from_dict(nodes)

    @cached_property
    def summary(self) -> dict[str, Any]:
        """Every number and word that the page shows."""
        found: dict[str, Any] = json.loads((self.folder / FORECAST_JSON).read_text("utf-8"))
        return found

    @cached_property
    def forecast(self) -> pd.DataFrame:
        """forecast.csv as a table."""
        import pandas as pd

        return pd.read_csv(self.folder / FORECAST_CSV)

    def fit(self, name: str) -> xr.DataTree:
        """One fit with its ArviZ groups, as a tree of its own: pass it to any function of ArviZ.

        Raises
        ------
        RipenessError
            If there is no such fit.
        """
        fits = [child for child in self.tree.children if child not in ("reweighted", "data")]
        if name not in fits:
            raise RipenessError(f"no fit '{name}' in {self.folder.name}; there are: {', '.join(fits)}")
        import xarray as xr

        fit = self.tree[name]
        groups = {group: node.to_dataset() for group, node in fit.children.items()}
        return xr.DataTree.from_dict({"/": fit.to_dataset(), **groups}, name=name)


def open_run(folder: Path | str) -> Run:
    """Open a stored run.

    Parameters
    ----------
    folder : Path or str
        reports/<origin>.

    Raises
    ------
    ContentError
        If the folder holds no run, or one of another schema.
    """
    folder = Path(folder)
    path = folder / MANIFEST
    if not path.is_file():
        shown = Path(folder.name) / MANIFEST
        raise ContentError(Fault(shown, None, "no such file", "a stored run", "make one with 'ripeness fit'"))
    manifest = json.loads(path.read_text("utf-8"))
    if manifest.get("schema") != SCHEMA:
        raise RipenessError(_of_another_schema(folder.name, MANIFEST, manifest.get("schema")))
    return Run(folder, manifest)


def _open_tree(path: Path) -> xr.DataTree:
    from ripeness.lazy_netcdf import open_lazily

    tree = open_lazily(path)
    found = int(tree.attrs.get("schema", 0))
    if found != SCHEMA:
        tree.close()
        raise RipenessError(_of_another_schema(path.parent.name, path.name, found))
    return tree


def _of_another_schema(folder: str, file: str, found: object) -> str:
    return f"{folder}/{file} was written with schema {found}, this version reads schema {SCHEMA}. To mend: run 'ripeness fit --refit'"


def write_tree(path: Path, tree: xr.DataTree) -> None:
    """Replace a file of draws by a new one, whole."""
    with replacing(path) as temporary:
        tree.to_netcdf(temporary, engine="h5netcdf")
