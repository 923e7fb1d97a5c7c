"""A configuration from its file to the readings: of the virtual board, and of a board that keeps it over a restart."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from virtual_board import VirtualBoard

from turgor.link.lines import CONFIGURE
from turgor_host.calibrate.certificate import Certificate, board_name, write_certificate
from turgor_host.recording.reader import open_recording

SENSORS = """
[channels.calf_l]
sensor = "ABP2"
bus = 1
range = [0, 5]
unit = "psi"
transfer = "A"
[channels.calf_r]
sensor = "HSC"
mux_port = 5
range = [-300, 300]
unit = "mmHg"
transfer = "F"
[channels.forearm_l]
sensor = "ADS1220"
rate_hz = 45
[channels.forearm_r]
rate_hz = 20
lowpass_hz = 2
[channels.art]
sensor = "ADS1220"
[channels.thorax_z]
"""
PRESSURES_MMHG = {"calf_l": 33.0, "calf_r": -5.0, "forearm_l": 47.5, "forearm_r": 12.25}


@pytest.mark.parametrize("runtime", ["micropython", "cpython"])
def test_the_virtual_board_starts_with_it(runtime: str, record: Any, turgor: Any, info: Any, tmp_path: Path) -> None:
    config, scenario = tmp_path / "board.toml", tmp_path / "level.csv"
    config.write_text(SENSORS)
    names = ",".join(f"{name}_mmhg" for name in PRESSURES_MMHG)
    scenario.write_text(f"t_s,{names},art_mmhg\n0,{','.join(map(str, PRESSURES_MMHG.values()))},80\n")
    file = record(f"sim:{scenario}", 12, runtime=runtime, config=config)
    channels = {row["name"]: row for row in info(file)["channels"]}
    assert list(channels) == ["calf_l", "calf_r", "forearm_l", "forearm_r", "thorax_z", "art"]
    for name, rate in (("calf_l", 80), ("calf_r", 80), ("forearm_l", 45), ("forearm_r", 20), ("art", 330)):
        assert channels[name]["rate_hz"] == pytest.approx(rate, rel=0.05)
        assert channels[name]["missed"] == 0
    with open_recording(file) as recording:
        for name, mmhg in PRESSURES_MMHG.items():
            readings = recording[name].readings()
            # A count of an HSC of 600 mmHg is 0.04 mmHg.
            assert np.abs(readings.value[readings.valid] - mmhg).max() < 0.05
            assert readings.valid.sum() >= 8
    turgor("replay", file, "--verify")


def test_a_board_keeps_it_and_runs_it_after_its_restart(turgor: Any, info: Any, tmp_path: Path) -> None:
    config = tmp_path / "board.toml"
    config.write_text("[channels.calf_l]\nrate_hz = 40\n[channels.calf_z]\n[limits.dp_low.medium]\nrun_s = 77\n")
    calibration = tmp_path / "calibration.toml"
    words = (10737, 6103, 16896, 6)
    certificate = Certificate(board_name(0x76 << 56 | 1), "calf_l", "NAU7802", words, time.time())
    write_certificate(calibration, certificate, "a.turgor", True, ())
    flash = tmp_path / "flash.bin"
    said = []
    for number in range(2):
        with VirtualBoard(tmp_path, speed=2, hold=True, options=("--flash", str(flash))) as board:
            file = tmp_path / f"{number}.turgor"
            given = ("--config", config, "--calibration", calibration) if not number else ()
            done = turgor("record", board.port, file, "--seconds", 8, *given)
            said.append((done.stderr, [row["name"] for row in info(file)["channels"]]))
    (first, usual), (second, configured) = said
    assert "the configuration is kept; it is in force when the board is restarted" in first
    assert len(usual) == 6
    assert configured == ["calf_l", "calf_z"]
    assert "configuration" not in second
    with open_recording(tmp_path / "0.turgor") as recording:
        # Record of the command, with the image's size and hash.
        assert [command.words[0] for command in recording.boots[0].commands if command.command == CONFIGURE] == [1123]
    with open_recording(tmp_path / "1.turgor") as recording:
        (boot,) = recording.boots
        assert boot.limits[0][:5] == (0, 0, 2, 30_000, 77)
        # The calibration that was given together with it is kept too.
        assert boot.setups[0].rate_millihz == 40_000
        assert boot.setups[0].words[9:13] == words


def test_a_file_that_is_none_is_refused(turgor: Any, tmp_path: Path) -> None:
    config = tmp_path / "board.toml"
    config.write_text("[channels.calf_l]\nrate_hz = 75\n")
    for command in (("record", "sim:", tmp_path / "a.turgor"), ("monitor", "sim:"), ("demo", "--headless")):
        said = turgor(*command, "--config", config, code=2).stderr
        assert said == f"turgor: {config}: channels.calf_l.rate_hz = 75: input should be 10, 20, 40, 80 or 320\n"
    assert not (tmp_path / "a.turgor").exists()
