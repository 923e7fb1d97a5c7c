"""Channels of sensors that give a few codes a second: skin temperature, the board's supply, and motion.

Their readings are their codes. Nothing is filtered or calibrated, so nothing goes into blocks, and a host makes the
flags of a reading again from its value (`slow_flags`). A reading is valid in a second in which a code came.

A temperature is in milli-degC, a supply in mV. A motion's value has the last x, y and z, 8 bits each, 128 being none
and a step 16 milli-g, then 4 bits that tell how much one axis changed within the second: less than 2^n milli-g. An axis
keeps its step up to 4 milli-g beyond it: what changes every second costs flash.
"""

from array import array

from turgor.core.channel import READING_SATURATED, READING_STUCK, READING_VALID
from turgor.core.channels import MOTION, SUPPLY, TEMPERATURE
from turgor.core.median import ABSENT, median, median_push
from turgor.mp import const

# What a TMP117 is made for.
_COLDEST_MILLI_DEGC = const(-55000)
_HOTTEST_MILLI_DEGC = const(150000)
# No Pico runs from less, or stands more.
_SUPPLY_LEAST_MV = const(1800)
_SUPPLY_MOST_MV = const(5500)
# What rests feels 1 g, 62.5 steps: less than 0.7 or more than 1.4 g tells no posture, and is no rest or a fault.
_LEAST_SQUARE = const(1936)
_MOST_SQUARE = const(7744)


def axis_16_milli_g(value, axis):
    """An axis (0 x, 1 y, 2 z) of a motion's value, in 16 milli-g."""
    return (value >> 20 - 8 * axis & 0xFF) - 128


def slow_flags(kind, value):
    """The flags of a fresh reading."""
    if kind == TEMPERATURE:
        return READING_VALID if _COLDEST_MILLI_DEGC <= value <= _HOTTEST_MILLI_DEGC else READING_SATURATED
    if kind == SUPPLY:
        return READING_VALID if _SUPPLY_LEAST_MV <= value <= _SUPPLY_MOST_MV else READING_SATURATED
    square = 0
    for axis in range(3):
        steps = axis_16_milli_g(value, axis)
        if not -128 < steps < 127:
            return READING_SATURATED
        square += steps * steps
    return READING_VALID if _LEAST_SQUARE <= square <= _MOST_SQUARE else READING_STUCK


def motion_median(windows, value):
    """Push a motion's value (or ABSENT) into the windows of its three axes; returns the medians, packed without
    activity."""
    packed = 0
    for axis in range(3):
        median_push(windows[axis], ABSENT if value == ABSENT else axis_16_milli_g(value, axis))
        middle = median(windows[axis])
        if middle == ABSENT:
            packed = ABSENT
        else:
            packed |= middle + 128 << 20 - 8 * axis
    return packed


def has_turned(before, posture):
    """Whether there are more than 30 degrees between two postures, packed axes."""
    product = a = b = 0
    for axis in range(3):
        p = axis_16_milli_g(posture, axis) >> 1
        q = axis_16_milli_g(before, axis) >> 1
        product += p * q
        a += p * p
        b += q * q
    # The cosine of 30 degrees, squared, is 3 / 4.
    return product <= 0 or product * product < (a * b >> 2) * 3


class SlowChannel:
    """A temperature or a supply: `sample` takes its code. `index` counts codes since boot."""

    def __init__(self, kind):
        self.kind = kind
        self.index = 0
        self.value = 0
        self.flags = 0
        self.captured = 0
        self._latest = 0

    def sample(self, code):
        self.index += 1
        self._latest = code

    def capture(self):
        """Take this second's reading; returns its value when it is valid, else ABSENT."""
        fresh = self.index != self.captured
        self.captured = self.index
        if fresh:
            self.value = self._gathered()
        self.flags = slow_flags(self.kind, self.value) if fresh else 0
        return self.value if self.flags & READING_VALID else ABSENT

    def _gathered(self):
        return self._latest


class MotionChannel(SlowChannel):
    """A motion: `sample` takes x, y and z in milli-g, 12 bits each."""

    def __init__(self):
        super().__init__(MOTION)
        self._is_first = True
        # Of each axis: last, least and greatest of this second.
        self._axes = array("i", bytes(36))

    def sample(self, code):
        self.index += 1
        axes = self._axes
        for axis in range(3):
            felt = code[axis]
            axes[axis] = felt
            if self._is_first or felt < axes[axis + 3]:
                axes[axis + 3] = felt
            if self._is_first or felt > axes[axis + 6]:
                axes[axis + 6] = felt
        self._is_first = False

    def _gathered(self):
        axes = self._axes
        value = 0
        for axis in range(3):
            while axes[axis + 6] - axes[axis + 3] >> value:
                value += 1
        for axis in range(3):
            step = axis_16_milli_g(self.value, axis)
            if not -4 <= axes[axis] - 16 * step < 20:
                step = axes[axis] >> 4
            value |= step + 128 << 20 - 8 * axis
        self._is_first = True
        return value
