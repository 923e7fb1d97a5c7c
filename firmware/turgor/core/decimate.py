"""Decimation: the mean of every `factor` values, of which some may be absent; 1 Hz readings to minutes, or codes.

Takes values within +-2^28 or ABSENT; gives for each group of `factor` (1 to FACTOR_MOST) one value: the exact mean of
those that are there, rounded half up, or ABSENT when fewer than `least` are. Groups count from the first value on.

`mean_block` works on values `a` to `b - 1`; a block of n and n blocks of 1 give the same bits.
"""

from array import array

from turgor.mp import const, micropython, ptr32

# Words of the state, none negative: factor, least, values of this group so far, those that are there, and their sum
# as high x 2^14 + low, biased by 2^29 each.
FACTOR = const(0)
LEAST = const(1)
POSITION = const(2)
VALID = const(3)
HIGH = const(4)
LOW = const(5)
STATE_WORDS = const(6)

FACTOR_MOST = const(8192)
# Seconds in a minute, and how many of them must have a reading.
MINUTE_S = const(60)
MINUTE_LEAST = const(30)


@micropython.viper
def mean_block(a: int, b: int, s: ptr32, x: ptr32, o: ptr32) -> int:
    """Take x[a:b] in, put the means of groups that end there into o from o[0] on; returns their number. o may be x."""
    end = b
    factor = s[FACTOR]
    position = s[POSITION]
    valid = s[VALID]
    high = s[HIGH]
    low = s[LOW]
    bias = 0x20000000
    mask = 0x3FFFFFFF
    found = 0
    while end - a:
        b = x[a]
        a += 1
        b = b + bias
        b = b & mask
        # ABSENT is the one value whose biased form is 0.
        if b:
            valid += 1
            low += b & 0x3FFF
            high += b >> 14
        position += 1
        if position == factor:
            b = 0
            if valid >= s[LEAST]:
                b = high // valid
                c = ((high - b * valid) << 14) + low + (valid >> 1)
                b = (b << 14) + c // valid
            o[found] = b - bias
            found += 1
            position = 0
            valid = 0
            high = 0
            low = 0
    s[POSITION] = position
    s[VALID] = valid
    s[HIGH] = high
    s[LOW] = low
    return found


def mean_state(factor, least):
    """A fresh state; `least` 1 to `factor`."""
    s = array("i", bytes(4 * STATE_WORDS))
    s[FACTOR] = factor
    s[LEAST] = least
    return s
