"""A channel's readings once more, from raw codes and sweeps, by the board's own core.

What follows a hole is followed from the next snapshot on, and each snapshot is compared with the state that the core
has come to by itself. Filters start at rest, so the start of a boot needs none.

The readings of a thermometer or an accelerometer are its codes: there is nothing to make them from again but their
flags.
"""

from array import array
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from turgor.core.arterial import ArterialChannel
from turgor.core.channel import ImpedanceChannel
from turgor.core.filter_words import FLAGS, OVER
from turgor.core.median import ABSENT
from turgor.core.rules import DBP_LEAST_MILLI_MMHG, DBP_MOST_MILLI_MMHG
from turgor.core.slow import slow_flags
from turgor.link.records import OVER_THRESHOLD, RESTARTED, SATURATED, VALID
from turgor_host.recording.bootlog import BootLog
from turgor_host.recording.boots import Setup
from turgor_host.recording.decode import Ints
from turgor_host.recording.feed import Feed
from turgor_host.recording.samples import Blocks, no_blocks
from turgor_host.recording.snapshots import Snapshot

# Flags that a restarted filter does not have.
_OF_THE_FILTER = VALID | SATURATED | OVER_THRESHOLD
# Why a reading cannot be recomputed.
LOST = "records were lost"
NO_SETUP = "the channel's set-up was lost"
AT_END = "the recording ends before its codes"
# Room for any channel's packed state.
_STATE_BYTES = 1024


@dataclass(frozen=True)
class Reading:
    """What the core makes of a second; `reason` says why nothing can be said, then the numbers mean nothing.

    `diastolic_milli_mmhg` is what an arterial line gives for the diastolic pressure, ABSENT when it gives none.
    """

    last_index: int = 0
    value_milli: int = 0
    flags: int = 0
    diastolic_milli_mmhg: int = ABSENT
    reason: str = ""

    @property
    def is_valid(self) -> bool:
        return not self.reason and bool(self.flags & VALID)


class Entries:
    """A channel's entries in the readings records: `tick[i]` is the number of the tick of entry i, `seq[i]` that of its
    record."""

    def __init__(self, log: BootLog, channel: int) -> None:
        mine = log.ticks.entries["channel"] == channel
        entries = log.ticks.entries[mine]
        self.tick: list[int] = log.ticks.owner[mine].tolist()
        self.seq = [log.tick_seqs[tick] for tick in self.tick]
        self.flags: list[int] = entries["flags"].tolist()
        self.last_index: Ints = entries["last_index"].astype(np.int64)
        self.value_milli: list[int] = entries["value_milli"].tolist()
        self.median_milli: list[int] = entries["median_milli"].tolist()


@dataclass
class Recomputed:
    """A Reading for each of a channel's entries, and with each of its snapshots the state that it should have: None
    where that cannot be told, nothing where it has none that can be."""

    readings: list[Reading]
    states: list[tuple[Snapshot, bytes | None]] = field(default_factory=list)


def recompute(log: BootLog, channel: int, entries: Entries, calibration: tuple[int, ...] | None = None) -> Recomputed:
    """The channel's course; `calibration` (words in order of `core.bounds`) replaces the board's own.

    Snapshots are of the board's own calibration: with another one, nothing is said after a hole.
    """
    setup = log.boot.setups.get(channel)
    snapshots = log.filter_states.get(channel, [])
    if setup is None:
        nothing = [Reading(reason=NO_SETUP)] * len(entries.tick)
        return Recomputed(nothing, [(snapshot, None) for snapshot in snapshots])
    if setup.is_slow():
        return Recomputed(_slow(log, setup.kind, entries))
    if setup.is_impedance():
        return _Sweeps(log, setup, entries, snapshots, calibration).run()
    return _pressure(log, setup, entries, snapshots, calibration)


def _slow(log: BootLog, kind: int, entries: Entries) -> list[Reading]:
    """Flags by the value; a second without a new code keeps the last one. After a hole nobody knows which it was."""
    readings = []
    before_seq, before = -1, Reading()
    for i, seq in enumerate(entries.seq):
        index, value = int(entries.last_index[i]), entries.value_milli[i]
        if index == before.last_index:
            reading = Reading(index, before.value_milli)
        else:
            reading = Reading(index, value, slow_flags(kind, value))
        is_known = not log.is_hole_between(before_seq, seq)
        readings.append(reading if is_known else Reading(reason=LOST))
        before_seq, before = seq, reading if is_known else Reading(index, value)
    return readings


def packed(channel: Any) -> bytes:
    """The state of a channel as its snapshot has it."""
    buffer = bytearray(_STATE_BYTES)
    end: int = channel.pack_state(buffer, 0)
    return bytes(buffer[:end])


