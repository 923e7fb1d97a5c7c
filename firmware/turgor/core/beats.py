"""Beats of an arterial line: systolic, diastolic and mean pressure of each, the pulse rate, and whether to trust them.

Takes calibrated values in milli-mmHg within +-2^28 at 100 to 400 samples/s, low-passed at 15 to 25 Hz; what lies outside
-200 to +400 mmHg counts as that. Gives milli-mmHg, ABSENT where there is nothing to be trusted. Inside, pressures are
levels: milli-mmHg + 200000, 0 to 600000, so that no stored word of a sample is negative.

A beat begins at the lowest level (its foot, the diastolic) before an upstroke, which is a rise over RISE_S by more than
5/8 of the usual, falling by half of that within an interval, and by at least 3 mmHg. It is complete, and
enters the medians, when the next upstroke is found. For 180 ms, and until the pressure falls, there is no other.

An upstroke is judged by its width, the time for which it is steeper than half its steepest (slopes over 25 ms). Natural
ones at the wrist measure 35 to 85 ms; a catheter with a clot or air in it, of a natural frequency of 5 Hz or less, adds
some 60 ms. A beat is damped when its upstroke is wider than 40 ms + 6 % of the interval (the error of the
diastolic grows with the rate), at most 95 ms; or wider than 5/4 of this line's own while its pulse is below 85 % of it.
The foot between two upstrokes is good when neither is damped. Three damped beats of four withdraw systolic and
diastolic until eight in a row are good; the mean, which damping leaves alone, stays. The line's own width and pulse are
learnt from good beats only, over about 32, and forgotten after a flush: that is what shows the state of a line.

Above 250 mmHg, or with a rise of 50 mmHg and more over twice the usual, it is a flush, and all values are withdrawn at
once. No upstroke for 4 s, or for 2.5 usual intervals, is no pulse: stopcock, blood draw, flush at any level, arrest.

A held (repeated) value is a flat piece: some milliseconds change nothing, long ones end in NO_BEATS; after a gap of
unknown length use `beat_restart`.
"""

from array import array

from turgor.core.median import ABSENT
from turgor.mp import const, micropython, ptr32

# Words of the state. The configuration, in samples but for the widths (1/16 sample).
RISE = const(0)
SLOPE = const(1)
REST = const(2)
LEARN = const(3)
LONGEST = const(4)
WIDTH_LEAST = const(5)
WIDTH_MOST = const(6)
RATE_HZ = const(7)
# The course of a beat: phase, place in the ring of samples, samples since the last upstroke (or the last 4 s without).
PHASE = const(8)
PLACE = const(9)
SINCE = const(10)
# The highest level; the lowest since, how long ago it was and the sum of half levels up to it; that sum up to now.
HIGH = const(11)
LOW = const(12)
LOW_AGO = const(13)
LOW_SUM = const(14)
SUM = const(15)
# The largest rise, the steepest slope and how long ago that was.
MOST = const(16)
STEEPEST = const(17)
STEEPEST_AGO = const(18)
# The present beat: level of its foot and how long ago that was; faults of its upstroke and of the one before.
FOOT = const(19)
FOOT_AGO = const(20)
FAULTS = const(21)
FAULTS_BEFORE = const(22)
# What is usual: rise, interval x 8, threshold at an upstroke and its fall with each sample.
USUAL_RISE = const(23)
USUAL_INTERVAL = const(24)
THRESHOLD = const(25)
FALL = const(26)
# The line's own width and pulse, x 32, and of how many upstrokes (up to 8).
OWN_WIDTH = const(27)
OWN_PULSE = const(28)
OWN_COUNT = const(29)
# What the summary needs: good beats in a row and beats without gap or flush (both up to 8), the weight of damped beats,
# QUALITY bits, beats complete, samples since the last good beat, width of the last upstroke in 1/16 sample.
GOOD = const(30)
KEPT = const(31)
STRIKES = const(32)
TROUBLE = const(33)
BEATS = const(34)
AGE = const(35)
WIDTH = const(36)
# The last eight: of good beats diastolic and systolic, of all without gap or flush mean and interval.
GOOD_PLACE = const(37)
KEPT_PLACE = const(38)
DIASTOLICS = const(39)
SYSTOLICS = const(47)
MEANS = const(55)
INTERVALS = const(63)
# Room for sorting, and the last 128 levels.
SORTED = const(71)
SAMPLES = const(79)
STATE_WORDS = const(207)

# Phases.
WAITING = const(0)
RISING = const(1)
RESTING = const(2)
LEARNING = const(3)
FRESH = const(4)

