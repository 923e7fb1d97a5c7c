"""What is entered while a board is recorded stands in the file with its second, and outlives the recorder.

TURGOR_FULL=1 kills it 50 times, without it 3.
"""

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner
from virtual_board import VirtualBoard

from turgor.link.records import WATCHDOG_RESET
from turgor_host.cli.commands import app
from turgor_host.control import ask
from turgor_host.errors import TurgorError, UsageError
from turgor_host.recording.reader import open_recording
from turgor_host.recording.verify import verify

_KILLS = 50 if os.environ.get("TURGOR_FULL") == "1" else 3
# calf_l reads 4 mmHg with nothing on it; in forearm_l 45 mmHg leave a dP of 25.
_SCENARIO = "t_s,calf_l_mmhg,forearm_l_mmhg,calf_z_r0_ohm,dbp_mmhg\n0,4,45,62,\n5,4,45,62,70\n9000,4,45,62,\n"


@pytest.fixture
def scenario(tmp_path: Path) -> Path:
    path = tmp_path / "still.csv"
    path.write_text(_SCENARIO)
    return path


@contextlib.contextmanager
def recorder(source: str, path: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    """`turgor record`, ended by Ctrl-C unless it was killed."""
    command = [sys.executable, "-m", "turgor_host.cli", "record", source, str(path), *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        try:
            _, errors = process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            # Whoever comes next would talk to it.
            process.kill()
            process.communicate()
            raise
        # Also where the test failed because it had ended.
        assert process.returncode in (0, -signal.SIGKILL), errors


def wait_until(path: Path, t_s: float) -> None:
    """Until the recording has that second of board time."""
    deadline = time.monotonic() + 120
    while True:
        assert time.monotonic() < deadline
        # It may be only being made.
        with contextlib.suppress(TurgorError), open_recording(path) as recording:
            if recording.duration_s >= t_s:
                return
        time.sleep(0.2)


def insist(act: str, **arguments: object) -> str:
    """Ask until a session runs and its board answers."""
    deadline = time.monotonic() + 60
    while True:
        try:
            return ask(act, **arguments)
        except TurgorError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def turgor(*arguments: object) -> str:
    """What the command `turgor` prints; raises what it ends with."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception:
        raise result.exception
    return result.stdout


def test_a_shift_at_the_bedside(scenario: Path, tmp_path: Path, micropython: Path) -> None:
    """Admitted, looked at, treated, zeroed and discharged over the commands; then the core again over all of it."""
    file = tmp_path / "shift.turgor"
    with recorder(f"sim:{scenario}", file, "--speed", "10", "--runtime", "micropython"):
        wait_until(file, 65)
        before_s = duration(file)
        assert turgor("admit", 17, "--age-group", "adult") == f"episode of 17 begins, recorded in {file}\n"
        with pytest.raises(TurgorError, match="an episode runs; discharge first"):
            turgor("admit", 18, "--age-group", "adult")
        turgor("note", "crystalloid", 500, "Ringer, warm, over an hour")
        turgor("note", "limb_check", "no", "normal", "reduced", "normal", "--limb", "calf_l")
        with pytest.raises(UsageError, match="urine of -5 mL is refused"):
            turgor("note", "urine", "-5")
        turgor("state", "calf_z", "standby")
        turgor("level", "calf_l", "-3.5")
        # Nothing that was read before an admission is left: there is no median yet.
        with pytest.raises(TurgorError, match="has no steady reading"):
            turgor("zero", "forearm_l")
        wait_until(file, duration(file) + 35)
        with pytest.raises(
            TurgorError, match=r"forearm_l reads 45\.0 mmHg, more than 10 from its last zero: not zeroed"
        ):
            turgor("zero", "forearm_l")
        moved = json.loads(turgor("zero", "calf_l", "--json"))["done"]
        assert moved.startswith("calf_l is zeroed: its readings move by -4.0")
        turgor("discharge")
        with pytest.raises(TurgorError, match="nobody was admitted"):
            turgor("discharge")
        wait_until(file, duration(file) + 65)
        # Its own zero is what it is measured from now.
        assert "its readings move by" in turgor("zero", "calf_l")

    with open_recording(file) as recording:
        found = [entry for entry in recording.entries() if entry["kind"] != "dbp"]
        (episode,) = recording.episodes()
        times = [entry["t_s"] for entry in found]
        value = recording["calf_l"].readings(times[5] + 20, times[5] + 60).value
        assert verify(recording).result == "equal"
    assert [(entry["kind"], entry["channel"], entry["value"]) for entry in found] == [
        ("admit", None, 17),
        ("crystalloid", None, 500),
        ("limb_check", "calf_l", "pain no, sensation normal, movement reduced, pulse normal"),
        ("state", "calf_z", "standby"),
        ("level", "calf_l", -3.5),
        ("zero", "calf_l", pytest.approx(-4, abs=0.05)),
        ("discharge", None, None),
        ("zero", "calf_l", pytest.approx(0, abs=0.05)),
    ]
    assert found[1]["text"] == "Ringer, warm, over an hour"
    assert [entry["episode"] for entry in found] == [17] * 7 + [None]
    # The second in which each was typed.
    assert [before_s, *times] == sorted([before_s, *times])
    assert (episode.begin_s, episode.end_s) == (times[0], times[6])
    assert abs(value).max() < 0.1


def test_a_local_episode_compares_the_legs(tmp_path: Path, micropython: Path) -> None:
    """Both fall by 8 %, the left one by 5.5 % more: it alone gains fluid, on the board and when its core runs again."""
    scenario, config, file = tmp_path / "legs.csv", tmp_path / "legs.toml", tmp_path / "legs.turgor"
    rows = ["t_s,calf_z_r0_ohm,calf_z_rinf_ohm,calf_r_z_r0_ohm,calf_r_z_rinf_ohm"]
    for t_s, left, right in ((0, 1, 1), (300, 1, 1), (540, 0.8694, 0.92), (9000, 0.8694, 0.92)):
        rows.append(f"{t_s},{62 * left},{38 * left},{62 * right},{38 * right}")
    scenario.write_text("\n".join([*rows, ""]))
    config.write_text(
        "[channels.calf_z]\nmux_port = 6\n[channels.calf_r_z]\n[channels.thorax_z]\n"
        "[limits.fluid_gain]\nlow = { limit_percent = 5, run_s = 60 }\n"
    )
    options = ("--speed", "20", "--runtime", "micropython", "--config", str(config))
    with recorder(f"sim:{scenario}", file, *options):
        wait_until(file, 10)
        turgor("admit", 17, "--age-group", "adult", "--local")
        wait_until(file, 700)
    with open_recording(file) as recording:
        (episode,) = recording.episodes()
        fluid = [
            (event["channel"], event["rule"], event["priority"], event["state"], event["value"])
            for event in recording.events()
            if event["rule"].startswith("fluid")
        ]
        baselines = {name: recording.baselines()[name][-1] for name in ("calf_z", "calf_r_z")}
        right = recording["calf_r_z"].readings(680, 690).median
        assert verify(recording).result == "equal"
    assert episode.begin_s is not None
    assert all(t_s == episode.begin_s + 60 for t_s, _ in baselines.values())
    assert (right / baselines["calf_r_z"][1] < 0.925).all()
    (many, gain) = fluid
    assert many[:4] == ("patient", "fluid_gain_many", "medium", "raised")
    assert gain[:4] == ("calf_z", "fluid_gain", "low", "raised")
    assert 5 <= gain[4] <= 5.5


@pytest.mark.parametrize(("age", "raised"), [("adult", ["calf_l", "calf_r"]), ("under_16", ["calf_r"])])
def test_a_child_is_judged_by_the_limits_of_its_age(
    age: str, raised: list[str], tmp_path: Path, micropython: Path
) -> None:
    """12 mmHg an hour up to 19.7 and to 20.3: of an adult a rise counts from 15 on, of a child from 20."""
    scenario, config, file = tmp_path / "rise.csv", tmp_path / "rise.toml", tmp_path / "rise.turgor"
    scenario.write_text("t_s,calf_l_mmhg,calf_r_mmhg\n0,12.7,13.3\n60,12.7,13.3\n2160,19.7,20.3\n9000,19.7,20.3\n")
    config.write_text("[channels.calf_l]\n[channels.calf_r]\n")
    options = ("--speed", "60", "--runtime", "micropython", "--config", str(config))
    with recorder(f"sim:{scenario}", file, *options):
        wait_until(file, 10)
        said = turgor("admit", 17, "--age-group", age)
        assert ("validated under 16" in said) == (age != "adult")
        wait_until(file, 2400)
    with open_recording(file) as recording:
        found = [
            (event["channel"], event["state"])
            for event in recording.events()
            if event["rule"] == "pressure_rising" and event["state"] == "raised"
        ]
        assert sorted(found) == [(channel, "raised") for channel in raised]
        assert verify(recording).result == "equal"


def duration(path: Path) -> float:
    with open_recording(path) as recording:
        return recording.duration_s


def test_a_killed_recorder_loses_no_confirmed_entry(scenario: Path, tmp_path: Path, micropython: Path) -> None:
    """Killed right after a confirmation, before its commit: the board has it, and the next recorder fetches it."""
    path = tmp_path / "killed.turgor"
    dice = random.Random(6)
    confirmed = []
    with VirtualBoard(tmp_path, scenario=scenario, hold=True, runtime="micropython") as board:
        for kill in range(_KILLS + 1):
            with recorder(board.port, path) as process:
                for number in range(3):
                    text = f"kill {kill}, text {number} " + "x" * dice.randrange(1, 100)
                    insist("note", kind="text", text=text)
                    confirmed.append(text)
                    if number < 2:
                        time.sleep(dice.uniform(0, 0.6))
                if kill < _KILLS:
                    process.send_signal(signal.SIGKILL)
                else:
                    time.sleep(2)
        assert board.process.poll() is None, board.errors
    with open_recording(path) as recording:
        found = [entry for entry in recording.entries() if entry["kind"] == "text"]
        assert recording.check()["whole"]
        assert recording.lost == 0
        assert verify(recording).result == "equal"
    assert [(entry["text"], entry["complete"]) for entry in found] == [(text, True) for text in confirmed]


def test_a_zero_grows_old(tmp_path: Path, micropython: Path) -> None:
    """150 s here instead of eight hours: due from the second after, until the next zero."""
    scenario, config, file = tmp_path / "still.csv", tmp_path / "short.toml", tmp_path / "zeros.turgor"
    scenario.write_text("t_s,calf_l_mmhg,dbp_mmhg\n0,4,\n5,4,70\n")
    config.write_text("[channels.calf_l]\n[limits.zero_overdue]\nclear_age_s = 150\nlow = { limit_s = 150 }\n")
    options = ("--speed", "10", "--runtime", "micropython", "--config", str(config))
    with recorder(f"sim:{scenario}", file, *options):
        wait_until(file, 65)
        turgor("zero", "calf_l")
        wait_until(file, duration(file) + 170)
        turgor("zero", "calf_l")
        wait_until(file, duration(file) + 20)
    with open_recording(file) as recording:
        first, second = (round(entry["t_s"]) for entry in recording.entries() if entry["kind"] == "zero")
        found = [(event["t_s"], event["rule"], event["priority"], event["state"]) for event in recording.events()]
        assert verify(recording).result == "equal"
    assert second - first >= 160
    assert [event for event in found if event[1] == "zero_overdue"] == [
        (first + 152, "zero_overdue", "low", "raised"),
        (second + 1, "zero_overdue", "low", "cleared"),
    ]


def test_a_restart_by_the_watchdog_is_said_until_it_is_seen(scenario: Path, tmp_path: Path, micropython: Path) -> None:
    file = tmp_path / "restarted.turgor"
    more = {"reset_cause": WATCHDOG_RESET}
    options: Any = {"scenario": scenario, "speed": 10, "hold": True, "runtime": "micropython", "more": more}
    with VirtualBoard(tmp_path, **options) as board, recorder(board.port, file):
        wait_until(file, 30)
        before_s = duration(file)
        insist("ack", rule="watchdog_reset")
        wait_until(file, duration(file) + 5)
    with open_recording(file) as recording:
        found = [event for event in recording.events() if event["rule"] == "watchdog_reset"]
        assert verify(recording).result == "equal"
    assert [(event["priority"], event["state"]) for event in found] == [
        ("medium", "raised"),
        ("medium", "acknowledged"),
        ("medium", "cleared"),
    ]
    raised, acknowledged, cleared = (event["t_s"] for event in found)
    assert raised <= 2
    assert before_s - 2 <= acknowledged <= cleared <= acknowledged + 1
