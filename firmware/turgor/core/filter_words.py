"""The state of a channel's sample chain (`core.filters`): where its words lie, how it is made, set and read.

A state is an array of STATE_WORDS words, none of them negative: signed ones carry a bias. Codes have 24 bits, filtered
values are codes x 32, calibrated ones milli-mmHg within +-2^28.
"""

from array import array

from turgor.mp import const

# Words of the state. Two sections of SECTION_WORDS words come first: what a board's code reaches cheapest.
E_HIGH = const(0)
E_LOW = const(1)
C_HIGH = const(2)
C_LOW = const(3)
Z = const(4)
G = const(5)
Y = const(6)
V = const(7)
REST_HIGH = const(8)
REST_LOW = const(9)
REST_Y = const(10)
SECTION_WORDS = const(11)
# The last four codes, as far as the median needs them; the last of the median, of the sums of 2, of 4 and of 8 medians
# in (1 + z^-1)^order.
LAST = const(22)
SUMS = const(26)
COUNT = const(30)
FLAGS = const(31)
# The configuration.
SECTIONS = const(32)
MEDIAN = const(33)
CALIBRATED = const(34)
OFFSET = const(35)
GAIN_HIGH = const(36)
GAIN_LOW = const(37)
GAIN_SHIFT = const(38)
THRESHOLD = const(39)
RELEASE = const(40)
SETTLE = const(41)
STATE_WORDS = const(42)

# Added to signed words, so that none is negative in the state: x86-64 viper reads words without their sign.
CODE_BIAS = const(0x1000000)
LOW_BIAS = const(0x2000)
GAIN_BIAS = const(0x4000)
WORD_BIAS = const(0x20000000)

# Flags: SATURATED is kept until `take_flags`; OVER and SETTLED belong to the last sample.
SATURATED = const(1)
OVER = const(2)
SETTLED = const(4)

# A code this far from 0 comes from a converter at its limit, not from a transducer.
LIMIT_CODE = const(8388600)


def filter_state(median, sections, calibration, threshold, release, settle):
    """A new state, at rest until its first code.

    `median` 1, 3 or 5; `sections` one or two tuples (n of E, n of C, z, g); `calibration` (offset code, high, low,
    shift) to milli-mmHg, or None for filtered values, which are held against no threshold; threshold and release in
    milli-mmHg; `settle` the samples after which the filter counts as settled.
    """
    s = array("i", bytes(4 * STATE_WORDS))
    s[SECTIONS] = len(sections)
    s[MEDIAN] = median
    for k in range(len(sections)):
        e, c, z, g = sections[k]
        at = k * SECTION_WORDS
        s[at + E_HIGH] = (e + LOW_BIAS) >> 14
        s[at + E_LOW] = (e + LOW_BIAS) & 0x3FFF
        s[at + C_HIGH] = (c + LOW_BIAS) >> 14
        s[at + C_LOW] = (c + LOW_BIAS) & 0x3FFF
        s[at + Z] = z
        s[at + G] = g
    s[CALIBRATED] = 1 if calibration else 0
    set_calibration(s, *(calibration or (0, 0, 0, 0)))
    s[THRESHOLD] = threshold + WORD_BIAS
    s[RELEASE] = release + WORD_BIAS
    s[SETTLE] = settle
    return s


def set_calibration(s, offset_code, high, low, shift):
    """Milli-mmHg = (code - offset_code) x 32 (high 2^15 + low) / 2^(30 + shift) from the next sample on."""
    s[OFFSET] = (offset_code << 5) + WORD_BIAS
    s[GAIN_HIGH] = high + GAIN_BIAS
    s[GAIN_LOW] = low
    s[GAIN_SHIFT] = shift


def describe(s):
    """What `filter_state` was given and `set_calibration` changed: median, e c z g of two sections (0 where there is
    none), the calibration, threshold and release."""
    found = [s[MEDIAN]]
    for at in (0, SECTION_WORDS):
        there = at == 0 or s[SECTIONS] == 2
        found.append((s[at + E_HIGH] << 14) + s[at + E_LOW] - LOW_BIAS if there else 0)
        found.append((s[at + C_HIGH] << 14) + s[at + C_LOW] - LOW_BIAS if there else 0)
        found.append(s[at + Z])
        found.append(s[at + G])
    found += [(s[OFFSET] - WORD_BIAS) >> 5, s[GAIN_HIGH] - GAIN_BIAS, s[GAIN_LOW], s[GAIN_SHIFT]]
    return found + [s[THRESHOLD] - WORD_BIAS, s[RELEASE] - WORD_BIAS]


def milli_mmhg(s, code):
    """The calibrated value of a raw code, unfiltered, by the same integers as the filtered one."""
    a = (code << 5) + WORD_BIAS - s[OFFSET]
    high = s[GAIN_HIGH] - GAIN_BIAS
    low = s[GAIN_LOW]
    shift = s[GAIN_SHIFT]
    b = a & 0x7FFF
    a = a >> 15
    middle = a * low + (b * high + ((b * low) >> 15))
    return (a * high + (middle >> 15) + ((1 << shift) >> 1)) >> shift


def take_flags(s):
    """The flags gathered since the last call; SATURATED starts anew."""
    flags = s[FLAGS]
    s[FLAGS] = flags & ~SATURATED
    return flags


def restart(s):
    """Forget the past of the channel: the next sample starts the filter at rest at its own value."""
    s[COUNT] = 0
    s[FLAGS] = 0


def filtered(s):
    """The last filtered value, codes x 32; nothing before the first code, the old one after a restart."""
    return s[(s[SECTIONS] - 1) * SECTION_WORDS + Y] - WORD_BIAS
