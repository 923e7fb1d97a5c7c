"""`turgor pause`."""

from typing import Annotated

import typer

from turgor.core.annunciation import PAUSE_S
from turgor_host.cli.options import JsonOption, show_done
from turgor_host.control import ask


def pause(
    seconds: Annotated[int, typer.Argument(help=f"How long, 1 to {PAUSE_S}; 0 ends a pause.")] = PAUSE_S,
    json_: JsonOption = False,
) -> None:
    """Pause the sound of the running session's board; its lights go on, and a higher alarm ends the pause."""
    show_done(ask("pause", seconds=seconds), json_)
