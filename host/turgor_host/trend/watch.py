"""A patient's trends judged as a board would: one reading a channel and second in, alarms out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from turgor.core.median import ABSENT
from turgor.core.rules import ACKNOWLEDGED, EVENT_NAMES, PRIORITY_NAMES, RULE_NAMES
from turgor_host import compiled
from turgor_host.recording.boots import channel_name
from turgor_host.recording.events import UNITS, Event, row_told
from turgor_host.trend.quick import STAND_INS
from turgor_host.trend.state import fresh_state
from turgor_host.trend.tick import ROW, run

Words = NDArray[np.int32]

# Events that one call of the compiled loop may give, and its ticks: between them the progress is told.
_ROWS = 4096
_TICKS = 20000
# Compiling takes about as long as interpreting so many ticks.
WORTH_TICKS = 80000


@dataclass(frozen=True)
class Alarm:
    """An event as the core has it: `channel`, `rule`, `state` and `priority` are numbers."""

    t_s: int
    channel: int
    rule: int
    state: int
    priority: int
    stage: int
    value: int
    limit: int

    def as_event(self) -> Event:
        """As `turgor events --json` shows them."""
        unit, scale = UNITS[row_told(self.rule, self.stage, self.state, self.value, self.limit)[2]]
        shown = self.state != ACKNOWLEDGED
        return {
            "t_s": self.t_s,
            "utc": None,
            "channel": channel_name(self.channel),
            "rule": RULE_NAMES[self.rule],
            "priority": PRIORITY_NAMES[self.priority],
            "state": EVENT_NAMES[self.state],
            "value": self.value / scale if shown else None,
            "limit": self.limit / scale if shown else None,
            "unit": unit,
        }


@dataclass(frozen=True)
class Watched:
    """`medians` (ticks, channels) and `dbp` (ticks), as the judge had them, ABSENT where there was none."""

    alarms: list[Alarm]
    medians: Words
    dbp: Words


def watch(
    channels: Sequence[int],
    limits: Sequence[Sequence[int]],
    readings: Words,
    typed: Sequence[tuple[float, int]] = (),
    line: Words | None = None,
    acknowledge_s: int = 0,
    progress: Callable[[float], None] | None = None,
) -> Watched:
    """Judge `readings` (seconds, channels), in units of their channels or ABSENT; the first row is that of second 1.

    `typed` has (s, milli-mmHg), in force from the next tick on; `line` the diastolic pressures of an arterial line.
    What has sounded for `acknowledge_s` is acknowledged, 0: never.
    """
    ticks = len(readings)
    entered = np.full(ticks, ABSENT, np.int32)
    for t_s, dbp in typed:
        if t_s < ticks:
            entered[int(t_s)] = dbp
    if line is None:
        line = np.full(ticks, ABSENT, np.int32)
    medians = np.empty((ticks, len(channels)), np.int32)
    dbps = np.empty(ticks, np.int32)
    rows = np.empty((_ROWS, ROW), np.int32)
    is_compiled = compiled.numba is not None and (ticks >= WORTH_TICKS or compiled.is_whole(run))
    state = fresh_state(channels, limits, acknowledge_s, is_compiled)
    if is_compiled:
        go = compiled.whole(run, STAND_INS)
        given: tuple[Any, ...] = (readings, entered, line)
    else:
        go = run
        given = (readings.tolist(), entered.tolist(), line.tolist())
    alarms: list[Alarm] = []
    tick = 0
    while tick < ticks:
        tick, found = go(state, tick, min(tick + _TICKS, ticks), *given, rows, medians, dbps)
        alarms += [Alarm(*row) for row in rows[:found].tolist()]
        if progress:
            progress(tick / ticks)
    return Watched(alarms, medians, dbps)
