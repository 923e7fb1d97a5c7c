"""The technical rules at the judge: each fault raised in its time, ended with it, and what it holds back."""

import pytest
from judge_driver import Run, alone

from turgor.core import rules as r
from turgor.core.beats import FLUSHED, NO_BEATS
from turgor.core.channel import READING_ELECTRODE_OFF, READING_NOISY, READING_SATURATED, READING_STUCK, READING_VALID
from turgor.core.entries import ACTIVE, LEVEL, REMOVED, ZERO
from turgor.core.judge import FASCIOTOMY
from turgor.core.median import ABSENT

CALF_L, CALF_Z, ART = 0, 4, 6
R = 100000


def test_by_hand():
    """No reading from tick 1 on: raised 10 s after it, at tick 11. With readings from tick 21 on: cleared 5 s later."""
    run = Run("calf_l", limits=alone()).ticks(20, ABSENT).ticks(20, 20000)
    assert run.events == [
        (11, CALF_L, r.SENSOR_ABSENT, r.RAISED, r.MEDIUM),
        (26, CALF_L, r.SENSOR_ABSENT, r.CLEARED, r.MEDIUM),
    ]
    assert run.shown == [(0, 10, 10), (0, 0, 0)]


TROUBLES = {
    "sensor_absent": ("calf_l", ABSENT, 0, r.SENSOR_ABSENT, 10, r.MEDIUM),
    "saturated": ("calf_l", ABSENT, READING_SATURATED, r.SATURATED, 10, r.MEDIUM),
    "stuck": ("calf_l", ABSENT, READING_STUCK, r.STUCK, 10, r.MEDIUM),
    "noisy": ("calf_l", 20000, READING_VALID | READING_NOISY, r.NOISY, 30, r.LOW),
    "electrode_off": ("calf_z", ABSENT, READING_ELECTRODE_OFF, r.ELECTRODE_OFF, 10, r.MEDIUM),
    "damped": ("art", 80000, READING_VALID | 32, r.DAMPED, 30, r.LOW),
    "cuff stuck": ("cuff", ABSENT, READING_STUCK, r.STUCK, 10, r.MEDIUM),
    "skin saturated": ("skin", ABSENT, READING_SATURATED, r.SATURATED, 10, r.MEDIUM),
}


@pytest.mark.parametrize("name", TROUBLES)
def test_a_trouble_is_raised_in_its_time_and_ends_five_seconds_after_it(name):
    channel, value, flags, rule, run_s, priority = TROUBLES[name]
    good = R if channel == "calf_z" else 80000

    def fault(seconds):
        return Run(channel, limits=alone()).ticks(5, good).ticks(seconds, value, flags=[flags]).ticks(5, good)

    assert fault(run_s).events == []
    run = fault(run_s + 1)
    assert run.of(rule) == [(5 + run_s + 1, r.RAISED, priority)]
    run.ticks(1, good)
    assert run.of(rule)[1:] == [(run_s + 12, r.CLEARED, priority)]
    assert run.others(rule) == []


def test_what_a_readings_flags_mean_depends_on_its_channel():
    # An arterial line's tell how good its beats are; a temperature has no noise.
    assert Run("art", limits=alone()).ticks(60, 80000, flags=[READING_VALID | 16]).events == []
    assert Run("skin", limits=alone()).ticks(60, 33000, flags=[READING_VALID | READING_NOISY]).events == []
    # A reading that is not valid for no other reason.
    run = Run("calf_l", limits=alone()).ticks(40, ABSENT, flags=[READING_NOISY])
    assert [event[:3] for event in run.events] == [(11, CALF_L, r.SENSOR_ABSENT), (31, CALF_L, r.NOISY)]


