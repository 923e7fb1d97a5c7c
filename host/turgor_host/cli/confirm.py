"""`turgor confirm`."""

from typing import Annotated

import typer

from turgor_host.cli.options import JsonOption, show_done
from turgor_host.commands import CONFIRMABLE
from turgor_host.control import ask


def confirm(
    channel: Annotated[str, typer.Argument(help="The channel, such as calf_l.")],
    rule: Annotated[str, typer.Argument(metavar="|".join(CONFIRMABLE), help="What it doubts, and you do not.")],
    json_: JsonOption = False,
) -> None:
    """Tell the running session that you looked: a pressure or a baseline that a rule doubts is right."""
    show_done(ask("confirm", channel=channel, rule=rule), json_)
