"""The engine by itself: what its events show, acknowledgements, room for events, bytes, limits."""

from array import array
from random import Random

import pytest
from checked import Small, small, smalls

from turgor.core import alarms as module
from turgor.core import rules as r
from turgor.core.alarms import ALARM_WORDS, EVENT_WORDS, Alarms, idle_words
from turgor.core.entries import ADULT, UNDER_10, UNDER_16
from turgor.core.median import ABSENT

DP_LOW = ((r.DP_LOW, 0, r.MEDIUM, 30000, 2, 32000, 1, 0), (r.DP_LOW, 1, r.HIGH, 30000, 5, 32000, 1, 0))


class Bed:
    def __init__(self, limits=DP_LOW, subjects=((7, (r.DP_LOW,)),)):
        self.alarms = Alarms(subjects, limits)
        self.x = array("i", bytes(4 * r.X_WORDS))
        self.x[r.YES] = 1

    def step(self, *values, place=r.DP, subject=0):
        """The events of ticks with these values of one input."""
        events = []
        for value in values:
            self.x[place] = value
            self.alarms.step(subject, self.x)
            events += self.told()
        return events

    def told(self):
        words = self.alarms.events[: EVENT_WORDS * self.alarms.event_count]
        return [tuple(words[at : at + EVENT_WORDS]) for at in range(0, len(words), EVENT_WORDS)]


def test_by_hand():
    """A run counts from the first tick beyond, here 2 s for medium and 5 for high; each event shows what decided it."""
    bed = Bed()
    assert bed.step(29000, 29001) == []
    assert bed.alarms.is_counting
    assert bed.step(29002) == [(7, r.DP_LOW, r.RAISED, r.MEDIUM, 0, 29002, 30000)]
    assert bed.step(29000, 29000, 28000) == [(7, r.DP_LOW, r.ESCALATED, r.HIGH, 1, 28000, 30000)]
    assert bed.step(32000, 32000, 32000) == []
    bed.alarms.acknowledge(7, r.DP_LOW)
    assert bed.step(33000) == [
        (7, r.DP_LOW, r.ACKNOWLEDGED, r.HIGH, 0, 0, 0),
        (7, r.DP_LOW, r.CLEARED, r.HIGH, 0, 33000, 32000),
    ]
    assert bed.alarms.priority(7, r.DP_LOW) == bed.alarms.annunciation() == r.NO_PRIORITY


def test_a_re_alarm_shows_the_limit_it_is_beyond():
    bed = Bed(DP_LOW[:1])
    bed.step(29000, 29000, 29000)
    bed.alarms.acknowledge(255, 255)
    assert bed.step(29000)[0][2] == r.ACKNOWLEDGED
    assert bed.step(24001) == []
    assert bed.step(24000) == [(7, r.DP_LOW, r.RAISED, r.MEDIUM, 0, 24000, 30000)]
    assert bed.alarms.annunciation() == r.MEDIUM


@pytest.mark.parametrize(("value", "again"), [(29999, True), (30000, False), (ABSENT, False)])
def test_an_acknowledged_alarm_sounds_again_after_30_minutes_only_while_it_is_true(value, again):
    bed = Bed(DP_LOW[:1])
    bed.step(29999, 29999, 29999)
    bed.alarms.acknowledge(255, 255)
    bed.step(*[29999] * 1800)
    assert bed.step(value) == ([(7, r.DP_LOW, r.RAISED, r.MEDIUM, 0, 29999, 30000)] if again else [])
    if not again:
        # As soon as it is.
        assert bed.step(29998) == [(7, r.DP_LOW, r.RAISED, r.MEDIUM, 0, 29998, 30000)]


def test_what_was_acknowledged_while_absent_is_compared_with_what_comes_back():
    bed = Bed(DP_LOW[:1])
    bed.step(29999, 29999, 29999)
    bed.alarms.acknowledge(255, 255)
    assert bed.step(ABSENT, ABSENT, 20000, 15001)[1:] == []
    assert [event[2] for event in bed.step(15000)] == [r.RAISED]


