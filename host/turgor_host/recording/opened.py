"""A recording's file opened to be written: made, or gone on with, and by one program at a time."""

import contextlib
import errno
import fcntl
import os
import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from turgor_host.errors import DiskFull, TurgorError
from turgor_host.recording.schema import APPLICATION_ID, FORMAT_VERSION, TABLES

Connect = Callable[[Path], sqlite3.Connection]

_OTHER_NAME = "choose another name"
# What may be over in a while, and what the user can do about it.
_PASSING = {
    sqlite3.SQLITE_FULL: "make room or record to another place",
    sqlite3.SQLITE_IOERR: "look whether the disk is full or failing, or record to another place",
    sqlite3.SQLITE_CANTOPEN: "make room or record to another place",
    sqlite3.SQLITE_BUSY: "end the program that holds it",
}


def connect(path: Path) -> sqlite3.Connection:
    """SQLite as it comes, each transaction begun by hand."""
    return sqlite3.connect(path, isolation_level=None, check_same_thread=False)


class OpenedRecording:
    """The file at `path`, locked; `is_new` when it was made, with `meta` in it.

    A file that is there is gone on with when it is a whole recording, simulated or not as `meta` says, that nobody
    else writes. TurgorError otherwise, which leaves it as it is. What a power cut left of one being made is made anew.
    """

    def __init__(self, path: Path, meta: Mapping[str, object], connect: Connect) -> None:
        self.path = path
        self._lock: int | None = None
        made = _reserve(path)
        try:
            self.database = connect(path)
        except sqlite3.Error as error:
            if made:
                path.unlink(missing_ok=True)
            raise failed(path, error) from None
        try:
            self.is_new = self._make(meta, made)
            if not self.is_new:
                self._look(bool(meta["simulated"]))
                self._check()
            self._enter_wal()
            self._lock = _lock(path)
            self._places = self._found()
        except sqlite3.Error as error:
            self.close()
            raise failed(path, error) from None
        except BaseException:
            self.close()
            raise

    def _make(self, meta: Mapping[str, object], made: bool) -> bool:
        """Fill an empty file, in one transaction: it is empty or a recording at any moment."""
        database = self.database
        database.execute("PRAGMA synchronous = FULL")
        # A Mac's disk keeps in its own memory what any other call hands it.
        database.execute("PRAGMA fullfsync = 1")
        if self._value("PRAGMA page_count"):
            return False
        try:
            database.execute("BEGIN EXCLUSIVE")
            if database.execute("SELECT 1 FROM sqlite_schema").fetchone():
                # Another program was quicker.
                database.execute("ROLLBACK")
                return False
            database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            database.execute(f"PRAGMA user_version = {FORMAT_VERSION}")
            for statement in filter(str.strip, TABLES.split(";")):
                database.execute(statement)
            database.executemany("INSERT INTO meta VALUES (?,?)", list(meta.items()))
            database.execute("COMMIT")
        except sqlite3.Error:
            if made:
                # Nothing of it is of use to anybody.
                self.close()
                self.path.unlink(missing_ok=True)
            raise
        return True

    def _look(self, simulated: bool) -> None:
        """TurgorError for a file that is none to go on with."""
        path = self.path
        if self._value("PRAGMA application_id") != APPLICATION_ID:
            raise _no_recording(path)
        version = self._value("PRAGMA user_version")
        if version != FORMAT_VERSION:
            remedy = f"update it with `pip install -U turgor` or {_OTHER_NAME}" if version > FORMAT_VERSION else ""
            raise TurgorError(
                f"{path} has format version {version}, this program writes {FORMAT_VERSION}; {remedy or _OTHER_NAME}"
            )
        found = self.database.execute("SELECT value FROM meta WHERE key = 'simulated'").fetchone()
        if found is None or bool(found[0]) != simulated:
            kinds = ("a real board", "a simulated one")
            raise TurgorError(
                f"{path} is a recording of {kinds[not simulated]}, the source is {kinds[simulated]}; {_OTHER_NAME}"
            )

    def _enter_wal(self) -> None:
        if self._value("PRAGMA journal_mode = WAL") != "wal":
            raise TurgorError(f"{self.path}: programs cannot share memory at this place; record to a local disk")
        # Only the first look at the tables opens the -wal file of a recording that was left behind.
        self._value("SELECT count(*) FROM meta")

    def _check(self) -> None:
        """TurgorError when SQLite finds the file damaged; a second for a million records."""
        found = self._value("PRAGMA quick_check(1)")
        if found != "ok":
            raise _damaged(self.path, found.splitlines()[-1])

    def _value(self, sql: str) -> Any:
        # To the last step: a statement that changes something may only fail there.
        return self.database.execute(sql).fetchall()[0][0]

    def look_for(self) -> None:
        """TurgorError when file or -wal is no longer at its place: SQLite goes on writing into one that was deleted."""
        if self._found() != self._places:
            raise TurgorError(f"{self.path} was deleted, moved or replaced while it was recorded; {_OTHER_NAME}")

    def _found(self) -> tuple[tuple[int, int] | None, ...]:
        return _identity(self.path), _identity(_wal(self.path))

    def close(self) -> None:
        """Close, leaving one file where nobody reads it; what is not committed is gone."""
        if self._lock is not None:
            with contextlib.suppress(sqlite3.Error):
                # One file that opens in a folder that cannot be written; not while a reader is in it.
                self._value("PRAGMA journal_mode = DELETE")
        self.database.close()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def failed(path: Path, error: sqlite3.Error) -> TurgorError:
    """What SQLite says, as one line with the remedy; DiskFull when it may be tried again."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_NOTADB:
        return _no_recording(path)
    if code == sqlite3.SQLITE_CORRUPT:
        return _damaged(path, str(error))
    text = f"{path}: cannot be written ({error}); {_PASSING.get(code, 'record to another place')}; "
    return (DiskFull if code in _PASSING else TurgorError)(text + "what was committed is whole")


def _no_recording(path: Path) -> TurgorError:
    return TurgorError(f"{path} exists already and is no Turgor recording; {_OTHER_NAME}")


def _damaged(path: Path, what: str) -> TurgorError:
    return TurgorError(f"{path} is damaged ({what}); {_OTHER_NAME}, `turgor info --check` says what is left")


def _reserve(path: Path) -> bool:
    """Make the empty file that the recording will be, True when it was not there; TurgorError when that cannot be."""
    wal = _wal(path)
    try:
        is_empty = not path.exists() or not path.stat().st_size
        if is_empty and wal.exists():
            raise TurgorError(f"{wal} belongs to another recording; {_OTHER_NAME} than {path.name}")
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
        _sync_folder(path.parent)
        return True
    except FileExistsError:
        if path.is_dir():
            raise TurgorError(f"{path} is a folder; {_OTHER_NAME}") from None
        return False
    except FileNotFoundError:
        raise TurgorError(f"{path}: no folder {path.parent}; make it first") from None
    except OSError as error:
        why = error.strerror or str(error)
        raise TurgorError(f"{path}: cannot be made ({why}); record to another place") from None


def _wal(path: Path) -> Path:
    return path.with_name(path.name + "-wal")


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _sync_folder(folder: Path) -> None:
    """Make the names in `folder` durable: a new file's is not by being written."""
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    except OSError as error:
        # Not every file system knows this.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(number)


def _lock(path: Path) -> int:
    """Keep all other writers out while the descriptor that this returns is open, also if this process is killed.

    The lock lies on the -wal file, which stays the same as long as anybody has the recording open. The recording
    itself may not be opened beside SQLite: closing it again would take away SQLite's own locks.
    """
    number = None
    try:
        number = os.open(_wal(path), os.O_RDONLY)
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if number is not None:
            os.close(number)
        if error.errno == errno.EWOULDBLOCK:
            raise TurgorError(f"{path}: another program records into it; end that one or {_OTHER_NAME}") from None
        raise TurgorError(f"{path}: cannot be locked ({error.strerror}); record to a local disk") from None
    return number
