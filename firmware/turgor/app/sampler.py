"""Samplers: each takes one sensor through its driver's steps and puts what comes into core and log."""

from array import array
from struct import pack_into

from turgor.core.channel import HOLD_LIMIT, ImpedanceChannel
from turgor.core.filter_words import describe
from turgor.core.ticks import ticks_diff
from turgor.drivers import FAULT, NOISY, RESTARTED, RESULT, SAMPLE, STUCK
from turgor.link.blocks import BEGINS, CHUNK_SAMPLES, FULL_EVERY, REGULAR, RESTART
from turgor.link.records import FAULT as FAULT_RECORD
from turgor.link.records import HEADER_SIZE, IMPEDANCE
from turgor.mp import const, micropython, ptr32

# Body sizes.
_IMPEDANCE_BODY = const(40)
_FAULT_BODY = const(10)
# The first field of each of these records is its microsecond.
_BODY = const(16)
_SECOND_US = const(1000000)
# CODE_BIAS and CHUNK_SAMPLES, which as another module's names would be looked up anew at every sample.
_BIAS = const(0x800000)
_MOST = const(48)
_NEVER = const(0x1FFFFFFF)
# White noise of 2 mmHg rms: this mean absolute second difference, milli-mmHg.
_NOISY_MILLI_MMHG = const(3909)
# Words of what is known of the latest codes: the last one, how often in a row it came again, the last difference,
# biased, the sum of absolute second differences, their number, whether one was at the converter's limits.
_EQUAL = const(1)
_SUM = const(3)
_NUMBER = const(4)
_AT_LIMIT = const(5)
# So many equal codes in a row are no measurement: their noise is tens of codes.
_MOST_EQUAL = const(16)


@micropython.viper
def _follow(n: int, codes: ptr32, s: ptr32):
    last = s[0]
    equal = s[1]
    difference = s[2] - 0x2000000
    total = s[3]
    at_limit = 0
    i = 0
    while i < n:
        code = codes[i]
        i += 1
        # With the bias, +-LIMIT_CODE and beyond.
        if code < 9 or code > 0xFFFFF7:
            at_limit = 1
        step = code - last
        last = code
        equal = 0 if step else equal + 1
        bend = step - difference
        difference = step
        if bend < 0:
            bend = 0 - bend
        # So that half a second's sum has 30 bits.
        total += bend if bend < 0x100000 else 0x100000
    s[0] = last
    s[1] = equal
    s[2] = difference + 0x2000000
    s[3] = total
    s[4] += n
    s[5] = at_limit


class _Sampler:
    """What both kinds share: place in the schedule, faults. `is_sampled`: its codes go into blocks."""

    is_sampled = False

    def __init__(self, number, driver, log, time, due):
        self.number = number
        self.driver = driver
        # Bound once: a lookup saved at every step.
        self._step = driver.step
        self.due = due
        self.fault = 0
        self._log = log
        self._time = time

    def close(self):
        """Nothing to add to a block."""

    def is_quiet(self):
        """Whether a blind interval costs no more than conversions, which are counted."""
        return True

    def stop(self):
        """Nothing to switch off."""

    def blind(self, duration_us):
        """Interrupts were off for `duration_us` until now; nothing where no interrupt is needed."""

    def _stamp(self, n, kind, tick):
        """Append the record of `n` bytes with the board time of `tick`, its microsecond as the body's first field."""
        s = self._time.s
        us = self._time.offset_us(tick)
        while us < 0:
            us += _SECOND_US
            s -= 1
        while us >= _SECOND_US:
            us -= _SECOND_US
            s += 1
        pack_into("<I", self._log.record, HEADER_SIZE, us)
        self._log.append(n, kind, self.number, s)

    def _note_fault(self, fault, index, now):
        """Log that a fault began (or another one did), or with 0 that it ended."""
        if fault == self.fault:
            return
        pack_into("<BBI", self._log.record, _BODY, fault or self.fault, 1 if fault else 0, index)
        self.fault = fault
        self._stamp(HEADER_SIZE + _FAULT_BODY, FAULT_RECORD, now)


