"""`turgor plot`."""

import json
from pathlib import Path
from typing import Annotated

import typer

from turgor_host.cli.options import JsonOption
from turgor_host.recording.plot import plot as draw
from turgor_host.recording.reader import open_recording


def plot(
    file: Annotated[Path, typer.Argument(help="A recording, also one that is being written.")],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="PNG", help="The picture; without it, FILE with .png.")
    ] = None,
    start_s: Annotated[
        float | None, typer.Option("--from", metavar="S", min=0, help="Begin at this board time.")
    ] = None,
    end_s: Annotated[float | None, typer.Option("--to", metavar="S", min=0, help="End at this board time.")] = None,
    json_: JsonOption = False,
) -> None:
    """A picture of a recording: pressures, DBP - ICP, impedance, alarms."""
    target = out or file.with_suffix(".png")
    with open_recording(file) as recording:
        draw(recording, target, start_s, end_s)
    print(json.dumps({"file": str(target)}) if json_ else target)
