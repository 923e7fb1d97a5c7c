"""Runs on a board at its prompt: times routines of the firmware's core and link, each on data like those of a board.

Lent to the board by `turgor_host.flash.lend` together with those modules.
"""

import gc
import time
from array import array

from turgor.core.beats import beat_block, beat_state
from turgor.core.channel import ImpedanceChannel, PressureChannel
from turgor.core.filter_words import filter_state
from turgor.core.filters import filter_block
from turgor.core.impedance import resistance_milliohm
from turgor.core.judge import Judge
from turgor.core.median import STATE_WORDS, median_push
from turgor.core.noise import noise_block, noise_state
from turgor.link.blocks import CODE_BIAS, chunk_plan, put_codes, usual_k
from turgor.link.frames import CRC_TABLE, cobs, crc_append, encode
from turgor.mp import settle

_MASK = 0x3FFFFFFF
# A round takes at least so long, so that the counter's microsecond does not matter.
_ROUND_US = 20000
_N = 240
_CHUNK = 20


def _codes(n):
    """White noise about 20 mmHg, always the same."""
    word = 12345
    found = array("i", bytes(4 * n))
    for i in range(n):
        word = (word * 75 + 74) % 65537
        found[i] = 214748 + word % 311 - 155
    return found


class Routines:
    """One routine a method, called again and again."""

    def __init__(self, section, calibration, impedance, limits, channels):
        words = filter_state(3, (section,), calibration, 30000, 28000, 160)
        self._codes = _codes(_N)
        self._out = array("i", bytes(4 * _N))
        self._words = words
        self._channel = PressureChannel(filter_state(3, (section,), calibration, 30000, 28000, 160), 80)
        self._impedance = array("i", impedance)
        self._sweep = ImpedanceChannel(self._impedance)
        self._noise = noise_state(6)
        self._median = array("i", bytes(4 * STATE_WORDS))
        self._value = 0
        self._beats = beat_state(320)
        self._line = array("i", [80000 + (1300 * i if i < 32 else 41600 - 185 * (i - 32)) for i in range(256)])
        self._at = 0
        self._record = bytearray(264)
        for i in range(_N):
            self._record[i] = i
        self._frame = bytearray(264)
        self._biased = array("i", [code + CODE_BIAS for code in self._codes[:_CHUNK]])
        self._plan = array("i", bytes(12))
        self._judge = Judge(channels, limits)
        self._second = 0
        # As the firmware does once all is loaded.
        settle()

    def loop(self):
        """What each of the others costs besides."""

    def chain_one(self):
        filter_block(0, 1, self._words, self._codes, self._out)

    def chain_block(self):
        filter_block(0, _N, self._words, self._codes, self._out)

    def sample(self):
        self._channel.sample(214748)

    def noise(self):
        noise_block(0, 32, self._noise, self._codes)

    def beats(self):
        at = self._at
        beat_block(at, at + 32, self._beats, self._line)
        self._at = (at + 32) & 255

    def impedance(self):
        resistance_milliohm(self._impedance, 0, 90123, -1234, 16)

    def median(self):
        self._value -= 1
        median_push(self._median, self._value)

    def chunk(self):
        codes = self._biased
        plan = self._plan
        usual = usual_k(codes, _CHUNK)
        chunk_plan(codes, _CHUNK, usual, plan)
        put_codes(codes, _CHUNK, plan[0] << 2 | plan[1], plan[2], self._record, 26)

    def crc(self):
        crc_append(self._record, _N, CRC_TABLE)

    def cobs(self):
        cobs(self._record, _N + 4, self._frame)

    def frame(self):
        encode(self._record, _N, self._frame)

    def tick(self):
        judge = self._judge
        self._second += 1
        judge.begin()
        n = len(judge.channels)
        for position in range(n):
            judge.reading(position, 20000 + self._second % 7)
        for position in range(n + 1):
            judge.weigh(position)
            judge.decide(position)


def measure(routine, rounds):
    """Nanoseconds a call in each of so many rounds, the loop around it included."""
    calls = 1
    while True:
        took = _time(routine, calls)
        if took >= _ROUND_US:
            break
        calls = calls * 2 if took < _ROUND_US // 8 else calls * _ROUND_US // took + 1
    gc.collect()
    return calls, [_time(routine, calls) * 1000 // calls for _ in range(rounds)]


def _time(routine, calls):
    begun = time.ticks_us()
    for _ in range(calls):
        routine()
    return (time.ticks_us() - begun) & _MASK
