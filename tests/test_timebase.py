"""Board time to UTC, against clocks whose truth is known.

More seeds: TURGOR_FULL=1 pytest -n 0 tests/test_timebase.py
"""

import os

import numpy as np
import pytest
from clock_world import UTC, Latency, World, bunched, heavy, stamped, uniform, usb
from hypothesis import given, settings
from hypothesis import strategies as st

from turgor_host.timebase import Exchange, Mapping, Timebase, of_one_moment, thinned
from turgor_host.wallclock import JUMP_S

FULL = bool(os.environ.get("TURGOR_FULL"))
# What a session asks for while a millisecond is in doubt.
RATE_HZ = 10
LATENCIES = [(uniform, uniform), (usb, usb), (usb, uniform), (uniform, usb), (bunched, bunched), (heavy, heavy)]


def utc_of(base: Timebase, board_s: float) -> tuple[float, float]:
    utc, uncertainty_s = base.utc(board_s)
    return utc - UTC, uncertainty_s


def test_by_hand() -> None:
    """Sent at 100.0, taken at 5.0, answered at 5.5, received at 100.7: the offset is 95.0 to 95.2, so 95.1 +- 0.1.

    A second one, sent at 101.1 and taken at 6.0, says 95.1 at least, so 95.15 +- 0.05; a third one nothing new.
    """
    base = Timebase()
    assert base.add(Exchange(100.0, 5.0, 5.5, 100.7))
    assert base.utc(5.5) == pytest.approx((100.6, 0.1), abs=1e-3)
    assert base.add(Exchange(101.1, 6.0, 6.0, 101.4))
    assert base.utc(6.0) == pytest.approx((101.15, 0.05), abs=1e-3)
    assert not base.add(Exchange(102.0, 7.0, 7.0, 102.3))
    assert base.utc(7.0) == pytest.approx((102.15, 0.05), abs=1e-3)


def test_a_clock_at_another_speed_has_one_moment_in_common() -> None:
    """30 s of board time between taking and answering cannot be in 0.7 s; that the answer fell into them can."""
    fast = Exchange(100.0, 10.0, 40.0, 100.7)
    base = Timebase()
    assert not base.add(fast)
    assert base.add(of_one_moment(fast))
    assert base.utc(40.0) == pytest.approx((100.35, 0.35), abs=1e-3)


def test_after_one_minute_and_after_ten() -> None:
    """Live: only the exchanges until then."""
    marks = [60.0, *np.arange(600.0, 1201.0 if FULL else 601.0, 100)]
    errors: list[list[float]] = []
    uncertainties: list[list[float]] = []
    for seed in range(400 if FULL else 60):
        world = World(seed, marks[-1] + 1)
        board = world.board(np.array(marks)).tolist()
        base = Timebase()
        found: list[tuple[float, float]] = []
        for exchange in world.exchanges(RATE_HZ):
            if len(found) < len(marks) and exchange.received - UTC > marks[len(found)]:
                found.append(utc_of(base, board[len(found)]))
            base.add(exchange)
        assert base.piece == 0
        errors.append([abs(utc - mark) for (utc, _), mark in zip(found, marks, strict=True)])
        uncertainties.append([uncertainty_s for _, uncertainty_s in found])
    assert np.quantile(np.array(errors)[:, 0], 0.99) <= 3e-3
    assert np.quantile(np.array(errors)[:, 1:], 0.99) <= 0.5e-3
    assert np.mean(np.array(errors) <= uncertainties) >= 0.99
    # Honest, yet not far from what nobody can know: how the shortest latencies, 2 ms together, fall to the directions.
    assert np.median(np.array(uncertainties)[:, 1:]) <= 2e-3


