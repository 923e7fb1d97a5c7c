"""The ring of records against a plain list."""

from random import Random
from struct import unpack_from

import pytest

from turgor.app.log import Log
from turgor.link.records import HEADER, HEADER_SIZE, RECORD_LIMIT

KIND = 7
BOOT = 9


def fetched(log, seq):
    """A record of the log, and that nothing was written beyond it."""
    target = bytearray(b"\xa5" * 300)
    n = log.fetch(seq, target)
    assert target[n:] == b"\xa5" * (300 - n)
    return bytes(target[:n])


def append(log, n, fill, t_s=0):
    """A record of `n` bytes filled with `fill`; returns what the log should hold of it."""
    log.record[HEADER_SIZE:n] = bytes([fill]) * (n - HEADER_SIZE)
    log.append(n, KIND, 3, t_s)
    return bytes(log.record[:n])


def test_by_hand():
    """A ring of 100 bytes holds two records of 40 (each takes one byte more); a third one drops the first."""
    log = Log(100, BOOT)
    records = [append(log, 40, 0x11 * i, t_s=70 + i) for i in range(3)]
    assert unpack_from(HEADER, records[2]) == (KIND, 3, BOOT, 2, 72)
    assert (log.first_seq, log.next_seq, log.dropped) == (1, 3, 1)
    assert log.dropped_s == 70
    assert [fetched(log, seq) for seq in (1, 2)] == records[1:]
    log.commit(BOOT, 1)
    assert (log.first_seq, log.used) == (2, 41)
    assert fetched(log, 2) == records[2]


@pytest.mark.parametrize("size", [250, 251, 499, 700, 1000, 4096])
def test_like_a_plain_list(size):
    random = Random(size)
    log = Log(size, BOOT)
    held = {}
    for step in range(4000):
        if random.random() < 0.75:
            n = random.choice([HEADER_SIZE, 22, 40, 120, 230, RECORD_LIMIT, random.randint(HEADER_SIZE, RECORD_LIMIT)])
            room, before = log.room(), log.first_seq
            seq = log.next_seq
            t_s = random.choice([step, 2**29 + step])
            held[seq] = append(log, n, random.randrange(256), t_s)
            if n + 1 <= room:
                assert log.first_seq == before
            for gone in range(before, log.first_seq):
                newest = unpack_from(HEADER, held.pop(gone))
            if log.first_seq > before:
                assert log.dropped_s == newest[4]
        elif random.random() < 0.5:
            seq = random.randint(log.first_seq - 2, log.next_seq)
            log.commit(BOOT, seq)
            for gone in [s for s in held if s <= seq]:
                del held[gone]
        else:
            log.commit(BOOT + 1, log.next_seq)
        assert list(held) == list(range(log.first_seq, log.next_seq))
        assert log.used == sum(len(record) + 1 for record in held.values())
        for seq in random.sample(list(held), min(3, len(held))):
            assert fetched(log, seq) == held[seq]
    assert log.dropped > 10
    for seq, record in held.items():
        assert fetched(log, seq) == record


def test_no_more_is_dropped_than_has_to_be():
    """Of equal records the ring keeps as many as fit, whatever went through it before."""
    log = Log(1000, BOOT)
    for i in range(500):
        append(log, 99, i % 256)
        assert log.next_seq - log.first_seq >= min(i + 1, 9)
