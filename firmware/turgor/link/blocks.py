"""Sample blocks: the raw codes of several channels in one `samples` record, as Rice-coded residuals.

The tail of the record is a row of chunks, bit after bit from the top of each byte; the last byte is filled with zeros.

chunk   channel u4, full u1, count less 1 u6, k u4, predictor u2, low bits of the first sample's index u9
full    how u2 (REGULAR, BEGINS, RESTARTED), the rest of the index u23, board time of the first sample in us from the
        record's t_s on plus TICK_BIAS u23, period in us u17 (0: not known)
codes   base u(23 - k) in units of 2^(k + 1), then each sample: q ones, a zero and k bits, or ESCAPE ones
        and its code u24

A chunk that is not full goes on where its channel's chunk before it ended. Codes are offset binary: 0 to 2^24 - 1. The
first code is expected at the base. Of the difference e between a code and the one expected, z = 2e, or -2e - 1 when e
is negative, and q = z >> k. The next code is expected e >> a beyond the expectation, and with a trend further by that,
which follows e >> b. An escaped code changes nothing, so that one outlier costs its escape alone; a second one in a row
is where the next is expected.
"""

from turgor.mp import const, micropython, ptr8, ptr32

# So many escapes always fit a record.
CHUNK_SAMPLES = const(48)
CHANNEL_LIMIT = const(16)
CODE_BIAS = const(0x800000)
TICK_BIAS = const(0x400000)
PERIOD_LIMIT = const(0x1FFFF)
INDEX_LOW = const(0x1FF)
INDEX_LOW_BITS = const(9)
# After so many samples a chunk is full: the low bits tell which of those between two full ones another is.
FULL_EVERY = const(176)
MOST_K = const(15)
ESCAPE = const(8)
# To tell where others stand; after conversions that passed unread, or at a start; after a restart of the filter.
REGULAR = const(0)
BEGINS = const(1)
RESTART = const(2)
# e >> a and, for a trend, e >> b (0: none) of each predictor; `_expect` has them too.
PREDICTORS = ((2, 0), (1, 0), (1, 2), (0, 1))
BRIEF_BITS = const(26)
FULL_BITS = const(65)


@micropython.viper
def chunk_plan(codes: ptr32, n: int, start: int, plan: ptr32) -> int:
    """Choose k, predictor and base for `n` codes by what they cost, from k near `start` on; returns the bits they take.

    `plan` gets the three. Every predictor is tried with `start` and the two k beside it, the best one further on.
    """
    # The middle one of the first three: one outlier does not move it.
    first = codes[0]
    if n > 2:
        low = first
        high = codes[1]
        if low > high:
            low = high
            high = first
        first = codes[2]
        if first < low:
            first = low
        if first > high:
            first = high
    best = 0x3FFFFFFF
    k = start - 1 if start > 0 else 0
    last = start + 1 if start < 15 else 15
    predictor = 0
    way = 0
    while True:
        a = 2 - predictor if predictor < 2 else 3 - predictor
        b = 2 if predictor == 2 else (1 if predictor == 3 else 0)
        base = (first + (1 << k)) >> (k + 1)
        if base >> (23 - k):
            base -= 1
        p = base << (k + 1)
        v = 0
        escaped = 0
        bits = 23 - k + n * (k + 1)
        i = 0
        # No further than it may still be the best.
        while i < n and bits < best:
            p += v
            e = codes[i] - p
            z = e + e
            if e < 0:
                z = -z - 1
            q = z >> k
            if q < 8:
                bits += q
                p += e >> a
                if b:
                    v += e >> b
                escaped = 0
            else:
                bits += 31 - k
                if escaped:
                    p += e
                    v = 0
                escaped ^= 1
            i += 1
        if bits < best:
            best = bits
            plan[0] = k
            plan[1] = predictor
            plan[2] = base
        elif way:
            break
        if not way:
            predictor += 1
            if predictor < 4:
                continue
            predictor = 0
            k += 1
            if k <= last:
                continue
            # The best of these further on, where it lies at an end.
            predictor = plan[1]
            k = plan[0]
            way = 1 if k == last else (-1 if k == start - 1 else 0)
            if not way:
                break
        k += way
        if k < 0 or k > 15:
            break
    return best


@micropython.viper
def usual_k(codes: ptr32, n: int) -> int:
    """The k of the mean difference from code to code, without the two that one outlier makes."""
    total = 0
    largest = 0
    second = 0
    i = 1
    while i < n:
        d = codes[i] - codes[i - 1]
        if d < 0:
            d = -d
        if d > largest:
            second = largest
            largest = d
        elif d > second:
            second = d
        total += d
        i += 1
    total -= largest + second
    k = 0
    if n > 3:
        while k < 15 and ((n - 3) << (k + 1)) <= total:
            k += 1
    return k


