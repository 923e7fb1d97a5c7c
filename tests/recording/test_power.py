"""The recorder's power goes at every file operation: the file opens, holds all that was committed, and is gone on with.

TURGOR_FULL=1 cuts behind every operation in many ways; without it, behind a part of them.
"""

import os
import random
from collections.abc import Iterator
from pathlib import Path

import host_log
import pytest
from power import Disk

from turgor_host.recording.opened import Connect
from turgor_host.recording.reader import open_recording
from turgor_host.recording.writer import Writer

_FULL = os.environ.get("TURGOR_FULL") == "1"
_NAME = "cut.turgor"
_END = 420
_BATCH = 14
# Beside nothing and everything: parts of what was not synced.
_TORN = 6 if _FULL else 1
_EVERY = 1 if _FULL else 12


def test_by_hand() -> None:
    disk = Disk()
    disk.note("create", "a")
    disk.note("write", "a", 0, b"one")
    disk.note("sync", "a")
    disk.note("sync folder")
    disk.note("write", "a", 3, b"two")
    disk.note("create", "b")
    disk.note("delete", "a")
    # Synced, but in no folder yet.
    assert disk.after_cut(3) == {}
    assert disk.after_cut(3, keep=True) == {"a": b"one"}
    assert disk.after_cut(7) == {"a": b"one"}
    assert disk.after_cut(6, keep=True) == {"a": b"onetwo", "b": b""}
    assert disk.after_cut(7, keep=True) == {"b": b""}
    parts = [disk.after_cut(7, random.Random(seed)) for seed in range(100)]
    for part in ({}, {"a": b"one"}, {"a": b"onetwo"}, {"b": b""}, {"a": b"one", "b": b""}):
        assert part in parts


def test_of_what_was_not_synced_single_sectors_may_be_there() -> None:
    disk = Disk()
    disk.note("create", "a")
    disk.note("sync folder")
    disk.note("write", "a", 500, b"x" * 600)
    found = {disk.after_cut(3, random.Random(seed))["a"] for seed in range(200)}
    # 500 to 512, 512 to 1024, 1024 to 1100: all but nothing of it.
    assert len(found) == 8
    assert bytes(512) + b"x" * 512 in found


def _record(path: Path, connect: Connect, disk: Disk) -> Iterator[tuple[int, int]]:
    """A recording made, closed, gone on with and closed; gives the operations until, and the seq that was durable."""
    seq = 0
    for end in (_END // 2, _END):
        with Writer(path, "port", False, 1, connect=connect) as writer:
            yield len(disk.operations), seq - 1
            while seq < end:
                writer.add(host_log.records(seq, min(seq + _BATCH, end)))
                committed = writer.commit()
                assert committed is not None
                seq = committed + 1
                yield len(disk.operations), committed
        yield len(disk.operations), seq - 1


def _go_on(path: Path, committed: int) -> None:
    """What the power cut left holds what was committed, and a recorder goes on with it without gap or double."""
    if committed >= 0:
        with open_recording(path) as recording:
            assert recording.check()["whole"]
            found = [row[0] for row in recording.store.query("SELECT seq FROM records ORDER BY seq")]
        assert found[-1] >= host_log.seqs(committed + 1)[-1]
    with Writer(path, "port", False, 1) as writer:
        latest = writer.latest()
        start = latest[2] if latest else 0
        assert start > committed
        assert bool(writer.goes_on) == bool(latest) or start == 0
        writer.add(host_log.records(start, _END))
        writer.commit()
        assert writer.latest() == (host_log.BOARD - (1 << 64), host_log.NUMBER, _END)
    with open_recording(path) as recording:
        assert recording.check()["whole"]
        rows = recording.store.query("SELECT seq, crc FROM records ORDER BY seq")
        assert [row[0] for row in rows] == host_log.seqs(_END)
        assert [path.name for path in path.parent.iterdir()] == [_NAME]


def test_a_power_cut_at_every_file_operation(
    watched: tuple[Disk, Connect],
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    disk, connect = watched
    marks = list(_record(tmp_path / _NAME, connect, disk))
    total = len(disk.operations)
    made = [operation for operation, *_ in disk.operations]
    assert {"create", "delete", "write", "truncate", "sync", "sync folder"} == set(made)
    # The Disk is what was really written.
    assert disk.after_cut(total, keep=True) == {_NAME: (tmp_path / _NAME).read_bytes()}
    folder = tmp_path_factory.mktemp("after")
    for count in range(total + 1):
        if count % _EVERY and count < total - 12 and count > 24:
            continue
        committed = max((seq for until, seq in marks if until <= count), default=-1)
        ways = [disk.after_cut(count), disk.after_cut(count, keep=True)]
        ways += [disk.after_cut(count, random.Random(count * 100 + seed)) for seed in range(_TORN)]
        for way, files in enumerate(ways):
            for name, content in files.items():
                (folder / name).write_bytes(content)
            try:
                _go_on(folder / _NAME, committed)
            except BaseException as error:
                error.add_note(
                    f"power cut behind operation {count} of {total} {disk.operations[count - 1][:3]}, way {way}"
                )
                raise
            for file in folder.iterdir():
                file.unlink()
