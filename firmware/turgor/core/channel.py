"""What a channel makes of its samples second by second: index, reading, validity. The board and a replay use the same.

Takes signed 24-bit codes, or sums of I and Q over up to 16 words of 20 bits; gives milli-mmHg within +-2^28, or
milliohm within +-168 000 000, ABSENT where nothing is to be trusted. `index` counts conversions (or sweeps) from 1
since boot, missed ones included; 0 means that there was none yet. `captured` is the index of the last one that this
second's reading used.

`pack_state(buffer, at)` writes all that decides what a channel will make of its next samples and returns where that
ends; `unpack_state(buffer, at, end)` has another channel of the same configuration go on from there, and says whether
it does: it changes nothing for bytes that cannot be its state. `value` and `flags` are what the last capture gave, and
come with the next one.
"""

from array import array

from turgor.core.bounds import impedance_misfit
from turgor.core.channels import ARTERIAL
from turgor.core.filter_words import (
    COUNT,
    GAIN_BIAS,
    GAIN_HIGH,
    GAIN_SHIFT,
    OVER,
    SATURATED,
    SETTLED,
    restart,
    set_calibration,
    take_flags,
)
from turgor.core.filters import filter_block
from turgor.core.impedance import STATE_WORDS, resistance_milliohm
from turgor.core.median import ABSENT
from turgor.core.noise import is_noise_state, noise_block, noise_restart, noise_rms_code_q4, noise_state, still_codes
from turgor.core.packed import WORD_SIZE, filter_size, get_words, pack_filter, put_words, unpack_filter
from turgor.mp import const, micropython

# Flags of a reading, as on the wire.
READING_VALID = const(1)
READING_SATURATED = const(4)
READING_OVER = const(8)
# Of a pressure: no code differs from the others; they are noisy. Of an impedance: an electrode is off.
READING_STUCK = const(16)
READING_NOISY = const(32)
READING_ELECTRODE_OFF = const(16)
# The leads of a step that was for calibration begin here.
_CALIBRATION = const(256)
# More conversions than this missed at once start the filter anew.
HOLD_LIMIT = const(40)
# A pressure's codes whose noise is taken at once. Its estimate reaches back over about a second. So many equal codes in
# a row are stuck at the least, else 0.6 s of them. Noise that no limb or line makes, milli-mmHg RMS.
_NOISE_BLOCK = const(32)
_STUCK_LEAST = const(16)
_NEVER = const(0x3FFFFFFF)
_NOISY_MILLI_MMHG = const(500)
# The first byte of a packed state says how the rest is laid out.
_PRESSURE_LAYOUT = const(1)
_IMPEDANCE_LAYOUT = const(2)
# Its own words of a packed state: index below and above 2^30, how many came since the capture, then what is the kind's.
_KEPT_WORDS = const(5)
_SWEEP_WORDS = const(7)
# Of `core.noise`, all but the shift, which is the rate's.
_NOISE_WORDS = const(7)
_INDEX_BITS = const(30)
_INDEX_MASK = const(0x3FFFFFFF)
_CODE_LIMIT = const(0x800000)
_VALUE_LIMIT = const(0x20000000)
# The converter's limits: |I| or |Q| from here on is saturated.
_IQ_LIMIT = const(524280)


