"""How far a boot's log is in a recording: followed while it is written, found again in a file that is gone on with."""

import sqlite3
from collections.abc import Iterator

from turgor.link.records import GAP
from turgor_host.recording.schema import RARE

_BEFORE_ALL = (-(1 << 63), -1)
_OF_BOOT = "FROM records WHERE board = ? AND boot = ?"


class Stored:
    """Below `whole` every record is here or declared as lost; beyond it `ahead` maps what is, seq to the seq after.

    Beyond `highest` there is nothing yet.
    """

    __slots__ = ("ahead", "highest", "whole")

    def __init__(self, whole: int = 0) -> None:
        self.whole = whole
        self.highest = whole - 1
        self.ahead: dict[int, int] = {}

    def take(self, seq: int) -> None:
        """The record `seq` is here now."""
        if seq > self.highest:
            self.highest = seq
        if seq == self.whole:
            self.whole = seq + 1
            if self.whole in self.ahead:
                self._join()
        elif seq > self.whole:
            self.ahead[seq] = seq + 1

    def take_gap(self, seq: int, after: int) -> int:
        """Of the records `seq` to `after` - 1 none will come that is not here; returns how many those are."""
        first = max(seq, self.whole)
        here = sum(max(min(end, after) - max(start, first), 0) for start, end in self.ahead.items())
        self.highest = max(self.highest, after - 1)
        self.ahead[seq] = after
        self._join()
        return max(after - first - here, 0)

    def _join(self) -> None:
        """Move `whole` over all that now lies at it."""
        for seq in sorted(self.ahead):
            if seq > self.whole:
                break
            self.whole = max(self.whole, self.ahead.pop(seq))


def boots_in(database: sqlite3.Connection) -> Iterator[tuple[int, int]]:
    """(board, boot) of every boot that has a record, ascending, whatever the number of records."""
    found = _BEFORE_ALL
    while True:
        found = database.execute(
            "SELECT board, boot FROM records WHERE (board, boot) > (?, ?) ORDER BY board, boot LIMIT 1", found
        ).fetchone()
        if found is None:
            return
        yield found


def stored_in(database: sqlite3.Connection, board: int, boot: int) -> Stored:
    """What is in the file of one boot. It counts the rows before the first hole and looks at those behind it."""
    key = (board, boot)
    end = database.execute(f"SELECT max(seq) + 1 {_OF_BOOT}", key).fetchone()[0]
    if end is None:
        return Stored()
    gaps = database.execute(f"SELECT seq, body {_OF_BOOT} AND kind = {GAP} AND {RARE} ORDER BY seq", key).fetchall()
    stored = Stored(_first_missing(database, key, [(seq, _after(body)) for seq, body in gaps], end))
    rest = database.execute(
        f"SELECT seq, CASE kind WHEN {GAP} THEN body END {_OF_BOOT} AND seq >= ? ORDER BY seq", (*key, stored.whole)
    )
    for seq, body in rest:
        if body is None:
            stored.take(seq)
        else:
            stored.take_gap(seq, _after(body))
    stored.highest = max(stored.highest, end - 1)
    return stored


def _after(gap: bytes) -> int:
    return int.from_bytes(gap[:4], "little") + 1


def _first_missing(database: sqlite3.Connection, key: tuple[int, int], gaps: list[tuple[int, int]], end: int) -> int:
    """The first seq that is neither a row nor in one of `gaps`."""
    at = 0
    for seq, after in gaps:
        if _missing(database, key, at, seq):
            break
        at = max(at, after)
    else:
        seq = end
    low, high = at, seq
    if not _missing(database, key, low, high):
        return max(low, high)
    # As many numbers as rows: none is missing there.
    while high - low > 1:
        middle = (low + high) // 2
        if _missing(database, key, low, middle):
            high = middle
        else:
            low = middle
    return low


def _missing(database: sqlite3.Connection, key: tuple[int, int], low: int, high: int) -> int:
    """How many seq of `low` to `high` - 1 are not there as rows."""
    if high <= low:
        return 0
    rows = database.execute(f"SELECT count(*) {_OF_BOOT} AND seq >= ? AND seq < ?", (*key, low, high)).fetchone()[0]
    return high - low - int(rows)
