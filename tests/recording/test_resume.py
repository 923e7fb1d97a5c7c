"""A recording that is there is gone on with: what comes next, what is refused, and one writer at a time."""

import random
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from turgor.link.records import BOOT, COMMAND, GAP, pack
from turgor_host.errors import DiskFull, TurgorError
from turgor_host.recording.reader import open_recording
from turgor_host.recording.stored import Stored, stored_in
from turgor_host.recording.writer import Writer
from turgor_host.timebase import Exchange

BOARD = 0xF000000000000002
SIGNED = BOARD - (1 << 64)


def boot(number: int = 1, board: int = BOARD) -> bytes:
    return pack(BOOT, 255, number, 0, 0, (1, 1, 0, 0, board), b"runtime=none")


def command(seq: int, a: int = 0, number: int = 1) -> bytes:
    return pack(COMMAND, 255, number, seq, seq, (seq, 16, 0, 0, a, 0, 0, 0, 0))


def gap(seq: int, last_seq: int, number: int = 1) -> bytes:
    return pack(GAP, 255, number, seq, seq, (last_seq,))


def make(path: Path, *records: bytes, simulated: bool = False) -> Path:
    with Writer(path, "/dev/ttyACM0", simulated, 1) as writer:
        writer.add(records)
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.turgor"


def test_by_hand(path: Path) -> None:
    with Writer(path, "/dev/ttyACM0", False, 1) as writer:
        assert (writer.goes_on, writer.latest()) == ("", None)
        writer.add([boot(), command(1), command(2), command(4)])
        # 3 is missing.
        assert writer.latest() == (SIGNED, 1, 3)
    with Writer(path, "/dev/ttyUSB7", False, 1) as writer:
        assert writer.goes_on == f"{path}: goes on; last record 4 of boot 1, 4 s after that boot"
        assert writer.latest() == (SIGNED, 1, 3)
        assert (writer.whole(BOARD, 1), writer.whole(SIGNED, 1), writer.whole(BOARD, 2)) == (3, 3, 0)
        writer.add([command(3), command(4), command(5)])
        assert writer.records == 2
        assert writer.commit() == 5
    with open_recording(path) as recording:
        assert recording.check()["whole"]
        assert recording.counts() == {"boot": 1, "command": 5}
        # It is named by the source it was begun with; both are noted.
        assert recording.meta["source"] == "/dev/ttyACM0"
        notes = recording.store.query("SELECT kind, text FROM notes ORDER BY id")
    assert notes == [("opened", "/dev/ttyACM0"), ("closed", ""), ("opened", "/dev/ttyUSB7"), ("closed", "")]


def test_nothing_but_an_empty_file_is_begun_anew(path: Path) -> None:
    path.touch()
    with Writer(path, "port", False, 1) as writer:
        assert writer.goes_on == ""
    with Writer(path, "port", False, 1) as writer:
        assert writer.goes_on == f"{path}: goes on; no record yet"
        assert writer.latest() is None


def test_the_newest_boot_comes_next(path: Path) -> None:
    make(path, boot(), command(1), boot(2), command(1, number=2), command(2, number=2))
    with Writer(path, "port", False, 1) as writer:
        assert writer.latest() == (SIGNED, 2, 3)
        writer.add([command(2)])
        assert writer.commit() == 2
        # A boot whose first record was lost is of the same board.
        writer.add([gap(0, 4, number=3)])
        assert writer.commit() == 4
        assert writer.latest() == (SIGNED, 3, 5)


def test_another_board_is_refused(path: Path) -> None:
    make(path, boot())
    told = r"recording of board f000000000000002 and this is board 0000000000000007; choose another name"
    with Writer(path, "port", False, 1) as writer:
        writer.set_board(BOARD)
        writer.set_board(0)
        with pytest.raises(TurgorError, match=told):
            writer.set_board(7)
        with pytest.raises(TurgorError, match=told):
            writer.add([boot(2, board=7)])
        writer.add([command(1)])
    with open_recording(path) as recording:
        assert recording.counts() == {"boot": 1, "command": 1}