# Quality, and faults of an upstroke. FEW: fewer than eight good beats in a row yet.
NO_BEATS = const(1)
DAMPED = const(2)
FLUSHED = const(4)
FEW = const(8)

LEVEL_0 = const(200000)
# In FAULTS: there is no beat in the making.
NONE = const(16)


@micropython.viper
def beat_block(a: int, b: int, s: ptr32, x: ptr32) -> int:
    """Take the values x[a:b] in; returns how many beats they completed."""
    end = b
    beats = 0
    # Times are ages in the state; in here they are places in x, which may lie before its begin.
    place = s[9] - a
    rise_place = place - s[0]
    slope_place = place - s[1]
    since = a - s[10]
    low_at = a - s[13]
    steepest_at = a - s[18]
    foot_at = a - s[20]
    good_at = a - s[35]
    phase = s[8]
    high = s[11]
    low = s[12]
    low_sum = s[14]
    total = s[15]
    most = s[16]
    steepest = s[17]
    rise = 0
    if phase == 4 and a < end:
        # The first value is taken for the past too.
        phase = 3
        b = ((x[a] + 0x20000000) & 0x3FFFFFFF) - 536670912
        if b < 0:
            b = 0
        if b > 600000:
            b = 600000
        i = 79
        while i < 207:
            s[i] = b
            i += 1
    while a < end:
        longest = s[4]
        if phase == 3:
            longest = s[3]
        stop = since + longest
        if stop > end:
            stop = end
        event = 0
        while a < stop:
            b = ((x[a] + 0x20000000) & 0x3FFFFFFF) - 536670912
            if b < 0:
                b = 0
            if b > 600000:
                b = 600000
            s[((a + place) & 127) + 79] = b
            total += b >> 1
            rise = b - s[((a + rise_place) & 127) + 79]
            if b < low:
                low = b
                low_at = a
                low_sum = total
                if phase == 0:
                    steepest = 0
            if phase == 0:
                if rise > 0:
                    slope = b - s[((a + slope_place) & 127) + 79]
                    if slope > steepest:
                        steepest = slope
                        steepest_at = a
                    if rise > 3000 and rise > s[25] - s[26] * (a - since):
                        event = 1
                        stop = a
            else:
                if rise > most:
                    most = rise
                if phase != 3:
                    if b > high:
                        high = b
                        low = b
                        low_at = a
                        low_sum = total
                    if phase == 2:
                        if rise <= 0 and a - since >= s[2]:
                            phase = 0
                            steepest = 0
                    else:
                        slope = b - s[((a + slope_place) & 127) + 79]
                        if slope > steepest:
                            steepest = slope
                            steepest_at = a
                        if slope <= 0:
                            event = 2
                            stop = a
            a += 1
        if event == 1:
            # An upstroke: it completes the beat in the making and begins another at the lowest level since.
            now = a - 1
            faults = s[21]
            if faults < 16:
                interval = now - since
                s[24] += interval - (s[24] >> 3)
                beats += 1
                s[34] = (s[34] + 1) & 0x1FFFFFFF
                trouble = s[33] & 6
                good = s[30]
                kept = s[31]
                strikes = s[32]
                faults |= s[22]
                if faults & 4 == 0:
                    i = s[38]
                    s[i + 55] = (low_sum << 1) // (low_at - foot_at)
                    s[i + 63] = interval
                    s[38] = (i + 1) & 7
                    if kept < 8:
                        kept += 1
                    if kept == 8:
                        trouble &= 2
                    if faults == 0:
                        i = s[37]
                        s[i + 39] = s[19]
                        s[i + 47] = high
                        s[37] = (i + 1) & 7
                        good_at = now
                        if strikes:
                            strikes -= 1
                        if good < 8:
                            good += 1
                    elif strikes < 7:
                        strikes += 2
                    if strikes >= 5:
                        good = 0
                        trouble |= 2
                    if good == 8:
                        trouble &= 4
                s[30] = good
                s[31] = kept
                s[32] = strikes
                s[33] = trouble
            s[22] = s[21]
            s[21] = 0
            s[19] = low
            foot_at = low_at
            since = now
            total -= low_sum
            high = b
            low = b
            low_at = now
            low_sum = total
            most = rise
            phase = 1
        elif event == 2:
            # The upstroke is over: judge it.
            phase = 2
            usual = s[23]
            flushed = 0
            if high > 450000 or most > (usual << 1) + 50000:
                flushed = 1
            if most > usual << 2:
                most = usual << 2
            usual += (most - usual) >> 2
            if usual < 3000:
                usual = 3000
            s[23] = usual
            s[25] = usual * 5 >> 3
            s[26] = ((usual * 5 >> 1) + s[24] - 1) // s[24]
            if flushed:
                s[21] = 4
                s[29] = 0
                s[30] = 0
                s[31] = 0
                s[32] = 0
                s[33] |= 4
            else:
                half = steepest >> 1
                # Back and forth from the steepest place to where the slope is half of that, between samples.
                i = steepest_at
                oldest = a + slope_place - place - 127
                slope = steepest
                rise = steepest
                while slope > half and i > oldest:
                    rise = slope
                    i -= 1
                    slope = s[((i + place) & 127) + 79] - s[((i + slope_place) & 127) + 79]
                width = 0 - (i << 4)
                if slope <= half and slope < rise:
                    width -= ((half - slope) << 4) // (rise - slope)
                i = steepest_at
                slope = steepest
                while slope > half:
                    rise = slope
                    i += 1
                    slope = s[((i + place) & 127) + 79] - s[((i + slope_place) & 127) + 79]
                width += i << 4
                if slope < rise:
                    width -= ((half - slope) << 4) // (rise - slope)
                s[36] = width
                limit = s[5] + (s[24] * 123 >> 10)
                if limit > s[6]:
                    limit = s[6]
                pulse = high - s[19]
                own_width = s[27] >> 5
                own_pulse = s[28] >> 5
                if width > limit or s[29] == 8 and width << 2 > own_width * 5 and pulse * 20 < own_pulse * 17:
                    s[21] = 2
                elif s[22] == 0:
                    slow = 5
                    if s[29] < 8:
                        if s[29] == 0:
                            s[27] = width << 5
                            s[28] = pulse << 5
                        s[29] += 1
                        slow = 2
                    s[27] += ((width << 5) - s[27]) >> slow
                    s[28] += ((pulse << 5) - s[28]) >> slow
        elif a - since == longest:
            # No upstroke for long, or enough seen to know a usual rise.
            if phase == 3:
                if most < 3000:
                    most = 3000
                s[23] = most
                s[25] = most * 5 >> 3
                s[26] = ((most * 5 >> 1) + s[24] - 1) // s[24]
            else:
                s[25] = 0
                s[26] = 0
                s[30] = 0
                s[31] = 0
                s[32] = 0
                s[33] |= 1
            phase = 0
            s[21] = 16
            since = a
            foot_at = a
            steepest_at = a
            steepest = 0
            low = b
            low_at = a
            total = 0
            low_sum = 0
    s[8] = phase
    s[9] = (place + end) & 127
    s[10] = end - since
    s[11] = high
    s[12] = low
    s[13] = end - low_at
    s[14] = low_sum
    s[15] = total
    s[16] = most
    s[17] = steepest
    s[18] = end - steepest_at
    s[20] = end - foot_at
    age = end - good_at
    if age > 0x1FFFFFFF:
        age = 0x1FFFFFFF
    s[35] = age
    return beats


