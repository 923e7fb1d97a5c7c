"""The course of a run as it goes on: looked at once a minute, with how long it has been so."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from turgor.core.channels import CHANNELS, IMPEDANCE, MOTION, NO_LIMB, PRESSURE
from turgor.core.judge import HELD_MOST_S, TURNED_S
from turgor.core.median import ABSENT
from turgor.core.slow import has_turned
from turgor_host.course import CANNOT_TELL, Limb, course
from turgor_host.history import History
from turgor_host.live_channel import LiveChannel, label_of

_EVERY_S = 60


class LiveCourse:
    """Fed with what happens; `state` is what the page shows."""

    def __init__(self) -> None:
        self.restart()

    def restart(self, from_s: int = 0) -> None:
        """Another patient: of what was before board second `from_s` nothing counts."""
        self._from_s = from_s
        self.diuretic_s: int | None = None
        self._turned_s: int | None = None
        self._first_turn_s = 0
        self._posture = int(ABSENT)
        self._looked_s: int | None = None
        self._since_s: int | None = None
        self._text = CANNOT_TELL
        self._evidence: tuple[str, ...] = ("no data yet",)

    def take(self, t_s: int, channels: Iterable[LiveChannel], history: History, unknown: set[int]) -> None:
        """The readings of board second `t_s` are in; the baselines of channels `unknown` are in doubt."""
        channels = list(channels)
        for channel in channels:
            if channel.kind == MOTION and channel.median_milli != ABSENT:
                if self._posture != ABSENT and has_turned(self._posture, channel.median_milli):
                    if self._turned_s is None or t_s - self._turned_s >= TURNED_S:
                        self._first_turn_s = t_s
                    self._turned_s = t_s
                    self._posture = channel.median_milli
                elif self._posture == ABSENT:
                    self._posture = channel.median_milli
        if self._looked_s is not None and t_s - self._looked_s < _EVERY_S:
            return
        self._looked_s = t_s
        # As long as the board holds what it judges.
        turned_s = self._turned_s if t_s - self._first_turn_s < HELD_MOST_S else None
        found = course(list(_limbs(channels, history, unknown, self._from_s)), t_s, self.diuretic_s, turned_s)
        if found.text != self._text or self._since_s is None:
            self._since_s = t_s
        self._text, self._evidence = found.text, found.evidence

    def state(self) -> dict[str, Any]:
        """Text, evidence, and since which board second it has been so."""
        return {"text": self._text, "evidence": list(self._evidence), "since_s": self._since_s}


def _limbs(channels: Iterable[LiveChannel], history: History, unknown: set[int], from_s: int) -> Iterable[Limb]:
    """Each limb by its impedance, where it has one, else by its pressure."""
    by_limb: dict[int, LiveChannel] = {}
    for channel in channels:
        limb = CHANNELS[channel.number][2]
        if limb != NO_LIMB and (channel.kind == IMPEDANCE or (channel.kind == PRESSURE and limb not in by_limb)):
            by_limb[limb] = channel
    seconds, columns = history.view()
    first = int(np.searchsorted(seconds, from_s))
    for channel in by_limb.values():
        name = channel.name + ".median"
        if name in columns:
            is_resistance = channel.kind == IMPEDANCE
            known = not is_resistance or (channel.number not in unknown and channel.baseline_milliohm > 0)
            yield Limb(label_of(channel.number), is_resistance, seconds[first:], columns[name][first:], known)
