"""A damped arterial line on the virtual board under MicroPython: for less and for more than the time of its rule.

The flags that the board put into its readings say for how long; the alarm has to come and go to the second from there.
"""

import json
from collections.abc import Callable
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from played import line_flags
from scipy.signal import bilinear, lfilter, lfilter_zi

from turgor.link.records import DAMPED

SECONDS = 300
HZ = 100
RUN_S, CLEAR_S = 30, 5
# A catheter with a bubble in it: natural frequency, damping ratio.
NATURAL_HZ, RATIO = 3, 1.2


def line(spans: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """75 beats a minute from 70 to 120 mmHg, seen through the bubble during `spans` (s)."""
    t_s = np.arange(SECONDS * HZ) / HZ
    clean = np.interp(t_s % 0.8, (0, 0.06, 0.8), (70, 120, 70))
    w = 2 * np.pi * NATURAL_HZ
    b, a = bilinear([w * w], [1, 2 * RATIO * w, w * w], HZ)
    damped = lfilter(b, a, clean, zi=lfilter_zi(b, a) * clean[0])[0]
    is_damped = np.any([(t_s >= first) & (t_s < last) for first, last in spans], axis=0)
    return list(zip(t_s.tolist(), np.where(is_damped, damped, clean).round(2).tolist(), strict=True))


def damped_runs(file: Path) -> list[tuple[int, int]]:
    """First second and length of each run of readings that say so."""
    groups = groupby(line_flags(file), lambda entry: bool(entry[1] & DAMPED))
    runs = [list(group) for is_damped, group in groups if is_damped]
    return [(run[0][0], len(run)) for run in runs]


def test_on_both_sides_of_its_time(
    tmp_path: Path,
    record: Callable[..., Path],
    events: Callable[[Path], list[dict[str, Any]]],
    turgor: Any,
    micropython: Path,
) -> None:
    scenario, config = tmp_path / "line.csv", tmp_path / "line.toml"
    points = line([(60, 84), (140, 220)])
    scenario.write_text("t_s,art_mmhg\n" + "".join(f"{t_s:.2f},{mmhg}\n" for t_s, mmhg in points))
    config.write_text("[channels.art]\n")
    file = record(f"sim:{scenario}", SECONDS - 10, config=config)
    (_, short), (first, long) = damped_runs(file)
    assert 15 <= short < RUN_S < long
    found = [(event["t_s"], event["rule"], event["priority"], event["state"]) for event in events(file)]
    assert found == [
        (first + RUN_S, "damped", "low", "raised"),
        (first + long + CLEAR_S, "damped", "low", "cleared"),
    ]
    assert json.loads(turgor("replay", file, "--verify", "--json").stdout)["result"] == "equal"
