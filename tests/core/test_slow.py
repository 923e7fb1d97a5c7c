"""Skin temperature and motion: readings that are codes, their flags, and a posture's median."""

from array import array
from math import degrees, sqrt
from random import Random

import pytest

from turgor.core.channel import READING_SATURATED, READING_STUCK, READING_VALID
from turgor.core.channels import MOTION, SUPPLY, TEMPERATURE, channel_id
from turgor.core.judge import Judge
from turgor.core.median import ABSENT, STATE_WORDS
from turgor.core.rules import DEFAULT_LIMITS, SATURATED, SENSOR_ABSENT, STUCK
from turgor.core.slow import MotionChannel, SlowChannel, axis_16_milli_g, motion_median, slow_flags

SKIN, MOVES = channel_id("skin"), channel_id("motion")


def axes(value: int) -> list[int]:
    return [axis_16_milli_g(value, axis) for axis in range(3)]


def packed(activity: int, *steps: int) -> int:
    value = 0
    for step in steps:
        value = value << 8 | step + 128
    return value << 4 | activity


def still(*milli_g: int) -> int:
    """The reading of a second in which that was felt."""
    channel = MotionChannel()
    for _ in range(10):
        channel.sample(milli_g)
    channel.capture()
    return channel.value


def test_by_hand() -> None:
    """x -345, y 87, z 934 milli-g are -22, 5 and 58 steps of 16 milli-g; nothing moved."""
    value = still(-345, 87, 934)
    assert value == (128 - 22) << 20 | (128 + 5) << 12 | (128 + 58) << 4
    assert axes(value) == [-22, 5, 58]
    skin = SlowChannel(TEMPERATURE)
    skin.sample(36_625)
    assert skin.capture() == 36_625
    assert (skin.index, skin.captured, skin.flags) == (1, 1, READING_VALID)


def test_every_posture_is_told_to_a_degree_and_a_half() -> None:
    """Gravity from any side: a noisy sample, rounded down to 16 milli-g, against the true direction."""
    random = Random(5)
    for _ in range(2000):
        axis = [random.gauss(0, 1) for _ in range(3)]
        length = sqrt(sum(part * part for part in axis))
        true = [part / length for part in axis]
        channel = MotionChannel()
        for _ in range(10):
            channel.sample([round(1000 * part + random.gauss(0, 2)) for part in true])
        assert channel.capture() != ABSENT
        told = [16 * step + 8 for step in axes(channel.value)]
        sine = sqrt(sum((told[i - 2] * true[i - 1] - told[i - 1] * true[i - 2]) ** 2 for i in range(3)))
        assert degrees(sine / sqrt(sum(part * part for part in told))) < 1.5


@pytest.mark.parametrize(("span", "activity"), [(0, 0), (1, 1), (15, 4), (16, 5), (250, 8), (2047, 11), (4095, 12)])
def test_activity_is_the_power_of_two_above_what_an_axis_changed(span: int, activity: int) -> None:
    channel = MotionChannel()
    low = -2048 if span == 4095 else 0
    channel.sample((0, low, 1000))
    channel.sample((0, low + span, 1000))
    channel.capture()
    assert channel.value & 15 == activity
    # The next second begins anew.
    channel.sample((0, 0, 1000))
    channel.capture()
    assert channel.value & 15 == 0


def test_what_trembles_at_a_step_s_end_stays() -> None:
    """62 steps end at 1008 milli-g: up to 1011 it is held, then it goes on, and back below 1004."""
    channel = MotionChannel()
    found = []
    for felt in (1000, 1007, 1008, 1011, 1012, 1008, 1004, 1003, 991, 987):
        channel.sample((0, 0, felt))
        channel.capture()
        found.append(axes(channel.value)[2])
    assert found == [62, 62, 62, 62, 63, 63, 63, 62, 62, 61]


def test_every_reading_stays_what_can_be_spilled() -> None:
    """Below 2^28, as `link.pages` wants it, and apart from ABSENT."""
    for felt in ((-2048, -2048, -2048), (2047, 2047, 2047)):
        channel = MotionChannel()
        for axis in (felt, (0, 0, 0), (2047, -2048, 2047)):
            channel.sample(axis)
        channel.capture()
        assert 0 <= channel.value < 1 << 28


