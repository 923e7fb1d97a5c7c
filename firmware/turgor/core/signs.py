"""What the rules judge of one channel, once a second: its inputs (`core.rules`) from medians, DBP and what it keeps.

Pressures milli-mmHg, resistances milliohm, times s; each may be ABSENT. Functions of arrays and numbers alone, so that
a computer can compile them for thousands of patients.
"""

from turgor.core.change import LOWEST, LOWEST_AGE_S, fall_permille, reanchored, rise_permille
from turgor.core.channel import READING_ELECTRODE_OFF, READING_NOISY, READING_SATURATED, READING_STUCK
from turgor.core.channels import ARTERIAL, IMPEDANCE, MOTION, TEMPERATURE
from turgor.core.deficit import SUM, deficit_push
from turgor.core.doubt import DOUBTED, NEAR_ZERO_S, doubt_push
from turgor.core.fluid import BASELINE, LATE, LOST, ORIGIN, SKIN, fall_from_baseline, fall_from_highest, fluid_push
from turgor.core.median import ABSENT
from turgor.core.rules import (
    DBP_FRESH_S,
    DBP_VALID_S,
    DEFICIT,
    DOUBT,
    DP,
    FALL,
    FALL_6_H,
    HAS_ICP,
    HELD,
    ICP,
    MAP_DP,
    NO_DP,
    RETURNING,
    SLOPE,
    SOFT,
    STEP,
    SWOLLEN,
    TROUBLE,
    UNKNOWN,
)
from turgor.core.slope import slope_per_hour, slope_push
from turgor.mp import const

# Bits of a trouble, in order of its rules.
NOT_READ = const(1)
_SATURATED = const(2)
_STUCK = const(4)
_NOISY = const(8)
_OFF = const(16)
_DAMPED = const(32)
TROUBLE_COUNT = const(6)
# Those that say why there is no reading.
_WHY = const(22)
# `core.beats.DAMPED`, as a flag of a reading.
_QUALITY_DAMPED = const(32)
# One value each so many seconds for the slope, so many of them.
_SLOPE_EVERY_S = const(120)
SLOPE_VALUES = const(15)
# Bins of the highest: of a limb 2 h, of the thorax 6.
_LIMB_BIN_S = const(300)
_THORAX_BIN_S = const(900)
# Of one leg's resistance to the other's in health, in 1024ths: 1.005 - 2 x 0.072 (Steele 2018, 808 people).
_LEAST_RATIO = const(882)
# A skin this much warmer or colder than with the baseline explains a part of what changed.
_SKIN_MILLI_DEGC = const(3000)


def trouble_of(kind, flags, value):
    """What the sensor of a channel of `kind` suffers, a bit each, by a reading's flags and value (or ABSENT)."""
    trouble = _SATURATED if flags & READING_SATURATED else 0
    if kind == IMPEDANCE:
        if flags & READING_ELECTRODE_OFF:
            trouble |= _OFF
    elif kind == ARTERIAL:
        if flags & _QUALITY_DAMPED:
            trouble |= _DAMPED
    elif kind != TEMPERATURE:
        if flags & READING_STUCK:
            trouble |= _STUCK
        if kind != MOTION and flags & READING_NOISY:
            trouble |= _NOISY
    if value == ABSENT and not trouble & _WHY:
        trouble |= NOT_READ
    return trouble


def trouble_signs(x, trouble):
    """What a sensor suffers, a bit each; nothing else is said yet."""
    x[HELD] = x[SOFT] = 0
    for i in range(TROUBLE_COUNT):
        x[TROUBLE + i] = trouble >> i & 1


def dp_milli_mmhg(dbp, dbp_age_s, icp):
    """DBP - ICP, ABSENT when either is absent or the DBP too old (a DBP below 0 was never typed)."""
    if dbp < 0 or dbp_age_s > DBP_VALID_S or icp == ABSENT:
        return ABSENT
    return dbp - icp


