"""Microsecond ticks modulo 2^30 and the board time kept from them.

Ticks are compared by difference only; two ticks that are compared lie within 2^29 us (536 s) of each other. All
intermediates are small integers on a 32-bit board.
"""

from turgor.mp import const, micropython

TICKS_MASK = const(0x3FFFFFFF)
_HALF = const(0x1FFFFFFF)
_TURN = const(0x20000000)
_SECOND_US = const(1000000)


def ticks_diff(a, b):
    """Microseconds from tick `b` to tick `a`, -2^29 to 2^29 - 1."""
    d = (a - b) & TICKS_MASK
    return d - TICKS_MASK - 1 if d > _HALF else d


class BoardTime:
    """Seconds and microseconds since `start`, advanced by tick differences; never reset, no wrap before 2^30 s."""

    def __init__(self, start):
        self._tick = start
        self.s = 0
        self.us = 0

    @micropython.viper
    def advance(self, now: int):
        """Move on to `now`; to be called at least every 500 s."""
        passed = (now - int(self._tick)) & TICKS_MASK
        if passed > _HALF:
            # A tick of the past: nothing moves.
            return
        us = int(self.us) + passed
        self._tick = now
        while us >= _SECOND_US:
            us -= _SECOND_US
            self.s = int(self.s) + 1
        self.us = us

    def offset_us(self, tick):
        """Microseconds from the start of the current second to `tick`, negative for an earlier second."""
        return self.us + ticks_diff(tick, self._tick)

    def tick_at(self, offset_us):
        """The tick `offset_us` after the start of the current second."""
        # Half a turn back and forth keeps the sum a small integer next to the wrap.
        return ((self._tick - self.us - _TURN + offset_us) & TICKS_MASK) ^ _TURN
