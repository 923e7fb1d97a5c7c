"""Slope over the last 2 to 60 minutes: the least-squares line through one value a minute, of which some may be absent.

Takes values within +-2^28 or ABSENT; gives their slope per hour in the same unit (milli-mmHg / h, milliohm / h), exact
and rounded half up, within +-2^28 (what is steeper counts as that). At least half of the minutes, and two, must have a
value.

With t the minute, n the number of values and T the sum of their t, the slope per minute is
    sum (n t - T) y / (n sum t^2 - T^2).
The weights n t - T add up to 0, so y may carry a bias; it goes in as high 2^14 + low. The positive weights of 60
minutes add up to 27000, of fewer values to less, and 27000 x 2^15 < 2^30.
"""

from array import array

from turgor.core.median import ABSENT
from turgor.mp import const, micropython, ptr32

# Words of the state: minutes, where the oldest value lies, and the values in a ring.
MINUTES = const(0)
OLDEST = const(1)
VALUES = const(2)

MINUTES_MOST = const(60)


def slope_state(minutes):
    """A fresh state (all absent) over 2 to MINUTES_MOST minutes."""
    s = array("i", [ABSENT] * (VALUES + minutes))
    s[MINUTES] = minutes
    s[OLDEST] = 0
    return s


def slope_push(s, value):
    """Take this minute's value (or ABSENT) in, the oldest out."""
    oldest = s[OLDEST]
    s[VALUES + oldest] = value
    oldest += 1
    s[OLDEST] = 0 if oldest == s[MINUTES] else oldest


@micropython.viper
def slope_per_hour(s: ptr32) -> int:
    """The slope of the values in the window, ABSENT when there are too few."""
    minutes = s[0]
    oldest = s[1]
    bias = 0x20000000
    mask = 0x3FFFFFFF
    n = 0
    t_sum = 0
    t_squares = 0
    t = 0
    i = 2 + oldest
    end = 2 + minutes
    while t < minutes:
        # ABSENT is the one value that gives 0 here.
        if (s[i] + bias) & mask:
            n += 1
            t_sum += t
            t_squares += t * t
        t += 1
        i += 1
        if i == end:
            i = 2
    if n < 2 or n + n < minutes:
        return 0 - 0x20000000
    divisor = n * t_squares - t_sum * t_sum
    high = 0
    low = 0
    weight = 0 - t_sum
    t = 0
    while t < minutes:
        y = (s[i] + bias) & mask
        if y:
            y -= 0x10000000
            high += weight * (y >> 14)
            low += weight * (y & 0x3FFF)
        weight += n
        t += 1
        i += 1
        if i == end:
            i = 2
    # (high 2^14 + low) / divisor as whole + rest / divisor, by long division in base 2^7.
    high += low >> 14
    low &= 0x3FFF
    whole = high // divisor
    rest = ((high - whole * divisor) << 7) + (low >> 7)
    digit = rest // divisor
    whole = (whole << 7) + digit
    rest = ((rest - digit * divisor) << 7) + (low & 0x7F)
    digit = rest // divisor
    whole = (whole << 7) + digit
    rest -= digit * divisor
    if whole > 0x500000:
        whole = 0x500000
    if whole < 0 - 0x500000:
        whole = 0 - 0x500000
    slope = whole * 60 + (rest * 60 + (divisor >> 1)) // divisor
    if slope > 0x10000000:
        slope = 0x10000000
    if slope < 0 - 0x10000000:
        slope = 0 - 0x10000000
    return slope
