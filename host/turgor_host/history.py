"""The readings of a run, second by second, kept in memory, and asked for in buckets."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

# A day's seconds; the arrays double when they are full.
_FIRST_ROWS = 86_400
# Widths that a bucket may have: round ones, so that buckets stay where they are while time goes on.
_STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400)
# What one query may ask for.
POINTS_LIMIT = 5000

Floats = NDArray[np.float64]


def bucket_width_s(span_s: float, points: int) -> int:
    """The least round width that gives at most `points` buckets over `span_s`."""
    for step in _STEPS_S:
        if step * points >= span_s:
            return step
    return int(-(-span_s // (points * _STEPS_S[-1]))) * _STEPS_S[-1]


class History:
    """Columns of float64 over whole, rising seconds; NaN where there was no valid reading.

    One thread appends. A reader takes `view` under the lock of whoever owns this; its arrays are then its own to read,
    because a row is never written again.
    """

    def __init__(self) -> None:
        self.rows = 0
        self._seconds = np.zeros(_FIRST_ROWS, np.int64)
        self._columns: dict[str, Floats] = {}

    def append(self, t_s: int, values: dict[str, float]) -> None:
        """Add the row of second `t_s`; one that does not come after the last row is left out."""
        row = self.rows
        if row and t_s <= self._seconds[row - 1]:
            return
        if row == len(self._seconds):
            self._grow()
        self._seconds[row] = t_s
        for name, value in values.items():
            if name not in self._columns:
                self._columns[name] = np.full(len(self._seconds), np.nan)
            self._columns[name][row] = value
        self.rows = row + 1

    def _grow(self) -> None:
        rows = len(self._seconds)
        self._seconds = np.concatenate([self._seconds, np.zeros(rows, np.int64)])
        for name, column in self._columns.items():
            self._columns[name] = np.concatenate([column, np.full(rows, np.nan)])

    def view(self) -> tuple[NDArray[np.int64], dict[str, Floats]]:
        """Seconds and columns of the rows that there are now."""
        rows = self.rows
        return self._seconds[:rows], {name: column[:rows] for name, column in self._columns.items()}


class Buckets:
    """Rows from `t0` up to and including `t1` in buckets of one width, without holes: a bucket may be empty.

    Buckets begin at multiples of their width, and the first and last are whole, so that the same bucket has the same
    content however it is asked for.
    """

    def __init__(self, seconds: NDArray[np.int64], t0: float, t1: float, points: int) -> None:
        self.width_s = width = bucket_width_s(max(t1 - t0, 1), points)
        start = np.searchsorted(seconds, np.floor(t0 / width) * width, "left")
        end = np.searchsorted(seconds, np.floor(t1 / width) * width + width, "left")
        self._rows = slice(int(start), int(end))
        keys = seconds[self._rows] // width
        self._first = int(keys[0]) if len(keys) else 0
        self.count = int(keys[-1]) - self._first + 1 if len(keys) else 0
        self._starts = np.flatnonzero(np.diff(keys, prepend=-1))
        self._places = keys[self._starts] - self._first

    @property
    def t_s(self) -> list[int]:
        """The second at which each bucket begins."""
        return [(self._first + i) * self.width_s for i in range(self.count)]

    def extremes_and_mean(self, column: Floats) -> dict[str, list[float | None]]:
        """Least, greatest and mean valid value of each bucket; None where there is none."""
        values = column[self._rows]
        if not len(values):
            return {"min": [], "max": [], "mean": []}
        starts = self._starts
        valid = ~np.isnan(values)
        counts = np.add.reduceat(valid.astype(np.int64), starts)
        sums = np.add.reduceat(np.where(valid, values, 0.0), starts)
        means = np.divide(sums, counts, out=np.full(len(sums), np.nan), where=counts > 0)
        found = {
            "min": np.fmin.reduceat(values, starts),
            "max": np.fmax.reduceat(values, starts),
            "mean": means,
        }
        return {name: list(self._spread(part)) for name, part in found.items()}

    def last(self, column: Floats) -> list[float | None]:
        """The last value of each bucket, for what changes in steps; None where there is none."""
        values = column[self._rows]
        if not len(values):
            return []
        ends = np.append(self._starts[1:], len(values)) - 1
        return list(self._spread(values[ends]))

    def _spread(self, values: Floats) -> Iterator[float | None]:
        whole = np.full(self.count, np.nan)
        whole[self._places] = values
        return (None if value != value else round(value, 3) for value in whole.tolist())


def slope_per_s(seconds: NDArray[np.int64], column: Floats, span_s: int, least_s: int) -> float | None:
    """Slope of the straight line through the last `span_s`; None with valid values over less than `least_s`."""
    if not len(seconds):
        return None
    start = int(np.searchsorted(seconds, seconds[-1] - span_s, "left"))
    values = column[start:]
    valid = ~np.isnan(values)
    t: Any = seconds[start:][valid].astype(np.float64)
    # Half of the seconds must be there: a line through two far ends says nothing of what lies between.
    if len(t) < 2 or t[-1] - t[0] < least_s or 2 * len(t) < t[-1] - t[0]:
        return None
    t -= t.mean()
    values = values[valid]
    return float(t @ (values - values.mean()) / (t @ t))


def filled_back(column: Floats) -> Floats:
    """The column with its first known value in place of the unknown ones before it."""
    known = int(np.argmin(np.isnan(column)))
    filled = column.copy()
    filled[:known] = column[known]
    return filled
