"""When a pressure is doubted: falls, pressures near zero and flat ones, to the second and the milli-mmHg."""

from random import Random

import pytest
from checked import small, smalls

from turgor.core.doubt import (
    DOUBTED,
    EXPLAINED_S,
    FELL,
    FLAT,
    MINUTES,
    MINUTES_MOST,
    NEAR_ZERO,
    NEAR_ZERO_S,
    STATE_WORDS,
    believe,
    doubt_push,
    doubt_state,
    explain,
)
from turgor.core.median import ABSENT


class Catheter:
    """A state and its second."""

    def __init__(self, second=0, checked=False):
        self.s = smalls(doubt_state()) if checked else doubt_state()
        self.second = second
        self.checked = checked

    def push(self, seconds, median, reading=ABSENT):
        """The first second from which on the doubt is another one, or None."""
        before = self.s[DOUBTED]
        changed = None
        for _ in range(seconds):
            if self.checked:
                doubt_push(self.s, small(self.second), small(median), small(reading))
            else:
                doubt_push(self.s, self.second, median, reading)
            if changed is None and self.s[DOUBTED] != before:
                changed = self.second
            self.second += 1
        return changed

    @property
    def doubted(self):
        return self.s[DOUBTED]


def test_by_hand():
    """From 30 to 20 mmHg at once is doubted at once; what came back to 25 is believed again, 24.999 is not."""
    catheter = Catheter()
    assert catheter.push(100, 30000) is None
    assert catheter.push(5, 20000) == 100
    assert catheter.doubted == FELL
    assert catheter.push(500, 24999) is None
    assert catheter.push(1, 25000) == 605
    assert catheter.doubted == 0