@pytest.mark.parametrize("quality", [NO_BEATS, FLUSHED])
@pytest.mark.parametrize("static", [120000, 65000, 64900])
def test_a_line_without_a_pulse_is_no_mean_that_ends_an_alarm(quality, static):
    """MAP 60 is shock, and MAP - ICP 35 is low; the stopcock is turned. At 65.0 with a pulse it ends."""
    limits = sorted([*alone(r.SHOCK, stage=0), (r.MAP_LOW, 0, r.MEDIUM, 40000, 300, 42000, 300, 0)])
    run = Run("calf_l", "art", limits=limits).ticks(400, 25000, 60000)
    assert [run.judge.alarms.priority(*which) for which in ((ART, r.SHOCK), (CALF_L, r.MAP_LOW))] == [r.MEDIUM] * 2
    run.ticks(900, 25000, static, flags=[READING_VALID, READING_VALID | quality << 4])
    assert [state for _, _, rule, state, _ in run.events if rule != r.DBP_STALE] == [r.RAISED] * 2
    assert run.of(r.SENSOR_ABSENT) == []
    if static >= 65000:
        assert run.judge.medians[1] == ABSENT
    run.ticks(400, 20000, 65000)
    assert run.of(r.SHOCK)[-1][1] == r.CLEARED
    assert run.of(r.MAP_LOW)[-1][1] == r.CLEARED


def test_an_arrest_is_shock():
    run = Run("art", limits=alone(r.SHOCK, stage=0)).ticks(100, 90000)
    run.ticks(400, 25000, flags=[READING_VALID | NO_BEATS << 4])
    assert run.of(r.SHOCK) == [(100 + 30 + 300, r.RAISED, r.MEDIUM)]


def test_each_sensor_has_its_own_trouble():
    run = Run("calf_l", "calf_r", "calf_z", limits=alone())
    run.ticks(40, ABSENT, 20000, ABSENT, flags=[0, READING_VALID, READING_ELECTRODE_OFF])
    assert [event[:3] for event in run.events] == [(11, CALF_L, r.SENSOR_ABSENT), (11, CALF_Z, r.ELECTRODE_OFF)]


@pytest.mark.parametrize(("fall", "raised"), [(9900, 0), (10000, 1)])
def test_a_fall_of_ten_is_doubted_and_holds_all_alarms_of_the_patient(fall, raised):
    """dP 25 stands as medium; a fall of ICP by 10 or more would clear it in 5 min, and does so only when it is not
    doubted, or when somebody says that it is true."""
    run = Run("calf_l", limits=alone(r.DP_LOW, r.PRESSURE_HIGH))
    run.ticks(1, 35000, dbp=60000).ticks(1000, 35000)
    assert run.of(r.DP_LOW) == [(930, r.RAISED, r.MEDIUM)]
    for _ in range(5):
        run.ticks(1, 35000 - fall, dbp=60000).ticks(199, 35000 - fall)
    assert [event[1:] for event in run.of(r.PRESSURE_DOUBT)] == [(r.RAISED, r.MEDIUM)] * raised
    if raised:
        # Of 60 readings half and half the mean is 5 less, at 31 new ones it is 10.
        assert run.of(r.PRESSURE_DOUBT)[0][0] == 1001 + 31
    for rule in (r.DP_LOW, r.PRESSURE_HIGH):
        assert [state for _, state, _ in run.of(rule)] == [r.RAISED] + [r.CLEARED] * (1 - raised)
    if raised:
        at = run.t
        run.ticks(1, 25000, dbp=60000, act=lambda judge: judge.confirm(CALF_L, r.PRESSURE_DOUBT)).ticks(400, 25000)
        assert run.of(r.PRESSURE_DOUBT)[1:] == [(at + 1, r.CLEARED, r.MEDIUM)]
        assert run.of(r.DP_LOW)[1:] == [(at + 301, r.CLEARED, r.MEDIUM)]


def test_an_explained_fall_is_none():
    run = Run("calf_l", limits=alone(r.DP_LOW)).ticks(1, 35000, dbp=60000).ticks(1000, 35000)
    run.ticks(1, 20000, act=lambda judge: judge.entry(CALF_L, LEVEL)).ticks(400, 20000)
    assert run.of(r.PRESSURE_DOUBT) == []
    assert [state for _, state, _ in run.of(r.DP_LOW)] == [r.RAISED, r.CLEARED]


