"""The channels of a recording as numpy arrays. Times are s of board time since the recording began."""

from array import array
from collections.abc import Iterator
from math import inf
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from turgor.core.channel import ImpedanceChannel, PressureChannel
from turgor.core.channels import IMPEDANCE, MOTION, SLOW
from turgor.core.filter_words import GAIN_SHIFT, LIMIT_CODE, OFFSET, milli_mmhg
from turgor.core.impedance import reactance_milliohm, resistance_milliohm
from turgor.core.median import ABSENT
from turgor.drivers.max30009_writes import FREQUENCIES_HZ
from turgor.link.records import IMPEDANCE as IMPEDANCE_RECORD
from turgor.link.records import READINGS, RESTARTED, SAMPLES, VALID
from turgor_host.errors import TurgorError
from turgor_host.kinds import Posture, posture, shown, unit_of
from turgor_host.recording.boots import Boot, Setup, rows_between
from turgor_host.recording.decode import (
    Bools,
    Floats,
    Ints,
    body_array,
    decode_readings,
)
from turgor_host.recording.feed import Feed
from turgor_host.recording.samples import Blocks, decode_samples, no_blocks
from turgor_host.recording.schema import Row
from turgor_host.recording.store import Store


class Window(NamedTuple):
    """Time (s), value (in the track's unit) and validity of each sample."""

    time: Floats
    value: Floats
    validity: Bools


class Codes(NamedTuple):
    """Time (s), index (conversions since boot, from 1) and raw code of each sample."""

    time: Floats
    sample_index: Ints
    code: Ints


class Readings(NamedTuple):
    """The board's readings, one a second: value and 60 s median (NaN where absent), and whether the value is valid."""

    time: Floats
    value: Floats
    median: Floats
    valid: Bools


class Sweeps(NamedTuple):
    """Each step of each sweep: resistance and reactance in ohm, the rest as in the `impedance` record."""

    time: Floats
    sweep_index: Ints
    frequency_hz: Ints
    resistance: Floats
    reactance: Floats
    valid: Bools
    leads: Ints
    word_count: Ints


class Track:
    """What all kinds of channel share. Windows are t0 <= t < t1; without them, everything."""

    def __init__(self, store: Store, boots: list[Boot], number: int, name: str, kind: int) -> None:
        self.number = number
        self.name = name
        self.kind = kind
        self.unit = unit_of(kind)
        self._store = store
        self._boots = boots

    def _rows(self, kind: int, t0: float, t1: float) -> Iterator[tuple[Boot, list[Row]]]:
        """The records that may lie in the window, boot by boot."""
        channel = self.number if kind == IMPEDANCE_RECORD else None
        for boot in self._boots:
            found = rows_between(self._store, boot, kind, channel, t0 - boot.shift_s, t1 - boot.shift_s)
            if found:
                yield boot, found

    def readings(self, t0: float | None = None, t1: float | None = None) -> Readings:
        """The board's own readings; invalid ones keep the value that the board last had."""
        time, value, median, valid = self._entries(t0, t1)
        medians = np.where(median == ABSENT, np.nan, shown(self.kind, median))
        return Readings(time, shown(self.kind, value), medians, valid)

    def _entries(self, t0: float | None, t1: float | None) -> tuple[Floats, Ints, Ints, Bools]:
        """Times, values and medians as the board has them, and whether the values are valid."""
        parts = []
        for boot, rows in self._rows(READINGS, *_span(t0, t1)):
            try:
                ticks = decode_readings([row[2] for row in rows])
            except ValueError as error:
                raise self._damaged(error) from None
            mine = ticks.entries["channel"] == self.number
            entries = ticks.entries[mine]
            time = _times(rows, boot)[ticks.owner[mine]]
            values = (entries[name].astype(np.int64) for name in ("value_milli", "median_milli"))
            parts.append((time, *values, entries["flags"] & VALID != 0))
        time, value, median, valid = _cut(_joined(parts, (float, np.int64, np.int64, bool)), t0, t1)
        return time, value, median, valid

    def _damaged(self, error: object) -> TurgorError:
        return TurgorError(
            f"{self._store.path}: {self.name} holds a damaged record ({error}); `turgor replay --verify` says where"
        )


