"""Every rule at the judge, on both sides of its limits and times: a tenth of a unit, a per mille, a second."""

import pytest
from judge_driver import Run, alone, plain_events

from turgor.core import rules as r
from turgor.core.channel import READING_VALID
from turgor.core.entries import LEVEL
from turgor.core.median import ABSENT
from turgor.link.records import DAMPED, FEW_BEATS, FLUSHED, NO_BEATS, PULSE_ABOVE

MAP_LIMITS = ((r.MAP_LOW, 0, r.MEDIUM, 40000, 900, 42000, 300, 0), (r.MAP_LOW, 1, r.HIGH, 40000, 7200, 42000, 300, 0))
CALF_L, CALF_Z, THORAX_Z, ART = 0, 4, 5, 6


def test_by_hand():
    """An ICP of 20 from tick 1 on has its median at tick 30; with a DBP of 49.9 dP is 29.9: medium at tick 930."""
    run = Run("calf_l").ticks(1, 20000, dbp=49900).ticks(929, 20000)
    assert run.events == [(902, 255, r.DBP_STALE, r.RAISED, r.LOW), (930, CALF_L, r.DP_LOW, r.RAISED, r.MEDIUM)]
    assert run.shown == [(0, 901, 900), (0, 29900, 30000)]


# Pressures: rule, stage, channels, readings and DBP of a value of the input, the input of medians, what is beyond and
# inside, values that are a tenth of a mmHg to either side of the limit and of the clear limit.
def of_dp(dp):
    return (60000 - dp,), 60000


def of_map(map_dp):
    return (10000, 10000 + map_dp), 80000


def of_icp(icp):
    return (icp,), None


def of_art(mean):
    return (mean,), None


BELOW_30 = (lambda v: v < 30000, lambda v: v >= 32000, 29900, 30000, 32000, 31900)
BELOW_40 = (lambda v: v < 40000, lambda v: v >= 42000, 39900, 40000, 42000, 41900)
STAGES = {
    "dp_low 15 min": (r.DP_LOW, 0, ("calf_l",), of_dp, "dp", *BELOW_30),
    "dp_low 120 min": (r.DP_LOW, 1, ("calf_l",), of_dp, "dp", *BELOW_30),
    "dp_lost": (
        r.DP_LOST,
        0,
        ("calf_l",),
        of_dp,
        "dp",
        lambda v: v <= 10000,
        lambda v: v > 12000,
        10000,
        10100,
        12100,
        12000,
    ),
    "map_low 15 min": (r.MAP_LOW, 0, ("calf_l", "art"), of_map, "map", *BELOW_40),
    "map_low 120 min": (r.MAP_LOW, 1, ("calf_l", "art"), of_map, "map", *BELOW_40),
    "pressure_high 30": (
        r.PRESSURE_HIGH,
        0,
        ("calf_l",),
        of_icp,
        "icp",
        lambda v: v >= 30000,
        lambda v: v <= 28000,
        30000,
        29900,
        28000,
        28100,
    ),
    "pressure_high 45": (
        r.PRESSURE_HIGH,
        1,
        ("calf_l",),
        of_icp,
        "icp",
        lambda v: v >= 45000,
        lambda v: v <= 28000,
        45000,
        44900,
        28000,
        28100,
    ),
    "pressure_high without dP": (
        r.PRESSURE_HIGH,
        2,
        ("calf_l",),
        of_icp,
        "icp",
        lambda v: v >= 30000,
        lambda v: v <= 28000,
        30000,
        29900,
        28000,
        28100,
    ),
    "shock": (
        r.SHOCK,
        0,
        ("art",),
        of_art,
        "icp",
        lambda v: v < 65000,
        lambda v: v >= 65000,
        64900,
        65000,
        65000,
        64900,
    ),
}


