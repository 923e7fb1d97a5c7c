"""The highest value of the last hours, in bins of some minutes."""

from turgor.core.median import ABSENT
from turgor.mp import const, micropython, ptr32

BINS = const(24)


def highest_push(s, at, second, bin_s, value):
    """Take the value (or ABSENT) of `second` into the BINS words from `at` on, each second in turn."""
    place = at + second // bin_s % BINS
    if second % bin_s == 0 or value > s[place]:
        s[place] = value


def highest_restart(s, at):
    """Nothing is known any more."""
    for i in range(at, at + BINS):
        s[i] = ABSENT


@micropython.viper
def highest(s: ptr32, at: int) -> int:
    """The highest of this bin and the 23 before it; ABSENT when there is none."""
    found = -536870912
    end = at + 24
    while at < end:
        value = ((s[at] + 0x20000000) & 0x3FFFFFFF) - 0x20000000
        if value > found:
            found = value
        at += 1
    return found
