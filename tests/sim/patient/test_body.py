"""The equations: by hand, at rest, conserved, stable, and against published experiments."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from turgor_host.sim.patient.body import ALBUMIN, PLASMA_ALBUMIN, Body
from turgor_host.sim.patient.circulation import pressures
from turgor_host.sim.patient.compartment import compliance, pressure_rise
from turgor_host.sim.patient.exchange import Wall, resting_ps
from turgor_host.sim.patient.impedance import segment
from turgor_host.sim.patient.parameters import parameters
from turgor_host.sim.patient.patients import THORAX, Patients, episode_patient, leak_level, resting
from turgor_host.sim.patient.population import draw
from turgor_host.sim.patient.trends import trends
from turgor_host.sim.scenario import RESTING_COLE, cole

P = parameters()


def test_filtration_by_hand() -> None:
    """Kf 2, (20 - 5) - 0.5 (30 - 10) = 5 mmHg: 10 mL/h. At sigma 1 nothing but water passes."""
    wall = Wall(np.array([2.0]), np.array([0.5]), np.array([1.0]))
    jv = wall.filtration(np.array([20.0]), np.array([5.0]), np.array([30.0]), np.array([10.0]))
    assert jv == pytest.approx([10.0])
    tight = Wall(np.array([2.0]), np.array([1.0]), np.array([1e-6]))
    assert tight.albumin(jv, np.array([40.0]), np.array([20.0])) == pytest.approx([0.0], abs=1e-6)


def test_albumin_goes_by_diffusion_without_flow_and_with_it_when_flow_is_fast() -> None:
    wall = Wall(np.array([1.0]), np.array([0.5]), np.array([10.0]))
    plasma, interstitial = np.array([40.0]), np.array([20.0])
    assert wall.albumin(np.array([0.0]), plasma, interstitial) == pytest.approx([10 * 20 / 1000])
    assert wall.albumin(np.array([1e4]), plasma, interstitial) == pytest.approx([0.5 * 1e4 * 40 / 1000])
    assert wall.albumin(np.array([-1e4]), plasma, interstitial) == pytest.approx([-0.5 * 1e4 * 20 / 1000])


def test_resting_ps_is_the_one_that_balances() -> None:
    jv, sigma, interstitial = np.array([75.74]), np.array([0.9888]), np.array([22.4])
    ps = resting_ps(jv, sigma, 39.4, interstitial)
    js = Wall(np.array([1.0]), sigma, ps).albumin(jv, np.array([39.4]), interstitial)
    assert js * 1000 == pytest.approx(jv * interstitial)
    # 73 mL/h were fitted to human data (Chapple 1993), with another law of oncotic pressure.
    assert 60 < ps[0] < 120


def test_at_rest_nothing_changes_and_capillary_pressures_are_the_published() -> None:
    body = Body(P, resting(P))
    assert body.pc_rest[0] == pytest.approx([11.0], abs=0.05)
    assert body.pc_rest[THORAX] == pytest.approx([7.0], abs=0.3)
    day = trends(resting(P), 24, 3600)
    assert np.ptp(day.icp_mmhg, axis=-1).max() < 1e-3
    assert np.ptp(day.r0_ohm, axis=-1).max() < 1e-3
    assert np.ptp(day.mean_mmhg) < 1e-3
    assert np.isnan(day.ischaemia_s).all()
    assert np.isnan(day.edema_s).all()


@pytest.fixture(scope="module")
def crowd() -> Patients:
    return draw(P, 60, 5).patients


def test_water_is_conserved(crowd: Patients) -> None:
    t = trends(crowd, 72, 600)
    water = t.plasma_ml.astype(float) + t.interstitial_ml.sum(axis=1, dtype=float) - t.infused_ml + t.urine_ml
    assert np.ptp(water, axis=1).max() < 0.05
    assert np.ptp(t.plasma_ml, axis=1).max() > 500


def test_albumin_is_conserved_in_any_state(crowd: Patients) -> None:
    body, rng = Body(P, crowd), np.random.default_rng(3)
    for t_h in (0.0, 8.0, 20.0, 45.0):
        state = body.resting_state()
        state *= rng.uniform(0.8, 1.4, state.shape)
        change = body.derivative(t_h, state)
        made = change[ALBUMIN].sum(axis=0) + change[PLASMA_ALBUMIN]
        assert np.abs(made).max() < 1e-9
        assert np.abs(change[ALBUMIN]).max() > 0.1


def test_half_the_step_gives_the_same_curve(crowd: Patients) -> None:
    coarse, fine = (trends(crowd, 48, 600, integration_s=step_s) for step_s in (300, 150))
    assert np.abs(coarse.icp_mmhg - fine.icp_mmhg).max() < 0.1
    assert np.abs(coarse.r0_ohm - fine.r0_ohm).max() < 0.02
    assert np.abs(coarse.diastolic_mmhg - fine.diastolic_mmhg).max() < 0.05
    assert np.abs(coarse.ischaemia_h - fine.ischaemia_h).max() < 0.01
    assert coarse.icp_mmhg.max() > 45


def test_another_integrator_gives_the_same_curve() -> None:
    patients = episode_patient(P)
    ours = trends(patients, 72, 3600)
    body = Body(P, patients)
    start = body.resting_state()

    def slope(t_h: float, flat: np.ndarray) -> np.ndarray:
        return body.derivative(t_h, flat.reshape(start.shape)).ravel()

    theirs = solve_ivp(slope, (0, 72), start.ravel(), "LSODA", ours.time_s / 3600, rtol=1e-8, max_step=0.05)
    seen = [body.picture(t, y.reshape(start.shape)) for t, y in zip(theirs.t, theirs.y.T, strict=True)]
    assert np.abs(ours.icp_mmhg[0].T - [one.icp_mmhg[:, 0] for one in seen]).max() < 0.02
    assert np.abs(ours.plasma_ml[0] - [one.plasma_ml[0] for one in seen]).max() < 2


def test_what_lies_between_steps_of_the_integration_is_on_the_curve() -> None:
    patients = episode_patient(P)
    by_minute, by_step = trends(patients, 24, 60), trends(patients, 24, 60, integration_s=60)
    assert np.abs(by_minute.icp_mmhg - by_step.icp_mmhg).max() < 0.03


def test_a_compartment_stiffens() -> None:
    """Each millilitre raises the pressure more than the one before; 20 mmHg at a quarter more fluid, 45 at a half."""
    strain = np.linspace(-0.2, 0.8, 200)
    a, b = P.row("compartment", "a_mmhg")[0], P.row("compartment", "b_strain")[0]
    rise, given = pressure_rise(strain, a, b), compliance(np.array(1750.0), strain, a, b)
    assert (np.diff(rise) > 0).all()
    assert (np.diff(given) < 0).all()
    assert 1750 * np.diff(strain) / np.diff(rise) == pytest.approx((given[1:] + given[:-1]) / 2, rel=1e-3)
    assert 9 + pressure_rise(np.array([0.25, 0.5]), a, b) == pytest.approx([20, 45], abs=2)


@pytest.mark.parametrize(
    ("loss", "pulse", "systolic"),
    [(0.15, (90, 101), (105, 130)), (0.3, (115, 125), (85, 100)), (0.4, (130, 140), (60, 85))],
)
def test_blood_loss_has_the_classes_of_the_guideline(
    loss: float, pulse: tuple[int, int], systolic: tuple[int, int]
) -> None:
    """At 15 % pulse 100 and pressure normal, at 30 % pulse 120 and pressure about to fall, at 40 % pulse 140."""
    found = pressures(P, np.array([1 - loss]), resting(P), np.zeros(1))
    assert pulse[0] <= found.pulse[0] <= pulse[1]
    assert systolic[0] <= found.systolic[0] <= systolic[1]
    assert found.diastolic[0] < found.mean[0] < found.systolic[0]
    assert found.mean[0] == pytest.approx(found.diastolic[0] + (found.systolic[0] - found.diastolic[0]) / 3)


def test_sitting_fills_a_leg_as_published() -> None:
    """+91.5 +- 8.9 mL in 150 min (Vena 2017), back when lying."""
    t = trends(resting(P).sitting(1, 3.5), 12, 600)
    leg = t.interstitial_ml[0, 0] - t.interstitial_ml[0, 0, 0]
    assert leg[t.time_s == 3.5 * 3600] == pytest.approx([91.5], abs=8.9)
    assert leg[-1] < 10
    assert t.r0_ohm[0, 0, t.time_s == 3.4 * 3600 // 600 * 600] < t.r0_ohm[0, 0, 0]


def test_muscle_dies_after_eight_hours_at_the_threshold() -> None:
    """DBP 29 with ICP 9 is dP 20: eight hours are the published threshold (Heckman 1994)."""
    still = replace(resting(P), map_mmhg=np.array([29.0 + 15.0]), pulse_pressure_mmhg=np.array([45.0]))
    t = trends(still, 12, 60)
    assert t.ischaemia_s[0, 0] == 0
    assert t.injury_s[0, 0] / 3600 == pytest.approx(8, abs=0.5)


def test_the_leak_rises_in_two_steps_and_recovers() -> None:
    patients = episode_patient(P)
    level = np.array([leak_level(P, patients, t_h)[0] for t_h in np.arange(0, 100, 0.25)])
    assert level.max() == pytest.approx(1)
    assert np.abs(np.diff(level)).max() < 0.25
    top = int(level.argmax())
    assert (np.diff(level[:top]) >= 0).all()
    assert level[-1] < 1e-3


def test_segments_at_rest_are_those_of_a_silent_scenario() -> None:
    segments = {"calf_z": "calf_l", "calf_r_z": "calf_r", "forearm_z": "forearm_l", "thorax_z": "thorax"}
    assert segments.keys() == RESTING_COLE.keys()
    for channel, name in segments.items():
        of = segment(P, name)
        assert (of.r0_ohm, of.rinf_ohm, of.fc_hz, of.alpha) == RESTING_COLE[channel]


def test_impedance_follows_fluid_through_the_cole_model() -> None:
    """A tenth more extracellular fluid: R0 falls by an eleventh, the high-frequency end by less, Ri stays."""
    of = segment(P, "calf_l")
    r0 = of.r0_ohm / 1.1
    rinf, fc = float(of.rinf(r0)), float(of.fc(r0))
    assert r0 * rinf / (r0 - rinf) == pytest.approx(of.ri_ohm)
    assert of.rinf_ohm * r0 / of.r0_ohm < rinf < of.rinf_ohm
    assert fc > of.fc_hz
    assert abs(cole(5e3, r0, rinf, fc, of.alpha)) < abs(cole(5e3, of.r0_ohm, of.rinf_ohm, of.fc_hz, of.alpha))
