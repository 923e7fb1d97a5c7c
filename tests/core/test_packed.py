"""States as bytes: a copy that goes on from them gives the same bits, and what cannot be a state is refused."""

from array import array
from random import Random

import pytest
from checked import Small, small, smalls

from turgor.app.config import LOWPASS_1_HZ_AT_80, LOWPASS_20_HZ_AT_320
from turgor.core.arterial import ArterialChannel, beats_size, pack_beats
from turgor.core.beats import beat_state
from turgor.core.channel import ImpedanceChannel, PressureChannel
from turgor.core.channels import CHANNELS
from turgor.core.filter_words import FLAGS, GAIN_SHIFT, LAST, OFFSET, filter_state, set_calibration
from turgor.core.judge import ARTERIAL_LINE, NO_DBP, NO_SOURCE, TYPED, Judge
from turgor.core.median import ABSENT
from turgor.core.packed import filter_size, get_words, pack_filter, put_words
from turgor.core.rules import (
    ALARM_WORDS,
    DEFAULT_LIMITS,
    DP_LOW,
    FIRST_TECHNICAL,
    HIGH,
    LOW,
    MEDIUM,
    PRESSURE_HIGH,
    RULES,
    Rules,
)

UNIT = (0, 4096, 0, 2)
LINE = (0, 6103, 16896, 6)
DEFAULT = [0, 1, 2, 3, 4, 5]
# What fits in one record of each kind.
FILTER_PART = 231
RULE_PART = 231


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


class Twins:
    """Judges that are told the same; their events may never differ."""

    def __init__(self, channels, limits):
        self.judges = [Judge(channels, limits)]
        self.limits = limits
        self.t_s = 0
        self.events = 0

    def tick(self, values, dbp, diastolic, acknowledge):
        self.t_s += 1
        found = []
        for judge in self.judges:
            judge.begin(self.t_s)
            judge.take_diastolic(diastolic, self.t_s)
            said = []
            if dbp:
                judge.type_dbp(dbp, self.t_s)
            if acknowledge:
                judge.rules.acknowledge(255, 255)
                said += judge.rules.events[: 7 * judge.rules.event_count]
            for position, value in enumerate(values):
                said.append(judge.reading(position, value))
            for position in range(len(values)):
                judge.decide(position)
                said += judge.rules.events[: 7 * judge.rules.event_count]
                judge.rules.event_count = 0
            found.append((said, judge.dbp_milli_mmhg, judge.dbp_age_s, judge.dbp_source, judge.rules.annunciation()))
        assert found == found[:1] * len(found)
        self.events += len(found[0][0]) > len(values)

    def packed(self, judge):
        buffer = bytearray(1024)
        return bytes(buffer[: judge.pack_state(buffer, 0, self.t_s)])

    def copy(self):
        """Another judge with the state of the first, and its readings of the last minute."""
        judge = Judge(self.judges[0].channels, self.limits)
        state = self.packed(self.judges[0])
        assert judge.unpack_state(state, 0, len(state), self.t_s)
        for windows, others in zip(judge._windows, self.judges[0]._windows, strict=True):
            for window, other in zip(windows, others, strict=True):
                window[:] = other
        judge.medians[:] = self.judges[0].medians
        self.judges = [self.judges[0], judge]


