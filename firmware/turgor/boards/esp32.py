"""ESP32 DevKitC, ESP32-S3 DevKitC-1 and ESP32-C3 DevKitM-1, told apart by the chip that MicroPython says it runs on.

The C3 has one I2C controller and eight pins that no boot mode, console or flash needs: no second bus, SPI bus, LEDs or
mark button.

The board's word is kept in the RTC's memory, which MicroPython leaves alone over a watchdog's reset. The watchdog has
no stop, but made anew it takes another time: main leaves it with 11 days.
"""

from struct import pack_into

import machine
from esp32 import Partition

from turgor.boards.flash import region_behind_files, region_from
from turgor.boards.ports import SAID, Ports
from turgor.mp import const

# By chip; the pins of turgor.boards.ports.SIGNALS.
PINS = {
    "esp32": (21, 22, 25, 26, 32, 33, 34, 35, 27, 13, 2, 5, 18, 19, 14, 23, 36, 4, 16, None, None, 17, None),
    "esp32s3": (8, 9, 10, 11, 4, 5, 6, 7, 15, 16, 17, 40, 21, 47, 12, 13, 14, 1, 2, 18, 41, 42, None),
    "esp32c3": (4, 5, None, None, 6, 7, 0, 1, None, 10, None, None, 3) + 10 * (None,),
}
# One more than the FreeRTOS tick of 10 ms, which the driver's waits are made of.
_TIMEOUT_US = const(20000)
_STOPPED_MS = const(1000000000)


class _Ports(Ports):
    def __init__(self, pins, name, flash):
        self._rtc = machine.RTC()
        self._word = bytearray(4)
        # This port has soft pin interrupts only.
        super().__init__(pins, name, False, flash, _TIMEOUT_US)

    def _recall(self):
        return int.from_bytes(self._rtc.memory()[:4], "little")

    def _store(self, word):
        pack_into("<I", self._word, 0, word)
        self._rtc.memory(self._word)

    def _stop_watchdog(self):
        machine.WDT(timeout=_STOPPED_MS)


def chip_of(said):
    """The key of PINS for "... with ESP32S3" or "... with ESP32-S3FN8"; ValueError for a chip without pins here."""
    chip = said.split(" ")[-1].lower().replace("-", "")
    for name in ("esp32s3", "esp32c3"):
        if chip.startswith(name):
            return name
    # ESP32-D0WD and ESP32-PICO are the first ESP32; a letter and a digit make another.
    if not chip.startswith("esp32") or (len(chip) > 6 and chip[5] in "schp" and chip[6] in "0123456789"):
        raise ValueError("no pins for " + said + "; Turgor knows ESP32, ESP32-S3 and ESP32-C3")
    return "esp32"


def make_ports(least_sectors, said=SAID):
    """The ports of the board that MicroPython calls `said`; `flash` has at least `least_sectors` or is None."""
    name = chip_of(said)
    return _Ports(PINS[name], name, _flash(least_sectors))


def _flash(least_sectors):
    """The partition `turgor` if the board has one, else what the file system leaves of its own."""
    for partition in Partition.find(Partition.TYPE_DATA, label="turgor"):
        return region_from(partition, 0, least_sectors)
    for partition in Partition.find(Partition.TYPE_DATA, label="vfs"):
        return region_behind_files(partition, least_sectors)
    return None