@pytest.mark.parametrize("phase", range(10))
@pytest.mark.parametrize("step", [1, 7, 40, 70])
def test_a_fall_within_a_minute_whenever_it_begins(phase, step):
    """10 mmHg within 60 s are found; 9.999 are not, however short; nor are 10 in more than 70 s."""
    for fall, found in ((10000, True), (9999, False)):
        catheter = Catheter(phase)
        catheter.push(200, 30000)
        for part in range(1, step + 1):
            catheter.push(1, 30000 - fall * part // step)
        catheter.push(300, 30000 - fall)
        assert (catheter.doubted == FELL) == (found and step <= 60) or step == 70
    catheter = Catheter(phase)
    for median in range(60000, 10000, -140):  # 9.94 in 71 s
        catheter.push(1, median)
    assert catheter.doubted == 0


def test_a_fall_within_60_s_is_seen_even_second_by_second():
    for seconds in range(1, 61):
        catheter = Catheter(seconds * 3)
        catheter.push(120, 40000)
        for part in range(1, seconds + 1):
            catheter.push(1, 40000 - 10000 * part // seconds)
        assert catheter.doubted == FELL, seconds


def test_what_is_missing_when_it_comes_back_is_doubted():
    catheter = Catheter()
    catheter.push(100, 40000)
    assert catheter.push(7200, ABSENT) is None
    assert catheter.push(1, 30001) is None
    assert catheter.push(1, 30000) == 7301


def test_what_falls_further_is_compared_with_where_it_began():
    catheter = Catheter()
    catheter.push(100, 40000)
    catheter.push(100, 30000)
    catheter.push(100, 15000)
    assert catheter.push(100, 34999) is None
    assert catheter.push(1, 35000) is not None


@pytest.mark.parametrize(
    ("after", "found"), [(0, False), (1, False), (EXPLAINED_S - 1, False), (EXPLAINED_S + 15, True)]
)
def test_an_entry_explains_a_fall_within_five_minutes(after, found):
    catheter = Catheter()
    catheter.push(100, 40000)
    explain(catheter.s)
    catheter.push(after, 40000)
    # Not even afterwards.
    catheter.push(600, 20000)
    assert (catheter.doubted == FELL) == found


def test_an_explained_fall_in_its_last_second_is_none_afterwards():
    """The second before the explanation ends is explained, the pressure of then is no past for the second after it."""
    for fall_at in range(EXPLAINED_S - 70, EXPLAINED_S):
        catheter = Catheter(3)
        catheter.push(50, 40000)
        explain(catheter.s)
        catheter.push(fall_at, 40000)
        assert catheter.push(200, 25000) is None


@pytest.mark.parametrize("second", [0, 59, 1000])
def test_near_zero_for_ten_minutes(second):
    """1.999 is near zero, 2 is not; the run counts from the first second of it, and what was doubted ends at 4."""
    catheter = Catheter(second)
    assert catheter.push(1000, 2000) is None
    assert catheter.s[NEAR_ZERO_S] == 0
    assert catheter.push(600, 1999) is None
    assert catheter.s[NEAR_ZERO_S] == 600
    assert catheter.push(1, 1999) == second + 1600
    assert catheter.doubted == NEAR_ZERO
    assert catheter.push(5000, 3999) is None
    assert catheter.push(1, 4000) is not None
    assert (catheter.doubted, catheter.s[NEAR_ZERO_S]) == (0, 0)


def test_one_second_away_from_zero_ends_the_run_and_absence_holds_it():
    catheter = Catheter()
    catheter.push(600, 1000)
    catheter.push(1, 2000)
    assert catheter.push(600, -5000) is None
    assert catheter.push(3000, ABSENT) is None
    assert catheter.s[NEAR_ZERO_S] == 600
    assert catheter.push(1, 1000) is not None


def lively(catheter, minutes, step, level=20000):
    """Up by `step` and down to `level`, a second each, for whole minutes; the minute of the first change."""
    changed = None
    for minute in range(minutes):
        for second in range(60):
            found = catheter.push(1, level, level + (0 if second & 1 else step))
            if found is not None and changed is None:
                changed = minute
    return changed


@pytest.mark.parametrize(("step", "found"), [(249, True), (250, False)])
def test_flat_is_less_than_a_quarter_of_the_usual_hour(step, found):
    catheter = Catheter()
    assert lively(catheter, 60, 1000) is None
    assert catheter.s[MINUTES] == MINUTES_MOST
    assert lively(catheter, 2, step) == (0 if found else None)
    assert catheter.doubted == (FLAT if found else 0)


def test_flat_ends_at_half_of_the_usual():
    catheter = Catheter()
    lively(catheter, 60, 1000)
    lively(catheter, 100, 0)
    assert catheter.doubted == FLAT
    assert lively(catheter, 10, 499) is None
    assert lively(catheter, 2, 500) == 0
    assert catheter.doubted == 0


def test_nothing_is_flat_before_an_hour_nor_where_nothing_ever_moved():
    catheter = Catheter()
    lively(catheter, 59, 1000)
    assert lively(catheter, 1, 0) is None
    quiet = Catheter()
    lively(quiet, 70, 49)
    assert lively(quiet, 70, 0) is None
    moved = Catheter()
    lively(moved, 70, 50)
    assert lively(moved, 2, 0) == 0


def test_a_minute_needs_half_of_its_steps():
    """30 steps are judged, 29 are not: absent readings are no flat ones."""
    for readings, found in ((30, False), (31, True)):
        catheter = Catheter()
        lively(catheter, 60, 1000)
        # The last reading before goes on from there.
        catheter.push(60, 20000, ABSENT)
        catheter.s[3] = ABSENT
        for second in range(60):
            catheter.push(1, 20000, 20000 if second < readings else ABSENT)
        assert (catheter.doubted == FLAT) == found


def test_who_looked_believes_it():
    catheter = Catheter()
    lively(catheter, 60, 1000)
    catheter.push(700, 1000, 1000)
    assert catheter.doubted == FELL | NEAR_ZERO | FLAT
    believe(catheter.s)
    assert (catheter.doubted, catheter.s[NEAR_ZERO_S]) == (0, 0)
    assert catheter.push(600, 1000, 1000) is None
    assert catheter.push(1, 1000, 1000) is not None
    assert catheter.doubted == NEAR_ZERO


def test_a_fresh_state_believes_all():
    s = doubt_state()
    assert len(s) == STATE_WORDS
    assert s[DOUBTED] == s[NEAR_ZERO_S] == s[MINUTES] == 0
    # A first pressure is no fall.
    assert Catheter().push(30, 5000) is None


def test_no_integer_leaves_a_boards_range():
    random = Random(4)
    catheter = Catheter(2**28 - 9000, checked=True)
    levels = (2**28, -(2**28), ABSENT, 20000, 1000)
    median = reading = 0
    for _ in range(9000):
        if random.random() < 0.02:
            median = random.choice(levels)
        if random.random() < 0.5:
            reading = random.choice(levels)
        catheter.push(1, median, reading)
        if random.random() < 0.001:
            explain(catheter.s)
