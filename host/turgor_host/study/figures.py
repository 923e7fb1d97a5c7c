"""Figures with their 95 % intervals."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from turgor_host.sim.patient.burdens import wilson

_DRAWS = 2000
_PERCENTILES = (2.5, 97.5)
_TENTHS = (0.1, 0.9)


@dataclass(frozen=True)
class Share:
    """`count` of `of`, with Wilson's interval."""

    count: int
    of: int

    def as_dict(self) -> dict[str, Any]:
        if not self.of:
            return {"count": 0, "of": 0, "share": None, "low": None, "high": None}
        low, high = wilson(self.count, self.of)
        return {
            "count": self.count,
            "of": self.of,
            "share": round(self.count / self.of, 4),
            "low": round(max(low, 0), 4),
            "high": round(min(high, 1), 4),
        }


def _interval(draws: Any) -> dict[str, float]:
    low, high = np.percentile(draws, _PERCENTILES)
    return {"low": round(float(low), 3), "high": round(float(high), 3)}


def middle(values: Sequence[float], seed: int) -> dict[str, Any]:
    """The median with its bootstrap interval, the first and last tenth, and of how many."""
    if not len(values):
        return {"of": 0, "median": None, "low": None, "high": None, "tenth": None, "ninetieth": None}
    given = np.asarray(values, float)
    drawn = np.random.default_rng(seed).integers(0, len(given), (_DRAWS, len(given)))
    tenth, ninetieth = np.quantile(given, _TENTHS)
    return {
        "of": len(given),
        "median": round(float(np.median(given)), 3),
        **_interval(np.median(given[drawn], axis=1)),
        "tenth": round(float(tenth), 3),
        "ninetieth": round(float(ninetieth), 3),
    }


def rate(counts: Sequence[float], days: Sequence[float], seed: int) -> dict[str, Any]:
    """Events a day over all patients; the interval by drawing patients anew."""
    events, lasted = np.asarray(counts, float), np.asarray(days, float)
    if not lasted.sum():
        return {"events": 0, "days": 0.0, "per_day": None, "low": None, "high": None}
    drawn = np.random.default_rng(seed).integers(0, len(events), (_DRAWS, len(events)))
    per_day = events[drawn].sum(axis=1) / lasted[drawn].sum(axis=1)
    return {
        "events": int(events.sum()),
        "days": round(float(lasted.sum()), 1),
        "per_day": round(float(events.sum() / lasted.sum()), 4),
        **_interval(per_day),
    }
