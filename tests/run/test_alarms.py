"""Alarms that the board raises by itself, to the second, as its events and on its alarm pin.

At 10 samples/s and with no more channels than a scenario has: hours of board time pass several times as fast.
"""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from turgor.core.annunciation import RED
from turgor_host.configuration.file import read_configuration
from turgor_host.sim.scenario import read_scenario, write_compiled
from turgor_host.source import board_command, board_environment

# ICP jumps from 20 to 42 mmHg at 100 s, with DBP 70 typed every 50 minutes: dP falls from 50 to 28. The 60 s median
# follows when more than half of its readings are beyond, so the first tick beyond is 131 or 132.
_ICP_STEP_S = 100
_PRESSURES = "[channels.calf_l]\nrate_hz = 10\n[channels.calf_r]\nrate_hz = 10\n"
_DBP_TIMES_S = range(10, 8000, 3000)


def _scenario(path: Path, rows: dict[float, dict[str, object]], columns: list[str]) -> Path:
    lines = [",".join(["t_s", *columns])]
    lines += [",".join([str(t), *(str(rows[t].get(column, "")) for column in columns)]) for t in sorted(rows)]
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="module")
def rising(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows: dict[float, dict[str, object]] = {0: {"calf_r_mmhg": 20}, _ICP_STEP_S: {"calf_r_mmhg": 20}}
    rows[_ICP_STEP_S + 0.5] = {"calf_r_mmhg": 42}
    # One conversion of the left calf sees 300 mmHg.
    rows |= {
        50: {"calf_l_mmhg": 12},
        50.001: {"calf_l_mmhg": 300},
        50.101: {"calf_l_mmhg": 300},
        50.102: {"calf_l_mmhg": 12},
    }
    for t in _DBP_TIMES_S:
        rows.setdefault(t, {})["dbp_mmhg"] = 70
    path = tmp_path_factory.mktemp("scenario") / "rising.csv"
    return _scenario(path, rows, ["calf_l_mmhg", "calf_r_mmhg", "dbp_mmhg"])


def _pin_changes(scenario: Path, config: Path, seconds: int, folder: Path) -> list[tuple[int, int]]:
    """Run the board with no host at all; (board us, pins) of each change of its alarm's pins."""
    compiled, pins = folder / "scenario.json", folder / "pins.txt"
    write_compiled(read_scenario(scenario), 1, compiled, read_configuration(config))
    command = [*board_command("micropython"), "-m", "turgor_host.sim.board", str(compiled), "--speed", "0"]
    command += ["--no-port", "--seconds", str(seconds), "--pins", str(pins)]
    subprocess.run(command, check=True, env=board_environment(), timeout=600)
    return [(int(line.split()[0]), int(line.split()[1])) for line in pins.read_text().splitlines()]


def test_dp_low_is_raised_after_15_and_120_minutes(
    rising: Path, record: Callable[..., Path], events: Any, turgor: Any, tmp_path: Path, micropython: Path
) -> None:
    config = tmp_path / "pressures.toml"
    config.write_text(_PRESSURES)
    file = record(f"sim:{rising}", 7400, config=config)
    found = events(file)
    low = [event for event in found if event["rule"] == "dp_low"]
    assert [(e["channel"], e["priority"], e["state"]) for e in low] == [
        ("calf_r", "medium", "raised"),
        ("calf_r", "high", "escalated"),
    ]
    with_reading = json.loads(turgor("info", file, "--json").stdout)
    assert with_reading["lost"] == 0
    first_beyond = low[0]["t_s"] - 900
    assert _ICP_STEP_S + 30 <= first_beyond <= _ICP_STEP_S + 32
    assert low[1]["t_s"] == first_beyond + 7200
    # The spike of one conversion raised nothing on the left.
    assert {event["channel"] for event in found} == {"calf_r", "patient"}  # whose DBP grows old

    # The same moments on the pins, with no host, within the tick's own slices: the first alarm's and the high one's.
    raised = min(event["t_s"] for event in found if event["state"] == "raised")
    changes = _pin_changes(rising, config, 7400, tmp_path)
    for t_s, first_us in (
        (raised, changes[0][0]),
        (low[1]["t_s"], next(t_us for t_us, pins in changes if pins & RED)),
    ):
        assert 0 <= first_us - t_s * 1_000_000 < 20_000


def test_fluid_gain_is_raised_low_then_medium(
    tmp_path: Path, record: Callable[..., Path], events: Any, micropython: Path
) -> None:
    rows: dict[float, dict[str, object]] = {
        0: {"calf_z_r0_ohm": 62},
        600: {"calf_z_r0_ohm": 62},
        600 + 6 * 3600: {"calf_z_r0_ohm": 62 * 0.88},
    }
    config = tmp_path / "calf.toml"
    config.write_text("[channels.calf_z]\n")
    scenario = _scenario(tmp_path / "swelling.csv", rows, ["calf_z_r0_ohm"])
    file = record(f"sim:{scenario}", 23400, config=config)
    found = [e for e in events(file) if e["rule"] == "fluid_gain"]
    assert [(e["channel"], e["priority"], e["state"]) for e in found] == [
        ("calf_z", "low", "raised"),
        ("calf_z", "medium", "escalated"),
    ]
