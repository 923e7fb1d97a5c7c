"""A board's log as the host gets it: the same bytes for the same number, whoever makes them."""

from collections.abc import Iterator
from struct import pack as struct_pack

from turgor.link.records import BOOT, COMMAND, EVENT, GAP, HEADER, SAMPLES, pack

BOARD = 0xF000000000000002
NUMBER = 3
# Every so many records stand a few that the board had to drop.
_GAP_EVERY = 100
_GAP_LAST = 7


def record(seq: int) -> bytes:
    """The record `seq`, or the gap in whose place it would stand."""
    if seq == 0:
        return pack(BOOT, 255, NUMBER, 0, 0, (1, 1, 0, 0, BOARD), b"runtime=none")
    place = seq % _GAP_EVERY
    if 0 < place <= _GAP_LAST and seq > _GAP_EVERY:
        return pack(GAP, 255, NUMBER, seq, seq // 20, (seq - place + _GAP_LAST,))
    if seq % 20 == 9:
        return pack(EVENT, 1, NUMBER, seq, seq // 20, (1, 2, 1, 0, seq, 30))
    if seq % 20 == 11:
        return pack(COMMAND, 255, NUMBER, seq, seq // 20, (seq, 16, 0, 0, seq * 7, 0, 0, 0, 0))
    # What is in it is nothing to the writer.
    body = (seq * 2654435761 % (1 << 32)).to_bytes(4, "little") * (5 + seq * 7919 % 44)
    return struct_pack(HEADER, SAMPLES, seq % 4, NUMBER, seq, seq // 20) + body


def after(seq: int) -> int:
    """The seq that comes after `seq` in the log."""
    place = seq % _GAP_EVERY
    return seq - place + _GAP_LAST + 1 if 0 < place <= _GAP_LAST and seq > _GAP_EVERY else seq + 1


def records(start: int, stop: int) -> Iterator[bytes]:
    """The log from the record that comes at `start` to the one before `stop`."""
    while start < stop:
        yield record(start)
        start = after(start)


def seqs(stop: int) -> list[int]:
    """The numbers of all records before `stop`."""
    found = []
    seq = 0
    while seq < stop:
        found.append(seq)
        seq = after(seq)
    return found
