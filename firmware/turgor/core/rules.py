"""The rules: one-second decisions on 60 s medians, in integers.

A rule has stages, each with a priority, a limit and a time for which its input must stay beyond that limit. A run
counts from the first tick beyond the limit; while an input is ABSENT the run is held. An alarm stands for a rule on a
channel: it is raised by its first stage that ran long enough, escalates with a later stage of higher priority, keeps
its highest priority, and clears when the input stayed inside the clear limit for the clear time. A high alarm that was
not acknowledged stays (latched) until it is.

A technical rule judges a sensor, by how long it has been in trouble; its alarm never latches.

Units: pressures milli-mmHg, changes per mille of the baseline, times s. Inputs lie within +-2^28.
"""

from array import array

from turgor.core.median import ABSENT
from turgor.mp import const, micropython, ptr8, ptr32

DP_LOW = const(0)
PRESSURE_HIGH = const(1)
FLUID_GAIN = const(2)
SENSOR_ABSENT = const(3)
SATURATED = const(4)
STUCK = const(5)
NOISY = const(6)
ELECTRODE_OFF = const(7)
# The technical rules, from this one to the last. A trouble is a bit each, 1 for the first.
FIRST_TECHNICAL = const(3)

NO_PRIORITY = const(0)
LOW = const(1)
MEDIUM = const(2)
HIGH = const(3)
PRIORITY_NAMES = ("none", "low", "medium", "high")

RAISED = const(1)
ESCALATED = const(2)
CLEARED = const(3)
ACKNOWLEDGED = const(4)
EVENT_NAMES = ("none", "raised", "escalated", "cleared", "acknowledged")

# name, what is judged, its unit, the text of an alarm
RULES = (
    ("dp_low", "DBP - ICP", "milli_mmhg", "perfusion pressure low"),
    ("pressure_high", "ICP", "milli_mmhg", "compartment pressure high"),
    ("fluid_gain", "fall of R from its baseline", "permille", "fluid entering the limb"),
    ("sensor_absent", "time without a valid reading", "s", "no reading from the sensor"),
    ("saturated", "time at the converter's limits", "s", "sensor out of its range"),
    ("stuck", "time without any change", "s", "sensor stuck"),
    ("noisy", "time with much noise", "s", "sensor noisy"),
    ("electrode_off", "time without contact", "s", "electrode off"),
)
RULE_NAMES = tuple(row[0] for row in RULES)

# rule, stage, priority, limit, run_s, clear_limit, clear_s, aux: the defaults, all of them configuration.
# aux: dp_low none; pressure_high 0 a dP at or above which the alarm is only low, 2 (applies without a valid dP) none;
# fluid_gain 2 the ICP from which, or the dP below which, the stage applies: ICP * 2^15 + dP, in whole mmHg.
DEFAULT_LIMITS = (
    (DP_LOW, 0, MEDIUM, 30000, 900, 32000, 300, 0),
    (DP_LOW, 1, HIGH, 30000, 7200, 32000, 300, 0),
    (PRESSURE_HIGH, 0, MEDIUM, 30000, 600, 28000, 300, 40000),
    (PRESSURE_HIGH, 1, HIGH, 45000, 300, 28000, 300, 0),
    (PRESSURE_HIGH, 2, HIGH, 30000, 3600, 28000, 300, 0),
    (FLUID_GAIN, 0, LOW, 50, 600, 40, 0, 0),
    (FLUID_GAIN, 1, MEDIUM, 100, 600, 40, 0, 0),
    (FLUID_GAIN, 2, HIGH, 150, 600, 40, 0, 20 << 15 | 40),
    (SENSOR_ABSENT, 0, MEDIUM, 10, 0, 0, 5, 0),
    (SATURATED, 0, MEDIUM, 10, 0, 0, 5, 0),
    (STUCK, 0, MEDIUM, 10, 0, 0, 5, 0),
    (NOISY, 0, LOW, 30, 0, 0, 5, 0),
    (ELECTRODE_OFF, 0, MEDIUM, 10, 0, 0, 5, 0),
)

# A stage that a rule does not have: no run is long enough.
_NEVER = (0, 0, NO_PRIORITY, 0, 0x1FFFFFFF, 0, 0, 0)

# A typed DBP older than this gives no dP; one younger than FRESH_S may soften `pressure_high`.
DBP_VALID_S = const(3600)
DBP_FRESH_S = const(900)
DBP_LEAST_MILLI_MMHG = const(10000)
DBP_MOST_MILLI_MMHG = const(200000)

