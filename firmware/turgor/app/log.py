"""The log: a ring of records in RAM, each with the boot number and the next sequence number.

`record` is where the next record is written (header first); `append` gives it its place. Records leave the ring when
the host has committed them, or, oldest first, when there is no room: then the wire finds the hole and declares it.
"""

from struct import pack_into

from turgor.link.records import HEADER, RECORD_LIMIT
from turgor.mp import const, micropython, ptr8

# Byte 0 of an entry is its record's length; this one says that the ring goes on at its start.
_WRAP = const(0)
# Eighths of the log that are young: what is older, and nobody has fetched, is spilled.
_YOUNG = const(5)


@micropython.viper
def copy(source: ptr8, at: int, n: int, target: ptr8, to: int):
    """Copy `n` bytes of `source` from `at` on to where `to` is in `target`."""
    i = 0
    while i < n:
        target[to + i] = source[at + i]
        i += 1


@micropython.viper
def _walk(ring: ptr8, at: int, entries: int, size: int) -> int:
    """The offset of the entry `entries` after the one at `at`."""
    while entries > 0:
        if at >= size or ring[at] == 0:
            at = 0
        at += ring[at] + 1
        entries -= 1
    return at


@micropython.viper
def _span(ring: ptr8, at: int, entries: int, size: int) -> int:
    """The bytes of `entries` entries from the one at `at` on."""
    total = 0
    while entries > 0:
        if at >= size or ring[at] == 0:
            at = 0
        n = ring[at] + 1
        at += n
        total += n
        entries -= 1
    return total


class Log:
    """A ring of `size` bytes for boot number `boot`."""

    def __init__(self, size, boot):
        self.boot = boot
        self.record = bytearray(RECORD_LIMIT + 7)
        self._ring = bytearray(size)
        self._size = size
        self._tail = 0
        self._head = 0
        self.used = 0
        self.first_seq = 0
        self.next_seq = 0
        self.dropped = 0
        # Board time of the newest record that left, dropped or committed, for a gap that stands for it.
        self.dropped_s = 0
        # The next record to be spilled, where it lies, and the bytes from there to the head.
        self._old_seq = 0
        self._old_at = 0
        self._fresh = 0

    def append(self, n, kind, channel, t_s):
        """Give the record of `n` bytes in `record` (whose header is written here) the next sequence number."""
        pack_into(HEADER, self.record, 0, kind, channel, self.boot, self.next_seq, t_s)
        need = n + 1
        while True:
            if self.used and self._head <= self._tail:
                if self._head + need <= self._tail:
                    break
                self._drop()
            elif self._head + need <= self._size:
                break
            else:
                # Not enough room before the end: go on at the start.
                if self._head < self._size:
                    self._ring[self._head] = _WRAP
                self._head = 0
        self._ring[self._head] = n
        copy(self.record, 0, n, self._ring, self._head + 1)
        self._head += need
        self.used += need
        self._fresh += need
        self.next_seq += 1

    def _at(self, offset):
        """`offset`, moved to the start where the ring wraps there."""
        return 0 if offset >= self._size or self._ring[offset] == _WRAP else offset

    def _drop(self):
        self.dropped += 1
        self._free(1)

    def _free(self, count):
        """Let the oldest `count` records go, 1 or more."""
        ring = self._ring
        size = self._size
        self.used -= _span(ring, self._tail, count, size)
        at = self._at(_walk(ring, self._tail, count - 1, size)) + 1
        self.dropped_s = ring[at + 8] | ring[at + 9] << 8 | ring[at + 10] << 16 | ring[at + 11] << 24
        self._tail = at + ring[at - 1]
        self.first_seq += count
        count = self.first_seq - self._old_seq
        if count > 0:
            self._fresh -= _span(ring, self._old_at, count, size)
            self._old_seq = self.first_seq
            self._old_at = self._tail
        if not self.used:
            self._tail = 0
            self._head = 0
            self._old_at = 0

    def has_old(self):
        """Whether a record that was not given by `fetch_old` has to leave soon: a share of the log is younger."""
        return self._fresh > self._size * _YOUNG >> 3

    def fetch_old(self, target):
        """Copy the oldest record that was not given yet into `target`; its length, or 0 while `has_old` is false."""
        if not self.has_old():
            return 0
        at = self._at(self._old_at)
        n = self._ring[at]
        copy(self._ring, at + 1, n, target, 0)
        self._old_seq += 1
        self._old_at = at + 1 + n
        self._fresh -= n + 1
        return n

    def commit(self, boot, seq):
        """Free the records up to `seq`, which the host has stored for good."""
        count = min(seq + 1, self.next_seq) - self.first_seq
        if boot == self.boot and count > 0:
            self._free(count)

    def fetch(self, seq, target):
        """Copy the record `seq` (first_seq <= seq < next_seq) into `target`; returns its length."""
        at = self._at(_walk(self._ring, self._tail, seq - self.first_seq, self._size))
        n = self._ring[at]
        copy(self._ring, at + 1, n, target, 0)
        return n

    def room(self):
        """Bytes that certainly fit before anything is dropped."""
        return self._size - self.used - 2 * RECORD_LIMIT
