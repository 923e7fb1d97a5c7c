"""`rp2.Flash` and `esp32.Partition` over memory, as MicroPython documents them: a write without offset erases first.

They take the place of the boards' own modules before `turgor.boards` is imported. Like flash, a write only clears bits.
"""

import sys

SECTOR = 4096
# What a stock Pico of 2 MB has for files.
SECTORS = 352
_COUNT = 4
_SIZE = 5
_ERASE = 6


class Device:
    """`sectors` sectors of `data` from `first` on; with `broken` the chip refuses everything."""

    def __init__(self, data, first, sectors, label="", block_size=SECTOR):
        self.data = data
        self.first = first
        self.sectors = sectors
        self.label = label
        self.block_size = block_size
        self.writes = 0
        self.broken = False

    def _at(self, block, offset, n):
        at = block * self.block_size + offset
        if self.broken or block < 0 or at + n > self.sectors * SECTOR:
            raise OSError(5)
        return self.first * SECTOR + at

    def readblocks(self, block, buffer, offset=0):
        at = self._at(block, offset, len(buffer))
        for i in range(len(buffer)):
            buffer[i] = self.data[at + i]

    def writeblocks(self, block, buffer, offset=None):
        n = len(buffer)
        if offset is None:
            # Erased in whole sectors, whatever the length.
            for sector in range(-(-n // SECTOR)):
                self._erase(block + sector)
            offset = 0
        at = self._at(block, offset, n)
        self.writes += 1
        for i in range(n):
            self.data[at + i] &= buffer[i]

    def _erase(self, block):
        at = self._at(block, 0, SECTOR)
        self.writes += 1
        for i in range(SECTOR):
            self.data[at + i] = 0xFF

    def ioctl(self, request, argument):
        if request == _COUNT:
            return self.sectors * SECTOR // self.block_size
        if request == _SIZE:
            return self.block_size
        if request == _ERASE:
            if self.block_size != SECTOR:
                return -22
            self._erase(argument)
            return 0
        return None


def blank(sectors):
    """The memory of an erased chip."""
    data = bytearray(sectors * SECTOR)
    for i in range(len(data)):
        data[i] = 0xFF
    return data


CHIP = blank(SECTORS)
_WHOLE = Device(CHIP, 0, SECTORS)


def Flash(start=-1, len=-1):
    if start == -1 and len == -1:
        return _WHOLE
    start = max(start, 0)
    size = SECTORS * SECTOR - start if len == -1 else len
    if start % SECTOR or size % SECTOR or size <= 0 or start + size > SECTORS * SECTOR:
        raise ValueError
    return Device(CHIP, start // SECTOR, size // SECTOR)


# Data partitions by label.
PARTITIONS = {"vfs": _WHOLE}


class Partition:
    TYPE_APP = 0
    TYPE_DATA = 1

    @staticmethod
    def find(type=0, subtype=0xFF, label=None, block_size=SECTOR):
        if type != Partition.TYPE_DATA or label not in PARTITIONS:
            return []
        return [PARTITIONS[label]]


sys.modules["rp2"] = sys.modules["esp32"] = sys.modules[__name__]