def test_is_counting_tells_of_runs_towards_something_higher():
    """A checkpoint is due while a run of the patient's counts, not while one of a sensor does."""
    bed = Bed()
    for values, counting in (((30000,), False), ((29999,), True), ((29999, 29999), True), ((29999,) * 9, False)):
        bed.step(*values[:-1])
        bed.alarms.is_counting = False
        bed.step(values[-1])
        assert bed.alarms.is_counting == counting
    sensor = Bed(r.DEFAULT_LIMITS, ((0, (r.STUCK,)),))
    sensor.step(1, 1, place=r.TROUBLE + 2)
    assert not sensor.alarms.is_counting


def test_alarms_stand_apart_by_channel_and_rule():
    limits = (DP_LOW[0], (r.PRESSURE_HIGH, 0, r.LOW, 30000, 0, 28000, 0, 0))
    rules = (r.DP_LOW, r.PRESSURE_HIGH)
    bed = Bed(limits, ((0, rules), (1, rules), (3, rules)))
    alarms = bed.alarms
    for _ in range(3):
        for subject, icp in ((0, 31000), (1, 10000), (2, 31000)):
            bed.x[r.ICP] = icp
            bed.step(40000 - icp, subject=subject)
    there = [[alarms.priority(channel, rule) for rule in rules] for channel in range(4)]
    assert there == [[r.MEDIUM, r.LOW], [0, 0], [0, 0], [r.MEDIUM, r.LOW]]
    for (channel, rule), standing in [
        ((255, 255), 4),
        ((0, 255), 2),
        ((255, r.DP_LOW), 2),
        ((3, r.PRESSURE_HIGH), 1),
        ((1, 255), 0),
        ((9, 9), 0),
    ]:
        assert alarms.standing(channel, rule) == standing
    assert alarms.acknowledge(3, r.PRESSURE_HIGH) is None
    assert (alarms.is_acknowledged(3, r.PRESSURE_HIGH), alarms.is_acknowledged(0, r.DP_LOW)) == (True, False)
    assert not alarms.is_acknowledged(9, 9)
    assert alarms.annunciation() == r.MEDIUM
    alarms.acknowledge(255, r.DP_LOW)
    assert alarms.annunciation() == r.LOW
    assert alarms.standing(255, 255) == 1


def test_a_rule_that_is_off_ends_what_stands_of_it():
    bed, off = Bed(), Bed(())
    bed.step(29999, 29999, 29999)
    buffer = bytearray(64)
    words = idle_words(1)
    assert off.alarms.unpack_subject(0, words, buffer, 0, bed.alarms.pack_subject(0, buffer, 0))
    off.alarms.words[:] = words
    assert (off.alarms.has(r.DP_LOW), bed.alarms.has(r.DP_LOW)) == (False, True)
    assert off.alarms.annunciation() == r.MEDIUM
    assert off.step(29999) == [(7, r.DP_LOW, r.WITHDRAWN, r.MEDIUM, 0, 0, 0)]
    assert off.step(29999) == []


def test_the_most_events_of_a_tick_have_room():
    """Each alarm of the subject with the most is acknowledged and escalates in one tick."""
    most = max([*r.RULES_OF.values(), r.THORAX_RULES, r.SYSTEM_RULES], key=len)
    limits = [(rule, stage, 1 + 2 * stage, 0, 2 * stage, 0, 0, 0) for rule in sorted(most) for stage in (0, 1)]
    assert len(most) == 12
    # Technical rules have one stage only: both rows judge the first input of theirs.
    limits = [row for row in limits if row[0] < r.FIRST_TECHNICAL or row[1] == 0]
    bed = Bed(limits, ((0, most),))
    for place in range(2, r.X_WORDS):
        bed.x[place] = 1
    for place in (r.DP, r.MAP_DP):
        bed.x[place] = -1
    bed.alarms.step(0, bed.x)
    assert len(bed.told()) == 12
    bed.alarms.acknowledge(255, 255)
    for place in range(r.TROUBLE, r.X_WORDS):
        bed.x[place] = -1
    bed.x[r.DOUBT] = bed.x[r.ZERO_AGE] = -1
    bed.alarms.step(0, bed.x)
    # The technical ones are over: told to be acknowledged, and cleared.
    assert len(bed.told()) == 12 + 6 <= len(bed.alarms.events) // EVENT_WORDS
    assert len(bed.alarms.events) // EVENT_WORDS >= 2 * len(most)