def beat_state(rate_hz):
    """A new state for a line of 100 to 400 samples/s."""
    s = array("i", bytes(4 * STATE_WORDS))
    s[RISE] = (rate_hz * 128 + 500) // 1000
    s[SLOPE] = (rate_hz * 25 + 500) // 1000
    s[REST] = (rate_hz * 180 + 500) // 1000
    s[LEARN] = 2 * rate_hz
    s[LONGEST] = 4 * rate_hz
    s[WIDTH_LEAST] = rate_hz * 16 * 40 // 1000
    s[WIDTH_MOST] = rate_hz * 16 * 95 // 1000
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
    """The median of the last eight good beats; ABSENT unless the quality is 0."""
    return ABSENT if beat_quality(s) else _median(s, DIASTOLICS) - LEVEL_0


def systolic_milli_mmhg(s):
    """The median of the last eight good beats; ABSENT unless the quality is 0."""
    return ABSENT if beat_quality(s) else _median(s, SYSTOLICS) - LEVEL_0


def mean_milli_mmhg(s):
    """The median of the means of the last eight beats, damped ones too; ABSENT without beats or around a flush."""
    if s[KEPT] < 8 or beat_quality(s) & (NO_BEATS | FLUSHED):
        return ABSENT
    return _median(s, MEANS) - LEVEL_0


def pulse_tenths_per_min(s):
    """The rate of the last eight beats in 0.1 per minute; ABSENT without beats or around a flush."""
    if s[KEPT] < 8 or beat_quality(s) & (NO_BEATS | FLUSHED):
        return ABSENT
    samples = 0
    for i in range(8):
        samples += s[INTERVALS + i]
    return (s[RATE_HZ] * 4800 + (samples >> 1)) // samples