@dataclass
class _Stretch:
    """Records up to `end` between which nothing is missing, from a boot's start or the snapshot `base` on; `checks` are
    the later snapshots in it."""

    seq: int
    end: int
    base: Snapshot | None
    checks: list[Snapshot] = field(default_factory=list)


def _stretches(log: BootLog, snapshots: list[Snapshot]) -> Iterator[_Stretch]:
    stretch = _Stretch(-1, log.next_hole(-1), None)
    for snapshot in snapshots:
        if snapshot.seq <= stretch.end:
            stretch.checks.append(snapshot)
        elif not log.is_hole_between(snapshot.seq, snapshot.last_seq):
            yield stretch
            stretch = _Stretch(snapshot.seq, log.next_hole(snapshot.seq), snapshot)
    yield stretch


def _pressure(
    log: BootLog, setup: Setup, entries: Entries, snapshots: list[Snapshot], calibration: tuple[int, ...] | None
) -> Recomputed:
    result = Recomputed([Reading(reason=LOST)] * len(entries.tick))
    acts = _calibrations(log, setup.number) if calibration is None else {}
    for stretch in _stretches(log, [] if calibration else snapshots):
        _Codes(log, setup, entries, stretch, calibration).run(acts, result)
    return result


class _Codes:
    """A pressure channel over one stretch."""

    def __init__(
        self, log: BootLog, setup: Setup, entries: Entries, stretch: _Stretch, calibration: tuple[int, ...] | None
    ) -> None:
        self._entries = entries
        self._stretch = stretch
        self._first = bisect_right(entries.seq, stretch.seq)
        self._after = bisect_right(entries.seq, stretch.end)
        self._is_last = not log.tick_seqs or stretch.end >= log.tick_seqs[-1]
        self._channel = setup.channel(setup.state())
        self._is_sound = True
        if calibration is not None:
            self._channel.calibrate(calibration)
        if stretch.base:
            state = stretch.base.state
            self._is_sound = self._channel.unpack_state(state, 0, len(state))
        index = self._channel.index
        blocks = _part(log, setup.number, stretch, index)
        self._feed = Feed(self._channel, blocks, index)
        self._index = blocks.index
        back = np.flatnonzero(np.diff(blocks.index, prepend=index) <= 0)
        self._sound = int(back[0]) if len(back) else len(blocks.index)
        self._end = int(blocks.index[self._sound - 1]) if self._sound else index

    def run(self, acts: dict[int, list[tuple[int, ...]]], result: Recomputed) -> None:
        stretch, entries = self._stretch, self._entries
        if stretch.base:
            result.states.append((stretch.base, None if self._is_sound else b""))
        if not self._is_sound:
            result.states += [(snapshot, None) for snapshot in stretch.checks]
            return
        mine = slice(self._first, self._after)
        # A reading cannot name a later sample than the readings after it.
        named = np.minimum.accumulate(entries.last_index[mine][::-1])[::-1]
        positions = np.searchsorted(self._index[: self._sound], named, "right").tolist()
        checks = list(stretch.checks)
        for i in range(self._first, self._after):
            while checks and checks[0].seq < entries.seq[i]:
                self._check(checks.pop(0), result)
            at = i - self._first
            result.readings[i] = self._reading(int(named[at]), positions[at], entries.flags[i])
            for calibrated in acts.get(entries.tick[i], ()):
                self._channel.calibrate(calibrated)
        for snapshot in checks:
            self._check(snapshot, result)

    def _reading(self, named: int, position: int, flags: int) -> Reading:
        if named > self._end:
            return Reading(reason=AT_END if self._is_last else LOST)
        feed, channel = self._feed, self._channel
        feed.until(position)
        line = channel if isinstance(channel, ArterialChannel) else None
        # Whether it is over the threshold is no part of an arterial line's reading.
        tells = channel.index != channel.captured or (channel.words[FLAGS] & OVER and not line)
        if tells and feed.may_have_restarted() and not flags & _OF_THE_FILTER:
            # No record tells when the restart was, but a reading without flags comes after it, where it would have any.
            feed.restart_now()
        channel.capture()
        diastolic = line.diastolic if line else ABSENT
        if not DBP_LEAST_MILLI_MMHG <= diastolic <= DBP_MOST_MILLI_MMHG:
            diastolic = ABSENT
        return Reading(channel.index, channel.value, channel.flags, diastolic)

    def _check(self, snapshot: Snapshot, result: Recomputed) -> None:
        if snapshot.index > self._end:
            result.states.append((snapshot, None))
            return
        feed = self._feed
        feed.until(int(np.searchsorted(self._index[: self._sound], snapshot.index, "right")))
        if packed(self._channel) != snapshot.state and feed.may_have_restarted():
            feed.restart_now()
        result.states.append((snapshot, packed(self._channel)))


