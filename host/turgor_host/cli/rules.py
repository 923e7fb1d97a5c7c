"""`turgor rules`."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from turgor_host.cli.events import print_table
from turgor_host.cli.options import JsonOption
from turgor_host.rules import InForce, rules_in_force


def rules(
    file: Annotated[
        Path | None,
        typer.Argument(
            help="A recording, or a board's configuration (.toml); without one the defaults.", show_default=False
        ),
    ] = None,
    json_: JsonOption = False,
) -> None:
    """The rules and their limits in force, each with where it comes from."""
    found = rules_in_force(file)
    if json_:
        print(json.dumps(_as_dict(found)))
        return
    print(f"limits of {found.source}, hash {found.hash}")
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("rule", "priority", "raised when", "clears when", "from"):
        table.add_column(name, no_wrap=name != "raised when")
    for line in found.lines:
        of = f"{line.age_group}: " if line.age_group else ""
        table.add_row(line.rule, line.priority, of + line.raised, line.clears, line.origin)
    print_table(table)
    print(*found.remarks, sep="\n")


def _as_dict(found: InForce) -> dict[str, Any]:
    return {
        "source": found.source,
        "hash": found.hash,
        "rules": [
            {
                "rule": line.rule,
                "stage": line.stage,
                "age_group": line.age_group,
                "priority": line.priority,
                "limit": line.limit,
                "unit": line.unit,
                "run_s": line.run_s,
                "clear_limit": line.clear_limit,
                "clear_s": line.clear_s,
                "raised": line.raised,
                "clears": line.clears,
                "from": line.origin,
            }
            for line in found.lines
        ],
    }
