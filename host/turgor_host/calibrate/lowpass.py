"""Low-pass design: cut-off, rate and order -> the integers of `turgor.core.filters`, with proof that they fit.

Every signal inside the filter is a linear response to the codes, so its largest possible size is 2^23 times the sum of
|impulse response| (reached by the code sequence whose signs match it). From these l1 bounds of u, v and y of each
section follow the bounds of every intermediate of the split products; the design with the most velocity bits g whose
intermediates all stay within +-2^30 is taken. The same sums bound the error against the ideal filter.
"""

from dataclasses import dataclass
from functools import cached_property
from itertools import product
from math import ceil, cos, floor, log2, pi, sin, tan

import numpy as np
from numpy.typing import NDArray

from turgor_host.errors import UsageError

ORDERS = (2, 4)
COEFFICIENT_BITS = 28
SPLIT = 14
HALF = 1 << (SPLIT - 1)
LIMIT = 2**30
# Filtered values are codes x 32 and lie, with 2^29 added, within 0 and 2^30.
FRACTION_BITS = 5
FULL_SCALE = 2.0**23 * 2**FRACTION_BITS
WORD_BIAS = 2**29
# Enough for cut-offs down to rate / 2^17; the 64-bit form of the products has room for it.
MOST_Z = 16
LEAST_RATE_HZ, MOST_RATE_HZ = 0.001, 1e6
# Responses are summed over this many periods of the cut-off: what is left is below 2^-31 of them.
PERIODS = 12

Floats = NDArray[np.float64]


