"""The wire: sends the log as frames, no more than the host has granted, and takes the host's lines.

The serial port is handed in: `read_into(buffer) -> n` (0: nothing there) and `write(view) -> n` (how many it took).
One step reads what has come, or builds one frame, or writes at most CHUNK bytes.
"""

from struct import pack_into, unpack_from

from turgor.app.log import copy
from turgor.core.ticks import TICKS_MASK
from turgor.link import lines
from turgor.link.frames import encode
from turgor.link.records import ANSWER, FRAME_LIMIT, GAP, HEADER, HEADER_SIZE, NO_SEQ, RECORD_LIMIT, WIRE_VERSION
from turgor.mp import const, micropython

_CHUNK = const(64)
_POLL_US = const(20000)
_ANSWER_BODY = const(32)


class Wire:
    """`tick` executes logged commands, `identity` is the text of hello's answer, `setup` is said to a late host."""

    def __init__(self, log, time, serial, identity, tick, setup, due):
        self.due = due
        self.greeted = False
        self._log = log
        self._time = time
        self._serial = serial
        self._identity = identity
        self._tick = tick
        self._setup = setup
        self._next_seq = 0
        self._sent = 0
        self._read = 0
        self._record = bytearray(RECORD_LIMIT + 7)
        self._frame = bytearray(FRAME_LIMIT + 8)
        self._frame_size = 0
        self._frame_at = 0
        self._chunk = bytearray(_CHUNK)
        # Views of every length, made once: a slice of a memoryview would allocate.
        whole = memoryview(self._chunk)
        self._views = [whole[:n] for n in range(_CHUNK + 1)]
        self._input = bytearray(_CHUNK)
        self._line = bytearray(lines.LINE_LIMIT)
        self._line_size = 0
        self._command = bytearray(lines.COMMAND_SIZE + 4)
        self._answer_id = 0
        self._answer_command = 0
        self._answer_status = 0
        self._refusal = b""
        self._last_id = -1
        self._help_wanted = False

    @micropython.native
    def step(self, now):
        """One bounded step; returns the microseconds until the next."""
        # While a tick is under way no command may come between its slices.
        if not self._tick.busy:
            n = self._serial.read_into(self._input)
            if n:
                self._take(n)
                return 0
        if self._frame_at < self._frame_size:
            return self._write()
        # Nobody grants anything before the greeting, and nothing but the help text and answers is sent.
        if self.greeted and self._granted() < FRAME_LIMIT:
            return _POLL_US
        if self._help_wanted:
            self._say_help()
            return 0
        if self._answer_command:
            self._answer()
            return 0
        if self._setup.pending:
            self._setup.log_next()
            return 0
        if self.greeted and self._next_seq < self._log.next_seq:
            self._next_frame()
            return 0
        return _POLL_US

    def _granted(self):
        return lines.UNREAD_LIMIT - ((self._sent - self._read) & TICKS_MASK)

    def _next_frame(self):
        log = self._log
        if self._next_seq < log.first_seq:
            # The records in between were dropped: say so in their place.
            pack_into(HEADER, self._record, 0, GAP, 255, log.boot, self._next_seq, log.dropped_s)
            pack_into("<I", self._record, HEADER_SIZE, log.first_seq - 1)
            self._next_seq = log.first_seq
            n = HEADER_SIZE + 4
        else:
            n = log.fetch(self._next_seq, self._record)
            self._next_seq += 1
        self._frame_size = encode(self._record, n, self._frame)
        self._frame_at = 0

    def _answer(self):
        text = self._identity if self._answer_command == lines.HELLO else self._refusal
        record = self._record
        pack_into(HEADER, record, 0, ANSWER, 255, self._log.boot, NO_SEQ, self._time.s)
        pack_into(
            "<IBBHIIIIII",
            record,
            HEADER_SIZE,
            self._answer_id,
            self._answer_command,
            self._answer_status,
            WIRE_VERSION,
            self._log.next_seq,
            self._next_seq,
            self._sent,
            self._time.us,
            self._time.s,
            self._time.us,
        )
        at = HEADER_SIZE + _ANSWER_BODY
        copy(text, 0, len(text), record, at)
        self._frame_size = encode(record, at + len(text), self._frame)
        self._frame_at = 0
        self._answer_command = 0

    def _write(self):
        n = self._frame_size - self._frame_at
        if n > _CHUNK:
            n = _CHUNK
        copy(self._frame, self._frame_at, n, self._chunk, 0)
        written = self._serial.write(self._views[n])
        self._frame_at += written
        self._sent = (self._sent + written) & TICKS_MASK
        return 0 if written else _POLL_US

    @micropython.native
    def _take(self, count):
        """Add `count` bytes of input to the line, and carry out what is whole."""
        line = self._line
        n = self._line_size
        for i in range(count):
            byte = self._input[i]
            if byte == 10 or byte == 13:
                if n:
                    self._line_done(n)
                n = 0
            elif n < lines.LINE_LIMIT:
                line[n] = byte
                n += 1
        self._line_size = n

    def _line_done(self, n):
        if not lines.read_line(self._line, n, self._command):
            self._help_wanted = True
            return
        id, command, _, _, a, b, c, d, e = unpack_from(lines.COMMAND, self._command, 0)
        if command == lines.HELLO:
            self._hello(id, a, b)
        elif command == lines.ACK:
            # Bytes from before the greeting are on the host's count too: it cannot have read more than was sent.
            self._read = a if (self._sent - a) & TICKS_MASK <= lines.UNREAD_LIMIT else self._sent
            if c >= 0:
                self._log.commit(b, c)
        elif command == lines.RESEND:
            self._rewind(a)
        elif command >= lines.FIRST_LOGGED:
            # A command that comes twice is executed once and answered twice.
            if id != self._last_id:
                self._answer_status = self._tick.execute(id, command, a, b, c, d, e)
                self._refusal = self._tick.refusal.encode()
                self._last_id = id
            self._answer_id = id
            self._answer_command = command

    def _hello(self, id, boot, seq):
        self.greeted = True
        self._sent = 0
        self._read = 0
        # A frame cut off by the last host must not run into the first one for this host.
        self._frame[0] = 0
        self._frame_at = 0
        self._frame_size = 1
        self._next_seq = 0
        if boot == self._log.boot:
            self._rewind(seq)
        elif self._log.first_seq:
            # A new host, and the start of the log is gone.
            self._setup.repeat()
        self._answer_id = id
        self._answer_command = lines.HELLO
        self._answer_status = lines.OK

    def _rewind(self, seq):
        if 0 <= seq <= self._log.next_seq:
            self._next_seq = seq

    def _say_help(self):
        self._help_wanted = False
        text = lines.HELP
        copy(text, 0, len(text), self._frame, 0)
        self._frame_at = 0
        self._frame_size = len(text)
