"""Stand-ins for two functions of the core that a board computes in 31 bits: the same results in fewer steps.

Compiled ticks call them instead; the test that holds those equal to the judge holds these.
"""

from typing import Any

from turgor.core import change, median
from turgor.core.median import ABSENT

# Words of a median's state: where the readings of the last 60 s and where the sorted ones begin.
_RING = 2
_SORTED = 62
_WINDOW = 60


def share(n: int, part: int, whole: int, plus: int) -> int:
    """`core.change._share` by one product of 64 bits."""
    return (n * part + plus) // whole


def median_push(s: Any, value: int) -> int:
    """`core.median.median_push` with the places of what goes and what comes found by halving."""
    position = s[0]
    n = s[1]
    slot = position
    old = ABSENT
    if slot >= _WINDOW:
        slot -= _WINDOW
        old = s[_RING + slot]
    s[_RING + slot] = value
    # Where what goes stands, and before which of the rest what comes belongs.
    gap = _SORTED + n
    if old != ABSENT:
        gap = _place(s, n, old)
    if value == ABSENT:
        if old != ABSENT:
            n -= 1
            for i in range(gap, _SORTED + n):
                s[i] = s[i + 1]
    else:
        end = _SORTED + n
        if old == ABSENT:
            n += 1
        while gap > _SORTED and s[gap - 1] > value:
            s[gap] = s[gap - 1]
            gap -= 1
        while gap + 1 < end and s[gap + 1] < value:
            s[gap] = s[gap + 1]
            gap += 1
        s[gap] = value
    s[0] = _WINDOW if position == 2 * _WINDOW - 1 else position + 1
    s[1] = n
    return int(n)


def _place(s: Any, n: int, value: int) -> int:
    """The first of the `n` sorted that is not below `value`."""
    low = _SORTED
    high = _SORTED + n
    while low < high:
        middle = (low + high) >> 1
        if s[middle] < value:
            low = middle + 1
        else:
            high = middle
    return low


STAND_INS: dict[Any, Any] = {change._share: share, median.median_push: median_push}
