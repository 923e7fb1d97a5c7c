"""The board's two buttons. The first, pressed, pauses the sound, and the next time ends the pause; held for 2 s it
acknowledges every alarm. The second logs the moment. Both act as the commands do."""

from turgor.core.annunciation import PAUSE_S
from turgor.link import lines
from turgor.mp import const

_EVERY_US = const(20000)
# While nothing is pressed.
_IDLE_US = const(40000)
_HELD = const(100)
_ALL = const(255)
# Whoever pressed it has no number of a command.
_NO_ID = const(0)
# What is wanted, beside 1, the first one held, and 2, the second one pressed: the first one released before that.
_PAUSE = const(4)


class Buttons:
    """A job of the schedule. `read()` gives the bits of what is pressed now: 1 pause and acknowledge, 2 mark.

    A button counts as pressed or as released when three readings in a row, 20 ms apart, say so; the first of them comes
    within 40 ms. One that is down at the start has to be released first.
    """

    def __init__(self, read, tick, time, due):
        self.due = due
        self._read = read
        self._tick = tick
        self._time = time
        self._last = self._before = 0
        self._down = 3
        self._wanted = 0
        # Readings for which the first one is down; beyond _HELD it has acted.
        self._held = _HELD

    def step(self, now):
        bits = self._read()
        if not (bits | self._last | self._before | self._down | self._wanted):
            return _IDLE_US
        pressed = bits & self._last & self._before & ~self._down
        released = ~(bits | self._last | self._before) & self._down
        self._before = self._last
        self._last = bits
        self._down = (self._down | pressed) & ~released
        self._wanted |= pressed & 2
        if pressed & 1:
            self._held = 0
        elif released & 1:
            if self._held < _HELD:
                self._wanted |= _PAUSE
        elif self._down & 1 and self._held < _HELD:
            self._held += 1
            self._wanted |= self._held == _HELD
        # While a tick is under way no command may come between its slices.
        if self._wanted and not self._tick.busy:
            # One that is refused, for no alarm stands, leaves nothing.
            if self._wanted & 1:
                self._tick.execute(_NO_ID, lines.ACKNOWLEDGE, _ALL, _ALL, 0, 0, 0)
            if self._wanted & 2:
                self._tick.execute(_NO_ID, lines.MARK, self._time.us, 0, 0, 0, 0)
            if self._wanted & _PAUSE:
                pause = 0 if self._tick.annunciator.remaining_s else PAUSE_S
                self._tick.execute(_NO_ID, lines.PAUSE, pause, 0, 0, 0, 0)
            self._wanted = 0
        return _EVERY_US
