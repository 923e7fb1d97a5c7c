"""The board's supply on the virtual board: measured, and told when it is low, on both sides of limit and time."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from turgor_host.recording.reader import open_recording

# The median of a minute is below when more than half of it is; then it stays so for longer than 10 s.
_COURSE = """t_s,supply_v,fault
0,4.75,
100,4.75,
100.001,{low_v},
{end_s},{low_v},
{end_s}1,4.75,
400,4.75,
400.1,,saturated:supply
460,,mended:supply
520,4.75,
"""


@pytest.mark.parametrize(
    ("runtime", "low_v", "end_s", "is_low"),
    [
        ("micropython", 3.95, "133.5", True),
        ("micropython", 3.95, "128.5", False),
        ("micropython", 4.05, "300.5", False),
        ("cpython", 3.95, "133.5", True),
    ],
)
def test_a_low_supply(
    runtime: str,
    low_v: float,
    end_s: str,
    is_low: bool,
    record: Callable[..., Path],
    events: Any,
    info: Any,
    turgor: Any,
    tmp_path: Path,
) -> None:
    config, course = tmp_path / "board.toml", tmp_path / "course.csv"
    config.write_text("[channels.calf_l]\n[channels.supply]\n")
    course.write_text(_COURSE.format(low_v=low_v, end_s=end_s))
    file = record(f"sim:{course}", 520, runtime=runtime, config=config)
    channels = {row["name"]: (row["kind"], row["unit"]) for row in info(file)["channels"]}
    assert channels["supply"] == ("supply", "V")
    track = open_recording(file)["supply"]
    assert np.abs(track.readings(4, 100).value - 4.75).max() < 0.01
    assert np.abs(track.readings(104, 126).value - low_v).max() < 0.01
    told = [(e["rule"], e["state"], e["priority"], e["limit"], e["unit"]) for e in events(file) if e["t_s"] < 400]
    raised = [("power_low", "raised", "medium", 4.0, "V"), ("power_low", "cleared", "medium", 4.1, "V")]
    assert told == (raised if is_low else [])
    later = [(e["channel"], e["rule"], e["state"]) for e in events(file) if e["t_s"] > 400]
    assert later == [("supply", "saturated", "raised"), ("supply", "saturated", "cleared")]
    assert json.loads(turgor("replay", file, "--verify", "--json").stdout)["result"] == "equal"
    turgor("plot", file, "--out", tmp_path / "picture.png")
