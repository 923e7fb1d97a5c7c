"""Board time to UTC, against clocks whose truth is known.

More seeds: TURGOR_FULL=1 pytest -n 0 tests/test_timebase.py
"""

import os
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from turgor_host.timebase import JUMP_S, Exchange, Mapping, Timebase, WallClock

FULL = bool(os.environ.get("TURGOR_FULL"))
SEEDS = 200 if FULL else 10
UTC = 1_800_000_000.0
# What the session asks for while the uncertainty is above a millisecond.
RATE_HZ = 8
Latency = Callable[[np.random.Generator, int], np.ndarray]


def uniform(rng: np.random.Generator, n: int) -> np.ndarray:
    """1 to 200 ms."""
    return rng.uniform(1e-3, 200e-3, n)


def usb(rng: np.random.Generator, n: int) -> np.ndarray:
    return rng.uniform(1e-4, 2e-3, n)


def bunched(rng: np.random.Generator, n: int) -> np.ndarray:
    """Mostly 16 ms of a buffer that is flushed by a timer, now and then half a second."""
    return rng.uniform(1e-3, 16e-3, n) + np.where(rng.random(n) < 0.05, 0.5, 0)


class World:
    """A board whose clock is 100 ppm fast and drifts by 3 ppm either way within an hour."""

    def __init__(
        self, seed: int, seconds: float, rate_hz: float, up: Latency = uniform, down: Latency = uniform
    ) -> None:
        rng = np.random.default_rng(seed)
        self._phase = rng.uniform(0, 2 * np.pi)
        sent = np.arange(0, seconds, 1 / rate_hz)
        taken = sent + up(rng, len(sent))
        received = taken + down(rng, len(sent))
        board = self.board(taken)
        self.exchanges = [
            Exchange(UTC + a, b, b, UTC + c)
            for a, b, c in zip(sent.tolist(), board.tolist(), received.tolist(), strict=True)
        ]

    def board(self, t: np.ndarray | float) -> np.ndarray:
        """Board time at true time `t` since its start."""
        w = 2 * np.pi / 3600
        return np.asarray(t) * (1 + 100e-6) + 3e-6 / w * (np.cos(self._phase) - np.cos(w * np.asarray(t) + self._phase))


def test_by_hand() -> None:
    """Sent at 100.0, taken at 5.0, answered at 5.5, received at 100.7: the offset is 95.0 to 95.2, so 95.1 +- 0.1."""
    base = Timebase()
    assert base.uncertainty_s == float("inf")
    assert base.add(Exchange(100.0, 5.0, 5.5, 100.7))
    utc, uncertainty = base.utc(5.5)
    assert utc == pytest.approx(100.6, abs=1e-3)
    assert uncertainty == pytest.approx(0.1, abs=1e-3)


