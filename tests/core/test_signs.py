"""What the rules judge of a channel, from its medians: exact, and on integers of a board."""

from fractions import Fraction
from math import floor
from random import Random

import pytest
from checked import small, smalls

from turgor.core import rules as r
from turgor.core.deficit import SUM, deficit_state
from turgor.core.doubt import DOUBTED, FELL, NEAR_ZERO_S, doubt_state
from turgor.core.fluid import (
    AT_ATTACH,
    CONFIRMED,
    LATE,
    LOST,
    NO_ORIGIN,
    fluid_push,
    fluid_state,
    set_baseline,
)
from turgor.core.median import ABSENT
from turgor.core.signs import (
    SLOPE_VALUES,
    TROUBLE_COUNT,
    dp_milli_mmhg,
    impedance_signs,
    is_returning,
    limb_signs,
    local_signs,
    pressure_signs,
    thorax_signs,
    trouble_signs,
)
from turgor.core.slope import slope_state

AUX = (40000, 15000, 30000)
R = 100000


class Limb:
    """A pressure channel's kept state; `signs` makes a second's inputs."""

    def __init__(self, second=0, checked=False):
        make = smalls if checked else list
        self.kept = [make(state) for state in (doubt_state(), slope_state(SLOPE_VALUES), deficit_state())]
        self.second = second
        self.number = small if checked else int
        self.x = make([1] + [0] * (r.X_WORDS - 1))

    def signs(self, icp, dbp=-1, age=0, mean=ABSENT, seconds=1, reading=ABSENT):
        n = self.number
        for _ in range(seconds):
            pressure_signs(
                self.x, *self.kept, n(self.second), n(icp), n(reading), n(dbp), n(age), n(mean), [n(a) for a in AUX]
            )
            self.second += 1
        return self.x


def test_by_hand():
    """DBP 60, MAP 80 and ICP 25 mmHg: dP 35, MAP - ICP 55; a rise is judged, the dP is not good enough to soften."""
    x = Limb().signs(25000, 60000, 10, 80000)
    assert (x[r.DP], x[r.MAP_DP], x[r.ICP], x[r.HAS_ICP], x[r.SOFT], x[r.NO_DP]) == (35000, 55000, 25000, 1, 0, 0)
    assert (x[r.DOUBT], x[r.HELD], x[r.DEFICIT], x[r.SLOPE]) == (0, 0, 0, ABSENT)


@pytest.mark.parametrize(
    ("dbp", "age", "icp", "dp"),
    [
        (60000, 3600, 20000, 40000),
        (60000, 3601, 20000, ABSENT),
        (-1, 0, 20000, ABSENT),
        (60000, 0, ABSENT, ABSENT),
        (20000, 0, 45000, -25000),
        (0, 0, 5000, -5000),
        (200000, 0, -(2**28), 200000 + 2**28),
    ],
)
def test_dp_needs_an_icp_and_a_dbp_not_older_than_an_hour(dbp, age, icp, dp):
    assert dp_milli_mmhg(small(dbp), small(age), small(icp)) == dp
    x = Limb().signs(icp, dbp, age)
    assert (x[r.DP], x[r.NO_DP], x[r.ICP]) == (dp, dp == ABSENT, icp)


def test_map_needs_no_dbp():
    assert Limb().signs(20000, -1, 0, 70000)[r.MAP_DP] == 50000
    assert Limb().signs(ABSENT, 60000, 0, 70000)[r.MAP_DP] == ABSENT
    assert Limb().signs(20000, 60000, 0, ABSENT)[r.MAP_DP] == ABSENT


@pytest.mark.parametrize(
    ("dbp", "age", "soft"), [(70000, 899, 1), (70000, 900, 0), (69999, 0, 0), (-1, 0, 0), (200000, 0, 1)]
)
def test_only_a_fresh_and_good_dp_softens(dbp, age, soft):
    assert Limb().signs(30000, dbp, age)[r.SOFT] == soft


@pytest.mark.parametrize(("icp", "there"), [(14999, 0), (15000, 1), (ABSENT, 0)])
def test_a_rise_counts_from_15_mmhg_on(icp, there):
    assert Limb().signs(icp)[r.HAS_ICP] == there


def test_in_doubt_there_is_no_dp_and_nothing_softens():
    limb = Limb()
    limb.signs(30000, 80000, 0, 90000)
    assert limb.x[r.SOFT] == 1
    limb.kept[0][DOUBTED] = FELL
    limb.kept[0][1] = 90000
    x = limb.signs(30000, 80000, 0, 90000)
    assert (x[r.DOUBT], x[r.HELD], x[r.NO_DP], x[r.SOFT]) == (1, 1, 1, 0)
    assert x[r.DP] == x[r.MAP_DP] == x[r.DEFICIT] == ABSENT
    # The pressure itself is judged on: it may be higher than it reads.
    assert x[r.ICP] == 30000