def test_no_integer_leaves_a_boards_range():
    """Values and limits at their ends, runs and acknowledgements as long as they get."""
    random = Random(9)
    ends = (2**28, -(2**28), 0)
    limits = [
        (*row[:3], random.choice(ends), random.choice((0, 2**28)), random.choice(ends), 0, 0)
        for row in r.DEFAULT_LIMITS
    ]
    alarms = Alarms(((0, r.RULES_OF[1]), (5, r.THORAX_RULES)), limits)
    words = smalls(alarms.words)
    rows = smalls(alarms.rows)
    starts, hows, ids = (smalls(b) for b in (alarms._starts, r.HOW, alarms.ids))
    events = smalls(alarms.events)
    for turn in range(3000):
        x = smalls([1, *(random.choice((2**28, -(2**28), 0, 1, ABSENT, -(2**29) + 1, 2**29 - 1)) for _ in range(27))])
        first, end = random.choice(((0, 12), (12, alarms.count)))
        module._step(words, ids, small(first), small(end), rows, starts, hows, x, events)
        if turn % 10 == 0:
            at = random.randrange(alarms.count) * ALARM_WORDS
            if words[at + 4]:
                words[at + 5] = small(random.choice((1, 0xFFFFFFF)))
            words[at + random.randrange(4)] = small(2**29 - 5000)
    assert {type(word) for word in words} <= {Small, int}


def packed(alarms, subject=0):
    buffer = bytearray(256)
    return bytes(buffer[: alarms.pack_subject(subject, buffer, 0)])


def unpacked(state, limits=DP_LOW, subjects=((7, (r.DP_LOW,)),)):
    alarms = Alarms(subjects, limits)
    words = idle_words(alarms.count)
    assert alarms.unpack_subject(0, words, state, 0, len(state))
    alarms.words[:] = words
    return alarms


def test_bytes_by_hand():
    """Runs of 3 s and long, none to clear, high and acknowledged 9 s ago at -25 mmHg: its number and 7 words of 3."""
    bed = Bed()
    assert packed(bed.alarms) == b""
    bed.alarms.words[:] = array("i", [3, 0x1234567, -1, -1, r.HIGH, 9, -25000])
    state = packed(bed.alarms)
    kept = [3, 0x7FFFFF, -1, -1, r.HIGH, 9, -25000]
    assert state == b"\x00" + b"".join(word.to_bytes(3, "little", signed=True) for word in kept)
    assert list(unpacked(state).words) == kept


def test_what_cannot_be_alarms_is_refused():
    bed = Bed(subjects=((7, (r.DP_LOW, r.DP_LOST)),))
    bed.alarms.words[:] = array("i", [3, 4, -1, -1, r.HIGH, 9, -25000, 5, -1, -1, -1, 0, 0, 0])
    state = packed(bed.alarms)

    def is_taken(data):
        return bed.alarms.unpack_subject(0, idle_words(2), data, 0, len(data))

    assert is_taken(state)
    assert is_taken(b"")
    # Each has its number and 7 words of 3 bytes: four runs, priority, acknowledged, depth.
    assert len(state) == 44
    for cut in range(1, 44):
        assert is_taken(state[:cut]) == (cut == 22)
    # Numbers out of order or of no alarm, a run below none, no priority, one too many, acknowledged below 0 or idle.
    for at, value in ((0, 1), (0, 2), (22, 0), (22, 2), (3, 0x80), (13, 4), (15, 0x80), (18, 0x80), (38, 1)):
        changed = bytearray(state)
        changed[at] = value
        assert not is_taken(changed), (at, value)


