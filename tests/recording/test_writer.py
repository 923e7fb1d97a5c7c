"""A recording as it is written: each record once, durable at a commit, whole whatever happens."""

import sqlite3
from pathlib import Path

import pytest

from turgor.link.frames import CRC_TABLE, crc_append
from turgor.link.records import BOOT, COMMAND, GAP, pack
from turgor_host.errors import DiskFull, TurgorError
from turgor_host.recording.opened import connect
from turgor_host.recording.reader import open_recording
from turgor_host.recording.writer import Writer
from turgor_host.timebase import Exchange


def boot(number: int = 1, board: int = 0xF000000000000002) -> bytes:
    return pack(BOOT, 255, number, 0, 0, (1, 1, 0, 0, board), b"runtime=none")


def command(seq: int, a: int = 0, number: int = 1) -> bytes:
    return pack(COMMAND, 255, number, seq, seq, (seq, 16, 0, 0, a, 0, 0, 0, 0))


def gap(seq: int, last_seq: int, number: int = 1) -> bytes:
    return pack(GAP, 255, number, seq, seq, (last_seq,))


@pytest.fixture
def writer(tmp_path: Path) -> Writer:
    return Writer(tmp_path / "new.turgor", "sim:", True, 0)


def rows(path: Path, sql: str) -> list[tuple[object, ...]]:
    database = sqlite3.connect(path)
    found = database.execute(sql).fetchall()
    database.close()
    return found


def test_by_hand(writer: Writer) -> None:
    writer.add([boot(), pack(GAP, 255, 1, 1, 2, (9,))])
    assert writer.commit() == 9
    assert (writer.records, writer.lost) == (2, 9)
    writer.close()
    columns = "board, boot, seq, kind, channel, t_s, crc, body"
    found = rows(writer.path, f"SELECT {columns} FROM records ORDER BY seq")
    # The CRC-32 under which the board sends it.
    sent = bytearray.fromhex("0aff0100 01000000 02000000 09000000 00000000")
    crc_append(sent, 16, CRC_TABLE)
    crc = int.from_bytes(sent[16:], "little")
    # 0xf000000000000002 as a signed number.
    assert found[1] == (-0xFFFFFFFFFFFFFFE, 1, 1, 10, 255, 2, crc, b"\t\0\0\0")
    assert rows(writer.path, "PRAGMA application_id") == [(0x54555247,)]
    assert rows(writer.path, "PRAGMA user_version") == [(1,)]


def test_every_commit_is_synchronous_and_goes_to_the_wal(writer: Writer) -> None:
    assert writer._database.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert writer._database.execute("PRAGMA synchronous").fetchone() == (2,)
    writer.close()


def test_tells_up_to_which_record_all_is_stored(writer: Writer) -> None:
    assert writer.commit() is None
    writer.add([boot(), command(2)])
    assert writer.commit() == 0
    writer.add([command(4), command(1)])
    assert writer.commit() == 2
    writer.add([gap(3, 3)])
    assert writer.commit() == 4
    writer.add([gap(5, 99), command(100)])
    assert writer.commit() == 100
    assert writer.lost == 96
    writer.add([boot(2), command(1, number=2)])
    assert writer.commit() == 1
    writer.close()


def test_a_record_that_comes_again_is_stored_once(writer: Writer) -> None:
    writer.add([boot(), command(1), command(1)])
    writer.commit()
    writer.add([boot(), command(1), command(2)])
    writer.close()
    assert writer.records == 3
    assert rows(writer.path, "SELECT seq FROM records ORDER BY seq") == [(0,), (1,), (2,)]


@pytest.mark.parametrize("committed", [False, True])
def test_another_record_under_the_same_number_is_an_error(writer: Writer, committed: bool) -> None:
    writer.add([boot(), command(1)])
    if committed:
        writer.commit()
    with pytest.raises(TurgorError, match=r"record 1 of boot 1 came twice .* start a new one"):
        writer.add([command(1, a=5)])
    writer.close()
    assert rows(writer.path, "SELECT count(*) FROM records") == [(2,)]


@pytest.mark.parametrize("here", [[command(1), command(2)], [gap(1, 2)]])
def test_a_gap_that_begins_with_what_is_here_declares_the_rest_of_it(writer: Writer, here: list[bytes]) -> None:
    """A board that does not know how far its host is begins with all that it has freed."""
    writer.add([boot(), *here])
    lost = writer.lost
    writer.add([gap(0, 1), gap(0, 6), command(7)])
    assert writer.commit() == 7
    assert writer.lost - lost == 4
    writer.close()
    assert rows(writer.path, f"SELECT seq, body FROM records WHERE kind = {GAP} AND seq > 1") == [(3, b"\x06\0\0\0")]
    assert rows(writer.path, "SELECT kind FROM records WHERE seq = 0") == [(BOOT,)]


def test_an_exchange_finds_the_board_that_names_itself_later(writer: Writer) -> None:
    writer.exchange(1, 2, Exchange(1e9, 5.25, 5.5, 1e9 + 0.5))
    writer.commit()
    assert writer._database.execute("SELECT count(*) FROM exchanges").fetchone() == (0,)
    writer.add([boot()])
    writer.close()
    sql = "SELECT board, boot, piece, sent, taken, answered, received FROM exchanges"
    assert rows(writer.path, sql) == [(-0xFFFFFFFFFFFFFFE, 1, 2, 1e9, 5.25, 5.5, 1e9 + 0.5)]


