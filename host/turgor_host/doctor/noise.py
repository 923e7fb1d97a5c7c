"""How noisy a pressure channel is at rest, from its raw codes, and how noisy its sensor should be."""

from dataclasses import dataclass
from math import pi, sqrt

import numpy as np

from turgor.core.filter_words import LIMIT_CODE

# RMS in codes at a rate, of a sensor at rest: what the models of the virtual board have. A converter's grows with the
# root of its rate; an HSC's is one step of its 14 bits.
_EXPECTED = {"NAU7802": (90.0, 80.0), "ADS1220": (45.0, 90.0), "ABP2": (10.0, 0.0), "HSC": (256.0, 0.0)}
# A sound one may have so many times that.
TOLERATED = 5.0
# Fewer codes tell nothing.
LEAST_CODES = 32
_MOST_CODES = 400


@dataclass(frozen=True)
class Noise:
    """RMS of the noise and the mean, in codes; `expected` is the sensor's. `still`: no code differs from a ramp."""

    rms: float
    mean: float
    expected: float
    still: bool
    at_limit: bool


def noise(codes: list[int], sensor: str, rate_hz: float) -> Noise | None:
    """Of the newest codes, None where they are too few.

    It is taken from second differences, as `turgor.core.noise` does: pulse, breathing and drift are not in it.
    """
    if len(codes) < LEAST_CODES:
        return None
    newest = np.array(codes[-_MOST_CODES:], dtype=np.float64)
    differences = np.abs(np.diff(newest, 2))
    rms, at_hz = _EXPECTED[sensor]
    return Noise(
        rms=float(differences.mean()) * sqrt(pi / 12),
        mean=float(newest.mean()),
        expected=rms * (sqrt(rate_hz / at_hz) if at_hz else 1.0),
        still=not differences.any(),
        at_limit=bool((np.abs(newest) >= LIMIT_CODE).any()),
    )
