"""A recording as numpy arrays, and what is refused."""

import os
import sqlite3
import sys
import tempfile
from math import isnan
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from sample_records import chunks_of, codes_of, find_samples, with_chunks, with_code

from turgor.core.channel import PressureChannel
from turgor.core.filter_words import FLAGS, SETTLED, milli_mmhg
from turgor.link.records import BOOT, SAMPLES, pack, unpack
from turgor_host.errors import TurgorError
from turgor_host.recording.reader import open_recording
from turgor_host.recording.writer import Writer
from turgor_host.timebase import Exchange


@pytest.fixture
def recording(eventful: list[bytes], store: Any) -> Any:
    with open_recording(store(eventful)) as opened:
        yield opened


def by_hand(fake: ModuleType) -> list[bytes]:
    """10 s at 4 samples/s from 0.125 s on: 20 mmHg, a mmHg more with each sample; three pass unread before the 9th."""
    board = fake.Board({"calf_l": (lambda index: 152000 + 8000 * index, {9: 3})}, noise=False)
    return board.drained(10_500_000)


def test_by_hand(fake: ModuleType, store: Any) -> None:
    with open_recording(store(by_hand(fake))) as recording:
        assert recording.channels == ["calf_l"]
        assert recording.duration_s == 10
        track = recording["calf_l"]
        assert track.readings().time.tolist() == list(range(1, 11))
        time, value, validity = track.window()
        assert value.tolist() == [20 + i for i in range(8)] + [31 + i for i in range(31)]
        assert time == pytest.approx([0.125 + 0.25 * i for i in range(8)] + [2.875 + 0.25 * i for i in range(31)])
        assert validity.all()
        assert track.codes(1.0, 1.5).sample_index.tolist() == [5, 6]
        assert track.code_window(1.0, 1.5)[1].tolist() == [192000, 200000]
        # A window holds its start and not its end.
        assert len(track.window(0.125, 0.375).time) == 1


def test_windows_are_parts_of_the_whole(recording: Any) -> None:
    for name in ("calf_l", "calf_r", "calf_z"):
        track = recording[name]
        for method in ("window", "readings", "filtered", "codes", "sweeps"):
            if not hasattr(track, method):
                continue
            whole = getattr(track, method)()
            for t0, t1 in ((None, 50), (60.5, 61.25), (119.5, 130), (160, None)):
                part = getattr(track, method)(t0, t1)
                inside = (whole.time >= (t0 or 0)) & (whole.time < (t1 or 1e9))
                for column, cut in zip(whole, part, strict=True):
                    assert np.array_equal(column[inside], cut, equal_nan=True), (name, method, t0)


def test_raw_samples_follow_the_calibration_in_force(recording: Any) -> None:
    track = recording["calf_l"]
    time, value, _ = track.window()
    before, after = value[time < 120.9], value[time > 121.1]
    assert before.mean() == pytest.approx(20, abs=0.01)
    assert after.mean() == pytest.approx(35, abs=0.01)
    # By the very integers of the board.
    setup = recording.boots[0].setups[0]
    codes = track.codes().code[:50].tolist()
    assert value[:50].tolist() == [milli_mmhg(setup.state(), code) / 1000 for code in codes]


def test_filtered_is_the_boards_own_core(recording: Any) -> None:
    track = recording["forearm_l"]
    channel = PressureChannel(recording.boots[0].setups[2].state())
    found = track.filtered(0, 30)
    for code, value, valid in zip(track.codes(0, 30).code.tolist(), found.value, found.validity, strict=True):
        channel.sample(code)
        assert (channel.latest / 1000, bool(channel.words[FLAGS] & SETTLED)) == (value, valid)
    assert found.validity.sum() == len(found.value) - 8