class FilteredChannel:
    """What both kinds of pressure channel share; the filter's state is `words` (see `core.filters`).

    `code` and `latest` are the last code and the calibrated value after it, milli-mmHg. `sample(code)` takes a
    conversion's code, `flush` hands on what it gathered of them.
    """

    def __init__(self, words, block):
        self.words = words
        self.index = 0
        self.code = 0
        self.latest = 0
        self.value = 0
        self.flags = 0
        self.captured = 0
        self._io = array("i", [0])
        self._kept = array("i", bytes(4 * _KEPT_WORDS))
        self._gathered = array("i", bytes(4 * block))
        self._waiting = 0

    def sample(self, code):
        """Each kind has its own, whole, because it runs for every code."""
        raise NotImplementedError  # MicroPython has no abstract methods

    def calibrate(self, words):
        """Offset code, gain high, low, shift: in force from the next sample on."""
        set_calibration(self.words, *words)

    def restart(self):
        restart(self.words)
        self._waiting = 0

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

    def pack_state(self, buffer, at):
        kept = self._kept
        kept[0] = self.index & _INDEX_MASK
        kept[1] = self.index >> _INDEX_BITS
        kept[2] = self.index - self.captured
        kept[3] = self.code
        kept[4] = self.latest
        buffer[at] = _PRESSURE_LAYOUT
        at = put_words(kept, 0, _KEPT_WORDS, buffer, at + 1)
        return pack_filter(self.words, buffer, at)

    def unpack_state(self, buffer, at, end):
        size = 1 + _KEPT_WORDS * WORD_SIZE + filter_size(self.words)
        if end - at != size or buffer[at] != _PRESSURE_LAYOUT:
            return False
        kept = self._kept
        at = get_words(kept, 0, _KEPT_WORDS, buffer, at + 1)
        index = _index(kept)
        if index < 0 or not -_CODE_LIMIT <= kept[3] < _CODE_LIMIT or not -_VALUE_LIMIT <= kept[4] <= _VALUE_LIMIT:
            return False
        if not unpack_filter(self.words, buffer, at):
            return False
        self.index = index
        self.captured = index - kept[2]
        self.code = kept[3]
        self.latest = kept[4]
        return True


