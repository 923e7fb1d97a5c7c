"""The one-second work: medians, baselines and rules of all channels, the same on the board and in a replay.

Takes readings in milli-mmHg, milliohm or whatever their kind is in, within +-2^28, or ABSENT, and a diastolic pressure
in milli-mmHg; keeps medians and baselines in the same units, times in whole seconds. A tick is `begin`, then `reading`
for each position in order, then `decide` for each position in order, then `decide_trouble`; each of them is one bounded
slice. A position is a channel's place in the configuration.

`pack_state` and `unpack_state` carry what a tick leaves to the next, but for the windows of the medians, which a minute
of readings fills again: the DBPs with their ages, baselines, alarms and runs. A packed state is a layout byte and
parts: number, size (2 bytes) and content. It has 26 bytes, 5 more for each baseline, and for what is not idle at most
78 for a pressure channel, 51 for the impedance of a limb.
"""

from array import array

from turgor.core.change import fall_permille
from turgor.core.channel import READING_ELECTRODE_OFF, READING_NOISY, READING_SATURATED, READING_STUCK
from turgor.core.channels import ARTERIAL, CHANNELS, CUFF, IMPEDANCE, MOTION, NO_LIMB, PRESSURE, TEMPERATURE
from turgor.core.median import ABSENT, median, median_push
from turgor.core.median import STATE_WORDS as MEDIAN_WORDS
from turgor.core.packed import WORD_SIZE, get_words, put_words
from turgor.core.rules import (
    DBP_LEAST_MILLI_MMHG,
    DBP_MOST_MILLI_MMHG,
    ELECTRODE_OFF,
    FIRST_TECHNICAL,
    NOISY,
    SATURATED,
    SENSOR_ABSENT,
    STUCK,
    Rules,
    dp_milli_mmhg,
)
from turgor.mp import const

NO_DBP = const(-1)
NO_AGE = const(65535)
# Where the diastolic pressure in force comes from.
NO_SOURCE = const(0)
TYPED = const(1)
ARTERIAL_LINE = const(2)
DBP_SOURCES = ("none", "typed", "arterial line")
# That of the arterial line goes before a typed one, and is held for so long when the line gives none.
_LINE_HELD_S = const(60)
# A baseline is the median of this many valid readings in 60 s.
_BASELINE_READINGS = const(60)
# Where a baseline comes from.
AT_ATTACH = const(1)
BASELINE_ORIGINS = ("none", "at attach")

# By kind: a flag of a reading and the technical rule that it is the trouble of.
_PRESSURE_TROUBLES = ((READING_SATURATED, SATURATED), (READING_STUCK, STUCK), (READING_NOISY, NOISY))
_TROUBLES = {
    PRESSURE: _PRESSURE_TROUBLES,
    CUFF: _PRESSURE_TROUBLES,
    IMPEDANCE: ((READING_SATURATED, SATURATED), (READING_ELECTRODE_OFF, ELECTRODE_OFF)),
    ARTERIAL: ((READING_SATURATED, SATURATED),),
    TEMPERATURE: ((READING_SATURATED, SATURATED),),
    MOTION: ((READING_SATURATED, SATURATED), (READING_STUCK, STUCK)),
}

_LAYOUT = const(1)
# Parts of a packed state, in this order.
_DBP_PART = const(1)
_BASELINE_PART = const(2)
_ALARM_PART = const(3)
_PART_HEAD = const(3)
# Of the DBP: typed one and age, the line's and age.
_DBP_WORDS = const(4)
_BASELINE_SIZE = const(5)
_BASELINE_MOST = const(0x10000000)


