"""The built-in leak episode that `sim:` plays: four hours in which fluid leaves for the left calf. Host only.

The curves are drawn, not modelled: calf pressure rises from 22 to 44 mmHg while diastolic pressure falls from 66 to 56
and the calf's extracellular resistance by 14 %; the other limbs follow weakly. DBP is typed every 12 minutes.
"""

from turgor_host.sim.scenario import RESTING_COLE, Scenario

_MINUTE = 60.0
# minutes, calf_l, calf_r, forearm_l, forearm_r mmHg, DBP mmHg, calf R0 as a share of its start, thorax likewise
_COURSE = (
    (0, 22.0, 14.0, 9.0, 9.5, 66, 1.000, 1.000),
    (6, 33.0, 14.6, 9.4, 9.8, 62, 0.995, 1.000),
    (12, 38.0, 15.2, 9.9, 10.2, 60, 0.988, 1.000),
    (30, 41.0, 17.0, 11.0, 11.2, 58, 0.965, 1.001),
    (60, 43.0, 19.0, 12.5, 12.4, 56, 0.930, 1.001),
    (120, 44.0, 22.0, 14.0, 13.8, 57, 0.890, 1.002),
    (180, 43.0, 22.5, 14.5, 14.2, 60, 0.870, 1.001),
    (240, 40.0, 22.0, 14.0, 14.0, 64, 0.860, 1.000),
)
_DBP_EVERY_MIN = 12


def leak_episode() -> Scenario:
    """The scenario of `sim:`."""
    times = [row[0] * _MINUTE for row in _COURSE]
    points = {}
    for column, name in enumerate(("calf_l", "calf_r", "forearm_l", "forearm_r"), start=1):
        points[f"{name}_mmhg"] = [(t, float(row[column])) for t, row in zip(times, _COURSE, strict=True)]
    for column, name in ((6, "calf_z"), (7, "thorax_z")):
        r0 = RESTING_COLE[name][0]
        points[f"{name}_r0_ohm"] = [(t, r0 * row[column]) for t, row in zip(times, _COURSE, strict=True)]
    dbp = []
    for minute in range(0, _COURSE[-1][0] + 1, _DBP_EVERY_MIN):
        before = [row for row in _COURSE if row[0] <= minute][-1]
        after = next((row for row in _COURSE if row[0] > minute), before)
        share = (minute - before[0]) / (after[0] - before[0]) if after is not before else 0.0
        # A person types whole millimetres; the first value a few seconds after the start.
        dbp.append((max(minute * _MINUTE, 5.0), float(round(before[5] + (after[5] - before[5]) * share))))
    return Scenario(points, dbp)
