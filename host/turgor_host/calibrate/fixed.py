"""Float factors -> split integer coefficients for `turgor.core.fixed.mul_shift`."""

from math import floor

from turgor_host.errors import UsageError

COEFFICIENT_BITS = 28
PRODUCT_BITS = 30


def coefficient(value: float) -> tuple[int, int, int]:
    """(high, low, shift) with value = (high * 2^15 + low) / 2^(30 + shift), to 28 bits; 0 < |value| < 0.25."""
    if not 0 < abs(value) < 0.25:
        raise UsageError(f"a factor of {value:g} does not fit: it must lie within 0.25 of 0, and not be 0")
    shift = 0
    while abs(value) * 2 ** (PRODUCT_BITS + shift + 1) < 2**COEFFICIENT_BITS - 1:
        shift += 1
    number = floor(value * 2 ** (PRODUCT_BITS + shift) + 0.5)
    return number >> 15, number & 0x7FFF, shift


def factor(high: int, low: int, shift: int) -> float:
    """The float that a split coefficient stands for."""
    return (high * 2**15 + low) / 2.0 ** (PRODUCT_BITS + shift)