@pytest.mark.parametrize(("icp", "seconds", "raised"), [(1900, 600, 0), (1900, 601, 1), (2000, 2000, 0)])
def test_near_zero_for_ten_minutes(icp, seconds, raised):
    """From tick 30 on, when the median is there, to 29 s behind the last such reading; it ends by itself."""
    run = Run("calf_l", limits=alone()).ticks(seconds, icp).ticks(60, 6100)
    events = [(630, r.RAISED, r.MEDIUM), (seconds + 30, r.CLEARED, r.MEDIUM)]
    assert run.of(r.PRESSURE_DOUBT) == events * raised


def test_a_standing_doubt_holds_no_technical_alarm():
    run = Run("calf_l", limits=alone()).ticks(700, 1000, flags=[READING_VALID | READING_NOISY]).ticks(70, 1000)
    assert [state for _, state, _ in run.of(r.PRESSURE_DOUBT)] == [r.RAISED]
    assert run.of(r.NOISY) == [(31, r.RAISED, r.LOW), (706, r.CLEARED, r.LOW)]


def test_a_fasciotomy_ends_a_doubt():
    run = Run("calf_l", limits=alone()).ticks(700, 1000)
    run.ticks(1, 1000, act=lambda judge: judge.set_state(CALF_L, FASCIOTOMY)).ticks(700, 1000)
    assert [(t, state) for t, state, _ in run.of(r.PRESSURE_DOUBT)] == [(630, r.RAISED), (701, r.WITHDRAWN)]


def test_an_electrodes_step_is_marked_until_somebody_saw_it_and_counts_as_no_fluid():
    """-3.7 % and -8 %: two marks, no fluid; the second is more than a tenth in all, so the baseline is unknown."""
    run = Run("calf_z").ticks(100, R).ticks(1000, 96300)
    ((t, state, priority),) = run.of(r.STEP_ARTEFACT)
    assert (state, priority) == (r.RAISED, r.LOW)
    assert 4 <= t - 101 <= 6
    run.acknowledge().ticks(1, 96300)
    assert [state for _, state, _ in run.of(r.STEP_ARTEFACT)][1:] == [r.ACKNOWLEDGED, r.CLEARED]
    assert run.of(r.BASELINE_UNKNOWN) == []
    run.ticks(1000, 88600)
    assert [state for _, state, _ in run.of(r.STEP_ARTEFACT)][3:] == [r.RAISED]
    assert [state for _, state, _ in run.of(r.BASELINE_UNKNOWN)] == [r.RAISED]
    assert run.others(r.STEP_ARTEFACT, r.BASELINE_UNKNOWN) == []
    run.ticks(1, 88600, act=lambda judge: judge.confirm(CALF_Z, r.BASELINE_UNKNOWN))
    assert [state for _, state, _ in run.of(r.BASELINE_UNKNOWN)] == [r.RAISED, r.CLEARED]


@pytest.mark.parametrize(("gap", "raised"), [(600, 0), (601, 1)])
def test_a_gap_of_more_than_ten_minutes_loses_the_baseline(gap, raised):
    run = Run("calf_z", limits=alone()).ticks(100, R).ticks(gap, ABSENT)
    assert run.of(r.BASELINE_UNKNOWN) == [(701, r.RAISED, r.LOW)] * raised
    run.ticks(100, R)
    assert len(run.of(r.BASELINE_UNKNOWN)) == raised


@pytest.mark.parametrize(("late", "raised"), [(3540, 0), (3541, 1)])
def test_a_baseline_later_than_an_hour_is_unknown(late, raised):
    run = Run("calf_z", limits=alone()).ticks(late, ABSENT).ticks(60, R)
    assert run.of(r.BASELINE_UNKNOWN) == [(3601, r.RAISED, r.LOW)] * raised


def test_swelling_while_the_electrodes_were_off_is_not_hidden():
    """Four hours without, and 8 % less: it is judged, and said that the baseline is unknown."""
    run = Run("calf_z").ticks(100, R).ticks(4 * 3600, ABSENT, flags=[READING_ELECTRODE_OFF]).ticks(700, 92000)
    assert [(state, p) for _, state, p in run.of(r.FLUID_GAIN)] == [(r.RAISED, r.LOW)]
    assert [state for _, state, _ in run.of(r.BASELINE_UNKNOWN)] == [r.RAISED]
    assert run.of(r.STEP_ARTEFACT) == []