@pytest.mark.parametrize(("up", "down"), LATENCIES)
@pytest.mark.parametrize("rate_hz", [1, RATE_HZ])
def test_live_at_any_moment(up: Latency, down: Latency, rate_hz: float) -> None:
    """From the first exchange on the uncertainty covers the truth, and it shrinks."""
    covered = []
    for seed in range(20 if FULL else 2):
        world = World(seed, 300)
        base = Timebase()
        for exchange in world.exchanges(rate_hz, up, down):
            base.add(exchange)
            # The host has the answer; what is shown now was measured just before it.
            true = exchange.received - UTC
            utc, uncertainty_s = utc_of(base, float(world.board(true)))
            covered.append(abs(utc - true) <= uncertainty_s)
        assert uncertainty_s < 15e-3
        assert base.piece == 0
    assert np.mean(covered) >= 0.99


@pytest.mark.parametrize(("up", "down"), LATENCIES)
def test_a_whole_recording_afterwards(up: Latency, down: Latency) -> None:
    covered: list[bool] = []
    errors: list[float] = []
    for seed in range(40 if FULL else 3):
        world = World(seed, 1800)
        mapping = Mapping(world.exchanges(2, up, down))
        true = np.linspace(0, 1800, 1801)
        board = world.board(true)
        utc = mapping.utc(board)
        errors += np.abs(utc - UTC - true).tolist()
        covered += (np.abs(utc - UTC - true) <= mapping.uncertainty(board)).tolist()
        assert np.all(np.diff(utc) > 0)
        assert np.median(mapping.uncertainty(board)) < 3e-3
        assert not mapping.jumps
    assert np.mean(covered) >= 0.99
    assert np.quantile(errors, 0.99) < 2e-3


@pytest.mark.parametrize("seed", range(20 if FULL else 2))
def test_ten_hours_are_ten_hours(seed: int) -> None:
    """The board may count 3.6 s more or less."""
    hours = 36_000.0
    world = World(seed, hours)
    exchanges = world.exchanges(2)
    kept = thinned(exchanges)
    mapping = Mapping(kept)
    true = np.linspace(0, hours, 3601)
    utc = mapping.utc(world.board(true))
    assert utc[-1] - utc[0] == pytest.approx(hours, abs=2e-3)
    assert np.quantile(np.abs(utc - UTC - true), 0.99) < 1e-3
    # Four floats and a row's own bytes: a day is far below a megabyte.
    assert len(kept) * 50 * 2.4 < 250_000


def test_what_is_kept_says_all() -> None:
    world = World(4, 3600)
    every = world.exchanges(4)
    kept = thinned(every)
    assert len(kept) < len(every) / 20
    assert thinned(kept) == kept
    board = world.board(np.linspace(-1000, 6000, 701))
    assert Mapping(kept).utc(board) == pytest.approx(Mapping(every).utc(board), abs=1e-6)
    assert Mapping(kept).uncertainty(board) == pytest.approx(Mapping(every).uncertainty(board), abs=1e-6)


def test_twice_and_in_any_order() -> None:
    world = World(5, 600)
    exchanges = world.exchanges(4)
    mixed = world.rng.permutation(np.array(exchanges * 2)).tolist()
    board = world.board(np.linspace(0, 600, 61))
    expected = Mapping(exchanges)
    mapping = Mapping(Exchange(*row) for row in mixed)
    assert mapping.utc(board).tolist() == expected.utc(board).tolist()
    live, base = Timebase(), Timebase()
    for exchange in exchanges:
        live.add(exchange)
        assert not live.add(exchange)
    for row in mixed:
        base.add(Exchange(*row))
    assert base.piece == 0
    utc, uncertainty_s = base.utc(float(board[-1]))
    assert abs(utc - UTC - 600) <= uncertainty_s
    # What comes late was softened by drift: never better than in order.
    assert live.utc(float(board[-1]))[1] <= uncertainty_s + 1e-6


def test_the_rate_is_found() -> None:
    world = World(6, 1800)
    base = Timebase()
    for exchange in world.exchanges(4):
        base.add(exchange)
    before, after = world.board(np.array([1799.0, 1800.0]))
    assert base.rate() == pytest.approx(1e6 * (1 / (after - before) - 1), abs=4)