@micropython.viper
def put_bits(out: ptr8, at: int, value: int, n: int) -> int:
    """Put the `n` low bits of `value` into `out` (0 so far) at bit `at`; returns where it goes on."""
    while n > 0:
        room = 8 - (at & 7)
        take = n if n < room else room
        part = (value >> (n - take)) & ((1 << take) - 1)
        out[at >> 3] = out[at >> 3] | (part << (room - take))
        at += take
        n -= take
    return at


@micropython.viper
def put_codes(codes: ptr32, n: int, shape: int, base: int, out: ptr8, bit: int) -> int:
    """Put the residuals of `n` codes at bit `bit`; `shape` is k << 2 | predictor. Returns where it goes on."""
    k = shape >> 2
    predictor = shape & 3
    a = 2 - predictor if predictor < 2 else 3 - predictor
    b = 2 if predictor == 2 else (1 if predictor == 3 else 0)
    p = base << (k + 1)
    v = 0
    escaped = 0
    at = bit >> 3
    bits = bit & 7
    pending = out[at] >> (8 - bits)
    i = 0
    while i < n:
        p += v
        code = codes[i]
        e = code - p
        z = e + e
        if e < 0:
            z = -z - 1
        q = z >> k
        if q < 8:
            # Ones, the zero and the low bits: 23 bits at most.
            pending = (pending << (q + 1)) | (((1 << q) - 1) << 1)
            bits += q + 1
            while bits >= 8:
                bits -= 8
                out[at] = pending >> bits
                at += 1
                pending &= (1 << bits) - 1
            pending = (pending << k) | (z & ((1 << k) - 1))
            bits += k
            p += e >> a
            if b:
                v += e >> b
            escaped = 0
        else:
            pending = (pending << 8) | 0xFF
            out[at] = pending >> bits
            at += 1
            pending &= (1 << bits) - 1
            pending = (pending << 12) | (code >> 12)
            bits += 12
            while bits >= 8:
                bits -= 8
                out[at] = pending >> bits
                at += 1
                pending &= (1 << bits) - 1
            pending = (pending << 12) | (code & 0xFFF)
            bits += 12
            if escaped:
                p += e
                v = 0
            escaped ^= 1
        while bits >= 8:
            bits -= 8
            out[at] = pending >> bits
            at += 1
            pending &= (1 << bits) - 1
        i += 1
    out[at] = pending << (8 - bits)
    return (at << 3) + bits


class _Bits:
    """Bits of `data`, taken from the top; ValueError behind the end."""

    def __init__(self, data):
        self._data = data
        self.at = 0

    def left(self):
        return 8 * len(self._data) - self.at

    def take(self, n):
        if n > self.left():
            raise ValueError("a sample block ends early")
        value = 0
        for _ in range(n):
            value = value << 1 | (self._data[self.at >> 3] >> (7 - (self.at & 7))) & 1
            self.at += 1
        return value


def unpack_chunks(tail):
    """The chunks of a `samples` tail, for the host and tests; ValueError when it is damaged.

    Each is (channel, how, low bits of the index, the rest of it, tick, period, codes): how is -1 for a chunk that is
    not full, the three behind the low bits are 0 then; codes are signed.
    """
    bits = _Bits(tail)
    chunks = []
    # The shortest chunk is longer than what fills the last byte.
    while bits.left() >= 8:
        channel = bits.take(4)
        full = bits.take(1)
        count = bits.take(6) + 1
        k = bits.take(4)
        a, b = PREDICTORS[bits.take(2)]
        low = bits.take(INDEX_LOW_BITS)
        how, rest, tick, period = -1, 0, 0, 0
        if full:
            how = bits.take(2)
            rest = bits.take(23)
            tick = bits.take(23) - TICK_BIAS
            period = bits.take(17)
            if how > RESTART:
                raise ValueError("a sample block begins in no known way")
        p = bits.take(23 - k) << (k + 1)
        v = 0
        escaped = False
        codes = []
        for _ in range(count):
            p += v
            q = 0
            while q < ESCAPE and bits.take(1):
                q += 1
            if q < ESCAPE:
                z = q << k | bits.take(k)
                e = -(z + 1 >> 1) if z & 1 else z >> 1
                if not 0 <= p + e < 2 * CODE_BIAS:
                    raise ValueError("a sample block holds a code beyond 24 bits")
                codes.append(p + e - CODE_BIAS)
                p += e >> a
                if b:
                    v += e >> b
                escaped = False
            else:
                code = bits.take(24)
                codes.append(code - CODE_BIAS)
                if escaped:
                    p = code
                    v = 0
                escaped = not escaped
        chunks.append((channel, how, low, rest, tick, period, codes))
    if bits.take(bits.left()):
        raise ValueError("a sample block does not end with its last chunk")
    return chunks
