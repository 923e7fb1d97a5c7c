"""Fuzzes the host's end of the wire: the decoder, and the replica that follows a board's log with it.

    python tests/fuzz/fuzz_frames.py --inputs 10000000 --seed 1

A board's stream (its log with repeats, leaps, gaps, reboots and answers) comes whole, spoiled, cut anywhere, or gives
way to noise; now and then a frame's CRC is right and its record rubbish. Promises: nothing raises; the decoder finds
what the plainest one finds; what the replica gives are records that came or gaps, in order, each once; what it says are
commands; memory stays flat.
"""

import random
import struct
import sys
from binascii import crc32
from pathlib import Path

from cobs import cobs
from fuzzing import main, random_bytes, spoiled

try:
    import wire_stream
except ImportError:
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    import wire_stream

from turgor.link.lines import COMMAND, COMMAND_SIZE, FIRST_LOGGED, HELLO, LAST_SEQ, RESEND, read_line
from turgor.link.records import ANSWER, EVENT, GAP, HEADER, HEADER_SIZE, NO_SEQ, RECORD_LIMIT, WIRE_VERSION, row
from turgor_host.decoder import Decoder
from turgor_host.wire import NO_BOOT, Replica

_HOST = 5
_SEQS = (0, 1, 2, 0xFFFF, LAST_SEQ - 1, LAST_SEQ, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, NO_SEQ)
_MOST_TEXT = 1024
_ANSWER_FORM, _ANSWER_FIELDS = row(ANSWER)[2:4]


def quick_frame(data):
    """The frame of a record by the libraries, which tests/link/test_frames.py holds the board's code to."""
    return cobs.encode(data + crc32(data).to_bytes(4, "little")) + b"\0"


def plain(stream):
    """The records of a stream, and what is left of it, by the plainest way."""
    *frames, rest = stream.split(b"\0")
    found = []
    for frame in frames:
        try:
            data = cobs.decode(frame)
        except cobs.DecodeError:
            continue
        if len(data) >= HEADER_SIZE + 4 and crc32(data[:-4]) == int.from_bytes(data[-4:], "little"):
            found.append(data[:-4])
    return found, rest


class Board:
    """Makes the frames that a board would send, and some that none would."""

    def __init__(self, boot):
        self.boot = boot
        self.seq = 0
        self._again = []
        self.corpus = [wire_stream.random_record(random, 0)[HEADER_SIZE:] for _ in range(60)]

    def frames(self, asked):
        """A stretch of the stream; `asked` is the id of a greeting or ping that wants its answer, 0 for none."""
        made = [self._answer(asked)] if asked else []
        made += self._again
        self._again = []
        for _ in range(random.getrandbits(2)):
            fate = random.getrandbits(8)
            if fate == 0:
                self.seq = random.randrange(self.seq + 1)
            elif fate == 1:
                self.seq += random.getrandbits(4)
            elif fate == 2:
                made.append(self._gap())
            elif fate == 3:
                made.append(self._rubbish())
            elif fate == 4 and not random.getrandbits(3):
                self.boot = (self.boot + 1) & 0xFFFF
                self.seq = 0
            elif fate == 5:
                made.append(self._answer(random.getrandbits(6)))
            else:
                made.append(wire_stream.record(EVENT, self.seq, random.choice(self.corpus), self.boot))
                self.seq += 1
        return b"".join(map(quick_frame, made))

    def resend(self, boot, first):
        """Go back to record `first`; of another boot nothing is left."""
        if boot != self.boot:
            self._again.append(wire_stream.record(GAP, first, struct.pack("<I", LAST_SEQ), boot))
        elif first < self.seq:
            self.seq = first

    def _gap(self):
        first = self.seq
        self.seq += 1 + random.getrandbits(5)
        last = self.seq - 1 if random.getrandbits(3) else random.choice(_SEQS)
        tail = random_bytes(random.getrandbits(6)) if random.getrandbits(1) else b""
        return wire_stream.record(GAP, first, struct.pack("<I", last) + tail, self.boot)

    def _answer(self, id):
        values = dict.fromkeys(_ANSWER_FIELDS, 0)
        values.update(id=id, command=HELLO, wire_version=WIRE_VERSION, next_seq=self.seq)
        values.update(sent_boot=self.boot, sent_seq=self.seq, sent_bytes=random.getrandbits(20))
        if not random.getrandbits(4):
            at = random.randrange(len(_ANSWER_FIELDS))
            most = (1 << 8 * struct.calcsize(_ANSWER_FORM[at + 1])) - 1
            values[_ANSWER_FIELDS[at]] = random.choice(_SEQS) & most
        body = struct.pack(_ANSWER_FORM, *(values[name] for name in _ANSWER_FIELDS))
        return wire_stream.record(ANSWER, NO_SEQ, body + b"version=x"[: random.getrandbits(4)], self.boot)

    def _rubbish(self):
        """A record whose CRC will be right: anything at all, or a header of this board with anything behind it."""
        body = random_bytes(random.randrange(RECORD_LIMIT - HEADER_SIZE + 1))
        if random.getrandbits(1):
            return (random_bytes(HEADER_SIZE) + body)[: random.randrange(RECORD_LIMIT)]
        return wire_stream.record(random.getrandbits(4), random.choice(_SEQS), body, self.boot)


