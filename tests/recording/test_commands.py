"""The commands over a recording: what they print, and how they end."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from turgor_host.calibrate.certificate import Certificate, board_name, write_certificate
from turgor_host.cli.events import events
from turgor_host.cli.info import info
from turgor_host.cli.plot import plot
from turgor_host.cli.replay import replay
from turgor_host.errors import TurgorError, UsageError

Records = list[bytes]
APP = typer.Typer()
for command in (info, events, plot, replay):
    APP.command()(command)

EXPECTED = """
[[event]]
rule = "dp_low"
channel = "calf_l"
priority = "medium"
state = "raised"
t_s = 50
tolerance_s = 1
"""


@pytest.fixture
def file(eventful: Records, store: Any) -> Path:
    return store(eventful)


def run(*arguments: object, code: int = 0) -> Result:
    result = CliRunner().invoke(APP, [str(argument) for argument in arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    return result


def test_info(file: Path, eventful: Records) -> None:
    found = json.loads(run("info", file, "--json", "--check").stdout)
    assert found["records"] == len(eventful)
    assert (found["lost"], found["events"], found["boots"], found["duration_s"]) == (0, 11, 1, 170)
    assert (found["simulated"], found["speed"], found["runtime"]) == (True, 60, "MicroPython 1.29.0")
    assert found["started_utc"] == "2027-01-15T08:00:00.000Z"
    assert found["check"]["whole"]
    assert [len(found[f"{name}_sha256"]) for name in ("samples", "readings", "events")] == [64] * 3
    calf_r = found["channels"][1]
    assert (calf_r["name"], calf_r["kind"], calf_r["readings"]) == ("calf_r", "pressure", 170)
    # As many as the board of these tests lets pass unread, and the rate over all conversions.
    assert calf_r["missed"] == 116
    assert found["channels"][0]["rate_hz"] == pytest.approx(20, abs=0.01)
    text = run("info", file, "--check").stdout
    assert "SIMULATED at 60x speed" in text
    assert "check: whole" in text


def test_events(file: Path) -> None:
    found = json.loads(run("events", file, "--json").stdout)
    keys = {"t_s", "utc", "channel", "rule", "priority", "state", "value", "limit", "unit", "episode"}
    assert found[0].keys() == keys
    assert len(found) == 11
    text = run("events", file).stdout
    assert "0:00:51" in text
    assert "pressure_high" in text


def test_events_expected(file: Path, tmp_path: Path) -> None:
    found = json.loads(run("events", file, "--json").stdout)
    keys = ("rule", "channel", "priority", "state", "t_s")
    tables = "".join("[[event]]\n" + "".join(f"{key} = {json.dumps(event[key])}\n" for key in keys) for event in found)
    whole, part = tmp_path / "whole.toml", tmp_path / "part.toml"
    whole.write_text(tables)
    assert len(json.loads(run("events", file, "--json", "--expect", whole).stdout)) == 11
    part.write_text(EXPECTED)
    result = run("events", file, "--expect", part, code=1)
    assert result.stderr.count("not expected: ") == 10
    assert "missing" not in result.stderr
    part.write_text(EXPECTED.replace("tolerance_s = 1", ""))
    result = run("events", file, "--expect", part, code=1)
    assert "missing: t_s 50, channel calf_l, rule dp_low, priority medium, state raised" in result.stderr


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[event]]\nrule = 'dp_low'", r"needs rule and channel"),
        ("[[event]]\nrule = 'dp_low'\nchannel = 'calf_l'\nt = 5", r"has no 't'; it may have rule"),
        ("[[event]]\nrule = 'dp_low'\nchannel = 'calf_l'\nt_s = '5'", r"t_s = '5' is no number"),
        ("[event]\nrule = 'dp_low'", r"as a table \[\[event\]\]"),
        ("event = [1]", r"as a table \[\[event\]\]"),
        ("[[", r"no TOML"),
    ],
)
def test_events_expected_badly(file: Path, tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "e.toml").write_text(text)
    with pytest.raises(UsageError, match=message):
        run("events", file, "--expect", tmp_path / "e.toml")


def test_replay(file: Path, tmp_path: Path) -> None:
    again = json.loads(run("replay", file, "--json").stdout)
    assert again["events"] == json.loads(run("events", file, "--json").stdout)
    calibration = tmp_path / "c.toml"
    certificate = Certificate(board_name(0x0123456789ABCDEF), "calf_l", "NAU7802", (0, 4096, 0, 5), 0.0)
    write_certificate(calibration, certificate, "a.turgor", True, ())
    assert "pressure_high" not in run("replay", file, "--calibration", calibration).stdout
    with pytest.raises(UsageError, match="leave out --calibration"):
        run("replay", file, "--verify", "--calibration", calibration)
    for other, message in (
        ({"board": board_name(1)}, "board 0000000000000001, the rec"),
        ({"sensor": "ADS1220"}, "ADS1220 on"),
    ):
        write_certificate(calibration, replace(certificate, **other), "a.turgor", True, ())
        with pytest.raises(UsageError, match=message):
            run("replay", file, "--calibration", calibration)


def test_replay_verify(file: Path, eventful: Records, store: Any) -> None:
    report = json.loads(run("replay", file, "--verify", "--json").stdout)
    assert (report["result"], report["readings"]["equal"]) == ("equal", 680)
    at = next(i for i, record in enumerate(eventful) if record[0] == 8)
    broken = store([*eventful[:at], eventful[at][:-1] + b"\x7f", *eventful[at + 1 :]])
    text = run("replay", broken, "--verify", code=1).stdout
    assert "different: 0:00:51 (51 s)  calf_l  event" in text
    assert text.endswith("different\n")
    assert json.loads(run("replay", broken, "--verify", "--json", code=1).stdout)["events"]["different"] == 1


def test_plot(file: Path, tmp_path: Path) -> None:
    assert run("plot", file, "--out", tmp_path / "p.png").stdout.strip() == str(tmp_path / "p.png")
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")
    run("plot", file, "--from", 30, "--to", 60)
    assert file.with_suffix(".png").exists()
    with pytest.raises(UsageError, match="nothing lies between 200 s and 170 s"):
        run("plot", file, "--from", 200)
    with pytest.raises(TurgorError, match="choose another --out"):
        run("plot", file, "--out", tmp_path / "no" / "p.png")


@pytest.mark.parametrize("command", ["info", "events", "plot", "replay"])
def test_a_file_that_is_no_recording(tmp_path: Path, command: str) -> None:
    (tmp_path / "x.turgor").write_text("nothing")
    with pytest.raises(TurgorError, match="is no Turgor recording"):
        run(command, tmp_path / "x.turgor")
