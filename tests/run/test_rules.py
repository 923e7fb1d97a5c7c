"""Every rule on both sides of its limits and durations, on the virtual board under MicroPython.

Each run plays several cases at once: a level a tenth of a unit beyond a limit and one a tenth within, a run one second
too short and one just long enough, on different limbs. The board's own medians, which the recording has, say at which
tick the input went beyond; the events have to come to the second from there, and no other may come at all. A run of
900 s is over at the 901st tick.
"""

import json
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from turgor.core.change import fall_permille
from turgor_host.recording.reader import open_recording

Levels = Sequence[tuple[float, float]]
Event = tuple[int, str, str, str, str]
LIMBS = ("calf_l", "calf_r", "forearm_l", "forearm_r")
PRESSURES = "".join(f"[channels.{limb}]\nrate_hz = 10\n" for limb in LIMBS)
TEN_MINUTES = 600
PARTS = (
    ("calf_z", "r0_ohm", 62.0),
    ("calf_z", "rinf_ohm", 38.0),
    ("thorax_z", "r0_ohm", 51.4),
    ("thorax_z", "rinf_ohm", 25.0),
)
# A level changes within this time.
EDGE_S = 0.2


class Played:
    """A recorded run: `events` (second, channel, rule, priority, state), and the medians that they were judged on."""

    def __init__(self, file: Path, found: list[dict[str, Any]]) -> None:
        self.events: list[Event] = [
            (event["t_s"], event["channel"], event["rule"], event["priority"], event["state"]) for event in found
        ]
        self.file = file

    def medians(self, channel: str) -> dict[int, float]:
        with open_recording(self.file) as recording:
            readings = recording[channel].readings()
            points = zip(readings.time.tolist(), readings.median.tolist(), strict=True)
            return {round(t_s): round(median, 3) for t_s, median in points if median == median}

    def baseline(self, channel: str) -> float:
        with open_recording(self.file) as recording:
            ((_, ohm),) = recording.baselines()[channel]
            return ohm

    def run(self, channel: str, is_beyond: Callable[[float], bool], after: int = 0) -> tuple[int, int]:
        """The first tick behind `after` at which the median is beyond, and for how many it stays there."""
        medians = self.medians(channel)
        first = next(t for t in sorted(medians) if t > after and is_beyond(medians[t]))
        end = first
        while end in medians and is_beyond(medians[end]):
            end += 1
        return first, end - first


def rows(levels: Levels) -> dict[float, float]:
    """Points of a column that jumps to each level at its time."""
    found = {0.0: levels[0][1]}
    for (_, before), (t_s, level) in pairwise(levels):
        found[t_s] = before
        found[t_s + EDGE_S] = level
    return found


@pytest.fixture
def play(
    tmp_path: Path, record: Callable[..., Path], events: Callable[[Path], list[dict[str, Any]]], micropython: Path
) -> Callable[..., Played]:
    """Write a scenario and its configuration, and let the board run it."""

    def run(
        seconds: int,
        columns: dict[str, dict[float, float]],
        dbp: float | None = None,
        configuration: str = PRESSURES,
        typed: dict[float, float] | None = None,
    ) -> Played:
        points: dict[float, dict[str, float]] = {0.0: {}}
        for column, values in columns.items():
            for t_s, value in values.items():
                points.setdefault(t_s, {})[column] = value
        entries = typed or {} if dbp is None else dict.fromkeys(range(5, seconds, TEN_MINUTES), dbp)
        for at_s, mmhg in entries.items():
            points.setdefault(at_s, {})["dbp_mmhg"] = mmhg
        names = [*columns, "dbp_mmhg"]
        lines = [",".join(["t_s", *names])]
        lines += [
            ",".join([f"{t_s:g}" if t_s < 1e5 else str(t_s), *(str(points[t_s].get(name, "")) for name in names)])
            for t_s in sorted(points)
        ]
        scenario, config = tmp_path / "rules.csv", tmp_path / "rules.toml"
        scenario.write_text("\n".join(lines) + "\n")
        config.write_text(configuration)
        file = record(f"sim:{scenario}", seconds, config=config)
        return Played(file, events(file))

    return run


def pressures(**levels: Levels) -> dict[str, dict[float, float]]:
    return {f"{limb}_mmhg": rows(points) for limb, points in levels.items()}


