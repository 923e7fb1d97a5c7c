"""The rules of the impedances on both sides of their limits and durations, on the virtual board under MicroPython.

As in `test_rules`: the board's own medians say at which tick a limit was passed, the events have to come to the second
from there, and no other may come at all.
"""

import json
from typing import Any

import numpy as np
import pytest
from played import EDGE_S, Played, impedance, rows

from turgor.core.change import fall_permille, rise_permille
from turgor_host.recording.reader import open_recording

IMPEDANCES = "[channels.calf_z]\n[channels.thorax_z]\n"
# 2 min instead of 10.
QUICK = "".join(
    f"[limits.{rule}]\n" + "".join(f"{stage} = {{ run_s = 120 }}\n" for stage in ("low", "medium", "high"))
    for rule in ("fluid_gain", "lung_fluid")
)
# 10 min instead of 2 h.
RETURN = (
    IMPEDANCES
    + "[limits.fluid_return.low]\nlimb_s = 600\n"
    + "[limits.lung_fluid]\nlow = { limit_percent = 50 }\nmedium = { limit_percent = 51 }\n"
    + "high = { limit_percent = 52 }\n"
)


def first(played: Played, channel: str, permille: int, after: int = 0, whole: float = 0) -> int:
    """The first tick behind `after` at which a channel lies so far below its baseline, or below `whole`."""
    baseline = round((whole or played.baseline(channel)) * 1000)
    return played.run(channel, lambda ohm: fall_permille(baseline, round(ohm * 1000)) >= permille, after)[0]


def first_within(played: Played, channel: str, permille: int, after: int) -> int:
    """The first tick behind `after` at which a channel lies no further below its baseline."""
    baseline = round(played.baseline(channel) * 1000)
    return played.run(channel, lambda ohm: fall_permille(baseline, round(ohm * 1000)) <= permille, after)[0]


def test_low_stages_and_an_electrodes_step(play: Any) -> None:
    """5 % for 10 min are `fluid_gain` and `lung_fluid`; a step of 2.1 % is an electrode's, one of 1.9 % is not."""
    shares = [(0, 1.0), (200, 1.0), (500, 0.951), (1200, 0.951), (1230, 0.949), (2000, 0.949), (2200, 0.949)]
    moved = {"calf_z": 0.949 * 0.979, "thorax_z": 0.949 * 0.981}
    columns = {}
    for channel, share in moved.items():
        columns |= impedance(channel, [*shares, (2200 + EDGE_S, share)])
    played = play(2400, columns, configuration=IMPEDANCES)
    expected = []
    for channel, rule in (("calf_z", "fluid_gain"), ("thorax_z", "lung_fluid")):
        beyond = first(played, channel, 50)
        assert beyond > 1200
        expected.append((beyond + 600, channel, rule, "low", "raised"))
    steps = [event for event in played.events if event[2] == "step_artefact"]
    assert [event[1:] for event in steps] == [("calf_z", "step_artefact", "low", "raised")]
    assert 2204 <= steps[0][0] <= 2210
    assert played.events == sorted([*expected, *steps])