def _analog(cutoff_hz: float, rate_hz: float, order: int) -> list[tuple[float, float]]:
    """4 b0 and 1 - a2 of each second-order section of the Butterworth low-pass (bilinear), lowest Q first."""
    k = tan(pi * cutoff_hz / rate_hz)
    found = []
    for i in reversed(range(order // 2)):
        damping = 2 * sin(pi * (2 * i + 1) / (2 * order))
        norm = 1 / (1 + damping * k + k * k)
        found.append((4 * k * k * norm, 2 * damping * k * norm))
    return found


def _run(e: float, c: float, g: int, x: Floats, into: str = "x") -> tuple[Floats, Floats, Floats]:
    """u, v, y of u = x - y', v += e u - c v, y += v / 2^g for an input `into` x, the product, v or y.

    The last two are what rounding adds to the words that are passed on.
    """
    # It takes seconds to import, and most commands design no filter.
    from scipy.signal import lfilter

    # y (1 - z^-1)(1 - (1 - c) z^-1) = 2^-g e (x - z^-1 y), all over the common denominator.
    h = e / 2.0**g
    den = np.array([1.0, h - 2 + c, 1 - c])
    if into == "x":
        y = lfilter([h], den, x)
    elif into == "product":
        y = lfilter([1 / 2.0**g], den, x)
    elif into == "v":
        # v' = v + d is passed on: y += v' / 2^g, and c v' is taken off next time.
        y = lfilter(np.array([1.0, -1.0]) / 2.0**g, den, x)
    else:
        y = lfilter([1.0, -(2 - c), 1 - c], den, x)
    before = np.concatenate([[0.0], y[:-1]])
    v = (y - before) * 2.0**g
    return (x if into == "x" else 0 * x) - before, v, y


@dataclass(frozen=True)
class Section:
    """One section: n of E and C, their common shift 28 + z, and the velocity bits g."""

    e: int
    c: int
    z: int
    g: int

    @property
    def floats(self) -> tuple[float, float]:
        scale = 2.0 ** (COEFFICIENT_BITS + self.z)
        return self.e / scale, self.c / scale


@dataclass(frozen=True)
class Reach:
    """The largest |u|, |v| and |y| of a section that any codes can cause, in units of its words."""

    u: float
    v: float
    y: float


def intermediates(section: Section, reach: Reach) -> dict[str, tuple[float, float]]:
    """Name and interval of every intermediate of the section's split arithmetic."""
    e_high, e_low = (section.e + HALF) >> SPLIT, ((section.e + HALF) & 0x3FFF) - HALF
    c_high, c_low = (section.c + HALF) >> SPLIT, ((section.c + HALF) & 0x3FFF) - HALF
    low = (0.0, 2.0**SPLIT)
    u_high = (floor(-reach.u / 2**SPLIT), ceil(reach.u / 2**SPLIT))
    v_high = (floor(-reach.v / 2**SPLIT), ceil(reach.v / 2**SPLIT))
    found = {"u": (-reach.u, reach.u)}

    def times(a: tuple[float, float], n: int) -> tuple[float, float]:
        return min(a[0] * n, a[1] * n), max(a[0] * n, a[1] * n)

    def note(name: str, *terms: tuple[float, float]) -> tuple[float, float]:
        total = (0.0, 0.0)
        for term in terms:
            total = total[0] + term[0], total[1] + term[1]
            found[name] = min(total[0], *found.get(name, total)), max(total[1], *found.get(name, total))
        return total

    note("high half of E u", times(u_high, e_high))
    lowest = note("product of the low halves", times(low, e_low), times(low, -c_low))
    middle = note(
        "middle of the product",
        times(u_high, e_low),
        low,
        times(low, e_high),
        times(low, -c_high),
        (floor(lowest[0] / 2**SPLIT), ceil(lowest[1] / 2**SPLIT)),
        times(v_high, -c_low),
    )
    carried = floor(middle[0] / 2**SPLIT), ceil(middle[1] / 2**SPLIT)
    note("product", times(v_high, -c_high), times(u_high, e_high), carried, (0, 2.0**section.z))
    note("v", (WORD_BIAS - reach.v, WORD_BIAS + reach.v))
    note("v and its rest", (-reach.v, reach.v), (0, 2.0**section.g))
    note("y", (WORD_BIAS - reach.y, WORD_BIAS + reach.y))
    return found


def _misfit(section: Section, reach: Reach) -> str:
    """What leaves its range, '' when nothing does."""
    for name, (least, most) in intermediates(section, reach).items():
        if name in ("v", "y") and least < 0:
            return f"{name} would reach {WORD_BIAS - least:.0f}, its limit is 2^29"
        if not -LIMIT <= least <= most < LIMIT:
            return f"the {name} would reach {max(-least, most):.0f}, its limit is 2^30"
    return ""


@dataclass(frozen=True)
class Lowpass:
    """A designed low-pass; `sections` are what a board gets (see `words`)."""

    cutoff_hz: float
    rate_hz: float
    order: int
    sections: tuple[Section, ...]
    reaches: tuple[Reach, ...]
    error_lsb: float

    @property
    def words(self) -> tuple[tuple[int, int, int, int], ...]:
        """The `sections` of `turgor.core.filter_words.filter_state`."""
        return tuple((s.e, s.c, s.z, s.g) for s in self.sections)

    @cached_property
    def settle_samples(self) -> int:
        """Samples after which nothing is left of a step: 6 periods of the cut-off, 10 at order 4."""
        return ceil((6 if self.order == 2 else 10) * self.rate_hz / self.cutoff_hz)

    def gain(self, frequency_hz: float) -> float:
        """|H| of the integer coefficients."""
        w = 2 * pi * frequency_hz / self.rate_hz
        z1 = complex(cos(w), -sin(w))
        h = ((1 + z1) / 2) ** self.order
        for section in self.sections:
            e, c = section.floats
            e /= 2.0**section.g
            h *= e / (1 + (e - 2 + c) * z1 + (1 - c) * z1 * z1)
        return abs(h)

    @property
    def true_cutoff_hz(self) -> float:
        """Where the integer coefficients have a gain of -3.01 dB."""
        low, high = self.cutoff_hz * 0.9, self.cutoff_hz * 1.1
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if self.gain(middle) > 0.5**0.5 else (low, middle)
        return low

    @property
    def delay_s(self) -> float:
        """Delay of a slow signal (group delay at 0 Hz)."""
        samples = self.order / 2
        for section in self.sections:
            e, c = section.floats
            # Of h / (1 + a1 z^-1 + a2 z^-2): -(a1 + 2 a2) / (1 + a1 + a2), with a1 = h - 2 + c and a2 = 1 - c.
            h = e / 2.0**section.g
            samples += (c - h) / h
        return samples / self.rate_hz


def _numerator(order: int, n: int) -> Floats:
    """The impulse response of ((1 + z^-1) / 2)^order, scaled to the filter's fraction bits, of n samples."""
    x = np.zeros(n)
    x[0] = 2.0**FRACTION_BITS
    for _ in range(order):
        x = (x + np.concatenate([[0.0], x[:-1]])) / 2
    return x


def _l1(x: Floats) -> float:
    return float(np.abs(x).sum())


def _rounding(section: Section, n: int) -> tuple[float, float, float]:
    """Largest effect of the section's own rounding on its u, v and y, in units of their words."""
    e, c = section.floats
    impulse = np.zeros(n)
    impulse[0] = 1.0
    found = np.zeros(3)
    # Each rounding takes 0 to 1 off: half of that, either way, about a mean that y does not show but for the product's.
    for into, size in (("product", 2.0 ** -(SPLIT + section.z)), ("v", 1.0), ("y", 1.0)):
        found += [size * _l1(response) for response in _run(e, c, section.g, impulse, into)]
    found[2] /= 2
    found[2] += 2.0 ** -(SPLIT + section.z) / e / 2
    return float(found[0]), float(found[1]), float(found[2])


def _fit(e: float, c: float, x: Floats) -> tuple[Section, Reach]:
    """The section with the most velocity bits that fits, for an input whose impulse response is x."""
    ideal = _run(e, c, 0, x)[2]
    g = max(0, floor(log2(c / e)) + 1)
    why = ""
    while g >= 0:
        largest = max(e * 2.0**g, c)
        z = max(0, floor(-log2(largest)))
        scale = 2.0 ** (COEFFICIENT_BITS + z)
        best: tuple[float, Section] | None = None
        for up_e, up_c in product((0, 1), repeat=2):
            section = Section(floor(e * 2.0**g * scale) + up_e, floor(c * scale) + up_c, z, g)
            if section.e > 0 and section.c > 0:
                off = _l1(_run(*section.floats, g, x)[2] - ideal)
                if best is None or off < best[0]:
                    best = off, section
        if z > MOST_Z or best is None:
            raise UsageError(
                f"this low-pass does not fit: its coefficients would need a z of {z}, the limit is {MOST_Z}"
            )
        section = best[1]
        u, v, y = _run(*section.floats, g, x)
        slack = _rounding(section, len(x))
        reach = Reach(*(2.0**23 * _l1(r) + more + 1 for r, more in zip((u, v, y), slack, strict=True)))
        why = _misfit(section, reach)
        if not why:
            return section, reach
        g -= 1
    raise UsageError(f"this low-pass does not fit into 30-bit integers: {why}")


def lowpass(cutoff_hz: float, rate_hz: float, order: int = 2) -> Lowpass:
    """The integers of a Butterworth low-pass of order 2 or 4; UsageError names the limit of what does not fit."""
    if order not in ORDERS:
        raise UsageError(f"a low-pass of order {order} cannot be made: the order is 2 or 4")
    order = int(order)
    if not LEAST_RATE_HZ <= rate_hz <= MOST_RATE_HZ:
        raise UsageError(f"a rate of {rate_hz:g} samples/s is not within {LEAST_RATE_HZ:g} to {MOST_RATE_HZ:g}")
    if not 0 < cutoff_hz < rate_hz / 4:
        raise UsageError(
            f"a cut-off of {cutoff_hz:.10g} Hz does not go with {rate_hz:.10g} samples/s: "
            f"it must be above 0 and below a quarter of the rate, {rate_hz / 4:.10g} Hz"
        )
    # 1 - a2 is close to 2.8 pi cutoff / rate (order 2), or a little more and half of it (order 4).
    least_hz = rate_hz * 2.0**-MOST_Z / 2
    if cutoff_hz < least_hz:
        raise UsageError(
            f"a cut-off of {cutoff_hz:.10g} Hz is too low at {rate_hz:.10g} samples/s: take at least {least_hz:.10g} Hz"
        )
    n = ceil(PERIODS * rate_hz / cutoff_hz) + 16
    x = _numerator(order, n)
    ideal = x
    sections = []
    reaches = []
    error = 0.0
    for e, c in _analog(cutoff_hz, rate_hz, order):
        ideal = _run(e, c, 0, ideal)[2]
        section, reach = _fit(e, c, x)
        x = _run(*section.floats, section.g, x)[2]
        impulse = np.zeros(n)
        impulse[0] = 1.0
        error = error * _l1(_run(*section.floats, section.g, impulse)[2]) + _rounding(section, n)[2]
        sections.append(section)
        reaches.append(reach)
    error += 2.0**23 * _l1(x - ideal)
    return Lowpass(cutoff_hz, rate_hz, order, tuple(sections), tuple(reaches), error / 2**FRACTION_BITS)


def step_response(design: Lowpass) -> Floats:
    """What the integer coefficients make of a step from 0 to 1, sample by sample until the filter counts as settled."""
    y: Floats = np.cumsum(_numerator(design.order, design.settle_samples)) / 2**FRACTION_BITS
    for section in design.sections:
        y = _run(*section.floats, section.g, y)[2]
    return y
