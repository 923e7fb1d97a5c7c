"""Takes apart the pages that `link.pages` packs: the same state and predictions, in order. For the host."""

from struct import pack

from turgor.link.pages import EXPECTED
from turgor.link.records import NO_DBP, READING, READINGS
from turgor.mp import const

# Contexts; the first four begin a block.
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

_NO_CHANNEL = const(255)
_LEAST_RECORD = const(12)
_OFF_LIMIT = const(0x10000)
_EXCESS_LIMIT = const(0x100000)
_RATE_LIMIT = const(0x100000)
_INDEX_LIMIT = const(0x10000000)


class RangeDecoder:
    """Takes apart the first `size` bytes of `content`; decisions, bits and numbers come as they were put in."""

    def __init__(self, content, size, expected):
        self._content = content
        self._size = size
        self._probabilities = [byte << 4 for byte in expected]
        self._span = 0xFFFFFF
        self._at = 1
        self._ahead = 0
        for _ in range(3):
            self._ahead = self._ahead << 8 | self._next()

    def _next(self):
        at = self._at
        self._at = at + 1
        return self._content[at] if at < self._size else 0

    def _shift(self):
        while self._span < 0x10000:
            self._span <<= 8
            self._ahead = (self._ahead & 0xFFFF) << 8 | self._next()

    def overrun(self):
        """Whether more was taken out than can have been put in."""
        return self._at > self._size + 2

    def decision(self, context):
        p = self._probabilities[context]
        bound = (self._span >> 12) * p
        bit = int(self._ahead >= bound)
        if bit:
            self._ahead -= bound
            self._span -= bound
            p -= p >> 4
        else:
            self._span = bound
            p += (4096 - p) >> 4
        self._probabilities[context] = p
        self._shift()
        return bit

    def raw(self, bits):
        """A value of up to 30 bits, the upper ones first, 8 at a time."""
        value = 0
        while bits:
            n = min(bits, 8)
            bits -= n
            self._span >>= n
            part = self._ahead // self._span
            if part >> n:
                raise ValueError("a range code is damaged")
            self._ahead -= part * self._span
            value = value << n | part
            self._shift()
        return value

    def plain(self, context):
        if not self.decision(context):
            return 0
        negative = self.raw(1)
        magnitude = self._magnitude()
        return -magnitude if negative else magnitude

    def golomb(self, context, means, at, sign=0):
        """A number whose mean magnitude stands in `means` at `at`, with `sign` as its context of "negative"."""
        mean = means[at]
        k = 0
        while 24 << k <= mean:
            k += 1
        negative = magnitude = 0
        if self.decision(context + min(k, 3)):
            negative = self.decision(context + 4 + sign)
            ones = 0
            while ones < 8 and self.decision(context + (8 if k else 16) + ones):
                ones += 1
            magnitude = self._magnitude() if ones == 8 else (ones << k | self.raw(k)) + 1
        means[at] = mean + ((min(magnitude, 0x100000) << 4) - mean >> 2)
        return -magnitude if negative else magnitude

    def _magnitude(self):
        bits = self.raw(5)
        return 1 << bits | self.raw(bits)


class _Channel:
    """What is known of a channel from its readings so far."""

    def __init__(self, number, flags, index, value, median, t_s):
        self.number = number
        self.flags = flags
        self.index = index
        self.value = value
        self.median = median
        excess = value - median
        if abs(excess) > 0xFFFF:
            excess = 0
        # Of index, value and median.
        self.means = [8, 32 + (abs(excess) << 3), 16 + (abs(excess) >> 1)]
        self.excess_q4 = excess << 4
        self.errors = [0, 0, 0]
        self.phase_q8 = 0
        self.rate_q8 = 0
        if 0 < t_s < 0x400000 and index // t_s < _RATE_LIMIT:
            self.rate_q8 = (index << 8) // t_s

    def next(self, code):
        """Take the next reading from `code`."""
        self.flags = _flags(code, self.flags)
        step = self._step(code)
        value = self._value(code) if step else self.value + code.plain(_SAME_VALUE)
        side = 1 if value > self.median else 2 if value < self.median else 0
        self.median += code.golomb(_MEDIAN, self.means, 2, side)
        self.value = value

    def entry(self):
        if not (self.number <= 0xFF and 0 <= self.index < _INDEX_LIMIT):
            raise ValueError("a page has a channel " + str(self.number) + " with the index " + str(self.index))
        index = (self.flags >> 8) << 28 | self.index
        return pack(READING, self.number, self.flags & 0xFF, index, _i32(self.value), _i32(self.median))

    def _step(self, code):
        phase = self.phase_q8 + self.rate_q8
        off = code.golomb(_INDEX, self.means, 0)
        step = off + (phase >> 8)
        self.index += step
        self.phase_q8 = 0 if off > 0 else 255 if off < 0 else phase & 0xFF
        rate = min(step, _RATE_LIMIT) << 8 if abs(off) > 4 else self.rate_q8 + 4 * off
        self.rate_q8 = max(0, rate)
        return step

    def _value(self, code):
        guesses = (self.value, self.median, self.median + (self.excess_q4 >> 4))
        value = guesses[self.errors.index(min(self.errors))] + code.golomb(_VALUE, self.means, 1)
        for i in range(3):
            off = min(abs(value - guesses[i]), _OFF_LIMIT) << 3
            self.errors[i] += (off - self.errors[i]) >> 3
        excess = max(-_EXCESS_LIMIT, min(_EXCESS_LIMIT, value - self.median))
        self.excess_q4 += ((excess << 4) - self.excess_q4) >> 2
        return value


