"""ADS1220, 24-bit bridge converter, SPI mode 1. Source: TI datasheet SBAS501, by way of tests/vectors/ads1220.csv.

The chip free-runs on its own oscillator, 2 % off, and keeps one conversion: whatever is not read before the next one
ends is gone. SPI has no acknowledge and the chip no identity, and a code of 0 or -1 is also what a dead line gives. So
every sample is read in one transfer with the four registers: it counts only when they are what was written.

The bus is two methods, each one transfer with the chip selected: `write(buf)` and `write_readinto(out, into)`, both of
one length. The board's port drives the select line; where that is tied low, `machine.SPI` itself fits.
"""

from turgor.drivers import ABSENT, FAULT, NEVER_READY, NO_FAULT, NOTHING, READBACK, RESTARTED, SAMPLE, STUCK
from turgor.mp import const, micropython, ptr8

_CMD_RESET = const(0x06)
_CMD_START = const(0x08)
_CMD_RDATA = const(0x10)
_CMD_RREG_ALL = const(0x23)  # four registers from 0 on
_CMD_WREG_ALL = const(0x43)

_REG0 = const(0x3E)  # MUX 3: AIN1 against AIN2; GAIN 7: 128
_REG1_CM = const(0x04)  # normal mode, continuous
_REG2_REFP0 = const(0x40)  # reference on REFP0 and REFN0: the excitation of the bridge
_REG2_50_60 = const(0x10)  # rejects 50 and 60 Hz; for 20 SPS only
_REG3 = const(0x00)  # no current sources; DRDY on its own pin only

# SPS: DR in register 1, conversion time in clocks of 4.096 MHz.
_RATES = {
    20: (0x00, 204768),
    45: (0x20, 91120),
    90: (0x40, 46128),
    175: (0x60, 23664),
    330: (0x80, 12464),
    600: (0xA0, 6896),
    1000: (0xC0, 4144),
}
RATES_SPS = tuple(sorted(_RATES))

# A frame: RDATA, three bytes of code, RREG, four registers.
_FRAME = const(9)

_RESET_US = const(200)  # at least 50 us and 32 clocks
_DROPPED = const(4)  # the input's filter settles, and the intervals measure the period
_START_PERIODS = const(6)
_SILENT_PERIODS = const(4)
_RETRY_US = const(250)
_MARGIN_US = const(40)  # the prediction aims a little late rather than early
# A read begun later than this before the next conversion could return either.
_GUARD_US = const(150)
_RESTART_US = const(500000)
# The same code for so long is no measurement: at gain 128 the noise is tens of codes.
_STUCK_US = const(1500000)
_CODE_MIN = const(-0x800000)
_CODE_MAX = const(0x7FFFFF)

_MASK = const(0x3FFFFFFF)
_HALF = const(0x20000000)

# States: each is one bus action, but for _RUN one after the other.
_RESET = const(0)
_CHECK_RESET = const(1)
_CONFIGURE = const(2)
_CHECK = const(3)
_START = const(4)
_RUN = const(5)
_DIAGNOSE = const(6)
_PROBE = const(7)
_CHECK_PROBE = const(8)


@micropython.viper
def milli_mmhg(code: int) -> int:
    """floor(code 1562500 / 2^23): what a transducer of 5 uV/V/mmHg says by `code` (24 bit, signed) at gain 128."""
    # 1562500 / 2^23 = 390625 / 2^21, and 390625 = 95 2^12 + 1505: nothing is above 2^30.
    low = code & 0xFFF
    return ((code >> 12) * 390625 + low * 95 + (low * 1505 >> 12)) >> 9


