"""R0 from two frequencies: the weights of `turgor.core.impedance.r0_milliohm`, and how far they can be off.

By the Cole model Z(f) = Rinf + (R0 - Rinf) h(f), h(f) = 1 / (1 + (j f / fc)^alpha). What R at 5 kHz lacks of R0 is
    R0 - R_5 = (R0 - Rinf) (1 - re h(5 kHz)),
and X_5, X_50 and R_50 - R_5 are each R0 - Rinf times something that alpha and fc alone decide. So three weights make an
estimate whose error is a share of R0 - Rinf; these are the weights whose largest share over ALPHA and FC_HZ is least.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog

from turgor.core.impedance import R0_R, R0_X_5, R0_X_50
from turgor.drivers.max30009_writes import FREQUENCIES_HZ

ALPHA = (0.6, 0.8)
FC_HZ = (20e3, 100e3)
# Largest error of the estimate as a share of R0 - Rinf, over ALPHA and FC_HZ.
R0_ERROR = 0.0182
SCALE = 1024
BOARD_WEIGHTS = (R0_X_5, R0_X_50, R0_R)

Floats = NDArray[np.float64]


def r0_error_ohm(r0_ohm: float, rinf_ohm: float) -> float:
    """How far the estimate of this R0 can be off, ohm, while alpha and fc lie within ALPHA and FC_HZ."""
    return R0_ERROR * (r0_ohm - rinf_ohm)


def weights(points: int = 81) -> tuple[int, int, int]:
    """The best weights of -X_5, -X_50 and R_50 - R_5, in 1024ths, by a linear programme over points^2 Cole models."""
    alpha, fc_hz = np.meshgrid(np.linspace(*ALPHA, points), np.geomspace(*FC_HZ, points))
    terms, lacking = _model(alpha.ravel(), fc_hz.ravel())
    bound = np.ones((len(lacking), 1))
    found = linprog(
        [0, 0, 0, 1],
        A_ub=np.block([[terms, -bound], [-terms, -bound]]),
        b_ub=np.concatenate([lacking, -lacking]),
        bounds=[(None, None)] * 4,
    )
    x_5, x_50, r = (round(float(weight) * SCALE) for weight in found.x[:3])
    return x_5, x_50, r


def error_share(alpha: Floats, fc_hz: Floats) -> Floats:
    """Estimate less R0 as a share of R0 - Rinf, with the board's weights, for each Cole model."""
    terms, lacking = _model(alpha, fc_hz)
    share: Floats = terms @ (np.array(BOARD_WEIGHTS) / SCALE) - lacking
    return share


def _model(alpha: Floats, fc_hz: Floats) -> tuple[Floats, Floats]:
    """-X_5, -X_50 and R_50 - R_5 of each Cole model in columns, and R0 - R_5, as shares of R0 - Rinf."""
    low, high = (1 / (1 + (1j * hz / fc_hz) ** alpha) for hz in FREQUENCIES_HZ[:2])
    terms: Floats = np.stack([-low.imag, -high.imag, (high - low).real], axis=1)
    return terms, np.asarray(1 - low.real, np.float64)
