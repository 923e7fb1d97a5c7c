"""Verification behind holes: from the nearest snapshot on everything is compared again, and nothing before by guess."""

from collections.abc import Callable
from random import Random
from struct import pack_into
from types import ModuleType
from typing import Any

import pytest
from sample_records import codes_of, find_samples, with_code

from turgor.app.config import LOWPASS_20_HZ_AT_320
from turgor.core.judge_state import pack_judge, unpack_judge
from turgor.core.rules import DP_LOW, ESCALATED, FLUID_GAIN, HIGH, LOW, RAISED
from turgor.link import lines
from turgor.link.records import (
    BASELINE,
    BOOT,
    COMMAND,
    EVENT,
    FILTER_STATE,
    GAP,
    HEADER_SIZE,
    IMPEDANCE,
    IMPEDANCE_CHANNEL,
    LIMIT,
    PRESSURE_CHANNEL,
    READINGS,
    RULE_STATE,
    SAMPLES,
    unpack,
    unpack_readings,
)
from turgor.link.records import pack as pack_record
from turgor_host.recording.reader import open_recording
from turgor_host.recording.verify import Report, verify

Records = list[bytes]
Check = Callable[[Records], Report]
RAW = (SAMPLES, IMPEDANCE, FILTER_STATE, RULE_STATE)
PRESSURES = ("calf_l", "calf_r", "forearm_l")


@pytest.fixture
def check(store: Any) -> Check:
    def run(records: Records) -> Report:
        with open_recording(store(records)) as recording:
            return verify(recording)

    return run


def seconds(records: Records, kind: int) -> list[int]:
    """The second of each record of a kind."""
    return [int.from_bytes(record[8:12], "little") for record in records if record[0] == kind]


def tick_of(records: Records, t_s: int) -> int:
    """Where the readings record of second `t_s` stands."""
    return next(i for i, r in enumerate(records) if r[0] == READINGS and int.from_bytes(r[8:12], "little") == t_s)


def seq_of(record: bytes) -> int:
    return int.from_bytes(record[4:8], "little")


def without(records: Records, lost: Callable[[int, bytes], bool]) -> Records:
    """The records but for those that are `lost` (place, record), which gap records stand for."""
    found: Records = []
    gap: list[bytes] = []
    for i, record in enumerate([*records, b""]):
        if record and lost(i, record):
            gap.append(record)
            continue
        if gap:
            header = unpack(gap[0])[0]
            seq, t_s = header["seq"], header["t_s"]
            found.append(pack_record(GAP, 255, header["boot"], seq, t_s, (seq_of(gap[-1]),)))
            gap.clear()
        if record:
            found.append(record)
    return found


def without_raw(records: Records, first: int, last: int) -> Records:
    """As after an outage: of the records from place `first` to `last` only what goes to flash is left."""
    return without(records, lambda i, record: first <= i <= last and record[0] in RAW)


def spans(report: Report, what: str, channel: str | None) -> list[tuple[float, float]]:
    return [
        (span["from_s"], span["to_s"])
        for span in report.unverifiable
        if (span["what"], span["channel"]) == (what, channel)
    ]


def first_after(records: Records, kind: int, place: int) -> int:
    """Second of the first record of a kind behind a place."""
    return seconds(records[place:], kind)[0]


def test_by_hand(fake: ModuleType, check: Check) -> None:
    """Raw data of seconds 20 to 40 are lost. The snapshot of second 60 tells the filter, so readings are equal up to 19
    and from 61 on; medians and rules need the readings alone, which are all there."""
    records = fake.Board({"calf_l": (lambda index: 160000,)}).drained(100_500_000)
    first, last = tick_of(records, 19) + 1, tick_of(records, 40)
    report = check(without_raw(records, first, last))
    assert report.readings.as_dict() == {"equal": 19 + 40, "different": 0, "unverifiable": 41}
    assert spans(report, "reading", "calf_l") == [(20, 60)]
    assert spans(report, "events", None) == []
    # Of the rules at 60; of the filter at 60 it is what everything goes on from, and at the start of the rules so too.
    assert report.states.as_dict() == {"equal": 1, "different": 0, "unverifiable": 2}
    assert (report.result, report.differences) == ("unverifiable", [])


