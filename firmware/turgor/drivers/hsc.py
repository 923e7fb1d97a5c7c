"""Honeywell TruStability HSC and SSC, digital pressure, I2C 0x28 unless ordered otherwise.

Sources: Honeywell datasheets 50099148 (HSC) and 50099533 (SSC), technical note 008201 (I2C). The chip measures by
itself about once a millisecond and is only read: two status bits and 14 bits of pressure, then 11 bits of temperature
in parts ordered with it. Parts ordered with sleep mode need another driver. There is no identity register.

A code that stands still is not this driver's to judge: 14 bits of a quiet pressure may well repeat. A chip that
stopped measuring says "stale".
"""

from turgor.drivers import (
    ABSENT,
    DIAGNOSTIC,
    FAULT,
    NEVER_READY,
    NO_FAULT,
    NOTHING,
    RESTARTED,
    SAMPLE,
    SATURATED,
    STALE,
    TEMPERATURE,
)
from turgor.drivers.linear import Linear
from turgor.mp import const

ADDRESS = const(0x28)
RATES_SPS = (10, 20, 40, 80)

# Status, the top two bits of the first byte; 0 is a new measurement.
_STATUS = const(6)
_COMMAND_MODE = const(1)
_STALE = const(2)
_DIAGNOSTIC = const(3)

_BITS = const(14)
_MIDDLE = const(0x2000)
_FULL = const(0x3FFF)
# Counts at the ends of the pressure range, by the letter in the part's name; not the letters of ABP2 or MPR.
_TRANSFER = {"A": (1638, 14745), "B": (819, 15565), "C": (819, 13926), "F": (655, 15401)}
_TEMPERATURE_BITS = const(11)
_TEMPERATURE_FULL = const(0x7FF)
_COLDEST_MILLI_DEGC = const(-50000)  # at 0 counts
_HOTTEST_MILLI_DEGC = const(150000)  # at full counts
_OPERATING_LOW_MILLI_DEGC = const(-40000)
_OPERATING_HIGH_MILLI_DEGC = const(85000)
# Beyond its range by more than this part of it, which exceeds a part's errors, a pressure is no measurement any more.
_OVERRANGE = const(20)

_RETRY_US = const(1000)
_TRIES = const(20)
_RESTART_US = const(500000)

_MASK = const(0x3FFFFFFF)


class Hsc:
    """One sensor at `rate_sps` (10, 20, 40 or 80) whose range is `low_milli_mmhg` to `high_milli_mmhg`.

    `transfer` is the letter of the part's transfer function. After SAMPLE: `code` (14 bit, signed: counts less 2^13),
    `pressure_milli_mmhg`, `temperature_milli_degc` (None without `has_temperature`), `tick` (when it was read, at most
    a few ms after it was measured), `missed` (readings that were due before it and never made). RESTARTED says that
    the samples that follow are a new run. After FAULT: `fault`; the driver starts over 500 ms later.
    """

    def __init__(
        self, bus, rate_sps, low_milli_mmhg, high_milli_mmhg, transfer="A", has_temperature=True, address=ADDRESS
    ):
        if rate_sps not in RATES_SPS:
            raise ValueError("HSC rate {}: 10, 20, 40 or 80".format(rate_sps))
        if transfer not in _TRANSFER:
            raise ValueError("HSC transfer function {}: A, B, C or F".format(transfer))
        self.event = NOTHING
        self.fault = NO_FAULT
        self.code = 0
        self.pressure_milli_mmhg = 0
        self.temperature_milli_degc = 0 if has_temperature else None
        self.tick = 0
        self.missed = 0
        self._bus = bus
        self._address = address
        self._has_temperature = has_temperature
        self._answer = bytearray(4 if has_temperature else 2)
        low_counts, high_counts = _TRANSFER[transfer]
        self._pressure = Linear(_BITS, low_counts, high_counts, low_milli_mmhg, high_milli_mmhg)
        self._temperature = Linear(_TEMPERATURE_BITS, 0, _TEMPERATURE_FULL, _COLDEST_MILLI_DEGC, _HOTTEST_MILLI_DEGC)
        margin = (high_counts - low_counts) // _OVERRANGE
        # Of the letters whose ends are near those of the counts, the last count at least means saturated.
        self._least = max(low_counts - margin, 1)
        self._most = min(high_counts + margin, _FULL - 1)
        self._period_us = 1000000 // rate_sps
        self._running = False
        # When the newest reading was due.
        self._planned = 0
        self._tries = 0

    def period_us(self):
        return self._period_us

    def blind(self, duration_us):
        """Interrupts were off; what was not read meanwhile is counted by the time that passed."""

    def step(self, now):
        """One bounded action; returns the microseconds until the next is wanted."""
        self.event = NOTHING
        late_us = 0
        if self._running:
            late_us = ((now - self._planned) & _MASK) - self._period_us
            if late_us < 0:
                return -late_us
        try:
            self._bus.readfrom_into(self._address, self._answer)
        except OSError:
            return self._fail(ABSENT)
        return self._take(now, late_us)

    def _take(self, now, late_us):
        answer = self._answer
        status = answer[0] >> _STATUS
        if status == _DIAGNOSTIC:
            return self._fail(DIAGNOSTIC)
        if status == _COMMAND_MODE:
            return self._fail(NEVER_READY)
        if status == _STALE:
            self._tries += 1
            return self._fail(STALE) if self._tries >= _TRIES else _RETRY_US
        counts = (answer[0] << 8 | answer[1]) & _FULL
        if not self._least <= counts <= self._most:
            return self._fail(SATURATED)
        temperature_milli_degc = None
        if self._has_temperature:
            temperature_milli_degc = self._temperature.at((answer[2] << 8 | answer[3]) >> 5)
            if not _OPERATING_LOW_MILLI_DEGC <= temperature_milli_degc <= _OPERATING_HIGH_MILLI_DEGC:
                return self._fail(TEMPERATURE)
        self._tries = 0
        period_us = self._period_us
        if self._running:
            self.code = counts - _MIDDLE
            self.pressure_milli_mmhg = self._pressure.at(counts)
            self.temperature_milli_degc = temperature_milli_degc
            self.tick = now
            self.missed = late_us // period_us
            self.event = SAMPLE
        else:
            # The first reading shows that it works and opens the run.
            self._running = True
            self.fault = NO_FAULT
            self.event = RESTARTED
        late_us %= period_us
        self._planned = (now - late_us) & _MASK
        return period_us - late_us

    def _fail(self, fault):
        self.fault = fault
        self.event = FAULT
        self._running = False
        self._tries = 0
        return _RESTART_US
