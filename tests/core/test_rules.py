"""The rules to the second: runs, holds, clearing, latching, escalation, and the three rules' own conditions."""

from random import Random

import pytest

from turgor.core.median import ABSENT
from turgor.core.rules import (
    ACKNOWLEDGED,
    CLEARED,
    DEFAULT_LIMITS,
    DP_LOW,
    ELECTRODE_OFF,
    ESCALATED,
    EVENT_WORDS,
    FIRST_TECHNICAL,
    FLUID_GAIN,
    HIGH,
    LOW,
    MEDIUM,
    NO_PRIORITY,
    NOISY,
    PRESSURE_HIGH,
    RAISED,
    SATURATED,
    SENSOR_ABSENT,
    STUCK,
    Rules,
    dp_milli_mmhg,
)

CHANNEL = 2
NO_DBP = -1
AGED = 1000  # valid, no longer fresh


class Watch:
    """Rules of seven channels, one of them fed; `seen` are its events as (tick, rule, state, priority)."""

    def __init__(self, limits=DEFAULT_LIMITS):
        self.rules = Rules(7, limits)
        self.t = 0
        self.seen = []
        self.full = []

    def _take(self):
        events = self.rules.events
        for at in range(0, self.rules.event_count * EVENT_WORDS, EVENT_WORDS):
            channel, rule, state, priority, stage, value, limit = events[at : at + EVENT_WORDS]
            assert channel == CHANNEL
            self.seen.append((self.t, rule, state, priority))
            self.full.append((stage, value, limit))
        self.rules.event_count = 0

    def pressure(self, seconds, icp, dbp=NO_DBP, age=AGED):
        """`seconds` ticks with one ICP, DBP and its age."""
        for _ in range(seconds):
            self.t += 1
            self.rules.judge_pressure(CHANNEL, icp, dbp, age)
            self._take()
        return self

    def trouble(self, seconds, *rules):
        """`seconds` ticks of a sensor that is in the trouble of these rules."""
        for _ in range(seconds):
            self.t += 1
            self.rules.judge_trouble(CHANNEL, sum(1 << rule - FIRST_TECHNICAL for rule in rules))
            self._take()
        return self

    def dp(self, seconds, dp):
        """`seconds` ticks with an ICP of 10 mmHg (so that only dp_low has something to say) and a dP, or none."""
        return self.pressure(seconds, 10000, NO_DBP if dp == ABSENT else 10000 + dp)

    def fluid(self, seconds, fall, icp=ABSENT, dp=ABSENT):
        for _ in range(seconds):
            self.t += 1
            self.rules.judge_fluid(CHANNEL, fall, icp, dp)
            self._take()
        return self

    def acknowledge(self, channel=CHANNEL, rule=255):
        self.rules.acknowledge(channel, rule)
        self._take()
        return self


def test_by_hand():
    """dP 29.999 from tick 1 on: 15 min later is tick 901, medium; 120 min later is tick 7201, high. 30 is not low."""
    watch = Watch().dp(7300, 29999)
    assert watch.seen == [(901, DP_LOW, RAISED, MEDIUM), (7201, DP_LOW, ESCALATED, HIGH)]
    assert watch.full == [(0, 29999, 30000), (1, 29999, 30000)]
    assert Watch().dp(7300, 30000).seen == []


# A stage alone: what its input is beyond the limit and just inside it.
STAGES = {
    "dp_low 15 min": (DP_LOW, 0, lambda w, n: w.dp(n, 29999), lambda w, n: w.dp(n, 30000)),
    "dp_low 120 min": (DP_LOW, 1, lambda w, n: w.dp(n, 29999), lambda w, n: w.dp(n, 30000)),
    "pressure_high 30": (
        PRESSURE_HIGH,
        0,
        lambda w, n: w.pressure(n, 30000, 100000),
        lambda w, n: w.pressure(n, 29999, 100000),
    ),
    "pressure_high 45": (
        PRESSURE_HIGH,
        1,
        lambda w, n: w.pressure(n, 45000, 100000),
        lambda w, n: w.pressure(n, 44999, 100000),
    ),
    "pressure_high without dP": (
        PRESSURE_HIGH,
        2,
        lambda w, n: w.pressure(n, 30000),
        lambda w, n: w.pressure(n, 29999),
    ),
    "fluid_gain 5 %": (FLUID_GAIN, 0, lambda w, n: w.fluid(n, 50), lambda w, n: w.fluid(n, 49)),
    "fluid_gain 10 %": (FLUID_GAIN, 1, lambda w, n: w.fluid(n, 100), lambda w, n: w.fluid(n, 99)),
    "fluid_gain 15 %": (FLUID_GAIN, 2, lambda w, n: w.fluid(n, 150, 20000), lambda w, n: w.fluid(n, 149, 20000)),
}


