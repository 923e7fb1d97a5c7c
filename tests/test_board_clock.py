"""What a run makes of its exchanges: what is kept, what is shown, how soon it asks again, and which jumps are told."""

from types import SimpleNamespace
from typing import Any

import pytest

from turgor_host import board_clock
from turgor_host.board_clock import BoardClock
from turgor_host.timebase import Exchange
from turgor_host.wallclock import WallClock

UTC = 1_800_000_000.0
# Each way, s.
TRIP_S = 0.4e-3


class Bed:
    """A clock whose board is AHEAD_S before UTC, and what it kept, showed, noted and found."""

    def __init__(self, speed: float = 1) -> None:
        self.kept: list[tuple[int, int, Exchange]] = []
        self.shown: list[tuple[int, float, float]] = []
        self.noted: list[tuple[str, str]] = []
        self.found: list[tuple[str, str]] = []
        writer: Any = SimpleNamespace(
            exchange=lambda *row: self.kept.append(row), note=lambda *row: self.noted.append(row)
        )
        live: Any = SimpleNamespace(clock=lambda *row: self.shown.append(row))
        self.clock = BoardClock(writer, live, speed, lambda *row: self.found.append(row))

    def ask(self, board_s: float, boot: int = 5, moved_s: float = 0, trip_s: float = TRIP_S) -> float:
        """One exchange at that board time; the wait until the next."""
        at = UTC + board_s + moved_s
        return self.clock.take(boot, Exchange(at - trip_s, board_s, board_s, at + trip_s))


def test_by_hand() -> None:
    """0.4 ms either way: UTC is known to within that, and one exchange a second is enough."""
    bed = Bed()
    assert bed.ask(10) == 1
    assert bed.kept == [(5, 0, Exchange(UTC + 10 - TRIP_S, 10, 10, UTC + 10 + TRIP_S))]
    ((boot, offset_s, uncertainty_s),) = bed.shown
    assert (boot, offset_s) == (5, pytest.approx(UTC, abs=1e-5))
    assert uncertainty_s == pytest.approx(TRIP_S, rel=0.1)
    assert bed.found == bed.noted == []


def test_it_asks_soon_while_a_millisecond_is_in_doubt() -> None:
    bed = Bed()
    assert bed.ask(10, trip_s=50e-3) == pytest.approx(0.1)
    assert bed.ask(10.1) == 1


def test_another_boot_has_a_time_of_its_own() -> None:
    bed = Bed()
    bed.ask(1000)
    bed.ask(3, boot=6, moved_s=-500)
    assert [(boot, offset_s) for boot, offset_s, _ in bed.shown] == [
        (5, pytest.approx(UTC, abs=1e-5)),
        (6, pytest.approx(UTC - 500, abs=1e-5)),
    ]
    assert bed.found == bed.noted == []


@pytest.mark.parametrize(("moved_s", "is_found"), [(0.03, False), (-0.03, False), (0.06, True), (-7200, True)])
def test_a_jump_is_told_once_and_a_small_one_only_noted(moved_s: float, is_found: bool) -> None:
    bed = Bed()
    for second in range(120):
        bed.ask(second, moved_s=moved_s if second >= 60 else 0)
    told = bed.found if is_found else bed.noted
    ((rule, text),) = told
    assert rule == "clock_jump"
    assert text.startswith(f"against the board's by {moved_s:+.3f} s, give or take 0.00")
    assert not (bed.noted if is_found else bed.found)
    # The pieces before and after it.
    assert {piece for _, piece, _ in bed.kept} == {0, 1}


def test_of_a_clock_that_runs_faster_one_moment_is_known() -> None:
    bed = Bed(speed=60)
    for second in range(5):
        assert bed.ask(60 * second, moved_s=-59 * second) == 1
    assert len(bed.kept) == len(bed.shown) == 1
    assert bed.ask(0, boot=6) == 1
    assert len(bed.kept) == 2


def test_a_clock_that_somebody_moves_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    moved = [0.0]
    steady = [7.0]
    monkeypatch.setattr(
        board_clock, "WallClock", lambda: WallClock(lambda: UTC + steady[0] + moved[0], lambda: steady[0])
    )
    bed = Bed()
    steady[0] += 10
    bed.clock.look()
    assert bed.found == []
    moved[0] = -3600
    bed.clock.look()
    bed.clock.look()
    assert bed.found == [("clock_jump", "by -3600.000 s; UTC here goes on as before")]
    assert bed.clock.now() == pytest.approx(UTC + 17)
