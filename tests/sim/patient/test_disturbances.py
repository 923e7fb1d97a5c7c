"""Each named error does what its event says, and nothing else."""

import numpy as np
import pytest

from turgor_host.sim.patient.disturbances import Measured, measure
from turgor_host.sim.patient.parameters import parameters
from turgor_host.sim.patient.population import draw
from turgor_host.sim.patient.trends import Trends, trends

P = parameters()
_COUNT = 400


@pytest.fixture(scope="module")
def true() -> Trends:
    patients = draw(P, _COUNT, 9).patients
    return trends(patients, 24, 300, limbs=("calf_l", "calf_r"), segments=("calf_l", "thorax"), p=P)


@pytest.fixture(scope="module")
def measured(true: Trends) -> Measured:
    return measure(P, true, 4)


def _clean(measured: Measured, limb: str) -> list[int]:
    """Patients whose catheter there stays as it is and is there from the start."""
    names = ("dislodged", "blocked", "attached_late")
    bad = {e.patient for name in names for e in measured.named(name) if e.channel in (limb, "")}
    return [n for n in range(_COUNT) if n not in bad]


def test_level_errors_have_three_mmhg_and_stay(true: Trends, measured: Measured) -> None:
    level = np.array([e.size for e in measured.named("level_error")]).reshape(_COUNT, 2)
    drift = np.array([e.size for e in measured.named("zero_drift")]).reshape(_COUNT, 2)
    assert level.std() == pytest.approx(3, rel=0.1)
    assert np.abs(drift).max() <= 2
    clean = _clean(measured, "calf_l")
    off = (measured.icp_mmhg - true.icp_mmhg)[clean, 0]
    assert off[:, :6].mean(axis=1) == pytest.approx(level[clean, 0], abs=1.7)
    assert off[:, 36:].mean(axis=1) == pytest.approx((level + drift)[clean, 0], abs=0.3)
    assert (off[:, 36:].std(axis=1) < 1).all()


def test_a_catheter_that_slipped_out_reads_nothing_and_a_blocked_one_nothing_new(
    true: Trends, measured: Measured
) -> None:
    for name, tremor in (("dislodged", 0), ("blocked", 0)):
        events = measured.named(name)
        assert len(events) >= 10
        for event in events:
            after = measured.icp_mmhg[event.patient, true.limbs.index(event.channel), true.time_s >= event.from_s]
            after = after[~np.isnan(after)]
            assert np.ptp(after) == tremor if len(after) else True
    limbs = {(e.patient, e.channel) for e in measured.named("blocked")}
    out = [e for e in measured.named("dislodged") if (e.patient, e.channel) not in limbs]
    for event in out:
        last = measured.icp_mmhg[event.patient, true.limbs.index(event.channel), -1]
        assert last == pytest.approx(P["disturbance", "dislodged_mmhg"])


def test_before_it_is_attached_there_is_nothing(true: Trends, measured: Measured) -> None:
    late = measured.named("attached_late")
    assert len(late) == pytest.approx(0.2 * _COUNT, rel=0.3)
    for event in late:
        before = true.time_s < event.to_s
        assert 1 <= event.to_s / 3600 <= 12
        for values in (measured.icp_mmhg, measured.r0_ohm):
            assert np.isnan(values[event.patient][:, before]).all()
            assert not np.isnan(values[event.patient][:, ~before]).any()
        assert all(t_s >= event.to_s for t_s, _ in measured.typed[event.patient])
    others = sorted(set(range(_COUNT)) - {e.patient for e in late})
    assert not np.isnan(measured.icp_mmhg[others]).any()


def test_a_damped_line_over_reads_while_it_is_damped(true: Trends, measured: Measured) -> None:
    has = ~np.isnan(measured.line_dbp_mmhg[:, -1])
    assert has.mean() == pytest.approx(0.5, abs=0.1)
    damped = measured.named("line_damped")
    assert len(damped) >= 10
    off = measured.line_dbp_mmhg - true.diastolic_mmhg
    seen = 0
    for event in damped:
        assert 5 <= event.size <= 15
        inside = (true.time_s >= event.from_s) & (true.time_s < event.to_s) & ~np.isnan(off[event.patient])
        outside = ~inside & ~np.isnan(off[event.patient])
        assert off[event.patient, inside] == pytest.approx(event.size, abs=1e-3)
        assert (off[event.patient, outside] == 0).all()
        seen += inside.sum()
    assert seen > 0
    undamped = sorted(set(np.flatnonzero(has)) - {e.patient for e in damped})
    assert np.nanmax(np.abs(off[undamped])) == 0


def test_pressures_are_typed_now_and_then_and_by_some_never(true: Trends, measured: Measured) -> None:
    never = {e.patient for e in measured.named("dbp_never")}
    assert len(never) == pytest.approx(0.05 * _COUNT, abs=12)
    assert all(not measured.typed[n] for n in never)
    gaps, errors = [], []
    for n in sorted(set(range(_COUNT)) - never):
        moments = np.array([t_s for t_s, _ in measured.typed[n]])
        values = np.array([value for _, value in measured.typed[n]])
        assert (values == np.round(values)).all()
        gaps += np.diff(moments).tolist()
        errors += (values - np.interp(moments, true.time_s, true.diastolic_mmhg[n])).tolist()
    assert np.median(gaps) / 3600 == pytest.approx(0.5, rel=0.1)
    assert np.percentile(gaps, 95) > 2 * np.median(gaps)
    assert np.std(errors) == pytest.approx(4, rel=0.1)


def test_electrodes_that_move_make_a_step_and_a_thorax_drifts(true: Trends, measured: Measured) -> None:
    share = measured.r0_ohm / true.r0_ohm
    steps = measured.named("electrode_moved")
    assert len(steps) >= 30
    assert np.mean([e.size for e in steps]) == pytest.approx(-0.037, abs=0.02)
    late = {e.patient for e in measured.named("attached_late")}
    for event in steps:
        at = int(np.searchsorted(true.time_s, event.from_s))
        if event.patient in late or not 0 < at < len(true.time_s):
            continue
        one = share[event.patient, true.segments.index(event.channel)]
        assert one[at] / one[at - 1] == pytest.approx(1 + event.size, abs=0.002)
    moved = {e.patient for e in steps if e.channel == "thorax"} | late
    drifts = {e.patient: e.size for e in measured.named("thorax_drift") if e.patient not in moved}
    assert all(-0.013 <= size <= 0.046 for size in drifts.values())
    for n, size in drifts.items():
        assert share[n, 1, -1] == pytest.approx(1 + size, abs=1e-4)


def test_warm_skin_lowers_resistance_a_little(true: Trends, measured: Measured) -> None:
    still = sorted(
        set(range(_COUNT)) - {e.patient for name in ("electrode_moved", "attached_late") for e in measured.named(name)}
    )
    swing = np.ptp(measured.r0_ohm[still, 0] / true.r0_ohm[still, 0], axis=-1)
    assert swing == pytest.approx(2 * 1.5 * 0.0008, rel=0.1)


def test_the_same_arguments_measure_the_same(true: Trends, measured: Measured) -> None:
    again, other = measure(P, true, 4), measure(P, true, 5)
    assert np.array_equal(again.icp_mmhg, measured.icp_mmhg, equal_nan=True)
    assert again.typed == measured.typed
    assert again.events == measured.events
    assert not np.array_equal(other.icp_mmhg, measured.icp_mmhg, equal_nan=True)
