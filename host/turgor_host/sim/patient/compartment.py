"""Pressure of a compartment from how much it has swollen."""

import numpy as np

from turgor_host.sim.patient.exchange import Array


def pressure_rise(strain: Array, a_mmhg: Array, b_strain: Array) -> Array:
    """Rise above rest, mmHg: a (exp(strain / b) - 1).

    `strain` is the rise of interstitial volume as a share of that at rest. With a and b above 0 each further millilitre
    raises the pressure more; with both below 0 the pressure nears |a|.
    """
    return a_mmhg * np.expm1(strain / b_strain)


def compliance(volume_ml: Array, strain: Array, a_mmhg: Array, b_strain: Array) -> Array:
    """mL/mmHg at `strain` of a compartment that holds `volume_ml` at rest."""
    return volume_ml * b_strain / a_mmhg * np.exp(-strain / b_strain)
