"""`turgor ack`."""

from typing import Annotated

import typer

from turgor_host.cli.options import JsonOption, show_done
from turgor_host.control import ask
from turgor_host.host_rules import HOST_RULES


def ack(
    channel: Annotated[
        str | None,
        typer.Argument(help="The alarm's channel, or the rule of what this computer found; without it, all."),
    ] = None,
    rule: Annotated[str | None, typer.Argument(help="The alarm's rule; without it, all of the channel.")] = None,
    json_: JsonOption = False,
) -> None:
    """Acknowledge standing alarms of the running session."""
    if channel in HOST_RULES and rule is None:
        channel, rule = None, channel
    show_done(ask("ack", channel=channel, rule=rule), json_)
