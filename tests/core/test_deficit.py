"""The rolling deficit against an exact sum over every second of its window."""

from collections import deque
from fractions import Fraction
from random import Random

import pytest
from checked import small, smalls
from hypothesis import given, settings
from hypothesis import strategies as st

from turgor.core.deficit import BIN_S, BINS, DEPTH_MOST_MILLI_MMHG, REST, STATE_WORDS, SUM, deficit_push, deficit_state
from turgor.core.median import ABSENT

LIMIT = 30000
WINDOW_S = BIN_S * BINS


class Follow:
    """A deficit beside the exact one: the depths of this bin and of the 29 before it, milli-mmHg x s."""

    def __init__(self, limit=LIMIT, checked=False, second=0):
        self.s = deficit_state()
        self.checked = checked
        if checked:
            self.s = smalls(self.s)
        self.limit = limit
        self.second = second
        self._bins = deque([0] * (BINS - 1), maxlen=BINS - 1)
        self._now = 0

    def push(self, dp, seconds=1):
        for _ in range(seconds):
            if self.checked:
                deficit_push(self.s, small(self.second), small(dp), small(self.limit))
            else:
                deficit_push(self.s, self.second, dp, self.limit)
            if self.second % BIN_S == 0:
                self._bins.append(self._now)
                self._now = 0
            self._now += 0 if dp == ABSENT else min(DEPTH_MOST_MILLI_MMHG, max(0, self.limit - dp))
            self.second += 1
        return self

    def check(self):
        got = int(self.s[SUM])
        assert abs(got - Fraction(sum(self._bins) + self._now, 3600)) < 1
        assert 0 <= self.s[REST] < 3600
        assert self.s[SUM] == sum(self.s[2:])
        return got


def test_by_hand():
    """dP 10 mmHg below 30 is 20 deep: for half an hour 10 mmHg x h; it stays, and 12 h later it is gone."""
    follow = Follow().push(10000, 1800)
    assert follow.check() == 10000
    follow.push(ABSENT, 3600).push(31000, 3600).push(LIMIT, 60)
    assert follow.check() == 10000
    # The bin of the first 24 min leaves when the 31st begins, and takes 8 with it; the next one 24 min later.
    follow.push(ABSENT, WINDOW_S - 9060)
    assert follow.check() == 10000
    follow.push(ABSENT)
    assert follow.check() == 2000
    follow.push(60000, BIN_S - 1)
    assert follow.check() == 2000
    follow.push(60000)
    assert follow.check() == 0


def test_a_depth_of_a_milli_mmhg_adds_up():
    """2.4 mmHg x s in 40 minutes: no second of it fills a unit, and none is lost."""
    assert Follow().push(LIMIT - 1, 3600 * 11).check() == 11


def test_an_absent_dp_leaves_the_sum_but_for_what_grows_old():
    follow = Follow().push(25000, 3600)
    follow.push(ABSENT, WINDOW_S - 3600)
    assert follow.check() == 5000
    follow.push(ABSENT, 3600)
    assert follow.check() == 0


def test_like_the_exact_sum_through_two_windows():
    random = Random(1)
    follow = Follow(second=777)
    dp = 40000
    for t in range(2 * WINDOW_S + 5000):
        if t % 600 == 0:
            dp = random.choice([ABSENT, 35000, 29999, 25000, -40000, random.randint(0, 60000)])
        follow.push(dp if dp == ABSENT else dp + random.randint(-900, 900))
        if t % 37 == 0:
            follow.check()


@given(
    st.lists(
        st.tuples(
            st.integers(-(2**28), 2**28) | st.integers(-60000, 60000) | st.just(ABSENT),
            st.integers(1, 200) | st.integers(1, 3 * BIN_S),
        ),
        max_size=12,
    ),
    st.integers(0, 2**28),
)
@settings(deadline=None, max_examples=40)
def test_no_integer_leaves_a_boards_range(steps, second):
    follow = Follow(checked=True, second=second - second % BIN_S)
    for dp, seconds in steps:
        follow.push(dp, seconds).check()


@pytest.mark.parametrize("limit", [2**28, -(2**28), LIMIT])
@pytest.mark.parametrize("dp", [-(2**28), 2**28])
def test_as_deep_as_can_be_for_more_than_the_window(limit, dp):
    follow = Follow(limit, checked=True).push(dp, WINDOW_S + 3700)
    # The last of 30 bins is partly filled.
    seconds = WINDOW_S - BIN_S + (WINDOW_S + 3700) % BIN_S
    deepest = seconds * DEPTH_MOST_MILLI_MMHG // 3600
    assert abs(follow.check() - (deepest if dp < limit else 0)) <= 1
    # What packs a word in 3 bytes loses nothing of it.
    assert max(follow.s) < 2**23
    assert len(follow.s) == STATE_WORDS
