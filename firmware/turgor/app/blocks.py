"""Gathers the codes of all pressure channels into `samples` records, four times a second.

A channel's codes since the last record make a chunk (`turgor.link.blocks`); what is irregular ends one early. The
record is logged at every quarter of a second of board time, by the tick at whole seconds, or when it is full.
"""

from array import array

from turgor.app.log import copy
from turgor.core.channels import NO_CHANNEL
from turgor.core.ticks import ticks_diff
from turgor.link.blocks import (
    BRIEF_BITS,
    FULL_BITS,
    INDEX_LOW,
    INDEX_LOW_BITS,
    PERIOD_LIMIT,
    TICK_BIAS,
    chunk_plan,
    put_bits,
    put_codes,
    usual_k,
)
from turgor.link.records import HEADER_SIZE, RECORD_LIMIT, SAMPLES
from turgor.mp import const, micropython, ptr8

_QUARTER_US = const(250000)
_SECOND_US = const(1000000)
_TAIL_BITS = const(1896)


@micropython.viper
def clear(buffer: ptr8, n: int):
    """The first `n` bytes are 0."""
    while n:
        n -= 1
        buffer[n] = 0


class Blocks:
    """A job of the schedule. The `samplers` add their chunks by `add`, when their `close` is called or before."""

    def __init__(self, log, time):
        self.due = time.tick_at(_QUARTER_US)
        self.samplers = []
        self._log = log
        self._time = time
        self._tail = bytearray(RECORD_LIMIT - HEADER_SIZE + 1)
        self._t_s = 0
        self._bits = 0
        # k, predictor and base of a chunk.
        self._plan = array("i", bytes(12))
        self._position = 0

    def step(self, now):
        """One channel's chunk, then the record; returns the microseconds until the next step."""
        position = self._position
        if position < len(self.samplers):
            self._position = position + 1
            self.samplers[position].close()
            return 0
        self._position = 0
        self.append()
        # The next quarter that is no whole second.
        time = self._time
        quarter = time.us // _QUARTER_US + 1
        if quarter == 4:
            quarter = 5
        return max(0, ticks_diff(time.tick_at(quarter * _QUARTER_US), now))

    def append(self):
        """Log the record gathered so far."""
        size = (self._bits + 7) >> 3
        if not size:
            return
        copy(self._tail, 0, size, self._log.record, HEADER_SIZE)
        self._log.append(HEADER_SIZE + size, SAMPLES, NO_CHANNEL, self._t_s)
        clear(self._tail, size)
        self._bits = 0

    def add(self, number, full, how, index, first_tick, last_tick, codes, count):
        """Add a chunk of channel `number`: `count` codes (offset binary), the first with `index` and `first_tick`."""
        plan = self._plan
        bits = chunk_plan(codes, count, usual_k(codes, count), plan) + (FULL_BITS if full else 0) + BRIEF_BITS
        k = plan[0]
        shape = k << 2 | plan[1]
        t_s = self._time.s
        offset_us = self._time.offset_us(first_tick) if full else 0
        # A stall may have held it back for longer than the offset can say: then it goes alone, under its own second.
        is_late = offset_us < -TICK_BIAS
        if is_late or self._bits + bits > _TAIL_BITS:
            self.append()
        if not self._bits:
            self._t_s = t_s + offset_us // _SECOND_US if is_late else t_s
        tail = self._tail
        at = put_bits(tail, self._bits, number << 1 | (1 if full else 0), 5)
        at = put_bits(tail, at, (count - 1) << 6 | shape, 12)
        at = put_bits(tail, at, index & INDEX_LOW, INDEX_LOW_BITS)
        if full:
            period = ticks_diff(last_tick, first_tick) // (count - 1) if count > 1 else 0
            at = put_bits(tail, at, how, 2)
            at = put_bits(tail, at, index >> INDEX_LOW_BITS, 23)
            at = put_bits(tail, at, offset_us + (t_s - self._t_s) * _SECOND_US + TICK_BIAS, 23)
            at = put_bits(tail, at, period if period <= PERIOD_LIMIT else 0, 17)
        at = put_bits(tail, at, plan[2], 23 - k)
        self._bits = put_codes(codes, count, shape, plan[2], tail, at)
        if is_late:
            self.append()
