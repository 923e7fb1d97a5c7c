"""Ticks and board time, from 5 s before the wrap and over several wraps."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from turgor.core.ticks import TICKS_MASK, BoardTime, ticks_diff

WRAP = 2**30
BEFORE_WRAP = WRAP - 5_000_000


def test_by_hand():
    """The tick 3 comes 5 us after the tick 2^30 - 2."""
    assert TICKS_MASK == WRAP - 1
    assert ticks_diff(3, WRAP - 2) == 5
    assert ticks_diff(WRAP - 2, 3) == -5


@given(st.integers(0, TICKS_MASK), st.integers(-(2**29), 2**29 - 1))
def test_diff_undoes_an_advance(tick, passed):
    assert ticks_diff((tick + passed) % WRAP, tick) == passed


def test_seconds_go_on_over_the_wrap():
    time = BoardTime(BEFORE_WRAP)
    for s in range(12):
        time.advance((BEFORE_WRAP + s * 1_000_000) % WRAP)
        assert (time.s, time.us) == (s, 0)
        time.advance((BEFORE_WRAP + s * 1_000_000 + 999_999) % WRAP)
        assert (time.s, time.us) == (s, 999_999)


def test_nothing_is_lost_over_many_wraps():
    random = Random(8)
    time = BoardTime(BEFORE_WRAP)
    passed = 0
    while passed < 6 * WRAP:
        passed += random.choice([1, 7, 12_345, 999_999, 1_000_000, 500_000_000])
        time.advance((BEFORE_WRAP + passed) % WRAP)
        assert (time.s, time.us) == divmod(passed, 1_000_000)


def test_a_tick_of_the_past_moves_nothing():
    time = BoardTime(BEFORE_WRAP)
    time.advance((BEFORE_WRAP + 5_250_000) % WRAP)
    time.advance((BEFORE_WRAP + 4_000_000) % WRAP)
    time.advance((BEFORE_WRAP + 5_250_000) % WRAP)
    assert (time.s, time.us) == (5, 250_000)


@given(st.integers(0, 12_000_000), st.integers(-8_000_000, 8_000_000))
def test_ticks_and_offsets_are_inverse_around_the_wrap(passed, offset):
    time = BoardTime(BEFORE_WRAP)
    time.advance((BEFORE_WRAP + passed) % WRAP)
    tick = time.tick_at(offset)
    assert tick == (BEFORE_WRAP + time.s * 1_000_000 + offset) % WRAP
    assert time.offset_us(tick) == offset
