"""The one-second work of all channels: medians, baselines, dP of the right limb, events of each channel."""

from turgor.core.channel import (
    READING_ELECTRODE_OFF,
    READING_NOISY,
    READING_SATURATED,
    READING_STUCK,
    READING_VALID,
)
from turgor.core.channels import channel_id
from turgor.core.judge import ARTERIAL_LINE, NO_AGE, NO_DBP, NO_SOURCE, TYPED, Judge
from turgor.core.median import ABSENT
from turgor.core.rules import (
    DEFAULT_LIMITS,
    DP_LOW,
    ELECTRODE_OFF,
    ESCALATED,
    FLUID_GAIN,
    HIGH,
    LOW,
    MEDIUM,
    NOISY,
    PRESSURE_HIGH,
    RAISED,
    SATURATED,
    SENSOR_ABSENT,
    STUCK,
)

CALF_L, CALF_R, CALF_Z, THORAX_Z, ART = (channel_id(n) for n in ("calf_l", "calf_r", "calf_z", "thorax_z", "art"))


class Run:
    """A judge driven tick by tick; `events` holds (second, channel, rule, state, priority)."""

    def __init__(self, channels, limits=DEFAULT_LIMITS):
        self.judge = Judge(channels, limits)
        self.t_s = 0
        self.events = []
        self.baselines = []

    def ticks(self, n, *values, dbp=None):
        for _ in range(n):
            self.t_s += 1
            judge = self.judge
            judge.begin(self.t_s)
            if dbp is not None:
                judge.type_dbp(dbp, self.t_s)
                dbp = None
            for position, value in enumerate(values):
                if judge.reading(position, value):
                    self.baselines.append((self.t_s, judge.channels[position], judge.baselines[position]))
            for position in range(len(values)):
                judge.decide(position)
                words = list(judge.rules.events[: 7 * judge.rules.event_count])
                for at in range(0, len(words), 7):
                    self.events.append((self.t_s, *words[at : at + 4]))
        return self


def test_by_hand():
    """An ICP of 20 from second 1, a DBP of 40 typed at second 31: dP is 20; medium 900 s after, at second 931."""
    run = Run([CALF_L]).ticks(29, 20000)
    assert run.judge.medians[0] == ABSENT
    run.ticks(1, 20000)
    assert run.judge.medians[0] == 20000
    run.ticks(1000, 20000, dbp=40000)
    assert run.events == [(931, CALF_L, DP_LOW, RAISED, MEDIUM)]


def test_one_bad_reading_in_two_moves_no_median():
    run = Run([CALF_L])
    for _ in range(700):
        run.ticks(1, 20000).ticks(1, 60000 if run.t_s % 40 else ABSENT)
    run.ticks(60, 20000)
    assert run.judge.medians[0] == 20000
    # Half of them were 60: the mean of the middle two was 40, beyond 30.
    assert [event[2] for event in run.events] == [PRESSURE_HIGH]


def test_the_age_of_a_dbp_counts_from_its_tick():
    run = Run([CALF_L]).ticks(5, 20000)
    assert (run.judge.dbp_milli_mmhg, run.judge.dbp_age_s) == (NO_DBP, NO_AGE)
    run.ticks(1, 20000, dbp=70000)
    assert (run.judge.dbp_milli_mmhg, run.judge.dbp_age_s) == (70000, 0)
    run.ticks(10, 20000)
    assert run.judge.dbp_age_s == 10
    run.judge.begin(6 + 65534)
    assert run.judge.dbp_age_s == 65534
    run.judge.begin(6 + 70000)
    assert run.judge.dbp_age_s == NO_AGE
    run.judge.type_dbp(50000, 6 + 70000)
    assert run.judge.dbp_age_s == 0


def test_the_lines_diastolic_goes_before_a_typed_one_and_is_held_60_s():
    judge = Run([CALF_L]).judge

    def at(t_s, diastolic=ABSENT):
        judge.begin(t_s)
        judge.take_diastolic(diastolic, t_s)
        return judge.dbp_milli_mmhg, judge.dbp_age_s, judge.dbp_source

    assert at(1) == (NO_DBP, NO_AGE, NO_SOURCE)
    judge.type_dbp(70000, 1)
    assert at(2) == (70000, 1, TYPED)
    assert at(3, 61000) == (61000, 0, ARTERIAL_LINE)
    judge.type_dbp(72000, 4)
    assert at(4) == (61000, 1, ARTERIAL_LINE)
    assert at(63) == (61000, 60, ARTERIAL_LINE)
    assert at(64) == (72000, 60, TYPED)
    # Outside 10 to 200 mmHg it is no diastolic pressure; at the ends it is.
    for diastolic in (9999, 200001, -5000):
        assert at(65, diastolic) == (72000, 61, TYPED)
    assert at(66, 10000) == (10000, 0, ARTERIAL_LINE)
    assert at(67, 200000) == (200000, 0, ARTERIAL_LINE)


