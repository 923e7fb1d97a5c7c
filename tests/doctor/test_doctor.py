"""`turgor doctor` on stand-in boards: real MicroPython, the firmware's drivers there, models of the sensors."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from board_standin import Standin
from small_firmware import running
from typer.testing import CliRunner

from turgor import __version__
from turgor_host.cli.commands import app, run
from turgor_host.configuration.file import parse_configuration
from turgor_host.doctor import examine as doctor
from turgor_host.doctor.examine import examine
from turgor_host.doctor.findings import FAILURE, OK, WARNING, Examination
from turgor_host.flash import install
from turgor_host.flash.repl import Repl
from turgor_host.sim.scenario import Scenario, compile_scenario
from turgor_host.source import open_port

Hang = Callable[..., Standin]
DEFAULT = ["calf_l", "calf_r", "forearm_l", "forearm_r", "calf_z", "thorax_z"]
# Of each board here: it has no firmware, and its file system covers the whole flash.
BARE = {"Turgor": "is not on the board"}
NO_REGION = "none for Turgor: configuration, rule state and records that nobody fetched are lost at a restart"
LOOP = "import time\nwhile True:\n    time.sleep_ms(10)\n"


def statuses(found: Examination, *wanted: str) -> dict[str, str]:
    """What was said in the findings of these statuses, by name."""
    return {finding.name: finding.said for finding in found if finding.status in wanted}


def write_main(port: str, text: str) -> None:
    """Have a program run on the board at `port`."""
    opened = open_port(port)
    try:
        repl = Repl(port, opened)
        repl.write("/main.py", text.encode())
        repl.restart()
    finally:
        opened.close()


@pytest.mark.parametrize(("platform", "cause"), [("rp2", 1), ("esp32", 3)])
def test_a_bare_board(platform: str, cause: int, hang: Hang) -> None:
    """The second one was reset by its watchdog."""
    with hang(platform=platform, cause=cause) as board:
        assert running(board.port) == "prompt"
        before = bytes(board.flash)
        found = examine(board.port)
        assert statuses(found, FAILURE) == BARE
        warnings = statuses(found, WARNING)
        assert warnings["flash region"] == NO_REGION
        assert ("by the watchdog" in warnings.get("last reset", "")) == (cause == 3)
        said = statuses(found, OK)
        assert said["I2C bus 0"] == "0x68 0x69 0x70; port 0: 0x2A; port 1: 0x2A; port 2: 0x2A; port 3: 0x2A"
        assert said["calf_r"] == "NAU7802 at 0x2A on bus 0 port 1, revision 0x0F: 160 codes"
        assert said["thorax_z"] == ("MAX30009 at 0x69 on bus 0, part id 0x42: started; nothing was driven through it")
        assert "mmHg rms at 8.5 mmHg; a NAU7802 at 80 Hz has 0.008" in said["calf_r noise"]
        assert said["MicroPython"] == "1.29.0"
        assert cause == 3 or said["last reset"] == "power-on"
        assert len(warnings) == (2 if cause == 3 else 1)
        assert "KB free of" in said["memory"]
        assert said["clock"].startswith("round trip ")
        assert not found.not_looked_at
        # It is as it was.
        assert bytes(board.flash) == before
        assert running(board.port) == "prompt"


@pytest.mark.parametrize(
    ("more", "wrong"),
    [
        (
            {"faults": [[0, "absent", "calf_l"], [0, "absent", "thorax_z"]], "extra": [[0, 5, 0x2A], [0, -1, 0x48]]},
            {
                "calf_l": "NAU7802 at 0x2A on bus 0 port 0: nobody answers there",
                "thorax_z": "MAX30009 at 0x69 on bus 0: nobody answers there",
                "0x48 on bus 0": "perhaps a TMP117 answers, and the configuration does not name it",
                "0x2A on bus 0 port 5": "no NAU7802 (revision 0x55) answers, and the configuration does not name it",
            },
        ),
        (
            {"faults": [[0, "noisy", "calf_l"], [0, "saturated", "calf_r"], [0, "stuck", "forearm_l"]]},
            {
                "calf_l noise": "more than any limb or line makes",
                "calf_r noise": "the converter is at its limit",
                "forearm_l noise": "none: no code differs from the others",
            },
        ),
        (
            {"faults": [[0, "silent", "forearm_r"]], "ready_pins": {"calf_l": 10, "calf_r": 11, "forearm_r": 13}},
            {
                "forearm_l": "NAU7802 at 0x2A on bus 0 port 2, revision 0x0F: converts, but its data-ready pin tells "
                "nothing",
                "forearm_r": "NAU7802 at 0x2A on bus 0 port 3, revision 0x0F: never ready",
            },
        ),
        (
            {"other_chips": ["calf_l", "calf_z"]},
            {
                "calf_l": "NAU7802 at 0x2A on bus 0 port 0, revision 0x55: wrong id",
                "calf_z": "MAX30009 at 0x68 on bus 0, part id 0x55: wrong id",
            },
        ),
        (
            {"no_mux": True},
            {"I2C bus 0": "no multiplexer at 0x70"}
            | dict.fromkeys(DEFAULT[:4], "not to be reached, the bus is without its multiplexer"),
        ),
        ({"low": [4]}, {"I2C bus 0": "held low"} | dict.fromkeys(DEFAULT, "not to be reached, the bus is held low")),
    ],
    ids=["absent", "codes", "pins", "identity", "multiplexer", "bus"],
)
def test_wrong_wiring(more: dict[str, Any], wrong: dict[str, str], hang: Hang) -> None:
    with hang(more) as board:
        found = examine(board.port)
    bad = statuses(found, FAILURE, WARNING)
    del bad["Turgor"], bad["flash region"]
    assert bad.keys() == wrong.keys()
    for name, said in wrong.items():
        assert said in bad[name]
    # The others are undisturbed.
    assert {name for name in DEFAULT if name not in wrong} <= statuses(found, OK).keys()


def test_other_sensors_by_a_configuration(hang: Hang, tmp_path: Path) -> None:
    """The board has what the file says, but for an HSC that is not there."""
    text = (
        '[channels.calf_l]\nsensor = "NAU7802"\nmux_port = 0\n'
        '[channels.forearm_l]\nsensor = "HSC"\ntransfer = "A"\nrange = [0, 150]\nunit = "mmHg"\n'
    )
    file = tmp_path / "board.toml"
    file.write_text(text)
    with hang() as board:
        result = CliRunner().invoke(app, ["doctor", board.port, "--config", str(file), "--json"])
    found = {finding["name"]: finding for finding in json.loads(result.stdout)["findings"]}
    assert found["calf_l"]["status"] == OK
    assert found["forearm_l"]["said"] == "HSC at 0x28 on bus 0: nobody answers there"
    assert found["0x2A on bus 0 port 1"]["said"].startswith("a NAU7802 (revision 0x0F) answers")
    assert found["0x68 on bus 0"]["said"].startswith("a MAX30009 (part id 0x42) answers")


SLOW = "[channels.calf_l]\n[channels.skin]\n[channels.motion]\n"


def test_a_thermometer_and_an_accelerometer(hang: Hang, tmp_path: Path) -> None:
    """Each is run by its own driver, and nothing of a MAX30009 is written to it."""
    file = tmp_path / "board.toml"
    file.write_text(SLOW)
    scenario = compile_scenario(Scenario(), 1, parse_configuration(SLOW))
    with hang(scenario | {"ready_pins": {"calf_l": 10}}) as board:
        result = CliRunner().invoke(app, ["doctor", board.port, "--config", str(file), "--json"])
    found = {finding["name"]: finding for finding in json.loads(result.stdout)["findings"]}
    assert found["skin"]["said"] == "TMP117 at 0x48 on bus 0: converts"
    assert found["motion"]["said"] == "LIS3DH at 0x18 on bus 0: converts"
    assert {found[name]["status"] for name in ("calf_l", "calf_l noise", "skin", "motion")} == {OK}


def test_slow_sensors_of_a_board_that_runs(tmp_path: Path) -> None:
    file = tmp_path / "board.toml"
    file.write_text(SLOW)
    result = CliRunner().invoke(app, ["doctor", "sim:", "--config", str(file), "--json"])
    assert result.exit_code == 0, result.output
    found = {finding["name"]: finding["said"] for finding in json.loads(result.stdout)["findings"]}
    assert found["configuration"] == "calf_l skin motion: as the file has it"
    assert found["skin"].startswith("TMP117: 3")
    assert found["skin"].endswith(" degC")
    assert found["motion"].startswith("LIS3DH: ")
    assert found["motion"].endswith(" deg")


def test_a_board_that_watches(hang: Hang, tmp_path: Path) -> None:
    """Turgor with a sensor that is absent and one that is noisy: it goes on; with --stop it is back afterwards."""
    report = tmp_path / "report.txt"
    with hang({"faults": [[0, "absent", "calf_r"], [0, "noisy", "forearm_r"]]}) as board:
        install.flash(board.port)
        starts = board.starts
        result = CliRunner().invoke(app, ["doctor", board.port, "--report", str(report)])
        assert result.exit_code == 1, result.output
        assert board.starts == starts
        lines = {" ".join(line.split()) for line in result.stdout.splitlines()}
        assert f"ok Turgor {__version__} on the board and here, wire version 2" in lines
        assert "failure calf_r NAU7802: absent" in lines
        assert "ok calf_l NAU7802: 9.0 mmHg" in lines
        assert any(line.startswith("failure forearm_r noise ") for line in lines)
        assert any(line.startswith("ok calf_l noise 0.0") for line in lines)
        assert "--stop interrupts it, looks, and starts it again" in result.stdout
        said = report.read_text()
        assert "failure  calf_r" in said
        assert board.port not in said
        assert "e6613852835f1c2e" not in said

        found = examine(board.port, stop=True)
        assert "NAU7802 at 0x2A on bus 0 port 1: nobody answers there" in statuses(found, FAILURE)["calf_r"]
        closer = statuses(found, OK)
        assert closer["firmware files"] == f"those of Turgor {__version__}, file by file"
        assert closer["start"].startswith("Turgor runs again, ")
        assert closer["calf_l"] == "NAU7802 at 0x2A on bus 0 port 0, revision 0x0F: 160 codes"
        assert running(board.port) == __version__
        assert board.starts == starts + 2


@pytest.mark.usefixtures("patient_no_longer")
def test_another_program_is_stopped_only_when_asked(hang: Hang) -> None:
    with hang() as board:
        write_main(board.port, LOOP)
        starts = 3
        while board.starts < starts:
            time.sleep(0.1)
        found = examine(board.port)
        assert statuses(found, FAILURE) == {"Turgor": "nothing answers at the port"}
        assert [f.remedy for f in found if f.name == "Turgor"] == [f"turgor doctor {board.port} --stop"]
        assert board.starts == starts
        found = examine(board.port, stop=True)
        assert statuses(found, FAILURE) == BARE
        assert set(DEFAULT) <= statuses(found, OK).keys()
        # To the raw prompt, and back to the program.
        assert running(board.port, 3.0) == ""
        assert board.starts == starts + 2


@pytest.fixture
def patient_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not answer at once does not answer."""
    monkeypatch.setattr(doctor, "_GREET_S", 2.0)


