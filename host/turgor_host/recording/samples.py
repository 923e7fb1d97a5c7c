"""`samples` records, thousands at a time: each channel's codes, their indices and times."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from turgor.link.blocks import CODE_BIAS, ESCAPE, INDEX_LOW_BITS, PREDICTORS, REGULAR, RESTART, TICK_BIAS
from turgor.link.records import RESTARTED

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

# Records decoded at once: enough to make numpy's calls cheap, few enough to stay in the cache.
_AT_ONCE = 8192
_LOW = (1 << INDEX_LOW_BITS) - 1
_BRIEF = -1
# From the second of a record to the first sample of a chunk in it, in the middle between the least and the most.
_CHUNK_S = 0.3
# Ones at the start of a byte.
_ONES = np.array([ESCAPE - (~number & 0xFF).bit_length() for number in range(256)], dtype=np.int64)
_A = np.array([a for a, _ in PREDICTORS])
_B = np.array([b for _, b in PREDICTORS])
_U64 = np.uint64


@dataclass(frozen=True)
class Blocks:
    """One channel's samples: `codes`, `index` and `time` (board time, s) of all in a row, those of block i from
    `starts[i]` on.

    `first`, `last` (index of first and last sample), `flags` and `owner` (the number of the record it came in) are per
    block.
    """

    codes: Ints
    index: Ints
    time: Floats
    starts: Ints
    first: Ints
    last: Ints
    flags: Ints
    owner: Ints

    def part(self, first: int, after: int) -> "Blocks":
        """Blocks `first` to `after` - 1."""
        start, stop = int(self.starts[first]), int(self.starts[after])
        return Blocks(
            self.codes[start:stop],
            self.index[start:stop],
            self.time[start:stop],
            self.starts[first : after + 1] - start,
            self.first[first:after],
            self.last[first:after],
            self.flags[first:after],
            self.owner[first:after],
        )


def no_blocks() -> Blocks:
    """Those of a channel that has no sample."""
    none = np.empty(0, np.int64)
    return Blocks(none, none, np.empty(0), np.zeros(1, np.int64), none, none, none, none)


class _Chunks:
    """Columns of the chunks of many records; `codes` of all of them in a row, those of chunk i from `at[i]` on."""

    def __init__(self) -> None:
        self.columns: list[Ints] = []
        self.codes: list[Ints] = []
        self.bad: list[int] = []

    def joined(self) -> tuple[Ints, Ints]:
        """Rows (record, channel, how, low, rest, tick, period, count, at) in the order of the log, and the codes."""
        if not self.columns:
            return np.empty((0, 9), np.int64), np.empty(0, np.int64)
        rows = np.concatenate(self.columns)
        codes = np.concatenate(self.codes)
        at = np.cumsum(rows[:, 7]) - rows[:, 7]
        rows = np.column_stack([rows, at])
        rows = rows[~np.isin(rows[:, 0], self.bad)]
        return rows[np.argsort(rows[:, 0], kind="stable")], codes


def decode_samples(seconds: Sequence[int], bodies: Sequence[bytes]) -> tuple[dict[int, Blocks], list[int]]:
    """Blocks by channel of records with these t_s and bodies, and the numbers of the records that are damaged.

    Equal to `turgor.link.blocks.unpack_chunks` on each. A chunk whose index nothing tells is left out: one with neither
    a full one of its channel before it nor behind it.
    """
    chunks = _Chunks()
    for start in range(0, len(bodies), _AT_ONCE):
        _unpack(bodies[start : start + _AT_ONCE], start, chunks)
    rows, codes = chunks.joined()
    t_s = np.asarray(seconds, dtype=np.int64)
    found = {}
    for channel in np.unique(rows[:, 1]).tolist():
        blocks = _placed(rows[rows[:, 1] == channel], codes, t_s)
        if blocks is not None:
            found[int(channel)] = blocks
    return found, sorted(chunks.bad)


def _unpack(bodies: Sequence[bytes], base: int, chunks: _Chunks) -> None:
    """All chunks of some records, chunk by chunk over all of them."""
    lengths = np.array([len(body) for body in bodies], dtype=np.int64)
    ends = 8 * np.cumsum(lengths)
    bits = ends - 8 * lengths
    data = np.frombuffer(b"".join(bodies) + bytes(16), np.uint8)
    # At every byte the 64 bits from there on, so that whatever is taken lies in one number.
    words: NDArray[Any] = np.ndarray(len(data) - 7, ">u8", data.tobytes(), 0, (1,))

    def take(where: Ints, n: Ints | int) -> Ints:
        word = words[np.minimum(where >> 3, len(words) - 1)].astype(_U64) << (where & 7).astype(_U64)
        taken: Ints = (word >> _U64(1) >> (63 - np.asarray(n)).astype(_U64)).astype(np.int64)
        return taken

    rows = np.arange(len(bodies))
    bad = np.zeros(len(bodies), dtype=np.bool_)
    while True:
        rows = rows[(ends[rows] - bits[rows] >= 8) & ~bad[rows]]
        if not len(rows):
            break
        at = bits[rows]
        head = take(at, 26)
        at = at + 26
        count = (head >> 15 & 63) + 1
        k = head >> 11 & 15
        predictor = head >> 9 & 3
        full = (head >> 21 & 1).astype(np.bool_)
        how = np.where(full, take(at, 2), _BRIEF)
        rest = np.where(full, take(at + 2, 23), 0)
        tick = np.where(full, take(at + 25, 23) - TICK_BIAS, 0)
        period = np.where(full, take(at + 48, 17), 0)
        at = at + np.where(full, 65, 0)
        bad[rows] |= how > RESTART
        expected = take(at, 23 - k) << (k + 1)
        at = at + 23 - k
        codes, at = _codes(take, at, count, k, predictor, expected)
        bits[rows] = at
        inside = np.arange(codes.shape[1]) < count[:, None]
        bad[rows] |= (at > ends[rows]) | (inside & (codes != np.clip(codes, -CODE_BIAS, CODE_BIAS - 1))).any(axis=1)
        columns = [rows + base, head >> 22, how, head & _LOW, rest, tick, period, count]
        chunks.columns.append(np.column_stack(columns))
        chunks.codes.append(codes[inside])
    left = ends - bits
    odd = ~bad & (left > 0)
    bad[odd] |= take(bits[odd], left[odd]) != 0
    chunks.bad += (np.flatnonzero(bad) + base).tolist()


def _codes(take: Any, at: Ints, count: Ints, k: Ints, predictor: Ints, expected: Ints) -> tuple[Ints, Ints]:
    """The codes of one chunk of each record, a row each, and where each ended."""
    codes = np.zeros((len(at), int(count.max())), dtype=np.int64)
    a, b = _A[predictor], _B[predictor]
    trend = np.zeros(len(at), dtype=np.int64)
    escaped = np.zeros(len(at), dtype=np.bool_)
    for j in range(codes.shape[1]):
        on = j < count
        expected = expected + trend
        ones = _ONES[take(at, 8)]
        raw = ones == ESCAPE
        z = ones << k | take(at + ones + 1, k)
        e = np.where(z & 1, -(z + 1 >> 1), z >> 1)
        code = np.where(raw, take(at + 8, 24), expected + e)
        codes[:, j] = code - CODE_BIAS
        jump = raw & escaped
        expected = np.where(jump, code, np.where(raw, expected, expected + (e >> a)))
        trend = np.where(jump, 0, np.where(raw | (b == 0), trend, trend + (e >> b)))
        escaped = raw & ~escaped
        at = at + np.where(on, np.where(raw, 32, ones + 1 + k), 0)
    return codes, at


def _placed(rows: Ints, codes: Ints, t_s: Ints) -> Blocks | None:
    """The blocks of one channel's chunks in the order of the log."""
    full = np.flatnonzero(rows[:, 2] != _BRIEF)
    if not len(full):
        return None
    counts = rows[:, 7]
    first = _indices(rows, full, t_s[rows[:, 0]])
    starts = np.concatenate([[0], np.cumsum(counts)])
    inside = np.arange(starts[-1]) - np.repeat(starts[:-1], counts)
    index = np.repeat(first, counts) + inside
    flags = np.where(rows[:, 2] == RESTART, RESTARTED, 0)
    return Blocks(
        codes[np.repeat(rows[:, 8], counts) + inside],
        index,
        _times(rows, full, first, index, counts, t_s),
        starts,
        first,
        first + counts - 1,
        flags,
        rows[:, 0],
    )


