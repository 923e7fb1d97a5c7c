"""Raspberry Pi Pico (RP2040) and Pico 2 (RP2350), which have the same pins. Of a W's radio is that of the supply alone.

The watchdog's scratch registers outlive every reset but the loss of power: the first of them holds the board's
word (RP2040 datasheet, 4.7; RP2350 datasheet, 12.9), and bit 30 of CTRL, cleared, stops it.
"""

from machine import Pin, mem32
from rp2 import Flash

from turgor.boards.flash import region_behind_files
from turgor.boards.ports import SAID, Ports
from turgor.link.records import HARD_RESET, WATCHDOG_RESET
from turgor.mp import const

PINS = (4, 5, 6, 7, 10, 11, 12, 13, 14, 15, 8, 9, 16, 17, 18, 19, 20, 21, 22, 26, 27, 28, 29)

_RADIO_SELECT = const(25)
_RP2040_WATCHDOG = const(0x40058000)
_RP2350_WATCHDOG = const(0x400D8000)
_SCRATCH_0 = const(0x0C)
# A write to a register's alias clears the bits that are 1.
_CTRL_CLEAR = const(0x3000)
_ENABLE = const(1 << 30)
# A burst of 16 FIFO words takes 1.2 ms.
_TIMEOUT_US = const(1400)


class _Ports(Ports):
    _SPI = 0

    def __init__(self, pins, name, flash, watchdog, has_radio):
        self._has_radio = has_radio
        self._scratch = watchdog + _SCRATCH_0
        self._clear = watchdog + _CTRL_CLEAR
        super().__init__(pins, name, True, flash, _TIMEOUT_US)

    def supply(self):
        if self._has_radio:
            # A W measures while the radio's select line is high.
            Pin(_RADIO_SELECT, Pin.OUT, value=1)
        return super().supply()

    def _cause(self, cause):
        # This port calls `machine.reset()` the watchdog's too, and still does so after a soft reset.
        return super()._cause(HARD_RESET if cause == WATCHDOG_RESET else cause)

    def _recall(self):
        return mem32[self._scratch]

    def _store(self, word):
        mem32[self._scratch] = word

    def _stop_watchdog(self):
        mem32[self._clear] = _ENABLE


def make_ports(least_sectors, said=SAID):
    """The ports of the board that MicroPython calls `said`; `flash` has at least `least_sectors` or is None."""
    is_new = "RP2350" in said
    name = "rp2350" if is_new else "rp2040"
    flash = region_behind_files(Flash(), least_sectors)
    return _Ports(PINS, name, flash, _RP2350_WATCHDOG if is_new else _RP2040_WATCHDOG, " W " in said)
