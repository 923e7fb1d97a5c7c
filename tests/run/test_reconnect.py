"""The cable is pulled while a recording runs: it waits, says so, finds its board again and goes on without a gap."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from random import Random
from typing import Any, Self

import pytest
from soak import Wire
from virtual_board import VirtualBoard

from turgor_host.errors import TurgorError
from turgor_host.recording.reader import open_recording


@pytest.fixture
def wire(tmp_path: Path) -> Iterator[Wire]:
    wire = Wire(tmp_path, Random(1))
    yield wire
    wire.end()


class Recorder:
    """`turgor record` in a process; what it says on stderr is in `said`."""

    def __init__(self, port: Path, file: Path) -> None:
        self._errors = file.with_suffix(".txt")
        command = [sys.executable, "-m", "turgor_host.cli", "record", str(port), str(file)]
        with self._errors.open("wb") as errors:
            self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=errors)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is left running, whatever went wrong: another test would meet its session."""
        self.process.kill()
        self.process.wait()

    @property
    def said(self) -> str:
        return self._errors.read_text()

    def end(self) -> None:
        self.process.send_signal(signal.SIGINT)
        assert self.process.wait(20) == 0, self.said


def until(what: Callable[[], object], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.1)


def records(file: Path) -> int:
    try:
        with open_recording(file) as recording:
            return sum(boot.last_seq for boot in recording.boots)
    except TurgorError:
        return 0  # not there, or not yet made


def test_the_port_comes_back_under_another_name(tmp_path: Path, wire: Wire) -> None:
    file = tmp_path / "a.turgor"
    with VirtualBoard(tmp_path, ends=wire.attach) as board, Recorder(wire.name, file) as recorder:
        until(lambda: records(file) > 20)
        first = os.readlink(wire.name)
        wire.pull()
        until(lambda: "waiting for the board" in recorder.said)
        time.sleep(3)
        wire.plug()
        assert os.readlink(wire.name) != first
        until(lambda: "there again" in recorder.said)
        before = records(file)
        until(lambda: records(file) > before + 40)
        recorder.end()
        assert recorder.said.count("\n") == 2, recorder.said
        assert not board.errors
    with open_recording(file) as recording:
        assert len(recording.boots) == 1
        assert recording.lost == 0
        assert recording.check()["whole"]
        readings = recording["calf_l"].readings()
        assert len(readings.time) >= 6
        assert (readings.time[1:] - readings.time[:-1]).tolist() == [1.0] * (len(readings.time) - 1)


def test_another_board_in_its_place_is_left_alone(tmp_path: Path, wire: Wire) -> None:
    file = tmp_path / "a.turgor"
    folder = tmp_path / "other"
    folder.mkdir()
    with ExitStack() as recording:
        with VirtualBoard(tmp_path, ends=wire.attach):
            recorder = recording.enter_context(Recorder(wire.name, file))
            until(lambda: records(file) > 20)
            wire.pull()
            until(lambda: "waiting for the board" in recorder.said)
        recording.enter_context(VirtualBoard(folder, ends=wire.attach, seed=2))
        wire.plug()
        until(lambda: "not 7600000000000001" in recorder.said)
        before = records(file)
        time.sleep(3)
        assert records(file) == before
        recorder.end()


def test_a_recording_of_another_board_is_not_gone_on_with(tmp_path: Path, wire: Wire, turgor: Any) -> None:
    file = tmp_path / "a.turgor"
    with VirtualBoard(tmp_path, ends=wire.attach), Recorder(wire.name, file) as recorder:
        until(lambda: records(file) > 20)
        recorder.end()
    folder = tmp_path / "other"
    folder.mkdir()
    with VirtualBoard(folder, ends=wire.attach, seed=2):
        done = turgor("record", wire.name, file, code=1)
        assert "is a recording of board 7600000000000001 and this is board 7600000000000002" in done.stderr