def _part(log: BootLog, channel: int, stretch: _Stretch, index: int) -> Blocks:
    """The blocks of a stretch from the first sample after `index` on."""
    blocks = log.blocks.get(channel)
    if blocks is None:
        return no_blocks()
    seqs = log.block_seqs[channel]
    first, after = bisect_right(seqs, stretch.seq), bisect_right(seqs, stretch.end)
    # What was gathered when the snapshot was made was logged behind it.
    while stretch.base and first < after and blocks.last[first] <= index:
        first += 1
    part = blocks.part(first, after)
    if not stretch.base or first == after or part.first[0] > index:
        return part
    start = int(np.searchsorted(part.index[: part.starts[1]], index, "right"))
    flags = part.flags.copy()
    flags[0] &= ~RESTARTED
    return replace(
        part,
        codes=part.codes[start:],
        index=part.index[start:],
        time=part.time[start:],
        starts=np.maximum(part.starts - start, 0),
        flags=flags,
    )


def _calibrations(log: BootLog, channel: int) -> dict[int, list[tuple[int, ...]]]:
    """Calibrations by the number of the tick after whose samples they act."""
    found: dict[int, list[tuple[int, ...]]] = {}
    for calibration in log.boot.calibrations:
        if calibration.channel == channel:
            tick = int(np.searchsorted(log.tick_seqs, calibration.seq))
            found.setdefault(tick, []).append(calibration.words)
    return found


class _Sweeps:
    """An impedance channel: after lost records the next sweep that gives a value, or a snapshot, tells its reading."""

    def __init__(
        self,
        log: BootLog,
        setup: Setup,
        entries: Entries,
        snapshots: list[Snapshot],
        calibration: tuple[int, ...] | None,
    ) -> None:
        self._log = log
        self._entries = entries
        # Snapshots are of the board's own calibration.
        self._waiting = [] if calibration else list(snapshots)
        self._acts = {} if calibration else _calibrations(log, setup.number)
        seqs, steps = log.steps.get(setup.number, ([], None))
        self._sweeps: list[tuple[int, tuple[int, ...]]] = []
        if steps is not None:
            self._sweeps = [(seq, step) for seq, step in zip(seqs, steps.tolist(), strict=True) if not step[2]]
        self._next = 0
        self._channel = ImpedanceChannel(array("i", calibration or setup.words), setup.rate_millihz)
        # The record up to which the channel is known; whether its last capture is known too.
        self._known_seq = -1
        self._is_whole = True
        self._result = Recomputed([])

    def run(self) -> Recomputed:
        channel, log, entries = self._channel, self._log, self._entries
        for i, seq in enumerate(entries.seq):
            while self._waiting and self._waiting[0].seq < seq:
                self._meet(self._waiting.pop(0))
            self._take(seq, int(entries.last_index[i]))
            channel.capture()
            if log.is_hole_between(self._known_seq, seq):
                self._is_whole = False
                self._result.readings.append(Reading(reason=LOST))
            else:
                self._is_whole = True
                self._known_seq = seq
                self._result.readings.append(Reading(channel.index, channel.value, channel.flags))
            for calibrated in self._acts.get(entries.tick[i], ()):
                channel.calibrate(calibrated)
        for snapshot in self._waiting:
            self._meet(snapshot)
        return self._result

    def _take(self, before_seq: int, last_index: int) -> None:
        """The sweeps in records before `before_seq`, up to `last_index`."""
        channel = self._channel
        while self._next < len(self._sweeps):
            seq, (_, index, frequency, count, leads, _, *sums) = self._sweeps[self._next]
            if seq >= before_seq or index > last_index:
                return
            self._next += 1
            lost = self._log.is_hole_between(self._known_seq, seq)
            if lost:
                self._is_whole = False
                channel.index = index - 1
            channel.result(frequency, count, leads, *sums)
            if channel.usable or not lost:
                self._known_seq = seq

    def _meet(self, snapshot: Snapshot) -> None:
        self._take(snapshot.seq, snapshot.index)
        channel = self._channel
        if self._is_whole and not self._log.is_hole_between(self._known_seq, snapshot.seq):
            self._result.states.append((snapshot, packed(channel)))
            return
        is_sound = channel.unpack_state(snapshot.state, 0, len(snapshot.state))
        self._result.states.append((snapshot, None if is_sound else b""))
        if is_sound:
            self._known_seq = snapshot.seq
            self._is_whole = True
