"""What bridge converters share that free-run on their own oscillator and keep one conversion.

Whatever is not read before the next conversion ends is gone. The driver reads after the data-ready pin has told of a
conversion, predicts the next one from the measured period, and reports how many passed unread. An ADS1220's pin tells
of each conversion; a NAU7802's stands until a result is read, so that one that passes has to be read away.
"""

from array import array

from turgor.drivers import ABSENT, FAULT, NEVER_READY, NO_FAULT, NOTHING, RESTARTED
from turgor.mp import const, micropython, ptr8, ptr32

FLUSHED = const(6)
_START_PERIODS = const(12)  # six conversions of some chips pass unannounced after a start
_SILENT_PERIODS = const(4)
_RETRY_US = const(250)
_MARGIN_US = const(40)  # the prediction aims a little late rather than early
# A read begun later than this before the next conversion could return either.
_GUARD_US = const(500)
_RESTART_US = const(500000)
_SMOOTHING = const(4)
_LONG = const(8)  # conversions
_LONGEST_US = const(1 << 25)  # 16 times that are within 30 bits
# NOTHING and SAMPLE, which as another module's names would be looked up anew at every sample.
_NOTHING = const(0)
_SAMPLE = const(1)
# Where NAU7802s have their result; a chip without such registers does not look at it.
_RESULT = const(0x12)

# Words of what every sample needs, which as attributes would be a lookup each: the period in sixteenths of a
# microsecond, what is added to a prediction, of an interval's error the part in 2^this that the period takes, how many
# conversions passed, how long interrupts were off since the sample before, how many samples of a run are still dropped,
# 1 while a conversion may have to be (`_drop`), 2 after that was tried in a silence, and the tick of the one before.
PERIOD_Q4 = const(0)
MARGIN_US = const(1)
SMOOTHING = const(2)
PASSED = const(3)
BLIND_US = const(4)
FLUSH = const(5)
DISCARD = const(6)
_BEFORE = const(7)
_WORDS = const(8)

_MASK = const(0x3FFFFFFF)
_HALF = const(0x20000000)

# The states below it are the start-up, a chip's own.
_RUN = const(99)


