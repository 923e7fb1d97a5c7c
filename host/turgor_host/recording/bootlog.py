"""One boot's log as a replay needs it: records by kind and channel, its holes, and what was changed in it."""

from bisect import bisect_left
from collections import defaultdict
from dataclasses import dataclass
from math import inf
from struct import calcsize, pack, unpack_from
from typing import Any
from zlib import crc32

from numpy.typing import NDArray

from turgor.core.channels import NO_CHANNEL
from turgor.link.records import (
    BASELINE,
    EVENT,
    FILTER_STATE,
    GAP,
    HEADER,
    IMPEDANCE,
    READING_SIZE,
    READINGS,
    RECORDS,
    RULE_STATE,
    SAMPLES,
    row,
)
from turgor_host.recording.boots import Boot, seq_at
from turgor_host.recording.decode import Ticks, body_array, decode_readings
from turgor_host.recording.samples import decode_samples
from turgor_host.recording.schema import Row
from turgor_host.recording.snapshots import Snapshot, whole_snapshots
from turgor_host.recording.store import Store

_SIZES = {entry[0]: (calcsize(entry[2]), bool(entry[4])) for entry in RECORDS}
NEVER = 1 << 62


@dataclass(frozen=True)
class Changed:
    """A record whose content does not fit its CRC-32, or cannot be at all; `t` is its board time, s."""

    seq: int
    kind: int
    channel: int
    t: float
    crc_expected: int
    crc_found: int


class BootLog:
    """Everything that was recorded of `boot`, or of it from about board time `start_s` on.

    `holes` are the numbers of the records after which something is missing, -1 for the start. Per channel, `blocks`
    are its samples, `block_seqs` the numbers of the records of its blocks, `steps` its `impedance` records with their
    numbers, `filter_states` its snapshots; `rule_states` are those of the rules. `events` are (t_s, channel, fields),
    `baselines` (t_s, channel, fields).
    """

    def __init__(self, store: Store, boot: Boot, start_s: float = -inf) -> None:
        self.boot = boot
        self.holes: list[int] = []
        self.changed: list[Changed] = []
        self.count = 0
        rows = self._sorted(store, seq_at(store, boot, start_s))
        found = rows[SAMPLES].get(NO_CHANNEL, [])
        self.blocks, spoiled = decode_samples([t_s for _, t_s, _ in found], [body for *_, body in found])
        self.block_seqs = {
            channel: [found[i][0] for i in blocks.owner.tolist()] for channel, blocks in self.blocks.items()
        }
        for i in spoiled:
            self._spoiled(SAMPLES, NO_CHANNEL, found[i])
        self.holes.sort()
        self.steps: dict[int, tuple[list[int], NDArray[Any]]] = {
            channel: ([seq for seq, *_ in found], body_array(IMPEDANCE, [body for *_, body in found]))
            for channel, found in rows[IMPEDANCE].items()
        }
        ticks = rows[READINGS].get(NO_CHANNEL, [])
        self.tick_seqs: list[int] = [seq for seq, *_ in ticks]
        self.tick_s: list[int] = [t_s for _, t_s, *_ in ticks]
        self.ticks: Ticks = decode_readings([body for *_, body in ticks])
        self.events = _fields(EVENT, rows)
        self.baselines = _fields(BASELINE, rows)
        self.filter_states: dict[int, list[Snapshot]] = {
            channel: whole_snapshots(FILTER_STATE, found) for channel, found in rows[FILTER_STATE].items()
        }
        self.rule_states: list[Snapshot] = whole_snapshots(RULE_STATE, rows[RULE_STATE].get(NO_CHANNEL, []))

    def _sorted(self, store: Store, first: int) -> dict[int, dict[int, list[Row]]]:
        """(seq, t_s, body) by kind and channel; finds holes and changed records on the way."""
        found: dict[int, dict[int, list[Row]]] = defaultdict(lambda: defaultdict(list))
        expected = 0
        for seq, kind, channel, t_s, crc, body in store.query(
            "SELECT seq, kind, channel, t_s, crc, body FROM records WHERE board = ? AND boot = ? AND seq >= ? "
            "ORDER BY seq",
            *self.boot.key,
            first,
        ):
            self.count += 1
            header = pack(HEADER, kind, channel, self.boot.number, seq, t_s)
            now = crc32(body, crc32(header))
            readable = _is_readable(kind, body)
            if now != crc:
                self.changed.append(Changed(seq, kind, channel, t_s, crc, now))
            if seq > expected or kind == GAP or not readable:
                self.holes.append(expected - 1)
            expected = seq + 1
            if readable:
                found[kind][channel].append((seq, t_s, body))
                if kind == GAP:
                    expected = unpack_from("<I", body)[0] + 1
        return found

    def _spoiled(self, kind: int, channel: int, found: Row) -> None:
        """A record that cannot be read counts as missing, and as changed where its CRC-32 did not tell already."""
        seq, t_s, _ = found
        self.holes.append(seq - 1)
        if all(changed.seq != seq for changed in self.changed):
            self.changed.append(Changed(seq, kind, channel, t_s, 0, 0))

    def is_hole_between(self, seq: int, later: int) -> bool:
        """Whether something is missing after record `seq` and before record `later`."""
        return self.next_hole(seq) < later

    def next_hole(self, seq: int) -> int:
        """The last record from `seq` on up to which nothing is missing; NEVER when that is the end."""
        at = bisect_left(self.holes, seq)
        return self.holes[at] if at < len(self.holes) else NEVER


def _is_readable(kind: int, body: bytes) -> bool:
    """Whether a body has a size that its kind allows; kinds of a later firmware are passed over."""
    if kind not in _SIZES:
        return True
    size, has_tail = _SIZES[kind]
    if len(body) < size or (len(body) > size and not has_tail):
        return False
    return kind != READINGS or not (len(body) - size) % READING_SIZE


def _fields(kind: int, rows: dict[int, dict[int, list[Row]]]) -> list[tuple[int, int, tuple[int, ...]]]:
    """(t_s, channel, fields) of all records of a kind, in the order in which they were logged."""
    form = row(kind)[2]
    found = [
        (seq, t_s, channel, unpack_from(form, body))
        for channel, entries in rows[kind].items()
        for seq, t_s, body in entries
    ]
    return [entry[1:] for entry in sorted(found)]
