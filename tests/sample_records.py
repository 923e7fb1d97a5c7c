"""`samples` records taken apart into their chunks and put together again, so that a test can change one."""

from array import array
from collections.abc import Iterable
from typing import NamedTuple

from turgor.link.blocks import (
    CODE_BIAS,
    INDEX_LOW,
    INDEX_LOW_BITS,
    TICK_BIAS,
    chunk_plan,
    put_bits,
    put_codes,
    unpack_chunks,
    usual_k,
)
from turgor.link.records import HEADER_SIZE, RECORD_LIMIT, SAMPLES


class Chunk(NamedTuple):
    """One channel's part of a record, as `unpack_chunks` gives it: `how` is -1 where it is not full."""

    channel: int
    how: int
    low: int
    rest: int
    tick: int
    period: int
    codes: list[int]

    def halves(self) -> list["Chunk"]:
        """The same samples in two chunks, in one where there is only one sample."""
        half = (len(self.codes) + 1) // 2
        first = self._replace(codes=self.codes[:half])
        second = Chunk(self.channel, -1, (self.low + half) & INDEX_LOW, 0, 0, 0, self.codes[half:])
        return [first, second] if second.codes else [first]


def chunks_of(record: bytes) -> list[Chunk]:
    return [Chunk(*found) for found in unpack_chunks(record[HEADER_SIZE:])]


def codes_of(record: bytes, channel: int) -> list[int]:
    """The codes of a channel in a record; none where it is no `samples` record."""
    if record[0] != SAMPLES:
        return []
    return [code for chunk in chunks_of(record) if chunk.channel == channel for code in chunk.codes]


def find_samples(records: list[bytes], channel: int, after: int = 0) -> int:
    """The first record with codes of a channel from number `after` on."""
    return next(i for i in range(after, len(records)) if codes_of(records[i], channel))


def with_chunks(record: bytes, chunks: Iterable[Chunk]) -> bytes:
    """A record with the header of `record` and these chunks."""
    tail = bytearray(2 * RECORD_LIMIT)
    plan = array("i", bytes(12))
    at = 0
    for channel, how, low, rest, tick, period, codes in chunks:
        biased = array("i", [code + CODE_BIAS for code in codes])
        chunk_plan(biased, len(biased), usual_k(biased, len(biased)), plan)
        k, predictor, base = plan
        fields = [(channel, 4), (int(how >= 0), 1), (len(codes) - 1, 6), (k, 4), (predictor, 2), (low, INDEX_LOW_BITS)]
        if how >= 0:
            fields += [(how, 2), (rest, 23), (tick + TICK_BIAS, 23), (period, 17)]
        for value, bits in [*fields, (base, 23 - k)]:
            at = put_bits(tail, at, value, bits)
        at = put_codes(biased, len(biased), k << 2 | predictor, base, tail, at)
    size = HEADER_SIZE + (at + 7) // 8
    assert size <= RECORD_LIMIT
    return record[:HEADER_SIZE] + bytes(tail[: size - HEADER_SIZE])


def with_code(record: bytes, channel: int, position: int, code: int) -> bytes:
    """A record in which one code of a channel is another."""
    chunks = chunks_of(record)
    for chunk in chunks:
        if chunk.channel == channel:
            if position < len(chunk.codes):
                chunk.codes[position] = code
                return with_chunks(record, chunks)
            position -= len(chunk.codes)
    raise IndexError(f"channel {channel} has no such code in the record")


def without_channel(record: bytes, channel: int) -> bytes:
    return with_chunks(record, [chunk for chunk in chunks_of(record) if chunk.channel != channel])
