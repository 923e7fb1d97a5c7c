"""Pressure calibration: windows of raw codes at known pressures -> the integers of the board.

Two pressures give offset and slope, one a zero for a sensor whose slope its maker has set. The criteria are those of
`calibration/two_point_pressure.md`.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from turgor.core.bounds import OFFSET_LIMIT_CODE
from turgor_host.calibrate.fixed import coefficient, factor
from turgor_host.errors import TurgorError, UsageError

SLOPE_LIMIT = 0.03
OFFSET_LIMIT_MMHG = 25.0
NOISE_LIMIT_MMHG = 0.5
CHECK_LIMIT_MMHG = 0.5
SPAN_LEAST_MMHG = 20.0
WINDOW_LEAST_S = 30.0
# The board's filtered value has 5 fraction bits, its calibrated one is in milli-mmHg.
_MILLI_PER_FRACTION = 1000 / 32
MMHG_PER_FRACTION = 32 / 1000


@dataclass(frozen=True)
class Point:
    """A window of raw codes (n) at times (n, s) taken at a known pressure; `fitted` or only checked."""

    mmhg: float
    times_s: np.ndarray
    codes: np.ndarray
    fitted: bool


@dataclass(frozen=True)
class Calibration:
    """The words for the board (offset code, gain high, low, shift), and what the fit found.

    The offset is that from nominal; noise and errors are one for each point in order.
    """

    channel: str
    words: tuple[int, ...]
    codes_per_mmhg: float
    slope_against_nominal_percent: float
    offset_mmhg: float
    noise_mmhg: tuple[float, ...]
    error_mmhg: tuple[float, ...]

    def mmhg(self, codes: np.ndarray) -> np.ndarray:
        """What the integers make of raw codes, mmHg."""
        offset_code, *gain = self.words
        return (codes - offset_code) * factor(*gain) * MMHG_PER_FRACTION

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def fit(channel: str, points: Sequence[Point], nominal: Sequence[int], zero: bool = False) -> Calibration:
    """Fit the line through the two fitted points, or with `zero` the offset alone through one.

    `nominal` are the words that the sensor has without a calibration. TurgorError names the criterion that fails.
    """
    fitted = sorted((point for point in points if point.fitted), key=lambda point: point.mmhg)
    if len(fitted) != 2 and not (zero and len(fitted) == 1):
        wanted = "one or two" if zero else "two"
        raise UsageError(f"{channel}: {len(fitted)} points to fit; give {wanted} with --point, others with --check")
    low, high = fitted[0], fitted[-1]
    if len(fitted) == 2 and high.mmhg - low.mmhg < SPAN_LEAST_MMHG:
        raise UsageError(
            f"the points lie {high.mmhg - low.mmhg:g} mmHg apart; they must be at least {SPAN_LEAST_MMHG:g}"
        )
    for point in points:
        _check_window(point)
    nominal_offset, *gain = nominal
    nominal_slope = slope = 1 / (factor(*gain) * MMHG_PER_FRACTION)
    c_low, c_high = _code(low), _code(high)
    if len(fitted) == 2:
        slope = (c_high - c_low) / (high.mmhg - low.mmhg)
    against_nominal = slope / nominal_slope - 1
    if slope * nominal_slope < 0:
        raise TurgorError(
            f"{channel}: the codes fall from {low.mmhg:g} to {high.mmhg:g} mmHg; the windows of the two are exchanged, "
            "or the transducer's wires are"
        )
    if abs(against_nominal) > SLOPE_LIMIT:
        raise TurgorError(
            f"{channel}: the slope is {against_nominal:+.1%} from nominal, more than {SLOPE_LIMIT:.0%}; "
            "look at transducer, gain and wiring, whether the windows hold the pressures they claim, and whether "
            "--config has this sensor"
        )
    offset = c_low - low.mmhg * slope
    offset_mmhg = (offset - nominal_offset) / slope
    if abs(offset_mmhg) > OFFSET_LIMIT_MMHG or abs(offset) > OFFSET_LIMIT_CODE:
        raise TurgorError(
            f"{channel}: the offset is {offset_mmhg:+.1f} mmHg, more than {OFFSET_LIMIT_MMHG:g}; "
            "look at the level and at the sensor"
        )
    noise = tuple(float(np.std(point.codes)) / abs(slope) for point in points)
    for point, mmhg in zip(points, noise, strict=True):
        if mmhg > NOISE_LIMIT_MMHG:
            raise TurgorError(
                f"{channel}: noise at {point.mmhg:g} mmHg is {mmhg:.2f} mmHg, more than {NOISE_LIMIT_MMHG:g}; "
                "look for bubbles, loose wires and mains"
            )
    if len(fitted) == 2:
        gain = list(coefficient(_MILLI_PER_FRACTION / slope))
    errors = tuple((_code(point) - offset) / slope - point.mmhg for point in points)
    for point, error in zip(points, errors, strict=True):
        if abs(error) > CHECK_LIMIT_MMHG:
            raise TurgorError(
                f"{channel}: the point at {point.mmhg:g} mmHg is off by {error:+.2f} mmHg, "
                f"more than {CHECK_LIMIT_MMHG:g}; the channel is not straight, has drifted, or the level moved"
            )
    return Calibration(
        channel,
        (round(offset), *gain),
        slope,
        100 * against_nominal,
        offset_mmhg,
        noise,
        errors,
    )


def _code(point: Point) -> float:
    return float(np.median(point.codes))


def _check_window(point: Point) -> None:
    if not len(point.codes) or point.times_s[-1] - point.times_s[0] < WINDOW_LEAST_S - 0.1:
        span = float(point.times_s[-1] - point.times_s[0]) if len(point.codes) else 0.0
        raise TurgorError(
            f"the window at {point.mmhg:g} mmHg holds {span:.1f} s of samples; it needs at least {WINDOW_LEAST_S:g} s"
        )
    if float(np.max(np.diff(point.times_s))) > 1.0:
        raise TurgorError(f"the window at {point.mmhg:g} mmHg has a hole of more than 1 s; record it again")
