"""The commands put together, and their failures turned into one line."""

import os
import sys
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_command, get_group

from turgor import __version__
from turgor_host.errors import TurgorError

# typer carries its own copy of click, and hands on this one's child only.
_UsageError: Any = typer.BadParameter.__base__

# Each is the function, or the group, of that name in the file of that name.
_COMMANDS = (
    *("demo", "monitor", "record", "dbp", "ack", "pause", "zero", "level", "note", "state", "confirm", "admit"),
    *("discharge", "info", "events", "entries", "plot", "replay", "rules", "simulate", "study", "ports", "flash"),
    *("doctor", "bench", "calibrate", "design"),
)
# In these, what begins with a minus is a number.
_WITH_NUMBERS = ("level", "note")


class _Group(TyperGroup):
    """Imports a command when it is asked for: all of them together take seconds."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands: dict[str, Any] = dict.fromkeys(_COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name in _COMMANDS and self.commands[cmd_name] is None:
            self.commands[cmd_name] = _load(cmd_name)
        return self.commands.get(cmd_name)


def _load(name: str) -> Any:
    found = getattr(import_module(f"turgor_host.cli.{name}"), name)
    if not isinstance(found, typer.Typer):
        settings = {"ignore_unknown_options": name in _WITH_NUMBERS}
        alone = typer.Typer(add_completion=False)
        alone.command(name, context_settings=settings)(found)
        return get_command(alone)
    group = get_group(found)
    group.name = name
    return group


app = typer.Typer(
    cls=_Group,
    help="Limb pressure and bioimpedance: record, show, calibrate and replay. A research and bench tool, "
    "not a medical device.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


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
        if not error.format_message():
            # The help is on the screen.
            return 2
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
