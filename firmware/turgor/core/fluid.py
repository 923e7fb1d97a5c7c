"""One impedance's change from its baseline, with the steps of an electrode taken out.

A baseline is held; a step of more than 2 % within 10 s, between two values that each hold still, is an electrode's, not
fluid's: from then on readings are told as what they would be without it. Values are milliohm, 1 to 2^28, or ABSENT.
State: an array of STATE_WORDS signed words, from `fluid_state`; the first two are those of `core.change.lowest_push`.
"""

from array import array

from turgor.core.change import LOWEST, fall_permille, lowest_push, reanchored, rise_permille
from turgor.core.highest import highest, highest_push, highest_restart
from turgor.core.median import ABSENT
from turgor.mp import const

# Words from 2 on: the baseline (0: none), what it would be where the electrodes are now, its origin, the steps so far
# in per mille (without a baseline the seconds since the first reading), when the last three were, for how long nothing
# was read, the skin's milli-degC with the baseline, the last readings, one in 2 s, and the highest of the last hours.
BASELINE = const(2)
ANCHOR = const(3)
ORIGIN = const(4)
_MOVED = const(5)
_STEPS = const(6)
_GAP_S = const(9)
SKIN = const(10)
_RECENT = const(11)
_NEWEST = const(20)
_HIGHEST = const(21)
STATE_WORDS = const(45)

# Where a baseline comes from. LATE was measured long after the episode began; LOST was true until there was too long a
# gap or too much moved, or could not be measured for so long.
NO_ORIGIN = const(0)
AT_ATTACH = const(1)
LATE = const(2)
LOST = const(3)
CONFIRMED = const(4)
BASELINE_ORIGINS = ("none", "at attach", "late", "lost", "confirmed")

# Of the ten last readings the oldest and the newest three are compared: 14 to 18 s and 0 to 4 s old.
_STEP_PART = const(50)
_STILL_PART = const(100)
_GAP_MOST_S = const(600)
_MISSED_S = const(600)
_MOVED_MOST_PERMILLE = const(100)
_DAY_S = const(86400)


def fluid_state():
    """A fresh state: no baseline."""
    s = array("i", bytes(4 * STATE_WORDS))
    s[LOWEST] = ABSENT
    s[SKIN] = ABSENT
    for i in range(3):
        s[_STEPS + i] = ABSENT
    highest_restart(s, _HIGHEST)
    forget(s)
    return s


def forget(s):
    """No reading from now on makes a step with one before."""
    for i in range(_RECENT, _NEWEST + 1):
        s[i] = ABSENT


def _still(s, at):
    """The mean of three readings that differ by less than 1 %, else 0."""
    least = most = s[at]
    for i in range(at + 1, at + 3):
        if s[i] < least:
            least = s[i]
        if s[i] > most:
            most = s[i]
    if least <= 0 or most - least > least // _STILL_PART:
        return 0
    return (s[at] + s[at + 1] + s[at + 2]) // 3


def fluid_reading(s, second, reading):
    """Take this second's reading (or ABSENT) in; True when there was a step."""
    if not s[BASELINE] and (reading != ABSENT or s[_MOVED]):
        s[_MOVED] += 1
        if s[_MOVED] >= _MISSED_S:
            s[_MOVED] = _MISSED_S
            s[ORIGIN] = LOST
    if reading == ABSENT:
        if s[_GAP_S] <= _GAP_MOST_S:
            s[_GAP_S] += 1
            if s[_GAP_S] > _GAP_MOST_S:
                lose_baseline(s)
        return False
    s[_GAP_S] = 0
    if second & 1:
        return False
    for i in range(_RECENT, _NEWEST):
        s[i] = s[i + 1]
    s[_NEWEST] = reading
    # Most seconds end here.
    if abs(reading - s[_RECENT]) <= reading // (2 * _STEP_PART):
        return False
    before = _still(s, _RECENT)
    after = _still(s, _NEWEST - 2)
    if not before or not after or abs(after - before) <= before // _STEP_PART:
        return False
    forget(s)
    if not s[BASELINE]:
        return False
    s[ANCHOR] = reanchored(s[ANCHOR], before, after)
    s[_MOVED] += fall_permille(before, after) if after < before else rise_permille(before, after)
    # Three within a day before this one.
    many = s[_STEPS] != ABSENT and second - s[_STEPS] < _DAY_S
    s[_STEPS] = s[_STEPS + 1]
    s[_STEPS + 1] = s[_STEPS + 2]
    s[_STEPS + 2] = second
    if many or s[_MOVED] > _MOVED_MOST_PERMILLE:
        s[ORIGIN] = LOST
    return True


def unmoved(s, reading):
    """A reading (or ABSENT) as it would be where the electrodes were at first."""
    if reading <= 0 or s[ANCHOR] == s[BASELINE]:
        return reading
    return reanchored(s[BASELINE], s[ANCHOR], reading)


def set_baseline(s, value, origin, skin):
    """Hold `value` from now on; `skin` milli-degC or ABSENT."""
    s[BASELINE] = s[ANCHOR] = value
    s[ORIGIN] = origin
    s[SKIN] = skin
    s[_MOVED] = 0


def lose_baseline(s):
    """What changed meanwhile is no step, and may be fluid."""
    forget(s)
    if s[BASELINE]:
        s[ORIGIN] = LOST


def confirm_baseline(s):
    """Somebody says that the baseline holds."""
    if s[BASELINE]:
        s[ORIGIN] = CONFIRMED
    s[_MOVED] = 0
    for i in range(3):
        s[_STEPS + i] = ABSENT


def fluid_push(s, second, bin_s, median):
    """Follow the lowest and, in bins of `bin_s`, the highest of this second's median (or ABSENT)."""
    lowest_push(s, median)
    highest_push(s, _HIGHEST, second, bin_s, median)


def restart_highest(s):
    """What was higher before does not count any more."""
    highest_restart(s, _HIGHEST)


def fall_from_highest(s, median):
    """Per mille below the highest, ABSENT without one."""
    top = highest(s, _HIGHEST)
    return fall_permille(top, median) if top > 0 and median != ABSENT else ABSENT


def fall_from_baseline(s, median):
    """Per mille below the baseline, ABSENT without one."""
    return fall_permille(s[BASELINE], median) if s[BASELINE] and median != ABSENT else ABSENT