def test_limits_have_a_sum():
    sums = {Alarms((), r.DEFAULT_LIMITS[:n]).limits_sum for n in range(len(r.DEFAULT_LIMITS) + 1)}
    for at, row in enumerate(r.DEFAULT_LIMITS):
        for field in range(2, 8):
            other = (*row[:field], row[field] + 1, *row[field + 1 :])
            limits = (*r.DEFAULT_LIMITS[:at], other, *r.DEFAULT_LIMITS[at + 1 :])
            sums.add(Alarms((), limits).limits_sum)
    assert len(sums) == len(r.DEFAULT_LIMITS) * 7 + 1
    assert max(sums) < 2**30


def test_the_table_is_whole():
    assert len(r.RULES) == r.DAMPED + 1 == len(r.HOW) // (4 * r.STAGES)
    assert list(r.DEFAULT_LIMITS) == sorted(r.DEFAULT_LIMITS)
    judged = {rule for rules in [*r.RULES_OF.values(), r.THORAX_RULES, r.SYSTEM_RULES] for rule in rules}
    assert judged == set(range(len(r.RULES)))
    # All rules but the one that is off have limits.
    assert judged - {row[0] for row in r.DEFAULT_LIMITS} == {r.MAP_LOW}
    for rule in range(len(r.RULES)):
        stages = [row for row in r.DEFAULT_LIMITS if row[0] == rule and row[1] < r.AGE_STAGES]
        assert [row[1] for row in stages] == list(range(len(stages)))
        assert [row[2] for row in stages] == sorted(row[2] for row in stages)
        assert all(r.HOW[(rule * r.STAGES + row[1]) * 4] for row in stages)
        of_ages = [row for row in r.DEFAULT_LIMITS if row[0] == rule and row not in stages]
        assert {row[1] % r.AGE_STAGES for row in of_ages} <= {row[1] for row in stages}
        assert {row[1] // r.AGE_STAGES for row in of_ages} <= {UNDER_16, UNDER_10}


def test_an_age_group_is_judged_by_its_own_limits_where_it_has_some():
    """Its rows stand for those of the same stages, their number is the same; going back brings everybody's back."""
    alarms = Alarms((), r.DEFAULT_LIMITS)
    everybodys = smalls(alarms.rows)
    wanted = {age: {} for age in (ADULT, UNDER_16, UNDER_10)}
    for rule, stage, *rest in r.DEFAULT_LIMITS:
        for age, rows in wanted.items():
            if stage // r.AGE_STAGES in (ADULT, age):
                rows[rule, stage % r.AGE_STAGES] = rest
    assert len({str(rows) for rows in wanted.values()}) == 3
    for age in (UNDER_16, UNDER_10, ADULT, UNDER_10, UNDER_16, UNDER_16, ADULT):
        alarms.choose(age)
        words = [word for (_, stage), rest in wanted[age].items() for word in (stage, *rest[:5])]
        assert smalls(alarms.rows)[: len(words)] == words
        assert [alarms.aux(*place) for place in wanted[age]] == [rest[5] for rest in wanted[age].values()]
    assert smalls(alarms.rows) == everybodys


def test_aux_is_the_eighth_number_of_its_stage():
    alarms = Alarms((), r.DEFAULT_LIMITS)
    assert alarms.aux(r.FLUID_GAIN, 2) == 20 << 15 | 40
    assert alarms.aux(r.PRESSURE_HIGH) == 40000
    assert alarms.aux(r.MAP_LOW) == 0
