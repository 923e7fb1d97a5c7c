"""A soak: the virtual board and `turgor record` as processes of their own, and everything between them goes wrong.

    python tests/faults/soak.py --hours 24 --speed max [--seed S] [--folder DIR]

Bits flip, bytes are dropped and doubled, the wire is cut for milliseconds to hours of board time, the port vanishes and
comes back under another name, the recorder is killed or stopped, the board loses its power and starts again with the
flash it had. At the end everything that the board logged has to stand in the recording exactly once, as it was logged,
or in a declared gap; all readings and events have to be there, but for the last moments before a power cut. Prints what
happened as JSON; exit 1 when something is missing.
"""

import argparse
import contextlib
import json
import os
import pty
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import tty
from pathlib import Path
from random import Random
from struct import unpack_from
from typing import Any

from turgor.link.records import EVENT, GAP, HEADER, HEADER_SIZE, READINGS
from turgor_host.sim.episode import leak_episode
from turgor_host.sim.scenario import read_scenario, write_compiled
from turgor_host.source import board_command, board_environment

# What the board may lose of a boot when its power goes: what its log in RAM holds.
_RAM_S = 60
# Each comes once before any comes again.
_KINDS = ("bits", "bytes", "latency", "blink", "cut", "vanish", "kill", "stop", "power")


class Wire:
    """A thread that hands bytes from the board's pty to the host's and back, and does to them what it is told to."""

    def __init__(self, folder: Path, random: Random) -> None:
        # The name that the host is given; what it points to changes.
        self.name = folder / "port"
        self.bit_errors = 0.0
        self.dropped = 0.0
        self.doubled = 0.0
        self.latency_s = 0.0
        self.is_cut = False
        self._random = random
        self._board = -1
        self._host = -1
        self._host_far = -1
        self._last_name = ""
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self.plug()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def attach(self) -> int:
        """A new board's end of the wire: a descriptor for its standard input and output."""
        board_end, near = pty.openpty()
        tty.setraw(near)
        os.set_blocking(board_end, False)
        os.set_blocking(near, False)
        with self._lock:
            if self._board >= 0:
                os.close(self._board)
            self._board = near
        return board_end

    def plug(self) -> None:
        """The host's end appears, under a name of its own each time."""
        near, far = pty.openpty()
        if os.ttyname(far) == self._last_name:
            # The name that was given back comes first: it is held until another is taken.
            held = near, far
            near, far = pty.openpty()
            for descriptor in held:
                os.close(descriptor)
        self._last_name = os.ttyname(far)
        tty.setraw(far)
        os.set_blocking(near, False)
        with self._lock:
            self._host, self._host_far = near, far
        self.name.unlink(missing_ok=True)
        self.name.symlink_to(self._last_name)

    def pull(self) -> None:
        """The host's end vanishes."""
        self.name.unlink(missing_ok=True)
        with self._lock:
            os.close(self._host_far)
            os.close(self._host)
            self._host = -1

    def end(self) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.is_set():
            with self._lock:
                moved = self._move(self._board, self._host) + self._move(self._host, self._board)
            time.sleep(0.0002 if moved else 0.001)

    def _move(self, source: int, target: int) -> int:
        if source < 0:
            return 0
        try:
            data = os.read(source, 4096)
        except (BlockingIOError, OSError):
            return 0
        n = len(data)
        if target < 0 or self.is_cut:
            return n
        if self.latency_s:
            time.sleep(self._random.uniform(0, self.latency_s))
        data = self._spoiled(data)
        # A full pty loses bytes, as a full buffer somewhere on the way does.
        with contextlib.suppress(OSError):
            while data:
                data = data[os.write(target, data) :]
        return n

    def _spoiled(self, data: bytes) -> bytes:
        if not self.bit_errors and not self.dropped and not self.doubled:
            return data
        random = self._random
        spoiled = bytearray()
        for byte in data:
            for bit in range(8):
                if self.bit_errors and random.random() < self.bit_errors:
                    byte ^= 1 << bit
            throw = random.random()
            if throw >= self.dropped:
                spoiled.append(byte)
            if throw > 1 - self.doubled:
                spoiled.append(byte)
        return bytes(spoiled)


