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

from turgor.core.channels import ARTERIAL
from turgor.core.filter_words import COUNT, OVER, SATURATED, SETTLED, restart, take_flags
from turgor.core.filters import filter_block
from turgor.core.impedance import resistance_milliohm
from turgor.core.median import ABSENT
from turgor.core.packed import WORD_SIZE, filter_size, get_words, pack_filter, put_words, unpack_filter
from turgor.mp import const, micropython

# Flags of a reading, as on the wire.
READING_VALID = const(1)
READING_SATURATED = const(4)
READING_OVER = const(8)
# More conversions than this missed at once start the filter anew.
HOLD_LIMIT = const(40)
# A reading stays valid for this many ticks after the sweep it came from.
_SWEEP_TICKS = const(3)
# The first byte of a packed state says how the rest is laid out.
_PRESSURE_LAYOUT = const(1)
_IMPEDANCE_LAYOUT = const(2)
# Its own words of a packed state: index below and above 2^30, how many came since the capture, then what is the kind's.
_KEPT_WORDS = const(5)
_SWEEP_WORDS = const(7)
_INDEX_BITS = const(30)
_INDEX_MASK = const(0x3FFFFFFF)
_CODE_LIMIT = const(0x800000)
_VALUE_LIMIT = const(0x20000000)
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
        self._kept = array("i", bytes(4 * _KEPT_WORDS))

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


def pressure_channel(kind, words, rate_hz):
    """The channel of a pressure sensor of either kind."""
    if kind != ARTERIAL:
        return PressureChannel(words)
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
    """Readings of an impedance channel whose correction is `words` (see `core.impedance`).

    `usable` says whether the last sweep gave a value.
    """

    def __init__(self, words):
        self.words = words
        self.index = 0
        self.value = 0
        self.flags = 0
        self.captured = 0
        self._age = _SWEEP_TICKS
        self._saturated = 0
        self.usable = False
        self._kept = array("i", bytes(4 * _SWEEP_WORDS))

    def result(self, frequency, count, leads, sum_i, sum_q, min_i, max_i, min_q, max_q):
        """One step of a sweep; the lowest frequency begins a new sweep and gives the reading, milliohm."""
        if frequency:
            return
        self.index += 1
        saturated = max_i >= _IQ_LIMIT or min_i <= -_IQ_LIMIT or max_q >= _IQ_LIMIT or min_q <= -_IQ_LIMIT
        self._saturated = READING_SATURATED if saturated else 0
        self.usable = not saturated and not leads and count > 0
        if self.usable:
            self.value = resistance_milliohm(self.words, 0, sum_i, sum_q, count)

    def capture(self):
        """Take this second's reading; returns its value in milliohm when it is valid, else ABSENT."""
        self._age = 1 if self.index != self.captured else self._age + 1
        if self._age > _SWEEP_TICKS:
            self._age = _SWEEP_TICKS + 1
        self.captured = self.index
        valid = self.usable and self._age <= _SWEEP_TICKS
        self.flags = self._saturated | (READING_VALID if valid else 0)
        return self.value if valid else ABSENT

    def pack_state(self, buffer, at):
        kept = self._kept
        kept[0] = self.index & _INDEX_MASK
        kept[1] = self.index >> _INDEX_BITS
        kept[2] = self.index - self.captured
        kept[3] = self.value
        kept[4] = self._age
        kept[5] = self._saturated
        kept[6] = 1 if self.usable else 0
        buffer[at] = _IMPEDANCE_LAYOUT
        return put_words(kept, 0, _SWEEP_WORDS, buffer, at + 1)

    def unpack_state(self, buffer, at, end):
        if end - at != 1 + _SWEEP_WORDS * WORD_SIZE or buffer[at] != _IMPEDANCE_LAYOUT:
            return False
        kept = self._kept
        get_words(kept, 0, _SWEEP_WORDS, buffer, at + 1)
        index = _index(kept)
        if index < 0 or not -_VALUE_LIMIT <= kept[3] <= _VALUE_LIMIT or not 1 <= kept[4] <= _SWEEP_TICKS + 1:
            return False
        if kept[5] not in (0, READING_SATURATED) or kept[6] not in (0, 1):
            return False
        self.index = index
        self.captured = index - kept[2]
        self.value = kept[3]
        self._age = kept[4]
        self._saturated = kept[5]
        self.usable = kept[6] == 1
        return True
