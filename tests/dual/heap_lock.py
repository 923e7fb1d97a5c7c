"""The core's work under a locked heap, on a port whose small integers have 31 bits, as a board's do.

Prints a line for each kind of work: its name, how often it was done, and whether the heap was asked for anything. The
last line's is a filter with a coefficient too wide, which has to ask.
"""

import gc

import micropython

from turgor.app.config import LOWPASS_1_HZ_AT_80, LOWPASS_20_HZ_AT_320, NOMINAL_PRESSURE, default_channels
from turgor.core.channel import ImpedanceChannel, PressureChannel
from turgor.core.filter_words import filter_state
from turgor.core.judge import Judge
from turgor.core.median import ABSENT
from turgor.core.rules import DEFAULT_LIMITS

SAMPLES = 100000
HOUR_S = 3600
_WORD_LIMIT = 1 << 19


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
    """Codes of the whole range, some of them missed, and a reading every 80."""
    x = 1
    for i in range(count):
        x = (x * 181 + 12345) & 0x3FFFFF
        channel.sample((x << 2) - 0x800000)
        if i % 80 == 0:
            channel.hold(x & 3)
            channel.capture()
        if i % 10000 == 0:
            channel.restart()


def feed_impedance(count, channel):
    """Sums of 16 words of the whole range, and a reading every sweep."""
    x = 1
    for i in range(count):
        x = (x * 181 + 12345) & 0x3FFFFF
        word = (x >> 2) - _WORD_LIMIT
        channel.result(i % 3, 16, 0, 16 * word, -16 * word - 16, word, word, -word - 1, -word - 1)
        if i % 3 == 2:
            channel.capture()


def tick(count, judge):
    """A tick a second of every channel: readings that come and go, alarms, entries, acknowledgements."""
    x = 1
    channels = len(judge.channels)
    for t_s in range(1, count + 1):
        judge.begin(t_s)
        if t_s % 700 == 300:
            judge.type_dbp(60000 + x % 1000, t_s)
        if t_s % 900 == 0:
            judge.rules.acknowledge(255, 255)
        for position in range(channels):
            x = (x * 181 + 12345) & 0x3FFFFF
            judge.reading(position, ABSENT if x % 20 == 0 else 35000 - 5 * t_s + x % 500)
        for position in range(channels):
            judge.decide(position)


def main():
    slow = filter_state(3, LOWPASS_1_HZ_AT_80, NOMINAL_PRESSURE, 30000, 28000, 160)
    quick = filter_state(3, LOWPASS_20_HZ_AT_320, NOMINAL_PRESSURE, 200000, 190000, 160)
    locked("pressure", SAMPLES, feed_pressure, PressureChannel(slow))
    locked("arterial", SAMPLES, feed_pressure, PressureChannel(quick))
    channels = default_channels()
    for channel in channels:
        if channel.is_impedance():
            locked(channel.name, SAMPLES, feed_impedance, ImpedanceChannel(channel.words))
    locked("judge", HOUR_S, tick, Judge([channel.number for channel in channels], DEFAULT_LIMITS))

    e, c, z, g = LOWPASS_1_HZ_AT_80[0]
    wide = filter_state(3, ((16 * e, c, z, g + 4),), NOMINAL_PRESSURE, 30000, 28000, 160)
    locked("over-wide", SAMPLES, feed_pressure, PressureChannel(wide))


main()
