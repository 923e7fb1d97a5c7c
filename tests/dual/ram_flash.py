"""Flash in memory for the scripts here: it allocates nothing, and works where the virtual board's is not at hand."""

SECTOR = 4096


class RamFlash:
    """`sectors` sectors, `operations` done to them so far, which advance `clock`."""

    def __init__(self, sectors, clock=None, erase_us=45000, program_us=700):
        self.sectors = sectors
        self.clock = clock
        self.operations = 0
        self.data = bytearray(b"\xff" * (SECTOR * sectors))
        self._erase_us = erase_us
        self._program_us = program_us

    def read(self, address, buffer):
        for i in range(len(buffer)):
            buffer[i] = self.data[address + i]

    def program(self, address, page):
        """Bits go from 1 to 0 alone."""
        for i in range(len(page)):
            self.data[address + i] &= page[i]
        self._pass(self._program_us)

    def erase(self, sector):
        for i in range(sector * SECTOR, (sector + 1) * SECTOR):
            self.data[i] = 0xFF
        self._pass(self._erase_us)

    def _pass(self, us):
        self.operations += 1
        if self.clock:
            self.clock.us += us
