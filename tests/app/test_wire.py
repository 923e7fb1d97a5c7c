"""The wire of a whole board with the host's end: gaps, flow control, greetings, a wire that spoils things."""

from random import Random
from struct import unpack_from
from zlib import crc32

import pytest
from cobs import cobs

from turgor.app.app import LOG_BYTES
from turgor.core.rules import DEFAULT_LIMITS
from turgor.link import lines
from turgor.link.lines import UNREAD_LIMIT
from turgor.link.records import ANSWER, GAP, HEADER, LINK_STALLED, NOTICE, pack, unpack
from turgor_host.sim.flash import Flash
from turgor_host.wire import Replica

SECOND_US = 1_000_000
# Between two blocks, which come at the quarters.
LATE_US = 700_000


# Boot, one channel, the limits and the state of the rules.
SETUP_RECORDS = 2 + len(DEFAULT_LIMITS) + 2


def bridges():
    return {"calf_l": (lambda index: 160_000 + index * 7919 % 997,)}


def decoded(sent):
    return cobs.decode(sent)[:-4]


def frame(record):
    """A frame without its end."""
    return cobs.encode(record + crc32(record).to_bytes(4, "little"))


class Host:
    """The host's end: reads all that came, answers, every `every_us`; it has `records` in order."""

    count = 0

    def __init__(self, board, every_us=50_000):
        Host.count += 1
        self.board = board
        self.replica = Replica(Host.count)
        self.records = []
        self.most_unread = 0
        self.commits = False
        self._every_us = every_us
        self.sent_before_greeting = board.serial.written
        self.replica.hello(self.now())
        self.send()

    def now(self):
        return self.board.us / SECOND_US

    def send(self):
        for line in self.replica.lines:
            self.board.say(line)
        self.replica.lines.clear()

    def run(self, until_us, spoil=None):
        board = self.board
        while board.us < until_us:
            board.run(min(until_us, board.us + self._every_us))
            data = board.serial.take()
            self.most_unread = max(self.most_unread, len(data))
            self.records += self.replica.feed(spoil(data) if spoil else data, self.now())
            self.replica.poll(self.now())
            if self.commits and self.records:
                self.replica.tell(board.boot, self.replica.position[1] - 1, self.now())
            self.send()

    def seqs(self):
        """Every sequence number that the records account for, in order."""
        found = []
        for record in self.records:
            kind, _, _, seq, _ = unpack_from(HEADER, record)
            last = unpack(record)[1]["last_seq"] if kind == GAP else seq
            found += range(seq, last + 1)
        return found

    def gaps(self):
        return [
            (header["seq"], body["last_seq"], header["t_s"])
            for header, body, _ in map(unpack, self.records)
            if header["kind"] == "gap"
        ]


def test_by_hand(fake):
    """The answer to the greeting comes first, then the log from its first record on, each as it is in the log."""
    board = fake.Board(bridges())
    host = Host(board)
    host.run(10 * SECOND_US + LATE_US)
    (answer,) = host.replica.answers
    header, body, identity = unpack(answer)
    assert (body["command"], body["status"], identity) == (
        lines.HELLO,
        lines.OK,
        board.identity + b";id=0123456789abcdef",
    )
    assert (header["t_s"], body["t_us"], body["received_us"], body["next_seq"]) == (0, 0, 0, SETUP_RECORDS)
    assert host.records == board.logged()
    assert host.gaps() == []
    assert host.replica.decoder.bad_frames == 0


def test_says_nothing_before_it_is_greeted(fake):
    board = fake.Board(bridges())
    board.run(30 * SECOND_US)
    assert board.serial.written == 0


def test_what_is_no_command_is_answered_by_a_help_text(fake):
    board = fake.Board(bridges())
    for noise in (b"help\r\n", b"\n\n", b"x" * 5000 + b"\n", b"!AAAA\n"):
        board.say(noise)
        board.run(board.us + 2 * SECOND_US)
        assert board.serial.take() == (b"" if noise == b"\n\n" else lines.HELP)


