"""Spill pages: log records packed into a few hundred bytes that need no other page to be unpacked.

Content: the number of records u8, then a range code (`link.range_coder`). Records, in their order, each an item:

predicted  readings of the same channels as the readings before: what differs from a prediction of each field
fresh      readings whose channels follow, with nothing to predict them from but the channel before
verbatim   any record: seq and time as differences, its length, its other bytes
whole      the same with all of seq and time: these, or one of them, left the range of small integers

Readings with a field beyond that range are verbatim. The boot number, and the seq and time from which the first item
counts, stand elsewhere with the page. `link.page_reader` takes it apart and says the order of all parts.
"""

from array import array

from turgor.link.range_coder import CODER_WORDS, begin, code, spell, spell_bytes
from turgor.mp import const, micropython, ptr8, ptr32

_HEADER_SIZE = const(12)
_SEQ_AT = const(4)
_T_S_AT = const(8)
# A seq and a time whose top byte is not below this one are written whole. Readings of more than 12 channels are
# verbatim.
_TOP = const(0x30)
COUNT_LIMIT = const(255)
_FRESH_ITEM = const(1)
_VERBATIM_ITEM = const(2)

# Contexts: blocks for the Golomb coded index, value, median and DBP, then one for each question.
_INDEX = const(0)
_VALUE = const(24)
_MEDIAN = const(48)
_DBP = const(72)
_ITEM = const(96)
_FRESH = const(97)
_WHOLE = const(98)
_SEQ = const(99)
_NEXT_SEQ = const(100)
_TIME = const(101)
_SAME_TIME = const(102)
_AGE = const(103)
_AGE_ZERO = const(104)
_SOURCE = const(105)
_NUMBERED = const(106)
_FLAGS = const(107)
_SAME_VALUE = const(108)
_FIRST = const(109)

# State: 0 next seq, 1 seq of the last readings, 2 its distance from those before, 3 time, 4 number of channels (255:
# none yet), 5 DBP, 6 its mean magnitude, 7 its age, 8 its source; then 16 words a channel: 0 number, 1 flags and the
# index's top nibble, 2 index, 3 value, 4 median, 5-7 their mean magnitudes in 1/16, 8 index steps a second and 9 phase
# in 1/256, 10 what the value exceeds the median by in 1/16, 11-13 how far off each of the value's predictions was.
_STATE_WORDS = const(208)
# As in `range_coder`, whose public names viper cannot see at compile time.
_RAW = const(0x80)
_PLAIN = const(0x400)
_GOLOMB = const(0xC00)
# The most of a record: its head and 12 fresh channels make 24 + 12 * 16 words, its head and 12 predicted ones with all
# numbers at their longest 38 + 12 * 48 decisions. Viper would write on behind either.
_PART_WORDS = const(216)
_SYMBOLS = const(614)

# The contexts' first probabilities of a 0 in 1/256, near those of quiet and of pulsing limbs.
EXPECTED = (
    # A block for each Golomb coded number: not zero, negative, ones.
    bytes((232, 40, 32, 32, 176, 128, 128, 128, 200, 240, 128, 128, 128, 128, 128, 128))
    + bytes((252, 216, 128, 32, 16, 16, 16, 16))
    + bytes((104, 48, 36, 8, 128, 128, 128, 128, 144, 184, 176, 136, 112, 96, 80, 40))
    + bytes((104, 128, 144, 152, 184, 192, 192, 128))
    + bytes((192, 116, 104, 104, 96, 252, 4, 128, 92, 140, 152, 108, 88, 72, 64, 48))
    + bytes((208, 116, 92, 48, 40, 32, 16, 16))
    + bytes((250, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128))
    + bytes((128, 128, 128, 128, 128, 128, 128, 128))
    # From _ITEM on.
    + bytes((244, 12, 248, 240, 208, 250, 248, 244, 16, 244, 248, 250, 216, 12))
)


