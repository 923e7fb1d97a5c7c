"""The one-second work of all channels: medians, baselines, the DBP in force, states of a channel, turns, episodes."""

import pytest
from judge_driver import Run, alone

from turgor.core import rules as r
from turgor.core.channels import channel_id
from turgor.core.entries import ACTIVE, FASCIOTOMY, REMOVED, STANDBY, ZERO
from turgor.core.entries import LATE as ADMISSION_LATE
from turgor.core.fluid import AT_ATTACH, CONFIRMED, LATE
from turgor.core.judge import (
    ARTERIAL_LINE,
    DBP_SOURCES,
    HELD_MOST_S,
    NO_AGE,
    NO_DBP,
    NO_SOURCE,
    TURNED_S,
    TYPED,
    Judge,
)
from turgor.core.median import ABSENT
from turgor.core.slow import MotionChannel

CALF_L, CALF_R, CALF_Z, THORAX_Z, ART = (channel_id(n) for n in ("calf_l", "calf_r", "calf_z", "thorax_z", "art"))
R = 100000


def test_by_hand():
    """An ICP of 20 from tick 1, a DBP of 40 typed at tick 31: dP is 20; medium 900 s after, at tick 931."""
    run = Run("calf_l", limits=alone(r.DP_LOW)).ticks(29, 20000)
    assert run.judge.medians[0] == ABSENT
    run.ticks(1, 20000)
    assert run.judge.medians[0] == 20000
    run.ticks(1, 20000, dbp=40000).ticks(900, 20000)
    assert run.of(r.DP_LOW) == [(931, r.RAISED, r.MEDIUM)]


def test_one_bad_reading_in_two_moves_no_median():
    run = Run("calf_l", limits=alone())
    for _ in range(300):
        run.ticks(1, 20000).ticks(1, 60000 if run.t % 40 else ABSENT)
    run.ticks(60, 20000)
    assert run.judge.medians[0] == 20000


def test_the_age_of_a_dbp_counts_from_its_tick():
    run = Run("calf_l").ticks(5, 20000)
    judge = run.judge
    assert (judge.dbp_milli_mmhg, judge.dbp_age_s, judge.dbp_source) == (NO_DBP, NO_AGE, NO_SOURCE)
    run.ticks(1, 20000, dbp=70000)
    assert (judge.dbp_milli_mmhg, judge.dbp_age_s, judge.dbp_source) == (70000, 0, TYPED)
    run.ticks(10, 20000)
    assert judge.dbp_age_s == 10
    judge.words[0] += 65524 - 1
    judge.begin()
    assert judge.dbp_age_s == 65534
    judge.begin()
    assert judge.dbp_age_s == NO_AGE
    judge.type_dbp(50000)
    assert judge.dbp_age_s == 0
    assert DBP_SOURCES[judge.dbp_source] == "typed"


def test_the_lines_diastolic_goes_before_a_typed_one_and_is_held_60_s():
    judge = Judge([CALF_L, ART], r.DEFAULT_LIMITS)

    def tick(diastolic=ABSENT):
        judge.begin()
        judge.take_diastolic(diastolic)
        return judge.dbp_milli_mmhg, judge.dbp_age_s, judge.dbp_source

    assert tick() == (NO_DBP, NO_AGE, NO_SOURCE)
    judge.type_dbp(70000)
    assert tick() == (70000, 1, TYPED)
    assert tick(61000) == (61000, 0, ARTERIAL_LINE)
    judge.type_dbp(72000)
    assert tick() == (61000, 1, ARTERIAL_LINE)
    for _ in range(58):
        tick()
    assert tick() == (61000, 60, ARTERIAL_LINE)
    # What was typed with it or since is in force then.
    assert tick() == (72000, 61, TYPED)
    # Outside 10 to 200 mmHg it is no diastolic pressure; at the ends it is.
    for i, diastolic in enumerate((9999, 200001, -5000)):
        assert tick(diastolic) == (72000, 62 + i, TYPED)
    assert tick(10000) == (10000, 0, ARTERIAL_LINE)
    assert tick(200000) == (200000, 0, ARTERIAL_LINE)
    # What was typed before it is not.
    for _ in range(60):
        tick()
    assert tick() == (NO_DBP, NO_AGE, NO_SOURCE)
    judge.type_dbp(72000)
    assert tick() == (72000, 1, TYPED)


