"""All that a board's clock may show at one moment: a convex polygon of offsets and rates, narrowed by bounds.

Offset is the host's time - board time in s, rate its change in s per s. The rate lies within RATE_LIMIT and changes by
at most DRIFT a second, over any stretch without news by at most SWING. Moved to another moment, the polygon is sheared
by the rate and grows by what the oscillator may have drifted: a kick to the rate at the start and one at the end reach
every state that such a drift reaches. A bound on the offset cuts a part off. So the polygon always holds the truth, and
holds nothing that the bounds exclude, however old: no window, no stored bounds, at most POINTS_LIMIT corners.
"""

from collections.abc import Iterator
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple, Self

# Crystals of a board and of a computer, each within 100 ppm.
RATE_LIMIT = 200e-6
# 20 ppb a second, 72 ppm an hour. Half of it would make the uncertainty a tenth smaller, and the estimate worse where a
# clock drifts by 5 ppm either way within an hour.
DRIFT = 2e-8
# From the coldest to the warmest place.
SWING = 20e-6
# A board stamps whole microseconds, and UTC as a float has a quarter of one.
RESOLUTION_S = 2e-6
POINTS_LIMIT = 48
# Moments, from now, at which a simplified polygon keeps its bounds.
_KEPT_S = (-1000.0, -300.0, -100.0, -30.0, 0.0, 30.0, 100.0, 300.0, 1000.0)
_NARROWEST_S = 1e-9
# What cuts off less is no news.
_NEWS_S = 1e-6

Points = list[tuple[float, float]]


class Estimate(NamedTuple):
    """Host time - board time, how far off that may be, and its rate."""

    offset_s: float
    uncertainty_s: float
    rate: float


class ClockRange:
    """Corners (offset, rate), counterclockwise, at board time `time_s`; never changed."""

    def __init__(self, time_s: float, points: Points) -> None:
        self.time_s = time_s
        self.points = points

    @classmethod
    def between(cls, time_s: float, low: float, high: float) -> Self:
        """Offsets from `low` to `high` with any rate."""
        return cls(time_s, [(low, -RATE_LIMIT), (high, -RATE_LIMIT), (high, RATE_LIMIT), (low, RATE_LIMIT)])

    def reach(self, time_s: float) -> tuple[float, float]:
        """Least and greatest offset that there may be at a board time."""
        ahead = time_s - self.time_s
        grown = _kick(ahead) * abs(ahead)
        offsets = [offset + rate * ahead for offset, rate in self.points]
        return min(offsets) - grown, max(offsets) + grown

    def at(self, time_s: float) -> Estimate:
        """The centroid, moved to a board time."""
        low, high = self.reach(time_s)
        offset, rate = self._centroid
        offset += rate * (time_s - self.time_s)
        return Estimate(offset, max(high - offset, offset - low), rate)

    def moved(self, time_s: float) -> "ClockRange":
        """All that may become of it by a later board time, or all that it may have come from."""
        ahead = time_s - self.time_s
        if not ahead:
            return self
        kick = _kick(ahead)
        points = [(offset + rate * ahead, rate) for offset, rate in _kicked(self.points, kick)]
        points = _cut(_cut(_kicked(points, kick), 0.0, 1.0, RATE_LIMIT), 0.0, -1.0, RATE_LIMIT)
        return ClockRange(time_s, points if len(points) <= POINTS_LIMIT else _simplified(points))

    def bounded(self, time_s: float, low: float, high: float) -> "ClockRange | None":
        """What is left when the offset at a board time lies between two; itself when that is no news, None: nothing."""
        least, greatest = self.reach(time_s)
        if low <= least + _NEWS_S and greatest - _NEWS_S <= high:
            return self
        moved = self.moved(time_s)
        return _whole(time_s, _cut(_cut(moved.points, 1.0, 0.0, high), -1.0, 0.0, -low))

    def common(self, other: "ClockRange") -> "ClockRange | None":
        """What both hold, at the time of this one; None: nothing."""
        points = self.points
        corners = other.moved(self.time_s).points
        for (x0, r0), (x1, r1) in pairwise([*corners, corners[0]]):
            points = _cut(points, r1 - r0, x0 - x1, (r1 - r0) * x0 + (x0 - x1) * r0)
        return _whole(self.time_s, points)

    @cached_property
    def _centroid(self) -> tuple[float, float]:
        x0, r0 = self.points[0]
        area = x = r = 0.0
        for (x1, r1), (x2, r2) in pairwise(self.points[1:]):
            part = (x1 - x0) * (r2 - r0) - (x2 - x0) * (r1 - r0)
            area += part
            x += part * (x1 + x2 - 2 * x0)
            r += part * (r1 + r2 - 2 * r0)
        if area <= 0:
            return x0, r0
        return x0 + x / (3 * area), r0 + r / (3 * area)


def _kick(ahead: float) -> float:
    return min(DRIFT * abs(ahead) / 2, SWING)


def _whole(time_s: float, points: Points) -> ClockRange | None:
    offsets = [offset for offset, _ in points]
    if len(points) < 3 or max(offsets) - min(offsets) < _NARROWEST_S:
        return None
    return ClockRange(time_s, points)


def _kicked(points: Points, kick: float) -> Points:
    """The polygon with every rate changed by up to `kick` either way."""
    return list(_raised(points, kick))


def _raised(points: Points, kick: float) -> Iterator[tuple[float, float]]:
    for i, (x, r) in enumerate(points):
        # Counterclockwise, edges to the right lie below and go down, edges to the left go up.
        before = x - points[i - 1][0]
        after = points[(i + 1) % len(points)][0] - x
        if before:
            yield x, r - kick if before > 0 else r + kick
        if after and before * after <= 0:
            yield x, r - kick if after > 0 else r + kick


def _cut(points: Points, a: float, b: float, most: float) -> Points:
    """The part of a convex polygon in which a * offset + b * rate <= most."""
    beyond = [a * x + b * r - most for x, r in points]
    if not points or max(beyond) <= 0:
        return points
    kept = []
    for i, here in enumerate(beyond):
        before = beyond[i - 1]
        if (here <= 0) != (before <= 0):
            share = before / (before - here)
            (x0, r0), (x1, r1) = points[i - 1], points[i]
            kept.append((x0 + share * (x1 - x0), r0 + share * (r1 - r0)))
        if here <= 0:
            kept.append(points[i])
    return kept


def _simplified(points: Points) -> Points:
    """A polygon of few corners around a polygon of many."""
    offsets, rates = zip(*points, strict=True)
    low, high = min(offsets), max(offsets)
    around = [(low, min(rates)), (high, min(rates)), (high, max(rates)), (low, max(rates))]
    for ahead in _KEPT_S:
        moved = [offset + rate * ahead for offset, rate in points]
        around = _cut(_cut(around, 1.0, ahead, max(moved)), -1.0, -ahead, -min(moved))
    return around
