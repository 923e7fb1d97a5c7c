"""`turgor events`."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from turgor_host.cli.options import JsonOption
from turgor_host.entries import AGE_GROUPS
from turgor_host.recording.events import Event, clock, compare, read_expected
from turgor_host.recording.grouped import groups
from turgor_host.recording.reader import open_recording


def events(
    file: Annotated[Path, typer.Argument(help="A recording, also one that is being written.")],
    expect: Annotated[
        Path | None,
        typer.Option("--expect", metavar="FILE.toml", help="Compare with its `event` tables; exit 1 on a difference."),
    ] = None,
    json_: JsonOption = False,
) -> None:
    """The alarms that the board raised, escalated and cleared, and whose they are."""
    expected = read_expected(expect) if expect else None
    with open_recording(file) as recording:
        found = recording.events()
        together = groups(recording)
        episodes = [episode.as_dict() for episode in recording.episodes()]
    missing, unexpected = compare(expected, found) if expected is not None else ([], [])
    if json_:
        print(json.dumps(found))
    else:
        for episode in episodes:
            print(episode_line(episode))
        show_events(found)
        for group in together:
            print(f"{clock(group.crossings[0].t_s)}  {group.text}")
    for event in missing:
        print(f"missing: {_line(event)}", file=sys.stderr)
    for event in unexpected:
        print(f"not expected: {_line(event)}", file=sys.stderr)
    if missing or unexpected:
        raise typer.Exit(1)


def show_events(found: list[Event]) -> None:
    """A table of events on stdout, or one line when there are none."""
    if not found:
        print("no events")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    told_apart = len({event.get("episode") for event in found}) > 1
    for name in ("board time", "UTC", *(["episode"] if told_apart else []), "channel", "rule", "priority", "state"):
        table.add_column(name, no_wrap=True)
    for name in ("value", "limit"):
        table.add_column(name, justify="right", no_wrap=True)
    for event in found:
        shown = [_value(event[key], event["unit"]) for key in ("value", "limit")]
        names = [event[key] for key in ("channel", "rule", "priority", "state")]
        whose = [str(event["episode"] or "")] if told_apart else []
        table.add_row(clock(event["t_s"]), event["utc"] or "", *whose, *names, *shown)
    print_table(table)


def episode_line(episode: dict[str, Any]) -> str:
    """An episode with its times, as `Episode.as_dict` gives it."""
    end = "goes on" if episode["end_s"] is None else f"to {clock(episode['end_s'])}"
    if episode["id"] is None:
        return f"an episode that began before the recording, {end}"
    words = [episode["age_group"], episode["cause"], *(["attached late"] if episode["late"] else [])]
    if episode["age_group"] != AGE_GROUPS[0]:
        words.append("not validated under 16")
    return f"episode of {episode['id']}: {', '.join(words)}, from {clock(episode['t_s'])} {end}"


def print_table(table: Table) -> None:
    """A table on stdout, in full width where nobody looks at a terminal."""
    # What somebody typed is no markup.
    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        console = Console(highlight=False, markup=False, width=200)
    console.print(table)


def _value(value: float | None, unit: str) -> str:
    return "" if value is None else f"{value:.1f} {unit}"


def _line(event: dict[str, Any]) -> str:
    keys = ("t_s", "channel", "rule", "priority", "state", "tolerance_s")
    return ", ".join(f"{key} {event[key]}" for key in keys if key in event)
