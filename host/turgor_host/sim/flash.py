"""NOR flash of the virtual board: erased to ones, written to zeros, the board stopped meanwhile."""

PAGE = 256
SECTOR = 4096
# A 2 MB board, divided as the README says: 1.1 MB, of which 13 sectors are no spill.
SECTORS = 280
ERASE_US = 45000
PROGRAM_US = 700


# What a power cut leaves of its operation: nothing of it was done, the first half, or any bits at random.
NOTHING = "nothing"
HALF = "half"
RANDOM = "random"


class PowerCut(Exception):
    """The power went in the middle of an operation."""


class Flash:
    """`sectors` sectors; operations advance `clock`, and the `pins` (`Drdy`) learn that interrupts were off.

    With `path` the content is that of a file, which outlives the board. `cut_at` is the number of the operation, from
    0 on, at which the power goes; `cut` says what is left of it (NOTHING, HALF, RANDOM, by `seed`).
    """

    def __init__(self, clock, sectors=SECTORS, path=None, erase_us=ERASE_US, program_us=PROGRAM_US):
        self.sectors = sectors
        self.pins = []
        self.operations = 0
        self.cut_at = -1
        self.cut = NOTHING
        self.seed = 1
        self.erase_us = erase_us
        self.program_us = program_us
        self.clock = clock
        self._file = None
        # MicroPython multiplies bytes, not bytearrays.
        self.data = bytearray(b"\xff" * (SECTOR * sectors))
        if path:
            self._open(path)

    def _open(self, path):
        try:
            with open(path, "rb") as file:
                data = file.read()
        except OSError:
            data = b""
        if len(data) != len(self.data):
            data = self.data
            with open(path, "wb") as file:
                file.write(data)
        self.data = bytearray(data)
        self._file = open(path, "r+b")  # noqa: SIM115  open as long as the board runs

    def close(self):
        if self._file:
            self._file.close()

    def read(self, address, buffer):
        n = len(buffer)
        buffer[:] = memoryview(self.data)[address : address + n]

    def program(self, address, page):
        """Write a page: bits go from 1 to 0 alone."""
        if len(page) != PAGE or address % PAGE:
            raise ValueError("a page is 256 bytes at a multiple of 256")
        n = self._begin(PAGE)
        data = self.data
        random = self._is_random()
        for i in range(n):
            data[address + i] &= page[i] | self._bits() if random else page[i]
        self._end(address, PAGE, self.program_us)

    def erase(self, sector):
        n = self._begin(SECTOR)
        address = sector * SECTOR
        if self._is_random():
            for i in range(address, address + n):
                self.data[i] |= self._bits()
        else:
            self.data[address : address + n] = b"\xff" * n
        self._end(address, SECTOR, self.erase_us)

    def _begin(self, n):
        """How many of `n` bytes this operation touches."""
        number = self.operations
        self.operations += 1
        if number != self.cut_at:
            return n
        if self.cut == NOTHING:
            raise PowerCut()
        return n // 2 if self.cut == HALF else n

    def _is_cut(self):
        return self.operations - 1 == self.cut_at

    def _is_random(self):
        return self._is_cut() and self.cut == RANDOM

    def _bits(self):
        self.seed = (self.seed * 1103515245 + 12345) & 0x7FFFFFFF
        return self.seed >> 16 & 0xFF

    def _end(self, address, n, duration_us):
        if self._file:
            self._file.seek(address)
            self._file.write(memoryview(self.data)[address : address + n])
            self._file.flush()
        if self._is_cut():
            raise PowerCut()
        start_us = self.clock.us
        self.clock.us = start_us + duration_us
        for pin in self.pins:
            pin.blind(start_us, start_us + duration_us)
