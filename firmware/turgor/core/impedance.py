"""Impedance of one sweep step: sums of I and Q, corrected by a complex factor per frequency, in milliohm.

Words of a state array: RE_0 IM_0 RE_1 IM_1 RE_2 IM_2 the factors (signed 28 bits), SHIFT theirs in common:
    Z = (I + j Q) (re + j im) / 2^(30 + shift),   I and Q as sums of 16 words x 32.
"""

from turgor.core.fixed import mul_shift
from turgor.mp import const

SHIFT = const(6)
STATE_WORDS = const(7)
PAIRS = const(16)


def _scaled(total, count):
    """A sum over `count` words as a sum over 16, x 32; |word| < 2^19, so within 2^28."""
    if count != PAIRS:
        total = total * PAIRS // count
    return total << 5


def resistance_milliohm(s, frequency, sum_i, sum_q, count):
    """Real part of the corrected impedance at frequency number 0 to 2, milliohm."""
    re = s[2 * frequency]
    im = s[2 * frequency + 1]
    shift = s[SHIFT]
    i = _scaled(sum_i, count)
    q = _scaled(sum_q, count)
    return (mul_shift(i, re >> 15, re & 0x7FFF, 0) - mul_shift(q, im >> 15, im & 0x7FFF, 0)) >> shift


def reactance_milliohm(s, frequency, sum_i, sum_q, count):
    """Imaginary part of the corrected impedance, milliohm; negative for a capacitive load."""
    re = s[2 * frequency]
    im = s[2 * frequency + 1]
    shift = s[SHIFT]
    i = _scaled(sum_i, count)
    q = _scaled(sum_q, count)
    return (mul_shift(i, im >> 15, im & 0x7FFF, 0) + mul_shift(q, re >> 15, re & 0x7FFF, 0)) >> shift
