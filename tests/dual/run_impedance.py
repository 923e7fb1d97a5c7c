"""Products, square roots and impedances over their whole ranges, extremes among them."""

from array import array

from digest import CALLS, Digest, Numbers

from turgor.core.fixed import isqrt, mul_shift, split
from turgor.core.impedance import (
    FREQUENCY_WORDS,
    OFFSET_LIMIT,
    SHIFT,
    SHIFT_LIMIT,
    STATE_WORDS,
    magnitude_milliohm,
    r0_milliohm,
    reactance_milliohm,
    resistance_milliohm,
)

MILLIOHM_LIMIT = 168000000


def run_fixed():
    numbers = Numbers(1)
    splits = Digest("core.fixed.split")
    products = Digest("core.fixed.mul_shift")
    for _ in range(CALLS):
        high, low = split(numbers.between(-(1 << 28), 1 << 28))
        splits.add(high, low)
        products.add(mul_shift(numbers.between(-(1 << 29), 1 << 29), high, low, numbers.below(31)))
    splits.show()
    products.show()


def run_roots():
    numbers = Numbers(2)
    roots = Digest("core.fixed.isqrt")
    for _ in range(CALLS // 2):
        roots.add(isqrt(numbers.between(0, (1 << 28) - 1), numbers.between(0, (1 << 30) - 1)))
        # A square of up to 30 bits, or what lies just below or above it.
        root = numbers.between(1, (1 << 15) - 1)
        roots.add(isqrt(0, root * root + numbers.below(3) - 1))
    roots.show()


def run_parts():
    numbers = Numbers(3)
    resistances = Digest("core.impedance.resistance_milliohm")
    reactances = Digest("core.impedance.reactance_milliohm")
    words = array("i", bytes(4 * STATE_WORDS))
    for call in range(CALLS):
        if call % 10 == 0:
            for i in range(SHIFT):
                limit = 1 << 28 if i % FREQUENCY_WORDS < 4 else OFFSET_LIMIT
                words[i] = numbers.between(-limit, limit)
            words[SHIFT] = numbers.below(SHIFT_LIMIT + 1)
        count = numbers.one_of((16, 16, 1 + numbers.below(16)))
        sum_i = count * numbers.between(-(1 << 19), (1 << 19) - 1)
        sum_q = count * numbers.between(-(1 << 19), (1 << 19) - 1)
        frequency = call % 3
        resistances.add(resistance_milliohm(words, frequency, sum_i, sum_q, count))
        reactances.add(reactance_milliohm(words, frequency, sum_i, sum_q, count))
    resistances.show()
    reactances.show()


def run_estimates():
    numbers = Numbers(4)
    magnitudes = Digest("core.impedance.magnitude_milliohm")
    estimates = Digest("core.impedance.r0_milliohm")
    r_50 = x_50 = 0
    for _ in range(CALLS):
        r_5 = numbers.between(-MILLIOHM_LIMIT, MILLIOHM_LIMIT)
        x_5 = numbers.between(-MILLIOHM_LIMIT, MILLIOHM_LIMIT)
        magnitudes.add(magnitude_milliohm(r_5, x_5))
        estimates.add(r0_milliohm(r_5, x_5, r_50, x_50))
        r_50 = r_5
        x_50 = x_5
    magnitudes.show()
    estimates.show()


if __name__ == "__main__":
    run_fixed()
    run_roots()
    run_parts()
    run_estimates()
