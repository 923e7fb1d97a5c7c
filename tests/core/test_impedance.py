"""Impedance of a sweep step against complex numbers."""

from array import array
from random import Random

import pytest

from turgor.core.impedance import PAIRS, SHIFT, STATE_WORDS, reactance_milliohm, resistance_milliohm
from turgor_host.calibrate.impedance import correction
from turgor_host.errors import UsageError

WORD_LIMIT = 2**19


def state(words):
    assert len(words) == STATE_WORDS
    return array("i", words)


def exact(words, frequency, sum_i, sum_q, count):
    """The corrected impedance in complex floats, milliohm."""
    factor = complex(words[2 * frequency], words[2 * frequency + 1]) / 2 ** (30 + words[SHIFT])
    return complex(sum_i, sum_q) / count * PAIRS * 32 * factor


def test_by_hand():
    """16 words of 1000 and -500, times 512, times 2^25 / 2^30: 16000 and -8000; a quarter turn swaps them."""
    plain = state((1 << 25, 0, 0, 1 << 25, 1 << 27, 0, 0))
    assert resistance_milliohm(plain, 0, 16000, -8000, 16) == 16000
    assert reactance_milliohm(plain, 0, 16000, -8000, 16) == -8000
    assert resistance_milliohm(plain, 1, 16000, -8000, 16) == 8000
    assert reactance_milliohm(plain, 1, 16000, -8000, 16) == 16000
    # Four times the factor of the first frequency, and four words fewer with the same mean.
    assert resistance_milliohm(plain, 2, 12000, -6000, 12) == 64000


def test_follows_complex_numbers():
    """Rounded down: two products by less than 1 each, before and after the shift; a short sum by one count more."""
    random = Random(9)
    extremes = [WORD_LIMIT - 1, -WORD_LIMIT, 0, 1, -1]
    for _ in range(6000):
        factors = [random.choice([2**28, -(2**28), random.randint(-(2**28), 2**28)]) for _ in range(6)]
        words = state([*factors, random.randint(0, 12)])
        count = random.choice([16, 16, 1, 7, 15])
        frequency = random.randrange(3)
        sum_i, sum_q = (
            count * random.choice([*extremes, random.randint(-WORD_LIMIT, WORD_LIMIT - 1)]) for _ in range(2)
        )
        wanted = exact(words, frequency, sum_i, sum_q, count)
        for got, part in (
            (resistance_milliohm(words, frequency, sum_i, sum_q, count), wanted.real),
            (reactance_milliohm(words, frequency, sum_i, sum_q, count), wanted.imag),
        ):
            assert part - 3.001 < got < part + 1.001


def test_a_short_sum_is_scaled_to_within_a_count():
    words = state((222144131, 0, 0, 0, 0, 0, 4))
    milliohm_per_count = 222144131 / 2**34 * 512
    for count in range(1, 17):
        for total in range(-70000, 70000, 9973):
            wanted = total / count * milliohm_per_count
            assert abs(resistance_milliohm(words, 0, total, 0, count) - wanted) < milliohm_per_count / 16 + 1


@pytest.mark.parametrize("factors", [(6.62, 3.31, 3.31), (6.62 + 0.3j, -3.31 - 0.1j, 2j), (100, 1e-3, 0), (1e-4, 0, 0)])
def test_a_float_correction_arrives_whole(factors):
    words = state(correction(factors))
    largest = max(max(abs(complex(f).real), abs(complex(f).imag)) for f in factors)
    for frequency, factor in enumerate(factors):
        for i, q in ((30000, -7000), (-500000, 3), (0, 524000)):
            wanted = complex(i, q) * factor
            slack = 1.001 + 2 * abs(complex(i, q)) * largest * 2**-27
            assert abs(resistance_milliohm(words, frequency, 16 * i, 16 * q, 16) - wanted.real) <= slack
            assert abs(reactance_milliohm(words, frequency, 16 * i, 16 * q, 16) - wanted.imag) <= slack


@pytest.mark.parametrize("factors", [(0, 0, 0), (128, 1, 1), (1, 1, -200j)])
def test_a_correction_that_does_not_fit_is_refused(factors):
    with pytest.raises(UsageError, match="does not fit"):
        correction(factors)
