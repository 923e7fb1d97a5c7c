"""`turgor level`."""

from typing import Annotated

import typer

from turgor_host.cli.options import JsonOption, show_done
from turgor_host.control import ask


def level(
    channel: Annotated[str, typer.Argument(help="The pressure channel, such as calf_l.")],
    cm: Annotated[
        float, typer.Argument(help="How far its transducer now is above the compartment, cm; below it, negative.")
    ],
    json_: JsonOption = False,
) -> None:
    """Note in the running session that a transducer was levelled: 10 cm are 7.4 mmHg, and nothing corrects them."""
    show_done(ask("level", channel=channel, cm=cm), json_)