class Soak:
    """The processes and what is done to them. Times are seconds of wall time unless they say board time."""

    def __init__(self, folder: Path, seed: int, speed: int, scenario: str) -> None:
        self.random = Random(seed)
        self.folder = folder
        self.speed = speed
        self.file = folder / "soak.turgor"
        self.done: dict[str, int] = {}
        self._begun = time.monotonic()
        self._coming: list[str] = []
        self.wire = Wire(folder, self.random)
        self._compiled = folder / "scenario.json"
        write_compiled(read_scenario(Path(scenario)) if scenario else leak_episode(), seed, self._compiled)
        self.board: subprocess.Popen[bytes] | None = None
        self.host: subprocess.Popen[bytes] | None = None
        self.logs: list[Path] = []
        # How far each log was read for its time, and the seconds since its boot there.
        self._read: dict[Path, tuple[int, int]] = {}
        self.resident: dict[str, list[int]] = {"board": [], "host": []}

    def start_board(self) -> None:
        end = self.wire.attach()
        log = self.folder / f"log-{len(self.logs)}.bin"
        self.logs.append(log)
        command = [*board_command("auto"), "-m", "turgor_host.sim.board", str(self._compiled)]
        command += ["--speed", str(self.speed), "--flash", str(self.folder / "flash.bin"), "--log", str(log)]
        with (self.folder / "board.err").open("ab") as errors:
            self.board = subprocess.Popen(
                command, stdin=end, stdout=end, stderr=errors, env=board_environment(), start_new_session=True
            )
        os.close(end)

    def start_host(self) -> None:
        """The recorder, once it records: one that finds no port at its start ends, as it should."""
        before = self._recorded()
        command = [sys.executable, "-m", "turgor_host.cli", "record", str(self.wire.name), str(self.file)]
        with (self.folder / "host.err").open("ab") as errors:
            self.host = subprocess.Popen(command, stdout=errors, stderr=errors, start_new_session=True)
        deadline = time.monotonic() + 30
        while self._recorded() == before:
            if self.host.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"the recorder did not start; see {self.folder}")
            time.sleep(0.2)

    def go_wrong(self) -> None:
        """One fault of a random kind, then some time without any."""
        random, wire = self.random, self.wire
        self._measure()
        if not self._coming:
            self._coming = random.sample(_KINDS, len(_KINDS))
        kind = self._coming.pop()
        self.done[kind] = self.done.get(kind, 0) + 1
        with (self.folder / "faults.txt").open("a") as faults:
            faults.write(f"{time.monotonic() - self._begun:.1f} s, {self._recorded()} records: {kind}\n")
        span = random.uniform(0.5, 3)
        assert self.host is not None
        assert self.board is not None
        if kind == "bits":
            wire.bit_errors = 10 ** random.uniform(-5, -3)
            time.sleep(span)
            wire.bit_errors = 0
        elif kind == "bytes":
            wire.dropped, wire.doubled = 10 ** random.uniform(-4, -3), 10 ** random.uniform(-4, -3)
            time.sleep(span)
            wire.dropped = wire.doubled = 0
        elif kind == "latency":
            wire.latency_s = 0.02
            time.sleep(span)
            wire.latency_s = 0
        elif kind == "blink":
            for _ in range(20):
                wire.is_cut = True
                time.sleep(10 ** random.uniform(-3, -1))
                wire.is_cut = False
                time.sleep(0.05)
        elif kind == "cut":
            wire.is_cut = True
            time.sleep(10 ** random.uniform(-1, 1.2))
            wire.is_cut = False
        elif kind == "vanish":
            wire.pull()
            time.sleep(span)
            wire.plug()
        elif kind == "kill":
            self.host.kill()
            self.host.wait()
            time.sleep(random.uniform(0, 1))
            self.start_host()
        elif kind == "stop":
            self.host.send_signal(signal.SIGSTOP)
            time.sleep(span)
            self.host.send_signal(signal.SIGCONT)
        else:
            self.board.kill()
            self.board.wait()
            time.sleep(random.uniform(0, 1))
            self.start_board()
        time.sleep(random.uniform(1, 4))
        if self.host.poll() is not None or self.board.poll() is not None:
            raise SystemExit(f"a process ended by itself; see {self.folder}")

    def _measure(self) -> None:
        for name, process in (("board", self.board), ("host", self.host)):
            assert process is not None
            pages = int(Path(f"/proc/{process.pid}/statm").read_text().split()[1])
            self.resident[name].append(pages * os.sysconf("SC_PAGESIZE"))

    def board_s(self) -> int:
        """Board time so far, seconds of all boots."""
        for log in self.logs:
            at, t_s = self._read.get(log, (0, 0))
            if not log.exists():
                continue
            with log.open("rb") as file:
                file.seek(at)
                records = whole(file.read())
            if records:
                t_s = unpack_from(HEADER, records[-1])[4]
            self._read[log] = at + sum(1 + len(record) for record in records), t_s
        return sum(t_s for _, t_s in self._read.values())

    def end(self) -> None:
        """Nothing is left running, whatever went wrong."""
        for process in (self.board, self.host):
            if process is not None:
                process.kill()
                process.wait()
        self.wire.end()

    def finish(self) -> None:
        """Let the recorder catch up, then end both."""
        assert self.host is not None
        assert self.board is not None
        time.sleep(8)
        behind = -1
        while behind != (behind := self._recorded()):
            time.sleep(4)
            if self.board.poll() is None:
                # What is logged from here on does not count.
                self.board.send_signal(signal.SIGTERM)
                self.board.wait()
        self.host.send_signal(signal.SIGINT)
        self.host.wait(30)

    def _recorded(self) -> int:
        try:
            with contextlib.closing(sqlite3.connect(f"file:{self.file}?mode=ro", uri=True)) as database:
                return int(database.execute("SELECT count(*) FROM records").fetchone()[0])
        except sqlite3.OperationalError:
            return 0  # there is no recording yet


