"""NAU7802, 24-bit bridge converter, I2C 0x2A. Source: Nuvoton datasheet Rev 2.1 (October 2021)."""

from turgor.drivers import ABSENT, CAL_FAILED, NEVER_READY, READBACK, WRONG_ID
from turgor.drivers.bridge import BLIND_US, DISCARD, FLUSH, MARGIN_US, PASSED, SMOOTHING, Bridge
from turgor.mp import const

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
_LEAD_US = const(500)  # without the pin: early
_LEAD_LIMIT_US = const(16000)
_LEAD_SHIFT = const(3)  # while the period is not known: an eighth of it
# A poll finds an end late by up to half a millisecond, so the period follows it slowly.
_SMOOTHING_POLLED = const(6)

_MASK = const(0x3FFFFFFF)

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


class Nau7802(Bridge):
    """One bridge channel at `rate_sps` (10, 20, 40, 80 or 320), gain 128, excited with 3.0 V.

    With None for `ready` the driver polls the chip, and ticks are late by up to 250 us.
    """

    def __init__(self, bus, ready, rate_sps, address=ADDRESS):
        if rate_sps not in _CRS:
            raise ValueError("NAU7802 rate {}: 10, 20, 40, 80 or 320".format(rate_sps))
        self._polled = _Polled() if ready is None else None
        super().__init__(bus.readfrom_mem_into, address, ready or self._polled, 16000000 // rate_sps)
        if ready is None:
            self._words[SMOOTHING] = _SMOOTHING_POLLED
        self._bus = bus
        self._byte = bytearray(1)
        rate_bits = _CRS[rate_sps]
        self._rate_bits = rate_bits
        self._tries = 0
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

    def blind(self, duration_us):
        before_us = self._words[BLIND_US]
        super().blind(duration_us)
        if self._polled is not None and self._words[BLIND_US] != before_us:
            # A poll finds the newest of them, and does not tell when it ended.
            self._polled.blind()
            self._words[DISCARD] = 1

    def _drop(self):
        """Read a conversion away whose end nobody saw; -1, and nothing was read, when this one's was."""
        polled = self._polled
        if polled is None or polled.is_end:
            self._words[DISCARD] = 0
            return -1
        return self._pass(polled.tick, 0)

    def _pass(self, now, wait_us):
        """Read a conversion away: pin and CR stand until then. The time between two ticks counts it."""
        self._words[PASSED] = 0
        # The chip is not silent, however often in a row nobody saw an end.
        self._words[BLIND_US] = (now - self.tick) & _MASK
        return self._read_away(wait_us)

    def _read_away(self, wait_us):
        try:
            self._read(self._address, _ADCO, self._result)
        except OSError:
            return self._fail(ABSENT)
        return wait_us

    def _silence(self, now):
        polled = self._polled
        words = self._words
        if polled is None:
            discard = words[DISCARD]
            if discard == 1:
                words[DISCARD] = 0
                return self._pass(now, 0)
            if not discard and ((now - self.tick) & _MASK) - words[BLIND_US] > self._patience_us * 3 >> 3:
                # After one and a half periods: the pin stands, and its interrupt was lost. Once in a silence.
                words[DISCARD] = 2
                return self._read_away(0)
        else:
            try:
                self._read(self._address, _PU_CTRL, self._byte)
            except OSError:
                return self._fail(ABSENT)
            if self._byte[0] & _CR:
                polled.seen(now)
                words[MARGIN_US] = -polled.lead_us
                return 0
            polled.nothing()
        return super()._silence(now)

    def _settle(self, count, elapsed):
        super()._settle(count, elapsed)
        if not self._words[FLUSH] and self._polled is not None:
            self._polled.lead_from(_LEAD_US)
            self._words[MARGIN_US] = -_LEAD_US

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
            if self._polled is not None:
                self._polled.lead_from(self._nominal_q4 >> 4 >> _LEAD_SHIFT)
            return self._run(now)
        self._state = state + 1
        return 0

    def _again(self, tries, wait_us):
        self._tries += 1
        return self._fail(NEVER_READY) if self._tries >= tries else wait_us
