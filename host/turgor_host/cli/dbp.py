"""`turgor dbp`."""

from typing import Annotated

import typer

from turgor_host.cli.options import JsonOption, show_done
from turgor_host.control import ask


def dbp(
    mmhg: Annotated[float, typer.Argument(help="Diastolic blood pressure, mmHg, 10 to 200.")],
    below_icp: Annotated[
        bool, typer.Option("--below-icp", help="It really lies below the pressure of a limb: judge it at once.")
    ] = False,
    json_: JsonOption = False,
) -> None:
    """Type a diastolic blood pressure into the running session."""
    show_done(ask("dbp", mmhg=mmhg, below_icp=below_icp), json_)
