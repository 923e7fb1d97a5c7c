"""The sample chain over noise, extremes and quiet stretches, in blocks of 1 to 500 codes.

A line for each shape of the chain; `tests/core/test_filters_everywhere.py` runs it over compiled and emulated code too.
"""

from array import array

from digest import Digest, Numbers

from turgor.core.filter_words import filter_state, filtered, restart, take_flags
from turgor.core.filters import filter_block

SAMPLES = 100000
FULL = 1 << 23
# Blocks of these lengths in turn.
LENGTHS = (1, 2, 3, 7, 64, 1, 1, 500)
CALIBRATION = (1234, 5957, 12345, 2)
# Cut-off, rate and order of a design, its integers, the median, and whether values are calibrated.
SHAPES = (
    ("section", (1, 80, 2), ((200704345, 225755626, 3, 4),), 1, False),
    ("slow", (0.05, 320, 2), ((135552698, 95343981, 8, 11),), 3, True),
    ("chain", (1, 80, 4), ((197521520, 145143160, 2, 5), (205664148, 125197327, 3, 4)), 3, True),
    ("fast", (19, 80, 4), ((257543148, 257400791, 0, 0), (358123173, 148257480, 0, 0)), 5, True),
)


class Codes:
    """24-bit codes: stretches of noise, of full-scale alternation, random or not, of 0 and of small noise."""

    def __init__(self, seed):
        self._numbers = Numbers(seed)
        self._left = 0
        self._kind = 0
        self._level = 0

    def fill(self, x, n):
        """The next n codes into x."""
        numbers = self._numbers
        for i in range(n):
            if not self._left:
                self._left = 50 + numbers.below(4000)
                self._kind = numbers.below(6)
                self._level = numbers.between(300 - FULL, FULL - 300)
            self._left -= 1
            if self._kind < 2:
                x[i] = numbers.between(-FULL, FULL - 1)
            elif self._kind == 2:
                x[i] = FULL - 1 if numbers.below(2) else -FULL
            elif self._kind == 3:
                x[i] = FULL - 1 if self._left & 1 else -FULL
            elif self._kind == 4:
                x[i] = 0
            else:
                x[i] = self._level + numbers.below(256) - 128


def run(shape, block, samples=SAMPLES):
    """Feed a shape of the chain with `block`; its results, flags and final words are in the digest that comes back."""
    name, _, sections, median, calibrated = shape
    digest = Digest("core.filters.filter_block")
    s = filter_state(median, sections, CALIBRATION if calibrated else None, 30000, 28000, 100)
    x = array("i", bytes(4 * 500))
    o = array("i", bytes(4 * 500))
    codes = Codes(len(name))
    turn = 0
    while samples > 0:
        n = min(LENGTHS[turn % len(LENGTHS)], samples)
        turn += 1
        samples -= n
        codes.fill(x, n)
        flags = block(0, n, s, x, o)
        digest.add_block(n, bytes(o)[: 4 * n], flags, filtered(s))
        if turn % 100 == 0:
            digest.add(take_flags(s))
        if turn % 1000 == 0:
            restart(s)
    digest.add(bytes(s))
    return digest


def run_states():
    """The words of a new state, and those that a restart and the flags' taking leave."""
    states = Digest("core.filter_words.filter_state")
    restarts = Digest("core.filter_words.restart")
    takes = Digest("core.filter_words.take_flags")
    lasts = Digest("core.filter_words.filtered")
    for _, _, sections, median, calibrated in SHAPES:
        s = filter_state(median, sections, CALIBRATION if calibrated else None, -5, -7, 9)
        states.add(bytes(s))
        s[30] = 5
        s[31] = 7
        takes.add(take_flags(s), s[31])
        lasts.add(filtered(s))
        restart(s)
        restarts.add(bytes(s))
    for digest in (states, restarts, takes, lasts):
        digest.show()


if __name__ == "__main__":
    for shape in SHAPES:
        run(shape, filter_block).show()
    run_states()
