"""A transducer that is off is calibrated from a recording of known pressures, and the board then reads right."""

import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from turgor_host.recording.reader import open_recording

# 0, 50, 25 and again 0 mmHg, 95 s each; the fault makes the transducer 2 % weak and 2.4 mmHg off.
_STEPS = ((0, 0), (100, 50), (200, 25), (300, 0))
_WINDOWS = ("--point", "0@32-92", "--point", "50@132-192", "--check", "25@232-292", "--check", "0@332-392")


@pytest.fixture(scope="module")
def steps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("scenario") / "steps.csv"
    rows = ["t_s,calf_l_mmhg,fault", "0,0,uncalibrated:calf_l"]
    for (start, mmhg), (end, _) in zip(_STEPS, (*_STEPS[1:], (400, 0)), strict=True):
        rows += [f"{start + 1},{mmhg},", f"{end - 1},{mmhg},"]
    path.write_text("\n".join(rows) + "\n")
    return path


@pytest.fixture(scope="module")
def off(steps: Path, record: Callable[..., Path], micropython: Path) -> Path:
    return record(f"sim:{steps}", 396)


def test_fit_and_upload(
    off: Path, steps: Path, record: Any, turgor: Any, info: Any, tmp_path: Path, user_data: Path
) -> None:
    with open_recording(off) as recording:
        before = recording["calf_l"].readings(150, 190).value.mean()
    # (50 mmHg + 2.4) x 0.98
    assert before == pytest.approx(51.352, abs=0.01)
    out = tmp_path / "calf_l.toml"
    done = turgor("calibrate", "pressure", off, "--channel", "calf_l", *_WINDOWS, "--out", out, "--json")
    found = json.loads(done.stdout)
    assert found["slope_against_nominal_percent"] == pytest.approx(-2.0, abs=0.01)
    assert found["offset_mmhg"] == pytest.approx(2.4, abs=0.01)
    assert max(abs(error) for error in found["error_mmhg"]) < 0.01
    certificate = tomllib.loads(out.read_text())
    assert certificate["simulated"] is True
    assert certificate["pressure"]["calf_l"]["words"] == found["words"]
    assert certificate["number"] == found["number"]
    kept = user_data / "turgor" / "certificates" / f"{found['number']}.toml"
    assert kept.read_bytes() == out.read_bytes()

    again = record(f"sim:{steps}", 396, calibration=out)
    with open_recording(again) as recording:
        readings = recording["calf_l"].readings()
        for start, mmhg in _STEPS[1:]:
            window = (readings.time > start + 40) & (readings.time < start + 90)
            assert np.abs(readings.value[window] - mmhg).max() < 0.02
    assert info(off)["channels"][0]["calibration"] != found["number"]
    assert info(again)["channels"][0]["calibration"] == found["number"]
    turgor("replay", again, "--verify")
    # What the uncalibrated board recorded, with its calibration.
    assert json.loads(turgor("replay", off, "--calibration", out, "--json").stdout)["readings"]["left_out"] == 0


@pytest.mark.parametrize(
    ("points", "code", "words"),
    [
        (("--point", "0@32-92"), 2, ("two",)),
        (("--point", "0@32-92", "--point", "50 at 132"), 2, ("MMHG@START-END",)),
        (("--point", "0@32-92", "--point", "5@132-192"), 2, ("20",)),
        (("--point", "0@32-42", "--point", "50@132-192"), 1, ("30 s",)),
        (("--point", "0@32-92", "--point", "50@232-292"), 1, ("slope",)),
        (("--point", "50@32-92", "--point", "0@132-192"), 1, ("codes fall", "exchanged")),
        (("--point", "0@32-92", "--point", "50@132-192", "--check", "30@232-292"), 1, ("straight",)),
        (("--point", "0@62-132", "--point", "50@132-192"), 1, ()),
    ],
)
def test_nonsense_is_refused(
    off: Path, turgor: Any, points: tuple[str, ...], code: int, words: tuple[str, ...]
) -> None:
    done = turgor("calibrate", "pressure", off, "--channel", "calf_l", *points, code=code)
    assert done.stderr.count("\n") == 1
    for word in words:
        assert word in done.stderr


def test_a_channel_that_is_not_there(off: Path, turgor: Any) -> None:
    done = turgor("calibrate", "pressure", off, "--channel", "calf", *_WINDOWS, code=1)
    assert "calf_l" in done.stderr


def test_the_example_of_the_procedure_is_what_the_tool_makes(
    root: Path, record: Any, turgor: Any, tmp_path: Path, micropython: str
) -> None:
    folder = root / "calibration"
    file = record(f"sim:{folder / 'example_two_point.csv'}", 396)
    turgor("calibrate", "pressure", file, "--channel", "calf_l", *_WINDOWS, "--out", tmp_path / "made.toml")
    made = tomllib.loads((tmp_path / "made.toml").read_text())
    kept = tomllib.loads((folder / "example_two_point.toml").read_text())
    assert made["simulated"] is kept["simulated"] is True
    assert made["pressure"] == kept["pressure"]
