"""Age groups: whose limits judge, from the admission to the discharge and over a restart."""

import pytest
from judge_driver import Run, alone

from turgor.core import rules as r
from turgor.core.channel import READING_VALID
from turgor.core.entries import ADULT, AGE_AT, UNDER_10, UNDER_16
from turgor.core.judge_state import pack_judge, unpack_judge
from turgor.link.records import PULSE_ABOVE

MAP_LEAST = {ADULT: 65_000, UNDER_16: 60_000, UNDER_10: 50_000}
# A run of 5 min from the first median on, that of 30 readings.
RAISED_S = 30 + 300


def admission(age):
    return lambda judge: judge.admit(age << AGE_AT)


@pytest.mark.parametrize("age", MAP_LEAST)
def test_blood_pressure_is_low_below_the_groups_own_limit(age):
    low = Run("art", limits=alone(r.SHOCK)).ticks(RAISED_S + 1, MAP_LEAST[age] - 100, act=admission(age))
    assert low.of(r.SHOCK) == [(RAISED_S, r.RAISED, r.MEDIUM)]
    assert low.shown == [(0, MAP_LEAST[age] - 100, MAP_LEAST[age])]
    fine = Run("art", limits=alone(r.SHOCK)).ticks(RAISED_S + 600, MAP_LEAST[age], act=admission(age))
    assert fine.of(r.SHOCK) == []


@pytest.mark.parametrize(("age", "is_judged"), [(ADULT, True), (UNDER_16, True), (UNDER_10, False)])
def test_a_childs_pulse_may_lie_above_its_systolic_pressure(age, is_judged):
    above = [READING_VALID | PULSE_ABOVE]
    run = Run("art", limits=alone(r.SHOCK)).ticks(3600, 80_000, flags=above, act=admission(age))
    # At the tick of the admission nothing is judged: what stood before ends.
    assert run.of(r.SHOCK) == ([(602, r.RAISED, r.MEDIUM)] if is_judged else [])


@pytest.mark.parametrize("age", [ADULT, UNDER_16, UNDER_10])
@pytest.mark.parametrize("icp_mmhg", [14, 16, 19, 21])
def test_a_rise_counts_from_another_pressure_on(age, icp_mmhg):
    """12 mmHg an hour, up to `icp_mmhg`."""
    run = Run("calf_l", limits=alone(r.PRESSURE_RISING))
    run.judge.admit(age << AGE_AT)
    for second in range(3600):
        run.ticks(1, icp_mmhg * 1000 - (3600 - second) * 12000 // 3600)
    assert bool(run.of(r.PRESSURE_RISING)) == (icp_mmhg > (15 if age == ADULT else 20))


def test_the_group_ends_with_the_episode_and_outlives_a_restart():
    run = Run("art", "calf_l").ticks(60, 55_000, 10_000, act=admission(UNDER_10))
    buffer = bytearray(2000)
    end = pack_judge(run.judge, buffer, 0)
    again = Run("art", "calf_l")
    assert again.judge.alarms.rows != run.judge.alarms.rows
    assert unpack_judge(again.judge, buffer, 0, end)
    assert again.judge.alarms.rows == run.judge.alarms.rows
    assert again.judge.age_group() == UNDER_10
    again.ticks(2000, 55_000, 10_000)
    assert again.of(r.SHOCK) == []
    again.judge.discharge()
    assert again.judge.age_group() == ADULT
    again.ticks(RAISED_S, 55_000, 10_000)
    assert [(state, priority) for _, state, priority in again.of(r.SHOCK)] == [(r.RAISED, r.MEDIUM)]
    assert unpack_judge(run.judge, buffer, 0, pack_judge(Run("art", "calf_l").judge, buffer, 0))
    assert run.judge.alarms.rows == Run("art", "calf_l").judge.alarms.rows