def _flags(code, flags):
    """The flags, and above them the top nibble of the index."""
    return code.raw(4) << 8 | code.raw(8) if code.decision(_FLAGS) else flags


class _Page:
    def __init__(self, code, boot, first_seq, first_t_s):
        self._code = code
        self._boot = boot
        self._next_seq = first_seq
        self._readings_seq = first_seq
        self._readings_step = 0
        self._t_s = first_t_s
        self._dbp = NO_DBP
        self._dbp_mean = [0]
        self._age = 0xFFFF
        self._source = 0
        self._channels = []

    def record(self):
        """The next record's bytes."""
        code = self._code
        if not code.decision(_ITEM):
            return self._readings(False)
        if code.decision(_FRESH):
            return self._readings(True)
        whole = code.decision(_WHOLE)
        if whole:
            self._next_seq = self._readings_seq = self._readings_step = self._t_s = 0
        else:
            seq = self._next_seq + code.plain(_NEXT_SEQ)
            self._next_seq = seq + 1
            self._t_s += code.plain(_SAME_TIME)
        n = code.raw(8)
        if n < _LEAST_RECORD:
            raise ValueError("a page has a record of " + str(n) + " bytes")
        kind = code.raw(8)
        channel = code.raw(8)
        head = b"" if whole else pack("<II", _u32(seq), _u32(self._t_s))
        body = bytes([code.raw(8) for _ in range(n - 4 - len(head))])
        return pack("<BBH", kind, channel, self._boot) + head + body

    def _readings(self, fresh):
        code = self._code
        count = code.raw(4) if fresh else 0
        seq = self._readings_seq + self._readings_step + code.plain(_SEQ)
        step = seq - self._readings_seq
        self._readings_step = step if 0 < step < 0x10000 else 0
        self._readings_seq = seq
        self._next_seq = seq + 1
        self._t_s += code.plain(_SAME_TIME) if fresh else code.plain(_TIME) + 1
        self._diastolic(fresh)
        if fresh:
            self._fresh(count)
        else:
            for channel in self._channels:
                channel.next(code)
        head = pack("<BBHII", READINGS, _NO_CHANNEL, self._boot, _u32(seq), _u32(self._t_s))
        body = pack("<iHB", _i32(self._dbp), self._age, self._source)
        return head + body + b"".join([channel.entry() for channel in self._channels])

    def _diastolic(self, fresh):
        code = self._code
        if fresh:
            self._dbp_mean[0] = 0
            self._dbp += code.plain(_FIRST)
        else:
            self._dbp += code.golomb(_DBP, self._dbp_mean, 0)
        if not code.decision(_AGE):
            self._age = min(self._age + 1, 0xFFFF)
        else:
            self._age = code.raw(16) if code.decision(_AGE_ZERO) else 0
        if code.decision(_SOURCE):
            self._source = code.raw(8)

    def _fresh(self, count):
        code = self._code
        self._channels = []
        number = -1
        index = value = 0
        for _ in range(count):
            number = code.raw(8) if code.decision(_NUMBERED) else number + 1
            flags = _flags(code, 3)
            index += code.plain(_FIRST)
            value += code.plain(_FIRST)
            median = value + code.plain(_FIRST)
            self._channels.append(_Channel(number, flags, index, value, median, self._t_s))


def unpack_page(content, size, boot, first_seq, first_t_s):
    """The records, as bytes, of the first `size` bytes of a page's content; ValueError when they are damaged.

    Every record is returned or none. That damage is noticed at all, a CRC has to see to.
    """
    if not 0 < size <= len(content):
        raise ValueError("a page of " + str(len(content)) + " bytes has no content of " + str(size))
    code = RangeDecoder(content, size, EXPECTED)
    page = _Page(code, boot, first_seq, first_t_s)
    records = []
    for _ in range(content[0]):
        records.append(page.record())
        if code.overrun():
            raise ValueError("a page ends before its last record")
    return records


def _u32(value):
    if not 0 <= value <= 0xFFFFFFFF:
        raise ValueError("a page has a seq or time of " + str(value))
    return value


def _i32(value):
    if not -0x80000000 <= value <= 0x7FFFFFFF:
        raise ValueError("a page has a reading of " + str(value))
    return value
