"""The wire: sends the log as frames, no more than the host has granted, and takes the host's lines.

The serial port is handed in: `read_into(buffer) -> n` (0: nothing there) and `write(buffer, at, n) -> taken`, how many
of the `n` bytes from `at` on it took. One step reads a part of what has come, or builds one frame, or writes at most
CHUNK bytes. Answers go first, then what the host asked for again, then what it has not had yet: pages of earlier boots,
the log of this one. Records that the log has dropped go out as `gap`s, with what the flash kept of them.
"""

from array import array
from struct import pack_into

from turgor.app.log import copy
from turgor.app.tick import NO_FLASH
from turgor.core.channels import NO_CHANNEL
from turgor.core.packed import get_words
from turgor.core.ticks import TICKS_MASK, ticks_diff
from turgor.link import lines
from turgor.link.frames import encode
from turgor.link.records import (
    ANSWER,
    FRAME_LIMIT,
    GAP,
    HEADER,
    HEADER_SIZE,
    LINK_STALLED,
    NO_SEQ,
    NOTICE,
    RECORD_LIMIT,
    WIRE_VERSION,
)
from turgor.mp import const, micropython, ptr8

_CHUNK = const(64)
# Each byte that is read has to be looked for.
_INPUT = const(24)
_POLL_US = const(40000)
_ANSWER_BODY = const(34)
_GAP_BODY = const(4)
_COMMAND_WORDS = const(7)
_NOTICE_BODY = const(9)
# Answers may use what records leave of the host's grant.
_RECORD_GRANT = const(512)
# A host that was silent for so long makes room for another one.
_HOST_KEPT_S = const(4)
# A write that takes longer than this has blocked: the port's other end has stopped reading.
_STALL_US = const(100000)
_MOST_BOOT = const(0xFFFF)
_RANGES = const(16)
_RANGE_WORDS = const(3)
_BUSY_TEXT = b"another host is served by this board; end its recording first"


class _Answer:
    """One answer that waits to be sent: to a greeting or ping, or to a command."""

    def __init__(self):
        self.id = 0
        self.command = 0
        self.status = 0
        self.received_s = 0
        self.received_us = 0
        self.text = b""

    def set(self, id, command, status, text, time):
        self.id = id
        self.command = command
        self.status = status
        self.text = text
        self.received_s = time.s
        self.received_us = time.us


