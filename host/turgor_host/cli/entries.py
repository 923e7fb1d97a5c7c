"""`turgor entries`."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from turgor_host.cli.events import episode_line, print_table
from turgor_host.cli.options import JsonOption
from turgor_host.recording.events import clock
from turgor_host.recording.reader import open_recording
from turgor_host.recording.treatments import treatments


def entries(
    file: Annotated[Path, typer.Argument(help="A recording, also one that is being written.")],
    json_: JsonOption = False,
) -> None:
    """What somebody entered, the fluid balance since the admission, and what followed treatments.

    Slopes of dP and of R0 (the resistance at the lowest frequency) are over up to an hour before and after a treatment,
    by least squares over the board's 60 s medians. They say what came after it, not what it did.
    """
    with open_recording(file) as recording:
        result = {
            "episodes": [episode.as_dict() for episode in recording.episodes()],
            "entries": recording.entries(),
            "treatments": treatments(recording),
        }
    if json_:
        print(json.dumps(result))
    else:
        _show(result)


def _show(result: dict[str, Any]) -> None:
    for episode in result["episodes"]:
        print(episode_line(episode))
    if not result["entries"]:
        print("no entries")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("board time", "UTC", "episode", "channel", "entry"):
        table.add_column(name, no_wrap=name != "entry")
    table.add_column("balance mL", justify="right", no_wrap=True)
    for entry in result["entries"]:
        balance = "" if entry["balance_ml"] is None else f"{entry['balance_ml']:+.0f}"
        whose = [str(entry[name] or "") for name in ("utc", "episode", "channel")]
        table.add_row(clock(entry["t_s"]), *whose, entry["line"], balance)
    print_table(table)
    for treatment in result["treatments"]:
        print(f"\n{clock(treatment['t_s'])}  {treatment['line']}")
        _show_slopes(treatment["slopes"])


def _show_slopes(slopes: list[dict[str, Any]]) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("channel", "slope of"):
        table.add_column(name, no_wrap=True)
    for name in ("before", "over", "after", "over", "unit"):
        table.add_column(name, justify="left" if name == "unit" else "right", no_wrap=True)
    for slope in slopes:
        cells = []
        for side in ("before", "after"):
            value = slope[side]
            cells += ["too short" if value is None else f"{value:+.2f}", clock(slope[f"{side}_s"])]
        table.add_row(slope["channel"], slope["quantity"], *cells, slope["unit"])
    print_table(table)
