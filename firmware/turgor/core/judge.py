"""The one-second work: medians, baselines and rules of all channels, the same on the board and in a replay.

Takes readings in milli-mmHg or milliohm within +-2^28, or ABSENT, and a diastolic pressure in milli-mmHg; keeps medians
and baselines in the same units, times in whole seconds. A tick is `begin`, then `reading` for each position in order,
then `decide` for each position in order; each of them is one bounded slice. A position is a channel's place in the
configuration.
"""

from array import array

from turgor.core.change import fall_permille
from turgor.core.channels import CHANNELS, IMPEDANCE, NO_LIMB, PRESSURE
from turgor.core.median import ABSENT, median, median_push
from turgor.core.median import STATE_WORDS as MEDIAN_WORDS
from turgor.core.rules import DBP_LEAST_MILLI_MMHG, DBP_MOST_MILLI_MMHG, Rules, dp_milli_mmhg
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


class Judge:
    """Channels by number, in order; limits as `core.rules.DEFAULT_LIMITS`."""

    def __init__(self, channels, limits):
        self.channels = channels
        self.rules = Rules(len(CHANNELS), limits)
        self.medians = array("i", bytes(4 * len(channels)))
        self.baselines = array("i", bytes(4 * len(channels)))
        self._windows = [array("i", bytes(4 * MEDIAN_WORDS)) for _ in channels]
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

    def reading(self, position, value):
        """Take a channel's reading (or ABSENT) into its median; True when this set its baseline."""
        window = self._windows[position]
        valid = median_push(window, value)
        self.medians[position] = median(window)
        if (
            valid == _BASELINE_READINGS
            and not self.baselines[position]
            and CHANNELS[self.channels[position]][1] == IMPEDANCE
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
