"""NAU7802, 24-bit bridge converter, I2C 0x2A. Source: Nuvoton datasheet Rev 2.1 (October 2021).

The chip free-runs on its own oscillator, several percent off, and keeps one conversion: whatever is not read before the
next one ends is gone. The driver reads after the data-ready pin has told of a conversion, predicts the next one from
the measured period, and reports how many passed unread.
"""

from turgor.drivers import (
    ABSENT,
    CAL_FAILED,
    FAULT,
    NEVER_READY,
    NO_FAULT,
    NOTHING,
    READBACK,
    RESTARTED,
    SAMPLE,
    WRONG_ID,
)
from turgor.mp import const, micropython, ptr8

ADDRESS = const(0x2A)

_PU_CTRL = const(0x00)
_RR = const(0x01)
_PUD = const(0x02)
_PUA = const(0x04)
_PUR = const(0x08)
_CS = const(0x10)
_CR = const(0x20)
_AVDDS = const(0x80)
_WRITABLE = const(0xD7)

_CTRL1 = const(0x01)
_VLDO_3V0 = const(0x28)  # 3.3 V would leave the regulator no headroom on a 3.3 V supply
_GAIN_128 = const(0x07)

_CTRL2 = const(0x02)
_CALS = const(0x04)  # with CALMOD 0: internal offset calibration
_CAL_ERR = const(0x08)
_CRS = {10: 0x00, 20: 0x10, 40: 0x20, 80: 0x30, 320: 0x70}
RATES_SPS = tuple(sorted(_CRS))

_ADCO = const(0x12)

_ADC = const(0x15)
_REG_CHPS = const(0x30)  # recommended value, section 1.30

_POWER = const(0x1C)
_PGA_CAP_EN = const(0x80)  # channel 2 is unused: its pins carry the filter capacitor

_REVISION = const(0x1F)
_REVISION_MASK = const(0x0F)
_REVISION_ID = const(0x0F)

_ON = const(0x86)  # _AVDDS | _PUA | _PUD
_CONVERTING = const(0x96)  # _ON | _CS

_POWER_UP_US = const(1000)  # typically 200
_POWER_UP_TRIES = const(20)
_LDO_RAMP_US = const(200000)
_CALIBRATION_POLL_US = const(10000)
_CALIBRATION_TRIES = const(100)  # typically 344 ms
_FLUSHED = const(6)
_START_PERIODS = const(12)  # six conversions pass unannounced after a start
_SILENT_PERIODS = const(4)
_RETRY_US = const(250)
_MARGIN_US = const(40)  # the prediction aims a little late rather than early
_LEAD_US = const(500)  # without the pin: early
_LEAD_LIMIT_US = const(16000)
_LEAD_SHIFT = const(3)  # while the period is not known: an eighth of it
# A read begun later than this before the next conversion could return either.
_GUARD_US = const(500)
_RESTART_US = const(500000)
# Of an interval's error the period takes a part in 2^this; a poll finds an end late by up to half a millisecond.
_SMOOTHING = const(4)
_SMOOTHING_POLLED = const(6)
_LONG = const(8)  # conversions
_LONGEST_US = const(1 << 25)  # 16 times that are within 30 bits

_MASK = const(0x3FFFFFFF)
_HALF = const(0x20000000)

# States: each start-up state is one bus action.
_RESET = const(0)
_DIGITAL = const(1)
_WAIT_POWER = const(2)
_IDENTIFY = const(3)
_CONFIGURE = const(4)
_CHECK = const(5)
_CALIBRATE = const(6)
_WAIT_CALIBRATION = const(7)
_STOP = const(8)
_START = const(9)
_RUN = const(10)


class _Polled:
    """Stands in for a data-ready pin that is not wired: told by polls of CR, each before the driver reads.

    Polling has to begin `lead_us` before the predicted end: a first poll that already finds a conversion does not tell
    when it ended, and ticks would slip later and later. The lead grows until a poll comes in time.
    """

    def __init__(self):
        self.tick = 0
        self.lead_us = 0
        self._least_us = 0
        self._count = 0
        self._in_time = False
        # Whether the tick is that of its end: a poll before it found nothing.
        self.is_end = False

    def lead_from(self, least_us):
        """Begin polling at least `least_us` early."""
        self.lead_us = self._least_us = least_us

    def nothing(self):
        self._in_time = True

    def blind(self):
        """No poll came for a while."""
        self._in_time = False

    def seen(self, tick):
        self.tick = tick
        self._count = 1
        self.is_end = self._in_time
        self.lead_us = self._least_us if self._in_time else min(2 * self.lead_us, _LEAD_LIMIT_US)
        self._in_time = False

    def take(self):
        count = self._count
        self._count = 0
        return count


