"""States as bytes: a copy that goes on from them gives the same bits, and what cannot be a state is refused."""

from array import array
from random import Random

import pytest
from checked import Small, small, smalls

from turgor.app.config import LOWPASS_1_HZ_AT_80, LOWPASS_20_HZ_AT_320
from turgor.core.arterial import ArterialChannel, beats_size, pack_beats
from turgor.core.beats import beat_state
from turgor.core.channel import READING_VALID, ImpedanceChannel, PressureChannel
from turgor.core.filter_words import FLAGS, GAIN_SHIFT, LAST, OFFSET, OVER, filter_state, set_calibration
from turgor.core.median import ABSENT
from turgor.core.packed import filter_size, get_triples, get_words, pack_filter, put_triples, put_words
from turgor.link.records import PULSE_ABOVE

UNIT = (0, 4096, 0, 2)
LINE = (0, 6103, 16896, 6)
# What fits in one record.
FILTER_PART = 231


def test_by_hand():
    """-2 and 2^30 - 1 as 4 bytes each, behind a byte that stays; and back."""
    buffer = bytearray(b"\x07" + bytes(8))
    assert put_words(array("i", [5, -2, 0x3FFFFFFF]), 1, 2, buffer, 1) == 9
    assert buffer == b"\x07\xfe\xff\xff\xff\xff\xff\xff\x3f"
    words = array("i", [0, 0, 9])
    assert get_words(words, 0, 2, buffer, 1) == 9
    assert words.tolist() == [-2, 0x3FFFFFFF, 9]


def test_no_integer_leaves_a_boards_range():
    words = smalls([-(2**30), 2**30 - 1, -1, 0, 1, 2**29, -(2**29)])
    buffer = smalls(bytes(28))
    put_words(words, small(0), small(7), buffer, small(0))
    found = smalls([0] * 7)
    get_words(found, small(0), small(7), buffer, small(0))
    assert found == words
    assert {type(word) for word in found} == {Small}


def test_triples_by_hand():
    """-2, ABSENT, 70000, and what does not fit in 3 bytes as the nearest that does."""
    words = smalls([-2, ABSENT, 70000, 2**28, -(2**28), 2**23 - 1, -(2**23), 1 - 2**23])
    buffer = smalls(bytes(25))
    assert put_triples(words, small(0), small(8), buffer, small(1)) == 25
    assert bytes(buffer[:10]) == b"\0\xfe\xff\xff\0\0\x80\x70\x11\x01"
    found = smalls([0] * 8)
    assert get_triples(found, small(0), small(8), buffer, small(1)) == 25
    assert found == [-2, ABSENT, 70000, 2**23 - 1, 1 - 2**23, 2**23 - 1, 1 - 2**23, 1 - 2**23]


def packed(channel):
    buffer = bytearray(1024)
    return bytes(buffer[: channel.pack_state(buffer, 0)])


def unpack(channel, state):
    return channel.unpack_state(state, 0, len(state))


def bridge(sections=LOWPASS_1_HZ_AT_80, median=3, calibration=UNIT):
    return PressureChannel(filter_state(median, sections, calibration, 30000, 28000, 160))


def line(rate_hz=320):
    return ArterialChannel(filter_state(3, LOWPASS_20_HZ_AT_320, UNIT, 200000, 190000, 160), rate_hz)


def codes(random, n):
    """Noise around a level with steps, spikes, and a pulse."""
    level = 25000
    for i in range(n):
        if not random.randrange(2000):
            level = random.randrange(5000, 60000)
        pulse = 900 * (i % 240) if i % 240 < 30 else 27000 - 128 * (i % 240 - 30)
        yield (
            random.choice((2**23 - 1, -(2**23))) if not random.randrange(700) else level + pulse + random.randrange(300)
        )


