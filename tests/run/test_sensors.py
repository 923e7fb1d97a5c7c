"""Sensors that fail while the board runs: named in the data, sounded, no reading made up, well again by themselves."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from turgor_host.recording.reader import open_recording

_BEGUN_S, _ENDED_S, _SECONDS = 10, 60, 130
# Fault and channel, the rule that names it, its priority and how long it takes.
FAULTS = (
    ("absent", "calf_l", "sensor_absent", "medium", 10),
    ("stuck", "calf_r", "stuck", "medium", 10),
    ("saturated", "forearm_l", "saturated", "medium", 10),
    ("noisy", "forearm_r", "noisy", "low", 30),
    ("electrode_off", "calf_z", "electrode_off", "medium", 10),
    ("absent", "thorax_z", "sensor_absent", "medium", 10),
    ("silent", "calf_r", "sensor_absent", "medium", 10),
)


def _scenario(path: Path, faults: tuple[tuple[str, str], ...]) -> Path:
    rows = ["t_s,fault", "0,"]
    rows += [f"{_BEGUN_S + 0.1 * i:.1f},{fault}:{channel}" for i, (fault, channel) in enumerate(faults)]
    rows += [f"{_ENDED_S + 0.1 * i:.1f},mended:{channel}" for i, (_, channel) in enumerate(faults)]
    path.write_text("\n".join([*rows, f"{_SECONDS},"]) + "\n")
    return path


@pytest.mark.parametrize("first", [0, 6])
def test_each_fault_is_named_sounded_and_passes(
    first: int, record: Callable[..., Path], events: Any, turgor: Any, tmp_path: Path, micropython: Path
) -> None:
    """Six sensors fail together, each in its own way; then one alone, beside five that are well."""
    faults = FAULTS[first : first + 6]
    file = record(f"sim:{_scenario(tmp_path / 'faults.csv', tuple(row[:2] for row in faults))}", _SECONDS)
    found = [(e["channel"], e["rule"], e["priority"], e["state"]) for e in events(file)]
    wanted = [(channel, rule, priority) for _, channel, rule, priority, _ in faults]
    for state in ("raised", "cleared"):
        assert sorted(row[:3] for row in found if row[3] == state) == sorted(wanted)
    recording = open_recording(file)
    times = {(e["channel"], e["state"]): e["t_s"] for e in events(file)}
    for fault, channel, _, _, delay_s in faults:
        # A sweep every other second, whose value is good for three.
        slow_s = 4 if channel.endswith("_z") else 2
        assert _BEGUN_S + delay_s <= times[channel, "raised"] <= _BEGUN_S + delay_s + slow_s
        assert _ENDED_S + 4 <= times[channel, "cleared"] <= _ENDED_S + 10
        readings = recording[channel].readings(_BEGUN_S + slow_s + 1, _ENDED_S)
        assert readings.valid.all() if fault == "noisy" else not readings.valid.any()
        assert recording[channel].readings(_ENDED_S + 10, _SECONDS).valid.all()
    well = set(recording.channels) - {row[1] for row in faults}
    assert bool(well) == (first == 6)
    for channel in well:
        assert recording[channel].readings(6, _SECONDS).valid.all()
    report = json.loads(turgor("replay", file, "--verify", "--json").stdout)
    assert (report["result"], report["states"]["different"]) == ("equal", 0)
