"""Samplers: each takes one sensor through its driver's steps and puts what comes into core and log."""

from array import array
from struct import pack_into

from turgor.core.channel import HOLD_LIMIT, ImpedanceChannel
from turgor.core.ticks import ticks_diff
from turgor.drivers import ABSENT, BUS_LOW, NOTHING
from turgor.drivers.max30009_writes import QUADRATURE
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
# How often a chip asks whether the one before on the body has ended.
_TURN_US = const(10000)
# CODE_BIAS, CHUNK_SAMPLES and the events, which as another module's names would be looked up anew at every sample.
_BIAS = const(0x800000)
_MOST = const(48)
_SAMPLE = const(1)
_RESULT = const(2)
_RESTARTED = const(3)
_FAULT = const(4)


class _Sampler:
    """What all kinds share: place in the schedule, faults. `is_sampled`: its codes go into blocks.

    `failures` counts the attempts that ended in a fault.
    `lines` are the wires of its bus (`low()`, `free()`), None where nobody can look at them.
    """

    is_sampled = False
    lines = None

    def __init__(self, number, driver, log, time, due):
        self.number = number
        self.drive_by(driver)
        self.due = due
        self.fault = 0
        self.failures = 0
        self._wait = 0
        self._log = log
        self._time = time

    def drive_by(self, driver):
        self.driver = driver
        # Bound once: a lookup saved at every step.
        self._step = driver.step

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

    def _failed(self, wait, index, now):
        """Log the driver's fault. Nobody answers on a bus that is held low: then the next step is to free it."""
        self.failures += 1
        fault = self.driver.fault
        if fault == ABSENT and self.lines and self.lines.low():
            fault = BUS_LOW
            self._wait = wait
            self._step = self._free
            wait = 0
        self._note_fault(fault, index, now)
        return wait

    def _free(self, now):
        """A step in the driver's place; the driver tries again when it wanted to."""
        self._step = self.driver.step
        self.driver.event = NOTHING
        if self.lines:
            self.lines.free()
        return self._wait

    def _note_fault(self, fault, index, now):
        """Log that a fault began (or another one did), or with 0 that it ended."""
        if fault == self.fault:
            return
        pack_into("<BBI", self._log.record, _BODY, fault or self.fault, 1 if fault else 0, index)
        self.fault = fault
        self._stamp(HEADER_SIZE + _FAULT_BODY, FAULT_RECORD, now)


class PressureSampler(_Sampler):
    """One bridge transducer: codes into the filter and, by `blocks`, into the log.

    `full`: its next chunk has to say where it stands.
    """

    is_sampled = True

    def __init__(self, number, channel, driver, log, blocks, time, due):
        super().__init__(number, driver, log, time, due)
        self.channel = channel
        self.full = True
        self._sample = self.channel.sample
        self._blocks = blocks
        # Behind the codes their number and the tick of the last: no lookup for either.
        self._codes = array("i", bytes(4 * (CHUNK_SAMPLES + 2)))
        self._since_full = 0
        self._how = BEGINS
        self._first_index = 0
        self._first_tick = 0

    @micropython.viper
    def step(self, now: int) -> int:
        """One driver step; returns the microseconds until the next."""
        driver = self.driver
        wait = int(self._step(now))
        event = int(driver.event)
        if event == _SAMPLE:
            code = driver.code
            if driver.missed or self.fault:
                self._irregular(driver.missed, now)
            self._sample(code)
            codes = ptr32(self._codes)
            count = codes[_MOST]
            if count == 0:
                self._first_index = self.channel.index
                self._first_tick = driver.tick
            codes[count] = int(code) + _BIAS
            codes[_MOST + 1] = int(driver.tick)
            count += 1
            codes[_MOST] = count
            if count == _MOST:
                self.close()
        elif event == _RESTARTED:
            self._begin(RESTART)
            self.channel.restart()
        elif event == _FAULT:
            self._begin(BEGINS)
            wait = int(self._failed(wait, self.channel.index, now))
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
        if self.fault:
            self._note_fault(0, self.channel.index, now)
        if missed:
            self._begin(RESTART if missed > HOLD_LIMIT else BEGINS)
            self.channel.hold(missed)

    def close(self):
        """Add what was gathered so far to the block."""
        codes = self._codes
        count = codes[_MOST]
        if not count:
            return
        codes[_MOST] = 0
        # Not bound once: with more than four arguments that would take room on the heap at each call.
        self._blocks.add(
            self.number, self.full, self._how, self._first_index, self._first_tick, codes[_MOST + 1], codes, count
        )
        self._since_full = count if self.full else self._since_full + count
        self.full = self._since_full > FULL_EVERY
        self._how = REGULAR


class SlowSampler(_Sampler):
    """A sensor whose readings are its codes (`core.slow`): nothing goes into blocks."""

    def __init__(self, number, channel, driver, log, time, due):
        super().__init__(number, driver, log, time, due)
        self.channel = channel

    def step(self, now):
        """One driver step; returns the microseconds until the next."""
        wait = self._step(now)
        event = self.driver.event
        if event == _SAMPLE:
            if self.fault:
                self._note_fault(0, self.channel.index, now)
            self.channel.sample(self.driver.code)
        elif event == _FAULT:
            return self._failed(wait, self.channel.index, now)
        return wait


class ImpedanceSampler(_Sampler):
    """One impedance chip. Those on a body take turns, a board second each: chip `turn` (from 0) sweeps in the seconds
    that leave `turn` divided by how many they are, or by two, as its rate says."""

    def __init__(self, number, words, driver, log, time, due, turn, rate_millihz=500):
        super().__init__(number, driver, log, time, due)
        self.channel = ImpedanceChannel(words, rate_millihz)
        self._turn = turn % self.channel.every_s
        self._last_slot = -1
        # Sweeps in each of the modes for calibration, and how many are left in all.
        self._each = 1
        self._left = 0
        # The step before gave a result that is not logged yet.
        self._has_result = False

    def calibrate(self, sweeps):
        """Let the next sweeps be for calibration, `sweeps` in each of its modes; then it measures again."""
        self._each = sweeps
        self._left = QUADRATURE * sweeps

    def is_quiet(self):
        return self.driver.idle

    def stop(self):
        """No current through the electrodes from here on."""
        self.driver.stop()

    @micropython.native
    def step(self, now):
        """One driver step, with the start of a sweep, or what it gave; returns the microseconds until the next."""
        driver = self.driver
        if self._has_result:
            self._has_result = False
            driver.event = NOTHING
            self._result(driver)
            return self._wait
        if driver.idle:
            time = self._time
            if time.s % self.channel.every_s == self._turn and time.s != self._last_slot:
                mode = QUADRATURE + 1 - (self._left + self._each - 1) // self._each if self._left else 0
                if mode != driver.mode:
                    driver.set_mode(mode)
                if not driver.begin(now):
                    return _TURN_US
                self._last_slot = time.s
                if mode:
                    self._left -= 1
            else:
                return ticks_diff(time.tick_at(_SECOND_US), now)
        wait = self._step(now)
        event = driver.event
        if event == _RESULT:
            if self.fault:
                self._note_fault(0, self.channel.index, now)
            self._has_result = True
            self._wait = wait
            return 0
        if event == _FAULT:
            return self._failed(wait, self.channel.index, now)
        return wait

    @micropython.native
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
