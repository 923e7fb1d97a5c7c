"""One modelled patient second by second, as a board is told of it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from turgor.core.channels import channel_id
from turgor.core.median import ABSENT
from turgor_host.sim.patient.disturbances import Event, measure
from turgor_host.sim.patient.exchange import Array
from turgor_host.sim.patient.parameters import Parameters
from turgor_host.sim.patient.trends import Trace, Trends
from turgor_host.trend.watch import Words

# Names of impedance channels by the segment that each is on.
_IMPEDANCES = {"calf_l": "calf_z", "thorax": "thorax_z"}
LINE = channel_id("art")


@dataclass(frozen=True)
class Feed:
    """`readings` (seconds, channels) as `turgor_host.trend.watch` takes them; `truth` (limbs, seconds) the real dP and
    ICP, mmHg; `attached_s` when sensors were there."""

    channels: list[int]
    readings: Words
    typed: list[tuple[float, int]]
    line: Words | None
    diastolic_mmhg: Array
    icp_mmhg: Array
    attached_s: float
    events: list[Event]


def seconds(trends: Trends, patient: int) -> Trends:
    """The one patient, a value each second: between two minutes a line."""
    time_s = np.arange(round(trends.time_s[-1]) + 1, dtype=float)

    def each(column: Trace) -> Trace:
        lines = column[patient].reshape(-1, column.shape[-1])
        made = np.stack([np.interp(time_s, trends.time_s, line) for line in lines]).astype(np.float32)
        return made.reshape(1, *column.shape[1:-1], len(time_s))

    return replace(
        trends,
        time_s=time_s,
        icp_mmhg=each(trends.icp_mmhg),
        r0_ohm=each(trends.r0_ohm),
        diastolic_mmhg=each(trends.diastolic_mmhg),
        mean_mmhg=each(trends.mean_mmhg),
    )


def feed(p: Parameters, trends: Trends, patient: int, seed: int) -> Feed:
    """`patient` of `trends` with the errors that `seed` and its number draw; minutes of truth become seconds."""
    course = seconds(trends, patient)
    measured = measure(p, course, [seed, patient])
    channels = [channel_id(name) for name in trends.limbs]
    columns = [_words(icp) for icp in measured.icp_mmhg[0]]
    for at, name in enumerate(trends.segments):
        channels.append(channel_id(_IMPEDANCES[name]))
        columns.append(_words(measured.r0_ohm[0, at]))
    line = None
    dbp = measured.line_dbp_mmhg[0]
    attached_s = max((event.to_s for event in measured.named("attached_late")), default=0.0)
    if not np.isnan(dbp).all():
        line = _words(dbp)
        channels.append(LINE)
        columns.append(np.where(line == ABSENT, ABSENT, _words(course.mean_mmhg[0])).astype(np.int32))
    typed = [(t_s, round(1000 * mmhg)) for t_s, mmhg in measured.typed[0]]
    readings = np.stack(columns, axis=1)
    truth = course.diastolic_mmhg[0], course.icp_mmhg[0]
    return Feed(channels, readings, typed, line, *truth, attached_s, measured.events)


def _words(values: Array | Sequence[float]) -> Words:
    """Milli of a unit, ABSENT for NaN."""
    given = np.asarray(values)
    there = ~np.isnan(given)
    words: Words = np.where(there, np.rint(1000 * np.where(there, given, 0)), ABSENT).astype(np.int32)
    return words
