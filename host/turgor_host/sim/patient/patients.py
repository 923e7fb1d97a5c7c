"""The patients of a run: a column each, drawn or chosen."""

from dataclasses import dataclass, replace

import numpy as np

from turgor_host.sim.patient.exchange import Array
from turgor_host.sim.patient.parameters import Parameters

LIMBS = ("calf_l", "calf_r", "forearm_l", "forearm_r")
SEGMENTS = (*LIMBS, "thorax")
REGIONS = ("leg_l", "leg_r", "arm_l", "arm_r", "thorax", "abdomen")
THORAX = 4
_COURSE = ("onset_h", "prodrome_h", "leak_h", "recovery_h", "treated_from_h")
# Never: the end of an interval that does not begin.
_NEVER_H = -1.0


@dataclass(frozen=True)
class Patients:
    """n patients. Shapes: (n,) but `leak` (6, n) and `rest_mmhg`, `stiffness` (4, n).

    `size` scales volumes and flows. `map_mmhg`, `pulse_pressure_mmhg`, `heart_rate_bpm`, `rest_mmhg` are at rest.
    `stiffness` multiplies the pressure that swelling makes. `thorax_sensitivity` is 1 where the thorax's R0 does as the
    internal thoracic impedance that was published, a third for a plain tetrapolar one. `leak` of each region is at its
    height from `onset_h + prodrome_h` on for `leak_h`, then falls with time constant `recovery_h`. Who is in shock gets
    crystalloid from `treated_from_h` on.
    """

    size: Array
    map_mmhg: Array
    pulse_pressure_mmhg: Array
    heart_rate_bpm: Array
    rest_mmhg: Array
    stiffness: Array
    thorax_sensitivity: Array
    leak: Array
    onset_h: Array
    prodrome_h: Array
    leak_h: Array
    recovery_h: Array
    treated_from_h: Array
    sitting_from_h: Array
    sitting_to_h: Array

    @property
    def count(self) -> int:
        return len(self.size)

    def sitting(self, from_h: float, to_h: float) -> "Patients":
        """The same, sitting in that time and lying else."""
        return replace(self, sitting_from_h=np.full(self.count, from_h), sitting_to_h=np.full(self.count, to_h))


def resting(p: Parameters, count: int = 1) -> Patients:
    """`count` equal adults without a leak."""
    ones = np.ones(count)
    return Patients(
        size=ones,
        map_mmhg=p["circulation", "map_mmhg"] * ones,
        pulse_pressure_mmhg=p["circulation", "pulse_pressure_mmhg"] * ones,
        heart_rate_bpm=p["circulation", "heart_rate_bpm"] * ones,
        rest_mmhg=p.column("compartment", "rest_mmhg") * ones,
        stiffness=np.ones((len(LIMBS), count)),
        thorax_sensitivity=ones,
        leak=np.zeros((len(REGIONS), count)),
        onset_h=0 * ones,
        prodrome_h=ones,
        leak_h=ones,
        recovery_h=ones,
        treated_from_h=0 * ones,
        sitting_from_h=_NEVER_H * ones,
        sitting_to_h=_NEVER_H * ones,
    )


def episode_patient(p: Parameters) -> Patients:
    """The one of the built-in episode: a systemic leak, worst in the left leg."""
    at = {name: np.array([p["episode", name]]) for name in _COURSE}
    return replace(resting(p), leak=p.column("episode", "leak"), **at)


def _smooth(share: Array) -> Array:
    """From 0 to 1 without a corner."""
    x = np.clip(share, 0, 1)
    return x * x * (3 - 2 * x)


def leak_level(p: Parameters, patients: Patients, t_h: float) -> Array:
    """How far the leak has come at `t_h`, (n,): a little in the prodrome, 1 at its height, then back to 0."""
    since = t_h - patients.onset_h
    little = p["leak", "prodrome_level"]
    level = little * _smooth(since / patients.prodrome_h)
    level += (1 - little) * _smooth((since - patients.prodrome_h) / p["leak", "ramp_h"])
    over = np.maximum(since - patients.prodrome_h - patients.leak_h, 0)
    return level * np.exp(-over / patients.recovery_h)
