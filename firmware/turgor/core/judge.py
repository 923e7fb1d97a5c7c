"""The one-second work: medians, baselines and the inputs of all rules, the same on the board and in a replay.

Takes readings in milli-mmHg, milliohm or whatever their kind is in, within +-2^28, or ABSENT; keeps medians in the same
units, times in whole seconds of its own, which go on over a restart. A tick is `begin`, then `reading` for each
position in order, then for each position in order, and at last for the one behind them (what belongs to no channel),
`weigh` and `decide`; each of them is one bounded slice. A position is a channel's place in the configuration.

The median of an impedance is that of its readings as they would be without the steps of its electrodes
(`core.fluid`).
"""

from array import array

from turgor.core.alarms import Alarms
from turgor.core.channel import READING_VALID
from turgor.core.channels import (
    ARTERIAL,
    CHANNELS,
    IMPEDANCE,
    MOTION,
    NO_CHANNEL,
    NO_LIMB,
    PRESSURE,
    SUPPLY,
    TEMPERATURE,
)
from turgor.core.deficit import deficit_state
from turgor.core.doubt import DOUBTED, believe, doubt_state, explain
from turgor.core.entries import ACTIVE, AGE_AT, CATHETER, DRESSING, FASCIOTOMY, LOCAL, POSITION, REMOVED, STANDBY, ZERO
from turgor.core.entries import LATE as ADMITTED_LATE
from turgor.core.fluid import (
    AT_ATTACH,
    BASELINE,
    LATE,
    ORIGIN,
    confirm_baseline,
    fall_from_highest,
    fluid_reading,
    fluid_state,
    lose_baseline,
    restart_highest,
    set_baseline,
    unmoved,
)
from turgor.core.median import ABSENT, is_filled, median, median_push
from turgor.core.median import STATE_WORDS as MEDIAN_WORDS
from turgor.core.rules import (
    DBP_AGE,
    DBP_LEAST_MILLI_MMHG,
    DBP_MOST_MILLI_MMHG,
    DP,
    DP_DEFICIT,
    FLUID_GAIN,
    FLUID_RETURN,
    HELD,
    INDEX,
    MANY,
    MAP,
    PRESSURE_DOUBT,
    PRESSURE_HIGH,
    PRESSURE_RISING,
    RULES_OF,
    SYSTEM_RULES,
    THORAX_RULES,
    VOLTS,
    WATCHDOG,
    X_WORDS,
    YES,
    ZERO_AGE,
)
from turgor.core.signs import (
    SLOPE_VALUES,
    dp_milli_mmhg,
    impedance_signs,
    is_returning,
    limb_signs,
    local_signs,
    pressure_signs,
    thorax_signs,
    trouble_of,
    trouble_signs,
)
from turgor.core.slope import slope_state
from turgor.mp import const

NO_DBP = const(-1)
NO_AGE = const(65535)
# Where the diastolic pressure in force comes from.
NO_SOURCE = const(0)
TYPED = const(1)
ARTERIAL_LINE = const(2)
DBP_SOURCES = ("none", "typed", "arterial line")
# That of the arterial line goes before a typed one, and is held for so long when the line gives none. Then one that was
# typed before it is too old.
LINE_HELD_S = const(60)
# A baseline is late when it comes so long after the start.
LATE_S = const(3600)

STANDBY_S = const(1800)

# After the patient turned no change of an impedance is judged, and for longer not whether several limbs fell together.
TURNED_S = const(1200)
# Who is turned again and again is judged from so long after the first turn on.
HELD_MOST_S = const(2400)
_TURNED_MANY_S = const(9000)
# Flags of a reading: all of the beats' quality, and where it says that the pulse is above the systolic pressure.
_QUALITY = const(240)
_PULSE_ABOVE_AT = const(3)
# Without beats, or in a flush, what the line reads is the blood's pressure only where it is too low for a stopcock's.
_NO_PULSE = const(80)
_ARREST_MILLI_MMHG = const(65000)