def test_dp_low(play: Any) -> None:
    """DBP 50: below 30 for 15 min is medium, for 20 min (here) high; 5 min at or above 32 clear it."""
    beyond, within, clear, not_clear = 20.1, 19.9, 17.9, 18.1
    played = play(
        2400,
        pressures(
            calf_l=[(0, beyond)],
            calf_r=[(0, within)],
            forearm_l=[(0, clear), (100, beyond), (1001, clear), (1100, beyond), (2002, clear)],
            forearm_r=[(0, beyond), (960, not_clear), (1000, clear), (1299, not_clear), (1500, clear)],
        ),
        dbp=50,
        configuration=PRESSURES + "[limits.dp_low.high]\nrun_s = 1200\n",
    )

    def is_low(icp: float) -> bool:
        return 50 - icp < 30

    def is_clear(icp: float) -> bool:
        return 50 - icp >= 32

    first, _ = played.run("calf_l", is_low)
    expected = [
        (first + 900, "calf_l", "dp_low", "medium", "raised"),
        (first + 1200, "calf_l", "dp_low", "high", "escalated"),
    ]
    short, ticks = played.run("forearm_l", is_low)
    assert ticks == 900
    again, ticks = played.run("forearm_l", is_low, short + ticks)
    assert ticks == 901
    clears, _ = played.run("forearm_l", is_clear, again)
    expected += [
        (again + 900, "forearm_l", "dp_low", "medium", "raised"),
        (clears + 300, "forearm_l", "dp_low", "medium", "cleared"),
    ]
    first, _ = played.run("forearm_r", is_low)
    almost, ticks = played.run("forearm_r", is_clear)
    assert ticks == 300
    last, _ = played.run("forearm_r", is_clear, almost + ticks)
    expected += [
        (first + 900, "forearm_r", "dp_low", "medium", "raised"),
        (last + 300, "forearm_r", "dp_low", "medium", "cleared"),
    ]
    assert played.events == sorted(expected)


def test_dp_lost_and_dp_deficit(play: Any) -> None:
    """DBP 30: at or below 10 for 10 min is lost, and high stays; 5 and 10 mmHg x h (here) below 30 are a deficit."""
    lost, not_lost, clear = 20.1, 19.9, 14.9
    played = play(
        1950,
        pressures(
            calf_l=[(0, lost)],
            calf_r=[(0, not_lost)],
            forearm_l=[(0, clear), (100, lost), (701, clear)],
            forearm_r=[(0, clear), (100, lost), (702, clear)],
        ),
        dbp=30,
        configuration=PRESSURES
        + "[limits.dp_low]\nmedium = { run_s = 600000 }\nhigh = { run_s = 600001 }\n"
        + "[limits.dp_deficit]\nclear_mmhg_h = 4\nmedium = { limit_mmhg_h = 5 }\nhigh = { limit_mmhg_h = 10 }\n",
    )

    def is_lost(icp: float) -> bool:
        return 30 - icp <= 10

    first, ticks = played.run("calf_l", is_lost)
    expected = [(first + 600, "calf_l", "dp_lost", "high", "raised")]
    first, ticks = played.run("forearm_l", is_lost)
    assert ticks == 600
    first, ticks = played.run("forearm_r", is_lost)
    assert ticks == 601
    expected += [(first + 600, "forearm_r", "dp_lost", "high", "raised")]
    for limb in LIMBS:
        depth = 0
        wanted = [(5, "medium", "raised"), (10, "high", "escalated")]
        for t_s, icp in played.medians(limb).items():
            depth += round(icp * 1000) if t_s > 5 else 0
            if wanted and depth // 3600 >= wanted[0][0] * 1000:
                expected.append((t_s, limb, "dp_deficit", *wanted.pop(0)[1:]))
    assert len(expected) == 2 + 6
    assert sorted(played.events) == sorted(expected)


