"""The compiled tick is the judge: the same events, medians and DBP, tick by tick, on whatever is read."""

import numpy as np
import pytest
from class_judge import judged

from turgor.core.channels import channel_id
from turgor.core.median import ABSENT
from turgor.core.rules import DEFAULT_LIMITS, RULE_NAMES
from turgor_host import compiled
from turgor_host.configuration.limits import ALL_LIMITS
from turgor_host.trend.watch import Words, watch

CALF_L, CALF_R, CALF_Z, CALF_R_Z, THORAX_Z, ART, SKIN, MOTION = (
    channel_id(name) for name in ("calf_l", "calf_r", "calf_z", "calf_r_z", "thorax_z", "art", "skin", "motion")
)
CHANNELS = [CALF_L, CALF_R, CALF_Z, CALF_R_Z, THORAX_Z, ART, SKIN]


def patient(seed: int, seconds: int) -> tuple[Words, list[tuple[float, int]], Words]:
    """Pressures and resistances that wander through every limit, with gaps, steps, clots and lost catheters."""
    rng = np.random.default_rng(seed)
    count = len(CHANNELS)
    start = np.array([18, 25, 62, 60, 51, 75, 33]) * 1000
    pace = np.array([200, 200, 100, 100, 100, 300, 20])
    minutes = seconds // 60 + 2
    walk = start + np.cumsum(rng.normal(0, 1, (minutes, count)) * pace + rng.normal(0, 0.4, count) * pace, axis=0)
    second = np.arange(seconds)
    values = np.stack([np.interp(second / 60, np.arange(minutes), column) for column in walk.T], axis=1)
    values += rng.normal(0, 1, (seconds, count)) * np.array([700, 700, 60, 60, 50, 500, 10])
    readings = np.round(np.maximum(values, 1)).astype(np.int32)
    for position in range(count):
        at = rng.integers(0, seconds, 4)
        readings[at[0] :, position] = readings[at[0] :, position] * rng.choice([0.9, 0.95, 1.05]) // 1
        if position < 2:
            readings[at[1] : at[1] + 4000, position] = readings[at[1], position]
        readings[at[2] : at[2] + rng.integers(5, 1500), position] = ABSENT
        readings[rng.random(seconds) < 0.02, position] = ABSENT
    typed = [(float(t), int(rng.integers(35, 95)) * 1000) for t in sorted(rng.integers(0, seconds, seconds // 2400))]
    line = np.round(60000 + 15000 * np.sin(second / 3000 + seed)).astype(np.int32)
    line[rng.random(seconds) < 0.1] = ABSENT
    line[seconds // 3 : seconds // 2] = ABSENT
    return readings, typed, line


@pytest.fixture(params=["compiled", "interpreted"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Either way of running the tick."""
    if request.param == "compiled":
        monkeypatch.setattr("turgor_host.trend.watch.WORTH_TICKS", 0)
    else:
        monkeypatch.setattr(compiled, "numba", None)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize(
    ("way", "seed"), [("compiled", 0), ("compiled", 1), ("compiled", 2), ("interpreted", 3)], indirect=["way"]
)
def test_it_says_what_the_judge_says(seed: int) -> None:
    readings, typed, line = patient(seed, 3 * 3600)
    # All of them, without the line, with what is off by default.
    channels, limits = (CHANNELS, DEFAULT_LIMITS) if seed % 2 else (CHANNELS[:5], ALL_LIMITS)
    readings = np.ascontiguousarray(readings[:, : len(channels)])
    given = channels, limits, readings, typed, line, 240 * (seed % 3)
    found = watch(*given)
    alarms, medians, dbps = judged(*given)
    assert found.alarms == alarms
    assert found.medians.tolist() == medians
    assert found.dbp.tolist() == dbps
    assert len(alarms) > 10


def test_by_hand() -> None:
    """An ICP of 20 and a DBP of 40 from the start: dP is 20 from second 30 on, so it is medium 900 s on."""
    readings = np.full((1000, 1), 20000, np.int32)
    alarms = watch([CALF_L], DEFAULT_LIMITS, readings, [(0, 40000)]).alarms
    found = [(alarm.t_s, RULE_NAMES[alarm.rule], alarm.value) for alarm in alarms]
    assert found == [(902, "dbp_stale", 901), (930, "dp_low", 20000)]
    assert alarms[1].as_event() == {
        "t_s": 930,
        "utc": None,
        "channel": "calf_l",
        "rule": "dp_low",
        "priority": "medium",
        "state": "raised",
        "value": 20.0,
        "limit": 30.0,
        "unit": "mmHg",
    }


def test_more_events_than_fit_at_once_are_all_there() -> None:
    """A sensor that comes and goes: an alarm and its end every 30 s."""
    seconds = np.arange(200_000)
    readings = np.where(seconds % 30 < 15, 20000, ABSENT).astype(np.int32)[:, None]
    alarms = watch([CALF_L], DEFAULT_LIMITS, readings).alarms
    absent = [alarm for alarm in alarms if RULE_NAMES[alarm.rule] == "sensor_absent"]
    assert len(absent) == pytest.approx(2 * 200_000 / 30, abs=2)
    assert [alarm.t_s for alarm in alarms] == sorted(alarm.t_s for alarm in alarms)


def test_a_trend_has_no_motion() -> None:
    with pytest.raises(ValueError, match="no motion"):
        watch([CALF_L, MOTION], DEFAULT_LIMITS, np.zeros((1, 2), np.int32))
