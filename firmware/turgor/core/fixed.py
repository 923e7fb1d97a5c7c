"""Split products: a 30-bit number times a 28-bit coefficient without leaving +-2^30.

A coefficient n, |n| < 2^28, is kept as `high = n >> 15` (signed, 13 bits and sign) and `low = n & 0x7fff`.
"""


def mul_shift(a, high, low, shift):
    """floor(a * n / 2^(30 + shift)) for |a| <= 2^29 and n = high * 2^15 + low, |n| <= 2^28, shift >= 0."""
    a_high = a >> 15
    a_low = a & 0x7FFF
    middle = a_high * low + a_low * high + ((a_low * low) >> 15)
    return (a_high * high + (middle >> 15)) >> shift


def split(n):
    """A coefficient as the pair (high, low) that `mul_shift` takes."""
    return n >> 15, n & 0x7FFF
