"""The modules of a board's package in one deflated file, which imports read like a folder.

`turgor flash` makes this file the package's `__init__`, with `__version__` in front. A small file takes a whole block
of a board's flash, and 60 of them half of the file system.

modules.z: the size of the table, u16; the table, a line "/path offset" for each, after and before a newline; then each
`.mpy` deflated, with a window of 2^11 bytes. Numbers are little-endian, offsets count from the start.
"""

import vfs
from deflate import RAW, DeflateIO
from micropython import const

_MODULES = "/modules.z"
_WINDOW = const(11)
_FOLDER = const(0x4000)
_FILE = const(0x8000)
_ENOENT = const(2)


class _Modules:
    """A file system with what the file at `path` holds."""

    def __init__(self, path):
        self._path = path

    def mount(self, readonly, mkfs):
        pass

    def umount(self):
        pass

    def _offset(self, path):
        """Where a module begins, 0 for a folder; OSError where there is no such thing."""
        with open(self._path, "rb") as file:
            table = file.read(int.from_bytes(file.read(2), "little"))
        at = table.find(b"\n" + path.encode() + b" ")
        if at >= 0:
            return int(table[at + len(path) + 2 : table.find(b"\n", at + 1)])
        if table.find(b"\n" + path.encode() + b"/") < 0:
            raise OSError(_ENOENT)
        return 0

    def stat(self, path):
        return (_FILE if self._offset(path) else _FOLDER,) + (0,) * 9

    def open(self, path, mode):
        offset = self._offset(path)
        file = open(self._path, "rb")  # noqa: SIM115  the stream closes it
        file.seek(offset)
        return DeflateIO(file, RAW, _WINDOW, True)


_package = globals()
vfs.mount(_Modules(_package["__path__"] + _MODULES), "/turgor")
_package["__path__"] = "/turgor"
