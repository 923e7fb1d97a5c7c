"""Writes a recording: each record once, durable at every commit, whole after a kill."""

import contextlib
import sqlite3
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from struct import unpack_from
from types import TracebackType
from typing import Self
from zlib import crc32

import turgor
from turgor.link.records import BOOT, GAP, HEADER, HEADER_SIZE, pack
from turgor_host.errors import TurgorError
from turgor_host.recording.opened import Connect, OpenedRecording, connect, failed
from turgor_host.recording.schema import IDENTITY_KEYS, Row
from turgor_host.recording.stored import Stored, boots_in, stored_in
from turgor_host.timebase import Exchange

_UNKNOWN_BOARD = 0
_SIGN = 1 << 63


class Writer:
    """A recording at `path`, made anew or, when one lies there, gone on with; see OpenedRecording for what is refused.

    A recording is of one board. `records` counts what was taken, `lost` the records that `gap` records declare
    missing, `waiting` the bytes that the next `commit` makes durable. `goes_on` is one line for the user when this is
    an earlier recording, else "". `speed` is board seconds per second, 0 for as fast as possible. To be used by one
    thread at a time.
    """

    def __init__(
        self, path: str | Path, source_name: str, simulated: bool, speed: float, *, connect: Connect = connect
    ) -> None:
        self.path = Path(path)
        self.records = 0
        self.lost = 0
        self.waiting = 0
        self.goes_on = ""
        # The only board of this recording, as soon as it is known.
        self._only_board = _UNKNOWN_BOARD
        self._board = _UNKNOWN_BOARD
        self._boot: int | None = None
        # The boot that an earlier recording into this file exchanged times with last.
        self._heard: int | None = None
        self._boards: dict[int, int] = {}
        self._stored: dict[tuple[int, int], Stored] = {}
        self._present = Stored()
        self._pending: dict[tuple[int, int, int], Row] = {}
        self._exchanges: list[tuple[int, Row]] = []
        self._meta: dict[str, object] = {}
        self._notes: list[Row] = []
        self._next_note = 1
        self._next_exchange = 1
        self._is_open = True
        made_of = {
            "created_utc": time.time(),
            "source": source_name,
            "simulated": int(simulated),
            "speed": speed,
            "host_version": turgor.__version__,
        }
        self._file = OpenedRecording(self.path, made_of, connect)
        self._database = self._file.database
        try:
            if not self._file.is_new:
                self._go_on()
            self.note("opened", source_name)
            self.commit()
        except sqlite3.Error as error:
            self._close_file()
            raise failed(self.path, error) from None
        except BaseException:
            self._close_file()
            raise

    def _go_on(self) -> None:
        """Find out what is in the file."""
        database = self._database
        self._next_note, self._next_exchange = (
            database.execute(f"SELECT ifnull(max(id), 0) + 1 FROM {table}").fetchone()[0]
            for table in ("notes", "exchanges")
        )
        for board, boot in boots_in(database):
            self._boards[boot] = board
            self._only_board = board or self._only_board
        found = database.execute("SELECT boot FROM exchanges ORDER BY id DESC LIMIT 1").fetchone()
        self._heard = found and found[0]
        self.goes_on = f"{self.path}: goes on; no record yet"
        latest = self.latest()
        if latest:
            board, boot, _ = latest
            seq, t_s = database.execute(
                "SELECT seq, t_s FROM records WHERE board = ? AND boot = ? ORDER BY seq DESC LIMIT 1", (board, boot)
            ).fetchone()
            self.goes_on = f"{self.path}: goes on; last record {seq} of boot {boot}, {t_s} s after that boot"

    def latest(self) -> tuple[int, int, int] | None:
        """Board, boot and the seq that comes next of the newest boot that is known here, None without any.

        That is what to greet the board with: all before is stored, or waits for the next commit.
        """
        if not self._boards:
            return None
        # The one that was heard last: a board whose flash was erased counts its boots anew.
        boot = self._heard if self._heard in self._boards else max(self._boards)
        board = self._boards[boot]
        return board, boot, self.whole(board, boot)

    @property
    def position(self) -> tuple[int, int] | None:
        """Boot and the seq that comes next of what was given last, or of `latest`; None before anything is known."""
        if self._boot is not None:
            return self._boot, self._present.whole
        latest = self.latest()
        return latest and latest[1:]

    def whole(self, board: int, boot: int) -> int:
        """The first seq of a boot that is neither taken nor declared as lost."""
        return self._of(_signed(board), boot).whole

    def _of(self, board: int, boot: int) -> Stored:
        key = (board, boot)
        if key not in self._stored:
            try:
                self._stored[key] = stored_in(self._database, board, boot)
            except sqlite3.Error as error:
                raise failed(self.path, error) from None
        return self._stored[key]

    def set_board(self, board: int) -> None:
        """`board` is what answers: boots that begin from now on are its own. TurgorError when another is recorded here.

        Board ids are taken as u64 or as the signed number of the same bits, which they are in the file.
        """
        board = _signed(board)
        if self._only_board not in (_UNKNOWN_BOARD, board) and board != _UNKNOWN_BOARD:
            recorded, found = (f"{number % (2 * _SIGN):016x}" for number in (self._only_board, board))
            raise TurgorError(
                f"{self.path} is a recording of board {recorded} and this is board {found}; choose another name"
            )
        self._only_board = board or self._only_board

    def set_identity(self, identity: Mapping[str, str]) -> None:
        """Keep what the board said of itself: version, runtime, platform, machine."""
        for key, value in identity.items():
            self._meta[IDENTITY_KEYS.get(key, key)] = value

    def add(self, records: Iterable[bytes]) -> None:
        """Take whole records, header included; they are durable after the next `commit`.

        A record that is here already is passed over; another one under the same number is a TurgorError.
        """
        pending = self._pending
        for record in records:
            kind, channel, boot, seq, t_s = unpack_from(HEADER, record)
            if boot != self._boot or kind == BOOT:
                self._enter(boot, record if kind == BOOT else None)
            board = self._board
            key = (board, boot, seq)
            stored = self._present
            crc = crc32(record)
            if seq <= stored.highest and self._is_here(key, kind, crc):
                last = int.from_bytes(record[HEADER_SIZE : HEADER_SIZE + 4], "little")
                if kind != GAP or not seq < stored.whole <= last:
                    continue
                # It begins with what is here; the rest of it is as lost as it says.
                seq = stored.whole
                record = pack(GAP, channel, boot, seq, t_s, (last,))
                key = (board, boot, seq)
                crc = crc32(record)
            body = record[HEADER_SIZE:]
            pending[key] = (board, boot, seq, kind, channel, t_s, crc, body)
            if kind == GAP:
                self.lost += stored.take_gap(seq, int.from_bytes(body[:4], "little") + 1)
            else:
                stored.take(seq)
            self.records += 1
            self.waiting += len(record)

    def _enter(self, boot: int, boot_record: bytes | None) -> None:
        """Another boot begins, or the record that names its board came."""
        if boot_record is not None:
            self.set_board(unpack_from("<q", boot_record, HEADER_SIZE + 4)[0])
        board = self._boards.get(boot, self._only_board)
        self._present = self._of(board, boot)
        self._board = self._boards[boot] = board
        self._boot = boot

    def _is_here(self, key: tuple[int, int, int], kind: int, crc: int) -> bool:
        row = self._pending.get(key)
        if row is None:
            try:
                row = self._database.execute(
                    "SELECT * FROM records WHERE board = ? AND boot = ? AND seq = ?", key
                ).fetchone()
            except sqlite3.Error as error:
                raise failed(self.path, error) from None
            if row is None:
                return False
        # The board declares a gap anew, and as far as it then goes, also for what it freed because it is stored here.
        if row[6] != crc and GAP not in (row[3], kind):
            raise TurgorError(
                f"{self.path}: record {key[2]} of boot {key[1]} came twice with different content; "
                "end this recording and start a new one"
            )
        return True

    def exchange(self, boot: int, piece: int, exchange: Exchange) -> None:
        """Keep an exchange with `boot`; `piece` counts the jumps of a clock before it."""
        self._exchanges.append((self._next_exchange, (boot, piece, *exchange)))
        self._next_exchange += 1

    def note(self, kind: str, text: str) -> None:
        """Keep what the host did, with the time."""
        self._notes.append((self._next_note, time.time(), kind, text))
        self._next_note += 1

    def commit(self) -> int | None:
        """Make durable what was given; returns up to which seq all of the present boot is stored, None without any.

        DiskFull when the place cannot take it now: what was committed before stays whole, the rest waits and may be
        tried again. Whoever goes on adding meanwhile has to keep `waiting` small. TurgorError when it never will.
        """
        database = self._database
        ready = [(number, row) for number, row in self._exchanges if row[0] in self._boards]
        if self._pending or ready or self._meta or self._notes:
            self._file.look_for()
            try:
                database.execute("BEGIN IMMEDIATE")
                self._insert(ready)
                database.execute("COMMIT")
            except sqlite3.Error as error:
                self._roll_back()
                raise failed(self.path, error) from None
            except BaseException:
                self._roll_back()
                raise
            # What is interrupted from here on is inserted again, and ignored as known.
            self._pending.clear()
            self.waiting = 0
            self._meta.clear()
            self._notes.clear()
            self._exchanges = [item for item in self._exchanges if item not in ready]
        return self._present.whole - 1 if self._present.whole else None

    def _insert(self, exchanges: list[tuple[int, Row]]) -> None:
        many = self._database.executemany
        many("INSERT OR IGNORE INTO records VALUES (?,?,?,?,?,?,?,?)", self._pending.values())
        many("INSERT OR REPLACE INTO meta VALUES (?,?)", self._meta.items())
        many("INSERT OR IGNORE INTO notes VALUES (?,?,?,?)", self._notes)
        many(
            "INSERT OR IGNORE INTO exchanges VALUES (?,?,?,?,?,?,?,?)",
            [(number, self._boards.get(row[0], _UNKNOWN_BOARD), *row) for number, row in exchanges],
        )

    def _roll_back(self) -> None:
        # SQLite has rolled back by itself when it could not write on.
        if self._database.in_transaction:
            with contextlib.suppress(sqlite3.Error):
                self._database.execute("ROLLBACK")

    def close(self) -> None:
        """Commit and close; may be called again."""
        if self._boot is None:
            # Anchors of a board that sent no record.
            for _, row in self._exchanges:
                self._boards.setdefault(row[0], self._only_board)
        if not self._is_open:
            return
        try:
            self.note("closed", "")
            self.commit()
        finally:
            self._close_file()

    def _close_file(self) -> None:
        self._is_open = False
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _signed(board: int) -> int:
    """A board id as SQLite holds it: a signed number of 64 bits."""
    return (board + _SIGN) % (2 * _SIGN) - _SIGN
