"""`turgor monitor`."""

import json
import os
import signal
import sys
import webbrowser
from pathlib import Path
from typing import Annotated

import typer

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
from turgor_host.errors import TurgorError
from turgor_host.limb_checks import CHECK_EVERY_S
from turgor_host.page.server import Server, make_app
from turgor_host.run import Run, default_file, open_run, summary

_USUAL_PORT = 8437
PageOption = Annotated[
    int | None,
    typer.Option(
        "--port", min=0, max=65535, help=f"Port of the page on this machine; without it {_USUAL_PORT} or any free one."
    ),
]
ChecksOption = Annotated[
    int,
    typer.Option(
        "--limb-checks",
        metavar="MIN",
        min=0,
        max=1440,
        help="The page reminds when a limb was not checked for so many minutes; 0: never.",
    ),
]
BrowserOption = Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page in the browser.")]


def monitor(
    source: SourceArgument,
    file: Annotated[
        Path | None,
        typer.Option(
            "--file",
            help="The .turgor file to write or, of the same board, to go on with; without it, a new name here.",
        ),
    ] = None,
    speed: SpeedOption = "1",
    runtime: RuntimeOption = "auto",
    seed: SeedOption = 1,
    config: ConfigOption = None,
    calibration: CalibrationOption = None,
    port: PageOption = None,
    browser: BrowserOption = True,
    limb_checks: ChecksOption = CHECK_EVERY_S // 60,
    json_: JsonOption = False,
) -> None:
    """Record a board and show it on a live page until Ctrl-C."""
    with open_run(
        source,
        file or default_file("turgor"),
        speed=parse_speed(speed),
        runtime=runtime,
        seed=seed,
        calibration=calibration or (),
        config=config,
        check_every_s=60 * limb_checks,
    ) as run:
        watch(run, port, browser, json_)


def watch(run: Run, port: int | None, browser: bool, json_: bool) -> None:
    """Serve the page of `run` while it goes on."""
    if run.writer.goes_on:
        print(run.writer.goes_on, file=sys.stderr, flush=True)
    signal.signal(signal.SIGINT, lambda *_: run.session.stop())
    signal.signal(signal.SIGTERM, lambda *_: run.session.stop())
    server = _serve(run, port)
    try:
        heads = sys.stderr if json_ else sys.stdout
        print(f"page       {server.url}\nrecording  {run.file}\nCtrl-C ends.", file=heads, flush=True)
        if browser and _has_screen():
            webbrowser.open(server.url)
        run.session.run()
    finally:
        server.stop()
    result = summary(run)
    if json_:
        print(json.dumps(result))
    else:
        print(f"{run.file}: {result['board_s']} s, {result['records']} records, {result['lost']} lost")


def _serve(run: Run, port: int | None) -> Server:
    app = make_app(run.live, run.session.act)
    if port is not None:
        return Server(app, port)
    try:
        return Server(app, _USUAL_PORT)
    except TurgorError:
        return Server(app, 0)


def _has_screen() -> bool:
    # Without one, what opens is a browser in this very terminal.
    return sys.platform in ("darwin", "win32") or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))
