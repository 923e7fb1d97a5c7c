"""Fluid and albumin across capillary walls and back by the lymph. Arrays have a row a region and a column a patient."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

# Peclet numbers beyond this change nothing.
_PECLET_MOST = 50.0
_PECLET_ZERO = 1e-9


@dataclass(frozen=True)
class Wall:
    """What a region's capillaries let through.

    `kf` mL/h/mmHg, `sigma` the reflection coefficient, `ps` the permeability-surface product of albumin, mL/h.
    """

    kf: Array
    sigma: Array
    ps: Array

    def leaking(self, leak: Array, kf_times: float, sigma_less: float, ps_times: float) -> "Wall":
        """The wall at a leak of 0 (as it is) to 1 and beyond; sigma never falls below 0.05."""
        sigma = np.maximum(self.sigma - sigma_less * leak, 0.05)
        return Wall(self.kf * (1 + (kf_times - 1) * leak), sigma, self.ps * (1 + (ps_times - 1) * leak))

    def filtration(self, pc: Array, pi: Array, oncotic_plasma: Array, oncotic: Array) -> Array:
        """Jv, mL/h, after Starling; positive out of the blood. Pressures in mmHg."""
        return self.kf * ((pc - pi) - self.sigma * (oncotic_plasma - oncotic))

    def albumin(self, jv: Array, plasma_g_l: Array, interstitial_g_l: Array) -> Array:
        """Js, g/h, after Patlak: convection and diffusion through the same pores."""
        convected = (1 - self.sigma) * jv
        peclet = np.clip(convected / self.ps, -_PECLET_MOST, _PECLET_MOST)
        still = np.abs(peclet) < _PECLET_ZERO
        conducted = np.where(still, self.ps, convected / np.expm1(np.where(still, 1, peclet)))
        return (convected * plasma_g_l + conducted * (plasma_g_l - interstitial_g_l)) / 1000


def resting_ps(jv: Array, sigma: Array, plasma_g_l: float, interstitial_g_l: Array) -> Array:
    """PS, mL/h, at which filtration `jv` carries as much albumin as the lymph takes back at `interstitial_g_l`."""
    convective = interstitial_g_l / (1 - sigma)
    peclet = np.log((convective - interstitial_g_l) / (convective - plasma_g_l))
    return (1 - sigma) * jv / peclet


def lymph(resting_ml_h: Array, slope: Array, most: Array, rise_mmhg: Array) -> Array:
    """Jl, mL/h: linear in the rise of interstitial pressure, from none to `most` times the flow at rest."""
    return np.clip(resting_ml_h + slope * rise_mmhg, 0, most * resting_ml_h)
