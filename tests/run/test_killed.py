"""`turgor record` killed at random moments and started again: the recording goes on with neither gap nor double.

TURGOR_FULL=1 kills 200 times, without it 4.
"""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from virtual_board import VirtualBoard

from turgor_host.recording.reader import open_recording

_KILLS = 200 if os.environ.get("TURGOR_FULL") == "1" else 4


def _recorder(board: VirtualBoard, path: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "turgor_host.cli", "record", board.port, str(path)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _wait_until_open(recorder: subprocess.Popen[str], path: Path, is_new: bool) -> None:
    if is_new:
        while not path.exists():
            assert recorder.poll() is None, recorder.communicate()[1]
            time.sleep(0.01)
        return
    assert recorder.stderr is not None
    assert recorder.stderr.readline().startswith(f"{path}: goes on; ")


def _last_seq(path: Path) -> int:
    with open_recording(path) as recording:
        return recording.boots[-1].last_seq if recording.boots else -1


def test_record_is_killed_and_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "killed.turgor"
    dice = random.Random(1)
    with VirtualBoard(tmp_path, speed=10, hold=True) as board:
        for kill in range(_KILLS):
            recorder = _recorder(board, path)
            # One in four while it starts, the others once it has the file.
            if kill % 4 != 3:
                _wait_until_open(recorder, path, is_new=not kill)
            time.sleep(dice.uniform(0, 1.5))
            recorder.send_signal(signal.SIGKILL)
            _, errors = recorder.communicate(timeout=60)
            assert recorder.returncode == -signal.SIGKILL, errors
        before = _last_seq(path)
        assert before > 0
        recorder = _recorder(board, path)
        deadline = time.monotonic() + 60
        while _last_seq(path) < before + 200:
            assert time.monotonic() < deadline
            assert recorder.poll() is None, recorder.communicate()[1]
            time.sleep(0.2)
        recorder.send_signal(signal.SIGINT)
        _, errors = recorder.communicate(timeout=60)
        assert recorder.returncode == 0, errors
        assert board.process.poll() is None, board.errors
    assert errors.startswith(f"{path}: goes on; last record ")
    assert errors.count("\n") == 1
    with open_recording(path) as recording:
        assert recording.check()["whole"]
        assert recording.lost == 0
        (boot,) = recording.boots
        count = recording.store.query("SELECT count(*) FROM records")[0][0]
    assert (boot.first_seq, boot.last_seq) == (0, count - 1)