class PressureTrack(Track):
    """A pressure channel."""

    def codes(self, t0: float | None = None, t1: float | None = None) -> Codes:
        """Raw codes (24 bit, signed)."""
        parts = [part for _, _, part in self._parts(t0, t1)]
        return Codes(*_cut(_joined(parts, (float, np.int64, np.int64)), t0, t1))

    def code_window(self, t0: float, t1: float) -> tuple[Floats, Ints]:
        """Times and raw codes alone."""
        found = self.codes(t0, t1)
        return found.time, found.code

    def window(self, t0: float | None = None, t1: float | None = None) -> Window:
        """Calibrated raw samples, by the board's own integers and the calibration then in force.

        Not valid: a converter at its limit. Without a record of the channel's set-up values are NaN.
        """
        parts = []
        for boot, _, codes in self._parts(t0, t1):
            setup = boot.setups.get(self.number)
            validity = np.abs(codes.code) < LIMIT_CODE
            if setup is None:
                value = np.full(len(codes.code), np.nan)
                validity = np.zeros(len(value), dtype=np.bool_)
            else:
                value = calibrated(setup, codes.sample_index, codes.code) / 1000
            parts.append(Window(codes.time, value, validity))
        return Window(*_cut(_joined(parts, (float, float, bool)), t0, t1))

    def filtered(self, t0: float | None = None, t1: float | None = None) -> Window:
        """The low-pass that the readings are taken from, by the board's own core, at each sample.

        Not valid: while it settles, with a converter at its limit, and after lost samples until the next restart.
        """
        start, stop = _span(t0, t1)
        parts = []
        for boot, rows in self._rows(SAMPLES, -inf, stop):
            setup = boot.setups.get(self.number)
            blocks = _from_restart(self._decoded(rows), start - boot.shift_s)
            time = blocks.time + boot.shift_s
            if setup is None:
                nothing = np.full(len(time), np.nan)
                parts.append(Window(time, nothing, np.zeros(len(time), dtype=np.bool_)))
                continue
            value, settled = _filtered(setup, blocks)
            parts.append(Window(time, value, settled & _known(boot, rows, blocks)))
        return Window(*_cut(_joined(parts, (float, float, bool)), t0, t1))

    def _parts(self, t0: float | None, t1: float | None) -> Iterator[tuple[Boot, Blocks, Codes]]:
        for boot, rows in self._rows(SAMPLES, *_span(t0, t1)):
            blocks = self._decoded(rows)
            yield boot, blocks, Codes(blocks.time + boot.shift_s, blocks.index, blocks.codes)

    def _decoded(self, rows: list[Row]) -> Blocks:
        found, bad = decode_samples([row[1] for row in rows], [row[2] for row in rows])
        if bad:
            raise self._damaged(f"record {rows[bad[0]][0]}")
        return found.get(self.number) or no_blocks()


def _from_restart(blocks: Blocks, t0: float) -> Blocks:
    """The blocks from the last restart before board time `t0` on, and one before them for its last code."""
    begin = 0
    for i in np.flatnonzero(blocks.flags & RESTARTED).tolist():
        if blocks.time[blocks.starts[i]] <= t0:
            begin = max(i - 1, 0)
    return blocks.part(begin, len(blocks.first))


def calibrated(setup: Setup, index: Ints, codes: Ints) -> Ints:
    """Milli-mmHg of raw codes, each by the calibration under which its index came."""
    values = np.zeros(len(codes), dtype=np.int64)
    for first_index, words in setup.calibrated_from():
        part = slice(int(np.searchsorted(index, first_index)), None)
        values[part] = milli_mmhg(words.tolist(), codes[part])
    return values


def _filtered(setup: Setup, blocks: Blocks) -> tuple[Floats, Bools]:
    states = list(setup.calibrated_from())
    feed = Feed(PressureChannel(states[0][1]), blocks)
    values, validity = [], []
    for i, (_, words) in enumerate(states):
        feed.channel.words[OFFSET : GAIN_SHIFT + 1] = words[OFFSET : GAIN_SHIFT + 1]
        end = states[i + 1][0] if i + 1 < len(states) else 1 << 62
        part = feed.each(int(np.searchsorted(blocks.index, end)))
        values.append(part[0])
        validity.append(part[1])
    return np.concatenate(values) / 1000, np.concatenate(validity)


def _known(boot: Boot, rows: list[Row], blocks: Blocks) -> Bools:
    """For each sample whether all that the filter remembers was stored: not after lost records, until a restart."""
    seqs = [rows[i][0] for i in blocks.owner.tolist()]
    found = np.zeros(len(seqs), dtype=np.bool_)
    known = bool(seqs) and not boot.lost_before(-1, seqs[0])
    for i, seq in enumerate(seqs):
        if i and boot.lost_before(seqs[i - 1], seq):
            known = False
        if blocks.flags[i] & RESTARTED:
            known = True
        found[i] = known
    return np.repeat(found, np.diff(blocks.starts))


