"""How fast the host takes the wire: its decoder against pymavlink's, its way to read a port against the usual ones.

Sides of a ratio run in turns and are compared by the processor time of their quickest turn, as in `test_filters`, each
on the same frames or as many. Times are reported, never judged.
"""

import os
import pty
import subprocess
import sys
import tty
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from random import Random
from time import process_time

import pytest
from cobs import cobs
from serial import Serial
from wire_stream import frame, record

from turgor.link.records import HEADER_SIZE, SAMPLES
from turgor_host import decoder
from turgor_host.decoder import Decoder
from turgor_host.source import Source, open_port

PAYLOAD = 64
FRAMES = 2000
# What one read of a pty gives.
PTY_BYTES = 4095
TURNS = 100
# Writes its standard input over and over.
WRITER = """
import os, sys
data = memoryview(sys.stdin.buffer.read())
while True:
    at = 0
    while at < len(data):
        at += os.write(1, data[at : at + 4096])
"""


def quickest(*sides: Callable[[], float]) -> list[float]:
    """Of each side, a function that takes a turn and returns its processor seconds, the quickest turn."""
    return [min(turns) for turns in zip(*([take() for take in sides] for _ in range(TURNS)), strict=True)]


def seconds(function: Callable[[], object]) -> float:
    begin = process_time()
    function()
    return process_time() - begin


def records() -> list[bytes]:
    """Our header, which tells kind, channel, boot, place and time, and behind it a payload of 64 bytes."""
    random = Random(1)
    return [record(SAMPLES, seq, random.randbytes(PAYLOAD)) for seq in range(FRAMES)]


def cut(stream: bytes) -> list[bytes]:
    return [stream[at : at + PTY_BYTES] for at in range(0, len(stream), PTY_BYTES)]


def decoded(text: bytes) -> bytes | None:
    """A frame as one decodes it by itself: with its 0x00 in, its record out."""
    try:
        data = cobs.decode(text[:-1])
    except cobs.DecodeError:
        return None
    if len(data) < HEADER_SIZE + 4 or zlib.crc32(data[:-4]) != int.from_bytes(data[-4:], "little"):
        return None
    return data[:-4]


class LineReader:
    """The usual remedy for pyserial's slow `readline`: what waits goes to a buffer, which gives a line at a time."""

    def __init__(self, port: Serial) -> None:
        self._port = port
        self._buffer = bytearray()

    def line(self) -> bytes:
        end = self._buffer.find(b"\0") + 1
        while not end:
            self._buffer.extend(self._port.read(max(1, min(2048, self._port.in_waiting))))
            end = self._buffer.find(b"\0") + 1
        line = self._buffer[:end]
        self._buffer = self._buffer[end:]
        return bytes(line)


class TunedLineReader(LineReader):
    """The same with all that waits, and no more copies than a line needs."""

    def line(self) -> bytes:
        buffer = self._buffer
        while not (end := buffer.find(b"\0") + 1):
            buffer += self._port.read(self._port.in_waiting or 1)
        line = bytes(buffer[:end])
        del buffer[:end]
        return line


@pytest.fixture
def port() -> Iterator[Serial]:
    """A serial port that a process at its far end keeps full of the same frames, over and over."""
    board, host = pty.openpty()
    tty.setraw(host)
    with subprocess.Popen([sys.executable, "-c", WRITER], stdin=subprocess.PIPE, stdout=board) as writer:
        os.close(board)
        writer.stdin.write(b"".join(map(frame, records())))
        writer.stdin.close()
        with open_port(os.ttyname(host)) as opened:
            os.close(host)
            opened.timeout = 10
            yield opened
        writer.kill()


def whole(port: Serial) -> Callable[[], list[bytes]]:
    """Our way: all that waits, and every record in it at once."""
    source = Source("pty", port)
    ours = Decoder()
    return lambda: ours.feed(source.read(10))


