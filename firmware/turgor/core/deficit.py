"""Accumulated perfusion deficit: how far and how long dP lay below its limit in the last 12 h, in mmHg x h.

Fed once a second with dP in milli-mmHg, within +-2^28, or ABSENT; gives milli-mmHg x h. The 12 h are wall time: this
minute so far and the WINDOW_MINUTES - 1 whole minutes before it, of which seconds without dP add nothing. So an absent
dP leaves the sum as it is, but for what grows older than 12 h.

A second counts as at most DEPTH_MOST_MILLI_MMHG below the limit. Minutes are kept in 16-bit bins of 0.36 mmHg x s;
what a bin leaves over goes into the next one, so the result lies within 0.6 milli-mmHg x h of the exact sum over the
same seconds, however many they are.

A state is an array of words (`deficit_state`) and an array of 16-bit bins (`deficit_bins`), 1460 bytes together.
"""

from array import array

from turgor.core.median import ABSENT
from turgor.mp import const, micropython, ptr16, ptr32

# Words of the state, none negative but the limit: the limit in milli-mmHg, seconds of this minute so far, its place
# among the bins, its sum so far with what the last minute left over (milli-mmHg x s), the sum of all bins.
LIMIT = const(0)
SECOND = const(1)
PLACE = const(2)
MINUTE = const(3)
BINS = const(4)
STATE_WORDS = const(5)

WINDOW_MINUTES = const(720)
# 60 such seconds make 65000 in a bin.
DEPTH_MOST_MILLI_MMHG = const(390000)
# A bin's unit in milli-mmHg x s, and how many of them make a milli-mmHg x h.
_UNIT = const(360)
_UNITS_A_RESULT = const(10)


def deficit_state(limit_milli_mmhg):
    """The words of a fresh state; a dP below the limit adds to the deficit."""
    s = array("i", bytes(4 * STATE_WORDS))
    s[LIMIT] = limit_milli_mmhg
    return s


def deficit_bins():
    """The bins of a fresh state."""
    return array("H", bytes(2 * WINDOW_MINUTES))


@micropython.viper
def deficit_pass(s: ptr32, bins: ptr16, seconds: int):
    """Let 0 to 2^29 seconds pass, as after a restart: with no dP of their own they only move the window on."""
    second = s[SECOND] + seconds
    minutes = second // 60
    s[SECOND] = second - minutes * 60
    if minutes > 720:
        minutes = 720
    whole = 0
    if minutes:
        whole = s[MINUTE] // _UNIT
        s[MINUTE] -= whole * _UNIT
    place = s[PLACE]
    total = s[BINS] + whole
    while minutes:
        bins[place] = whole
        whole = 0
        place += 1
        if place == 720:
            place = 0
        # What was 12 h ago leaves, and its bin becomes this minute's.
        total -= bins[place]
        bins[place] = 0
        minutes -= 1
    s[PLACE] = place
    s[BINS] = total


def deficit_push(s, bins, dp_milli_mmhg):
    """Take this second's dP (or ABSENT) in."""
    if dp_milli_mmhg != ABSENT and dp_milli_mmhg < s[LIMIT]:
        depth = s[LIMIT] - dp_milli_mmhg
        s[MINUTE] += depth if depth < DEPTH_MOST_MILLI_MMHG else DEPTH_MOST_MILLI_MMHG
    deficit_pass(s, bins, 1)


def deficit_milli_mmhg_h(s):
    """The deficit now, rounded; at most 4.68 million."""
    return (s[BINS] + s[MINUTE] // _UNIT + (_UNITS_A_RESULT >> 1)) // _UNITS_A_RESULT
