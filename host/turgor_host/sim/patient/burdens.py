"""How often pressures are high in patients without the syndrome, beside what was published."""

import math
from dataclasses import dataclass

import numpy as np

from turgor_host.sim.patient.parameters import Parameters
from turgor_host.sim.patient.population import Population
from turgor_host.sim.patient.trends import Trends

# The two-sided 95 % point of the normal distribution.
_Z95 = 1.959964


@dataclass(frozen=True)
class Burden:
    """`count` of `of` patients in the model, `published_count` of `published_of` in the publication."""

    name: str
    count: int
    of: int
    published_count: int
    published_of: int

    @property
    def share(self) -> float:
        return self.count / self.of

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval of the model's share."""
        return wilson(self.count, self.of)

    @property
    def published_interval(self) -> tuple[float, float]:
        return wilson(self.published_count, self.published_of)

    @property
    def reproduced(self) -> bool:
        low, high = self.published_interval
        return low <= self.share <= high


def wilson(count: int, of: int) -> tuple[float, float]:
    """Wilson's 95 % interval of `count` / `of`."""
    share, z2 = count / of, _Z95**2
    centre = (share + z2 / (2 * of)) / (1 + z2 / of)
    half = _Z95 / (1 + z2 / of) * math.sqrt(share * (1 - share) / of + z2 / (4 * of * of))
    return centre - half, centre + half


def burdens(p: Parameters, population: Population, trends: Trends, seed: int) -> list[Burden]:
    """The injured leg of those who were not meant for the syndrome and did not get it.

    `trends` has both calves. The single reading is one at an operation: at a random moment of the first day after the
    injury, DBP lower by the anaesthetic, the transducer's level off.
    """
    rng = np.random.default_rng(seed)
    count = population.patients.count
    rows = np.arange(count)
    spared = ~population.meant & np.isnan(trends.injury_s).all(axis=1)
    legs = np.array([trends.limbs.index("calf_l"), trends.limbs.index("calf_r")])
    leg = trends.icp_mmhg[rows, legs[population.leg]]
    peak = leg.max(axis=1)[spared]
    at_s = 3600 * (population.patients.onset_h + rng.uniform(0, p["population", "reading_h"], count))
    at = np.minimum(np.searchsorted(trends.time_s, at_s), len(trends.time_s) - 1)
    fall = rng.normal(
        p["population", "anaesthesia_dbp_fall_mmhg"], p["population", "anaesthesia_dbp_fall_sd_mmhg"], count
    )
    level = rng.normal(0, p["disturbance", "level_sd_mmhg"], count)
    dp = (trends.diastolic_mmhg[rows, at] - fall - leg[rows, at] - level)[spared]
    found = {
        "above_30_mmhg": ("ever above 30 mmHg", peak > 30),
        "above_40_mmhg": ("ever above 40 mmHg", peak > 40),
        "one_dp_below_30_mmhg": ("one reading of dP below 30 mmHg", dp < 30),
    }
    made = []
    for key, (name, true) in found.items():
        published = [int(number) for number in p.row("published", key)]
        made.append(Burden(name, int(true.sum()), len(true), *published))
    return made
