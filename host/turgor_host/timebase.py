"""Board time to UTC: between the two hulls of what exchanges over the wire can tell, drift and uncertainty included.

One exchange gives four times: the host sent, the board took the line, the board answered, the host received. No message
arrives before it was sent, so utc - board time is at least sent - taken at board time `taken`, and at most
received - answered at board time `answered`: a lower and an upper bound, whatever the latencies were. Around a moment
the offset is taken for a straight line whose slope is the oscillator's error, RATE_LIMIT at most; bounds from x seconds
away are relaxed by CURVATURE * x^2 / 2, by which a drifting oscillator can have left that line. All lines within all
bounds form a convex polygon of (offset, slope): its centroid is the estimate, and how far offsets reach in it is the
uncertainty. Without any line the bounds contradict each other: one of the clocks has jumped, and a new piece begins.

Times are s, board time as one number; UTC is that of WallClock, which never jumps.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Oscillators of boards and computers together; crystals are within 100 ppm.
RATE_LIMIT = 250e-6
# 6 ppb a second: 22 ppm an hour.
CURVATURE = 6e-9
# Bounds from further away say nothing that nearer ones do not.
WINDOW_S = 900.0
# Of the bounds within a cell only the tightest of either side is kept.
CELL_S = 5.0
# A change of the wall clock against the monotonic one that is told.
JUMP_S = 0.05
# Moments for which the mapping of a recording is worked out; straight in between.
_KNOT_S = 60.0
_WIDEST_S = 1e9
# The estimate follows the exchanges so often, in board time.
_ESTIMATE_EVERY_S = 0.5


class Exchange(NamedTuple):
    """UTC of sending and receiving by the host, board time of taking the line and answering it."""

    sent: float
    taken: float
    answered: float
    received: float


class Estimate(NamedTuple):
    """utc - board time at a moment, how far off it may be, and the offset's slope."""

    offset_s: float
    uncertainty_s: float
    rate: float


