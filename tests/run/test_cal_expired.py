"""Calibrations that are too old, or of unknown age, on the virtual board: raised, shown, noted and acknowledged."""

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from virtual_board import VirtualBoard
from waiting import until

from turgor_host.calibrate.certificate import Certificate, board_name, encode_certificate, write_certificate
from turgor_host.calibrate.kept import keep, made_utc
from turgor_host.errors import TurgorError
from turgor_host.page.server import make_app
from turgor_host.recording.reader import open_recording
from turgor_host.run import Run, open_run

DAY_S = 86400
# Of the virtual board with seed 1, its gain a thousandth off and 0 where its transducer has it.
BRIDGE = Certificate(board_name(0x76 << 56 | 1), "calf_l", "NAU7802", (0, 6109, 16896, 6), 0.0)
OTHER = replace(BRIDGE, channel="calf_r")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return tmp_path / "data" / "turgor" / "certificates"


@pytest.fixture
def given(tmp_path: Path) -> list[Path]:
    """Certificates made today, which no board refuses."""
    paths = []
    for certificate in (BRIDGE, OTHER):
        paths.append(tmp_path / f"{certificate.channel}.toml")
        write_certificate(paths[-1], replace(certificate, made=time.time()), "a.turgor", True, [])
    return paths


@pytest.fixture
def running(tmp_path: Path, given: list[Path], folder: Path) -> Iterator[Run]:
    """A run whose board was calibrated 400 days ago, in one channel by nobody known; the others are nominal."""
    with open_run("sim:", tmp_path / "a.turgor", speed=30, runtime="auto", seed=1, calibration=given) as run:
        for path in folder.iterdir():
            path.unlink()
        old = replace(BRIDGE, made=time.time() - 400 * DAY_S)
        assert keep(old, encode_certificate(old, "a.turgor", True, [])) == ""
        thread = threading.Thread(target=run.session.run)
        thread.start()
        yield run
        run.session.stop()
        thread.join()


def alarms(state: dict[str, Any]) -> list[dict[str, Any]]:
    return [alarm for alarm in state["alarms"] if alarm["rule"] == "cal_expired"]


def notes(file: Path) -> list[str]:
    with open_recording(file) as recording:
        return [text for (text,) in recording.store.query("SELECT text FROM notes WHERE kind = 'cal_expired'")]


def test_it_is_shown_noted_acknowledged_and_zeroed(running: Run) -> None:
    with TestClient(make_app(running.live, running.session.act), base_url="http://127.0.0.1") as page:
        until(lambda: alarms(page.get("/state").json()))
        (alarm,) = alarms(page.get("/state").json())
        text = alarm["group"]
        assert (alarm["label"], alarm["priority"], alarm["channel"]) == ("Calibration", "low", None)
        assert alarm["text"] == "too old, or of unknown age"
        assert f"calf_l ({BRIDGE.number}) is 400 days old" in text
        assert f"calf_r ({OTHER.number}) is of unknown age; calibrate again" in text
        assert "_z" not in text
        done = page.post("/ack", json={"rule": "cal_expired"}).json()
        assert done == {"done": "acknowledged: cal_expired"}
        later_s = running.session.board_s + 90
        until(lambda: running.session.board_s > later_s)
        assert alarms(page.get("/state").json()) == []
        with pytest.raises(TurgorError, match="no alarm of cal_expired stands"):
            running.session.act("ack", rule="cal_expired")
    until(lambda: notes(running.file))
    assert notes(running.file) == [text]
    # A zero is another number of the same day.
    running.session.act("zero", channel="calf_l", open_to_air=True)
    until(lambda: alarms(running.live.state()))
    ((new, _, words),) = [alarm["group"].partition(") is ") for alarm in alarms(running.live.state())]
    assert new.startswith("calf_l (")
    assert BRIDGE.number not in new
    assert words.startswith("400 days old")


def test_a_board_that_was_just_calibrated_raises_nothing(
    turgor: Any, tmp_path: Path, given: list[Path], folder: Path, micropython: str
) -> None:
    options = [text for path in given for text in ("--calibration", path)]
    done = turgor("record", "sim:", tmp_path / "a.turgor", "--seconds", 20, "--speed", "max", *options)
    assert "calibration" not in done.stderr
    assert notes(tmp_path / "a.turgor") == []
    assert sorted(path.read_bytes() for path in folder.iterdir()) == sorted(path.read_bytes() for path in given)


