"""A recording against the core: equal where nothing was touched, different where anything was, never equal by guess."""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from struct import pack, pack_into
from types import ModuleType
from typing import Any
from zlib import crc32

import pytest
from sample_records import chunks_of, codes_of, find_samples, with_code, without_channel

from turgor.link.blocks import BEGINS, RESTART
from turgor.link.records import BASELINE, COMMAND, EVENT, HEADER, HEADER_SIZE, READINGS, SAMPLES, unpack
from turgor.link.records import pack as pack_record
from turgor_host.recording.reader import open_recording
from turgor_host.recording.samples import decode_samples
from turgor_host.recording.verify import Report, verify

Records = list[bytes]
Check = Callable[[Records], Report]


@pytest.fixture
def check(store: Any) -> Check:
    def run(records: Records) -> Report:
        with open_recording(store(records)) as recording:
            return verify(recording)

    return run


def find(records: Records, kind: int, channel: int = 255, after: int = 0) -> int:
    """The first record of a kind and channel from number `after` on."""
    return next(i for i in range(after, len(records)) if records[i][0] == kind and records[i][1] == channel)


def second(records: Records, t_s: int) -> int:
    """The first record of a second."""
    return next(i for i, record in enumerate(records) if unpack(record)[0]["t_s"] == t_s)


def changed(records: Records, at: int, change: Callable[[bytearray], None]) -> Records:
    record = bytearray(records[at])
    change(record)
    return [*records[:at], bytes(record), *records[at + 1 :]]


def gap(first: bytes, last: bytes) -> bytes:
    start, end = unpack(first)[0], unpack(last)[0]
    return pack_record("gap", 255, start["boot"], start["seq"], end["t_s"], (end["seq"],))


def test_by_hand(fake: ModuleType, check: Check) -> None:
    """Three seconds of 20 mmHg; the reading of the second one is changed by a milli-mmHg."""
    records = fake.Board({"calf_l": (lambda index: 160000,)}).drained(3_500_000)
    assert check(records).result == "equal"
    at = find(records, READINGS, after=find(records, READINGS) + 1)
    # After the header and 7 bytes of DBP come channel, flags, last index, value.
    assert int.from_bytes(records[at][25:29], "little") == 20000
    report = check(changed(records, at, lambda record: pack_into("<i", record, 25, 20001)))
    assert report.result == "different"
    assert report.as_dict()["readings"] == {"equal": 2, "different": 1, "unverifiable": 0}
    assert report.differences == [
        {"what": "reading", "channel": "calf_l", "t_s": 2, "field": "value", "expected": 20.0, "found": 20.001}
    ]


def test_an_untouched_recording_is_equal(eventful: Records, check: Check) -> None:
    report = check(eventful)
    assert report.result == "equal"
    assert (report.records, report.changed, report.differences, report.unverifiable) == (len(eventful), 0, [], [])
    assert report.readings.as_dict() == {"equal": 4 * 170, "different": 0, "unverifiable": 0}
    assert report.baselines.equal == 1
    events = sum(record[0] == EVENT for record in eventful)
    assert (report.events.equal, events) == (11, 11)


def test_every_irregularity_is_in_that_recording(eventful: Records) -> None:
    """Otherwise the test above would prove less than it says."""
    samples = [record for record in eventful if record[0] == SAMPLES]
    chunks = [chunks_of(record) for record in samples]
    assert sum(chunk.how == RESTART for found in chunks for chunk in found) >= 4
    # Conversions that passed unread again and again within a quarter of a second.
    assert max(sum(chunk.how == BEGINS for chunk in found) for found in chunks) >= 2
    seconds = [unpack(record)[0]["t_s"] for record in samples]
    blocks, _ = decode_samples(seconds, [record[HEADER_SIZE:] for record in samples])
    between = blocks[1].first[1:] - blocks[1].last[:-1] - 1
    assert {0, 1, 3, 40, 60} <= set(between.tolist())
    states = [unpack(record)[1]["state"] for record in eventful if record[0] == EVENT]
    assert {1, 2, 4} <= set(states)
    commands = {unpack(record)[1]["command"] for record in eventful if record[0] == COMMAND}
    assert commands == {16, 17, 18}


