"""Frames: COBS over record and CRC-32 (the usual one, reflected 0xEDB88320), ended by 0x00.

The CRC is kept as two 16-bit halves: a 32-bit number does not fit a board's small integer.
"""

from array import array

from turgor.mp import micropython, ptr8, ptr16


def _crc_table():
    """Entries as pairs (low half, high half) of the byte-wise CRC-32 table."""
    table = array("H", bytes(1024))
    for byte in range(256):
        low = byte
        high = 0
        for _ in range(8):
            odd = low & 1
            low = (low >> 1) | ((high & 1) << 15)
            high >>= 1
            if odd:
                low ^= 0x8320
                high ^= 0xEDB8
        table[2 * byte] = low
        table[2 * byte + 1] = high
    return table


CRC_TABLE = _crc_table()


@micropython.viper
def crc_append(data: ptr8, n: int, table: ptr16):
    """Write the CRC-32 of the first `n` bytes of `data` behind them, little-endian."""
    low = 0xFFFF
    high = 0xFFFF
    i = 0
    while i < n:
        t = ((low ^ data[i]) & 0xFF) << 1
        low = ((low >> 8) | ((high & 0xFF) << 8)) ^ table[t]
        high = (high >> 8) ^ table[t + 1]
        i += 1
    low ^= 0xFFFF
    high ^= 0xFFFF
    data[n] = low & 0xFF
    data[n + 1] = low >> 8
    data[n + 2] = high & 0xFF
    data[n + 3] = high >> 8


@micropython.viper
def cobs(data: ptr8, n: int, out: ptr8) -> int:
    """Stuff the `n` bytes of `data` into `out` and end them with 0x00; returns the length."""
    mark = 0
    at = 1
    run = 1
    i = 0
    while i < n:
        byte = data[i]
        i += 1
        if byte:
            out[at] = byte
            at += 1
            run += 1
            if run == 255 and i < n:
                out[mark] = 255
                mark = at
                at += 1
                run = 1
        else:
            out[mark] = run
            mark = at
            at += 1
            run = 1
    out[mark] = run
    out[at] = 0
    return at + 1


def encode(record, n, frame):
    """Make a frame of the first `n` bytes of `record` (which has 4 bytes of room behind them); returns its length."""
    crc_append(record, n, CRC_TABLE)
    return cobs(record, n + 4, frame)


def crc_fits(data, n):
    """Whether the 4 bytes behind the first `n` of `data` are their CRC; spoils those 4 bytes when they are not."""
    a = data[n]
    b = data[n + 1]
    c = data[n + 2]
    d = data[n + 3]
    crc_append(data, n, CRC_TABLE)
    return a == data[n] and b == data[n + 1] and c == data[n + 2] and d == data[n + 3]
