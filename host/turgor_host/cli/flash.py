"""`turgor flash`."""

import json
import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from turgor_host.cli.options import JsonOption, PortArgument
from turgor_host.flash import install
from turgor_host.flash.plan import Plan


def flash(
    port: PortArgument,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done and write nothing; the board is restarted.")
    ] = False,
    json_: JsonOption = False,
) -> None:
    """Install the firmware on a board that runs MicroPython, or update it.

    It is compiled for the board, uploaded beside the version that is there, verified, put
    in its place and started. Configuration, calibration and rule state stay. After a cut at
    any moment the board starts one of the two versions; run the command again to go on.
    """
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[size]}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), disable=json_ or not sys.stderr.isatty()) as bar:
        task = bar.add_task("looking for the board", total=None, size="")

        def show(step: str, done: int, total: int) -> None:
            size = f"{done / 1024:.0f} of {total / 1024:.0f} KB" if total else ""
            bar.update(task, description=step, completed=done, total=total or None, size=size)

        done = install.flash(port, dry_run=dry_run, progress=show)
    if json_:
        print(json.dumps(done.as_dict()))
    else:
        for line in lines(done):
            print(line)


def lines(done: install.Flashed) -> list[str]:
    """What was done, for people."""
    board, plan = done.board, done.plan
    said = [f"{done.port}: {board.machine}, MicroPython {board.micropython}, {board.architecture}, id {board.board_id}"]
    before = f"Turgor {done.before} runs" if done.before else "no Turgor answers"
    if done.dry_run:
        said.append(before)
        if plan.there:
            said.append(f"Turgor {done.version} is on it, file by file")
        else:
            said.append(f"would upload {_files(plan)} of Turgor {done.version} and switch to it")
            said.append(f"needs {plan.need // 1024} KB, and has {plan.room // 1024}")
        if plan.start:
            said.append("would write /main.py" + (", and keep the one that is there aside" if plan.aside else ""))
        said.append("nothing was written")
        return said
    if plan.there:
        said.append(f"Turgor {done.version} was on it, file by file")
    else:
        said.append(f"{_files(plan)}, {done.written / 1024:.0f} KB written and verified")
    if plan.aside:
        said.append("the /main.py that was there is kept as /main.before-turgor.py")
    said.append(f"Turgor {done.version} runs" + (f"; before it was {done.before}" if done.before else ""))
    return said


def _files(plan: Plan) -> str:
    return f"{len(plan.missing)} file{'s' if len(plan.missing) != 1 else ''}"