class Bench:
    """One stage alone with a series of values of its input."""

    def __init__(self, name):
        self.rule, self.stage, self.channels, self.make, self.kind, self.beyond, self.inside, *self.values = STAGES[
            name
        ]
        self.rows = [row for row in r.DEFAULT_LIMITS + MAP_LIMITS if row[:2] == (self.rule, self.stage)]
        _, _, self.priority, self.limit, self.run_s, _, self.clear_s, _ = self.rows[0]
        self.run = Run(*self.channels, limits=sorted(alone() + self.rows))

    def feed(self, seconds, value):
        readings, dbp = (ABSENT,) * len(self.channels), None
        if value != ABSENT:
            readings, dbp = self.make(value)
        # Typed anew before it is stale.
        for _ in range(seconds):
            self.run.ticks(1, *readings, dbp=dbp if self.run.t % 800 == 0 else None)
        return self

    def expected(self):
        medians = self.run.medians
        inputs = medians[self.channels[0]]
        if self.kind == "dp":
            inputs = [ABSENT if icp == ABSENT else 60000 - icp for icp in inputs]
        if self.kind == "map":
            inputs = [ABSENT if ABSENT in (m, p) else m - p for p, m in zip(inputs, medians["art"], strict=True)]
        return plain_events(inputs, self.beyond, self.inside, self.run_s, self.priority, self.clear_s)

    def check(self):
        """The rule's events are those of the plain history; nothing else was raised but a DBP that nobody typed, and a
        sensor that gave nothing."""
        assert self.run.of(self.rule) == self.expected()
        assert self.run.others(self.rule, r.DBP_STALE, r.SENSOR_ABSENT) == []
        return self.run.of(self.rule)


@pytest.mark.parametrize("name", STAGES)
def test_raised_when_its_time_is_full_and_not_a_second_sooner(name):
    bench = Bench(name)
    seen = []
    for seconds in range(bench.run_s - 1, bench.run_s + 2):
        bench = Bench(name).feed(seconds, bench.values[0]).feed(100, bench.values[1])
        raised = bench.check()
        assert [(t, state) for t, state, _ in raised] in ([], [(30 + bench.run_s, r.RAISED)])
        seen.append(len(raised))
        if raised:
            at = [event[2] for event in bench.run.events].index(bench.rule)
            stage, value, limit = bench.run.shown[at]
            assert (stage, limit) == (bench.stage, bench.limit)
            assert bench.beyond(value)
    # One second decides.
    assert seen in ([0, 0, 1], [0, 1, 1])


@pytest.mark.parametrize("name", STAGES)
def test_a_tenth_of_a_mmhg_short_is_nothing(name):
    bench = Bench(name)
    assert bench.feed(bench.run_s + 300, bench.values[1]).check() == []


@pytest.mark.parametrize("name", STAGES)
def test_a_run_is_held_while_its_input_is_absent(name):
    bench = Bench(name)
    bench.feed(bench.run_s - 100, bench.values[0]).feed(500, ABSENT).feed(200, bench.values[0])
    assert len(bench.check()) == 1


@pytest.mark.parametrize("name", [name for name in STAGES if STAGES[name][1] == 0 and name != "dp_lost"])
def test_clears_when_its_time_is_full_and_not_a_second_sooner(name):
    seen = []
    for seconds in range(299, 303):
        bench = Bench(name)
        beyond, _, clear, near = bench.values
        bench.feed(bench.run_s + 100, beyond).feed(400, near).feed(seconds, clear).feed(100, near)
        events = bench.check()
        assert events[0][1] == r.RAISED
        seen.append(len(events) - 1)
    assert seen[0] == 0
    assert seen[-1] == 1
    assert seen == sorted(seen)


@pytest.mark.parametrize("name", ["dp_lost", "dp_low 120 min", "pressure_high 45"])
def test_a_high_one_stays_until_it_is_acknowledged_and_then_clears_in_its_time(name):
    bench = Bench(name)
    beyond, _, clear, near = bench.values
    bench.feed(bench.run_s + 100, beyond)
    # So that the fall of 17 mmHg is no doubt.
    bench.run.judge.entry(CALF_L, LEVEL)
    bench.feed(2000, clear)
    assert [state for _, state, _ in bench.check()] == [r.RAISED]
    bench.run.acknowledge()
    bench.feed(1, clear)
    assert [event[1:] for event in bench.run.of(bench.rule)[1:]] == [(r.ACKNOWLEDGED, r.HIGH), (r.CLEARED, r.HIGH)]
    # Acknowledged while it is true: cleared in its time, and not near its clear limit.
    bench = Bench(name).feed(bench.run_s + 100, beyond)
    bench.run.acknowledge()
    bench.run.judge.entry(CALF_L, LEVEL)
    bench.feed(1000, near)
    assert len(bench.run.of(bench.rule)) == 2
    begun = bench.run.t
    bench.run.judge.entry(CALF_L, LEVEL)
    bench.feed(400, clear)
    ((t, state, _),) = bench.run.of(bench.rule)[2:]
    assert state == r.CLEARED
    assert t - begun - bench.clear_s in (30, 31)