def test_pressure_high(play: Any) -> None:
    """DBP 80: at or above 30 for 10 min, low while dP is 40 or more, from 45 on high after 5 min."""
    played = play(
        1400,
        pressures(
            calf_l=[(0, 29.9), (100, 30.1), (701, 27.9), (762, 30.1), (1364, 27.9)],
            calf_r=[(0, 44.9), (300, 39.9)],
            # In two falls: one of 10 within 60 s is doubted.
            forearm_l=[(0, 40.1), (700, 34.0), (800, 28.1), (900, 27.9), (1200, 28.1)],
            forearm_r=[(0, 44.9), (100, 45.1)],
        ),
        dbp=80,
        configuration=PRESSURES + "[limits.pressure_rising]\nlow = { limit_mmhg_per_h = 600 }\n"
        "[limits.dp_deficit]\nmedium = { limit_mmhg_h = 600 }\nhigh = { limit_mmhg_h = 601 }\n",
    )

    def is_high(icp: float) -> bool:
        return icp >= 30

    short, ticks = played.run("calf_l", is_high)
    assert ticks == 600
    first, ticks = played.run("calf_l", is_high, short + ticks)
    assert ticks == 601
    expected = [(first + 600, "calf_l", "pressure_high", "low", "raised")]
    # dP is 40.1 when its time has come, on the other side 39.9.
    first, _ = played.run("calf_r", is_high)
    expected += [(first + 600, "calf_r", "pressure_high", "low", "raised")]
    first, _ = played.run("forearm_l", is_high)
    expected += [(first + 600, "forearm_l", "pressure_high", "medium", "raised")]
    # 300 ticks below 28, and no more.
    _, ticks = played.run("forearm_l", lambda icp: icp <= 28)
    assert ticks == 300
    first, _ = played.run("forearm_r", is_high)
    worse, _ = played.run("forearm_r", lambda icp: icp >= 45)
    expected += [(worse + 300, "forearm_r", "pressure_high", "high", "raised")]
    assert worse + 300 < first + 600
    assert played.events == sorted(expected)


def test_without_a_dbp(play: Any) -> None:
    """`dbp_stale` is low behind 15 min and medium behind 30; without a dP 30 mmHg are high after 20 min (here); a DBP
    ends it, and one that is older than 60 min (here never) would bring it again."""
    played = play(
        3800,
        pressures(calf_l=[(0, 30.1)], calf_r=[(0, 29.9)]),
        configuration="[channels.calf_l]\nrate_hz = 10\n[channels.calf_r]\nrate_hz = 10\n"
        "[limits.pressure_high.high_without_dp]\nrun_s = 1200\n",
        typed={1850: 80, 2750: 80},
    )
    first, _ = played.run("calf_l", lambda icp: icp >= 30)
    assert played.events == sorted(
        [
            (first + 600, "calf_l", "pressure_high", "medium", "raised"),
            (901, "patient", "dbp_stale", "low", "raised"),
            (first + 1200, "calf_l", "pressure_high", "high", "escalated"),
            (1801, "patient", "dbp_stale", "medium", "escalated"),
            (1851, "patient", "dbp_stale", "medium", "cleared"),
            # Typed again after 900 s it is never too old; then it is 901 s old.
            (2751 + 901, "patient", "dbp_stale", "low", "raised"),
        ]
    )


def test_pressure_rising_and_pressure_doubt(play: Any) -> None:
    """10 mmHg/h over 30 min from 15 mmHg on; a fall of 10 within 60 s; below 2 for 10 min."""
    hours = 2400 / 3600
    columns = {
        "calf_l_mmhg": {0: 15.1, 2400: 15.1 + 10.2 * hours},
        "calf_r_mmhg": {0: 15.1, 2400: 15.1 + 9.8 * hours},
        **pressures(
            forearm_l=[(0, 13.0), (100, 2.9), (500, 13.0), (1000, 3.1)],
            forearm_r=[(0, 8.0), (100, 1.9), (700, 2.1), (800, 8.0), (1000, 1.9), (1700, 4.1)],
        ),
    }
    played = play(2400, columns, dbp=90)
    # One median in two minutes, at least eight of them; from 15 mmHg on.
    medians = played.medians("calf_l")
    raised = next(
        t_s
        for t_s in range(120, 2400, 120)
        if (known := [medians[t] for t in range(t_s - 14 * 120, t_s + 1, 120) if t in medians])
        and len(known) >= 8
        and medians[t_s] >= 15
        and _slope_per_h(known) >= 10
    )
    expected = [(raised, "calf_l", "pressure_rising", "low", "raised")]
    # The highest of each tenth second in the last minute before.
    medians = played.medians("forearm_l")
    doubted = False
    for t_s in range(110, 2400):
        before = max(medians[t] for t in range(t_s - 70, t_s) if t % 10 == 0)
        if not doubted and before - medians[t_s] >= 10:
            doubted, level = True, before
            expected.append((t_s, "forearm_l", "pressure_doubt", "medium", "raised"))
        elif doubted and medians[t_s] >= level - 5:
            doubted = False
            expected.append((t_s, "forearm_l", "pressure_doubt", "medium", "cleared"))
    assert len(expected) == 3
    short, ticks = played.run("forearm_r", lambda icp: icp < 2)
    assert ticks == 600
    first, ticks = played.run("forearm_r", lambda icp: icp < 2, short + ticks)
    away, _ = played.run("forearm_r", lambda icp: icp >= 4, first)
    expected += [
        (first + 600, "forearm_r", "pressure_doubt", "medium", "raised"),
        (away, "forearm_r", "pressure_doubt", "medium", "cleared"),
    ]
    assert played.events == sorted(expected)