class Ads1220:
    """One bridge channel at `rate_sps` (20, 45, 90, 175, 330, 600 or 1000), gain 128, ratiometric.

    `ready` counts the data-ready pin's falling edges: `take()` gives the conversions since the last call and sets
    `tick` to the end of the newest. It has to be wired.

    After SAMPLE: `code` (24 bit, signed; clipped at both ends by the chip), `tick` (end of its conversion), `missed`
    (conversions that passed unread before it). RESTARTED says that the samples that follow are a new run. After FAULT:
    `fault`; the driver starts over 500 ms later. A chip that lost its registers, as by a brown-out, is READBACK.
    """

    def __init__(self, bus, ready, rate_sps):
        if rate_sps not in _RATES:
            raise ValueError("ADS1220 rate {}: 20, 45, 90, 175, 330, 600 or 1000".format(rate_sps))
        if ready is None:
            raise ValueError("ADS1220 without a data-ready pin: wire DRDY")
        self.event = NOTHING
        self.fault = NO_FAULT
        self.code = 0
        self.tick = 0
        self.missed = 0
        self._ready = ready
        # Bound once: a lookup saved on every sample.
        self._take = ready.take
        self._write = bus.write
        self._exchange = bus.write_readinto
        rate_bits, clocks = _RATES[rate_sps]
        reg2 = _REG2_REFP0 | _REG2_50_60 if rate_sps == 20 else _REG2_REFP0
        self._configuration = bytes((_REG0, _REG1_CM | rate_bits, reg2, _REG3))
        # The period is kept in sixteenths of a microsecond.
        self._nominal_q4 = clocks * 125 // 32
        self._period_q4 = self._nominal_q4
        self._patience_us = 0
        # How often in a row the code was the one before; no restart ends that.
        self._equal = 0
        self._most_equal = _STUCK_US // (self._nominal_q4 >> 4)
        self._state = _RESET
        self._drop = 0
        self._passed = 0
        # How long interrupts were off since the sample before.
        self._blind_us = 0
        self._reset_write = bytes((_CMD_RESET,))
        self._configure_write = bytes((_CMD_WREG_ALL,)) + self._configuration
        self._start_write = bytes((_CMD_START,))
        self._frame_write = bytes((_CMD_RDATA, 0, 0, 0, _CMD_RREG_ALL, 0, 0, 0, 0))
        self._frame = bytearray(_FRAME)

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

    @micropython.viper
    def step(self, now: int) -> int:
        """One bounded action; returns the microseconds until the next is wanted."""
        self.event = NOTHING
        if int(self._state) != _RUN:
            return int(self._prepare(now))
        count = int(self._take())
        if count == 0:
            return int(self._silence(now))
        tick = int(self._ready.tick)
        period_q4 = int(self._period_q4)
        # Until the next conversion ends.
        left = (period_q4 >> 4) - ((((now - tick) & _MASK) ^ _HALF) - _HALF)
        if left < _GUARD_US:
            self._passed = int(self._passed) + count
            return left + _MARGIN_US if left > 0 else 0
        try:
            self._exchange(self._frame_write, self._frame)
        except OSError:
            return int(self._fail(ABSENT))
        frame = ptr8(self._frame)
        wanted = ptr8(self._configuration)
        if frame[5] != wanted[0] or frame[6] != wanted[1] or frame[7] != wanted[2] or frame[8] != wanted[3]:
            return int(self._differs())
        code = ((frame[1] << 16 | frame[2] << 8 | frame[3]) ^ 0x800000) - 0x800000
        if code != int(self.code):
            self.code = code
            self._equal = 0
        elif self._is_stuck():
            return int(self._fail(STUCK))
        elapsed = (tick - int(self.tick)) & _MASK
        self.tick = tick
        if self._drop:
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
                    self._period_q4 = period_q4 + (error_q4 >> 4)
                    self.missed = 0
                else:
                    self.missed = self._uncounted(elapsed)
            else:
                self.missed = count + passed - 1
                self._passed = 0
            self.event = SAMPLE
        return left + _MARGIN_US

    def _is_stuck(self):
        """Whether the code has been the same for too long. At its limits it may be: who takes it sees that."""
        if not _CODE_MIN < self.code < _CODE_MAX:
            return False
        if self._equal < self._most_equal:
            self._equal += 1
        return self._equal >= self._most_equal

    def _uncounted(self, elapsed):
        """Conversions before this one that only the time between two ticks tells of."""
        period = self._period_q4 >> 4
        count = (elapsed + (period >> 1)) // period
        return count - 1 if count > 1 else 0

    def _silence(self, now):
        """No conversion yet: ask again soon; after a few periods look what is wrong."""
        waited = (((now - self.tick) & _MASK) ^ _HALF) - _HALF
        if waited - self._blind_us <= self._patience_us:
            return _RETRY_US
        self._state = _DIAGNOSE
        return 0

    def _settle(self, count, elapsed):
        """Drop the first conversions of a run; the intervals between them already measure the period."""
        if count == 1 and self._drop < _DROPPED:
            error_q4 = (elapsed << 4) - self._period_q4
            if -(self._nominal_q4 >> 2) < error_q4 < self._nominal_q4 >> 2:
                self._period_q4 += error_q4 >> 1
        self._drop -= 1
        self._blind_us = 0
        if not self._drop:
            self._passed = 0
            self._patience_us = _SILENT_PERIODS * (self._nominal_q4 >> 4)
            self.fault = NO_FAULT
            self.event = RESTARTED

    def _prepare(self, now):
        try:
            return self._start_up(now)
        except OSError:
            return self._fail(ABSENT)

    def _start_up(self, now):
        state = self._state
        if state == _RESET:
            self._write(self._reset_write)
            self._state = _CHECK_RESET
            return _RESET_US
        if state == _CHECK_RESET:
            self._exchange(self._frame_write, self._frame)
            if not self._reads(0):
                return self._fail(ABSENT if self._reads(0xFF) else READBACK)
        elif state in (_CONFIGURE, _PROBE):
            self._write(self._configure_write)
        elif state == _START:
            self._write(self._start_write)
            self._take()
            self.tick = now
            self._period_q4 = self._nominal_q4
            self._patience_us = _START_PERIODS * (self._nominal_q4 >> 4)
            self._drop = _DROPPED
            self._passed = 0
            self._blind_us = 0
        else:
            self._exchange(self._frame_write, self._frame)
            if not self._is_configured():
                return self._differs()
            if state == _DIAGNOSE:
                return self._fail(NEVER_READY)
            if state == _CHECK_PROBE:
                # It takes what is written, so it was there all along but had lost its registers.
                return self._fail(READBACK)
        self._state = state + 1
        return 0

    def _reads(self, byte):
        """Whether every register reads `byte`."""
        frame = self._frame
        return frame[5] == frame[6] == frame[7] == frame[8] == byte

    def _is_configured(self):
        frame = self._frame
        wanted = self._configuration
        return frame[5] == wanted[0] and frame[6] == wanted[1] and frame[7] == wanted[2] and frame[8] == wanted[3]

    def _differs(self):
        """The registers are not what was written: nothing there, a chip that was reset, or a wrong read-back."""
        if self._reads(0xFF):
            return self._fail(ABSENT)
        if not self._reads(0):
            return self._fail(READBACK)
        # Right after a write only a dead line reads so; before one, a chip at its reset values does as well.
        if self._state in (_CHECK, _CHECK_PROBE):
            return self._fail(ABSENT)
        self._state = _PROBE
        return 0

    def _fail(self, fault):
        self.fault = fault
        self.event = FAULT
        self._state = _RESET
        return _RESTART_US
