"""`ripeness check`."""

from __future__ import annotations

from pathlib import Path

from rich.text import Text

from ripeness.cli.screen import json_fault, open_console, print_json
from ripeness.errors import ContentError


def show_check(root: Path, json: bool) -> None:
    """Check a workspace and say what is in it.

    As JSON, the faults are printed too, before they are raised again.

    Raises
    ------
    ContentError
        With every fault of every file.
    """
    from ripeness.attribution.scenario_file import read_scenarios
    from ripeness.workflow.checked import check_workspace

    try:
        found = check_workspace(root)
        scenarios = read_scenarios(found.workspace, found.claims, found.store.contracts)
    except ContentError as error:
        if json:
            print_json({"sound": False, "faults": [json_fault(fault) for fault in error.faults]})
        raise
    store = found.store
    counts = {
        "claims": len(found.claims.claims),
        "priors": len(found.priors.entries),
        "scenarios": len(scenarios),
        "indicators": len(store.contracts),
        "rows": sum(len(rows) for rows in store.rows.values()),
        "events": len(store.events),
        "rounds": int(store.events["round"].sum()),
    }
    vintage = found.vintage(None)
    freshness = vintage.freshness()
    overdue = freshness.loc[freshness["overdue"], "indicator"].tolist()
    notes = [f"overdue on {vintage.origin}, by their usual lag: {', '.join(overdue)}"] if overdue else []
    if json:
        print_json({"sound": True, "faults": [], "notes": notes, "default_origin": vintage.origin.isoformat(), **counts})
        return
    console = open_console()
    console.print(Text(found.workspace.title, style="bold"))
    console.print(Text(", ".join(f"{number} {noun}" for noun, number in counts.items()) + f"; the record reaches to {vintage.origin}."))
    for note in notes:
        console.print(Text(f"Note: {note}"), soft_wrap=True)
    console.print(Text("All is sound.", style="green"))
