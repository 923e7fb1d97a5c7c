"""Hours without a host: all events and readings of that time arrive, and what was raw data is declared missing exactly.

A day instead of two hours: TURGOR_FULL=1 pytest -n 0 -s tests/faults/test_absent_host.py
"""

import os
from types import ModuleType
from typing import Any

import pytest
from transport import CHANNELS, SECOND_US, Faults, Rig, noisy

import turgor.app.app
import turgor.app.keep
import turgor.app.spill
from turgor.app.spill import Spill
from turgor.core.rules import MEDIUM, PRESSURE_HIGH
from turgor.link.records import (
    BLIND,
    EVENT,
    FILTER_STATE,
    GAP,
    IMPEDANCE,
    READINGS,
    RULE_STATE,
    SAMPLES,
)
from turgor_host.sim.flash import PAGE, SECTOR, SECTORS, Flash

HOURS = 24.0 if os.environ.get("TURGOR_FULL") else 2.0
RAW = {SAMPLES, IMPEDANCE, FILTER_STATE, RULE_STATE, BLIND}
SPILL_AT = 12
# Two alarms an hour and channel: raised after 20 s beyond, cleared after 20 s inside.
LIMITS = ((PRESSURE_HIGH, 0, MEDIUM, 20000, 20, 18000, 20, 0),)
_SWING = 7200


class Clock:
    us = 0


