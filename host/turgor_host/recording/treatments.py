"""What limbs and lungs did around each treatment: slopes of R0 and of dP in the hour before and the hour after it.

Least squares over the board's own 60 s medians, once a second; R0 is, as in its readings, the resistance at the lowest
frequency of a sweep. They say what came after, not what caused it.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from turgor.core.channels import IMPEDANCE, PRESSURE
from turgor.core.rules import DBP_VALID_S
from turgor_host.entries import BY_NAME
from turgor_host.recording.decode import Floats
from turgor_host.recording.reader import Recording

SPAN_S = 3600
# Less tells nothing: each median is of a minute.
_LEAST_S = 300
_LEAST_POINTS = 150


def treatments(recording: Recording) -> list[dict[str, Any]]:
    """For each treatment its entry's t_s, utc, episode, kind, value, unit, text and line, and `slopes`: channel,
    quantity ("R0" or "dP"), unit, `before` and `after` an hour, None where there is too little, and over how many
    seconds each was taken: within the episode, within the recording."""
    found = []
    for entry in recording.entries():
        kind = BY_NAME.get(entry["kind"])
        if kind and kind.treatment:
            kept = {name: entry[name] for name in ("t_s", "utc", "episode", "kind", "value", "unit", "text", "line")}
            found.append(kept | {"slopes": _slopes(recording, entry)})
    return found


def _slopes(recording: Recording, entry: Mapping[str, Any]) -> list[dict[str, Any]]:
    t_s = entry["t_s"]
    least_s, most_s = t_s - SPAN_S, t_s + SPAN_S
    for episode in recording.episodes():
        # What another patient did is none of this one's.
        if episode.end_s is not None and episode.end_s <= t_s:
            least_s = max(least_s, episode.end_s)
        elif episode.begin_s > t_s:
            most_s = min(most_s, episode.begin_s)
        else:
            least_s = max(least_s, episode.begin_s)
            most_s = most_s if episode.end_s is None else min(most_s, episode.end_s)
    found = []
    for name in recording.channels:
        kind = recording[name].kind
        if kind not in (IMPEDANCE, PRESSURE):
            continue
        take = _r0 if kind == IMPEDANCE else _dp
        time, value = take(recording, name, least_s + 1, most_s + 1)
        before, before_s = slope_per_h(time[time <= t_s], value[time <= t_s])
        after, after_s = slope_per_h(time[time > t_s], value[time > t_s])
        found.append(
            {
                "channel": name,
                "quantity": "R0" if kind == IMPEDANCE else "dP",
                "unit": "ohm/h" if kind == IMPEDANCE else "mmHg/h",
                "before": before,
                "before_s": before_s,
                "after": after,
                "after_s": after_s,
            }
        )
    return found


def _r0(recording: Recording, name: str, t0: float, t1: float) -> tuple[Floats, Floats]:
    readings = recording[name].readings(t0, t1)
    return readings.time, readings.median


def _dp(recording: Recording, name: str, t0: float, t1: float) -> tuple[Floats, Floats]:
    """DBP - ICP where the DBP was young enough for it."""
    readings = recording[name].readings(t0, t1)
    time, dbp, age_s = recording.dbp(t0, t1)
    both, mine, its = np.intersect1d(readings.time, time, return_indices=True)
    return both, np.where(age_s[its] <= DBP_VALID_S, dbp[its], np.nan) - readings.median[mine]


def slope_per_h(time: Floats, value: Floats) -> tuple[float | None, int]:
    """The least-squares slope of values (NaN: none) over their times, s, and the time from first to last."""
    there = ~np.isnan(value)
    time, value = time[there], value[there]
    span_s = int(time[-1] - time[0]) if len(time) else 0
    if span_s < _LEAST_S or len(time) < _LEAST_POINTS:
        return None, span_s
    hours = (time - time.mean()) / 3600
    return float(hours @ (value - value.mean()) / (hours @ hours)), span_s
