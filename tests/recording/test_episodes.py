"""Whose a recording is, and what was entered: each in its place, nothing of one patient in another's."""

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from turgor.core.channels import NO_CHANNEL
from turgor.core.entries import FASCIOTOMY, LATE, LOCAL
from turgor.core.rules import BASELINE_UNKNOWN, DP_LOW, PRESSURE_HIGH
from turgor.link import lines
from turgor.link.records import pack
from turgor_host.cli.entries import entries as entries_command
from turgor_host.cli.events import events as events_command
from turgor_host.cli.info import info as info_command
from turgor_host.entries import commands_of, kind_called, read_words
from turgor_host.recording.reader import open_recording
from turgor_host.recording.treatments import slope_per_h, treatments
from turgor_host.recording.verify import verify

APP = typer.Typer()
for command in (entries_command, events_command, info_command):
    APP.command()(command)


def noted(text: str, channel: int = NO_CHANNEL) -> list[tuple[int, ...]]:
    name, *words = text.split()
    kind = kind_called(name)
    return commands_of(kind, *read_words(kind, words), channel)


def told(fake: ModuleType, said: list[tuple[int, list[tuple[int, ...]]]], until_s: int) -> list[bytes]:
    """What a board logs that is told things at half past a second; its pressure alarms from 10 s on."""
    limits = ((DP_LOW, 0, 2, 45000, 5, 46000, 5, 0), (PRESSURE_HIGH, 0, 2, 15000, 5, 14000, 5, 40000))
    board = fake.Board({"calf_l": (lambda index: 160000,)}, {"calf_z": lambda n: 7000}, limits=limits)
    records: list[bytes] = []
    for t_s, commands in said:
        records += board.drained(t_s * 1_000_000 + 500_000)
        for number, (command, *words) in enumerate(commands):
            status = board.app.tick.execute(number, command, *words, *[0] * (5 - len(words)))
            assert status == lines.OK, board.app.tick.refusal
    return records + board.drained(until_s * 1_000_000 + 500_000)


