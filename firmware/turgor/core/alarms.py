"""The alarms: one for each rule on each channel that it applies to, stepped once a second, in integers.

A run counts from the first tick beyond a stage's limit; while its input is ABSENT, or beyond it and its condition's is
ABSENT, the run is held. An alarm is raised by the first stage whose run is long enough, escalates with one of higher
priority, keeps its highest priority, and clears when all inputs of the rule stayed inside their clear limits for the
clear time. A high alarm stays (latched) until it is acknowledged; technical ones never latch; a momentary one stands
until it is acknowledged. An acknowledged alarm that is still true is raised again after 30 min, one of dP also when it
is 5 mmHg deeper.

Every alarm ends in exactly one way: cleared, or withdrawn with its channel, its rule or its episode.
"""

from array import array

from turgor.core.channels import NO_CHANNEL
from turgor.core.entries import ADULT
from turgor.core.packed import get_triples, put_triples
from turgor.core.rules import AGE_STAGES, HIGH, HOW, NO_PRIORITY, RULE_COUNT, STAGES, WITHDRAWN
from turgor.mp import const, micropython, ptr8, ptr32

# Words of one alarm: run of each stage (-1: none), clear run, priority, acknowledged (0 no, 1 to be told, then 2 and
# one more each second), and the first stage's input when it was acknowledged, turned round where what lies below its
# limit is beyond it.
PRIORITY_AT = const(4)
ACKNOWLEDGED_AT = const(5)
ALARM_WORDS = const(7)
# Bytes of one that is not idle in a packed state: its number and its words.
_ALARM_SIZE = const(22)
# Words of a row of limits: stage, priority, limit, run_s, clear limit, clear_s.
_ROW = const(6)
# Words of one event: channel, rule, state, priority, stage, value, limit. One call of `step` gives at most two for an
# alarm.
EVENT_WORDS = const(7)
_EVENTS = const(26)
_RUNS = const(4)
_ACKNOWLEDGED_MOST = const(0x7FFFFF)


@micropython.viper
def _step(
    words: ptr32, ids: ptr8, alarm: int, end: int, rows: ptr32, starts: ptr8, hows: ptr8, x: ptr32, events: ptr32
) -> int:
    """Step alarms `alarm` to `end` by the inputs `x`; returns the number of events, plus 256 when a run counts towards
    an alarm of the patient."""
    events_at = 0
    counting = 0
    while alarm < end:
        at = alarm * 7
        rule = ids[alarm * 2 + 1]
        row = starts[rule] * 6
        last = starts[rule + 1] * 6
        priority = words[at + 4]
        acknowledged = words[at + 5]
        # 2: all are inside their clear limits, 1: that of some is not known, 0: one is outside.
        inside = 2
        # Any stage is beyond its limit; what the first stage saw, and what the event will show.
        beyond_any = 0
        depth = -536870912
        best = priority
        best_stage = 0
        shown = 0
        limit_shown = 0
        first_limit = 0
        clear_s = 0
        form = 0
        if row == last:
            # A rule that is off: what stands of it goes.
            inside = 3
        while row < last:
            stage = rows[row]
            how = (rule * 3 + stage) * 4
            form = hows[how + 3]
            value = ((x[hows[how]] + 0x20000000) & 0x3FFFFFFF) - 0x20000000
            limit = ((rows[row + 2] + 0x20000000) & 0x3FFFFFFF) - 0x20000000
            clear = ((rows[row + 4] + 0x20000000) & 0x3FFFFFFF) - 0x20000000
            clear_s = rows[row + 5]
            if value == -536870912:
                if inside == 2:
                    inside = 1
            else:
                turned = value
                high = limit
                low = clear
                if form & 1:
                    turned = 0 - value
                    high = 0 - limit
                    low = 0 - clear
                if form & 2:
                    high += 1
                if form & 4:
                    low -= 1
                if depth == -536870912:
                    depth = turned
                    first_limit = limit
                    if best_stage == 0 and best == priority:
                        shown = value
                        limit_shown = clear
                run = ((words[at + stage] + 0x20000000) & 0x3FFFFFFF) - 0x20000000
                # 0x20000000 where it is ABSENT.
                condition = x[hows[how + 1]] & 0x3FFFFFFF
                if turned < high or condition == 0:
                    run = -1
                elif condition != 0x20000000:
                    run += 1
                    beyond_any = 1
                    if run >= rows[row + 3]:
                        reached = rows[row + 1]
                        if hows[how + 2] and x[hows[how + 2]]:
                            reached = 1
                        if reached > best:
                            best = reached
                            best_stage = stage
                            shown = value
                            limit_shown = limit
                            if form & 8 and limit == 1:
                                # How long a trouble lasted, and had to.
                                shown = run
                                limit_shown = rows[row + 3]
                    elif form & 8 == 0 and rows[row + 1] > priority:
                        counting = 256
                words[at + stage] = run
                if turned > low:
                    inside = 0
            row += 6
        if acknowledged == 1:
            events[events_at] = ids[alarm * 2]
            events[events_at + 1] = rule
            events[events_at + 2] = 4
            events[events_at + 3] = priority
            events[events_at + 4] = 0
            events[events_at + 5] = 0
            events[events_at + 6] = 0
            events_at += 7
        state = 0
        if best > priority:
            state = 2 if priority else 1
            priority = best
            words[at + 3] = -1
            acknowledged = 0
        elif priority:
            if acknowledged:
                before = ((words[at + 6] + 0x20000000) & 0x3FFFFFFF) - 0x20000000
                if acknowledged == 1 or before == -536870912:
                    before = depth
                    words[at + 6] = depth
                if acknowledged < 0xFFFFFFF:
                    acknowledged += 1
                if beyond_any and (acknowledged > 1801 or (form & 32 and depth >= before + 5000)):
                    acknowledged = 0
                    limit_shown = first_limit
                    state = 1
            if inside == 0:
                words[at + 3] = -1
            elif inside == 3:
                state = 5
            elif inside == 2 and (form & 8 or x[1] == 0):
                run = (((words[at + 3] + 0x20000000) & 0x3FFFFFFF) - 0x20000000) + 1
                words[at + 3] = run
                if run >= clear_s and (acknowledged or ((priority < 3 or form & 8) and form & 16 == 0)):
                    state = 3
        if state:
            events[events_at] = ids[alarm * 2]
            events[events_at + 1] = rule
            events[events_at + 2] = state
            events[events_at + 3] = priority
            events[events_at + 4] = best_stage
            events[events_at + 5] = shown
            events[events_at + 6] = limit_shown
            events_at += 7
        if state == 3 or state == 5:
            priority = 0
            acknowledged = 0
            words[at + 3] = -1
            words[at + 6] = 0
        words[at + 4] = priority
        words[at + 5] = acknowledged
        alarm += 1
    return events_at // 7 + counting