class Judge:
    """Channels by number, in order; limits as `core.rules.DEFAULT_LIMITS`."""

    def __init__(self, channels, limits):
        self.channels = channels
        self.rules = Rules(max(channels) + 1, limits)
        self.medians = array("i", bytes(4 * len(channels)))
        self.baselines = array("i", bytes(4 * len(channels)))
        self._troubles = bytearray(len(channels))
        # One each, of a motion one for each axis.
        self._windows = [
            [array("i", bytes(4 * MEDIAN_WORDS)) for _ in range(3 if CHANNELS[channel][1] == MOTION else 1)]
            for channel in channels
        ]
        self._motion_median = None
        if MOTION in [CHANNELS[channel][1] for channel in channels]:
            from turgor.core.slow import motion_median

            self._motion_median = motion_median
        # The position of the pressure channel of each impedance channel's limb, -1 where there is none.
        self._pressure_at = [self._pressure_of(channel) for channel in channels]
        # In force at this tick.
        self.dbp_milli_mmhg = NO_DBP
        self.dbp_age_s = NO_AGE
        self.dbp_source = NO_SOURCE
        self._typed = NO_DBP
        self._typed_s = 0
        self._line = NO_DBP
        self._line_s = 0
        self._words = array("i", bytes(4 * _DBP_WORDS))
        # The last of each channel.
        self.entries = {}
        self.confirmed = {}
        self.states = {}
        self.admitted = False
        self.flags = 0

    def _pressure_of(self, channel):
        limb = CHANNELS[channel][2]
        for position, other in enumerate(self.channels):
            if limb != NO_LIMB and CHANNELS[other][1] == PRESSURE and CHANNELS[other][2] == limb:
                return position
        return -1

    def begin(self, t_s):
        """Start the tick of board second `t_s`; the line's diastolic, then commands that act at it come right after."""
        self.rules.event_count = 0
        self._choose(t_s)

    def take_diastolic(self, diastolic_milli_mmhg, t_s):
        """What the arterial line gives this second, ABSENT when it is not to be trusted."""
        if DBP_LEAST_MILLI_MMHG <= diastolic_milli_mmhg <= DBP_MOST_MILLI_MMHG:
            self._line = diastolic_milli_mmhg
            self._line_s = t_s
        self._choose(t_s)

    def type_dbp(self, dbp_milli_mmhg, t_s):
        """A diastolic pressure typed by hand, in force from this tick on where the line gives none."""
        self._typed = dbp_milli_mmhg
        self._typed_s = t_s
        self._choose(t_s)

    def _choose(self, t_s):
        self.dbp_milli_mmhg = self._typed
        self.dbp_source = NO_SOURCE if self._typed < 0 else TYPED
        age = t_s - self._typed_s
        if self._line >= 0 and t_s - self._line_s <= _LINE_HELD_S:
            self.dbp_milli_mmhg = self._line
            self.dbp_source = ARTERIAL_LINE
            age = t_s - self._line_s
        self.dbp_age_s = NO_AGE if self.dbp_source == NO_SOURCE or age >= NO_AGE else age

    def reading(self, position, value, flags=0):
        """Take a channel's reading (or ABSENT) with its flags; True when this set its baseline."""
        kind = CHANNELS[self.channels[position]][1]
        trouble = 0
        for flag, rule in _TROUBLES[kind]:
            if flags & flag:
                trouble |= 1 << rule - FIRST_TECHNICAL
        # Noise spoils no reading.
        if value == ABSENT and not trouble & ~(1 << NOISY - FIRST_TECHNICAL):
            trouble |= 1 << SENSOR_ABSENT - FIRST_TECHNICAL
        self._troubles[position] = trouble
        windows = self._windows[position]
        if self._motion_median and kind == MOTION:
            self.medians[position] = self._motion_median(windows, value)
            return False
        window = windows[0]
        valid = median_push(window, value)
        self.medians[position] = median(window)
        if (
            valid == _BASELINE_READINGS
            and not self.baselines[position]
            and kind == IMPEDANCE
            and self.medians[position] > 0
        ):
            self.baselines[position] = self.medians[position]
            return True
        return False

    def fall(self, position):
        """Fall of an impedance from its baseline, per mille; ABSENT without a median or a baseline."""
        baseline = self.baselines[position]
        if not baseline or self.medians[position] == ABSENT:
            return ABSENT
        return fall_permille(baseline, self.medians[position])

    def decide(self, position):
        """Judge a channel by its rules; the events are in `rules.events`."""
        channel = self.channels[position]
        kind = CHANNELS[channel][1]
        rules = self.rules
        rules.event_count = 0
        if kind == PRESSURE:
            rules.judge_pressure(channel, self.medians[position], self.dbp_milli_mmhg, self.dbp_age_s)
        elif kind == IMPEDANCE and CHANNELS[channel][2] != NO_LIMB:
            at = self._pressure_at[position]
            icp = self.medians[at] if at >= 0 else ABSENT
            dp = dp_milli_mmhg(self.dbp_milli_mmhg, self.dbp_age_s, icp)
            rules.judge_fluid(channel, self.fall(position), icp, dp)

    def decide_trouble(self, position):
        """Judge a channel's sensor by the technical rules; the events are in `rules.events`."""
        self.rules.event_count = 0
        self.rules.judge_trouble(self.channels[position], self._troubles[position])

    def pack_state(self, buffer, at, second):
        """Write the state after the tick of board second `second`; returns where it ends."""
        words = self._words
        buffer[at] = _LAYOUT
        words[0] = self._typed
        words[1] = min(second - self._typed_s, NO_AGE) if self._typed >= 0 else 0
        held = self._line >= 0 and second - self._line_s <= _LINE_HELD_S
        words[2] = self._line if held else NO_DBP
        words[3] = second - self._line_s if held else 0
        start = at + 1
        at = _close(buffer, start, _DBP_PART, put_words(words, 0, _DBP_WORDS, buffer, start + _PART_HEAD))
        start = at
        at += _PART_HEAD
        for position in range(len(self.channels)):
            if self.baselines[position]:
                buffer[at] = self.channels[position]
                at = put_words(self.baselines, position, 1, buffer, at + 1)
        start = _close(buffer, start, _BASELINE_PART, at)
        return _close(buffer, start, _ALARM_PART, self.rules.pack_state(buffer, start + _PART_HEAD))

    def unpack_state(self, buffer, at, end, second, least_age_s=0):
        """Go on from what `pack_state` wrote, at board second `second` of this boot; no DBP counts as younger than
        `least_age_s`. False, and nothing changed, when the bytes cannot be a state.

        What belongs to a channel that is not here is dropped; one that is new begins afresh.
        """
        if at >= end or buffer[at] != _LAYOUT:
            return False
        at += 1
        dbp = at + _PART_HEAD
        at = _part_end(buffer, at, _DBP_PART, end)
        if at != dbp + _DBP_WORDS * WORD_SIZE:
            return False
        words = array("i", bytes(4 * _DBP_WORDS))
        get_words(words, 0, _DBP_WORDS, buffer, dbp)
        for i in (0, 2):
            there = DBP_LEAST_MILLI_MMHG <= words[i] <= DBP_MOST_MILLI_MMHG
            if (not there and words[i] != NO_DBP) or not 0 <= words[i + 1] <= NO_AGE:
                return False
        first = at + _PART_HEAD
        at = _part_end(buffer, at, _BASELINE_PART, end)
        if at < first or (at - first) % _BASELINE_SIZE:
            return False
        baselines = array("i", bytes(4 * len(self.channels)))
        value = array("i", [0])
        for place in range(first, at, _BASELINE_SIZE):
            get_words(value, 0, 1, buffer, place + 1)
            if buffer[place] >= len(CHANNELS) or not 0 < value[0] <= _BASELINE_MOST:
                return False
            for position in range(len(self.channels)):
                if self.channels[position] == buffer[place]:
                    baselines[position] = value[0]
        first = at + _PART_HEAD
        at = _part_end(buffer, at, _ALARM_PART, end)
        if at < first or at != end or not self.rules.unpack_state(buffer, first, end, self.channels):
            return False
        self.baselines[:] = baselines
        self._typed = words[0]
        self._typed_s = second - max(words[1], least_age_s)
        self._line = words[2]
        self._line_s = second - max(words[3], least_age_s)
        self._choose(second)
        return True

    # What is said of the patient beside the readings.

    def entry(self, channel, kind):
        """Something was done or measured now, of `channel` or of the patient (NO_CHANNEL); kinds of `core.entries`."""
        self.entries[channel] = kind

    def confirm(self, channel, rule):
        """Somebody looked, and what the rule doubts is right."""
        self.confirmed[channel] = rule

    def set_state(self, channel, state):
        """A channel's state, of `core.entries`."""
        self.states[channel] = state

    def admit(self, flags):
        """A new patient, whose `flags` are LOCAL, LATE and UNDER_16 of `core.entries`."""
        self.admitted = True
        self.flags = flags

    def discharge(self):
        self.admitted = False
        self.flags = 0


def _close(buffer, start, part, end):
    """Write the head of the part from `start` to `end`; returns `end`."""
    size = end - start - _PART_HEAD
    buffer[start] = part
    buffer[start + 1] = size & 255
    buffer[start + 2] = size >> 8
    return end


def _part_end(buffer, start, part, end):
    """Where the part that begins at `start` ends, -1 when another one, or not all of it, is there."""
    if start + _PART_HEAD > end or buffer[start] != part:
        return -1
    found = start + _PART_HEAD + (buffer[start + 1] | buffer[start + 2] << 8)
    return found if found <= end else -1
