"""Records and frames as a board makes them, for tests that need many: any header, any body, whatever fields it has."""

import struct
from random import Random

from turgor.link.frames import encode
from turgor.link.records import FRAME_LIMIT, GAP, HEADER, HEADER_SIZE, RECORD_LIMIT, RECORDS

BOOT = 3
CHANNEL = 4
# Kind, channel, boot and seq; what follows them is time.
_TIMES = len(HEADER) - len("<BBHI")


def record(kind: int, seq: int, body: bytes, boot: int = BOOT) -> bytes:
    """A record with `body` behind its header."""
    return struct.pack(HEADER, kind, CHANNEL, boot, seq, *(seq // 4,) * _TIMES) + body


def frame(data: bytes) -> bytes:
    """The frame of a record, its 0x00 included."""
    out = bytearray(FRAME_LIMIT)
    return bytes(out[: encode(bytearray(data) + bytes(4), len(data), out)])


def random_record(random: Random, seq: int, boot: int = BOOT) -> bytes:
    """A record of any kind but a gap, its body as long as the kind has it, with zeros among its bytes."""
    kind, _, form, _, tail = random.choice([row for row in RECORDS if row[0] != GAP])
    size = struct.calcsize(form)
    if tail:
        size += random.randrange(RECORD_LIMIT - HEADER_SIZE - size + 1)
    few_zeros = bytes(random.choice((0, 1, 255, random.randrange(256))) for _ in range(size))
    return record(kind, seq, few_zeros, boot)