def _indices(rows: Ints, full: Ints, seconds: Ints) -> Ints:
    """The index of each chunk's first sample."""
    counts, low = rows[:, 7], rows[:, 3]
    known = rows[:, 4] << INDEX_LOW_BITS | low
    since = np.cumsum(counts) - counts
    # In the usual case every chunk goes on where the one before it ended.
    before = np.maximum(np.searchsorted(full, np.arange(len(rows)), "right") - 1, 0)
    first: Ints = known[full[before]] + since - since[full[before]]
    brief = rows[:, 2] == _BRIEF
    odd = (first & _LOW) != low
    # The low bits alone do not see a loss of a multiple of what they count to.
    odd |= brief & (np.diff(seconds, prepend=seconds[:1]) > 1)
    odd[: full[0]] = True
    first[full] = known[full]
    edges = [-1, *full.tolist(), len(rows)]
    period_s = _period_s(rows, full, known, seconds)
    for run in sorted({int(np.searchsorted(full, i, "right")) for i in np.flatnonzero(odd & brief).tolist()}):
        _place_run(rows, first, seconds, edges[run], edges[run + 1], period_s)
    return first


def _period_s(rows: Ints, full: Ints, known: Ints, seconds: Ints) -> float:
    """What a conversion of the channel takes, by its full chunks; 0 when they do not tell."""
    own = rows[full, 6]
    usual = float(np.median(own[own > 0])) / 1e6 if (own > 0).any() else 0.0
    steps = np.diff(known[full])
    between = np.diff(seconds[full] + rows[full, 5] / 1e6) / np.where(steps > 0, steps, 1)
    near = between[(steps > 0) & (np.abs(between - usual) <= 0.05 * usual)]
    return float(np.median(near)) if len(near) else usual