class Wire:
    """`tick` executes logged commands, `identity` is the text of hello's answer, `setup` is said to a late host.

    `keep` is what is kept on flash (`turgor.app.keep`), None where there is no place for it.
    """

    def __init__(self, log, time, serial, identity, tick, setup, keep, due):
        self.due = due
        self.greeted = False
        # Board second at which a line of the host last came.
        self.heard_s = 0
        self._log = log
        self._time = time
        self._serial = serial
        self._identity = identity
        self._tick = tick
        self._setup = setup
        self._pages = keep.spill if keep else None
        self._keep = keep
        self._host = 0
        # What is sent next, of which boot.
        self._boot = log.boot
        self._next_seq = 0
        self._again = array("i", bytes(4 * _RANGES * _RANGE_WORDS))
        self._again_count = 0
        self._sent = 0
        self._read = 0
        self._record = bytearray(RECORD_LIMIT + 7)
        self._frame = bytearray(FRAME_LIMIT + 8)
        self._frame_size = 0
        self._frame_at = 0
        self._wrote = False
        self._wrote_tick = 0
        self._stalled = False
        self._input = bytearray(_INPUT)
        self._line = bytearray(lines.LINE_LIMIT)
        self._line_size = 0
        self._command = bytearray(lines.COMMAND_SIZE + 4)
        self._words = array("i", bytes(lines.COMMAND_SIZE))
        self._link_answer = _Answer()
        self._command_answer = _Answer()
        self._last_id = -1
        self._help_wanted = False

    @micropython.native
    def step(self, now):
        """One bounded step; returns the microseconds until the next."""
        if self._wrote:
            self._look_back(now)
        # While a tick is under way no command may come between its slices.
        if not self._tick.busy:
            n = self._serial.read_into(self._input)
            if n:
                self._take(n)
                return 0
        if self._stalled:
            return _POLL_US
        if self._frame_at < self._frame_size:
            return self._write(now)
        granted = self._granted()
        # Nobody grants anything before the greeting, and nothing but the help text and answers is sent.
        if self.greeted and granted < FRAME_LIMIT:
            return _POLL_US
        if self._help_wanted:
            self._say_help()
            return 0
        if self._link_answer.command:
            self._answer(self._link_answer)
            return 0
        if self._command_answer.command:
            self._answer(self._command_answer)
            return 0
        if self._setup.pending:
            self._setup.log_next()
            return 0
        if not self.greeted or granted < _RECORD_GRANT:
            return _POLL_US
        if self._again_count:
            self._resend()
            return 0
        if self._next_seq < self._log.next_seq or self._boot != self._log.boot:
            self._next_frame()
            return 0
        return _POLL_US

    @micropython.native
    def _granted(self):
        return lines.UNREAD_LIMIT - ((self._sent - self._read) & TICKS_MASK)

    def _look_back(self, now):
        """Notice a write that blocked, and send nothing more until the host is heard again."""
        self._wrote = False
        took_us = ticks_diff(now, self._wrote_tick)
        if took_us > _STALL_US:
            pack_into("<IBi", self._log.record, HEADER_SIZE, self._time.us, LINK_STALLED, took_us // 1000)
            self._log.append(HEADER_SIZE + _NOTICE_BODY, NOTICE, NO_CHANNEL, self._time.s)
            self._stalled = True

    def _next_frame(self):
        """The frame of what comes next; a boot of which nothing is left makes way for the one after it."""
        log = self._log
        if self._boot == log.boot:
            if self._next_seq < log.first_seq:
                # The host goes on behind a gap.
                self._tick.snapshots.request()
            self._next_seq = self._build(self._next_seq, lines.LAST_SEQ)
            return
        pages = self._pages
        if pages is None or not pages.find(self._boot, self._next_seq):
            self._boot = log.boot
            self._next_seq = 0
        elif pages.boot != self._boot:
            self._boot = pages.boot
            self._next_seq = 0
        else:
            self._next_seq = self._build_page(pages, self._next_seq, pages.last_seq)

    def _resend(self):
        """The next record of the oldest range that was asked for again."""
        words = self._again
        boot = words[0]
        first = words[1]
        last = words[2]
        log = self._log
        pages = self._pages
        if boot == log.boot:
            first = self._build(first, last) if first < log.next_seq else last + 1
        elif pages is not None and pages.find(boot, first) and pages.boot == boot:
            first = self._build_page(pages, first, pages.last_seq)
        else:
            self._build_gap(boot, first, last, 0)
            first = last + 1
        if first <= last:
            words[1] = first
            return
        self._again_count -= 1
        for i in range(_RANGE_WORDS * self._again_count):
            words[i] = words[i + _RANGE_WORDS]

    def _build(self, seq, last):
        """Make the frame of record `seq` of this boot, or of the gap that it begins (to `last` at most)."""
        log = self._log
        if seq >= log.first_seq:
            self._encode(log.fetch(seq, self._record))
            return seq + 1
        until = log.first_seq - 1
        if until > last:
            until = last
        pages = self._pages
        if pages is not None and pages.find(log.boot, seq) and pages.boot == log.boot and pages.first_seq <= until:
            return self._build_page(pages, seq, until if until < pages.last_seq else pages.last_seq)
        self._build_gap(log.boot, seq, until, log.dropped_s)
        return until + 1

    def _build_gap(self, boot, seq, until, t_s):
        pack_into(HEADER, self._record, 0, GAP, NO_CHANNEL, boot, seq, t_s)
        pack_into("<I", self._record, HEADER_SIZE, until)
        self._encode(HEADER_SIZE + _GAP_BODY)

    def _build_page(self, pages, seq, until):
        """Make the frame of the gap from `seq` to `until` with what the page that was found kept of it."""
        pack_into(HEADER, self._record, 0, GAP, NO_CHANNEL, pages.boot, seq, pages.t_s)
        pack_into("<I", self._record, HEADER_SIZE, until)
        pack_into("<I", self._record, HEADER_SIZE + 4, pages.first_seq)
        at = HEADER_SIZE + _GAP_BODY + 4
        copy(pages.content, pages.content_at, pages.size, self._record, at)
        self._encode(at + pages.size)
        return until + 1

    def _encode(self, n):
        self._frame_size = encode(self._record, n, self._frame)
        self._frame_at = 0

    def _answer(self, answer):
        record = self._record
        pack_into(HEADER, record, 0, ANSWER, NO_CHANNEL, self._log.boot, NO_SEQ, self._time.s)
        pack_into(
            "<IBBHIHIIIII",
            record,
            HEADER_SIZE,
            answer.id,
            answer.command,
            answer.status,
            WIRE_VERSION,
            self._log.next_seq,
            self._boot,
            self._next_seq,
            self._sent,
            self._time.us,
            answer.received_s,
            answer.received_us,
        )
        at = HEADER_SIZE + _ANSWER_BODY
        copy(answer.text, 0, len(answer.text), record, at)
        self._encode(at + len(answer.text))
        answer.command = 0

    def _write(self, now):
        n = self._frame_size - self._frame_at
        if n > _CHUNK:
            n = _CHUNK
        written = self._serial.write(self._frame, self._frame_at, n)
        self._frame_at += written
        self._sent = (self._sent + written) & TICKS_MASK
        self._wrote = True
        self._wrote_tick = now
        return 0 if written else _POLL_US

    @micropython.viper
    def _take(self, count: int):
        """Add `count` bytes of input to the line, and carry out what is whole."""
        source = ptr8(self._input)
        line = ptr8(self._line)
        n = int(self._line_size)
        i = 0
        while i < count:
            byte = source[i]
            if byte == 10 or byte == 13:
                if n:
                    self._line_done(n)
                n = 0
            elif n < 200:  # LINE_LIMIT
                line[n] = byte
                n += 1
            i += 1
        self._line_size = n

    def _line_done(self, n):
        if not lines.read_line(self._line, n, self._command):
            self._help_wanted = True
            return
        self._stalled = False
        words = self._words
        get_words(words, 0, _COMMAND_WORDS, self._command, 0)
        id = words[0]
        if id < 0:
            id += 1 << 32
        command = self._command[4]
        a = words[2]
        b = words[3]
        c = words[4]
        d = words[5]
        e = words[6]
        if command == lines.HELLO:
            self._hello(id, a, b, c)
            return
        self.heard_s = self._time.s
        if command == lines.ACK:
            # Bytes from before the greeting are on the host's count too: it cannot have read more than was sent.
            self._read = a if (self._sent - a) & TICKS_MASK <= lines.UNREAD_LIMIT else self._sent
            if c >= 0:
                self._log.commit(b, c)
                if self._keep:
                    self._keep.commit(b, c)
        elif command == lines.RESEND:
            self._ask(a, b, c)
            self._ask(a, d, e)
        elif command == lines.PING:
            self._link_answer.set(id, command, lines.OK, b"", self._time)
        elif command >= lines.FIRST_ASKED:
            self._execute(id, command, a, b, c, d, e)

    def _execute(self, id, command, a, b, c, d, e):
        answer = self._command_answer
        # A command that comes twice is executed once and answered twice.
        if id == self._last_id:
            answer.set(id, command, answer.status, answer.text, self._time)
            return
        if command == lines.CONFIG_PART:
            refusal = self._keep.take_part(a, b, c, d, e) if self._keep else NO_FLASH
            status = lines.REFUSED if refusal else lines.OK
        else:
            status = self._tick.execute(id, command, a, b, c, d, e)
            refusal = self._tick.refusal
        answer.set(id, command, status, refusal.encode(), self._time)
        self._last_id = id

    def _ask(self, boot, first, last):
        """Remember a range to be sent again; the oldest makes way, for the host asks as often as it has to."""
        if not (0 <= boot <= _MOST_BOOT and 0 <= first <= last):
            return
        words = self._again
        for i in range(0, _RANGE_WORDS * self._again_count, _RANGE_WORDS):
            if words[i] == boot and words[i + 2] == last:
                return
        if self._again_count == _RANGES:
            for i in range(_RANGE_WORDS * (_RANGES - 1)):
                words[i] = words[i + _RANGE_WORDS]
            self._again_count -= 1
        at = _RANGE_WORDS * self._again_count
        words[at] = boot
        words[at + 1] = first
        words[at + 2] = last
        self._again_count += 1

    def _hello(self, id, boot, seq, host):
        if self.greeted and host != self._host and self._time.s - self.heard_s < _HOST_KEPT_S:
            self._link_answer.set(id, lines.HELLO, lines.BUSY, _BUSY_TEXT, self._time)
            return
        self.greeted = True
        self.heard_s = self._time.s
        self._host = host
        self._sent = 0
        self._read = 0
        self._again_count = 0
        # A frame cut off by the last host must not run into the first one for this host.
        self._frame[0] = 0
        self._frame_at = 0
        self._frame_size = 1
        self._begin_at(boot, seq)
        self._link_answer.set(id, lines.HELLO, lines.OK, self._identity, self._time)

    def _begin_at(self, boot, seq):
        """Send from record `seq` of `boot` on, or all there is to a host that knows no boot of this board."""
        log = self._log
        pages = self._pages
        if boot == log.boot and 0 <= seq <= log.next_seq:
            self._boot = boot
            self._next_seq = seq
            return
        if pages is not None and boot != log.boot:
            known = 0 <= boot <= _MOST_BOOT and seq >= 0
            self._boot = boot if known else pages.oldest_boot()
            self._next_seq = seq if known else 0
        else:
            self._boot = log.boot
            self._next_seq = 0
        if log.first_seq:
            # A new host, and the start of the log is gone.
            self._setup.repeat()
            self._tick.snapshots.request()

    def _say_help(self):
        self._help_wanted = False
        text = lines.HELP
        copy(text, 0, len(text), self._frame, 0)
        self._frame_at = 0
        self._frame_size = len(text)
