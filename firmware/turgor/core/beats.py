"""Beats of an arterial line: systolic, diastolic and mean pressure, the pulse rate, and whether to trust them.

Takes calibrated values in milli-mmHg within +-2^28 at 100 to 400 samples/s, low-passed at 15 to 25 Hz; what lies
outside -200 to +324.287 mmHg counts as that. Gives milli-mmHg (the mean to 3 milli-mmHg), ABSENT where there is
nothing to be trusted. Inside, pressures are levels, milli-mmHg + 200000, and no word of the state is ever negative.

A beat begins with its foot, the lowest level before an upstroke: that is its diastolic. An upstroke is a rise within
128 ms by 3 mmHg and by more than a threshold, 5/8 of the usual rise right after an upstroke, 5/16 one usual interval
later, 0 after two. None follows another within 180 ms or before the pressure has fallen again. The next upstroke
completes a beat, and only then does it enter the medians of eight.

An upstroke is judged by its width, its height divided by its steepest slope (over 16 ms). Natural ones take 35 to 100
ms, less at high rates; a catheter with air or a clot in it, a low-pass of 5 Hz or less, adds 30 ms and more. It is
damped when wider than 36 ms + 7 % of the usual interval, at most 105 ms (the faster the pulse, the more a given damping
lifts the diastolic); or when wider than 5/4 of this line's own width while its height is below 85 % of this line's own.
Both are learnt from about 32 upstrokes that were not damped, and forgotten at a flush, with which one tests a line. A
narrower one of less than 6 mmHg is too small to judge. A diastolic counts when the upstroke after it is good and the
one before it not damped. One that does not gives two strikes, one that does takes one back; at five, as after three in
a row or two damped upstrokes within five beats, diastolic and systolic are withdrawn until eight good beats have come;
the mean, which damping leaves as it is, stays.

Above 250 mmHg, or when an upstroke rises by over twice the usual + 50 mmHg, it is a flush: all is withdrawn at once.
When no upstroke comes for 2.5 usual intervals or 4 s, there are no beats: blood draw, stopcock, a flush to any level,
arrest. Until then the values are those of the beats before.

The rate counts what was found: twice the pulse where a balloon pump's second rise passes for a beat, half of it where
every other beat is too weak. A square artefact of 15 mmHg, or noise of 5 mmHg RMS and more on a line without a pulse,
can pass for beats. Damping that comes over minutes lifts the diastolic by up to 7 mmHg before it is told.

A held (repeated) value is a flat stretch: less than 16 ms do no harm, more may spoil one beat's judgement, and from 2.5
intervals on there are no beats. After a gap of unknown length, or another sensor, `beat_restart`.
"""

from array import array

from turgor.core.median import ABSENT
from turgor.mp import const, micropython, ptr32

# Words of the state. The last 128 levels come first, where they are reached cheapest.
# The configuration, in samples, the widths in 1/16 sample.
RISE = const(128)
SLOPE = const(129)
REST = const(130)
LEARN = const(131)
LONGEST = const(132)
WIDTH_LEAST = const(133)
WIDTH_MOST = const(134)
RATE_HZ = const(135)
# The course of a beat: phase, place in the ring of samples, samples since the last upstroke (or the last 4 s without).
PHASE = const(136)
PLACE = const(137)
SINCE = const(138)
# The highest level; the lowest since, how long ago it was and the sum of half levels up to it; that sum up to now.
HIGH = const(139)
LOW = const(140)
LOW_AGO = const(141)
LOW_SUM = const(142)
SUM = const(143)
# The largest rise, the steepest slope and how long ago that was.
MOST = const(144)
STEEPEST = const(145)
STEEPEST_AGO = const(146)
# The present beat: level of its foot and how long ago that was; faults of its upstroke and of the one before
# (quality bits; SMALL: too small to judge; NONE: there is no beat in the making).
FOOT = const(147)
FOOT_AGO = const(148)
FAULTS = const(149)
FAULTS_BEFORE = const(150)
# What is usual: rise, interval x 8, threshold at an upstroke and its fall with each sample.
USUAL_RISE = const(151)
USUAL_INTERVAL = const(152)
THRESHOLD = const(153)
FALL = const(154)
# The line's own width and pulse, x 32, and of how many upstrokes (up to 8).
OWN_WIDTH = const(155)
OWN_PULSE = const(156)
OWN_COUNT = const(157)
# What the summary needs: good beats since they were withdrawn and beats without gap or flush (both up to 8), strikes,
# quality bits, beats complete, samples since the last good beat, width of the last upstroke in 1/16 sample.
GOOD = const(158)
KEPT = const(159)
STRIKES = const(160)
TROUBLE = const(161)
BEATS = const(162)
AGE = const(163)
WIDTH = const(164)
# The last eight: of good beats diastolic and systolic, of all without gap or flush mean and interval.
GOOD_PLACE = const(165)
KEPT_PLACE = const(166)
DIASTOLICS = const(167)
SYSTOLICS = const(175)
MEANS = const(183)
INTERVALS = const(191)
# Room for sorting.
SORTED = const(199)
STATE_WORDS = const(207)

