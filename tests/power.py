"""Power cuts and full disks under the recorder, at the level of single file operations.

SQLite's file operations come through a VFS of APSW, the few that the recorder makes itself through `os`. A Disk notes
them all, and can say what the files are after a power cut behind any of them: what was synced is there, of the rest
nothing, everything, or any part in sectors of 512 bytes; so it is with names in the folder.

It differs from the recorder's own SQLite in this: APSW carries its own one, and a VFS in Python has no shared memory,
so that in WAL mode the file is locked exclusively, and no reader comes in.
"""

import contextlib
import os
import random
import sqlite3
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import apsw
import pytest

from turgor_host.recording.opened import Connect

_SECTOR = 512
# So few pages in the -wal file that it is copied back, and begun anew, many times in a short run.
_CHECKPOINT_PAGES = 12
_CODES = (
    (apsw.FullError, sqlite3.SQLITE_FULL),
    (apsw.IOError, sqlite3.SQLITE_IOERR),
    (apsw.CantOpenError, sqlite3.SQLITE_CANTOPEN),
)


@dataclass
class _File:
    synced: bytearray = field(default_factory=bytearray)
    # (offset, data), or (size, None) for a truncation
    pending: list[tuple[int, bytes | None]] = field(default_factory=list)

    def flush(self, dice: random.Random | None = None) -> None:
        """Make what is pending durable; with `dice`, some sectors of it."""
        odds = dice.choice((0.1, 0.5, 0.9)) if dice else 1
        for at, data in self.pending:
            if data is None:
                if not dice or dice.random() < odds:
                    _resize(self.synced, at)
                continue
            for start, stop in _sectors(at, len(data)):
                if not dice or dice.random() < odds:
                    if len(self.synced) < stop:
                        _resize(self.synced, stop)
                    self.synced[start:stop] = data[start - at : stop - at]
        self.pending.clear()


def _resize(content: bytearray, size: int) -> None:
    del content[size:]
    content.extend(bytes(size - len(content)))