@pytest.mark.parametrize("channel", [0, 1, 2])
def test_one_changed_code_is_found_with_channel_and_time(eventful: Records, check: Check, channel: int) -> None:
    """By the core alone: the changed record carries a CRC-32 that fits it."""
    at = find_samples(eventful, channel, after=len(eventful) // 2)
    codes = codes_of(eventful[at], channel)
    middle = sorted(codes[:3])[1]
    position = codes.index(middle)
    records = [*eventful[:at], with_code(eventful[at], channel, position, middle + 400), *eventful[at + 1 :]]
    report = check(records)
    assert report.result == "different"
    assert report.changed == 0
    name = ("calf_l", "calf_r", "forearm_l")[channel]
    assert {entry["channel"] for entry in report.differences} == {name}
    t_s = unpack(eventful[at])[0]["t_s"]
    assert 0 <= report.differences[0]["t_s"] - t_s <= 2
    assert report.differences[0]["field"] == "value"


def test_one_changed_bit_in_the_file_is_found_whatever_it_does(eventful: Records, store: Any) -> None:
    """Also where the filter would not notice: a code by one, at a place that the median hides."""
    at = find_samples(eventful, 1, after=300)
    path: Path = store(eventful)
    database = sqlite3.connect(path)
    body = with_code(eventful[at], 1, 3, codes_of(eventful[at], 1)[3] + 1)[HEADER_SIZE:]
    database.execute("UPDATE records SET body = ? WHERE seq = ?", (body, at))
    database.commit()
    database.close()
    with open_recording(path) as recording:
        report = verify(recording)
    assert report.result == "different"
    first = report.differences[0]
    header = unpack(eventful[at])[0]
    assert (first["what"], first["kind"], first["channel"], first["seq"]) == ("record", "samples", None, at)
    assert first["t_s"] == header["t_s"]
    assert first["expected"] == f"{crc32(eventful[at]):08x}"


def test_a_record_that_cannot_be_read_makes_what_follows_unverifiable_up_to_a_snapshot(
    eventful: Records, check: Check
) -> None:
    at = find_samples(eventful, 0, after=300)
    report = check([*eventful[:at], eventful[at][:40], *eventful[at + 1 :]])
    assert report.result == "different"
    assert report.differences[0]["seq"] == at
    t_s = unpack(eventful[at])[0]["t_s"]
    assert 2 * (60 - t_s % 60) <= report.readings.unverifiable <= 4 * (61 - t_s % 60)


@pytest.mark.parametrize(
    ("kind", "channel", "offset", "field"),
    [
        (READINGS, 255, HEADER_SIZE, "dbp"),
        (READINGS, 255, HEADER_SIZE + 4, "dbp_age_s"),
        (READINGS, 255, HEADER_SIZE + 6, "dbp_source"),
        (READINGS, 255, HEADER_SIZE + 7 + 1, "flags"),
        (READINGS, 255, HEADER_SIZE + 7 + 2, "last_index"),
        (READINGS, 255, HEADER_SIZE + 7 + 10, "median"),
    ],
)
def test_each_field_of_a_reading_counts(
    eventful: Records, check: Check, kind: int, channel: int, offset: int, field: str
) -> None:
    at = find(eventful, kind, channel, after=400)

    def flip(record: bytearray) -> None:
        record[offset] ^= 8

    report = check(changed(eventful, at, flip))
    t_s = unpack(eventful[at])[0]["t_s"]
    # A reading made of other samples has another value.
    field = "value" if field == "last_index" else field
    assert (field, t_s) in [(entry["field"], entry["t_s"]) for entry in report.differences]
    assert report.result == "different"
    assert report.readings.equal > 600


@pytest.mark.parametrize("offset", range(12))
def test_each_field_of_an_event_counts(eventful: Records, check: Check, offset: int) -> None:
    at = find(eventful, EVENT, 0)

    def flip(record: bytearray) -> None:
        record[HEADER_SIZE + offset] ^= 1

    report = check(changed(eventful, at, flip))
    assert [(entry["what"], entry["t_s"]) for entry in report.differences] == [("event", 51)]
    assert report.events.as_dict() == {"equal": 10, "different": 1, "unverifiable": 0}


def test_a_removed_and_an_invented_event_are_found(eventful: Records, check: Check) -> None:
    at = find(eventful, EVENT, 0)
    # Something else in its place, so that the numbering has no hole: a fault's end.
    other = pack(HEADER, 12, 0, 7, at, 51) + bytes(10)
    report = check([*eventful[:at], other, *eventful[at + 1 :]])
    (removed,) = [entry for entry in report.differences if entry["t_s"] == 51]
    assert (removed["channel"], removed["found"]) == ("calf_l", None)
    assert removed["expected"]["rule"] == "dp_low"
    fault = find(eventful, 12, 1)
    header = unpack(eventful[fault])[0]
    event = pack_record(EVENT, 0, 7, fault, header["t_s"], (0, 2, 1, 0, 1000, 45000))
    report = check([*eventful[:fault], event, *eventful[fault + 1 :]])
    (invented,) = [entry for entry in report.differences if entry["what"] == "event"]
    assert (invented["expected"], invented["found"]["state"]) == (None, "raised")


@pytest.mark.parametrize("t_s", [52, 172, 4000])
def test_an_event_at_another_second_is_found(eventful: Records, check: Check, t_s: int) -> None:
    at = find(eventful, EVENT, 0)
    report = check(changed(eventful, at, lambda record: pack_into("<I", record, 8, t_s)))
    assert [(entry["t_s"], bool(entry["found"])) for entry in report.differences] == [(51, False), (t_s, True)]


def test_acknowledgements_that_the_end_cuts_off_are_no_difference(eventful: Records, check: Check) -> None:
    """They are told limb by limb, behind the readings: of three the last two are not there."""
    at = next(i for i, record in enumerate(eventful) if record[0] == EVENT and unpack(record)[1]["state"] == 4)
    report = check(eventful[: at + 1])
    assert report.result == "equal"
    assert report.events.as_dict() == {"equal": 7, "different": 0, "unverifiable": 2}
    assert report.differences == []


def test_a_changed_command_shows_in_what_it_caused(eventful: Records, check: Check) -> None:
    def other_dbp(record: bytearray) -> None:
        pack_into("<i", record, HEADER_SIZE + 8, 61000)

    report = check(changed(eventful, find(eventful, COMMAND), other_dbp))
    assert report.differences[0] == {
        "what": "reading",
        "channel": None,
        "t_s": 41,
        "field": "dbp",
        "expected": 61000,
        "found": 60000,
    }


def test_a_changed_baseline_is_found(eventful: Records, check: Check) -> None:
    def other(record: bytearray) -> None:
        record[HEADER_SIZE + 1] ^= 1

    at = find(eventful, BASELINE, 4)
    (entry,) = check(changed(eventful, at, other)).differences
    assert (entry["what"], entry["channel"], entry["t_s"]) == ("baseline", "calf_z", 61)
    assert entry["expected"] == {"origin": "at attach", "ohm": 56.0}


@pytest.mark.parametrize("declared", [True, False])
def test_after_lost_records_nothing_is_equal_by_guess(eventful: Records, check: Check, declared: bool) -> None:
    """Half a minute is missing, declared by a gap record or just not there."""
    first, last = (find(eventful, READINGS, after=second(eventful, t_s)) for t_s in (50, 80))
    rest = eventful[:first] + ([gap(eventful[first], eventful[last])] if declared else []) + eventful[last + 1 :]
    report = check(rest)
    from_s, to_s = unpack(eventful[first])[0]["t_s"], unpack(eventful[last])[0]["t_s"]
    assert report.result == "unverifiable"
    assert report.differences == []
    # Filters and rules go on with the snapshots of 120 s, medians 60 s behind the gap, which is later.
    unknown = 59
    assert to_s + unknown >= 120
    assert report.readings.as_dict() == {
        "equal": 4 * (from_s - 1) + 4 * (170 - to_s - unknown),
        "different": 0,
        "unverifiable": 4 * unknown,
    }
    assert report.events.unverifiable == sum(
        record[0] == EVENT and to_s < unpack(record)[0]["t_s"] <= to_s + unknown for record in eventful
    )
    spans = {(span["what"], span["channel"]): span for span in report.unverifiable}
    assert spans["events", None]["to_s"] == to_s + unknown
    assert spans["reading", "calf_l"]["from_s"] == to_s + 1
    assert spans["reading", "calf_l"]["to_s"] == to_s + unknown
    assert spans["events", None]["reason"] == "records were lost"
    assert report.lost == (last - first + 1 if declared else 0)


def test_a_change_behind_a_gap_is_still_seen_in_sweeps(eventful: Records, check: Check) -> None:
    first, last = find(eventful, READINGS, after=200), find(eventful, READINGS, after=210)
    rest = [*eventful[:first], gap(eventful[first], eventful[last]), *eventful[last + 1 :]]
    at = find(rest, 6, 4, after=500)
    while unpack(rest[at])[1]["frequency"]:
        at += 1
        at = find(rest, 6, 4, after=at)

    def other(record: bytearray) -> None:
        record[HEADER_SIZE + 16] ^= 64

    report = check(changed(rest, at, other))
    assert {(entry["channel"], entry["field"]) for entry in report.differences} == {("calf_z", "value")}


def test_without_a_start_nothing_of_it_is_equal(eventful: Records, check: Check) -> None:
    """Set-up and limits are lost, and nobody said them again."""
    report = check([gap(eventful[0], eventful[9]), *eventful[10:]])
    assert report.result == "unverifiable"
    assert report.readings.as_dict() == {"equal": 0, "different": 0, "unverifiable": 680}
    assert report.events.as_dict() == {"equal": 0, "different": 0, "unverifiable": 11}


def test_a_recording_that_ends_at_a_readings_record(eventful: Records, check: Check) -> None:
    """As `record --seconds` ends it: events of that very tick are not in it."""
    at = find(eventful, EVENT, 0)
    end = max(i for i in range(at) if eventful[i][0] == READINGS) + 1
    report = check(eventful[:end])
    assert report.result == "equal"
    # dp_low on two limbs.
    assert report.events.as_dict() == {"equal": 0, "different": 0, "unverifiable": 2}
    assert report.differences == []


def test_readings_whose_codes_are_not_there_yet(eventful: Records, check: Check) -> None:
    """A board that logs a block after the readings that used it: at the end some readings stand alone."""
    end = max(i for i, record in enumerate(eventful) if record[0] == READINGS) + 1
    at = max(i for i in range(end) if codes_of(eventful[i], 0))
    report = check([*eventful[:at], without_channel(eventful[at], 0), *eventful[at + 1 : end]])
    assert report.result == "equal"
    assert report.readings.as_dict() == {"equal": 679, "different": 0, "unverifiable": 1}
    assert report.unverifiable == [
        {
            "what": "reading",
            "channel": "calf_l",
            "from_s": 170,
            "to_s": 170,
            "reason": "the recording ends before its codes",
        }
    ]


def test_an_empty_recording_is_not_equal(check: Check) -> None:
    assert check([]).result == "unverifiable"
