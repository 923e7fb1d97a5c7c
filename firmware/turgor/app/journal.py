"""What a board keeps over a restart: the newest whole entry of a ring of pages, old or new and never half.

An entry is up to PARTS pages of consecutive serials. It counts as soon as its last page is written; until then, and
when one of its pages is lost, the entry before it does.
"""

from turgor.app.log import copy
from turgor.app.ring import CONTENT, CONTENT_AT, Ring, u32
from turgor.mp import const

ENTRY = const(0x45)
PARTS = const(6)
_MOST_FAILURES = const(8)


class Journal:
    """Entries in `sectors` sectors of `flash` from `first` on. `boot`, `a` and `size` are those of the newest entry.

    To save, fill `content` and call `begin`; `step` then does one page or one erase a call, while `saving`. `failed`:
    the flash did not take it.
    """

    def __init__(self, flash, first, sectors):
        self.ring = Ring(flash, first, sectors)
        self.content = bytearray(PARTS * CONTENT)
        self.size = 0
        self.boot = 0
        self.a = 0
        self.saving = False
        self.failed = False
        self._part = 0
        self._parts = 0
        self._failures = 0
        self._newest()

    def _newest(self):
        """Load the newest whole entry; without any, `size` is 0."""
        ring = self.ring
        serial = ring.head - 1
        oldest = ring.oldest()
        while serial >= oldest:
            if ring.holds(serial) and ring.page[0] == ENTRY and self._load(serial):
                return
            serial -= 1

    def _load(self, last):
        """Load the entry whose last page is `last`, if that is its last page and all the others are there."""
        ring = self.ring
        word = u32(ring.page, 12)
        part = word & 0xFF
        parts = word >> 8
        if part + 1 != parts or parts > PARTS:
            return False
        size = 0
        for i in range(parts):
            serial = last - parts + 1 + i
            if not ring.holds(serial) or u32(ring.page, 12) != parts << 8 | i:
                return False
            copy(ring.page, CONTENT_AT, ring.page[1], self.content, size)
            size += ring.page[1]
        self.size = size
        self.boot = ring.page[2] | ring.page[3] << 8
        self.a = u32(ring.page, 8)
        return True

    def begin(self, size, boot, a):
        """Save the first `size` bytes of `content`, in steps; what was being saved is given up."""
        self.size = size
        self.boot = boot
        self.a = a
        self._part = 0
        self._parts = max(1, (size + CONTENT - 1) // CONTENT)
        self.saving = True

    def step(self):
        """Write the next page of what is being saved, or erase a sector where none is ready."""
        ring = self.ring
        if not ring.can_write():
            ring.erase()
            return
        at = self._part * CONTENT
        n = min(CONTENT, self.size - at)
        copy(self.content, at, n, ring.page, CONTENT_AT)
        if not ring.write(ENTRY, n, self.boot, self.a, self._parts << 8 | self._part, 0):
            # Begun anew behind the page that failed; a flash that goes on failing is given up.
            self._part = 0
            self._failures += 1
            self.failed = self._failures == _MOST_FAILURES
            self.saving = not self.failed
            return
        self._part += 1
        if self._part == self._parts:
            self._failures = 0
            self.saving = False
