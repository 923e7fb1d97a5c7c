"""UTC that never jumps, on clocks that do."""

import time

import pytest

from turgor_host.wallclock import JUMP_S, WallClock, steady_clock

UTC = 1_800_000_000.0


class Clocks:
    """A wall clock and a steady one; `pause` passes once, right after the wall clock was read."""

    def __init__(self) -> None:
        self.wall_s = UTC
        self.steady_s = 50.0
        self.pause = 0.0
        self.clock = WallClock(self.wall, lambda: self.steady_s)

    def wall(self) -> float:
        read = self.wall_s
        self.go_on(self.pause)
        self.pause = 0.0
        return read

    def go_on(self, seconds: float) -> None:
        self.wall_s += seconds
        self.steady_s += seconds


def test_by_hand() -> None:
    """Ten seconds pass, then somebody sets the clock by an hour: that is told once, and UTC goes on."""
    clocks = Clocks()
    assert clocks.clock.now() == UTC
    clocks.go_on(10)
    assert clocks.clock.jump() == 0
    clocks.wall_s += 3600
    assert clocks.clock.jump() == pytest.approx(3600)
    assert clocks.clock.jump() == 0
    assert clocks.clock.now() == UTC + 10


@pytest.mark.parametrize("moved", [1.1 * JUMP_S, -1.1 * JUMP_S, -1e9])
def test_both_ways(moved: float) -> None:
    clocks = Clocks()
    clocks.wall_s += moved
    assert clocks.clock.jump() == pytest.approx(moved, abs=1e-6)
    clocks.wall_s -= moved
    assert clocks.clock.jump() == pytest.approx(-moved, abs=1e-6)


def test_what_is_steered_slowly_is_told_when_it_adds_up() -> None:
    """500 ppm for 1000 s are half a second: told in ten parts, so that a reader can always say the wall clock's UTC."""
    clocks = Clocks()
    told = []
    for _ in range(1000):
        clocks.go_on(1)
        clocks.wall_s += 500e-6
        told.append(clocks.clock.jump())
    assert sum(told) == pytest.approx(0.5, abs=JUMP_S)
    assert all(abs(part) == 0 or JUMP_S <= abs(part) < JUMP_S + 1e-3 for part in told)
    assert clocks.clock.now() == UTC + 1000


@pytest.mark.parametrize("pause", [0.06, 3600.0])
def test_a_program_stopped_between_two_readings_sees_no_jump(pause: float) -> None:
    clocks = Clocks()
    clocks.pause = pause
    assert clocks.clock.jump() == 0
    assert clocks.clock.now() == UTC + pause


def test_the_computers_own() -> None:
    """Fine enough for microseconds of latency, and with the wall clock to within what a test may take."""
    clock = steady_clock()
    ticks = {clock() for _ in range(100_000)}
    assert min(b - a for a, b in zip(sorted(ticks), sorted(ticks)[1:], strict=False)) < 1e-3
    assert WallClock().now() == pytest.approx(time.time(), abs=1)


def test_without_the_better_clocks(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: int) -> float:
        raise OSError(22, "Invalid argument")

    monkeypatch.setattr(time, "clock_gettime", refuse, raising=False)
    assert steady_clock() is time.perf_counter
    monkeypatch.delattr(time, "CLOCK_BOOTTIME", raising=False)
    monkeypatch.delattr(time, "CLOCK_MONOTONIC", raising=False)
    assert steady_clock() is time.perf_counter