def test_a_board_that_names_itself_late_is_not_split(path: Path) -> None:
    make(path, gap(0, 4), command(5))
    with Writer(path, "port", False, 1) as writer:
        assert writer.latest() == (0, 1, 6)
        writer.set_board(BOARD)
        writer.add([command(6), boot(2)])
    with Writer(path, "port", False, 1) as writer:
        assert writer.latest() == (SIGNED, 2, 1)
        assert writer.whole(0, 1) == 7
        assert writer.whole(BOARD, 1) == 0


def test_a_gap_over_what_is_here_changes_nothing_of_it(path: Path) -> None:
    with Writer(path, "port", False, 1) as writer:
        writer.add([boot(), command(3), command(4), command(8)])
        writer.add([gap(1, 5)])
        assert (writer.commit(), writer.lost) == (5, 3)
        # Declared anew and further; and for what the board freed because it is stored here.
        writer.add([gap(1, 6), gap(0, 0), command(1)])
        writer.add([gap(6, 9)])
        assert (writer.commit(), writer.lost) == (9, 6)
    with Writer(path, "port", False, 1) as writer:
        assert writer.latest() == (SIGNED, 1, 10)
    with open_recording(path) as recording:
        assert recording.check()["whole"]


@pytest.mark.parametrize("seed", range(40))
def test_the_file_says_what_the_writer_knew(tmp_path: Path, seed: int) -> None:
    dice = random.Random(seed)
    path = tmp_path / "a.turgor"
    whole: set[int] = set()
    with Writer(path, "port", False, 1) as writer:
        for _ in range(dice.choice((1, 30, 200))):
            seq = dice.randrange(60)
            last = seq + dice.choice((0, 1, 3, 10)) if dice.random() < 0.2 else None
            if seq not in whole or last is None:
                whole.update(range(seq, seq + 1 if last is None else last + 1))
            writer.add([gap(seq, last) if last is not None else boot() if not seq else command(seq)])
        known = dict(writer._stored)
    with sqlite3.connect(path) as database:
        for (board, number), stored in known.items():
            found = stored_in(database, board, number)
            assert found.whole == stored.whole
            assert found.highest == stored.highest
            assert _covered(found) == _covered(stored)


def _covered(stored: Stored) -> set[int]:
    return {seq for start, end in stored.ahead.items() for seq in range(start, end)}


def test_a_day_of_records_is_looked_through_by_ranges(path: Path) -> None:
    make(path, boot())
    with sqlite3.connect(path) as database:
        database.executemany(
            "INSERT INTO records VALUES (?, 1, ?, ?, 0, ?, 0, ?)",
            ((SIGNED, seq, 5, seq // 4, bytes(60)) for seq in range(1, 50000) if seq != 37123),
        )
        steps = 0

        def count() -> int:
            nonlocal steps
            steps += 1
            return 0

        database.set_progress_handler(count, 1000)
        found = stored_in(database, SIGNED, 1)
    database.close()
    assert (found.whole, found.highest, len(found.ahead)) == (37123, 49999, 50000 - 37124)
    # A thousand steps of SQLite's machine each: some per row, whatever the number of looks.
    assert steps < 50 * 12


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            "PRAGMA user_version = 99",
            "format version 99, this program writes .* `pip install -U turgor` or choose another name",
        ),
        ("PRAGMA user_version = 0", "has format version 0, this program writes .*; choose another name"),
        ("PRAGMA application_id = 7", "exists already and is no Turgor recording; choose another name"),
        (
            "UPDATE meta SET value = 1 WHERE key = 'simulated'",
            "recording of a simulated one, the source is a real board",
        ),
    ],
)
def test_what_is_no_recording_to_go_on_with(path: Path, change: str, words: str) -> None:
    make(path, boot())
    with sqlite3.connect(path) as database:
        database.execute(change)
    database.close()
    before = path.read_bytes()
    with pytest.raises(TurgorError, match=words):
        Writer(path, "port", False, 1)
    assert path.read_bytes() == before
    assert [found.name for found in path.parent.iterdir()] == [path.name]


