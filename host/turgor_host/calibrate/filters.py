"""Low-pass design: cut-off and rate -> the integers of `turgor.core.pressure`."""

from math import pi, sqrt, tan

from turgor_host.calibrate.fixed import coefficient
from turgor_host.errors import UsageError

# The residue keeps 15 bits of what a shift drops.
SHIFT_LIMIT = 15


def butterworth(cutoff_hz: float, rate_hz: float) -> tuple[float, float, float]:
    """b0, a1, a2 of the second-order Butterworth low-pass by the bilinear transform (b1 = 2 b0, b2 = b0)."""
    if not 0 < cutoff_hz < rate_hz / 4:
        raise UsageError(
            f"a cut-off of {cutoff_hz:g} Hz does not go with {rate_hz:g} samples/s: it must be below {rate_hz / 4:g} Hz"
        )
    k = tan(pi * cutoff_hz / rate_hz)
    norm = 1 / (1 + sqrt(2) * k + k * k)
    return k * k * norm, 2 * (k * k - 1) * norm, (1 - sqrt(2) * k + k * k) * norm


def lowpass(cutoff_hz: float, rate_hz: float) -> tuple[int, int, int, int, int, int]:
    """E and C of the delta form as (high, low, shift) each; the cut-off must keep both below 0.25."""
    b0, _, a2 = butterworth(cutoff_hz, rate_hz)
    if not (4 * b0 < 0.25 and 1 - a2 < 0.25):
        raise UsageError(
            f"a cut-off of {cutoff_hz:g} Hz is too high for the delta form at {rate_hz:g} samples/s: "
            f"take at most {rate_hz * 0.031:.3g} Hz"
        )
    e, c = coefficient(4 * b0), coefficient(1 - a2)
    if e[2] > SHIFT_LIMIT:
        raise UsageError(f"a cut-off of {cutoff_hz:g} Hz is too low at {rate_hz:g} samples/s: decimate first")
    return (*e, *c)