def test_a_full_log_becomes_one_gap_of_exactly_what_was_dropped(fake):
    """The log fills before anybody listens: the gap stands in the place of the dropped records, none is missing."""
    board = fake.Board(bridges())
    board.run(1500 * SECOND_US + LATE_US)
    log = board.app.log
    assert log.used > LOG_BYTES - 300
    kept = board.logged()
    first = unpack(kept[0])[0]
    assert first["t_s"] - 12 < log.dropped_s <= first["t_s"] + 12
    host = Host(board)
    host.run(1510 * SECOND_US + LATE_US)
    # The set-up, which was dropped too, is logged again for the new host and takes a little more room.
    [(start, last, last_s)] = host.gaps()
    again = last + 1 - first["seq"]
    assert start == 0
    assert 0 <= again <= 2 * SETUP_RECORDS
    assert host.records[1 : 1 + len(kept) - again] == kept[again:]
    if again:
        assert last_s == unpack(kept[again - 1])[0]["t_s"]
    assert host.seqs() == list(range(log.next_seq))
    kinds = [unpack(record)[0]["kind"] for record in host.records]
    assert kinds.count("boot") == 1
    assert kinds.count("pressure_channel") == len(board.app.tick.judge.channels)


def test_a_host_that_sleeps_gets_a_gap_and_the_rest(fake):
    """Nobody reads for longer than the log holds; what was on the wire by then is not in the gap."""
    board = fake.Board(bridges())
    host = Host(board)
    host.commits = True
    host.run(20 * SECOND_US + LATE_US)
    log = board.app.log
    committed = log.first_seq
    assert committed > 20
    board.run(1600 * SECOND_US + LATE_US)
    last = log.first_seq - 1
    dropped_s = log.dropped_s
    host.run(1650 * SECOND_US + LATE_US)
    (gap,) = host.gaps()
    assert committed < gap[0] < committed + 60
    # A record or two had to go while the host was greeting.
    assert last <= gap[1] <= last + 8
    assert dropped_s <= gap[2] <= dropped_s + 8
    assert log.dropped == gap[1] + 1 - committed
    assert host.seqs() == list(range(log.next_seq))
    assert host.replica.decoder.bad_frames == 0


def test_what_is_committed_leaves_the_log(fake):
    board = fake.Board(bridges())
    host = Host(board, every_us=250_000)
    host.run(200 * SECOND_US)
    log = board.app.log
    assert log.first_seq == 0
    full = log.used
    host.replica.tell(board.boot, 150)
    host.send()
    board.run(board.us + 100_000)
    assert log.first_seq == 151
    assert log.used < full
    host.commits = True
    host.run(1500 * SECOND_US + LATE_US)
    assert log.used < 500
    assert log.dropped == 0
    assert host.seqs() == list(range(log.next_seq))


def test_a_gap_of_what_another_host_committed_has_its_time(fake):
    """A second host asks for all there is: the gap stands where the committed records were."""
    board = fake.Board(bridges())
    first = Host(board)
    first.commits = True
    first.run(100 * SECOND_US + LATE_US)
    held = board.app.log.first_seq
    newest = unpack(first.records[held - 1])[0]
    assert newest["seq"] == held - 1
    second = Host(board)
    # It has to wait until the first one has been silent for a while.
    second.run(112 * SECOND_US + LATE_US)
    assert second.gaps() == [(0, held - 1, newest["t_s"])]
    assert second.seqs() == list(range(board.app.log.next_seq))


def test_a_commit_of_another_boot_frees_nothing(fake):
    board = fake.Board(bridges())
    board.run(10 * SECOND_US)
    board.say(lines.command_line(0, lines.ACK, 0, board.boot + 1, 5))
    board.run(11 * SECOND_US)
    assert board.app.log.first_seq == 0


def test_unread_bytes_never_exceed_what_is_granted(fake):
    """A host that greets and then neither reads nor says anything; later one that reads in small steps."""
    board = fake.Board(bridges())
    Host(board)
    board.run(600 * SECOND_US)
    # What is left of the grant is for answers.
    assert UNREAD_LIMIT - 512 < len(board.serial.outbox) <= UNREAD_LIMIT - 256
    for chunk in range(1, 40):
        # What was read is said; the board sends at most as much again.
        board.say(lines.command_line(0, lines.ACK, 100 * chunk, -1, -1))
        board.run(board.us + SECOND_US)
        assert board.serial.written - 100 * chunk <= UNREAD_LIMIT
    assert board.serial.written > UNREAD_LIMIT + 39 * 100 - 1024


def test_answers_and_help_texts_are_granted_too(fake):
    """A host that commands and mistypes without ever saying that it read anything."""
    board = fake.Board(bridges())
    Host(board)
    board.run(600 * SECOND_US)
    for id in range(100, 140):
        board.say(lines.command_line(id, lines.DBP, 60000))
        board.run(board.us + SECOND_US)
        board.say(b"what is this\n")
        board.run(board.us + SECOND_US)
        assert len(board.serial.outbox) <= UNREAD_LIMIT