def test_a_night_without_a_host() -> None:
    """Nothing was exchanged for 12 hours: what lies between is uncertain by parts of a second, and known to be."""
    world = World(7, 45_000)
    exchanges = [x for x in world.exchanges(1) if not 900 < x.sent - UTC < 44_100]
    mapping = Mapping(exchanges)
    true = np.linspace(0, 45_000, 4501)
    board = world.board(true)
    uncertainty_s = mapping.uncertainty(board)
    assert np.all(np.abs(mapping.utc(board) - UTC - true) <= uncertainty_s)
    assert 0.01 < uncertainty_s.max() < 1
    assert not mapping.jumps


def asleep(exchanges: list[Exchange], at: float, seconds: float) -> list[Exchange]:
    """The host's clock stood still for `seconds` at `at`, while board time went on; negative: it leapt ahead."""
    return [
        x._replace(
            sent=x.sent - seconds * (x.sent - UTC > at),
            received=x.received - seconds * (x.received - UTC > at),
        )
        for x in exchanges
    ]


@pytest.mark.parametrize("seconds", [3600.0, 10.0, 0.3, -0.3, -3600.0])
@pytest.mark.parametrize(("up", "down"), [(usb, usb), (uniform, uniform)])
def test_across_a_jump_the_board_counts_on(up: Latency, down: Latency, seconds: float) -> None:
    """The jump is told, with its size; durations stay right, in the recording and live."""
    world = World(8, 2400)
    base = Timebase()
    at = 900.0
    pause = max(seconds, 0.0)
    # While it sleeps a host exchanges nothing.
    awake = [x for x in world.exchanges(4, up, down) if not at < x.sent - UTC <= at + min(pause, 600)]
    kept = [x for x in asleep(awake, at, seconds) if base.add(x)]
    assert base.piece == 1
    mapping = Mapping(kept)
    (jump,) = mapping.jumps
    assert base.jump is not None
    for told in (jump, base.jump):
        assert abs(told.by_s + seconds) <= told.uncertainty_s < 0.02
    assert at < jump.board_s - float(world.board(0.0)) < at + 660
    true = np.linspace(0, 2400, 2401)
    board = world.board(true)
    error = np.abs(mapping.utc(board) - UTC - true)
    assert np.all(error <= mapping.uncertainty(board))
    assert np.all(np.diff(mapping.utc(board)) > 0)
    assert error.max() < 10e-3
    utc, uncertainty_s = base.utc(float(board[-1]))
    assert abs(utc - UTC - 2400) <= uncertainty_s < 30e-3


