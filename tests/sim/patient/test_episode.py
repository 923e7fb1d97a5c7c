"""The built-in episode lies within what was published, and its scenario is what it says."""

import tomllib
from pathlib import Path

import numpy as np
import pytest

from turgor_host.errors import TurgorError
from turgor_host.sim.patient.episode import Episode, episode
from turgor_host.sim.patient.impedance import segment
from turgor_host.sim.patient.parameters import FILE, parameters, read_parameters
from turgor_host.sim.patient.patients import LIMBS, THORAX
from turgor_host.sim.patient.trends import Trends
from turgor_host.sim.scenario import Scenario, compile_scenario, read_scenario
from turgor_host.sim.scenario_file import write_scenario

P = parameters()
_PRODROME_H = P["episode", "onset_h"] + P["episode", "prodrome_h"]
_LEAK_END_H = _PRODROME_H + P["episode", "leak_h"]


@pytest.fixture(scope="module")
def built_in() -> Episode:
    return episode()


@pytest.fixture(scope="module")
def course(built_in: Episode) -> Trends:
    return built_in.trends


def at(course: Trends, hours: float) -> int:
    return int(np.searchsorted(course.time_s, hours * 3600))


def test_phases_last_as_published() -> None:
    """Prodrome 6 to 12 h, leak 24 to 36 h, and what follows up to a week."""
    assert 6 <= P["episode", "prodrome_h"] <= 12
    assert 24 <= P["episode", "leak_h"] <= 36
    assert P["episode", "hours"] == 7 * 24


def test_the_prodrome_has_little_to_show(course: Trends) -> None:
    before = at(course, _PRODROME_H)
    assert course.icp_mmhg[0, :, :before].max() < 12
    assert course.mean_mmhg[0, :before].min() > 85
    urine_ml_h = np.diff(course.urine_ml[0, :before]) / np.diff(course.time_s[:before]) * 3600
    assert urine_ml_h[-1] < 0.95 * urine_ml_h[0]


def test_blood_thickens_as_reported(course: Trends) -> None:
    """A hematocrit of 62 % (Guidet 1990), up to 70 % of plasma lost, albumin low, shock."""
    assert course.hematocrit.max() == pytest.approx(0.62, abs=0.03)
    lost = 1 - course.plasma_ml[0].min() / course.plasma_ml[0, 0]
    assert 0.4 <= lost <= 0.7
    assert course.albumin_g_l.min() < 30
    assert course.mean_mmhg.min() < 65
    assert course.systolic_mmhg.min() < 90
    assert course.pulse_bpm.max() > 100
    lowest_h = course.time_s[course.plasma_ml[0].argmin()] / 3600
    assert _PRODROME_H < lowest_h < _LEAK_END_H


def test_limbs_swell_and_a_compartment_suffers_in_the_leak(course: Trends) -> None:
    """Ri/Re of a calf in edema is 4.6 / 2.6 of the normal one; in the worst leg muscle dies untreated."""
    for i in range(len(LIMBS)):
        r0 = course.r0_ohm[0, i]
        assert 1.1 < r0[0] / r0.min() < 4.6 / 2.6
        assert _PRODROME_H < course.time_s[r0.argmin()] / 3600 < _LEAK_END_H + 6
    peaks = course.icp_mmhg[0].max(axis=1)
    assert 30 <= peaks[0] <= 60
    assert peaks[0] == peaks.max()
    assert _PRODROME_H < course.ischaemia_s[0, 0] / 3600 < _LEAK_END_H
    assert course.ischaemia_s[0, 0] < course.injury_s[0, 0] < _LEAK_END_H * 3600


def test_lungs_are_spared_in_the_leak_and_flood_in_the_recruitment(course: Trends) -> None:
    leaking = slice(at(course, _PRODROME_H), at(course, _LEAK_END_H))
    assert course.lung_water_share[0, leaking].max() < 1.2
    thorax = course.r0_ohm[0, THORAX] / course.r0_ohm[0, THORAX, 0] - 1
    assert thorax[leaking].min() > -0.046
    assert _LEAK_END_H < course.edema_s[0] / 3600 < P["episode", "hours"]


def test_thorax_impedance_falls_ahead_of_edema_as_published(course: Trends) -> None:
    """By 14.4 +- 5.4 % an hour before (Charach 2001); by more than 12 % in all who get it (Shochat 2006)."""
    thorax = course.r0_ohm[0, THORAX] / course.r0_ohm[0, THORAX, 0] - 1
    edema_h = course.edema_s[0] / 3600
    assert -0.198 < thorax[at(course, edema_h - 1)] < -0.09
    assert thorax[at(course, edema_h - 0.5)] < -0.12
    # Fluid has been leaving the limbs by then.
    calf = course.r0_ohm[0, 0]
    assert calf[at(course, edema_h - 0.5)] > 1.03 * calf.min()


def test_fluid_returns_within_two_days_to_a_week(course: Trends) -> None:
    excess = (course.interstitial_ml[0] - course.interstitial_ml[0, :, :1]).sum(axis=0)
    gone = course.time_s[(excess < 0.2 * excess.max()) & (course.time_s > _LEAK_END_H * 3600)][0] / 3600
    assert 48 <= gone - _LEAK_END_H <= 168
    urine_ml_h = np.diff(course.urine_ml[0]) / np.diff(course.time_s) * 3600
    # Below 0.5 mL/kg/h for six hours, then more than three litres a day.
    leaking = slice(at(course, _PRODROME_H + 2), at(course, _PRODROME_H + 8))
    assert urine_ml_h[leaking].max() < 0.5 * 70
    assert urine_ml_h.max() > 3000 / 24
    assert np.abs(course.r0_ohm[0, :, -1] / course.r0_ohm[0, :, 0] - 1).max() < 0.02


