"""Impedance of one sweep step, from sums of I and Q over 1 to 16 words of 20 bits: R and X in milliohm, +-168 000 000.

I and Q come from two mixers, each with an offset, a gain and a phase of its own at each frequency:
    Z = ((I - offset_i) (i_re + j i_im) + (Q - offset_q) (q_re + j q_im)) / 2^(30 + shift)
with I, Q and the offsets as sums over 16 words x 32. Equal mixers have q = j i. An offset is the sum over 16 words that
a step gives while the drive is in reset.

A state is an array of STATE_WORDS signed words: for each of three frequencies i_re, i_im, q_re, q_im (within +-2^28),
offset_i and offset_q (within +-OFFSET_LIMIT), then the shift (0 to SHIFT_LIMIT) that they share.
"""

from turgor.core.fixed import isqrt, mul_shift
from turgor.mp import const, micropython

_OFFSET_I = const(4)
_OFFSET_Q = const(5)
FREQUENCY_WORDS = const(6)
SHIFT = const(18)
STATE_WORDS = const(19)
PAIRS = const(16)

SHIFT_LIMIT = const(29)
# A quarter of the range of the words: it keeps what is multiplied within 2^29, and the parts of Z within 2^28.
OFFSET_LIMIT = const(2097152)

# Weights of R0, in 1024ths; `turgor_host.calibrate.r0` makes them.
R0_X_5 = const(2736)
R0_X_50 = const(236)
R0_R = const(920)


def resistance_milliohm(s, frequency, sum_i, sum_q, count):
    """Real part of the impedance at frequency number 0 to 2, to within 1 milliohm.

    A sum over fewer than 16 words counts as 16 of their mean, which is rounded down to a 512th of a count.
    """
    return _part(s, 0, FREQUENCY_WORDS * frequency, sum_i, sum_q, count)


def reactance_milliohm(s, frequency, sum_i, sum_q, count):
    """Imaginary part, as `resistance_milliohm` gives the real one; negative for a capacitive load."""
    return _part(s, 1, FREQUENCY_WORDS * frequency, sum_i, sum_q, count)


@micropython.native
def _part(s, part, at, sum_i, sum_q, count):
    i = _scaled(sum_i, count) - (s[at + _OFFSET_I] << 5)
    q = _scaled(sum_q, count) - (s[at + _OFFSET_Q] << 5)
    from_i = s[at + part]
    from_q = s[at + 2 + part]
    shift = s[SHIFT]
    # One product rounded down, the other up.
    total = mul_shift(i, from_i >> 15, from_i & 0x7FFF, 0) - mul_shift(-q, from_q >> 15, from_q & 0x7FFF, 0)
    return (total + ((1 << shift) >> 1)) >> shift


def _scaled(total, count):
    """512 times the mean of `count` words."""
    if count == PAIRS:
        return total << 5
    mean = total // count
    return (mean << 9) + ((total - mean * count) << 9) // count


def magnitude_milliohm(resistance, reactance):
    """|Z| from its parts in milliohm, each within +-2^28, rounded down to a milliohm."""
    r_high = abs(resistance) >> 15
    r_low = abs(resistance) & 0x7FFF
    x_high = abs(reactance) >> 15
    x_low = abs(reactance) & 0x7FFF
    # The sum of the squares, carried up from ones over multiples of 2^15 and 2^16 to those of 2^30.
    r_square = r_low * r_low
    x_square = x_low * x_low
    ones = (r_square & 0x7FFF) + (x_square & 0x7FFF)
    carried = (r_square >> 15) + (x_square >> 15) + (ones >> 15)
    middle = r_high * r_low + x_high * x_low + (carried >> 1)
    high = r_high * r_high + x_high * x_high + (middle >> 14)
    return isqrt(high, ((middle & 0x3FFF) << 16) + ((carried & 1) << 15) + (ones & 0x7FFF))


def r0_milliohm(r_5, x_5, r_50, x_50):
    """Estimate of R0 of the Cole model from R and X at 5 and 50 kHz, all in milliohm and within +-168 000 000.

    It is off by at most 1.82 % of R0 - Rinf while alpha is 0.6 to 0.8 and the characteristic frequency 20 to 100 kHz
    (R at 5 kHz alone falls short by 3.4 to 26 %): of R0, 0.26 to 0.61 % in a limb (Ri / Re from 6 to 2) and 0.94 % in a
    thorax. An error of 0.1 degree in the phase at 5 kHz adds 0.47 % of R. It is 2.8 times as noisy as one of its
    inputs. Rounded down.
    """
    fall = r_50 - r_5
    high = (fall >> 10) * R0_R - (x_5 >> 10) * R0_X_5 - (x_50 >> 10) * R0_X_50
    low = (fall & 0x3FF) * R0_R - (x_5 & 0x3FF) * R0_X_5 - (x_50 & 0x3FF) * R0_X_50
    return r_5 + high + (low >> 10)