def test_near_zero_nothing_clears_before_it_is_doubted():
    limb = Limb()
    x = limb.signs(1999, 60000)
    assert (x[r.DOUBT], x[r.HELD], x[r.DP], limb.kept[0][NEAR_ZERO_S]) == (0, 1, 58001, 1)
    assert limb.signs(2000, 60000)[r.HELD] == 0


def test_a_deficit_grows_below_its_limit_and_is_held_without_a_dp():
    limb = Limb()
    assert limb.signs(20000, 49000, seconds=1800)[r.DEFICIT] == 500
    assert limb.signs(20000, -1, seconds=1800)[r.DEFICIT] == ABSENT
    assert limb.kept[2][SUM] == 500
    assert limb.signs(20000, 50000, seconds=60)[r.DEFICIT] == 500


@pytest.mark.parametrize("rate", [9999, 10000, -10000, 12345, 2**26])
def test_the_slope_is_that_of_a_value_in_two_minutes(rate):
    """Of the last 15; against the normal equations in fractions, rounded down to whole milli-mmHg / h."""
    random = Random(rate)
    limb = Limb()
    values = []
    for _ in range(40):
        values.append(
            ABSENT if random.random() < 0.2 else 20000 + rate * len(values) * 2 // 60 + random.randrange(rate % 7 + 1)
        )
        x = limb.signs(values[-1])
        limb.second += 119
        points = [(Fraction(t, 30), y) for t, y in enumerate(values[-15:]) if y != ABSENT]
        if values[-1] == ABSENT or len(values) < 8:
            assert x[r.SLOPE] == ABSENT
        elif len(values) >= 15 and len(points) >= 8:
            n = len(points)
            t_mean = sum(t for t, _ in points) / n
            slope = sum((t - t_mean) * y for t, y in points) / sum((t - t_mean) ** 2 for t, _ in points)
            # A slope per step is rounded half up before it is halved.
            assert x[r.SLOPE] == floor(2 * slope + Fraction(1, 2)) // 2
    assert limb.signs(ABSENT)[r.SLOPE] == ABSENT


@pytest.mark.parametrize("trouble", range(1 << TROUBLE_COUNT))
def test_troubles_are_bits_in_order_of_their_rules(trouble):
    x = smalls([1] + [9] * (r.X_WORDS - 1))
    trouble_signs(x, small(trouble))
    assert x[r.TROUBLE : r.TROUBLE + TROUBLE_COUNT] == [trouble >> i & 1 for i in range(TROUBLE_COUNT)]
    assert (x[r.HELD], x[r.SOFT], x[r.DP]) == (0, 0, 9)
    assert len(r.RULES) - r.FIRST_TROUBLE == TROUBLE_COUNT


def impedance(origin=AT_ATTACH, baseline=100000, skin=ABSENT):
    s = smalls(fluid_state())
    if baseline:
        set_baseline(s, small(baseline), origin, small(skin))
    return s


@pytest.mark.parametrize(("origin", "unknown"), [(NO_ORIGIN, 0), (AT_ATTACH, 0), (LATE, 1), (LOST, 1), (CONFIRMED, 0)])
def test_a_late_or_lost_baseline_is_unknown(origin, unknown):
    x = [0] * r.X_WORDS
    impedance_signs(x, impedance(origin), 1)
    assert (x[r.UNKNOWN], x[r.STEP]) == (unknown, 1)


SWOLLEN_AUX = 20 << 15 | 40


@pytest.mark.parametrize(
    ("icp", "dp", "swollen"),
    [
        (ABSENT, ABSENT, ABSENT),
        (ABSENT, 40000, ABSENT),
        (19999, ABSENT, ABSENT),
        (19999, 40000, 0),
        (20000, 40000, 1),
        (20000, ABSENT, 1),
        (19999, 39999, 1),
        (ABSENT, 39999, 1),
        (ABSENT, -5000, 1),
    ],
)
def test_a_limb_is_swollen_by_its_pressure_or_its_dp(icp, dp, swollen):
    x = smalls([0] * r.X_WORDS)
    limb_signs(x, impedance(), small(7), small(85000), ABSENT, small(icp), small(dp), small(SWOLLEN_AUX))
    assert (x[r.SWOLLEN], x[r.FALL]) == (swollen, 150)


