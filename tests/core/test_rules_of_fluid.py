"""The rules of slopes and of fluid at the judge: a tenth of a mmHg/h, a per mille and a second to either side."""

import pytest
from judge_driver import Run, alone, plain_events

from turgor.core import rules as r
from turgor.core.channel import READING_ELECTRODE_OFF, READING_VALID
from turgor.core.channels import channel_id
from turgor.core.entries import LATE as ADMITTED_LATE
from turgor.core.entries import LOCAL, STANDBY
from turgor.core.median import ABSENT

R = 100000
CALF_Z, THORAX_Z = 4, 5


def permille(baseline, median):
    """A fall in whole per mille, rounded down."""
    return ABSENT if median == ABSENT else 1000 * (baseline - median) // baseline


def ramp(run, begin, end, make=lambda z: (z,), seconds=300):
    """Slowly enough to be no step of an electrode."""
    for i in range(1, seconds + 1):
        run.ticks(1, *make(begin + (end - begin) * i // seconds))


def test_by_hand():
    """100 ohm for the baseline, then 95 within 5 min: low 10 min after the median is there, 30 s behind the reading."""
    run = Run("calf_z").ticks(60, R)
    assert run.baselines == [(60, "calf_z", 1, R)]
    ramp(run, R, 95000)
    run.ticks(700, 95000)
    assert run.events == [(360 + 30 + 600, CALF_Z, r.FLUID_GAIN, r.RAISED, r.LOW)]
    assert run.shown == [(0, 50, 50)]


def limb(z):
    return (20000, z)


def bare(z):
    return (z,)


# Rule, stage, channels, readings of an impedance, limit.
FLUIDS = {
    "fluid_gain 5 %": (r.FLUID_GAIN, 0, ("calf_z",), bare, 50),
    "fluid_gain 10 %": (r.FLUID_GAIN, 1, ("calf_z",), bare, 100),
    "fluid_gain 15 %": (r.FLUID_GAIN, 2, ("calf_l", "calf_z"), limb, 150),
    "lung_fluid 5 %": (r.LUNG_FLUID, 0, ("thorax_z",), bare, 50),
    "lung_fluid 10 %": (r.LUNG_FLUID, 1, ("thorax_z",), bare, 100),
    "lung_fluid 12 %": (r.LUNG_FLUID, 2, ("thorax_z",), bare, 120),
}


class Bench:
    def __init__(self, name):
        self.rule, self.stage, self.channels, self.make, self.limit = FLUIDS[name]
        rows = [row for row in r.DEFAULT_LIMITS if row[:2] == (self.rule, self.stage)]
        _, _, self.priority, limit, self.run_s, _, _, _ = rows[0]
        assert limit == self.limit
        self.run = Run(*self.channels, limits=sorted(alone() + rows)).ticks(60, *self.make(R))

    def check(self):
        falls = [permille(R, median) for median in self.run.medians[self.channels[-1]]]
        wanted = plain_events(falls, lambda v: v >= self.limit, lambda v: v <= 40, self.run_s, self.priority, 0)
        assert self.run.of(self.rule) == wanted
        assert self.run.others(self.rule, r.DBP_STALE) == []
        return wanted


@pytest.mark.parametrize("name", FLUIDS)
def test_raised_when_its_time_is_full_and_not_a_second_sooner(name):
    seen = []
    for seconds in range(599, 603):
        bench = Bench(name)
        low = R - 100 * bench.limit
        ramp(bench.run, R, low, bench.make)
        bench.run.ticks(seconds, *bench.make(low))
        ramp(bench.run, low, low + 1000, bench.make, 60)
        seen.append(len(bench.check()))
    assert seen[0] == 0
    assert seen[-1] == 1
    assert seen == sorted(seen)


@pytest.mark.parametrize("name", FLUIDS)
def test_a_per_mille_short_is_nothing(name):
    bench = Bench(name)
    low = R - 100 * bench.limit + 1
    ramp(bench.run, R, low, bench.make)
    bench.run.ticks(1000, *bench.make(low))
    assert bench.check() == []


@pytest.mark.parametrize("name", [name for name in FLUIDS if FLUIDS[name][1] < 2 and "10" not in name])
def test_clears_one_per_cent_inside_at_once(name):
    bench = Bench(name)
    low = R - 100 * bench.limit
    ramp(bench.run, R, low, bench.make)
    bench.run.ticks(700, *bench.make(low))
    ramp(bench.run, low, 95900, bench.make)
    bench.run.ticks(300, *bench.make(95900))
    assert len(bench.check()) == 1
    bench.run.ticks(100, *bench.make(96000))
    assert [state for _, state, _ in bench.check()] == [r.RAISED, r.CLEARED]


@pytest.mark.parametrize(
    ("icp", "dbp", "high"),
    [(ABSENT, None, False), (19900, None, False), (20000, None, True), (15000, 55000, False), (15000, 54900, True)],
)
def test_fluid_gain_is_high_only_with_pressure_in_its_own_limb(icp, dbp, high):
    """ICP 20, or a dP below 40. What presses in another limb does not count."""
    limits = alone(r.FLUID_GAIN)
    for names, wanted in ((("calf_l", "calf_z"), high), (("calf_r", "calf_z"), False)):
        run = Run(*names, limits=limits).ticks(60, icp, R)
        ramp(run, R, 85000, lambda z: (icp, z))
        for _ in range(2):
            run.ticks(400, icp, 85000, dbp=dbp)
        assert run.of(r.FLUID_GAIN)[-1][2] == (r.HIGH if wanted else r.MEDIUM)


@pytest.mark.parametrize(("skin", "priority"), [(36000, r.HIGH), (36100, r.LOW)])
def test_a_skin_warmer_by_more_than_3_degc_makes_it_low(skin, priority):
    run = Run("calf_l", "calf_z", "skin", limits=alone(r.FLUID_GAIN)).ticks(60, 20000, R, 33000)
    ramp(run, R, 85000, lambda z: (20000, z, skin))
    run.ticks(700, 20000, 85000, skin)
    assert run.of(r.FLUID_GAIN)[-1][2] == priority


def test_lung_fluid_counts_from_the_highest_of_six_hours():
    """From 106 ohm 10 % below is 95.4, only 4.6 % below the baseline: medium, and not 6 h later."""
    run = Run("thorax_z", limits=alone(r.LUNG_FLUID)).ticks(60, R)
    ramp(run, R, 106000)
    run.ticks(60, 106000)
    ramp(run, 106000, 95400)
    run.ticks(700, 95400)
    assert [event[1:] for event in run.of(r.LUNG_FLUID)] == [(r.RAISED, r.MEDIUM)]
    run.ticks(6 * 3600, 95400)
    # 46 per mille are not within 40.
    assert len(run.of(r.LUNG_FLUID)) == 1
    ramp(run, 95400, 96000)
    assert run.ticks(100, 96000).of(r.LUNG_FLUID)[1:][0][1:] == (r.CLEARED, r.MEDIUM)


@pytest.mark.parametrize(
    ("thorax", "rise", "priority"),
    [
        (96001, 97900, None),
        (96000, 97900, r.LOW),
        (96000, 97849, None),
        (92000, 97900, r.MEDIUM),
        (88000, 97900, r.HIGH),
    ],
)
def test_fluid_return_wants_a_limb_that_gives_and_a_thorax_that_takes(thorax, rise, priority):
    """A limb's lowest is 95 ohm, 3 % more are 97.85: 2 h after it was there last, the thorax down by 4, 8 or 12 %."""
    both = ("calf_z", "thorax_z")
    run = Run(*both, limits=alone(r.FLUID_RETURN)).ticks(60, R, R)
    ramp(run, R, 95000, lambda z: (z, R))
    run.ticks(100, 95000, R)
    ramp(run, 95000, rise, lambda z: (z, R))
    ramp(run, R, thorax, lambda z: (rise, z))
    run.ticks(6900, rise, thorax)
    lowest = max(t for t, median in enumerate(run.medians["calf_z"], 1) if median == 95000)
    assert run.of(r.FLUID_RETURN) == ([(lowest + 7200, r.RAISED, priority)] if priority else [])
    assert run.others(r.FLUID_RETURN) == []
    if priority:
        run.acknowledge()
        ramp(run, thorax, 96900, lambda z: (rise, z))
        assert [state for _, state, _ in run.ticks(60, rise, 96900).of(r.FLUID_RETURN)][2:] == []
        assert [state for _, state, _ in run.ticks(60, rise, 97000).of(r.FLUID_RETURN)][2:] == [r.CLEARED]


@pytest.mark.parametrize(("left", "right", "raised"), [(97000, 97000, 1), (97001, 90000, 0), (80000, 97001, 0)])
def test_two_limbs_that_fall_by_three_per_cent_within_two_hours(left, right, raised):
    run = Run("calf_z", "calf_r_z", limits=alone(r.FLUID_GAIN_MANY)).ticks(60, R, R)
    for i in range(1, 601):
        run.ticks(1, R + (left - R) * i // 600, R + (right - R) * i // 600)
    run.ticks(100, left, right)
    events = run.of(r.FLUID_GAIN_MANY)
    assert [state for _, state, _ in events] == [r.RAISED] * raised
    if raised:
        falls = [
            ABSENT if ABSENT in pair else min(permille(R, median) for median in pair)
            for pair in zip(run.medians["calf_z"], run.medians["calf_r_z"], strict=True)
        ]
        assert events[0][0] == next(t for t, fall in enumerate(falls, 1) if fall >= 30)
        # What fell longer ago than 2 h does not count any more.
        run.ticks(7300, left, right)
        assert [state for _, state, _ in run.of(r.FLUID_GAIN_MANY)] == [r.RAISED, r.CLEARED]


def two_limbs(bits, left, right, left_at_first=R):
    """Limbs that change in 5 min and stay; `bits` of the admission."""
    run = Run("calf_z", "calf_r_z", limits=alone(r.FLUID_GAIN))
    run.ticks(60, left_at_first, R, act=lambda judge: judge.admit(bits))
    for i in range(1, 301):
        run.ticks(1, left_at_first + (left - left_at_first) * i // 300, R + (right - R) * i // 300)
    return run.ticks(700, left, right)


def test_a_local_cause_by_hand():
    """Both limbs fall by 8 %, the left one by 5 % more, to 0.95 x 0.92: of a systemic leak both, of a local one one."""
    assert {event[1] for event in two_limbs(0, 87400, 92000).events} == {CALF_Z, channel_id("calf_r_z")}
    run = two_limbs(LOCAL, 87400, 92000)
    assert run.events == [(361 + 29 + 600, CALF_Z, r.FLUID_GAIN, r.RAISED, r.LOW)]
    assert run.shown == [(0, 50, 50)]


@pytest.mark.parametrize("first", [R, 150000, 37000])
@pytest.mark.parametrize("right", [R, 98000, 103000])
@pytest.mark.parametrize(("share", "raised"), [(950, 1), (951, 0)])
def test_in_a_local_episode_a_limbs_share_of_the_other_is_judged(first, right, share, raised):
    """Of its ratio to the other side's it loses 50 per mille or 49, whatever both do and whatever they began with."""
    left = first * right * share // 1000 // R
    run = two_limbs(LOCAL, left, right, first)
    assert run.of(r.FLUID_GAIN) == ([(run.of(r.FLUID_GAIN)[0][0], r.RAISED, r.LOW)] if raised else [])
    assert {event[1] for event in run.events} == ({CALF_Z} if raised else set())
    # In a systemic one what the other limb does is nothing to this one.
    own = permille(first, left) >= 50
    assert [event[1] for event in two_limbs(0, left, right, first).events] == [CALF_Z] * own


@pytest.mark.parametrize(("left", "priorities"), [(82000, []), (81900, []), (81800, [r.LOW]), (77400, [r.MEDIUM])])
def test_a_limb_of_unknown_baseline_is_judged_beside_the_other_by_what_healthy_pairs_have(left, priorities):
    """Attached late, nothing changes any more: 5 and 10 % below 0.8613 of the right leg's are 81 825 and 77 519."""
    late = two_limbs(LOCAL | ADMITTED_LATE, left, R, left)
    assert [priority for _, _, priority in late.of(r.FLUID_GAIN)] == priorities
    assert {event[1] for event in late.others(r.BASELINE_UNKNOWN)} == ({CALF_Z} if priorities else set())
    assert {event[1] for event in late.events} >= {CALF_Z, channel_id("calf_r_z")}
    for bits in (LOCAL, ADMITTED_LATE):
        assert two_limbs(bits, left, R, left).of(r.FLUID_GAIN) == []


@pytest.mark.parametrize(("left", "raised"), [(95000, True), (95001, False)])
def test_without_the_other_limb_a_local_episode_judges_the_limb_alone(left, raised):
    """None there, none that began, none that is looked at."""
    wanted = [r.RAISED] * raised

    def states(run):
        return [state for _, channel, _, state, _ in run.events if channel == CALF_Z]

    def admit(judge):
        judge.admit(LOCAL)

    def standby(judge):
        judge.admit(LOCAL)
        judge.set_state(channel_id("calf_r_z"), STANDBY)

    for names, right, right_at_first, act in (
        (("calf_z", "thorax_z"), R, R, admit),
        (("calf_z", "forearm_z"), 92000, R, admit),
        (("calf_z", "calf_r_z"), ABSENT, ABSENT, admit),
        (("calf_z", "calf_r_z"), 92000, R, standby),
    ):
        run = Run(*names, limits=alone(r.FLUID_GAIN)).ticks(60, R, right_at_first, act=act)
        ramp(run, R, left, lambda z, right=right: (z, right))
        assert states(run.ticks(700, left, right)) == wanted


def test_the_other_limbs_electrode_that_comes_off_raises_nothing_and_ends_nothing():
    """Both fell by 8 % while it did not read: nothing is judged. Of a ratio down by 6 % the alarm stands on."""
    run = Run("calf_z", "calf_r_z", limits=alone(r.FLUID_GAIN)).ticks(60, R, R, act=lambda judge: judge.admit(LOCAL))
    ramp(run, R, 92000, lambda z: (z, ABSENT), 300)
    run.ticks(700, 92000, ABSENT)
    run.ticks(700, 92000, 92000)
    assert run.of(r.FLUID_GAIN) == []
    run = two_limbs(LOCAL, 97800, 104000)
    assert [state for _, state, _ in run.of(r.FLUID_GAIN)] == [r.RAISED]
    run.ticks(900, 97800, ABSENT)
    assert [state for _, state, _ in run.of(r.FLUID_GAIN)] == [r.RAISED]
    run.ticks(60, 97800, 97800)
    assert [state for _, state, _ in run.of(r.FLUID_GAIN)] == [r.RAISED, r.CLEARED]


def test_a_pressure_in_doubt_holds_the_fluid_that_it_would_make_high():
    """15 % with an ICP of 45 for 5 min; the catheter slips out: the run is held, and goes on when it is back. Who
    confirms that the pressure is really low ends it."""

    def confirm(judge):
        judge.confirm(channel_id("calf_l"), r.PRESSURE_DOUBT)

    for confirmed in (False, True):
        run = Run("calf_l", "calf_z", limits=alone(r.FLUID_GAIN)).ticks(1, 45000, R, dbp=90000).ticks(60, 45000, R)
        ramp(run, R, 85000, lambda z: (45000, z))
        run.ticks(330, 45000, 85000)
        run.ticks(1, 5000, 85000, dbp=90000).ticks(800, 5000, 85000)
        assert run.of(r.FLUID_GAIN)[-1][2] == r.MEDIUM
        if confirmed:
            run.ticks(1, 5000, 85000, dbp=90000, act=confirm)
            run.ticks(60, 5000, 85000)
        run.ticks(1, 45000, 85000, dbp=90000).ticks(330, 45000, 85000)
        assert run.of(r.FLUID_GAIN)[-1][2] == (r.MEDIUM if confirmed else r.HIGH)


def test_a_run_of_fluid_returning_is_held_while_no_limb_reads():
    """4 % of the thorax with a run of 10 min: the electrode of the only limb is off for 20 min of it."""
    limits = sorted([*alone(), (r.FLUID_RETURN, 0, r.LOW, 40, 600, 30, 0, 30 << 15 | 7200)])
    run = Run("calf_z", "thorax_z", limits=limits).ticks(60, R, R)
    ramp(run, R, 95000, lambda z: (z, R))
    run.ticks(100, 95000, R)
    ramp(run, 95000, 98500, lambda z: (z, R))
    ramp(run, R, 95500, lambda z: (98500, z))
    run.ticks(6500, 98500, 95500)
    began = max(t for t, median in enumerate(run.medians["calf_z"], 1) if median == 95000) + 7200
    run.ticks(began + 300 - run.t, 98500, 95500)
    run.ticks(1200, ABSENT, 95500, flags=[READING_ELECTRODE_OFF, READING_VALID])
    run.ticks(700, 98500, 95500)
    ((at, state, _),) = run.of(r.FLUID_RETURN)
    assert state == r.RAISED
    # 30 s until the median is absent, and as long until it is there again: what is held are 1200 s.
    assert abs(at - (began + 600 + 1200)) <= 2


def rise(run, rate, icp, seconds):
    """A pressure that rises from `icp` by `rate` milli-mmHg an hour."""
    for i in range(seconds):
        run.ticks(1, icp + rate * i // 3600)


@pytest.mark.parametrize(("rate", "raised"), [(9900, 0), (10100, 1)])
def test_a_pressure_that_rises_by_ten_an_hour(rate, raised):
    run = Run("calf_l", limits=alone(r.PRESSURE_RISING))
    rise(run, rate, 16000, 3600)
    assert [event[1:] for event in run.of(r.PRESSURE_RISING)] == [(r.RAISED, r.LOW)] * raised
    if raised:
        # Half of the values of 30 min: the eighth is that of second 16 x 60.
        assert run.of(r.PRESSURE_RISING)[0][0] == 16 * 60
    assert run.others(r.PRESSURE_RISING, r.DBP_STALE) == []


def test_a_rise_counts_from_an_icp_of_15_on_and_ends_below_8_an_hour():
    run = Run("calf_l", limits=alone(r.PRESSURE_RISING))
    rise(run, 12000, 10000, 2400)
    at = next(t for t, median in enumerate(run.medians["calf_l"], 1) if median >= 15000)
    assert run.of(r.PRESSURE_RISING) == [(at, r.RAISED, r.LOW)]
    end = run.medians["calf_l"][-1]
    rise(run, 8100, end, 3000)
    assert len(run.of(r.PRESSURE_RISING)) == 1
    rise(run, 7900, run.medians["calf_l"][-1], 3000)
    assert [state for _, state, _ in run.of(r.PRESSURE_RISING)] == [r.RAISED, r.CLEARED]
