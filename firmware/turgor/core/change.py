"""Relative change against a held baseline, the baseline after an artefact's step, and the lowest value so far.

Values lie within +-2^28, baselines from 1 to 2^28, both in one unit; changes are whole per mille of the baseline within
+-1000. Quotients are exact before they are rounded as stated, so a change reaches a limit exactly when its whole per
mille do.
"""

from array import array

from turgor.core.median import ABSENT
from turgor.mp import const, micropython

# Words of a lowest value's state: the value (ABSENT before the first) and for how many seconds nothing was lower.
LOWEST = const(0)
LOWEST_AGE_S = const(1)
_AGE_MOST_S = const(0xFFFFFFF)

BASELINE_MOST = const(0x10000000)


@micropython.viper
def _share(n: int, part: int, whole: int, plus: int) -> int:
    """floor((n part + plus) / whole) for 0 <= n <= 2^28, |part| <= whole <= 2^28, 0 <= plus <= whole / 2."""
    quotient = 0
    rest = 0
    bit = 1
    while bit <= n:
        bit <<= 1
    # By the bits of n from the highest on; each time the rest is from 0 to whole - 1.
    while bit > 1:
        bit >>= 1
        quotient += quotient
        rest += rest
        if n & bit:
            rest += part
        if bit == 1:
            rest += plus
        while rest >= whole:
            rest -= whole
            quotient += 1
        if rest < 0:
            rest += whole
            quotient -= 1
    return quotient


def _permille(part, whole):
    if part > whole:
        part = whole
    if part < -whole:
        part = -whole
    return _share(1000, part, whole, 0)


def fall_permille(baseline, now):
    """By how many per mille of `baseline` `now` lies below it, rounded down."""
    return _permille(baseline - now, baseline)


def rise_permille(baseline, now):
    """By how many per mille of `baseline` `now` lies above it, rounded down."""
    return _permille(now - baseline, baseline)


def reanchored(baseline, before, after):
    """baseline x after / before, rounded half up, 1 to BASELINE_MOST: what keeps the change so far over a step.

    `before` and `after` are the values on both sides of the step, 1 to 2^28.
    """
    times = after // before
    if times > BASELINE_MOST // baseline:
        return BASELINE_MOST
    moved = baseline * times + _share(baseline, after - before * times, before, before >> 1)
    if moved > BASELINE_MOST:
        return BASELINE_MOST
    return moved if moved else 1


def lowest_state():
    """A state that has seen no value."""
    return array("i", [ABSENT, 0])


def lowest_push(s, value):
    """Take this second's value (or ABSENT) in; a value equal to the lowest makes it young again."""
    if value != ABSENT and (s[LOWEST] == ABSENT or value <= s[LOWEST]):
        s[LOWEST] = value
        s[LOWEST_AGE_S] = 0
    elif s[LOWEST] != ABSENT and s[LOWEST_AGE_S] < _AGE_MOST_S:
        s[LOWEST_AGE_S] += 1
