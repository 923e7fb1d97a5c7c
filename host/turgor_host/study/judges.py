"""Four ways to judge the same patient, each as spans of time in which it says that a limb is in danger."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from turgor.core.median import ABSENT
from turgor.core.rules import (
    CLEARED,
    DP_DEFICIT,
    DP_LOST,
    DP_LOW,
    ESCALATED,
    FIRST_TECHNICAL,
    HIGH,
    MAP_LOW,
    PRESSURE_HIGH,
    RAISED,
    WITHDRAWN,
)
from turgor_host.trend.watch import Alarm, Words

# Those that speak of a compartment's pressure or perfusion.
COMPARTMENT_RULES = (DP_LOW, DP_LOST, DP_DEFICIT, MAP_LOW, PRESSURE_HIGH)
# A bare threshold, and its release: without one it would chatter.
_ICP_MILLI_MMHG = 30000
_ICP_RELEASE_MILLI_MMHG = 28000
_DP_MILLI_MMHG = 30000
_DP_RELEASE_MILLI_MMHG = 32000
_FOREVER_S = float("inf")


@dataclass(frozen=True)
class Span:
    """From the moment at which it is told until it is over; `rule` and `channel` of an alarm, else -1."""

    from_s: float
    to_s: float
    channel: int
    rule: int = -1


def spans_of(alarms: Sequence[Alarm], least: int) -> list[Span]:
    """Alarms of at least that priority, from there until each ends; what sounds again while it stands is no new one."""
    began: dict[tuple[int, int], int] = {}
    found = []
    for alarm in alarms:
        key = alarm.channel, alarm.rule
        if alarm.state in (RAISED, ESCALATED) and alarm.priority >= least:
            began.setdefault(key, alarm.t_s)
        elif alarm.state in (CLEARED, WITHDRAWN) and key in began:
            found.append(Span(began.pop(key), alarm.t_s, *key))
    found += [Span(t_s, _FOREVER_S, *key) for key, t_s in began.items()]
    return sorted(found, key=lambda span: span.from_s)


def of_patient(spans: Sequence[Span]) -> list[Span]:
    return [span for span in spans if span.rule < FIRST_TECHNICAL]


def technical(spans: Sequence[Span]) -> list[Span]:
    return [span for span in spans if span.rule >= FIRST_TECHNICAL]


def by_rules(alarms: Sequence[Alarm], channel: int, least: int = HIGH) -> list[Span]:
    """Our rules of a compartment, on one channel."""
    spans = spans_of(alarms, least)
    return [span for span in spans if span.channel == channel and span.rule in COMPARTMENT_RULES]


def by_threshold(icp: Words, channel: int) -> list[Span]:
    """ICP (a median each second) at or above 30 mmHg."""
    there = icp != ABSENT
    return _spans(there & (icp >= _ICP_MILLI_MMHG), there & (icp < _ICP_RELEASE_MILLI_MMHG), channel)


def by_any_dp(icp: Words, dbp: Words, channel: int) -> list[Span]:
    """Any dP below 30 mmHg of a continuous measurement, without a duration."""
    there = (icp != ABSENT) & (dbp != ABSENT)
    dp = np.where(there, dbp - icp, 0)
    return _spans(there & (dp < _DP_MILLI_MMHG), there & (dp >= _DP_RELEASE_MILLI_MMHG), channel)


def by_one_dp(icp: Words, cuff_milli_mmhg: float, at_s: float, channel: int) -> list[Span]:
    """A single reading of ICP at `at_s`, or as soon as there is one, against the cuff's diastolic pressure."""
    there = np.flatnonzero(icp[int(at_s) :] != ABSENT)
    if not len(there):
        return []
    t_s = int(at_s) + int(there[0])
    low = cuff_milli_mmhg - int(icp[t_s]) < _DP_MILLI_MMHG
    return [Span(t_s, _FOREVER_S, channel)] if low else []


def _spans(above: NDArray[np.bool_], below: NDArray[np.bool_], channel: int) -> list[Span]:
    """From each first second of `above` to the next of `below`."""
    moments = np.flatnonzero(above | below)
    states = above[moments]
    turns = np.flatnonzero(np.diff(states, prepend=False))
    at, is_on = moments[turns], states[turns]
    ends = [*(float(t) for t in at[~is_on]), _FOREVER_S]
    # The first turn is always one to on.
    return [Span(float(start), end, channel) for start, end in zip(at[is_on], ends, strict=False)]
