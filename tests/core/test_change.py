"""Changes, the baseline after a step and the lowest value against exact fractions."""

from fractions import Fraction
from math import floor
from random import Random

import pytest
from checked import small, smalls
from hypothesis import given
from hypothesis import strategies as st

from turgor.core.change import (
    BASELINE_MOST,
    LOWEST,
    LOWEST_AGE_S,
    fall_permille,
    lowest_push,
    lowest_state,
    reanchored,
    rise_permille,
)
from turgor.core.median import ABSENT

BASELINES = st.integers(1, 2**28) | st.integers(1, 60) | st.integers(0, 28).map(lambda bits: 2**bits)
VALUES = st.integers(-(2**28), 2**28) | st.integers(-60, 60)


def plain_permille(part, whole):
    return floor(max(Fraction(-1000), min(Fraction(1000), Fraction(1000 * part, whole))))


def plain_reanchored(baseline, before, after):
    return min(BASELINE_MOST, max(1, floor(Fraction(baseline * after, before) + Fraction(1, 2))))


@pytest.mark.parametrize(
    ("baseline", "now", "fall", "rise"),
    [(8000, 7600, 50, -50), (8000, 7601, 49, -50), (3, 2, 333, -334), (10, 21, -1000, 1000), (10, -21, 1000, -1000)],
)
def test_by_hand(baseline, now, fall, rise):
    """399 of 8000 are 49.875 per mille: a fall of 49, and as a rise -49.875, rounded down -50."""
    assert fall_permille(baseline, now) == fall
    assert rise_permille(baseline, now) == rise


@pytest.mark.parametrize(
    ("baseline", "before", "after", "moved"),
    [
        (50000, 48000, 46000, 47917),  # 47916.67
        (3, 2, 1, 2),  # 1.5
        (5, 3, 2, 3),  # 3.33
        (50000, 10, 25, 125000),
        (1, 2**28, 1, 1),
        (2**28, 1, 2**28, BASELINE_MOST),
        (2**27, 2**27, 2**28, BASELINE_MOST),
    ],
)
def test_reanchored_by_hand(baseline, before, after, moved):
    assert reanchored(baseline, before, after) == moved


@given(BASELINES, VALUES)
def test_changes_are_the_fraction_rounded_down(baseline, now):
    assert fall_permille(small(baseline), small(now)) == plain_permille(baseline - now, baseline)
    assert rise_permille(small(baseline), small(now)) == plain_permille(now - baseline, baseline)


@given(BASELINES, BASELINES, BASELINES)
def test_reanchored_is_the_fraction_rounded_half_up(baseline, before, after):
    assert reanchored(small(baseline), small(before), small(after)) == plain_reanchored(baseline, before, after)


def test_at_the_limits():
    edges = [1, 2, 3, 2**19 - 1, 2**19, 2**27, 2**28 - 1, 2**28]
    for baseline in edges:
        for now in [0, *edges, *(-edge for edge in edges)]:
            assert fall_permille(small(baseline), small(now)) == plain_permille(baseline - now, baseline)
            assert rise_permille(small(baseline), small(now)) == plain_permille(now - baseline, baseline)
        for before in edges:
            for after in edges:
                got = reanchored(small(baseline), small(before), small(after))
                assert got == plain_reanchored(baseline, before, after)


@given(st.integers(1000, 2**26), st.floats(-0.5, 0.5), st.floats(0.3, 3))
def test_a_step_keeps_the_change_so_far(baseline, change, step):
    """To a per mille and what rounding two values to whole units makes of it."""
    before = round(baseline * (1 + change))
    after = max(1, round(before * step))
    moved = reanchored(baseline, before, after)
    slack = 1000 * (1 + change) * (1 / moved) + 1
    assert abs(rise_permille(moved, after) - rise_permille(baseline, before)) <= slack


def test_fall_of_a_slow_loss_never_goes_back():
    falls = [fall_permille(30_000_000, now) for now in range(30_000_000, 24_000_000, -997)]
    assert falls == sorted(falls)
    assert falls[-1] == 199


def test_lowest_by_hand():
    s = lowest_state()
    seen = []
    for value in (ABSENT, 5, 6, ABSENT, 4, 4, 9):
        lowest_push(s, value)
        seen.append((s[LOWEST], s[LOWEST_AGE_S]))
    assert seen == [(ABSENT, 0), (5, 0), (5, 1), (5, 2), (4, 0), (4, 0), (4, 1)]


def test_lowest_is_the_minimum_since_its_last_time():
    random = Random(1)
    s = smalls(lowest_state())
    values = []
    for _ in range(5000):
        fate = random.random()
        value = ABSENT if fate < 0.2 else random.randint(0, 60 - len(values) // 100) if fate < 0.9 else 2**28
        values.append(value)
        lowest_push(s, small(value))
        there = [v for v in values if v != ABSENT]
        if there:
            assert s[LOWEST] == min(there)
            assert s[LOWEST_AGE_S] == values[::-1].index(min(there))
