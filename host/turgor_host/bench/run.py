"""`turgor bench`: times the core's routines on a board, with the firmware's own modules in its memory."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from turgor import __version__
from turgor.app.config import LOWPASS_1_HZ_AT_80, NOMINAL_IMPEDANCE, NOMINAL_PRESSURE, default_channels
from turgor.core.rules import DEFAULT_LIMITS
from turgor_host.errors import PortGone, TurgorError
from turgor_host.flash.board import Board, look
from turgor_host.flash.lend import lend
from turgor_host.flash.prompt import at_prompt
from turgor_host.greeting import greet
from turgor_host.source import Source, open_port

_GREET_S = 4.0
_SCRIPT = "turgor_bench.py"
_CORE = (
    *("alarms", "beats", "bounds", "change", "channel", "channels", "deficit", "doubt", "entries", "filter_words"),
    *("filters", "fixed", "fluid", "highest", "impedance", "judge", "median", "noise", "packed", "rules", "signs"),
    "slope",
)
_MODULES = (
    *("__init__.py", "mp.py", "core/__init__.py", "link/__init__.py", "link/blocks.py", "link/frames.py"),
    *(f"core/{name}.py" for name in _CORE),
)
ROUNDS = 9
# Method of on_board.Routines: what it is, and the parts that one call has.
ROUTINES = {
    "loop": ("a call of nothing: in each figure", 1),
    "chain_one": ("filter chain with calibration, one pressure sample", 1),
    "chain_block": ("filter chain with calibration, a sample of a block of 240", 240),
    "sample": ("a pressure channel's sample: filter, index, noise", 1),
    "noise": ("noise estimate, a code of a block of 32", 32),
    "beats": ("arterial line's beats, a sample of a block of 32", 32),
    "impedance": ("resistance from the sums of a sweep step", 1),
    "median": ("median of 60, one value in and out", 1),
    "chunk": ("sample block, 20 codes planned and packed", 1),
    "crc": ("CRC-32, a byte of 240", 240),
    "cobs": ("COBS, a byte of 244", 244),
    "frame": ("a record of 240 bytes into its frame", 1),
    "tick": ("rules of one second, six channels", 1),
}


@dataclass(frozen=True)
class Timing:
    """Nanoseconds of one: the least of the rounds and their median. `calls` were made in a round."""

    name: str
    what: str
    least_ns: float
    median_ns: float
    calls: int


@dataclass(frozen=True)
class Benched:
    """What was timed on which board."""

    port: str
    board: Board
    timings: list[Timing]

    def as_dict(self) -> dict[str, Any]:
        return {
            "port": self.port,
            "machine": self.board.machine,
            "architecture": self.board.architecture,
            "micropython": self.board.micropython,
            "turgor": __version__,
            "rounds": ROUNDS,
            "timings": [vars(timing) for timing in self.timings],
        }


def bench(name: str, *, stop: bool = False, progress: Callable[[str, int], None] = lambda what, done: None) -> Benched:
    """Time each of ROUTINES on the board at port `name`; what runs there is interrupted only with `stop`."""
    source = Source(name, open_port(name))
    try:
        progress("looking at the board", 0)
        with at_prompt(source, greet(source, _GREET_S), stop) as repl:
            board = look(repl)
            progress("lending the board the core", 0)
            lend(repl, board, _MODULES, {_SCRIPT: Path(__file__).with_name("on_board.py")})
            channels = [channel.number for channel in default_channels()]
            words = (LOWPASS_1_HZ_AT_80[0], NOMINAL_PRESSURE, NOMINAL_IMPEDANCE, DEFAULT_LIMITS, channels)
            repl.run(f"import turgor_bench as B\nR=B.Routines(*{words!r})")
            timings = []
            for done, (routine, (what, parts)) in enumerate(ROUTINES.items()):
                progress(what, done)
                calls, rounds = repl.get(f"B.measure(R.{routine},{ROUNDS})")
                timings.append(Timing(routine, what, min(rounds) / parts, median(rounds) / parts, calls))
            return Benched(name, board, timings)
    except PortGone as gone:
        raise TurgorError(f"{gone}: pulled cable, or no power; plug it in and run this again") from None
    finally:
        source.close()
