"""A random machine drives the alarms; a model in plain Python and what a patient may rely on judge every step.

No high alarm is lost or cleared in silence, none sounds after its acknowledgement but by its re-alarm, the highest
priority wins, and each alarm ends in exactly one way: cleared, or withdrawn. A step is one tick of one subject, with a
command, a restart from packed bytes or neither before it. All 10^6 steps: TURGOR_FULL=1 pytest -n 0 PATH_OF_THIS_FILE
"""

import os
from collections import Counter
from random import Random

import pytest
from alarm_model import CONDITION, JUDGED, MOMENTARY, OF_DP, SOFTENS, TECHNICAL, Alarm

from turgor.core import rules as r
from turgor.core.alarms import EVENT_WORDS, Alarms, idle_words
from turgor.core.median import ABSENT

STEPS = 1_000_000 if os.environ.get("TURGOR_FULL") else 75_000
# How likely an input changes in a second, and an alarm is acknowledged: a restless patient, a calm one, and one whose
# alarms stand for hours. Steps of one machine, and ways that all machines of this kind together have to go.
KINDS = {
    "restless": (0.3, 0.02, 1000, [("again", "of dP")]),
    "calm": (0.05, 0.02, 2000, [("escalated", "high"), ("withdrawn", "high")]),
    "standing": (0.0003, 0.003, 8000, [("again", "after 30 min")]),
}
SUBJECTS = (
    (0, r.RULES_OF[1]),
    (3, r.RULES_OF[1]),
    (4, r.RULES_OF[2]),
    (5, r.THORAX_RULES),
    (6, r.RULES_OF[3]),
    (255, r.SYSTEM_RULES),
)
ENDS = (r.CLEARED, r.WITHDRAWN)


def random_limits(random):
    """Adults' default limits with times of seconds, some of another priority, some rules or stages off; `map_low`."""
    rows = [
        *(row for row in r.DEFAULT_LIMITS if row[1] < r.STAGES),
        (r.MAP_LOW, 0, r.MEDIUM, 40000, 9, 42000, 3, 0),
        (r.MAP_LOW, 1, r.HIGH, 35000, 9, 42000, 3, 0),
    ]
    off = {random.randrange(len(r.RULES)) for _ in range(random.randrange(4))}
    kept = []
    for rule, stage, priority, limit, _, clear, _, aux in sorted(rows):
        if rule not in off and (stage == 0 or random.random() < 0.9):
            run_s, clear_s = random.choice((0, 1, 2, 5, 30)), random.choice((0, 0, 1, 4))
            priority = priority if random.random() < 0.8 else random.choice((r.LOW, r.MEDIUM, r.HIGH))
            kept.append((rule, stage, priority, limit, run_s, clear, clear_s, aux))
    return kept


class Patient:
    """The inputs of one subject: near all limits of its rules, each for a while."""

    def __init__(self, random, rules, limits, change):
        self.random = random
        self.change = change
        self.choices = {}
        for rule in rules:
            for row in limits:
                if row[0] == rule:
                    values = self.choices.setdefault(JUDGED[rule][0][row[1]], {0, 1, ABSENT})
                    for at in (row[3], row[5]):
                        values |= {at - 5000, at - 1, at, at + 1, at + 5000, at - random.randrange(20000)}
            for stage in range(r.STAGES):
                for place, values in ((CONDITION, {0, 1, ABSENT}), (SOFTENS, {0, 1})):
                    if (rule, stage) in place:
                        self.choices[place[rule, stage]] = values
        self.choices = {place: sorted(values) for place, values in self.choices.items()}
        self.choices[r.HELD] = [0, 0, 0, 1]
        self.x = [0] * r.X_WORDS
        self.x[r.YES] = 1
        for place, values in self.choices.items():
            self.x[place] = random.choice(values)

    def step(self):
        for place, values in self.choices.items():
            if self.random.random() < self.change:
                self.x[place] = self.random.choice(values)


class Promises:
    """What the events alone have to keep, whatever the engine or the model make of the inputs."""

    def __init__(self):
        self.standing = {}  # alarm: [priority, steps since its acknowledgement or None]
        self.ways = Counter()
        self.raised = self.ended = 0

    def tick(self, subject, told, x):
        for alarm, standing in self.standing.items():
            if alarm[0] == subject and standing[1] is not None:
                standing[1] += 1
        for rule, state, priority in told:
            alarm = (subject, rule)
            now = self.standing.get(alarm)
            self.ways[r.EVENT_NAMES[state], r.PRIORITY_NAMES[priority]] += 1
            if state == r.RAISED and now is None:
                self.raised += 1
                self.standing[alarm] = [priority, None]
            elif state == r.RAISED:
                # Again: it was acknowledged, is true now, and 30 min have passed or it is one of dP.
                assert now[0] == priority
                assert now[1] is not None
                assert now[1] >= 1800 or rule in OF_DP
                assert any(x[place] != ABSENT for place in JUDGED[rule][0])
                now[1] = None
                self.ways["again", "after 30 min" if rule not in OF_DP else "of dP"] += 1
            elif state == r.ESCALATED:
                assert now is not None
                assert priority > now[0]
                self.standing[alarm] = [priority, None]
            elif state == r.ACKNOWLEDGED:
                assert now is not None
                assert now[1] is None
                assert priority == now[0]
                now[1] = 0
            else:
                assert state in ENDS
                assert now is not None
                assert priority == now[0]
                if state == r.CLEARED and ((priority == r.HIGH and rule not in TECHNICAL) or rule in MOMENTARY):
                    assert now[1] is not None, "cleared in silence"
                self.ended += 1
                del self.standing[alarm]

    def sounds(self):
        return max((priority for priority, quiet in self.standing.values() if quiet is None), default=0)


