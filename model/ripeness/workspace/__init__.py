"""The workspace: what stands in `ripeness.toml`.

In come `ripeness.toml` and, for every other room, the text of any TOML or CSV file (`toml.py`, `csv.py`: the one reader of each). Out go a
checked `Workspace` and typed tables, with the line of each key and row for errors. A new setting or kind of file is added to the
specifications here; what cells mean is said by the rooms that read them.
"""

from ripeness.workspace.config import (
    FILE,
    OTHER_WARS_FILE,
    SCHEMA,
    Condition,
    Factor,
    FitSettings,
    Identifier,
    Mixture,
    Paths,
    Workspace,
    find_workspace,
    read_workspace,
)

__all__ = [
    "FILE",
    "OTHER_WARS_FILE",
    "SCHEMA",
    "Condition",
    "Factor",
    "FitSettings",
    "Identifier",
    "Mixture",
    "Paths",
    "Workspace",
    "find_workspace",
    "read_workspace",
]
