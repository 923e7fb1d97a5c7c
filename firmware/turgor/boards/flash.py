"""The raw region of a board's flash: whole sectors of a block device that hold no file.

It lies behind the file system, which has to be smaller than its device and to begin with the device or behind a boot
file system of BOOT_SECTORS (README.md, 'What outlives a restart'). Where it begins is read from its littlefs
superblock, which has to tell the size that is mounted at "/": a file system is never taken for a region.

`writeblocks` erases what it writes unless it is given an offset, which here it always is.
"""

import os
from struct import unpack_from

from turgor.mp import const

_SECTOR = const(4096)
_BLOCK_COUNT = const(4)
_BLOCK_SIZE = const(5)
_BLOCK_ERASE = const(6)
# Both blocks of a littlefs superblock begin with revision u32, tag u32, this name, tag u32, version u32, and then
# block size u32, block count u32.
_MAGIC = b"littlefs"
_MAGIC_AT = const(8)
_SIZES_AT = const(24)
_SUPERBLOCK = const(32)
# A boot file system that holds nothing but a short boot.py needs no more than its superblock.
BOOT_SECTORS = const(2)
_SHIFT = const(12)
_MASK = const(4095)


class Region:
    """`sectors` sectors of `device` from sector `first` on; addresses count from there.

    What the flash refuses shows when it is read back: a write is lost, and a read gives zeros, which are no page.
    """

    def __init__(self, device, first, sectors):
        self.sectors = sectors
        self._device = device
        self._first = first

    def read(self, address, buffer):
        try:
            self._device.readblocks(self._first + (address >> _SHIFT), buffer, address & _MASK)
        except OSError:
            for i in range(len(buffer)):
                buffer[i] = 0

    def program(self, address, page):
        """Write an erased page: bits go from 1 to 0 alone."""
        try:
            self._device.writeblocks(self._first + (address >> _SHIFT), page, address & _MASK)
        except OSError:
            pass

    def erase(self, sector):
        try:
            self._device.ioctl(_BLOCK_ERASE, self._first + sector)
        except OSError:
            pass


def region_from(device, first, least_sectors):
    """All of `device` from sector `first` on; None where that is less than `least_sectors`."""
    if device.ioctl(_BLOCK_SIZE, 0) != _SECTOR:
        return None
    sectors = device.ioctl(_BLOCK_COUNT, 0) - first
    return Region(device, first, sectors) if sectors >= least_sectors else None


def region_behind_files(device, least_sectors):
    """What of `device` lies behind the file system at "/"; None where that is less than `least_sectors`."""
    try:
        status = os.statvfs("/")
        # f_frsize and f_blocks.
        blocks = status[1] * status[2] // _SECTOR
        for start in (0, BOOT_SECTORS):
            # One of the two may be spoiled; the third is looked at because the second may be the first of others.
            if _begins(device, start, blocks) or (
                _begins(device, start + 1, blocks) and not _begins(device, start + 2, blocks)
            ):
                return region_from(device, start + blocks, least_sectors)
    except OSError:
        pass
    return None


def _begins(device, block, blocks):
    """Whether `block` is a superblock of a file system of `blocks` blocks."""
    head = bytearray(_SUPERBLOCK)
    device.readblocks(block, head, 0)
    return head[_MAGIC_AT : _MAGIC_AT + 8] == _MAGIC and unpack_from("<II", head, _SIZES_AT) == (_SECTOR, blocks)