@pytest.mark.parametrize(
    ("options", "wrong"),
    [
        ({"version": "1.22.2"}, {"MicroPython": "1.22.2 is too old"}),
        ({"mpy": 6 | 3 << 8}, {"board": "this MicroPython (Raspberry Pi Pico with RP2040) loads no machine code"}),
    ],
)
def test_a_micropython_that_does_not_do(options: dict[str, Any], wrong: dict[str, str], hang: Hang) -> None:
    with hang(**options) as board:
        found = examine(board.port)
    assert statuses(found, FAILURE) == BARE | wrong
    assert found.not_looked_at.startswith("buses, sensors and files: ")


def test_the_virtual_board() -> None:
    result = CliRunner().invoke(app, ["doctor", "sim:", "--json"])
    assert result.exit_code == 0, result.output
    said = json.loads(result.stdout)
    assert (said["failures"], said["warnings"]) == (0, 0)
    assert {*DEFAULT, "calf_l noise", "Turgor", "clock"} <= {finding["name"] for finding in said["findings"]}


@pytest.mark.parametrize(
    ("words", "code", "error"),
    [
        (["doctor", "/dev/nothing"], 1, "turgor: /dev/nothing: no such port; plug the board in"),
        (["bench", "/dev/nothing"], 1, "turgor: /dev/nothing: no such port; plug the board in"),
        (["doctor", "sim:", "--stop"], 2, "turgor: sim:: the virtual board has no prompt; leave --stop out"),
        (["doctor", "sim:", "--config", "none.toml"], 2, "turgor: none.toml: No such file or directory; give the path"),
    ],
)
def test_bad_input(
    words: list[str], code: int, error: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["turgor", *words])
    assert run() == code
    captured = capsys.readouterr()
    assert captured.err.startswith(error)
    assert captured.err.count("\n") == 1
    assert not captured.out
