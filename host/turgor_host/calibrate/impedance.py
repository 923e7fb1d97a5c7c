"""Impedance correction: offset, gain and phase of both mixers at each frequency -> words of `turgor.core.impedance`."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor, isfinite

from turgor.core.impedance import FREQUENCY_WORDS, OFFSET_LIMIT, PAIRS, SHIFT_LIMIT, STATE_WORDS
from turgor_host.calibrate.fixed import COEFFICIENT_BITS, PRODUCT_BITS
from turgor_host.errors import UsageError

# Sums run over 16 words and are scaled by 32 before the product.
_SUM_SCALE = PAIRS * 32
_FREQUENCIES = STATE_WORDS // FREQUENCY_WORDS


@dataclass(frozen=True)
class Correction:
    """Z = (I - offset_i) i + (Q - offset_q) q at one frequency: milliohm per count, offsets in counts.

    The offsets are the means of I and Q at the smallest current with the drive in reset. Equal mixers have q = 1j * i.
    """

    i: complex
    q: complex
    offset_i: float = 0.0
    offset_q: float = 0.0


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
