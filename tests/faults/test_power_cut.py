"""A board loses its power at every single flash operation, and once more while it boots.

It boots, with the old or the new state, under a number that nobody has used, and what was spilled is still there.

At every operation instead of every third: TURGOR_FULL=1 pytest tests/faults/test_power_cut.py
"""

import os
from collections.abc import Iterator
from struct import unpack_from
from types import ModuleType
from typing import Any

import pytest

import turgor.app.app
from turgor.app.config import NAU7802
from turgor.app.journal import Journal
from turgor.app.keep import STATE_AT, Keep
from turgor.app.ring import CONTENT_AT, Ring
from turgor.core.filter_words import describe
from turgor.core.rules import HIGH, MEDIUM, PRESSURE_HIGH
from turgor.link import lines
from turgor.link.records import EVENT, HEADER, NOTICE, RESTORED, STORED, unpack
from turgor_host.sim.flash import HALF, NOTHING, RANDOM, Flash, PowerCut

SECTORS = 20
EVERY = 1 if os.environ.get("TURGOR_FULL") else 3
SECONDS = 500
LIMITS = (
    (PRESSURE_HIGH, 0, MEDIUM, 20000, 5, 18000, 5, 0),
    (PRESSURE_HIGH, 1, HIGH, 20000, 20, 18000, 5, 0),
)
# Second of a boot, and the calibration that is sent then.
CALIBRATIONS = ((12, (1000, 4100, 0, 5)), (130, (2000, 4200, 0, 5)))
# calf_l's words from the calibration on, in a description (`core.filter_words.describe`).
WORDS = slice(9, 13)


class Clock:
    us = 0


class Life:
    """All boots of a board: what was logged, kept and spilled in each."""

    def __init__(self, fake: ModuleType, flash: Flash) -> None:
        self.fake = fake
        self.flash = flash
        self.logged: dict[tuple[int, int], bytes] = {}
        self.states: list[bytes] = []
        self.pages: dict[int, bytes] = {}
        self.board: Any = None
        # Whether the pressure is high for the first 47 s of a boot.
        self.high = True

    def boot(self) -> None:
        used = max((boot for boot, _ in self.logged), default=0)
        until = 190 if self.high else 0
        bridge = {"calf_l": (lambda index: (25 if index < until else 10) * 8000 + index * 7919 % 101,)}
        self.board = board = self.fake.Board(bridge, limits=LIMITS, flash=self.flash)
        assert board.boot > used
        log, keep = board.app.log, board.keep
        for record in board.logged():
            self._log(record)
        append, begin, write = log.append, keep._state.begin, keep.spill.write

        def appended(n: int, *place: int) -> None:
            append(n, *place)
            self._log(bytes(log.record[:n]))

        def begun(size: int, *rest: int) -> None:
            self.states.append(bytes(keep.state[STATE_AT:size]))
            begin(size, *rest)

        def written() -> None:
            ring, serial = keep.spill.ring, keep.spill.ring.head
            write()
            assert ring.head == serial + 1
            self.pages[serial] = bytes(ring.page)

        log.append, keep._state.begin, keep.spill.write = appended, begun, written

    def _log(self, record: bytes) -> None:
        _, _, boot, seq, _ = unpack_from(HEADER, record)
        assert (boot, seq) not in self.logged
        self.logged[boot, seq] = record

    def run(self, seconds: int) -> None:
        """Alarms, a calibration, an acknowledgement, and a log of 3 kB that no host empties."""
        board = self.board
        for second in range(1, seconds):
            board.run(second * 1_000_000)
            for at_s, calibration in CALIBRATIONS:
                if second == at_s:
                    board.say(lines.command_line(at_s, lines.CALIBRATE, NAU7802 << 8, *calibration))
            if second == 70:
                board.say(lines.command_line(2, lines.ACKNOWLEDGE, 255, 255))

    def live(self) -> None:
        self.boot()
        self.run(SECONDS)

    def words(self) -> tuple[int, ...]:
        """The calibration in force from the start of this boot."""
        return tuple(describe(self.board.config.channels[0].words)[WORDS])

    def of(self, kind: int) -> list[dict[str, Any]]:
        """The records of a kind in this boot, as fields."""
        found = [record for (boot, _), record in self.logged.items() if boot == self.board.boot and record[0] == kind]
        return [unpack(record)[1] for record in found]


@pytest.fixture(autouse=True)
def small_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turgor.app.app, "LOG_BYTES", 3000)