def test_dp_low_climbs_from_medium_to_high():
    run = Run("calf_l", limits=alone(r.DP_LOW))
    for _ in range(10):
        run.ticks(1, 20000, dbp=49900).ticks(799, 20000)
    assert run.events == [(930, 0, r.DP_LOW, r.RAISED, r.MEDIUM), (7230, 0, r.DP_LOW, r.ESCALATED, r.HIGH)]


def test_an_acknowledged_dp_low_sounds_again_after_30_min_or_5_mmhg_deeper():
    def run(then):
        run = Run("calf_l", limits=alone(r.DP_LOW, stage=0)).ticks(1, 20000, dbp=49000).ticks(929, 20000)
        run.acknowledge().ticks(70, 20000)
        for _ in range(3):
            run.ticks(1, then, dbp=49000).ticks(699, then)
        return run.of(r.DP_LOW)[:3]

    assert run(20000) == [(930, 1, 2), (931, r.ACKNOWLEDGED, 2), (931 + 1800, r.RAISED, 2)]
    # From dP 29 to 24; half way the median is 26.5.
    assert run(25000)[2] == (1000 + 31, r.RAISED, 2)
    assert run(24900)[2] == (931 + 1800, r.RAISED, 2)


def test_pressure_high_is_low_while_a_fresh_dp_is_good():
    """ICP 30, DBP 70: dP is 40. Up to an age of 899 s it softens; what is fresh again takes nothing back."""
    run = Run("calf_l", limits=alone(r.PRESSURE_HIGH)).ticks(1, 30000, dbp=70000).ticks(899, 30000)
    assert run.of(r.PRESSURE_HIGH) == [(630, r.RAISED, r.LOW)]
    run.ticks(1, 30000)
    assert run.of(r.PRESSURE_HIGH)[1:] == [(901, r.ESCALATED, r.MEDIUM)]
    run.ticks(1, 30000, dbp=70000).ticks(500, 30000)
    assert len(run.of(r.PRESSURE_HIGH)) == 2
    low = Run("calf_l", limits=alone(r.PRESSURE_HIGH)).ticks(1, 30000, dbp=69900).ticks(700, 30000)
    assert low.of(r.PRESSURE_HIGH) == [(630, r.RAISED, r.MEDIUM)]
    high = Run("calf_l", limits=alone(r.PRESSURE_HIGH)).ticks(1, 45000, dbp=150000).ticks(700, 45000)
    assert high.of(r.PRESSURE_HIGH) == [(330, r.RAISED, r.HIGH)]


def test_a_valid_dp_ends_the_hour_of_pressure_high():
    limits = alone(r.PRESSURE_HIGH, stage=2)
    run = Run("calf_l", limits=limits).ticks(3629, 30000)
    assert run.of(r.PRESSURE_HIGH) == []
    assert run.ticks(1, 30000).of(r.PRESSURE_HIGH) == [(3630, r.RAISED, r.HIGH)]
    run = Run("calf_l", limits=limits).ticks(3629, 30000).ticks(1, 30000, dbp=70000).ticks(3600, 30000)
    # The dP of that DBP holds for an hour.
    assert run.of(r.PRESSURE_HIGH) == []
    run.ticks(3600, 30000)
    assert run.of(r.PRESSURE_HIGH) == []
    assert run.ticks(1, 30000).of(r.PRESSURE_HIGH) == [(3630 + 3600 + 3601, r.RAISED, r.HIGH)]


@pytest.mark.parametrize(
    ("seconds", "raised"), [(1799, []), (1800, [r.MEDIUM]), (3599, [r.MEDIUM]), (3600, [r.MEDIUM, r.HIGH])]
)
def test_a_deficit_of_ten_and_of_twenty(seconds, raised):
    """dP 10 is 20 below 30: 10 mmHg x h after half an hour, 20 after one; the median is there from tick 30 on."""
    run = Run("calf_l", limits=alone(r.DP_DEFICIT))
    for t in range(29 + seconds):
        run.ticks(1, 20000, dbp=30000 if t % 800 == 0 else None)
    run.ticks(1, 20000, dbp=60000).ticks(300, 20000)
    assert run.of(r.DP_DEFICIT) == [
        (29 + 1800 * (i + 1), (r.RAISED, r.ESCALATED)[i], priority) for i, priority in enumerate(raised)
    ]