_STAGES = const(3)
# Words of one alarm: run of each stage (-1: none), clear run, priority, acknowledged.
_CLEAR = const(3)
_PRIORITY = const(4)
_ACKNOWLEDGED = const(5)
ALARM_WORDS = const(6)
# A packed alarm: channel, rule, bits (0-3 the runs that there are, then the priority, then ACKNOWLEDGED), and 3 bytes a
# run. A run of more than 194 days goes as that.
_PACKED_HEAD = const(3)
_PACKED_RUN = const(3)
_PACKED_PRIORITY = const(4)
_PACKED_ACKNOWLEDGED = const(0x40)
# Words of one event in `Rules.events`.
EVENT_WORDS = const(7)


def dp_milli_mmhg(dbp_milli_mmhg, dbp_age_s, icp_milli_mmhg):
    """DBP - ICP, ABSENT when either is absent or the DBP too old (a DBP below 0 was never typed)."""
    if dbp_milli_mmhg < 0 or dbp_age_s > DBP_VALID_S or icp_milli_mmhg == ABSENT:
        return ABSENT
    return dbp_milli_mmhg - icp_milli_mmhg


@micropython.viper
def _pack(words: ptr32, channels: int, rules: int, buffer: ptr8, at: int) -> int:
    """Write the alarms that are not idle."""
    alarm = 0
    channel = 0
    while channel < channels:
        rule = 0
        while rule < rules:
            bits = (words[alarm + 4] << 4) | (words[alarm + 5] << 6)
            to = at + 3
            i = 0
            while i < 4:
                run = ((words[alarm + i] + 0x20000000) & 0x3FFFFFFF) - 0x20000000
                if run >= 0:
                    bits |= 1 << i
                    if run > 0xFFFFFF:
                        run = 0xFFFFFF
                    buffer[to] = run & 255
                    buffer[to + 1] = (run >> 8) & 255
                    buffer[to + 2] = run >> 16
                    to += 3
                i += 1
            if bits:
                buffer[at] = channel
                buffer[at + 1] = rule
                buffer[at + 2] = bits
                at = to
            alarm += 6
            rule += 1
        channel += 1
    return at


@micropython.viper
def _run(words: ptr32, word: int, beyond: int):
    """Count a run on, end it, or hold it where it is unknown (ABSENT) whether its input is beyond the limit."""
    if beyond != -536870912:
        words[word] = words[word] + 1 if beyond else -1


@micropython.viper
def _highest(words: ptr32, n: int) -> int:
    """The highest priority that nobody acknowledged, in `n` words of alarms."""
    highest = 0
    alarm = 0
    while alarm < n:
        if words[alarm + 4] > highest and words[alarm + 5] == 0:
            highest = words[alarm + 4]
        alarm += 6
    return highest


@micropython.viper
def _counting(words: ptr32, n: int) -> int:
    """1 when an alarm counts towards a stage."""
    alarm = 0
    while alarm < n:
        # A run of -1 is none; their sign bits are all there then.
        if not words[alarm] & words[alarm + 1] & words[alarm + 2] & 0x20000000:
            return 1
        alarm += 6
    return 0


