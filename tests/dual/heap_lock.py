"""Core, samplers and blocks at work under a locked heap, on a port whose small integers have 31 bits, as a board's do.

Prints a line for each kind of work: its name, how often it was done, and whether the heap was asked for anything. The
last line's is a filter with a coefficient too wide, which has to ask.
"""

import gc
from array import array

import micropython
from digest import CALLS
from ram_flash import RamFlash

from turgor.app.annunciator import Annunciator
from turgor.app.blocks import Blocks
from turgor.app.config import LOWPASS_1_HZ_AT_80, LOWPASS_20_HZ_AT_320, NOMINAL_PRESSURE, Config, default_channels
from turgor.app.keep import Keep
from turgor.app.log import Log
from turgor.app.sampler import ImpedanceSampler, PressureSampler
from turgor.app.snapshot import Snapshots
from turgor.core.arterial import ArterialChannel
from turgor.core.change import fall_permille, lowest_push, lowest_state, reanchored, rise_permille
from turgor.core.channel import ImpedanceChannel, PressureChannel
from turgor.core.channels import CHANNELS, IMPEDANCE, MOTION, TEMPERATURE
from turgor.core.decimate import MINUTE_LEAST, MINUTE_S, mean_block, mean_state
from turgor.core.deficit import deficit_push, deficit_state
from turgor.core.entries import LOCAL
from turgor.core.filter_words import filter_state
from turgor.core.impedance import magnitude_milliohm, r0_milliohm, reactance_milliohm, resistance_milliohm
from turgor.core.judge import Judge
from turgor.core.judge_state import pack_judge
from turgor.core.median import ABSENT
from turgor.core.noise import noise_block, noise_rms_code_q4, noise_state, still_codes
from turgor.core.rules import DEFAULT_LIMITS
from turgor.core.slope import slope_per_hour, slope_push, slope_state
from turgor.core.slow import MotionChannel, SlowChannel
from turgor.core.ticks import TICKS_MASK, BoardTime
from turgor.drivers import FAULT, NO_FAULT, NOTHING, RESTARTED, RESULT, SAMPLE
from turgor.link.pages import PagePacker

WORK_S = 900
_WORD_LIMIT = 1 << 19
# Bytes of a reading that are 0 most of the time, and top bytes that are not.
WIDE = (8, 9, 12, 13)
LIMITS = (0x0F, 0xE0, 0xF0, 0x10, 0x80)
STATE = bytearray(3600)
KINDS = [row[1] for row in CHANNELS]
TURN = 1 << 29


def locked(name, count, work, *objects):
    gc.collect()
    micropython.heap_lock()
    try:
        work(count, *objects)
        said = "allocates nothing"
    except MemoryError:
        said = "allocates"
    micropython.heap_unlock()
    print(name, count, said)


def feed_pressure(count, channel):
    """Codes of the whole range, some of them missed, and a reading and its state every 80."""
    x = 1
    for i in range(count):
        x = (x * 181 + 12345) & 0x3FFFFF
        channel.sample((x << 2) - 0x800000)
        if i % 80 == 0:
            channel.hold(x & 3)
            channel.capture()
            channel.pack_state(STATE, 0)
        if i % 10000 == 0:
            channel.restart()


def feed_line(count, channel):
    """A pulse of 75/min with noise, now and then damped or flat, and a reading every 320."""
    x = 1
    code = 0
    for i in range(count):
        x = (x * 181 + 12345) & 0x3FFFFF
        part = i & 255
        pulse = 9 * part if part < 32 else 288 - (part - 32)
        code = 700000 + 1500 * pulse if i % 30000 < 25000 else code
        channel.sample(code + (x & 255))
        if i % 320 == 0:
            channel.hold(x & 3)
            channel.capture()
            channel.pack_state(STATE, 0)
        if i % 40000 == 39999:
            channel.restart()


