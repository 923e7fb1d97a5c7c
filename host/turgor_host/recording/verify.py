"""A recording checked against itself: the core again, compared with what the board made of the same codes."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from itertools import zip_longest
from math import inf
from typing import Any

from turgor.core.channels import ARTERIAL, CHANNELS, CUFF, IMPEDANCE, MOTION, PRESSURE, SUPPLY, TEMPERATURE
from turgor.core.fluid import BASELINE_ORIGINS
from turgor.core.median import ABSENT
from turgor.core.rules import ACKNOWLEDGED
from turgor.link.records import (
    DAMPED,
    ELECTRODE_OFF,
    FEW_BEATS,
    FLUSHED,
    MEDIAN_VALID,
    NO_BEATS,
    NOISY,
    OVER_THRESHOLD,
    PULSE_ABOVE,
    RECORDS,
    SATURATED,
    STUCK,
    VALID,
)
from turgor_host.recording.bootlog import NEVER, BootLog
from turgor_host.recording.boots import channel_name
from turgor_host.recording.events import Event, make_event, seconds
from turgor_host.recording.judging import Course, Inputs, Judged, judged
from turgor_host.recording.reader import Recording
from turgor_host.recording.recompute import AT_END, LOST, Entries, recompute
from turgor_host.recording.snapshots import Snapshot

# Differences kept of each kind and channel.
_SHOWN = 20
# Bytes shown of a state, from the first that differs.
_SHOWN_BYTES = 8
_KIND_NAMES = {entry[0]: entry[1] for entry in RECORDS}
_ANY_FLAGS = ((VALID, "valid"), (MEDIAN_VALID, "median valid"), (SATURATED, "saturated"))
_COMMON_FLAGS = (*_ANY_FLAGS, (OVER_THRESHOLD, "over threshold"))
_PRESSURE_FLAGS = (*_COMMON_FLAGS, (STUCK, "stuck"), (NOISY, "noisy"))
_FLAG_NAMES = {
    PRESSURE: _PRESSURE_FLAGS,
    CUFF: _PRESSURE_FLAGS,
    TEMPERATURE: _COMMON_FLAGS,
    SUPPLY: _COMMON_FLAGS,
    MOTION: (*_COMMON_FLAGS, (STUCK, "stuck")),
    IMPEDANCE: (*_COMMON_FLAGS, (ELECTRODE_OFF, "electrode off")),
    ARTERIAL: (
        *_ANY_FLAGS,
        (PULSE_ABOVE, "pulse above systolic"),
        (NO_BEATS, "no beats"),
        (DAMPED, "damped"),
        (FLUSHED, "flushed"),
        (FEW_BEATS, "few beats"),
    ),
}


# channel, rule, priority, state, stage, value, limit
_Event = tuple[int, ...]


@dataclass
class Tally:
    """How many of a kind came out how."""

    equal: int = 0
    different: int = 0
    unverifiable: int = 0

    def as_dict(self) -> dict[str, int]:
        return {
            "equal": self.equal,
            "different": self.different,
            "unverifiable": self.unverifiable,
        }


@dataclass
class Report:
    """What `verify` found. `differences` are the first ones of each kind and channel, in order of time."""

    file: str
    records: int = 0
    changed: int = 0
    lost: int = 0
    readings: Tally = field(default_factory=Tally)
    baselines: Tally = field(default_factory=Tally)
    events: Tally = field(default_factory=Tally)
    states: Tally = field(default_factory=Tally)
    differences: list[dict[str, Any]] = field(default_factory=list)
    unverifiable: list[dict[str, Any]] = field(default_factory=list)
    _seen: Counter[tuple[str, str | None]] = field(default_factory=Counter)

    @property
    def result(self) -> str:
        """`different`, `unverifiable` (something that was recorded cannot be told), or `equal`.

        The last readings of a recording, whose codes the board had not logged yet, do not count against `equal`.
        """
        if self.changed or any(t.different for t in (self.readings, self.baselines, self.events, self.states)):
            return "different"
        if not self.readings.equal or any(span["reason"] != AT_END for span in self.unverifiable):
            return "unverifiable"
        return "equal"

    def differ(self, what: str, channel: str | None, t_s: float, **found: Any) -> None:
        self._seen[what, channel] += 1
        if self._seen[what, channel] <= _SHOWN:
            entry = {"what": what, "channel": channel, "t_s": seconds(t_s), **found}
            self.differences.append(entry)

    def cannot_tell(self, what: str, channel: str | None, t_s: float, reason: str) -> None:
        """Extend the last span of the same kind, or begin one."""
        for span in reversed(self.unverifiable):
            if (span["what"], span["channel"]) == (what, channel):
                if span["reason"] == reason and t_s - span["to_s"] <= 1:
                    span["to_s"] = seconds(t_s)
                    return
                break
        self.unverifiable.append(
            {
                "what": what,
                "channel": channel,
                "from_s": seconds(t_s),
                "to_s": seconds(t_s),
                "reason": reason,
            }
        )

    def as_dict(self) -> dict[str, Any]:
        return {
            "file": self.file,
            "result": self.result,
            "records": self.records,
            "changed": self.changed,
            "lost": self.lost,
            "readings": self.readings.as_dict(),
            "baselines": self.baselines.as_dict(),
            "events": self.events.as_dict(),
            "states": self.states.as_dict(),
            "differences": self.differences,
            "unverifiable": self.unverifiable,
        }


def verify(recording: Recording, last_s: float | None = None) -> Report:
    """Recompute every reading from raw codes, every baseline and event from readings and commands, and compare.

    After a hole in what they are made of, readings go on with the channel's next snapshot, baselines and events with
    that of the rules and a minute of readings; snapshots are compared too. With `last_s` only so much of the end is
    looked at, as if what is before were lost.
    """
    report = Report(str(recording.path), lost=recording.lost)
    with recording.store.snapshot():
        for boot in recording.boots:
            start_s = -inf if last_s is None else recording.duration_s - last_s - boot.shift_s
            if boot.last_s > start_s:
                _Verification(BootLog(recording.store, boot, start_s), report).run()
    report.differences.sort(key=lambda entry: entry["t_s"])
    return report


class _Verification:
    """One boot's part of a report."""

    def __init__(self, log: BootLog, report: Report) -> None:
        self._log = log
        self._boot = log.boot
        self._report = report
        self._channels = _channels(log)
        self._entries = {channel: Entries(log, channel) for channel in self._channels}

    def run(self) -> None:
        self._report.records += self._log.count
        self._report.changed += len(self._log.changed)
        for changed in self._log.changed:
            self._report.differ(
                "record",
                self._name(changed.channel),
                changed.t + self._boot.shift_s,
                seq=changed.seq,
                kind=_KIND_NAMES.get(changed.kind, str(changed.kind)),
                field="crc",
                expected=f"{changed.crc_expected:08x}",
                found=f"{changed.crc_found:08x}",
            )
        course = self._judged()
        for channel in self._channels:
            self._compare_readings(channel, course.ticks)
        self._compare_judged(course.ticks)
        for snapshot, state in course.states:
            self._compare_state(None, snapshot, state)

    def _judged(self) -> Course:
        values, medians = {}, {}
        for channel, entries in self._entries.items():
            values[channel] = {
                tick: (value if flags & VALID else ABSENT, flags)
                for tick, value, flags in zip(entries.tick, entries.value_milli, entries.flags, strict=True)
            }
            medians[channel] = dict(zip(entries.tick, entries.median_milli, strict=True))
        columns = [values[channel] for channel in self._channels]
        median_columns = [medians[channel] for channel in self._channels]
        inputs = Inputs(
            self._channels,
            lambda tick, position: columns[position].get(tick, (ABSENT, 0)),
            self._log.ticks.line_diastolic(),
            lambda tick, position: median_columns[position].get(tick, ABSENT),
        )
        return judged(self._log, inputs)

    def _compare_readings(self, channel: int, by_tick: list[Judged]) -> None:
        log, report = self._log, self._report
        entries = self._entries[channel]
        position = self._channels.index(channel)
        name = self._name(channel)
        tally = report.readings
        kind = CHANNELS[channel][1]
        line_diastolic = log.ticks.line_diastolic()
        recomputed = recompute(log, channel, entries)
        for snapshot, state in recomputed.states:
            self._compare_state(channel, snapshot, state)
        for i, reading in enumerate(recomputed.readings):
            tick = entries.tick[i]
            t = log.tick_s[tick] + self._boot.shift_s
            pairs = []
            if not reading.reason:
                flags = entries.flags[i] & ~MEDIAN_VALID
                pairs = [
                    ("last_index", reading.last_index, int(entries.last_index[i])),
                    ("value", reading.value_milli / 1000, entries.value_milli[i] / 1000),
                    ("flags", _flag_names(kind, reading.flags), _flag_names(kind, flags)),
                ]
                if kind == ARTERIAL:
                    pairs.append(("diastolic", _milli(reading.diastolic_milli_mmhg), _milli(line_diastolic[tick])))
            if by_tick[tick].is_filled[position]:
                median = by_tick[tick].medians[position]
                flag = MEDIAN_VALID if median != ABSENT else 0
                found = (entries.median_milli[i], entries.flags[i] & MEDIAN_VALID)
                if found != (median, flag):
                    pairs.append(("median", _milli(median), _milli(found[0])))
            wrong = [pair for pair in pairs if pair[1] != pair[2]]
            for what, expected, found_value in wrong:
                report.differ("reading", name, t, field=what, expected=expected, found=found_value)
            if wrong:
                tally.different += 1
            elif reading.reason or not by_tick[tick].is_filled[position]:
                tally.unverifiable += 1
                report.cannot_tell("reading", name, t, reading.reason or LOST)
            else:
                tally.equal += 1

    def _compare_judged(self, by_tick: list[Judged]) -> None:
        log = self._log
        events: dict[int, list[_Event]] = defaultdict(list)
        baselines: dict[int, list[tuple[int, int, int]]] = defaultdict(list)
        for t_s, channel, (rule, priority, state, stage, value, limit) in log.events:
            events[t_s].append((channel, rule, priority, state, stage, value, limit))
        for t_s, channel, (origin, value) in log.baselines:
            baselines[t_s].append((channel, origin, value))
        unknown = []
        last_seq = -1
        for tick, (seq, t_s) in enumerate(zip(log.tick_seqs, log.tick_s, strict=True)):
            is_last = tick + 1 == len(log.tick_seqs)
            next_seq = NEVER if is_last else log.tick_seqs[tick + 1]
            if not by_tick[tick].is_known:
                unknown.append(t_s)
                last_seq = seq
                continue
            found, there = events.pop(t_s, []), baselines.pop(t_s, [])
            self._compare_dbp(tick, by_tick[tick])
            # What a tick logs stands on both sides of its readings.
            is_cut = log.is_hole_between(last_seq, next_seq)
            self._compare_baselines(t_s, by_tick[tick].baselines, there, is_cut)
            if is_cut:
                self._compare_rest(t_s, by_tick[tick].events, found)
            else:
                self._compare_events(t_s, by_tick[tick].events, found, is_last)
            last_seq = seq
        # What is left belongs to seconds that cannot be judged, to the one after the end, or to none.
        end_s = log.tick_s[-1] if log.tick_s else 0
        is_open = log.next_hole(last_seq) < NEVER
        here = set(log.tick_s)
        for t_s in sorted({*unknown, *events, *baselines}):
            cut = LOST if t_s in unknown or (t_s <= end_s and t_s not in here) or (t_s > end_s and is_open) else ""
            if not cut and t_s != end_s + 1:
                self._compare_baselines(t_s, [], baselines.get(t_s, []), False)
                self._compare_events(t_s, [], events.get(t_s, []), False)
                continue
            self._report.events.unverifiable += len(events.get(t_s, ()))
            self._report.baselines.unverifiable += len(baselines.get(t_s, ()))
            self._report.cannot_tell("events", None, t_s + self._boot.shift_s, cut or AT_END)

    def _compare_state(self, channel: int | None, snapshot: Snapshot, expected: bytes | None) -> None:
        tally, found = self._report.states, snapshot.state
        if expected is None:
            tally.unverifiable += 1
        elif expected == found:
            tally.equal += 1
        else:
            tally.different += 1
            name = None if channel is None else self._name(channel)
            same = [one == other for one, other in zip(expected, found, strict=False)]
            at = same.index(False) if False in same else len(same)
            shown = [state[at : at + _SHOWN_BYTES].hex() for state in (expected, found)]
            t = snapshot.t_s + self._boot.shift_s
            self._report.differ("state", name, t, field=f"from byte {at}", expected=shown[0], found=shown[1])

    def _compare_dbp(self, tick: int, expected: Judged) -> None:
        ticks = self._log.ticks
        t = self._log.tick_s[tick] + self._boot.shift_s
        for name, value, found in (
            ("dbp", expected.dbp_milli_mmhg, int(ticks.dbp_milli_mmhg[tick])),
            ("dbp_age_s", expected.dbp_age_s, int(ticks.dbp_age_s[tick])),
            ("dbp_source", expected.dbp_source, int(ticks.dbp_source[tick])),
        ):
            if value != found:
                self._report.readings.different += 1
                self._report.differ("reading", None, t, field=name, expected=value, found=found)

    def _compare_baselines(
        self, t_s: int, expected: list[tuple[int, int, int]], found: list[tuple[int, int, int]], is_cut: bool
    ) -> None:
        t = t_s + self._boot.shift_s
        wanted = {channel: rest for channel, *rest in expected}
        there = {channel: rest for channel, *rest in found}
        for channel in sorted(wanted.keys() | there.keys()):
            pair = wanted.get(channel), there.get(channel)
            if pair[0] == pair[1]:
                self._report.baselines.equal += 1
                continue
            if is_cut and pair[1] is None:
                self._report.baselines.unverifiable += 1
                continue
            self._report.baselines.different += 1
            shown = [_baseline(rest) for rest in pair]
            self._report.differ("baseline", self._name(channel), t, expected=shown[0], found=shown[1])

    def _compare_events(
        self,
        t_s: int,
        expected: list[_Event],
        found: list[_Event],
        is_last: bool,
    ) -> None:
        """Of the last tick, the last events may not be in the recording."""
        tally = self._report.events
        if is_last and found == expected[: len(found)]:
            missing = len(expected) - len(found)
            tally.equal += len(found)
            tally.unverifiable += missing
            if missing:
                self._report.cannot_tell("events", None, t_s + self._boot.shift_s, AT_END)
            return
        for pair in _aligned(expected, found):
            if pair[0] == pair[1]:
                tally.equal += 1
                continue
            tally.different += 1
            self._differ(t_s, pair)

    def _compare_rest(self, t_s: int, expected: list[_Event], found: list[_Event]) -> None:
        """Events of a tick beside a hole: some may be missing, and commands that acknowledged some."""
        tally = self._report.events
        matcher = SequenceMatcher(None, expected, found, autojunk=False)
        for what, start, end, other_start, other_end in matcher.get_opcodes():
            if what == "equal":
                tally.equal += end - start
                continue
            tally.unverifiable += end - start
            for event in found[other_start:other_end]:
                if event[3] == ACKNOWLEDGED:
                    tally.unverifiable += 1
                else:
                    tally.different += 1
                    self._differ(t_s, (None, event))
            self._report.cannot_tell("events", None, t_s + self._boot.shift_s, LOST)

    def _differ(self, t_s: int, pair: tuple[_Event | None, _Event | None]) -> None:
        shown = [self._event(t_s, side) for side in pair]
        event = shown[0] or shown[1] or {}
        t = t_s + self._boot.shift_s
        self._report.differ("event", event["channel"], t, expected=shown[0], found=shown[1])

    def _event(self, t_s: int, event: _Event | None) -> Event | None:
        if event is None:
            return None
        return make_event(self._boot, t_s, *event)

    def _name(self, channel: int) -> str | None:
        setup = self._boot.setups.get(channel)
        if setup:
            return setup.name
        return channel_name(channel) if channel < len(CHANNELS) else None


def _channels(log: BootLog) -> list[int]:
    """The channels in the order of the board's configuration, which is that of its readings."""
    seen = dict.fromkeys(log.ticks.entries["channel"].tolist())
    return [channel for channel in seen if channel < len(CHANNELS)]


def _aligned(expected: list[_Event], found: list[_Event]) -> Iterator[tuple[_Event | None, _Event | None]]:
    """Pairs of what should be and what is, in order; None where one side has nothing."""
    matcher = SequenceMatcher(None, expected, found, autojunk=False)
    for _, start, end, other_start, other_end in matcher.get_opcodes():
        yield from zip_longest(expected[start:end], found[other_start:other_end])


def _flag_names(kind: int, flags: int) -> list[str]:
    return [name for bit, name in _FLAG_NAMES[kind] if flags & bit]


def _milli(value: int) -> float | None:
    return None if value == ABSENT else value / 1000


def _baseline(rest: list[int] | None) -> dict[str, Any] | None:
    if rest is None:
        return None
    origin, value = rest
    name = BASELINE_ORIGINS[origin] if origin < len(BASELINE_ORIGINS) else str(origin)
    return {"origin": name, "ohm": value / 1000}
