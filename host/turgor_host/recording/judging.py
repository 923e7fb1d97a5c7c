"""The board's one-second decisions once more, from readings and commands, by the very same core."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from turgor.core.judge import AT_ATTACH, Judge
from turgor.core.rules import DEFAULT_LIMITS, EVENT_WORDS, RULES
from turgor.link import lines
from turgor_host.recording.boots import Boot, Command

_STAGES = 3


@dataclass(frozen=True)
class Judged:
    """What one tick gave; `events` (channel, rule, priority, state, stage, value, limit) in the order of the log."""

    medians: list[int]
    dbp_milli_mmhg: int
    dbp_age_s: int
    dbp_source: int
    baselines: list[tuple[int, int, int]]
    events: list[tuple[int, ...]]


def judged(
    boot: Boot,
    channels: list[int],
    ticks: list[tuple[int, int]],
    value_at: Callable[[int, int], int],
    line_diastolic: Sequence[int],
) -> Iterator[Judged]:
    """Judge `ticks` (seq of the readings record, board second) in turn.

    `value_at(tick, position)` is the reading that a channel, by its place in `channels`, had at a tick, or ABSENT;
    `line_diastolic` what the arterial line gave at each, or ABSENT.
    """
    limits = [limit for limit in boot.limits if limit[0] < len(RULES) and limit[1] < _STAGES]
    judge = Judge(channels, limits or DEFAULT_LIMITS)
    waiting = list(boot.commands)
    for tick, (seq, t_s) in enumerate(ticks):
        judge.begin(t_s)
        judge.take_diastolic(line_diastolic[tick], t_s)
        events: list[tuple[int, ...]] = []
        while waiting and waiting[0].seq < seq:
            _act(judge, waiting.pop(0), t_s)
            events += _taken(judge)
        baselines = []
        for position, channel in enumerate(channels):
            if judge.reading(position, value_at(tick, position)):
                baselines.append((channel, AT_ATTACH, judge.baselines[position]))
        # Deciding leaves the medians as they are.
        for position in range(len(channels)):
            judge.decide(position)
            events += _taken(judge)
        dbp = judge.dbp_milli_mmhg, judge.dbp_age_s, judge.dbp_source
        yield Judged(judge.medians.tolist(), *dbp, baselines, events)


def _act(judge: Judge, command: Command, t_s: int) -> None:
    """What the tick does with a command; calibrations act on the channel, not here."""
    if command.command == lines.DBP:
        judge.type_dbp(command.words[0], t_s)
    elif command.command == lines.ACKNOWLEDGE:
        judge.rules.acknowledge(command.words[0], command.words[1])


def _taken(judge: Judge) -> list[tuple[int, ...]]:
    rules = judge.rules
    found: list[tuple[int, ...]] = []
    for at in range(0, rules.event_count * EVENT_WORDS, EVENT_WORDS):
        channel, rule, state, priority, stage, value, limit = rules.events[at : at + EVENT_WORDS]
        found.append((channel, rule, priority, state, stage, value, limit))
    rules.event_count = 0
    return found
