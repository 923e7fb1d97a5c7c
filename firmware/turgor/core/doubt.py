"""Whether a pressure can be believed: a fall that nobody explained, one near zero, or one that lost its pulse.

Works on the 60 s medians and the readings of one channel, milli-mmHg or ABSENT, once a second. State: the first
STATE_WORDS words of an array of signed words, from `doubt_state`.
"""

from array import array

from turgor.core.median import ABSENT
from turgor.mp import const

# Words: what is doubted (bits), the pressure before the fall, for how long it is near zero, the last reading, this
# minute's sum of steps and their number, a minute's sum by the last hour, its minutes so far, until when falls are
# explained, the medians of the last minute.
DOUBTED = const(0)
_BEFORE = const(1)
NEAR_ZERO_S = const(2)
_LAST = const(3)
_SUM = const(4)
_STEPS = const(5)
_USUAL = const(6)
MINUTES = const(7)
EXPLAINED_AT = const(8)
_MEDIANS = const(9)
_MEDIAN_COUNT = const(7)
STATE_WORDS = const(16)

FELL = const(1)
NEAR_ZERO = const(2)
FLAT = const(4)

FALL_MILLI_MMHG = const(10000)
# The fall is over when so much of it has come back.
_BACK_MILLI_MMHG = const(5000)
NEAR_ZERO_MILLI_MMHG = const(2000)
NEAR_ZERO_RUN_S = const(600)
_AWAY_MILLI_MMHG = const(4000)
# An entry explains what falls within so long after it.
EXPLAINED_S = const(300)
# A channel that varies by less than this a minute, 50 milli-mmHg a second, never had a pulse to lose.
_LIVELY_MILLI_MMHG = const(3000)
# A cough counts as no more than this a second.
_STEP_MOST_MILLI_MMHG = const(2000)
_STEPS_LEAST = const(30)
MINUTES_MOST = const(60)
_EVERY_S = const(10)


def doubt_state():
    """A fresh state: all is believed."""
    s = array("i", bytes(4 * STATE_WORDS))
    s[_LAST] = ABSENT
    explain(s, 0)
    return s


def explain(s, seconds=EXPLAINED_S):
    """Somebody entered something about this channel: falls from now on have a reason for a while."""
    s[EXPLAINED_AT] = seconds
    for i in range(_MEDIANS, STATE_WORDS):
        s[i] = ABSENT


def believe(s):
    """Somebody looked: the pressure is as it reads."""
    s[DOUBTED] = 0
    s[NEAR_ZERO_S] = 0
    s[MINUTES] = 0
    explain(s)


def doubt_push(s, second, median, reading):
    """Take this second's median and reading in."""
    if median != ABSENT:
        _fell(s, second, median)
        if median < NEAR_ZERO_MILLI_MMHG:
            s[NEAR_ZERO_S] += 1
            if s[NEAR_ZERO_S] > NEAR_ZERO_RUN_S:
                s[DOUBTED] |= NEAR_ZERO
        elif median >= _AWAY_MILLI_MMHG or not s[DOUBTED] & NEAR_ZERO:
            s[NEAR_ZERO_S] = 0
            s[DOUBTED] &= ~NEAR_ZERO
    if s[EXPLAINED_AT]:
        # What fell meanwhile is not to be compared with afterwards either.
        explain(s, s[EXPLAINED_AT] - 1)
    if reading != ABSENT:
        if s[_LAST] != ABSENT:
            step = abs(reading - s[_LAST])
            s[_SUM] += step if step < _STEP_MOST_MILLI_MMHG else _STEP_MOST_MILLI_MMHG
            s[_STEPS] += 1
        s[_LAST] = reading
    if second % 60 == 59:
        if s[_STEPS] >= _STEPS_LEAST:
            _flat(s, s[_SUM] // s[_STEPS] * 60)
        s[_SUM] = 0
        s[_STEPS] = 0


def _fell(s, second, median):
    before = ABSENT
    for i in range(_MEDIANS, STATE_WORDS):
        if s[i] > before:
            before = s[i]
    if second % _EVERY_S == 0:
        s[_MEDIANS + second // _EVERY_S % _MEDIAN_COUNT] = median
    if s[DOUBTED] & FELL:
        if median >= s[_BEFORE] - _BACK_MILLI_MMHG:
            s[DOUBTED] &= ~FELL
    elif before - median >= FALL_MILLI_MMHG and before != ABSENT and not s[EXPLAINED_AT]:
        s[DOUBTED] |= FELL
        s[_BEFORE] = before


def _flat(s, minute):
    """Compare a minute's variability with a quarter of this channel's own hour."""
    usual = s[_USUAL]
    known = s[MINUTES] == MINUTES_MOST and usual >= _LIVELY_MILLI_MMHG
    if known and minute * 4 < usual:
        s[DOUBTED] |= FLAT
    elif not s[DOUBTED] & FLAT or minute * 2 >= usual:
        s[DOUBTED] &= ~FLAT
        if s[MINUTES] < MINUTES_MOST:
            s[MINUTES] += 1
        s[_USUAL] = usual + (minute - usual) // s[MINUTES]
