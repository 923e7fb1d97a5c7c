"""The events that the core makes of a recording's raw codes, with the board's calibrations or with others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from turgor.core.channels import ARTERIAL, CHANNEL_NAMES, CHANNELS
from turgor.core.median import ABSENT
from turgor.link.records import VALID
from turgor_host.calibrate.certificate import check_words
from turgor_host.recording.bootlog import BootLog
from turgor_host.recording.episodes import mark
from turgor_host.recording.events import Event, make_event
from turgor_host.recording.judging import Inputs, judged
from turgor_host.recording.reader import Recording
from turgor_host.recording.recompute import Entries, Reading, recompute

# Words in order of `core.bounds`.
Calibration = Sequence[int]


@dataclass
class Replay:
    """`events` as `Recording.events` gives them; how many readings came from raw codes, were taken as the board
    recorded them, or were left out because another calibration was asked for and their codes are not there."""

    file: str
    events: list[Event] = field(default_factory=list)
    recomputed: int = 0
    as_recorded: int = 0
    left_out: int = 0

    def as_dict(self) -> dict[str, Any]:
        readings = {
            "recomputed": self.recomputed,
            "as_recorded": self.as_recorded,
            "left_out": self.left_out,
        }
        return {"file": self.file, "readings": readings, "events": self.events}


def replay(recording: Recording, calibrations: Mapping[str, Calibration] | None = None) -> Replay:
    """Run the core over all raw codes; `calibrations`, words by channel, replace the board's."""
    other = {name: tuple(words) for name, words in (calibrations or {}).items()}
    for name, words in other.items():
        check_words(name, words)
        # A channel that is not there must not pass as "no difference".
        recording[name]
    result = Replay(str(recording.path))
    with recording.store.snapshot():
        for boot in recording.boots:
            _replay_boot(BootLog(recording.store, boot), other, result)
    mark(result.events, recording.episodes())
    return result


def _replay_boot(log: BootLog, other: Mapping[str, tuple[int, ...]], result: Replay) -> None:
    boot = log.boot
    seen = dict.fromkeys(log.ticks.entries["channel"].tolist())
    channels = [channel for channel in seen if channel < len(CHANNELS)]
    columns = []
    line_diastolic = log.ticks.line_diastolic()
    for channel in channels:
        setup = boot.setups.get(channel)
        name = setup.name if setup else CHANNEL_NAMES[channel]
        entries = Entries(log, channel)
        readings = recompute(log, channel, entries, other.get(name)).readings
        columns.append(_values(entries, readings, name in other, result))
        if CHANNELS[channel][1] == ARTERIAL:
            for tick, reading in zip(entries.tick, readings, strict=True):
                if not reading.reason:
                    line_diastolic[tick] = reading.diastolic_milli_mmhg
    inputs = Inputs(channels, lambda tick, at: columns[at].get(tick, (ABSENT, 0)), line_diastolic)
    for t_s, found in zip(log.tick_s, judged(log, inputs).ticks, strict=True):
        for event in found.events:
            result.events.append(make_event(boot, t_s, *event))


def _values(
    entries: Entries, readings: list[Reading], recalibrated: bool, result: Replay
) -> dict[int, tuple[int, int]]:
    """Tick -> reading, ABSENT where there is no valid one, and its flags."""
    values = {}
    for i, reading in enumerate(readings):
        tick = entries.tick[i]
        if not reading.reason:
            result.recomputed += 1
            values[tick] = reading.value_milli if reading.is_valid else ABSENT, reading.flags
        elif not recalibrated:
            result.as_recorded += 1
            flags = entries.flags[i]
            values[tick] = entries.value_milli[i] if flags & VALID else ABSENT, flags
        else:
            result.left_out += 1
    return values