def test_a_line_that_is_not_active_gives_no_dbp_and_no_mean():
    limits = sorted([*alone(), (r.MAP_LOW, 0, r.MEDIUM, 40000, 10, 42000, 3, 0)])
    for state, raised in ((ACTIVE, 1), (STANDBY, 0)):
        run = Run("calf_l", "art", limits=limits).ticks(
            1, 30000, 60000, act=lambda judge, s=state: judge.set_state(ART, s)
        )
        run.ticks(100, 30000, 60000, diastolic=50000)
        assert len(run.of(r.MAP_LOW)) == raised
        assert run.judge.dbp_source == (ARTERIAL_LINE if raised else NO_SOURCE)


def test_a_baseline_is_the_first_median_of_a_whole_minute_of_which_half_is_valid():
    run = Run("calf_l", "calf_z", "thorax_z", "art", limits=alone())
    run.ticks(20, 20000, ABSENT, 30000, 90000).ticks(45, 20000, 40000, 30000, 90000).ticks(
        1, 20000, ABSENT, 30000, 90000
    )
    run.ticks(70, 20000, 40000, 30000, 90000)
    # thorax_z: 60 readings at tick 60; calf_z: 60 s from tick 21 on, of which one is absent.
    assert run.baselines == [(60, "thorax_z", AT_ATTACH, 30000), (80, "calf_z", AT_ATTACH, 40000)]
    run.judge.confirm(CALF_Z, r.BASELINE_UNKNOWN)
    assert [run.judge.baseline(position) for position in (1, 2)] == [(CONFIRMED, 40000), (AT_ATTACH, 30000)]


def test_what_is_no_resistance_is_no_baseline():
    run = Run("calf_z", limits=alone()).ticks(200, -5)
    assert run.baselines == []
    assert run.judge.baseline(0) == (0, 0)


@pytest.mark.parametrize(("every", "at"), [(1, 60), (2, 61), (10, 61), (50, 61)])
def test_readings_that_fail_now_and_then_make_a_baseline(every, at):
    """Of so many seconds one each is missing, the first one among them: 60 s from the next one on."""
    run = Run("calf_z", limits=alone())
    for t in range(1, 700):
        run.ticks(1, ABSENT if every > 1 and t % every == 1 else R)
    assert run.baselines == [(at, "calf_z", AT_ATTACH, R)]
    assert run.of(r.BASELINE_UNKNOWN) == []


def test_a_baseline_that_does_not_come_for_ten_minutes_is_unknown():
    """A reading in three is not enough; without any there is no electrode to ask about."""
    run = Run("calf_z", "thorax_z", limits=alone()).ticks(100, ABSENT, ABSENT)
    for t in range(700):
        run.ticks(1, R if t % 3 == 0 else ABSENT, ABSENT)
    assert run.of(r.BASELINE_UNKNOWN) == [(700, r.RAISED, r.LOW)]
    assert run.events[-1][1] == CALF_Z
    # It ends as soon as there is one.
    run.ticks(100, R, ABSENT)
    assert run.judge.baseline(0) == (AT_ATTACH, R)
    assert [state for _, state, _ in run.of(r.BASELINE_UNKNOWN)] == [r.RAISED, r.CLEARED]


def test_a_late_admission_makes_late_baselines():
    run = Run("calf_z", limits=alone()).ticks(1, R, act=lambda judge: judge.admit(ADMISSION_LATE)).ticks(60, R)
    assert run.baselines == [(60, "calf_z", LATE, R)]


# States.


def low(run, ticks):
    """A dP of 20 with a DBP that stays fresh."""
    for i in range(ticks):
        run.ticks(1, 20000, dbp=40000 if i % 800 == 0 else None)
    return run