def test_filtered_equals_the_readings(recording: Any) -> None:
    for name in ("calf_l", "calf_r", "forearm_l"):
        filtered, readings = recording[name].filtered(), recording[name].readings(0, 168)
        last = np.searchsorted(filtered.time, readings.time) - 1
        # A reading at the moment of its last sample; where conversions passed unread the filter ran on for them.
        same = filtered.value[last] == readings.value
        assert same[readings.valid].all(), name


def test_filtered_says_nothing_after_lost_records(eventful: list[bytes], store: Any) -> None:
    lost = find_samples(eventful, 1, after=150)
    rest = [*eventful[:lost], _gap(eventful[lost]), *eventful[lost + 1 :]]
    with open_recording(store(eventful)) as whole, open_recording(store(rest)) as recording:
        found, full = recording["calf_r"].filtered(), whole["calf_r"].filtered()
        assert recording.lost == 1
        known = found.validity
        first, last = unpack(eventful[lost])[0]["t_s"], 0
        assert known[found.time < first].mean() > 0.95
        restarted = found.time[(found.time > first + 1) & known]
        assert len(restarted)
        last = restarted[0]
        assert not known[(found.time > first + 1) & (found.time < last)].any()
        match = np.searchsorted(full.time, found.time[known])
        assert np.array_equal(full.value[match], found.value[known])


def _gap(record: bytes) -> bytes:
    header, _, _ = unpack(record)
    return pack("gap", 255, header["boot"], header["seq"], header["t_s"], (header["seq"],))


def test_a_converter_at_its_limit_is_not_valid(fake: ModuleType, store: Any) -> None:
    records = fake.Board({"calf_l": (lambda index: 8388607 if index == 5 else 0,)}).drained(12_000_000)
    with open_recording(store(records)) as recording:
        assert np.flatnonzero(~recording["calf_l"].window().validity).tolist() == [4]


def test_impedance(recording: Any) -> None:
    track = recording["calf_z"]
    time, value, validity = track.window()
    assert validity.all()
    # 8 milliohm a count.
    assert value[:30].tolist() == [56.0] * 30
    assert value[40:60].tolist() == pytest.approx(
        [56.0 - 0.12 * min(sweep - 35, 21) for sweep in range(41, 61)], abs=0.13
    )
    assert value[-1] == 53.48
    assert np.diff(time) == pytest.approx(2, abs=0.01)
    sweeps = track.sweeps()
    assert sweeps.frequency_hz[:4].tolist() == [5000, 49984, 99968, 5000]
    assert set(sweeps.word_count.tolist()) == {16}
    assert recording.baselines() == {"calf_z": [(61, 56.0)]}


def test_readings_and_dbp(recording: Any) -> None:
    readings = recording["calf_l"].readings()
    assert isnan(readings.median[0])
    assert readings.median[60] == pytest.approx(20, abs=0.01)
    assert readings.valid.all()
    time, dbp, age_s = recording.dbp(39, 43)
    assert (time.tolist(), age_s.tolist()) == ([39, 40, 41, 42], [65535, 65535, 0, 1])
    assert dbp.tolist()[2:] == [60, 60]
    assert np.isnan(dbp[:2]).all()


def test_events(recording: Any) -> None:
    found = recording.events()
    assert found[0] == {
        "t_s": 51,
        "utc": "2027-01-15T08:00:51.000Z",
        "channel": "calf_l",
        "rule": "dp_low",
        "priority": "medium",
        "state": "raised",
        "value": pytest.approx(40, abs=0.01),
        "limit": 45.0,
        "unit": "mmHg",
        "episode": None,
    }
    gained = [event for event in found if event["rule"] == "fluid_gain"]
    assert [(event["state"], event["value"], event["limit"], event["unit"]) for event in gained] == [
        ("raised", 1.6, 1.0, "%"),
        ("escalated", 3.1, 2.0, "%"),
        ("acknowledged", None, None, "%"),
    ]