def test_impedances(play: Any) -> None:
    """5 % for 10 min are `fluid_gain` and `lung_fluid`; a step of 2.1 % is an electrode's, one of 1.9 % is not."""
    points = [(0, 1.0), (200, 1.0), (500, 0.951), (1200, 0.951), (1230, 0.949), (2000, 0.949)]
    ramps = {f"{name}_{part}": {t: whole * share for t, share in points} for name, part, whole in PARTS}
    for name, part, whole in PARTS:
        before = 0.949 * whole
        after = before * (0.979 if name == "calf_z" else 0.981)
        ramps[f"{name}_{part}"] |= {2200: before, 2200 + EDGE_S: after}
    played = play(2400, ramps, configuration="[channels.calf_z]\n[channels.thorax_z]\n")
    expected = []
    for name, rule in (("calf_z", "fluid_gain"), ("thorax_z", "lung_fluid")):
        baseline = played.baseline(name)

        def is_beyond(ohm: float, baseline: float = baseline) -> bool:
            return fall_permille(round(baseline * 1000), round(ohm * 1000)) >= 50

        first, _ = played.run(name, is_beyond)
        assert first > 1200
        expected.append((first + 600, name, rule, "low", "raised"))
    steps = [event for event in played.events if event[2] == "step_artefact"]
    assert [event[1:] for event in steps] == [("calf_z", "step_artefact", "low", "raised")]
    assert 2204 <= steps[0][0] <= 2210
    assert played.events == sorted([*expected, *steps])


@pytest.mark.parametrize("chips", [2, 4])
def test_fluid_gain_many(chips: int, play: Any, turgor: Any) -> None:
    """One leg is down by 4 %: the other one's 2.9 % are nothing, its 3.1 % are two limbs, and it ends 1 % inside. Four
    chips on the body sweep half as often, which changes nothing of it."""
    left = [(0, 1.0), (200, 1.0), (500, 0.96), (1700, 0.96)]
    right = [(0, 1.0), (200, 1.0), (500, 0.971), (900, 0.971), (930, 0.969), (1100, 0.969)]
    right += [(1200, 0.9785), (1400, 0.9785), (1430, 0.9795), (1700, 0.9795)]
    columns = {
        f"{name}_{part}": {t: whole * share for t, share in points}
        for name, points in (("calf_z", left), ("calf_r_z", right))
        for of, part, whole in PARTS
        if of == "calf_z"
    }
    tables = [
        "[channels.calf_z]\nmux_port = 6\n",
        "[channels.calf_r_z]\n",
        "[channels.thorax_z]\n",
        "[channels.forearm_z]\n",
    ]
    played = play(1700, columns, configuration="".join(tables[:chips]))
    falls = [_falls_permille(played.medians(name)) for name in ("calf_z", "calf_r_z")]
    many = {t: min(fall[t] for fall in falls) for t in falls[0].keys() & falls[1].keys()}
    raised = next(t for t in sorted(many) if many[t] >= 30)
    cleared = next(t for t in sorted(many) if t > raised and many[t] <= 20)
    assert 900 < raised < 1000
    assert 1400 < cleared < 1500
    assert played.events == [
        (raised, "patient", "fluid_gain_many", "medium", "raised"),
        (cleared, "patient", "fluid_gain_many", "medium", "cleared"),
    ]
    with open_recording(played.file) as recording:
        assert len(recording.channels) == chips
        for turn, name in enumerate(recording.channels):
            steps = recording[name].steps(1, 1700)
            begun = np.unique(steps["time"][steps["frequency"] == 0].astype(int))
            assert (begun % chips == turn).all()
            assert len(begun) >= 1700 // chips - 2
            assert recording[name].readings(6, 1700).valid.all()
    report = json.loads(turgor("replay", played.file, "--verify", "--json").stdout)
    assert (report["result"], report["states"]["different"]) == ("equal", 0)


def _falls_permille(medians: dict[int, float]) -> dict[int, int]:
    """Of each second below the highest so far, within 2 h."""
    highest = 0
    falls = {}
    for t_s in sorted(medians):
        milliohm = round(medians[t_s] * 1000)
        highest = max(highest, milliohm)
        falls[t_s] = fall_permille(highest, milliohm)
    return falls


def _slope_per_h(values: list[float]) -> float:
    slope, _ = np.polyfit(np.arange(len(values)) * 120 / 3600, values, 1)
    return round(float(slope), 3)