# Words of what belongs to no channel: this second of the episode, DBP typed and when, that of the line and when,
# when the patient turned, the posture before, whether the watchdog restarted the board, bits of the admission.
SECOND = const(0)
WORD_TYPED = const(1)
WORD_TYPED_S = const(2)
WORD_LINE = const(3)
WORD_LINE_S = const(4)
_TURNED_AT_S = const(5)
_POSTURE = const(6)
_RESTARTED = const(7)
_ADMITTED = const(8)
WORDS = const(9)
NEVER_S = const(-0x7FFFFF)
_ADMISSION = const(16)
# Beside these bits: the DBP typed is from before the board was off for who knows how long.
_OLD = const(32)


class Judge:
    """Channels by number, in order; limits as `core.rules.DEFAULT_LIMITS`."""

    def __init__(self, channels, limits):
        self.channels = channels
        count = len(channels)
        subjects = []
        for channel in channels:
            _, kind, limb = CHANNELS[channel]
            subjects.append((channel, THORAX_RULES if kind == IMPEDANCE and limb == NO_LIMB else RULES_OF[kind]))
        subjects.append((NO_CHANNEL, SYSTEM_RULES))
        self.alarms = Alarms(subjects, limits)
        self.medians = array("i", bytes(4 * count))
        # One each, of a motion one for each axis.
        self._windows = [
            [array("i", bytes(4 * MEDIAN_WORDS)) for _ in range(3 if CHANNELS[channel][1] == MOTION else 1)]
            for channel in channels
        ]
        # What a position keeps beside them, by kind: doubt, slope and deficit; fluid.
        self.kept = [self._afresh(CHANNELS[channel][1]) for channel in channels]
        self.states = bytearray(count)
        # Until when a standby lasts; when the last zero was, at first since when the channel is here, and of a motion
        # the first of the turns that hold.
        self.until = array("i", bytes(4 * count))
        self.zeroed = array("i", bytes(4 * count))
        # What is said of a subject only once: the alarms of all that was before end.
        self._ending = bytearray(count + 1)
        self._trouble = bytearray(count)
        self._stepped = bytearray(count)
        self._readings = array("i", bytes(4 * count))
        self._motion_median = None
        kinds = [CHANNELS[channel][1] for channel in channels]
        self._has_pressure = PRESSURE in kinds
        self._arterial_at = kinds.index(ARTERIAL) if ARTERIAL in kinds else -1
        self._motion_at = kinds.index(MOTION) if MOTION in kinds else -1
        self._skin_at = kinds.index(TEMPERATURE) if TEMPERATURE in kinds else -1
        self._aux = array("i", bytes(12))
        if MOTION in kinds:
            from turgor.core.slow import has_turned, motion_median

            self._motion_median = motion_median
            self._has_turned = has_turned
        # Positions of the pressure of a channel's limb and of the other side's impedance, -1 where there is none.
        places = {CHANNELS[channel][1:]: position for position, channel in enumerate(channels)}
        self._pressure_at = [places.get((PRESSURE, CHANNELS[channel][2]), -1) for channel in channels]
        self._beside_at = [places.get((IMPEDANCE, CHANNELS[channel][2] ^ 1), -1) for channel in channels]
        self.words = array("i", bytes(4 * WORDS))
        # In force at this tick.
        self.dbp_milli_mmhg = NO_DBP
        self.dbp_age_s = NO_AGE
        self.dbp_source = NO_SOURCE
        self._x = array("i", bytes(4 * X_WORDS))
        self._x[YES] = 1
        self._begin_episode(0)
        for subject in range(count + 1):
            self._ending[subject] = 0

    def _afresh(self, kind):
        """What a channel of a kind keeps beside its windows."""
        if kind == PRESSURE:
            return [doubt_state(), slope_state(SLOPE_VALUES), deficit_state()]
        return [fluid_state()] if kind == IMPEDANCE else []

    def _begin_episode(self, bits):
        """Nothing of what was before counts any more."""
        words = self.words
        words[SECOND] = 0
        words[WORD_TYPED] = words[WORD_LINE] = NO_DBP
        words[WORD_TYPED_S] = words[WORD_LINE_S] = 0
        words[_TURNED_AT_S] = NEVER_S
        words[_POSTURE] = ABSENT
        words[_ADMITTED] = bits
        for position in range(len(self.channels)):
            self._restart(position)
            self.states[position] = ACTIVE
        for subject in range(len(self._ending)):
            self._ending[subject] = 1
        self.choose_limits()
        self.choose()

    def choose_limits(self):
        """Judge by the limits of the patient's age group."""
        alarms = self.alarms
        alarms.choose(self.age_group())
        for i, rule in enumerate((PRESSURE_HIGH, PRESSURE_RISING, DP_DEFICIT)):
            self._aux[i] = alarms.aux(rule)

    def _restart(self, position):
        self.kept[position] = self._afresh(CHANNELS[self.channels[position]][1])
        self.zeroed[position] = self.words[SECOND]
        for window in self._windows[position]:
            # Of an empty window nothing but its position and its count is looked at.
            window[0] = window[1] = 0
        self.medians[position] = ABSENT
        self._trouble[position] = self._stepped[position] = 0

    # What somebody says; each acts at a tick, between `begin` and the readings.

    def type_dbp(self, dbp_milli_mmhg):
        """A diastolic pressure typed by hand, in force from this tick on where the line gives none."""
        self.words[WORD_TYPED] = dbp_milli_mmhg
        self.words[WORD_TYPED_S] = self.words[SECOND]
        self.words[_ADMITTED] &= ~_OLD
        self.choose()

    def entry(self, channel, kind):
        """Something was done at a channel (NO_CHANNEL: all), by `core.entries`: a fall of its pressure may have that
        reason."""
        if kind > CATHETER and kind not in (POSITION, DRESSING):
            return
        for position, other in enumerate(self.channels):
            if channel in (NO_CHANNEL, other) and CHANNELS[other][1] == PRESSURE:
                explain(self.kept[position][0])
                if kind == ZERO:
                    self.zeroed[position] = self.words[SECOND]

    def confirm(self, channel, rule):
        """Somebody looked: the pressure is as it reads, or the baseline holds."""
        for position, other in enumerate(self.channels):
            if channel == other and CHANNELS[other][1] == PRESSURE and rule == PRESSURE_DOUBT:
                believe(self.kept[position][0])
            elif channel == other and CHANNELS[other][1] == IMPEDANCE and rule != PRESSURE_DOUBT:
                confirm_baseline(self.kept[position][0])

    def set_state(self, channel, state):
        """Make a channel ACTIVE, STANDBY (for 30 min), FASCIOTOMY or REMOVED; what returns from there begins anew."""
        for position, other in enumerate(self.channels):
            if channel == other:
                if self.states[position] == REMOVED and state == ACTIVE:
                    self._restart(position)
                self.states[position] = state
                self.until[position] = self.words[SECOND] + STANDBY_S
                self._ending[position] |= state != ACTIVE
                if CHANNELS[channel][1] == PRESSURE:
                    # What is not judged any more needs no doubt; otherwise it is an entry like others.
                    (believe if state == FASCIOTOMY else explain)(self.kept[position][0])

    def age_group(self):
        """That of `core.entries`, ADULT without an episode."""
        return self.words[_ADMITTED] >> AGE_AT & 3

    def is_admitted(self):
        """Whether a patient was admitted and not discharged."""
        return self.words[_ADMITTED] & _ADMISSION != 0

    def admit(self, bits):
        """A patient's episode begins; bits of `core.entries`."""
        self._begin_episode(bits | _ADMISSION)

    def was_off(self):
        """Nobody knows for how long: what was typed still raises alarms and ends none, and no baseline is sure."""
        self.words[_ADMITTED] |= _OLD
        for position in range(len(self.channels)):
            if CHANNELS[self.channels[position]][1] == IMPEDANCE:
                lose_baseline(self.kept[position][0])

    def discharge(self):
        """It ends: nothing of it reaches the next."""
        self._begin_episode(0)

    def watchdog_reset(self):
        """The board was restarted by its watchdog: said at the next tick."""
        self.words[_RESTARTED] = 1

    # A tick.

    def begin(self):
        """Start a tick; the line's diastolic, then commands that act at it come right after."""
        self.words[SECOND] += 1
        self.alarms.event_count = 0
        self.alarms.is_counting = False
        self.choose()

    def take_diastolic(self, diastolic_milli_mmhg):
        """What the arterial line gives this second, ABSENT when it is not to be trusted."""
        is_line = self._arterial_at >= 0 and self.states[self._arterial_at] == ACTIVE
        if is_line and DBP_LEAST_MILLI_MMHG <= diastolic_milli_mmhg <= DBP_MOST_MILLI_MMHG:
            self.words[WORD_LINE] = diastolic_milli_mmhg
            self.words[WORD_LINE_S] = self.words[SECOND]
        self.choose()

    def choose(self):
        """Find the DBP in force: none where the line gives none any more and nobody typed one since."""
        words = self.words
        dbp = words[WORD_TYPED]
        source = TYPED
        age = words[SECOND] - words[WORD_TYPED_S]
        line_age = words[SECOND] - words[WORD_LINE_S]
        if words[WORD_LINE] >= 0 and (line_age <= LINE_HELD_S or line_age < age):
            dbp = words[WORD_LINE] if line_age <= LINE_HELD_S else NO_DBP
            source = ARTERIAL_LINE
            age = line_age
        self.dbp_milli_mmhg = dbp
        self.dbp_source = NO_SOURCE if dbp < 0 else source
        self.dbp_age_s = NO_AGE if dbp < 0 or age >= NO_AGE else age

    def reading(self, position, value, flags=READING_VALID):
        """Take a channel's reading (or ABSENT) with its flags; True when this set its baseline."""
        kind = CHANNELS[self.channels[position]][1]
        if kind == ARTERIAL:
            self._x[INDEX] = ABSENT if value == ABSENT or flags & _QUALITY else flags >> _PULSE_ABOVE_AT & 1
        self._trouble[position] = trouble_of(kind, flags, value)
        self._readings[position] = value
        windows = self._windows[position]
        if self._motion_median and kind == MOTION:
            self.medians[position] = self._motion_median(windows, value)
            return False
        if kind == ARTERIAL and flags & _NO_PULSE and value >= _ARREST_MILLI_MMHG:
            value = ABSENT
        second = self.words[SECOND]
        if kind == IMPEDANCE:
            s = self.kept[position][0]
            self._stepped[position] = fluid_reading(s, second, value)
            value = unmoved(s, value)
        median_push(windows[0], value)
        middle = self.medians[position] = median(windows[0])
        if kind == IMPEDANCE and not s[BASELINE] and middle > 0 and is_filled(windows[0]):
            late = second > LATE_S or self.words[_ADMITTED] & ADMITTED_LATE
            set_baseline(s, middle, LATE if late else AT_ATTACH, self._active(self._skin_at))
            return True
        return False

    def baseline(self, position):
        """(origin, milliohm) of an impedance's baseline, the latter 0 before there is one."""
        s = self.kept[position][0]
        return s[ORIGIN], s[BASELINE]

    def weigh(self, position):
        """Make the inputs of a channel's rules, or of those of none."""
        x = self._x
        if position == len(self.channels):
            trouble_signs(x, 0)
            self._weigh_system(x)
            return
        trouble_signs(x, self._trouble[position])
        kind = CHANNELS[self.channels[position]][1]
        if kind == PRESSURE:
            self._weigh_pressure(x, position)
        elif kind == IMPEDANCE:
            self._weigh_impedance(x, position)
        elif kind == ARTERIAL:
            x[MAP] = self.medians[position]
        elif kind == MOTION:
            self._turn(self.medians[position])
        elif kind == SUPPLY:
            x[VOLTS] = self.medians[position]

    def decide(self, position):
        """Judge by the inputs that `weigh` has just made; the events are in `alarms.events`."""
        alarms = self.alarms
        alarms.event_count = 0
        is_channel = position < len(self.channels)
        if is_channel and self.states[position] == STANDBY and self.words[SECOND] >= self.until[position]:
            self.states[position] = ACTIVE
            self._ending[position] = 0
        state = self.states[position] if is_channel else ACTIVE
        if self._ending[position]:
            alarms.withdraw(position)
            self._ending[position] = 0
        elif state != STANDBY and state != REMOVED:
            alarms.step(position, self._x)

    def _weigh_pressure(self, x, position):
        doubt, slope, deficit = self.kept[position]
        second = self.words[SECOND]
        icp = self._active(position)
        reading = self._readings[position] if self.states[position] == ACTIVE else ABSENT
        map = self._active(self._arterial_at)
        dbp = self.dbp_milli_mmhg
        pressure_signs(x, doubt, slope, deficit, second, icp, reading, dbp, self.dbp_age_s, map, self._aux)
        if x[DP] != ABSENT and self.dbp_source == TYPED and self.words[_ADMITTED] & _OLD:
            x[HELD] = 1
        x[ZERO_AGE] = second - self.zeroed[position]

    def _weigh_impedance(self, x, position):
        s = self.kept[position][0]
        middle = self._judged(position)
        impedance_signs(x, s, self._stepped[position])
        if not self._is_limb(position):
            returning = ABSENT
            for other in range(len(self.channels)):
                if self._is_limb(other):
                    aux = self.alarms.aux(FLUID_RETURN)
                    returning = max(returning, is_returning(self.kept[other][0], self._judged(other), aux))
            thorax_signs(x, s, self.words[SECOND], middle, returning)
            return
        at = self._pressure_at[position]
        icp = self._active(at)
        if at >= 0 and self.kept[at][0][DOUBTED]:
            icp = ABSENT
        dp = dp_milli_mmhg(self.dbp_milli_mmhg, self.dbp_age_s, icp)
        skin = self._active(self._skin_at)
        limb_signs(x, s, self.words[SECOND], middle, skin, icp, dp, self.alarms.aux(FLUID_GAIN, 2))
        beside = self._beside_at[position]
        if beside >= 0 and self.words[_ADMITTED] & LOCAL and self.states[beside] == ACTIVE:
            local_signs(x, s, middle, self.kept[beside][0], self._judged(beside))

    def _judged(self, position):
        """An impedance's median, ABSENT while its change says nothing."""
        median = self._active(position)
        return ABSENT if median <= 0 or self.is_held() else median

    def _active(self, position):
        """A channel's median, ABSENT where there is none (-1) and while it is not active."""
        return self.medians[position] if position >= 0 and self.states[position] == ACTIVE else ABSENT

    def _is_limb(self, position):
        _, kind, limb = CHANNELS[self.channels[position]]
        return kind == IMPEDANCE and limb != NO_LIMB

    def _weigh_system(self, x):
        first = second = ABSENT
        if not self.is_turned(_TURNED_MANY_S):
            for position in range(len(self.channels)):
                if self._is_limb(position):
                    fall = fall_from_highest(self.kept[position][0], self._judged(position))
                    if fall > first:
                        second = first
                        first = fall
                    elif fall > second:
                        second = fall
        x[MANY] = second
        x[WATCHDOG] = self.words[_RESTARTED]
        self.words[_RESTARTED] = 0
        x[DBP_AGE] = 0
        if self.dbp_source != NO_SOURCE:
            x[DBP_AGE] = self.dbp_age_s
        elif self._has_pressure:
            # Since the line gave one, or since the episode began.
            x[DBP_AGE] = self.words[SECOND] - self.words[WORD_LINE_S]

    def is_turned(self, seconds):
        """Whether the patient turned within the last `seconds`."""
        return self.words[SECOND] - self.words[_TURNED_AT_S] < seconds

    def is_held(self):
        """Whether changes of impedances say nothing, because the patient turned."""
        began = self.zeroed[self._motion_at]
        return self.is_turned(TURNED_S) and self.words[SECOND] - began < HELD_MOST_S

    def _turn(self, posture):
        """Compare a posture (packed axes, or ABSENT) with the one before."""
        words = self.words
        if posture == ABSENT:
            return
        before = words[_POSTURE]
        if before == ABSENT:
            words[_POSTURE] = posture
            return
        if self._has_turned(before, posture):
            words[_POSTURE] = posture
            if not self.is_turned(TURNED_S):
                self.zeroed[self._motion_at] = words[SECOND]
            words[_TURNED_AT_S] = words[SECOND]
            for position in range(len(self.channels)):
                if self.is_held() and self._is_limb(position):
                    restart_highest(self.kept[position][0])