def pressure_signs(x, doubt, slope, deficit, second, icp, reading, dbp, dbp_age_s, map, aux):
    """Those of a pressure channel: its median and reading, DBP (-1: never typed) and its age, MAP (or ABSENT).

    `aux`: from which fresh dP on `pressure_high` is low, from which ICP on a rise counts, below which dP a deficit
    grows.
    """
    doubt_push(doubt, second, icp, reading)
    if second % _SLOPE_EVERY_S == 0:
        slope_push(slope, icp)
    dp = dp_milli_mmhg(dbp, dbp_age_s, icp)
    x[MAP_DP] = ABSENT if map == ABSENT or icp == ABSENT else map - icp
    x[DOUBT] = 1 if doubt[DOUBTED] else 0
    x[HELD] = 1 if doubt[DOUBTED] or doubt[NEAR_ZERO_S] else 0
    if doubt[DOUBTED]:
        dp = x[MAP_DP] = ABSENT
    x[DP] = dp
    x[NO_DP] = 1 if dp == ABSENT else 0
    x[SOFT] = 1 if dp != ABSENT and dbp_age_s < DBP_FRESH_S and dp >= aux[0] else 0
    deficit_push(deficit, second, dp, aux[2])
    x[DEFICIT] = ABSENT if dp == ABSENT else deficit[SUM]
    x[ICP] = icp
    x[HAS_ICP] = 1 if icp >= aux[1] else 0
    rise = ABSENT if icp == ABSENT else slope_per_hour(slope)
    # A value each 2 min.
    x[SLOPE] = ABSENT if rise == ABSENT else rise >> 1


def impedance_signs(x, s, stepped):
    """Those that a limb and the thorax share."""
    x[STEP] = stepped
    x[UNKNOWN] = 1 if _is_unknown(s) else 0


def _is_unknown(s):
    return s[ORIGIN] == LATE or s[ORIGIN] == LOST


def limb_signs(x, s, second, middle, skin, icp, dp, aux):
    """Those of a limb's impedance: its median (ABSENT while the patient turned), the skin's temperature, ICP and dP of
    the same limb. `aux`: the ICP from which and the dP below which a limb is swollen (ICP * 2^15 + dP, mmHg)."""
    fluid_push(s, second, _LIMB_BIN_S, middle)
    x[FALL] = fall_from_baseline(s, middle)
    x[SOFT] = 1 if skin != ABSENT and s[SKIN] != ABSENT and abs(skin - s[SKIN]) > _SKIN_MILLI_DEGC else 0
    starved = dp != ABSENT and dp < (aux & 0x7FFF) * 1000
    # Without one of the two nobody knows that it is not.
    x[SWOLLEN] = 1 if starved or icp >= (aux >> 15) * 1000 else ABSENT if icp == ABSENT or dp == ABSENT else 0


def local_signs(x, s, middle, other, beside):
    """Behind `limb_signs`: instead of a limb's own fall that of its ratio to the other side's, of state `other` and
    median `beside` (ABSENT: nothing is said), where that began: what both do is no local cause's. While one of the two
    baselines is unknown, also its fall below the least of healthy legs beside that one, if that is more."""
    if x[FALL] != ABSENT and other[BASELINE]:
        x[FALL] = ABSENT
        if beside != ABSENT:
            fall = fall_permille(reanchored(s[BASELINE], other[BASELINE], beside), middle)
            if _is_unknown(s) or _is_unknown(other):
                least = (beside >> 10) * _LEAST_RATIO + ((beside & 0x3FF) * _LEAST_RATIO >> 10)
                fall = max(fall, fall_permille(max(1, least), middle))
            x[FALL] = fall


def thorax_signs(x, s, second, middle, returning):
    """Those of the thorax; `returning`: a limb gives its fluid back (ABSENT: of none it is known)."""
    fluid_push(s, second, _THORAX_BIN_S, middle)
    fall = fall_from_baseline(s, middle)
    x[FALL] = fall
    x[FALL_6_H] = ABSENT if fall == ABSENT else max(fall, fall_from_highest(s, middle))
    x[RETURNING] = returning


def is_returning(s, middle, aux):
    """1 when a limb's resistance rose from a lowest long ago: `aux` per mille * 2^15 + s; ABSENT without a median."""
    low = s[LOWEST]
    if middle == ABSENT:
        return ABSENT
    if low <= 0 or s[LOWEST_AGE_S] < (aux & 0x7FFF):
        return 0
    return 1 if rise_permille(low, middle) >= aux >> 15 else 0