def test_the_host_in_step_is_never_a_window_behind(fake):
    board = fake.Board(bridges(), {"calf_z": lambda n: 1000})
    host = Host(board)
    host.run(300 * SECOND_US + LATE_US)
    assert host.most_unread <= UNREAD_LIMIT
    assert host.seqs() == list(range(board.app.log.next_seq))


def test_a_port_that_takes_little_or_nothing_for_a_while(fake):
    board = fake.Board(bridges())
    board.serial.most = 3
    host = Host(board)
    host.run(30 * SECOND_US)
    board.serial.most = 0
    host.run(40 * SECOND_US)
    board.serial.most = 64
    host.run(60 * SECOND_US + LATE_US)
    assert host.replica.decoder.bad_frames == 0
    assert host.seqs() == list(range(board.app.log.next_seq))


def test_a_second_host_takes_over_with_bytes_of_the_first_still_on_the_wire(fake):
    """The first one greeted, read nothing and went; what it left unread is not the second one's."""
    board = fake.Board(bridges())
    Host(board)
    board.run(60 * SECOND_US)
    assert len(board.serial.outbox) > 1000
    host = Host(board)
    host.run(400 * SECOND_US + LATE_US)
    assert host.seqs() == list(range(board.app.log.next_seq))


def test_while_one_host_is_served_another_is_told(fake):
    board = fake.Board(bridges())
    first = Host(board)
    first.run(20 * SECOND_US)
    second = Replica(host=1000)
    second.hello()
    board.say(second.lines.pop())
    board.run(board.us + 100_000)
    data = board.serial.take()
    second.feed(data)
    _, body, text = unpack(second.answers.pop())
    assert (body["status"], text) == (lines.BUSY, b"another host is served by this board; end its recording first")
    # Nothing has changed for the first one, which may greet anew whenever it likes.
    first.records += first.replica.feed(data, first.now())
    first.replica.hello(first.now())
    first.send()
    first.run(40 * SECOND_US + LATE_US)
    assert first.seqs() == list(range(board.app.log.next_seq))


def test_a_range_alone_is_sent_again(fake):
    board = fake.Board(bridges())
    host = Host(board)
    host.run(20 * SECOND_US + LATE_US)
    log = board.logged()
    board.say(lines.command_line(0, lines.RESEND, board.boot, 12, 14, 20, 20))
    # A range that is asked for twice is sent once.
    board.say(lines.command_line(0, lines.RESEND, board.boot, 12, 14, -1, -1))
    board.run(board.us + 45_000)
    sent = board.serial.take().split(b"\0")[:-1]
    assert sent == [frame(log[seq]) for seq in (12, 13, 14, 20)]


def test_of_an_earlier_boot_nothing_is_left_without_flash(fake):
    board = fake.Board(bridges())
    Host(board).run(20 * SECOND_US + LATE_US)
    board.say(lines.command_line(0, lines.RESEND, board.boot - 1, 12, lines.LAST_SEQ, -1, -1))
    board.run(board.us + 45_000)
    (sent,) = board.serial.take().split(b"\0")[:-1]
    assert sent == frame(pack(GAP, 255, board.boot - 1, 12, 0, (lines.LAST_SEQ,)))


def test_a_ping_is_answered_with_the_times_of_both(fake):
    board = fake.Board(bridges())
    host = Host(board)
    host.run(20 * SECOND_US + 123_456)
    sent = board.serial.written - host.sent_before_greeting
    board.say(lines.command_line(77, lines.PING))
    board.run(board.us + 200_000)
    answer = [record for record in map(decoded, board.serial.take().split(b"\0")[:-1]) if record[0] == ANSWER]
    ((header, body, _),) = map(unpack, answer)
    assert (body["id"], body["command"], body["sent_bytes"]) == (77, lines.PING, sent)
    taken = body["received_s"] * SECOND_US + body["received_us"]
    assert 20 * SECOND_US + 123_456 <= taken <= header["t_s"] * SECOND_US + body["t_us"] < taken + 2000
    assert (body["sent_boot"], body["sent_seq"]) == (board.boot, body["next_seq"])