def test_a_baseline_is_the_first_median_of_a_whole_minute():
    run = Run([CALF_L, CALF_Z, THORAX_Z, ART])
    run.ticks(20, 20000, ABSENT, 30000, 90000).ticks(45, 20000, 40000, 30000, 90000).ticks(
        1, 20000, ABSENT, 30000, 90000
    )
    run.ticks(70, 20000, 40000, 30000, 90000)
    # thorax_z: 60 readings at second 60; calf_z: the absent reading at second 66 leaves the window at second 126.
    assert run.baselines == [(60, THORAX_Z, 30000), (126, CALF_Z, 40000)]
    run.ticks(200, 20000, 38000, 30000, 90000)
    assert [event for event in run.events if event[2] == FLUID_GAIN] == []
    assert run.judge.fall(1) == 50
    assert run.judge.fall(0) == ABSENT


def test_fluid_gain_is_judged_with_the_pressure_of_its_own_limb():
    """calf_z belongs to calf_l: 25 mmHg there makes 15 % high; in calf_r it does not. thorax_z has no limb."""
    for icp_l, icp_r, priority in ((25000, 5000, HIGH), (5000, 25000, MEDIUM)):
        run = Run([CALF_L, CALF_R, CALF_Z, THORAX_Z]).ticks(60, icp_l, icp_r, 40000, 40000)
        run.ticks(700, icp_l, icp_r, 33000, 33000)
        # With half of the minute new the median lies half way (8.7 %), with one more second all the way.
        assert run.events == [
            (60 + 30 + 600, CALF_Z, FLUID_GAIN, RAISED, LOW),
            (60 + 31 + 600, CALF_Z, FLUID_GAIN, ESCALATED, priority),
        ]


def test_an_impedance_without_a_pressure_beside_it():
    run = Run([CALF_Z]).ticks(60, 40000).ticks(700, 37000)
    assert run.events == [(691, CALF_Z, FLUID_GAIN, RAISED, LOW)]


def troubles(*readings, channels=(CALF_L,), seconds=40):
    """The technical events of readings (value, flags) that stay as they are."""
    judge = Judge(list(channels), DEFAULT_LIMITS)
    events = []
    for t_s in range(1, seconds + 1):
        judge.begin(t_s)
        for position, reading in enumerate(readings):
            judge.reading(position, *reading)
        for position in range(len(channels)):
            judge.decide_trouble(position)
            words = judge.rules.events[: 7 * judge.rules.event_count]
            events += [(t_s, *words[at : at + 3]) for at in range(0, len(words), 7)]
    return events


def test_what_a_readings_flags_say_of_the_sensor():
    assert troubles((20000, READING_VALID)) == []
    assert troubles((ABSENT, 0)) == [(10, CALF_L, SENSOR_ABSENT, RAISED)]
    assert troubles((ABSENT, READING_SATURATED)) == [(10, CALF_L, SATURATED, RAISED)]
    assert troubles((ABSENT, READING_STUCK)) == [(10, CALF_L, STUCK, RAISED)]
    assert troubles((20000, READING_VALID | READING_NOISY)) == [(30, CALF_L, NOISY, RAISED)]
    # A reading that is not valid for no other reason.
    assert troubles((ABSENT, READING_NOISY)) == [(10, CALF_L, SENSOR_ABSENT, RAISED), (30, CALF_L, NOISY, RAISED)]
    off = (ABSENT, READING_ELECTRODE_OFF)
    assert troubles(off, channels=[CALF_Z]) == [(10, CALF_Z, ELECTRODE_OFF, RAISED)]
    # Of an arterial line these flags say how good its beats are.
    assert troubles((80000, READING_VALID | 16 | 32), channels=[ART]) == []


def test_each_sensor_has_its_own_trouble():
    seen = troubles((ABSENT, 0), (20000, READING_VALID), (ABSENT, READING_ELECTRODE_OFF), channels=[0, 1, CALF_Z])
    assert seen == [(10, CALF_L, SENSOR_ABSENT, RAISED), (10, CALF_Z, ELECTRODE_OFF, RAISED)]
