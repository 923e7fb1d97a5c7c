"""Recorders that are killed at random moments, over and over on one file: nothing committed is lost, nothing doubled.

TURGOR_FULL=1 kills 200 times, without it 25.
"""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from zlib import crc32

import host_log

from turgor_host.recording.reader import open_recording
from turgor_host.recording.writer import Writer

_KILLS = 200 if os.environ.get("TURGOR_FULL") == "1" else 25
# Records a second are many times a board's, so that every kill finds something under way.
_RECORDER = """
import sys, time
import host_log
from turgor_host.recording.writer import Writer

print("started", flush=True)
while True:
    # Closed and begun again now and then: these moments are to be met too.
    with Writer(sys.argv[1], "port", False, 1) as writer:
        latest = writer.latest()
        seq = latest[2] if latest else 0
        for _ in range(4):
            until = time.monotonic() + 0.05
            while time.monotonic() < until:
                writer.add(host_log.records(seq, seq + 20))
                seq = writer.latest()[2]
                time.sleep(0.002)
            print(writer.commit(), flush=True)
"""


def _killed(path: Path, dice: random.Random) -> int:
    """Record until a kill; returns the last seq that was reported as durable, -1 without any."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", _RECORDER, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "started\n"
        # One in two while the file is opened or soon after.
        time.sleep(dice.uniform(0, dice.choice((0.02, 0.4))))
        process.send_signal(signal.SIGKILL)
        reported = process.stdout.read().splitlines()
    assert process.returncode == -signal.SIGKILL
    return int(reported[-1]) if reported else -1


def test_kills_at_random_moments(tmp_path: Path) -> None:
    path = tmp_path / "killed.turgor"
    dice = random.Random(1)
    committed = -1
    for kill in range(_KILLS):
        committed = max(committed, _killed(path, dice))
        if not path.exists() or not path.stat().st_size:
            assert committed < 0
            continue
        if committed >= 0:
            with open_recording(path) as recording:
                assert recording.store.query("PRAGMA integrity_check") == [("ok",)], kill
                assert recording.boots[0].last_seq >= host_log.seqs(committed + 1)[-1], kill
    with Writer(path, "port", False, 1) as writer:
        latest = writer.latest()
        assert latest is not None
        assert latest[2] > committed > 0
        end = latest[2] + 100
        writer.add(host_log.records(latest[2], end))
    with open_recording(path) as recording:
        assert recording.check()["whole"]
        rows = recording.store.query("SELECT seq, crc FROM records ORDER BY seq")
        opened = recording.store.query("SELECT count(*) FROM notes WHERE kind = 'opened'")[0][0]
    assert rows == [(seq, crc32(host_log.record(seq))) for seq in host_log.seqs(end)]
    # Many kills hit a recorder that had opened the file for good, and many one that had not.
    assert opened > _KILLS * 0.3
