"""The one-second tick in slices: commands, readings, medians, rules, alarm, and snapshots when they are due."""

from array import array
from struct import pack_into

from turgor.app.snapshot import Snapshots
from turgor.core.alarms import EVENT_WORDS
from turgor.core.annunciation import PAUSE_S
from turgor.core.bounds import CALIBRATION_BOUNDS, impedance_misfit, misfit
from turgor.core.channels import ARTERIAL, CHANNELS, IMPEDANCE, NO_CHANNEL, SLOW
from turgor.core.entries import ADULT, AGE_AT, LAST_ENTRY, LATE, LOCAL, REMOVED, UNDER_10
from turgor.core.impedance import STATE_WORDS
from turgor.core.judge import Judge
from turgor.core.median import ABSENT
from turgor.core.rules import DBP_LEAST_MILLI_MMHG, DBP_MOST_MILLI_MMHG, RULE_COUNT
from turgor.core.ticks import ticks_diff
from turgor.link import lines
from turgor.link.records import (
    BASELINE,
    COMMAND,
    EVENT,
    HEADER_SIZE,
    MEDIAN_VALID,
    READING,
    READING_SIZE,
    READINGS,
)
from turgor.mp import const

_SECOND_US = const(1000000)
_READINGS_BODY = const(7)
_COMMAND_BODY = const(28)
_COMMAND_WORDS = const(6)
_PENDING_LIMIT = const(8)
NO_FLASH = "this board has no flash of its own to keep a configuration"
_SWEEPS = (("sweeps", 1, 100),)
_PAUSE = (("seconds", 0, PAUSE_S),)
_DBP = (("dbp_milli_mmhg", DBP_LEAST_MILLI_MMHG, DBP_MOST_MILLI_MMHG),)
_ENTRY = (("kind", 0, LAST_ENTRY),)
_CONFIRM = (("rule", 0, RULE_COUNT - 1),)
_STATE = (("state", 0, REMOVED),)
_ADMIT = (("id", 1, 0x3FFFFFFF), ("age_group", ADULT, UNDER_10), ("bits", 0, LOCAL | LATE))


class Maintenance(Exception):
    """Somebody asked for the bare prompt: main has to end."""