def alone(rule, stage):
    """The default limits with this stage as the rule's only one (its place kept)."""
    return [row for row in DEFAULT_LIMITS if row[:2] == (rule, stage)]


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_is_raised_when_its_run_is_full_and_not_a_second_sooner(name):
    rule, stage, beyond, inside = STAGES[name]
    ((_, _, priority, _, run_s, *_),) = limits = alone(rule, stage)
    watch = Watch(limits)
    inside(watch, 3)
    beyond(watch, run_s)
    assert watch.seen == []
    beyond(watch, 10)
    assert watch.seen == [(3 + 1 + run_s, rule, RAISED, priority)]
    assert watch.rules.priority(CHANNEL, rule) == priority
    assert watch.full[0][0] == stage


@pytest.mark.parametrize("name", STAGES)
def test_one_second_inside_ends_a_run(name):
    rule, stage, beyond, inside = STAGES[name]
    limits = alone(rule, stage)
    run_s = limits[0][4]
    watch = Watch(limits)
    beyond(watch, run_s)
    inside(watch, 1)
    beyond(watch, run_s)
    assert watch.seen == []
    beyond(watch, 1)
    assert [event[:3] for event in watch.seen] == [(2 * run_s + 2, rule, RAISED)]


def all_absent(watch, seconds):
    """Neither pressure nor impedance is there."""
    for _ in range(seconds):
        watch.t += 1
        watch.rules.judge_pressure(CHANNEL, ABSENT, 100000, 5)
        watch.rules.judge_fluid(CHANNEL, ABSENT, ABSENT, ABSENT)
        watch._take()


@pytest.mark.parametrize("absent_s", [1, 4000])
@pytest.mark.parametrize("name", STAGES)
def test_a_run_is_held_while_its_input_is_absent(name, absent_s):
    rule, stage, beyond, _ = STAGES[name]
    limits = alone(rule, stage)
    run_s = limits[0][4]
    watch = Watch(limits)
    beyond(watch, run_s)
    all_absent(watch, absent_s)
    assert watch.seen == []
    beyond(watch, 1)
    assert [event[:3] for event in watch.seen] == [(run_s + absent_s + 1, rule, RAISED)]


def test_dp_low_is_held_without_a_valid_dbp():
    watch = Watch().dp(500, 20000)
    for dbp, age in ((NO_DBP, 0), (30000, 3601)):
        watch.pressure(1000, 10000, dbp, age)
    watch.pressure(400, 10000, 30000, 3600)
    assert watch.seen == []
    watch.dp(1, 20000)
    assert watch.seen == [(2901, DP_LOW, RAISED, MEDIUM)]


@pytest.mark.parametrize(
    ("name", "clear", "near"),
    [
        ("dp_low 15 min", lambda w, n: w.dp(n, 32000), lambda w, n: w.dp(n, 31999)),
        (
            "pressure_high 30",
            lambda w, n: w.pressure(n, 28000, 100000),
            lambda w, n: w.pressure(n, 28001, 100000),
        ),
    ],
)
def test_clears_after_five_minutes_inside_counted_from_the_first_tick(name, clear, near):
    rule, stage, beyond, _ = STAGES[name]
    watch = Watch(alone(rule, stage))
    beyond(watch, 1000)
    # Neither short of the clear limit nor for too short a time; absence holds the count.
    near(watch, 1000)
    clear(watch, 300)
    near(watch, 1)
    clear(watch, 100)
    all_absent(watch, 500)
    clear(watch, 200)
    assert len(watch.seen) == 1
    clear(watch, 1)
    assert watch.seen[1:] == [(watch.t, rule, CLEARED, MEDIUM)]
    assert watch.rules.priority(CHANNEL, rule) == NO_PRIORITY
    # And it can come again.
    beyond(watch, 1 + alone(rule, stage)[0][4])
    assert watch.seen[2:] == [(watch.t, rule, RAISED, MEDIUM)]


