"""What a judge leaves as bytes: one that goes on from them judges the same, and what cannot be a state is refused."""

from random import Random

import pytest
from judge_driver import Run, alone

from turgor.app.journal import PARTS
from turgor.app.keep import STATE_AT
from turgor.app.ring import CONTENT
from turgor.core import rules as r
from turgor.core.channels import CHANNEL_NAMES, CHANNELS, IMPEDANCE, PRESSURE, channel_id
from turgor.core.entries import ZERO
from turgor.core.fluid import AT_ATTACH, LATE, LOST
from turgor.core.judge import (
    ARTERIAL_LINE,
    FASCIOTOMY,
    NO_DBP,
    NO_SOURCE,
    REMOVED,
    SECOND,
    STANDBY,
    TYPED,
    Judge,
)
from turgor.core.judge_state import FIRST_SIZE, pack_judge, part_size, unpack_judge
from turgor.core.median import ABSENT
from turgor.core.slow import MotionChannel

DEFAULT = ("calf_l", "calf_r", "forearm_l", "forearm_r", "calf_z", "thorax_z")
SIZE = 4096
R = 100000


def packed(judge):
    buffer = bytearray(SIZE)
    return bytes(buffer[: pack_judge(judge, buffer, 0)])


def unpack(judge, state, least_age_s=0):
    return unpack_judge(judge, state, 0, len(state), least_age_s)


def make(names=DEFAULT, limits=r.DEFAULT_LIMITS):
    return Judge([channel_id(name) for name in names], limits)


def copied(judge, limits=r.DEFAULT_LIMITS):
    """Another judge with the state of the first, and its readings of the last minute."""
    copy = Judge(judge.channels, limits)
    state = packed(judge)
    assert unpack(copy, state)
    assert packed(copy) == state
    for windows, others in zip(copy._windows, judge._windows, strict=True):
        for window, other in zip(windows, others, strict=True):
            window[:] = other
    copy.medians[:] = judge.medians
    return copy


def standing():
    """The default channels with a DBP of 60, ICP 46 in one limb for 1000 s, and its pressure_high acknowledged."""
    run = Run(*DEFAULT).ticks(1, 20000, 46000, 20000, 20000, R, R, dbp=60000)
    run.ticks(899, 20000, 46000, 20000, 20000, R, R).acknowledge(1, r.PRESSURE_HIGH)
    run.ticks(100, 20000, 46000, 20000, 20000, R, R)
    return run.judge


def test_by_hand():
    """A fresh judge of a skin: layout, 9 words, and two heads with a state, two times and no alarms; 53 bytes."""
    state = packed(make(["skin"]))
    words = (0, NO_DBP, 0, NO_DBP, 0, -0x7FFFFF, ABSENT, 0, 0)
    assert state == b"\x03" + b"".join(w.to_bytes(4, "little", signed=True) for w in words) + bytes(
        [8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 255, 0, 0]
    )


MOTIONS = ((0, 0, 1000), (0, 1000, 0), (1000, 0, 0), (0, 400, 900))


def motion(axes):
    channel = MotionChannel()
    channel.sample(axes)
    return channel.capture()


def say(judge, number, random):
    """One of all that can be said to a judge."""
    channel = random.choice(judge.channels)
    if number == 0:
        judge.type_dbp(random.choice((40000, 55000, 75000)))
    elif number == 1:
        judge.alarms.acknowledge(255, 255)
    elif number == 2:
        judge.entry(random.choice((channel, 255)), random.randrange(12))
    elif number == 3:
        judge.confirm(channel, random.choice((r.PRESSURE_DOUBT, r.BASELINE_UNKNOWN)))
    elif number == 4:
        judge.set_state(channel, random.choice((0, 0, STANDBY, FASCIOTOMY, REMOVED)))
    elif number == 5:
        judge.watchdog_reset()
    elif not random.randrange(10):
        judge.admit(random.randrange(12))


