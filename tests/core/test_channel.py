"""Readings second by second: validity, holding, index, sweeps."""

from random import Random

import pytest

from turgor.app.config import LOWPASS_1_HZ_AT_80
from turgor.core.channel import (
    HOLD_LIMIT,
    READING_ELECTRODE_OFF,
    READING_NOISY,
    READING_OVER,
    READING_SATURATED,
    READING_STUCK,
    READING_VALID,
    ImpedanceChannel,
    PressureChannel,
)
from turgor.core.channels import CHANNEL_NAMES, CHANNELS, channel_id
from turgor.core.filter_words import filter_state
from turgor.core.median import ABSENT
from turgor.link import records

UNIT = (0, 4096, 0, 2)  # one code is one milli-mmHg
SETTLE = 160
PLAIN = (*[1 << 27, 0, 0, 1 << 27, 0, 0] * 3, 3)  # 8 milliohm a count


def pressure():
    return PressureChannel(filter_state(3, LOWPASS_1_HZ_AT_80, UNIT, 30000, 28000, SETTLE))


def feed(channel, n, code):
    """`n` codes whose noise the median takes out."""
    for i in range(n):
        channel.sample(code + (0, 1, 0, -1)[i & 3])


def test_by_hand():
    """160 samples settle; the reading after the 161st is valid and is the code itself."""
    channel = pressure()
    feed(channel, 160, 20000)
    assert channel.capture() == ABSENT
    assert (channel.index, channel.value, channel.flags) == (160, 20000, 0)
    feed(channel, 1, 20000)
    assert channel.capture() == 20000
    assert (channel.index, channel.value, channel.flags) == (161, 20000, READING_VALID)


def test_flags_are_those_of_the_wire():
    assert (READING_VALID, READING_SATURATED, READING_OVER) == (
        records.VALID,
        records.SATURATED,
        records.OVER_THRESHOLD,
    )


def test_a_second_without_a_sample_gives_no_valid_reading():
    channel = pressure()
    feed(channel, 200, 20000)
    assert channel.capture() == 20000
    assert channel.capture() == ABSENT
    assert (channel.value, channel.flags) == (20000, 0)
    feed(channel, 1, 20000)
    assert channel.capture() == 20000


@pytest.mark.parametrize("saturated", [1, 24, 400])
def test_after_a_saturated_code_the_filter_begins_anew(saturated):
    """However many there were: else seconds would pass in which what is left of them looks like a pressure."""
    channel = pressure()
    feed(channel, 200, 20000)
    feed(channel, saturated, -8388608)
    feed(channel, 10, 20000)
    assert channel.capture() == ABSENT
    assert channel.flags == READING_SATURATED
    feed(channel, 80, 20000)
    assert channel.capture() == ABSENT
    assert not channel.flags & READING_SATURATED
    feed(channel, 160, 20000)
    assert channel.capture() == 20000
    assert channel.flags == READING_VALID


def test_over_the_threshold():
    channel = pressure()
    feed(channel, 200, 30000)
    assert channel.capture() == 30000
    assert channel.flags == READING_VALID | READING_OVER


@pytest.mark.parametrize("missed", [1, HOLD_LIMIT])
def test_missed_conversions_are_held_and_counted(missed):
    held, fed = pressure(), pressure()
    for channel in (held, fed):
        feed(channel, 200, 20000)
        feed(channel, 3, 25000)
    held.hold(missed)
    for _ in range(missed):
        fed.sample(held.code)
    assert held.words == fed.words
    assert held.index == fed.index == 203 + missed
    assert held.capture() == fed.capture() != ABSENT


def test_too_many_missed_conversions_start_anew():
    channel = pressure()
    feed(channel, 200, 20000)
    channel.hold(HOLD_LIMIT + 1)
    assert channel.index == 200 + HOLD_LIMIT + 1
    feed(channel, SETTLE, 5000)
    assert channel.capture() == ABSENT
    feed(channel, 1, 5000)
    assert channel.capture() == 5000


def test_nothing_is_held_from_before_a_restart():
    held, fresh = pressure(), pressure()
    feed(held, 200, 20000)
    held.restart()
    held.hold(3)
    assert held.index == 203
    for channel in (held, fresh):
        feed(channel, SETTLE + 1, 5000)
    assert held.words == fresh.words
    assert held.capture() == 5000


def sweep(channel, word=1000, count=16, leads=0, extremes=(0, 0, 0, 0)):
    for frequency in range(3):
        channel.result(frequency, count, leads, count * word, 0, *extremes)


def test_a_sweep_counts_for_three_ticks():
    channel = ImpedanceChannel(list(PLAIN))
    assert channel.capture() == ABSENT
    sweep(channel)
    assert [channel.capture() for _ in range(5)] == [8000, 8000, 8000, ABSENT, ABSENT]
    assert (channel.index, channel.value, channel.flags) == (1, 8000, 0)
    sweep(channel, 1001)
    assert channel.capture() == 8008
    assert (channel.index, channel.flags) == (2, READING_VALID)


def test_the_lowest_frequency_alone_gives_the_reading():
    channel = ImpedanceChannel(list(PLAIN))
    sweep(channel)
    for frequency in (1, 2):
        channel.result(frequency, 16, 7, 16 * 5000, 0, -524288, 524287, 0, 0)
    assert channel.capture() == 8000
    assert channel.index == 1


