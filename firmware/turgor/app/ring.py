"""A ring of pages on raw flash: written one after another, the newest found again after any loss of power.

A page of PAGE bytes is a header, content and a CRC-32 over both; all numbers are little-endian.

header   kind u8, size u8 (of the content), boot u16, serial u32, a u32, b u32, c u32 (as the kind says), their CRC-32
content  CONTENT bytes at most, then 0xFF
CRC-32   over all before it

Serials grow from 0 page by page and decide where a page lies: serial modulo the number of pages. A page that was cut
off, or did not read back, is none: writing goes on in the next sector, whose first page tells a boot that it was. So
the serials of the pages that are there have holes, of less than a sector each. Sectors are erased ahead, so that a page
seldom waits for one. Of the ring's pages all but those of one sector, which may be erased, can be read.
"""

from struct import pack_into

from turgor.link.frames import CRC_TABLE, crc_append, crc_fits
from turgor.mp import const, micropython, ptr8

PAGE = const(256)
SECTOR = const(4096)
CONTENT_AT = const(24)
CONTENT = const(228)
_PAGES = const(16)
_HEAD_CRC_AT = const(20)
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


@micropython.viper
def _clear(page: ptr8, at: int, end: int):
    while at < end:
        page[at] = 0xFF
        at += 1


class Ring:
    """Pages in `sectors` sectors of `flash` from `first` on.

    `flash` gives `read(address, buffer)`, `program(address, page)` and `erase(sector)`. `head` is the serial of the
    next page. `page` is where one is made, and read by `holds`; `header` is where one's header is read by `peek`.
    """

    def __init__(self, flash, first, sectors):
        self.page = bytearray(PAGE)
        self.header = bytearray(CONTENT_AT)
        self.pages = sectors * _PAGES
        self.head = 0
        # The serial before which pages are erased or written; the first of a sector.
        self._ready = 0
        self._flash = flash
        self._first = first
        self.sectors = sectors
        self._scan()

    def _scan(self):
        """Find the newest page: the first pages of all sectors, then those of its own sector."""
        start = -1
        for sector in range(self.sectors):
            if self._read_header(sector * _PAGES):
                serial = u32(self.header, 4)
                if serial > start and serial % self.pages == sector * _PAGES:
                    start = serial
        if start < 0:
            # Nothing, or only what cannot be read: begin with the first sector, erased.
            return
        end = start + _PAGES
        head = start + 1
        while head < end and self.peek(head):
            head += 1
        for serial in range(head, end):
            self._flash.read(self._address(serial), self.page)
            if not _blank(self.page, PAGE):
                # Something was begun here: the sector is not used any further.
                head = end
        self.head = head
        self._ready = end

    def _address(self, serial):
        return self._first * SECTOR + serial % self.pages * PAGE

    def _read_header(self, serial):
        self._flash.read(self._address(serial), self.header)
        return crc_fits(self.header, _HEAD_CRC_AT)

    def peek(self, serial):
        """Whether that page was begun; then its header is in `header`. Its content may have been cut off."""
        return self._read_header(serial) and u32(self.header, 4) == serial

    def holds(self, serial):
        """Whether that page is there, all of it; then it is in `page`."""
        self._flash.read(self._address(serial), self.page)
        return crc_fits(self.page, _CRC_AT) and u32(self.page, 4) == serial

    def oldest(self):
        """The lowest serial that may still be there."""
        return max(0, self._ready - self.pages)

    def sector(self):
        """The sector of the flash in which the next page lies."""
        return self._first + self.head // _PAGES % self.sectors

    def wants_erase(self):
        """Whether a sector should be erased soon."""
        return self._ready - self.head <= _AHEAD

    def can_write(self):
        """Whether the next page lies in an erased sector."""
        return self.head < self._ready

    def spares(self, serial):
        """Whether the page `serial` will outlive the next `erase`."""
        return serial >= self._ready + _PAGES - self.pages

    def erase(self):
        """Erase the sector after those that are ready; what it held is gone."""
        self._flash.erase(self._first + self._ready // _PAGES % self.sectors)
        self._ready += _PAGES

    def retract(self, end):
        """Erase the last sector that was begun, if no page before `end` is in it, and go back to it; whether that was
        so."""
        start = self._ready - _PAGES
        if start < end:
            return False
        self.head = start
        self._flash.erase(self._first + start // _PAGES % self.sectors)
        return True

    def write(self, kind, size, boot, a, b, c):
        """Write `page`, whose content is in its place, as the next one; False when it does not read back."""
        page = self.page
        serial = self.head
        pack_into(_HEADER, page, 0, kind, size, boot, serial, a, b, c)
        crc_append(page, _HEAD_CRC_AT, CRC_TABLE)
        _clear(page, CONTENT_AT + size, _CRC_AT)
        crc_append(page, _CRC_AT, CRC_TABLE)
        self._flash.program(self._address(serial), page)
        if self.holds(serial):
            self.head = serial + 1
            return True
        self.head = serial - serial % _PAGES + _PAGES
        return False