def test_a_copy_of_a_judge_goes_on_with_the_same_events():
    """All kinds of channels, all that can be said, over 4000 s with times of a tenth; a fresh copy every 200."""
    random = Random(11)
    limits = [(*row[:4], row[4] // 10, row[5], row[6] // 10, row[7]) for row in r.DEFAULT_LIMITS]
    judges = [Judge(list(range(len(CHANNELS))), limits)]
    levels = [20000] * 4 + [100000, 60000, 90000, 20000, 33000, 0]
    told = set()
    for t in range(4000):
        if not t % 200:
            judges = [judges[0], copied(judges[0], limits)]
        for position, level in enumerate(levels):
            if not random.randrange(400):
                levels[position] = max(1, level) * random.randrange(70, 130) // 100
            if position < 4 and not random.randrange(600):
                levels[position] = random.choice((1000, 10000, 26000, 31000, 47000))
        values = [ABSENT if not random.randrange(30) else level + random.randrange(200) for level in levels]
        values[9] = motion(MOTIONS[t // 1100 % 4])
        diastolic = 70000 if t % 1500 < 200 and random.randrange(2) else ABSENT
        seed = random.randrange(2**30)
        found = []
        for judge in judges:
            judge.begin()
            judge.take_diastolic(diastolic)
            own = Random(seed)
            if not own.randrange(60):
                say(judge, own.randrange(7), own)
            said = [judge.reading(position, value) for position, value in enumerate(values)]
            for position in range(len(values) + 1):
                judge.weigh(position)
                judge.decide(position)
                events = judge.alarms.events[: 7 * judge.alarms.event_count]
                said.append(list(events))
                told |= {(events[at + 1], events[at + 2]) for at in range(0, len(events), 7)}
            said += [judge.dbp_milli_mmhg, judge.dbp_age_s, judge.dbp_source, judge.alarms.annunciation()]
            found.append(said)
        assert found[0] == found[-1], t
        if t % 200 == 199:
            assert packed(judges[0]) == packed(judges[1])
    # Most of what can happen did.
    assert {state for _, state in told} == {r.RAISED, r.ESCALATED, r.CLEARED, r.ACKNOWLEDGED, r.WITHDRAWN}
    assert len({rule for rule, _ in told}) > 8


def test_restored_in_another_boot():
    """Alarms stand, the acknowledged one stays so, runs go on, the DBP keeps its age or is stale."""
    before = standing()
    assert [before.alarms.priority(1, rule) for rule in (r.DP_LOW, r.PRESSURE_HIGH)] == [r.MEDIUM, r.HIGH]
    state = packed(before)
    judge = make()
    assert unpack(judge, state)
    assert judge.alarms.words == before.alarms.words
    assert (judge.dbp_milli_mmhg, judge.dbp_age_s, judge.dbp_source) == (60000, 999, TYPED)
    assert [judge.baseline(position) for position in (4, 5)] == [(1, R), (1, R)]
    judge.begin()
    assert judge.words[SECOND] == 1001
    assert judge.dbp_age_s == 1000
    assert unpack(judge, state, 3000)
    assert judge.dbp_age_s == 3000
    assert not judge.alarms.is_acknowledged(1, r.DP_LOW)
    assert judge.alarms.is_acknowledged(1, r.PRESSURE_HIGH)
    assert packed(judge) != state
    assert unpack(judge, state)
    assert packed(judge) == state


def test_the_lines_diastolic_is_held_on_as_long_as_it_would_be():
    judge, other = make(["art"]), make(["art"])
    for t in range(31):
        judge.begin()
        judge.take_diastolic(ABSENT if t else 61000)
    state = packed(judge)
    assert unpack(other, state)
    assert (other.dbp_milli_mmhg, other.dbp_age_s, other.dbp_source) == (61000, 30, ARTERIAL_LINE)
    for _ in range(30):
        other.begin()
    assert other.dbp_source == ARTERIAL_LINE
    other.begin()
    assert (other.dbp_milli_mmhg, other.dbp_source) == (NO_DBP, NO_SOURCE)
    # Who knows how long the board was off.
    assert unpack(other, state, 900)
    assert other.dbp_source == NO_SOURCE


@pytest.mark.parametrize(("typed_s", "source"), [(29, NO_SOURCE), (30, TYPED), (31, TYPED)])
def test_what_was_typed_before_the_lines_last_value_stays_so(typed_s, source):
    judge, other = make(["art"]), make(["art"])
    for t in range(1, 50):
        judge.begin()
        judge.take_diastolic(61000 if t <= 30 else ABSENT)
        if t == typed_s:
            judge.type_dbp(70000)
    assert unpack(other, packed(judge), 900)
    assert other.dbp_source == source


@pytest.mark.parametrize("least_age_s", [0, 900])
def test_after_who_knows_how_long_nothing_ends_by_what_was_typed_before(least_age_s):
    """dP is 25 when the power goes, and 34 when it is back: by a DBP of yesterday, which ends nothing."""
    run = Run("calf_l", "calf_z").ticks(1, 45000, R, dbp=70000).ticks(1000, 45000, R)
    assert run.judge.alarms.priority(0, r.DP_LOW) == r.MEDIUM
    again = Run("calf_l", "calf_z")
    assert unpack(again.judge, packed(run.judge), least_age_s)
    assert again.judge.baseline(1) == (LOST if least_age_s else AT_ATTACH, R)
    again.ticks(400, 36000, R)
    assert [state for _, state, _ in again.of(r.DP_LOW)] == ([] if least_age_s else [r.CLEARED])
    assert len(again.of(r.BASELINE_UNKNOWN)) == (least_age_s > 0)
    assert run.of(r.DBP_STALE) + again.of(r.DBP_STALE) == [(902, r.RAISED, r.LOW)]
    again.ticks(1, 36000, R, dbp=70000).ticks(300, 36000, R)
    assert again.judge.alarms.priority(0, r.DP_LOW) == 0


def test_after_who_knows_how_long_what_was_typed_before_raises_alarms():
    run = Run("calf_l", limits=alone(r.DP_LOW)).ticks(1, 10000, dbp=70000)
    again = Run("calf_l", limits=alone(r.DP_LOW))
    assert unpack(again.judge, packed(run.judge), 900)
    assert again.ticks(1000, 45000).of(r.DP_LOW) == [(930, r.RAISED, r.MEDIUM)]


def test_states_zeros_and_standbys_go_on():
    run = Run("calf_l", "calf_r").ticks(1, 20000, 20000)
    run.judge.entry(0, ZERO)
    run.judge.set_state(1, STANDBY)
    run.ticks(1000, 20000, 20000)
    judge = make(["calf_l", "calf_r"])
    assert unpack(judge, packed(run.judge))
    assert (list(judge.states), judge.until[1], judge.zeroed[0]) == ([0, STANDBY], 1801, 1)


def test_channels_that_are_gone_are_dropped_and_new_ones_begin_afresh():
    state = packed(standing())
    judge = make(["calf_l", "forearm_l", "thorax_z", "art"])
    assert unpack(judge, state)
    fresh = make(["calf_l", "forearm_l", "thorax_z", "art"])
    assert [judge.alarms.priority(channel, rule) for channel in (0, 2, 5, 6) for rule in range(11)] == [0] * 44
    assert judge.baseline(2) == (1, R)
    assert judge.dbp_milli_mmhg == 60000
    assert (judge.states, judge.zeroed) == (fresh.states, fresh.zeroed)


@pytest.mark.parametrize("names", [DEFAULT, (*DEFAULT, "art", "cuff"), CHANNEL_NAMES[:10], (*DEFAULT, "calf_r_z")])
def test_the_largest_states_have_room(names):
    """Every alarm stands. By hand: 37 bytes, 3 of a head, 7 of a channel's own, what its kind keeps, 22 an alarm."""
    judge = make(names)
    words = judge.alarms.words
    for alarm in range(judge.alarms.count):
        rule = judge.alarms.ids[2 * alarm + 1]
        runs = max(1, sum(row[0] == rule and row[1] < r.STAGES for row in r.DEFAULT_LIMITS))
        for i, word in enumerate([2**29 - 1] * runs + [-1] * (4 - runs) + [r.HIGH, 2**28 - 1, -(2**28)]):
            words[7 * alarm + i] = word
    state = packed(judge)
    kinds = [CHANNELS[number][1] for number in judge.channels]
    kept = sum({PRESSURE: 3 * (16 + 16 + 32), IMPEDANCE: 3 * 45}.get(kind, 0) for kind in kinds)
    heads = 3 * (len(names) + 1) + 7 * len(names)
    assert len(state) == 37 + heads + kept + 22 * judge.alarms.count
    assert len(state) == FIRST_SIZE + sum(part_size(judge, position) for position in range(len(judge.channels) + 1))
    assert len(state) + STATE_AT <= PARTS * CONTENT
    other = make(names)
    assert unpack(other, state)
    assert max(other.alarms.words) == 0x7FFFFF
    assert packed(other) == state


def test_states_that_cannot_be_are_refused_and_change_nothing():
    state = packed(standing())
    judge = standing()
    judge.type_dbp(70000)
    before = packed(judge)

    def refused(data, why):
        assert not unpack(judge, data), why
        assert packed(judge) == before, why

    # Whole parts may be missing: they are what begins afresh.
    ends, at = [37], 37
    while at < len(state):
        at += 3 + state[at + 1] + 256 * state[at + 2]
        ends.append(at)
    assert ends[-1] == len(state)
    assert len(ends) == 8
    for cut in range(len(state)):
        if cut not in ends:
            refused(state[:cut], cut)
    refused(state + b"\0", "longer")
    refused(b"\x01" + state[1:], "another layout")
    refused(state + state[37 : ends[1]], "a channel twice")
    first, impedance = 37 + 3, ends[4] + 3
    for at, values, why in (
        (4, [0x7F], "second"),
        (8, [1], "DBP"),
        (12, [1], "DBP of the future"),
        (16, [3], "the line's DBP"),
        (first, [4], "state"),
        (first + 7 + 3 * 7, [61, 0, 0], "minutes"),
        (first + 7 + 3 * 16, [15, 0, 0], "place of a slope"),
        (impedance + 7 + 3 * 2, [0, 0, 0x80], "baseline"),
        (impedance + 7 + 3 * 3, [0, 0, 0], "where it would be"),
        (impedance + 7 + 3 * 4, [5], "origin"),
    ):
        changed = bytearray(state)
        changed[at : at + len(values)] = values
        refused(bytes(changed), why)
    assert unpack(judge, state)


def test_a_late_baseline_stays_late():
    run = Run("calf_z").ticks(3600, ABSENT).ticks(60, R)
    judge = make(["calf_z"])
    assert unpack(judge, packed(run.judge))
    assert judge.baseline(0) == (LATE, R)


@pytest.mark.parametrize("seed", range(20))
def test_any_bytes_are_taken_or_refused_whole(seed):
    """Whatever flips: what is refused changes nothing, what is taken goes on without an error."""
    random = Random(seed)
    state = packed(standing())
    empty = packed(make())
    for _ in range(60):
        data = bytearray(state)
        for _ in range(random.randrange(1, 4)):
            data[random.randrange(len(data))] ^= 1 << random.randrange(8)
        judge = make()
        if not unpack(judge, data):
            assert packed(judge) == empty
        for _ in range(3):
            judge.begin()
            for position in range(6):
                judge.reading(position, 20000)
            for position in range(7):
                judge.weigh(position)
                judge.decide(position)


def test_an_alarm_softened_to_low_stays_low():
    run = Run("calf_l").ticks(1, 31000, dbp=75000).ticks(700, 31000)
    assert run.judge.alarms.priority(0, r.PRESSURE_HIGH) == r.LOW
    copy = copied(run.judge)
    assert copy.alarms.words == run.judge.alarms.words