@micropython.viper
def _item(s: ptr32, record: ptr8, n: int) -> int:
    """What a record becomes: 0 predicted, 1 fresh, 2 verbatim, 3 whole."""
    if record[7] >= _TOP or record[11] >= _TOP:
        return 3
    channels = 0
    while 19 + 14 * channels < n:
        channels += 1
    if record[0] != 7 or record[1] != 255 or 19 + 14 * channels != n or channels > 12:
        return 2
    if record[15] >= 0x10 and record[15] < 0xE0:
        return 2
    item = 0
    if s[4] != channels:
        item = 1
    p = 16
    at = 19
    while at < n:
        if record[at + 9] >= 0x10 and record[at + 9] < 0xE0:
            return 2
        if record[at + 13] >= 0x10 and record[at + 13] < 0xE0:
            return 2
        if record[at] != s[p]:
            item = 1
        at += 14
        p += 16
    s[4] = channels
    return item


@micropython.viper
def _head(s: ptr32, record: ptr8, item: int, out: ptr32) -> int:
    """The parts of an item's kind, seq and time; takes them into the state; returns where the parts end."""
    out[0] = _ITEM
    out[1] = 1 if item else 0
    to = 2
    if item:
        out[2] = _FRESH
        out[3] = 1 if item == 1 else 0
        to = 4
    if item == 1:
        out[4] = _RAW + 4
        out[5] = s[4]
        to = 6
    elif item:
        out[4] = _WHOLE
        out[5] = item - 2
        to = 6
    if item == 3:
        s[0] = 0
        s[1] = 0
        s[2] = 0
        s[3] = 0
        return to
    seq = record[4] | (record[5] << 8) | (record[6] << 16) | (record[7] << 24)
    t_s = record[8] | (record[9] << 8) | (record[10] << 16) | (record[11] << 24)
    if item == 2:
        out[to] = _PLAIN | _NEXT_SEQ
        out[to + 1] = seq - s[0]
    else:
        out[to] = _PLAIN | _SEQ
        out[to + 1] = seq - s[1] - s[2]
        step = seq - s[1]
        s[1] = seq
        s[2] = step if step > 0 and step < 0x10000 else 0
    if item:
        out[to + 2] = _PLAIN | _SAME_TIME
        out[to + 3] = t_s - s[3]
    else:
        out[to + 2] = _PLAIN | _TIME
        out[to + 3] = t_s - s[3] - 1
    s[0] = seq + 1
    s[3] = t_s
    return to + 4


@micropython.viper
def _diastolic(s: ptr32, record: ptr8, fresh: int, out: ptr32, to: int) -> int:
    """The parts of a DBP, its age and source, from `to` on; as `_head`."""
    x = record[12] | (record[13] << 8) | (record[14] << 16) | (((record[15] ^ 0x80) - 0x80) << 24)
    out[to] = _GOLOMB | _DBP | (6 << 12)
    if fresh:
        out[to] = _PLAIN | _FIRST
        s[6] = 0
    out[to + 1] = x - (((s[5] + 0x20000000) & 0x3FFFFFFF) - 0x20000000)
    s[5] = x
    age = record[16] | (record[17] << 8)
    expected = s[7] + 1
    if expected > 65535:
        expected = 65535
    s[7] = age
    out[to + 2] = _AGE
    out[to + 3] = 1 if age != expected else 0
    to += 4
    if age != expected:
        out[to] = _AGE_ZERO
        out[to + 1] = 1 if age else 0
        to += 2
        if age:
            out[to] = _RAW + 8
            out[to + 1] = age >> 8
            out[to + 2] = _RAW + 8
            out[to + 3] = age & 0xFF
            to += 4
    out[to] = _SOURCE
    out[to + 1] = 1 if record[18] != s[8] else 0
    to += 2
    if record[18] != s[8]:
        out[to] = _RAW + 8
        out[to + 1] = record[18]
        to += 2
        s[8] = record[18]
    return to