def test_a_deficit_clears_when_less_than_eight_are_left_of_twelve_hours():
    """11.9 mmHg x h lie in the 24 min bins from second 3 x 1440 on: what is left is counted by hand."""
    run = Run("calf_l", limits=alone(r.DP_DEFICIT))
    run.ticks(1, 20000, dbp=60000).ticks(4319, 20000)
    begin = run.t
    for _ in range(3):
        run.ticks(1, 20000, dbp=30000).ticks(713, 20000)
    run.ticks(1, 20000, dbp=60000)
    assert len(run.of(r.DP_DEFICIT)) == 1
    # Second 4321 is the first one: 1439 s in its bin, 703 in the next one.
    while run.t < begin + 31 * 1440:
        run.ticks(1, 20000, dbp=60000 if run.t % 800 == 0 else None)
    first = 43200 + 4320
    assert run.of(r.DP_DEFICIT)[1:] == [(first, r.CLEARED, r.MEDIUM)]


ABOVE = READING_VALID | PULSE_ABOVE
GOOD = READING_VALID


def line(*spans):
    """A line of 90 mmHg, in spans of seconds with their flags."""
    run = Run("art", limits=alone(r.SHOCK))
    for seconds, flags in spans:
        run.ticks(seconds, 90000 if flags & READING_VALID else ABSENT, flags=[flags])
    return run


@pytest.mark.parametrize(("seconds", "raised"), [(599, []), (600, []), (601, [(601, r.RAISED, r.MEDIUM)])])
def test_a_pulse_above_the_systolic_pressure_is_raised_at_ten_minutes(seconds, raised):
    """The beats have their own median: no minute is waited for. A run of 600 s is over at the 601st tick."""
    run = line((seconds, ABOVE), (10, GOOD))
    assert run.of(r.SHOCK) == raised
    assert [run.shown[i] for i, event in enumerate(run.events) if event[2] == r.SHOCK] == [(1, 1, 1)] * len(raised)
    # One second at or below, and it begins anew.
    assert line((400, ABOVE), (1, GOOD), (599, ABOVE)).of(r.SHOCK) == []


@pytest.mark.parametrize("flags", [READING_VALID | NO_BEATS, ABOVE | DAMPED, ABOVE | FLUSHED, ABOVE | FEW_BEATS, 0])
def test_a_run_of_the_pulse_is_held_while_the_beats_are_not_good(flags):
    assert line((400, ABOVE), (500, flags), (200, ABOVE)).of(r.SHOCK) == []
    assert line((400, ABOVE), (500, flags), (201, ABOVE)).of(r.SHOCK) == [(1101, r.RAISED, r.MEDIUM)]


def test_a_shock_by_the_pulse_ends_after_five_minutes_of_good_beats_alone():
    raised = [(601, r.RAISED, r.MEDIUM)]
    assert line((610, ABOVE), (300, GOOD), (1, ABOVE), (300, GOOD)).of(r.SHOCK) == raised
    assert line((610, ABOVE), (301, GOOD)).of(r.SHOCK) == [*raised, (911, r.CLEARED, r.MEDIUM)]
    # A line that cannot tell ends nothing, also not what MAP began.
    assert line((610, ABOVE), (2000, READING_VALID | DAMPED)).of(r.SHOCK) == raised
    low = Run("art", limits=alone(r.SHOCK)).ticks(400, 60000).ticks(2000, 90000, flags=[READING_VALID | DAMPED])
    assert low.of(r.SHOCK) == [(330, r.RAISED, r.MEDIUM)]
    low.ticks(301, 90000)
    assert low.of(r.SHOCK)[1:] == [(2701, r.CLEARED, r.MEDIUM)]


def test_a_pulse_above_the_systolic_pressure_says_nothing_of_a_limb():
    """Its flag is the threshold of other channels."""
    assert Run("calf_l", limits=alone(r.SHOCK)).ticks(700, 20000, flags=[ABOVE]).of(r.SHOCK) == []