class PressureSampler(_Sampler):
    """One pressure sensor: codes into the filter and, by `blocks`, into the log.

    `full`: its next chunk has to say where it stands. With its `rate_hz` the codes themselves are judged: equal ones
    are STUCK, unless `is_coarse`, and the filter is held at its start while they come, as while the converter is at its
    limits; NOISY ones are told and taken.
    """

    is_sampled = True

    def __init__(self, number, channel, driver, log, blocks, time, due, rate_hz=0, is_coarse=False):
        super().__init__(number, driver, log, time, due)
        self.channel = channel
        self.full = True
        self._most_equal = _NEVER if is_coarse else min(rate_hz, _MOST_EQUAL)
        self._half = (rate_hz + 1) >> 1
        self._was_noisy = False
        if rate_hz:
            high, low, shift = describe(channel.words)[10:13]
            gain = abs((high << 15) + low)
            bend = (_NOISY_MILLI_MMHG << (25 + shift)) // gain if gain else _NEVER
            self._most_bend = min(bend, 0x100000)
            self._followed = array("i", [0, 0, 0x2000000, 0, 0, 0])
        self._sample = self.channel.sample
        self._blocks = blocks
        self._codes = array("i", bytes(4 * CHUNK_SAMPLES))
        self._count = 0
        self._since_full = 0
        self._how = BEGINS
        self._first_index = 0
        self._first_tick = 0
        self._tick = 0

    @micropython.viper
    def step(self, now: int) -> int:
        """One driver step; returns the microseconds until the next."""
        driver = self.driver
        wait = int(self._step(now))
        event = driver.event
        if event == SAMPLE:
            code = driver.code
            if driver.missed or self.fault:
                self._irregular(driver.missed, now)
            self._sample(code)
            count = int(self._count)
            if count == 0:
                self._first_index = self.channel.index
                self._first_tick = driver.tick
            self._codes[count] = int(code) + _BIAS
            self._tick = driver.tick
            self._count = count + 1
            if count + 1 == _MOST:
                self.close()
        elif event == RESTARTED:
            self._begin(RESTART)
            self.channel.restart()
        elif event == FAULT:
            self._begin(BEGINS)
            self._note_fault(driver.fault, self.channel.index, now)
        return wait

    def blind(self, duration_us):
        self.driver.blind(duration_us)

    def _begin(self, how):
        """End the chunk: the next one says where it stands, and that it begins so."""
        self.close()
        self.full = True
        if how > self._how:
            self._how = how

    def _irregular(self, missed, now):
        # What is wrong with the codes themselves ends otherwise.
        if self.fault and self.fault != STUCK and self.fault != NOISY:
            self._note_fault(0, self.channel.index, now)
        if missed:
            self._begin(RESTART if missed > HOLD_LIMIT else BEGINS)
            self.channel.hold(missed)

    def close(self):
        """Add what was gathered so far to the block."""
        count = self._count
        if not count:
            return
        self._count = 0
        # Not bound once: with more than four arguments that would take room on the heap at each call.
        self._blocks.add(
            self.number, self.full, self._how, self._first_index, self._first_tick, self._tick, self._codes, count
        )
        self._since_full = count if self.full else self._since_full + count
        self.full = self._since_full > FULL_EVERY
        self._how = REGULAR
        if self._half:
            self._judge(count)

    def _judge(self, count):
        """Say whether the latest codes can be measurements."""
        followed = self._followed
        _follow(count, self._codes, followed)
        # At its limits the core says what it is.
        at_limit = followed[_AT_LIMIT]
        is_stuck = followed[_EQUAL] >= self._most_equal and not at_limit
        if is_stuck:
            self._tell(STUCK)
        elif self.fault == STUCK:
            self._tell(0)
        if is_stuck or at_limit:
            self._how = RESTART
            self.full = True
            self.channel.restart()
        if followed[_NUMBER] >= self._half:
            is_noisy = followed[_SUM] > self._most_bend * followed[_NUMBER]
            if is_noisy and self._was_noisy:
                self._tell(NOISY)
            elif self.fault == NOISY:
                self._tell(0)
            self._was_noisy = is_noisy
            followed[_SUM] = followed[_NUMBER] = 0

    def _tell(self, fault):
        self._note_fault(fault, self.channel.index, self._tick)


class ImpedanceSampler(_Sampler):
    """One impedance chip, sweeping in the board seconds of its parity and silent in the others."""

    def __init__(self, number, words, driver, log, time, due, parity):
        super().__init__(number, driver, log, time, due)
        self.channel = ImpedanceChannel(words)
        self._parity = parity
        self._last_slot = -1

    def is_quiet(self):
        return self.driver.idle

    def stop(self):
        """No current through the electrodes from here on."""
        self.driver.stop()

    def step(self, now):
        """One driver step, or the start of a sweep; returns the microseconds until the next."""
        driver = self.driver
        if driver.idle:
            time = self._time
            if time.s & 1 == self._parity and time.s != self._last_slot:
                self._last_slot = time.s
                driver.begin(now)
            else:
                seconds = 2 if time.s & 1 == self._parity else 1
                return ticks_diff(time.tick_at(seconds * _SECOND_US), now)
        wait = self._step(now)
        event = driver.event
        if event == RESULT:
            if self.fault:
                self._note_fault(0, self.channel.index, now)
            self._result(driver)
        elif event == FAULT:
            self._note_fault(driver.fault, self.channel.index, now)
        return wait

    def _result(self, driver):
        self.channel.result(
            driver.frequency_index,
            driver.count,
            driver.leads,
            driver.sum_i,
            driver.sum_q,
            driver.min_i,
            driver.max_i,
            driver.min_q,
            driver.max_q,
        )
        pack_into(
            "<IBBHIiiiiii",
            self._log.record,
            _BODY,
            self.channel.index,
            driver.frequency_index,
            driver.count,
            driver.leads,
            ticks_diff(driver.tick, driver.first_tick),
            driver.sum_i,
            driver.sum_q,
            driver.min_i,
            driver.max_i,
            driver.min_q,
            driver.max_q,
        )
        self._stamp(HEADER_SIZE + _IMPEDANCE_BODY, IMPEDANCE, driver.first_tick)