def test_a_seed_draws_a_patient_with_a_systemic_leak() -> None:
    first, again, other = (episode(seed, 72, 1800).trends for seed in (3, 3, 4))
    assert (first.icp_mmhg == again.icp_mmhg).all()
    assert (first.icp_mmhg != other.icp_mmhg).any()
    for one in (first, other):
        assert one.hematocrit.max() > 1.1 * one.hematocrit[0, 0]
        assert (one.r0_ohm[0, : len(LIMBS)].min(axis=1) < 0.95 * one.r0_ohm[0, : len(LIMBS), 0]).all()


def test_the_scenario_has_the_trends(built_in: Episode) -> None:
    points, course = built_in.scenario.points, built_in.trends
    for i, name in enumerate(LIMBS):
        assert [v for _, v in points[f"{name}_mmhg"]] == pytest.approx(course.icp_mmhg[0, i].tolist())
    for channel, name in (("calf_z", "calf_l"), ("calf_r_z", "calf_r"), ("forearm_z", "forearm_l")):
        assert [v for _, v in points[f"{channel}_r0_ohm"]] == course.r0_ohm[0, LIMBS.index(name)].tolist()
    of = segment(P, "thorax")
    assert [v for _, v in points["thorax_z_r0_ohm"]] == course.r0_ohm[0, THORAX].tolist()
    assert [t_s for t_s, _ in points["thorax_z_r0_ohm"]] == course.time_s.tolist()
    for (_, r0), (_, rinf) in zip(points["thorax_z_r0_ohm"], points["thorax_z_rinf_ohm"], strict=True):
        assert r0 * rinf / (r0 - rinf) == pytest.approx(of.ri_ohm)
    assert built_in.scenario.dbp[0] == (5.0, 78.0)
    assert len(built_in.scenario.dbp) == 2 * 168 + 1


def test_the_file_is_read_back_and_compiled_as_it_was(built_in: Episode, tmp_path: Path) -> None:
    file = tmp_path / "episode.csv"
    rows = write_scenario(built_in.scenario, file)
    assert rows == len(file.read_text().splitlines()) - 1
    read = read_scenario(file)
    assert read.dbp == built_in.scenario.dbp
    assert read.points["calf_z_alpha"] == [(0.0, 0.7)]
    for name in ("calf_l_mmhg", "calf_z_r0_ohm", "thorax_z_fc_hz"):
        ours, theirs = np.array(built_in.scenario.points[name]), np.array(read.points[name])
        assert theirs == pytest.approx(ours, rel=1e-4, abs=1e-3)
    straight, through = (compile_scenario(one, 1) for one in (built_in.scenario, read))
    for (hz, times, re, im), (hz2, times2, re2, im2) in zip(
        straight["impedance"]["thorax_z"], through["impedance"]["thorax_z"], strict=True
    ):
        assert hz == hz2
        assert len(times) < 3 * len(built_in.trends.time_s)
        assert np.interp(times2, times, re) == pytest.approx(re2, abs=2000)
        assert np.interp(times2, times, im) == pytest.approx(im2, abs=2000)


def test_a_written_file_is_never_overwritten(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    scenario = Scenario(
        {"calf_l_mmhg": [(0.0, 9.0), (10.0, 12.5)]},
        [(5.0, 70.0)],
        [(1.0, "stuck", "calf_l"), (1.0, "absent", "calf_z")],
    )
    write_scenario(scenario, file)
    text = file.read_text()
    assert text.splitlines()[:3] == ["t_s,calf_l_mmhg,dbp_mmhg,fault", "0,9.000,,", "1,,,stuck:calf_l"]
    assert [name for _, name, _ in read_scenario(file).faults] == ["stuck", "absent"]
    with pytest.raises(TurgorError, match="exists already"):
        write_scenario(scenario, file)
    assert file.read_text() == text


def test_points_are_set_where_frequency_moves_and_only_there() -> None:
    """A gap in which fc doubles is cut into 16, one in which it stays is not."""
    times = [(0.0, 42000.0), (100.0, 84000.0), (200.0, 84000.0)]
    moved = compile_scenario(Scenario({"calf_z_fc_hz": times}), 1)["impedance"]["calf_z"]
    assert len(moved[0][1]) == 16 + 1 + 1
    still = compile_scenario(Scenario({"calf_z_fc_hz": times[1:]}), 1)["impedance"]["calf_z"]
    assert still[0][1] == [0, 100_000_000, 200_000_000]


def test_the_hash_is_of_the_file_and_every_value_has_unit_and_source(tmp_path: Path, course: Trends) -> None:
    assert course.hash == P.hash == read_parameters(FILE).hash
    other = tmp_path / "other.toml"
    other.write_bytes(FILE.read_bytes() + b"\n")
    assert read_parameters(other).hash != P.hash
    for section, rows in tomllib.loads(FILE.read_text()).items():
        for name, row in rows.items():
            assert set(row) == {"value", "unit", "source"}, (section, name)
            assert row["unit"], (section, name)
            assert row["source"][0] in "FKCTa", (section, name)
