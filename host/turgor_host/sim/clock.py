"""The virtual board's clock: absolute microseconds since power-on, advanced by what happens."""

from turgor.core.ticks import TICKS_MASK


class Clock:
    """`us` is moved by the bus and the runner; `start_ticks` is what a board's tick counter shows at power-on."""

    def __init__(self, start_ticks=0):
        self.us = 0
        self.start_ticks = start_ticks

    def ticks(self):
        return (self.us + self.start_ticks) & TICKS_MASK