def test_a_write_that_blocks_is_told_and_nothing_more_is_sent_until_the_host_is_heard(fake):
    board = fake.Board(bridges())
    host = Host(board)
    host.run(20 * SECOND_US + LATE_US)
    write = board.serial.write

    def slow(buffer, at, n):
        board.us += 500_000
        board.serial.write = write
        return write(buffer, at, 10)

    board.serial.write = slow
    board.run(30 * SECOND_US)
    notices = [unpack(record)[1] for record in board.logged() if record[0] == NOTICE]
    assert [(notice["notice"], notice["value"]) for notice in notices] == [(LINK_STALLED, 500)]
    assert len(board.serial.outbox) == 10
    host.run(40 * SECOND_US + LATE_US)
    assert host.seqs() == list(range(board.app.log.next_seq))


def test_a_greeting_in_the_middle_of_a_frame(fake):
    board = fake.Board(bridges())
    board.serial.most = 7
    host = Host(board)
    for second in range(1, 60):
        host.run(second * SECOND_US + 7003 * second)
        host.replica.hello(host.now())
        host.send()
    host.run(70 * SECOND_US + LATE_US)
    assert host.seqs() == list(range(board.app.log.next_seq))


def test_a_greeting_may_ask_for_what_the_board_never_had(fake):
    board = fake.Board(bridges())
    board.run(3 * SECOND_US)
    for boot, seq in ((board.boot, 2**31 - 1), (board.boot, -1), (board.boot + 1, 5)):
        board.say(lines.command_line(9, lines.HELLO, boot, seq))
        board.run(board.us + SECOND_US)
        frames = board.serial.take().split(b"\0")
        assert frame(board.logged()[0]) in frames


def test_no_boot_that_a_header_cannot_name_is_asked_for(fake):
    """A greeting with one begins with all there is, also on a board that keeps pages of earlier boots."""
    for flash in (None, Flash(None, 24)):
        board = fake.Board(bridges(), flash=flash)
        board.run(3 * SECOND_US)
        for boot, seq in ((1 << 16, 0), (2**31 - 1, 5), (-(2**31), 5), (0, -1), (0, -(2**31))):
            board.say(lines.command_line(9, lines.HELLO, boot, seq))
            board.say(lines.command_line(0, lines.RESEND, boot, seq, 2**31 - 1, 0, 0))
            board.run(board.us + SECOND_US)
            assert frame(board.logged()[0]) in board.serial.take().split(b"\0")


@pytest.mark.parametrize("percent", [1, 5])
def test_every_record_comes_through_a_bad_wire(fake, percent):
    """One read in so many loses a byte, doubles a few or flips a bit: what the log held arrives whole."""
    random = Random(percent)

    def spoil(data):
        if not data or random.randrange(100) >= percent:
            return data
        at = random.randrange(len(data))
        fate = random.randrange(3)
        if fate == 0:
            return data[:at] + data[at + 1 :]
        if fate == 1:
            return data[: at + 9] + data[at:]
        return data[:at] + bytes((data[at] ^ 1 << random.randrange(8),)) + data[at + 1 :]

    board = fake.Board(bridges())
    host = Host(board)
    host.run(150 * SECOND_US, spoil)
    host.run(170 * SECOND_US + LATE_US)
    assert host.replica.decoder.bad_frames > 0
    assert host.seqs() == list(range(board.app.log.next_seq))
    assert host.records == board.logged()


def test_bytes_that_come_while_nothing_is_due_are_taken_at_once(fake):
    board = fake.Board(bridges())
    board.run(10_500_000)
    board.say(lines.command_line(1, lines.HELLO, -1, 0))
    board.app.wake(board.app.wire, board.ticks())
    # A line is read in parts.
    board.app.poll(board.ticks())
    board.app.poll(board.ticks())
    assert board.app.wire.greeted


def test_no_command_comes_between_the_slices_of_a_tick(fake):
    """Its record never stands between the readings and the events of one second."""
    board = fake.Board({name: (lambda index: 280_000,) for name in ("calf_l", "calf_r", "forearm_l")})
    board.run(631 * SECOND_US + 999_000)
    assert not board.app.tick.busy
    board.us += 1000
    for id in range(1, 30):
        board.say(lines.command_line(id, lines.DBP, 150_000))
        board.app.poll(board.ticks())
    board.run(633 * SECOND_US)
    order = [unpack(record)[0]["kind"] for record in board.logged() if unpack(record)[0]["t_s"] == 632]
    ticks = "".join({"readings": "r", "event": "e", "command": "c"}.get(kind, "") for kind in order)
    assert "reee" in ticks
    assert "c" in ticks
