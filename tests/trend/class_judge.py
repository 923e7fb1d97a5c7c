"""The judge itself over the same readings: what the compiled tick is held to."""

from collections.abc import Sequence

from turgor.core.alarms import EVENT_WORDS
from turgor.core.channels import ARTERIAL, CHANNELS, NO_CHANNEL
from turgor.core.judge import Judge
from turgor.core.signs import dp_milli_mmhg
from turgor_host.trend.watch import Alarm, Words

_ALL_RULES = 255


def judged(
    channels: Sequence[int],
    limits: Sequence[Sequence[int]],
    readings: Words,
    typed: Sequence[tuple[float, int]],
    line: Words,
    acknowledge_s: int,
) -> tuple[list[Alarm], list[list[int]], list[int]]:
    """Events, medians and the DBP to judge by of each tick, as `turgor_host.trend.watch.watch` gives them."""
    judge = Judge(channels, limits)
    kinds = [CHANNELS[channel][1] for channel in channels]
    entered = {int(t_s): dbp for t_s, dbp in typed}
    sounded_s = 0
    alarms: list[Alarm] = []
    medians, dbps = [], []
    for tick, row in enumerate(readings.tolist()):
        judge.begin()
        if ARTERIAL in kinds:
            judge.take_diastolic(int(line[tick]))
        if tick in entered:
            judge.type_dbp(entered[tick])
        sounded_s = sounded_s + 1 if judge.alarms.annunciation() else 0
        if acknowledge_s and sounded_s >= acknowledge_s:
            judge.alarms.acknowledge(NO_CHANNEL, _ALL_RULES)
            sounded_s = 0
        for position, value in enumerate(row):
            judge.reading(position, value)
        medians.append(judge.medians.tolist())
        dbps.append(dp_milli_mmhg(judge.dbp_milli_mmhg, judge.dbp_age_s, 0))
        for position in range(len(channels) + 1):
            judge.weigh(position)
            judge.decide(position)
            events = judge.alarms.events.tolist()
            for event in range(judge.alarms.event_count):
                at = event * EVENT_WORDS
                alarms.append(Alarm(tick + 1, *events[at : at + EVENT_WORDS]))
    return alarms, medians, dbps