def test_a_real_board_does_not_go_on_as_a_simulated_one(path: Path) -> None:
    make(path, boot())
    with pytest.raises(TurgorError, match="recording of a real board, the source is a simulated one; choose another"):
        Writer(path, "sim:", True, 1)


def test_a_damaged_file_is_refused(path: Path) -> None:
    make(path, boot(), *(command(seq) for seq in range(1, 3000)))
    content = bytearray(path.read_bytes())
    for at in range(5 * 4096, 9 * 4096):
        content[at] ^= 0x55
    path.write_bytes(content)
    with pytest.raises(TurgorError, match=r"a.turgor is damaged \(Page .*\); choose another name, `turgor info --"):
        Writer(path, "port", False, 1)
    assert path.read_bytes() == content
    assert [found.name for found in path.parent.iterdir()] == [path.name]


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TurgorError, match="is a folder; choose another name"):
        Writer(tmp_path, "port", False, 1)


def test_one_writer_at_a_time(path: Path) -> None:
    make(path, boot())
    told = "a.turgor: another program records into it; end that one or choose another name"
    for _ in range(2):
        with Writer(path, "port", False, 1) as writer:
            with pytest.raises(TurgorError, match=told):
                Writer(path, "port", False, 1)
            with open_recording(path) as recording:
                assert recording.counts()["boot"] == 1
            with pytest.raises(TurgorError, match=told):
                Writer(path, "port", False, 1)
            writer.add([command(1)])
            assert writer.commit() == 1


def test_a_reader_in_the_recorder_takes_no_lock_away(path: Path) -> None:
    """The bytes that SQLite holds while it has a file in WAL mode open, seen from another process."""
    look = (
        "import fcntl, sys\n"
        "with open(sys.argv[1], 'r+b') as file:\n"
        "    fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 510, 0x40000002)\n"
    )

    def is_held() -> bool:
        done = subprocess.run([sys.executable, "-c", look, path], check=False, capture_output=True, text=True)
        assert not done.returncode or "BlockingIOError" in done.stderr
        return bool(done.returncode)

    with Writer(path, "port", False, 1) as writer:
        writer.add([boot()])
        writer.commit()
        assert is_held()
        open_recording(path).close()
        assert is_held()
    assert not is_held()


def test_a_locked_recording_may_be_tried_again(path: Path) -> None:
    def impatient(path: Path) -> sqlite3.Connection:
        return sqlite3.connect(path, isolation_level=None, timeout=0)

    with Writer(path, "port", False, 1, connect=impatient) as writer:
        writer.add([boot()])
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(DiskFull, match=r"cannot be written \(database is locked\); end the program that holds it"):
            writer.commit()
        other.execute("ROLLBACK")
        other.close()
        assert writer.commit() == 0


def test_the_boot_that_was_heard_last_goes_on_though_an_earlier_one_has_a_higher_number(path: Path) -> None:
    """A board whose flash was erased counts its boots anew."""
    make(path, boot(4), command(1, number=4))
    with Writer(path, "/dev/ttyACM0", False, 1) as writer:
        writer.exchange(4, 0, Exchange(1e9, 5.25, 5.5, 1e9 + 0.5))
        writer.exchange(1, 0, Exchange(1e9 + 9, 0.25, 0.5, 1e9 + 9.5))
        writer.add([boot(1), command(1), command(2)])
    with Writer(path, "/dev/ttyACM0", False, 1) as writer:
        assert writer.latest() == (SIGNED, 1, 3)
        assert "last record 2 of boot 1," in writer.goes_on
