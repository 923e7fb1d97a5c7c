"""The groups (`turgor_host.groups`) among a recording's alarms."""

from collections.abc import Iterable

import numpy as np

from turgor.core.entries import ADULT
from turgor.core.rules import DEFAULT_LIMITS, RAISED
from turgor_host.age_limits import limits_of
from turgor_host.entries import AGE_GROUPS
from turgor_host.groups import GROUPED, Crossing, Group, find_groups
from turgor_host.recording.boots import channel_name
from turgor_host.recording.episodes import Episode
from turgor_host.recording.reader import Recording


def groups(recording: Recording) -> list[Group]:
    """In order of time; times are the recording's."""
    crossings = []
    episodes = recording.episodes()
    for boot, t_s, channel, rule, _, state, stage, _, _ in recording.event_rows():
        if state == RAISED and rule in GROUPED:
            at = t_s + boot.shift_s
            row = limits_of(boot.limits or DEFAULT_LIMITS, _age(episodes, at)).get((rule, stage))
            run_s = row[4] if row else 0
            crossings.append(Crossing(at, rule, channel, at - run_s))
    if len({crossing.channel for crossing in crossings}) < 2:
        return []
    time, value, _ = recording.dbp()

    def icp(channel: int, t0: float, t1: float) -> float | None:
        readings = recording[channel_name(channel)].readings()
        inside = (readings.time >= t0) & (readings.time <= t1)
        medians = readings.median[inside]
        medians = medians[~np.isnan(medians)]
        return float(medians.max() - medians.min()) if len(medians) else None

    def dbp(t0: float, t1: float) -> float | None:
        inside = value[(time >= t0) & (time <= t1)]
        inside = inside[~np.isnan(inside)]
        return float(inside.max()) if len(inside) else None

    return find_groups(crossings, icp, dbp)


def _age(episodes: Iterable[Episode], t_s: float) -> int:
    """The age group of whom the board judged at a time; without an episode that of adults."""
    found = next((episode.age_group for episode in episodes if episode.has(t_s)), None)
    return AGE_GROUPS.index(found) if found in AGE_GROUPS else ADULT