# Phases.
WAITING = const(0)
RISING = const(1)
RESTING = const(2)
LEARNING = const(3)
FRESH = const(4)

# Quality. FEW: fewer than eight good beats since they were withdrawn.
NO_BEATS = const(1)
DAMPED = const(2)
FLUSHED = const(4)
FEW = const(8)

LEVEL_0 = const(200000)
_APART_MILLI_MMHG = const(8000)
# Where AGE ends.
MOST_AGE = const(0x1FFFFFFF)
# Faults besides.
SMALL = const(8)
NONE = const(16)


@micropython.viper
def beat_block(a: int, b: int, s: ptr32, x: ptr32) -> int:
    """Take the values x[a:b] in; returns how many beats they completed."""
    end = b
    beats = 0
    # Times are ages in the state; in here they are places in x, which may lie before its begin.
    place = s[PLACE] - a
    rise_place = place - s[RISE]
    slope_place = place - s[SLOPE]
    since = a - s[SINCE]
    low_at = a - s[LOW_AGO]
    steepest_at = a - s[STEEPEST_AGO]
    foot_at = a - s[FOOT_AGO]
    good_at = a - s[AGE]
    phase = s[PHASE]
    high = s[HIGH]
    low = s[LOW]
    low_sum = s[LOW_SUM]
    total = s[SUM]
    most = s[MOST]
    steepest = s[STEEPEST]
    rise = 0
    if phase == FRESH and a < end:
        # The first value is taken for the past too.
        phase = LEARNING
        b = ((x[a] + 0x20000000) & 0x3FFFFFFF) - 536670912
        if b >> 19:
            b = 0 if b < 0 else 0x7FFFF
        i = 0
        while i < 128:
            s[i] = b
            i += 1
    while a < end:
        longest = s[LONGEST]
        if phase == LEARNING:
            longest = s[LEARN]
        stop = since + longest
        if stop > end:
            stop = end
        event = 0
        while stop - a:
            b = ((x[a] + 0x20000000) & 0x3FFFFFFF) - 536670912
            if b >> 19:
                b = 0 if b < 0 else 0x7FFFF
            s[(a + place) & 127] = b
            total += b >> 1
            rise = b - s[(a + rise_place) & 127]
            if b < low:
                low = b
                low_at = a
                low_sum = total
                if phase == WAITING:
                    steepest = 0
            if phase:
                if rise > most:
                    most = rise
                if phase < LEARNING:
                    if b > high:
                        high = b
                        low = b
                        low_at = a
                        low_sum = total
                        if b > 450000:
                            event = 2
                            stop = a + 1
                    if phase == RESTING:
                        if rise <= 0 and a - since >= s[REST]:
                            phase = WAITING
                            steepest = 0
                    else:
                        slope = b - s[(a + slope_place) & 127]
                        if slope > steepest:
                            steepest = slope
                            steepest_at = a
                        if slope <= 0 or a - steepest_at > s[RISE]:
                            event = 2
                            stop = a + 1
            elif rise > 0:
                slope = b - s[(a + slope_place) & 127]
                if slope > steepest:
                    steepest = slope
                    steepest_at = a
                if rise > 3000 and rise > s[THRESHOLD] - s[FALL] * (a - since):
                    event = 1
                    stop = a + 1
            a += 1
        if event == 1:
            # An upstroke: it completes the beat in the making and begins another at the lowest level since.
            now = a - 1
            faults = s[FAULTS]
            if faults < NONE:
                interval = now - since
                if s[BEATS] == 0:
                    s[USUAL_INTERVAL] = interval << 3
                s[USUAL_INTERVAL] += interval - (s[USUAL_INTERVAL] >> 3)
                beats += 1
                s[BEATS] = (s[BEATS] + 1) & 0x1FFFFFFF
                trouble = s[TROUBLE] & (DAMPED | FLUSHED)
                good = s[GOOD]
                kept = s[KEPT]
                strikes = s[STRIKES]
                # What is damped or flushed before the foot lifts it too.
                faults |= s[FAULTS_BEFORE] & (DAMPED | FLUSHED | NONE)
                if low_at == foot_at:
                    # A beat of no length: the pressure has only stepped.
                    faults |= FLUSHED
                if faults & FLUSHED == 0:
                    i = s[KEPT_PLACE]
                    s[MEANS + i] = low_sum // (low_at - foot_at) << 1
                    s[INTERVALS + i] = interval
                    s[KEPT_PLACE] = (i + 1) & 7
                    if kept < 8:
                        kept += 1
                    if kept == 8:
                        trouble &= DAMPED
                    if faults == 0:
                        i = s[GOOD_PLACE]
                        s[DIASTOLICS + i] = s[FOOT]
                        s[SYSTOLICS + i] = high
                        s[GOOD_PLACE] = (i + 1) & 7
                        good_at = now
                        if strikes:
                            strikes -= 1
                        if good < 8:
                            good += 1
                    else:
                        strikes += 2
                        if strikes >= 5:
                            strikes = 5
                            good = 0
                            trouble |= faults & DAMPED
                    if good == 8:
                        trouble &= FLUSHED
                s[GOOD] = good
                s[KEPT] = kept
                s[STRIKES] = strikes
                s[TROUBLE] = trouble
            s[FAULTS_BEFORE] = s[FAULTS]
            s[FAULTS] = 0
            s[FOOT] = low
            foot_at = low_at
            since = now
            total -= low_sum
            high = b
            low = b
            low_at = now
            low_sum = total
            most = rise
            phase = RISING
        elif event == 2:
            # The upstroke is over, or has left what an artery gives: judge it.
            phase = RESTING
            flushed = 1
            if high <= 450000:
                usual = s[USUAL_RISE]
                flushed = 0
                if most > (usual << 1) + 50000:
                    flushed = 1
                if most > usual << 2:
                    most = usual << 2
                usual += (most - usual) >> 2
                if usual < 3000:
                    usual = 3000
                s[USUAL_RISE] = usual
                s[THRESHOLD] = usual * 5 >> 3
                s[FALL] = ((usual * 5 >> 1) + s[USUAL_INTERVAL] - 1) // s[USUAL_INTERVAL]
            if flushed:
                s[FAULTS] = FLUSHED
                s[OWN_COUNT] = 0
                s[GOOD] = 0
                s[KEPT] = 0
                s[STRIKES] = 0
                s[TROUBLE] |= FLUSHED
            else:
                pulse = high - s[FOOT]
                width = 0x1000
                if steepest:
                    width = (pulse << 4) * s[SLOPE] // steepest
                s[WIDTH] = width
                limit = s[WIDTH_LEAST] + (s[USUAL_INTERVAL] * 143 >> 10)
                if limit > s[WIDTH_MOST]:
                    limit = s[WIDTH_MOST]
                own_width = s[OWN_WIDTH] >> 5
                own_pulse = s[OWN_PULSE] >> 5
                if width > limit or (s[OWN_COUNT] == 8 and width << 2 > own_width * 5 and pulse * 20 < own_pulse * 17):
                    s[FAULTS] = DAMPED
                elif pulse < 6000:
                    s[FAULTS] = SMALL
                elif s[FAULTS_BEFORE] == 0:
                    slow = 5
                    if s[OWN_COUNT] < 8:
                        if s[OWN_COUNT] == 0:
                            s[OWN_WIDTH] = width << 5
                            s[OWN_PULSE] = pulse << 5
                        s[OWN_COUNT] += 1
                        slow = 2
                    s[OWN_WIDTH] += ((width << 5) - s[OWN_WIDTH]) >> slow
                    s[OWN_PULSE] += ((pulse << 5) - s[OWN_PULSE]) >> slow
        elif a - since == longest:
            # No upstroke for long, or enough seen to know a usual rise.
            if phase == LEARNING:
                if most < 3000:
                    most = 3000
                s[USUAL_RISE] = most
                s[THRESHOLD] = most * 5 >> 3
                s[FALL] = ((most * 5 >> 1) + s[USUAL_INTERVAL] - 1) // s[USUAL_INTERVAL]
            else:
                s[THRESHOLD] = 0
                s[FALL] = 0
                s[GOOD] = 0
                s[KEPT] = 0
                s[STRIKES] = 0
                s[TROUBLE] |= NO_BEATS
            phase = WAITING
            s[FAULTS] = NONE
            since = a
            foot_at = a
            steepest_at = a
            steepest = 0
            low = b
            low_at = a
            total = 0
            low_sum = 0
    s[PHASE] = phase
    s[PLACE] = (place + end) & 127
    s[SINCE] = end - since
    s[HIGH] = high
    s[LOW] = low
    s[LOW_AGO] = end - low_at
    s[LOW_SUM] = low_sum
    s[SUM] = total
    s[MOST] = most
    s[STEEPEST] = steepest
    s[STEEPEST_AGO] = end - steepest_at
    s[FOOT_AGO] = end - foot_at
    age = end - good_at
    if age > 0x1FFFFFFF:
        age = 0x1FFFFFFF
    s[AGE] = age
    return beats


