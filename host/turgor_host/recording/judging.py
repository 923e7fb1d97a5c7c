"""The board's one-second decisions once more, from readings and commands, by the very same core.

The state of the rules is known from a boot's start on, which its first snapshot tells when it was restored, and lost
where a second's readings are missing: then the next snapshot tells it again. Where other records are missing, it may
still be right: it is doubted until the next snapshot, and everything since was right if that is the same.
"""

from array import array
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from turgor.core.alarms import EVENT_WORDS
from turgor.core.channels import CHANNELS, IMPEDANCE
from turgor.core.entries import AGE_AT
from turgor.core.fluid import ANCHOR, BASELINE, set_baseline
from turgor.core.judge import Judge
from turgor.core.judge_state import pack_judge, unpack_judge
from turgor.core.median import ABSENT
from turgor.core.packed import WORD_SIZE, put_words
from turgor.core.rules import AGE_STAGES, DEFAULT_LIMITS, RULES, STAGES
from turgor.link import lines
from turgor_host.recording.bootlog import BootLog
from turgor_host.recording.boots import Command
from turgor_host.recording.snapshots import Snapshot

_MEDIAN_S = 60
_STATE_BYTES = 4096


@dataclass
class Judged:
    """What one tick gave; `events` (channel, rule, priority, state, stage, value, limit) in the order of the log.

    Each of `medians` is certain where it `is_filled`, the rest when `is_known`: nothing that they came from is missing.
    """

    medians: list[int]
    dbp_milli_mmhg: int
    dbp_age_s: int
    dbp_source: int
    baselines: list[tuple[int, int, int]]
    events: list[tuple[int, ...]]
    is_filled: list[bool]
    is_known: bool


@dataclass
class Inputs:
    """What the ticks of a boot take in.

    `reading_at(tick, position)` gives the reading (or ABSENT) that a channel, by its place in `channels`, had at a
    tick, and its flags; `line_diastolic` is what the arterial line gave at each, or ABSENT. `median_at`, if given, is
    the median that the board had: it stands in while readings of the last minute are missing. Without it there is no
    going on after a hole.
    """

    channels: list[int]
    reading_at: Callable[[int, int], tuple[int, int]]
    line_diastolic: Sequence[int]
    median_at: Callable[[int, int], int] | None = None


@dataclass
class Course:
    """Each tick of a boot, and with each snapshot of the rules the state that it should have: None where that cannot be
    told."""

    ticks: list[Judged] = field(default_factory=list)
    states: list[tuple[Snapshot, bytes | None]] = field(default_factory=list)


def judged(log: BootLog, inputs: Inputs) -> Course:
    """Judge all ticks of `log` in turn."""
    return _Judging(log, inputs).run()


