"""Readers of the publishers whose series this war is watched by: their files in, rows of the shipped workspace out.

A module is one publisher, with its `Source` at the end; pyproject.toml registers each by an entry point of the group `ripeness.sources`.
What a person judged about a publisher's figures is in data/sources.toml, never here; of the engine only `ripeness.intake.reading` and
`ripeness.errors` are used.
"""
