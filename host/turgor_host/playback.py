"""A recording as a source: it answers and sends like the board whose log it holds, at its own or another speed."""

import time
from collections.abc import Iterator
from struct import pack as struct_pack
from struct import unpack_from
from zlib import crc32

from cobs import cobs

from turgor.core.channels import NO_CHANNEL
from turgor.link import lines
from turgor.link.records import ANSWER, GAP, HEADER, NO_SEQ, WIRE_VERSION, pack
from turgor_host.recording.reader import open_recording

_IDENTITY = {"version": "firmware_version", "platform": "platform", "runtime": "runtime", "machine": "machine"}
_REFUSAL = "a recording plays back here, and what was recorded stays as it was"
_CHUNK_ROWS = 500
_CHUNK_BYTES = 16384


class Playback:
    """The source `name`, a `.turgor` file; commands are refused, since what was recorded stays as it was."""

    def __init__(self, name: str, speed: float) -> None:
        self.name = name
        self.speed = speed
        self._recording = open_recording(name)
        self.simulated = self._recording.simulated
        self._records = self._rows()
        self._next = next(self._records, None)
        self._begun = 0.0
        self._answers: list[bytes] = []
        self._command = bytearray(lines.COMMAND_SIZE + 4)

    @property
    def ended(self) -> bool:
        """Whether everything has been read."""
        return self._next is None and not self._answers

    def _rows(self) -> Iterator[tuple[float, bytes]]:
        """Moment of the recording (s) and record, in the order of the log, with a gap for what is missing in front.

        As a board does, it says of each boot but the newest that nothing more is left of it.
        """
        boots = self._recording.boots
        for place, boot in enumerate(boots):
            if boot.first_seq:
                header = (NO_CHANNEL, boot.number, 0, int(boot.first_s))
                yield boot.first_s + boot.shift_s, pack(GAP, *header, (boot.first_seq - 1,))
            after = -1
            while True:
                rows = self._recording.store.query(
                    "SELECT kind, channel, boot, seq, t_s, body FROM records "
                    "WHERE board = ? AND boot = ? AND seq > ? ORDER BY seq LIMIT ?",
                    *boot.key,
                    after,
                    _CHUNK_ROWS,
                )
                if not rows:
                    break
                after = rows[-1][3]
                for kind, channel, number, seq, t_s, body in rows:
                    record = struct_pack(HEADER, kind, channel, number, seq, t_s) + body
                    yield t_s + boot.shift_s, record
            following = boots[place + 1].number if place + 1 < len(boots) else boot.number
            for number in range(boot.number, following):
                first = boot.last_seq + 1 if number == boot.number else 0
                end = pack(GAP, NO_CHANNEL, number, first, int(boot.last_s), (lines.LAST_SEQ,))
                yield boot.last_s + boot.shift_s, end

    def read(self, timeout_s: float) -> bytes:
        """The frames that are due by now."""
        data = b"".join(self._answers)
        self._answers.clear()
        if self._begun:
            due = (time.monotonic() - self._begun) * self.speed if self.speed else float("inf")
            while self._next and self._next[0] <= due and len(data) < _CHUNK_BYTES:
                data += _frame(self._next[1])
                self._next = next(self._records, None)
        if not data:
            time.sleep(timeout_s)
        return data

    def write(self, data: bytes) -> None:
        """Take the host's lines: a greeting begins the playback, commands are refused."""
        for line in data.splitlines():
            if lines.read_line(line, len(line), self._command):
                number, command, *_ = unpack_from(lines.COMMAND, self._command)
                if command == lines.HELLO or command >= lines.FIRST_LOGGED:
                    self._answer(number, command)

    def _answer(self, number: int, command: int) -> None:
        first = self._next[1] if self._next else b""
        _, _, boot, seq, t_s = unpack_from(HEADER, first) if first else (0,) * 5
        newest = self._recording.boots[-1].number if self._recording.boots else 0
        status = lines.OK if command == lines.HELLO else lines.REFUSED
        meta = self._recording.meta
        text = _REFUSAL
        if command == lines.HELLO:
            text = ";".join(f"{key}={meta[name]}" for key, name in _IDENTITY.items() if name in meta)
            text += f";id={self._recording.boots[0].board % (1 << 64):016x}" if self._recording.boots else ""
        body = (number, command, status, WIRE_VERSION, seq, boot, seq, 0, 0, t_s, 0)
        self._answers.append(_frame(pack(ANSWER, NO_CHANNEL, newest, NO_SEQ, t_s, body, text.encode())))
        self._begun = self._begun or time.monotonic()

    def reopen(self) -> bool:
        """A file does not vanish."""
        return False

    def reject(self) -> None:
        """There is no other board behind it."""

    def close(self) -> None:
        self._recording.close()


def _frame(record: bytes) -> bytes:
    return bytes(cobs.encode(record + crc32(record).to_bytes(4, "little"))) + b"\0"