class PressureChannel(FilteredChannel):
    """Readings of a pressure channel of `rate_hz` conversions a second; `noise` is the state of `core.noise`.

    Codes that `may_repeat` are never stuck: those of 14 bits, of which equal ones may well be a quiet pressure.
    """

    def __init__(self, words, rate_hz=80, may_repeat=False):
        super().__init__(words, _NOISE_BLOCK)
        shift = 0
        while 64 << shift <= rate_hz:
            shift += 1
        self.noise = noise_state(shift)
        self._stuck_codes = _NEVER if may_repeat else max(_STUCK_LEAST, rate_hz * 3 // 5)

    def restart(self):
        FilteredChannel.restart(self)
        noise_restart(self.noise)

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
        self._gathered[waiting] = code
        self._waiting = waiting + 1
        if waiting + 1 == _NOISE_BLOCK:
            self.flush()

    def flush(self):
        """Have the noise estimate take what has gathered."""
        noise_block(0, self._waiting, self.noise, self._gathered)
        self._waiting = 0

    def hold(self, missed):
        FilteredChannel.hold(self, missed)
        self._waiting = 0
        noise_restart(self.noise)

    def capture(self):
        self.flush()
        fresh = self.index != self.captured
        FilteredChannel.capture(self)
        if self.flags & READING_SATURATED:
            # A converter at its limit is still too, and is named for that. What comes after is not to be mixed with it.
            restart(self.words)
        elif fresh and still_codes(self.noise) >= self._stuck_codes:
            self.flags = self.flags & ~READING_VALID | READING_STUCK
            # Nor with this.
            restart(self.words)
        elif fresh and self._noise_milli_mmhg() >= _NOISY_MILLI_MMHG:
            self.flags |= READING_NOISY
        return self.value if self.flags & READING_VALID else ABSENT

    def _noise_milli_mmhg(self):
        """RMS of the codes' noise by the calibration in force; NO_NOISE is below 0."""
        words = self.words
        rms = noise_rms_code_q4(self.noise)
        return (rms >> 5) * abs(words[GAIN_HIGH] - GAIN_BIAS) >> (9 + words[GAIN_SHIFT])

    def pack_state(self, buffer, at):
        self.flush()
        return put_words(self.noise, 0, _NOISE_WORDS, buffer, FilteredChannel.pack_state(self, buffer, at))

    def unpack_state(self, buffer, at, end):
        middle = end - _NOISE_WORDS * WORD_SIZE
        noise = self.noise[:]
        if middle < at:
            return False
        get_words(noise, 0, _NOISE_WORDS, buffer, middle)
        if not is_noise_state(noise) or not FilteredChannel.unpack_state(self, buffer, at, middle):
            return False
        self.noise[:] = noise
        self._waiting = 0
        return True


def pressure_channel(kind, words, rate_hz, may_repeat=False):
    """The channel of a pressure sensor of either kind."""
    if kind != ARTERIAL:
        return PressureChannel(words, rate_hz, may_repeat)
    # 10 KB of a board's heap that one without an arterial line keeps free.
    from turgor.core.arterial import ArterialChannel

    return ArterialChannel(words, rate_hz)


def _index(kept):
    """The index that the first words of a packed state tell, -1 when they cannot be any."""
    low, high, since = kept[0], kept[1], kept[2]
    if not 0 <= low <= _INDEX_MASK or not 0 <= high < 4:
        return -1
    index = (high << _INDEX_BITS) + low
    return index if 0 <= since <= index else -1


class ImpedanceChannel:
    """Readings of an impedance channel whose correction is `words` (see `core.impedance`), with a sweep each `every_s`.

    `usable` says whether the last sweep gave a value. A reading stays valid for a second longer than to the next one.
    """

    def __init__(self, words, rate_millihz=500):
        self.words = words
        self.every_s = max(2, 1000 // rate_millihz)
        self.index = 0
        self.value = 0
        self.flags = 0
        self.captured = 0
        self._age = self.every_s + 1
        self._trouble = 0
        self.usable = False
        self._kept = array("i", bytes(4 * _SWEEP_WORDS))

    def calibrate(self, words):
        """The correction from the next step on; what stands behind it in `words` is passed over."""
        for i in range(STATE_WORDS):
            self.words[i] = words[i]

    @micropython.native
    def result(self, frequency, count, leads, sum_i, sum_q, min_i, max_i, min_q, max_q):
        """One step of a sweep; the lowest frequency begins a new sweep and gives the reading, milliohm."""
        if frequency:
            return
        self.index += 1
        self._trouble = 0
        if 0 < leads < _CALIBRATION:
            # Without contact it is at its limits too, and is named for the electrode.
            self._trouble = READING_ELECTRODE_OFF
        elif max_i >= _IQ_LIMIT or min_i <= -_IQ_LIMIT or max_q >= _IQ_LIMIT or min_q <= -_IQ_LIMIT:
            self._trouble = READING_SATURATED
        self.usable = not self._trouble and count > 0 and leads < _CALIBRATION
        if self.usable:
            self.value = resistance_milliohm(self.words, 0, sum_i, sum_q, count)

    def capture(self):
        """Take this second's reading; returns its value in milliohm when it is valid, else ABSENT."""
        self._age = 1 if self.index != self.captured else self._age + 1
        good = self.every_s + 1
        if self._age > good:
            self._age = good + 1
        self.captured = self.index
        fresh = self._age <= good
        valid = self.usable and fresh
        self.flags = (self._trouble if fresh else 0) | (READING_VALID if valid else 0)
        return self.value if valid else ABSENT

    def pack_state(self, buffer, at):
        kept = self._kept
        kept[0] = self.index & _INDEX_MASK
        kept[1] = self.index >> _INDEX_BITS
        kept[2] = self.index - self.captured
        kept[3] = self.value
        kept[4] = self._age
        kept[5] = self._trouble
        kept[6] = 1 if self.usable else 0
        buffer[at] = _IMPEDANCE_LAYOUT
        return put_words(self.words, 0, STATE_WORDS, buffer, put_words(kept, 0, _SWEEP_WORDS, buffer, at + 1))

    def unpack_state(self, buffer, at, end):
        if end - at != 1 + (_SWEEP_WORDS + STATE_WORDS) * WORD_SIZE or buffer[at] != _IMPEDANCE_LAYOUT:
            return False
        kept = self._kept
        words = self.words[:]
        get_words(words, 0, STATE_WORDS, buffer, get_words(kept, 0, _SWEEP_WORDS, buffer, at + 1))
        index = _index(kept)
        if index < 0 or not -_VALUE_LIMIT <= kept[3] <= _VALUE_LIMIT or not 1 <= kept[4] <= self.every_s + 2:
            return False
        if kept[5] not in (0, READING_SATURATED, READING_ELECTRODE_OFF) or kept[6] not in (0, 1):
            return False
        if impedance_misfit(words):
            return False
        self.calibrate(words)
        self.index = index
        self.captured = index - kept[2]
        self.value = kept[3]
        self._age = kept[4]
        self._trouble = kept[5]
        self.usable = kept[6] == 1
        return True
