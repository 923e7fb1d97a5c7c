"""Impedance of a sweep step against complex numbers."""

import math
from array import array
from cmath import exp
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from turgor.app.config import NOMINAL_IMPEDANCE
from turgor.core.impedance import (
    FREQUENCY_WORDS,
    OFFSET_LIMIT,
    PAIRS,
    R0_R,
    R0_X_5,
    R0_X_50,
    SHIFT,
    SHIFT_LIMIT,
    STATE_WORDS,
    magnitude_milliohm,
    r0_milliohm,
    reactance_milliohm,
    resistance_milliohm,
)
from turgor.drivers.max30009_writes import NOMINAL_NANOOHM_PER_COUNT
from turgor_host.calibrate.impedance import Correction, correction_words
from turgor_host.errors import UsageError

WORD_LIMIT = 2**19
FACTOR_LIMIT = 2**28
MILLIOHM_LIMIT = 168_000_000
PLAIN = (1 << 25, 0, 0, 1 << 25, 0, 0)


def state(words):
    assert len(words) == STATE_WORDS
    return array("i", words)


def measured(words, frequency, sum_i, sum_q, count):
    return tuple(part(words, frequency, sum_i, sum_q, count) for part in (resistance_milliohm, reactance_milliohm))


def exact(words, frequency, sum_i, sum_q, count):
    """The corrected impedance in complex floats, milliohm."""
    i_re, i_im, q_re, q_im, offset_i, offset_q = words[FREQUENCY_WORDS * frequency :][:FREQUENCY_WORDS]
    i = sum_i / count * PAIRS - offset_i
    q = sum_q / count * PAIRS - offset_q
    return (i * complex(i_re, i_im) + q * complex(q_re, q_im)) * 32 / 2 ** (30 + words[SHIFT])


def test_by_hand():
    """16 words of 1000 and -500, times 512, times 2^25 / 2^30: 16000 and -8000; a quarter turn swaps them."""
    turned = (0, 1 << 25, -(1 << 25), 0, 0, 0)
    # Four times the factor, and an offset of 200 and 0 counts.
    shifted = (1 << 27, 0, 0, 1 << 27, 16 * 200, 0)
    words = state((*PLAIN, *turned, *shifted, 0))
    assert measured(words, 0, 16000, -8000, 16) == (16000, -8000)
    assert measured(words, 1, 16000, -8000, 16) == (8000, 16000)
    # Four words fewer with the same mean.
    assert measured(words, 2, 12000, -6000, 12) == (51200, -32000)
    assert magnitude_milliohm(3000, -4000) == 5000
    # 48 ohm, and 2.67 x 3 + 0.23 x 5 - 0.90 x (40 - 48) ohm, in 1024ths and rounded down.
    assert r0_milliohm(48000, -3000, 40000, -5000) == 48000 + (2736 * 3000 + 236 * 5000 - 920 * 8000) // 1024


@pytest.mark.parametrize("shift", range(SHIFT_LIMIT + 1))
def test_follows_complex_numbers(shift):
    """To a milliohm; of fewer than 16 words the mean is rounded down to a 512th of a count besides."""
    random = Random(shift)
    extremes = [WORD_LIMIT - 1, -WORD_LIMIT, 0, 1, -1]
    for _ in range(1000):
        words = state([0] * SHIFT + [shift])
        for i in range(SHIFT):
            limit = FACTOR_LIMIT if i % FREQUENCY_WORDS < 4 else OFFSET_LIMIT
            words[i] = random.choice([limit, -limit, random.randint(-limit, limit)])
        count = random.choice([16, 16, random.randint(1, 16)])
        frequency = random.randrange(3)
        # Not only whole multiples of the count.
        sums = [
            count * random.choice([*extremes, random.randint(-WORD_LIMIT, WORD_LIMIT - 1)]) + random.randrange(count)
            for _ in range(2)
        ]
        wanted = exact(words, frequency, *sums, count)
        slack = 1 if count == 16 else 1 + 2 * FACTOR_LIMIT / 2 ** (30 + shift)
        resistance, reactance = measured(words, frequency, *sums, count)
        assert abs(resistance - wanted.real) <= slack
        assert abs(reactance - wanted.imag) <= slack


def test_a_short_sum_is_scaled_to_within_a_512th_of_a_count():
    words = state(NOMINAL_IMPEDANCE)
    milliohm_per_count = 222144164 / 2**34 * 512
    for count in range(1, 17):
        for total in range(-70000, 70000, 9973):
            wanted = total / count * milliohm_per_count
            assert abs(resistance_milliohm(words, 0, total, 0, count) - wanted) <= 0.5625 + milliohm_per_count / 512


def test_an_offset_is_what_a_step_with_the_drive_in_reset_gives():
    """Its sums, as they are, become the offset words: the same step then is 0, and no load changes by it."""
    offset_i, offset_q = 4321, -65432
    words = state((1 << 27, 12345678, -12345679, 1 << 27, offset_i, offset_q, *PLAIN, *PLAIN, 3))
    plain = state((1 << 27, 12345678, -12345679, 1 << 27, 0, 0, *PLAIN, *PLAIN, 3))
    assert measured(words, 0, offset_i, offset_q, 16) == (0, 0)
    for i, q in ((0, 0), (160000, -16000), (-1234567, 7654321)):
        assert measured(words, 0, i + offset_i, q + offset_q, 16) == measured(plain, 0, i, q, 16)


