"""A pause of the sound over a restart: silent on, and never for longer than it was to be."""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from turgor.core.annunciation import PAUSE_S, SOUND, YELLOW
from turgor.core.rules import DBP_STALE, HIGH, LOW, MEDIUM, PRESSURE_HIGH
from turgor.core.rules import WATCHDOG_RESET as RULE
from turgor.link import lines
from turgor.link.records import POWER_ON, WATCHDOG_RESET, unpack
from turgor_host.live import Live
from turgor_host.sim.flash import Flash

SECTORS = 30
SECOND_US = 1000000
# That the watchdog restarted the board is an alarm of the same priority.
LIMITS = ((PRESSURE_HIGH, 0, MEDIUM, 30000, 5, 28000, 5, 0), (RULE, 0, MEDIUM, 1, 0, 0, 0, 0))
LOW_LIMITS = ((DBP_STALE, 0, LOW, 5, 0, 5, 0, 0),)
# The alarm stands by then, and the tick of this second begins the pause.
PAUSED_S = 50
# What a restart may take off it.
LOST_S = 30


class Clock:
    us = 0


Boot = Callable[..., Any]


@pytest.fixture
def boot(fake: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Boot:
    """A board of one pressure of 35 mmHg on a flash of this content, which its watchdog restarted if there is any."""

    def start(
        data: bytes = b"", cause: int | None = None, limits: tuple[tuple[int, ...], ...] = LIMITS
    ) -> tuple[Any, Flash]:
        flash = Flash(Clock(), SECTORS)
        if data:
            flash.data[:] = data
        monkeypatch.setattr(fake.Board, "reset_cause", cause or (WATCHDOG_RESET if data else POWER_ON))
        board = fake.Board({"calf_l": (lambda index: 35 * 8000,)}, limits=limits, flash=flash, period_us=50000)
        board.edges = []
        return board, flash

    return start


def pause(board: Any) -> None:
    board.run((PAUSED_S - 1) * SECOND_US + 500_000)
    assert board.edges[-1][1] & (SOUND | YELLOW)
    assert board.app.tick.execute(9, lines.PAUSE, PAUSE_S, 0, 0, 0, 0) == lines.OK


def sounds_at_s(board: Any, until_s: float) -> float:
    """When the sound is first on in this boot, s; `until_s` when it is not till then."""
    board.run(int(until_s * SECOND_US))
    return next((us / SECOND_US for us, pins in board.edges if pins & SOUND), until_s)


def test_silent_on_after_a_restart_and_never_longer(boot: Boot) -> None:
    """Cut at 24 moments, and off for up to 10 s: silent at once, and until 90 to 120 s after the pause began."""
    board, flash = boot()
    pause(board)
    images = []
    for cut_s in range(1, PAUSE_S, 5):
        board.run(int((PAUSED_S + cut_s + 0.3) * SECOND_US))
        images.append((cut_s + 0.3, bytes(flash.data)))
    for number, (cut_s, data) in enumerate(images):
        off_s = number * 7 % 10 + 0.5
        again, _ = boot(data)
        back_s = cut_s + off_s + sounds_at_s(again, PAUSE_S + 10)
        assert again.edges[0][1] & SOUND == 0 or cut_s > PAUSE_S - LOST_S
        assert back_s <= max(PAUSE_S, cut_s + off_s + 1), f"silent for too long by a restart at {cut_s}"
        assert back_s >= PAUSE_S - LOST_S, f"not silent behind a restart at {cut_s}"
        assert again.app.tick.judge.alarms.priority(0, PRESSURE_HIGH) == MEDIUM


def test_restarts_in_a_row_do_not_lengthen_it(boot: Boot) -> None:
    """Each before the first tick, which could keep anything, and 9 s after the one before."""
    board, flash = boot()
    pause(board)
    board.run((PAUSED_S + 2) * SECOND_US)
    data, passed_s = bytes(flash.data), 2.0
    for _ in range(4):
        board, flash = boot(data)
        passed_s += 9
        board.run(900_000)
        data = bytes(flash.data)
        assert passed_s + sounds_at_s(board, PAUSE_S) <= PAUSE_S


@pytest.mark.parametrize("at_s", [10, 60])
def test_a_board_that_was_off_for_who_knows_how_long_sounds(boot: Boot, at_s: int) -> None:
    board, flash = boot()
    pause(board)
    board.run((PAUSED_S + at_s) * SECOND_US)
    again, _ = boot(bytes(flash.data), cause=POWER_ON)
    assert sounds_at_s(again, 5) == 1


def test_a_pause_that_was_ended_stays_so(boot: Boot) -> None:
    board, flash = boot()
    pause(board)
    board.run((PAUSED_S + 20) * SECOND_US)
    assert board.app.tick.execute(9, lines.PAUSE, 0, 0, 0, 0, 0) == lines.OK
    board.run((PAUSED_S + 25) * SECOND_US)
    assert sounds_at_s(boot(bytes(flash.data))[0], 5) == 1


def test_a_higher_alarm_after_the_restart_ends_it(boot: Boot) -> None:
    """A low alarm was paused for 120 s, of which 20 passed before the restart and 30 are taken off."""
    limits = ((PRESSURE_HIGH, 0, HIGH, 30000, 50, 28000, 5, 0), *LOW_LIMITS)
    board, flash = boot(limits=limits)
    pause(board)
    assert board.app.annunciator.level == LOW
    board.run((PAUSED_S + 20) * SECOND_US)
    again, _ = boot(bytes(flash.data), limits=limits)
    # A run of 50 s, of which 30 to 40 are kept; the median wants 30 s.
    back_s = sounds_at_s(again, 69)
    judge = again.app.tick.judge
    assert judge.alarms.priority(0, PRESSURE_HIGH) == HIGH
    assert again.app.annunciator.remaining_s == 0
    assert 40 < back_s < 55


def test_a_host_shows_the_pause_that_goes_on(boot: Boot) -> None:
    board, flash = boot()
    live = Live("", False, 1, "")

    def feed(board: Any, boot_number: int) -> None:
        for record in board.logged():
            header, body, tail = unpack(record)
            live.feed({**header, "boot": boot_number}, body, tail)
        board.app.log.commit(board.boot, board.app.log.next_seq - 1)

    pause(board)
    board.run((PAUSED_S + 5) * SECOND_US)
    feed(board, 1)
    assert live.state()["paused_s"] == board.app.annunciator.remaining_s == PAUSE_S - 5
    again, _ = boot(bytes(flash.data))
    again.run(3 * SECOND_US + 1)
    feed(again, 2)
    assert [alarm["rule"] for alarm in live.state()["alarms"]] == ["pressure_high", "watchdog_reset"]
    assert live.state()["paused_s"] == again.app.annunciator.remaining_s > 80
    assert f"sound paused for {again.app.annunciator.remaining_s + 2} s" in [e["text"] for e in live.state()["events"]]
