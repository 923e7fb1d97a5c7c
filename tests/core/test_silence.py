"""No alarm of the patient where nothing happens to him: drift, posture, moved electrodes, warmth, coughs and flushes.

Six hours of each instead of a day: a day with TURGOR_FULL=1 pytest -n 0 tests/core/test_silence.py
"""

import csv
import math
import os
from pathlib import Path
from random import Random

import pytest
from judged import LYING, SITTING, Judged

from turgor.core.channels import channel_id
from turgor.core.entries import ZERO

HOUR = 3600
HOURS = 24 if os.environ.get("TURGOR_FULL") else 6


def zeroed(watch: Judged, t: int) -> None:
    """Each seven hours somebody zeroes the calf's transducer."""
    if t % (7 * HOUR) == 0:
        watch.judge.entry(channel_id("calf_l"), ZERO)


def noisy(random: Random, sigma: float):
    return lambda: random.gauss(0, sigma)


def every(minutes: int, mmhg: float):
    return lambda t: mmhg if t % (60 * minutes) == 1 else None


@pytest.mark.parametrize("drift", [-0.013, 0.046])
def test_healthy_drift(drift: float) -> None:
    """The thorax drifts by the published extremes in 6 h, and back; the limbs by 1 % of their own."""
    noise = noisy(Random(1), 0.02)

    def swing(t: int) -> float:
        return math.sin(math.pi * (t % (12 * HOUR)) / (12 * HOUR))

    watch = Judged("calf_l", "calf_z", "thorax_z").run(
        HOURS * HOUR,
        {
            "calf_l": lambda t: 8 + 0.3 * math.sin(t / 4) + noise(),
            "calf_z": lambda t: 60 * (1 + 0.01 * math.sin(t / 9000)) + noise(),
            "thorax_z": lambda t: 52 * (1 + drift * swing(t)) + noise(),
        },
        every(10, 72),
        zeroed,
    )
    assert watch.said == []


def test_sitting_for_150_minutes() -> None:
    """91.5 mL more in a leg of 2 L of extracellular fluid, the accelerometer on it; then lying again."""
    noise = noisy(Random(2), 0.02)
    start, end = 2 * HOUR, 2 * HOUR + 9000

    def gained(t: int) -> float:
        if t < start:
            return 0.0
        peak = 91.5 * (1 - math.exp(-(min(t, end) - start) / 3600)) / (1 - math.exp(-9000 / 3600))
        return peak if t <= end else peak * math.exp(-(t - end) / 3600)

    watch = Judged("calf_z", "thorax_z", "motion").run(
        HOURS * HOUR,
        {
            "calf_z": lambda t: 60 / (1 + gained(t) / 2000) + noise(),
            "thorax_z": lambda t: 52 * (0.985 if start < t < end else 1) + noise(),
            "motion": lambda t: SITTING if start < t < end else LYING,
        },
    )
    assert watch.physiological() == []
    assert watch.judge.is_turned(HOURS * HOUR - start)


@pytest.mark.parametrize("step", [-0.037, -0.08])
def test_moved_electrodes(step: float) -> None:
    """The step is marked, within a minute, and nothing is made of it; what had gathered before is kept."""
    noise = noisy(Random(3), 0.02)
    at = 2 * HOUR + 100
    watch = Judged("calf_z", "thorax_z").run(
        HOURS * HOUR,
        {
            "calf_z": lambda t: 60 * (1 + step * (t >= at)) + noise(),
            "thorax_z": lambda t: 52 * (1 + step * (t >= at + 1000)) + noise(),
        },
    )
    assert watch.physiological() == []
    (first, second) = watch.events("step_artefact")
    assert first[1:] == ("calf_z", "raised", "low")
    assert second[1:] == ("thorax_z", "raised", "low")
    assert at < first[0] <= at + 60
    assert at + 1000 < second[0] <= at + 1060


def test_a_step_keeps_the_change_so_far() -> None:
    """4 % of fluid, an electrode moved by 8 %, 2 % more of fluid: 6 %, which is an alarm, raised ten minutes later."""
    noise = noisy(Random(4), 0.01)

    def ohm(t: int) -> float:
        fluid = 0.04 * min(1, max(0, t - 1000) / 4000) + 0.02 * min(1, max(0, t - 7000) / 2000)
        return 60 * (1 - fluid) * (0.92 if t >= 6000 else 1) + noise()

    watch = Judged("calf_z").run(4 * HOUR, {"calf_z": ohm})
    ((when, *rest),) = watch.physiological()
    assert rest == ["calf_z", "fluid_gain", "raised", "low"]
    # 5 % in all are reached at 8000 s.
    assert 8000 + 600 - 60 <= when <= 8000 + 600 + 120


def test_a_room_from_13_to_39_degrees() -> None:
    """2 % at the calf, 14 % were it a forearm: with the skin's temperature known at most low, and why."""
    noise = noisy(Random(5), 0.02)

    def warm(t: int) -> float:
        return min(1.0, max(0, t - 1800) / 3600)

    watch = Judged("calf_z", "skin").run(
        HOURS * HOUR,
        {"calf_z": lambda t: 60 * (1 - 0.02 * warm(t)) + noise(), "skin": lambda t: 29 + 6 * warm(t)},
    )
    assert watch.said == []
    watch = Judged("calf_z", "skin").run(
        3 * HOUR,
        {"calf_z": lambda t: 60 * (1 - 0.14 * warm(t)) + noise(), "skin": lambda t: 29 + 6 * warm(t)},
    )
    assert {event[4] for event in watch.physiological()} == {"low"}


def test_coughs_and_flushes() -> None:
    """A cough of 60 mmHg for 2 s each few minutes, a flush of 25 s at 300 mmHg each hour."""
    random = Random(6)
    noise = noisy(random, 0.2)
    coughs = {start + i for start in range(300, HOURS * HOUR, 200) for i in range(2)}
    flushes = {start + i for start in range(HOUR, HOURS * HOUR, HOUR) for i in range(25)}

    def icp(t: int) -> float:
        return 300 if t in flushes else 60 if t in coughs else 14 + noise()

    watch = Judged("calf_l").run(HOURS * HOUR, {"calf_l": icp}, every(10, 75), zeroed)
    assert watch.said == []


def test_99_real_legs_as_baselines(shared_data: Path) -> None:
    """Right and left legs of 99 adults, half an hour of noise on each."""
    with (shared_data / "leg_impedance.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    ohms = [float(value) for row in rows for name, value in row.items() if "50" in name]
    assert len(ohms) == 2 * 99
    noise = noisy(Random(7), 0.05)
    for ohm in ohms[:: 1 if HOURS == 24 else 9]:
        watch = Judged("calf_z").run(1800, {"calf_z": lambda t, ohm=ohm: ohm + noise()})
        assert watch.said == []
        origin, milliohm = watch.judge.baseline(0)
        assert origin == 1
        assert abs(milliohm - 1000 * ohm) < 50
