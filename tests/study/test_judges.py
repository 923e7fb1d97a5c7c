"""What each judge makes of alarms and of pressures, by hand."""

import math

import numpy as np

from turgor.core.channels import channel_id
from turgor.core.median import ABSENT
from turgor.core.rules import (
    ACKNOWLEDGED,
    CLEARED,
    DBP_STALE,
    DP_LOW,
    ESCALATED,
    FLUID_GAIN,
    HIGH,
    LOW,
    MEDIUM,
    RAISED,
    WITHDRAWN,
)
from turgor_host.study.judges import (
    Span,
    by_any_dp,
    by_one_dp,
    by_rules,
    by_threshold,
    of_patient,
    spans_of,
    technical,
)
from turgor_host.trend.watch import Alarm

CALF, OTHER = channel_id("calf_l"), channel_id("calf_r")
FOREVER = math.inf


def alarm(t_s: int, rule: int, state: int, priority: int, channel: int = CALF) -> Alarm:
    return Alarm(t_s, channel, rule, state, priority, 0, 0, 0)


ALARMS = [
    alarm(100, DP_LOW, RAISED, MEDIUM),
    alarm(120, DBP_STALE, RAISED, LOW, 255),
    alarm(200, DP_LOW, ESCALATED, HIGH),
    alarm(250, DP_LOW, ACKNOWLEDGED, HIGH),
    alarm(300, DP_LOW, RAISED, HIGH),
    alarm(350, DBP_STALE, CLEARED, LOW, 255),
    alarm(400, DP_LOW, CLEARED, HIGH),
    alarm(500, DP_LOW, RAISED, MEDIUM, OTHER),
    alarm(600, FLUID_GAIN, RAISED, LOW),
    alarm(700, FLUID_GAIN, WITHDRAWN, LOW),
]


def test_an_alarm_stands_until_it_ends_however_often_it_sounds() -> None:
    spans = spans_of(ALARMS, LOW)
    assert spans == [
        Span(100, 400, CALF, DP_LOW),
        Span(120, 350, 255, DBP_STALE),
        Span(500, FOREVER, OTHER, DP_LOW),
        Span(600, 700, CALF, FLUID_GAIN),
    ]
    assert technical(spans) == spans[1:2]
    assert of_patient(spans) == [spans[0], *spans[2:]]


def test_of_a_priority_it_stands_from_there_on() -> None:
    assert spans_of(ALARMS, HIGH) == [Span(200, 400, CALF, DP_LOW)]
    assert by_rules(ALARMS, CALF) == [Span(200, 400, CALF, DP_LOW)]
    assert by_rules(ALARMS, OTHER) == []
    assert by_rules(ALARMS, OTHER, MEDIUM) == [Span(500, FOREVER, OTHER, DP_LOW)]
    assert by_rules(ALARMS, CALF, LOW) == [Span(100, 400, CALF, DP_LOW)]


def test_a_threshold_has_a_release() -> None:
    icp = np.array([ABSENT, 29999, 30000, 29000, ABSENT, 28000, 27999, 29999, 31000], np.int32)
    assert by_threshold(icp, CALF) == [Span(2, 6, CALF), Span(8, FOREVER, CALF)]
    assert by_threshold(icp[:2], CALF) == []


def test_any_dp_wants_both_pressures() -> None:
    icp = np.array([20000, 20000, 20000, ABSENT, 20000, 20000], np.int32)
    dbp = np.array([ABSENT, 50000, 49999, 40000, 51999, 52000], np.int32)
    assert by_any_dp(icp, dbp, CALF) == [Span(2, 5, CALF)]


def test_one_reading_is_taken_when_there_is_one() -> None:
    icp = np.array([ABSENT, ABSENT, 20001, 20000, 90000], np.int32)
    assert by_one_dp(icp, 50000.0, 0.0, CALF) == [Span(2, FOREVER, CALF)]
    assert by_one_dp(icp, 50000.0, 3.7, CALF) == []
    assert by_one_dp(icp[:2], 50000.0, 0.0, CALF) == []