@pytest.mark.parametrize(
    ("felt", "flags"),
    [
        ((0, 0, 1000), READING_VALID),
        ((0, 720, 0), READING_VALID),
        ((0, 0, 1399), READING_VALID),
        ((0, 690, 0), READING_STUCK),
        ((0, 0, 0), READING_STUCK),
        ((1000, 1000, 200), READING_STUCK),
        ((2047, 0, 0), READING_SATURATED),
        ((0, -2048, 0), READING_SATURATED),
        ((0, 0, 2031), READING_STUCK),
    ],
)
def test_what_no_rest_can_feel_is_no_posture(felt: tuple[int, int, int], flags: int) -> None:
    value = still(*felt)
    assert slow_flags(MOTION, value) == flags


@pytest.mark.parametrize(
    ("milli_degc", "flags"),
    [
        (-55_001, READING_SATURATED),
        (-55_000, READING_VALID),
        (0, READING_VALID),
        (150_000, READING_VALID),
        (150_001, READING_SATURATED),
    ],
)
def test_temperatures_of_no_thermometer(milli_degc: int, flags: int) -> None:
    channel = SlowChannel(TEMPERATURE)
    channel.sample(milli_degc)
    assert channel.capture() == (milli_degc if flags == READING_VALID else ABSENT)
    assert channel.flags == flags == slow_flags(TEMPERATURE, milli_degc)


@pytest.mark.parametrize(("mv", "is_one"), [(0, 0), (1799, 0), (1800, 1), (4750, 1), (5500, 1), (5501, 0)])
def test_no_board_runs_from_less_than_its_converter_or_more_than_it_stands(mv: int, is_one: bool) -> None:
    channel = SlowChannel(SUPPLY)
    channel.sample(mv)
    assert channel.capture() == (mv if is_one else ABSENT)
    assert channel.flags == (READING_VALID if is_one else READING_SATURATED)


@pytest.mark.parametrize("made", [lambda: SlowChannel(TEMPERATURE), MotionChannel], ids=["slow", "motion"])
def test_a_second_without_a_code_has_no_reading(made: type) -> None:
    channel = made()
    assert channel.capture() == ABSENT
    channel.sample((0, 0, 1000) if made is MotionChannel else 33_000)
    value = channel.capture()
    assert value == channel.value != ABSENT
    for _ in range(2):
        assert channel.capture() == ABSENT
        assert (channel.value, channel.flags) == (value, 0)


def test_a_posture_s_median_is_that_of_each_axis() -> None:
    windows = [array("i", bytes(4 * STATE_WORDS)) for _ in range(3)]
    for count in range(60):
        # Two in three lie, the others sit; and 29 readings give no median.
        lies = count % 3 < 2
        median = motion_median(windows, packed(9, 3, -7, 61) if lies else packed(2, 60, 5, -9))
        assert (median == ABSENT) == (count < 29)
    assert median == packed(0, 3, -7, 61)
    for _ in range(31):
        median = motion_median(windows, ABSENT)
    assert median == ABSENT


def test_a_judge_takes_them_for_what_they_are() -> None:
    """Medians, technical troubles by their names, and no rule of a compartment."""
    judge = Judge([7, SKIN, MOVES], DEFAULT_LIMITS)
    readings = ((90_000, READING_VALID), (33_000, READING_VALID), (packed(3, 1, 2, 62), READING_VALID))
    found = []
    for second in range(1, 1200):
        judge.begin()
        for position, (value, flags) in enumerate(readings):
            assert not judge.reading(position, value, flags)
        for position in range(4):
            judge.weigh(position)
            judge.decide(position)
            found += [tuple(judge.alarms.events[:3])] if judge.alarms.event_count else []
        if second == 100:
            assert judge.medians.tolist() == [90_000, 33_000, packed(0, 1, 2, 62)]
        if second == 1000:
            readings = ((ABSENT, 0), (ABSENT, READING_SATURATED), (ABSENT, READING_STUCK))
    # Channel, rule, raised: `sensor_absent` of the cuff, `saturated` of the skin, `stuck` of the motion.
    assert found == [(7, SENSOR_ABSENT, 1), (SKIN, SATURATED, 1), (MOVES, STUCK, 1)]
