"""Moving noise estimate of a channel from its raw codes, and for how long it has shown none at all.

Takes signed 24-bit codes, gives an RMS in codes x 16 and a number of codes. What is measured is the mean absolute
second difference x - 2 x1 + x2: 0 for a level and for a steady drift, small for pulse and breathing, 1.9544 times the
RMS for white noise. Fed with means of 20 out of 80 codes a second (`core.decimate`) it measures pulse and breathing
instead.

The absolute differences of CHUNK codes are summed, exactly, and the sums averaged:
    average += sum - (average >> shift),   mean = average >> shift
so nothing is lost to rounding: the mean of the means is the mean of the sums. It reaches back over 16 x 2^shift codes,
at shift 6 and 80 codes a second 12.8 s, and after 16 times as many equal codes it is exactly 0. A sum counts as at most
2^22, so that a step is forgotten soon. A fresh state takes its first chunk for the differences only and the second one
as the mean.

`noise_block` works on codes `a` to `b - 1`; a block of n and n blocks of 1 give the same bits.
"""

from array import array

from turgor.mp import const, micropython, ptr32

# Words of the state: the last code and the last difference, the sum of this chunk and the number of its codes, whole
# chunks (no more than 2 are counted), the average, whole chunks in a row with sum 0, shift.
LAST = const(0)
DIFFERENCE = const(1)
SUM = const(2)
PHASE = const(3)
CHUNKS = const(4)
AVERAGE = const(5)
STILL = const(6)
SHIFT = const(7)
STATE_WORDS = const(8)

CHUNK = const(16)
SHIFT_MOST = const(7)
# `still` counts no further than this many chunks.
STILL_MOST = const(0xFFFFFF)
NO_NOISE = const(-1)
_CODE_LIMIT = const(0x800000)
_SUM_MOST = const(0x400000)


@micropython.viper
def noise_block(a: int, b: int, s: ptr32, x: ptr32):
    """Take the codes x[a:b] in."""
    # Words that may be negative come without their sign on x86-64; of their differences, taken modulo 2^26, nothing
    # shows it.
    end = b
    last = s[LAST]
    difference = s[DIFFERENCE]
    total = s[SUM]
    phase = s[PHASE]
    if s[CHUNKS] + phase == 0 and a < end:
        last = x[a]
    mask = 0x3FFFFFF
    while end - a:
        stop = a + 16 - phase
        if stop > end:
            stop = end
        phase += stop - a
        while stop - a:
            b = x[a]
            a += 1
            c = b
            b = b - last
            last = c
            c = b
            b = b - difference
            difference = c
            b = b & mask
            if b & 0x2000000:
                b = 0x4000000 - b
            total = total + b
        if phase == 16:
            if total:
                s[STILL] = 0
            elif s[STILL] < 0xFFFFFF:
                s[STILL] += 1
            if total > 0x400000:
                total = 0x400000
            if s[CHUNKS] > 1:
                s[AVERAGE] += total - (s[AVERAGE] >> s[SHIFT])
            else:
                if s[CHUNKS]:
                    s[AVERAGE] = total << s[SHIFT]
                s[CHUNKS] += 1
            total = 0
            phase = 0
    s[LAST] = last
    s[DIFFERENCE] = difference
    s[SUM] = total
    s[PHASE] = phase


def noise_state(shift):
    """A fresh state, averaging over 16 x 2^shift codes; shift 0 to SHIFT_MOST."""
    s = array("i", bytes(4 * STATE_WORDS))
    s[SHIFT] = shift
    return s


def noise_restart(s):
    """Codes are missing: forget the estimate and begin as a fresh state."""
    for word in range(SHIFT):
        s[word] = 0


def is_noise_state(s):
    """Whether codes of 24 bits can have led to `s`."""
    return (
        -_CODE_LIMIT <= s[LAST] < _CODE_LIMIT
        and -2 * _CODE_LIMIT < s[DIFFERENCE] < 2 * _CODE_LIMIT
        and 0 <= s[SUM] <= CHUNK * 4 * _CODE_LIMIT
        and 0 <= s[PHASE] < CHUNK
        and 0 <= s[CHUNKS] <= 2
        and 0 <= s[AVERAGE] <= _SUM_MOST << s[SHIFT]
        and 0 <= s[STILL] <= STILL_MOST
    )


def noise_rms_code_q4(s):
    """RMS of white noise with this mean absolute difference, codes x 16; NO_NOISE before two chunks. At most 2 146 304.

    The factor 131 / 256 is 0.011 % above the exact 1 / sqrt(12 / pi).
    """
    if s[CHUNKS] < 2:
        return NO_NOISE
    return ((s[AVERAGE] >> s[SHIFT]) * 131 + 128) >> 8


def still_codes(s):
    """Codes in a row, in whole chunks, without any second difference: all equal, or a perfect ramp.

    Equal codes show after 33 of them at the latest; noise of more than a code has no 16 of them.
    """
    return s[STILL] * CHUNK
