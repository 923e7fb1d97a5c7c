"""The alarms as their documentation has them, in plain Python: what the engine is compared with."""

from turgor.core import rules as r
from turgor.core.median import ABSENT

REALARM_S = 1800
DEEPER_MILLI_MMHG = 5000


def below(value, limit):
    return value < limit


def at_most(value, limit):
    return value <= limit


def at_least(value, limit):
    return value >= limit


def above(value, limit):
    return value > limit


# Of each rule: inputs of its stages, what is beyond, what is inside the clear limit.
JUDGED = {
    r.DP_LOW: ((r.DP, r.DP), below, at_least),
    r.DP_LOST: ((r.DP,), at_most, above),
    r.DP_DEFICIT: ((r.DEFICIT, r.DEFICIT), at_least, below),
    r.MAP_LOW: ((r.MAP_DP, r.MAP_DP), below, at_least),
    r.PRESSURE_HIGH: ((r.ICP, r.ICP, r.ICP), at_least, at_most),
    r.PRESSURE_RISING: ((r.SLOPE,), at_least, below),
    r.FLUID_GAIN: ((r.FALL, r.FALL, r.FALL), at_least, at_most),
    r.FLUID_GAIN_MANY: ((r.MANY,), at_least, at_most),
    r.FLUID_RETURN: ((r.FALL, r.FALL, r.FALL), at_least, at_most),
    r.LUNG_FLUID: ((r.FALL, r.FALL_6_H, r.FALL_6_H), at_least, at_most),
    r.SHOCK: ((r.MAP, r.INDEX), below, at_least),
    r.PRESSURE_DOUBT: ((r.DOUBT,), at_least, at_most),
    r.STEP_ARTEFACT: ((r.STEP,), at_least, at_most),
    r.BASELINE_UNKNOWN: ((r.UNKNOWN,), at_least, at_most),
    r.DBP_STALE: ((r.DBP_AGE, r.DBP_AGE), above, at_most),
    r.ZERO_OVERDUE: ((r.ZERO_AGE,), above, at_most),
    r.WATCHDOG_RESET: ((r.WATCHDOG,), at_least, at_most),
}
for _number, _rule in enumerate((r.SENSOR_ABSENT, r.SATURATED, r.STUCK, r.NOISY, r.ELECTRODE_OFF, r.DAMPED)):
    JUDGED[_rule] = ((r.TROUBLE + _number,), at_least, at_most)
# Of a stage that is not judged as its rule's others are.
APART = {(r.SHOCK, 1): (at_least, at_most)}
# What has to be true as well, and what makes a stage low.
CONDITION = {(r.PRESSURE_HIGH, 2): r.NO_DP, (r.PRESSURE_RISING, 0): r.HAS_ICP, (r.FLUID_GAIN, 2): r.SWOLLEN}
CONDITION.update({(r.FLUID_RETURN, stage): r.RETURNING for stage in range(3)})
SOFTENS = {(r.PRESSURE_HIGH, 0): r.SOFT, **{(r.FLUID_GAIN, stage): r.SOFT for stage in range(3)}}
TECHNICAL = set(range(r.PRESSURE_DOUBT, r.DAMPED + 1))
MOMENTARY = {r.STEP_ARTEFACT, r.WATCHDOG_RESET}
OF_DP = {r.DP_LOW, r.DP_LOST, r.MAP_LOW}


class Alarm:
    """One rule on one channel. `tick` gives what is told, as (state, priority)."""

    def __init__(self, rule, limits):
        self.rule = rule
        self.stages = [row for row in limits if row[0] == rule]
        self.clear_s = self.stages[-1][6] if self.stages else 0
        self.withdraw()

    def withdraw(self):
        told = [(r.WITHDRAWN, self.priority)] if getattr(self, "priority", 0) else []
        # Seconds in which a stage's input was there, and of these the one from which on it has been beyond.
        self.known = {row[1]: 0 for row in self.stages}
        self.since = {row[1]: None for row in self.stages}
        self._end()
        return told

    def _end(self):
        self.priority = 0
        self.calm = -1
        self.acknowledged_s = None
        self.depth = None
        self.is_new = False

    def acknowledge(self):
        if self.priority and self.acknowledged_s is None:
            self.acknowledged_s = -1
            self.is_new = True

    def tick(self, x):
        told = []
        if self.is_new:
            told.append((r.ACKNOWLEDGED, self.priority))
            self.is_new = False
        inputs, beyond, inside = JUDGED[self.rule]
        values = [x[inputs[row[1]]] for row in self.stages]
        ways = [APART.get(row[:2], (beyond, inside)) for row in self.stages]
        reached, true_now = 0, False
        for row, value, (beyond, _) in zip(self.stages, values, ways, strict=True):
            _, stage, priority, limit, run_s, *_ = row
            if value == ABSENT:
                continue
            self.known[stage] += 1
            condition = CONDITION.get((self.rule, stage))
            if not beyond(value, limit) or (condition is not None and not x[condition]):
                self.since[stage] = None
                continue
            if condition is not None and x[condition] == ABSENT:
                # As if the input were not there.
                self.known[stage] -= 1
                continue
            true_now = True
            if self.since[stage] is None:
                self.since[stage] = self.known[stage]
            if self.known[stage] - self.since[stage] >= run_s:
                soft = SOFTENS.get((self.rule, stage))
                reached = max(reached, r.LOW if soft is not None and x[soft] else priority)
        there = [value for value in values if value != ABSENT]
        depth = there[0] if there else None
        if reached > self.priority:
            told.append((r.ESCALATED if self.priority else r.RAISED, reached))
            self.priority = reached
            self.calm = -1
            self.acknowledged_s = self.depth = None
            return told
        if not self.priority:
            return told
        if not self.stages:
            self._finish(told, r.WITHDRAWN)
            return told
        if self.acknowledged_s is not None:
            self.acknowledged_s += 1
            if self.depth is None:
                self.depth = depth
            deeper = self.rule in OF_DP and depth is not None and self.depth - depth >= DEEPER_MILLI_MMHG
            if true_now and (self.acknowledged_s >= REALARM_S or deeper):
                told.append((r.RAISED, self.priority))
                self.acknowledged_s = self.depth = None
        outside = [
            value != ABSENT and not inside(value, row[5])
            for row, value, (_, inside) in zip(self.stages, values, ways, strict=True)
        ]
        is_held = x[r.HELD] and self.rule not in TECHNICAL
        if any(outside):
            self.calm = -1
        elif len(there) == len(values) and not is_held:
            self.calm += 1
            latches = (self.priority == r.HIGH and self.rule not in TECHNICAL) or self.rule in MOMENTARY
            if self.calm >= self.clear_s and (self.acknowledged_s is not None or not latches):
                self._finish(told, r.CLEARED)
        return told

    def _finish(self, told, state):
        told.append((state, self.priority))
        self._end()

    @property
    def sounds(self):
        return self.priority if self.acknowledged_s is None else 0
