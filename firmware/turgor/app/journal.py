"""What a board keeps over a restart: the newest whole entry of a ring of pages, old or new and never half.

An entry is up to PARTS pages of consecutive serials. It counts as soon as its last page is written; until then, and
when one of its pages is lost, the entry before it does. No sector is erased that holds a part of the newest whole one:
where that leaves no room, what was cut off behind it makes some.
"""

from turgor.app.log import copy
from turgor.app.ring import CONTENT, CONTENT_AT, Ring, u32
from turgor.mp import const

ENTRY = const(0x45)
PARTS = const(13)


class Journal:
    """Entries in `sectors` sectors of `flash` from `first` on. `boot`, `a` and `size` are those of the newest entry.

    To save, fill `content` and call `begin`; `step` then does one page or one erase a call, while `saving`. `failed`:
    the flash did not take it in any sector; the entry before it is kept.
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
        # The serial of the first page of the newest whole entry, -1 without any.
        self._kept = -1
        self._end = 0
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
        self._kept = last - parts + 1
        self._end = last + 1
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
        self.failed = False

    def wants_erase(self):
        """Whether a sector should be erased soon, and may be."""
        return self.ring.wants_erase() and self._may_erase()

    def _may_erase(self):
        return self._kept < 0 or self.ring.spares(self._kept)

    def step(self):
        """Write the next page of what is being saved, or erase a sector where none is ready."""
        ring = self.ring
        if not ring.can_write():
            if self._may_erase():
                ring.erase()
            elif not ring.retract(self._end):
                self._give_up()
            return
        at = self._part * CONTENT
        n = min(CONTENT, self.size - at)
        copy(self.content, at, n, ring.page, CONTENT_AT)
        if not ring.write(ENTRY, n, self.boot, self.a, self._parts << 8 | self._part, 0):
            # Begun anew in the next sector.
            self._part = 0
            self._failures += 1
            if self._failures == ring.sectors:
                self._give_up()
            return
        self._part += 1
        if self._part == self._parts:
            self._kept = ring.head - self._parts
            self._end = ring.head
            self._failures = 0
            self.saving = False

    def _give_up(self):
        self._failures = 0
        self.failed = True
        self.saving = False
