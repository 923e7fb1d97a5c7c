"""Drives a judge tick by tick, and says by itself what the medians and the events of one rule should be."""

from collections import deque

from turgor.core import rules as r
from turgor.core.alarms import EVENT_WORDS
from turgor.core.channel import READING_VALID
from turgor.core.channels import channel_id
from turgor.core.judge import Judge
from turgor.core.median import ABSENT


def alone(*rules, stage=None):
    """The default limits of these rules (of one stage) and of all technical ones."""
    return [
        row
        for row in r.DEFAULT_LIMITS
        if row[0] >= r.FIRST_TECHNICAL or (row[0] in rules and (stage is None or row[1] == stage))
    ]


class Run:
    """`events` holds (tick, channel, rule, state, priority), `shown` their (stage, value, limit); `medians` each tick's
    by channel, made anew from the last 60 readings."""

    def __init__(self, *names, limits=r.DEFAULT_LIMITS):
        self.names = names
        self.judge = Judge([channel_id(name) for name in names], limits)
        self.t = 0
        self.events = []
        self.shown = []
        self.baselines = []
        self.medians = {name: [] for name in names}
        self._last = {name: deque(maxlen=60) for name in names}

    def ticks(self, n, *values, dbp=None, diastolic=ABSENT, flags=None, act=None):
        """`n` ticks of these readings; a DBP is typed and `act(judge)` done at the first."""
        judge = self.judge
        for _ in range(n):
            self.t += 1
            judge.begin()
            judge.take_diastolic(diastolic)
            if dbp is not None:
                judge.type_dbp(dbp)
                dbp = None
            if act:
                act(judge)
                act = None
            for position, (name, value) in enumerate(zip(self.names, values, strict=True)):
                flag = flags[position] if flags else 0 if value == ABSENT else READING_VALID
                if judge.reading(position, value, flag):
                    self.baselines.append((self.t, name, *judge.baseline(position)))
                self._last[name].append(value)
                there = sorted(v for v in self._last[name] if v != ABSENT)
                half = len(there) // 2
                middle = ABSENT
                if len(there) >= 30:
                    middle = there[half] if len(there) % 2 else (there[half - 1] + there[half]) // 2
                self.medians[name].append(middle)
            for position in range(len(values) + 1):
                judge.weigh(position)
                judge.decide(position)
                words = judge.alarms.events[: EVENT_WORDS * judge.alarms.event_count]
                for at in range(0, len(words), EVENT_WORDS):
                    self.events.append((self.t, *words[at : at + 4]))
                    self.shown.append(tuple(words[at + 4 : at + EVENT_WORDS]))
        return self

    def acknowledge(self, channel=255, rule=255):
        self.judge.alarms.acknowledge(channel, rule)
        return self

    def of(self, rule):
        """(tick, state, priority) of one rule."""
        return [(t, state, priority) for t, _, which, state, priority in self.events if which == rule]

    def others(self, *rules):
        return [event for event in self.events if event[2] not in rules]


def plain_events(inputs, beyond, inside, run_s, priority, clear_s):
    """(tick, state, priority) of a rule of one stage, never acknowledged, judged anew each second from the whole
    history of its input. Only seconds with an input count."""
    latches = priority == r.HIGH
    there = []
    events = []
    since = None
    for t, value in enumerate(inputs, 1):
        if value == ABSENT:
            continue
        there.append(value)
        latest = there[-run_s - 1 :]
        if since is None and len(latest) == run_s + 1 and all(map(beyond, latest)):
            events.append((t, r.RAISED, priority))
            since = len(there)
        elif since is not None and not latches:
            latest = there[since:][-clear_s - 1 :]
            if len(latest) == clear_s + 1 and all(map(inside, latest)):
                events.append((t, r.CLEARED, priority))
                since = None
    return events
