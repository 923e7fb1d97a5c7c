"""Records that no host has fetched, packed into pages of flash before the log has to drop them.

All but raw data, snapshots and blind intervals is kept: readings, events, commands, faults, set-up. The log says which
records are old; `step` packs one of them a call. `find` gives the page in which records of a boot are left; the page
that is still being packed counts as the last one.
"""

from turgor.app.log import copy
from turgor.app.ring import CONTENT, CONTENT_AT, Ring, u32
from turgor.link.pages import PagePacker
from turgor.link.records import BLIND, FILTER_STATE, IMPEDANCE, RULE_STATE, SAMPLES
from turgor.mp import const

_PAGE_KIND = const(0x50)
# Raw data, and what is of use beside them alone.
_LEFT_OUT = (SAMPLES, IMPEDANCE, FILTER_STATE, RULE_STATE, BLIND)
# Of a page: seq of its first and last record, board second of its first.
_FIRST_AT = const(8)
_LAST_AT = const(12)
_T_S_AT = const(16)
# So many pages in a row that the flash did not take: it takes none.
_MOST_FAILURES = const(8)


class Spill:
    """Pages in `sectors` sectors of `flash` from `first` on, fed from `log`.

    After `find`: `boot`, `first_seq`, `last_seq` and `t_s` of the page, `size` bytes of its `content` from `content_at`
    on.
    """

    def __init__(self, flash, first, sectors, log):
        self.ring = Ring(flash, first, sectors)
        self.boot = 0
        self.first_seq = 0
        self.last_seq = 0
        self.t_s = 0
        self.content = self.ring.page
        self.content_at = CONTENT_AT
        self.size = 0
        # The flash takes no pages, and nothing is spilled any more.
        self.failed = False
        self._failures = 0
        self._log = log
        self._record = bytearray(256)
        self._waiting = 0
        self._packer = PagePacker(CONTENT)
        self._packer.start()
        # A page that waits to be written.
        self.full = False
        # All pages before this one were delivered.
        self._tail = self.ring.oldest()
        # The page that was found last: the next one is wanted next, as a rule.
        self._found = 0

    def oldest_boot(self):
        """The boot of the oldest page that was not delivered; the present one when there is none."""
        return self.boot if self.find(-1, 0) else self._log.boot

    def wants_step(self):
        """Whether there is anything to pack or to write."""
        return not self.failed and (self.full or self._waiting > 0 or self._log.has_old())

    def wants_erase(self):
        """Whether a sector should be erased ahead of the pages to come; nothing is erased before anything spills."""
        return self._packer.count > 0 and not self.failed and self.ring.wants_erase()

    def step(self):
        """Pack one record that is old; when the page is full, nothing until it is written."""
        if self.full:
            return
        if not self._waiting:
            self._waiting = self._log.fetch_old(self._record)
            kind = self._record[0]
            if kind in _LEFT_OUT:
                self._waiting = 0
            if not self._waiting:
                return
        if self._packer.add(self._record, self._waiting):
            self._waiting = 0
        elif self._packer.count:
            self.full = True
        else:
            # Too long for an empty page: it becomes part of a gap.
            self._waiting = 0

    def write(self):
        """Write the full page."""
        packer = self._packer
        copy(packer.content, 0, packer.size, self.ring.page, CONTENT_AT)
        first, last, t_s = packer.first_seq, packer.last_seq, packer.first_t_s
        if self.ring.write(_PAGE_KIND, packer.size, self._log.boot, first, last, t_s):
            self._failures = 0
            packer.start()
            self.full = False
        else:
            # Once more, in the next sector.
            self._failures += 1
            self.failed = self._failures == _MOST_FAILURES

    def erase(self):
        self.ring.erase()
        oldest = self.ring.oldest()
        if self._tail < oldest:
            self._tail = oldest

    def commit(self, boot, seq):
        """A host has stored everything up to record `seq` of `boot`."""
        if boot == self._log.boot and self._packer.count and self._packer.last_seq <= seq:
            self._packer.start()
            self.full = False
        self._tail = self._search(boot, seq + 1)

    def find(self, boot, seq):
        """Take up the first page with a record of `boot` from `seq` on, or else of a later boot; False without any."""
        ring = self.ring
        serial = self._search(boot, seq)
        while serial < ring.head:
            if ring.holds(serial):
                self._found = serial
                page = ring.page
                self.boot = page[2] | page[3] << 8
                self.first_seq = u32(page, _FIRST_AT)
                self.last_seq = u32(page, _LAST_AT)
                self.t_s = u32(page, _T_S_AT)
                self.content = page
                self.content_at = CONTENT_AT
                self.size = page[1]
                return True
            serial += 1
        return self._take_packed(boot, seq)

    def _search(self, boot, seq):
        """The serial before which all pages come before record `seq` of `boot`, by their headers alone."""
        ring = self.ring
        low = self._tail
        high = ring.head
        guess = self._found
        while low < high:
            middle = (low + high) >> 1
            if guess <= self._found + 1:
                middle = min(max(guess, low), high - 1)
                guess += 1
            # A page that is none says nothing: one of those after it does.
            at = middle
            while at < high and not ring.peek(at):
                at += 1
            if at < high and self._is_before(boot, seq):
                low = at + 1
            else:
                high = middle
        return low

    def _take_packed(self, boot, seq):
        packer = self._packer
        now = self._log.boot
        if not packer.count or boot > now or (boot == now and packer.last_seq < seq):
            return False
        self.boot = now
        self.first_seq = packer.first_seq
        self.last_seq = packer.last_seq
        self.t_s = packer.first_t_s
        self.content = packer.content
        self.content_at = 0
        self.size = packer.size
        return True

    def _is_before(self, boot, seq):
        """Whether all of the page whose header is at hand comes before record `seq` of `boot`."""
        header = self.ring.header
        of = header[2] | header[3] << 8
        return of < boot or (of == boot and u32(header, _LAST_AT) < seq)