class ImpedanceTrack(Track):
    """An impedance channel: sweeps of three frequencies."""

    def window(self, t0: float | None = None, t1: float | None = None) -> Window:
        """Resistance at the lowest frequency, as the board takes it for its readings."""
        found = self.sweeps(t0, t1)
        lowest = found.frequency_hz == FREQUENCIES_HZ[0]
        return Window(found.time[lowest], found.resistance[lowest], found.valid[lowest])

    def steps(self, t0: float | None = None, t1: float | None = None) -> NDArray[Any]:
        """All steps of all sweeps as the board recorded them: the fields of `impedance` records, and `time`."""
        parts = []
        for boot, rows in self._rows(IMPEDANCE_RECORD, *_span(t0, t1)):
            try:
                steps = body_array(IMPEDANCE_RECORD, [row[2] for row in rows])
            except ValueError as error:
                raise self._damaged(error) from None
            timed = np.empty(len(steps), [("time", np.float64), *steps.dtype.descr])
            for name in steps.dtype.names or ():
                timed[name] = steps[name]
            timed["time"] = _times(rows, boot) + steps["t_us"] / 1e6
            parts.append(timed)
        if not parts:
            return np.empty(0, [("time", np.float64), ("leads", np.int64)])
        found: NDArray[Any] = np.concatenate(parts)
        start, stop = _span(t0, t1)
        return found[(found["time"] >= start) & (found["time"] < stop)]

    def sweeps(self, t0: float | None = None, t1: float | None = None) -> Sweeps:
        """All steps of all sweeps."""
        parts = []
        for boot, rows in self._rows(IMPEDANCE_RECORD, *_span(t0, t1)):
            try:
                steps = body_array(IMPEDANCE_RECORD, [row[2] for row in rows])
                hertz = np.array(FREQUENCIES_HZ)[steps["frequency"]]
            except (ValueError, IndexError) as error:
                raise self._damaged(error) from None
            setup = boot.setups.get(self.number)
            states = list(setup.calibrated_from()) if setup else []
            values = [_step(_in_force(states, step[1]), step) for step in steps.tolist()]
            resistance, reactance, valid = (np.array(column) for column in zip(*values, strict=True))
            index, count, leads = (steps[name].astype(np.int64) for name in ("index", "count", "leads"))
            time = _times(rows, boot) + steps["t_us"] / 1e6
            parts.append(Sweeps(time, index, hertz, resistance, reactance, valid, leads, count))
        types = (float, np.int64, np.int64, float, float, bool, np.int64, np.int64)
        return Sweeps(*_cut(_joined(parts, types), t0, t1))


class SlowTrack(Track):
    """A thermometer or an accelerometer: its readings are all that there is. Of a motion they show its inclination."""

    def window(self, t0: float | None = None, t1: float | None = None) -> Window:
        """The readings, as other channels have their samples."""
        found = self.readings(t0, t1)
        return Window(found.time, found.value, found.valid)

    def posture(self, t0: float | None = None, t1: float | None = None) -> tuple[Floats, Posture, Bools]:
        """Times, postures and their validity; of a motion only."""
        if self.kind != MOTION:
            raise TurgorError(f"{self.name} is no accelerometer and has no posture; its `window` has its readings")
        time, value, _, valid = self._entries(t0, t1)
        return time, posture(value), valid


def _in_force(states: "list[tuple[int, array[int]]]", index: int) -> "array[int] | None":
    """Of states and the first index under each, the one under which `index` came."""
    return next((words for first_index, words in reversed(states) if first_index <= index), None)


def _step(words: "array[int] | None", step: tuple[int, ...]) -> tuple[float, float, bool]:
    """Resistance and reactance in ohm and validity of one `impedance` record."""
    _, _, frequency, count, leads, _, sum_i, sum_q, *extremes = step
    if words is None or not count:
        return np.nan, np.nan, False
    judge = ImpedanceChannel(words)
    # The core judges what it takes for a reading, the lowest frequency; the others by the same measure.
    judge.result(0, count, leads, sum_i, sum_q, *extremes)
    valid = judge.capture() != ABSENT
    real = resistance_milliohm(words, frequency, sum_i, sum_q, count)
    imaginary = reactance_milliohm(words, frequency, sum_i, sum_q, count)
    return real / 1000, imaginary / 1000, valid


def _span(t0: float | None, t1: float | None) -> tuple[float, float]:
    return -inf if t0 is None else t0, inf if t1 is None else t1


def _times(rows: list[Row], boot: Boot) -> Floats:
    """Recording time of the second of rows (seq, t_s, body)."""
    return np.array([row[1] for row in rows], dtype=np.float64) + boot.shift_s


def _joined(parts: list[Any], types: tuple[Any, ...]) -> list[NDArray[Any]]:
    if not parts:
        return [np.empty(0, dtype) for dtype in types]
    return [np.concatenate(column) for column in zip(*parts, strict=True)]


def _cut(columns: list[NDArray[Any]], t0: float | None, t1: float | None) -> list[NDArray[Any]]:
    """Only what lies in the window, by the first column, the time."""
    if t0 is None and t1 is None:
        return columns
    start, stop = _span(t0, t1)
    inside = (columns[0] >= start) & (columns[0] < stop)
    return [column[inside] for column in columns]


def make_track(store: Store, boots: list[Boot], number: int, name: str, kind: int) -> Track:
    track = ImpedanceTrack if kind == IMPEDANCE else SlowTrack if kind in SLOW else PressureTrack
    return track(store, boots, number, name, kind)