def test_fluid_gain_clears_at_once_one_per_cent_inside():
    watch = Watch().fluid(700, 60).fluid(700, 41)
    assert len(watch.seen) == 1
    watch.fluid(1, 40)
    assert watch.seen[1:] == [(1401, FLUID_GAIN, CLEARED, LOW)]


def test_high_stays_until_acknowledged_though_it_is_over():
    watch = Watch().dp(7201, 20000).dp(5000, 90000)
    assert [event[3] for event in watch.seen] == [MEDIUM, HIGH]
    assert watch.rules.annunciation() == HIGH
    watch.acknowledge()
    assert watch.seen[2:] == [(12201, DP_LOW, ACKNOWLEDGED, HIGH)]
    watch.dp(1, 90000)
    assert watch.seen[3:] == [(12202, DP_LOW, CLEARED, HIGH)]


def test_an_acknowledged_high_clears_by_itself_in_its_time():
    watch = Watch().dp(7201, 20000).acknowledge().dp(300, 32000)
    assert watch.rules.is_acknowledged(CHANNEL, DP_LOW)
    assert watch.rules.annunciation() == NO_PRIORITY
    watch.dp(1, 32000)
    assert watch.seen[-1] == (7502, DP_LOW, CLEARED, HIGH)


def test_escalation_takes_the_acknowledgement_back():
    watch = Watch().dp(901, 20000).acknowledge()
    assert watch.rules.annunciation() == NO_PRIORITY
    watch.dp(6300, 20000)
    assert watch.seen == [
        (901, DP_LOW, RAISED, MEDIUM),
        (901, DP_LOW, ACKNOWLEDGED, MEDIUM),
        (7201, DP_LOW, ESCALATED, HIGH),
    ]
    assert not watch.rules.is_acknowledged(CHANNEL, DP_LOW)
    assert watch.rules.annunciation() == HIGH


def test_an_alarm_keeps_its_highest_priority():
    watch = Watch().pressure(301, 45000).pressure(700, 30000)
    assert watch.seen == [(301, PRESSURE_HIGH, RAISED, HIGH)]
    assert watch.rules.priority(CHANNEL, PRESSURE_HIGH) == HIGH


def test_pressure_high_without_dp_becomes_high_after_an_hour():
    watch = Watch().pressure(3600, 30000)
    assert watch.seen == [(601, PRESSURE_HIGH, RAISED, MEDIUM)]
    watch.pressure(1, 30000)
    assert watch.seen[1:] == [(3601, PRESSURE_HIGH, ESCALATED, HIGH)]


def test_a_valid_dp_ends_the_hour_of_pressure_high():
    watch = Watch().pressure(3600, 30000).pressure(1, 30000, 70000).pressure(3600, 30000)
    assert watch.seen == [(601, PRESSURE_HIGH, RAISED, MEDIUM)]


def test_pressure_high_is_low_while_a_fresh_dp_is_good():
    # ICP 30, DBP 70: dP is 40.
    watch = Watch().pressure(700, 30000, 70000, 899)
    assert watch.seen == [(601, PRESSURE_HIGH, RAISED, LOW)]
    watch.pressure(1, 30000, 70000, 900)
    assert watch.seen[1:] == [(701, PRESSURE_HIGH, ESCALATED, MEDIUM)]
    # What is fresh again softens nothing that was raised.
    watch.pressure(100, 30000, 70000, 0)
    assert len(watch.seen) == 2


@pytest.mark.parametrize(("dbp", "age"), [(69999, 0), (70000, 900), (NO_DBP, 0), (70000, 3601)])
def test_pressure_high_is_medium_otherwise(dbp, age):
    assert Watch(alone(PRESSURE_HIGH, 0)).pressure(601, 30000, dbp, age).seen == [(601, PRESSURE_HIGH, RAISED, MEDIUM)]


def test_a_good_dp_softens_no_45():
    assert Watch().pressure(301, 45000, 150000, 0).seen == [(301, PRESSURE_HIGH, RAISED, HIGH)]


@pytest.mark.parametrize(
    ("icp", "dp", "high"),
    [
        (ABSENT, ABSENT, False),
        (19999, 40000, False),
        (20000, 40000, True),
        (20000, ABSENT, True),
        (19999, 39999, True),
        (ABSENT, 39999, True),
        (ABSENT, -5000, True),
        (19999, ABSENT, False),
    ],
)
def test_fluid_gain_is_high_only_with_pressure(icp, dp, high):
    watch = Watch().fluid(601, 150, icp, dp)
    # 15 % is beyond all three stages at once: the highest that applies is raised.
    assert watch.seen == [(601, FLUID_GAIN, RAISED, HIGH if high else MEDIUM)]