def test_after_one_minute_and_after_ten() -> None:
    errors: dict[int, list[float]] = {60: [], 600: []}
    covered = []
    for seed in range(SEEDS):
        world = World(seed, 600, RATE_HZ)
        base = Timebase()
        for number, exchange in enumerate(world.exchanges, 1):
            base.add(exchange)
            if number in (60 * RATE_HZ, 600 * RATE_HZ):
                true = exchange.received - UTC
                utc, uncertainty = base.utc(float(world.board(true)))
                errors[number // RATE_HZ].append(abs(utc - UTC - true))
                covered.append(errors[number // RATE_HZ][-1] <= uncertainty)
        assert base.piece == 0
    assert np.quantile(errors[60], 0.99) <= 3e-3
    assert np.quantile(errors[600], 0.99) <= 0.5e-3
    assert np.mean(covered) >= 0.99


@pytest.mark.parametrize(("up", "down"), [(uniform, uniform), (usb, uniform), (usb, usb), (bunched, bunched)])
def test_the_whole_recording_afterwards(up: Latency, down: Latency) -> None:
    """The truth lies within the uncertainty, which is no wider than the quickest messages allow."""
    covered, ratio = [], []
    for seed in range(SEEDS):
        world = World(seed, 1200, 2, up, down)
        mapping = Mapping((0, exchange) for exchange in world.exchanges)
        true = np.linspace(0, 1200, 241)
        board = world.board(true)
        error = np.abs(mapping.utc(board) - UTC - true)
        uncertainty = mapping.uncertainty(board)
        covered += (error <= uncertainty).tolist()
        assert np.all(np.diff(mapping.utc(board)) > 0)
        assert np.median(uncertainty) < 4e-3
        ratio.append(np.median(uncertainty) / np.median(error))
    assert np.mean(covered) >= 0.99
    # Mostly the shortest latency itself, of which nobody knows how it falls to the two directions.
    assert np.median(ratio) < 60


def test_ten_hours_are_ten_hours() -> None:
    """The board counts 3.6 s more than there were."""
    world = World(3, 36_000, 1)
    mapping = Mapping((0, exchange) for exchange in world.exchanges)
    board = world.board(np.array([0.0, 36_000.0]))
    assert board[1] - board[0] > 36_003.5
    start, end = mapping.utc(board)
    assert end - start == pytest.approx(36_000, abs=3e-3)


def test_what_is_kept_does_as_well_as_all_and_memory_stays_flat() -> None:
    world = World(4, 3600, 4)
    base = Timebase()
    kept = [(base.piece, exchange) for exchange in world.exchanges if base.add(exchange)]
    assert len(kept) < len(world.exchanges) / 2
    assert len(base._bounds._lower) <= 182
    true = np.linspace(0, 3600, 61)
    board = world.board(true)
    every = Mapping((0, exchange) for exchange in world.exchanges)
    assert Mapping(kept).utc(board) == pytest.approx(every.utc(board), abs=1e-4)


def test_a_clock_that_jumps_begins_a_new_piece() -> None:
    """After ten minutes the host's monotonic clock stood still for an hour: the computer slept."""
    world = World(5, 1200, 2, usb, usb)
    base = Timebase()
    kept = []
    for exchange in world.exchanges:
        slept = 3600.0 if exchange.sent - UTC > 600 else 0.0
        moved = Exchange(exchange.sent, exchange.taken + slept, exchange.answered + slept, exchange.received)
        if base.add(moved):
            kept.append((base.piece, moved))
    assert base.piece == 1
    assert base.jump_s == pytest.approx(-3600, abs=0.01)
    mapping = Mapping(kept)
    true = np.array([10.0, 590.0, 610.0, 1190.0])
    board = world.board(true) + np.array([0, 0, 3600, 3600])
    assert mapping.utc(board) - UTC == pytest.approx(true, abs=2e-3)


def test_exchanges_that_cannot_be_are_passed_over() -> None:
    base = Timebase()
    assert not base.add(Exchange(100.0, 5.0, 5.0, 99.0))
    assert not base.add(Exchange(100.0, 5.0, 4.0, 101.0))
    assert base.uncertainty_s == float("inf")


def test_without_exchanges_nothing_is_known() -> None:
    mapping = Mapping([])
    assert not mapping
    assert np.isnan(mapping.utc([1.0, 2.0])).all()
    assert np.isinf(mapping.uncertainty([1.0])).all()


def test_a_single_exchange_goes_a_long_way() -> None:
    mapping = Mapping([(0, Exchange(UTC, 10.0, 10.0, UTC + 0.02))])
    assert mapping.utc([10.0, 110.0]) - UTC == pytest.approx([0.01, 100.01], abs=1e-3)
    assert mapping.uncertainty([110.0])[0] > mapping.uncertainty([10.0])[0] >= 0.01 - 1e-6


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(*[st.floats(0, 1e6)] * 4), max_size=20))
def test_whatever_comes_gives_an_answer(times: list[tuple[float, float, float, float]]) -> None:
    base = Timebase()
    kept = [(base.piece, Exchange(*four)) for four in times if base.add(Exchange(*four))]
    mapping = Mapping(kept)
    assert (mapping.uncertainty([0.0, 1e6]) >= 0).all()


def test_the_wall_clock_jumps_and_the_line_goes_on() -> None:
    wall, monotonic = [UTC], [50.0]
    clock = WallClock(lambda: wall[0], lambda: monotonic[0])
    assert clock.now() == UTC
    wall[0] += 10.02
    monotonic[0] += 10
    assert clock.jump() == 0
    wall[0] += 3600
    assert clock.jump() == pytest.approx(3600.02)
    assert clock.jump() == 0
    assert clock.now() == UTC + 10
    # Slow steering of the clock adds up to a jump as well.
    wall[0] += JUMP_S * 0.9
    assert clock.jump() == 0
