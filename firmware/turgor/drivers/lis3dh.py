"""LIS3DH, three-axis accelerometer, I2C 0x18 or 0x19. Source: ST datasheet DocID17530 Rev 2 (December 2016).

High resolution (12 bit), +-2 g, 10 samples a second, block data update. A burst needs the top bit of the register
address: without it the same register is read again and again.
"""

from array import array

from turgor.drivers import NO_FAULT, READBACK
from turgor.drivers.slow import Slow
from turgor.mp import const

ADDRESSES = (0x18, 0x19)
RATES_SPS = (10,)

_WHO_AM_I = const(0x0F)
_CTRL_REG1 = const(0x20)
_CTRL_REG2 = const(0x21)
_CTRL_REG5 = const(0x24)
_STATUS_REG = const(0x27)
_INCREMENT = const(0x80)

_BOOT = const(0x80)
_ZYXDA = const(0x08)
# CTRL_REG1 to 6: 10 Hz and all axes; no high-pass; no interrupts; block data update, +-2 g, high resolution; no FIFO.
_SETTINGS = b"\x27\x00\x00\x88\x00\x00"


def milli_g(low, high):
    """The acceleration in an output register pair: 12 bit, signed, at the upper end; 1 milli-g a digit, so exact."""
    return ((high << 4 | low >> 4) ^ 0x800) - 0x800


class Lis3dh(Slow):
    """One accelerometer; `code` is x, y and z in milli-g, of which -2048 and 2047 are the ends of the range."""

    _start = (
        (_WHO_AM_I, b"\x33"),
        bytes((_CTRL_REG1, 0)),
        bytes((_CTRL_REG5, _BOOT)),
        bytes((_CTRL_REG2 | _INCREMENT,)) + _SETTINGS[1:],
        bytes((_CTRL_REG1, _SETTINGS[0])),
    )
    _settings_at = _CTRL_REG1 | _INCREMENT
    # CTRL_REG1 to 6, REFERENCE, STATUS_REG.
    _mask = b"\xff\xff\xff\xff\xff\xff\x00\x00"
    _settings = _SETTINGS + b"\x00\x00"
    _ready = (7, _ZYXDA)
    _result_at = _STATUS_REG | _INCREMENT
    _result_size = 7
    _flushed = 8  # high resolution settles in 7 samples; one more may be left from before
    _quiet_us = 75000
    _poll_us = 10000
    _patience_us = 500000

    def __init__(self, bus, address=0x18):
        super().__init__(bus, address)
        self.code = array("h", (0, 0, 0))

    def _decode(self, result):
        for axis in range(3):
            self.code[axis] = milli_g(result[2 * axis + 1], result[2 * axis + 2])
        # A line that was held for this one burst: the look before it saw the bit, and nothing was read since.
        return NO_FAULT if result[0] & _ZYXDA else READBACK
