"""No false calm: whatever a sensor or a person does, no standing alarm clears by it, and it is said."""

import math

import pytest
from judged import Judged

from turgor.core.channels import NO_CHANNEL, channel_id
from turgor.core.entries import REMOVED, STANDBY, ZERO
from turgor.core.rules import DP_LOST, PRESSURE_DOUBT

HOUR = 3600


def lively(t: int) -> float:
    """How a pressure breathes."""
    return 2 * math.sin(t / 2)


def dbp(t: int) -> float | None:
    return 70.0 if t % 600 == 1 else None


def standing(seconds: int = 9000) -> Judged:
    """A calf at 45 mmHg under a DBP of 70: `dp_low` stands, high."""
    watch = Judged("calf_l").run(seconds, {"calf_l": lambda t: 45 + lively(t)}, dbp)
    assert watch.stands("calf_l", "dp_low") == "high"
    assert watch.stands("calf_l", "pressure_doubt") == "none"
    return watch


@pytest.mark.parametrize("to", [0.0, 10.0, 30.0])
def test_catheter_out(to: float) -> None:
    """It slips out: the pressure falls within seconds, to nothing or to whatever."""
    watch = standing()
    began = watch.second
    watch.judge.alarms.acknowledge(255, 255)
    watch.run(3 * HOUR, {"calf_l": lambda t: to + 0.02 * lively(t)}, dbp)
    ((when, *rest),) = watch.events("pressure_doubt")
    assert rest == ["calf_l", "raised", "medium"]
    assert when - began <= 90
    assert watch.stands("calf_l", "dp_low") == "high"
    assert watch.stands("calf_l", "pressure_high") != "none"
    # Somebody looked: it really is as it reads.
    watch.judge.confirm(channel_id("calf_l"), PRESSURE_DOUBT)
    watch.run(1200, {"calf_l": lambda t: max(to, 3) + lively(t)}, dbp)
    if to < 30:
        assert watch.stands("calf_l", "dp_low") == "none"
    assert watch.stands("calf_l", "pressure_doubt") == "none"


def test_catheter_slowly_out() -> None:
    """It leaks away over half an hour, slower than a fall: near zero it is doubted, and nothing clears there."""
    watch = standing()
    began = watch.second
    watch.run(3 * HOUR, {"calf_l": lambda t: max(0.0, 45 * (1 - (t - began) / 300))}, dbp)
    assert watch.stands("calf_l", "pressure_doubt") == "medium"
    assert watch.stands("calf_l", "dp_low") == "high"


def test_catheter_blocked() -> None:
    """The pressure stays where it was and stops breathing."""
    watch = standing()
    began = watch.second
    watch.run(HOUR, {"calf_l": lambda t: 45 + 0.1 * lively(t)}, dbp)
    ((when, *rest),) = watch.events("pressure_doubt")
    assert rest == ["calf_l", "raised", "medium"]
    assert when - began <= 130
    # It does not clear while it creeps down behind the blockage.
    watch.run(2 * HOUR, {"calf_l": lambda t: 45 - (t - began - HOUR) / 400 + 0.1 * lively(t)}, dbp)
    assert watch.stands("calf_l", "dp_low") == "high"


def test_zero_under_pressure() -> None:
    """Zeroed while it reads 45: from then on it reads 0, which is said after ten minutes and clears nothing."""
    watch = standing()
    watch.judge.entry(channel_id("calf_l"), ZERO)
    watch.run(HOUR, {"calf_l": lively}, dbp)
    assert watch.stands("calf_l", "pressure_doubt") == "medium"
    assert watch.stands("calf_l", "dp_low") == "high"


def test_electrodes_off_for_4_h_while_it_swells() -> None:
    """12 % before; off; 20 % afterwards. The alarm stands, the baseline is said to be unknown, nothing clears."""
    watch = Judged("calf_z", "calf_l")
    watch.run(HOUR, {"calf_z": lambda _: 60, "calf_l": lambda _: 10}, dbp)
    watch.run(HOUR, {"calf_z": lambda _: 60 * 0.88, "calf_l": lambda _: 10}, dbp)
    before = watch.stands("calf_z", "fluid_gain")
    assert before == "none"  # a step of 12 % within a second is an electrode's
    watch = Judged("calf_z", "calf_l")
    watch.run(HOUR, {"calf_z": lambda _: 60, "calf_l": lambda _: 10}, dbp)
    watch.run(HOUR, {"calf_z": lambda t: 60 * (1 - 0.12 * min(1, (t - HOUR) / 1800)), "calf_l": lambda _: 10}, dbp)
    assert watch.stands("calf_z", "fluid_gain") == "medium"
    watch.run(4 * HOUR, {"calf_z": lambda _: None, "calf_l": lambda _: 10}, dbp)
    assert watch.stands("calf_z", "fluid_gain") == "medium"
    assert watch.stands("calf_z", "electrode_off") == "medium"
    assert watch.stands("calf_z", "baseline_unknown") == "low"
    watch.run(HOUR, {"calf_z": lambda _: 48, "calf_l": lambda _: 10}, dbp)
    assert watch.stands("calf_z", "fluid_gain") == "medium"
    assert watch.stands("calf_z", "baseline_unknown") == "low"
    assert not [event for event in watch.events("fluid_gain") if event[2] == "cleared"]