def by_line(read_line: Callable[[], bytes]) -> Callable[[], list[bytes]]:
    """A frame at a time; none where it began in what another reader took."""
    return lambda: [found] if (found := decoded(read_line())) else []


def ways(port: Serial) -> list[Callable[[], list[bytes]]]:
    """Ours, by `read_until`, by the two line readers."""
    lines = [lambda: port.read_until(b"\0"), LineReader(port).line, TunedLineReader(port).line]
    return [whole(port), *map(by_line, lines)]


def taken(some: Callable[[], list[bytes]], count: int) -> list[bytes]:
    """At least `count` records."""
    found: list[bytes] = []
    while len(found) < count:
        found += some()
    return found


def test_by_hand(port: Serial) -> None:
    """Each way to read finds records that follow one another as they were sent, however often it is asked."""
    sent = records()
    for some in ways(port):
        found = taken(some, 60) + taken(some, 60)
        first = sent.index(found[0])
        assert found == (sent + sent)[first : first + len(found)]


def test_decoder(benchmark, monkeypatch: pytest.MonkeyPatch) -> None:
    """pymavlink's HIL_STATE_QUATERNION has just 64 bytes of payload in a frame of MAVLink 2; fastcrc is its C CRC."""
    mavlink = pytest.importorskip("pymavlink.dialects.v20.common", reason="no pymavlink: pip install turgor[dev]")
    fastcrc = pytest.importorskip("fastcrc", reason="no fastcrc: pip install turgor[dev]")
    message = mavlink.MAVLink_hil_state_quaternion_message
    assert message.unpacker.size == PAYLOAD
    assert mavlink.mcrf4xx is fastcrc.crc16.mcrf4xx
    sender = mavlink.MAVLink(None)
    quaternion = (0.5, 0.25, -0.5, 0.125)
    # MAVLink 2 would leave out zeros at the end: the last word has none.
    words = (*range(1, 11), 0x1234)
    texts = [message(seq, quaternion, 0.1, 0.2, 0.3, *words).pack(sender) for seq in range(FRAMES)]
    assert {len(text) for text in texts} == {PAYLOAD + 12}
    theirs = cut(b"".join(texts))
    ours = cut(b"".join(map(frame, records())))

    def parse() -> int:
        parser = mavlink.MAVLink(None)
        parser.robust_parsing = True
        return sum(len(parser.parse_buffer(chunk) or ()) for chunk in theirs)

    def decode() -> int:
        feed = Decoder().feed
        return sum(len(feed(chunk)) for chunk in ours)

    def by_zlib() -> float:
        with monkeypatch.context() as patch:
            patch.setattr(decoder, "crc32", zlib.crc32)
            return seconds(decode)

    assert parse() == decode() == FRAMES
    parse_s, decode_s, by_zlib_s = quickest(partial(seconds, parse), partial(seconds, decode), by_zlib)
    benchmark.extra_info.update(
        decode_vs_pymavlink=round(parse_s / decode_s, 1),
        decode_by_zlib_vs_pymavlink=round(parse_s / by_zlib_s, 1),
        decode_ns_a_frame=round(decode_s / FRAMES * 1e9),
    )
    benchmark.pedantic(decode, rounds=5)


def test_serial_read(benchmark, port: Serial) -> None:
    """Reading and decoding; system calls count as the processor time that they take."""
    counts = (2000, 20, 1000, 1000)
    turns = [partial(seconds, partial(taken, some, count)) for some, count in zip(ways(port), counts, strict=True)]
    ours, until, line, tuned = (time / count for time, count in zip(quickest(*turns), counts, strict=True))
    benchmark.extra_info.update(
        serial_read_vs_read_until=round(until / ours),
        serial_read_vs_line_reader=round(line / ours, 2),
        serial_read_vs_tuned_line_reader=round(tuned / ours, 2),
        serial_read_ns_a_frame=round(ours * 1e9),
    )
    benchmark.pedantic(turns[0], rounds=5)
