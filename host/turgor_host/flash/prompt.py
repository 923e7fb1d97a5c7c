"""A board's prompt for a while: the program that runs is stopped only when that was asked for, and goes on after."""

import contextlib
from collections.abc import Iterator

from turgor_host.errors import TurgorError
from turgor_host.flash.repl import Repl
from turgor_host.greeting import Greeting, to_prompt
from turgor_host.source import Source

# From the order to stay at the prompt until it is there.
_PROMPT_S = 15.0
# Ctrl-C, to the friendly prompt, soft reset: for a board whose program was stopped and whose prompt was not found.
_START_ANEW = b"\r\x03\x02\x04"


def running(greeting: Greeting) -> str:
    """What would be stopped, "" where the prompt answers."""
    if greeting.turgor:
        return "Turgor runs there and watches its sensors"
    return "" if greeting.prompt else "nothing answers: a program runs there, or the board hangs"


@contextlib.contextmanager
def at_prompt(source: Source, greeting: Greeting, stop: bool) -> Iterator[Repl]:
    """The prompt of the board that gave `greeting`; afterwards it is restarted, or left at the prompt it was found at.

    TurgorError when something runs there and `stop` is not set.
    """
    runs = running(greeting)
    if runs and not stop:
        raise TurgorError(f"{source.name}: {runs}; --stop interrupts it, and starts it again afterwards")
    if greeting.identity.get("platform") == "esp32":
        to_prompt(source, _PROMPT_S)
    try:
        repl = Repl(source.name, source.port)
    except BaseException:
        if runs:
            with contextlib.suppress(TurgorError):
                source.write(_START_ANEW)
        raise
    try:
        yield repl
    finally:
        # The error that ends it counts, not one more of a board that is gone.
        with contextlib.suppress(TurgorError, OSError):
            if runs:
                repl.restart()
            else:
                repl.leave()