class WallClock:
    """UTC that never jumps: the monotonic clock from where the wall clock stood at the start."""

    def __init__(self, wall: Callable[[], float] = time.time, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._wall = wall
        self._monotonic = monotonic
        self._offset = wall() - monotonic()
        self._told = self._offset

    def now(self) -> float:
        return self._monotonic() + self._offset

    def jump(self) -> float:
        """By how much the wall clock has moved against `now` since that was told last, 0 when it is not worth it."""
        offset = self._wall() - self._monotonic()
        moved = offset - self._told
        if abs(moved) < JUMP_S:
            return 0.0
        self._told = offset
        return moved


class Bounds:
    """The tightest bounds of each cell of one piece, lower ones and upper ones as (board time, offset)."""

    def __init__(self) -> None:
        self._lower: dict[int, tuple[float, float]] = {}
        self._upper: dict[int, tuple[float, float]] = {}

    def add(self, exchange: Exchange) -> bool:
        """Whether this was tighter than what its cells had."""
        low = (exchange.taken, exchange.sent - exchange.taken)
        high = (exchange.answered, exchange.received - exchange.answered)
        return self._tighter(self._lower, low, 1) | self._tighter(self._upper, high, -1)

    def _tighter(self, cells: dict[int, tuple[float, float]], bound: tuple[float, float], sign: int) -> bool:
        cell = int(bound[0] // CELL_S)
        held = cells.get(cell)
        if held and sign * held[1] >= sign * bound[1]:
            return False
        cells[cell] = bound
        return True

    def forget(self, before: float) -> None:
        """Drop what is older than board time `before`."""
        for cells in (self._lower, self._upper):
            for cell in [cell for cell in cells if (cell + 1) * CELL_S < before]:
                del cells[cell]

    def at(self, board_s: float) -> Estimate | None:
        """The estimate at a board time; None when the bounds contradict each other."""
        lower = _near(self._lower, board_s)
        upper = _near(self._upper, board_s)
        if not len(lower) or not len(upper):
            return None
        # Relative to some bound, so that small differences of large numbers stay exact.
        base = lower[0, 1]
        polygon = [
            (-_WIDEST_S, -RATE_LIMIT),
            (_WIDEST_S, -RATE_LIMIT),
            (_WIDEST_S, RATE_LIMIT),
            (-_WIDEST_S, RATE_LIMIT),
        ]
        # The tightest first: most of the others then cut nothing off.
        for bounds, sign in ((lower, 1.0), (upper, -1.0)):
            order = np.argsort(-sign * (bounds[:, 1] - base) + RATE_LIMIT * np.abs(bounds[:, 0]))
            for x, offset in bounds[order]:
                polygon = _cut(polygon, sign, x, offset - base - sign * CURVATURE * x * x / 2)
                if not polygon:
                    return None
        offset, rate = _centroid(polygon)
        reach = max(abs(a - offset) for a, _ in polygon)
        return Estimate(float(base + offset), reach, rate)


def _near(cells: dict[int, tuple[float, float]], board_s: float) -> Floats:
    """Bounds within the window as rows (seconds from `board_s`, offset)."""
    first, last = int((board_s - WINDOW_S) // CELL_S), int((board_s + WINDOW_S) // CELL_S)
    if len(cells) <= last - first:
        found = [bound for cell, bound in cells.items() if first <= cell <= last]
    else:
        found = [cells[cell] for cell in range(first, last + 1) if cell in cells]
    rows = np.array(found, dtype=np.float64).reshape(-1, 2)
    rows[:, 0] -= board_s
    return rows


def _cut(polygon: list[tuple[float, float]], sign: float, x: float, offset: float) -> list[tuple[float, float]]:
    """The part of a convex polygon of lines (a, b) in which sign * (a + b x - offset) >= 0."""
    inside = [sign * (a + b * x - offset) for a, b in polygon]
    if min(inside) >= 0:
        return polygon
    kept = []
    for i, here in enumerate(inside):
        before = inside[i - 1]
        if (here >= 0) != (before >= 0):
            share = before / (before - here)
            (a0, b0), (a1, b1) = polygon[i - 1], polygon[i]
            kept.append((a0 + share * (a1 - a0), b0 + share * (b1 - b0)))
        if here >= 0:
            kept.append(polygon[i])
    return kept


def _centroid(polygon: list[tuple[float, float]]) -> tuple[float, float]:
    a0, b0 = polygon[0]
    area = a = b = 0.0
    for i in range(1, len(polygon) - 1):
        (a1, b1), (a2, b2) = polygon[i], polygon[i + 1]
        part = (a1 - a0) * (b2 - b0) - (a2 - a0) * (b1 - b0)
        area += part
        a += part * (a1 + a2 - 2 * a0)
        b += part * (b1 + b2 - 2 * b0)
    if abs(area) < 1e-24:
        n = len(polygon)
        return sum(p[0] for p in polygon) / n, sum(p[1] for p in polygon) / n
    return a0 + a / (3 * area), b0 + b / (3 * area)


class Timebase:
    """One boot's board time to UTC as the exchanges come. `piece` counts the clock jumps that were seen."""

    def __init__(self) -> None:
        self.piece = 0
        self.jump_s = 0.0
        self._bounds = Bounds()
        self._latest: Estimate | None = None
        self._latest_s = 0.0

    def add(self, exchange: Exchange) -> bool:
        """Take an exchange; True when it is worth keeping. After a jump `piece` is one higher, `jump_s` its size."""
        if not exchange.sent <= exchange.received or exchange.answered < exchange.taken:
            return False
        agrees = self._agrees(exchange)
        if not self._bounds.add(exchange):
            return False
        if self._latest and agrees and 0 <= exchange.answered - self._latest_s < _ESTIMATE_EVERY_S:
            return True
        self._bounds.forget(exchange.answered - WINDOW_S)
        estimate = self._bounds.at(exchange.answered) if agrees else None
        if estimate is None:
            self._begin_piece(exchange)
        else:
            self._latest, self._latest_s = estimate, exchange.answered
        return True

    def _agrees(self, exchange: Exchange) -> bool:
        """Whether an exchange can be, by the latest estimate and what an oscillator can do."""
        if self._latest is None:
            return True
        ahead = exchange.answered - self._latest_s
        offset = self._latest.offset_s + self._latest.rate * ahead
        reach = self._latest.uncertainty_s + RATE_LIMIT * abs(ahead)
        low, high = exchange.sent - exchange.taken, exchange.received - exchange.answered
        return low <= offset + reach and high >= offset - reach

    def _begin_piece(self, exchange: Exchange) -> None:
        self._bounds = Bounds()
        self._bounds.add(exchange)
        estimate = self._bounds.at(exchange.answered)
        if self._latest and estimate:
            self.piece += 1
            self.jump_s = estimate.offset_s - self._latest.offset_s
        self._latest, self._latest_s = estimate, exchange.answered

    def utc(self, board_s: float) -> tuple[float, float]:
        """UTC of a board time near the latest exchange, and its uncertainty; infinite before the first one."""
        if self._latest is None:
            return float("nan"), float("inf")
        since = board_s - self._latest_s
        offset = self._latest.offset_s + self._latest.rate * since
        return board_s + offset, self._latest.uncertainty_s + RATE_LIMIT / 10 * abs(since)

    @property
    def uncertainty_s(self) -> float:
        """At the latest exchange; infinite before the first one."""
        return self._latest.uncertainty_s if self._latest else float("inf")


class Mapping:
    """One boot's board time to UTC from all exchanges that were kept: rows of (piece, exchange), in order."""

    def __init__(self, exchanges: Iterable[tuple[int, Exchange]]) -> None:
        pieces: dict[int, list[Exchange]] = {}
        for piece, exchange in exchanges:
            pieces.setdefault(piece, []).append(exchange)
        # Each piece begins with its first exchange; the first one counts from the boot on.
        self._starts: list[float] = []
        self._knots: list[tuple[Floats, Floats, Floats]] = []
        for found in pieces.values():
            knots = _knots(found)
            if knots is not None:
                self._starts.append(min(exchange.taken for exchange in found))
                self._knots.append(knots)

    def __bool__(self) -> bool:
        return bool(self._knots)

    def utc(self, board_s: Sequence[float] | Floats | float) -> Floats:
        """UTC of board times; NaN without any exchange."""
        return self._interpolated(board_s)[0]

    def uncertainty(self, board_s: Sequence[float] | Floats | float) -> Floats:
        """How far off `utc` may be at board times; infinite without any exchange."""
        return self._interpolated(board_s)[1]

    def _interpolated(self, board_s: Sequence[float] | Floats | float) -> tuple[Floats, Floats]:
        times = np.asarray(board_s, dtype=np.float64)
        utc, uncertainty = np.full(times.shape, np.nan), np.full(times.shape, np.inf)
        for number, (knots, offsets, reach) in enumerate(self._knots):
            inside = times >= self._starts[number] if number else np.ones(times.shape, dtype=np.bool_)
            here = times[inside]
            beyond = np.maximum(knots[0] - here, 0) + np.maximum(here - knots[-1], 0)
            rate = [0.0, 0.0]
            if len(knots) > 1:
                rate = [(offsets[i + 1] - offsets[i]) / (knots[i + 1] - knots[i]) for i in (0, -2)]
            offset = np.interp(here, knots, offsets)
            offset += np.minimum(here - knots[0], 0) * rate[0] + np.maximum(here - knots[-1], 0) * rate[1]
            utc[inside] = here + offset
            uncertainty[inside] = np.interp(here, knots, reach) + RATE_LIMIT / 10 * beyond
        return utc, uncertainty


def _knots(exchanges: list[Exchange]) -> tuple[Floats, Floats, Floats] | None:
    """Board times with the offset and its uncertainty at each."""
    bounds = Bounds()
    for exchange in exchanges:
        bounds.add(exchange)
    first = min(exchange.taken for exchange in exchanges)
    last = max(exchange.answered for exchange in exchanges)
    times = np.linspace(first, last, max(2, 1 + int((last - first) / _KNOT_S))) if last > first else np.array([first])
    found = [(t, estimate) for t in times.tolist() if (estimate := bounds.at(t))]
    if not found:
        return None
    columns = [(t, estimate.offset_s, estimate.uncertainty_s) for t, estimate in found]
    knots, offsets, reach = np.array(columns, dtype=np.float64).T
    return knots, offsets, reach