def test_fluid_gain_climbs_stage_by_stage():
    watch = Watch().fluid(1000, 50).fluid(1000, 100).fluid(1000, 150, 25000)
    assert watch.seen == [
        (601, FLUID_GAIN, RAISED, LOW),
        (1601, FLUID_GAIN, ESCALATED, MEDIUM),
        (2601, FLUID_GAIN, ESCALATED, HIGH),
    ]


def test_dbp_below_icp_is_judged():
    assert dp_milli_mmhg(20000, 0, 45000) == -25000
    watch = Watch().pressure(901, 25000, 20000)
    assert watch.seen == [(901, DP_LOW, RAISED, MEDIUM)]
    assert watch.full == [(0, -5000, 30000)]


@pytest.mark.parametrize(
    ("dbp", "age", "icp", "dp"),
    [(60000, 3600, 20000, 40000), (60000, 3601, 20000, ABSENT), (-1, 0, 20000, ABSENT), (60000, 0, ABSENT, ABSENT)],
)
def test_dp_needs_an_icp_and_a_dbp_not_older_than_an_hour(dbp, age, icp, dp):
    assert dp_milli_mmhg(dbp, age, icp) == dp


def test_alarms_stand_apart_by_channel_and_rule():
    rules = Rules(7)
    for _ in range(901):
        rules.event_count = 0
        rules.judge_pressure(0, 31000, 40000, 0)
        rules.judge_pressure(3, 31000, 40000, 0)
        rules.judge_pressure(1, 10000, 90000, 0)
    assert [[rules.priority(c, r) for r in range(3)] for c in range(7)] == [
        [MEDIUM, MEDIUM, 0],
        [0, 0, 0],
        [0, 0, 0],
        [MEDIUM, MEDIUM, 0],
        [0, 0, 0],
        [0, 0, 0],
        [0, 0, 0],
    ]
    counts = [((255, 255), 4), ((0, 255), 2), ((255, DP_LOW), 2), ((3, PRESSURE_HIGH), 1), ((1, 255), 0), ((9, 9), 0)]
    for (channel, rule), standing in counts:
        assert rules.standing(channel, rule) == standing
    rules.event_count = 0
    rules.acknowledge(3, PRESSURE_HIGH)
    assert list(rules.events[:4]) == [3, PRESSURE_HIGH, ACKNOWLEDGED, MEDIUM]
    assert rules.event_count == 1
    assert rules.annunciation() == MEDIUM
    rules.acknowledge(255, 255)
    assert rules.event_count == 4
    assert rules.standing(255, 255) == 0
    assert rules.annunciation() == NO_PRIORITY


def test_events_of_every_alarm_at_once_have_room():
    rules = Rules(7, [(rule, 0, LOW, limit, 0, 0, 0, 0) for rule, limit in ((0, 99000), (1, 0), (2, 0))])
    for channel in range(7):
        rules.event_count = 0
        rules.judge_pressure(channel, 5000, 10000, 0)
        rules.judge_fluid(channel, 5, ABSENT, ABSENT)
        assert rules.event_count == 3
    rules.event_count = 0
    rules.acknowledge(255, 255)
    assert rules.event_count == 21


def plain_events(stages, above, history):
    """Events of one rule from the whole history, without counters; `history` holds values or ABSENT.

    Only ticks with a value count; a stage holds when so many of them lie behind the first of the latest ones in a row
    that are beyond its limit.
    """
    values = []
    priority = NO_PRIORITY
    since = 0
    events = []
    for t, value in enumerate(history):
        if value == ABSENT:
            continue
        values.append(value)
        reached = NO_PRIORITY
        for stage_priority, limit, run_s in stages:
            latest = values[-run_s - 1 :]
            if len(latest) == run_s + 1 and all((v >= limit) if above else (v < limit) for v in latest):
                reached = max(reached, stage_priority)
        if reached > priority:
            events.append((t, ESCALATED if priority else RAISED, reached))
            priority = reached
            since = len(values)
            continue
        latest = values[since:][-CLEAR_S - 1 :]
        inside = [(v <= CLEAR_AT) if above else (v >= CLEAR_AT) for v in latest]
        if priority in (LOW, MEDIUM) and len(latest) == CLEAR_S + 1 and all(inside):
            events.append((t, CLEARED, priority))
            priority = NO_PRIORITY
    return events