def estimate(count, s, x):
    """Noise of the whole range, a second at a time, and what the estimate says."""
    number = 1
    for _ in range(count // 80):
        for i in range(80):
            number = (number * 181 + 12345) & 0x3FFFFF
            x[i] = (number << 2) - 0x800000
        noise_block(0, 80, s, x)
        noise_rms_code_q4(s)
        still_codes(s)


def correct(count, words):
    """Impedances at two frequencies from sums of the whole range, and what is estimated from them."""
    x = 1
    for _ in range(count):
        x = (x * 181 + 12345) & 0x3FFFFF
        word = (x >> 2) - _WORD_LIMIT
        r = resistance_milliohm(words, 0, 16 * word, -16 * word - 16, 16)
        x_5 = reactance_milliohm(words, 0, 7 * word, -7 * word - 7, 7)
        magnitude_milliohm(r, x_5)
        r0_milliohm(r, x_5, x_5, r)


class Trend:
    """What a pressure and an impedance keep of their past."""

    def __init__(self):
        self.minute = mean_state(MINUTE_S, MINUTE_LEAST)
        self.slope = slope_state(60)
        self.deficit = deficit_state()
        self.lowest = lowest_state()
        self.io = array("i", [0])


def trend(count, state):
    """A second each: minute means, slope, deficit, changes."""
    x = 1
    io = state.io
    baseline = 40000000
    for t_s in range(count):
        x = (x * 181 + 12345) & 0x3FFFFF
        value = ABSENT if x % 20 == 0 else 35000 - 5 * t_s + x % 500
        io[0] = value
        if mean_block(0, 1, state.minute, io, io):
            slope_push(state.slope, io[0])
        slope_per_hour(state.slope)
        deficit_push(state.deficit, t_s, value, 30000)
        now = 30000000 + 4 * x
        lowest_push(state.lowest, now)
        fall_permille(baseline, now)
        rise_permille(state.lowest[0], now)
        if t_s % 600 == 599:
            baseline = reanchored(baseline, now, now + 100 * (x & 0xFFF))


def feed_impedance(count, channel):
    """Sums of 16 words of the whole range, and a reading every sweep."""
    x = 1
    for i in range(count):
        x = (x * 181 + 12345) & 0x3FFFFF
        word = (x >> 2) - _WORD_LIMIT
        channel.result(i % 3, 16, 0, 16 * word, -16 * word - 16, word, word, -word - 1, -word - 1)
        if i % 3 == 2:
            channel.capture()
            channel.pack_state(STATE, 0)


def feed_slow(count, skin, motion, felt, judge):
    """Temperatures and motions of the whole range, and a reading of both every ten."""
    x = 1
    for i in range(count):
        x = (x * 181 + 12345) & 0x3FFFFF
        skin.sample((x >> 4) - 100000)
        felt[i % 3] = (x & 0xFFF) - 2048
        motion.sample(felt)
        if i % 10 == 9:
            judge.reading(0, skin.capture(), skin.flags)
            judge.reading(1, motion.capture(), motion.flags)


def tick(count, judge):
    """A tick a second of every kind of channel: readings that come, go, rise and fall, turns, steps, alarms, entries,
    acknowledgements, states."""
    x = 1
    channels = len(judge.channels)
    for t_s in range(1, count + 1):
        judge.begin()
        judge.take_diastolic(55000 + t_s if t_s % 500 < 100 else ABSENT)
        if t_s % 700 == 300:
            judge.type_dbp(60000 + x % 1000)
        if t_s % 900 == 0:
            judge.alarms.acknowledge(255, 255)
        if t_s == 2000:
            judge.watchdog_reset()
        for position in range(channels):
            x = (x * 181 + 12345) & 0x3FFFFF
            kind = KINDS[position]
            value = 35000 - 5 * t_s + x % 500
            if kind == IMPEDANCE:
                # All values there are, and electrodes that move.
                value = 268000000 - (t_s // 900) * 8000000 - 1000 * t_s if t_s < 2700 else 100000 - t_s
            elif kind == MOTION:
                value = 0x0808BE04 if t_s < 3000 else 0x0BE08044
            elif kind == TEMPERATURE:
                value = 33000 + t_s
            judge.reading(position, ABSENT if x % 20 == 0 else value, 1 if x % 7 else 9)
        for position in range(channels + 1):
            judge.weigh(position)
            judge.decide(position)
        pack_judge(judge, STATE, 0)


class Place:
    """A channel with its number, as snapshots want it."""

    def __init__(self, number, channel):
        self.number = number
        self.channel = channel


def annunciate(count, annunciator):
    """A second each: every level in turn, and pauses that end and are ended."""
    now = TICKS_MASK - 5000000
    for t_s in range(count):
        if t_s % 100 == 50:
            annunciator.pause(t_s % 7 * 20)
        annunciator.tick(t_s // 40 & 3, now)
        left = 1000000
        while left > 0:
            wait = min(annunciator.step(now), left)
            now = later(now, wait)
            left -= wait


def snapshots(count, wanted):
    """All states into the log, each second."""
    for t_s in range(1, count + 1):
        wanted.request()
        wanted.begin(t_s, None)
        while wanted.step():
            pass


def later(tick, us):
    """The tick `us` after `tick`, by small integers next to the wrap too."""
    return ((tick - TURN + us) & TICKS_MASK) ^ TURN


class Bridge:
    """A driver with a sample at every step, or what is told to it for the next one."""

    def __init__(self):
        self.event = SAMPLE
        self.fault = NO_FAULT
        self.code = 0
        self.tick = 0
        self.missed = 0

    def step(self, now):
        self.tick = now
        return 0


class Sweep:
    """A driver with a result at every step."""

    def __init__(self):
        self.idle = False
        self.event = RESULT
        self.fault = NO_FAULT
        self.frequency_index = 0
        self.count = 16
        self.leads = 0
        self.first_tick = self.tick = 0
        self.sum_i = self.min_i = self.max_i = 0
        self.sum_q = self.min_q = self.max_q = 0

    def step(self, now):
        self.first_tick = now
        self.tick = later(now, 1000)
        return 0


class Sampled:
    """Four samplers of a kind of channel with blocks and log."""

    def __init__(self, make):
        # The wrap of the ticks is soon.
        self.now = TICKS_MASK - 3000000
        self.time = BoardTime(self.now)
        self.log = Log(20000, 1)
        self.blocks = Blocks(self.log, self.time)
        self.samplers = [make(number, self) for number in range(4)]
        self.blocks.samplers = [sampler for sampler in self.samplers if sampler.is_sampled]

    def bridge(self, number, channel):
        return PressureSampler(number, channel, Bridge(), self.log, self.blocks, self.time, self.now)

    def sweep(self, number, channel):
        return ImpedanceSampler(number, channel.words, Sweep(), self.log, self.time, self.now, 0)


def sample(count, sampled):
    """Codes of little and of much noise and of the whole range, some of them missed, faults, blocks when they are due.

    Each quarter of a second is some 20 samples of each channel, once in a while 400.
    """
    x = 1
    now = sampled.now
    samplers = sampled.samplers
    blocks = sampled.blocks
    due = sampled.blocks.due
    for i in range(count // len(samplers)):
        now = later(now, 12500 if i % 5000 < 4000 else 625)
        sampled.time.advance(now)
        for sampler in samplers:
            x = (x * 181 + 12345) & 0x3FFFFF
            driver = sampler.driver
            if sampler.is_sampled:
                driver.event = SAMPLE
                driver.missed = 0
                driver.fault = NO_FAULT
                driver.code = (x << 2) - 0x800000 if i % 3000 < 300 else 200000 + (x >> (i % 17))
                if x % 512 == 1:
                    driver.missed = x & 63
                elif x % 512 == 2:
                    driver.event = FAULT
                    driver.fault = 3
                elif x % 512 == 3:
                    driver.event = RESTARTED
                elif x % 512 == 4:
                    driver.event = NOTHING
            else:
                driver.sum_i = x << 2
                driver.sum_q = -x
                driver.frequency_index = i % 3
            sampler.step(now)
        while (now - due) & TICKS_MASK < TICKS_MASK >> 1:
            due = later(now, blocks.step(now))


def pack_pages(count, packer, record, channels):
    """Readings a second, values of all sizes, now and then an event, a reading out of all bounds, or other channels."""
    x = 1
    n = 19 + 14 * channels
    for t_s in range(count):
        record[0] = 7
        record[1] = 255
        record[4] = (14 * t_s) & 0xFF
        record[5] = (14 * t_s) >> 8 & 0xFF
        record[8] = t_s & 0xFF
        record[9] = t_s >> 8
        for i in range(channels):
            x = (x * 181 + 12345) & 0x3FFFFF
            at = 19 + 14 * i
            record[at] = i
            record[at + 2] = (79 * t_s) & 0xFF
            record[at + 3] = (79 * t_s) >> 8 & 0xFF
            record[at + 4] = (79 * t_s) >> 16
            for byte in range(6, 14):
                record[at + byte] = 0 if byte in WIDE else x >> byte & 0xFF
            # The ends of the range, an absent one, and beyond both.
            record[at + 9] = LIMITS[(x >> 8) % 60] if (x >> 8) % 60 < 5 else 0
            record[at + 13] = LIMITS[(x >> 3) % 60] if (x >> 3) % 60 < 5 else 0
        if x % 97 == 0:
            record[19] = 9
        size = n
        if x % 20 == 0:
            record[0] = 8
            size = 24
        if not packer.add(record, size):
            packer.start()
            packer.add(record, size)


class Kept:
    """What `Keep` needs of an app: a clock, a log that nobody empties, a judge, an annunciator, a sampler."""

    def __init__(self, channels):
        self.us = 0
        self.state = bytearray(2900)
        self.judge = Judge([channel.number for channel in channels], DEFAULT_LIMITS)
        self.annunciator = Annunciator(None, None, 0)
        self.keep = Keep(RamFlash(30, self))
        self.log = Log(2000, self.keep.boot)
        self.time = BoardTime(0)
        self.keep.attach(self.log, self.time, self, [self], Config(channels), 0)
        # One that counts, so that checkpoints come soon.
        for _ in range(60):
            self.judge.begin()
            self.judge.reading(0, 31000)
            self.judge.weigh(0)
            self.judge.decide(0)

    def blind(self, duration_us):
        """As a sampler."""

    def is_quiet(self):
        return True


def keep_state(count, kept, channels):
    """A second each: readings into the log, the state kept every 10 s, all of it spilled, some of it looked up."""
    keep = kept.keep
    log = kept.log
    spill = keep.spill
    n = 19 + 14 * channels
    for t_s in range(1, count + 1):
        for i in range(12, n):
            log.record[i] = 0
        for i in range(channels):
            log.record[19 + 14 * i] = i
            log.record[25 + 14 * i] = (t_s * 37 + i) & 0xFF
        log.append(n, 7, 255, t_s)
        kept.annunciator.remaining_s = t_s % 121
        if keep.wants_state(t_s, t_s % 100 == 0):
            keep.take_state(kept.state, 0, pack_judge(kept.judge, kept.state, 0))
        us = (t_s % 1000) * 1000000
        for part in range(60):
            kept.us = us + part * 15000
            now = kept.us & TICKS_MASK
            kept.time.advance(now)
            keep.due = now
            keep.step(now)
        if t_s % 50 == 0:
            spill.find(1, log.next_seq >> 1)
            spill.find(0, 0)
            keep.commit(1, log.next_seq >> 2)


def main():
    slow = filter_state(3, LOWPASS_1_HZ_AT_80, NOMINAL_PRESSURE, 30000, 28000, 160)
    quick = filter_state(3, LOWPASS_20_HZ_AT_320, NOMINAL_PRESSURE, 200000, 190000, 160)
    locked("pressure", CALLS, feed_pressure, PressureChannel(slow))
    locked("arterial", CALLS, feed_line, ArterialChannel(quick, 320))
    locked("noise", CALLS, estimate, noise_state(6), array("i", bytes(4 * 80)))
    channels = default_channels()
    for channel in channels:
        if channel.is_impedance():
            locked(channel.name, CALLS, feed_impedance, ImpedanceChannel(channel.words))
    words = channels[-1].words
    felt = array("h", (0, 0, 1000))
    locked("slow", CALLS, feed_slow, SlowChannel(TEMPERATURE), MotionChannel(), felt, Judge([8, 9], DEFAULT_LIMITS))
    locked("estimates", CALLS, correct, words)
    locked("trend", WORK_S, trend, Trend())
    judge = Judge(list(range(len(CHANNELS))), DEFAULT_LIMITS)
    judge.admit(LOCAL)
    locked("judge", WORK_S, tick, judge)
    # As many as a board may have at once.
    judge = Judge(list(range(10)), DEFAULT_LIMITS)
    tick(WORK_S, judge)
    locked(
        "annunciator",
        WORK_S,
        annunciate,
        Annunciator(lambda pins: None, lambda job, now, behind: None, TICKS_MASK - 5000000),
    )
    places = [Place(0, PressureChannel(slow)), Place(4, ImpedanceChannel(words)), Place(6, ArterialChannel(quick, 400))]
    locked("snapshots", WORK_S, snapshots, Snapshots(judge, places, Log(2000, 1)))

    pressure = Sampled(lambda number, sampled: sampled.bridge(number, PressureChannel(slow)))
    locked("pressure_sampler", CALLS, sample, pressure)
    arterial = Sampled(lambda number, sampled: sampled.bridge(number, ArterialChannel(quick, 320)))
    locked("arterial_sampler", CALLS, sample, arterial)
    impedance = Sampled(lambda number, sampled: sampled.sweep(number, ImpedanceChannel(words)))
    locked("impedance_sampler", CALLS, sample, impedance)
    locked("pages", WORK_S, pack_pages, PagePacker(228), bytearray(255), 10)

    locked("keep", WORK_S, keep_state, Kept(default_channels()), 10)

    e, c, z, g = LOWPASS_1_HZ_AT_80[0]
    wide = filter_state(3, ((16 * e, c, z, g + 4),), NOMINAL_PRESSURE, 30000, 28000, 160)
    locked("over-wide", CALLS, feed_pressure, PressureChannel(wide))


main()
