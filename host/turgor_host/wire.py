"""The host's end of the wire: bytes in, whole records in order out, and the lines to answer with. No I/O, no clock."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from struct import calcsize, unpack_from
from zlib import crc32

from cobs import cobs

from turgor.core.channels import NO_CHANNEL
from turgor.core.ticks import TICKS_MASK
from turgor.link import lines
from turgor.link.page_reader import unpack_page
from turgor.link.records import ANSWER, GAP, HEADER, HEADER_SIZE, NO_SEQ, WIRE_VERSION, pack, row
from turgor_host.decoder import Decoder

# After this many bytes, or this long after some came, the host tells the board what it has read.
_READ_EVERY = 512
_READ_EVERY_S = 0.1
# Beyond the age of a block: a board that has something to say and may is not quiet for so long.
_QUIET_S = 0.3
# What was asked for is asked for again after this, or after so many round trips.
_ASK_AGAIN_S = 0.15
_ASK_AGAIN_TRIPS = 2.0
_LINES_AT_ONCE = 8
_BOOTS_AT_ONCE = 16
# Greetings and pings whose answers may still come.
_SENT_KEPT = 32
PING_EVERY_S = 1.0
# Without an answer a greeting is said again after this. Soon: a board whose log is full drops records meanwhile.
_GREET_AGAIN_S = 0.5
# A board from which nothing whole has come for so long is greeted anew.
SILENT_S = 2.0
_GAP_TAIL = HEADER_SIZE + 4
_KEPT_SIZE = 4
_ANSWER_FIELDS = row(ANSWER)[2]
_ANSWER_START = "<IBBH"
NO_BOOT = -1


@dataclass
class _BootLog:
    """One boot's log as far as it has come: all below `next_seq`, and beyond it what `ahead` holds by its seq.

    `seen` is one more than the highest seq heard of. `closed`: the board said that nothing of this one is left.
    """

    number: int
    next_seq: int = 0
    seen: int = 0
    closed: bool = False
    # seq -> (the seq after it, record)
    ahead: dict[int, tuple[int, bytes]] = field(default_factory=dict)
    # Last seq of a missing range -> when it was asked for.
    asked: dict[int, float] = field(default_factory=dict)

    def missing(self) -> Iterator[tuple[int, int]]:
        """First and last seq of each range that something later came after."""
        at = self.next_seq
        for seq in sorted(self.ahead):
            if seq > at:
                yield at, seq - 1
            at = max(at, self.ahead[seq][0])
        if at < self.seen:
            yield at, self.seen - 1


class Replica:
    """Follows one board's log: `feed` gives each record once and in order, whatever was sent twice or spoiled.

    `answers` gathers the board's answers to greetings and commands, `lines` what has to be sent to the board,
    `exchanges` the times of each ping (s): sent and, by the board's time, taken, then answered and, by ours, received.
    `poll` is to be called a few times a second; it greets, and pings every `ping_every_s`. `now` is any clock's time in
    s. It begins with record `next_seq` of `boot`, by itself with all there is.
    """

    def __init__(self, host: int = 0, boot: int = NO_BOOT, next_seq: int = 0) -> None:
        self.answers: list[bytes] = []
        self.lines: list[bytes] = []
        self.decoder = Decoder()
        self.exchanges: list[tuple[float, float, float, float]] = []
        self.heard_s = -SILENT_S
        self.ping_every_s = PING_EVERY_S
        self.greeted = False
        # That of a board which speaks another one.
        self.wire_version = WIRE_VERSION
        # Its present boot's log is shorter than what came of it: another log under the same number.
        self.begun_anew = False
        self._host = host
        self._read = 0
        self._told = 0
        self._told_s = 0.0
        # When bytes came last.
        self._came_s = 0.0
        self._rtt_s = 0.0
        # What still waits in the port may answer another replica; its host began elsewhere.
        self._next_id = host
        self._sent_s: dict[int, float] = {}
        self._pinged_s = -PING_EVERY_S
        self._hello_s = 0.0
        # By number and in order; all before the first one are here as far as they will ever be.
        self._boots: dict[int, _BootLog] = {}
        # From the boots before this one the board has gone on.
        self._latest = NO_BOOT
        self.begin_at(boot, next_seq)

    def begin_at(self, boot: int, next_seq: int) -> None:
        """Forget what came: record `next_seq` of `boot` comes next, from the next greeting on."""
        self._boots = {} if boot == NO_BOOT else {boot: _BootLog(boot, next_seq, next_seq)}
        self._latest = NO_BOOT
        self.exchanges.clear()
        self.answers.clear()

    @property
    def position(self) -> tuple[int, int]:
        """Boot and seq of the record that is next in order; NO_BOOT before anything is known."""
        return next(((log.number, log.next_seq) for log in self._boots.values()), (NO_BOOT, 0))

    @property
    def boot(self) -> int:
        """The board's present boot; NO_BOOT before it has answered."""
        return next(reversed(self._boots), NO_BOOT)

    def hello(self, now: float = 0.0) -> None:
        """Greet the board, asking for what comes next."""
        self._read = self._told = 0
        self.greeted = self.begun_anew = False
        self.decoder.restart()
        self.lines = [lines.command_line(self._new_id(now), lines.HELLO, *self.position, self._host)]
        self._hello_s = now

    def _new_id(self, now: float) -> int:
        self._next_id += 1
        self._sent_s[self._next_id] = now
        if len(self._sent_s) > _SENT_KEPT:
            del self._sent_s[min(self._sent_s)]
        return self._next_id

    def tell(self, boot: int = NO_BOOT, committed_seq: int = -1, now: float = 0.0) -> None:
        """Say how much was read, and up to which record everything is stored (-1: nothing new)."""
        if not self.greeted:
            # A board takes it for its present host's, and would serve that one for ever.
            return
        self._told = self._read
        self._told_s = now
        self.lines.append(lines.command_line(0, lines.ACK, self._read, boot, committed_seq))

    def feed(self, data: bytes, now: float = 0.0) -> list[bytes]:
        """Take bytes from the board; returns the whole records that are next in order."""
        self._read = (self._read + len(data)) & TICKS_MASK
        if data:
            self._came_s = now
        before = self.decoder.pending
        found = self.decoder.feed(data)
        for record in found:
            kind, _, boot, seq, t_s = unpack_from(HEADER, record)
            if kind == ANSWER and seq == NO_SEQ:
                self._take_answer(record, boot, _from(before + data, record), now)
            elif self.greeted:
                self._take(kind, boot, seq, t_s, record)
        if found:
            self.heard_s = now
        records = self._in_order()
        self._ask(now)
        if self.greeted and (self._read - self._told) & TICKS_MASK >= _READ_EVERY:
            self.tell(now=now)
        return records

    def poll(self, now: float) -> None:
        """What has to be said although nothing came."""
        quiet_s = now - max(self.heard_s, self._hello_s)
        if (not self.greeted and now - self._hello_s >= _GREET_AGAIN_S) or (self.greeted and quiet_s >= SILENT_S):
            self.hello(now)
        elif self.greeted and now - self._pinged_s >= self.ping_every_s:
            self._pinged_s = now
            self.lines.append(lines.command_line(self._new_id(now), lines.PING))
        # Where nothing comes the last word may have been spoiled, and the board waits for it.
        news = self._read != self._told or now - self._came_s >= _QUIET_S
        if self.greeted and news and now - self._told_s >= _READ_EVERY_S:
            self.tell(now=now)
        self._ask(now)

    def _take_answer(self, record: bytes, boot: int, unread: int, now: float) -> None:
        # These stand where they are in every version; the rest need not.
        if len(record) < HEADER_SIZE + calcsize(_ANSWER_START):
            return
        number, command, status, version = unpack_from(_ANSWER_START, record, HEADER_SIZE)
        if version != WIRE_VERSION:
            if number in self._sent_s and command == lines.HELLO:
                self.wire_version = version
            return
        if len(record) < HEADER_SIZE + calcsize(_ANSWER_FIELDS):
            return
        _, _, _, _, log_seq, sent_boot, sent_seq, sent_bytes, t_us, received_s, received_us = unpack_from(
            _ANSWER_FIELDS, record, HEADER_SIZE
        )
        if command >= lines.FIRST_ASKED:
            self.answers.append(record)
        shorter = boot in self._boots and log_seq < self._boots[boot].next_seq
        if self.greeted and command != lines.HELLO and (boot != self.boot or shorter):
            # It has started anew, too quickly for a silence, and does not know us.
            self.hello(now)
            return
        if command < lines.FIRST_ASKED:
            sent_s = self._sent_s.pop(number, None)
            if sent_s is None:
                return
            if shorter:
                # A greeting's answer: it says whose log that is, perhaps another board's.
                self.begun_anew = status == lines.OK
                self.answers.append(record)
                return
            t_s = int.from_bytes(record[HEADER_SIZE - 4 : HEADER_SIZE], "little")
            self.exchanges.append((sent_s, received_s + received_us / 1e6, t_s + t_us / 1e6, now))
            trip_s = now - sent_s
            self._rtt_s += (trip_s - self._rtt_s) / 8 if self._rtt_s else trip_s
            if command == lines.HELLO:
                self.answers.append(record)
                if status != lines.OK:
                    return
                self.greeted = True
                self._order(boot, sent_boot)
        if not self.greeted:
            return
        # Bytes that got lost on the way count as read, doubled ones once.
        self._read = (sent_bytes + unread) & TICKS_MASK
        self._latest = max(self._latest, sent_boot)
        if sent_boot in self._boots:
            log = self._boots[sent_boot]
            log.seen = max(log.seen, min(sent_seq, lines.LAST_SEQ))

    def _order(self, boot: int, oldest: int) -> None:
        """The boots that the board goes through from here: the one we are in, and those from `oldest` to `boot`."""
        known = self._boots
        self._boots = {number: log for number, log in known.items() if number < boot}
        for number in range(max(oldest, self.boot + 1), boot):
            self._boots[number] = _BootLog(number)
        self._boots[boot] = known.get(boot) or _BootLog(boot)
        self._latest = NO_BOOT
        for log in known.values():
            log.asked.clear()

    def _take(self, kind: int, boot: int, seq: int, t_s: int, record: bytes) -> None:
        log = self._boots.get(boot)
        if log is None or seq >= lines.LAST_SEQ:
            return
        self._latest = max(self._latest, boot)
        if kind != GAP:
            self._keep(log, seq, seq + 1, record)
            return
        last = int.from_bytes(record[HEADER_SIZE:_GAP_TAIL], "little")
        if last >= lines.LAST_SEQ:
            # Nothing of this boot is left from `seq` on; unless that came out of turn, all before it is here.
            log.closed = log.closed or (seq <= log.seen and not any(first < seq for first, _ in log.missing()))
            return
        try:
            kept = unpack_kept(record[_GAP_TAIL:], boot, t_s)
        except ValueError:
            # A page that the flash has spoiled: nothing of it is left.
            kept = []
        at = seq
        for part in kept:
            _, _, _, part_seq, part_t_s = unpack_from(HEADER, part)
            if not at <= part_seq <= last:
                continue
            self._miss(log, at, part_seq - 1, t_s)
            self._keep(log, part_seq, part_seq + 1, part)
            t_s = part_t_s
            at = part_seq + 1
        self._miss(log, at, last, t_s)

    def _keep(self, log: _BootLog, seq: int, after: int, record: bytes) -> None:
        log.seen = max(log.seen, after)
        if seq >= log.next_seq and seq not in log.ahead:
            log.ahead[seq] = (after, record)

    def _miss(self, log: _BootLog, first: int, last: int, t_s: int) -> None:
        """The board has dropped `first` to `last`: what is not here of them will not come."""
        for start, end in _cut(first, last, list(log.missing()), log.seen):
            self._keep(log, start, end + 1, pack(GAP, NO_CHANNEL, log.number, start, t_s, (end,)))

    def _in_order(self) -> list[bytes]:
        records: list[bytes] = []
        for log in list(islice(self._boots.values(), _BOOTS_AT_ONCE)):
            while log.next_seq in log.ahead:
                log.next_seq, record = log.ahead.pop(log.next_seq)
                records.append(record)
            if len(self._boots) == 1 or not log.closed:
                break
            del self._boots[log.number]
        return records

    def _ask(self, now: float) -> None:
        """Ask for what is missing, and of boots that are over for the rest, unless it was asked for just now."""
        if not self.greeted:
            return
        again_s = max(_ASK_AGAIN_S, _ASK_AGAIN_TRIPS * self._rtt_s)
        asked = 0
        for log in islice(self._boots.values(), _BOOTS_AT_ONCE):
            wanted = list(log.missing()) if log.seen > log.next_seq else []
            if log.number < self._latest and not log.closed:
                wanted.append((log.seen, lines.LAST_SEQ))
            # The board goes through a range from its start: its last seq is what names it.
            log.asked = {last: log.asked[last] for _, last in wanted if last in log.asked}
            due = [r for r in wanted if r[1] not in log.asked or now - log.asked[r[1]] >= again_s]
            for at in range(0, len(due), 2):
                if asked == _LINES_AT_ONCE:
                    return
                asked += 1
                pair = due[at : at + 2]
                for _, last in pair:
                    log.asked[last] = now
                words = [seq for both in pair for seq in both] + [-1, -1] * (2 - len(pair))
                self.lines.append(lines.command_line(0, lines.RESEND, log.number, *words))


def _from(data: bytes, record: bytes) -> int:
    """How many bytes of `data` there are from the last frame of `record` on."""
    return len(data) - data.rfind(cobs.encode(record + crc32(record).to_bytes(4, "little")))


def unpack_kept(tail: bytes, boot: int, t_s: int) -> list[bytes]:
    """The records in the tail of a gap with time `t_s`; ValueError when it is damaged."""
    if not tail:
        return []
    content = tail[_KEPT_SIZE:]
    kept: list[bytes] = unpack_page(content, len(content), boot, int.from_bytes(tail[:_KEPT_SIZE], "little"), t_s)
    return kept


def _cut(first: int, last: int, missing: list[tuple[int, int]], seen: int) -> Iterator[tuple[int, int]]:
    """The parts of `first` to `last` that are missing or beyond what was seen."""
    for start, end in (*missing, (seen, last)):
        if max(start, first) <= min(end, last):
            yield max(start, first), min(end, last)