@pytest.fixture(scope="module")
def aged(fake: ModuleType) -> Iterator[bytes]:
    """Flash of a board that has been used: every ring has gone around and is about to begin a sector."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(turgor.app.app, "LOG_BYTES", 3000)
        flash = Flash(Clock(), SECTORS)
        life = Life(fake, flash)
        life.high = False
        life.boot()
        keep = life.board.keep
        keep.store()
        life.board.run(62_000_000)
        for journal, sectors in ((keep._config, 4), (keep._state, 8)):
            again = Journal(flash, 0 if journal is keep._config else 4, sectors)
            while again.ring.head < 16 * sectors + 13:
                again.begin(again.size, again.boot, again.a)
                while again.saving:
                    again.step()
        ring = keep.spill.ring
        while ring.head < ring.pages + 13:
            while not ring.can_write():
                ring.erase()
            ring.page[CONTENT_AT : CONTENT_AT + 5] = b"\0\0\0\0\0"
            ring.write(0x50, 5, 0, ring.head, ring.head, 0)
        yield bytes(flash.data)


def with_data(data: bytes) -> Flash:
    flash = Flash(Clock(), SECTORS)
    flash.data[:] = data
    return flash


def readable(ring: Ring) -> dict[int, bytes]:
    return {serial: bytes(ring.page) for serial in range(ring.oldest(), ring.head) if ring.holds(serial)}


def test_by_hand(fake: ModuleType) -> None:
    """A board that was calibrated and has raised an alarm starts again: both are there, and the boot number is 2."""
    flash = Flash(Clock(), SECTORS)
    life = Life(fake, flash)
    life.boot()
    first_words = life.words()
    life.run(SECONDS)
    assert [event["state"] for event in life.of(EVENT)][:2] == [1, 2]
    assert [notice["notice"] for notice in life.of(NOTICE)] == [STORED, STORED]
    assert life.pages
    judge = life.board.app.tick.judge
    standing = judge.alarms.priority(0, PRESSURE_HIGH), judge.alarms.is_acknowledged(0, PRESSURE_HIGH)
    life.boot()
    assert life.board.boot == 2
    assert life.words() == CALIBRATIONS[-1][1] != first_words
    judge = life.board.app.tick.judge
    assert (judge.alarms.priority(0, PRESSURE_HIGH), judge.alarms.is_acknowledged(0, PRESSURE_HIGH)) == standing
    assert [notice["notice"] for notice in life.of(NOTICE)] == [RESTORED]
    assert readable(life.board.keep.spill.ring) == life.pages


@pytest.mark.parametrize("cut", [NOTHING, HALF, RANDOM])
def test_at_every_operation(fake: ModuleType, aged: bytes, cut: str) -> None:
    kinds = set()
    k = 0
    while True:
        flash = with_data(aged)
        flash.cut_at, flash.cut, flash.seed = k, cut, k + 1
        life = Life(fake, flash)
        before = tuple(describe(Keep(with_data(aged)).configuration(None).channels[0].words)[WORDS])
        life.states = [bytes(state_on(aged))] * 2
        spilled = pages_on(aged)
        stored = 0
        try:
            life.live()
        except PowerCut:
            pass
        else:
            break
        if life.board:
            stored = [notice["notice"] for notice in life.of(NOTICE)].count(STORED)
            kinds.add((stored, bool(life.pages), len(life.states) - 2))
        spilled |= life.pages
        allowed = life.states[-2:]
        # Up to two more cuts while it boots or soon after.
        for n in range(k % 3):
            flash.cut_at = flash.operations + n
            with pytest.raises(PowerCut):
                life.live()
            allowed = [*allowed, *life.states[-2:]]
        flash.cut_at = -1
        assert bytes(state_on(bytes(flash.data))) in allowed
        life.boot()
        assert [notice["notice"] for notice in life.of(NOTICE)] == [RESTORED]
        # A cut in one of the boots after it may leave the first calibration again.
        words = [before, *(calibration for _, calibration in CALIBRATIONS)]
        assert life.words() in words[stored : stored + 2 + (k % 3 > 0)]
        ring = life.board.keep.spill.ring
        # The sector of the oldest may have been erased ahead.
        expected = {serial: page for serial, page in (spilled | life.pages).items() if serial >= ring.oldest() + 16}
        assert expected.items() <= readable(ring).items()
        life.run(40)
        k += EVERY
    assert k > 30
    assert {stored for stored, _, _ in kinds} == {0, 1, 2}
    assert {spilled for _, spilled, _ in kinds} == {False, True}
    assert max(states for _, _, states in kinds) > 4


def state_on(data: bytes) -> bytes:
    """The rule state that a boot would find."""
    journal = Journal(with_data(data), 4, 8)
    return bytes(journal.content[STATE_AT : journal.size])


def pages_on(data: bytes) -> dict[int, bytes]:
    """The spilled pages that a boot could read."""
    return readable(Ring(with_data(data), 12, SECTORS - 12))
