"""Lights and sounds by the tables of `turgor.core.annunciation`, a step for each moment at which a pin changes."""

from turgor.core.annunciation import PIN_BITS, PINS, annunciation
from turgor.core.ticks import TICKS_MASK, ticks_diff
from turgor.mp import const

_MS = const(1000)
# The patterns begin anew together after this.
_CYCLE_US = const(40000000)
# Without an alarm: until it is woken, or 268 s.
_IDLE_US = const(0x10000000)


class Annunciator:
    """A job of the schedule: `alarm(pins)` sets the board's pins, `wake(job, now, 1)` makes it the next that is due.

    `level` is the priority that is shown; it never falls below `least`. While `remaining_s` is not 0 the sound is
    paused, and the lights go on.
    """

    def __init__(self, alarm, wake, now):
        self.due = now
        self.level = self.least = 0
        self.remaining_s = 0
        self._paused_at = 0
        self._silent = False
        self._alarm = alarm
        self._wake = wake
        self._start = now

    def hush(self, level):
        """Show a level without its sound until the next tick."""
        self.level = level
        self._silent = True

    def pause(self, seconds):
        """Have the sound paused for so long from the tick on that is under way; 0 ends a pause."""
        self._paused_at = self.level
        # That tick takes one off at its end.
        self.remaining_s = seconds + 1 if seconds else 0

    def tick(self, level, now):
        """Once a second: the highest priority that nobody acknowledged."""
        level = max(level, self.least)
        if self.remaining_s:
            # An alarm above those that the pause is over ends it; one that came to its end is none of them any more.
            self.remaining_s = 0 if level > self._paused_at else self.remaining_s - 1
            self._paused_at = min(self._paused_at, level)
        silent = self.remaining_s > 0
        if level != self.level or silent != self._silent:
            if level != self.level or not silent:
                self._start = now
            self.level = level
            self._silent = silent
            self._wake(self, now, 1)

    def step(self, now):
        elapsed_us = ticks_diff(now, self._start)
        if elapsed_us >= _CYCLE_US:
            # So that the ticks do not wrap behind it.
            elapsed_us %= _CYCLE_US
            self._start = (now - elapsed_us) & TICKS_MASK
        elapsed_ms = elapsed_us // _MS
        state = annunciation(self.level, self._silent, elapsed_ms)
        self._alarm(state & PINS)
        if not self.level:
            return _IDLE_US
        return (elapsed_ms + (state >> PIN_BITS)) * _MS - elapsed_us
