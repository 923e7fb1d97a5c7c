"""Gathers the codes of all pressure channels into `samples` records, four times a second.

A channel's codes since the last record make a chunk (`turgor.link.blocks`); what is irregular ends one early. The
record is logged at every quarter of a second of board time, by the tick at whole seconds, or when it is full.
"""

from turgor.app.log import copy
from turgor.core.channels import NO_CHANNEL
from turgor.core.ticks import ticks_diff
from turgor.link.blocks import (
    BRIEF_BITS,
    FULL_BITS,
    INDEX_LOW,
    INDEX_LOW_BITS,
    MOST_K,
    PERIOD_LIMIT,
    TICK_BIAS,
    chunk_bits,
    middle,
    put_bits,
    put_codes,
    usual_k,
)
from turgor.link.records import HEADER_SIZE, RECORD_LIMIT, SAMPLES
from turgor.mp import const, micropython

_QUARTER_US = const(250000)
_SECOND_US = const(1000000)
_TAIL_BITS = const(1896)


class Blocks:
    """A job of the schedule. `samplers` add their chunks by `add`; `close` has all do so and logs the record."""

    def __init__(self, log, time):
        self.due = time.tick_at(_QUARTER_US)
        self.samplers = []
        self._log = log
        self._time = time
        self._tail = bytearray(RECORD_LIMIT - HEADER_SIZE + 1)
        self._t_s = 0
        self._bits = 0
        # What `_plan` chose.
        self._k = 0
        self._predictor = 0
        self._base = 0

    def step(self, now):
        """Log what has gathered; returns the microseconds until the next quarter that is no whole second."""
        self.close()
        time = self._time
        quarter = time.us // _QUARTER_US + 1
        if quarter == 4:
            quarter = 5
        return max(0, ticks_diff(time.tick_at(quarter * _QUARTER_US), now))

    def close(self):
        """Log all codes that have come."""
        for sampler in self.samplers:
            sampler.close()
        self._append()

    def _append(self):
        size = (self._bits + 7) >> 3
        if not size:
            return
        copy(self._tail, 0, size, self._log.record, HEADER_SIZE)
        self._log.append(HEADER_SIZE + size, SAMPLES, NO_CHANNEL, self._t_s)
        for i in range(size):
            self._tail[i] = 0
        self._bits = 0

    @micropython.native
    def add(self, number, full, how, index, first_tick, last_tick, codes, count):
        """Add a chunk of channel `number`: `count` codes (offset binary), the first with `index` and `first_tick`."""
        bits = self._plan(codes, count) + (FULL_BITS if full else 0) + BRIEF_BITS
        if self._bits + bits > _TAIL_BITS:
            self._append()
        if not self._bits:
            self._t_s = self._time.s
        tail = self._tail
        at = put_bits(tail, self._bits, number << 1 | (1 if full else 0), 5)
        at = put_bits(tail, at, (count - 1) << 6 | self._k << 2 | self._predictor, 12)
        at = put_bits(tail, at, index & INDEX_LOW, INDEX_LOW_BITS)
        if full:
            period = ticks_diff(last_tick, first_tick) // (count - 1) if count > 1 else 0
            at = put_bits(tail, at, how, 2)
            at = put_bits(tail, at, index >> INDEX_LOW_BITS, 23)
            offset_us = self._time.offset_us(first_tick) + (self._time.s - self._t_s) * _SECOND_US
            at = put_bits(tail, at, offset_us + TICK_BIAS, 23)
            at = put_bits(tail, at, period if period <= PERIOD_LIMIT else 0, 17)
        at = put_bits(tail, at, self._base, 23 - self._k)
        self._bits = put_codes(codes, count, self._k << 2 | self._predictor, self._base, tail, at)

    @micropython.native
    def _plan(self, codes, count):
        """Choose predictor, k and base by what they cost; returns the bits of base and codes."""
        first = middle(codes, count)
        k = usual_k(codes, count)
        best = self._try(codes, count, k, 0, first, 0x3FFFFFFF)
        for predictor in range(1, 4):
            best = self._try(codes, count, k, predictor, first, best)
        # With the best predictor smaller k while that helps, else larger ones.
        predictor = self._predictor
        before = 0
        step = -1
        while before != best or step < 0:
            if before == best:
                step = 1
                k = self._k
            before = best
            k += step
            if 0 <= k <= MOST_K:
                best = self._try(codes, count, k, predictor, first, best)
        return best

    def _try(self, codes, count, k, predictor, first, best):
        base = (first + (1 << k)) >> (k + 1)
        if base >> (23 - k):
            base -= 1
        bits = 23 - k + chunk_bits(codes, count, k, predictor, base)
        if bits >= best:
            return best
        self._k = k
        self._predictor = predictor
        self._base = base
        return bits
