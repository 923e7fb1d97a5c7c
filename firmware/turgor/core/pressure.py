"""A pressure channel's sample: median of 3, low-pass, calibration and threshold in one viper call.

Input: signed 24-bit codes. Filtered value: codes x 32 (5 fraction bits; with overshoot within +-1.1 x 2^28).
Result: milli-mmHg.

The low-pass is a second-order section in delta form with error feedback:
    u = 8 (x + 2 x1 + x2) - y,   v += E u - C v + residue,   y += v
with E = 4 b0 and C = 1 - a2 of the float design, each as n / 2^(30 + shift), n of 28 bits, split for `mul_shift`.
Its gain at 0 Hz is exactly 1. Every intermediate stays within +-2^30.

The state is an array of STATE_WORDS signed 32-bit words in the order of the constants below.
"""

from turgor.mp import const, micropython, ptr32

E_HIGH = const(0)
E_LOW = const(1)
E_SHIFT = const(2)
C_HIGH = const(3)
C_LOW = const(4)
C_SHIFT = const(5)
OFFSET = const(6)
GAIN_HIGH = const(7)
GAIN_LOW = const(8)
GAIN_SHIFT = const(9)
THRESHOLD = const(10)
RELEASE = const(11)
SETTLE = const(12)
COUNT = const(13)
FLAGS = const(14)
VALUE = const(15)
FILTERED = const(16)
LAST_CODE = const(17)
STATE_WORDS = const(24)

# Flags, kept from sample to sample until `take_flags`: SATURATED; of the last sample alone: OVER, SETTLED.
SATURATED = const(1)
OVER = const(2)
SETTLED = const(4)

# A code this far out comes from a converter at its limit, not from a transducer.
_LIMIT_CODE = const(8388600)
# Offsets within a quarter of the range keep filtered minus offset within +-2^29.
OFFSET_LIMIT_CODE = const(2097152)


@micropython.viper
def pressure_step(s: ptr32, code: int) -> int:
    """Take one code into state `s`; returns the flags and leaves VALUE (milli-mmHg) and FILTERED (code x 32) in it."""
    # Words 17 and 18 are the last two codes, 19 and 20 the last two medians, 16 is y, 22 v, 23 the residue.
    count = s[13]
    if count == 0:
        x1 = code
        x2 = code
        m1 = code
        m2 = code
        y = code << 5
        v = 0
        r = 0
    else:
        m1 = ((s[17] + 0x20000000) & 0x3FFFFFFF) - 0x20000000
        m2 = ((s[18] + 0x20000000) & 0x3FFFFFFF) - 0x20000000
        x1 = ((s[19] + 0x20000000) & 0x3FFFFFFF) - 0x20000000
        x2 = ((s[20] + 0x20000000) & 0x3FFFFFFF) - 0x20000000
        y = ((s[16] + 0x20000000) & 0x3FFFFFFF) - 0x20000000
        v = ((s[22] + 0x20000000) & 0x3FFFFFFF) - 0x20000000
        r = s[23]
    flags = s[14] & 3
    if code >= 8388600 or code <= -8388600:
        flags |= 1
    # Median of the code and the two before it.
    x0 = code
    if m1 > m2:
        if x0 > m1:
            x0 = m1
        elif x0 < m2:
            x0 = m2
    else:
        if x0 > m2:
            x0 = m2
        elif x0 < m1:
            x0 = m1
    s[18] = m1
    s[17] = code
    u = ((x0 + x1 + x1 + x2) << 3) - y
    s[20] = x1
    s[19] = x0
    high = s[0]
    low = s[1]
    shift = s[2]
    a = u >> 15
    b = u & 0x7FFF
    m = a * low + b * high + ((b * low) >> 15)
    h = a * high + (m >> 15)
    r += ((h & ((1 << shift) - 1)) << (15 - shift)) + ((m & 0x7FFF) >> shift)
    d = h >> shift
    high = s[3]
    low = s[4]
    shift = s[5]
    a = v >> 15
    b = v & 0x7FFF
    m = a * low + b * high + ((b * low) >> 15)
    h = a * high + (m >> 15)
    r -= ((h & ((1 << shift) - 1)) << (15 - shift)) + ((m & 0x7FFF) >> shift)
    v += d - (h >> shift) + (r >> 15)
    r = r & 0x7FFF
    y += v
    s[16] = y
    s[22] = v
    s[23] = r
    # Calibration, rounded half up.
    u = y - ((((s[6] + 0x20000000) & 0x3FFFFFFF) - 0x20000000) << 5)
    high = ((s[7] + 0x20000000) & 0x3FFFFFFF) - 0x20000000
    low = s[8]
    shift = s[9]
    a = u >> 15
    b = u & 0x7FFF
    h = a * high + ((a * low + b * high + ((b * low) >> 15)) >> 15)
    value = (h + ((1 << shift) >> 1)) >> shift
    s[15] = value
    if flags & 2:
        if value < ((s[11] + 0x20000000) & 0x3FFFFFFF) - 0x20000000:
            flags ^= 2
    elif value >= ((s[10] + 0x20000000) & 0x3FFFFFFF) - 0x20000000:
        flags |= 2
    if count < 0x1FFFFFFF:
        count += 1
        s[13] = count
    if count > s[12]:
        flags |= 4
    s[14] = flags
    return flags


def take_flags(s):
    """The flags gathered since the last call; SATURATED starts anew."""
    flags = s[FLAGS]
    s[FLAGS] = flags & ~SATURATED
    return flags


def restart(s):
    """Forget the past of the channel: the next sample starts the filter at rest at its own value."""
    s[COUNT] = 0
    s[FLAGS] = 0


def milli_mmhg(s, code):
    """The calibrated value of a raw code, unfiltered, by the same integers as the filtered one."""
    u = (code - s[OFFSET]) << 5
    a = u >> 15
    b = u & 0x7FFF
    middle = a * s[GAIN_LOW] + b * s[GAIN_HIGH] + ((b * s[GAIN_LOW]) >> 15)
    shift = s[GAIN_SHIFT]
    return (a * s[GAIN_HIGH] + (middle >> 15) + ((1 << shift) >> 1)) >> shift
