"""What each field of a channel's configuration may be, so that a board can run it.

A pressure channel's fields are integers in order, as `core.filter_words.describe` gives them and a `pressure_channel`
record carries them; an impedance channel's are its words, as `core.impedance` has them. A limit's fields are those of
its row: milli-mmHg or per mille, and s. Within its bounds every field fits its words; that no intermediate of a filter
leaves +-2^30 is proved by the host, which designs it (`turgor_host.calibrate.lowpass`).
"""

from turgor.core.impedance import FREQUENCY_WORDS, OFFSET_LIMIT, SHIFT, SHIFT_LIMIT, STATE_WORDS
from turgor.core.rules import HIGH, LOW, RULE_COUNT
from turgor.mp import const

# Offsets within a quarter of full scale, 2^23, keep filtered minus offset within +-2^29.
OFFSET_LIMIT_CODE = const(2097152)
_COEFFICIENT = const(0x1FFFFFFF)
_MILLI_MMHG = const(0x10000000)
_FACTOR = const(0x10000000)
# Longer runs are not kept over a restart.
_RUN_S = const(0xFFFFFF)
# Where in PRESSURE_BOUNDS the second section and the threshold stand.
_E_2 = const(5)
_THRESHOLD = const(13)

# name, least, most; codes, counts of bits, milli-mmHg
CALIBRATION_BOUNDS = (
    ("offset_code", -OFFSET_LIMIT_CODE, OFFSET_LIMIT_CODE),
    ("gain_high", -8192, 8191),
    ("gain_low", 0, 32767),
    ("gain_shift", 1, 13),
)
PRESSURE_BOUNDS = (
    (
        ("median", 1, 5),
        ("e_1", 1, _COEFFICIENT),
        ("c_1", 1, _COEFFICIENT),
        ("z_1", 0, 16),
        ("g_1", 0, 15),
        # All 0 where there is no second section.
        ("e_2", 0, _COEFFICIENT),
        ("c_2", 0, _COEFFICIENT),
        ("z_2", 0, 16),
        ("g_2", 0, 15),
    )
    + CALIBRATION_BOUNDS
    + (
        ("threshold_milli_mmhg", -_MILLI_MMHG, _MILLI_MMHG),
        ("release_milli_mmhg", -_MILLI_MMHG, _MILLI_MMHG),
    )
)
# Of each of three frequencies.
_IMPEDANCE_NAMES = ("i_re_", "i_im_", "q_re_", "q_im_", "offset_i_", "offset_q_")
_FACTORS = const(4)
# A row of limits, in order of `core.rules.DEFAULT_LIMITS`.
LIMIT_BOUNDS = (
    ("rule", 0, RULE_COUNT - 1),
    # With the age group: `core.rules.AGE_STAGES`.
    ("stage", 0, 10),
    ("priority", LOW, HIGH),
    ("limit", -_MILLI_MMHG, _MILLI_MMHG),
    ("run_s", 0, _RUN_S),
    ("clear_limit", -_MILLI_MMHG, _MILLI_MMHG),
    ("clear_s", 0, _RUN_S),
    ("aux", 0, _MILLI_MMHG),
)


def misfit(bounds, values):
    """What is wrong with the first of `values` that is out of its bounds: field, number and limits; "" when all fit."""
    for i in range(len(bounds)):
        name, least, most = bounds[i]
        if not least <= values[i] <= most:
            return name + " = " + str(values[i]) + " is not within " + str(least) + " to " + str(most)
    return ""


def impedance_bound(i):
    """Name, least and most of word `i` of an impedance channel; a table of all would take 1 KB of a board's heap."""
    if i == SHIFT:
        return "shift", 0, SHIFT_LIMIT
    kind = i % FREQUENCY_WORDS
    most = _FACTOR if kind < _FACTORS else OFFSET_LIMIT
    return _IMPEDANCE_NAMES[kind] + str(i // FREQUENCY_WORDS), -most, most


def impedance_misfit(words, first=0):
    """The same for words of an impedance channel from number `first` on; what stands behind the last is passed over."""
    for i in range(min(len(words), STATE_WORDS - first)):
        why = misfit((impedance_bound(first + i),), (words[i],))
        if why:
            return why
    return ""


def pressure_misfit(values):
    """The same for the whole configuration of a pressure channel, in order of PRESSURE_BOUNDS."""
    why = misfit(PRESSURE_BOUNDS, values)
    if not why and values[0] & 1 == 0:
        why = "median = " + str(values[0]) + " is not 1, 3 or 5"
    if not why and (values[_E_2] == 0) != (values[_E_2 + 1] == 0):
        why = "e_2 = " + str(values[_E_2]) + " does not go with c_2 = " + str(values[_E_2 + 1])
    if not why and values[_E_2] == 0 and (values[_E_2 + 2] or values[_E_2 + 3]):
        why = "z_2 = " + str(values[_E_2 + 2]) + " and g_2 = " + str(values[_E_2 + 3]) + " go with no second section"
    if not why and values[_THRESHOLD + 1] > values[_THRESHOLD]:
        why = "release_milli_mmhg = " + str(values[_THRESHOLD + 1]) + " is above the threshold"
    return why
