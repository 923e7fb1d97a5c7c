"""UTC that never jumps, and by how much the computer's wall clock has left it."""

import time
from collections.abc import Callable
from functools import partial

# A change of the wall clock that is told.
JUMP_S = 0.05
# Both clocks are read within this, or read again: a program may be stopped between the two.
_AT_ONCE_S = 0.005
_TRIES = 5


def steady_clock() -> Callable[[], float]:
    """The finest clock here that nobody sets and that goes on while the computer sleeps.

    `time.monotonic` stops meanwhile on Linux and macOS, and counts steps of 16 ms on Windows.
    """
    for name in ("CLOCK_BOOTTIME", "CLOCK_MONOTONIC"):
        if hasattr(time, name):
            clock = partial(time.clock_gettime, getattr(time, name))
            try:
                clock()
            except OSError:
                continue
            return clock
    return time.perf_counter


class WallClock:
    """The steady clock from where the wall clock stood at the start."""

    def __init__(self, wall: Callable[[], float] = time.time, steady: Callable[[], float] | None = None) -> None:
        self._wall = wall
        self._steady = steady or steady_clock()
        self._offset = self._told = self._ahead()

    def now(self) -> float:
        return self._steady() + self._offset

    def jump(self) -> float:
        """By how much the wall clock has moved against `now` since that was told last, 0 when it is not worth it."""
        ahead = self._ahead()
        moved = ahead - self._told
        if abs(moved) < JUMP_S:
            return 0.0
        self._told = ahead
        return moved

    def _ahead(self) -> float:
        """Wall clock - steady clock."""
        readings = []
        for _ in range(_TRIES):
            before = self._steady()
            wall = self._wall()
            took = self._steady() - before
            readings.append((took, wall - before - took / 2))
            if took <= _AT_ONCE_S:
                break
        return min(readings)[1]
