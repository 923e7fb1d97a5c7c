"""`turgor dbp`."""

from typing import Annotated

import typer

from turgor_host.cli.options import JsonOption, show_done
from turgor_host.control import ask


def dbp(
    mmhg: Annotated[float, typer.Argument(help="Diastolic blood pressure, mmHg, 10 to 200.")],
    json_: JsonOption = False,
) -> None:
    """Type a diastolic blood pressure into the running session."""
    show_done(ask("dbp", mmhg=mmhg), json_)
