"""A session against a board that says what a wire can say: other boards, other hosts, slow and full disks."""

import contextlib
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from struct import unpack_from
from typing import Any
from zlib import crc32

import pytest
from cobs import cobs

from turgor.link import lines
from turgor.link.records import ANSWER, BOOT, NO_SEQ, NOTICE, WIRE_VERSION, pack
from turgor_host import session as session_module
from turgor_host import wire
from turgor_host.errors import DiskFull, PortGone, TurgorError
from turgor_host.live import Live
from turgor_host.recording.writer import Writer
from turgor_host.session import Session


def frame(record: bytes) -> bytes:
    return bytes(cobs.encode(record + crc32(record).to_bytes(4, "little"))) + b"\0"


class Board:
    """A board's end of the wire, with `count` records of one boot. `busy`: how many greetings it refuses."""

    def __init__(self, board: int, boot: int = 5, count: int = 0, busy: int = 0) -> None:
        self.board = board
        self.boot = boot
        self.records: list[bytes] = []
        self.busy = busy
        self.hellos: list[tuple[int, int]] = []
        self.committed: list[tuple[int, int]] = []
        self.grow(count)

    def grow(self, count: int) -> None:
        for seq in range(len(self.records), len(self.records) + count):
            begins = pack(BOOT, 255, self.boot, seq, seq, (WIRE_VERSION, 1, 0, 0, self.board))
            says = pack(NOTICE, 255, self.boot, seq, seq, (0, 1, self.board))
            self.records.append(begins if seq == 0 else says)

    def answer(self, line: bytes) -> bytes:
        data = bytearray(lines.COMMAND_SIZE + 4)
        assert lines.read_line(line, len(line), data)
        number, command, _, _, a, b, c, _, _ = unpack_from(lines.COMMAND, data)
        status, text, sent = lines.OK, b"", b""
        if command == lines.HELLO:
            self.hellos.append((a, b))
            text = b"version=1;id=%016x" % self.board
            begin = b if a == self.boot else 0
            sent = b"".join(map(frame, self.records[begin:]))
            if self.busy:
                self.busy -= 1
                status, text, sent = lines.BUSY, b"another host is served", b""
        elif command == lines.ACK:
            if c >= 0:
                self.committed.append((b, c))
            return b""
        elif command == lines.RESEND:
            return b"".join(map(frame, self.records[b : c + 1]))
        words = (number, command, status, WIRE_VERSION, len(self.records), self.boot, 0, 0, 0, 5, 0)
        return frame(pack(ANSWER, 255, self.boot, NO_SEQ, 5, words, text)) + sent


class Port:
    """The boards that are plugged in one after the other; `pull` takes the present one away."""

    name = "port"
    simulated = False
    speed = 1.0
    ended = False

    def __init__(self, *boards: Board) -> None:
        self._boards = list(boards)
        self.board = self._boards.pop(0)
        self._waits = b""
        self._gone = False
        self.stays_away = False
        self._lock = threading.Lock()

    def pull(self) -> None:
        self._gone = True

    def say(self, data: bytes) -> None:
        with self._lock:
            self._waits += data

    def read(self, timeout_s: float) -> bytes:
        if self._gone:
            raise PortGone("port: the cable")
        with self._lock:
            data, self._waits = self._waits, b""
        if not data:
            time.sleep(0.005)
        return data

    def write(self, data: bytes) -> None:
        if self._gone:
            raise PortGone("port: the cable")
        self.say(self.board.answer(data.rstrip()))

    def reopen(self) -> bool:
        if self.stays_away:
            return False
        if self._boards:
            self.board = self._boards.pop(0)
        self._waits = b""
        self._gone = False
        return True

    def reject(self) -> None:
        self._gone = True


class Run:
    """A session in a thread of its own."""

    def __init__(self, folder: Path, port: Port, say: Callable[[str], None] | None = None) -> None:
        self.path = folder / "run.turgor"
        self.said: list[str] = []
        self.port = port
        self.writer = Writer(self.path, "port", False, 1)
        live = Live("port", False, 1, str(self.path))
        self.session = Session(port, self.writer, live, say=say or self.said.append)
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "Run":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.session.stop()
        self._thread.join(10)
        self.writer.close()

    def _run(self) -> None:
        try:
            self.session.run()
        except BaseException as error:
            self.error = error

    def until(self, holds: Callable[[], Any]) -> None:
        deadline = time.monotonic() + 15
        while not holds():
            assert self.error is None, self.error
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def has(self, count: int) -> bool:
        """Whether the board was told that so many are stored."""
        return self.port.board.committed[-1:] == [(5, count - 1)]


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_module, "_AGAIN_S", 0.02)
    monkeypatch.setattr(session_module, "_COMMIT_S", 0.1)
    monkeypatch.setattr(wire, "_GREET_AGAIN_S", 0.05)


def rows(path: Path, table: str) -> list[Any]:
    with contextlib.closing(sqlite3.connect(path)) as database:
        return database.execute(f"SELECT * FROM {table}").fetchall()


def seqs(path: Path) -> list[int]:
    return [row[2] for row in rows(path, "records")]


def test_by_hand(tmp_path: Path) -> None:
    board = Board(0x11, count=3)
    with Run(tmp_path, Port(board)) as run:
        run.until(lambda: run.has(3))
    assert board.hellos[0] == (wire.NO_BOOT, 0)
    assert seqs(run.path) == [0, 1, 2]
    assert run.said == []


