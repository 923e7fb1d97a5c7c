"""Run by MicroPython's unix port: put the files below a folder into a new littlefs image.

micropython make_files.py FOLDER IMAGE BLOCKS
"""

import os
import sys

import vfs

_BLOCK = 4096
_COUNT = 4
_SIZE = 5
_ERASE = 6


class Device:
    """A block device in memory."""

    def __init__(self, blocks):
        self.data = bytearray(_BLOCK * blocks)
        for i in range(len(self.data)):
            self.data[i] = 255

    def readblocks(self, block, buffer, offset=0):
        at = block * _BLOCK + offset
        buffer[:] = self.data[at : at + len(buffer)]

    def writeblocks(self, block, buffer, offset=0):
        at = block * _BLOCK + offset
        self.data[at : at + len(buffer)] = buffer

    def ioctl(self, operation, argument):
        if operation == _COUNT:
            return len(self.data) // _BLOCK
        if operation == _SIZE:
            return _BLOCK
        if operation == _ERASE:
            return 0


def copy(source, target):
    for name, kind, *_ in os.ilistdir(source):
        if kind & 0x4000:
            if name not in (".", ".."):
                os.mkdir(target + "/" + name)
                copy(source + "/" + name, target + "/" + name)
            continue
        with open(source + "/" + name, "rb") as file, open(target + "/" + name, "wb") as new:
            new.write(file.read())


device = Device(int(sys.argv[3]))
vfs.VfsLfs2.mkfs(device, progsize=256)
vfs.mount(vfs.VfsLfs2(device, progsize=256), "/image")
copy(sys.argv[1], "/image")
vfs.umount("/image")
with open(sys.argv[2], "wb") as file:
    file.write(device.data)