def test_snapshots_of_an_untouched_recording_are_equal(eventful: Records, check: Check) -> None:
    report = check(eventful)
    assert report.result == "equal"
    # At 60, 120 and, after the calibration, 121 s, of four channels and the rules; the start is a given.
    assert report.states.as_dict() == {"equal": 15, "different": 0, "unverifiable": 1}


def state_places(records: Records) -> list[int]:
    return [
        i
        for i, record in enumerate(records)
        if record[0] in (FILTER_STATE, RULE_STATE) and seconds([record], record[0])[0]
    ]


def test_each_byte_of_a_snapshot_counts(eventful: Records, check: Check) -> None:
    random = Random(4)
    for at in state_places(eventful):
        body = 6 if eventful[at][0] == FILTER_STATE else 2
        for offset in {
            HEADER_SIZE + body,
            len(eventful[at]) - 1,
            random.randrange(HEADER_SIZE + body, len(eventful[at])),
        }:
            record = bytearray(eventful[at])
            record[offset] ^= 1 << random.randrange(8)
            report = check([*eventful[:at], bytes(record), *eventful[at + 1 :]])
            assert report.result == "different"
            header = unpack(eventful[at])[0]
            assert {(entry["what"], entry["t_s"]) for entry in report.differences[:1]} == {("state", header["t_s"])}
            assert report.states.different == 1


def resumed(records: Records, lost: Records) -> tuple[dict[str, int], int]:
    """By channel the second of the first snapshot behind the last of the `lost` records, and that of the rules."""
    behind = records[records.index(lost[-1]) + 1 :]
    first: dict[str, int] = {}
    for record in behind:
        if record[0] == FILTER_STATE:
            header = unpack(record)[0]
            first.setdefault(("calf_l", "calf_r", "forearm_l", "", "calf_z")[header["channel"]], header["t_s"])
    rules = seconds(behind, RULE_STATE)
    return first, rules[0] if rules else 1000


@pytest.mark.parametrize("seed", range(12))
def test_gaps_at_random_places(eventful: Records, check: Check, seed: int) -> None:
    """Of all records: what follows is equal from the next snapshot on, rules and medians after a minute of readings."""
    random = Random(seed)
    first = random.randrange(12, len(eventful) - 60)
    last = min(first + random.randrange(40), len(eventful) - 2)
    report = check(without(eventful, lambda i, record: first <= i <= last))
    assert report.differences == []
    snapshot, rules = resumed(eventful, eventful[first : last + 1])
    lost_ticks = seconds(eventful[first : last + 1], READINGS)
    medians = lost_ticks[-1] + 60 if lost_ticks else 0
    for name in PRESSURES:
        for _, to_s in spans(report, "reading", name):
            assert to_s <= max(snapshot.get(name, 1000), medians - 1)
    for _, to_s in spans(report, "events", None):
        assert to_s <= max(rules, medians - 1)
    # And what came before it, up to what no block tells any more.
    start_s = first_after(eventful, READINGS, first)
    assert report.readings.equal >= 4 * (start_s - 3)


@pytest.mark.parametrize("seed", range(6))
def test_gaps_of_raw_data_break_nothing_else(eventful: Records, check: Check, seed: int) -> None:
    random = Random(seed)
    # Up to a snapshot, which says that no command is missing.
    first = random.randrange(12, len(eventful) - 300)
    end = max(i for i, record in enumerate(eventful) if record[0] == RULE_STATE)
    rest = without_raw(eventful, first, min(first + random.randrange(20, 200), end - 1))
    report = check(rest)
    assert report.differences == []
    assert report.events.as_dict() == {"equal": 11, "different": 0, "unverifiable": 0}
    assert report.baselines.as_dict() == {"equal": 1, "different": 0, "unverifiable": 0}
    assert {span["what"] for span in report.unverifiable} == {"reading"}


@pytest.mark.parametrize("channel", [0, 1, 2])
def test_a_code_changed_behind_a_gap_is_found_once_the_filter_is_known(
    eventful: Records, check: Check, channel: int
) -> None:
    first, last = tick_of(eventful, 70) + 1, tick_of(eventful, 90)
    rest = without_raw(eventful, first, last)
    for t_s, result in ((100, "unverifiable"), (125, "different")):
        at = find_samples(rest, channel, after=tick_of(rest, t_s))
        other = with_code(rest[at], channel, 0, codes_of(rest[at], channel)[0] + 4000)
        report = check([*rest[:at], other, *rest[at + 1 :]])
        assert report.result == result
        assert {entry["channel"] for entry in report.differences} <= {PRESSURES[channel]}


