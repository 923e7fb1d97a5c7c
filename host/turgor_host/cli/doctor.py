"""`turgor doctor`."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from turgor_host.cli.options import JsonOption, PortArgument
from turgor_host.configuration.file import read_configuration
from turgor_host.doctor import examine as doctor_examine
from turgor_host.doctor.findings import FAILURE
from turgor_host.errors import TurgorError


def doctor(
    port: PortArgument,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config", metavar="TOML", help="What should hang on the board; without it the default configuration."
        ),
    ] = None,
    stop: Annotated[
        bool,
        typer.Option("--stop", help="Interrupt the program that runs on the board, look closer, and start it again."),
    ] = False,
    report: Annotated[
        Path | None,
        typer.Option(
            "--report", metavar="FILE", help="Write the findings for others to read: no ids, names or paths in them."
        ),
    ] = None,
    json_: JsonOption = False,
) -> None:
    """Check a board, its wiring and its sensors; each finding has its remedy.

    A Turgor that runs goes on watching: it is asked over its link for versions,
    clock, faults and noise, for six seconds. With --stop, and on a board that
    shows MicroPython's prompt, memory, files and buses are looked at too, and
    each sensor is started; no current is driven through electrodes. The exit
    code is 1 when something failed. PORT may also be sim:, the virtual board.
    """
    configuration = read_configuration(config) if config else None
    with Console(stderr=True).status("") as status:
        if json_ or not sys.stderr.isatty():
            status.stop()
        found = doctor_examine.examine(
            port, configuration=configuration, stop=stop, progress=lambda step: status.update(step)
        )
    if report:
        try:
            report.write_text(found.report(), encoding="utf-8")
        except OSError as error:
            raise TurgorError(f"{report}: {error.strerror}; give --report a file that can be written") from None
    if json_:
        print(json.dumps(found.as_dict()))
    else:
        print("\n".join(found.lines()))
    if found.count(FAILURE):
        raise typer.Exit(1)
