"""A pulse above the systolic pressure on the virtual board under MicroPython: from the line's beats to the alarm.

The flag that the board put into its readings says at which tick the pulse was above and for how long; the alarm has to
come to the second from there, and the recording has to verify.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from played import beats, line_flags

from turgor.link.records import DAMPED, FEW_BEATS, FLUSHED, NO_BEATS, PULSE_ABOVE

_QUALITY = NO_BEATS | DAMPED | FLUSHED | FEW_BEATS


def flags(file: Path) -> dict[int, int]:
    """Those of the line's readings by their second, where its beats were good."""
    return {t_s: flag for t_s, flag in line_flags(file) if not flag & _QUALITY}


def test_a_fast_pulse(
    tmp_path: Path,
    record: Callable[..., Path],
    events: Callable[[Path], list[dict[str, Any]]],
    turgor: Any,
    micropython: Path,
) -> None:
    """75 a minute at 120 mmHg, and twice 115 at 110, MAP never below 85: a short time, and for ten minutes and more."""
    calm, fast = (75, 70, 120), (115, 70, 110)
    points = beats([(20, *calm), (120, *fast), (60, *calm), (640, *fast), (340, *calm)])
    scenario, config = tmp_path / "line.csv", tmp_path / "line.toml"
    scenario.write_text("t_s,art_mmhg\n" + "".join(f"{t_s:.3f},{mmhg}\n" for t_s, mmhg in points))
    config.write_text("[channels.art]\n")
    file = record(f"sim:{scenario}", 1180, config=config)
    good = flags(file)
    above = [t_s for t_s in sorted(good) if good[t_s] & PULSE_ABOVE]
    assert 110 <= sum(t_s < 160 for t_s in above) <= 125
    first = next(t_s for t_s in above if t_s > 180)
    run = [t_s for t_s in above if t_s > 180]
    assert run == [t_s for t_s in sorted(good) if first <= t_s <= run[-1]]
    calm_again = next(t_s for t_s in sorted(good) if t_s > run[-1])
    found = [(event["t_s"], event["rule"], event["state"], event["value"], event["unit"]) for event in events(file)]
    assert [entry[:3] for entry in found] == [
        (run[600], "shock", "raised"),
        (sorted(t_s for t_s in good if t_s >= calm_again)[300], "shock", "cleared"),
    ]
    assert found[0][3:] == (1, "")
    assert json.loads(turgor("replay", file, "--verify", "--json").stdout)["result"] == "equal"