def test_a_lines_flags_say_whether_its_pulse_is_above_and_not_its_threshold():
    """101 a minute up to 99 and to 110 mmHg, of which the filter takes some; then the threshold, 200, is passed."""
    up = [60 + 4 * k for k in range(1, 11)]
    down = [100 - k for k in range(1, 41)]
    beat = [1000 * mmhg for mmhg in up + down + [60] * 70]
    for height, flags in ((99, READING_VALID | PULSE_ABOVE), (110, READING_VALID)):
        channel = line(202)
        for code in 16 * beat:
            channel.sample(60000 + (code - 60000) * (height - 60) // 40)
        assert channel.capture() != ABSENT
        assert channel.flags == flags
    for _ in range(100):
        channel.sample(230000)
    assert channel.capture() != ABSENT
    assert channel.words[FLAGS] & OVER
    assert channel.flags & PULSE_ABOVE == 0


def drive(channels, random, n):
    """The same to all: samples, held ones, restarts, readings; what they gave."""
    for code in codes(random, n):
        fate = random.randrange(1500)
        missed = random.randrange(1, 45)
        for channel in channels:
            if fate == 0:
                channel.restart()
            elif fate < 4:
                channel.hold(missed)
            channel.sample(code)
        if not random.randrange(80):
            found = [(c.capture(), c.index, c.value, c.flags, getattr(c, "diastolic", 0)) for c in channels]
            assert found == found[:1] * len(found)


@pytest.mark.parametrize(
    "make",
    [
        bridge,
        lambda: bridge(2 * LOWPASS_1_HZ_AT_80, 5),
        lambda: bridge(median=1),
        lambda: bridge(calibration=None),
        line,
        lambda: line(400),
        lambda: line(100),
    ],
)
def test_a_copy_goes_on_with_the_same_bits(make):
    """From 40 moments of 40000 samples: just restarted, between readings, in the middle of a beat."""
    random = Random(6)
    channel = make()
    for _ in range(40):
        if channel.words[OFFSET + 3] and not random.randrange(3):
            set_calibration(channel.words, random.randrange(-100, 100), 4096, random.randrange(32768), 2)
        drive([channel], random, random.randrange(1, 1000))
        state = packed(channel)
        copy = make()
        # It has a past of its own, of which nothing may stay.
        drive([copy], Random(7), 777)
        assert unpack(copy, state)
        assert packed(copy) == state
        drive([channel, copy], random, 500)
        assert packed(copy) == packed(channel)


def test_the_index_has_32_bits():
    channel, copy = bridge(), bridge()
    drive([channel], Random(1), 300)
    channel.index += 0xFFFF0000
    channel.captured += 0xFFFF0000
    assert unpack(copy, packed(channel))
    assert (copy.index, copy.captured) == (channel.index, channel.captured)


def test_sizes():
    assert len(packed(bridge())) == 1 + (5 + 7) * 4 + filter_size(bridge().words) == 109
    assert len(packed(bridge(2 * LOWPASS_1_HZ_AT_80, 5))) == 145
    assert 2 * FILTER_PART < len(packed(line(320))) <= 3 * FILTER_PART
    assert len(packed(line(400))) <= 640
    assert beats_size(beat_state(320)) == (41 + 63) * 4
    assert len(packed(ImpedanceChannel([0] * 19))) == 1 + (7 + 19) * 4


def sweep(channels, random):
    count, leads = random.choice((16, 16, 16, 7, 0)), random.choice((0, 0, 0, 1))
    word = random.randrange(-500000, 500000)
    extreme = 524280 if not random.randrange(6) else word
    for channel in channels:
        channel.result(random.choice((0, 0)), count, leads, count * word, 0, word, extreme, 0, 0)


def test_a_copy_of_an_impedance_goes_on_with_the_same_bits():
    random = Random(8)
    words = [1 << 27, 0, 0, 1 << 27, 0, 0] * 3 + [3]
    channel = ImpedanceChannel(words)
    for _ in range(400):
        copy = ImpedanceChannel(words)
        sweep([copy], random)
        assert unpack(copy, packed(channel))
        for _ in range(random.randrange(8)):
            if random.randrange(2):
                sweep([channel, copy], random)
            assert channel.capture() == copy.capture()
            assert (channel.index, channel.value, channel.flags) == (copy.index, copy.value, copy.flags)
        assert packed(copy) == packed(channel)


def refuses(channel, state, why):
    before = packed(channel)
    assert not unpack(channel, state), why
    assert packed(channel) == before, why


@pytest.mark.parametrize("make", [bridge, line, lambda: ImpedanceChannel([1] * 19)])
def test_what_cannot_be_a_state_is_refused_and_changes_nothing(make):
    channel, other = make(), make()
    if not isinstance(channel, ImpedanceChannel):
        drive([channel], Random(3), 900)
    state = packed(channel)
    for cut in range(len(state)):
        refuses(other, state[:cut], cut)
    refuses(other, state + b"\0", "longer")
    refuses(other, b"\x63" + state[1:], "another layout")
    refuses(other, packed(bridge(median=5)), "another configuration")
    for at in range(1, len(state), 4):
        beyond = bytearray(state)
        beyond[at : at + 4] = b"\xff\xff\xff\x7f"
        refuses(other, bytes(beyond), at)
    assert unpack(other, state)


def test_a_calibration_out_of_its_bounds_is_refused():
    channel, other = bridge(), bridge()
    for word, value in (
        (GAIN_SHIFT, 14),
        (GAIN_SHIFT, 0),
        (OFFSET, channel.words[OFFSET] + 1),
        (FLAGS, 8),
        (LAST, 2**25),
    ):
        broken = bridge()
        broken.words[word] = value
        refuses(other, packed(broken), word)


def test_words_of_any_state_fit():
    """The largest that a filter or beats may hold, on integers that refuse to grow."""
    words = smalls([2**30 - 1] * 42)
    words[32], words[33] = small(2), small(5)
    buffer = smalls(bytes(512))
    assert pack_filter(words, buffer, small(0)) == filter_size(words) == 24 * 4
    beats = smalls([2**30 - 1] * 207)
    beats[128], beats[137] = small(51), small(20)
    assert pack_beats(beats, buffer, small(0)) == beats_size(beats)
