"""Rolling median over the last 60 one-second readings, of which some may be absent.

State: an array of STATE_WORDS signed words, all 0 at first: 0 position, 1 valid readings, 2-61 the last 60 readings in
a ring (ABSENT where there was none), 62-121 the valid ones sorted. Readings lie within +-2^28.
"""

from turgor.mp import const, micropython, ptr32

STATE_WORDS = const(122)
ABSENT = const(-536870912)
# Fewer valid readings than this in 60 s give no median.
MEDIAN_LEAST = const(30)


@micropython.viper
def median_push(s: ptr32, value: int) -> int:
    """Take this second's reading (or ABSENT) in, the one of 60 s ago out; returns the number of valid readings."""
    absent = -536870912
    position = s[0]
    n = s[1]
    # A fresh ring holds zeros: word 0 counts up to 119 and then runs 60..119, so below 60 nothing leaves.
    slot = position
    if slot >= 60:
        slot -= 60
        old = ((s[2 + slot] + 0x20000000) & 0x3FFFFFFF) - 0x20000000
        if old != absent:
            i = 62
            while (((s[i] + 0x20000000) & 0x3FFFFFFF) - 0x20000000) != old:
                i += 1
            n -= 1
            end = 62 + n
            while i < end:
                s[i] = s[i + 1]
                i += 1
    s[2 + slot] = value
    if value != absent:
        i = 62 + n
        while i > 62 and (((s[i - 1] + 0x20000000) & 0x3FFFFFFF) - 0x20000000) > value:
            s[i] = s[i - 1]
            i -= 1
        s[i] = value
        n += 1
    position += 1
    if position == 120:
        position = 60
    s[0] = position
    s[1] = n
    return n


def median(s):
    """The median of the valid readings, the mean (rounded down) of the middle two; ABSENT under MEDIAN_LEAST."""
    n = s[1]
    if n < MEDIAN_LEAST:
        return ABSENT
    middle = 62 + (n >> 1)
    if n & 1:
        return s[middle]
    return (s[middle - 1] + s[middle]) >> 1


def is_filled(s):
    """Whether the oldest reading is 60 s old, and valid."""
    # That which the next one replaces.
    return s[0] >= 60 and s[s[0] - 58] != ABSENT
