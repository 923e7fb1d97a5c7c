"""What the board keeps on flash over a restart: its boot number, configuration, rule state, and what nobody fetched.

The raw region, outside the file system, in sectors of 4096 bytes:

sectors 0 to 3     configuration and calibration, a journal (`turgor.app.journal`)
sectors 4 to 11    boot number, rule state and how far the log was delivered, a journal
sectors 12 on      the spill (`turgor.app.spill`), where there are at least 8 more

Flash stops the board while it erases (45 ms, up to 400) and writes (0.7 ms, up to 3): interrupts are off and
conversions pass unseen. Such a blind interval is announced in the log before an erase and told with its duration after
every operation, and the samplers are told, who count what they missed by the time that passed. Erases are put where no
impedance sweep runs.
"""

from struct import pack_into

from turgor.app.config import unpack_config
from turgor.app.journal import Journal
from turgor.app.log import copy
from turgor.app.spill import Spill
from turgor.core.channels import NO_CHANNEL
from turgor.core.filter_words import GAIN_BIAS, GAIN_HIGH, GAIN_LOW, GAIN_SHIFT, OFFSET
from turgor.core.judge_state import unpack_judge
from turgor.core.ticks import ticks_diff
from turgor.link.lines import CONFIG_PART_SIZE
from turgor.link.records import (
    ANNOUNCED,
    BLIND,
    CONFIG_REFUSED,
    DONE,
    ERASE,
    FLASH_FAILED,
    HEADER_SIZE,
    NOTICE,
    PROGRAM,
    RESTORED,
    STATE_REFUSED,
    STORED,
)
from turgor.mp import const

_CONFIG_AT = const(0)
_CONFIG_SECTORS = const(4)
_STATE_AT = const(4)
_STATE_SECTORS = const(8)
_SPILL_AT = const(12)
_SPILL_LEAST = const(8)

# The judge's clock loses so much in a restart at most, and what runs by it without counting comes so much later: with
# the power off for up to 10 s no more than a minute.
_EVERY_S = const(50)
# While a run counts towards an alarm; then the medians want 30 valid readings as well.
_EVERY_SOON_S = const(10)
# A sweep takes 586 ms of its second.
_QUIET_FROM_US = const(590000)
_QUIET_TO_US = const(650000)
_POLL_US = const(20000)
_BLIND_BODY = const(10)
_NOTICE_BODY = const(9)
# A calibration of the same kind of sensor differs by less: an offset of 2^18 codes, a 32nd of the gain.
_OFFSET_WORDS = const(1 << 23)
_GAIN_PART = const(32)
# In front of the rule state: up to where the log was delivered, boot u16, seq u32; seconds that the sound stays paused,
# u8.
_PAUSED_AT = const(6)
STATE_AT = const(7)
# A boot takes so much off a pause, the most that has passed: 12 s until it was kept anew, 9 s of the watchdog, a start.
_PAUSE_LOST_S = const(30)