class Bridge:
    """One channel. A chip gives `_start_up(now)`, one bus action by `_state` from 0 on, which ends with `_run`.

    `ready` counts the data-ready pin: `take()` gives the conversions since the last call and sets `tick` to the end of
    the newest. `read(address, register, buf)` reads a result.

    After SAMPLE: `code` (24 bit, signed), `tick` (end of its conversion), `missed` (conversions that passed unread
    before it). RESTARTED says that the samples that follow are a new run. After FAULT: `fault`; the driver starts over
    500 ms later.
    """

    def __init__(self, read, address, ready, nominal_q4):
        self.event = NOTHING
        self.fault = NO_FAULT
        self.code = 0
        self.tick = 0
        self.missed = 0
        self._address = address
        self._ready = ready
        # Bound once: a lookup saved on every sample.
        self._take = ready.take
        self._read = read
        self._result = bytearray(3)
        self._nominal_q4 = nominal_q4
        self._words = array("i", bytes(4 * _WORDS))
        self._words[PERIOD_Q4] = nominal_q4
        self._words[MARGIN_US] = _MARGIN_US
        self._words[SMOOTHING] = _SMOOTHING
        self._patience_us = 0
        self._state = 0

    def period_us(self):
        """The measured conversion period. No property: one makes MicroPython look for another at every store."""
        return (self._words[PERIOD_Q4] + 8) >> 4

    def blind(self, duration_us):
        """Interrupts were off for `duration_us` until now: of what ended meanwhile the pin has counted one at most.

        What was missed is counted by the time between two ticks instead, the next of them being one that was seen.
        """
        if self._state == _RUN:
            if self._take():
                self._words[DISCARD] = 1
            self._words[PASSED] = 0
            self._words[BLIND_US] += duration_us

    @micropython.viper
    def step(self, now: int) -> int:
        """One bounded action; returns the microseconds until the next is wanted."""
        self.event = _NOTHING
        if int(self._state) != _RUN:
            return int(self._prepare(now))
        count = int(self._take())
        if count == 0:
            return int(self._silence(now))
        words = ptr32(self._words)
        if words[DISCARD]:
            dropped = int(self._drop())
            if dropped >= 0:
                return dropped
        tick = int(self._ready.tick)
        period_q4 = words[PERIOD_Q4]
        # Until the next conversion ends.
        left = (period_q4 >> 4) - ((((now - tick) & _MASK) ^ _HALF) - _HALF)
        if left < _GUARD_US:
            words[PASSED] += count
            return int(self._pass(now, left + _MARGIN_US if left > 0 else 0))
        try:
            self._read(self._address, _RESULT, self._result)
        except OSError:
            return int(self._lost())
        result = ptr8(self._result)
        self.code = ((result[0] << 16 | result[1] << 8 | result[2]) ^ 0x800000) - 0x800000
        elapsed = (tick - words[_BEFORE]) & _MASK
        words[_BEFORE] = tick
        self.tick = tick
        if words[FLUSH]:
            self._settle(count, elapsed)
        else:
            passed = words[PASSED]
            if words[BLIND_US]:
                self.missed = self._uncounted(elapsed)
                words[BLIND_US] = 0
                words[PASSED] = 0
            elif count == 1 and passed == 0:
                error_q4 = (elapsed << 4) - period_q4
                if -(period_q4 >> 2) < error_q4 and error_q4 < period_q4 >> 2:
                    words[PERIOD_Q4] = period_q4 + (error_q4 >> words[SMOOTHING])
                    self.missed = 0
                else:
                    self.missed = self._uncounted(elapsed)
            else:
                self.missed = count + passed - 1
                words[PASSED] = 0
            self.event = _SAMPLE
        # After _settle, which may set the margin.
        wait = left + ((words[MARGIN_US] + _HALF) & _MASK) - _HALF
        return wait if wait > 0 else 0

    def _pass(self, now, wait_us):
        """Too late to read a conversion; the pin tells of the next by itself."""
        return wait_us

    def _drop(self):
        """Nothing to drop."""
        self._words[DISCARD] = 0
        return -1

    def _uncounted(self, elapsed):
        """Conversions before this one that only the time between two ticks tells of."""
        period = self._words[PERIOD_Q4] >> 4
        count = (elapsed + (period >> 1)) // period
        if count >= _LONG and elapsed < _LONGEST_US and abs(elapsed - count * period) < period >> 2:
            # So long an interval tells the period better than single ones do, where its count is beyond doubt.
            self._words[PERIOD_Q4] = (elapsed << 4) // count
        return count - 1 if count > 1 else 0

    def _silence(self, now):
        """No conversion yet: ask again soon, give up after a few periods."""
        waited = (((now - self.tick) & _MASK) ^ _HALF) - _HALF
        return self._silent() if waited - self._words[BLIND_US] > self._patience_us else _RETRY_US

    def _silent(self):
        return self._fail(NEVER_READY)

    def _lost(self):
        """A result could not be read."""
        return self._fail(ABSENT)

    def _settle(self, count, elapsed):
        """Drop the first conversions of a run; the intervals between them already measure the period."""
        words = self._words
        if count == 1 and words[FLUSH] < FLUSHED:
            error_q4 = (elapsed << 4) - words[PERIOD_Q4]
            if -(self._nominal_q4 >> 2) < error_q4 < self._nominal_q4 >> 2:
                words[PERIOD_Q4] += error_q4 >> 1
        words[FLUSH] -= 1
        words[BLIND_US] = 0
        if not words[FLUSH]:
            words[PASSED] = 0
            self._patience_us = _SILENT_PERIODS * (self._nominal_q4 >> 4)
            self.fault = NO_FAULT
            self.event = RESTARTED

    def _prepare(self, now):
        try:
            return self._start_up(now)
        except OSError:
            return self._fail(ABSENT)

    def _start_up(self, now):
        """The next bus action of a start: each chip's own."""
        raise NotImplementedError  # MicroPython has no abstract methods

    def _run(self, now):
        """Conversions have begun."""
        self._take()
        self.tick = now
        words = self._words
        words[_BEFORE] = now
        words[PERIOD_Q4] = self._nominal_q4
        words[FLUSH] = FLUSHED
        words[PASSED] = words[BLIND_US] = words[DISCARD] = 0
        self._patience_us = _START_PERIODS * (self._nominal_q4 >> 4)
        self._state = _RUN
        return 0

    def _fail(self, fault):
        self.fault = fault
        self.event = FAULT
        self._state = 0
        return _RESTART_US
