"""`turgor bench`."""

import json
import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table

from turgor import __version__
from turgor_host.bench import run
from turgor_host.cli.events import print_table
from turgor_host.cli.options import JsonOption, PortArgument


def bench(
    port: PortArgument,
    stop: Annotated[
        bool, typer.Option("--stop", help="Interrupt the program that runs on the board, and start it again.")
    ] = False,
    json_: JsonOption = False,
) -> None:
    """Time the routines of Turgor's core on a board that runs MicroPython.

    They are compiled for the board and run from its memory, whatever firmware
    it has; nothing is written to its flash. Each is called for at least 20 ms
    in each of nine rounds; least and median of a call are shown, with the loop
    around it. A Turgor that runs is interrupted only with --stop.
    """
    columns = (TextColumn("{task.description}"), BarColumn())
    with Progress(*columns, console=Console(stderr=True), disable=json_ or not sys.stderr.isatty()) as bar:
        task = bar.add_task("looking for the board", total=len(run.ROUTINES))
        done = run.bench(port, stop=stop, progress=lambda what, n: bar.update(task, description=what, completed=n))
    if json_:
        print(json.dumps(done.as_dict()))
        return
    board = done.board
    print(f"{port}: {board.machine}, MicroPython {board.micropython}, {board.architecture}; Turgor {__version__}")
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("routine")
    for name in ("least us", "median us"):
        table.add_column(name, justify="right")
    for timing in done.timings:
        table.add_row(timing.what, f"{timing.least_ns / 1000:.3f}", f"{timing.median_ns / 1000:.3f}")
    print_table(table)
