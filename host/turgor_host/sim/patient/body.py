"""The body as one system of differential equations: volumes and albumin of plasma and of six regions."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from turgor_host.sim.patient.circulation import Pressures, capillary_rise, pressures, urine
from turgor_host.sim.patient.compartment import pressure_rise
from turgor_host.sim.patient.exchange import Array, Wall, lymph, resting_ps
from turgor_host.sim.patient.parameters import Parameters
from turgor_host.sim.patient.patients import LIMBS, REGIONS, SEGMENTS, THORAX, Patients, leak_level

_REGIONS = len(REGIONS)
_LIMBS = len(LIMBS)
# Rows of the state: volumes (mL) and albumin (g) of the regions, then of the plasma; what came and went, mL; hours of
# ischaemia of the limbs.
ALBUMIN = slice(_REGIONS, 2 * _REGIONS)
_PLASMA = 2 * _REGIONS
PLASMA_ALBUMIN = _PLASMA + 1
_INFUSED = _PLASMA + 2
_URINE = _PLASMA + 3
_ISCHAEMIA = slice(_PLASMA + 4, _PLASMA + 4 + _LIMBS)
_ROWS = _PLASMA + 4 + _LIMBS


@dataclass(frozen=True)
class Picture:
    """What can be seen of a state. Shapes: limbs (4, n), segments (5, n), else (n,); units in the names."""

    icp_mmhg: Array
    r0_ohm: Array
    pressures: Pressures
    hematocrit: Array
    albumin_g_l: Array
    plasma_ml: Array
    interstitial_ml: Array
    lung_water_share: Array
    infused_ml: Array
    urine_ml: Array
    ischaemia_h: Array


class Body:
    """Equations of `patients`; states are arrays (rows, n) and are changed by nobody else."""

    def __init__(self, p: Parameters, patients: Patients) -> None:
        self.p = p
        self.patients = patients
        size = patients.size
        column = np.ones((_REGIONS, 1))
        systemic = np.arange(_REGIONS)[:, None] != THORAX
        volumes = p.column("volumes", "interstitial_ml")
        share = np.where(systemic, volumes / volumes[systemic].sum(), 0)

        def shared(systemic_name: str, lung_name: str) -> Array:
            total, lung = p["exchange", systemic_name], p["exchange", lung_name]
            return np.where(systemic, share * total, lung) * size

        self.volume_ml = volumes * size
        self.excluded_ml = p["volumes", "excluded_share"] * self.volume_ml
        self.plasma_ml = p["volumes", "plasma_ml"] * size
        self.cells_ml = self.plasma_ml * p["volumes", "hematocrit"] / (1 - p["volumes", "hematocrit"])
        self._lymph_ml_h = shared("lymph_systemic_ml_h", "lymph_lung_ml_h")
        self._lymph_slope = shared("lymph_slope_systemic", "lymph_slope_lung")
        self._lymph_most = p.column("exchange", "lymph_most")
        kf = shared("kf_systemic", "kf_lung")
        sigma = p.column("exchange", "sigma") * column
        oncotic = p.column("exchange", "interstitial_oncotic_mmhg")
        self._mmhg_per_g_l = p["exchange", "plasma_oncotic_mmhg"] / p["exchange", "plasma_albumin_g_l"]
        self.albumin_g_l = oncotic / self._mmhg_per_g_l * np.ones(patients.count)
        # At rest filtration is what the lymph takes back, and albumin likewise: that gives Pc and PS.
        self._pi = p.column("exchange", "interstitial_mmhg")
        difference = p["exchange", "plasma_oncotic_mmhg"] - oncotic
        self.pc_rest = self._lymph_ml_h / kf + self._pi + sigma * difference
        ps = resting_ps(self._lymph_ml_h, sigma, p["exchange", "plasma_albumin_g_l"], self.albumin_g_l)
        self.wall = Wall(kf, sigma, ps)
        stiffness = np.ones((_REGIONS, patients.count))
        stiffness[:_LIMBS] = patients.stiffness
        self.a_mmhg = p.column("compartment", "a_mmhg") * stiffness
        self.b_strain = p.column("compartment", "b_strain")
        # A leak that all limbs have is one of the whole body.
        self._widened = np.minimum(patients.leak[:_LIMBS].min(axis=0), 1)
        self._intake_ml_h = p["kidney", "urine_ml_h"] * size

    def resting_state(self) -> Array:
        state = np.zeros((_ROWS, self.patients.count))
        state[:_REGIONS] = self.volume_ml
        state[ALBUMIN] = self.albumin_g_l * (self.volume_ml - self.excluded_ml) / 1000
        state[_PLASMA] = self.plasma_ml
        state[PLASMA_ALBUMIN] = self.p["exchange", "plasma_albumin_g_l"] * self.plasma_ml / 1000
        return state

    def derivative(self, t_h: float, state: Array) -> Array:
        """Per hour."""
        p = self.p
        volume, plasma = state[:_REGIONS], state[_PLASMA]
        sitting = self._sitting(t_h)
        rise = self._rise(volume)
        blood_share = (plasma + self.cells_ml) / (self.plasma_ml + self.cells_ml)
        seen = self._pressures(t_h, plasma)
        jv, js, jl, back = self._exchange(t_h, state, rise, sitting, seen.mean)
        made = urine(p, seen.mean, self.patients.map_mmhg, blood_share, self.patients.size)
        given = self._intake_ml_h + self._crystalloid(
            t_h, seen.mean, blood_share, state[_INFUSED] - self._intake_ml_h * t_h
        )
        change = np.empty_like(state)
        change[:_REGIONS] = jv - jl
        change[ALBUMIN] = js - back
        change[_PLASMA] = given - made - (jv - jl).sum(axis=0)
        change[PLASMA_ALBUMIN] = -(js - back).sum(axis=0)
        change[_INFUSED] = given
        change[_URINE] = made
        change[_ISCHAEMIA] = self._ischaemia(seen.diastolic - self.patients.rest_mmhg - rise[:_LIMBS])
        return change

    def picture(self, t_h: float, state: Array) -> Picture:
        volume, plasma = state[:_REGIONS], state[_PLASMA]
        blood = plasma + self.cells_ml
        rise = self._rise(volume)
        return Picture(
            icp_mmhg=self.patients.rest_mmhg + rise[:_LIMBS],
            r0_ohm=self._r0(volume, plasma, self._sitting(t_h)),
            pressures=self._pressures(t_h, plasma),
            hematocrit=self.cells_ml / blood,
            albumin_g_l=1000 * state[PLASMA_ALBUMIN] / plasma,
            plasma_ml=plasma,
            interstitial_ml=volume,
            lung_water_share=volume[THORAX] / self.volume_ml[THORAX],
            infused_ml=state[_INFUSED],
            urine_ml=state[_URINE],
            ischaemia_h=state[_ISCHAEMIA],
        )

    def _rise(self, volume: Array) -> Array:
        return pressure_rise(volume / self.volume_ml - 1, self.a_mmhg, self.b_strain)

    def _sitting(self, t_h: float) -> NDArray[np.bool_]:
        return (t_h >= self.patients.sitting_from_h) & (t_h < self.patients.sitting_to_h)

    def _pressures(self, t_h: float, plasma: Array) -> Pressures:
        blood_share = (plasma + self.cells_ml) / (self.plasma_ml + self.cells_ml)
        return pressures(self.p, blood_share, self.patients, self._widened * leak_level(self.p, self.patients, t_h))

    def _exchange(
        self, t_h: float, state: Array, rise: Array, sitting: NDArray[np.bool_], mean: Array
    ) -> tuple[Array, Array, Array, Array]:
        """Jv, Js, Jl, and the albumin that goes with Jl."""
        p = self.p
        leak = self.patients.leak * leak_level(p, self.patients, t_h)
        wall = self.wall.leaking(leak, p["leak", "kf_times"], p["leak", "sigma_less"], p["leak", "ps_times"])
        interstitial_g_l = 1000 * state[ALBUMIN] / (state[:_REGIONS] - self.excluded_ml)
        plasma_g_l = 1000 * state[PLASMA_ALBUMIN] / state[_PLASMA]
        per_g_l = self._mmhg_per_g_l
        pc = self._pc(state[_PLASMA], rise, sitting)
        jv = wall.filtration(pc, self._pi + rise, per_g_l * plasma_g_l, per_g_l * interstitial_g_l)
        # Through capillaries that a tight compartment has closed nothing goes, either way.
        open_share = (mean - self.patients.rest_mmhg - rise[:_LIMBS]) / p["exchange", "all_open_mmhg"]
        jv[:_LIMBS] *= np.clip(open_share, 0, 1)
        js = wall.albumin(jv, plasma_g_l, interstitial_g_l)
        jl = lymph(self._lymph_ml_h, self._lymph_slope, self._lymph_most, rise)
        return jv, js, jl, jl * interstitial_g_l / 1000

    def _pc(self, plasma: Array, rise: Array, sitting: NDArray[np.bool_]) -> Array:
        """Capillary pressure of each region, mmHg."""
        p = self.p
        change, size = plasma - self.plasma_ml, self.patients.size
        pc = self.pc_rest + capillary_rise(
            change, p["exchange", "pc_slope_mmhg_ml"] / size, p["exchange", "pc_fall_most_mmhg"]
        )
        pc[THORAX] = self.pc_rest[THORAX] + capillary_rise(
            change, p["exchange", "pc_lung_slope_mmhg_ml"] / size, p["exchange", "pc_lung_fall_most_mmhg"]
        )
        tight = self.patients.rest_mmhg + rise[:_LIMBS] - p["exchange", "waterfall_from_mmhg"]
        pc[:_LIMBS] += p["exchange", "waterfall_share"] * np.maximum(tight, 0)
        pc[:2] += p["posture", "sitting_pc_mmhg"] * sitting
        return pc

    def _crystalloid(self, t_h: float, mean: Array, blood_share: Array, given_ml: Array) -> Array:
        """What is given to somebody in shock, mL/h."""
        p = self.p
        usual = p["treatment", "map_least_share"] * self.patients.map_mmhg
        missing = np.maximum(np.minimum(p["treatment", "map_target_mmhg"], usual) - mean, 0)
        most = p["treatment", "crystalloid_most_ml_h"]
        rate = np.minimum(p["treatment", "crystalloid_gain"] * missing, most)
        left = np.maximum(1 - given_ml / (self.patients.size * p["treatment", "crystalloid_total_ml"]), 0)
        runs = np.clip((t_h - self.patients.treated_from_h) / p["treatment", "crystalloid_ramp_h"], 0, 1)
        wanted = np.clip((1 - blood_share) / p["treatment", "crystalloid_full_at"], 0, 1)
        return self.patients.size * rate * left * runs * wanted

    def _ischaemia(self, dp: Array) -> Array:
        """0 at a perfusion that is enough to 1 at none, per limb."""
        start, full = self.p["injury", "from_mmhg"], self.p["injury", "full_mmhg"]
        return np.clip((start - dp) / (start - full), 0, 1)

    def _r0(self, volume: Array, plasma: Array, sitting: NDArray[np.bool_]) -> Array:
        p = self.p
        plasma_share = p.column("volumes", "plasma_share")[:_LIMBS]
        at_rest = self.volume_ml[:_LIMBS] + plasma_share * self.plasma_ml
        fluid = np.empty((len(SEGMENTS), self.patients.count))
        fluid[:_LIMBS] = (volume[:_LIMBS] + plasma_share * plasma) / at_rest
        seen = p["impedance", "thorax_blood_share"]
        blood_at_rest = seen * (self.plasma_ml + self.cells_ml)
        blood = seen * (plasma + self.cells_ml) * np.where(sitting, p["posture", "sitting_thorax_blood_share"], 1)
        chest = (volume[THORAX] + blood) / (self.volume_ml[THORAX] + blood_at_rest)
        fluid[THORAX] = chest ** (p["impedance", "thorax_power"] * self.patients.thorax_sensitivity)
        return p.column("impedance", "r0_ohm") / fluid