def whole(data: bytes) -> list[bytes]:
    """The records in what a board wrote to its `--log` file; the last one may be torn."""
    found = []
    at = 0
    while at < len(data) and at + 1 + data[at] <= len(data):
        found.append(data[at + 1 : at + 1 + data[at]])
        at += 1 + data[at]
    return found


def compare(logs: list[Path], file: Path) -> dict[str, Any]:
    """What the boards logged against what was recorded."""
    with contextlib.closing(sqlite3.connect(file)) as database:
        integrity = database.execute("PRAGMA integrity_check").fetchone()[0]
        rows = database.execute("SELECT boot, seq, kind, body FROM records ORDER BY boot, seq").fetchall()
    recorded = {(boot, seq): (kind, body) for boot, seq, kind, body in rows}
    gaps: dict[int, list[tuple[int, int]]] = {}
    highest: dict[int, int] = {}
    for boot, seq, kind, body in rows:
        last = int.from_bytes(body[:4], "little") if kind == GAP else seq
        highest[boot] = max(highest.get(boot, -1), last)
        if kind == GAP:
            gaps.setdefault(boot, []).append((seq, last))
    result: dict[str, Any] = {
        "integrity": integrity,
        "logged": 0,
        "recorded": 0,
        "declared": 0,
        "readings_or_events_declared": 0,
        "undeclared": 0,
        "different": 0,
        "tail_s": [],
    }
    for path in logs:
        records = whole(path.read_bytes())
        newest_s = unpack_from(HEADER, records[-1])[4] if records else 0
        ends_s = 0
        declared = set()
        for record in records:
            kind, _, boot, seq, t_s = unpack_from(HEADER, record)
            result["logged"] += 1
            found = recorded.get((boot, seq))
            if found and found[0] == kind:
                result["recorded" if found[1] == record[HEADER_SIZE:] else "different"] += 1
                ends_s = t_s
                continue
            if not declared:
                declared = {number for first, last in gaps.get(boot, ()) for number in range(first, last + 1)}
            if seq in declared:
                result["declared"] += 1
                result["readings_or_events_declared"] += kind in (READINGS, EVENT)
            elif seq < highest.get(boot, -1):
                result["undeclared"] += 1
        result["tail_s"].append(newest_s - ends_s)
    return result


def run(hours: float, speed: int, seed: int, folder: Path, scenario: str = "") -> dict[str, Any]:
    """Let things go wrong for `hours` of board time; what became of what the board logged."""
    folder.mkdir(parents=True, exist_ok=True)
    soak = Soak(folder, seed, speed, scenario)
    try:
        soak.start_board()
        soak.start_host()
        while (board_s := soak.board_s()) < hours * 3600:
            soak.go_wrong()
        soak.finish()
    finally:
        soak.end()
    result = compare(soak.logs, soak.file)
    result["board_s"] = board_s
    result["faults"] = soak.done
    # The most in the second quarter, by when all is in use, and the most in the last.
    result["resident_mb"] = {
        name: [round(max(part) / 2**20, 1) for part in (sizes[quarter : 2 * quarter], sizes[-quarter:])]
        for name, sizes in soak.resident.items()
        for quarter in (len(sizes) // 4,)
    }
    return result


def missing(result: dict[str, Any]) -> bool:
    """Whether anything is missing that may not be."""
    bad = result["undeclared"] or result["different"] or result["readings_or_events_declared"]
    return bool(bad) or result["integrity"] != "ok" or max(result["tail_s"]) > _RAM_S


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=float, default=24, help="board time")
    parser.add_argument("--speed", default="max", help="board seconds a second, or max: as fast as its work is done")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--scenario", default="")
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    folder = options.folder or Path(tempfile.mkdtemp(prefix="soak-"))
    speed = 0 if options.speed == "max" else int(options.speed)
    result = run(options.hours, speed, options.seed, folder, options.scenario)
    print(json.dumps(result))
    return 1 if missing(result) else 0


if __name__ == "__main__":
    sys.exit(main())
