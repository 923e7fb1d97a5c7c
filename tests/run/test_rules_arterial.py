"""`shock` and `map_low` on both sides of their limits and durations, on the virtual board under MicroPython.

The line is flat: it gives no beats and no DBP, but its mean is true.
"""

from typing import Any

from played import LIMBS, PRESSURES, pressures, rows

SHORT = (
    "[limits.map_low]\nclear_s = 60\nmedium = { run_s = 120 }\nhigh = { run_s = 240 }\n"
    "[limits.shock]\nclear_s = 60\nmedium = { run_s = 60 }\n"
)


def test_map(play: Any) -> None:
    """MAP 64.9 for 1 min (here) is shock; MAP - ICP 39.9 for 2 and 4 min (here) is low."""
    columns = {
        "art_mmhg": rows([(0, 65.1), (100, 64.9), (160, 65.1), (220, 64.9), (330, 65.1)]),
        **pressures(
            calf_l=[(0, 25.3)],
            calf_r=[(0, 24.8)],
            forearm_l=[(0, 25.3), (200, 22.8)],
            forearm_r=[(0, 25.3), (200, 23.2)],
        ),
    }
    played = play(480, columns, dbp=80, configuration=PRESSURES + "[channels.art]\n" + SHORT)
    short, ticks = played.run("art", is_shock)
    assert ticks == 60
    shock, ticks = played.run("art", is_shock, short + ticks)
    assert ticks > 60
    expected = [(shock + 60, "art", "shock", "medium", "raised")]
    # Without beats nobody knows the pulse, by which it may be one too: it stands.
    assert shock + ticks + 60 < 480
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
