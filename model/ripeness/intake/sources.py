"""Publishers' readers: which are installed, which files each takes, and what they make of them.

Readers stand in packages of their own and are found by the entry-point group `ripeness.sources` (docs/guides/another-war.md says how to
write one). What a keeper decided about a publisher's figures is data/sources.toml, with a table for each source that asks for one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import entry_points
from pathlib import Path

import pandas as pd

from ripeness.errors import ContentError, UsageError, did_you_mean
from ripeness.intake.reading import Form, Item, Judgements, Source
from ripeness.workspace import Workspace
from ripeness.workspace.toml import TomlFile, parse_table, read_toml

ALL = "all"
GROUP = "ripeness.sources"
FILE = "sources.toml"
RESERVED = (ALL, "contact", "feed")  # of the command line and of sources.toml: no source bears these names


def find_installed() -> dict[str, Source]:
    """The sources of every installed package of readers, by name, in alphabetical order.

    Raises
    ------
    UsageError
        If there is none; or if an entry point cannot be loaded, is no `Source`, or bears a name that is taken.
    """
    found: dict[str, Source] = {}
    for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        where = f"source '{point.name}' ({point.value} of {point.dist.name if point.dist else 'a package'})"
        if point.name in (*found, *RESERVED):
            raise UsageError(f"{where}: the name is taken; rename the entry point of the group {GROUP} in its package, or uninstall it")
        try:
            source = point.load()
        except Exception as error:  # whatever a package does when it is imported
            raise UsageError(f"{where} cannot be loaded: {type(error).__name__}: {error}; mend or uninstall its package") from error
        if not isinstance(source, Source):
            raise UsageError(f"{where} is a {type(source).__name__}, not a ripeness.intake.reading.Source; mend or uninstall its package")
        found[point.name] = source
    if not found:
        raise UsageError(
            f"no reader of publishers' files is installed: install a package with entry points of the group {GROUP}"
            " (docs/guides/another-war.md), or bring rows of your own by ripeness update"
        )
    return found


def find_files(name: str, paths: Sequence[Path]) -> tuple[dict[str, list[Path]], list[str]]:
    """The files of a source; of ALL, those of every source that has its own in the one folder given.

    Returns
    -------
    tuple
        Source to its files, in the order of `Source.files`; and the names of the sources of ALL that lack some.

    Raises
    ------
    UsageError
        If the source is unknown or the number of its files is wrong; or ALL is not given one folder with files of a source.
    """
    sources = find_installed()
    if name == ALL:
        if len(paths) != 1:
            raise UsageError(f"{ALL} reads one folder, but {len(paths)} paths were given")
        return _in_folder(sources, paths[0])
    if name not in sources:
        raise UsageError(f"unknown source '{name}': {did_you_mean(name, [*sources, ALL])}")
    form = sources[name].form_of([path.name for path in paths])
    if not sources[name].files:
        raise UsageError(f"{name} gives no rows: 'ripeness draft {name} FILE…' drafts events from its files")
    if form is None:
        takes = ", or ".join(f"{len(form.files)} file(s), {', '.join(map(_name, form.files))}" for form in sources[name].forms)
        raise UsageError(f"{name} reads {takes}, but {len(paths)} were given")
    return {name: _in_order(form, paths)}, []


def _in_folder(sources: Mapping[str, Source], folder: Path) -> tuple[dict[str, list[Path]], list[str]]:
    """The sources whose files lie in a folder, as `Source.files` say or side by side; and the names of the others."""
    found, absent = {}, []
    for name, source in sources.items():
        there = next((paths for form in source.forms if (paths := _of_form(form, folder))), None)
        if there:
            found[name] = there
        elif source.files:
            absent.append(name)
    if not found:
        files = ", ".join(sorted({Path(file).name for source in sources.values() for file in source.files}))
        raise UsageError(f"{folder.name}: no folder with files of a source, such as {files}")
    return found, absent


def _of_form(form: Form, folder: Path) -> list[Path]:
    """The files of a form that lie in a folder; none unless all do."""
    if form.is_series:
        return _in_order(form, [path for path in folder.glob(_name(form.files[0])) if path.is_file()])
    places = [[folder / file, folder / _name(file)] for file in form.files]
    paths = [path for pair in places if (path := next((path for path in pair if path.is_file()), None))]
    return paths if len(paths) == len(places) else []


def _in_order(form: Form, paths: Sequence[Path]) -> list[Path]:
    """Files in the order of the reader's arguments, where their names tell it; of a series in that of their names."""
    if form.is_series:
        return sorted(paths, key=lambda path: path.name)
    by_name = {path.name: path for path in paths}
    return [by_name[_name(file)] for file in form.files] if form.fits(list(by_name)) else list(paths)