class Frames:
    """The target; `taken` counts the records that the replica gave."""

    # Rubbish whose CRC is right makes a replica wait for ever.
    life = 2000

    def __init__(self):
        self.found = 0
        self.bad = 0
        self.taken = 0
        self._boot = 0

    def restart(self):
        self._boot = (self._boot + 10) & 0xFFFF
        self._board = Board(self._boot)
        self._decoder = Decoder()
        self._replica = Replica(_HOST)
        self._now = 0.0
        self._rest = b""
        self._asked = 0
        self._next = (NO_BOOT, 0)
        self._replica.hello(self._now)

    def feed(self):
        data = self._make()
        self._compare(data)
        self._now += random.getrandbits(6) / 1000
        at = 0
        while at < len(data):
            size = 1 + random.getrandbits(random.randrange(1, 10))
            self._follow(data[at : at + size])
            at += size
        if not random.getrandbits(4):
            self._replica.poll(self._now)
        self._said()

    def _make(self):
        kind = random.getrandbits(4)
        data = self._board.frames(self._asked)
        self._asked = 0
        if kind < 6:
            return data
        if kind < 12:
            return spoiled(data, 1 + random.getrandbits(2))
        if kind == 12:
            return data[random.randrange(len(data) + 1) :] + data
        if kind == 13:
            return random_bytes(random.getrandbits(7))
        if kind == 14:
            return bytes((random.getrandbits(8),)) * random.getrandbits(11)
        # A frame as it looks after another program has set the port to 7 bits, or turned its line ends.
        return bytes(byte & 0x7F for byte in data) if random.getrandbits(1) else data.replace(b"\n", b"\r\n")

    def _compare(self, data):
        """The decoder alone against the plainest."""
        bad = self._decoder.bad_frames
        wanted, self._rest = plain(self._rest + data)
        assert self._decoder.feed(data) == wanted, ("the decoder", data)
        self._rest = self._decoder.pending
        assert len(self._rest) <= _MOST_TEXT
        assert len(self._decoder.text) <= _MOST_TEXT
        self.found += len(wanted)
        self.bad += self._decoder.bad_frames - bad

    def _follow(self, data):
        """The replica: in order, each once."""
        for record in self._replica.feed(data, self._now):
            kind, _, boot, seq, _ = struct.unpack_from(HEADER, record)
            known, wanted = self._next
            assert seq == wanted if boot == known else boot > known, ("order", boot, seq, self._next)
            last = int.from_bytes(record[HEADER_SIZE : HEADER_SIZE + 4], "little") if kind == GAP else seq
            assert last >= seq, ("gap", seq, last)
            self._next = (boot, last + 1)
            self.taken += 1

    def _said(self):
        """What the replica has to say: whole commands. Its greetings and pings are what the board answers."""
        data = bytearray(COMMAND_SIZE + 4)
        for line in self._replica.lines:
            assert line.endswith(b"\n")
            assert read_line(line[:-1], len(line) - 1, data), line
            id, command, _, _, boot, first, *_ = struct.unpack_from(COMMAND, data)
            assert command < FIRST_LOGGED
            if id:
                self._asked = id
            elif command == RESEND:
                self._board.resend(boot, first)
        for waiting in (self._replica.lines, self._replica.answers, self._replica.exchanges):
            waiting.clear()

    def counts(self):
        return (
            ("whole frames", self.found),
            ("bad frames", self.bad),
            ("records in order", self.taken),
        )


if __name__ == "__main__":
    main(Frames())