def test_meta_and_notes(writer: Writer) -> None:
    writer.set_identity({"version": "9.9", "runtime": "MicroPython 1.29.0"})
    writer.note("lost", "cable")
    writer.close()
    meta = dict(rows(writer.path, "SELECT key, value FROM meta"))
    assert {"source": "sim:", "simulated": 1, "speed": 0, "firmware_version": "9.9"}.items() <= meta.items()
    assert rows(writer.path, "SELECT kind, text FROM notes ORDER BY id") == [
        ("opened", "sim:"),
        ("lost", "cable"),
        ("closed", ""),
    ]
    # One file is left, also for a folder that cannot be written.
    assert [path.name for path in writer.path.parent.iterdir()] == ["new.turgor"]
    assert rows(writer.path, "PRAGMA journal_mode") == [("delete",)]


def test_an_existing_file_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "there.turgor"
    told = "there.turgor exists already and is no Turgor recording; choose another name"
    for content in (b"mine", b"mine" * 5000):
        path.write_bytes(content)
        with pytest.raises(TurgorError, match=told):
            Writer(path, "sim:", True, 1)
        assert path.read_bytes() == content
    path.unlink()
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE mine (a)")
    other.close()
    content = path.read_bytes()
    with pytest.raises(TurgorError, match=told):
        Writer(path, "sim:", True, 1)
    assert path.read_bytes() == content
    assert [found.name for found in tmp_path.iterdir()] == ["there.turgor"]


def test_the_wal_of_another_recording_is_refused(tmp_path: Path) -> None:
    (tmp_path / "new.turgor-wal").write_bytes(b"mine")
    with pytest.raises(TurgorError, match="choose another name"):
        Writer(tmp_path / "new.turgor", "sim:", True, 1)
    assert not (tmp_path / "new.turgor").exists()


@pytest.mark.parametrize("place", ["no/such/folder/new.turgor", "/proc/new.turgor"])
def test_a_place_that_cannot_be_written_is_named(tmp_path: Path, place: str) -> None:
    with pytest.raises(TurgorError, match=r"new\.turgor: .*(make it first|another place)"):
        Writer(tmp_path / place, "sim:", True, 1)


def test_a_full_disk_keeps_what_was_committed_and_may_be_tried_again(writer: Writer) -> None:
    writer.add([boot(), command(1)])
    writer.commit()
    pages = writer._database.execute("PRAGMA page_count").fetchone()[0]
    writer._database.execute(f"PRAGMA max_page_count = {pages}")
    writer.add([command(seq) for seq in range(2, 2000)])
    for _ in range(2):
        with pytest.raises(DiskFull, match=r"cannot be written \(database or disk is full\); make room"):
            writer.commit()
    assert writer.waiting == 1998 * (12 + 28)
    with open_recording(writer.path) as recording:
        assert recording.counts() == {"boot": 1, "command": 1}
        assert recording.check()["whole"]
    writer._database.execute("PRAGMA max_page_count = 100000")
    assert writer.commit() == 1999
    writer.close()


@pytest.mark.parametrize("replaced", [False, True])
def test_a_file_that_is_no_longer_there_takes_nothing(writer: Writer, replaced: bool) -> None:
    writer.add([boot()])
    writer.commit()
    writer.path.rename(writer.path.with_name("moved"))
    if replaced:
        writer.path.write_text("another")
    writer.add([command(1)])
    for end in (writer.commit, writer.close):
        with pytest.raises(TurgorError, match="was deleted, moved or replaced while it was recorded; choose"):
            end()
    assert not replaced or writer.path.read_text() == "another"


def test_closing_on_a_full_disk_says_so_and_closes(writer: Writer) -> None:
    pages = writer._database.execute("PRAGMA page_count").fetchone()[0]
    writer._database.execute(f"PRAGMA max_page_count = {pages}")
    writer.add([boot(), *(command(seq) for seq in range(1, 2000))])
    with pytest.raises(TurgorError, match="disk is full"):
        writer.close()
    writer.close()
    with open_recording(writer.path) as recording:
        assert recording.check()["whole"]


def test_a_disk_that_is_full_from_the_start_leaves_no_file(tmp_path: Path) -> None:
    def full(path: Path) -> sqlite3.Connection:
        database = connect(path)
        database.execute("PRAGMA max_page_count = 2")
        return database

    with pytest.raises(DiskFull, match="disk is full"):
        Writer(tmp_path / "new.turgor", "sim:", True, 1, connect=full)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("replaced", [False, True])
def test_a_wal_that_is_no_longer_there_is_noticed(writer: Writer, replaced: bool) -> None:
    """What is written to it then would be gone with the process."""
    writer.add([boot()])
    writer.commit()
    wal = writer.path.with_name(writer.path.name + "-wal")
    wal.rename(writer.path.with_name("moved"))
    if replaced:
        wal.write_bytes(b"")
    writer.add([command(1)])
    for end in (writer.commit, writer.close):
        with pytest.raises(TurgorError, match="was deleted, moved or replaced while it was recorded; choose"):
            end()
