"""Every pressure sensor there is: calibrated from a recording of known pressures, uploaded, and then reading right."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from turgor_host.cli.commands import app
from turgor_host.errors import UsageError
from turgor_host.recording.reader import open_recording

CONFIG = """
[channels.calf_l]
[channels.calf_r]
sensor = "ADS1220"
[channels.forearm_l]
sensor = "ABP2"
bus = 1
range = [0, 5]
unit = "psi"
transfer = "A"
[channels.forearm_r]
sensor = "HSC"
mux_port = 5
range = [-300, 300]
unit = "mmHg"
transfer = "F"
"""
# What each sensor makes of a pressure: slope, and offset in mmHg.
ERRORS = {"calf_l": (0.98, 2.4), "calf_r": (1.02, -3.1), "forearm_l": (1.01, 1.7), "forearm_r": (0.99, -2.2)}
SECONDS = 86
POINTS = (("0", 8, 40), ("50", 50, 84))
# A count of an HSC of 600 mmHg is 0.04 mmHg.
WITHIN_MMHG = {"calf_l": 0.02, "calf_r": 0.02, "forearm_l": 0.02, "forearm_r": 0.05}


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("config") / "board.toml"
    path.write_text(CONFIG)
    return path


@pytest.fixture(scope="module")
def scenario(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """0 mmHg, and 50 from 45 s on, as sensors that are off see them."""
    path = tmp_path_factory.mktemp("scenario") / "steps.csv"
    rows = ["t_s," + ",".join(f"{name}_mmhg" for name in ERRORS)]
    for t_s, mmhg in ((0, 0), (44, 0), (45, 50), (SECONDS, 50)):
        rows.append(f"{t_s}," + ",".join(f"{slope * mmhg + offset:.4f}" for slope, offset in ERRORS.values()))
    path.write_text("\n".join(rows) + "\n")
    return path


@pytest.fixture(scope="module")
def off(scenario: Path, config: Path, record: Callable[..., Path], micropython: str) -> Path:
    return record(f"sim:{scenario}", SECONDS, config=config)


def points(number: int = 2) -> list[str]:
    return [word for mmhg, begin, end in POINTS[:number] for word in ("--point", f"{mmhg}@{begin}-{end}")]


def test_two_points_of_each_sensor(off: Path, scenario: Path, config: Path, turgor: Any, tmp_path: Path) -> None:
    given = []
    for name, (slope, offset) in ERRORS.items():
        given += ["--calibration", tmp_path / f"{name}.toml"]
        with open_recording(off) as recording:
            assert abs(recording[name].readings(60, 84).value.mean() - 50) > 0.5
        arguments = ("--channel", name, *points(), "--config", config, "--out", given[-1], "--json")
        found = json.loads(turgor("calibrate", "pressure", off, *arguments).stdout)
        assert found["slope_against_nominal_percent"] == pytest.approx(100 * slope - 100, abs=0.05)
        assert found["offset_mmhg"] == pytest.approx(offset / slope, abs=WITHIN_MMHG[name])
    again = tmp_path / "again.turgor"
    turgor("record", f"sim:{scenario}", again, "--config", config, "--seconds", SECONDS, "--speed", 4, *given)
    with open_recording(again) as recording:
        for name, within in WITHIN_MMHG.items():
            for mmhg, begin, end in ((0, 25, 44), (50, 60, 84)):
                assert np.abs(recording[name].readings(begin, end).value - mmhg).max() < within, name
    assert json.loads(turgor("replay", again, "--verify", "--json").stdout)["result"] == "equal"


def pressure(*arguments: object) -> Any:
    done = CliRunner().invoke(app, ["calibrate", "pressure", *map(str, arguments), "--json"], catch_exceptions=False)
    return json.loads(done.stdout)


def test_of_a_digital_sensor_the_zero_alone(off: Path) -> None:
    """The maker's slope stays; a bridge needs two points."""
    for name in ("forearm_l", "forearm_r"):
        found = pressure(off, "--channel", name, *points(1))
        with open_recording(off) as recording:
            setup = next(setup for setup in recording.boots[0].setups.values() if setup.name == name)
        assert tuple(found["words"][1:]) == setup.words[10:13]
        assert found["offset_mmhg"] == pytest.approx(ERRORS[name][1], abs=WITHIN_MMHG[name])
        assert found["slope_against_nominal_percent"] == pytest.approx(0, abs=1e-9)
    for name in ("calf_l", "calf_r"):
        with pytest.raises(UsageError, match=f"{name}: 1 points to fit; give two with --point"):
            pressure(off, "--channel", name, *points(1))


def test_a_configuration_of_another_sensor_is_not_taken(off: Path, tmp_path: Path) -> None:
    config = tmp_path / "other.toml"
    config.write_text("[channels.calf_r]\n")
    with pytest.raises(UsageError, match="has no ADS1220 on calf_r"):
        pressure(off, "--channel", "calf_r", *points(), "--config", config)