def beat_state(rate_hz):
    """A new state for a line of 100 to 400 samples/s."""
    s = array("i", bytes(4 * STATE_WORDS))
    s[RISE] = (rate_hz * 128 + 500) // 1000
    s[SLOPE] = (rate_hz * 16 + 500) // 1000
    s[REST] = (rate_hz * 180 + 500) // 1000
    s[LEARN] = 2 * rate_hz
    s[LONGEST] = 4 * rate_hz
    s[WIDTH_LEAST] = rate_hz * 16 * 36 // 1000
    s[WIDTH_MOST] = rate_hz * 16 * 105 // 1000
    s[RATE_HZ] = rate_hz
    beat_restart(s)
    return s


def beat_restart(s):
    """Forget the past: learn the usual rise for 2 s, then find beats."""
    for i in range(PHASE, STATE_WORDS):
        s[i] = 0
    s[PHASE] = FRESH
    s[USUAL_INTERVAL] = 8 * s[RATE_HZ]
    s[FAULTS] = NONE
    s[FAULTS_BEFORE] = NONE
    s[TROUBLE] = NO_BEATS
    s[AGE] = MOST_AGE


def beat_quality(s):
    """0 when all values are to be trusted, else bits of NO_BEATS, DAMPED, FLUSHED and FEW."""
    quality = s[TROUBLE]
    if s[GOOD] < 8:
        quality |= FEW
    # Later than 2.5 usual intervals.
    if s[SINCE] * 16 > s[USUAL_INTERVAL] * 5:
        quality |= NO_BEATS
    return quality


