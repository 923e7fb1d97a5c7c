"""A disk that is full, or fails, at every single write: nothing committed is lost, and recording goes on with room."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import apsw
import host_log
import pytest
from power import Disk

from turgor_host.errors import DiskFull, TurgorError
from turgor_host.recording.opened import Connect
from turgor_host.recording.reader import open_recording
from turgor_host.recording.writer import Writer

_END = 140
_BATCH = 14


class _Filling:
    """From its operation `first` on, nothing of `kind` goes until there is room again."""

    def __init__(self, disk: Disk, kind: str, first: int) -> None:
        self._kind = kind
        self._first = first
        self.count = 0
        self.has_room = False
        disk.fails = self._ask

    def _ask(self, operation: str) -> None:
        self.count += operation == self._kind
        if operation == self._kind and self.count > self._first and not self.has_room:
            if operation == "write":
                raise apsw.FullError("database or disk is full")
            raise apsw.IOError("disk I/O error")


def _whole(path: Path, end: int) -> None:
    with open_recording(path) as recording:
        assert recording.check()["whole"]
        found = [row[0] for row in recording.store.query("SELECT seq FROM records ORDER BY seq")]
    assert found == host_log.seqs(end)


def _retries(path: Path, connect: Connect, filling: _Filling) -> int:
    """A recorder that tries again when there is room; returns how often it was told that there is none."""
    told = 0

    def until_room(step: Callable[[], Writer | int | None]) -> Writer | int | None:
        nonlocal told
        try:
            return step()
        except DiskFull:
            told += 1
            filling.has_room = True
            return step()

    writer = until_room(lambda: Writer(path, "port", False, 1, connect=connect))
    assert isinstance(writer, Writer)
    for seq in range(0, _END, _BATCH):
        writer.add(host_log.records(writer.whole(host_log.BOARD, host_log.NUMBER), seq + _BATCH))
        waiting = writer.waiting
        assert waiting > 0
        assert until_room(writer.commit) == writer.whole(host_log.BOARD, host_log.NUMBER) - 1
        assert writer.waiting == 0
    filling.has_room = True
    writer.close()
    return told


@pytest.mark.parametrize("kind", ["write", "sync", "open", "truncate", "delete"])
def test_goes_on_when_there_is_room(
    watched: tuple[Disk, Connect],
    tmp_path: Path,
    kind: str,
) -> None:
    disk, connect = watched
    path = tmp_path / "a.turgor"
    first = told = 0
    while True:
        filling = _Filling(disk, kind, first)
        told += _retries(path, connect, filling)
        _whole(path, _END)
        path.unlink()
        if filling.count <= first:
            break
        first += 1
    assert told


@pytest.mark.parametrize("kind", ["write", "sync"])
def test_what_was_committed_is_there_after_the_recorder_ends(
    watched: tuple[Disk, Connect],
    tmp_path: Path,
    kind: str,
) -> None:
    disk, connect = watched
    path = tmp_path / "a.turgor"
    first = ended = 0
    while True:
        filling = _Filling(disk, kind, first)
        committed = -1
        try:
            with Writer(path, "port", False, 1, connect=connect) as writer:
                for seq in range(0, _END, _BATCH):
                    writer.add(host_log.records(committed + 1, seq + _BATCH))
                    committed = writer.commit() or -1
        except TurgorError:
            ended += 1
        filling.has_room = True
        if committed >= 0:
            with open_recording(path) as recording:
                assert recording.check()["whole"]
                assert recording.boots[0].last_seq >= host_log.seqs(committed + 1)[-1]
        with Writer(path, "port", False, 1) as writer:
            latest = writer.latest()
            writer.add(host_log.records(latest[2] if latest else 0, _END))
        _whole(path, _END)
        path.unlink()
        if filling.count <= first:
            break
        first += 1
    assert ended


_LIMITED = """
import resource, signal, sys
import host_log
from turgor_host.errors import DiskFull
from turgor_host.recording.reader import open_recording
from turgor_host.recording.writer import Writer

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
writer = Writer(sys.argv[1], "port", False, 1)
# No file may grow beyond this: what a full disk is to the recorder.
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY))
committed = -1
try:
    for seq in range(0, 20000, 100):
        writer.add(host_log.records(committed + 1, seq + 100))
        committed = writer.commit()
except DiskFull as error:
    print(error)
    for _ in range(3):
        try:
            writer.commit()
        except DiskFull:
            print("still")
with open_recording(sys.argv[1]) as recording:
    print(recording.boots[0].last_seq == host_log.seqs(committed + 1)[-1], recording.check()["whole"])
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
print(writer.commit() > committed)
writer.add(host_log.records(writer.latest()[2], 20000))
writer.close()
"""


def test_a_limit_of_the_system_is_met_and_lifted(tmp_path: Path) -> None:
    path = tmp_path / "a.turgor"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", _LIMITED, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.stderr == ""
    first, *rest = done.stdout.splitlines()
    assert first.startswith(f"{path}: cannot be written (")
    assert "full" in first
    assert rest == ["still", "still", "still", "True True", "True"]
    _whole(path, 20000)
