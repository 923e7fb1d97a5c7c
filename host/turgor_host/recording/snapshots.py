"""Snapshots of a boot's log: what `turgor.app.snapshot` wrote, each whole, in order."""

from collections.abc import Iterable
from dataclasses import dataclass
from struct import calcsize, unpack_from

from turgor.link.records import row
from turgor_host.recording.schema import Row


@dataclass(frozen=True)
class Snapshot:
    """A packed state after the tick of board second `t_s`, in the records `seq` to `last_seq`.

    A filter's is that after the sample (or sweep) of its `index`; the rules' has index 0.
    """

    seq: int
    last_seq: int
    t_s: int
    index: int
    state: bytes


def whole_snapshots(kind: int, rows: Iterable[Row]) -> list[Snapshot]:
    """The snapshots in the records (seq, t_s, body) of one kind and channel; those of which a part is missing are left
    out."""
    form = row(kind)[2]
    size = calcsize(form)
    found: list[Snapshot] = []
    begun: list[tuple[int, int, int, bytes]] = []
    for seq, t_s, body in rows:
        *first, part, parts = unpack_from(form, body)
        index = first[0] if first else 0
        if part != len(begun) or (begun and begun[-1][1:3] != (t_s, index)):
            begun.clear()
        if part != len(begun):
            continue
        begun.append((seq, t_s, index, body[size:]))
        if part + 1 == parts:
            state = b"".join(tail for *_, tail in begun)
            found.append(Snapshot(begun[0][0], seq, t_s, index, state))
            begun.clear()
    return found
