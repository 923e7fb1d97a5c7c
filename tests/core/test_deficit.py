"""The rolling deficit against an exact sum over every second of its window."""

from collections import deque
from fractions import Fraction
from random import Random

import pytest
from checked import small, smalls
from hypothesis import given, settings
from hypothesis import strategies as st

from turgor.core.deficit import (
    BINS,
    DEPTH_MOST_MILLI_MMHG,
    SECOND,
    WINDOW_MINUTES,
    deficit_bins,
    deficit_milli_mmhg_h,
    deficit_pass,
    deficit_push,
    deficit_state,
)
from turgor.core.median import ABSENT

LIMIT = 30000
WINDOW_S = 60 * WINDOW_MINUTES
# Stated in the file, milli-mmHg x h.
BOUND = Fraction(6, 10)


class Follow:
    """A deficit beside the exact one: depths of this minute, and sums of the 719 before it; milli-mmHg x s."""

    def __init__(self, limit=LIMIT, checked=False):
        self.s = deficit_state(limit)
        self.bins = deficit_bins()
        if checked:
            self.s, self.bins = smalls(self.s), smalls(self.bins)
        self.limit = limit
        self._minutes = deque([0] * (WINDOW_MINUTES - 1), maxlen=WINDOW_MINUTES - 1)
        self._second = 0
        self._sum = 0
        self._minute = 0

    def push(self, dp, seconds=1):
        for _ in range(seconds):
            deficit_push(self.s, self.bins, small(dp))
            self._exact(0 if dp == ABSENT else min(DEPTH_MOST_MILLI_MMHG, max(0, self.limit - dp)), 1)
        return self

    def skip(self, seconds):
        deficit_pass(self.s, self.bins, small(seconds))
        self._exact(0, seconds)
        return self

    def _exact(self, depth, seconds):
        for _ in range(seconds):
            self._minute += depth
            self._second += 1
            if self._second == 60:
                self._sum += self._minute - self._minutes[0]
                self._minutes.append(self._minute)
                self._second = self._minute = 0

    def check(self):
        got = int(deficit_milli_mmhg_h(self.s))
        assert abs(got - Fraction(self._sum + self._minute, 3600)) < BOUND
        assert self.s[SECOND] == self._second
        return got


def test_by_hand():
    """dP 10 mmHg below 30 is 20 deep: for half an hour 10 mmHg x h; it stays, and 12 h later it is gone."""
    follow = Follow().push(10000, 1800)
    assert follow.check() == 10000
    follow.push(ABSENT, 3600).push(31000, 3600).push(LIMIT, 60)
    assert follow.check() == 10000
    # The first of the 30 minutes leaves at the end of the 720th minute, and takes 333 with it.
    follow.push(ABSENT, WINDOW_S - 1800 - 7260 - 1)
    assert follow.check() == 10000
    follow.push(ABSENT)
    assert follow.check() == 9667
    follow.push(60000, 1800)
    assert follow.check() == 0


def test_like_the_exact_sum_through_two_windows():
    random = Random(1)
    follow = Follow()
    dp = 40000
    for t in range(2 * WINDOW_S + 5000):
        if t % 600 == 0:
            dp = random.choice([ABSENT, 35000, 29999, 25000, -40000, random.randint(0, 60000)])
        follow.push(dp if dp == ABSENT else dp + random.randint(-900, 900))
        if t % 37 == 0:
            follow.check()


def test_a_depth_of_a_milli_mmhg_adds_up():
    """2.4 mmHg x s in 40 minutes: no second of it fills a bin's unit, and none is lost."""
    follow = Follow().push(LIMIT - 1, 3600 * 11)
    assert follow.check() == 11


@given(
    st.lists(
        st.tuples(
            st.integers(-(2**28), 2**28) | st.integers(-60000, 60000) | st.just(ABSENT),
            st.integers(1, 200),
            st.integers(0, 2 * WINDOW_S) | st.integers(0, 200),
        ),
        max_size=12,
    )
)
@settings(deadline=None, max_examples=40)
def test_pushes_and_gaps_within_the_range(steps):
    follow = Follow(checked=True)
    for dp, seconds, gap in steps:
        follow.push(dp, seconds).check()
        follow.skip(gap).check()


@pytest.mark.parametrize("limit", [2**28, -(2**28), LIMIT])
@pytest.mark.parametrize("dp", [-(2**28), 2**28])
def test_range(limit, dp):
    """As deep as can be for more than the window: full bins, and none too full for 16 bits."""
    follow = Follow(limit, checked=True).push(dp, WINDOW_S + 3700)
    deepest = 719 * DEPTH_MOST_MILLI_MMHG // 60 + DEPTH_MOST_MILLI_MMHG * 40 // 3600
    assert follow.check() == (deepest if dp < limit else 0)
    assert max(follow.bins) == (65000 if dp < limit else 0)
    assert follow.s[BINS] == sum(follow.bins)


@pytest.mark.parametrize("gap", [0, 1, 59, 60, 61, 3600, WINDOW_S - 60, WINDOW_S, 2**29])
def test_a_gap_is_like_absent_seconds(gap):
    follow, absent = (Follow().push(7000, 3333) for _ in range(2))
    deficit_pass(follow.s, follow.bins, gap)
    absent.push(ABSENT, min(gap, 2 * WINDOW_S + gap % 60))
    assert follow.s[BINS] == absent.s[BINS]
    assert follow.s[SECOND] == (3333 + gap) % 60
    assert deficit_milli_mmhg_h(follow.s) == deficit_milli_mmhg_h(absent.s)


def test_the_bins_fit():
    assert deficit_bins().itemsize == 2
    assert len(deficit_bins()) * 2 + len(deficit_state(LIMIT)) * 4 == 1460
