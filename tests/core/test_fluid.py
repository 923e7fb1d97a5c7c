"""Baselines and the steps of electrodes: what is a step, what it does to the baseline, when the baseline is lost."""

from fractions import Fraction
from math import floor
from random import Random

import pytest
from checked import small, smalls

from turgor.core.change import LOWEST, LOWEST_AGE_S
from turgor.core.fluid import (
    ANCHOR,
    AT_ATTACH,
    BASELINE,
    BASELINE_ORIGINS,
    CONFIRMED,
    LATE,
    LOST,
    NO_ORIGIN,
    ORIGIN,
    SKIN,
    STATE_WORDS,
    confirm_baseline,
    fall_from_baseline,
    fall_from_highest,
    fluid_push,
    fluid_reading,
    fluid_state,
    restart_highest,
    set_baseline,
    unmoved,
)
from turgor.core.median import ABSENT

R = 100000


class Limb:
    """A limb with a baseline of 100 ohm; `steps` are the seconds at which a step was seen."""

    def __init__(self, baseline=R, second=0, checked=False):
        self.s = smalls(fluid_state()) if checked else fluid_state()
        self.checked = checked
        self.second = second
        self.steps = []
        if baseline:
            set_baseline(self.s, baseline, AT_ATTACH, ABSENT)

    def read(self, seconds, *values):
        for i in range(seconds):
            value = values[i % len(values)]
            if self.checked:
                found = fluid_reading(self.s, small(self.second), small(value))
                unmoved(self.s, small(value))
            else:
                found = fluid_reading(self.s, self.second, value)
            if found:
                self.steps.append(self.second)
            self.second += 1
        return self


def test_by_hand():
    """100 to 97 ohm within a second is a step of 3 %: the baseline is 97 where the electrodes are now, and 96 ohm there
    are 96 / 97 of 100 ohm: 98.969."""
    limb = Limb().read(30, R).read(30, 97000)
    assert len(limb.steps) == 1
    assert (limb.s[BASELINE], limb.s[ANCHOR]) == (R, 97000)
    assert unmoved(limb.s, 97000) == R
    assert unmoved(limb.s, 96000) == 98969
    assert unmoved(limb.s, ABSENT) == ABSENT
    assert fall_from_baseline(limb.s, unmoved(limb.s, 96000)) == 10


@pytest.mark.parametrize("phase", [0, 1])
@pytest.mark.parametrize(
    ("after", "found"), [(98000, False), (97999, True), (102000, False), (102001, True), (92000, True), (130000, True)]
)
def test_a_step_is_more_than_two_per_cent(after, found, phase):
    limb = Limb(second=phase).read(30, R).read(60, after)
    assert len(limb.steps) == found
    assert limb.s[ANCHOR] == (after if found else R)
    if found:
        # Seen when three readings, one in 2 s, stand on its other side: 4 to 6 s later.
        assert 4 <= limb.steps[0] - 30 - phase <= 6