@pytest.mark.parametrize(
    ("count", "leads", "extremes", "flags"),
    [
        (0, 0, (0, 0, 0, 0), 0),
        (16, 1, (0, 0, 0, 0), READING_ELECTRODE_OFF),
        (16, 0, (0, 524280, 0, 0), READING_SATURATED),
        (16, 0, (-524280, 0, 0, 0), READING_SATURATED),
        (16, 0, (0, 0, 0, 524280), READING_SATURATED),
        (16, 0, (0, 0, -524280, 0), READING_SATURATED),
    ],
)
def test_an_unusable_sweep_keeps_the_last_value_and_is_not_valid(count, leads, extremes, flags):
    channel = ImpedanceChannel(list(PLAIN))
    sweep(channel)
    sweep(channel, 700, count, leads, extremes)
    assert channel.capture() == ABSENT
    assert (channel.index, channel.value, channel.flags) == (2, 8000, flags)
    sweep(channel, 900, 16, 0, (-524279, 524279, -524279, 524279))
    assert channel.capture() == 7200


def test_channels_have_names_of_their_own():
    assert len(set(CHANNEL_NAMES)) == len(CHANNELS)
    assert [channel_id(name) for name in CHANNEL_NAMES] == list(range(len(CHANNELS)))
    with pytest.raises(ValueError, match="no channel 'thigh'; channels: calf_l calf_r"):
        channel_id("thigh")


def noise(random, codes):
    """White noise of so many codes RMS."""
    return lambda: round(random.gauss(0, codes))


@pytest.mark.parametrize("rate", [10, 20, 40, 80, 320])
def test_a_code_that_stands_still_is_flagged_within_two_seconds(rate):
    """At ten a second it takes the 33 codes that `core.noise` needs at the most."""
    random = Random(rate)
    channel = PressureChannel(filter_state(3, LOWPASS_1_HZ_AT_80, UNIT, 30000, 28000, 5), rate)
    for second in range(60):
        for _ in range(rate):
            channel.sample(20000 + random.randrange(-3, 4))
        assert (channel.capture() != ABSENT) == (second > 0 or rate > 5)
        assert not channel.flags & (READING_STUCK | READING_NOISY)
    stuck_s = 0
    while not channel.flags & READING_STUCK:
        stuck_s += 1
        for _ in range(rate):
            channel.sample(20000)
        value = channel.capture()
    assert stuck_s <= (4 if rate == 10 else 2)
    assert value == ABSENT
    # What follows is made of new codes only.
    feed(channel, 4, 30000)
    assert channel.capture() == ABSENT
    feed(channel, 2 * rate, 30000)
    assert channel.capture() == 30000
    assert not channel.flags & READING_STUCK


@pytest.mark.parametrize("rate", [10, 80, 320])
def test_noise_is_flagged_from_half_a_mmhg_on(rate):
    """Twice as much within two seconds, by the calibration in force; half as much never; the reading stays valid."""
    random = Random(rate)
    for calibration, codes_per_mmhg in ((UNIT, 1000), ((0, 6103, 16896, 6), 10737.418), ((0, -8192, 0, 2), 500)):
        channel = PressureChannel(filter_state(3, LOWPASS_1_HZ_AT_80, calibration, 3000000, 2800000, 5), rate)
        for rms, flagged in ((0.25, False), (1.0, True), (0.2, False)):
            white = noise(random, rms * codes_per_mmhg)
            for second in range(30):
                for _ in range(rate):
                    channel.sample(white())
                assert channel.capture() != ABSENT
                # At ten a second 16 codes tell too little to be sure.
                if second >= 2 and rate > 10:
                    assert bool(channel.flags & READING_NOISY) == flagged, (rms, second)


def test_what_is_at_its_limit_is_saturated_and_not_stuck():
    channel = pressure()
    for _ in range(300):
        channel.sample(8388607)
    assert channel.capture() == ABSENT
    assert channel.flags & (READING_SATURATED | READING_STUCK) == READING_SATURATED


def test_a_silent_sensor_is_neither_stuck_nor_noisy():
    channel = pressure()
    for _ in range(300):
        channel.sample(20000)
    channel.capture()
    assert channel.flags & READING_STUCK
    assert channel.capture() == ABSENT
    assert channel.flags == 0


def test_an_electrode_that_is_off_is_flagged_while_its_sweep_is_young():
    channel = ImpedanceChannel(list(PLAIN))
    sweep(channel, 700, 16, 3, (0, 0, 0, 0))
    flags = []
    for _ in range(5):
        assert channel.capture() == ABSENT
        flags.append(channel.flags)
    assert flags == [READING_ELECTRODE_OFF] * 3 + [0, 0]


@pytest.mark.parametrize("may_repeat", [False, True])
def test_equal_codes_of_few_bits_are_a_quiet_pressure(may_repeat):
    channel = PressureChannel(filter_state(3, LOWPASS_1_HZ_AT_80, UNIT, 30000, 28000, SETTLE), 80, may_repeat)
    for _ in range(300):
        channel.sample(5000)
    assert channel.capture() == (5000 if may_repeat else ABSENT)
    assert bool(channel.flags & READING_STUCK) != may_repeat
