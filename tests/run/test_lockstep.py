"""While a board is recorded its arithmetic is done again, and what differs is told."""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from struct import pack
from zlib import crc32

import pytest
from waiting import until

from turgor.link.records import HEADER, READINGS
from turgor_host.errors import TurgorError
from turgor_host.lockstep import Lockstep
from turgor_host.recording.reader import open_recording
from turgor_host.recording.verify import verify
from turgor_host.run import Run, open_run

# Where a readings record's first median is, behind 7 bytes of DBP, channel, flags, last index and value. Nothing later
# is reckoned from a median that was told, as it is from a value.
_MEDIAN_AT = 17


@pytest.fixture
def running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    monkeypatch.setattr("turgor_host.run.Lockstep", partial(Lockstep, every_s=1.0))
    with open_run("sim:", tmp_path / "a.turgor", speed=30, runtime="auto", seed=1) as run:
        thread = threading.Thread(target=run.session.run)
        thread.start()
        yield run
        run.session.stop()
        thread.join()


def spoil(file: Path, t_s: int) -> bool:
    """Have the board say another median of `calf_l` in that second, one that its CRC-32 vouches for.

    False where that second has not been committed yet.
    """
    database = sqlite3.connect(file, timeout=30)
    where = "WHERE kind = ? AND t_s = ?"
    row = database.execute(f"SELECT channel, boot, seq, body FROM records {where}", (READINGS, t_s)).fetchone()
    if row is not None:
        channel, boot, seq, body = row
        changed = body[:_MEDIAN_AT] + bytes([body[_MEDIAN_AT] ^ 1]) + body[_MEDIAN_AT + 1 :]
        crc = crc32(changed, crc32(pack(HEADER, READINGS, channel, boot, seq, t_s)))
        database.execute(f"UPDATE records SET body = ?, crc = ? {where}", (changed, crc, READINGS, t_s))
        database.commit()
    database.close()
    return row is not None


def test_a_wrong_reading_is_told_and_stands_until_it_is_seen(running: Run) -> None:
    def alarms() -> list[tuple[str, str, str]]:
        rules = [alarm for alarm in running.live.state()["alarms"] if alarm["rule"] == "lockstep"]
        return [(alarm["label"], alarm["priority"], alarm["group"]) for alarm in rules]

    until(lambda: running.session.board_s > 100)
    assert alarms() == []
    spoiled_s = running.session.board_s - 10
    until(lambda: spoil(running.file, spoiled_s))
    until(alarms)
    ((label, priority, text),) = alarms()
    assert (label, priority) == ("Board", "medium")
    assert text.startswith(f"calf_l reading median at 0:0{spoiled_s // 60}:{spoiled_s % 60:02d}: expected ")
    assert running.session.act("ack", rule="lockstep") == "acknowledged: lockstep"
    # It is told once, however often the minutes around it are looked at.
    again_s = running.session.board_s + 90
    until(lambda: running.session.board_s > again_s)
    assert alarms() == []
    with pytest.raises(TurgorError, match="no alarm of lockstep stands"):
        running.session.act("ack", rule="lockstep")


def test_why_it_could_not_be_followed(tmp_path: Path) -> None:
    lockstep = Lockstep(tmp_path / "none.turgor", every_s=0.0)
    until(lambda: lockstep.poll(time.monotonic(), 5) or lockstep.trouble)
    assert "(exit 1)" in lockstep.trouble
    assert "none.turgor" in lockstep.trouble
    lockstep.close()


def test_its_end_alone_is_equal_too(record: Callable[..., Path]) -> None:
    """However much of the end is looked at: nothing is called different, and a long end is verified."""
    with open_recording(record("sim:", 600)) as recording:
        for seconds in (1, 119, 240, 480, 1000):
            report = verify(recording, seconds)
            assert report.differences == [], seconds
            # The next snapshots are at most a minute away, and medians are full after another.
            assert report.readings.equal >= 6 * min(seconds - 122, 600 - 122)
