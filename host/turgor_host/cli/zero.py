"""`turgor zero`."""

from typing import Annotated

import typer

from turgor_host.cli.options import JsonOption, show_done
from turgor_host.control import ask


def zero(
    channel: Annotated[str, typer.Argument(help="The pressure channel, such as calf_l.")],
    open_to_air: Annotated[
        bool,
        typer.Option(
            "--open-to-air",
            help="The transducer is open to air for a minute: zero it also more than 10 mmHg away or while dP is low.",
        ),
    ] = False,
    json_: JsonOption = False,
) -> None:
    """Zero a pressure channel of the running session: what it read over the last minute becomes 0 mmHg."""
    show_done(ask("zero", channel=channel, open_to_air=open_to_air), json_)
