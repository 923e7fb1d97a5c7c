"""ADS1220, 24-bit bridge converter, SPI mode 1. Source: TI datasheet SBAS501, by way of tests/vectors/ads1220.csv.

SPI has no acknowledge and the chip no identity, and a code of 0 or -1 is also what a dead line gives. So every sample
is read in one transfer with the four registers: it counts only when they are what was written.

The bus is two methods, each one transfer with the chip selected: `write(buf)` and `write_readinto(out, into)`, both of
one length.
"""

from turgor.drivers import ABSENT, NEVER_READY, READBACK
from turgor.drivers.bridge import Bridge
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

# SPS: DR in register 1, conversion time in clocks of 4.096 MHz. At the chip's two higher rates a conversion is gone
# before a board's longest step is over.
_RATES = {20: (0x00, 204768), 45: (0x20, 91120), 90: (0x40, 46128), 175: (0x60, 23664), 330: (0x80, 12464)}
RATES_SPS = tuple(sorted(_RATES))

# A frame: RDATA, three bytes of code, RREG, four registers.
_FRAME = const(9)
_RESET_US = const(200)  # at least 50 us and 32 clocks
_EIO = const(5)

# States: each is one bus action. Of the last three one follows where a run went silent or its registers are wrong.
_RESET = const(0)
_CHECK_RESET = const(1)
_CONFIGURE = const(2)
_CHECK = const(3)
_START = const(4)
_DIAGNOSE = const(5)
_PROBE = const(6)
_CHECK_PROBE = const(7)


class _NoPin:
    """Stands in for a data-ready pin that the board does not have."""

    tick = 0

    def take(self):
        return 0


class Ads1220(Bridge):
    """One bridge channel at `rate_sps` (20, 45, 90, 175 or 330), gain 128, ratiometric.

    `ready` counts the data-ready pin's falling edges. Where that or the bus is None, as on a board that has no pins for
    them, it is never ready or absent. A chip that lost its registers, as by a brown-out, is READBACK.
    """

    def __init__(self, bus, ready, rate_sps):
        if rate_sps not in _RATES:
            raise ValueError("ADS1220 rate {}: 20, 45, 90, 175 or 330".format(rate_sps))
        rate_bits, clocks = _RATES[rate_sps]
        super().__init__(self._read_frame, 0, ready or _NoPin(), clocks * 125 // 32)
        self._bus = bus
        reg2 = _REG2_REFP0 | _REG2_50_60 if rate_sps == 20 else _REG2_REFP0
        self._configuration = bytes((_REG0, _REG1_CM | rate_bits, reg2, _REG3))
        self._reset_write = bytes((_CMD_RESET,))
        self._configure_write = bytes((_CMD_WREG_ALL,)) + self._configuration
        self._start_write = bytes((_CMD_START,))
        self._frame_write = bytes((_CMD_RDATA, 0, 0, 0, _CMD_RREG_ALL, 0, 0, 0, 0))
        self._frame = bytearray(_FRAME)

    @micropython.viper
    def _read_frame(self, address, register, buf):
        """The newest code into `buf`; OSError where the registers that came with it are not what was written."""
        self._bus.write_readinto(self._frame_write, self._frame)
        frame = ptr8(self._frame)
        wanted = ptr8(self._configuration)
        if frame[5] != wanted[0] or frame[6] != wanted[1] or frame[7] != wanted[2] or frame[8] != wanted[3]:
            raise OSError(_EIO)
        code = ptr8(buf)
        code[0] = frame[1]
        code[1] = frame[2]
        code[2] = frame[3]

    def _lost(self):
        return self._differs()

    def _silent(self):
        self._state = _DIAGNOSE
        return 0

    def _start_up(self, now):
        state = self._state
        if self._bus is None:
            return self._fail(ABSENT)
        if state == _RESET:
            self._bus.write(self._reset_write)
            self._state = _CHECK_RESET
            return _RESET_US
        if state in (_CONFIGURE, _PROBE):
            self._bus.write(self._configure_write)
        elif state == _START:
            self._bus.write(self._start_write)
            return self._run(now)
        else:
            self._bus.write_readinto(self._frame_write, self._frame)
            if state == _CHECK_RESET:
                if not self._reads(0):
                    return self._fail(ABSENT if self._reads(0xFF) else READBACK)
            elif self._frame[5:] != self._configuration:
                return self._differs()
            elif state == _DIAGNOSE:
                return self._fail(NEVER_READY)
            elif state == _CHECK_PROBE:
                # It takes what is written, so it was there all along but had lost its registers.
                return self._fail(READBACK)
        self._state = state + 1
        return 0

    def _reads(self, byte):
        """Whether every register reads `byte`."""
        frame = self._frame
        return frame[5] == frame[6] == frame[7] == frame[8] == byte

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
