"""Impedance calibration: sweeps of a known resistor -> offset, gain and phase of both mixers -> the board's words.

A mixer's clock can be put in phase with the current and in quadrature. With a resistor R of known size on the chip's
calibration ports, each mixer's two readings less its offset are p = g R cos(phi) and s = g R sin(phi), g its gain
(counts an ohm, either sign) and phi its phase. In measuring, I stands in phase and Q in quadrature: of an impedance
R + j X they give
    I = offset_i + (p_i R - s_i X) / R_known        Q = offset_q + (s_q R + p_q X) / R_known
whose solution for R and X is what the board computes (`turgor.core.impedance`).
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import atan, degrees, floor, isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from turgor.core.impedance import FREQUENCY_WORDS, OFFSET_LIMIT, PAIRS, SHIFT_LIMIT, STATE_WORDS
from turgor.drivers.max30009_writes import FREQUENCIES_HZ, IN_PHASE, MODE_SHIFT, OFFSET, QUADRATURE, nanoohm_per_count
from turgor_host.calibrate.fixed import COEFFICIENT_BITS, PRODUCT_BITS
from turgor_host.errors import TurgorError, UsageError

SWEEPS_LEAST = 5
OHM_LIMITS = (20.0, 800.0)
GAIN_LIMIT = 0.10
PHASE_LIMIT_DEG = 15.0
# Standard deviation of a sweep's means, as a share of the resistor's reading.
NOISE_LIMIT = 2e-3

# Sums run over 16 words and are scaled by 32 before the product.
_SUM_SCALE = PAIRS * 32
_FREQUENCIES = STATE_WORDS // FREQUENCY_WORDS
_MODES = {OFFSET: "with the drive in reset", IN_PHASE: "in phase", QUADRATURE: "in quadrature"}


@dataclass(frozen=True)
class Correction:
    """Z = (I - offset_i) i + (Q - offset_q) q at one frequency: milliohm per count, offsets in counts.

    The offsets are the means of I and Q at the smallest current with the drive in reset. Equal mixers have q = 1j * i.
    """

    i: complex
    q: complex
    offset_i: float = 0.0
    offset_q: float = 0.0


@dataclass(frozen=True)
class Receiver:
    """What the fit found at one frequency. Gains against nominal, phases in degrees, offsets in counts.

    `noise_percent` is the largest standard deviation of a sweep's means as a share of the resistor's reading.
    """

    frequency_hz: int
    gain_i_percent: float
    gain_q_percent: float
    phase_i_deg: float
    phase_q_deg: float
    offset_i: float
    offset_q: float
    noise_percent: float
    sweeps: int


@dataclass(frozen=True)
class ImpedanceCalibration:
    """The words for the board, and the receivers by frequency."""

    channel: str
    ohm: float
    words: tuple[int, ...]
    receivers: tuple[Receiver, ...]

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def fit(channel: str, steps: NDArray[Any], ohm: float) -> ImpedanceCalibration:
    """From `steps` (fields of `impedance` records) of a resistor of `ohm`; TurgorError names the criterion that fails.

    Each of the three modes needs SWEEPS_LEAST sweeps at every frequency.
    """
    if not OHM_LIMITS[0] <= ohm <= OHM_LIMITS[1]:
        raise UsageError(f"a resistor of {ohm:g} ohm; it must lie within {OHM_LIMITS[0]:g} and {OHM_LIMITS[1]:g}")
    found = [_receiver(channel, steps, frequency, ohm) for frequency in range(_FREQUENCIES)]
    words = correction_words([correction for correction, _ in found])
    return ImpedanceCalibration(channel, ohm, words, tuple(receiver for _, receiver in found))


def _receiver(channel: str, steps: NDArray[Any], frequency: int, ohm: float) -> tuple[Correction, Receiver]:
    where = f"{channel} at {FREQUENCIES_HZ[frequency] / 1000:.0f} kHz"
    means: dict[int, tuple[complex, complex, int]] = {}
    for mode, name in _MODES.items():
        rows = steps[(steps["leads"] >> MODE_SHIFT == mode) & (steps["frequency"] == frequency)]
        if len(rows) < SWEEPS_LEAST:
            raise TurgorError(
                f"{where}: {len(rows)} sweeps {name}, at least {SWEEPS_LEAST} are needed; "
                f"have them made with `turgor calibrate sweeps --channel {channel}` while recording"
            )
        if int(np.max(rows["max_i"])) >= 2**19 - 8 or int(np.max(rows["max_q"])) >= 2**19 - 8:
            raise TurgorError(f"{where}: the receiver is saturated {name}; look at the resistor on the ports")
        i, q = (rows[axis].astype(float) / rows["count"] for axis in ("sum_i", "sum_q"))
        means[mode] = complex(i.mean(), q.mean()), complex(i.std(), q.std()), len(rows)
    offset = means[OFFSET][0]
    p, s = means[IN_PHASE][0] - offset, means[QUADRATURE][0] - offset
    gains = np.hypot(p.real, s.real) / ohm, np.hypot(p.imag, s.imag) / ohm
    # Either type of the current limit, whichever the board drives by.
    nominal = min((1e9 / nanoohm_per_count(bf)[frequency] for bf in (False, True)), key=lambda n: abs(gains[0] - n))
    for axis, gain in zip("IQ", gains, strict=True):
        if abs(gain / nominal - 1) > GAIN_LIMIT:
            raise TurgorError(
                f"{where}: the gain of {axis} is {gain / nominal - 1:+.1%} from nominal, more than {GAIN_LIMIT:.0%}; "
                f"as with {ohm * gain / nominal:.1f} ohm: look whether the resistor has {ohm:g} ohm and sits on the "
                "calibration ports"
            )
    phases = degrees(atan(s.real / p.real)), degrees(atan(s.imag / p.imag))
    for axis, phase in zip("IQ", phases, strict=True):
        if abs(phase) > PHASE_LIMIT_DEG:
            raise TurgorError(
                f"{where}: the phase of {axis} is {phase:+.1f} degrees, more than {PHASE_LIMIT_DEG:g}; "
                "a resistor without leads of its own is needed"
            )
    noise = max(max(deviation.real, deviation.imag) for _, deviation, _ in means.values()) / abs(p.real)
    if noise > NOISE_LIMIT:
        raise TurgorError(
            f"{where}: the sweeps differ by {noise:.2%} of the resistor's reading, more than {NOISE_LIMIT:.1%}; "
            "look for loose wires and mains, and give --from and --to where several resistors were measured"
        )
    real_i, imaginary_i, real_q, imaginary_q = np.linalg.inv([[p.real, -s.real], [s.imag, p.imag]]).T.ravel() * ohm
    correction = Correction(
        1000 * complex(real_i, imaginary_i), 1000 * complex(real_q, imaginary_q), offset.real, offset.imag
    )
    return correction, Receiver(
        FREQUENCIES_HZ[frequency],
        100 * (float(gains[0]) / nominal - 1),
        100 * (float(gains[1]) / nominal - 1),
        *phases,
        offset.real,
        offset.imag,
        100 * noise,
        min(count for *_, count in means.values()),
    )


def correction_words(corrections: Sequence[Correction]) -> tuple[int, ...]:
    """The state's words, with factors to 28 bits; UsageError names the limit of what does not fit."""
    if len(corrections) != _FREQUENCIES:
        raise UsageError(f"corrections for {len(corrections)} frequencies do not fit: there must be {_FREQUENCIES}")
    factors = [[part for z in (c.i, c.q) for part in (z.real, z.imag)] for c in corrections]
    parts = [part for four in factors for part in four]
    largest = max(abs(part) for part in parts) / _SUM_SCALE
    if not all(isfinite(part) for part in parts) or not 0 < largest < 0.25:
        raise UsageError(
            f"a correction of {largest * _SUM_SCALE:g} milliohm a count does not fit; it must be above 0 and below 128"
        )
    shift = 0
    while shift < SHIFT_LIMIT and largest * 2 ** (PRODUCT_BITS + shift + 1) < 2**COEFFICIENT_BITS - 1:
        shift += 1
    words = []
    for c, four in zip(corrections, factors, strict=True):
        words += [floor(part / _SUM_SCALE * 2 ** (PRODUCT_BITS + shift) + 0.5) for part in four]
        words += [_offset(c.offset_i), _offset(c.offset_q)]
    return (*words, shift)


def _offset(counts: float) -> int:
    limit = OFFSET_LIMIT // PAIRS
    if not abs(counts) <= limit:
        raise UsageError(f"an offset of {counts:.10g} counts does not fit; it must be within {limit} of 0")
    sum_16: int = floor(counts * PAIRS + 0.5)
    return sum_16