class Keep:
    """Read from `flash` at boot: `boot` is this boot's number, durable before anybody can use it.

    `config` has the image of a configuration (`config_size` bytes, 0 for none), `state` that of the rule state from
    STATE_AT on (`state_size`, 0 for none). `refused`: the configuration that was kept cannot be run.
    """

    def __init__(self, flash):
        self._flash = flash
        self._config = Journal(flash, _CONFIG_AT, _CONFIG_SECTORS)
        self._state = Journal(flash, _STATE_AT, _STATE_SECTORS)
        self.config = self._config.content
        self.config_size = self._config.size
        self.state = self._state.content
        self.state_size = self._state.size
        self.refused = False
        self._check = None
        self._received = 0
        self.boot = (self._state.boot + 1) & 0xFFFF
        self.state[_PAUSED_AT] = max(0, self.state[_PAUSED_AT] - _PAUSE_LOST_S)
        self._state.begin(max(self._state.size, STATE_AT), self.boot, self.boot)
        while self._state.saving:
            self._state.step()
        # A tuple made at every step would be on the heap.
        self._journals = (self._config, self._state)
        for journal in self._journals:
            while journal.wants_erase():
                journal.ring.erase()

    def configuration(self, default, check=None):
        """The configuration that was kept; `default` where there is none, or none that a board can run.

        `check` raises ValueError for one that this board's drivers cannot.
        """
        self._check = check
        if not self.config_size:
            return default
        try:
            config = unpack_config(self.config, self.config_size)
            if check:
                check(config)
            return config
        except ValueError:
            self.refused = True
            return default

    def attach(self, log, time, tick, samplers, config, due):
        """Become a job of the app's schedule; `spill` is None where the region has no room for one."""
        self.due = due
        sectors = self._flash.sectors - _SPILL_AT
        self.spill = Spill(self._flash, _SPILL_AT, sectors, log) if sectors >= _SPILL_LEAST else None
        self._log = log
        self._time = time
        self._tick = tick
        self._samplers = samplers
        self._running = config
        self._channels = config
        self._operation = 0
        self._began = 0
        self._began_s = 0
        self._began_us = 0
        self._saved_s = 0
        self._urgent = False
        # Where the next bytes of the rule state go.
        self._taken = STATE_AT
        self._delivered_boot = 0
        self._delivered_seq = 0
        # The channel whose configuration is packed next, -1 while there is nothing to store.
        self._packing = -1
        self._packed = 0
        self._told_failure = False
        self._look(self._state.failed, self._state)
        if self.refused:
            self._note(CONFIG_REFUSED, 0)
        if self.state_size >= STATE_AT and self.spill:
            state = self.state
            self._delivered_boot = state[0] | state[1] << 8
            self._delivered_seq = state[2] | state[3] << 8 | state[4] << 16 | state[5] << 24
            self.spill.commit(self._delivered_boot, self._delivered_seq)

    def restore(self, least_age_s):
        """Go on with the rule state of the boot before; no typed DBP counts as younger than `least_age_s`.

        With 0 a pause of the sound goes on too.
        """
        if self.state_size > STATE_AT:
            judge = self._tick.judge
            if unpack_judge(judge, self.state, STATE_AT, self.state_size, least_age_s):
                self._note(RESTORED, self.boot - 1)
                if not least_age_s and self.state[_PAUSED_AT]:
                    self._tick.resume_pause(self.state[_PAUSED_AT])
            else:
                self._note(STATE_REFUSED, self.boot - 1)

    def commit(self, boot, seq):
        """A host has stored everything up to record `seq` of `boot`; nothing happens when it cannot have."""
        if not 0 <= boot <= self.boot or (boot == self.boot and seq >= self._log.next_seq):
            return
        if boot < self._delivered_boot or (boot == self._delivered_boot and seq <= self._delivered_seq):
            return
        self._delivered_boot = boot
        self._delivered_seq = seq
        if self.spill:
            self.spill.commit(boot, seq)

    def wants_state(self, second, urgent):
        """Whether the rule state after this tick is to be kept: now when `urgent`, else when its time has come."""
        self._urgent = self._urgent or urgent
        since = second - self._saved_s
        due = self._urgent or since >= _EVERY_S
        if not due and since >= _EVERY_SOON_S:
            due = self._tick.judge.alarms.is_counting or self._tick.annunciator.remaining_s
        if not due or self._state.saving:
            return False
        self._urgent = False
        self._saved_s = second
        self._taken = STATE_AT
        return True

    def take_state(self, buffer, at, n):
        """The next bytes of the rule state, behind those that came since `wants_state`."""
        copy(buffer, at, n, self.state, self._taken)
        self._taken += n

    def save_state(self):
        """It is whole: keep it."""
        paused_s = self._tick.annunciator.remaining_s
        pack_into("<HIB", self.state, 0, self._delivered_boot, self._delivered_seq, paused_s)
        self._state.begin(self._taken, self.boot, self.boot)

    def take_part(self, at, *words):
        """The next bytes of a new configuration's image; returns why they cannot be taken, "" when they can."""
        if self._packing >= 0 or self._config.saving:
            return "the flash is being written; try again"
        if at == 0:
            self._received = 0
        if at != self._received or at + CONFIG_PART_SIZE > len(self.config):
            return "at = " + str(at) + " does not go on from " + str(self._received)
        pack_into("<iiii", self.config, at, *words)
        self._received = at + CONFIG_PART_SIZE
        return ""

    def check(self, size):
        """Whether the image that was sent can be run, as `take_part` says it."""
        if not self._received - CONFIG_PART_SIZE < size <= self._received:
            return "size = " + str(size) + " where " + str(self._received) + " bytes came"
        try:
            new = unpack_config(self.config, size)
            if self._check:
                self._check(new)
        except ValueError as error:
            return str(error)
        self._new = new
        return ""

    def configure(self):
        """Keep the configuration that was checked, from the next start on."""
        self._channels = self._new
        self.store()

    def store(self):
        """Keep the configuration, calibrations included; a new one takes over those of sensors that stay."""
        for new in self._channels.channels:
            for old in self._running.channels:
                if new is not old and new.number == old.number and new.driver == old.driver:
                    _take_over(new, old)
        # What was being written or received has changed: it never becomes whole.
        self._config.saving = False
        self._received = 0
        self._packing = 0
        self._packed = self._channels.pack_head(self.config)

    def step(self, now):
        """One bounded step: one page, one erase, one record packed; returns the microseconds until the next."""
        if self._operation:
            self._told(now)
            return 0
        if self._state.saving:
            return self._write_journal(self._state, now)
        if self._packing >= 0:
            self._pack()
            return 0
        if self._config.saving:
            wait = self._write_journal(self._config, now)
            if not self._config.saving and not self._config.failed:
                self._note(STORED, self._config.ring.head)
            return wait
        spill = self.spill
        us = self._time.us
        if _QUIET_FROM_US <= us < _QUIET_TO_US and self._is_quiet():
            for journal in self._journals:
                if journal.wants_erase():
                    wait = self._begin(ERASE, now)
                    journal.ring.erase()
                    return wait
            if spill and spill.wants_erase():
                wait = self._begin(ERASE, now)
                spill.erase()
                return wait
        if spill and spill.wants_step():
            if not spill.full:
                spill.step()
                return 0
            if spill.ring.can_write():
                wait = self._begin(PROGRAM, now)
                spill.write()
                self._look(spill.failed, spill)
                return wait
        return _POLL_US

    def _is_quiet(self):
        """Whether no sweep is under way; one that began late lasts longer."""
        quiet = True
        for sampler in self._samplers:
            quiet = quiet and sampler.is_quiet()
        return quiet

    def _write_journal(self, journal, now):
        wait = self._begin(PROGRAM if journal.ring.can_write() else ERASE, now)
        journal.step()
        self._look(journal.failed, journal)
        return wait

    def _look(self, failed, place):
        """Say once that the flash does not take what `place` writes."""
        if failed and not self._told_failure:
            self._told_failure = True
            self._note(FLASH_FAILED, place.ring.sector())

    def _pack(self):
        """One channel's configuration, or all limits, into the image."""
        if self._packing < len(self._channels.channels):
            self._packed = self._channels.pack_channel(self._packing, self.config, self._packed)
            self._packing += 1
            return
        self._config.begin(self._channels.pack_limits(self.config, self._packed), self.boot, 0)
        self._packing = -1

    def _begin(self, operation, now):
        """Log that an erase comes, and remember when the blind interval begins; returns what the step has to.

        That puts this job before all others: what was missed has to be told before any sampler looks at its pin.
        """
        self._operation = operation
        self._began = now
        self._began_s = self._time.s
        self._began_us = self._time.us
        if operation == ERASE:
            self._log_blind(0, ANNOUNCED)
        return ticks_diff(self.due, now) - 1

    def _told(self, now):
        """The step before was blind from its start to now."""
        duration_us = ticks_diff(now, self._began)
        self._log_blind(duration_us, DONE)
        self._operation = 0
        for sampler in self._samplers:
            sampler.blind(duration_us)

    def _log_blind(self, duration_us, state):
        pack_into("<IIBB", self._log.record, HEADER_SIZE, self._began_us, duration_us, self._operation, state)
        self._log.append(HEADER_SIZE + _BLIND_BODY, BLIND, NO_CHANNEL, self._began_s)

    def _note(self, notice, value):
        pack_into("<IBi", self._log.record, HEADER_SIZE, self._time.us, notice, value)
        self._log.append(HEADER_SIZE + _NOTICE_BODY, NOTICE, NO_CHANNEL, self._time.s)


def _gain(words):
    return ((words[GAIN_HIGH] - GAIN_BIAS << 15) + words[GAIN_LOW]) << 13 - words[GAIN_SHIFT]


def _take_over(new, old):
    """Put the calibration of `old` into `new`, unless it is another kind of transducer's, or none has any."""
    if new.is_slow():
        return
    new, old, is_impedance = new.words, old.words, new.is_impedance()
    first, end = (0, len(new)) if is_impedance else (OFFSET, GAIN_SHIFT + 1)
    if not is_impedance:
        gain = _gain(new)
        if abs(_gain(old) - gain) * _GAIN_PART >= abs(gain) or abs(old[OFFSET] - new[OFFSET]) >= _OFFSET_WORDS:
            return
    for i in range(first, end):
        new[i] = old[i]