class Nau7802:
    """One bridge channel at `rate_sps` (10, 20, 40, 80 or 320), gain 128, excited with 3.0 V.

    `ready` counts the data-ready pin: `take()` gives the conversions since the last call and sets `tick` to the end of
    the newest. With None the driver polls the chip, and ticks are late by up to 250 us.

    After SAMPLE: `code` (24 bit, signed), `tick` (end of its conversion), `missed` (conversions that passed unread
    before it). RESTARTED says that the samples that follow are a new run. After FAULT: `fault`; the driver starts over
    500 ms later.
    """

    def __init__(self, bus, ready, rate_sps, address=ADDRESS):
        if rate_sps not in _CRS:
            raise ValueError("NAU7802 rate {}: 10, 20, 40, 80 or 320".format(rate_sps))
        self.event = NOTHING
        self.fault = NO_FAULT
        self.code = 0
        self.tick = 0
        self.missed = 0
        self._bus = bus
        self._address = address
        self._ready = _Polled() if ready is None else ready
        self._polled = self._ready if ready is None else None
        # Bound once: a lookup saved on every sample.
        self._take = self._ready.take
        self._read = bus.readfrom_mem_into
        self._result = bytearray(3)
        self._byte = bytearray(1)
        rate_bits = _CRS[rate_sps]
        self._rate_bits = rate_bits
        # The period is kept in sixteenths of a microsecond.
        self._nominal_q4 = 16000000 // rate_sps
        self._period_q4 = self._nominal_q4
        self._margin_us = _MARGIN_US
        self._smoothing = _SMOOTHING if ready is not None else _SMOOTHING_POLLED
        self._patience_us = 0
        self._state = _RESET
        self._tries = 0
        self._flush = 0
        self._passed = 0
        # How long interrupts were off since the sample before.
        self._blind_us = 0
        self._discard = False
        self._reset_write = bytes((_PU_CTRL, _RR))
        self._digital_write = bytes((_PU_CTRL, _PUD))
        self._on_write = bytes((_PU_CTRL, _ON))
        self._start_write = bytes((_PU_CTRL, _CONVERTING))
        self._calibrate_write = bytes((_CTRL2, rate_bits | _CALS))
        self._configuration = (
            self._on_write,
            bytes((_CTRL1, _VLDO_3V0 | _GAIN_128)),
            bytes((_CTRL2, rate_bits)),
            bytes((_ADC, _REG_CHPS)),
            bytes((_POWER, _PGA_CAP_EN)),
            self._start_write,
        )

    def period_us(self):
        """The measured conversion period. No property: one makes MicroPython look for another at every store."""
        return (self._period_q4 + 8) >> 4

    def blind(self, duration_us):
        """Interrupts were off for `duration_us` until now: of what ended meanwhile the pin has counted one at most.

        What was missed is counted by the time between two ticks instead, the next of them being one that was seen.
        """
        if self._state == _RUN:
            self._take()
            self._passed = 0
            self._blind_us += duration_us
            if self._polled is not None:
                # A poll finds the newest of them, and does not tell when it ended.
                self._polled.blind()
                self._discard = True

    @micropython.viper
    def step(self, now: int) -> int:
        """One bounded action; returns the microseconds until the next is wanted."""
        self.event = NOTHING
        if int(self._state) != _RUN:
            return int(self._prepare(now))
        count = int(self._take())
        if count == 0:
            return int(self._silence(now))
        if self._discard:
            dropped = int(self._drop())
            if dropped >= 0:
                return dropped
        tick = int(self._ready.tick)
        period_q4 = int(self._period_q4)
        # Until the next conversion ends.
        left = (period_q4 >> 4) - ((((now - tick) & _MASK) ^ _HALF) - _HALF)
        if left < _GUARD_US:
            self._passed = int(self._passed) + count
            return left + _MARGIN_US if left > 0 else 0
        try:
            self._read(self._address, _ADCO, self._result)
        except OSError:
            return int(self._fail(ABSENT))
        result = ptr8(self._result)
        self.code = ((result[0] << 16 | result[1] << 8 | result[2]) ^ 0x800000) - 0x800000
        elapsed = (tick - int(self.tick)) & _MASK
        self.tick = tick
        if self._flush:
            self._settle(count, elapsed)
        else:
            passed = int(self._passed)
            if self._blind_us:
                self.missed = self._uncounted(elapsed)
                self._blind_us = 0
                self._passed = 0
            elif count == 1 and passed == 0:
                error_q4 = (elapsed << 4) - period_q4
                if -(period_q4 >> 2) < error_q4 and error_q4 < period_q4 >> 2:
                    self._period_q4 = period_q4 + (error_q4 >> int(self._smoothing))
                    self.missed = 0
                else:
                    self.missed = self._uncounted(elapsed)
            else:
                self.missed = count + passed - 1
                self._passed = 0
            self.event = SAMPLE
        # After _settle, which may set the margin.
        wait = left + int(self._margin_us)
        return wait if wait > 0 else 0

    def _drop(self):
        """Read a conversion away whose end nobody saw; -1, and nothing was read, when this one's was."""
        polled = self._polled
        if polled is None or polled.is_end:
            self._discard = False
            return -1
        self._blind_us += self._period_q4 >> 4
        try:
            self._read(self._address, _ADCO, self._result)
        except OSError:
            return self._fail(ABSENT)
        return 0

    def _uncounted(self, elapsed):
        """Conversions before this one that only the time between two ticks tells of."""
        period = self._period_q4 >> 4
        count = (elapsed + (period >> 1)) // period
        if count >= _LONG and elapsed < _LONGEST_US and abs(elapsed - count * period) < period >> 2:
            # So long an interval tells the period better than single ones do, where its count is beyond doubt.
            self._period_q4 = (elapsed << 4) // count
        return count - 1 if count > 1 else 0

    def _silence(self, now):
        """No conversion yet: ask again soon, give up after a few periods."""
        polled = self._polled
        if polled is not None:
            try:
                self._read(self._address, _PU_CTRL, self._byte)
            except OSError:
                return self._fail(ABSENT)
            if self._byte[0] & _CR:
                polled.seen(now)
                self._margin_us = -polled.lead_us
                return 0
            polled.nothing()
        waited = (((now - self.tick) & _MASK) ^ _HALF) - _HALF
        return self._fail(NEVER_READY) if waited - self._blind_us > self._patience_us else _RETRY_US

    def _settle(self, count, elapsed):
        """Drop the first conversions of a run; the intervals between them already measure the period."""
        if count == 1 and self._flush < _FLUSHED:
            error_q4 = (elapsed << 4) - self._period_q4
            if -(self._nominal_q4 >> 2) < error_q4 < self._nominal_q4 >> 2:
                self._period_q4 += error_q4 >> 1
        self._flush -= 1
        self._blind_us = 0
        if not self._flush:
            self._passed = 0
            self._patience_us = _SILENT_PERIODS * (self._nominal_q4 >> 4)
            if self._polled is not None:
                self._polled.lead_from(_LEAD_US)
                self._margin_us = -_LEAD_US
            self.fault = NO_FAULT
            self.event = RESTARTED

    def _prepare(self, now):
        try:
            return self._start_up(now)
        except OSError:
            return self._fail(ABSENT)

    def _start_up(self, now):
        state = self._state
        bus = self._bus
        if state == _RESET:
            bus.writeto(self._address, self._reset_write)
        elif state == _DIGITAL:
            bus.writeto(self._address, self._digital_write)
            self._tries = 0
            self._state = _WAIT_POWER
            return _POWER_UP_US
        elif state == _WAIT_POWER:
            self._read(self._address, _PU_CTRL, self._byte)
            if not self._byte[0] & _PUR:
                return self._again(_POWER_UP_TRIES, _POWER_UP_US)
        elif state == _IDENTIFY:
            self._read(self._address, _REVISION, self._byte)
            if self._byte[0] & _REVISION_MASK != _REVISION_ID:
                return self._fail(WRONG_ID)
            self._tries = 0
        elif state == _CONFIGURE:
            bus.writeto(self._address, self._configuration[self._tries])
            self._tries += 1
            if self._tries < len(self._configuration):
                return 0
        elif state == _CHECK:
            result = self._result
            self._read(self._address, _PU_CTRL, result)
            if (
                result[0] & _WRITABLE != _CONVERTING
                or result[1] != _VLDO_3V0 | _GAIN_128
                or result[2] & ~_CAL_ERR != self._rate_bits
            ):
                return self._fail(READBACK)
            self._state = _CALIBRATE
            return _LDO_RAMP_US
        elif state == _CALIBRATE:
            bus.writeto(self._address, self._calibrate_write)
            self._tries = 0
            self._state = _WAIT_CALIBRATION
            return _CALIBRATION_POLL_US
        elif state == _WAIT_CALIBRATION:
            self._read(self._address, _CTRL2, self._byte)
            if self._byte[0] & _CALS:
                return self._again(_CALIBRATION_TRIES, _CALIBRATION_POLL_US)
            if self._byte[0] & _CAL_ERR:
                return self._fail(CAL_FAILED)
        elif state == _STOP:
            bus.writeto(self._address, self._on_write)
        else:
            # The rising edge of CS begins the run of conversions.
            bus.writeto(self._address, self._start_write)
            self._take()
            self.tick = now
            self._period_q4 = self._nominal_q4
            self._patience_us = _START_PERIODS * (self._nominal_q4 >> 4)
            self._flush = _FLUSHED
            self._passed = 0
            self._blind_us = 0
            self._discard = False
            if self._polled is not None:
                self._polled.lead_from(self._nominal_q4 >> 4 >> _LEAD_SHIFT)
        self._state = state + 1
        return 0

    def _again(self, tries, wait_us):
        self._tries += 1
        return self._fail(NEVER_READY) if self._tries >= tries else wait_us

    def _fail(self, fault):
        self.fault = fault
        self.event = FAULT
        self._state = _RESET
        return _RESTART_US
