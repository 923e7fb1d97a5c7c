"""What a channel makes of its samples second by second: index, reading, validity. The board and a replay use the same.

Takes signed 24-bit codes, or sums of I and Q over up to 16 words of 20 bits; gives milli-mmHg within +-2^28, or
milliohm within +-168 000 000, ABSENT where nothing is to be trusted. `index` counts conversions (or sweeps) from 1
since boot, missed ones included; 0 means that there was none yet. `captured` is the index of the last one that this
second's reading used.
"""

from array import array

from turgor.core.beats import beat_block, beat_quality, beat_restart, beat_state, diastolic_milli_mmhg
from turgor.core.channels import ARTERIAL
from turgor.core.filter_words import COUNT, OVER, SATURATED, SETTLED, restart, take_flags
from turgor.core.filters import filter_block
from turgor.core.impedance import resistance_milliohm
from turgor.core.median import ABSENT
from turgor.mp import const, micropython

# Flags of a reading, as on the wire.
READING_VALID = const(1)
READING_SATURATED = const(4)
READING_OVER = const(8)
# The quality of an arterial line (`core.beats.beat_quality`) stands above them.
READING_QUALITY_SHIFT = const(4)

# Values of an arterial line that its beats take at once.
_BEAT_BLOCK = const(32)
# More conversions than this missed at once start the filter anew.
HOLD_LIMIT = const(40)
# A reading stays valid for this many ticks after the sweep it came from.
_SWEEP_TICKS = const(3)
# The converter's limits: |I| or |Q| from here on is saturated.
_IQ_LIMIT = const(524280)


class PressureChannel:
    """Readings of a pressure channel whose filter state is `words` (see `core.filters`).

    `code` and `latest` are the last code and the calibrated value after it, milli-mmHg.
    """

    def __init__(self, words):
        self.words = words
        self.index = 0
        self.code = 0
        self.latest = 0
        self.value = 0
        self.flags = 0
        self.captured = 0
        self._io = array("i", [0])

    def restart(self):
        restart(self.words)

    @micropython.native
    def sample(self, code):
        """Take the next conversion's code."""
        io = self._io
        io[0] = code
        filter_block(0, 1, self.words, io, io)
        self.latest = io[0]
        self.code = code
        self.index += 1

    def hold(self, missed):
        """Conversions that passed unread: the filter is fed the last code in their place, if it has one."""
        if missed > HOLD_LIMIT:
            self.restart()
        if not self.words[COUNT]:
            self.index += missed
            return
        for _ in range(missed):
            self.sample(self.code)

    def capture(self):
        """Take this second's reading; returns its value in milli-mmHg when it is valid, else ABSENT."""
        gathered = take_flags(self.words)
        self.value = self.latest
        flags = 0
        if gathered & SATURATED:
            flags |= READING_SATURATED
        if gathered & OVER:
            flags |= READING_OVER
        if gathered & SETTLED and not gathered & SATURATED and self.index != self.captured:
            flags |= READING_VALID
        self.flags = flags
        self.captured = self.index
        return self.value if flags & READING_VALID else ABSENT


class ArterialChannel(PressureChannel):
    """Readings of an arterial line: its pressure as a PressureChannel's, the quality of its beats among the flags.

    `diastolic` is what the beats gave at the last capture, milli-mmHg, ABSENT when they or the reading are not to be
    trusted.
    """

    def __init__(self, words, rate_hz):
        super().__init__(words)
        self.beats = beat_state(rate_hz)
        self.diastolic = ABSENT
        self._values = array("i", bytes(4 * _BEAT_BLOCK))
        self._waiting = 0

    def restart(self):
        restart(self.words)
        beat_restart(self.beats)
        self._waiting = 0

    @micropython.native
    def sample(self, code):
        """Take the next conversion's code."""
        PressureChannel.sample(self, code)
        self._values[self._waiting] = self.latest
        self._waiting += 1
        if self._waiting == _BEAT_BLOCK:
            self.flush()

    def flush(self):
        """Have the beats take what has gathered."""
        beat_block(0, self._waiting, self.beats, self._values)
        self._waiting = 0

    def capture(self):
        self.flush()
        value = PressureChannel.capture(self)
        quality = beat_quality(self.beats)
        self.flags |= quality << READING_QUALITY_SHIFT
        self.diastolic = diastolic_milli_mmhg(self.beats) if value != ABSENT else ABSENT
        return value


def pressure_channel(kind, words, rate_hz):
    """The channel of a pressure sensor of either kind."""
    return ArterialChannel(words, rate_hz) if kind == ARTERIAL else PressureChannel(words)


class ImpedanceChannel:
    """Readings of an impedance channel whose correction is `words` (see `core.impedance`)."""

    def __init__(self, words):
        self.words = words
        self.index = 0
        self.value = 0
        self.flags = 0
        self.captured = 0
        self._age = _SWEEP_TICKS
        self._saturated = 0
        self._usable = False

    def result(self, frequency, count, leads, sum_i, sum_q, min_i, max_i, min_q, max_q):
        """One step of a sweep; the lowest frequency begins a new sweep and gives the reading, milliohm."""
        if frequency:
            return
        self.index += 1
        saturated = max_i >= _IQ_LIMIT or min_i <= -_IQ_LIMIT or max_q >= _IQ_LIMIT or min_q <= -_IQ_LIMIT
        self._saturated = READING_SATURATED if saturated else 0
        self._usable = not saturated and not leads and count > 0
        if self._usable:
            self.value = resistance_milliohm(self.words, 0, sum_i, sum_q, count)

    def capture(self):
        """Take this second's reading; returns its value in milliohm when it is valid, else ABSENT."""
        self._age = 1 if self.index != self.captured else self._age + 1
        if self._age > _SWEEP_TICKS:
            self._age = _SWEEP_TICKS + 1
        self.captured = self.index
        valid = self._usable and self._age <= _SWEEP_TICKS
        self.flags = self._saturated | (READING_VALID if valid else 0)
        return self.value if valid else ABSENT