@micropython.viper
def _fresh(s: ptr32, record: ptr8, n: int, out: ptr32, to: int) -> int:
    """The parts of all channels from `to` on, each from the one before; as `_head`."""
    t_s = s[3]
    number = 0
    last_index = 0
    last_value = 0
    at = 19
    p = 16
    while at < n:
        out[to] = _NUMBERED
        out[to + 1] = 1 if record[at] != number else 0
        to += 2
        if record[at] != number:
            number = record[at]
            out[to] = _RAW + 8
            out[to + 1] = number
            to += 2
        s[p] = number
        number += 1
        flags = record[at + 1] | ((record[at + 5] & 0xF0) << 4)
        out[to] = _FLAGS
        out[to + 1] = 1 if flags != 3 else 0
        to += 2
        if flags != 3:
            out[to] = _RAW + 4
            out[to + 1] = flags >> 8
            out[to + 2] = _RAW + 8
            out[to + 3] = flags & 0xFF
            to += 4
        s[p + 1] = flags
        index = record[at + 2] | (record[at + 3] << 8) | (record[at + 4] << 16) | ((record[at + 5] & 0x0F) << 24)
        value = record[at + 6] | (record[at + 7] << 8) | (record[at + 8] << 16)
        value |= ((record[at + 9] ^ 0x80) - 0x80) << 24
        median = record[at + 10] | (record[at + 11] << 8) | (record[at + 12] << 16)
        median |= ((record[at + 13] ^ 0x80) - 0x80) << 24
        out[to] = _PLAIN | _FIRST
        out[to + 1] = index - last_index
        out[to + 2] = _PLAIN | _FIRST
        out[to + 3] = value - last_value
        out[to + 4] = _PLAIN | _FIRST
        out[to + 5] = median - value
        to += 6
        last_index = index
        last_value = value
        s[p + 2] = index
        s[p + 3] = value
        s[p + 4] = median
        # The steps a second since the boot.
        rate = 0
        if t_s > 0 and t_s < 0x400000:
            steps = index // t_s
            if steps < 0x100000:
                rate = (steps << 8) + ((index - steps * t_s) << 8) // t_s
        s[p + 8] = rate
        s[p + 9] = 0
        # How far the value is from its median tells how much both will move, unless one is absent.
        excess = value - median
        if excess > 0xFFFF or excess < -0xFFFF:
            excess = 0
        s[p + 10] = excess << 4
        if excess < 0:
            excess = -excess
        s[p + 5] = 8
        s[p + 6] = 32 + (excess << 3)
        s[p + 7] = 16 + (excess >> 1)
        s[p + 11] = 0
        s[p + 12] = 0
        s[p + 13] = 0
        at += 14
        p += 16
    return to


@micropython.viper
def _predicted(s: ptr32, record: ptr8, n: int, out: ptr32, to: int) -> int:
    """The parts of all channels from `to` on, each from its own past; as `_head`."""
    at = 19
    p = 16
    while at < n:
        flags = record[at + 1] | ((record[at + 5] & 0xF0) << 4)
        out[to] = _FLAGS
        out[to + 1] = 1 if flags != s[p + 1] else 0
        to += 2
        if flags != s[p + 1]:
            out[to] = _RAW + 4
            out[to + 1] = flags >> 8
            out[to + 2] = _RAW + 8
            out[to + 3] = flags & 0xFF
            to += 4
            s[p + 1] = flags
        # The index goes on at its rate; where it does not, the phase moves as little as it must.
        index = record[at + 2] | (record[at + 3] << 8) | (record[at + 4] << 16) | ((record[at + 5] & 0x0F) << 24)
        step = index - s[p + 2]
        s[p + 2] = index
        rate = s[p + 8]
        phase = s[p + 9] + rate
        off = step - (phase >> 8)
        out[to] = _GOLOMB | _INDEX | ((p + 5) << 12)
        out[to + 1] = off
        s[p + 9] = phase & 0xFF
        if off > 0:
            s[p + 9] = 0
        if off < 0:
            s[p + 9] = 255
        if off > 4 or off < -4:
            rate = 0
            if step > 0:
                rate = step << 8 if step < 0x100000 else 0x10000000
        else:
            rate += off << 2
        s[p + 8] = rate if rate > 0 else 0
        # The value stays if the index does; else it is near the last one, the median, or as far above that as of late,
        # whichever was the nearest over some 8 s.
        x = record[at + 6] | (record[at + 7] << 8) | (record[at + 8] << 16)
        x |= ((record[at + 9] ^ 0x80) - 0x80) << 24
        median = ((s[p + 4] + 0x20000000) & 0x3FFFFFFF) - 0x20000000
        guess = ((s[p + 3] + 0x20000000) & 0x3FFFFFFF) - 0x20000000
        if step == 0:
            out[to + 2] = _PLAIN | _SAME_VALUE
            out[to + 3] = x - guess
        else:
            excess = ((s[p + 10] + 0x20000000) & 0x3FFFFFFF) - 0x20000000
            expected = guess
            least = 0x100000
            i = 11
            while i < 14:
                if i == 12:
                    guess = median
                if i == 13:
                    guess = median + (excess >> 4)
                error = s[p + i]
                if error < least:
                    least = error
                    expected = guess
                off = x - guess
                if off < 0:
                    off = -off
                if off > 0x10000:
                    off = 0x10000
                s[p + i] = error + (((off << 3) - error) >> 3)
                i += 1
            out[to + 2] = _GOLOMB | _VALUE | ((p + 6) << 12)
            out[to + 3] = x - expected
            off = x - median
            if off > 0x100000:
                off = 0x100000
            if off < -0x100000:
                off = -0x100000
            s[p + 10] = excess + (((off << 4) - excess) >> 2)
        s[p + 3] = x
        # A median moves to the side on which the new value lies.
        side = 0
        if x > median:
            side = 1
        if x < median:
            side = 2
        x = record[at + 10] | (record[at + 11] << 8) | (record[at + 12] << 16)
        x |= ((record[at + 13] ^ 0x80) - 0x80) << 24
        out[to + 4] = _GOLOMB | _MEDIAN | ((p + 7) << 12) | (side << 8)
        out[to + 5] = x - median
        s[p + 4] = x
        to += 6
        at += 14
        p += 16
    return to