def _place_run(rows: Ints, first: Ints, seconds: Ints, before: int, after: int, period_s: float) -> None:
    """Set `first` of the chunks between the full ones `before` (or -1) and `after` (or the end), some of them lost.

    What follows the one or leads up to the other without a break counts from it; what lies alone between two losses
    goes by its second, of which the low bits then choose the very index.
    """
    counts, low = rows[:, 7], rows[:, 3]
    leads = after < len(rows)
    at = before + 1
    while 0 < at < after and low[at] == first[at - 1] + counts[at - 1] & _LOW and seconds[at] - seconds[at - 1] < 2:
        first[at] = first[at - 1] + counts[at - 1]
        at += 1
    end = after
    if leads and rows[after, 2] == REGULAR:
        while end > at and low[end - 1] == first[end] - counts[end - 1] & _LOW and seconds[end] - seconds[end - 1] < 2:
            end -= 1
            first[end] = first[end + 1] - counts[end]
    anchor = after if leads and (before < 0 or rows[after, 2] != RESTART) else before
    anchor_s = seconds[anchor] + rows[anchor, 5] / 1e6
    for i in range(at, end):
        least = first[i - 1] + counts[i - 1] if i else 1
        follows = i > 0 and low[i] == least & _LOW
        # One that a stall held back comes late, just before what the stall made irregular.
        held_back = i + 1 == after and leads and rows[after, 2] != REGULAR
        if (follows and ((i > at and seconds[i] - seconds[i - 1] < 2) or held_back)) or not period_s:
            first[i] = least + ((low[i] - least) & _LOW)
            continue
        guess = first[anchor] + round((seconds[i] + _CHUNK_S - anchor_s) / period_s)
        first[i] = guess + ((low[i] - guess + _LOW // 2) & _LOW) - _LOW // 2


def _times(rows: Ints, full: Ints, first: Ints, index: Ints, counts: Ints, t_s: Ints) -> Floats:
    """Board time of each sample: straight between the full chunks' ticks, by their period where one stands alone."""
    anchor = t_s[rows[full, 0]] + rows[full, 5] / 1e6
    at = first[full]
    own = rows[full, 6] / 1e6
    rate = own.copy()
    steps, spans = np.diff(at), np.diff(anchor)
    with np.errstate(divide="ignore", invalid="ignore"):
        between = spans / steps
    near = (steps > 0) & (np.abs(between - own[:-1]) <= 0.05 * own[:-1])
    joined = (steps > 0) & (rows[full[1:], 2] != RESTART) & (near | (own[:-1] == 0))
    rate[:-1][joined] = between[joined]
    # A period that nobody measured is that of the run before.
    for i in np.flatnonzero(rate == 0).tolist():
        rate[i] = rate[i - 1] if i else (rate[rate > 0][:1].tolist() or [0.0])[0]
    of = np.maximum(np.searchsorted(full, np.arange(len(rows)), "right") - 1, 0)
    of = np.repeat(of, counts)
    times: Floats = anchor[of] + (index - at[of]) * rate[of]
    return times
