"""The commands put together, and their failures turned into one line."""

import os
import sys
from collections.abc import Callable
from typing import Annotated, Any

import typer

from turgor import __version__
from turgor_host.cli.ack import ack
from turgor_host.cli.admit import admit
from turgor_host.cli.bench import bench
from turgor_host.cli.calibrate import calibrate
from turgor_host.cli.confirm import confirm
from turgor_host.cli.dbp import dbp
from turgor_host.cli.demo import demo
from turgor_host.cli.design import design
from turgor_host.cli.discharge import discharge
from turgor_host.cli.doctor import doctor
from turgor_host.cli.entries import entries
from turgor_host.cli.events import events
from turgor_host.cli.flash import flash
from turgor_host.cli.info import info
from turgor_host.cli.level import level
from turgor_host.cli.monitor import monitor
from turgor_host.cli.note import note
from turgor_host.cli.pause import pause
from turgor_host.cli.plot import plot
from turgor_host.cli.ports import ports
from turgor_host.cli.record import record
from turgor_host.cli.replay import replay
from turgor_host.cli.rules import rules
from turgor_host.cli.simulate import simulate
from turgor_host.cli.state import state
from turgor_host.cli.study import study
from turgor_host.cli.zero import zero
from turgor_host.errors import TurgorError

# typer carries its own copy of click, and hands on this one's child only.
_UsageError: Any = typer.BadParameter.__base__

app = typer.Typer(
    help="Limb pressure and bioimpedance: record, show, calibrate and replay. A research and bench tool, "
    "not a medical device.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
_COMMANDS: list[Callable[..., None]] = [demo, monitor, record, dbp, ack, pause, zero, level, note, state, confirm]
_COMMANDS += [
    admit,
    discharge,
    info,
    events,
    entries,
    plot,
    replay,
    rules,
    simulate,
    study,
    ports,
    flash,
    doctor,
    bench,
]
for command in _COMMANDS:
    # In these, what begins with a minus is a number.
    app.command(context_settings={"ignore_unknown_options": command in (level, note)})(command)
app.add_typer(calibrate, name="calibrate")
app.add_typer(design, name="design")


def _version(wanted: bool) -> None:
    if wanted:
        print(f"turgor {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    pass


def run() -> int:
    """Run the command line; returns the exit code."""
    try:
        code = app(standalone_mode=False)
    except TurgorError as error:
        return _fail(str(error), error.exit_code)
    except _UsageError as error:
        path = error.ctx.command_path if error.ctx else "turgor"
        return _fail(f"{error.format_message().rstrip('.')}; see `{path} --help`", 2)
    except typer.Abort:
        raise KeyboardInterrupt from None
    except BrokenPipeError:
        # The reader of our output has gone, as in `turgor events FILE | head`.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return code if isinstance(code, int) else 0


def _fail(text: str, code: int) -> int:
    print("turgor: " + " ".join(text.split()), file=sys.stderr)
    return code
