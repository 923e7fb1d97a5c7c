"""The built-in patient on the virtual board at 10 samples a second raises what the same core says of its trends.

Three hours in which fluid enters the calf and legs' perfusion falls too low; all seven days, which may take an hour:
TURGOR_FULL=1 .venv/bin/pytest -n 0 tests/run/test_trend_on_board.py
"""

import json
import os
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from turgor.core.channels import IMPEDANCE, PRESSURE
from turgor_host.recording.reader import open_recording
from turgor_host.sim.patient.episode import patient_episode
from turgor_host.sim.scenario import Scenario
from turgor_host.sim.scenario_file import write_scenario
from turgor_host.trend.played import READING_NOISE, play

FULL = bool(os.environ.get("TURGOR_FULL"))
_FROM_S, _SECONDS = (0, 168 * 3600) if FULL else (40000, 10800)
_TOLERANCE_S = 60
_CONFIG = """
[channels.calf_l]
rate_hz = 10
[channels.calf_r]
rate_hz = 10
[channels.forearm_l]
rate_hz = 10
[channels.forearm_r]
rate_hz = 10
[channels.calf_z]
[channels.thorax_z]
"""


def part(scenario: Scenario, from_s: float, seconds: float) -> Scenario:
    """From `from_s` on, as if it began there."""

    def cut(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
        times, values = zip(*points, strict=True)
        inside = [t for t in times if from_s < t < from_s + seconds]
        return [(t - from_s, float(np.interp(t, times, values))) for t in (from_s, *inside, from_s + seconds)]

    # What is typed in the last second is judged in the next.
    dbp = [(t - from_s, value) for t, value in scenario.dbp if from_s <= t < from_s + seconds - 1]
    return Scenario({name: cut(points) for name, points in scenario.points.items()}, dbp)


def by_alarm(events: list[dict[str, Any]]) -> dict[tuple[str, ...], list[float]]:
    """Moments of each kind of event."""
    found = defaultdict(list)
    for event in events:
        found[tuple(str(event[key]) for key in ("channel", "rule", "priority", "state"))].append(event["t_s"])
    return found


def on_the_board(scenario: Scenario, seconds: int, folder: Path) -> tuple[Path, int]:
    """A recording of the virtual board at 10 samples a second, and how many records it lacks."""
    csv, config, file = folder / "patient.csv", folder / "slow.toml", folder / "out.turgor"
    write_scenario(scenario, csv)
    config.write_text(_CONFIG)
    command = [sys.executable, "-m", "turgor_host.cli", "record", f"sim:{csv}", file, "--seconds", seconds]
    command += ["--speed", "max", "--runtime", "micropython", "--config", config, "--json"]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return file, json.loads(done.stdout)["lost"]


def test_readings_are_as_noisy_as_the_boards(tmp_path: Path) -> None:
    file, _ = on_the_board(part(patient_episode(), _FROM_S, 400), 400, tmp_path)
    with open_recording(file) as recording:
        for name in recording.channels:
            track = recording[name]
            values = track.readings(20, 400).value
            if track.kind == IMPEDANCE:
                # A sweep's reading stands for two seconds.
                values = values[::2]
            # Of a ramp nothing is left in second differences.
            noise = np.diff(values, 2).std() / np.sqrt(6) * 1000
            assert noise == pytest.approx(READING_NOISE[track.kind], rel=0.25), name
    assert set(READING_NOISE) == {IMPEDANCE, PRESSURE}


def test_the_board_says_the_same(turgor: Any, tmp_path: Path) -> None:
    scenario = part(patient_episode(), _FROM_S, _SECONDS)
    said = by_alarm([alarm.as_event() for alarm in play(scenario, _SECONDS)])
    assert {"dp_low", "fluid_gain"} <= {rule for _, rule, *_ in said}
    started = time.perf_counter()
    file, lost = on_the_board(scenario, _SECONDS, tmp_path)
    print(f"{_SECONDS} s of board time in {time.perf_counter() - started:.0f} s")
    assert lost == 0
    seen = by_alarm(json.loads(turgor("events", file, "--json").stdout))
    assert {key: len(moments) for key, moments in seen.items()} == {key: len(moments) for key, moments in said.items()}
    apart = {key: np.abs(np.subtract(seen[key], moments)).max() for key, moments in said.items()}
    print(apart)
    assert max(apart.values()) <= _TOLERANCE_S, apart
