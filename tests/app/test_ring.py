"""The ring of pages: what was written whole is found again, whatever happened to the power in between.

A thousand boots for each kind of cut: TURGOR_FULL=1 pytest tests/app/test_ring.py
"""

import os
from random import Random
from typing import Any

import pytest

from turgor.app.ring import CONTENT, CONTENT_AT, PAGE, SECTOR, Ring, u32
from turgor_host.sim.flash import HALF, NOTHING, RANDOM, Flash, PowerCut

BOOTS = 1000 if os.environ.get("TURGOR_FULL") else 40
KIND = 0x77
PAGES = SECTOR // PAGE


class Clock:
    us = 0


def write(ring: Ring, content: bytes, boot: int = 1, a: int = 0) -> bool:
    while not ring.can_write():
        ring.erase()
    ring.page[CONTENT_AT : CONTENT_AT + len(content)] = content
    return bool(ring.write(KIND, len(content), boot, a, 0, 0))


def content(ring: Ring, serial: int) -> bytes:
    assert ring.holds(serial)
    return bytes(ring.page[CONTENT_AT : CONTENT_AT + ring.page[1]])


def test_by_hand() -> None:
    """The first page on a new flash of two sectors lies at its start; a second ring finds it and goes on behind it."""
    flash = Flash(Clock(), 2)
    ring = Ring(flash, 0, 2)
    assert (ring.head, ring.oldest(), ring.can_write(), ring.wants_erase()) == (0, 0, False, True)
    assert write(ring, b"abc", boot=0x0102, a=5)
    head = bytes([KIND, 3, 0x02, 0x01, 0, 0, 0, 0, 5, 0, 0, 0])
    assert flash.data[:12] == head
    assert flash.data[CONTENT_AT : CONTENT_AT + 4] == b"abc\xff"
    again = Ring(flash, 0, 2)
    assert (again.head, content(again, 0)) == (1, b"abc")
    assert not again.holds(1)
    assert not again.peek(1)


def test_it_wraps_and_keeps_all_but_one_sector() -> None:
    """Six times around three sectors: all of the last two sectors are there, by a new ring too."""
    flash = Flash(Clock(), 5)
    ring = Ring(flash, 1, 3)
    for n in range(6 * 3 * PAGES):
        assert write(ring, n.to_bytes(4, "little"))
        kept = range(max(0, n + 1 - 2 * PAGES), n + 1)
        if n % 11:
            continue
        for place in (ring, Ring(flash, 1, 3)):
            assert place.head == n + 1
            assert place.oldest() <= kept[0]
            assert [content(place, serial) for serial in kept] == [serial.to_bytes(4, "little") for serial in kept]
    assert flash.data[:SECTOR] == flash.data[4 * SECTOR :] == b"\xff" * SECTOR


def test_a_size_of_nothing_and_of_all() -> None:
    flash = Flash(Clock(), 2)
    ring = Ring(flash, 0, 2)
    for size in (0, 1, CONTENT):
        assert write(ring, bytes(size))
        assert content(ring, ring.head - 1) == bytes(size)


@pytest.mark.parametrize("cut", [NOTHING, HALF, RANDOM])
@pytest.mark.parametrize("sectors", [2, 3, 5])
def test_power_cuts_at_random(cut: str, sectors: int) -> None:
    """Many boots, each cut after a few operations: serials grow, and what was whole is there while it may be."""
    random = Random(sectors)
    flash = Flash(Clock(), sectors)
    written: dict[int, bytes] = {}
    for boot in range(BOOTS):
        flash.cut, flash.seed = cut, boot + 1
        flash.cut_at = flash.operations + random.choice([0, 1, 2, 3, 10, 17, 40])
        ring = Ring(flash, 0, sectors)
        assert ring.head > max(written, default=-1)
        check(ring, written)
        try:
            while True:
                made = random.randbytes(random.randint(0, CONTENT))
                assert write(ring, made, boot)
                written[ring.head - 1] = made
                check(ring, {ring.head - 1: made})
        except PowerCut:
            pass
        # Behind a power cut a sector may begin anew.
        lowest = max(written, default=0) - (sectors + 1) * PAGES
        written = {serial: made for serial, made in written.items() if serial >= lowest}


def check(ring: Ring, written: dict[int, bytes]) -> None:
    """Nothing else is there than what was written; all of it is, but for one sector's and that of the next erase."""
    for serial, made in written.items():
        if serial >= ring.oldest() + PAGES or ring.holds(serial):
            assert content(ring, serial) == made


class Worn(Flash):
    """Pages that do not take all of what is written: a bit of each stays as it was."""

    def __init__(self, clock: Any, sectors: int, bad: set[int]) -> None:
        super().__init__(clock, sectors)
        self.bad = bad

    def program(self, address: int, page: bytes) -> None:
        super().program(address, page)
        if address // PAGE in self.bad:
            self.data[address + 30] ^= 4


@pytest.mark.parametrize("bad", [{0}, {5}, {16}, {15, 16}, {16, 17, 18}, set(range(16, 32))])
def test_a_page_that_does_not_read_back(bad: set[int]) -> None:
    """It is none: the same content goes into the next sector, and no boot overlooks what stands behind it."""
    flash = Worn(Clock(), 5, bad)
    ring = Ring(flash, 0, 5)
    serials = []
    for n in range(40):
        while not write(ring, bytes([n])):
            pass
        serials.append(ring.head - 1)
        if n % 4 == 0:
            again = Ring(flash, 0, 5)
            assert again.head == ring.head
            assert [content(again, serial) for serial in serials] == [bytes([i]) for i in range(n + 1)]
    assert not bad & set(serials)


def test_bits_that_fall_later_are_seen() -> None:
    """Each bit of a page that was written: when it is lost, so is the page, and only that one."""
    flash = Flash(Clock(), 2)
    ring = Ring(flash, 0, 2)
    for n in range(3):
        assert write(ring, bytes([n] * 9))
    for bit in range(0, 8 * PAGE, 3):
        flash.data[PAGE + bit // 8] ^= 1 << bit % 8
        assert not ring.holds(1)
        assert ring.holds(2)
        assert u32(ring.page, 4) == 2
        flash.data[PAGE + bit // 8] ^= 1 << bit % 8
    assert ring.holds(1)
