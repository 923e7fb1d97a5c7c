"""Patients drawn from a population, with and without compartment syndrome."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from turgor_host.sim.patient.exchange import Array
from turgor_host.sim.patient.parameters import Parameters
from turgor_host.sim.patient.patients import LIMBS, REGIONS, Patients, resting

# Legs come first among regions and limbs; the one of the two that is injured.
_LEGS = 2
# A resting pressure is at least this, a pulse pressure and pulse likewise.
_LEAST = {"rest": 2.0, "pulse_pressure": 20.0, "heart_rate": 45.0, "dbp": 35.0}


@dataclass(frozen=True)
class Population:
    """`patients`, and what each was drawn as, (n,).

    `meant` for the syndrome: whether muscle really dies is in the trends. `systemic` ones leak everywhere, the others
    in an injured leg, 0 left and 1 right in `leg`.
    """

    patients: Patients
    meant: NDArray[np.bool_]
    systemic: NDArray[np.bool_]
    hypotensive: NDArray[np.bool_]
    leg: NDArray[np.int64]


def draw(
    p: Parameters,
    count: int,
    seed: int,
    syndrome_share: float = 0.5,
    systemic_share: float | None = None,
    thorax_sensitivity: float = 1.0,
) -> Population:
    """`count` patients, the same for the same arguments.

    `syndrome_share` are meant for the syndrome, `systemic_share` of them by a systemic leak; `thorax_sensitivity` is
    the median of what `Patients` calls so.
    """
    rng = np.random.default_rng(seed)
    if systemic_share is None:
        systemic_share = p["population", "syndrome_systemic_share"]
    meant = rng.random(count) < syndrome_share
    systemic = meant & (rng.random(count) < systemic_share)
    hypotensive = rng.random(count) < p["population", "hypotensive_share"]
    leg = rng.integers(0, _LEGS, count)
    dbp = np.where(
        hypotensive,
        _normal(rng, count, p["population", "hypotensive_dbp_mmhg"], p["population", "hypotensive_dbp_sd_mmhg"]),
        _normal(rng, count, p["population", "dbp_mmhg"], p["population", "dbp_sd_mmhg"]),
    )
    dbp = np.maximum(dbp, _LEAST["dbp"])
    pulse_pressure = _normal(
        rng, count, p["circulation", "pulse_pressure_mmhg"], p["population", "pulse_pressure_sd_mmhg"]
    )
    pulse_pressure = np.maximum(pulse_pressure, _LEAST["pulse_pressure"])
    heart_rate = _normal(rng, count, p["circulation", "heart_rate_bpm"], p["population", "heart_rate_sd_bpm"])
    rest = _normal(rng, (len(LIMBS), count), p.column("compartment", "rest_mmhg"), p["population", "rest_sd_mmhg"])
    at_rest = resting(p, count)
    patients = Patients(
        size=_lognormal(rng, count, 1.0, p["population", "size_sd"]),
        map_mmhg=dbp + pulse_pressure / 3,
        pulse_pressure_mmhg=pulse_pressure,
        heart_rate_bpm=np.maximum(heart_rate, _LEAST["heart_rate"]),
        rest_mmhg=np.maximum(rest, _LEAST["rest"]),
        stiffness=_lognormal(rng, (len(LIMBS), count), 1.0, p["population", "stiffness_sd"]),
        thorax_sensitivity=_lognormal(rng, count, thorax_sensitivity, p["population", "thorax_sensitivity_sd"]),
        leak=_leak(p, rng, meant, systemic, leg),
        onset_h=_uniform(rng, count, p.row("population", "onset_h")),
        prodrome_h=np.where(systemic, _uniform(rng, count, p.row("population", "prodrome_h")), p["leak", "ramp_h"]),
        leak_h=_uniform(rng, count, p.row("population", "leak_h")),
        recovery_h=np.full(count, p["population", "recovery_h"]),
        treated_from_h=at_rest.treated_from_h,
        sitting_from_h=at_rest.sitting_from_h,
        sitting_to_h=at_rest.sitting_to_h,
    )
    return Population(patients, meant, systemic, hypotensive, leg)


def _leak(
    p: Parameters, rng: Generator, meant: NDArray[np.bool_], systemic: NDArray[np.bool_], leg: NDArray[np.int64]
) -> Array:
    """Height of the leak, (6, n)."""
    count = len(meant)
    mild = _lognormal(rng, count, p["population", "local_leak"], p["population", "local_leak_sd"])
    severe = _lognormal(rng, count, p["population", "syndrome_leak"], p["population", "syndrome_leak_sd"])
    everywhere = _lognormal(rng, count, p["population", "systemic_leak"], p["population", "systemic_leak_sd"])
    scatter = _lognormal(rng, (len(REGIONS), count), 1.0, p["population", "region_sd"])
    injured = np.arange(len(REGIONS))[:, None] == leg
    local = injured * np.where(meant, severe, mild)
    leak = np.where(systemic, everywhere * scatter * p.column("leak", "region_share"), local)
    return np.minimum(leak, p["leak", "most"])


def _uniform(rng: Generator, count: int, between: Array) -> Array:
    return rng.uniform(between[0], between[1], count)


def _normal(rng: Generator, shape: int | tuple[int, int], mean: float | Array, sd: float) -> Array:
    return mean + sd * rng.standard_normal(shape)


def _lognormal(rng: Generator, shape: int | tuple[int, int], median: float, sd: float) -> Array:
    return median * np.exp(sd * rng.standard_normal(shape))
