"""Repeatable, approximately Gaussian noise: a pure function of an index and a seed, the same on every runtime."""

from array import array

from turgor.mp import micropython, ptr8, ptr16

_MASK = 0x3FFFFFFF
_SIZE = 4096
_UNIT = 4096
_ZERO = 32768


def _hash(x: int) -> int:
    """Thirty well mixed bits of `x` (0 to 2^30 - 1); every product stays below 2^61."""
    x = (x * 0x2545F491) & _MASK
    x = ((x ^ (x >> 15)) * 0x2C1B3C6D) & _MASK
    x = ((x ^ (x >> 13)) * 0x297A2D39) & _MASK
    return x ^ (x >> 15)


def _table() -> "array[int]":
    """Deviates of standard deviation _UNIT, offset by _ZERO: sums of 12 uniform numbers, each also mirrored.

    Twelve uniform numbers of width w have the variance w^2; mirroring makes the mean exactly 0.
    """
    table = array("H", [0] * _SIZE)
    half = _SIZE // 2
    for i in range(half):
        total = 0
        for k in range(12):
            total += _hash(12 * i + k + 1) >> 15
        # Sum of 12 numbers of 15 bits: mean 6 x 2^15, deviation 2^15.
        deviate = ((total << 1) - 12 * 32767) * _UNIT // 65536
        table[i] = _ZERO + deviate
        table[i + half] = _ZERO - deviate
    return table


TABLE = _table()


def salt(seed: int) -> int:
    """The number by which `put_noisy` tells one seed's sequence from another's."""
    return _hash((seed * 2 + 1) & _MASK)


@micropython.viper
def put_noisy(
    buf: ptr8, at: int, tag: int, value: int, limit: int, index: int, salt: int, rms: int, table: ptr16
) -> int:
    """Write `value` plus noise into the three bytes of `buf` from `at` on, big-endian; returns what it wrote.

    The noise is deviate number `index` of the sequence `salt`, of standard deviation `rms` (below 2^30); `table` is
    TABLE. The sum is clipped to -limit - 1 .. limit, and written as so many bits with `tag` above them.
    """
    # The steps of _hash once more: a call would double the cost of the simulator's hottest function.
    x = ((index & 0x3FFFFFFF) * 0x2545F491 + salt) & 0x3FFFFFFF
    x = ((x ^ (x >> 15)) * 0x2C1B3C6D) & 0x3FFFFFFF
    x = ((x ^ (x >> 13)) * 0x297A2D39) & 0x3FFFFFFF
    value += ((int(table[x >> 18]) - 32768) * rms + 2048) >> 12
    if value > limit:
        value = limit
    elif value < -limit - 1:
        value = -limit - 1
    word = tag | (value & (limit + limit + 1))
    buf[at] = word >> 16
    buf[at + 1] = (word >> 8) & 255
    buf[at + 2] = word & 255
    return value
