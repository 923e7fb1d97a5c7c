"""Whether edema of the lungs is told ahead, on modelled thoraces of systemic leaks and their return."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from turgor.core.channels import channel_id
from turgor.core.rules import FLUID_RETURN, HIGH, LOW, LUNG_FLUID, MEDIUM, PRIORITY_NAMES, RULE_NAMES
from turgor_host.sim.patient.parameters import Parameters
from turgor_host.sim.patient.population import draw
from turgor_host.sim.patient.trends import Trends, trends
from turgor_host.study.cohort import ACKNOWLEDGE_S, Limits, Progress, in_order, part
from turgor_host.study.feed import feed
from turgor_host.study.figures import Share, middle
from turgor_host.study.judges import Span, spans_of
from turgor_host.trend.watch import Alarm, watch

# What `Patients.thorax_sensitivity` is: as published for the internal thoracic impedance, and a third of it.
SENSITIVITIES = {"full": 1.0, "third": 1 / 3}
# The fluid is back by then.
HOURS = 96.0
_AHEAD_S = 1800.0
_HOUR_S = 3600.0
_RULES = {
    RULE_NAMES[LUNG_FLUID]: (LUNG_FLUID,),
    RULE_NAMES[FLUID_RETURN]: (FLUID_RETURN,),
    "either": (LUNG_FLUID, FLUID_RETURN),
}


@dataclass(frozen=True)
class _Chests:
    course: Trends
    alarms: list[list[Alarm]]


def lungs(p: Parameters, limits: Limits, patients: int, seed: int, progress: Progress) -> dict[str, Any]:
    """For either sensitivity, rule and priority: share warned 30 min ahead, lead, and share told without edema."""
    found = {}
    parts = len(SENSITIVITIES)
    for number, (name, sensitivity) in enumerate(SENSITIVITIES.items()):
        told = part(progress, number / parts, (number + 1) / parts)
        found[name] = _told(_chests(p, limits, patients, seed, sensitivity, told), seed)
    return found


def _chests(p: Parameters, limits: Limits, count: int, seed: int, sensitivity: float, progress: Progress) -> _Chests:
    patients = draw(p, count, seed, 1.0, 1.0, sensitivity).patients
    course = trends(patients, HOURS, limbs=("calf_l",), segments=("calf_l", "thorax"), p=p)
    wanted = [channel_id("calf_z"), channel_id("thorax_z")]

    def judged(number: int) -> list[Alarm]:
        told = feed(p, course, number, seed)
        columns = [told.channels.index(channel) for channel in wanted]
        readings = np.ascontiguousarray(told.readings[:, columns])
        return watch(wanted, limits, readings, acknowledge_s=ACKNOWLEDGE_S).alarms

    return _Chests(course, in_order(judged, count, progress))


def _told(chests: _Chests, seed: int) -> dict[str, Any]:
    edema_s = chests.course.edema_s
    ill = ~np.isnan(edema_s)
    made: dict[str, Any] = {"patients": len(edema_s), "edema": int(ill.sum())}
    for name, rules in _RULES.items():
        for least in (LOW, MEDIUM, HIGH):
            leads, false = [], 0
            for number, alarms in enumerate(chests.alarms):
                spans = [span for span in spans_of(alarms, least) if span.rule in rules]
                if ill[number]:
                    leads += [(edema_s[number] - t_s) / _HOUR_S for t_s in _standing(spans, edema_s[number])]
                else:
                    false += bool(spans)
            made.setdefault(name, {})[PRIORITY_NAMES[least]] = {
                "warned": Share(len(leads), int(ill.sum())).as_dict(),
                "lead_h": middle(leads, seed),
                "told_without_edema": Share(false, int((~ill).sum())).as_dict(),
            }
    return made


def _standing(spans: list[Span], edema_s: float) -> list[float]:
    """When the alarm that stands 30 min before the edema began; nothing without one."""
    ahead_s = edema_s - _AHEAD_S
    return [span.from_s for span in spans if span.from_s <= ahead_s < span.to_s][:1]