def test_higher_stages(play: Any) -> None:
    """10 % and 15 or 12 % for 2 min (here); a limb is high only with 20 mmHg there, or less than 40 to live on."""
    limb = [
        *((0, 1.0), (150, 1.0), (250, 0.949), (450, 0.949)),
        # 4.1 % does not clear it, 3.9 % does.
        *((480, 0.9585), (560, 0.9585), (580, 0.9615), (660, 0.9615)),
        *((780, 0.901), (980, 0.901), (1000, 0.899), (1200, 0.899)),
        *((1300, 0.851), (1500, 0.851), (1530, 0.849), (1950, 0.849)),
    ]
    thorax = [
        *((0, 1.0), (150, 1.0), (350, 0.901), (560, 0.901), (580, 0.899), (780, 0.899)),
        *((820, 0.881), (1000, 0.881), (1020, 0.879), (1950, 0.879)),
    ]
    icp = rows([(0, 25.0), (1480, 19.9), (1740, 20.1)])
    played = play(
        1950,
        {**impedance("calf_z", limb), **impedance("thorax_z", thorax), "calf_l_mmhg": icp},
        dbp=70,
        configuration=IMPEDANCES + "[channels.calf_l]\nrate_hz = 10\n" + QUICK,
    )
    low = first(played, "calf_z", 50)
    clears = first_within(played, "calf_z", 40, low + 120)
    assert clears > 560
    again = first(played, "calf_z", 50, clears)
    medium = first(played, "calf_z", 100)
    assert medium > 980
    assert 1500 < first(played, "calf_z", 150) < 1600
    swollen, _ = played.run("calf_l", lambda mmhg: mmhg >= 20, 1600)
    assert swollen > 1740
    expected = [
        (low + 120, "calf_z", "fluid_gain", "low", "raised"),
        (clears, "calf_z", "fluid_gain", "low", "cleared"),
        (again + 120, "calf_z", "fluid_gain", "low", "raised"),
        (medium + 120, "calf_z", "fluid_gain", "medium", "escalated"),
        (swollen + 120, "calf_z", "fluid_gain", "high", "escalated"),
    ]
    # The higher two also look at the highest there was.
    highest = max(played.medians("thorax_z").values())
    stages = ((50, 150, 0, "low"), (100, 560, highest, "medium"), (120, 1000, highest, "high"))
    for permille, after, whole, priority in stages:
        state = "escalated" if whole else "raised"
        beyond = first(played, "thorax_z", permille, whole=whole)
        assert beyond > after
        expected.append((beyond + 120, "thorax_z", "lung_fluid", priority, state))
    assert played.events == sorted(expected)


def test_fluid_return_by_the_limb(play: Any) -> None:
    """A limb that rose by 2.9 % says nothing, by 3.1 % it does; the thorax 3.1 % down does not clear, 2.9 % does."""
    limb = [(0, 1.0), (150, 1.0), (250, 0.9505), (340, 0.9505), (440, 0.9781), (1050, 0.9781), (1070, 0.9802)]
    thorax = [(0, 1.0), (150, 1.0), (450, 0.959), (1160, 0.959), (1180, 0.9685), (1260, 0.9685), (1280, 0.9715)]
    played = play(1370, {**impedance("calf_z", limb), **impedance("thorax_z", thorax)}, configuration=RETURN)
    lowest = min(played.medians("calf_z").values())

    def is_returning(ohm: float) -> bool:
        return rise_permille(round(lowest * 1000), round(ohm * 1000)) >= 30

    raised, _ = played.run("calf_z", is_returning, 300)
    assert raised > 1050
    clears = first_within(played, "thorax_z", 30, raised)
    assert clears > 1260
    assert played.events == [
        (raised, "thorax_z", "fluid_return", "low", "raised"),
        (clears, "thorax_z", "fluid_return", "low", "cleared"),
    ]


def test_fluid_return_by_time_and_thorax(play: Any) -> None:
    """Not until 10 min (here) after the limb's lowest; then 7.9 and 11.9 % of the thorax are still within."""
    limb = [(0, 1.0), (150, 1.0), (250, 0.9505), (340, 0.9505), (440, 0.9802)]
    thorax = [
        *((0, 1.0), (150, 1.0), (450, 0.959), (1050, 0.959), (1090, 0.921), (1180, 0.921), (1200, 0.919)),
        *((1280, 0.919), (1320, 0.881), (1410, 0.881), (1430, 0.879)),
    ]
    played = play(1500, {**impedance("calf_z", limb), **impedance("thorax_z", thorax)}, configuration=RETURN)
    medians = played.medians("calf_z")
    # As low again is as good as new.
    lowest = max(t_s for t_s, ohm in medians.items() if ohm == min(medians.values()))
    medium, high = (first(played, "thorax_z", permille) for permille in (80, 120))
    assert medium > 1180
    assert high > 1410
    assert played.events == [
        (lowest + 600, "thorax_z", "fluid_return", "low", "raised"),
        (medium, "thorax_z", "fluid_return", "medium", "escalated"),
        (high, "thorax_z", "fluid_return", "high", "escalated"),
    ]


