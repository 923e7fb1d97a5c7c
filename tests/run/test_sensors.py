"""Sensors that fail while the board runs: named in the data, sounded, no reading made up, well again by themselves."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from turgor_host.errors import TurgorError
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


# What an optional channel needs; a pressure of the limb beside them that nothing may disturb.
OPTIONAL = """
[channels.calf_l]
[channels.cuff]
bus = 1
range = [0, 6]
unit = "psi"
transfer = "A"
[channels.skin]
mux_port = 4
[channels.motion]
"""
# Time, cuff, skin, inclination, roll, shaking, fault.
COURSE = """t_s,calf_l_mmhg,cuff_mmhg,temp_degc,motion_incline_deg,motion_roll_deg,motion_shake_g,fault
0,12,0,33,0,0,0,
15,12,0,33,0,0,0,
16,12,150,36.625,-80,20,0,
20,12,150,36.625,-80,20,0,silent:skin
20.1,,,,,,,stuck:motion
20.2,,,,,,,absent:cuff
40,12,150,36.625,-80,20,0,mended:skin
40.1,,,,,,,mended:motion
40.2,,,,,,,mended:cuff
50,12,150,36.625,-80,20,0,
51,12,150,36.625,-80,20,0.2,
60,12,150,36.625,-80,20,0.2,saturated:motion
60.1,,,,,,,saturated:skin
80,12,150,36.625,-80,20,0,mended:motion
80.1,,,,,,,mended:skin
90,12,150,36.625,-80,20,0,
"""


@pytest.mark.parametrize("runtime", ["micropython", "cpython"])
def test_cuff_skin_and_motion(
    runtime: str, record: Callable[..., Path], events: Any, info: Any, turgor: Any, tmp_path: Path
) -> None:
    """Their readings are what they feel, their faults are named and sounded, and no rule of a limb judges them."""
    config, course = tmp_path / "board.toml", tmp_path / "course.csv"
    config.write_text(OPTIONAL)
    course.write_text(COURSE)
    file = record(f"sim:{course}", 90, runtime=runtime, config=config)
    channels = {row["name"]: (row["kind"], row["unit"], row["readings"]) for row in info(file)["channels"]}
    assert channels == {
        "calf_l": ("pressure", "mmHg", 90),
        "cuff": ("cuff", "mmHg", 90),
        "skin": ("temperature", "degC", 90),
        "motion": ("motion", "deg", 90),
    }
    recording = open_recording(file)
    for name, before, after, most in (("cuff", 0, 150, 0.05), ("skin", 33, 36.625, 0.01), ("motion", 0.46, -79.8, 0.1)):
        track = recording[name]
        for start_s, end_s, value in ((4, 15, before), (18, 20, after), (45, 50, after), (85, 90, after)):
            found = track.readings(start_s, end_s)
            assert found.valid.all()
            assert np.abs(found.value - value).max() < most, (name, start_s)
        assert not track.readings(22.5, 40).valid.any()
        # Of 60 s there are 30 again.
        assert np.isfinite(track.readings(52, 60).median).all()
    assert recording["cuff"].window(50, 60).validity.all()
    _, posture, valid = recording["motion"].posture(43, 50)
    assert valid.all()
    assert posture.roll_deg == pytest.approx(20, abs=2)
    assert set(posture.activity_g) == {0.001}
    # 0.2 g on either side.
    assert set(recording["motion"].posture(52, 60)[1].activity_g) == {0.512}
    with pytest.raises(TurgorError, match="skin is no accelerometer"):
        recording["skin"].posture()
    assert recording["skin"].window(61, 80).validity.sum() <= 1
    raised = {(e["channel"], e["rule"]): e["t_s"] for e in events(file) if e["state"] == "raised"}
    assert raised.keys() == {
        ("cuff", "sensor_absent"),
        ("skin", "sensor_absent"),
        ("motion", "stuck"),
        ("motion", "saturated"),
        ("skin", "saturated"),
    }
    for (_, rule), t_s in raised.items():
        begun_s = 60 if rule == "saturated" else 20
        assert begun_s + 10 <= t_s <= begun_s + 12
    cleared = [(e["channel"], e["rule"]) for e in events(file) if e["state"] == "cleared"]
    assert sorted(cleared) == sorted(raised)
    assert recording["calf_l"].readings(6, 90).valid.all()
    report = json.loads(turgor("replay", file, "--verify", "--json").stdout)
    assert (report["result"], report["states"]["different"]) == ("equal", 0)
    turgor("plot", file, "--out", tmp_path / "picture.png")
