"""The population study as one document."""

import hashlib
from collections.abc import Callable
from typing import Any

from turgor_host.sim.patient.burdens import Burden
from turgor_host.sim.patient.parameters import parameters
from turgor_host.study.cohort import Limits, follow
from turgor_host.study.compare import false_alarms, groups
from turgor_host.study.figures import Share
from turgor_host.study.lungs import lungs

# One thorax for so many patients of the cohort.
_LUNG_EVERY = 5
_COHORT_SHARE = 0.75
_HASH_LENGTH = 12

Progress = Callable[[str, float], None]


def limits_hash(limits: Limits) -> str:
    """Tells limits apart, as `Parameters.hash` tells the model's numbers."""
    rows = sorted(tuple(map(int, row)) for row in limits)
    return hashlib.sha256(repr(rows).encode()).hexdigest()[:_HASH_LENGTH]


def study(limits: Limits, patients: int, hours: float, seed: int, progress: Progress) -> dict[str, Any]:
    """Everything that `turgor study` tells; the same for the same arguments."""
    p = parameters()
    cohort = follow(p, limits, patients, hours, seed, lambda share: progress("cohort", _COHORT_SHARE * share))
    chests = max(patients // _LUNG_EVERY, 1)
    breath = lungs(
        p, limits, chests, seed, lambda share: progress("lungs", _COHORT_SHARE + (1 - _COHORT_SHARE) * share)
    )
    return {
        "modelled": True,
        "parameters": p.hash,
        "limits": limits_hash(limits),
        "patients": patients,
        "hours": hours,
        "seed": seed,
        "burdens": [_burden(one) for one in cohort.burdens],
        "groups": groups(cohort, seed),
        "alarms": false_alarms(cohort, seed),
        "lungs": breath,
    }


def _burden(burden: Burden) -> dict[str, Any]:
    low, high = burden.published_interval
    return {
        "name": burden.name,
        "modelled": Share(burden.count, burden.of).as_dict(),
        "published_low": round(low, 4),
        "published_high": round(high, 4),
    }
