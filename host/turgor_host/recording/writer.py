"""Writes a recording: each record once, durable at every commit, whole after a kill."""

import contextlib
import os
import sqlite3
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from struct import unpack_from
from types import TracebackType
from typing import Self
from zlib import crc32

import turgor
from turgor.link.records import BOOT, GAP, HEADER, HEADER_SIZE
from turgor_host.errors import TurgorError
from turgor_host.recording.schema import (
    APPLICATION_ID,
    FORMAT_VERSION,
    IDENTITY_KEYS,
    TABLES,
    Row,
)

_UNKNOWN_BOARD = 0


@dataclass
class _Stored:
    """How far one boot's log is here: all below `whole`, and beyond it what `ahead` maps (seq to the seq after)."""

    whole: int = 0
    highest: int = -1
    ahead: dict[int, int] = field(default_factory=dict)

    def take(self, seq: int, after: int) -> None:
        self.highest = max(self.highest, seq)
        if seq != self.whole:
            self.ahead[seq] = after
            return
        self.whole = after
        while self.ahead and self.whole in self.ahead:
            self.whole = self.ahead.pop(self.whole)


class Writer:
    """A new recording at `path`; TurgorError when something lies there already or the place cannot be written.

    `records` counts what was taken, `lost` the records that `gap` records declare missing. `speed` is board seconds
    per second, 0 for as fast as possible. To be used by one thread at a time.
    """

    def __init__(self, path: str | Path, source_name: str, simulated: bool, speed: float) -> None:
        self.path = Path(path)
        self.records = 0
        self.lost = 0
        self._board = _UNKNOWN_BOARD
        self._boot: int | None = None
        self._boards: dict[int, int] = {}
        self._stored: dict[tuple[int, int], _Stored] = {}
        self._pending: dict[tuple[int, int, int], Row] = {}
        self._anchors: list[tuple[int, Row]] = []
        self._meta: dict[str, object] = {}
        self._notes: list[Row] = []
        self._next_note = 1
        self._next_anchor = 1
        self._is_open = True
        _reserve(self.path)
        self._database = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
        self._meta = {
            "created_utc": time.time(),
            "source": source_name,
            "simulated": int(simulated),
            "speed": speed,
            "host_version": turgor.__version__,
        }
        self.note("opened", source_name)
        try:
            self._prepare()
            self.commit()
        except (sqlite3.Error, TurgorError) as error:
            # Nothing of it is of use to anybody.
            self._close_database()
            self.path.unlink(missing_ok=True)
            raise self._failed(error) from None

    def _prepare(self) -> None:
        database = self._database
        database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        database.execute(f"PRAGMA user_version = {FORMAT_VERSION}")
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        database.executescript(f"BEGIN; {TABLES} COMMIT;")

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
            stored = self._stored.get(key[:2])
            if stored is None:
                stored = self._stored[key[:2]] = _Stored()
            crc = crc32(record)
            if seq <= stored.highest and self._is_here(key, crc):
                continue
            body = bytes(record[HEADER_SIZE:])
            pending[key] = (board, boot, seq, kind, channel, t_s, crc, body)
            after = seq + 1
            if kind == GAP:
                after = int.from_bytes(body[:4], "little") + 1
                self.lost += after - seq
            stored.take(seq, after)
            self.records += 1

    def _enter(self, boot: int, boot_record: bytes | None) -> None:
        """Another boot begins, or the record that names its board came."""
        if boot_record is not None:
            self._board = unpack_from("<q", boot_record, HEADER_SIZE + 4)[0]
        elif boot in self._boards:
            self._board = self._boards[boot]
        self._boot = boot
        self._boards[boot] = self._board

    def _is_here(self, key: tuple[int, int, int], crc: int) -> bool:
        row = self._pending.get(key)
        if row is not None:
            found = row[6]
        else:
            try:
                hit = self._database.execute(
                    "SELECT crc FROM records WHERE (board, boot, seq) = (?, ?, ?)", key
                ).fetchone()
            except sqlite3.Error as error:
                raise self._failed(error) from None
            if hit is None:
                return False
            found = hit[0]
        if found != crc:
            raise TurgorError(
                f"{self.path}: record {key[2]} of boot {key[1]} came twice with different content; "
                "end this recording and start a new one"
            )
        return True

    def anchor(self, boot: int, t_s: int, t_us: int, utc: float, uncertainty_s: float) -> None:
        """Board time `t_s`, `t_us` of `boot` was `utc` (s since 1970), to within `uncertainty_s`."""
        self._anchors.append((self._next_anchor, (boot, t_s, t_us, utc, uncertainty_s)))
        self._next_anchor += 1

    def note(self, kind: str, text: str) -> None:
        """Keep what the host did, with the time."""
        self._notes.append((self._next_note, time.time(), kind, text))
        self._next_note += 1

    def commit(self) -> int | None:
        """Make durable what was given; returns up to which seq all of the present boot is stored, None without any.

        TurgorError when it cannot be written: what was committed before stays whole, the rest may be tried again.
        """
        database = self._database
        ready = [(number, row) for number, row in self._anchors if row[0] in self._boards]
        if self._pending or ready or self._meta or self._notes:
            try:
                database.execute("BEGIN IMMEDIATE")
                self._insert(ready)
                database.execute("COMMIT")
            except sqlite3.Error as error:
                self._roll_back()
                raise self._failed(error) from None
            except BaseException:
                self._roll_back()
                raise
            # What is interrupted from here on is inserted again, and ignored as known.
            self._pending.clear()
            self._meta.clear()
            self._notes.clear()
            self._anchors = [item for item in self._anchors if item not in ready]
        stored = self._stored.get((self._board, self._boot)) if self._boot is not None else None
        return stored.whole - 1 if stored and stored.whole else None

    def _insert(self, anchors: list[tuple[int, Row]]) -> None:
        many = self._database.executemany
        many("INSERT OR IGNORE INTO records VALUES (?,?,?,?,?,?,?,?)", self._pending.values())
        many("INSERT OR REPLACE INTO meta VALUES (?,?)", self._meta.items())
        many("INSERT OR IGNORE INTO notes VALUES (?,?,?,?)", self._notes)
        many(
            "INSERT OR IGNORE INTO anchors VALUES (?,?,?,?,?,?,?)",
            [(number, self._boards.get(row[0], _UNKNOWN_BOARD), *row) for number, row in anchors],
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
            self._boards.update({row[0]: _UNKNOWN_BOARD for _, row in self._anchors})
        if not self._is_open:
            return
        try:
            self.note("closed", "")
            self.commit()
        finally:
            self._close_database()

    def _close_database(self) -> None:
        self._is_open = False
        with contextlib.suppress(sqlite3.Error):
            # One file that opens in a folder that cannot be written; not while a reader is in it.
            self._database.execute("PRAGMA journal_mode = DELETE")
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _failed(self, error: Exception) -> TurgorError:
        if isinstance(error, TurgorError):
            return error
        return TurgorError(
            f"{self.path}: cannot be written ({error}); make room or record to another place; "
            "what was committed is whole"
        )


def _reserve(path: Path) -> None:
    """Make the empty file that the recording will be; TurgorError when that cannot be."""
    wal = path.with_name(path.name + "-wal")
    if wal.exists():
        raise TurgorError(f"{wal} belongs to another recording; choose another name than {path.name}")
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
    except FileExistsError:
        raise TurgorError(f"{path} exists already; choose another name") from None
    except FileNotFoundError:
        raise TurgorError(f"{path}: no folder {path.parent}; make it first") from None
    except OSError as error:
        why = error.strerror or str(error)
        raise TurgorError(f"{path}: cannot be made ({why}); record to another place") from None