CLEAR_AT = 50
CLEAR_S = 4


@pytest.mark.parametrize("rule", [DP_LOW, FLUID_GAIN])
def test_like_the_whole_history_judged_anew_each_second(rule):
    """Random walks against a rule without counters: nothing but LOW and MEDIUM, so that nothing latches."""
    above = rule == FLUID_GAIN
    limits = [(LOW, 60, 5), (MEDIUM, 66, 3)] if above else [(LOW, 40, 5), (MEDIUM, 34, 3)]
    rows = [
        (rule, i, priority, limit, run_s, CLEAR_AT, CLEAR_S, 0) for i, (priority, limit, run_s) in enumerate(limits)
    ]
    total = 0
    for seed in range(60):
        random = Random(seed)
        history, value = [], 50
        for _ in range(300):
            value = max(30, min(70, value + random.choice([-3, -1, 0, 1, 3])))
            history.append(ABSENT if random.random() < 0.1 else value)
        watch = Watch(rows)
        for value in history:
            if above:
                watch.fluid(1, value)
            else:
                watch.dp(1, value)
        wanted = plain_events(limits, above, history)
        assert [(t - 1, state, priority) for t, _, state, priority in watch.seen] == wanted
        total += len(wanted)
    assert total > 100


@pytest.mark.parametrize(
    ("rule", "limit_s", "priority"),
    [
        (SENSOR_ABSENT, 10, MEDIUM),
        (SATURATED, 10, MEDIUM),
        (STUCK, 10, MEDIUM),
        (NOISY, 30, LOW),
        (ELECTRODE_OFF, 10, MEDIUM),
    ],
)
def test_a_sensor_in_trouble(rule, limit_s, priority):
    """A tick short of its time: nothing. In time: raised; five seconds after its end: cleared."""
    watch = Watch().trouble(limit_s - 1, rule).trouble(1).trouble(limit_s - 1, rule).trouble(1)
    assert watch.seen == []
    watch.trouble(limit_s + 40, rule).trouble(20)
    begun = 2 * limit_s
    assert watch.seen == [
        (begun + limit_s, rule, RAISED, priority),
        (begun + limit_s + 46, rule, CLEARED, priority),
    ]
    assert watch.full == [(0, limit_s, limit_s), (0, 0, 0)]
    assert watch.rules.words == Rules(7).words


def test_troubles_come_and_go_by_themselves():
    watch = Watch().trouble(15, STUCK).trouble(15, STUCK, NOISY).trouble(25, NOISY).trouble(10)
    assert watch.seen == [
        (10, STUCK, RAISED, MEDIUM),
        (36, STUCK, CLEARED, MEDIUM),
        (45, NOISY, RAISED, LOW),
        (61, NOISY, CLEARED, LOW),
    ]


def test_an_acknowledged_trouble_is_silent_and_sounds_when_it_comes_again():
    watch = Watch().trouble(10, SENSOR_ABSENT)
    assert watch.rules.annunciation() == MEDIUM
    watch.rules.acknowledge(CHANNEL, SENSOR_ABSENT)
    watch._take()
    assert watch.rules.annunciation() == NO_PRIORITY
    watch.trouble(30, SENSOR_ABSENT).trouble(10).trouble(10, SENSOR_ABSENT)
    assert watch.rules.annunciation() == MEDIUM
    assert [state for _, _, state, _ in watch.seen] == [RAISED, ACKNOWLEDGED, CLEARED, RAISED]


def test_a_trouble_goes_on_over_a_restart():
    """Its time, and that it was raised, are in the packed state; so is the way to its end."""
    for before, rest in ((7, 3), (10, 0), (40, 0)):
        watch, other = Watch().trouble(before, STUCK), Watch()
        state = bytearray(256)
        end = watch.rules.pack_state(state, 0)
        assert other.rules.unpack_state(state, 0, end, [CHANNEL])
        other.trouble(rest, STUCK)
        assert other.rules.priority(CHANNEL, STUCK) == MEDIUM
        other.trouble(6)
        assert other.rules.words == Rules(7).words
