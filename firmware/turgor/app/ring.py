"""A ring of pages on raw flash: written one after another, the newest found again after any loss of power.

A page of PAGE bytes is a header, content and a CRC-32 over both; all numbers are little-endian.

header   kind u8, size u8 (of the content), boot u16, serial u32, a u32, b u32, c u32 (as the kind says), reserved u32
content  CONTENT bytes at most, then 0xFF
CRC-32   over all before it

Serials count the pages of a ring from 0 and decide where a page lies: serial modulo the number of pages. A page whose
writing was cut off is none; behind it writing goes on in the next sector. Sectors are erased ahead, so that a page
never waits for one. Of the ring's pages all but those of one sector, which may be erased, can be read.
"""

from struct import pack_into

from turgor.link.frames import CRC_TABLE, crc_append, crc_fits
from turgor.mp import const, micropython, ptr8

PAGE = const(256)
SECTOR = const(4096)
CONTENT_AT = const(24)
CONTENT = const(228)
_PAGES = const(16)
_CRC_AT = const(252)
_HEADER = "<BBHIIII"
# The next sector is erased when no more than this many erased pages are left.
_AHEAD = const(8)


@micropython.viper
def u32(page: ptr8, at: int) -> int:
    """The number at `at`, below 2^30 on a board."""
    return page[at] | page[at + 1] << 8 | page[at + 2] << 16 | page[at + 3] << 24


@micropython.viper
def _blank(page: ptr8, n: int) -> int:
    for i in range(n):
        if page[i] != 0xFF:
            return 0
    return 1


class Ring:
    """Pages in `sectors` sectors of `flash` from `first` on; `page` is where one is made and read.

    `flash` gives `read(address, buffer)`, `program(address, page)` and `erase(sector)`. `head` is the serial of the
    next page.
    """

    def __init__(self, flash, first, sectors):
        self.page = bytearray(PAGE)
        self.pages = sectors * _PAGES
        self.head = 0
        # The serial before which pages are erased or written.
        self._ready = 0
        self._flash = flash
        self._first = first
        self._sectors = sectors
        self._scan()

    def _scan(self):
        """Find the newest page: the first pages of all sectors, then those of its own sector."""
        newest = -1
        for sector in range(self._sectors):
            if self._load(sector * _PAGES):
                serial = u32(self.page, 4)
                if serial > newest and serial % self.pages == sector * _PAGES:
                    newest = serial
        if newest < 0:
            # Nothing, or only what cannot be read: begin with the first sector, erased.
            return
        start = newest
        while newest + 1 < start + _PAGES and self.holds(newest + 1):
            newest += 1
        self.head = newest + 1
        end = start + _PAGES
        for serial in range(self.head, end):
            self._flash.read(self._address(serial), self.page)
            if not _blank(self.page, PAGE):
                # Something was begun here: the sector is not used any further.
                self.head = end
        self._ready = end

    def _address(self, serial):
        return self._first * SECTOR + serial % self.pages * PAGE

    def _load(self, serial):
        self._flash.read(self._address(serial), self.page)
        return crc_fits(self.page, _CRC_AT)

    def holds(self, serial):
        """Whether that page is there; then it is in `page`."""
        return self._load(serial) and u32(self.page, 4) == serial

    def oldest(self):
        """The lowest serial that may still be there."""
        lowest = self._ready - self.pages
        return lowest if lowest > 0 else 0

    def wants_erase(self):
        """Whether a sector should be erased soon."""
        return self._ready - self.head <= _AHEAD

    def can_write(self):
        """Whether the next page lies in an erased sector."""
        return self.head < self._ready

    def erase(self):
        """Erase the sector after those that are ready; what it held is gone."""
        self._flash.erase(self._first + self._ready // _PAGES % self._sectors)
        self._ready += _PAGES

    def write(self, kind, size, boot, a, b, c):
        """Write `page`, whose content is in its place, as the next one; False when it does not read back."""
        page = self.page
        pack_into(_HEADER, page, 0, kind, size, boot, self.head, a, b, c)
        for i in range(20, CONTENT_AT):
            page[i] = 0xFF
        for i in range(CONTENT_AT + size, _CRC_AT):
            page[i] = 0xFF
        crc_append(page, _CRC_AT, CRC_TABLE)
        serial = self.head
        self.head = serial + 1
        self._flash.program(self._address(serial), page)
        return self.holds(serial)