def test_many_jumps_leave_a_line_that_rises() -> None:
    """Every half minute the host's clock leaps, by up to a second or by some milliseconds."""
    world = World(9, 900)
    leaps = world.rng.normal(0, 1, 30) * np.where(np.arange(30) % 2, 1, 0.01)
    moved = np.cumsum(leaps)
    exchanges = [
        x._replace(sent=x.sent + by, received=x.received + by)
        for x in world.exchanges(4, usb, usb)
        for by in [moved[min(int((x.sent - UTC) // 30), 29)]]
    ]
    mapping = Mapping(exchanges)
    assert 15 <= len(mapping.jumps) <= 30
    utc = mapping.utc(world.board(np.linspace(-10, 910, 9201)))
    assert np.all(np.diff(utc) >= 0)
    # The small ones are followed, the great ones are not.
    assert utc[-1] - utc[0] == pytest.approx(920, abs=0.5)


def test_a_host_clock_that_is_steered_hurts_for_a_short_while() -> None:
    """500 ppm for 20 s, as a time service does it: 10 ms, beyond what an oscillator can drift."""
    world = World(10, 1800)
    steered = [
        x._replace(
            sent=x.sent + 500e-6 * np.clip(x.sent - UTC - 600, 0, 20),
            received=x.received + 500e-6 * np.clip(x.received - UTC - 600, 0, 20),
        )
        for x in world.exchanges(RATE_HZ)
    ]
    mapping = Mapping(steered)
    assert 1 <= len(mapping.jumps) <= 6
    assert all(abs(jump.by_s) < JUMP_S for jump in mapping.jumps)
    true = np.linspace(0, 1800, 1801)
    error = np.abs(mapping.utc(world.board(true)) - UTC - true - 500e-6 * np.clip(true - 600, 0, 20))
    assert error.max() < 15e-3
    assert error[true > 700].max() < 2e-3


def test_a_board_that_warms_up_too_fast_is_followed() -> None:
    """A rate that changes by 30 ppm within a minute: pieces may begin, but no jump is seen."""
    world = World(11, 1800)
    quick = 30e-6 * np.clip((world._t - 600) / 60, 0, 1)
    world._offset += np.cumsum(quick)
    mapping = Mapping(world.exchanges(4, usb, usb))
    assert all(abs(jump.by_s) < JUMP_S for jump in mapping.jumps)
    true = np.linspace(0, 1800, 1801)
    error = np.abs(mapping.utc(world.board(true)) - UTC - true)
    assert error.max() < 3e-3


def test_exchanges_that_cannot_be_are_passed_over() -> None:
    impossible = [
        Exchange(100.0, 5.0, 5.0, 99.0),
        Exchange(100.0, 5.0, 4.0, 101.0),
        Exchange(100.0, 5.0, 8.0, 101.0),
        Exchange(float("nan"), 5.0, 8.0, 101.0),
        Exchange(100.0, 5.0, 8.0, float("inf")),
    ]
    assert thinned(impossible) == []
    assert not Mapping(impossible)


def test_without_exchanges_nothing_is_known() -> None:
    utc, uncertainty_s = Timebase().utc(5.0)
    assert np.isnan(utc)
    assert uncertainty_s == float("inf")
    mapping = Mapping([])
    assert np.isnan(mapping.utc([1.0, 2.0])).all()
    assert np.isinf(mapping.uncertainty([1.0])).all()


def test_a_single_exchange_goes_a_long_way() -> None:
    exchange = Exchange(UTC, 10.0, 10.0, UTC + 0.02)
    mapping = Mapping([exchange])
    assert mapping.utc([10.0, 110.0]) - UTC == pytest.approx([0.01, 100.01], abs=1e-5)
    near, far = mapping.uncertainty([10.0, 110.0])
    assert near == pytest.approx(0.01, abs=1e-4)
    assert 0.03 <= far < 0.032
    assert mapping.utc(10.0).shape == ()
    base = Timebase()
    base.add(exchange)
    assert base.utc(110.0) == pytest.approx((mapping.utc(110.0), far), abs=1e-3)


def test_messages_without_any_latency_are_no_contradiction() -> None:
    board = stamped(np.arange(0, 600, 0.5) * (1 - 50e-6) + 1234.5678901)
    exchanges = [Exchange(UTC + t, b, b, UTC + t) for t, b in zip(np.arange(0, 600, 0.5).tolist(), board, strict=True)]
    mapping = Mapping(exchanges)
    assert not mapping.jumps
    assert mapping.utc(board) - UTC == pytest.approx(np.arange(0, 600, 0.5), abs=3e-6)


moments = st.floats(0, 1e6) | st.integers(0, 20).map(float)


@settings(max_examples=300 if FULL else 60, deadline=None)
@given(st.lists(st.tuples(moments, moments, st.floats(0, 2), st.floats(0, 3)), max_size=30))
def test_whatever_comes_gives_an_answer(rows: list[tuple[float, float, float, float]]) -> None:
    exchanges = [Exchange(sent, taken, taken + took, sent + trip) for sent, taken, took, trip in rows]
    base = Timebase()
    kept = [x for x in exchanges if base.add(x)]
    moments = np.linspace(-10, 1.1e6, 1000)
    for mapping in (Mapping(exchanges), Mapping(kept)):
        uncertainty_s = mapping.uncertainty(moments)
        assert np.all(uncertainty_s > 0)
        assert bool(mapping) == bool(kept)
        if kept:
            assert np.all(np.isfinite(uncertainty_s))
            assert np.all(np.diff(mapping.utc(moments)) >= -1e-9)
    if kept:
        assert base.utc(5.0)[1] > 0
