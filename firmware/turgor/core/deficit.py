"""Accumulated perfusion deficit: how far and how long dP lay below a limit in the last 12 h, in mmHg x h.

Fed once a second with dP in milli-mmHg, within +-2^28, or ABSENT; gives milli-mmHg x h. The 12 h are wall time: this
BIN_S so far and the BINS - 1 whole ones before it, of which seconds without dP add nothing. So an absent dP leaves the
sum as it is, but for what grows older than that.

A second counts as at most DEPTH_MOST_MILLI_MMHG below the limit. A bin has whole milli-mmHg x h; what it leaves over
goes into the next one, so the result lies less than 1 milli-mmHg x h from the exact sum over the same seconds.
"""

from array import array

from turgor.core.median import ABSENT
from turgor.mp import const

# Words of a state: what is not yet a whole milli-mmHg x h (milli-mmHg x s), the sum of all bins, the bins.
REST = const(0)
SUM = const(1)
_BINS_AT = const(2)
BINS = const(30)
STATE_WORDS = const(32)

BIN_S = const(1440)
DEPTH_MOST_MILLI_MMHG = const(390000)


def deficit_state():
    """A fresh state."""
    return array("i", bytes(4 * STATE_WORDS))


def deficit_push(s, second, dp_milli_mmhg, limit_milli_mmhg):
    """Take the dP (or ABSENT) of `second` in, each second in turn; a dP below the limit adds to the deficit."""
    place = _BINS_AT + second // BIN_S % BINS
    if second % BIN_S == 0:
        # What was 12 h ago leaves, and its bin becomes this one.
        s[SUM] -= s[place]
        s[place] = 0
    if dp_milli_mmhg != ABSENT and dp_milli_mmhg < limit_milli_mmhg:
        depth = limit_milli_mmhg - dp_milli_mmhg
        rest = s[REST] + (depth if depth < DEPTH_MOST_MILLI_MMHG else DEPTH_MOST_MILLI_MMHG)
        whole = rest // 3600
        s[REST] = rest - whole * 3600
        s[place] += whole
        s[SUM] += whole
