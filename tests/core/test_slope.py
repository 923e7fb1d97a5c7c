"""Slopes against exact fractions and numpy's fit."""

from fractions import Fraction
from math import floor

import numpy as np
import pytest
from checked import small, smalls
from hypothesis import given, settings
from hypothesis import strategies as st

from turgor.core.median import ABSENT
from turgor.core.slope import MINUTES_MOST, slope_per_hour, slope_push, slope_state

LIMIT = 2**28


def plain(window):
    """The slope per hour by the normal equations, in fractions."""
    points = [(t, y) for t, y in enumerate(window) if y != ABSENT]
    n = len(points)
    if n < 2 or 2 * n < len(window):
        return ABSENT
    t_mean = Fraction(sum(t for t, _ in points), n)
    slope = sum((t - t_mean) * y for t, y in points) / sum((t - t_mean) ** 2 for t, _ in points)
    return max(-LIMIT, min(LIMIT, floor(60 * slope + Fraction(1, 2))))


def slope(window, values=(), checked=True):
    """The slope over a window, which is pushed after `values`."""
    s = slope_state(len(window))
    if checked:
        s = smalls(s)
    for value in [*values, *window]:
        slope_push(s, small(value) if checked else value)
    return slope_per_hour(s)


def test_by_hand():
    """1, 2, absent, 7: n = 3, T = 4, weights -4 -1 5, so (-4 - 2 + 35) / (3 x 10 - 16) x 60 = 29 x 60 / 14 = 124.29."""
    assert slope([1, 2, ABSENT, 7]) == 124


def test_needs_half_and_two():
    assert slope([0, ABSENT]) == ABSENT
    assert slope([0, ABSENT, 2]) == 60
    assert slope([0, ABSENT, ABSENT, 2]) == 40
    assert slope([0, ABSENT, ABSENT, ABSENT, 2]) == ABSENT
    assert slope([5] * 30 + [ABSENT] * 30) == 0
    assert slope([5] * 29 + [ABSENT] * 31) == ABSENT
    assert slope_per_hour(slope_state(MINUTES_MOST)) == ABSENT


def test_is_rounded_half_up():
    """Of 16 minutes D is 5440 and the weights 16 t - 120: 2 x 8 + 120 = 136, and 60 x 136 / 5440 = 1.5."""
    window = [0] * 8 + [2] + [0] * 6 + [1]
    assert slope(window) == 2
    assert slope([-y for y in window]) == -1


@given(
    st.integers(2, MINUTES_MOST).flatmap(
        lambda n: st.lists(
            st.integers(-LIMIT, LIMIT) | st.sampled_from([LIMIT, -LIMIT, ABSENT]) | st.integers(-9, 9),
            min_size=n,
            max_size=n,
        )
    ),
    st.lists(st.integers(-LIMIT, LIMIT) | st.just(ABSENT), max_size=70),
)
@settings(deadline=None, max_examples=300)
def test_like_exact_fractions(window, values):
    assert slope(window, values) == plain(window)


def subsets():
    """Windows of 60 whose values are there at the ends, where weights are largest, in the middle, or here and there."""
    for there in (30, 31, 45, 59, 60):
        first = there // 2
        yield [True] * first + [False] * (60 - there) + [True] * (there - first)
        yield [True] * there + [False] * (60 - there)
        yield [i * there // 60 != (i + 1) * there // 60 for i in range(60)]


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("there", list(subsets()))
def test_range_where_each_value_has_the_sign_of_its_weight(there, sign):
    """The largest sums there can be: each value at the limit its weight asks for, low bits set and clear."""
    centre = np.mean(np.flatnonzero(there))
    for most in (LIMIT, LIMIT - 1):
        window = [(sign * most if t > centre else -sign * most) if there[t] else ABSENT for t in range(60)]
        got = slope(window)
        assert got == plain(window)
        assert sign * got > 0


def test_the_weights_are_within_what_the_file_says():
    """Of n minutes out of 60 those at both ends have the largest weights: with 60 they add up to 27000, never more."""
    most = []
    for n in range(2, 61):
        t = np.r_[0 : n // 2, 60 - (n - n // 2) : 60]
        weights = n * t - t.sum()
        most.append(int(weights[weights > 0].sum()))
    assert max(most) == most[-1] == 27000


def test_what_is_too_steep_counts_as_the_limit():
    assert slope([-LIMIT, LIMIT]) == LIMIT
    assert slope([LIMIT] * 30 + [-LIMIT] * 30) == -LIMIT
    assert slope([0, LIMIT // 60]) == 60 * (LIMIT // 60) < LIMIT


def test_like_numpy_on_a_rising_pressure():
    """10 mmHg an hour with noise and a third absent: the fit of numpy to within its own rounding."""
    random = np.random.default_rng(2)
    for minutes in (5, 30, 60):
        for _ in range(200):
            y = np.round(20000 + 10000 / 60 * np.arange(minutes) + random.normal(0, 300, minutes)).astype(int)
            there = random.random(minutes) > 1 / 3
            there[[0, -1]] = True
            window = [int(v) if t else ABSENT for v, t in zip(y, there, strict=True)]
            if 2 * there.sum() >= minutes:
                wanted = 60 * np.polyfit(np.flatnonzero(there), y[there], 1)[0]
                assert abs(slope(window, checked=False) - wanted) <= 0.5 + 1e-6


def test_forgets_what_left_the_window():
    s = slope_state(30)
    for value in [*range(0, 100000, 1000), *[7] * 30]:
        slope_push(s, value)
    assert slope_per_hour(s) == 0