def test_without_a_snapshot_nothing_behind_a_gap_is_equal(eventful: Records, check: Check) -> None:
    first, last = tick_of(eventful, 70) + 1, tick_of(eventful, 90)
    states = set(state_places(eventful))
    report = check(without(eventful, lambda i, r: i in states or (first <= i <= last and r[0] in RAW)))
    assert report.differences == []
    assert [spans(report, "reading", name)[-1][1] for name in PRESSURES] == [170] * 3
    assert report.states.equal == 0


def test_a_late_host_verifies_from_the_first_snapshot_on(eventful: Records, check: Check) -> None:
    """The set-up comes again, as the wire has it said to a host that came late; then the log from 80 s on."""
    start = tick_of(eventful, 80)
    late = eventful[start:]
    setup = eventful[:10]
    records = [r[:4] + seq.to_bytes(4, "little") + r[8:] for seq, r in enumerate([*setup, *late], 1000)]
    report = check(records)
    assert report.differences == []
    # Medians are certain with the 60th reading, at 139; the filters since 120, the rules as well.
    assert spans(report, "reading", "calf_l") == [(80, 138)]
    assert report.readings.equal == 4 * (170 - 138)
    events = [second for second in seconds(eventful, EVENT) if second >= 139]
    assert report.events.equal == len(events) > 0
    # Without its limits nobody can tell what the rules should say.
    report = check([r for r in records if r[0] != 4])
    assert report.differences == []
    assert report.events.equal == 0


def test_a_late_host_and_electrodes_that_moved(fake: ModuleType, check: Check) -> None:
    """A step of 5 % at 90 s. From 80 s on the host sees it too, but not against which baseline: the medians of an
    impedance are certain a minute after the snapshot that says it."""
    board = fake.Board({"calf_l": (lambda index: 160000,)}, {"calf_z": lambda n: 7000 if n < 45 else 6650})
    records = board.drained(240_300_000)
    assert check(records).result == "equal"
    setup = [record for record in records if record[0] in (BOOT, PRESSURE_CHANNEL, IMPEDANCE_CHANNEL, LIMIT)]
    late = [*setup, *records[tick_of(records, 80) :]]
    report = check([r[:4] + seq.to_bytes(4, "little") + r[8:] for seq, r in enumerate(late, 1000)])
    assert report.differences == []
    assert spans(report, "reading", "calf_l") == [(80, 138)]
    assert spans(report, "reading", "calf_z") == [(80, 179)]
    assert report.states.different == 0


def test_a_lost_command_is_no_difference(eventful: Records, check: Check) -> None:
    """An acknowledgement is lost with what it caused: nothing is told of the rules until the next snapshot."""
    at = max(i for i, record in enumerate(eventful) if record[0] == COMMAND)
    last = max(i for i, record in enumerate(eventful) if record[0] == EVENT)
    assert unpack(eventful[at])[1]["command"] == lines.ACKNOWLEDGE
    assert at < last
    report = check(without(eventful, lambda i, record: at <= i <= last and record[0] in (COMMAND, EVENT)))
    assert report.differences == []
    assert spans(report, "events", None)[0][0] == 151
    # The same for a typed DBP, at 41 s, up to the snapshot of 60 s.
    at = next(i for i, record in enumerate(eventful) if record[0] == COMMAND)
    report = check(without(eventful, lambda i, record: i == at))
    assert report.differences == []
    assert spans(report, "events", None) == [(41, 60)]


