"""The host's end of the wire: bytes in, whole records in order out, and the lines that answer them. No I/O."""

from struct import unpack_from
from zlib import crc32

from cobs import cobs

from turgor.core.ticks import TICKS_MASK
from turgor.link.lines import ACK, HELLO, RESEND, UNREAD_LIMIT, command_line
from turgor.link.records import ANSWER, FRAME_LIMIT, GAP, HEADER, HEADER_SIZE, NO_SEQ

# After this many bytes the host tells the board what it has read.
_READ_EVERY = 512
_NO_BOOT = -1


class Replica:
    """Follows one board's log: `feed` gives each record once and in order, whatever was sent twice or spoiled.

    `answers` gathers the board's answers, `lines` what has to be sent to the board.
    """

    def __init__(self) -> None:
        self.boot = _NO_BOOT
        self.next_seq = 0
        self.answers: list[bytes] = []
        self.lines: list[bytes] = []
        self.bad_frames = 0
        self.text = b""
        self.pending = b""
        self._read = 0
        self._told = 0
        self._asked = -1
        self._asked_at = 0
        self._next_id = 1

    def hello(self) -> int:
        """Greet the board, asking for what comes next; returns the id its answer will have."""
        self._read = self._told = 0
        self._asked = -1
        self.pending = b""
        self._next_id += 1
        self.lines = [command_line(self._next_id, HELLO, self.boot, self.next_seq)]
        return self._next_id

    def feed(self, data: bytes) -> list[bytes]:
        """Take bytes from the board; returns the whole records that are next in order."""
        self._read = (self._read + len(data)) & TICKS_MASK
        *frames, self.pending = (self.pending + data).split(b"\0")
        if len(self.pending) > 4 * FRAME_LIMIT:
            self.text = self.pending = self.pending[-FRAME_LIMIT:]
        records = []
        for frame in frames:
            record = self._record(frame)
            if record is not None:
                records.append(record)
        if (self._read - self._told) & TICKS_MASK >= _READ_EVERY:
            self.tell(_NO_BOOT, -1)
        return records

    def tell(self, boot: int, committed_seq: int) -> None:
        """Say how much was read, and up to which record everything is stored (-1: nothing new)."""
        self._told = self._read
        self.lines.append(command_line(0, ACK, self._read, boot, committed_seq))

    def _record(self, frame: bytes) -> bytes | None:
        try:
            data = cobs.decode(frame)
        except cobs.DecodeError:
            data = b""
        if len(data) < HEADER_SIZE + 4 or crc32(data[:-4]) != int.from_bytes(data[-4:], "little"):
            if frame:
                self.bad_frames += 1
                self.text = frame
            return None
        record = bytes(data[:-4])
        kind, _, boot, seq, _ = unpack_from(HEADER, record)
        if kind == ANSWER and seq == NO_SEQ:
            self.answers.append(record)
            return None
        if boot != self.boot:
            # Another boot begins with its oldest record, which a gap may stand for.
            if seq != 0:
                self._ask(0)
                return None
            self.boot = boot
            self.next_seq = 0
        if seq != self.next_seq:
            if seq > self.next_seq:
                self._ask(self.next_seq)
            return None
        self._asked = -1
        self.next_seq = 1 + (int.from_bytes(record[HEADER_SIZE : HEADER_SIZE + 4], "little") if kind == GAP else seq)
        return record

    def _ask(self, seq: int) -> None:
        # What was on its way when it asked is at most what the board may send unread; after that the question or its
        # answer got lost.
        if self._asked != seq or (self._read - self._asked_at) & TICKS_MASK > UNREAD_LIMIT + FRAME_LIMIT:
            self._asked = seq
            self._asked_at = self._read
            self.lines.append(command_line(0, RESEND, seq))
