"""The journal: the entry before or the new one, never a mixture and never none, whatever the power and the flash do."""

import pytest

from turgor.app.journal import PARTS, Journal
from turgor.app.ring import CONTENT, PAGE, SECTOR
from turgor_host.sim.flash import HALF, NOTHING, RANDOM, Flash, PowerCut

SECTORS = 3


class Clock:
    us = 0


def save(journal: Journal, content: bytes, boot: int = 1, a: int = 0) -> None:
    journal.content[: len(content)] = content
    journal.begin(len(content), boot, a)
    while journal.saving:
        journal.step()


def newest(flash: Flash) -> tuple[bytes, int, int]:
    journal = Journal(flash, 0, SECTORS)
    return bytes(journal.content[: journal.size]), journal.boot, journal.a


def test_by_hand() -> None:
    """Nothing at first; then the entry that was saved last, of one page for 228 bytes and of two for 229."""
    flash = Flash(Clock(), SECTORS)
    assert newest(flash) == (b"", 0, 0)
    journal = Journal(flash, 0, SECTORS)
    save(journal, b"a" * 228, 3, 70000)
    assert flash.operations == 2
    assert newest(flash) == (b"a" * 228, 3, 70000)
    save(journal, b"b" * 229, 4, 5)
    assert flash.operations == 4
    assert newest(flash) == (b"b" * 229, 4, 5)


@pytest.mark.parametrize("size", [0, 1, CONTENT, CONTENT + 1, PARTS * CONTENT])
def test_sizes(size: int) -> None:
    flash = Flash(Clock(), SECTORS)
    journal = Journal(flash, 0, SECTORS)
    for n in range(30):
        made = bytes([n]) * size
        save(journal, made, n)
        assert newest(flash) == (made, n, 0)


def copied(flash: Flash) -> Flash:
    copy = Flash(Clock(), SECTORS)
    copy.data[:] = flash.data
    return copy


@pytest.mark.parametrize("cut", [NOTHING, HALF, RANDOM])
def test_a_power_cut_at_every_operation(cut: str) -> None:
    """Twice around the ring with entries of up to eleven pages: old or new, through second cuts until there is a newer.

    The entries before that were cut off count too: each of them took place and power.
    """
    flash = Flash(Clock(), SECTORS)
    saved = b"", 0, 0
    cuts = 0
    for n in range(2 * SECTORS * SECTOR // PAGE // 3):
        made = bytes([n]) * (n % PARTS * CONTENT + 100), n + 1, n
        k = 0
        while True:
            cut_off = copied(flash)
            cut_off.cut_at, cut_off.cut, cut_off.seed = k, cut, 64 * n + k + 1
            try:
                save(Journal(cut_off, 0, SECTORS), *made)
            except PowerCut:
                pass
            else:
                break
            found = newest(cut_off)
            assert found == saved or (found == made and cut == RANDOM)
            for again in range(1 + k % 3):
                cut_off.cut_at = cut_off.operations + again
                with pytest.raises(PowerCut):
                    save(Journal(cut_off, 0, SECTORS), b"c" * 4 * CONTENT, 90, 0)
                assert newest(cut_off) == found
            cuts += 1
            k += 1
        flash, saved = cut_off, made
        assert newest(flash) == saved
        if n % 3 == 0:
            # And on with what a cut has left.
            flash.cut_at, flash.cut = flash.operations, cut
            with pytest.raises(PowerCut):
                save(Journal(flash, 0, SECTORS), b"d" * 4 * CONTENT, 91, 0)
            found = newest(flash)
            assert found == saved
    assert cuts > 2 * SECTORS * SECTOR // PAGE


class Dead(Flash):
    """Writes nothing any more from operation `dies_at` on."""

    dies_at = 0

    def program(self, address: int, page: bytes) -> None:
        if self.operations < self.dies_at:
            super().program(address, page)
        else:
            self.operations += 1


@pytest.mark.parametrize("saves", [0, 1, 7, 20])
def test_a_flash_that_takes_nothing_more(saves: int) -> None:
    """It is told, in a few operations, and what was kept stays."""
    flash = Dead(Clock(), SECTORS)
    flash.dies_at = 1 << 30
    journal = Journal(flash, 0, SECTORS)
    kept = b"", 0, 0
    for n in range(saves):
        kept = bytes([n]) * 2 * CONTENT, n, n
        save(journal, *kept)
        assert not journal.failed
    flash.dies_at = begun = flash.operations
    for _ in range(3):
        save(journal, b"x", 99)
        assert journal.failed
        assert newest(flash) == kept
    assert flash.operations - begun <= 6 * SECTORS
    # It has healed, and what was begun in vain gives its room to a new entry.
    flash.dies_at = 1 << 30
    save(journal, b"y", 100)
    assert newest(flash) == (b"y", 100, 0)