def _name(file: str) -> str:
    return Path(file).name


def import_sources(files: Mapping[str, Sequence[Path]], workspace: Workspace) -> dict[str, dict[str, pd.DataFrame]]:
    """Read publishers' files as a workspace judges them.

    Parameters
    ----------
    files : mapping
        Source to its files, as `find_files` gives them.
    workspace : Workspace
        Its data/sources.toml is read.

    Returns
    -------
    dict
        Source to its tables: indicator id (or "events", "coverage") to a DataFrame in the columns of its file.

    Raises
    ------
    ContentError
        If a publisher's file or data/sources.toml is not what it should be, with the line.
    UsageError
        If two sources give the same table.
    """
    sources = find_installed()
    judged = read_judgements({name: sources[name] for name in files}, sources, workspace)
    tables: dict[str, dict[str, pd.DataFrame]] = {}
    given_by: dict[str, str] = {}
    for name, paths in files.items():
        form = sources[name].form_of([path.name for path in paths]) or sources[name].forms[0]
        given = [list(paths)] if form.is_series else paths
        stored = [workspace.data / file for file in form.stored]
        tables[name] = form.read(*given, *stored, *([judged[name]] if name in judged else []))
        for table in tables[name]:
            if given_by.setdefault(table, name) != name:
                raise UsageError(f"{given_by[table]} and {name} both give the table {table}: import one of them by its name")
    return tables


def read_items(name: str, paths: Sequence[Path], workspace: Workspace) -> dict[Path, list[Item] | ContentError]:
    """The items of a source's files, as a workspace judges them; of a file that is refused, why.

    Raises
    ------
    UsageError
        If the source is unknown, or its files have no items.
    ContentError
        If data/sources.toml is not what it should be.
    """
    sources = find_installed()
    readers = {known: source.items for known, source in sources.items() if source.items}
    if name not in readers:
        raise UsageError(f"'{name}' is no source of news: {did_you_mean(name, list(readers))}")
    judged = read_judgements({name: sources[name]}, sources, workspace)
    found: dict[Path, list[Item] | ContentError] = {}
    for path in paths:
        try:
            found[path] = readers[name](path, *([judged[name]] if name in judged else []))
        except ContentError as error:
            found[path] = error
    return found


def read_judgements(wanted: Mapping[str, Source], known: Mapping[str, Source], workspace: Workspace) -> dict[str, Judgements]:
    """What data/sources.toml says of the sources wanted, for those that ask for judgements.

    Raises
    ------
    ContentError
        If the file names a source that is not known, or says too little, too much or something else of one that is wanted.
    """
    path = workspace.data / FILE
    toml = read_toml(path, workspace.shown(path)) if path.exists() else TomlFile(workspace.shown(path), {}, {})
    faults = [
        toml.fault((name,), f"[{name}]", "the name of an installed source", did_you_mean(name, list(known)))
        for name in toml.data
        if name not in (*known, *RESERVED)
    ]
    judged: dict[str, Judgements] = {}
    for name, source in wanted.items():
        spec = source.judgements
        try:
            if spec is not None and name not in toml.data:
                keys = ", ".join(field.alias or key for key, field in spec.model_fields.items())
                faults.append(toml.fault((name,), f"no [{name}]", f"a table with {keys}", f"say there what is judged of {source.title}"))
            elif spec is not None:
                judged[name] = parse_table(spec, toml, name)
            elif toml.data.get(name):
                faults.append(toml.fault((name,), f"[{name}] with keys", "none: this source asks for no judgement", "remove them"))
        except ContentError as error:
            faults += error.faults
    if faults:
        raise ContentError(faults)
    return judged
