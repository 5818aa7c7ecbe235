"""The workspace: what stands in `ripeness.toml`, read and checked."""

from ripeness.workspace.config import (
    FILE,
    SCHEMA,
    Condition,
    Factor,
    FitSettings,
    Identifier,
    Paths,
    Workspace,
    find_workspace,
    read_workspace,
)

__all__ = ["FILE", "SCHEMA", "Condition", "Factor", "FitSettings", "Identifier", "Paths", "Workspace", "find_workspace", "read_workspace"]
