"""`turgor record`."""

import json
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from turgor_host.cli.options import (
    CalibrationOption,
    ConfigOption,
    JsonOption,
    RuntimeOption,
    SeedOption,
    SourceArgument,
    SpeedOption,
    parse_speed,
)
from turgor_host.run import open_run, summary


def record(
    source: SourceArgument,
    file: Annotated[Path, typer.Argument(help="The .turgor file to write or, of the same board, to go on with.")],
    seconds: Annotated[
        float | None, typer.Option("--seconds", min=1, help="Stop after this much board time; without it, at Ctrl-C.")
    ] = None,
    speed: SpeedOption = "1",
    runtime: RuntimeOption = "auto",
    seed: SeedOption = 1,
    config: ConfigOption = None,
    calibration: CalibrationOption = None,
    json_: JsonOption = False,
) -> None:
    """Record a board into a file."""
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[board]}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), disable=json_ or not sys.stderr.isatty()) as bar:
        task = bar.add_task(f"recording {file}", total=seconds, board="waiting for the board")

        def show(board_s: int) -> None:
            bar.update(task, completed=board_s, board=f"{board_s} s of board time")

        with open_run(
            source,
            file,
            speed=parse_speed(speed),
            runtime=runtime,
            seed=seed,
            seconds=seconds,
            progress=show,
            calibration=calibration or (),
            config=config,
        ) as run:
            if run.writer.goes_on:
                print(run.writer.goes_on, file=sys.stderr, flush=True)
            signal.signal(signal.SIGINT, lambda *_: run.session.stop())
            signal.signal(signal.SIGTERM, lambda *_: run.session.stop())
            run.session.run()
            result = summary(run)
    if json_:
        print(json.dumps(result))
    else:
        print(
            f"{file}: {result['board_s']} s, {result['records']} records, {result['lost']} lost, "
            f"{len(result['alarms'])} alarms"
        )
    if seconds is not None and result["board_s"] < seconds:
        print(f"turgor: stopped after {result['board_s']} of {seconds:g} s; {file} is whole", file=sys.stderr)
        raise typer.Exit(1)
