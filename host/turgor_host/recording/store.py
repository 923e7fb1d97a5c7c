"""A recording's file opened to read: while it is written, after a kill, or in a folder that cannot be written."""

import contextlib
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from turgor_host.errors import TurgorError
from turgor_host.recording.schema import APPLICATION_ID, FORMAT_VERSION, Row

_MAGIC = b"SQLite format 3\0"
_MAKE = "make one with `turgor record`"


class Store:
    """`database` is a connection that only reads; TurgorError when `path` is no recording, or of a newer format."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._copy: tempfile.TemporaryDirectory[str] | None = None
        _look_at(self.path)
        self.database = self._connect()

    def _connect(self) -> sqlite3.Connection:
        wal = self.path.with_name(self.path.name + "-wal")
        place = self.path.resolve().as_uri()
        try:
            return self._checked(f"{place}?mode=ro")
        except sqlite3.OperationalError:
            # SQLite cannot make its index of the -wal file in a folder that it may not write.
            pass
        except sqlite3.DatabaseError as error:
            raise self._unreadable(error) from None
        try:
            if not wal.exists() or not wal.stat().st_size:
                return self._checked(f"{place}?immutable=1")
            self._copy = tempfile.TemporaryDirectory(prefix="turgor-")
            copy = Path(self._copy.name) / "copy.turgor"
            shutil.copyfile(self.path, copy)
            shutil.copyfile(wal, copy.with_name(copy.name + "-wal"))
            return self._checked(copy.as_uri())
        except (sqlite3.DatabaseError, OSError) as error:
            self._drop_copy()
            raise self._unreadable(error) from None

    def _checked(self, uri: str) -> sqlite3.Connection:
        database = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
        try:
            database.execute("PRAGMA query_only = 1")
            application = database.execute("PRAGMA application_id").fetchone()[0]
            version = database.execute("PRAGMA user_version").fetchone()[0]
            if application != APPLICATION_ID:
                raise TurgorError(f"{self.path} is a SQLite file but no Turgor recording; {_MAKE}")
            if version > FORMAT_VERSION:
                raise TurgorError(
                    f"{self.path} has format version {version}, this program reads up to "
                    f"{FORMAT_VERSION}; update it with `pip install -U turgor`"
                )
            database.execute("SELECT count(*) FROM meta").fetchone()
        except BaseException:
            database.close()
            raise
        return database

    def _unreadable(self, error: Exception) -> TurgorError:
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_NOTADB:
            with self.path.open("rb") as file:
                if file.read(len(_MAGIC)) != _MAGIC:
                    return TurgorError(f"{self.path} is no Turgor recording; {_MAKE}")
        return TurgorError(
            f"{self.path} cannot be read ({error}); fetch it again, with the -wal file beside it if there is one"
        )

    def _drop_copy(self) -> None:
        if self._copy:
            self._copy.cleanup()
            self._copy = None

    def query(self, sql: str, *arguments: object) -> list[Row]:
        """All rows; TurgorError when the file turns out to be damaged."""
        try:
            return self.database.execute(sql, arguments).fetchall()
        except sqlite3.DatabaseError as error:
            raise TurgorError(
                f"{self.path} is damaged ({error}); `turgor info --check` says more, a copy of it may be whole"
            ) from None

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[None]:
        """All queries inside see one moment of a file that is still written."""
        self.database.execute("BEGIN")
        try:
            yield
        finally:
            self.database.execute("COMMIT")

    def close(self) -> None:
        self.database.close()
        self._drop_copy()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _look_at(path: Path) -> None:
    """TurgorError for what cannot even be a SQLite file.

    The file may not be opened beside SQLite: closing it again would take away the locks that the recorder, if it is
    this process, holds on it.
    """
    try:
        is_empty = not path.stat().st_size
    except FileNotFoundError:
        raise TurgorError(f"{path}: no such file; give the name of a recording") from None
    except OSError as error:
        raise TurgorError(f"{path} cannot be opened ({error.strerror or error}); look at its permissions") from None
    if path.is_dir():
        raise TurgorError(f"{path} is a folder; give the name of a recording")
    if not os.access(path, os.R_OK):
        raise TurgorError(f"{path} cannot be opened (Permission denied); look at its permissions")
    if is_empty:
        raise TurgorError(f"{path} is empty and no Turgor recording; {_MAKE}")