@micropython.viper
def _busy(words: ptr32, alarm: int, end: int) -> int:
    """The next alarm from `alarm` on that is not idle, `end` when all are."""
    while alarm < end:
        at = alarm * 7
        # A run of -1 is none; the sign bits of all are there then.
        if words[at + 4] or not words[at] & words[at + 1] & words[at + 2] & words[at + 3] & 0x20000000:
            return alarm
        alarm += 1
    return end


@micropython.viper
def _highest(words: ptr32, n: int) -> int:
    """The highest priority that nobody acknowledged, in `n` words of alarms."""
    highest = 0
    alarm = 0
    while alarm < n:
        if words[alarm + 4] > highest and words[alarm + 5] == 0:
            highest = words[alarm + 4]
        alarm += 7
    return highest


class Alarms:
    """The alarms of subjects 0, 1, ...: `subjects` has (channel, its rules) of each.

    `events` holds the `event_count` events of the last call, of EVENT_WORDS words each. `limits_sum` is a check sum of
    30 bits over the limits.
    """

    def __init__(self, subjects, limits):
        self._starts = bytearray(RULE_COUNT + 1)
        self.rows = array("i", bytes(4 * _ROW * len(limits)))
        self._aux = array("i", bytes(4 * RULE_COUNT * STAGES))
        self.limits_sum = 0
        self._age = ADULT
        # The rows of age groups, and everybody's of the same stages.
        self._of_ages = []
        # In order of rule and stage, as `Config` has them.
        for limit in limits:
            if limit[1] < AGE_STAGES:
                self.rows[self._starts[RULE_COUNT] * _ROW] = limit[1]
                for rule in range(limit[0] + 1, RULE_COUNT + 1):
                    self._starts[rule] += 1
                self._put(limit)
            else:
                self._of_ages.append(limit)
                for other in limits:
                    if other[0] == limit[0] and other[1] == limit[1] & 3 and other not in self._of_ages:
                        self._of_ages.append(other)
            for value in limit:
                mixed = (self.limits_sum & 0x1FFFFF) * 181 + (value >> 15 & 0x7FFF) + (value & 0x7FFF)
                self.limits_sum = mixed ^ self.limits_sum >> 21
        # Where each subject's alarms begin.
        self.firsts = bytearray(len(subjects) + 1)
        ids = []
        for subject, (channel, rules) in enumerate(subjects):
            for rule in rules:
                ids += (channel, rule)
            self.firsts[subject + 1] = len(ids) // 2
        self.ids = bytes(ids)
        self.count = len(ids) // 2
        self.words = idle_words(self.count)
        self.events = array("i", bytes(4 * EVENT_WORDS * _EVENTS))
        self.event_count = 0
        # Whether a run counted towards an alarm of the patient since it was last made False.
        self.is_counting = False

    def _put(self, limit):
        """Judge the stage of `limit` by it."""
        at = self._starts[limit[0]] * _ROW
        while self.rows[at] != limit[1] & 3:
            at += _ROW
        for i in range(1, _ROW):
            self.rows[at + i] = limit[i + 1]
        self._aux[limit[0] * STAGES + (limit[1] & 3)] = limit[7]

    def choose(self, age):
        """Judge by the limits of an age group of `core.entries`."""
        if age == self._age:
            return
        self._age = age
        for wanted in (ADULT, age):
            for limit in self._of_ages:
                if limit[1] // AGE_STAGES == wanted:
                    self._put(limit)

    def aux(self, rule, stage=0):
        """The eighth number of a stage's limits, 0 where it has none."""
        return self._aux[rule * STAGES + stage]

    def has(self, rule):
        """Whether any stage of a rule has limits."""
        return self._starts[rule] < self._starts[rule + 1]

    def step(self, subject, x):
        """One tick of a subject's alarms, by its inputs (`core.rules`); the events are in `events`."""
        firsts = self.firsts
        found = _step(
            self.words,
            self.ids,
            firsts[subject],
            firsts[subject + 1],
            self.rows,
            self._starts,
            HOW,
            x,
            self.events,
        )
        self.event_count = found & 255
        if found > 255:
            self.is_counting = True

    def withdraw(self, subject):
        """End all that stands of a subject, and every run."""
        self.event_count = 0
        words = self.words
        for alarm in range(self.firsts[subject], self.firsts[subject + 1]):
            at = alarm * ALARM_WORDS
            if words[at + PRIORITY_AT]:
                to = self.event_count * EVENT_WORDS
                events = self.events
                events[to] = self.ids[alarm * 2]
                events[to + 1] = self.ids[alarm * 2 + 1]
                events[to + 2] = WITHDRAWN
                events[to + 3] = words[at + PRIORITY_AT]
                for i in range(4, EVENT_WORDS):
                    events[to + i] = 0
                self.event_count += 1
            for i in range(ALARM_WORDS):
                words[at + i] = -1 if i < _RUNS else 0

    def number(self, channel, rule):
        """The alarm of a rule on a channel (NO_CHANNEL: on none), -1 where there is none."""
        for alarm in range(self.count):
            if self.ids[alarm * 2] == channel and self.ids[alarm * 2 + 1] == rule:
                return alarm
        return -1

    def priority(self, channel, rule):
        """The priority of an alarm, NO_PRIORITY while there is none."""
        alarm = self.number(channel, rule)
        return self.words[alarm * ALARM_WORDS + PRIORITY_AT] if alarm >= 0 else NO_PRIORITY

    def is_acknowledged(self, channel, rule):
        alarm = self.number(channel, rule)
        return alarm >= 0 and self.words[alarm * ALARM_WORDS + ACKNOWLEDGED_AT] > 0

    def annunciation(self):
        """The highest priority among the alarms that nobody acknowledged."""
        return _highest(self.words, len(self.words))

    def acknowledge(self, channel, rule):
        """Acknowledge the standing alarms of a channel and rule (255: all); the next `step` tells it."""
        self._acknowledge(channel, rule, 1)

    def standing(self, channel, rule):
        """How many alarms `acknowledge` would find."""
        return self._acknowledge(channel, rule, 0)

    def _acknowledge(self, channel, rule, mark):
        found = 0
        words = self.words
        for alarm in range(self.count):
            at = alarm * ALARM_WORDS
            is_meant = channel == NO_CHANNEL or self.ids[alarm * 2] == channel
            is_meant = is_meant and (rule == 255 or self.ids[alarm * 2 + 1] == rule)
            if is_meant and words[at + PRIORITY_AT] and not words[at + ACKNOWLEDGED_AT]:
                words[at + ACKNOWLEDGED_AT] = mark
                found += 1
        return found

    def packed_size(self, subject):
        """How many bytes `pack_subject` will write."""
        size = 0
        end = self.firsts[subject + 1]
        alarm = _busy(self.words, self.firsts[subject], end)
        while alarm < end:
            size += _ALARM_SIZE
            alarm = _busy(self.words, alarm + 1, end)
        return size

    def pack_subject(self, subject, buffer, at):
        """Write those of a subject's alarms that are not idle: number and words. Returns where they end."""
        first = self.firsts[subject]
        end = self.firsts[subject + 1]
        alarm = _busy(self.words, first, end)
        while alarm < end:
            buffer[at] = alarm - first
            at = put_triples(self.words, alarm * ALARM_WORDS, ALARM_WORDS, buffer, at + 1)
            alarm = _busy(self.words, alarm + 1, end)
        return at

    def unpack_subject(self, subject, words, buffer, at, end):
        """Read what `pack_subject` wrote into `words`, idle ones of all alarms; False when it cannot be this subject's
        alarms."""
        first = self.firsts[subject]
        count = self.firsts[subject + 1] - first
        last = -1
        while at < end:
            alarm = buffer[at]
            if at + _ALARM_SIZE > end or not last < alarm < count:
                return False
            last = alarm
            word = (first + alarm) * ALARM_WORDS
            at = get_triples(words, word, ALARM_WORDS, buffer, at + 1)
            for i in range(_RUNS):
                if words[word + i] < -1:
                    return False
            priority = words[word + PRIORITY_AT]
            if not 0 <= priority <= HIGH or not 0 <= words[word + ACKNOWLEDGED_AT] <= priority * _ACKNOWLEDGED_MOST:
                return False
        return True


def idle_words(count):
    """The words of alarms of which none stands or runs."""
    return array("i", [-1, -1, -1, -1, 0, 0, 0] * count)