def test_another_board_at_the_port_takes_nothing_away(tmp_path: Path) -> None:
    """It has the same boot and a longer log, and all of it comes before the session knows whose it is."""
    ours, other, again = Board(0x11, count=20), Board(0x22, count=45), Board(0x11, count=50)
    with Run(tmp_path, Port(ours, other, again)) as run:
        run.until(lambda: run.has(20))
        run.port.pull()
        run.until(lambda: run.has(50))
    assert again.hellos[0] == (5, 20)
    assert other.committed == []
    assert seqs(run.path) == list(range(50))
    assert any("this is board 0000000000000022, not 0000000000000011" in text for text in run.said)


def test_the_clock_of_another_board_is_not_ours(tmp_path: Path) -> None:
    with Run(tmp_path, Port(Board(0x11, count=20))) as run:
        run.until(lambda: run.has(20))
    exchanges = len(rows(run.path, "exchanges"))
    with Run(tmp_path, Port(Board(0x22, count=45))) as run:
        deadline = time.monotonic() + 10
        while run.error is None and time.monotonic() < deadline:
            time.sleep(0.01)
        assert isinstance(run.error, TurgorError)
    assert "is a recording of board 0000000000000011" in str(run.error)
    assert len(rows(run.path, "exchanges")) == exchanges


def test_somebody_who_looked_at_the_board_meanwhile_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_module, "_STRANGER_S", 0.3)
    with Run(tmp_path, Port(Board(0x11, count=5), Board(0x11, count=8, busy=12))) as run:
        run.until(lambda: run.has(5))
        run.port.pull()
        run.until(lambda: run.has(8))
    assert run.error is None
    assert seqs(run.path) == list(range(8))
    assert [text for text in run.said if "another host is served" in text] == [
        "port: another host is served; waiting for it, Ctrl-C ends"
    ]


def test_a_board_that_serves_another_host_from_the_start_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_module, "_STRANGER_S", 0.3)
    board = Board(0x11, count=5, busy=1000)
    with Run(tmp_path, Port(board)) as run:
        deadline = time.monotonic() + 10
        while run.error is None and time.monotonic() < deadline:
            time.sleep(0.01)
    assert str(run.error) == "port: another host is served"
    # What says anything else would be taken for that host.
    assert board.committed == []


def test_a_terminal_that_is_gone_ends_nothing(tmp_path: Path) -> None:
    def say(text: str) -> None:
        raise OSError(5, "Input/output error")

    with Run(tmp_path, Port(Board(0x11, count=5), Board(0x11, count=8)), say) as run:
        run.until(lambda: run.has(5))
        run.port.pull()
        run.until(lambda: run.has(8))
    assert run.error is None


def test_a_slow_disk_is_no_silence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commits that take longer than a silence: the board is not greeted again, and each takes all that came."""
    monkeypatch.setattr(wire, "SILENT_S", 0.2)
    board = Board(0x11, count=5)
    with Run(tmp_path, Port(board)) as run:
        commit = run.writer.commit

        def slow() -> int | None:
            time.sleep(0.4)
            return commit()

        monkeypatch.setattr(run.writer, "commit", slow)
        run.until(lambda: run.has(5))
        for seq in range(5, 20):
            board.grow(1)
            run.port.say(frame(board.records[seq]))
            time.sleep(0.1)
        run.until(lambda: run.has(20))
    # Greeted where it was quiet, never while records came.
    assert {seq for _, seq in board.hellos} <= {0, 5, 20}


def test_a_disk_that_is_full_while_the_board_is_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Run(tmp_path, Port(Board(0x11, count=5), Board(0x11, count=9))) as run:
        run.until(lambda: run.has(5))
        commit = run.writer.commit
        full = threading.Event()
        full.set()
        tries = []

        def refuses() -> int | None:
            if full.is_set():
                tries.append(1)
                raise DiskFull("the disk is full")
            return commit()

        run.port.stays_away = True
        run.port.pull()
        monkeypatch.setattr(run.writer, "commit", refuses)
        run.until(lambda: len(tries) > 3)
        full.clear()
        run.port.stays_away = False
        run.until(lambda: run.has(9))
    assert run.error is None
    assert seqs(run.path) == list(range(9))


def test_what_the_writer_did_not_take_is_fetched_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk fills while records are added: none of them is said to be stored."""
    monkeypatch.setattr(session_module, "_FULL_AGAIN_S", 0.05)
    board = Board(0x11, count=5)
    with Run(tmp_path, Port(board)) as run:
        run.until(lambda: run.has(5))
        add = run.writer.add
        refused = []

        def refuses(records: list[bytes]) -> None:
            if not refused:
                refused.append(len(records))
                raise DiskFull("the disk is full")
            add(records)

        monkeypatch.setattr(run.writer, "add", refuses)
        board.grow(10)
        run.port.say(b"".join(map(frame, board.records[5:])))
        run.until(lambda: run.has(15))
    assert refused == [10]
    assert seqs(run.path) == list(range(15))


@pytest.mark.parametrize("comes", [True, False])
def test_what_a_user_was_told_is_recorded_comes_before_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, comes: bool
) -> None:
    """Stopped between the board's answer and the record of what was done; one that does not come keeps nobody."""
    monkeypatch.setattr(session_module, "_OWED_S", 5.0 if comes else 0.3)
    board = Board(0x11, count=5)
    with Run(tmp_path, Port(board)) as run:
        run.until(lambda: run.has(5))
        board.grow(1)
        assert run.session.act("pause", seconds=30) == "sound paused for 30 s"
        run.session.stop()
        time.sleep(0.3)
        if comes:
            run.port.say(frame(board.records[5]))
        begun = time.monotonic()
    assert time.monotonic() - begun < 3
    assert seqs(run.path) == list(range(5 + comes))
