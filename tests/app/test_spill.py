"""The spill: what the log gives up is on flash, in order, found by boot and number, and let go when it was delivered.

A power cut at every operation instead of every fourth: TURGOR_FULL=1 pytest tests/app/test_spill.py
"""

import os
from struct import pack_into

import pytest

from turgor.app.log import Log
from turgor.app.ring import PAGE, SECTOR
from turgor.app.spill import Spill
from turgor.link.page_reader import unpack_page
from turgor.link.records import BLIND, EVENT, HEADER_SIZE, NOTICE, SAMPLES
from turgor_host.sim.flash import HALF, NOTHING, RANDOM, Flash, PowerCut

EVERY = 1 if os.environ.get("TURGOR_FULL") else 4
SECTORS = 4
PAGES = SECTORS * SECTOR // PAGE
LOG_BYTES = 600


class Clock:
    us = 0


class Feed:
    """A log and its spill; each record is logged and spilled with no delay, unless a flash says no."""

    def __init__(self, flash: Flash, boot: int = 1) -> None:
        self.log = Log(LOG_BYTES, boot)
        self.spill = Spill(flash, 0, SECTORS, self.log)
        self.truth: dict[tuple[int, int], bytes] = {}

    def event(self, n: int, kind: int = EVENT) -> None:
        log = self.log
        pack_into("<BBBBii", log.record, HEADER_SIZE, n & 1, 2, 1, 0, n * 7919, n * 104729 % 65536)
        seq = log.next_seq
        log.append(HEADER_SIZE + 12, kind, n % 6, 10 + n // 3)
        self.truth[log.boot, seq] = bytes(log.record[: HEADER_SIZE + 12])
        self.work()

    def work(self) -> None:
        spill = self.spill
        while spill.wants_step():
            if not spill.full:
                spill.step()
            elif spill.ring.can_write():
                spill.write()
            else:
                spill.erase()

    def found(self, boot: int = -1, seq: int = 0) -> dict[tuple[int, int], bytes]:
        """All records that `find` leads to from there on, each once and in order."""
        spill = self.spill
        records: dict[tuple[int, int], bytes] = {}
        while spill.find(boot, seq):
            assert (spill.boot, spill.last_seq) >= (boot, seq)
            content = bytes(spill.content[spill.content_at : spill.content_at + spill.size])
            for record in unpack_page(content, spill.size, spill.boot, spill.first_seq, spill.t_s):
                key = spill.boot, int.from_bytes(record[4:8], "little")
                assert key > max(records, default=(-1, 0))
                records[key] = record
            assert max(records) == (spill.boot, spill.last_seq)
            boot, seq = spill.boot, spill.last_seq + 1
        return records


def test_by_hand() -> None:
    """Of 600 bytes of log 375 stay young: 15 events of 25 bytes. Of 20 the first 5 are packed, and found by number."""
    feed = Feed(Flash(Clock(), SECTORS))
    for n in range(15):
        feed.event(n)
    assert feed.found() == {}
    for n in range(15, 20):
        feed.event(n)
    assert sorted(feed.found()) == [(1, n) for n in range(5)]
    assert feed.found() == {key: feed.truth[key] for key in feed.found()}
    assert sorted(feed.found(1, 3)) == [(1, n) for n in range(5)]
    assert feed.found(1, 5) == feed.found(2, 0) == {}


def test_nothing_is_written_while_a_host_keeps_up() -> None:
    flash = Flash(Clock(), SECTORS)
    feed = Feed(flash)
    for n in range(2000):
        feed.event(n)
        feed.log.commit(1, n - 5)
    assert flash.operations == 0
    assert not feed.spill.wants_erase()
    assert feed.found() == {}


def test_raw_data_are_left_out() -> None:
    feed = Feed(Flash(Clock(), SECTORS))
    for n in range(400):
        feed.event(n, (EVENT, SAMPLES, BLIND, NOTICE)[n % 4])
    assert {key[1] % 4 for key in feed.found()} == {0, 3}
    assert sorted(feed.found()) == [(1, n) for n in range(400 - 15) if n % 4 in (0, 3)]


def test_it_wraps_over_several_boots() -> None:
    """Three times around, a boot every 700 events: the latest three sectors are there, whole and in order."""
    flash = Flash(Clock(), SECTORS)
    truth: dict[tuple[int, int], bytes] = {}
    written = 0
    boot = 0
    while written < 3 * PAGES:
        boot += 1
        feed = Feed(flash, boot)
        feed.truth = truth
        before = feed.spill.ring.head
        for n in range(700):
            feed.event(n)
        written += feed.spill.ring.head - before
        found = feed.found()
        assert found == {key: truth[key] for key in found}
        kept = [key for key in truth if min(found) <= key]
        # Of each boot the last events were in RAM alone.
        lost = sorted(set(kept) - set(found))
        assert all(seq >= 700 - 15 - 40 for _, seq in lost)
        assert feed.spill.ring.head - feed.spill.ring.oldest() > PAGES - 32
        for key in list(found)[::97]:
            assert min(feed.found(*key)) <= key
            assert key in feed.found(*key)
    assert boot > 3


def test_what_was_delivered_is_let_go() -> None:
    flash = Flash(Clock(), SECTORS)
    feed = Feed(flash)
    for n in range(600):
        feed.event(n)
    again = Feed(flash, 2)
    for n in range(600):
        again.event(n)
    whole = again.found()
    assert again.spill.oldest_boot() == 1
    delivered = (0, 0)
    for boot, seq in ((1, 0), (1, 100), (1, 90), (1, 599), (2, 50), (1, 599), (2, 580)):
        again.spill.commit(boot, seq)
        delivered = max(delivered, (boot, seq))
        left = again.found()
        # By whole pages: nothing that is not delivered is missing.
        assert {key for key in whole if key > delivered} <= set(left)
        assert left == {key: whole[key] for key in left}
    assert min(left) > (2, 500)
    assert again.spill.oldest_boot() == 2
    again.spill.commit(2, 599)
    assert again.found() == {}
    assert again.spill.oldest_boot() == 2


@pytest.mark.parametrize("cut", [NOTHING, HALF, RANDOM])
def test_a_power_cut_at_every_operation(cut: str) -> None:
    """What was on pages before is found by the next boot, which goes on behind it."""
    k = 0
    while True:
        flash = Flash(Clock(), SECTORS)
        flash.cut_at, flash.cut, flash.seed = k, cut, k + 1
        feed = Feed(flash)
        before: dict[tuple[int, int], bytes] = {}
        oldest = 0
        try:
            for n in range(1600):
                if feed.spill.full:
                    before, oldest = feed.found(), feed.spill.ring.oldest()
                feed.event(n)
        except PowerCut:
            pass
        else:
            break
        written = {key for key in before if key[1] <= feed.spill.last_seq}
        again = Feed(flash, 2)
        found = again.found()
        assert found == {key: feed.truth[key] for key in found}
        if not oldest:
            missing = written - set(found)
            assert all(seq > max(found, default=(1, -1))[1] for _, seq in missing)
        for n in range(120):
            again.event(n)
        assert sorted(key for key in again.found() if key[0] == 2) == [(2, n) for n in range(120 - 15)]
        k += EVERY
    assert k > PAGES


class Dead(Flash):
    def program(self, address: int, page: bytes) -> None:
        self.operations += 1


def test_a_flash_that_takes_nothing() -> None:
    """After eight pages nothing is tried any more, and the log goes on."""
    flash = Dead(Clock(), SECTORS)
    feed = Feed(flash)
    for n in range(3000):
        feed.event(n)
    assert feed.spill.failed
    assert flash.operations == 16
    assert not feed.spill.wants_erase()
    assert feed.log.next_seq == 3000
