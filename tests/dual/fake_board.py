"""A board without chips: drivers that give what they are told, a serial port in memory, a clock that jumps.

Runs under MicroPython and CPython; `tests/app` loads it too.
"""

from turgor.app.app import App
from turgor.app.config import (
    MAX30009,
    NAU7802,
    Channel,
    Config,
    impedance_channel,
)
from turgor.app.keep import Keep
from turgor.app.sampler import ImpedanceSampler, PressureSampler
from turgor.core.channel import pressure_channel
from turgor.core.filter_words import filter_state
from turgor.core.rules import DEFAULT_LIMITS
from turgor.core.ticks import TICKS_MASK, ticks_diff
from turgor.drivers import FAULT, NO_FAULT, NOTHING, RESTARTED, RESULT, SAMPLE

# A tick counter that starts here wraps 5 s later.
BEFORE_WRAP = TICKS_MASK + 1 - 5000000
# One code is an eighth of a milli-mmHg: a mmHg is 8000 codes.
EIGHTH = (0, 4096, 0, 5)
CODES_PER_MMHG = 8000
SETTLE_SAMPLES = 8
PERIOD_US = 250000
_FAULT_US = 500000
_FREQUENCIES = 3
_WORDS = 16


# Quick enough to show each code in a reading, slow enough to keep it until the next.
LOWPASS_2_HZ_AT_80 = ((190446313, 213886529, 2, 3),)


# Less than a milli-mmHg; without any, a sensor is stuck.
_NOISE = (0, 1, 0, -1)


def noisy(code_of):
    return lambda index: min(code_of(index) + _NOISE[index & 3], 8388607)


class FakeBridge:
    """Conversions every `period_us`, the first at `first_tick`; `code_of(index)` is the code of conversion `index`.

    `missed` maps the number of a sample (the n-th that is read, from 1) to how many conversions pass unread before it;
    `faults` maps it to a fault: the driver fails for 500 ms before it and then restarts.
    """

    def __init__(self, period_us, first_tick, code_of, missed=None, faults=None):
        self.event = NOTHING
        self.fault = NO_FAULT
        self.code = 0
        self.tick = 0
        self.missed = 0
        self._period_us = period_us
        self._next_tick = first_tick
        self._code_of = code_of
        self._missed = missed or {}
        self._faults = faults or {}
        self._number = 1
        self._index = 1
        self._failed = False

    def blind(self, duration_us):
        """Needs no interrupt."""

    def step(self, now):
        self.event = NOTHING
        wait = ticks_diff(self._next_tick, now)
        if wait > 0:
            return wait
        if self._number in self._faults:
            self.fault = self._faults.pop(self._number)
            self.event = FAULT
            self._failed = True
            self._next_tick = (now + _FAULT_US) & TICKS_MASK
            return _FAULT_US
        if self._failed:
            self.fault = NO_FAULT
            self.event = RESTARTED
            self._failed = False
            return 0
        self.event = SAMPLE
        self.tick = self._next_tick
        self.missed = self._missed.get(self._number, 0)
        self._index += self.missed
        self.code = self._code_of(self._index)
        self._number += 1
        self._index += 1
        ahead = self._period_us * (1 + self._missed.get(self._number, 0))
        self._next_tick = (self.tick + ahead) & TICKS_MASK
        return max(0, ticks_diff(self._next_tick, now))


class FakeSweep:
    """Three steps of a sweep, 100 ms each; `word_of(sweep)` is the I word of sweep number `sweep` (from 1), Q is 0."""

    def __init__(self, word_of):
        self.event = NOTHING
        self.fault = NO_FAULT
        self.idle = True
        self.mode = 0
        self.stopped = False
        self.frequency_index = 0
        self.count = _WORDS
        self.leads = 0
        self.sum_i = self.min_i = self.max_i = 0
        self.sum_q = self.min_q = self.max_q = 0
        self.first_tick = 0
        self.tick = 0
        self._word_of = word_of
        self._sweep = 0
        self._step = 0

    def begin(self, now):
        self.idle = False
        self._sweep += 1
        self._step = 0
        self.tick = now
        return True

    def stop(self):
        self.stopped = True

    def step(self, now):
        self.event = NOTHING
        if not self._step:
            self._step = 1
            return 100000
        word = self._word_of(self._sweep)
        self.event = RESULT
        self.frequency_index = self._step - 1
        self.sum_i = _WORDS * word
        self.min_i = word - 3
        self.max_i = word + 3
        self.first_tick = self.tick
        self.tick = now
        self._step += 1
        if self._step > _FREQUENCIES:
            self.idle = True
        return 100000


class FakeSerial:
    """`inbox` is what the host sent, `outbox` what the board wrote; each call of `write` takes at most `most` bytes."""

    def __init__(self, most=64):
        self.inbox = b""
        self.outbox = b""
        self.written = 0
        self.most = most

    def read_into(self, buffer):
        n = min(len(buffer), len(self.inbox))
        buffer[:n] = self.inbox[:n]
        self.inbox = self.inbox[n:]
        return n

    def write(self, buffer, at, n):
        n = min(n, self.most)
        self.outbox += bytes(buffer[at : at + n])
        self.written += n
        return n

    def take(self):
        """What the board wrote since the last call."""
        taken = self.outbox
        self.outbox = b""
        return taken


