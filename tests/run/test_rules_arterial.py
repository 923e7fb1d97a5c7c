"""`shock` and `map_low` on both sides of their limits and durations, on the virtual board under MicroPython.

Its pulse of 10 mmHg, once a second, has its mean half way.
"""

from typing import Any

from played import LIMBS, PRESSURES, beats, pressures

SHORT = (
    "[limits.map_low]\nclear_s = 60\nmedium = { run_s = 120 }\nhigh = { run_s = 240 }\n"
    "[limits.shock]\nclear_s = 60\nmedium = { run_s = 60 }\n"
)
# Seconds, and the mean in them.
SPANS = ((100, 65.1), (60, 64.9), (60, 65.1), (110, 64.9), (150, 65.1))


def test_map(play: Any) -> None:
    """MAP 64.9 for 1 min (here) is shock; MAP - ICP 39.9 for 2 and 4 min (here) is low."""
    columns = {
        "art_mmhg": dict(beats([(s, 60, map - 5, map + 5) for s, map in SPANS])),
        **pressures(
            calf_l=[(0, 25.3)],
            calf_r=[(0, 24.8)],
            forearm_l=[(0, 25.3), (200, 22.8)],
            forearm_r=[(0, 25.3), (200, 23.2)],
        ),
    }
    played = play(480, columns, dbp=80, configuration=PRESSURES + "[channels.art]\n" + SHORT)
    short, ticks = played.run("art", is_shock)
    assert 55 < ticks <= 60
    shock, ticks = played.run("art", is_shock, short + ticks)
    assert ticks > 60
    expected = [(shock + 60, "art", "shock", "medium", "raised")]
    expected.append((shock + ticks + 60, "art", "shock", "medium", "cleared"))
    mean = played.medians("art")
    left = {limb: {t_s: mean[t_s] - icp for t_s, icp in played.medians(limb).items() if t_s in mean} for limb in LIMBS}
    assert min(left["calf_r"].values()) >= 40
    for limb in ("calf_l", "forearm_l", "forearm_r"):
        low = next(t_s for t_s, mmhg in left[limb].items() if mmhg < 40)
        expected.append((low + 120, limb, "map_low", "medium", "raised"))
    expected.append((low + 240, "calf_l", "map_low", "high", "escalated"))
    clears = next(t_s for t_s, mmhg in left["forearm_l"].items() if mmhg >= 42)
    expected.append((clears + 60, "forearm_l", "map_low", "medium", "cleared"))
    # 41.9 ends the run that would have made it high, but clears nothing.
    assert 41.8 < left["forearm_r"][400] < 42
    assert sorted(played.events) == sorted(expected)


def is_shock(mmhg: float) -> bool:
    return mmhg < 65