def swinging(channel: int) -> Any:
    """15 minutes at 23 mmHg after 15 at 14, at four conversions a second."""
    noise = noisy(channel)
    return lambda index: noise(index) + (24_000 if index % _SWING > _SWING // 2 else -48_000)


def new_board(fake: ModuleType, flash: Flash) -> Any:
    bridges = {name: (swinging(number),) for number, name in enumerate(CHANNELS)}
    sweeps = {"calf_z": lambda n: 7000 + n % 5, "thorax_z": lambda n: 5000 + n % 7}
    return fake.Board(bridges, sweeps, limits=LIMITS, flash=flash)


def alone(rig: Rig, seconds: float) -> None:
    """The board by itself, no wire; what it wrote into the cut cable is gone."""
    board = rig.board
    until_us = board.us + int(seconds * SECOND_US)
    while board.us < until_us:
        board.run(min(board.us + 60 * SECOND_US, until_us))
        board.serial.take()
    rig.run(rig.now_s + 0.01)


def caught_up(rig: Rig, most_s: float = 900) -> None:
    until_s = rig.now_s + most_s
    while rig.behind() > 20:
        rig.run(rig.now_s + 5)
        assert rig.now_s < until_s, f"{rig.behind()} records behind"


def missing(rig: Rig) -> dict[tuple[int, int], bytes]:
    """The records that were declared missing; all others came once, in order, unchanged."""
    return {(boot, seq): rig.truth[boot, seq] for boot, first, last in rig.checked() for seq in range(first, last + 1)}


def kinds(records: Any) -> set[int]:
    return {record[0] for record in records}


def test_by_hand(fake: ModuleType) -> None:
    """A quarter of an hour away: 900 readings arrive, raw data are missing from the first that the log gave up on."""
    rig = Rig(new_board(fake, Flash(Clock())), Faults())
    rig.run(10)
    alone(rig, 900)
    rig.run(rig.now_s + 60)
    lost = missing(rig)
    assert kinds(lost.values()) <= RAW
    assert SAMPLES in kinds(lost.values())
    readings = [int.from_bytes(record[8:12], "little") for record in rig.records if record[0] == READINGS]
    assert readings[:905] == list(range(1, 906))
    # What is younger than the log's first record is whole.
    youngest = max(int.from_bytes(record[8:12], "little") for record in lost.values())
    assert youngest < 850


def test_hours(fake: ModuleType) -> None:
    flash = Flash(Clock())
    rig = Rig(new_board(fake, flash), Faults())
    rig.run(30)
    alone(rig, HOURS * 3600)
    spill: Spill = rig.board.keep.spill
    pages = spill.ring.head
    rate = pages * PAGE / (HOURS * 3600)
    room_s = (SECTORS - SPILL_AT - 1) * SECTOR / rate
    caught_up(rig)
    lost = missing(rig)
    # Nothing else than raw data is declared missing, and all of it that is not there is.
    assert kinds(lost.values()) <= RAW
    got = {(int.from_bytes(r[2:4], "little"), int.from_bytes(r[4:8], "little")) for r in rig.records if r[0] != GAP}
    last = max(got)
    known = {key for key in rig.truth if key < last}
    assert known - set(lost) - got == set()
    for kind in (READINGS, EVENT):
        assert sum(r[0] == kind for r in rig.records) >= sum(r[0] == kind for r in rig.truth.values()) - 3
    print(f"{pages} pages in {HOURS} h: {rate:.2f} bytes/s; {SECTORS} sectors hold {room_s / 3600:.1f} h")
    assert room_s > 24 * 3600


@pytest.fixture
def small_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """A log of half a minute, in which the states of six channels have room."""
    monkeypatch.setattr(turgor.app.app, "LOG_BYTES", 9000)


@pytest.mark.usefixtures("small_log")
@pytest.mark.parametrize("off_s", [5, 60])
def test_a_host_that_comes_and_goes(fake: ModuleType, off_s: int) -> None:
    """It comes back in the middle of a spill, and leaves before all of it has come."""
    rig = Rig(new_board(fake, Flash(Clock(), 30)), Faults(bit_errors=1e-5))
    for _ in range(6):
        alone(rig, off_s)
        rig.run(rig.now_s + 0.7)
    alone(rig, 400)
    rig.run(rig.now_s + 4)
    alone(rig, 30)
    caught_up(rig)
    assert kinds(missing(rig).values()) <= RAW


@pytest.mark.usefixtures("small_log")
@pytest.mark.parametrize("knows", ["first boot", "nothing", "last boot"])
def test_restarts_on_the_way(fake: ModuleType, knows: str) -> None:
    """Three boots in the spill: of each all readings but those that were in RAM when the power went."""
    flash = Flash(Clock(), 60)
    rig = Rig(new_board(fake, flash), Faults())
    if knows == "first boot":
        rig.run(20)
    lives = {}
    for _ in range(2):
        alone_without_host(rig, 600)
        lives[rig.board.boot] = rig.board.app.log.first_seq
        rig.restart(new_board(fake, flash), 3 * SECOND_US)
    alone_without_host(rig, 300)
    lives[rig.board.boot] = 0
    boots = sorted(lives)
    if knows != "first boot":
        board, truth = rig.board, rig.truth
        rig = Rig(board, Faults(), 5, rig.us - board.us)
        rig.truth = truth
        if knows == "last boot":
            rig.replica = type(rig.replica)(5, boots[-1], 0)
            rig.replica.hello(rig.now_s)
    caught_up(rig)
    lost = missing(rig)
    assert kinds(lost.values()) <= RAW
    got = {key_of(record) for record in rig.records if record[0] != GAP}
    wanted = boots[-1:] if knows == "last boot" else boots
    assert sorted({boot for boot, _ in got}) == wanted
    for boot in wanted:
        kept = {key for key in rig.truth if key[0] == boot and key[1] < lives[boot] and rig.truth[key][0] not in RAW}
        # The page that was being packed was in RAM too.
        unwritten = kept - got
        assert len(unwritten) < 90
        assert not unwritten or min(unwritten) > max(key for key in got if key[0] == boot)


def alone_without_host(rig: Rig, seconds: float) -> None:
    board = rig.board
    board.run(board.us + int(seconds * SECOND_US))
    board.serial.take()


def key_of(record: bytes) -> tuple[int, int]:
    return int.from_bytes(record[2:4], "little"), int.from_bytes(record[4:8], "little")


@pytest.mark.usefixtures("small_log")
@pytest.mark.parametrize("restarts", [False, True])
def test_a_spill_that_overtakes_itself(fake: ModuleType, restarts: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three sectors hold a while; after longer the oldest is declared missing, and the latest is all there."""
    # Few pages, of a few readings each.
    monkeypatch.setattr(turgor.app.keep, "_SPILL_LEAST", 3)
    monkeypatch.setattr(turgor.app.spill, "CONTENT", 130)
    flash = Flash(Clock(), SPILL_AT + 3)
    rig = Rig(new_board(fake, flash), Faults())
    rig.run(20)
    turns = 0
    while rig.board.keep.spill.ring.head < 3 * rig.board.keep.spill.ring.pages // 2:
        alone_without_host(rig, 200)
        turns += 1
        assert turns < 60
        if restarts and turns == 2:
            rig.restart(new_board(fake, flash), SECOND_US)
    spill = rig.board.keep.spill
    assert spill.find(-1, 0)
    oldest = spill.boot, spill.first_seq
    head = spill.ring.head
    caught_up(rig)
    assert head > spill.ring.pages
    lost = missing(rig)
    raw = {key for key, record in lost.items() if record[0] in RAW}
    assert all(key < oldest for key in set(lost) - raw)
    assert len(set(lost) - raw) > 200
    got = {key_of(record) for record in rig.records if record[0] != GAP}
    last = max(got)
    assert {key for key, record in rig.truth.items() if oldest <= key < last and record[0] not in RAW} <= got
