"""A look at a running Turgor over its link: what its log says. It goes on watching, and nothing is freed or changed."""

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from struct import unpack_from
from typing import Any

from turgor.link import lines
from turgor.link.records import (
    ANSWER,
    BOOT,
    FAULT,
    HEADER,
    HEADER_SIZE,
    IMPEDANCE_CHANNEL,
    NOTICE,
    PRESSURE_CHANNEL,
    READINGS,
    SAMPLES,
    SLOW_CHANNEL,
    row,
    unpack,
    unpack_readings,
)
from turgor_host.decoder import Decoder
from turgor_host.recording.samples import decode_samples
from turgor_host.source import Source
from turgor_host.timebase import Exchange

_READ_S = 0.05
_ACK_S = 0.1
_PING_S = 0.25
# A boot's log from its first record on, and then what a host is told that comes late.
_ALL = -1


@dataclass
class Seen:
    """What the log told. By channel number: `channels` the set-up records, `faults` that stand, `readings` the latest
    entries, `codes` the raw codes; `notices` are (notice, value) in order."""

    boot: dict[str, int] = field(default_factory=dict)
    channels: dict[int, dict[str, Any]] = field(default_factory=dict)
    faults: dict[int, int] = field(default_factory=dict)
    readings: dict[int, dict[str, int]] = field(default_factory=dict)
    codes: dict[int, list[int]] = field(default_factory=dict)
    notices: list[tuple[int, int]] = field(default_factory=list)
    exchanges: list[Exchange] = field(default_factory=list)


def watch(source: Source, boot: int, seconds: float, progress: Callable[[float], None]) -> Seen:
    """Follow the log of `boot`, the present one, for `seconds`, with all that the board still has of it."""
    seen = Seen()
    decoder = Decoder()
    sent: dict[int, float] = {}
    samples: list[tuple[int, bytes]] = []
    # One computer is one host to the board, as in `turgor_host.greeting`.
    host = 1 + uuid.getnode() % ((1 << 30) - 1)
    source.write(lines.command_line(1, lines.HELLO, boot, _ALL, host))
    begun_s = acked_s = pinged_s = time.monotonic()
    read = 0
    while (now := time.monotonic()) - begun_s < seconds:
        progress(now - begun_s)
        if now - pinged_s >= _PING_S:
            pinged_s = now
            number = len(sent) + 2
            sent[number] = now
            source.write(lines.command_line(number, lines.PING))
        if now - acked_s >= _ACK_S:
            acked_s = now
            # To have read too much is to have read it all.
            source.write(lines.command_line(0, lines.ACK, read, boot, -1))
        data = source.read(_READ_S)
        came_s = time.monotonic()
        read += len(data)
        for record in decoder.feed(data):
            if record[0] == SAMPLES:
                samples.append((unpack_from(HEADER, record)[4], record[HEADER_SIZE:]))
                continue
            _take(seen, record, sent, came_s)
    found, _ = decode_samples([t_s for t_s, _ in samples], [body for _, body in samples])
    seen.codes = {channel: blocks.codes.tolist() for channel, blocks in found.items()}
    return seen


def _take(seen: Seen, record: bytes, sent: dict[int, float], came_s: float) -> None:
    try:
        header, body, tail = unpack(record)
    except ValueError:
        return
    kind, channel = row(header["kind"])[0], header["channel"]
    if kind == ANSWER and body["command"] == lines.PING and body["id"] in sent:
        taken = body["received_s"] + body["received_us"] / 1e6
        seen.exchanges.append(Exchange(sent.pop(body["id"]), taken, header["t_s"] + body["t_us"] / 1e6, came_s))
    elif kind == BOOT:
        seen.boot = body
    elif kind in (PRESSURE_CHANNEL, IMPEDANCE_CHANNEL, SLOW_CHANNEL):
        seen.channels[channel] = body
    elif kind == FAULT:
        seen.faults.pop(channel, None)
        if body["state"]:
            seen.faults[channel] = body["fault"]
    elif kind == NOTICE:
        seen.notices.append((body["notice"], body["value"]))
    elif kind == READINGS:
        for entry in unpack_readings(tail):
            seen.readings[entry["channel"]] = entry