def test_a_baseline_taken_late(play: Any) -> None:
    """One found within the first hour is believed, one found after it is not."""
    off = {0.1 * n: f"electrode_off:{channel}" for n, channel in enumerate(("calf_z", "thorax_z"))}
    played = play(3640, {"fault": {**off, 3520: "mended:calf_z", 3560: "mended:thorax_z"}}, configuration=IMPEDANCES)
    assert played.baseline_at("calf_z") <= 3600 < played.baseline_at("thorax_z")
    expected = [(played.baseline_at("thorax_z"), "thorax_z", "baseline_unknown", "low", "raised")]
    assert [event for event in played.events if event[2] != "electrode_off"] == expected


def test_a_gap_behind_a_baseline(play: Any) -> None:
    """Without a reading for 10 min it holds, without one for longer it does not."""
    off = {200 + 0.1 * n: f"electrode_off:{channel}" for n, channel in enumerate(("calf_z", "thorax_z"))}
    played = play(840, {"fault": {**off, 795: "mended:calf_z", 806: "mended:thorax_z"}}, configuration=IMPEDANCES)
    gap = played.absent("calf_z")
    assert 590 < len(gap) <= 600
    gap = played.absent("thorax_z")
    assert 600 < len(gap) < 612
    expected = [(gap[600], "thorax_z", "baseline_unknown", "low", "raised")]
    assert [event for event in played.events if event[2] != "electrode_off"] == expected


@pytest.mark.parametrize("chips", [2, 4])
def test_fluid_gain_many(chips: int, play: Any, turgor: Any) -> None:
    """One leg is down by 4 %: the other one's 2.9 % are nothing, its 3.1 % are two limbs, and it ends 1 % inside. Four
    chips on the body sweep half as often, which changes nothing of it."""
    left = [(0, 1.0), (150, 1.0), (250, 0.96)]
    right = [(0, 1.0), (150, 1.0), (250, 0.971), (450, 0.971), (470, 0.969), (600, 0.969)]
    right += [(650, 0.9785), (780, 0.9785), (800, 0.9795)]
    tables = [
        "[channels.calf_z]\nmux_port = 6\n",
        "[channels.calf_r_z]\n",
        "[channels.thorax_z]\n",
        "[channels.forearm_z]\n",
    ]
    columns = impedance("calf_z", left) | impedance("calf_r_z", right)
    played = play(950, columns, configuration="".join(tables[:chips]))
    falls = [_falls_permille(played.medians(name)) for name in ("calf_z", "calf_r_z")]
    many = {t: min(fall[t] for fall in falls) for t in falls[0].keys() & falls[1].keys()}
    raised = next(t for t in sorted(many) if many[t] >= 30)
    cleared = next(t for t in sorted(many) if t > raised and many[t] <= 20)
    assert 450 < raised < 550
    assert 780 < cleared < 900
    assert played.events == [
        (raised, "patient", "fluid_gain_many", "medium", "raised"),
        (cleared, "patient", "fluid_gain_many", "medium", "cleared"),
    ]
    with open_recording(played.file) as recording:
        assert len(recording.channels) == chips
        for turn, name in enumerate(recording.channels):
            steps = recording[name].steps(1, 950)
            begun = np.unique(steps["time"][steps["frequency"] == 0].astype(int))
            assert (begun % chips == turn).all()
            assert len(begun) >= 950 // chips - 2
            assert recording[name].readings(6, 950).valid.all()
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
