"""Bodies of records as numpy arrays, thousands at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from turgor.core.judge import ARTERIAL_LINE
from turgor.core.median import ABSENT
from turgor.link.blocks import ESCAPE, unpack_missed
from turgor.link.records import READING, READING_FIELDS, READINGS, SAMPLES, row

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_TYPES = {"B": "u1", "H": "<u2", "I": "<u4", "i": "<i4", "Q": "<u8"}
# Blocks decoded at once: enough to make numpy's calls cheap, few enough to stay in the cache.
_CHUNK = 16384
_MOST_K = 20
_RAW_BITS = 25
_CODE_LIMIT = 1 << 23
# Ones at the start of a 12-bit number.
_ONES = np.array([ESCAPE - (~number & 0xFFF).bit_length() for number in range(1 << ESCAPE)], dtype=np.uint64)


def fields_dtype(form: str, fields: Sequence[str]) -> np.dtype[Any]:
    """The numpy type of a packed struct format from `turgor.link.records`."""
    return np.dtype([(name, _TYPES[kind]) for name, kind in zip(fields, form[1:], strict=True)])


_SAMPLES_DTYPE = fields_dtype(row(SAMPLES)[2], row(SAMPLES)[3])
_READINGS_DTYPE = fields_dtype(row(READINGS)[2], row(READINGS)[3])
_READING_DTYPE = fields_dtype(READING, READING_FIELDS)


def body_array(kind: int, bodies: Sequence[bytes]) -> NDArray[Any]:
    """The fixed fields of many bodies of one kind as a structured array; ValueError when one is too short."""
    dtype = fields_dtype(row(kind)[2], row(kind)[3])
    if any(len(body) < dtype.itemsize for body in bodies):
        raise ValueError(f"a {row(kind)[1]} record is too short")
    return np.frombuffer(b"".join([body[: dtype.itemsize] for body in bodies]), dtype)


@dataclass(frozen=True)
class Blocks:
    """Sample blocks: `codes` and `index` of all their samples in a row, those of block i from `starts[i]` on.

    `first`, `last`, `flags` and `span_us` are per block (index of first and last sample). A block that could not be
    read is `bad` and has no samples.
    """

    codes: Ints
    index: Ints
    starts: Ints
    first: Ints
    last: Ints
    flags: Ints
    span_us: Ints
    t_us: Ints
    bad: Bools

    def sample_times(self, block_times: Floats) -> Floats:
        """Time of each sample from the second in which its block begins, evenly over conversions."""
        counts = np.diff(self.starts)
        step = self.span_us / 1e6 / np.maximum(self.last - self.first, 1)
        since = self.index - np.repeat(self.first, counts)
        times: Floats = np.repeat(block_times + self.t_us / 1e6, counts) + since * np.repeat(step, counts)
        return times


def decode_blocks(bodies: Sequence[bytes]) -> Blocks:
    """Bodies of `samples` records, equal to `turgor.link.blocks.rice_unpack` on each."""
    parts = [_decode(bodies[at : at + _CHUNK]) for at in range(0, len(bodies), _CHUNK)]
    if not parts:
        parts = [_decode([])]
    starts = np.concatenate([[0], np.cumsum(np.concatenate([part[0] for part in parts]))])
    joined = [np.concatenate([part[i] for part in parts]) for i in range(1, 7)]
    codes, index, first, last, fixed, bad = joined
    flags, span_us, t_us = (fixed[name].astype(np.int64) for name in ("flags", "span_us", "t_us"))
    return Blocks(codes, index, starts, first, last, flags, span_us, t_us, bad)


def _decode(
    bodies: Sequence[bytes],
) -> tuple[Ints, Ints, Ints, Ints, Ints, NDArray[Any], Bools]:
    """Counts, codes, index, first, last, fixed fields, bad of one chunk."""
    size = _SAMPLES_DTYPE.itemsize
    short = np.array([len(body) <= size for body in bodies], dtype=np.bool_)
    if short.any():
        bodies = [body if len(body) > size else bytes(size + 1) for body in bodies]
    fixed = np.frombuffer(b"".join([body[:size] for body in bodies]), _SAMPLES_DTYPE)
    lengths = np.array([len(body) for body in bodies], dtype=np.int64)
    ends = np.cumsum(lengths)
    counts = fixed["count"].astype(np.int64)
    at = ends - lengths + size + 2 * fixed["missed_count"].astype(np.int64)
    data = np.frombuffer(b"".join(bodies) + bytes(8), np.uint8)
    bad = short | (counts == 0) | (at >= ends)
    codes, end_bits = _unpack(data, np.minimum(at, ends - 1), fixed["first_code"], counts)
    bad |= (data[np.minimum(at, ends - 1)] > _MOST_K) | (end_bits > 8 * ends)
    bad |= np.abs(codes).max(axis=1, initial=0) > _CODE_LIMIT
    counts = np.where(bad, 0, counts)
    positions = np.arange(codes.shape[1])
    used = positions < counts[:, None]
    first = fixed["first_index"].astype(np.int64)
    index = first[:, None] + positions
    for i in np.flatnonzero((fixed["missed_count"] > 0) & ~bad):
        missed = int(fixed["missed_count"][i])
        for position, number in unpack_missed(bodies[int(i)][size:], missed):
            index[i, position:] += number
    last = np.where(bad, first, np.take_along_axis(index, counts[:, None] - 1, axis=1)[:, 0])
    return counts, codes[used], index[used], first, last, fixed, bad


def _unpack(data: NDArray[np.uint8], at: Ints, first_codes: NDArray[Any], counts: Ints) -> tuple[Ints, Ints]:
    """Codes (a row a block, as wide as the longest) and the bit at which each block ended."""
    # At every byte the 64 bits from there on, so that a code and what precedes it lie in one number.
    words: NDArray[Any] = np.ndarray(max(len(data) - 7, 0), ">u8", data.tobytes(), 0, (1,))
    width = int(counts.max(initial=1))
    steps = np.zeros((len(at), max(width, 1)), dtype=np.int64)
    steps[:, 0] = first_codes
    k_all = np.minimum(data[at], _MOST_K).astype(np.uint64)
    bits = 8 * (at + 1)
    one = np.uint64(1)
    top = np.uint64(63)
    for j in range(1, width):
        active = np.flatnonzero(counts > j)
        where = bits[active]
        k = k_all[active]
        # Beyond its end a spoiled block reads zeros or its neighbour; it is found by its end.
        word = words[np.minimum(where >> 3, len(words) - 1)].astype(np.uint64)
        word <<= (where & 7).astype(np.uint64)
        ones = _ONES[(word >> np.uint64(64 - ESCAPE)).astype(np.int64)]
        escaped = ones == ESCAPE
        z = ((word << (ones + one)) >> (top - k) >> one) | (ones << k)
        raw = (word << np.uint64(ESCAPE)) >> np.uint64(64 - _RAW_BITS)
        z = np.where(escaped, raw, z).astype(np.int64)
        steps[active, j] = np.where(z & 1, -((z + 1) >> 1), z >> 1)
        bits[active] = where + np.where(escaped, ESCAPE + _RAW_BITS, ones + one + k).astype(np.int64)
    return np.cumsum(steps, axis=1), bits


@dataclass(frozen=True)
class Ticks:
    """Readings records: their DBP with age and source, and in `entries` the entries of all, `owner` whose each is."""

    dbp_milli_mmhg: Ints
    dbp_age_s: Ints
    dbp_source: Ints
    entries: NDArray[Any]
    owner: Ints

    def line_diastolic(self) -> list[int]:
        """At each tick the diastolic pressure of the arterial line in milli-mmHg, ABSENT when it gave none then."""
        fresh = (self.dbp_source == ARTERIAL_LINE) & (self.dbp_age_s == 0)
        found: list[int] = np.where(fresh, self.dbp_milli_mmhg, ABSENT).tolist()
        return found


def decode_readings(bodies: Sequence[bytes]) -> Ticks:
    """Bodies of `readings` records; ValueError when one is not whole."""
    fixed = body_array(READINGS, bodies)
    size, entry = _READINGS_DTYPE.itemsize, _READING_DTYPE.itemsize
    if any((len(body) - size) % entry for body in bodies):
        raise ValueError("a readings record is not whole entries")
    entries = np.frombuffer(b"".join([body[size:] for body in bodies]), _READING_DTYPE)
    counts = [(len(body) - size) // entry for body in bodies]
    return Ticks(
        fixed["dbp_milli_mmhg"].astype(np.int64),
        fixed["dbp_age_s"].astype(np.int64),
        fixed["dbp_source"].astype(np.int64),
        entries,
        np.repeat(np.arange(len(bodies)), counts),
    )