class _Judging:
    def __init__(self, log: BootLog, inputs: Inputs) -> None:
        self._log = log
        self._inputs = inputs
        self._course = Course()
        self._commands = list(log.boot.commands)
        self._baselines: dict[int, dict[int, tuple[int, ...]]] = defaultdict(dict)
        for t_s, channel, baseline in log.baselines:
            self._baselines[t_s][channel] = baseline[0], baseline[1]
        self._judge = self._new()
        # The last tick or snapshot, and the ticks in a row behind it.
        self._seq = -1
        self._second = 0
        self._filled = _MEDIAN_S
        # Those of them that an impedance's median can be told from: one whose electrodes moved is not its readings'.
        self._unmoved = _MEDIAN_S
        self._is_known = log.next_hole(-1) >= 0
        self._is_doubted = False
        self._doubted: list[Judged] = []

    def _new(self) -> Judge:
        limits = sorted(row for row in self._log.boot.limits if row[0] < len(RULES) and row[1] % AGE_STAGES < STAGES)
        return Judge(self._inputs.channels, limits or DEFAULT_LIMITS)

    def run(self) -> Course:
        log = self._log
        snapshots = list(log.rule_states)
        for tick, seq in enumerate(log.tick_seqs):
            while snapshots and snapshots[0].seq < seq:
                self._meet(snapshots.pop(0))
            self._course.ticks.append(self._tick(tick))
        for snapshot in snapshots:
            self._meet(snapshot)
        return self._course

    def _pass(self, seq: int, second: int) -> None:
        """On to record `seq` of the tick of `second`, which should be the next one, or the same."""
        if self._log.is_hole_between(self._seq, seq):
            self._is_doubted = True
        if second != self._second and self._inputs.median_at:
            self._judge = self._new()
            self._filled = 0
            self._unmoved = 0
            self._is_known = False
            self._doubted.clear()
        self._seq = seq
        self._second = second

    def _meet(self, snapshot: Snapshot) -> None:
        at_start = not self._course.ticks
        if not at_start and not self._inputs.median_at:
            return
        if not at_start or snapshot.t_s:
            self._pass(snapshot.seq, snapshot.t_s)
        own = self._packed() if self._is_known and not at_start else None
        is_equal = own == snapshot.state
        is_sure = own is not None and (is_equal or not self._is_doubted)
        self._course.states.append((snapshot, own if is_sure else None))
        if is_equal:
            for tick in self._doubted:
                tick.is_known = True
        self._doubted.clear()
        self._is_doubted = False
        self._is_known = is_sure or self._take_over(snapshot)
        if at_start:
            # Of the windows nothing outlives a restart, here as there.
            self._unmoved = self._filled
        self._seq = snapshot.last_seq

    def _packed(self) -> bytes:
        buffer = bytearray(_STATE_BYTES)
        put_words(array("i", [self._judge.alarms.limits_sum]), 0, 1, buffer, 0)
        return bytes(buffer[: pack_judge(self._judge, buffer, WORD_SIZE)])

    def _take_over(self, snapshot: Snapshot) -> bool:
        """Go on from a snapshot, when it is one, of rules whose limits are all here."""
        state = snapshot.state
        has_moved = self._has_moved()
        is_here = state[:WORD_SIZE] == self._packed()[:WORD_SIZE]
        if not is_here or not unpack_judge(self._judge, state, WORD_SIZE, len(state)):
            return False
        self._unmoved = 0 if has_moved or self._has_moved() else self._filled
        return True

    def _has_moved(self) -> bool:
        judge = self._judge
        kept: Any = judge.kept
        fluids = [kept[i][0] for i, channel in enumerate(judge.channels) if CHANNELS[channel][1] == IMPEDANCE]
        return any(fluid[ANCHOR] != fluid[BASELINE] for fluid in fluids)

    def _tick(self, tick: int) -> Judged:
        log, inputs = self._log, self._inputs
        seq, t_s = log.tick_seqs[tick], log.tick_s[tick]
        if t_s == self._second + 1:
            self._second = t_s
        self._pass(seq, t_s)
        judge: Any = self._judge
        self._filled += 1
        self._unmoved = self._unmoved + 1 if self._is_known else 0
        judge.begin()
        judge.take_diastolic(inputs.line_diastolic[tick])
        events: list[tuple[int, ...]] = []
        while self._commands and self._commands[0].seq < seq:
            _act(judge, self._commands.pop(0))
        baselines = []
        for position, channel in enumerate(inputs.channels):
            if judge.reading(position, *inputs.reading_at(tick, position)):
                baselines.append((channel, *judge.baseline(position)))
        is_filled = []
        for position, channel in enumerate(inputs.channels):
            seconds = min(self._filled, self._unmoved) if CHANNELS[channel][1] == IMPEDANCE else self._filled
            is_filled.append(seconds >= _MEDIAN_S)
            if seconds < _MEDIAN_S and inputs.median_at:
                judge.medians[position] = inputs.median_at(tick, position)
                if channel in self._baselines[t_s] and not judge.baseline(position)[1]:
                    origin, value = self._baselines[t_s][channel]
                    kept: Any = judge.kept[position]
                    set_baseline(kept[0], value, origin, ABSENT)
        # Deciding leaves the medians as they are.
        for position in range(len(inputs.channels) + 1):
            judge.weigh(position)
            judge.decide(position)
            events += _taken(judge)
        dbp = judge.dbp_milli_mmhg, judge.dbp_age_s, judge.dbp_source
        is_known = self._is_known and all(is_filled)
        found = Judged(judge.medians.tolist(), *dbp, baselines, events, is_filled, is_known and not self._is_doubted)
        if is_known and self._is_doubted:
            self._doubted.append(found)
        return found


def _act(judge: Judge, command: Command) -> None:
    """What the tick does with a command; calibrations act on the channel, not here."""
    a, b, c, *_ = command.words
    if command.command == lines.DBP:
        judge.type_dbp(a)
    elif command.command == lines.ACKNOWLEDGE:
        judge.alarms.acknowledge(a, b)
    elif command.command == lines.ENTRY and not a >> 16:
        judge.entry(a >> 8, a & 0xFF)
    elif command.command == lines.CONFIRM:
        judge.confirm(a, b)
    elif command.command == lines.STATE:
        judge.set_state(a, b)
    elif command.command == lines.ADMIT:
        judge.admit(c | b << AGE_AT)
    elif command.command == lines.DISCHARGE:
        judge.discharge()


def _taken(judge: Judge) -> list[tuple[int, ...]]:
    alarms = judge.alarms
    found: list[tuple[int, ...]] = []
    for at in range(0, alarms.event_count * EVENT_WORDS, EVENT_WORDS):
        channel, rule, state, priority, stage, value, limit = alarms.events[at : at + EVENT_WORDS]
        found.append((channel, rule, priority, state, stage, value, limit))
    alarms.event_count = 0
    return found