def test_standby_withdraws_and_returns_by_itself_after_half_an_hour():
    run = low(Run("calf_l", limits=alone(r.DP_LOW)), 1000)
    run.ticks(1, 20000, act=lambda judge: judge.set_state(CALF_L, STANDBY))
    assert run.of(r.DP_LOW) == [(930, r.RAISED, r.MEDIUM), (1001, r.WITHDRAWN, r.MEDIUM)]
    assert run.judge.alarms.annunciation() == 0
    low(run, 1799)
    assert run.judge.states[0] == STANDBY
    low(run, 1)
    assert run.judge.states[0] == ACTIVE
    low(run, 2000)
    # The first tick that is judged again is 2802.
    assert run.of(r.DP_LOW)[2:] == [(2802 + 900, r.RAISED, r.MEDIUM)]


def test_nothing_of_a_channel_is_raised_on_standby_or_when_it_is_removed():
    for state in (STANDBY, REMOVED):
        run = Run("calf_l", limits=alone(r.DP_LOW, r.PRESSURE_HIGH))
        run.ticks(1, ABSENT, act=lambda judge, state=state: judge.set_state(CALF_L, state)).ticks(1700, ABSENT)
        assert run.others(r.DBP_STALE) == []
        assert run.judge.states[0] in (STANDBY, REMOVED)


def test_of_a_fasciotomy_only_the_sensor_is_judged():
    run = Run("calf_l", limits=alone(r.DP_LOW, r.PRESSURE_HIGH))
    run.ticks(1, 50000, dbp=60000, act=lambda judge: judge.set_state(CALF_L, FASCIOTOMY)).ticks(1000, 50000)
    assert run.others(r.DBP_STALE) == []
    run.ticks(20, ABSENT)
    assert [event[2] for event in run.others(r.DBP_STALE)] == [r.SENSOR_ABSENT]


def test_the_pressure_of_a_limb_with_a_fasciotomy_makes_no_fluid_high():
    for state, priority in ((ACTIVE, r.HIGH), (FASCIOTOMY, r.MEDIUM)):
        run = Run("calf_l", "calf_z", limits=alone(r.FLUID_GAIN))
        run.ticks(1, 25000, R, act=lambda judge, s=state: judge.set_state(CALF_L, s)).ticks(60, 25000, R)
        for i in range(300):
            run.ticks(1, 25000, R - 50 * i)
        run.ticks(700, 25000, 85000)
        assert max(p for _, _, p in run.of(r.FLUID_GAIN)) == priority


def test_what_returns_after_it_was_removed_begins_anew():
    run = Run("calf_z", limits=alone(r.FLUID_GAIN)).ticks(100, R)
    run.ticks(1, R, act=lambda judge: judge.set_state(CALF_Z, REMOVED)).ticks(5000, 80000)
    assert run.judge.baseline(0)[1] == R
    run.ticks(1, 80000, act=lambda judge: judge.set_state(CALF_Z, ACTIVE)).ticks(100, 80000)
    assert run.baselines[1:] == [(5161, "calf_z", LATE, 80000)]
    assert run.of(r.FLUID_GAIN) == []


# Episodes.


def test_nothing_of_a_patient_reaches_the_next():
    both = ("calf_l", "calf_z", "thorax_z")
    run = Run(*both).ticks(1, 46000, R, R, dbp=60000)
    run.judge.entry(CALF_L, ZERO)
    run.ticks(1500, 46000, R, R)
    run.acknowledge(CALF_L, r.DP_LOW)
    standing = {(channel, rule) for _, channel, rule, state, _ in run.events if state == r.RAISED}
    before = len(run.events)
    # An entry about a channel in the same second takes nothing back.
    run.ticks(1, 46000, R, R, act=lambda judge: (judge.admit(0), judge.set_state(CALF_L, ACTIVE)))
    withdrawn = run.events[before:]
    assert {state for _, _, _, state, _ in withdrawn} == {r.WITHDRAWN}
    assert {(channel, rule) for _, channel, rule, _, _ in withdrawn} == standing
    judge, fresh = run.judge, Judge([channel_id(name) for name in both], r.DEFAULT_LIMITS)
    assert judge.alarms.words == fresh.alarms.words
    assert (judge.dbp_source, judge.dbp_milli_mmhg) == (NO_SOURCE, NO_DBP)
    assert judge.baseline(1) == (0, 0)
    # It is as if the board had just begun, to the tick; the second of the admission is the episode's second 0.
    other = Run(*both).ticks(3000, 46000, R, R)
    begun = run.t
    run.ticks(3000, 46000, R, R)

    def since(events, begun, system):
        return [(t - begun, *rest) for t, *rest in events if t > begun + 1 and (rest[0] == 255) == system]

    assert since(run.events, begun, True) == since(other.events, 0, True)
    assert since(run.events, begun - 1, False) == since(other.events, 0, False)
    assert len(other.events) == 3