def _median(s, at):
    """The median of the eight words from `at` on: the mean of the middle two, rounded down."""
    for i in range(8):
        value = s[at + i]
        j = SORTED + i
        while j > SORTED and s[j - 1] > value:
            s[j] = s[j - 1]
            j -= 1
        s[j] = value
    return (s[SORTED + 3] + s[SORTED + 4]) >> 1


def diastolic_milli_mmhg(s):
    """The median of the last eight good beats; ABSENT unless the quality is 0.

    When they alternate between two kinds over _APART_MILLI_MMHG apart, as with a balloon pump, whose notch is taken for
    a foot, it is the mean of the lower four: the median would lie between the two.
    """
    if beat_quality(s):
        return ABSENT
    even_least = even_most = even_sum = s[DIASTOLICS]
    odd_least = odd_most = odd_sum = s[DIASTOLICS + 1]
    for i in range(2, 8, 2):
        even = s[DIASTOLICS + i]
        odd = s[DIASTOLICS + i + 1]
        even_sum += even
        odd_sum += odd
        even_least = even if even < even_least else even_least
        even_most = even if even > even_most else even_most
        odd_least = odd if odd < odd_least else odd_least
        odd_most = odd if odd > odd_most else odd_most
    if odd_least - even_most > _APART_MILLI_MMHG:
        return (even_sum >> 2) - LEVEL_0
    if even_least - odd_most > _APART_MILLI_MMHG:
        return (odd_sum >> 2) - LEVEL_0
    return _median(s, DIASTOLICS) - LEVEL_0


def systolic_milli_mmhg(s):
    """The median of the last eight good beats; ABSENT unless the quality is 0."""
    return ABSENT if beat_quality(s) else _median(s, SYSTOLICS) - LEVEL_0


def mean_milli_mmhg(s):
    """The median of the means of the last eight beats, damped ones too; ABSENT without beats or around a flush."""
    if s[KEPT] < 8 or beat_quality(s) & (NO_BEATS | FLUSHED):
        return ABSENT
    return _median(s, MEANS) - LEVEL_0


def is_pulse_above(s):
    """Whether the rate per minute is above the systolic pressure in mmHg of five or more of the last eight good beats;
    False unless the quality is 0.

    Counting them costs less than their median, and differs from it only where that lies between four and four.
    """
    if beat_quality(s):
        return False
    samples = 0
    for i in range(8):
        samples += s[INTERVALS + i]
    level = s[RATE_HZ] * 480000 // samples + LEVEL_0
    below = 0
    for i in range(8):
        if s[SYSTOLICS + i] < level:
            below += 1
    return below > 4


def pulse_tenths_per_min(s):
    """The rate of the last eight beats in 0.1 per minute; ABSENT without beats or around a flush."""
    if s[KEPT] < 8 or beat_quality(s) & (NO_BEATS | FLUSHED):
        return ABSENT
    samples = 0
    for i in range(8):
        samples += s[INTERVALS + i]
    return (s[RATE_HZ] * 4800 + (samples >> 1)) // samples
