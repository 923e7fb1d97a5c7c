"""TMP117, skin thermometer, I2C 0x48 to 0x4B. Source: TI datasheet SNOSD82D (September 2022).

It converts by itself twice a second. Power-on defaults come from an EEPROM that anybody may have changed, the offset
added to every result among them, so everything that matters is written and read back. Reading the configuration clears
its data-ready flag.
"""

from turgor.drivers import NEVER_READY, NO_FAULT
from turgor.drivers.slow import Slow
from turgor.mp import const

ADDRESSES = (0x48, 0x49, 0x4A, 0x4B)
RATES_SPS = (2,)

_RESULT = const(0x00)
_CONFIGURATION = const(0x01)
_OFFSET = const(0x07)
_DEVICE_ID = const(0x0F)

_DATA_READY = const(0x20)  # of the configuration's first byte
_SOFT_RESET = b"\x00\x02"
# Continuous, a cycle of 500 ms with 8 conversions averaged; the ALERT pin shows data-ready, as it does not at power-on:
# a chip that lost its supply is told by that bit and by its cycle of 1 s.
_SETTINGS = b"\x01\xa4"
_NO_RESULT = const(0x8000)  # until the first conversion has ended


def milli_degc(code):
    """The temperature of `code` (16 bit, signed; 7.8125 milli-degC each), rounded to nearest, halves upwards."""
    return (code * 125 + 8) >> 4


class Tmp117(Slow):
    """One thermometer; `code` is in milli-degC."""

    _start = (
        (_DEVICE_ID, b"\x01\x17"),
        bytes((_CONFIGURATION,)) + _SOFT_RESET,
        bytes((_OFFSET, 0, 0)),
        bytes((_CONFIGURATION,)) + _SETTINGS,
        (_OFFSET, b"\x00\x00"),
    )
    _settings_at = _CONFIGURATION
    _mask = b"\x0f\xfc"
    _settings = _SETTINGS
    _ready = (0, _DATA_READY)
    _result_at = _RESULT
    _result_size = 2
    _flushed = 1  # it may have begun before the offset was written
    _quiet_us = 400000  # conversion time is 13 to 17.5 ms for 15.5: a cycle is 0.42 to 0.565 s
    _poll_us = 20000
    _patience_us = 1000000

    def _decode(self, result):
        code = result[0] << 8 | result[1]
        self.code = milli_degc((code ^ 0x8000) - 0x8000)
        return NEVER_READY if code == _NO_RESULT else NO_FAULT
