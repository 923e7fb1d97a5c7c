"""Options that several commands share."""

import json
from pathlib import Path
from typing import Annotated

import typer

from turgor_host.errors import UsageError

SourceArgument = Annotated[
    str,
    typer.Argument(
        metavar="SOURCE",
        help="A serial port (/dev/ttyACM0, COM5), a pyserial URL, sim: (built-in episode), sim:patient "
        "(seven modelled days), sim:FILE.csv (scenario), or a .turgor recording, which plays back.",
    ),
]
SpeedOption = Annotated[
    str,
    typer.Option(
        "--speed",
        metavar="N|max",
        help="Speed of the virtual board or the playback; max: as fast as the work is done.",
    ),
]
RuntimeOption = Annotated[
    str, typer.Option("--runtime", metavar="auto|micropython|cpython", help="What runs the virtual board's firmware.")
]
SeedOption = Annotated[int, typer.Option("--seed", min=0, max=65535, help="Seed of the virtual board's noise.")]
CalibrationOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--calibration",
        metavar="TOML",
        help="A certificate of `turgor calibrate`, handed to the board at the start; give one or several.",
    ),
]
ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="TOML",
        help="The board's configuration: the virtual board starts with it; a real one keeps it from its next start on.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document on stdout, nothing else.")]
PortArgument = Annotated[
    str, typer.Argument(metavar="PORT", help="The board's serial port (/dev/ttyACM0, COM5) or a pyserial URL.")
]


def show_done(done: str, json_: bool) -> None:
    """Say what a running session did."""
    print(json.dumps({"done": done}) if json_ else done)


def parse_speed(text: str) -> float:
    """`max` -> 0, a whole number from 1 up -> itself."""
    if text == "max":
        return 0
    if text.isdecimal() and int(text) > 0:
        return int(text)
    raise UsageError(f"a speed of {text!r} does not go; give a whole number from 1 up, or max")
