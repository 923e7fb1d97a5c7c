"""`turgor monitor`."""

import signal
import webbrowser
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from turgor_host.cli.options import (
    CalibrationOption,
    RuntimeOption,
    SeedOption,
    SourceArgument,
    SpeedOption,
    parse_speed,
)
from turgor_host.page.server import Server, make_app
from turgor_host.run import default_file, open_run

PageOption = Annotated[
    int, typer.Option("--port", min=0, max=65535, help="Port of the page on this machine; 0: any free one.")
]
BrowserOption = Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page in the browser.")]


def monitor(
    source: SourceArgument,
    file: Annotated[
        Path | None, typer.Option("--file", help="The .turgor file to write; without it, a new name here.")
    ] = None,
    speed: SpeedOption = "1",
    runtime: RuntimeOption = "auto",
    seed: SeedOption = 1,
    calibration: CalibrationOption = None,
    port: PageOption = 8437,
    browser: BrowserOption = True,
) -> None:
    """Record a board and show it on a live page."""
    watch(source, file or default_file("turgor"), parse_speed(speed), runtime, seed, port, browser, calibration)


def watch(
    source: str,
    file: Path,
    speed: float,
    runtime: str,
    seed: int,
    port: int,
    browser: bool,
    calibration: Path | None = None,
) -> None:
    """Record and show until Ctrl-C."""
    console = Console(highlight=False, soft_wrap=True)
    with open_run(source, file, speed=speed, runtime=runtime, seed=seed, calibration=calibration) as run:
        signal.signal(signal.SIGINT, lambda *_: run.session.stop())
        signal.signal(signal.SIGTERM, lambda *_: run.session.stop())
        server = Server(make_app(run.live, run.session.act), port)
        try:
            console.print(f"page       {server.url}\nrecording  {file}\nCtrl-C ends.")
            if browser:
                webbrowser.open(server.url)
            run.session.run()
        finally:
            server.stop()
    console.print(f"{file}: {run.session.board_s} s, {run.writer.records} records, {run.writer.lost} lost")
