"""The flash model: bits fall when written and rise when erased, time passes, and a power cut leaves what it may."""

from contextlib import closing
from pathlib import Path

import pytest

from turgor_host.sim.flash import HALF, NOTHING, PAGE, RANDOM, SECTOR, Flash, PowerCut


class Clock:
    us = 0


class Pin:
    def __init__(self) -> None:
        self.blinds: list[tuple[int, int]] = []

    def blind(self, start_us: int, end_us: int) -> None:
        self.blinds.append((start_us, end_us))


def test_by_hand() -> None:
    """0x0F and then 0x3C into one byte leave 0x0C; an erase makes it 0xFF again, and 45.7 ms have passed after both."""
    clock, pin = Clock(), Pin()
    flash = Flash(clock, sectors=2)
    flash.pins.append(pin)
    flash.program(SECTOR + PAGE, bytes([0x0F] * PAGE))
    flash.data[SECTOR + PAGE] &= 0x3C
    assert flash.data[SECTOR + PAGE] == 0x0C
    flash.erase(1)
    assert flash.data == b"\xff" * 2 * SECTOR
    assert clock.us == 45_700
    assert pin.blinds == [(0, 700), (700, 45_700)]


@pytest.mark.parametrize("cut", [NOTHING, HALF, RANDOM])
@pytest.mark.parametrize("operation", ["program", "erase"])
def test_what_a_power_cut_leaves(cut: str, operation: str) -> None:
    """No bit moves but in its direction, none outside, and no time passes; then the flash works as before."""
    clock = Clock()
    flash = Flash(clock, sectors=3)
    page = bytes(range(PAGE))
    for address in range(SECTOR, 2 * SECTOR, PAGE):
        flash.program(address, page)
    if operation == "program":
        flash.erase(1)
    before = bytes(flash.data)
    flash.cut_at, flash.cut = flash.operations, cut
    us = clock.us
    act = (lambda: flash.program(SECTOR, page)) if operation == "program" else (lambda: flash.erase(1))
    with pytest.raises(PowerCut):
        act()
    assert clock.us == us
    size = PAGE if operation == "program" else SECTOR
    whole = page if operation == "program" else b"\xff" * SECTOR
    touched, was = flash.data[SECTOR : SECTOR + size], before[SECTOR : SECTOR + size]
    assert flash.data[:SECTOR] == before[:SECTOR]
    assert flash.data[SECTOR + size :] == before[SECTOR + size :]
    if cut == NOTHING:
        assert touched == was
    elif cut == HALF:
        assert touched == whole[: size // 2] + was[size // 2 :]
    else:
        assert touched not in (was, whole)
        # Each bit is as before or as it was to be.
        assert all((now ^ old) & ~(old ^ new) == 0 for now, old, new in zip(touched, was, whole, strict=True))
    flash.erase(1)
    flash.program(SECTOR, page)
    assert flash.data[SECTOR : SECTOR + PAGE] == page


def test_a_page_is_whole_and_in_its_place() -> None:
    flash = Flash(Clock(), sectors=1)
    for address, page in ((1, bytes(PAGE)), (0, bytes(PAGE - 1))):
        with pytest.raises(ValueError, match="a page is 256 bytes"):
            flash.program(address, page)


def test_a_file_outlives_the_board(tmp_path: Path) -> None:
    path = str(tmp_path / "flash")
    with closing(Flash(Clock(), sectors=2, path=path)) as first:
        first.program(SECTOR, bytes(PAGE))
        first.cut_at, first.cut = 1, HALF
        with pytest.raises(PowerCut):
            first.program(SECTOR + PAGE, bytes(PAGE))
    with closing(Flash(Clock(), sectors=2, path=path)) as again:
        assert again.data == first.data
    # A file of another size is none of this board.
    with closing(Flash(Clock(), sectors=3, path=path)) as other:
        assert other.data == b"\xff" * 3 * SECTOR
