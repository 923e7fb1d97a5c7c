"""Honeywell ABP2, digital pressure and temperature, I2C 0x28. Source: Honeywell datasheet 32350268.

The chip sleeps until it is told to measure, then converts once, pressure and temperature, in about 5 ms. It has no
identity register: status bits that are always 0 or always 1 have to do. A chip that lost its supply in between answers
with a sound status and no conversion, all zeros.
"""

from turgor.drivers import (
    ABSENT,
    FAULT,
    MEMORY_ERROR,
    NEVER_READY,
    NO_FAULT,
    NOTHING,
    RESTARTED,
    SAMPLE,
    SATURATED,
    STUCK,
    TEMPERATURE,
    WRONG_ID,
)
from turgor.drivers.linear import Linear
from turgor.mp import const

ADDRESS = const(0x28)
RATES_SPS = (10, 20, 40, 80)

_MEASURE = b"\xaa\x00\x00"

# Status, the first byte of an answer.
_POWERED = const(0x40)
_BUSY = const(0x20)
_MEMORY = const(0x04)
_MATH = const(0x01)
_FIXED = const(0xDA)  # all but busy, memory error and math saturation: powered is 1, the others are 0

_BITS = const(24)
_MIDDLE = const(0x800000)
_FULL = const(0xFFFFFF)
# Counts at the ends of the pressure range, by the letter in the part's name.
_TRANSFER = {"A": (1677722, 15099494), "B": (5033165, 11744051)}  # 10 to 90 %, 30 to 70 %
_COLDEST_MILLI_DEGC = const(-50000)  # at 0 counts
_HOTTEST_MILLI_DEGC = const(150000)  # at full counts
_OPERATING_LOW_MILLI_DEGC = const(-40000)
_OPERATING_HIGH_MILLI_DEGC = const(110000)
# Beyond its range by more than this part of it, which exceeds a part's errors, a pressure is no measurement any more.
_OVERRANGE = const(20)

_CONVERSION_US = const(5000)
_RETRY_US = const(1000)
_TRIES = const(20)
_RESTART_US = const(500000)
# Both words equal bit for bit for so long: nothing is measured.
_STUCK_US = const(1500000)

_MASK = const(0x3FFFFFFF)

# States: each is one bus action.
_COMMAND = const(0)
_FETCH = const(1)


class Abp2:
    """One sensor at `rate_sps` (10, 20, 40 or 80) whose range is `low_milli_mmhg` to `high_milli_mmhg`.

    `transfer` is the letter of the part's transfer function. After SAMPLE: `code` (24 bit, signed: counts less 2^23),
    `pressure_milli_mmhg`, `temperature_milli_degc`, `tick` (the conversion began there and took about 5 ms), `missed`
    (conversions that were due before it and never commanded). RESTARTED says that the samples that follow are a new
    run. After FAULT: `fault`; the driver starts over 500 ms later.
    """

    def __init__(self, bus, rate_sps, low_milli_mmhg, high_milli_mmhg, transfer="A", address=ADDRESS):
        if rate_sps not in RATES_SPS:
            raise ValueError("ABP2 rate {}: 10, 20, 40 or 80".format(rate_sps))
        if transfer not in _TRANSFER:
            raise ValueError("ABP2 transfer function {}: A or B".format(transfer))
        self.event = NOTHING
        self.fault = NO_FAULT
        self.code = 0
        self.pressure_milli_mmhg = 0
        self.temperature_milli_degc = 0
        self.tick = 0
        self.missed = 0
        self._bus = bus
        self._address = address
        self._answer = bytearray(7)
        low_counts, high_counts = _TRANSFER[transfer]
        self._pressure = Linear(_BITS, low_counts, high_counts, low_milli_mmhg, high_milli_mmhg)
        self._temperature = Linear(_BITS, 0, _FULL, _COLDEST_MILLI_DEGC, _HOTTEST_MILLI_DEGC)
        margin = (high_counts - low_counts) // _OVERRANGE
        self._least = low_counts - margin
        self._most = high_counts + margin
        self._period_us = 1000000 // rate_sps
        self._most_equal = _STUCK_US // self._period_us
        self._state = _COMMAND
        self._running = False
        # When the present conversion was due, and when it was commanded.
        self._planned = 0
        self._begun = 0
        self._passed = 0
        self._tries = 0
        # The words of the answer before, and how often in a row they came.
        self._last_pressure = -1
        self._last_temperature = -1
        self._equal = 0

    def period_us(self):
        return self._period_us

    def blind(self, duration_us):
        """Interrupts were off; what was not commanded meanwhile is counted by the time that passed."""

    def step(self, now):
        """One bounded action; returns the microseconds until the next is wanted."""
        self.event = NOTHING
        try:
            return self._command(now) if self._state == _COMMAND else self._fetch(now)
        except OSError:
            return self._fail(ABSENT)

    def _command(self, now):
        period_us = self._period_us
        if self._running:
            late_us = ((now - self._planned) & _MASK) - period_us
            if late_us < 0:
                return -late_us
            self._passed += late_us // period_us
            self._planned = (now - late_us % period_us) & _MASK
        else:
            self._planned = now
        self._bus.writeto(self._address, _MEASURE)
        self._begun = now
        self._tries = 0
        self._state = _FETCH
        return _CONVERSION_US

    def _fetch(self, now):
        answer = self._answer
        self._bus.readfrom_into(self._address, answer)
        status = answer[0]
        if status & _FIXED != _POWERED:
            return self._fail(WRONG_ID)
        if status & _BUSY:
            self._tries += 1
            return self._fail(NEVER_READY) if self._tries >= _TRIES else _RETRY_US
        if status & _MEMORY:
            return self._fail(MEMORY_ERROR)
        if status & _MATH:
            return self._fail(SATURATED)
        pressure = answer[1] << 16 | answer[2] << 8 | answer[3]
        temperature = answer[4] << 16 | answer[5] << 8 | answer[6]
        if pressure == 0 and temperature == 0:
            return self._fail(NEVER_READY)
        if not self._least <= pressure <= self._most:
            return self._fail(SATURATED)
        temperature_milli_degc = self._temperature.at(temperature)
        if not _OPERATING_LOW_MILLI_DEGC <= temperature_milli_degc <= _OPERATING_HIGH_MILLI_DEGC:
            return self._fail(TEMPERATURE)
        if self._is_stuck(pressure, temperature):
            return self._fail(STUCK)
        self._state = _COMMAND
        if self._running:
            self.code = pressure - _MIDDLE
            self.pressure_milli_mmhg = self._pressure.at(pressure)
            self.temperature_milli_degc = temperature_milli_degc
            self.tick = self._begun
            self.missed = self._passed
            self.event = SAMPLE
        else:
            # The first conversion shows that it works and opens the run.
            self._running = True
            self.fault = NO_FAULT
            self.event = RESTARTED
        self._passed = 0
        wait_us = self._period_us - ((now - self._planned) & _MASK)
        return wait_us if wait_us > 0 else 0

    def _is_stuck(self, pressure, temperature):
        """Whether the words are what they have been for long; a restart in between changes nothing about it."""
        if pressure != self._last_pressure or temperature != self._last_temperature:
            self._last_pressure = pressure
            self._last_temperature = temperature
            self._equal = 0
        elif self._equal < self._most_equal:
            self._equal += 1
        return self._equal >= self._most_equal

    def _fail(self, fault):
        self.fault = fault
        self.event = FAULT
        self._state = _COMMAND
        self._running = False
        self._passed = 0
        return _RESTART_US
