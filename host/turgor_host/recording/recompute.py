"""A channel's readings once more, from raw codes and sweeps, by the board's own core."""

from dataclasses import dataclass

import numpy as np

from turgor.core.channel import ArterialChannel, ImpedanceChannel
from turgor.core.filter_words import set_calibration
from turgor.core.median import ABSENT
from turgor.core.rules import DBP_LEAST_MILLI_MMHG, DBP_MOST_MILLI_MMHG
from turgor.link import lines
from turgor.link.records import OVER_THRESHOLD, SATURATED, VALID
from turgor_host.recording.bootlog import BootLog
from turgor_host.recording.boots import Setup
from turgor_host.recording.decode import Ints
from turgor_host.recording.feed import Feed

# Flags that a restarted filter does not have.
_OF_THE_FILTER = VALID | SATURATED | OVER_THRESHOLD
# Why a reading cannot be recomputed.
LOST = "records were lost"
NO_SETUP = "the channel's set-up was lost"
AT_END = "the recording ends before its codes"


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
    """A channel's entries in the readings records: `tick[i]` is the number of the tick of entry i."""

    def __init__(self, log: BootLog, channel: int) -> None:
        mine = log.ticks.entries["channel"] == channel
        entries = log.ticks.entries[mine]
        self.tick: list[int] = log.ticks.owner[mine].tolist()
        self.flags: list[int] = entries["flags"].tolist()
        self.last_index: Ints = entries["last_index"].astype(np.int64)
        self.value_milli: list[int] = entries["value_milli"].tolist()
        self.median_milli: list[int] = entries["median_milli"].tolist()


def recompute(
    log: BootLog, channel: int, entries: Entries, calibration: tuple[int, ...] | None = None
) -> list[Reading]:
    """A Reading for each of `entries`; `calibration` (offset code, gain high, low, shift) replaces the board's own."""
    setup = log.boot.setups.get(channel)
    if setup is None:
        return [Reading(reason=NO_SETUP)] * len(entries.tick)
    if setup.is_impedance():
        return _impedance(log, setup, entries)
    return _pressure(log, setup, entries, calibration)


def _pressure(log: BootLog, setup: Setup, entries: Entries, calibration: tuple[int, ...] | None) -> list[Reading]:
    words = setup.state()
    acts: dict[int, list[tuple[int, ...]]] = {}
    if calibration is None:
        acts = _calibrations(log, setup.number)
    else:
        set_calibration(words, *calibration)
    blocks = log.blocks.get(setup.number)
    if blocks is None:
        return [_before_any(log, entries, i) for i in range(len(entries.tick))]
    feed = Feed(setup.channel(words), blocks)
    channel = feed.channel
    sound = log.sound[setup.number]
    end = int(blocks.index[sound - 1]) if sound else 0
    # A reading cannot name a later sample than the readings after it.
    named = np.minimum.accumulate(entries.last_index[::-1])[::-1]
    positions = np.searchsorted(blocks.index[:sound], named, "right").tolist()
    readings = []
    for i, tick in enumerate(entries.tick):
        if log.tick_seqs[tick] > log.first_hole:
            readings.append(Reading(reason=LOST))
            continue
        if named[i] > end:
            readings.append(Reading(reason=AT_END if log.first_hole > log.tick_seqs[-1] else LOST))
            continue
        feed.until(positions[i])
        if feed.may_have_restarted() and not entries.flags[i] & _OF_THE_FILTER:
            # No record tells when the restart was, but a reading without flags comes after it.
            feed.restart_now()
        channel.capture()
        diastolic = channel.diastolic if isinstance(channel, ArterialChannel) else ABSENT
        if not DBP_LEAST_MILLI_MMHG <= diastolic <= DBP_MOST_MILLI_MMHG:
            diastolic = ABSENT
        readings.append(Reading(channel.index, channel.value, channel.flags, diastolic))
        for calibrated in acts.get(tick, ()):
            set_calibration(words, *calibrated)
    return readings


def _before_any(log: BootLog, entries: Entries, i: int) -> Reading:
    """The reading of a channel of which no block was stored."""
    if log.tick_seqs[entries.tick[i]] > log.first_hole:
        return Reading(reason=LOST)
    return Reading(reason=AT_END) if entries.last_index[i] else Reading()


def _calibrations(log: BootLog, channel: int) -> dict[int, list[tuple[int, ...]]]:
    """Calibrations by the number of the tick after whose samples they act."""
    found: dict[int, list[tuple[int, ...]]] = {}
    for command in log.boot.commands:
        if command.command == lines.CALIBRATE and command.words[0] == channel:
            tick = int(np.searchsorted(log.tick_seqs, command.seq))
            found.setdefault(tick, []).append(command.words[1:])
    return found


def _impedance(log: BootLog, setup: Setup, entries: Entries) -> list[Reading]:
    seqs, steps = log.steps.get(setup.number, ([], None))
    sweeps = []
    if steps is not None:
        sweeps = [(seq, step) for seq, step in zip(seqs, steps.tolist(), strict=True) if not step[2]]
    channel = ImpedanceChannel(setup.words)
    readings = []
    last_seq = -1
    at = 0
    for i, tick in enumerate(entries.tick):
        tick_seq = log.tick_seqs[tick]
        while at < len(sweeps) and sweeps[at][0] < tick_seq and sweeps[at][1][1] <= entries.last_index[i]:
            seq, (_, index, frequency, count, leads, _, *sums) = sweeps[at]
            if log.is_hole_between(last_seq, seq):
                channel.index = index - 1
            channel.result(frequency, count, leads, *sums)
            last_seq = seq
            at += 1
        channel.capture()
        # After lost records the next sweep tells all there is to know.
        if log.is_hole_between(last_seq, tick_seq):
            readings.append(Reading(reason=LOST))
        else:
            readings.append(Reading(channel.index, channel.value, channel.flags))
    return readings