class Board:
    """An App over fake drivers; it is the app's ports too. What is sounded is kept as (microsecond, level) in
    `alarms`, and in `edges`, where that is a list, as (microsecond, pins).

    `bridges` maps a pressure channel to its driver's arguments behind `first_tick`, `sweeps` an impedance channel to
    `word_of`, `periods_us` those pressure channels that do not convert every `period_us`. The clock starts at tick
    `start`; microsecond 0 is the moment of the boot. With `flash`, whose clock it becomes, it keeps what a board keeps.
    """

    boot = 7
    reset_cause = 1
    board_id = 0x0123456789ABCDEF
    identity = b"version=test;platform=fake"
    buttons = None

    def __init__(
        self,
        bridges,
        sweeps=None,
        start=BEFORE_WRAP,
        limits=DEFAULT_LIMITS,
        period_us=PERIOD_US,
        threshold=30000,
        flash=None,
        noise=True,
        periods_us=None,
    ):
        self.us = 0
        self._noise = noise
        keep = None
        if flash:
            flash.clock = self
            keep = Keep(flash)
            self.boot = keep.boot
            # What the boot took is over when the app begins.
            self.us = 0
        self.start = start
        self.serial = FakeSerial()
        self.alarms = []
        self.edges = None
        self._bridges = bridges
        self._sweeps = sweeps or {}
        self._periods_us = {name: period_us for name in bridges}
        self._periods_us.update(periods_us or {})
        channels = []
        for name in bridges:
            words = filter_state(3, LOWPASS_2_HZ_AT_80, EIGHTH, threshold, threshold - 2000, SETTLE_SAMPLES)
            rate_millihz = 1000000000 // self._periods_us[name]
            channels.append(Channel(name, NAU7802, 0, 0x2A, -1, rate_millihz, SETTLE_SAMPLES, words))
        for name in self._sweeps:
            channel = impedance_channel(name, 0, 0x68)
            channel.rate_millihz = 1000 // max(2, len(self._sweeps))
            # 8 milliohm a count at the lowest frequency.
            for i, word in enumerate(3 * (1 << 27, 0, 0, 1 << 27, 0, 0) + (3,)):
                channel.words[i] = word
            channels.append(channel)
        config = Config(channels, limits)
        self.config = keep.configuration(config) if keep else config
        self.keep = keep
        self.drivers = {}
        self.app = App(self, self.config, self._make_samplers, keep, self.ticks())

    def ticks(self):
        return (self.us + self.start) & TICKS_MASK

    def alarm(self, pins):
        level = self.app.annunciator.level
        if level != (self.alarms[-1][1] if self.alarms else 0):
            self.alarms.append((self.us, level))
        if self.edges is not None and pins != (self.edges[-1][1] if self.edges else 0):
            self.edges.append((self.us, pins))

    def code_of(self, name):
        """The code of a bridge by the index of its conversion."""
        code_of = self._bridges[name][0]
        return noisy(code_of) if self._noise else code_of

    def _make_samplers(self, log, blocks, time, now):
        samplers = []
        for channel in self.config.channels:
            if channel.driver == MAX30009:
                driver = FakeSweep(self._sweeps[channel.name])
                turn = len(samplers)
                rate = channel.rate_millihz
                sampler = ImpedanceSampler(channel.number, channel.words, driver, log, time, now, turn, rate)
            else:
                period_us = self._periods_us[channel.name]
                first_tick = (now + period_us // 2 + 1000 * channel.number) & TICKS_MASK
                rest = self._bridges[channel.name][1:]
                driver = FakeBridge(period_us, first_tick, self.code_of(channel.name), *rest)
                core = pressure_channel(channel.kind, channel.words, channel.rate_millihz // 1000)
                sampler = PressureSampler(channel.number, core, driver, log, blocks, time, now)
            self.drivers[channel.name] = driver
            samplers.append(sampler)
        return samplers

    def run(self, until_us):
        """Poll until microsecond `until_us` of the boot; the clock jumps from due to due and stops there."""
        app = self.app
        while True:
            due = app.poll(self.ticks())
            wait = ticks_diff(due, self.ticks())
            if wait > 0:
                if self.us + wait > until_us:
                    self.us = until_us
                    return
                self.us += wait

    def say(self, line):
        """A line from the host."""
        self.serial.inbox += line

    def drained(self, until_us, every_us=20000000):
        """Run until microsecond `until_us` and return all records, committing them as a host would."""
        log = self.app.log
        found = []
        while self.us < until_us:
            self.run(min(until_us, self.us + every_us))
            found += self.logged()
            log.commit(self.boot, log.next_seq - 1)
        return found

    def logged(self):
        """The records in the log, oldest first."""
        log = self.app.log
        buffer = bytearray(256)
        found = []
        for seq in range(log.first_seq, log.next_seq):
            n = log.fetch(seq, buffer)
            found.append(bytes(buffer[:n]))
        return found