def test_the_hash_of_samples_does_not_know_blocks(eventful: list[bytes], store: Any) -> None:
    """The same samples in blocks of half the size, under other numbers."""
    split: list[bytes] = []
    for record in eventful:
        if record[0] != SAMPLES:
            split.append(record)
            continue
        halves = [half for chunk in chunks_of(record) for half in chunk.halves()]
        middle = len(halves) // 2
        split += [with_chunks(record, part) for part in (halves[:middle], halves[middle:]) if part]
    numbered = [record[:4] + seq.to_bytes(4, "little") + record[8:] for seq, record in enumerate(split)]
    assert len(numbered) > len(eventful) + 100
    with open_recording(store(eventful)) as one, open_recording(store(numbered)) as other:
        assert one.samples_sha256() == other.samples_sha256()
        assert one.events_sha256() == other.events_sha256()
        assert one.readings_sha256() == other.readings_sha256()


def test_hashes_see_one_changed_number(eventful: list[bytes], store: Any) -> None:
    at = find_samples(eventful, 0, after=200)
    record = with_code(eventful[at], 0, 2, codes_of(eventful[at], 0)[2] + 1)
    changed = [*eventful[:at], record, *eventful[at + 1 :]]
    with open_recording(store(eventful)) as one, open_recording(store(changed)) as other:
        assert one.samples_sha256() != other.samples_sha256()
        assert one.events_sha256() == other.events_sha256()


def test_a_second_boot_goes_on_where_the_first_ended(fake: ModuleType, tmp_path: Path) -> None:
    records = by_hand(fake)
    again = [record[:2] + (8).to_bytes(2, "little") + record[4:] for record in records]
    with Writer(tmp_path / "two.turgor", "port", False, 1) as writer:
        writer.exchange(7, 0, Exchange(1001.9, 2.0, 2.0, 1002.1))
        writer.add(records)
        writer.exchange(8, 0, Exchange(1500.9, 1.0, 1.0, 1501.1))
        writer.add(again)
    with open_recording(tmp_path / "two.turgor") as recording:
        # By the exchanges board time 0 of the second boot is 500 s after that of the first.
        assert recording["calf_l"].readings().time.tolist() == [*range(1, 11), *range(501, 511)]
        assert recording.duration_s == 510


def test_without_set_up_there_are_readings_and_no_made_up_values(eventful: list[bytes], store: Any) -> None:
    rest = [pack("gap", 255, 7, 0, 0, (9,)), *eventful[10:]]
    with open_recording(store(rest)) as recording:
        assert recording.channels == ["calf_l", "calf_r", "forearm_l", "calf_z"]
        assert recording["calf_l"].readings().valid.all()
        for name, method in (("calf_l", "window"), ("calf_l", "filtered"), ("calf_z", "window")):
            found = getattr(recording[name], method)()
            assert len(found.time)
            assert np.isnan(found.value).all()
            assert not found.validity.any()


def test_a_channel_that_is_not_there(recording: Any) -> None:
    with pytest.raises(TurgorError, match=r"no channel 'calf'; its channels: calf_l calf_r forearm_l calf_z"):
        recording["calf"]


def test_reads_while_it_is_written(eventful: list[bytes], tmp_path: Path) -> None:
    path = tmp_path / "live.turgor"
    with Writer(path, "port", False, 1) as writer:
        writer.add(eventful[:300])
        writer.commit()
        with open_recording(path) as recording:
            before = len(recording["calf_l"].readings().time)
            writer.add(eventful[300:])
            assert len(recording["calf_l"].readings().time) == before
            writer.commit()
            assert len(recording["calf_l"].readings().time) == 170
            with recording.store.snapshot():
                assert sum(recording.counts().values()) == len(eventful)
    assert not recording.simulated