class Machine:
    def __init__(self, seed, change, acknowledges):
        self.seed = seed
        self.random = random = Random(seed)
        self.limits = random_limits(random)
        self.alarms = Alarms(SUBJECTS, self.limits)
        self.models = [{rule: Alarm(rule, self.limits) for rule in rules} for _, rules in SUBJECTS]
        self.promises = Promises()
        self.acknowledges = acknowledges
        self.patients = [Patient(random, rules, self.limits, change) for _, rules in SUBJECTS]
        # One subject for long, so that its seconds pass.
        self.subjects = [random.randrange(len(SUBJECTS))] if change < 0.01 else range(len(SUBJECTS))

    def told(self, subject):
        events = self.alarms.events
        found = []
        for at in range(0, self.alarms.event_count * EVENT_WORDS, EVENT_WORDS):
            channel, rule, state, priority, stage, _, _ = events[at : at + EVENT_WORDS]
            assert channel == SUBJECTS[subject][0]
            assert state in ENDS or state == r.ACKNOWLEDGED or any(row[:2] == (rule, stage) for row in self.limits)
            found.append((rule, state, priority))
        return found

    def acknowledge(self):
        channel = self.random.choice((255, *(channel for channel, _ in SUBJECTS)))
        rule = self.random.choice((255, self.random.randrange(len(r.RULES))))
        meant = [
            model[one]
            for (number, rules), model in zip(SUBJECTS, self.models, strict=True)
            for one in rules
            if channel in (255, number) and rule in (255, one) and model[one].sounds
        ]
        assert self.alarms.standing(channel, rule) == len(meant)
        self.alarms.acknowledge(channel, rule)
        for model in meant:
            model.acknowledge()
        # What is acknowledged is silent from now on; it is told when its subject is stepped.
        assert self.alarms.standing(channel, rule) == 0

    def restart(self):
        """Another board goes on from the bytes of this one."""
        other = Alarms(SUBJECTS, self.limits)
        words = idle_words(other.count)
        buffer = bytearray(512)
        for subject in range(len(SUBJECTS)):
            end = self.alarms.pack_subject(subject, buffer, 0)
            assert other.unpack_subject(subject, words, buffer, 0, end)
        other.words[:] = words
        self.alarms = other

    def step(self):
        random = self.random
        fate = random.random()
        if fate < self.acknowledges:
            self.acknowledge()
        elif fate > 0.999:
            self.restart()
        subject = random.choice(self.subjects)
        patient = self.patients[subject]
        patient.step()
        models = self.models[subject]
        if 0.5 < fate < 0.5 + self.acknowledges / 20:
            self.alarms.withdraw(subject)
            wanted = [(rule, *event) for rule, model in models.items() for event in model.withdraw()]
        else:
            self.alarms.step(subject, patient.x)
            wanted = [(rule, *event) for rule, model in models.items() for event in model.tick(patient.x)]
        told = self.told(subject)
        assert told == wanted
        self.promises.tick(subject, told, patient.x)
        models_sound = max(model.sounds for one in self.models for model in one.values())
        assert self.alarms.annunciation() == models_sound
        # An acknowledgement silences at once, though it is told a tick later.
        assert models_sound <= self.promises.sounds()

    def finish(self):
        """The episode ends: whatever stands is withdrawn, once."""
        for subject in range(len(SUBJECTS)):
            self.alarms.withdraw(subject)
            self.promises.tick(subject, self.told(subject), self.patients[subject].x)
            self.alarms.withdraw(subject)
            assert self.alarms.event_count == 0
        assert self.promises.standing == {}
        assert self.promises.raised == self.promises.ended
        assert self.alarms.words == idle_words(self.alarms.count)


@pytest.mark.parametrize("kind", KINDS)
def test_random_steps(kind):
    change, acknowledges, life, wanted = KINDS[kind]
    ways = Counter()
    steps = 0
    while steps < STEPS // len(KINDS):
        machine = Machine(f"{kind} {steps}", change, acknowledges)
        for _ in range(life):
            machine.step()
        machine.finish()
        steps += life
        ways.update(machine.promises.ways)
    print(steps, dict(ways))
    # Everything happened that can.
    for way in ("raised", "cleared", "acknowledged"):
        for priority in ("low", "medium", "high"):
            assert ways[way, priority] > 0, (way, priority)
    for way in wanted:
        assert ways[way] > 0, way
