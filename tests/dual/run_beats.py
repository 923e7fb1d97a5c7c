"""Arterial beats over pulses, noise, flushes, flat stretches and extremes, in blocks of 1 to 300 values."""

from array import array

from digest import Digest, Numbers

from turgor.core.beats import (
    beat_block,
    beat_quality,
    beat_restart,
    beat_state,
    diastolic_milli_mmhg,
    is_pulse_above,
    mean_milli_mmhg,
    pulse_tenths_per_min,
    systolic_milli_mmhg,
)

SAMPLES = 120000
RATE_HZ = 320
LENGTHS = (1, 2, 3, 7, 64, 1, 1, 300)
# A pulse in 1/16 of its height, a sixteenth of the interval apart; in between it is linear.
PULSE = (0, 12, 16, 14, 12, 9, 10, 9, 8, 6, 5, 4, 3, 2, 1, 1, 0)
LIMIT = 1 << 28
SUMMARY = (
    beat_quality,
    diastolic_milli_mmhg,
    systolic_milli_mmhg,
    mean_milli_mmhg,
    pulse_tenths_per_min,
    is_pulse_above,
)


class Line:
    """Milli-mmHg of a line: stretches of pulses, some of them slowly rising, of noise, plateaus and extremes."""

    def __init__(self, seed):
        self._numbers = Numbers(seed)
        self._left = 0
        self._at = 0

    def _begin(self):
        numbers = self._numbers
        self._left = 2000 + numbers.below(6000)
        self._kind = numbers.below(8)
        self._low = 20000 + numbers.below(80000)
        self._height = 4000 + numbers.below(80000)
        self._interval = 110 + numbers.below(400)
        self._value = self._low
        self._noise = 1 + numbers.below(600)
        self._slow = 1 + 30 * (numbers.below(3) == 0)
        if self._kind > 4:
            self._left >>= 2

    def fill(self, x, n):
        """The next n values into x."""
        numbers = self._numbers
        for i in range(n):
            if not self._left:
                self._begin()
            self._left -= 1
            noise = numbers.below(self._noise)
            if self._kind < 5:
                self._at += 16
                if self._at >= 16 * self._interval:
                    self._at = 0
                part = self._at // self._interval
                rest = self._at % self._interval
                wave = PULSE[part] * (self._interval - rest) + PULSE[part + 1] * rest
                target = self._low + self._height * wave // (16 * self._interval)
                self._value += (target - self._value) // self._slow
                x[i] = self._value + noise
            elif self._kind == 5:
                x[i] = self._height * 5 + noise
            elif self._kind == 6:
                x[i] = numbers.between(-LIMIT, LIMIT)
            else:
                x[i] = -self._low // 4


def run_line():
    """The beats of each block, the state after each tenth one and the final words."""
    digest = Digest("core.beats.beat_block")
    s = beat_state(RATE_HZ)
    x = array("i", bytes(4 * 300))
    line = Line(3)
    samples = SAMPLES
    turn = 0
    while samples > 0:
        n = min(LENGTHS[turn % len(LENGTHS)], samples)
        turn += 1
        samples -= n
        line.fill(x, n)
        digest.add_block(n, beat_block(0, n, s, x))
        if turn % 10 == 0:
            digest.add(bytes(s))
        if turn % 1500 == 0:
            beat_restart(s)
    digest.add(bytes(s))
    digest.show()


def run_summary():
    """New states, restarts, and every value of the summary: asked at each beat and in between."""
    digests = [Digest("core.beats." + f.__name__) for f in SUMMARY]
    states = Digest("core.beats.beat_state")
    restarts = Digest("core.beats.beat_restart")
    for rate_hz in range(100, 401):
        states.add(bytes(beat_state(rate_hz)))
    s = beat_state(RATE_HZ)
    x = array("i", bytes(4 * 64))
    line = Line(4)
    for turn in range(2000):
        line.fill(x, 64)
        beat_block(0, 64, s, x)
        for i in range(len(SUMMARY)):
            digests[i].add_block(64, SUMMARY[i](s))
        if turn % 400 == 399:
            beat_restart(s)
            restarts.add(bytes(s))
    for digest in digests + [states, restarts]:
        digest.show()


if __name__ == "__main__":
    run_line()
    run_summary()