@pytest.mark.parametrize(("seconds", "found"), [(8, True), (30, False), (600, False)])
def test_only_within_ten_seconds(seconds, found):
    """A slow change is fluid's, and all of it counts; of a step at most what the mean of three readings leaves does."""
    limb = Limb().read(30, R)
    for part in range(1, seconds + 1):
        limb.read(1, R - 3000 * part // seconds)
    limb.read(60, 97000)
    assert (len(limb.steps) == 1) == found
    fall = fall_from_baseline(limb.s, unmoved(limb.s, 97000))
    assert fall <= 2 if found else fall == 30


@pytest.mark.parametrize("values", [(R, R, 97000, 97000), (R, R, R, R, 95000, 95000), (97000, 97000, 98200, 98200)])
def test_between_two_values_that_hold_still(values):
    """A pulse, a muscle at work, an electrode that comes and goes are no step."""
    assert Limb().read(600, *values).steps == []


@pytest.mark.parametrize(("wobble", "found"), [(960, True), (990, False)])
def test_still_is_less_than_one_per_cent(wobble, found):
    """96 ohm and 0.96 more are still; 0.99 more are beyond 1 %."""
    limb = Limb().read(30, R).read(60, 96000, 96000, 96000 + wobble, 96000 + wobble)
    assert (len(limb.steps) > 0) == found


def test_two_steps_add_up_and_each_is_seen_once():
    limb = Limb().read(30, R).read(60, 95000).read(60, 99000)
    assert len(limb.steps) == 2
    assert abs(limb.s[ANCHOR] - 99000) <= 1
    assert limb.s[ORIGIN] == AT_ATTACH


def test_without_a_baseline_nothing_is_marked():
    limb = Limb(baseline=0).read(30, R).read(60, 90000)
    assert limb.steps == []
    assert (limb.s[BASELINE], limb.s[ANCHOR], limb.s[ORIGIN]) == (0, 0, NO_ORIGIN)
    assert fall_from_baseline(limb.s, 90000) == ABSENT
    assert unmoved(limb.s, 90000) == 90000


def test_a_step_over_a_short_gap_is_an_electrodes():
    limb = Limb().read(30, R).read(600, ABSENT).read(60, 92000)
    assert len(limb.steps) == 1
    assert limb.s[ORIGIN] == AT_ATTACH


def test_what_changed_over_a_long_gap_is_fluid_and_the_baseline_lost():
    limb = Limb().read(30, R).read(600, ABSENT)
    assert limb.s[ORIGIN] == AT_ATTACH
    limb.read(1, ABSENT)
    assert limb.s[ORIGIN] == LOST
    limb.read(600, 92000)
    assert limb.steps == []
    assert fall_from_baseline(limb.s, unmoved(limb.s, 92000)) == 80


def test_gaps_do_not_add_up():
    limb = Limb().read(30, R)
    for _ in range(5):
        limb.read(590, ABSENT).read(1, R)
    assert limb.s[ORIGIN] == AT_ATTACH


@pytest.mark.parametrize(
    ("steps", "origin"),
    [
        ((95000, 90250), AT_ATTACH),  # 5 and 5 %
        ((95000, 90155), LOST),  # 5 and 5.1 %: 50 + 51 per mille
        ((90000,), AT_ATTACH),
        ((89900,), LOST),
        ((105000, R), AT_ATTACH),  # 5 up, 4.76 down
        ((107000, R), LOST),
    ],
)
def test_a_baseline_is_lost_when_more_than_a_tenth_moved(steps, origin):
    limb = Limb().read(30, R)
    for value in steps:
        limb.read(30, value)
    assert len(limb.steps) == len(steps)
    assert limb.s[ORIGIN] == origin


@pytest.mark.parametrize(("day_s", "origin"), [(86398, LOST), (86400, AT_ATTACH)])
def test_a_baseline_is_lost_by_the_fourth_step_within_a_day(day_s, origin):
    limb = Limb().read(30, R)
    level = R
    for _ in range(3):
        level = level * 1021 // 1000 if level <= R else level * 979 // 1000
        limb.read(60, level)
    assert limb.s[ORIGIN] == AT_ATTACH
    last = limb.steps[0] + day_s
    # Quietly up to where the fourth is seen a day after the first.
    seen_after = limb.steps[0] - 30
    limb.second = last - seen_after - 40
    limb.read(40, level)
    limb.read(60, level * 1021 // 1000)
    assert limb.steps[3] - limb.steps[0] == day_s
    assert limb.s[ORIGIN] == origin


def test_a_confirmed_baseline_holds_and_counts_anew():
    limb = Limb().read(30, R).read(60, 88000)
    assert limb.s[ORIGIN] == LOST
    confirm_baseline(limb.s)
    assert limb.s[ORIGIN] == CONFIRMED
    limb.read(60, 80000)
    assert limb.s[ORIGIN] == CONFIRMED
    bare = fluid_state()
    confirm_baseline(bare)
    assert bare[ORIGIN] == NO_ORIGIN


def test_the_origins_have_names():
    names = [BASELINE_ORIGINS[origin] for origin in (NO_ORIGIN, AT_ATTACH, LATE, LOST, CONFIRMED)]
    assert names == ["none", "at attach", "late", "lost", "confirmed"]
    s = fluid_state()
    set_baseline(s, R, LATE, 33000)
    assert (s[BASELINE], s[ANCHOR], s[ORIGIN], s[SKIN]) == (R, R, LATE, 33000)
    assert len(s) == STATE_WORDS


def test_the_highest_and_the_lowest_of_the_medians():
    """Bins of 300 s: 110 ohm is remembered for 2 h, or until the patient turns."""
    s = fluid_state()
    assert fall_from_highest(s, 99000) == ABSENT
    for second in range(7200):
        fluid_push(s, second, 300, 110000 if second == 200 else 99000)
    assert fall_from_highest(s, 99000) == 100
    assert fall_from_highest(s, ABSENT) == ABSENT
    assert (s[LOWEST], s[LOWEST_AGE_S]) == (99000, 0)
    fluid_push(s, 7200, 300, ABSENT)
    assert fall_from_highest(s, 99000) == 0
    fluid_push(s, 7201, 300, 104000)
    assert (s[LOWEST], s[LOWEST_AGE_S]) == (99000, 2)
    restart_highest(s)
    assert fall_from_highest(s, 99000) == ABSENT
    assert s[LOWEST] == 99000


def test_unmoved_is_the_fraction_rounded_half_up():
    random = Random(2)
    for _ in range(3000):
        s = smalls(fluid_state())
        baseline, anchor, reading = (random.choice((random.randint(1, 2**28), random.randint(1, 200))) for _ in "123")
        set_baseline(s, small(baseline), AT_ATTACH, ABSENT)
        s[ANCHOR] = small(anchor)
        exact = floor(Fraction(baseline * reading, anchor) + Fraction(1, 2))
        wanted = reading if anchor == baseline else min(2**28, max(1, exact))
        assert unmoved(s, small(reading)) == wanted
        # What is no resistance stays what it is.
        assert unmoved(s, small(-reading)) == -reading


def test_no_integer_leaves_a_boards_range():
    random = Random(3)
    limb = Limb(2**28, 2**28 - 40000, checked=True)
    for _ in range(400):
        level = random.choice((2**28, 2**28 - 1, 1, 3, -(2**28), 0, ABSENT, R, random.randint(1, 2**28)))
        limb.read(random.randrange(1, 60), level)
    assert len(limb.steps) > 50