def _u32(record, at):
    return record[at] | record[at + 1] << 8 | record[at + 2] << 16 | record[at + 3] << 24


@micropython.viper
def _begin(s: ptr32, seq: int, t_s: int):
    """The state before the first record, which has this seq and time."""
    s[0] = seq
    s[1] = seq
    s[2] = 0
    s[3] = t_s
    s[4] = 255
    s[5] = -1
    s[6] = 0
    s[7] = 65535
    s[8] = 0


class PagePacker:
    """Packs records, in the order of their seq, into `content`, of which `size` bytes count.

    `content` has `capacity` bytes. `count` records are in it, from `first_seq` at `first_t_s` to `last_seq` at
    `last_t_s`; `unpack_page` wants the first two. A page that was full takes nothing more until `start`.
    """

    def __init__(self, capacity):
        self.content = bytearray(capacity)
        self._capacity = capacity
        self._state = array("i", bytes(4 * _STATE_WORDS))
        self._coder = array("i", bytes(4 * (CODER_WORDS + len(EXPECTED))))
        self._parts = array("i", bytes(4 * _PART_WORDS))
        self._symbols = array("H", bytes(2 * _SYMBOLS))
        self.start()

    def start(self):
        """Begin an empty page."""
        self.size = 0
        self.count = 0
        self.full = False
        self.first_seq = 0
        self.first_t_s = 0
        self.last_seq = 0
        self.last_t_s = 0

    def add(self, record, n):
        """Take in the first `n` bytes (12 to 255) of `record`; False, with nothing changed but `full`, without room."""
        if self.full:
            return False
        state = self._state
        parts = self._parts
        symbols = self._symbols
        seq = _u32(record, _SEQ_AT)
        t_s = _u32(record, _T_S_AT)
        if self.count == 0:
            begin(self._coder, EXPECTED, len(EXPECTED))
            _begin(state, 0 if record[7] >= _TOP else seq, 0 if record[11] >= _TOP else t_s)
        item = _item(state, record, n)
        to = _head(state, record, item, parts)
        if item <= _FRESH_ITEM:
            to = _diastolic(state, record, item, parts, to)
            to = _fresh(state, record, n, parts, to) if item else _predicted(state, record, n, parts, to)
        to = spell(state, parts, to, symbols)
        if item > _FRESH_ITEM:
            to = spell_bytes(record, n, _HEADER_SIZE if item == _VERBATIM_ITEM else _SEQ_AT, symbols, to)
        size = code(self._coder, symbols, to, self.content, self._capacity)
        if size == 0:
            self.full = True
            return False
        self.size = size
        if self.count == 0:
            self.first_seq = seq
            self.first_t_s = t_s
        self.last_seq = seq
        self.last_t_s = t_s
        self.count += 1
        self.content[0] = self.count
        self.full = self.count == COUNT_LIMIT
        return True