def test_reads_in_a_folder_that_cannot_be_written(eventful: list[bytes]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        open_writers = []
        for case in ("closed", "open", "left"):
            writer = Writer(folder / f"{case}.turgor", "port", False, 1)
            writer.add(eventful)
            writer.commit()
            if case == "closed":
                writer.close()
            else:
                open_writers.append(writer)
        # What a kill leaves where the index of the WAL file does not survive.
        (folder / "left.turgor-shm").unlink()
        folder.chmod(0o555)
        child = os.fork()
        if not child:
            os._exit(_look(folder))
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        folder.chmod(0o755)
        for writer in open_writers:
            writer.close()


def _look(folder: Path) -> int:
    """The number of recordings that could not be read by somebody who may not write here."""
    if os.geteuid() == 0:
        os.setuid(65534)
    failed = 0
    for case in ("closed", "open", "left"):
        try:
            with open_recording(folder / f"{case}.turgor") as recording:
                failed += len(recording["calf_l"].readings().time) != 170
        except TurgorError as error:
            print(error, file=sys.stderr)
            failed += 1
    return failed


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"is empty and no Turgor recording; make one with `turgor record`"),
        (b"time,value\n1,2\n", r"is no Turgor recording; make one"),
        (b"SQLite format 3\0" + bytes(200), r"cannot be read"),
    ],
)
def test_what_is_no_recording(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "x.turgor").write_bytes(content)
    with pytest.raises(TurgorError, match=message):
        open_recording(tmp_path / "x.turgor")


def test_no_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(TurgorError, match="no such file"):
        open_recording(tmp_path / "x.turgor")
    with pytest.raises(TurgorError, match="is a folder"):
        open_recording(tmp_path)


@pytest.mark.parametrize(
    ("pragma", "message"),
    [
        ("application_id = 7", "is a SQLite file but no Turgor recording"),
        ("user_version = 2", r"format version 2, this program reads up to 1; update it with `pip install -U turgor`"),
    ],
)
def test_another_application_and_a_newer_version(eventful: list[bytes], store: Any, pragma: str, message: str) -> None:
    path = store(eventful)
    database = sqlite3.connect(path)
    database.execute(f"PRAGMA {pragma}")
    database.close()
    with pytest.raises(TurgorError, match=message):
        open_recording(path)


def test_check_finds_holes_and_changed_records(eventful: list[bytes], store: Any) -> None:
    path = store(eventful)
    with open_recording(path) as recording:
        assert recording.check() == {"whole": True, "integrity": ["ok"], "changed": [], "holes": []}
    database = sqlite3.connect(path)
    database.execute("DELETE FROM records WHERE seq BETWEEN 100 AND 102")
    database.execute("UPDATE records SET t_s = t_s + 1 WHERE seq = 200")
    database.commit()
    database.close()
    with open_recording(path) as recording:
        found = recording.check()
    assert found["holes"] == [{"boot": 7, "seq": 100, "last_seq": 102}]
    assert found["changed"] == [{"boot": 7, "seq": 200}]
    assert not found["whole"]


def test_a_damaged_record_is_named(eventful: list[bytes], store: Any) -> None:
    at = find_samples(eventful, 0)
    changed = [*eventful[:at], eventful[at][:40], *eventful[at + 1 :]]
    with (
        open_recording(store(changed)) as recording,
        pytest.raises(TurgorError, match=rf"calf_l holds a damaged record \(record {at}\)"),
    ):
        recording["calf_l"].window()


def test_a_recording_without_records(tmp_path: Path) -> None:
    Writer(tmp_path / "none.turgor", "port", False, 1).close()
    with open_recording(tmp_path / "none.turgor") as recording:
        assert (recording.channels, recording.events(), recording.duration_s) == ([], [], 0)
        assert recording.dbp()[0].tolist() == []


def test_a_board_id_is_kept_with_its_boot(store: Any) -> None:
    with open_recording(store([pack(BOOT, 255, 7, 0, 0, (2, 1, 0, 0, 0xFFFFFFFFFFFFFFFF))])) as recording:
        assert recording.boots[0].key == (-1, 7)