def test_a_copy_of_a_judge_goes_on_with_the_same_events():
    random = Random(11)
    limits = [(*row[:4], row[4] // 10, row[5], row[6] // 10, row[7]) for row in DEFAULT_LIMITS]
    twins = Twins([*DEFAULT, 6], limits)
    levels = [20000] * 4 + [40000000, 25000000, 90000]
    for t in range(6000):
        if not t % 250:
            twins.copy()
        for position in range(7):
            if not random.randrange(400):
                levels[position] = levels[position] * random.randrange(70, 130) // 100
            if position < 4 and not random.randrange(600):
                levels[position] = random.choice((10000, 26000, 31000, 47000))
        values = [ABSENT if not random.randrange(30) else level + random.randrange(200) for level in levels]
        twins.tick(
            values,
            random.choice((40000, 55000, 75000)) if not random.randrange(900) else 0,
            70000 if t % 1500 < 200 and random.randrange(2) else ABSENT,
            not random.randrange(700),
        )
        if t % 250 == 249:
            assert twins.packed(twins.judges[0]) == twins.packed(twins.judges[1])
    assert twins.events > 40


def standing():
    """A judge of the default channels with a typed DBP of 60 at second 100, alarms, and baselines, at second 1000."""
    judge = Judge(DEFAULT, DEFAULT_LIMITS)
    judge.type_dbp(60000, 100)
    judge.baselines[4], judge.baselines[5] = 40000000, 25000000
    for t in range(950):
        judge.rules.judge_pressure(1, 46000, 60000, t)
    judge.rules.acknowledge(1, PRESSURE_HIGH)
    return judge


def state_of(judge, second):
    buffer = bytearray(1024)
    return bytes(buffer[: judge.pack_state(buffer, 0, second)])


def test_restored_in_another_boot():
    """Alarms stand, the acknowledged one stays so, runs go on, the DBP keeps its age or is stale."""
    before = standing()
    rules = before.rules
    assert [rules.priority(1, rule) for rule in (DP_LOW, PRESSURE_HIGH)] == [MEDIUM, HIGH]
    state = state_of(before, 1000)
    judge = Judge(DEFAULT, DEFAULT_LIMITS)
    assert judge.unpack_state(state, 0, len(state), 0)
    assert judge.rules.words == rules.words
    assert (judge.dbp_milli_mmhg, judge.dbp_age_s, judge.dbp_source) == (60000, 900, TYPED)
    assert judge.baselines == before.baselines
    judge.begin(50)
    assert judge.dbp_age_s == 950
    assert judge.unpack_state(state, 0, len(state), 0, 3000)
    assert judge.dbp_age_s == 3000
    assert not judge.rules.is_acknowledged(1, DP_LOW)
    assert judge.rules.is_acknowledged(1, PRESSURE_HIGH)
    assert state_of(judge, 0) != state
    assert judge.unpack_state(state, 0, len(state), 7)
    assert state_of(judge, 7) == state


def test_the_lines_diastolic_is_held_on_as_long_as_it_would_be():
    judge, other = Judge([6], DEFAULT_LIMITS), Judge([6], DEFAULT_LIMITS)
    judge.take_diastolic(61000, 100)
    state = state_of(judge, 130)
    assert other.unpack_state(state, 0, len(state), 0)
    assert (other.dbp_milli_mmhg, other.dbp_age_s, other.dbp_source) == (61000, 30, ARTERIAL_LINE)
    other.begin(30)
    assert other.dbp_source == ARTERIAL_LINE
    other.begin(31)
    assert (other.dbp_milli_mmhg, other.dbp_source) == (NO_DBP, NO_SOURCE)
    # Who knows how long the board was off.
    assert other.unpack_state(state, 0, len(state), 0, 900)
    assert other.dbp_source == NO_SOURCE


def test_channels_that_are_gone_are_dropped_and_new_ones_begin_afresh():
    state = state_of(standing(), 1000)
    judge = Judge([0, 2, 5, 6], DEFAULT_LIMITS)
    judge.rules.judge_pressure(2, 46000, -1, 0)
    assert judge.unpack_state(state, 0, len(state), 0)
    assert judge.rules.words == Rules(max(judge.channels) + 1).words
    assert judge.baselines.tolist() == [0, 0, 25000000, 0]
    assert judge.dbp_milli_mmhg == 60000


def test_the_largest_states_fit_in_their_records():
    """Every run of every alarm there is, at its end."""
    for channels, parts in ((DEFAULT, 3), (list(range(len(CHANNELS))), 3), (list(range(8)), 3)):
        judge = Judge([c for c in channels if c < len(CHANNELS)], DEFAULT_LIMITS)
        words = judge.rules.words
        for channel in channels[: len(CHANNELS)]:
            kind = CHANNELS[channel][1]
            rules = {1: (0, 1, 3, 4, 5, 6), 2: (2, 3, 4, 7), 4: (3, 4, 5, 6), 6: (3, 4, 5)}
            for rule in rules.get(kind, (3, 4)):
                at = (channel * len(RULES) + rule) * ALARM_WORDS
                runs = [2**29 - 1] * 4 if rule < FIRST_TECHNICAL else [2**29 - 1, 2**29 - 1, -1, 2**29 - 1]
                words[at : at + ALARM_WORDS] = array("i", [*runs, HIGH, 1])
        judge.baselines[:] = array("i", [168000000] * len(judge.baselines))
        state = state_of(judge, 2**29)
        assert len(state) + 4 <= RULE_PART * parts
        assert judge.unpack_state(state, 0, len(state), 0)
        assert max(words) == 0xFFFFFF


def test_states_of_rules_that_cannot_be_are_refused():
    state = state_of(standing(), 1000)
    judge = standing()
    judge.rules.judge_pressure(3, 46000, -1, 0)
    before = state_of(judge, 1000)

    def refused(data):
        assert not judge.unpack_state(data, 0, len(data), 5)
        assert state_of(judge, 1000) == before

    for cut in range(len(state)):
        refused(state[:cut])
    refused(state + b"\0")
    refused(b"\x02" + state[1:])
    # Layout 1, then the parts: 4 DBP words, baselines of 5 bytes, alarms.
    for at, value in (
        (1, 2),
        (2, 15),
        (7, 0x10),
        (11, 2),
        (15, 0),
        (20, 1),
        (21, 9),
        (23, len(CHANNELS)),
        (27, 0x7F),
        (33, 2),
    ):
        changed = bytearray(state)
        changed[at] = value
        refused(bytes(changed))
    alarms = 20 + 3 + 10 + 3
    assert state[alarms : alarms + 2] == bytes([1, DP_LOW])
    for at, value in ((0, 7), (1, len(RULES)), (1, PRESSURE_HIGH), (2, 0), (2, 0x80 | state[alarms + 2]), (2, 0x4F)):
        changed = bytearray(state)
        changed[alarms + at] = value
        refused(bytes(changed))


@pytest.mark.parametrize("seed", range(20))
def test_any_bytes_are_taken_or_refused_whole(seed):
    """Whatever flips: what is refused changes nothing, what is taken goes on without an error."""
    random = Random(seed)
    state = state_of(standing(), 1000)
    for _ in range(300):
        data = bytearray(state)
        for _ in range(random.randrange(1, 4)):
            data[random.randrange(len(data))] ^= 1 << random.randrange(8)
        judge = Judge(DEFAULT, DEFAULT_LIMITS)
        empty = state_of(judge, 0)
        taken = judge.unpack_state(data, 0, len(data), 70000)
        if not taken:
            assert state_of(judge, 0) == empty
        judge.begin(70001)
        for position in range(6):
            judge.decide(position)


def test_limits_have_a_sum():
    sums = {Rules(1, DEFAULT_LIMITS[:n]).limits_sum for n in range(len(DEFAULT_LIMITS) + 1)}
    for at, row in enumerate(DEFAULT_LIMITS):
        for field in range(2, 8):
            other = (*row[:field], row[field] + 1, *row[field + 1 :])
            sums.add(Rules(1, (*DEFAULT_LIMITS[:at], other, *DEFAULT_LIMITS[at + 1 :])).limits_sum)
    assert len(sums) == len(DEFAULT_LIMITS) * 7 + 1
    assert max(sums) < 2**30


def test_an_alarm_softened_to_low_stays_low():
    judge = Judge([0], DEFAULT_LIMITS)
    for t in range(700):
        judge.rules.judge_pressure(0, 31000, 75000, t)
    assert judge.rules.priority(0, PRESSURE_HIGH) == LOW
    state = state_of(judge, 700)
    copy = Judge([0], DEFAULT_LIMITS)
    assert copy.unpack_state(state, 0, len(state), 0)
    assert copy.rules.words == judge.rules.words