class Rules:
    """All alarms of the channels below `channel_count`, and the events of the last tick.

    `events` holds `event_count` events of EVENT_WORDS words: channel, rule, state, priority, stage, value, limit.
    `limits` maps (rule, stage) to a row of DEFAULT_LIMITS by position rule * 3 + stage; `limits_sum` is a check sum of
    30 bits over them.
    """

    def __init__(self, channel_count, limits=DEFAULT_LIMITS):
        self.limits = [_NEVER] * (len(RULES) * _STAGES)
        for limit in limits:
            self.limits[limit[0] * _STAGES + limit[1]] = limit
        self.limits_sum = 0
        for limit in self.limits:
            for value in limit:
                mixed = (self.limits_sum & 0x1FFFFF) * 181 + (value >> 15 & 0x7FFF) + (value & 0x7FFF)
                self.limits_sum = mixed ^ self.limits_sum >> 21
        self.channel_count = channel_count
        words = channel_count * len(RULES) * ALARM_WORDS
        self.words = array("i", bytes(4 * words))
        for alarm in range(0, words, ALARM_WORDS):
            for stage in range(_CLEAR + 1):
                self.words[alarm + stage] = -1
        # The most that one call can give: every alarm acknowledged at once.
        self.events = array("i", bytes(4 * EVENT_WORDS * channel_count * len(RULES)))
        self.event_count = 0
        # Channels of which a technical rule is not at rest.
        self._in_trouble = bytearray(channel_count)

    def priority(self, channel, rule):
        """The priority of an alarm, NO_PRIORITY while there is none."""
        return self.words[(channel * len(RULES) + rule) * ALARM_WORDS + _PRIORITY]

    def is_acknowledged(self, channel, rule):
        return self.words[(channel * len(RULES) + rule) * ALARM_WORDS + _ACKNOWLEDGED] == 1

    def annunciation(self):
        """The highest priority among the alarms that nobody acknowledged."""
        return _highest(self.words, len(self.words))

    def is_counting(self):
        """Whether a run counts towards an alarm."""
        return _counting(self.words, len(self.words)) == 1

    def judge_pressure(self, channel, icp, dbp, dbp_age_s):
        """One tick of `dp_low` and `pressure_high`: 60 s median of ICP, last DBP (-1: none) and its age."""
        dp = dp_milli_mmhg(dbp, dbp_age_s, icp)
        words = self.words
        limits = self.limits
        rule = DP_LOW
        alarm = (channel * len(RULES) + rule) * ALARM_WORDS
        for stage in range(2):
            beyond = ABSENT if dp == ABSENT else dp < limits[rule * _STAGES + stage][3]
            _run(words, alarm + stage, beyond)
        self._decide(channel, rule, dp, 1, NO_PRIORITY)

        rule = PRESSURE_HIGH
        alarm = (channel * len(RULES) + rule) * ALARM_WORDS
        for stage in range(3):
            beyond = ABSENT if icp == ABSENT else icp >= limits[rule * _STAGES + stage][3]
            if stage == 2 and beyond == 1 and dp != ABSENT:
                beyond = 0
            _run(words, alarm + stage, beyond)
        softened = NO_PRIORITY
        if dp != ABSENT and dbp_age_s < DBP_FRESH_S and dp >= self.limits[rule * _STAGES][7]:
            softened = LOW
        self._decide(channel, rule, icp, -1, softened)

    def judge_fluid(self, channel, fall, icp, dp):
        """One tick of `fluid_gain`: fall of R from its baseline, ICP and dP of the same limb; each may be ABSENT."""
        rule = FLUID_GAIN
        alarm = (channel * len(RULES) + rule) * ALARM_WORDS
        for stage in range(3):
            beyond = ABSENT if fall == ABSENT else fall >= self.limits[rule * _STAGES + stage][3]
            if stage == 2 and beyond == 1:
                aux = self.limits[rule * _STAGES + 2][7]
                swollen = icp != ABSENT and icp >= (aux >> 15) * 1000
                starved = dp != ABSENT and dp < (aux & 0x7FFF) * 1000
                if not swollen and not starved:
                    beyond = 0
            _run(self.words, alarm + stage, beyond)
        self._decide(channel, rule, fall, -1, NO_PRIORITY)

    def judge_trouble(self, channel, trouble):
        """One tick of the technical rules: what a sensor suffers, a bit each. The time is counted as stage 1's run."""
        if not trouble and not self._in_trouble[channel]:
            return
        words = self.words
        idle = not trouble
        alarm = (channel * len(RULES) + FIRST_TECHNICAL) * ALARM_WORDS
        for rule in range(FIRST_TECHNICAL, len(RULES)):
            there = trouble & 1
            trouble >>= 1
            # At rest there is nothing to count and nothing to clear.
            if there or words[alarm + _PRIORITY] or words[alarm] >= 0 or words[alarm + 1] >= 0:
                _run(words, alarm + 1, there)
                time = words[alarm + 1] + 1
                _run(words, alarm, there and time >= self.limits[rule * _STAGES][3])
                self._decide(channel, rule, time, -1, NO_PRIORITY)
                if words[alarm + _PRIORITY]:
                    idle = False
            alarm += ALARM_WORDS
        self._in_trouble[channel] = 0 if idle else 1

    def acknowledge(self, channel, rule):
        """Acknowledge the standing alarms of a channel and rule (255: all)."""
        for c in range(self.channel_count):
            for r in range(len(RULES)):
                if (channel == 255 or channel == c) and (rule == 255 or rule == r):
                    alarm = (c * len(RULES) + r) * ALARM_WORDS
                    if self.words[alarm + _PRIORITY] and not self.words[alarm + _ACKNOWLEDGED]:
                        self.words[alarm + _ACKNOWLEDGED] = 1
                        self._emit(c, r, ACKNOWLEDGED, self.words[alarm + _PRIORITY], 0, 0, 0)

    def standing(self, channel, rule):
        """How many alarms `acknowledge` would find."""
        found = 0
        for c in range(self.channel_count):
            for r in range(len(RULES)):
                if (channel == 255 or channel == c) and (rule == 255 or rule == r):
                    alarm = (c * len(RULES) + r) * ALARM_WORDS
                    if self.words[alarm + _PRIORITY] and not self.words[alarm + _ACKNOWLEDGED]:
                        found += 1
        return found

    def pack_state(self, buffer, at):
        """Write all alarms and their runs; returns where they end."""
        return _pack(self.words, self.channel_count, len(RULES), buffer, at)

    def unpack_state(self, buffer, at, end, channels):
        """Go on with the alarms that `pack_state` wrote, those of `channels` only; False, and nothing changed, when the
        bytes cannot be alarms of these rules."""
        words = array("i", bytes(4 * len(self.words)))
        for alarm in range(0, len(words), ALARM_WORDS):
            for stage in range(_CLEAR + 1):
                words[alarm + stage] = -1
        last = -1
        while at < end:
            if at + _PACKED_HEAD > end:
                return False
            channel, rule, bits = buffer[at], buffer[at + 1], buffer[at + 2]
            number = channel * len(RULES) + rule
            if rule >= len(RULES) or number <= last:
                return False
            priority = bits >> _PACKED_PRIORITY & HIGH
            if not bits or bits > 0x7F or (bits & _PACKED_ACKNOWLEDGED and not priority):
                return False
            last = number
            alarm = number * ALARM_WORDS
            kept = channel in channels
            if kept:
                words[alarm + _PRIORITY] = priority
                words[alarm + _ACKNOWLEDGED] = 1 if bits & _PACKED_ACKNOWLEDGED else 0
            at += _PACKED_HEAD
            for i in range(_CLEAR + 1):
                if bits & 1 << i:
                    if at + _PACKED_RUN > end:
                        return False
                    if kept:
                        words[alarm + i] = buffer[at] | buffer[at + 1] << 8 | buffer[at + 2] << 16
                    at += _PACKED_RUN
        self.words[:] = words
        self.event_count = 0
        for channel in range(self.channel_count):
            self._in_trouble[channel] = 1
        return True

    def _decide(self, channel, rule, value, inside_sign, softened):
        """Raise, escalate or clear from the runs; inside is at or above the clear limit or, with sign -1, below."""
        words = self.words
        alarm = (channel * len(RULES) + rule) * ALARM_WORDS
        priority = words[alarm + _PRIORITY]
        best = priority
        best_stage = -1
        for stage in range(_STAGES):
            limit = self.limits[rule * _STAGES + stage]
            if words[alarm + stage] >= limit[4]:
                reached = softened if stage == 0 and softened else limit[2]
                if reached > best:
                    best = reached
                    best_stage = stage
        if best > priority:
            words[alarm + _PRIORITY] = best
            words[alarm + _ACKNOWLEDGED] = 0
            words[alarm + _CLEAR] = -1
            limit = self.limits[rule * _STAGES + best_stage][3]
            self._emit(channel, rule, ESCALATED if priority else RAISED, best, best_stage, value, limit)
            return
        if not priority or value == ABSENT:
            return
        limit = self.limits[rule * _STAGES]
        inside = value >= limit[5] if inside_sign > 0 else value <= limit[5]
        if not inside:
            words[alarm + _CLEAR] = -1
            return
        words[alarm + _CLEAR] += 1
        if words[alarm + _CLEAR] >= limit[6] and (priority < HIGH or words[alarm + _ACKNOWLEDGED]):
            words[alarm + _PRIORITY] = NO_PRIORITY
            words[alarm + _ACKNOWLEDGED] = 0
            words[alarm + _CLEAR] = -1
            self._emit(channel, rule, CLEARED, priority, 0, value, limit[5])

    def _emit(self, channel, rule, state, priority, stage, value, limit):
        at = self.event_count * EVENT_WORDS
        events = self.events
        events[at] = channel
        events[at + 1] = rule
        events[at + 2] = state
        events[at + 3] = priority
        events[at + 4] = stage
        events[at + 5] = value
        events[at + 6] = limit
        self.event_count += 1
