"""Impedance correction: a complex factor per frequency -> the integers of `turgor.core.impedance`."""

from collections.abc import Sequence
from math import floor

from turgor_host.calibrate.fixed import COEFFICIENT_BITS, PRODUCT_BITS
from turgor_host.errors import UsageError

# Sums run over 16 words and are scaled by 32 before the product.
_SUM_SCALE = 16 * 32


def correction(milliohm_per_count: Sequence[complex]) -> tuple[int, ...]:
    """RE and IM for each frequency and their common SHIFT, to 28 bits, from the factor of one I or Q word."""
    factors = [factor / _SUM_SCALE for factor in milliohm_per_count]
    largest = max(max(abs(f.real), abs(f.imag)) for f in factors)
    if not 0 < largest < 0.25:
        raise UsageError(
            f"a correction of {largest * _SUM_SCALE:g} milliohm a count does not fit; it must be below 128"
        )
    shift = 0
    while largest * 2 ** (PRODUCT_BITS + shift + 1) < 2**COEFFICIENT_BITS - 1:
        shift += 1
    words = []
    for f in factors:
        words += [floor(part * 2 ** (PRODUCT_BITS + shift) + 0.5) for part in (f.real, f.imag)]
    return (*words, shift)
