"""The rolling median of 60 s against a sorted list."""

from array import array
from collections import deque
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from turgor.core.median import ABSENT, MEDIAN_LEAST, STATE_WORDS, is_filled, median, median_push

LIMIT = 1 << 28
SECONDS = 60


def state():
    return array("i", bytes(4 * STATE_WORDS))


def plain(window):
    """Number of valid readings and median of the last 60 readings, the plain way."""
    valid = sorted(value for value in window if value != ABSENT)
    n = len(valid)
    if n < MEDIAN_LEAST:
        return n, ABSENT
    return n, valid[n // 2] if n % 2 else (valid[n // 2 - 1] + valid[n // 2]) // 2


def follow(values):
    words = state()
    window = deque(maxlen=SECONDS)
    for value in values:
        window.append(value)
        n = median_push(words, value)
        assert (n, median(words)) == plain(window)
        assert is_filled(words) == (len(window) == SECONDS and window[0] != ABSENT)


def test_by_hand():
    """1 to 30: the middle two are 15 and 16, their mean rounded down 15; 31 more: the window is 2 to 61."""
    words = state()
    for value in range(1, 30):
        median_push(words, value)
        assert median(words) == ABSENT
    assert median_push(words, 30) == 30
    assert median(words) == 15
    for value in range(31, 62):
        n = median_push(words, value)
    assert n == 60
    assert median(words) == 31


def test_mean_of_the_middle_two_is_rounded_down():
    words = state()
    for value in [-4] * 15 + [-1] * 15:
        median_push(words, value)
    assert median(words) == -3


@given(st.lists(st.integers(-LIMIT, LIMIT) | st.just(ABSENT) | st.integers(-2, 2), max_size=200))
@settings(deadline=None, max_examples=150)
def test_like_a_sorted_list(values):
    follow(values)


@pytest.mark.parametrize("absent_percent", [0, 10, 50, 90, 100])
@pytest.mark.parametrize("spread", [1, 100, LIMIT])
def test_like_a_sorted_list_for_long(absent_percent, spread):
    random = Random(absent_percent + spread)
    follow(ABSENT if random.randrange(100) < absent_percent else random.randint(-spread, spread) for _ in range(600))


@pytest.mark.parametrize("values", [range(-300, 300), range(300, -300, -1), [LIMIT, -LIMIT] * 150, [5] * 300])
def test_like_a_sorted_list_in_order(values):
    follow(values)


def test_absent_for_a_minute_empties_it():
    words = state()
    for value in range(60):
        median_push(words, value)
    left = [median_push(words, ABSENT) for _ in range(60)]
    assert left == list(range(59, -1, -1))
    assert median(words) == ABSENT