def _sectors(at: int, size: int) -> Iterator[tuple[int, int]]:
    end = at + size
    while at < end:
        stop = min(end, (at // _SECTOR + 1) * _SECTOR)
        yield at, stop
        at = stop


class Disk:
    """The file operations of one folder, in order. `fails` is asked before each and may raise in its place."""

    def __init__(self) -> None:
        self.operations: list[tuple[str, Any, Any, Any]] = []
        self.fails: Callable[[str], None] = lambda operation: None

    def note(self, operation: str, name: str = "", at: int = 0, data: bytes | None = None) -> None:
        self.operations.append((operation, name, at, data))

    def after_cut(self, count: int, dice: random.Random | None = None, keep: bool = False) -> dict[str, bytes]:
        """The files when the power went after the first `count` operations.

        Of what was not synced, everything is there (`keep`: what a kill leaves), some by `dice`, or nothing.
        """
        names: dict[str, _File] = {}
        durable: dict[str, _File] = {}
        pending: list[tuple[str, _File | None]] = []
        for operation, name, at, data in self.operations[:count]:
            if operation == "create":
                names[name] = _File()
                pending.append((name, names[name]))
            elif operation == "delete":
                del names[name]
                pending.append((name, None))
            elif operation == "sync folder":
                _rename(durable, pending)
                pending.clear()
            elif operation == "sync":
                names[name].flush()
            else:
                names[name].pending.append((at, data))
        _rename(durable, [entry for entry in pending if keep or (dice and dice.random() < 0.5)])
        for file in {id(file): file for file in durable.values()}.values():
            if keep or dice:
                file.flush(dice)
        return {name: bytes(file.synced) for name, file in durable.items()}


def _rename(names: dict[str, _File], changes: list[tuple[str, _File | None]]) -> None:
    for name, file in changes:
        if file is None:
            names.pop(name, None)
        else:
            names[name] = file


class _WatchedFile(apsw.VFSFile):
    def __init__(self, disk: Disk, name: str, filename: Any, flags: list[int], is_new: bool) -> None:
        self._disk = disk
        self._name = name
        # What the VFS for Unix does at the first sync of these.
        journals = apsw.SQLITE_OPEN_MAIN_JOURNAL | apsw.SQLITE_OPEN_WAL
        self._folder_too = is_new and bool(flags[0] & journals)
        super().__init__("", filename, flags)

    def xWrite(self, data: bytes, offset: int) -> None:
        try:
            self._disk.fails("write")
        except apsw.FullError:
            # The last one that still had a little room.
            half = bytes(data[: len(data) // 2])
            self._disk.note("write", self._name, offset, half)
            super().xWrite(half, offset)
            raise
        self._disk.note("write", self._name, offset, bytes(data))
        super().xWrite(data, offset)

    def xTruncate(self, size: int) -> None:
        self._disk.fails("truncate")
        self._disk.note("truncate", self._name, size)
        super().xTruncate(size)

    def xSync(self, flags: int) -> None:
        self._disk.fails("sync")
        self._disk.note("sync", self._name)
        if self._folder_too:
            self._folder_too = False
            self._disk.note("sync folder")
        # The truth about what lasts is the Disk's.


class _WatchedVFS(apsw.VFS):
    def __init__(self, disk: Disk, name: str) -> None:
        self._disk = disk
        super().__init__(name, "")

    def xOpen(self, name: Any, flags: list[int]) -> apsw.VFSFile:
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        if path is None:
            return apsw.VFSFile("", name, flags)
        self._disk.fails("open")
        is_new = not os.path.exists(path)
        file = _WatchedFile(self._disk, os.path.basename(path), name, flags, is_new)
        if is_new:
            self._disk.note("create", os.path.basename(path))
        return file

    def xDelete(self, name: str, sync_folder: bool) -> None:
        self._disk.fails("delete")
        super().xDelete(name, False)
        self._disk.note("delete", os.path.basename(name))
        if sync_folder:
            self._disk.note("sync folder")


class _Rows(list[Any]):
    """What a query found, as a cursor gives it."""

    def fetchone(self) -> Any:
        return self.pop(0) if self else None

    def fetchall(self) -> list[Any]:
        return self


class _Database:
    """An APSW connection that fails as one of sqlite3 does."""

    def __init__(self, path: Path, vfs: str) -> None:
        self._connection = self._do(lambda: apsw.Connection(str(path), vfs=vfs))

    def execute(self, sql: str, values: Any = ()) -> Any:
        if sql == "PRAGMA journal_mode = WAL":
            self.execute("PRAGMA locking_mode = EXCLUSIVE")
            self.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
        return self._do(lambda: _Rows(self._connection.execute(sql, values)))

    def executemany(self, sql: str, rows: Any) -> Any:
        return self._do(lambda: _Rows(self._connection.executemany(sql, rows)))

    @property
    def in_transaction(self) -> bool:
        return self._connection.in_transaction

    def close(self) -> None:
        # sqlite3 says nothing of what fails here.
        with contextlib.suppress(apsw.Error):
            self._connection.close()

    @staticmethod
    def _do(call: Callable[[], Any]) -> Any:
        try:
            return call()
        except apsw.Error as error:
            failure = sqlite3.OperationalError(str(error))
            failure.sqlite_errorcode = next((code for kind, code in _CODES if isinstance(error, kind)), 1)
            raise failure from error


@contextlib.contextmanager
def watching(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Disk, Connect]]:
    """A Disk that notes all file operations in `folder`, and how a Writer there connects."""
    disk = Disk()
    name = f"watched-{id(disk)}"
    vfs = _WatchedVFS(disk, name)
    real_open, real_fsync, real_unraisable = os.open, os.fsync, sys.unraisablehook

    def open_(path: Any, flags: int, *rest: Any, **options: Any) -> int:
        number = real_open(path, flags, *rest, **options)
        if flags & os.O_CREAT and Path(path).parent == folder:
            disk.note("create", os.path.basename(path))
        return number

    def fsync(number: int) -> None:
        if os.path.samestat(os.fstat(number), folder.stat()):
            disk.fails("sync folder")
            disk.note("sync folder")
        real_fsync(number)

    def unraisable(found: Any) -> None:
        # SQLite may go on after an operation that failed.
        if not isinstance(found.exc_value, apsw.Error):
            real_unraisable(found)

    monkeypatch.setattr(sys, "unraisablehook", unraisable)
    monkeypatch.setattr(os, "open", open_)
    monkeypatch.setattr(os, "fsync", fsync)
    yield disk, lambda path: cast(sqlite3.Connection, _Database(path, name))
    vfs.unregister()
