"""Runs `turgor` on the emulated board's clock instead of the computer's: `python board_time.py CLOCK ARGUMENT...`.

CLOCK is the file in which the board's seconds since power-on stand, a double. However slow the emulation is, host and
board then agree on how long a second lasts, and what the host expects within one may be expected.
"""

import mmap
import sys
import time
from struct import unpack

with open(sys.argv[1], "rb") as file:
    clock = mmap.mmap(file.fileno(), 8, access=mmap.ACCESS_READ)
begun = time.time()


def seconds(*_: int) -> float:
    """The board's time."""
    now: float = unpack("=d", clock[:8])[0]
    return now


time.monotonic = seconds
time.clock_gettime = seconds
time.time = lambda: begun + seconds()
sys.argv = ["turgor", *sys.argv[2:]]

from turgor_host.cli import main  # noqa: E402  what it imports takes the clocks as they are now

main()
