"""Every rule on both sides of its limits and durations, on the virtual board under MicroPython.

Each run plays several cases at once: a level a tenth of a unit beyond a limit and one a tenth within, a run one second
too short and one just long enough, on different limbs. The board's own medians, which the recording has, say at which
tick the input went beyond; the events have to come to the second from there, and no other may come at all. A run of
900 s is over at the 901st tick.
"""

from typing import Any

import numpy as np
from played import LIMBS, PRESSURES, pressures


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
            forearm_l=[(0, 40.1), (700, 34.0), (800, 28.1), (900, 27.9), (1199, 28.1)],
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


def _slope_per_h(values: list[float]) -> float:
    slope, _ = np.polyfit(np.arange(len(values)) * 120 / 3600, values, 1)
    return round(float(slope), 3)