def run(*arguments: object) -> str:
    result = CliRunner().invoke(APP, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return result.output


def test_by_hand(fake: ModuleType, store: Any) -> None:
    """Admitted in second 5, potassium in second 7, discharged in second 9."""
    said = [(5, [(lines.ADMIT, 17, 0, LATE)]), (7, noted("potassium 4.2 gas")), (9, [(lines.DISCHARGE,)])]
    with open_recording(store(told(fake, said, 12))) as recording:
        (episode,) = recording.episodes()
        assert episode.as_dict() == {
            "id": 17,
            "age_group": "adult",
            "cause": "systemic",
            "late": True,
            "t_s": 5,
            "end_s": 9,
            "utc": "2027-01-15T08:00:05.000Z",
        }
        assert [entry["kind"] for entry in recording.entries()] == ["admit", "potassium", "discharge"]
        assert recording.entries()[1] == {
            "t_s": 7,
            "utc": "2027-01-15T08:00:07.000Z",
            "episode": 17,
            "kind": "potassium",
            "group": "laboratory",
            "channel": None,
            "value": 4.2,
            "unit": "mmol/L",
            "text": "gas",
            "complete": True,
            "balance_ml": None,
            "line": "potassium 4.2 mmol/L (gas)",
        }
        assert verify(recording).result == "equal"


@pytest.fixture
def two_patients(fake: ModuleType, store: Any) -> Path:
    """One who was there before, 17 from 60 to 62 s, 18 from the same second on."""
    said = [
        (10, noted("crystalloid 500")),
        (20, noted("urine 100")),
        (60, [(lines.ADMIT, 17, 1, LOCAL), *noted("crystalloid 1000 Ringer")]),
        (62, [*noted("urine 300"), (lines.DISCHARGE,), (lines.ADMIT, 18, 0, 0), *noted("albumin_given 100 20 %")]),
        (70, [(lines.DBP, 60000), (lines.STATE, 0, FASCIOTOMY), (lines.CONFIRM, 4, BASELINE_UNKNOWN)]),
        (71, [*noted("position sitting"), *noted("limb_check no normal normal normal", 0)]),
        (72, noted("urine 50")),
    ]
    path: Path = store(told(fake, said, 130))
    return path


def test_nothing_of_one_patient_is_anothers(two_patients: Path) -> None:
    with open_recording(two_patients) as recording:
        assert [(e.id, e.begin_s, e.end_s) for e in recording.episodes()] == [(17, 60, 62), (18, 62, None)]
        found = recording.entries()
        volumes = [(e["t_s"], e["episode"], e["value"], e["balance_ml"]) for e in found if e["balance_ml"] is not None]
        assert volumes == [
            (10, None, 500, 500),
            (20, None, 100, 400),
            (60, 17, 1000, 1000),
            (62, 17, 300, 700),
            (62, 18, 100, 100),
            (72, 18, 50, 50),
        ]
        kinds = [(e["kind"], e["channel"], e["value"]) for e in found if e["t_s"] in (70, 71)]
        assert kinds == [
            ("dbp", None, 60.0),
            ("state", "calf_l", "fasciotomy"),
            ("confirm", "calf_z", "baseline_unknown"),
            ("position", None, "sitting"),
            ("limb_check", "calf_l", "pain no, sensation normal, movement normal, pulse normal"),
        ]
        # ICP 20 is beyond its limit from second 32 on: raised before anybody was admitted, withdrawn by the admission.
        whose = [(event["t_s"], event["rule"], event["episode"]) for event in recording.events()]
        assert whose == [(37, "pressure_high", None), (61, "pressure_high", 17)]
        assert verify(recording).result == "equal"


def test_what_is_decided_in_the_second_of_a_change_is_the_last_ones(fake: ModuleType, store: Any) -> None:
    """`pressure_high` at 37 s; an admission in that second acts at 38 s and withdraws it, one before forestalls it."""
    for t_s, whose in ((36, []), (37, [(37, None), (38, 5)])):
        with open_recording(store(told(fake, [(t_s, [(lines.ADMIT, 5, 0, 0)])], 45))) as recording:
            assert [(event["t_s"], event["episode"]) for event in recording.events()] == whose


def test_an_episode_that_began_before_the_recording(fake: ModuleType, store: Any) -> None:
    records = told(fake, [(5, [(lines.ADMIT, 17, 0, 0)]), (50, [(lines.DISCHARGE,)])], 55)
    begin = next(i for i, record in enumerate(records) if int.from_bytes(record[8:12], "little") == 30)
    gone = pack("gap", NO_CHANNEL, 7, 0, 30, (begin - 1,))
    with open_recording(store([gone, *records[begin:]])) as recording:
        (episode,) = recording.episodes()
        assert (episode.id, episode.age_group, episode.end_s) == (None, None, 20)
        assert [event["episode"] for event in recording.events()] == [None, None]


def test_an_admission_ends_what_the_board_has_forgotten(store: Any) -> None:
    said = {3: [(lines.ADMIT, 1, 0, 0)], 6: [(lines.ADMIT, 2, 0, 0)]}
    with open_recording(store(course(said, 9))) as recording:
        assert [(e.id, e.begin_s, e.end_s) for e in recording.episodes()] == [(1, 3, 6), (2, 6, None)]


def test_a_lost_part_of_a_text_is_said(fake: ModuleType, store: Any) -> None:
    records = told(fake, [(5, noted("text 0123456789abcdefghijklmnop")), (6, noted("text short"))], 8)
    at = [i for i, record in enumerate(records) if record[0] == 9]
    lost = pack("gap", NO_CHANNEL, 7, at[2], 5, (at[2],))
    with open_recording(store([*records[: at[2]], lost, *records[at[2] + 1 :]])) as recording:
        assert [(e["text"], e["complete"]) for e in recording.entries()] == [
            ("0123456789abcdef…", False),
            ("short", True),
        ]


def test_the_commands_show_whose_it_is(two_patients: Path) -> None:
    for name in ("events", "info", "entries"):
        text = run(name, two_patients)
        assert "episode of 17: under_16, local, not validated under 16, from 0:01:00 to 0:01:02" in text
        assert "episode of 18: adult, systemic, from 0:01:02 goes on" in text
    assert [event["episode"] for event in json.loads(run("events", two_patients, "--json"))] == [None, 17]
    assert [e["id"] for e in json.loads(run("info", two_patients, "--json"))["episodes"]] == [17, 18]
    found = json.loads(run("entries", two_patients, "--json"))
    assert found.keys() == {"episodes", "entries", "treatments"}
    assert [treatment["kind"] for treatment in found["treatments"]] == ["crystalloid", "crystalloid", "albumin_given"]
    assert "crystalloid 1000 mL (Ringer)" in run("entries", two_patients)
    assert "too short" in run("entries", two_patients)


def test_a_text_is_no_markup(fake: ModuleType, store: Any) -> None:
    path = store(told(fake, [(5, noted("text see [/b] and [red] here"))], 8))
    assert "text: see [/b] and [red] here" in run("entries", path)


def test_a_recording_without_entries(eventful: list[bytes], store: Any) -> None:
    path = store(eventful)
    kinds = [entry["kind"] for entry in json.loads(run("entries", path, "--json"))["entries"]]
    assert kinds == ["dbp", "dbp"]
    only = store(eventful[:20])
    assert run("entries", only).strip() == "no entries"


def course(said: dict[int, list[tuple[int, ...]]], seconds: int) -> list[bytes]:
    """A made-up log: calf_l at 20 mmHg and 6 mmHg more an hour, calf_z at 60 ohm and 3 ohm less an hour; half an hour
    from 5400 s on both go the other way. DBP 70 typed at the start and at 3500 s, then no more."""
    records: list[bytes] = []

    def put(kind: str, channel: int, t_s: int, values: tuple[int, ...], tail: bytes = b"") -> None:
        records.append(pack(kind, channel, 7, len(records), t_s, values, tail))

    put("boot", NO_CHANNEL, 0, (2, 1, 2, 0, 7), b"")
    put("pressure_channel", 0, 0, (1, 1, 160, 80000, *[0] * 15), b"calf_l")
    put("impedance_channel", 4, 0, (2, 2, 0, 500, *[0] * 19), b"calf_z")
    for t_s in range(1, seconds + 1):
        up = t_s if t_s <= 5400 else 10800 - t_s
        medians = (20000 + 6000 * up // 3600, 60000 - 3000 * up // 3600)
        tail = b""
        for channel, median in zip((0, 4), medians, strict=True):
            tail += np.array([(channel, 3, t_s, median, median)], "u1, u1, <u4, <i4, <i4").tobytes()
        dbp_age_s = t_s if t_s < 3500 else t_s - 3500
        put("readings", NO_CHANNEL, t_s, (70000, dbp_age_s, 1), tail)
        for command, *words in said.get(t_s, []):
            put("command", NO_CHANNEL, t_s, (t_s, command, 0, 0, *words, *[0] * (5 - len(words))))
    return records


def slopes(recording: Any, at: int = 0) -> dict[str, tuple[Any, ...]]:
    found = treatments(recording)[at]["slopes"]
    return {each["channel"]: tuple(each[key] for key in ("before", "before_s", "after", "after_s")) for each in found}


def test_slopes_around_a_treatment(store: Any) -> None:
    """Given at 5400 s, where everything turns: the hour before it, and all 1800 s after it."""
    said = {5400: noted("diuretic 40 furosemide"), 5500: noted("urine 800")}
    with open_recording(store(course(said, 7200))) as recording:
        (found,) = treatments(recording)
        assert (found["t_s"], found["line"]) == (5400, "diuretic 40 mg (furosemide)")
        assert [(each["channel"], each["quantity"], each["unit"]) for each in found["slopes"]] == [
            ("calf_l", "dP", "mmHg/h"),
            ("calf_z", "R0", "ohm/h"),
        ]
        before, before_s, after, after_s = slopes(recording)["calf_z"]
        assert (before, after) == (pytest.approx(-3, abs=0.01), pytest.approx(3, abs=0.01))
        # Of the hour before, 3600 readings.
        assert (before_s, after_s) == (3599, 1799)
        # The DBP of 3500 s is too old from 7100 s on.
        before, before_s, after, after_s = slopes(recording)["calf_l"]
        assert (before, after) == (pytest.approx(-6, abs=0.01), pytest.approx(6, abs=0.01))
        assert (before_s, after_s) == (3599, 1699)


def test_slopes_end_where_the_patient_changes(store: Any) -> None:
    """Another patient until 5300 s and from 6000 s on."""
    said = {
        100: [(lines.ADMIT, 1, 0, 0)],
        5300: [(lines.DISCHARGE,), (lines.ADMIT, 2, 0, 0)],
        5400: noted("crystalloid 500"),
        6000: [(lines.DISCHARGE,)],
        6900: noted("crystalloid 500"),
    }
    with open_recording(store(course(said, 7000))) as recording:
        before, before_s, after, after_s = slopes(recording)["calf_z"]
        # Too little of one, and the other up to the last tick of the episode.
        assert (before, before_s) == (None, 99)
        assert (after, after_s) == (pytest.approx(3, abs=0.01), 599)
        before, before_s, after, after_s = slopes(recording, 1)["calf_z"]
        assert (before, before_s, after) == (pytest.approx(3, abs=0.01), 899, None)


def test_a_slope_against_numpys() -> None:
    rng = np.random.default_rng(1)
    time = np.arange(1000.0, 3000)
    value = 40 + 0.002 * time + rng.normal(0, 0.5, len(time))
    value[rng.random(len(time)) < 0.2] = np.nan
    there = ~np.isnan(value)
    expected = np.polyfit(time[there] - 2000, value[there], 1)[0] * 3600
    found, _ = slope_per_h(time, value)
    assert found == pytest.approx(expected, rel=1e-9)
    assert slope_per_h(time[:0], value[:0]) == (None, 0)
    assert slope_per_h(time, np.full(len(time), np.nan)) == (None, 0)
    # Long enough and hardly any medians.
    value[5:-5] = np.nan
    assert slope_per_h(time, value)[0] is None