def test_a_typed_dbp_is_stale_after_15_and_30_minutes():
    run = Run("calf_l", limits=alone()).ticks(1, 20000, dbp=60000).ticks(900, 20000)
    assert run.events == []
    run.ticks(900, 20000)
    assert run.events == [(902, 255, r.DBP_STALE, r.RAISED, r.LOW)]
    run.ticks(1, 20000)
    assert run.of(r.DBP_STALE)[1:] == [(1802, r.ESCALATED, r.MEDIUM)]
    run.ticks(1, 20000, dbp=60000)
    assert run.of(r.DBP_STALE)[2:] == [(1803, r.CLEARED, r.MEDIUM)]


def test_a_dbp_that_nobody_ever_typed_is_asked_for_where_a_pressure_is():
    assert Run("calf_l", limits=alone()).ticks(901, 20000).of(r.DBP_STALE) == [(901, r.RAISED, r.LOW)]
    assert Run("calf_z", limits=alone()).ticks(901, R).events == []
    line = Run("calf_l", "art", limits=alone()).ticks(2000, 20000, 80000, diastolic=60000)
    assert line.events == []


def test_a_zero_is_overdue_after_eight_hours():
    run = Run("calf_l", limits=alone()).ticks(1, 20000, act=lambda judge: judge.entry(CALF_L, ZERO))
    run.ticks(28800, 20000)
    assert run.of(r.ZERO_OVERDUE) == []
    run.ticks(1, 20000)
    assert run.of(r.ZERO_OVERDUE) == [(28802, r.RAISED, r.LOW)]
    run.ticks(1, 20000, act=lambda judge: judge.entry(CALF_L, ZERO))
    assert run.of(r.ZERO_OVERDUE)[1:] == [(28803, r.CLEARED, r.LOW)]


def test_what_was_never_zeroed_is_overdue_eight_hours_after_it_came():
    run = Run("calf_l", "calf_r", limits=alone()).ticks(1, 20000, ABSENT, act=lambda judge: judge.set_state(1, REMOVED))
    run.ticks(999, 20000, ABSENT).ticks(1, 20000, 20000, act=lambda judge: judge.set_state(1, ACTIVE))
    run.ticks(29000, 20000, 20000)
    assert [event[:2] for event in run.events if event[2] == r.ZERO_OVERDUE] == [(28801, CALF_L), (29802, 1)]


def test_the_watchdog_is_said_until_somebody_saw_it():
    run = Run("calf_z", limits=alone()).ticks(5, R)
    run.ticks(1, R, act=lambda judge: judge.watchdog_reset()).ticks(3000, R)
    assert run.events == [(6, 255, r.WATCHDOG_RESET, r.RAISED, r.MEDIUM)]
    run.acknowledge().ticks(5, R)
    assert run.of(r.WATCHDOG_RESET)[1:] == [(3007, r.ACKNOWLEDGED, r.MEDIUM), (3007, r.CLEARED, r.MEDIUM)]


@pytest.mark.parametrize(
    ("mv", "raised"), [(3999, [(40, r.RAISED, r.MEDIUM)]), (3900, [(40, r.RAISED, r.MEDIUM)]), (4000, [])]
)
def test_a_supply_below_four_volts_for_ten_seconds_is_said(mv, raised):
    """From the first median on, that of 30 readings; it ends when the median of a minute is up for 5 s."""
    run = Run("supply", limits=alone()).ticks(39, mv)
    assert run.of(r.POWER_LOW) == []
    run.ticks(1, mv)
    assert run.of(r.POWER_LOW) == raised
    run.ticks(60, ABSENT).ticks(600, ABSENT)
    assert run.of(r.POWER_LOW) == raised
    run.ticks(34, 4099).ticks(100, 4099)
    assert run.of(r.POWER_LOW) == raised
    run.ticks(60, 4100).ticks(60, 4100)
    assert [event[1:] for event in run.of(r.POWER_LOW)[1:]] == [(r.CLEARED, r.MEDIUM)] * len(raised)
