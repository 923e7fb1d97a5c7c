"""Sample blocks: up to BLOCK_SAMPLES raw codes as Rice-coded differences.

Tail of a `samples` record: `missed_count` pairs (position u8, number u8) saying how many conversions passed unread
before the sample at that position; the Rice parameter k (u8); then for each sample but the first the zigzag of its
difference to the one before: z >> k ones and a zero, then k bits; or ESCAPE ones and 25 bits. Bits fill bytes from the
top; the last byte is filled with zeros.
"""

from turgor.mp import const, micropython, ptr8, ptr32

BLOCK_SAMPLES = const(40)
MISSED_LIMIT = const(8)
ESCAPE = const(12)
_RAW_BITS = const(25)


@micropython.viper
def rice_pack(codes: ptr32, n: int, out: ptr8, at: int) -> int:
    """Pack the differences of `n` signed 24-bit codes into `out` from `at` on; returns the end."""
    total = 0
    i = 1
    last = ((codes[0] + 0x20000000) & 0x3FFFFFFF) - 0x20000000
    while i < n:
        code = ((codes[i] + 0x20000000) & 0x3FFFFFFF) - 0x20000000
        d = code - last
        last = code
        if d < 0:
            d = -d
        # Capped, so that 40 of them stay small; beyond it every difference escapes anyway.
        if d > 0x100000:
            d = 0x100000
        total += d + d
        i += 1
    k = 0
    while k < 20 and (n << k) < total:
        k += 1
    out[at] = k
    at += 1
    pending = 0
    bits = 0
    i = 1
    last = ((codes[0] + 0x20000000) & 0x3FFFFFFF) - 0x20000000
    while i < n:
        code = ((codes[i] + 0x20000000) & 0x3FFFFFFF) - 0x20000000
        d = code - last
        last = code
        z = d + d
        if d < 0:
            z = -z - 1
        q = z >> k
        if q < 12:
            pending = (pending << (q + 1)) | (((1 << q) - 1) << 1)
            bits += q + 1
            while bits >= 8:
                bits -= 8
                out[at] = pending >> bits
                at += 1
                pending &= (1 << bits) - 1
            pending = (pending << k) | (z & ((1 << k) - 1))
            bits += k
        else:
            pending = (pending << 12) | 0xFFF
            bits += 12
            while bits >= 8:
                bits -= 8
                out[at] = pending >> bits
                at += 1
                pending &= (1 << bits) - 1
            pending = (pending << 13) | (z >> 12)
            bits += 13
            while bits >= 8:
                bits -= 8
                out[at] = pending >> bits
                at += 1
                pending &= (1 << bits) - 1
            pending = (pending << 12) | (z & 0xFFF)
            bits += 12
        while bits >= 8:
            bits -= 8
            out[at] = pending >> bits
            at += 1
            pending &= (1 << bits) - 1
        i += 1
    if bits > 0:
        out[at] = pending << (8 - bits)
        at += 1
    return at


def rice_unpack(data, at, first_code, count):
    """The `count` codes packed in `data` from `at` on, as a list; ValueError when the data end early."""
    if at >= len(data):
        raise ValueError("a sample block ends early")
    k = data[at]
    if k > 20:
        raise ValueError("a sample block has the Rice parameter " + str(k))
    at += 1
    code = first_code
    codes = [code]
    pending = 0
    bits = 0
    end = len(data)
    for _ in range(count - 1):
        q = 0
        while True:
            if bits == 0:
                if at >= end:
                    raise ValueError("a sample block ends early")
                pending = data[at]
                at += 1
                bits = 8
            bits -= 1
            if not (pending >> bits) & 1:
                break
            q += 1
            if q == ESCAPE:
                break
        need = _RAW_BITS if q == ESCAPE else k
        while bits < need:
            if at >= end:
                raise ValueError("a sample block ends early")
            pending = ((pending & ((1 << bits) - 1)) << 8) | data[at]
            at += 1
            bits += 8
        bits -= need
        z = (pending >> bits) & ((1 << need) - 1)
        if q != ESCAPE:
            z |= q << k
        code += -((z + 1) >> 1) if z & 1 else z >> 1
        codes.append(code)
    return codes


def unpack_missed(tail, missed_count):
    """The missed list of a `samples` tail: pairs (position, number of conversions unread before it)."""
    return [(tail[2 * i], tail[2 * i + 1]) for i in range(missed_count)]
