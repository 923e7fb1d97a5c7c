"""Fixed point: products of a 30-bit number and a 28-bit coefficient, square roots of 58 bits, within +-2^30 all along.

A coefficient n, |n| <= 2^28, is kept as `high = n >> 15` (signed, at most 2^13 either way) and `low = n & 0x7fff`; a
number of 58 bits as `high` (28 bits) and `low` (30 bits), neither negative.
"""

from turgor.mp import const, micropython

# How a product is made: 0 of halves, for every 32-bit board; 1 of 64 bits at once, for a compiler that has them
# (`turgor_host.compiled` sets it). The bits are the same.
_WIDE = const(0)


@micropython.viper
def mul_shift(a: int, high: int, low: int, shift: int) -> int:
    """floor(a n / 2^(30 + shift)) for |a| <= 2^29 and n = high 2^15 + low, |n| <= 2^28, 0 <= shift < 31."""
    if _WIDE:
        return (a * ((high << 15) + low)) >> (30 + shift)
    a_high = a >> 15
    a_low = a & 0x7FFF
    middle = a_high * low + a_low * high + ((a_low * low) >> 15)
    return (a_high * high + (middle >> 15)) >> shift


def split(n):
    """A coefficient as the pair (high, low) that `mul_shift` takes."""
    return n >> 15, n & 0x7FFF


@micropython.viper
def isqrt(high: int, low: int) -> int:
    """floor(sqrt(high 2^30 + low)) for 0 <= high < 2^28 and 0 <= low < 2^30: up to 29 bits, in 29 rounds."""
    # Each round takes two more bits, a bit of the root. `rest` is what is above the root's square: at most 2 root.
    root = 0
    rest = 0
    bits = high
    at = 26
    left = 29
    while left:
        if left == 15:
            bits = low
            at = 28
        pair = (bits >> at) & 3
        # Where 4 rest + pair exceeds 4 root, the root's next bit is 1.
        if rest > root or (rest == root and pair != 0):
            rest = ((rest - root) << 2) + pair - 1
            root = (root << 1) + 1
        else:
            rest = (rest << 2) + pair
            root = root << 1
        at -= 2
        left -= 1
    return root
