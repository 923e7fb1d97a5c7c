"""Samplers: each takes one sensor through its driver's steps and puts what comes into core and log."""

from array import array
from struct import pack_into

from turgor.core.channel import HOLD_LIMIT, ImpedanceChannel
from turgor.core.ticks import ticks_diff
from turgor.drivers import FAULT, RESTARTED, RESULT, SAMPLE
from turgor.link.blocks import BLOCK_SAMPLES, MISSED_LIMIT, rice_pack
from turgor.link.records import FAULT as FAULT_RECORD
from turgor.link.records import HEADER_SIZE, IMPEDANCE, SAMPLES
from turgor.link.records import RESTARTED as BLOCK_RESTARTED
from turgor.mp import const, micropython

# Body sizes of the `samples` record, before its tail.
_SAMPLES_BODY = const(20)
_IMPEDANCE_BODY = const(40)
_FAULT_BODY = const(10)
# The first field of each of these records is its microsecond.
_BODY = const(16)
_SECOND_US = const(1000000)


class _Sampler:
    """What both kinds share: place in the schedule, faults."""

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
        """Log what was gathered so far; nothing where every result is logged at once."""

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
    """One bridge transducer: codes into the filter and into blocks of BLOCK_SAMPLES."""

    def __init__(self, number, channel, driver, log, time, due):
        super().__init__(number, driver, log, time, due)
        self.channel = channel
        self._sample = self.channel.sample
        self._codes = array("i", bytes(4 * BLOCK_SAMPLES))
        self._missed = bytearray(2 * MISSED_LIMIT)
        self._missed_count = 0
        self._count = 0
        self._flags = 0
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
            self._codes[count] = code
            self._tick = driver.tick
            self._count = count + 1
            if count + 1 == int(BLOCK_SAMPLES):
                self.close()
        elif event == RESTARTED:
            self.close()
            self.channel.restart()
            self._flags = BLOCK_RESTARTED
        elif event == FAULT:
            self.close()
            self._note_fault(driver.fault, self.channel.index, now)
        return wait

    def blind(self, duration_us):
        self.driver.blind(duration_us)

    def _irregular(self, missed, now):
        if self.fault:
            self._note_fault(0, self.channel.index, now)
        if not missed:
            return
        if missed > HOLD_LIMIT or self._missed_count == MISSED_LIMIT:
            self.close()
        if missed > HOLD_LIMIT or not self._count:
            # A block begins at the next conversion that was read: its index says what is missing before it.
            self._flags |= BLOCK_RESTARTED if missed > HOLD_LIMIT else 0
        else:
            self._missed[2 * self._missed_count] = self._count
            self._missed[2 * self._missed_count + 1] = missed
            self._missed_count += 1
        self.channel.hold(missed)

    def close(self):
        """Log the block gathered so far."""
        count = self._count
        if not count:
            return
        record = self._log.record
        span = ticks_diff(self._tick, self._first_tick)
        missed = self._missed_count
        pack_into("<IBBHIi", record, _BODY, self._first_index, count, missed, self._flags, span, self._codes[0])
        at = HEADER_SIZE + _SAMPLES_BODY
        for i in range(2 * missed):
            record[at + i] = self._missed[i]
        end = rice_pack(self._codes, count, record, at + 2 * missed)
        self._stamp(end, SAMPLES, self._first_tick)
        self._count = 0
        self._missed_count = 0
        self._flags = 0


class ImpedanceSampler(_Sampler):
    """One impedance chip, sweeping in the board seconds of its parity and silent in the others."""

    def __init__(self, number, words, driver, log, time, due, parity):
        super().__init__(number, driver, log, time, due)
        self.channel = ImpedanceChannel(words)
        self._parity = parity
        self._last_slot = -1

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