def test_attached_late() -> None:
    """A baseline that is measured after an hour is called late at once."""
    watch = Judged("calf_z").run(5000, {"calf_z": lambda t: None if t < 4000 else 55})
    ((when, *rest),) = watch.events("baseline_unknown")
    assert rest == ["calf_z", "raised", "low"]
    assert when == 4059


def test_dbp_never_typed() -> None:
    """Said after a quarter and half an hour; 35 mmHg are high after an hour, without any dP."""
    watch = Judged("calf_l").run(2 * HOUR, {"calf_l": lambda t: 35 + lively(t)})
    assert watch.events("dbp_stale") == [(901, "patient", "raised", "low"), (1801, "patient", "escalated", "medium")]
    assert [event[3] for event in watch.events("pressure_high")] == ["medium", "high"]
    assert watch.events("dp_low") == []


def test_dbp_grows_old() -> None:
    """A DBP older than an hour is withdrawn: `dp_low` stays as it is, neither counting nor clearing."""
    watch = standing()
    typed = watch.second // 600 * 600 + 1
    watch.run(2 * HOUR, {"calf_l": lambda t: 10 + lively(t) if t > typed + 3700 else 45 + lively(t)})
    assert watch.stands("calf_l", "dp_low") == "high"
    assert watch.stands("patient", "dbp_stale") == "medium"


def test_shock_with_a_dbp_below_the_compartment() -> None:
    """DBP 40 with ICP 50 is taken: `dp_lost` is high ten minutes later."""
    watch = Judged("calf_l").run(1200, {"calf_l": lambda t: 50 + lively(t)}, lambda t: 40.0 if t == 100 else None)
    ((when, *rest),) = watch.events("dp_lost")
    assert rest == ["calf_l", "raised", "high"]
    assert when == 700


@pytest.mark.parametrize("typed_s", [10, 1900])
def test_arterial_line_damped(typed_s: int) -> None:
    """The line gave 45 mmHg, dP 25, when it damps: 70 that somebody typed before that, however short, clears nothing,
    and a DBP is asked for. One typed since counts."""
    watch = Judged("calf_l", "art")
    pressures = {"calf_l": lambda t: 20 + lively(t), "art": lambda _: 60}
    watch.run(2000, pressures, lambda t: 70.0 if t == typed_s else None, line=lambda _: 45.0)
    assert watch.stands("calf_l", "dp_low") == "medium"
    watch.run(1200, pressures)
    assert watch.stands("patient", "dbp_stale") == "low"
    assert watch.events("dbp_stale") == [(2901, "patient", "raised", "low")]
    assert watch.stands("art", "damped") == "low"
    watch.run(1000, pressures)
    assert watch.stands("patient", "dbp_stale") == "medium"
    assert [event[2] for event in watch.events("dp_low")] == ["raised"]
    watch.run(400, pressures, lambda t: 70.0 if t == 4201 else None)
    assert watch.stands("patient", "dbp_stale") == watch.stands("calf_l", "dp_low") == "none"


def test_a_sensor_that_dies_holds_what_stands() -> None:
    watch = standing()
    watch.run(2 * HOUR, {"calf_l": lambda _: None}, dbp)
    assert watch.stands("calf_l", "dp_low") == "high"
    assert watch.stands("calf_l", "sensor_absent") == "medium"


def test_a_channel_put_aside_says_that_its_alarms_are_withdrawn() -> None:
    watch = standing()
    watch.judge.set_state(channel_id("calf_l"), STANDBY)
    watch.run(10, {"calf_l": lambda t: 45 + lively(t)}, dbp)
    assert {event[3] for event in watch.said if event[0] > 9000} == {"withdrawn"}
    # It returns by itself, and what is still true is raised again.
    watch.run(1800 + 1000, {"calf_l": lambda t: 45 + lively(t)}, dbp)
    assert watch.stands("calf_l", "dp_low") == "medium"
    watch.judge.set_state(channel_id("calf_l"), REMOVED)
    watch.run(2 * HOUR, {"calf_l": lambda _: None}, dbp)
    assert watch.stands("calf_l", "dp_low") == watch.stands("calf_l", "sensor_absent") == "none"


def test_nothing_of_the_last_patient_reaches_the_next() -> None:
    watch = standing()
    watch.judge.admit(0)
    watch.run(3, {"calf_l": lambda _: 10}, lambda _: None)
    assert watch.judge.alarms.annunciation() == 0
    assert watch.judge.dbp_milli_mmhg == -1
    fresh = Judged("calf_l").run(2, {"calf_l": lambda _: 10})
    assert watch.judge.medians[0] == fresh.judge.medians[0]
    assert watch.judge.alarms.priority(channel_id("calf_l"), DP_LOST) == 0
    assert watch.judge.alarms.number(NO_CHANNEL, DP_LOST) == -1
