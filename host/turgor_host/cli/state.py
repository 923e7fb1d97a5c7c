"""`turgor state`."""

from typing import Annotated

import typer

from turgor_host.cli.options import JsonOption, show_done
from turgor_host.control import ask
from turgor_host.entries import STATES


def state(
    channel: Annotated[str, typer.Argument(help="The channel, such as calf_l.")],
    state: Annotated[str, typer.Argument(metavar="|".join(STATES), help="standby ends by itself after 30 min.")],
    json_: JsonOption = False,
) -> None:
    """Tell the running session that a channel is active, on standby, of an opened compartment, or removed."""
    show_done(ask("state", channel=channel, state=state), json_)