def test_mixers_of_different_gain_and_phase():
    """I = gain_i re(Z e^-j phase_i) + offset_i and Q = gain_q im(Z e^-j phase_q) + offset_q give Z back."""
    gain_i, phase_i, gain_q, phase_q = 1 / 6.62, 0.03, 1 / 6.48, -0.02
    columns = [[gain_i * (z * exp(-1j * phase_i)).real, gain_q * (z * exp(-1j * phase_q)).imag] for z in (1, 1j)]
    (re_i, re_q), (im_i, im_q) = np.linalg.inv(np.array(columns).T)
    correction = Correction(complex(re_i, im_i), complex(re_q, im_q), 40.25, -17.5)
    words = state(correction_words([correction] * 3))
    for z in (60000 - 8000j, 52000 + 1000j, 1500000 - 300000j, 0):
        # Means of 16 words that need not be whole; a 32nd of a count at most is lost.
        i = round(16 * (gain_i * (z * exp(-1j * phase_i)).real + correction.offset_i))
        q = round(16 * (gain_q * (z * exp(-1j * phase_q)).imag + correction.offset_q))
        resistance, reactance = measured(words, 1, i, q, 16)
        assert abs(complex(resistance, reactance) - z) < 1.5


def test_the_boards_words_are_the_nominal_correction():
    factors = [nanoohm / 1e6 for nanoohm in NOMINAL_NANOOHM_PER_COUNT]
    assert correction_words([Correction(factor, 1j * factor) for factor in factors]) == NOMINAL_IMPEDANCE


@pytest.mark.parametrize("factors", [(6.62, 3.31, 3.31), (6.62 + 0.3j, -3.31 - 0.1j, 2j), (100, 1e-3, 0), (1e-5, 0, 0)])
def test_a_float_correction_arrives_whole(factors):
    words = state(correction_words([Correction(factor, 1.01j * factor, 12.5, -3.25) for factor in factors]))
    largest = max(max(abs(complex(f).real), abs(complex(f).imag)) for f in factors) * 1.01
    for frequency, factor in enumerate(factors):
        for i, q in ((30000, -7000), (-500000, 3), (0, 524000)):
            wanted = ((i - 12.5) + 1.01j * (q + 3.25)) * factor
            slack = 1 + 2 * abs(complex(i, q)) * largest * 2**-27
            resistance, reactance = measured(words, frequency, 16 * i, 16 * q, 16)
            assert abs(resistance - wanted.real) <= slack
            assert abs(reactance - wanted.imag) <= slack


ONE = Correction(1, 1j)


@pytest.mark.parametrize(
    ("corrections", "message"),
    [
        ([Correction(0, 0)] * 3, "of 0 milliohm a count does not fit; it must be above 0 and below 128"),
        ([Correction(128, 1), ONE, ONE], "128 milliohm a count does not fit; .* below 128"),
        ([ONE, ONE, Correction(1, -200j)], "200 milliohm a count does not fit; .* below 128"),
        ([ONE, ONE, Correction(1, complex(0, math.inf))], "inf milliohm a count does not fit"),
        ([ONE, ONE, Correction(complex(1, math.nan), 1)], "milliohm a count does not fit"),
        ([ONE, Correction(1, 1j, 131072.5), ONE], "an offset of 131072.5 counts does not fit; .* within 131072 of 0"),
        ([ONE, Correction(1, 1j, 0, -131073), ONE], "an offset of -131073 counts does not fit; .* within 131072 of 0"),
        ([ONE, Correction(1, 1j, math.nan), ONE], "an offset of nan counts does not fit"),
        ([ONE, ONE], "2 frequencies do not fit: there must be 3"),
    ],
)
def test_a_correction_that_does_not_fit_is_refused(corrections, message):
    with pytest.raises(UsageError, match=message):
        correction_words(corrections)


def test_an_offset_at_its_limit_fits():
    assert correction_words([Correction(1, 1j, 131072, -131072)] * 3)[4:6] == (OFFSET_LIMIT, -OFFSET_LIMIT)


@given(st.integers(-(2**28), 2**28), st.integers(-(2**28), 2**28))
@settings(deadline=None)
def test_magnitude_is_rounded_down(resistance, reactance):
    assert magnitude_milliohm(resistance, reactance) == math.isqrt(resistance**2 + reactance**2)


def test_magnitude_around_its_carries():
    edges = [0, 1, 2**14, 2**15 - 1, 2**15, 2**15 + 1, 8191 * 2**15 + 32767, 2**28]
    random = Random(5)
    pairs = [(r, x) for r in edges for x in edges]
    pairs += [(random.randint(-(2**28), 2**28), random.choice(edges)) for _ in range(3000)]
    pairs += [(random.randint(-(10**5), 10**5), random.randint(-(10**5), 10**5)) for _ in range(3000)]
    for r, x in pairs:
        assert magnitude_milliohm(r, -x) == math.isqrt(r**2 + x**2)


LIMITS = st.integers(-MILLIOHM_LIMIT, MILLIOHM_LIMIT)


@given(LIMITS, LIMITS, LIMITS, LIMITS)
@settings(deadline=None)
def test_r0_is_its_weighted_sum(r_5, x_5, r_50, x_50):
    weighted = R0_R * (r_50 - r_5) - R0_X_5 * x_5 - R0_X_50 * x_50
    assert r0_milliohm(r_5, x_5, r_50, x_50) == r_5 + weighted // 1024
