"""A run of the virtual board by a scenario, and what its rules said beside the medians that they judged."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from turgor.core.channels import channel_id
from turgor_host.recording.bootlog import BootLog
from turgor_host.recording.reader import open_recording
from turgor_host.recording.recompute import Entries
from turgor_host.sim.scenario import COLE_COLUMNS, RESTING_COLE

Levels = Sequence[tuple[float, float]]
Event = tuple[int, str, str, str, str]
LIMBS = ("calf_l", "calf_r", "forearm_l", "forearm_r")
PRESSURES = "".join(f"[channels.{limb}]\nrate_hz = 10\n" for limb in LIMBS)
TEN_MINUTES = 600
# A level changes within this time.
EDGE_S = 0.2
_UPSTROKE_S = 0.06


class Played:
    """A recorded run: `events` (second, channel, rule, priority, state), and the medians that they were judged on."""

    def __init__(self, file: Path, found: list[dict[str, Any]]) -> None:
        self.events: list[Event] = [
            (event["t_s"], event["channel"], event["rule"], event["priority"], event["state"]) for event in found
        ]
        self.file = file

    def medians(self, channel: str) -> dict[int, float]:
        with open_recording(self.file) as recording:
            readings = recording[channel].readings()
            points = zip(readings.time.tolist(), readings.median.tolist(), strict=True)
            return {round(t_s): round(median, 3) for t_s, median in points if median == median}

    def absent(self, channel: str) -> list[int]:
        """The ticks without a reading, from the first reading on."""
        with open_recording(self.file) as recording:
            readings = recording[channel].readings()
            is_before = np.logical_and.accumulate(~readings.valid)
            return np.rint(readings.time[~readings.valid & ~is_before]).astype(int).tolist()

    def _baseline(self, channel: str) -> tuple[float, float]:
        with open_recording(self.file) as recording:
            ((t_s, ohm),) = recording.baselines()[channel]
            return t_s, ohm

    def baseline(self, channel: str) -> float:
        return self._baseline(channel)[1]

    def baseline_at(self, channel: str) -> int:
        return round(self._baseline(channel)[0])

    def run(self, channel: str, is_beyond: Callable[[float], bool], after: int = 0) -> tuple[int, int]:
        """The first tick behind `after` at which the median is beyond, and for how many it stays there."""
        medians = self.medians(channel)
        first = next(t for t in sorted(medians) if t > after and is_beyond(medians[t]))
        end = first
        while end in medians and is_beyond(medians[end]):
            end += 1
        return first, end - first


def line_flags(file: Path) -> list[tuple[int, int]]:
    """Second and flags of each reading of the arterial line."""
    with open_recording(file) as recording, recording.store.snapshot():
        log = BootLog(recording.store, recording.boots[0])
        entries = Entries(log, channel_id("art"))
        return [(log.tick_s[tick], flags) for tick, flags in zip(entries.tick, entries.flags, strict=True)]


def rows(levels: Levels) -> dict[float, float]:
    """Points of a column that jumps to each level at its time."""
    found = {0.0: levels[0][1]}
    for (_, before), (t_s, level) in pairwise(levels):
        found[t_s] = before
        found[t_s + EDGE_S] = level
    return found


def beats(spans: list[tuple[float, int, float, float]]) -> list[tuple[float, float]]:
    """Points of a line: in spans of (s, a minute, diastolic, systolic) each beat rises at once and falls until the
    next."""
    points, t_s, end_s = [], 0.0, 0.0
    for span_s, rate, diastolic, systolic in spans:
        end_s += span_s
        while t_s < end_s:
            points += [(t_s, diastolic), (t_s + _UPSTROKE_S, systolic)]
            t_s += 60 / rate
    return points


def pressures(**levels: Levels) -> dict[str, dict[float, float]]:
    return {f"{limb}_mmhg": rows(points) for limb, points in levels.items()}


def impedance(channel: str, shares: Levels) -> dict[str, dict[float, float]]:
    """Columns of a resistance that goes from share to share of its resting one, in straight lines."""
    parts = zip(COLE_COLUMNS[:2], RESTING_COLE[channel], strict=False)
    return {f"{channel}_{part}": {t_s: whole * share for t_s, share in shares} for part, whole in parts}
