"""Limbs whose perfusion fell together because the blood pressure did: one finding, said in one sentence.

A group are two limbs or more that crossed a limit of DBP - ICP within a minute of each other while their own pressure
changed by less than 5 mmHg. It is never suppressed: the limbs' alarms stand as they are.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from turgor.core.rules import DP_LOST, DP_LOW

GROUPED = (DP_LOW, DP_LOST)
TOGETHER_S = 60
STEADY_MMHG = 5.0
# How far back the pressures before the fall are looked for, from the moment of crossing.
BEFORE_S = 3600


@dataclass(frozen=True)
class Crossing:
    """A limb's alarm: the board second at which its run began, and its pressure then and an hour before (mmHg)."""

    t_s: float
    rule: int
    channel: int
    began_s: float


@dataclass(frozen=True)
class Group:
    """Alarms raised together, and DBP (mmHg) before and at the crossing."""

    crossings: tuple[Crossing, ...]
    dbp_before: float
    dbp_now: float

    @property
    def text(self) -> str:
        limbs = len({crossing.channel for crossing in self.crossings})
        return f"perfusion low in {limbs} limbs: blood pressure fell from {self.dbp_before:.0f} to {self.dbp_now:.0f}"


def find_groups(
    crossings: Sequence[Crossing],
    icp: Callable[[int, float, float], float | None],
    dbp: Callable[[float, float], float | None],
) -> list[Group]:
    """The groups among alarms in order of time.

    `icp(channel, t0, t1)` is by how much the channel's median changed at most between two board seconds, mmHg;
    `dbp(t0, t1)` the highest DBP in force between them; None where there is none.
    """
    groups = []
    left = [crossing for crossing in crossings if crossing.rule in GROUPED]
    while left:
        first = left.pop(0)
        together = [c for c in left if c.rule == first.rule and c.began_s - first.began_s <= TOGETHER_S]
        members = [
            c
            for c in (first, *together)
            if (moved := icp(c.channel, c.began_s - BEFORE_S, c.began_s)) is not None and moved < STEADY_MMHG
        ]
        if len({c.channel for c in members}) < 2:
            continue
        left = [c for c in left if c not in members]
        at = members[-1].began_s
        before, now = dbp(at - BEFORE_S, at), dbp(at, at + 1)
        if before is not None and now is not None and now < before:
            groups.append(Group(tuple(members), before, now))
    return groups
