"""`turgor ack`."""

from typing import Annotated

import typer

from turgor_host.cli.options import JsonOption, show_done
from turgor_host.control import ask


def ack(
    channel: Annotated[str | None, typer.Argument(help="The alarm's channel; without it, all.")] = None,
    rule: Annotated[str | None, typer.Argument(help="The alarm's rule; without it, all of the channel.")] = None,
    json_: JsonOption = False,
) -> None:
    """Acknowledge standing alarms of the running session."""
    show_done(ask("ack", channel=channel, rule=rule), json_)