@pytest.mark.parametrize(
    ("then", "now", "soft"),
    [
        (33000, 36000, 0),
        (33000, 36001, 1),
        (33000, 30000, 0),
        (33000, 29999, 1),
        (ABSENT, 40000, 0),
        (33000, ABSENT, 0),
    ],
)
def test_a_skin_more_than_3_degc_warmer_or_colder_softens(then, now, soft):
    x = [0] * r.X_WORDS
    limb_signs(x, impedance(skin=then), 7, 85000, now, ABSENT, ABSENT, SWOLLEN_AUX)
    assert x[r.SOFT] == soft


def test_a_ratio_to_the_other_side_by_hand():
    """100 ohm and 50 at first, 90 and 48 now: 1.875 of 2 is a fall by 62.5 per mille."""
    x = smalls([0] * r.X_WORDS)
    local_signs(x, impedance(), small(90000), impedance(baseline=50000), small(48000))
    assert x[r.FALL] == 62


def test_a_ratio_is_exact_but_for_half_a_milliohm():
    random = Random(8)
    for _ in range(3000):
        first, other_first = (random.choice((1, 40000, 2**28, random.randint(20000, 200000))) for _ in range(2))
        now, beside = (random.choice((1, 2**28, random.randint(20000, 200000))) for _ in range(2))
        x = smalls([0] * r.X_WORDS)
        local_signs(x, impedance(baseline=first), small(now), impedance(baseline=other_first), small(beside))
        # What the limb would be, had it done what the other one did.
        same = Fraction(first * beside, other_first)
        assert any(x[r.FALL] == fall(max(1, min(s, 2**28)), now) for s in {floor(same), floor(same + Fraction(1, 2))})


def fall(before, now):
    return max(-1000, min(1000, floor(1000 * Fraction(before - now, before))))


@pytest.mark.parametrize(("own", "other", "beside"), [(7, 0, R), (7, R, ABSENT), (ABSENT, R, R)])
def test_a_limbs_own_fall_stands_where_the_other_never_began_and_nothing_where_it_does_not_read(own, other, beside):
    x = [own] * r.X_WORDS
    local_signs(x, impedance(), R, impedance(baseline=other), beside)
    assert x[r.FALL] == (own if other == 0 else ABSENT)


def test_a_thorax_falls_from_its_baseline_and_from_its_highest():
    s = impedance()
    x = smalls([0] * r.X_WORDS)
    for second, middle in enumerate((110000, 99000)):
        thorax_signs(x, s, small(second), small(middle), 1)
    assert (x[r.FALL], x[r.FALL_6_H], x[r.RETURNING]) == (10, 100, 1)
    # 6 h later the highest is another one.
    for second in range(2, 6 * 3600 + 2):
        thorax_signs(x, s, second, 99000, 0)
        if second == 6 * 3600 - 1:
            assert x[r.FALL_6_H] == 100
    assert (x[r.FALL], x[r.FALL_6_H], x[r.RETURNING]) == (10, 10, 0)
    thorax_signs(x, s, 30000, ABSENT, 0)
    assert x[r.FALL] == x[r.FALL_6_H] == ABSENT
    thorax_signs(x, impedance(baseline=0), 0, 99000, 0)
    assert x[r.FALL] == x[r.FALL_6_H] == ABSENT


RETURN_AUX = 30 << 15 | 7200


@pytest.mark.parametrize(
    ("age_s", "now", "returning"), [(7200, 103000, 1), (7199, 103000, 0), (7200, 102999, 0), (7200, ABSENT, ABSENT)]
)
def test_fluid_returns_from_a_limb_that_rose_since_a_lowest_long_ago(age_s, now, returning):
    s = impedance()
    fluid_push(s, 0, 300, 100000)
    for second in range(1, age_s + 1):
        fluid_push(s, second, 300, 102000)
    assert is_returning(s, small(now), small(RETURN_AUX)) == returning
    assert is_returning(impedance(), small(now), small(RETURN_AUX)) == (ABSENT if now == ABSENT else 0)


def test_no_integer_leaves_a_boards_range():
    extremes = (2**28, -(2**28), ABSENT, 0, 2**28 - 1)
    limb = Limb(2**28 - 3000, checked=True)
    for i in range(3000):
        limb.signs(
            extremes[i // 7 % 5],
            (200000, -1, 10000)[i // 50 % 3],
            (0, 65535)[i // 11 % 2],
            extremes[i // 13 % 5],
            reading=extremes[i // 3 % 5],
        )
        assert all(-(2**29) <= word < 2**29 for word in limb.x)
    x = smalls([0] * r.X_WORDS)
    s = impedance(baseline=2**28)
    for i in range(3000):
        middle = (2**28, 1, ABSENT)[i // 7 % 3]
        limb_signs(x, s, small(i), small(middle), small(150000), small(2**28), small(-(2**28)), small(2**28))
        thorax_signs(x, s, small(i), small(middle), is_returning(s, small(middle), small(2**28)))
