"""The board's two buttons: acknowledge, which acts as the command does, and mark, which logs the moment."""

from turgor.link import lines
from turgor.mp import const

_EVERY_US = const(20000)
_ALL = const(255)
# Whoever pressed it has no number of a command.
_NO_ID = const(0)


class Buttons:
    """A job of the schedule. `read()` gives the bits of what is pressed now: 1 acknowledge, 2 mark.

    A button counts as pressed or as released when three readings in a row, 20 ms apart, say so. One that is down at
    the start has to be released first.
    """

    def __init__(self, read, tick, time, due):
        self.due = due
        self._read = read
        self._tick = tick
        self._time = time
        self._last = self._before = 0
        self._down = 3
        self._wanted = 0

    def step(self, now):
        bits = self._read()
        if not (bits | self._last | self._before | self._down | self._wanted):
            return _EVERY_US
        pressed = bits & self._last & self._before
        released = ~(bits | self._last | self._before)
        self._before = self._last
        self._last = bits
        self._wanted |= pressed & ~self._down
        self._down = (self._down | pressed) & ~released
        # While a tick is under way no command may come between its slices.
        if self._wanted and not self._tick.busy:
            # One that is refused, for no alarm stands, leaves nothing.
            if self._wanted & 1:
                self._tick.execute(_NO_ID, lines.ACKNOWLEDGE, _ALL, _ALL, 0, 0, 0)
            if self._wanted & 2:
                self._tick.execute(_NO_ID, lines.MARK, self._time.us, 0, 0, 0, 0)
            self._wanted = 0
        return _EVERY_US
