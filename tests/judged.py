"""A judge fed second by second with what sensors would read, and what it said."""

from collections.abc import Callable

from turgor.core.alarms import EVENT_WORDS
from turgor.core.channel import READING_ELECTRODE_OFF, READING_VALID
from turgor.core.channels import ARTERIAL, CHANNELS, IMPEDANCE, MOTION, NO_CHANNEL, channel_id
from turgor.core.judge import Judge
from turgor.core.median import ABSENT
from turgor.core.rules import DEFAULT_LIMITS, EVENT_NAMES, FIRST_TECHNICAL, PRIORITY_NAMES, RULE_NAMES

# A damped arterial line says so, and gives no diastolic pressure.
DAMPED = READING_VALID | 32
LYING = (0, 0, 1000)
SITTING = (1000, 0, 0)


def packed(axes_milli_g: tuple[int, int, int]) -> int:
    """A motion's reading."""
    return sum(((axis >> 4) + 128) << 20 - 8 * i for i, axis in enumerate(axes_milli_g))


class Judged:
    """`channels` by name; `said` are (second, channel, rule, state, priority) of each event.

    A signal is a function of the second that gives mmHg, ohm, degC or axes in milli-g, or None for no reading.
    """

    def __init__(self, *channels: str, limits: object = DEFAULT_LIMITS) -> None:
        self.names = channels
        self.judge = Judge([channel_id(name) for name in channels], limits)
        self.second = 0
        self.said: list[tuple[int, str, str, str, str]] = []

    def run(
        self,
        seconds: int,
        signals: dict[str, Callable[[int], object]],
        dbp: Callable[[int], float | None] = lambda _: None,
        act: Callable[["Judged", int], None] = lambda _, __: None,
        line: Callable[[int], float | None] = lambda _: None,
    ) -> "Judged":
        """`seconds` ticks; `dbp` gives what is typed at one, `line` the arterial line's diastolic pressure, `act` does
        anything else."""
        judge = self.judge
        for _ in range(seconds):
            self.second += 1
            judge.begin()
            diastolic = line(self.second)
            judge.take_diastolic(ABSENT if diastolic is None else round(1000 * diastolic))
            typed = dbp(self.second)
            if typed is not None:
                judge.type_dbp(round(1000 * typed))
            act(self, self.second)
            for position, name in enumerate(self.names):
                self._read(position, name, signals[name](self.second), diastolic)
            for position in range(len(self.names) + 1):
                judge.weigh(position)
                judge.decide(position)
                self._take()
        return self

    def _read(self, position: int, name: str, value: object, diastolic: object) -> None:
        kind = CHANNELS[channel_id(name)][1]
        if value is None:
            flags = READING_ELECTRODE_OFF if kind == IMPEDANCE else 0
            self.judge.reading(position, ABSENT, flags)
        elif kind == MOTION:
            self.judge.reading(position, packed(value), READING_VALID)
        elif kind == ARTERIAL and diastolic is None:
            self.judge.reading(position, round(1000 * value), DAMPED)
        else:
            self.judge.reading(position, round(1000 * value), READING_VALID)

    def _take(self) -> None:
        alarms = self.judge.alarms
        for at in range(0, alarms.event_count * EVENT_WORDS, EVENT_WORDS):
            channel, rule, state, priority = alarms.events[at : at + 4]
            name = "patient" if channel == NO_CHANNEL else CHANNELS[channel][0]
            self.said.append((self.second, name, RULE_NAMES[rule], EVENT_NAMES[state], PRIORITY_NAMES[priority]))

    def physiological(self) -> list[tuple[int, str, str, str, str]]:
        """Events of rules that judge the patient."""
        return [event for event in self.said if RULE_NAMES.index(event[2]) < FIRST_TECHNICAL]

    def events(self, rule: str) -> list[tuple[int, str, str, str]]:
        """Second, channel, state and priority of one rule's events."""
        return [(t, name, state, priority) for t, name, other, state, priority in self.said if other == rule]

    def stands(self, channel: str, rule: str) -> str:
        """The priority of an alarm."""
        number = NO_CHANNEL if channel == "patient" else channel_id(channel)
        return PRIORITY_NAMES[self.judge.alarms.priority(number, RULE_NAMES.index(rule))]
