"""Counts of a digital sensor into a unit, in integers: the line through the two ends that a datasheet gives.

Takes counts of at most 24 bits and ends within +-2^29 units; gives an integer within one unit of the exact line, over
all counts for which that lies within +-2^29. Every intermediate stays within +-2^30.
"""

from turgor.mp import micropython


class Linear:
    """The line through (low_counts, low) and (high_counts, high) for counts of `bits` bits."""

    def __init__(self, bits, low_counts, high_counts, low, high):
        if not 1 < bits <= 24:
            raise ValueError("counts of {} bits: 2 to 24".format(bits))
        if not 0 <= low_counts < high_counts < 1 << bits:
            raise ValueError("counts {} to {}: rising, of {} bits".format(low_counts, high_counts, bits))
        if not -(1 << 29) < low < high < 1 << 29:
            raise ValueError("range {} to {}: rising, within +-{}".format(low, high, 1 << 29))
        # slope = (high - low) / (high_counts - low_counts), kept as n / 2^scale with n of 28 bits.
        counts = high_counts - low_counts
        scale = 0
        while ((high - low) << (scale + 1)) // counts < (1 << 28) - 1:
            scale += 1
        n = (((high - low) << (scale + 1)) // counts + 1) >> 1
        # Counts are widened to 29 bits, and their product with n loses 30 bits on the way.
        self._widen = 29 - bits
        self._shift = scale + self._widen - 30
        if self._shift < 1:
            raise ValueError("range {} to {}: too wide for {} counts".format(low, high, counts))
        self._high = n >> 15
        self._low = n & 0x7FFF
        self._origin_counts = low_counts
        self._origin = low

    @micropython.viper
    def at(self, counts: int) -> int:
        """The unit's value at `counts`, beyond the two ends too."""
        a = (counts - int(self._origin_counts)) << int(self._widen)
        high = int(self._high)
        low = int(self._low)
        a_high = a >> 15
        a_low = a & 0x7FFF
        product = a_high * high + ((a_high * low + a_low * high + ((a_low * low) >> 15)) >> 15)
        shift = int(self._shift)
        return int(self._origin) + ((product + (1 << (shift - 1))) >> shift)
