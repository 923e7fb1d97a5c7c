"""The modelled episode as a scenario that the virtual board plays."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from turgor_host.sim.patient.impedance import segment
from turgor_host.sim.patient.parameters import Parameters, parameters
from turgor_host.sim.patient.patients import LIMBS, episode_patient
from turgor_host.sim.patient.population import draw
from turgor_host.sim.patient.trends import Trends, trends
from turgor_host.sim.scenario import COLE_COLUMNS, Scenario

STEP_S = 300.0
# Impedance channels and the segment that each is on.
_CHANNELS = {"calf_z": "calf_l", "calf_r_z": "calf_r", "forearm_z": "forearm_l", "thorax_z": "thorax"}
# The first value is typed a few seconds after the start.
_FIRST_DBP_S = 5.0
_HOUR_S = 3600.0


@dataclass(frozen=True)
class Episode:
    """A scenario, and the trends of the one patient that it is of."""

    scenario: Scenario
    trends: Trends

    def summary(self) -> dict[str, Any]:
        """What happened, for a person or a program; times in seconds, None where it did not."""
        t = self.trends
        plasma = t.plasma_ml[0]
        return {
            "parameters": t.hash,
            "hours": float(t.time_s[-1]) / _HOUR_S,
            "hematocrit_most": round(float(t.hematocrit.max()), 3),
            "plasma_lost": round(float(1 - plasma.min() / plasma[0]), 3),
            "diastolic_least_mmhg": round(float(t.diastolic_mmhg.min()), 1),
            "icp_most_mmhg": {name: round(float(v), 1) for name, v in zip(t.limbs, t.icp_mmhg[0].max(1), strict=True)},
            "ischaemia_s": {name: _moment(v) for name, v in zip(t.limbs, t.ischaemia_s[0], strict=True)},
            "injury_s": {name: _moment(v) for name, v in zip(t.limbs, t.injury_s[0], strict=True)},
            "edema_s": _moment(t.edema_s[0]),
        }


def episode(seed: int | None = None, hours: float | None = None, step_s: float = STEP_S) -> Episode:
    """The built-in episode, or with a `seed` the systemic leak of a patient drawn by it."""
    p = parameters()
    chosen = episode_patient(p) if seed is None else draw(p, 1, seed, 1.0, 1.0).patients
    course = trends(chosen, p["episode", "hours"] if hours is None else hours, step_s, p=p)
    return Episode(_scenario(p, course), course)


def patient_episode() -> Scenario:
    """The scenario of `sim:patient`."""
    return episode().scenario


def _scenario(p: Parameters, t: Trends) -> Scenario:
    times = t.time_s.tolist()
    columns: dict[str, list[float]] = {f"{name}_mmhg": t.icp_mmhg[0, i].tolist() for i, name in enumerate(LIMBS)}
    for channel, name in _CHANNELS.items():
        r0 = t.r0_ohm[0, t.segments.index(name)]
        of = segment(p, name)
        parts = (r0, of.rinf(r0), of.fc(r0), np.full(len(r0), of.alpha))
        columns |= {f"{channel}_{part}": v.tolist() for part, v in zip(COLE_COLUMNS, parts, strict=True)}
    points = {name: list(zip(times, values, strict=True)) for name, values in columns.items()}
    return Scenario(points, _typed(p, t))


def _typed(p: Parameters, t: Trends) -> list[tuple[float, float]]:
    """A person types whole millimetres."""
    every_s = p["episode", "dbp_interval_h"] * _HOUR_S
    moments = np.arange(0, t.time_s[-1] + 1, every_s)
    values = np.interp(moments, t.time_s, t.diastolic_mmhg[0])
    return [(max(float(s), _FIRST_DBP_S), float(round(v))) for s, v in zip(moments, values, strict=True)]


def _moment(t_s: float) -> float | None:
    return None if np.isnan(t_s) else float(t_s)
