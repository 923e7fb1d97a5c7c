"""An arterial line: its pressure as a PressureChannel's, with the beats in it. Loaded where one is configured."""

from turgor.core.beats import (
    PHASE,
    PLACE,
    RISE,
    beat_block,
    beat_quality,
    beat_restart,
    beat_state,
    diastolic_milli_mmhg,
    is_pulse_above,
    mean_milli_mmhg,
)
from turgor.core.channel import READING_OVER, FilteredChannel
from turgor.core.filters import filter_block
from turgor.core.median import ABSENT
from turgor.core.packed import WORD_SIZE, get_words, put_words
from turgor.mp import const, micropython

# Where the quality of the beats (`core.beats.beat_quality`) stands among a reading's flags.
_QUALITY_SHIFT = const(4)

# Values of an arterial line that its beats take at once.
_BEAT_BLOCK = const(32)
# From PHASE to the last of INTERVALS.
_BEAT_WORDS = const(63)
_LEVELS = const(128)
_LEVEL_MOST = const(0x7FFFF)
_MOST = const(0x3FFFFFFF)


class ArterialChannel(FilteredChannel):
    """Readings of an arterial line: the mean pressure of its beats, where there are any, else its pressure as a
    PressureChannel's; among the flags the quality of its beats and, in place of the threshold, whether the pulse per
    minute is above the systolic pressure in mmHg, which is only told of good beats.

    `diastolic` is what the beats gave at the last capture, milli-mmHg, ABSENT when they or the reading are not to be
    trusted.
    """

    def __init__(self, words, rate_hz):
        super().__init__(words, _BEAT_BLOCK)
        self.beats = beat_state(rate_hz)
        self.diastolic = ABSENT

    def restart(self):
        FilteredChannel.restart(self)
        beat_restart(self.beats)

    @micropython.native
    def sample(self, code):
        """Take the next conversion's code."""
        io = self._io
        io[0] = code
        filter_block(0, 1, self.words, io, io)
        self.latest = io[0]
        self.code = code
        self.index += 1
        waiting = self._waiting
        self._gathered[waiting] = self.latest
        self._waiting = waiting + 1
        if waiting + 1 == _BEAT_BLOCK:
            self.flush()

    def flush(self):
        """Have the beats take what has gathered."""
        beat_block(0, self._waiting, self.beats, self._gathered)
        self._waiting = 0

    def capture(self):
        self.flush()
        value = FilteredChannel.capture(self)
        self.flags = self.flags & ~READING_OVER | beat_quality(self.beats) << _QUALITY_SHIFT
        self.diastolic = ABSENT
        if value != ABSENT:
            if is_pulse_above(self.beats):
                self.flags |= READING_OVER
            self.diastolic = diastolic_milli_mmhg(self.beats)
            mean = mean_milli_mmhg(self.beats)
            if mean != ABSENT:
                self.value = value = mean
        return value

    def pack_state(self, buffer, at):
        self.flush()
        return pack_beats(self.beats, buffer, FilteredChannel.pack_state(self, buffer, at))

    def unpack_state(self, buffer, at, end):
        middle = end - beats_size(self.beats)
        beats = self.beats[:]
        if middle < at or not unpack_beats(beats, buffer, middle):
            return False
        if not FilteredChannel.unpack_state(self, buffer, at, middle):
            return False
        self.beats[:] = beats
        self._waiting = 0
        return True


def beats_size(s):
    """Bytes of the state `s` of an arterial line's beats (`core.beats`)."""
    return (s[RISE] + _BEAT_WORDS) * WORD_SIZE


def pack_beats(s, buffer, at):
    """Write the state `s` of the beats, of the levels as many as a rise looks back; returns where it ends."""
    at = put_words(s, PHASE, _BEAT_WORDS, buffer, at)
    first = s[PLACE] - s[RISE]
    if first < 0:
        at = put_words(s, first + _LEVELS, -first, buffer, at)
        first = 0
    return put_words(s, first, s[PLACE] - first, buffer, at)


def unpack_beats(s, buffer, at):
    """Read a state of the beats of a line of `s`'s rate into it; False when it cannot be one."""
    words = s[:]
    at = get_words(words, PHASE, _BEAT_WORDS, buffer, at)
    place = words[PLACE]
    if not 0 <= place < _LEVELS:
        return False
    first = place - words[RISE]
    if first < 0:
        at = get_words(words, first + _LEVELS, -first, buffer, at)
        first = 0
    get_words(words, first, place - first, buffer, at)
    for i in range(len(words)):
        if not 0 <= words[i] <= (_LEVEL_MOST if i < _LEVELS else _MOST):
            return False
    s[:] = words
    return True
