"""`turgor admit`."""

from typing import Annotated

import typer

from turgor_host.cli.options import JsonOption, show_done
from turgor_host.control import ask
from turgor_host.entries import AGE_GROUPS


def admit(
    id: Annotated[int, typer.Argument(help="A pseudonymous number, no name.")],
    age_group: Annotated[
        str,
        typer.Option(
            "--age-group",
            metavar="|".join(AGE_GROUPS),
            help="Whose limits hold; under_16 is from 10 on. No limit is validated under 16 years.",
        ),
    ],
    local: Annotated[
        bool, typer.Option("--local", help="A local cause, such as an injury: the other limb is a reference.")
    ] = False,
    late: Annotated[bool, typer.Option("--late", help="Attached late: the leak has already begun.")] = False,
    json_: JsonOption = False,
) -> None:
    """Begin an episode in the running session: nothing of the last patient goes on."""
    show_done(ask("admit", id=id, age_group=age_group, local=local, late=late), json_)
