"""Two-point pressure calibration: windows of raw codes at known pressures -> the integers of the board.

The criteria are those of `calibration/two_point_pressure.md`.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from turgor.core.bounds import OFFSET_LIMIT_CODE
from turgor_host.calibrate.fixed import coefficient, factor
from turgor_host.errors import TurgorError, UsageError

# 5 uV/V/mmHg at gain 128: 2^24 / 1562.5 codes a mmHg.
NOMINAL_CODES_PER_MMHG = 2**24 / 1562.5
SLOPE_LIMIT = 0.03
OFFSET_LIMIT_MMHG = 25.0
NOISE_LIMIT_MMHG = 0.5
CHECK_LIMIT_MMHG = 0.5
SPAN_LEAST_MMHG = 20.0
WINDOW_LEAST_S = 30.0
# The board's filtered value has 5 fraction bits, its calibrated one is in milli-mmHg.
_MILLI_PER_FRACTION = 1000 / 32


@dataclass(frozen=True)
class Point:
    """A window of raw codes (n) at times (n, s) taken at a known pressure; `fitted` or only checked."""

    mmhg: float
    times_s: np.ndarray
    codes: np.ndarray
    fitted: bool


@dataclass(frozen=True)
class Calibration:
    """Integers for the board, and what the fit found; errors in mmHg, one for each point in order."""

    channel: str
    offset_code: int
    gain_high: int
    gain_low: int
    gain_shift: int
    codes_per_mmhg: float
    slope_against_nominal_percent: float
    offset_mmhg: float
    noise_mmhg: tuple[float, ...]
    error_mmhg: tuple[float, ...]

    def mmhg(self, codes: np.ndarray) -> np.ndarray:
        """What the integers make of raw codes, mmHg."""
        return (codes - self.offset_code) * factor(self.gain_high, self.gain_low, self.gain_shift) * 0.032

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def fit(channel: str, points: Sequence[Point]) -> Calibration:
    """Fit the line through the two fitted points; TurgorError names the criterion that fails."""
    fitted = [point for point in points if point.fitted]
    if len(fitted) != 2:
        raise UsageError(f"{len(fitted)} points to fit; give two with --point, others with --check")
    low, high = sorted(fitted, key=lambda point: point.mmhg)
    if high.mmhg - low.mmhg < SPAN_LEAST_MMHG:
        raise UsageError(
            f"the points lie {high.mmhg - low.mmhg:g} mmHg apart; they must be at least {SPAN_LEAST_MMHG:g}"
        )
    for point in points:
        _check_window(point)
    c_low, c_high = float(np.median(low.codes)), float(np.median(high.codes))
    slope = (c_high - c_low) / (high.mmhg - low.mmhg)
    against_nominal = slope / NOMINAL_CODES_PER_MMHG - 1
    if abs(against_nominal) > SLOPE_LIMIT:
        raise TurgorError(
            f"{channel}: the slope is {against_nominal:+.1%} from nominal, more than {SLOPE_LIMIT:.0%}; "
            "look at transducer, gain and wiring, and whether the windows hold the pressures they claim"
        )
    offset = c_low - low.mmhg * slope
    if abs(offset / slope) > OFFSET_LIMIT_MMHG or abs(offset) > OFFSET_LIMIT_CODE:
        raise TurgorError(
            f"{channel}: the offset is {offset / slope:+.1f} mmHg, more than {OFFSET_LIMIT_MMHG:g}; "
            "look at the level and at the bridge"
        )
    noise = tuple(float(np.std(point.codes)) / slope for point in points)
    for point, mmhg in zip(points, noise, strict=True):
        if mmhg > NOISE_LIMIT_MMHG:
            raise TurgorError(
                f"{channel}: noise at {point.mmhg:g} mmHg is {mmhg:.2f} mmHg, more than {NOISE_LIMIT_MMHG:g}; "
                "look for bubbles, loose wires and mains"
            )
    gain_high, gain_low, gain_shift = coefficient(_MILLI_PER_FRACTION / slope)
    errors = tuple((float(np.median(point.codes)) - offset) / slope - point.mmhg for point in points)
    for point, error in zip(points, errors, strict=True):
        if abs(error) > CHECK_LIMIT_MMHG:
            raise TurgorError(
                f"{channel}: the point at {point.mmhg:g} mmHg is off by {error:+.2f} mmHg, "
                f"more than {CHECK_LIMIT_MMHG:g}; the channel is not straight, has drifted, or the level moved"
            )
    return Calibration(
        channel,
        round(offset),
        gain_high,
        gain_low,
        gain_shift,
        slope,
        100 * against_nominal,
        offset / slope,
        noise,
        errors,
    )


def _check_window(point: Point) -> None:
    if not len(point.codes) or point.times_s[-1] - point.times_s[0] < WINDOW_LEAST_S - 0.1:
        span = float(point.times_s[-1] - point.times_s[0]) if len(point.codes) else 0.0
        raise TurgorError(
            f"the window at {point.mmhg:g} mmHg holds {span:.1f} s of samples; it needs at least {WINDOW_LEAST_S:g} s"
        )
    if float(np.max(np.diff(point.times_s))) > 1.0:
        raise TurgorError(f"the window at {point.mmhg:g} mmHg has a hole of more than 1 s; record it again")
