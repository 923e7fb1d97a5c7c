"""The cohort: modelled patients for two days, judged in all ways, with the truth about each."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from turgor.core.channels import channel_id
from turgor.core.rules import HIGH, LOW, MEDIUM
from turgor_host.errors import TurgorError
from turgor_host.sim.patient.burdens import Burden, burdens
from turgor_host.sim.patient.exchange import Array
from turgor_host.sim.patient.parameters import Parameters
from turgor_host.sim.patient.population import Population, draw
from turgor_host.sim.patient.trends import Trends, trends
from turgor_host.study.feed import Feed, feed
from turgor_host.study.judges import (
    COMPARTMENT_RULES,
    Span,
    by_any_dp,
    by_one_dp,
    by_rules,
    by_threshold,
    of_patient,
    spans_of,
    technical,
)
from turgor_host.trend.watch import watch

Limits = Sequence[Sequence[int]]
Progress = Callable[[float], None]
_Made = TypeVar("_Made")

LIMBS = ("calf_l", "calf_r")
_SEGMENTS = ("calf_l", "thorax")
JUDGES = ("rules", "rules_medium", "icp_30", "one_dp", "any_dp")
# Somebody acknowledges what has sounded for so long.
ACKNOWLEDGE_S = 300
_DAY_S = 86400.0
_STEP_S = 60.0
_DP_MMHG = 30.0
_ICP_MMHG = 30.0


@dataclass(frozen=True)
class Case:
    """What each judge said of each limb of a patient; the patient's alarms by least priority, and the technical ones.

    `untrue` counts alarms of a compartment at whose start neither the true ICP nor the true dP of the limb had passed
    30 mmHg.
    """

    number: int
    days: float
    attached_s: float
    spans: dict[str, list[list[Span]]]
    alarms: dict[int, list[Span]]
    technical: list[Span]
    untrue: int


@dataclass(frozen=True)
class Cohort:
    """`cases` in order of their numbers; times of truth, s, NaN where it never came: (n, limbs), (n, limbs), (n,)."""

    population: Population
    burdens: list[Burden]
    cases: list[Case]
    ischaemia_s: Array
    injury_s: Array
    edema_s: Array

    def is_injured(self, number: int) -> bool:
        return bool((~np.isnan(self.injury_s[number])).any())

    def is_well(self, number: int) -> bool:
        """Neither the syndrome nor edema, as far as the hours go."""
        return not self.is_injured(number) and bool(np.isnan(self.edema_s[number]))


def follow(p: Parameters, limits: Limits, patients: int, hours: float, seed: int, progress: Progress) -> Cohort:
    """Draw a cohort, hold it against what was published, and judge it; TurgorError when it does not reproduce that."""
    population = draw(p, patients, seed)
    told = part(progress, 0, 0.05)
    course = trends(population.patients, hours, _STEP_S, limbs=LIMBS, segments=_SEGMENTS, p=p, progress=told)
    found = burdens(p, population, course, seed)
    if wrong := [one for one in found if not one.reproduced]:
        raise TurgorError("; ".join(map(_unlike, wrong)) + "; nothing is compared on such a cohort, draw another")

    def judged(number: int) -> Case:
        return _case(p, limits, population, course, number, seed)

    cases = in_order(judged, patients, part(progress, 0.05, 1))
    return Cohort(population, found, cases, course.ischaemia_s, course.injury_s, course.edema_s)


def in_order(make: Callable[[int], _Made], count: int, progress: Progress) -> list[_Made]:
    """`make` of 0 to `count` - 1 on all cores; the compiled tick lets others run meanwhile."""
    made: dict[int, _Made] = {}
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        waiting = {pool.submit(make, number): number for number in range(count)}
        try:
            for done in as_completed(waiting):
                made[waiting[done]] = done.result()
                progress(len(made) / count)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return [made[number] for number in range(count)]


def part(progress: Progress, first: float, last: float) -> Progress:
    return lambda share: progress(first + (last - first) * share)


def _unlike(burden: Burden) -> str:
    low, high = burden.published_interval
    return f"{burden.name}: {burden.share:.1%} of {burden.of} modelled patients, published {low:.1%} to {high:.1%}"


def _case(p: Parameters, limits: Limits, population: Population, course: Trends, number: int, seed: int) -> Case:
    told = feed(p, course, number, seed)
    seen = watch(told.channels, limits, told.readings, told.typed, told.line, ACKNOWLEDGE_S)
    alarms = spans_of(seen.alarms, LOW)
    cuff, at_s = _reading(p, population, told, number, seed)
    spans: dict[str, list[list[Span]]] = {name: [] for name in JUDGES}
    for name in LIMBS:
        channel = channel_id(name)
        icp = seen.medians[:, told.channels.index(channel)]
        spans["rules"].append(by_rules(seen.alarms, channel))
        spans["rules_medium"].append(by_rules(seen.alarms, channel, MEDIUM))
        spans["icp_30"].append(by_threshold(icp, channel))
        spans["one_dp"].append(by_one_dp(icp, cuff, at_s, channel))
        spans["any_dp"].append(by_any_dp(icp, seen.dbp, channel))
    return Case(
        number=number,
        days=(len(told.readings) - told.attached_s) / _DAY_S,
        attached_s=told.attached_s,
        spans=spans,
        alarms={least: of_patient(spans_of(seen.alarms, least)) for least in (LOW, MEDIUM, HIGH)},
        technical=technical(alarms),
        untrue=sum(_is_untrue(told, span) for span in alarms),
    )


def _reading(p: Parameters, population: Population, told: Feed, number: int, seed: int) -> tuple[float, float]:
    """The one measurement: the cuff's diastolic pressure, milli-mmHg, and when, in the first day after the injury."""
    rng = np.random.default_rng([seed, number, 1])
    since_h = population.patients.onset_h[number] + rng.uniform(0, p["population", "reading_h"])
    last = len(told.readings) - 1
    at_s = min(max(3600 * since_h, told.attached_s), last)
    error = rng.normal(0, p["disturbance", "dbp_error_sd_mmhg"])
    return 1000 * round(float(told.diastolic_mmhg[int(at_s)]) + error), at_s


def _is_untrue(told: Feed, span: Span) -> bool:
    if span.rule not in COMPARTMENT_RULES:
        return False
    limb, at = told.channels.index(span.channel), int(span.from_s)
    at = min(at, len(told.diastolic_mmhg) - 1)
    icp = told.icp_mmhg[limb, at]
    return bool(icp < _ICP_MMHG and told.diastolic_mmhg[at] - icp > _DP_MMHG)
