"""`turgor demo`."""

import json
import signal
import threading
from pathlib import Path
from typing import Annotated

import typer

from turgor_host.cli.monitor import BrowserOption, PageOption, watch
from turgor_host.cli.options import (
    ConfigOption,
    JsonOption,
    RuntimeOption,
    SeedOption,
    SpeedOption,
    parse_speed,
)
from turgor_host.run import Run, default_file, open_run, summary
from turgor_host.source import SIMULATED


def demo(
    headless: Annotated[
        bool, typer.Option("--headless", help="No page: run for --seconds and say what happened.")
    ] = False,
    seconds: Annotated[float, typer.Option("--seconds", min=1, help="With --headless: seconds of wall time.")] = 60,
    speed: SpeedOption = "60",
    runtime: RuntimeOption = "auto",
    seed: SeedOption = 1,
    config: ConfigOption = None,
    file: Annotated[
        Path | None, typer.Option("--file", help="The .turgor file to write; without it, a new name here.")
    ] = None,
    port: PageOption = None,
    browser: BrowserOption = True,
    json_: JsonOption = False,
) -> None:
    """A virtual board, its recording and the live page in one; the first alarm comes within a minute."""
    file = file or default_file("turgor-demo")
    with open_run(SIMULATED, file, speed=parse_speed(speed), runtime=runtime, seed=seed, config=config) as run:
        if headless:
            _run_headless(run, seconds, json_)
        else:
            watch(run, port, browser, json_)


def _run_headless(run: Run, seconds: float, json_: bool) -> None:
    signal.signal(signal.SIGINT, lambda *_: run.session.stop())
    signal.signal(signal.SIGTERM, lambda *_: run.session.stop())
    timer = threading.Timer(seconds, run.session.stop)
    timer.start()
    try:
        run.session.run()
    finally:
        timer.cancel()
    result = summary(run)
    if json_:
        print(json.dumps(result))
        return
    print(
        f"{result['runtime']}, simulated, speed {result['speed']}: {result['board_s']} s of board time, "
        f"{result['records']} records, {result['lost']} lost, recorded in {run.file}"
    )
    for alarm in result["alarms"]:
        print(f"  {alarm['t_s']:>6} s  {alarm['priority']:<6}  {alarm['rule']} on {alarm['channel']}")
