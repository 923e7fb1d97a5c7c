"""`turgor dbp`."""

from typing import Annotated

import typer

from turgor_host.control import ask


def dbp(mmhg: Annotated[float, typer.Argument(help="Diastolic blood pressure, mmHg, 10 to 200.")]) -> None:
    """Type a diastolic blood pressure into the running session."""
    print(ask("dbp", mmhg=mmhg))
