"""A board's arithmetic, followed while it is recorded: the core once more over the last minutes.

    python -m turgor_host.lockstep FILE SECONDS

is the process that does it and prints the differences as JSON, those of `turgor replay --verify`. It is another one
than the recorder's, which has to read the port meanwhile.
"""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from turgor_host.errors import TurgorError
from turgor_host.recording.events import clock
from turgor_host.recording.reader import open_recording
from turgor_host.recording.verify import verify

EVERY_S = 120.0
# A snapshot comes every minute, and rules need a minute of readings after theirs.
_OVERLAP_S = 200
# Of a simulation that runs faster than time no more is followed at once.
_MOST_S = 900
_IDLE = 10


class Lockstep:
    """Follows `file` every `every_s` of wall time; `poll` never waits. `trouble` is why it came to nothing."""

    def __init__(self, file: Path, every_s: float = EVERY_S) -> None:
        self._file = file
        self._every_s = every_s
        self.trouble = ""
        self._process: subprocess.Popen[bytes] | None = None
        self._answer = tempfile.TemporaryFile()  # noqa: SIM115  until `close`
        self._due_s: float | None = None
        # Board time up to which it was looked at, and up to which differences were told.
        self._looked_s = self._looking_s = 0
        self._told_s = -1.0

    def poll(self, now: float, board_s: int) -> str:
        """What differs and was not told yet, in one line, "" when nothing does; `board_s` is recorded by now."""
        if self._due_s is None:
            self._due_s = now + self._every_s
        if self._process:
            if self._process.poll() is None:
                return ""
            code, self._process = self._process.returncode, None
            self._answer.seek(0)
            last = self._answer.read().decode(errors="replace").strip().rpartition("\n")[2]
            if code:
                self.trouble = f"the board's results could not be followed (exit {code}): {last}"
                return ""
            self._looked_s = self._looking_s
            return self._told(json.loads(last))
        if now >= self._due_s and board_s > self._looked_s:
            self._due_s = now + self._every_s
            self._looking_s = board_s
            self._begin(min(board_s - self._looked_s, _MOST_S) + _OVERLAP_S)
        return ""

    def close(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()
        self._answer.close()

    def _begin(self, seconds: int) -> None:
        self._answer.seek(0)
        self._answer.truncate()
        command = [sys.executable, "-m", __name__, str(self._file), str(seconds)]
        # Ctrl-C is for the recorder, which ends this one too.
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=self._answer,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        if hasattr(os, "setpriority"):
            with contextlib.suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, self._process.pid, _IDLE)

    def _told(self, found: list[dict[str, Any]]) -> str:
        new = [entry for entry in found if entry["t_s"] > self._told_s]
        if not new:
            return ""
        self._told_s = max(entry["t_s"] for entry in new)
        first = new[0]
        what = f"{first['channel'] or 'board'} {first['what']} {first.get('field', '')}".strip()
        return (
            f"{what} at {clock(first['t_s'])}: expected {first['expected']}, found {first['found']}; "
            f"turgor replay --verify {self._file} shows all"
        )


def main(file: str, seconds: str) -> int:
    try:
        with open_recording(Path(file)) as recording:
            print(json.dumps(verify(recording, int(seconds)).differences))
    except TurgorError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
