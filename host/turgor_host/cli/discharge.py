"""`turgor discharge`."""

from turgor_host.cli.options import JsonOption, show_done
from turgor_host.control import ask


def discharge(json_: JsonOption = False) -> None:
    """End the episode of the running session."""
    show_done(ask("discharge"), json_)