def restored(fake: ModuleType) -> tuple[Records, Records]:
    """160 s of a board with alarms, and 130 s of the next boot, which goes on with its state."""
    limits = (
        (DP_LOW, 0, 2, 45000, 10, 46000, 5, 0),
        (DP_LOW, 1, 3, 45000, 200, 46000, 5, 0),
        (FLUID_GAIN, 0, 1, 50, 5, 40, 0, 0),
    )

    def board(word: int) -> Any:
        bridges = {"calf_l": (lambda index: 20 * 8000,), "calf_r": (lambda index: 5 * 8000,)}
        return fake.Board(bridges, {"calf_z": lambda n: word}, limits=limits)

    before = board(7000)
    records = before.drained(30_300_000)
    before.say(lines.command_line(1, lines.DBP, 60000))
    records += before.drained(160_300_000)
    state = bytearray(2560)
    end = pack_judge(before.app.tick.judge, state, 0)
    after = board(6000)
    after.boot = after.app.log.boot = 8
    # As the app does with what it finds on flash, before its log says from what the rules start.
    drop_start(after)
    assert unpack_judge(after.app.tick.judge, state, 0, end, 900)
    after.app.tick.snapshots.log_start()
    return records, [r[:2] + b"\x08\x00" + r[4:] for r in after.drained(130_300_000)]


def drop_start(board: Any) -> None:
    """Take back the state of the rules at the end of the log."""
    log = board.app.log
    while (last := board.logged()[-1])[0] == RULE_STATE:
        log._head -= len(last) + 1
        log.used -= len(last) + 1
        log.next_seq -= 1


def test_a_boot_goes_on_from_what_was_restored(fake: ModuleType, check: Check) -> None:
    before, after = restored(fake)
    report = check([*before, *after])
    assert report.result == "equal"
    # dp_low went on counting: high came in the second boot; fluid_gain is told from the baseline of the first.
    events = [unpack(record) for record in after if record[0] == EVENT]
    assert [(h["channel"], b["rule"], b["state"], b["priority"]) for h, b, _ in events][:2] == [
        (4, FLUID_GAIN, RAISED, LOW),
        (0, DP_LOW, ESCALATED, HIGH),
    ]
    assert not [record for record in after if record[0] == BASELINE]
    assert unpack(next(r for r in after if r[0] == READINGS))[1]["dbp_age_s"] == 901
    assert report.events.equal == len(events) + len(seconds(before, EVENT))
    # Without that start the second boot cannot be told before its first snapshot; with another one it is different.
    start = next(i for i, record in enumerate(after) if record[0] == RULE_STATE)
    lost = check([*before, *without(after, lambda i, record: i == start)])
    assert lost.differences == []
    record = bytearray(after[start])
    at = record.index((60000).to_bytes(4, "little"))
    pack_into("<i", record, at, 61000)
    wrong = check([*before, *after[:start], bytes(record), *after[start + 1 :]])
    assert (wrong.differences[0]["field"], wrong.differences[0]["expected"]) == ("dbp", 61000)


def test_an_arterial_line_behind_a_gap(fake: ModuleType, check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beats and their diastolic go on with the snapshot, of several records."""

    def pulse(index: int) -> int:
        part = index % 120
        return 8000 * 70 + (32000 * part if part < 10 else 320000 - (part - 10) * 32000 // 11)

    monkeypatch.setattr(fake, "LOWPASS_2_HZ_AT_80", LOWPASS_20_HZ_AT_320)
    board = fake.Board({"calf_l": (lambda index: 160000,), "art": (pulse,)}, period_us=6000, threshold=200000)
    records = board.drained(150_300_000)
    parts = [unpack(record)[1]["parts"] for record in records if record[0] == FILTER_STATE and record[1] == 6]
    assert max(parts) >= 2
    assert {unpack(record)[1]["dbp_source"] for record in records if record[0] == READINGS} == {0, 2}
    assert check(records).result == "equal"
    report = check(without_raw(records, tick_of(records, 30), tick_of(records, 50)))
    assert report.differences == []
    assert spans(report, "reading", "art")[0][1] == 60
    assert unpack_readings(unpack(records[tick_of(records, 61)])[2])[1]["channel"] == 6
    assert report.readings.equal >= 2 * (28 + 90)
    # Its first part alone is no snapshot.
    cut = next(i for i, r in enumerate(records) if r[0] == FILTER_STATE and r[1] == 6 and unpack(r)[1]["part"] == 1)
    first, last = tick_of(records, 30), tick_of(records, 50)
    report = check(without(records, lambda i, r: i == cut or (first <= i <= last and r[0] in RAW)))
    assert report.differences == []
    assert spans(report, "reading", "art")[0][1] == 120