class Tick:
    """Judges `samplers` (in the order of `config.channels`) once a second and sets the alarm.

    `busy` from the first slice of a tick to its last: no command may come in between. `refusal` is what was wrong with
    the last command, "" when it was taken.
    """

    def __init__(self, config, samplers, log, time, annunciator, keep, blocks, now):
        self.due = time.tick_at(_SECOND_US)
        self.busy = False
        self.refusal = ""
        self.judge = Judge([channel.number for channel in config.channels], config.limits)
        self._channels = config.channels
        self._samplers = samplers[:]
        # Nothing of what came before decides the readings of the others.
        followed = [sampler for sampler in samplers if CHANNELS[sampler.number][1] not in SLOW]
        self.snapshots = Snapshots(self.judge, followed, log)
        self._log = log
        self._time = time
        self.annunciator = annunciator
        self._keep = keep
        self._blocks = blocks
        # Whether something happened in this tick that has to outlive a restart.
        self._urgent = False
        self._leaving = False
        self._second = 0
        self._slice = 0
        self._values = array("i", bytes(4 * len(samplers)))
        self._pending = array("i", bytes(4 * _COMMAND_WORDS * _PENDING_LIMIT))
        self._pending_count = 0
        # The words of a calibration that came so far, and what the command with the next ones begins with; by position
        # those that are whole.
        self._words = []
        self._goes_on = -1
        self._calibrated = {}

    def step(self, now):
        """One slice; returns the microseconds until the next."""
        count = len(self._samplers)
        number = self._slice
        self._slice = number + 1
        if number == 0:
            self._begin()
        elif number == 1:
            self._take(0, count >> 1)
        elif number == 2:
            self._take(count >> 1, count)
        elif number == 3:
            self._hear()
        elif number < count + 4:
            self._median(number - 4)
        elif number == count + 4:
            # The codes that the readings used stand before them in the log.
            self._blocks.append()
        elif number == count + 5:
            self._log_readings()
        elif number < 3 * count + 8:
            self._judge(number - count - 6)
        elif number == 3 * count + 8:
            self._annunciate(now)
            keep = self._keep
            if keep and not keep.wants_state(self._second, self._urgent):
                keep = None
            self._urgent = False
            if not self.snapshots.begin(self._second, keep):
                return self._end(now)
        elif not self.snapshots.step():
            return self._end(now)
        return 0

    def _end(self, now):
        self._slice = 0
        self.busy = False
        if self._leaving:
            raise Maintenance
        # Ticks that a stall passed over follow at once, one by one.
        return max(0, ticks_diff(self._time.tick_at((self._second + 1 - self._time.s) * _SECOND_US), now))

    def resume_pause(self, seconds):
        """Have the sound paused again as if somebody said so: a pause from before a restart goes on."""
        self.annunciator.hush(self.judge.alarms.annunciation())
        self.execute(0, lines.PAUSE, seconds, 0, 0, 0, 0)

    def execute(self, id, command, a, b, c, d, e):
        """Check a command, log it, and keep it for the next tick; returns the status of its answer."""
        self.refusal = self._misfit(command, a, b, c, d, e)
        status = lines.REFUSED if self.refusal else lines.OK
        if not self.refusal:
            # A text's parts are only logged.
            if command != lines.CALIBRATE and (command != lines.ENTRY or not a >> 16):
                at = self._pending_count * _COMMAND_WORDS
                for i, word in enumerate((command, a, b, c, d, e)):
                    self._pending[at + i] = word
                self._pending_count += 1
            pack_into("<IBBHiiiii", self._log.record, HEADER_SIZE, id, command, status, 0, a, b, c, d, e)
            self._log.append(HEADER_SIZE + _COMMAND_BODY, COMMAND, NO_CHANNEL, self._time.s)
        return status

    def _misfit(self, command, a, b, c, d, e):
        """Why a command cannot be taken, with the field and its limits; "" when it can."""
        if self._pending_count == _PENDING_LIMIT:
            return "too many commands within a second; try again"
        if command == lines.DBP:
            return misfit(_DBP, (a,))
        if command == lines.ACKNOWLEDGE:
            return "" if self.judge.alarms.standing(a, b) else "no such alarm stands unacknowledged"
        if command == lines.PAUSE:
            return misfit(_PAUSE, (a,)) or ("" if not a or self.annunciator.level else "nothing sounds")
        if command == lines.CALIBRATE:
            return self._take_words(a, (b, c, d, e))
        if command == lines.CONFIGURE:
            return self._keep.check(a) if self._keep else NO_FLASH
        if command in (lines.MARK, lines.MAINTAIN):
            return ""
        if command == lines.SWEEPS:
            if self._position(a) < 0 or CHANNELS[a][1] != IMPEDANCE:
                return "channel " + str(a) + " has no impedance sensor here"
            return misfit(_SWEEPS, (b,))
        if command == lines.ENTRY:
            return self._no_channel(a >> 8 & 0xFF, True) or misfit(_ENTRY, (a & 0xFF,))
        if command == lines.CONFIRM:
            return self._no_channel(a) or misfit(_CONFIRM, (b,))
        if command == lines.STATE:
            return self._no_channel(a) or misfit(_STATE, (b,))
        if command == lines.ADMIT:
            return "an episode runs; discharge first" if self._is_admitted() else misfit(_ADMIT, (a, b, c))
        if command == lines.DISCHARGE:
            return "" if self._is_admitted() else "no episode runs; nobody was admitted"
        return "no command has the number " + str(command)

    def _no_channel(self, channel, may_be_none=False):
        """Why nothing can be said of a channel; "" when it is here."""
        here = self._position(channel) >= 0 or (may_be_none and channel == NO_CHANNEL)
        return "" if here else "channel " + str(channel) + " is not here"

    def _is_admitted(self):
        """Whether an episode will run after the commands that wait."""
        admitted = self.judge.is_admitted()
        for at in range(0, self._pending_count * _COMMAND_WORDS, _COMMAND_WORDS):
            if self._pending[at] in (lines.ADMIT, lines.DISCHARGE):
                admitted = not admitted
        return admitted

    def _take_words(self, a, words):
        """The next words of a calibration, which acts as a whole when the last ones are there."""
        position = self._position(a & 0xFF)
        if position < 0 or CHANNELS[a & 0xFF][1] in SLOW:
            return "channel " + str(a & 0xFF) + " has nothing to calibrate here"
        channel = self._channels[position]
        at = a >> 16
        why = misfit((("driver", channel.driver, channel.driver),), (a >> 8 & 0xFF,))
        if at and a != self._goes_on:
            why = "at = " + str(at) + " does not go on from the command before"
        if channel.is_impedance():
            count = STATE_WORDS
            why = why or impedance_misfit(words, at)
        else:
            count = len(CALIBRATION_BOUNDS)
            why = why or misfit(CALIBRATION_BOUNDS[at : at + 4], words)
        if not why:
            if not at:
                self._words = []
            self._words += words
            self._goes_on = a + 0x40000
            if at + 4 >= count:
                self._calibrated[position] = self._words
                self._goes_on = -1
        return why

    def _position(self, channel):
        for position in range(len(self.judge.channels)):
            if self.judge.channels[position] == channel:
                return position
        return -1

    def _begin(self):
        self._second += 1
        self.busy = True
        self.judge.begin()
        # What `_take` would have to do otherwise.
        for sampler in self._samplers:
            if sampler.is_sampled:
                sampler.channel.flush()

    def _take(self, position, end):
        """Take the readings from `position` up to `end`, and let what acts from each one's next sample on act."""
        judge = self.judge
        while position < end:
            channel = self._samplers[position].channel
            self._values[position] = channel.capture()
            if CHANNELS[judge.channels[position]][1] == ARTERIAL:
                judge.take_diastolic(channel.diastolic)
            if position in self._calibrated:
                channel.calibrate(self._calibrated[position])
            position += 1

    def _hear(self):
        """Do what was commanded since the last tick."""
        for i in range(self._pending_count):
            self._act(i * _COMMAND_WORDS)
        self._pending_count = 0
        if self._calibrated:
            self._calibrated = {}
            self._urgent = True
            self.snapshots.request()
            if self._keep:
                self._keep.store()

    def _act(self, at):
        words = self._pending
        command = words[at]
        self._urgent = True
        if command == lines.DBP:
            self.judge.type_dbp(words[at + 1])
        elif command == lines.ACKNOWLEDGE:
            self.judge.alarms.acknowledge(words[at + 1], words[at + 2])
        elif command == lines.PAUSE:
            self.annunciator.pause(words[at + 1])
        elif command == lines.CONFIGURE:
            self._keep.configure()
        elif command == lines.MAINTAIN:
            # At the end of the tick: its answer goes out between the slices.
            self._leaving = True
        elif command == lines.SWEEPS:
            self._samplers[self._position(words[at + 1])].calibrate(words[at + 2])
        elif command == lines.ENTRY:
            self.judge.entry(words[at + 1] >> 8, words[at + 1] & 0xFF)
        elif command == lines.CONFIRM:
            self.judge.confirm(words[at + 1], words[at + 2])
        elif command == lines.STATE:
            self.judge.set_state(words[at + 1], words[at + 2])
        elif command == lines.ADMIT:
            self.judge.admit(words[at + 3] | words[at + 2] << AGE_AT)
        elif command == lines.DISCHARGE:
            self.judge.discharge()

    def _median(self, position):
        self._samplers[position].close()
        if self.judge.reading(position, self._values[position], self._samplers[position].channel.flags):
            pack_into("<Bi", self._log.record, HEADER_SIZE, *self.judge.baseline(position))
            self._log.append(HEADER_SIZE + 5, BASELINE, self.judge.channels[position], self._second)
            self._urgent = True

    def _log_readings(self):
        judge = self.judge
        record = self._log.record
        pack_into("<iHB", record, HEADER_SIZE, judge.dbp_milli_mmhg, judge.dbp_age_s, judge.dbp_source)
        at = HEADER_SIZE + _READINGS_BODY
        for position in range(len(self._samplers)):
            channel = self._samplers[position].channel
            median = judge.medians[position]
            flags = channel.flags
            if median != ABSENT:
                flags |= MEDIAN_VALID
            pack_into(READING, record, at, judge.channels[position], flags, channel.captured, channel.value, median)
            at += READING_SIZE
        self._log.append(at, READINGS, NO_CHANNEL, self._second)

    def _judge(self, number):
        # Of each channel, and then of what belongs to none, first the inputs.
        if number & 1:
            self.judge.decide(number >> 1)
            self._log_events()
        else:
            self.judge.weigh(number >> 1)

    def _log_events(self):
        alarms = self.judge.alarms
        events = alarms.events
        if alarms.event_count:
            self._urgent = True
        for i in range(alarms.event_count):
            at = i * EVENT_WORDS
            pack_into(
                "<BBBBii",
                self._log.record,
                HEADER_SIZE,
                events[at + 1],
                events[at + 3],
                events[at + 2],
                events[at + 4],
                events[at + 5],
                events[at + 6],
            )
            self._log.append(HEADER_SIZE + 12, EVENT, events[at], self._second)
        alarms.event_count = 0

    def _annunciate(self, now):
        self.annunciator.tick(self.judge.alarms.annunciation(), now)