def test_a_run_that_goes_on_knows_what_its_file_says(
    turgor: Any, tmp_path: Path, given: list[Path], folder: Path
) -> None:
    file = tmp_path / "a.turgor"
    with VirtualBoard(tmp_path, speed=2, hold=True) as board:
        assert "calibration" not in turgor("record", board.port, file, "--seconds", 8, "--calibration", given[0]).stderr
        (folder / f"{BRIDGE.number}.toml").unlink()
        # What plays back is as old as it was then.
        assert "calibration" not in turgor("record", file, tmp_path / "played.turgor", "--speed", "max").stderr
        assert notes(tmp_path / "played.turgor") == []
        told = turgor("record", board.port, file, "--seconds", 8).stderr
        assert f"turgor: calibration too old, or of unknown age: calf_l ({BRIDGE.number}) is of unknown age;" in told
        assert len(notes(file)) == 1
        # What was calibrated while nobody recorded is judged by the whole log.
        new = replace(BRIDGE, words=(5, *BRIDGE.words[1:]), made=time.time())
        write_certificate(given[0], new, "a.turgor", True, [])
        turgor("calibrate", "upload", given[0], "--port", board.port)
        assert "calibration" not in turgor("record", board.port, file, "--seconds", 8).stderr
        assert len(notes(file)) == 1
        # And what a run begins with is handed over first.
        (folder / f"{new.number}.toml").unlink()
        write_certificate(given[0], replace(BRIDGE, made=time.time()), "a.turgor", True, [])
        told = turgor("record", board.port, tmp_path / "b.turgor", "--seconds", 8, "--calibration", given[0]).stderr
        assert "calibration" not in told


def test_a_folder_that_cannot_be_written_is_said_and_no_failure(
    turgor: Any, tmp_path: Path, given: list[Path], micropython: str
) -> None:
    (tmp_path / "data").write_text("no folder")
    file = tmp_path / "a.turgor"
    done = turgor("record", "sim:", file, "--seconds", 10, "--speed", "max", "--calibration", given[0])
    told, raised = done.stderr.splitlines()
    assert f"{BRIDGE.number}.toml: Not a directory; no copy of the certificate is kept here" in told
    assert "of unknown age" in raised
    assert "of unknown age" in notes(file)[0]
    with VirtualBoard(tmp_path, speed=2, hold=True) as board:
        done = turgor("calibrate", "upload", given[0], "--port", board.port)
    assert f"calibration {BRIDGE.number} of calf_l taken" in done.stdout
    assert done.stderr == f"{told}\n"


def test_what_is_uploaded_is_kept_before_the_board_has_it(turgor: Any, tmp_path: Path, given: list[Path]) -> None:
    with VirtualBoard(tmp_path, speed=2, hold=True) as board:
        turgor("calibrate", "upload", given[0], "--port", board.port)
        assert made_utc(BRIDGE.number) == pytest.approx(time.time(), abs=600)
        done = turgor("record", board.port, tmp_path / "a.turgor", "--seconds", 8, "--json")
        assert done.stderr == ""
        channels = json.loads(turgor("info", tmp_path / "a.turgor", "--json").stdout)["channels"]
    assert channels[0]["calibration"] == BRIDGE.number
    assert [channel["nominal"] for channel in channels] == [False, *[True] * 5]
    shown = [line.split()[-1] for line in turgor("info", tmp_path / "a.turgor").stdout.splitlines()]
    assert shown.count(BRIDGE.number) == 1
    assert shown.count("nominal") == 5


def test_it_stands_among_the_rules(turgor: Any) -> None:
    rules = {rule["rule"]: rule for rule in json.loads(turgor("rules", "--json").stdout)["rules"]}
    rule = rules["cal_expired"]
    assert (rule["priority"], rule["clears"], rule["from"]) == (
        "low, technical",
        "acknowledged",
        "this computer judges",
    )
    assert "older than 365 days" in rule["raised"]
