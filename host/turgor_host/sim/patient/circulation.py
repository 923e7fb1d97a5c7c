"""Blood pressure, pulse, capillary pressure and urine, all from the blood volume. Arrays have an entry a patient."""

from dataclasses import dataclass

import numpy as np

from turgor_host.sim.patient.exchange import Array
from turgor_host.sim.patient.parameters import Parameters
from turgor_host.sim.patient.patients import Patients


@dataclass(frozen=True)
class Pressures:
    """mmHg, pulse in beats a minute."""

    systolic: Array
    diastolic: Array
    mean: Array
    pulse: Array


def output_share(p: Parameters, blood_share: Array) -> Array:
    """Cardiac output as a share of that at rest, from the blood volume likewise."""
    empty = p["circulation", "empty_share"]
    low = np.maximum((blood_share - empty) / (1 - empty), 0)
    return np.where(blood_share > 1, 1 + p["circulation", "overfill_gain"] * (blood_share - 1), low)


def pressures(p: Parameters, blood_share: Array, patients: Patients, leak: Array) -> Pressures:
    """Arterial pressures: what output falls, resistance rises, so that MAP falls with the square of the loss.

    A leak of 1 widens vessels, too.
    """
    output = output_share(p, blood_share)
    loss = np.maximum(1 - output, 0)
    tone = 1 - p["circulation", "vasoplegia"] * leak
    mean = patients.map_mmhg * tone * np.where(output > 1, 1 + 0.5 * (output - 1), 1 - loss**2)
    rate = 1 + p["circulation", "heart_rate_gain"] * loss
    stiff = p["circulation", "pulse_pressure_stiff_share"]
    pulse_pressure = patients.pulse_pressure_mmhg * (stiff + (1 - stiff) * output / rate)
    # A pressure that has gone leaves no pulse.
    pulse_pressure = np.minimum(pulse_pressure, mean)
    diastolic = mean - pulse_pressure / 3
    return Pressures(diastolic + pulse_pressure, diastolic, mean, patients.heart_rate_bpm * rate)


def capillary_rise(change_ml: Array, slope: Array, fall_most: float) -> Array:
    """Rise of capillary pressure, mmHg, with a change of volume; a fall nears `fall_most`."""
    linear = slope * change_ml
    return np.where(linear > 0, linear, -fall_most * -np.expm1(np.minimum(linear, 0) / fall_most))


def urine(p: Parameters, mean: Array, map_rest: Array, blood_share: Array, size: Array) -> Array:
    """mL/h: none at the pressure that makes none, more the fuller the vessels are."""
    none_at = p["kidney", "map_without_urine_mmhg"]
    pressed = np.maximum((mean - none_at) / (map_rest - none_at), 0)
    filled = np.exp(p["kidney", "volume_gain"] * (blood_share - 1))
    return size * np.minimum(p["kidney", "urine_ml_h"] * pressed * filled, p["kidney", "urine_most_ml_h"])