def test_a_discharge_withdraws_what_stands():
    run = Run("calf_l", limits=alone(r.PRESSURE_HIGH)).ticks(400, 46000)
    run.ticks(1, 46000, act=lambda judge: judge.discharge())
    assert run.events == [
        (330, CALF_L, r.PRESSURE_HIGH, r.RAISED, r.HIGH),
        (401, CALF_L, r.PRESSURE_HIGH, r.WITHDRAWN, r.HIGH),
    ]


# Turns.


def posture(x, y, z):
    """The value of a motion channel that feels these milli-g."""
    motion = MotionChannel()
    motion.sample((x, y, z))
    return motion.capture()


LYING, SITTING = posture(0, 0, 1000), posture(0, 1000, 0)


def turn(angle_sin, angle_cos):
    return posture(0, angle_sin, angle_cos)


@pytest.mark.parametrize(("tilted", "turned"), [((420, 907), False), ((580, 815), True), ((-580, -815), True)])
def test_more_than_30_degrees_are_a_turn(tilted, turned):
    run = Run("calf_z", "motion", limits=alone()).ticks(100, R, LYING).ticks(100, R, turn(*tilted))
    assert run.judge.is_turned(TURNED_S) == turned


def test_a_turn_holds_what_is_judged_of_impedances_for_20_minutes():
    """Who sits up has 7 % less in the legs: nothing while it is held, and fluid 10 min after that."""
    run = Run("calf_z", "motion", limits=alone(r.FLUID_GAIN)).ticks(100, R, LYING)
    # The posture's median has turned at 31 readings; impedances are weighed before it.
    for i in range(300):
        run.ticks(1, R - 70 * i // 3, SITTING)
    run.ticks(2000, 93000, SITTING)
    turned_at = 100 + 31
    assert run.of(r.FLUID_GAIN) == [(turned_at + TURNED_S + 600, r.RAISED, r.LOW)]


def test_turns_without_end_hold_for_40_minutes():
    """Every 18 min: judged from 40 min after the first on. After 20 min without one the next holds again."""
    run = Run("calf_z", "motion", limits=alone(r.FLUID_GAIN)).ticks(100, R, LYING)
    for turns in range(8):
        for i in range(1080):
            run.ticks(1, max(93000, R - 30 * i) if turns == 0 else 93000, LYING if turns % 2 else SITTING)
    # At 30 readings the posture's median is half way, which is a turn too.
    first = 100 + 30
    assert run.of(r.FLUID_GAIN) == [(first + HELD_MOST_S + 600, r.RAISED, r.LOW)]
    assert run.judge.is_turned(TURNED_S)
    assert not run.judge.is_held()
    run.ticks(1300, 93000, LYING).ticks(40, 93000, SITTING)
    assert run.judge.is_held()


def test_a_turn_holds_what_several_limbs_do_for_two_and_a_half_hours():
    """Both legs fall by 4 % within 2 h of its end: said then. Without a turn it is said at once."""
    found = []
    for posture_then in (LYING, SITTING):
        run = Run("calf_z", "motion", "calf_r_z", limits=alone(r.FLUID_GAIN_MANY)).ticks(100, R, LYING, R)
        run.ticks(5000, R, posture_then, R)
        for i in range(600):
            run.ticks(1, R - 40 * i // 6, posture_then, R - 40 * i // 6)
        run.ticks(3600, 96000, posture_then, 96000)
        found.append(run.of(r.FLUID_GAIN_MANY))
    at = next(t for t, median in enumerate(run.medians["calf_z"], 1) if ABSENT < median <= 97000)
    turned_at = 100 + 31
    assert found == [[(at, r.RAISED, r.MEDIUM)], [(turned_at + 9000, r.RAISED, r.MEDIUM)]]
