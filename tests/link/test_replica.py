"""The host's end of the wire: whatever is dropped, doubled or spoiled, each record comes once and in order."""

import struct
from random import Random

import pytest

from turgor.link.frames import encode
from turgor.link.lines import ACK, BUSY, COMMAND, COMMAND_SIZE, DBP, HELLO, LAST_SEQ, OK, PING, RESEND, read_line
from turgor.link.pages import PagePacker
from turgor.link.records import (
    ANSWER,
    BASELINE,
    FRAME_LIMIT,
    GAP,
    HEADER_SIZE,
    NO_SEQ,
    RECORD_LIMIT,
    WIRE_VERSION,
    pack,
    unpack,
)
from turgor_host.wire import Replica

BOOT = 3


def frame(record):
    out = bytearray(FRAME_LIMIT)
    n = encode(bytearray(record) + bytes(4), len(record), out)
    return bytes(out[:n])


def numbered(seq, boot=BOOT):
    """Record number `seq`, 17 bytes."""
    return pack(BASELINE, 4, boot, seq, seq, (1, 1000 + seq))


def gap(first, last, boot=BOOT, kept=b"", t_s=0):
    return pack(GAP, 255, boot, first, t_s, (last,), kept)


def answer(id, command=HELLO, boot=BOOT, sent_boot=None, sent_seq=0, sent_bytes=0, status=OK, t_s=5, log_seq=LAST_SEQ):
    body = (
        id,
        command,
        status,
        WIRE_VERSION,
        log_seq,
        boot if sent_boot is None else sent_boot,
        sent_seq,
        sent_bytes,
        6,
        t_s,
        5,
    )
    return pack(ANSWER, 255, boot, NO_SEQ, t_s, body, b"version=x")


def greeted(boot=BOOT, oldest=None, now=0.0, **begin):
    """A replica whose greeting was answered by a board in `boot` that sends from boot `oldest` on."""
    replica = Replica(77, **begin)
    replica.hello(now)
    (line,) = said(replica)
    assert line[0] == HELLO
    replica.feed(frame(answer(ids[-1], boot=boot, sent_boot=oldest)), now)
    replica.answers.clear()
    replica.exchanges.clear()
    said(replica)
    return replica


def spoiled(data):
    """A frame with one byte changed (to another than 0)."""
    at = len(data) // 2
    return data[:at] + bytes((data[at] ^ 0x81 or 1,)) + data[at + 1 :]


ids = []
last_id = {}


def said(replica):
    """The lines that wait, as (command, a, b, c, d, e), and taken off; their ids go to `ids` and `last_id`."""
    found = []
    for line in replica.lines:
        data = bytearray(COMMAND_SIZE + 4)
        assert read_line(line[:-1], len(line) - 1, data)
        id, command, _, _, a, b, c, d, e = struct.unpack_from(COMMAND, data)
        ids.append(id)
        last_id[command] = id
        found.append((command, a, b, c, d, e))
    replica.lines.clear()
    return found


def asked(replica):
    """The ranges that the replica asks for, as (first, last)."""
    pairs = [pair for command, _, b, c, d, e in said(replica) if command == RESEND for pair in ((b, c), (d, e))]
    return [pair for pair in pairs if pair[0] >= 0]


def fed(replica, *records):
    return replica.feed(b"".join(frame(record) for record in records))


def test_by_hand():
    """Three records, the second doubled: each comes once; nothing has to be said."""
    replica = greeted()
    records = [numbered(seq) for seq in range(3)]
    assert fed(replica, records[0], records[1], records[1], records[2]) == records
    assert replica.position == (BOOT, 3)
    assert said(replica) == []


def test_greets_with_what_it_wants_next():
    replica = Replica(77)
    replica.hello()
    assert said(replica) == [(HELLO, -1, 0, 77, 0, 0)]
    fed(replica, answer(ids[-1]), *[numbered(seq) for seq in range(5)])
    first = ids[-1]
    replica.hello()
    assert said(replica) == [(HELLO, BOOT, 5, 77, 0, 0)]
    assert ids[-1] != first
    resumed = Replica(78, boot=2, next_seq=9)
    resumed.hello()
    assert said(resumed) == [(HELLO, 2, 9, 78, 0, 0)]


def test_takes_nothing_before_its_greeting_is_answered():
    replica = Replica(77)
    replica.hello()
    assert fed(replica, numbered(0), answer(12345), numbered(1)) == []
    assert replica.answers == []
    said(replica)
    assert fed(replica, answer(ids[-1]), numbered(0)) == [numbered(0)]


def test_greets_again_until_it_is_answered_and_when_it_becomes_silent():
    replica = Replica(77)
    replica.hello(0.0)
    said(replica)
    greetings = []
    for tenth in range(1, 25):
        replica.poll(tenth / 10)
        greetings += [tenth / 10 for command, *_ in said(replica) if command == HELLO]
    assert greetings == [0.5, 1.0, 1.5, 2.0]
    # An answer to any of them does.
    replica.feed(frame(answer(ids[-2])), 20.0)
    assert replica.greeted
    replica.feed(frame(numbered(0)), 21.0)
    replica.poll(22.9)
    assert HELLO not in [command for command, *_ in said(replica)]
    replica.poll(23.1)
    assert (HELLO, BOOT, 1, 77, 0, 0) in said(replica)


def test_pings_every_second_and_keeps_the_times():
    replica = greeted(now=99.9)
    replica.poll(100.0)
    replica.poll(100.5)
    found = said(replica)
    assert [command for command, *_ in found if command == PING] == [PING]
    replica.feed(frame(answer(last_id[PING], PING, t_s=70)), 100.7)
    (exchange,) = replica.exchanges
    assert exchange == pytest.approx((100.0, 70.000005, 70.000006, 100.7))
    # The same answer once more is none.
    replica.feed(frame(answer(last_id[PING], PING, t_s=70)), 100.8)
    assert len(replica.exchanges) == 1


@pytest.mark.parametrize("size", [1, 2, 7, 64, 100000])
def test_the_cut_of_the_stream_does_not_matter(size):
    random = Random(size)
    records = [pack(1, 255, BOOT, seq, 0, (1, 1, 6, 0, seq), random.randbytes(seq)) for seq in range(200)]
    stream = b"".join(frame(record) for record in records)
    replica = greeted()
    got = []
    for at in range(0, len(stream), size):
        got += replica.feed(stream[at : at + size])
    assert got == records
    assert replica.decoder.bad_frames == 0


def test_the_longest_record_comes_through():
    record = pack(1, 255, BOOT, 0, 0, (1, 1, 6, 0, 1), b"\x01" * (RECORD_LIMIT - 24))
    assert len(record) == RECORD_LIMIT
    assert fed(greeted(), record) == [record]


def test_a_dropped_record_alone_is_asked_for_and_the_rest_is_kept():
    replica = greeted()
    assert fed(replica, numbered(0), numbered(2), numbered(3)) == [numbered(0)]
    assert asked(replica) == [(1, 1)]
    assert fed(replica, numbered(4), numbered(6)) == []
    assert asked(replica) == [(5, 5)]
    assert fed(replica, numbered(1)) == [numbered(seq) for seq in range(1, 5)]
    assert fed(replica, numbered(5)) == [numbered(5), numbered(6)]
    assert asked(replica) == []


def test_what_is_still_missing_is_asked_for_again_in_time():
    replica = greeted()
    replica.feed(b"".join(map(frame, (numbered(0), numbered(2), numbered(4)))), 1.0)
    assert asked(replica) == [(1, 1), (3, 3)]
    replica.poll(1.1)
    assert asked(replica) == []
    replica.feed(frame(numbered(1)), 1.12)
    replica.poll(1.2)
    assert asked(replica) == [(3, 3)]


def test_what_was_sent_last_and_lost_is_known_from_an_answer():
    replica = greeted(now=4.9)
    replica.feed(frame(numbered(0)), 4.9)
    replica.poll(5.0)
    said(replica)
    replica.feed(frame(answer(last_id[PING], PING, sent_seq=3)), 5.1)
    assert asked(replica) == [(1, 2)]


def test_lost_and_doubled_bytes_do_not_narrow_the_grant():
    """What the board says it sent is what counts as read."""
    replica = greeted(now=4.9)
    replica.poll(5.0)
    said(replica)
    reply = frame(answer(last_id[PING], PING, sent_bytes=5000))
    replica.feed(frame(numbered(0)) + reply + b"abc", 5.1)
    replica.tell()
    (ack,) = [line for line in said(replica) if line[0] == ACK][-1:]
    assert ack[1] == 5000 + len(reply) + 3


def test_a_spoiled_frame_is_counted_and_asked_for():
    replica = greeted()
    assert replica.feed(frame(numbered(0)) + spoiled(frame(numbered(1))) + frame(numbered(2))) == [numbered(0)]
    assert replica.decoder.bad_frames == 1
    assert asked(replica) == [(1, 1)]


def test_two_frames_run_into_one_are_asked_for():
    replica = greeted()
    fed(replica, numbered(0))
    assert replica.feed(frame(numbered(1))[:-1] + frame(numbered(2)) + frame(numbered(3))) == []
    assert asked(replica) == [(1, 2)]


def test_a_gap_stands_for_its_records():
    replica = greeted()
    stream = [numbered(0), gap(1, 9), numbered(10)]
    assert fed(replica, *stream) == stream
    assert fed(replica, numbered(5), gap(1, 9)) == []
    assert said(replica) == []
    assert replica.position == (BOOT, 11)


def test_of_a_gap_only_what_is_not_here_is_missing():
    """The board has dropped 1 to 9 meanwhile; 3, 4 and 7 had come before."""
    replica = greeted()
    fed(replica, numbered(0), numbered(3), numbered(4), numbered(7))
    got = fed(replica, gap(1, 9), numbered(10))
    expected = [gap(1, 2), numbered(3), numbered(4), gap(5, 6), numbered(7), gap(8, 9), numbered(10)]
    assert [(record[0], unpack(record)[0]["seq"]) for record in got] == [(r[0], unpack(r)[0]["seq"]) for r in expected]
    assert [record for record in got if record[0] == GAP] == [gap(1, 2), gap(5, 6), gap(8, 9)]


def test_of_a_gap_what_was_kept_comes_too():
    packer = PagePacker(228)
    packer.start()
    for seq in (2, 3, 7):
        record = bytearray(numbered(seq)) + bytes(8)
        assert packer.add(record, len(record) - 8)
    kept = struct.pack("<I", packer.first_seq) + bytes(packer.content[: packer.size])
    replica = greeted()
    got = fed(replica, numbered(0), gap(1, 9, kept=kept, t_s=packer.first_t_s), numbered(10))
    seqs = [(record[0] == GAP, unpack(record)[0]["seq"]) for record in got]
    assert seqs == [(False, 0), (True, 1), (False, 2), (False, 3), (True, 4), (False, 7), (True, 8), (False, 10)]
    assert [record for record in got if record[0] != GAP] == [numbered(seq) for seq in (0, 2, 3, 7, 10)]


def test_a_spoiled_page_is_a_gap():
    assert fed(greeted(), gap(0, 9, kept=b"\xff" * 30), numbered(10)) == [gap(0, 9), numbered(10)]


def test_the_boot_before_is_asked_for_its_end_before_the_new_one_begins():
    """The board restarted; of the old boot there may be more on its flash."""
    replica = greeted()
    fed(replica, *[numbered(seq) for seq in range(4)])
    replica.hello()
    assert said(replica) == [(HELLO, BOOT, 4, 77, 0, 0)]
    new = [numbered(seq, BOOT + 1) for seq in range(3)]
    assert fed(replica, answer(ids[-1], boot=BOOT + 1), *new) == []
    assert asked(replica) == [(4, LAST_SEQ)]
    assert fed(replica, gap(4, 9), gap(10, LAST_SEQ)) == [gap(4, 9), *new]
    assert replica.position == (BOOT + 1, 3)
    assert asked(replica) == []


def test_a_board_that_started_anew_without_a_silence_is_greeted():
    """It answers a ping with another boot and has not heard of this host."""
    replica = greeted(now=9.9)
    fed(replica, numbered(0))
    replica.poll(10.0)
    said(replica)
    replica.feed(frame(answer(last_id[PING], PING, boot=BOOT + 1)), 10.1)
    assert (HELLO, BOOT, 1, 77, 0, 0) in said(replica)
    assert replica.exchanges == []
    assert fed(replica, answer(ids[-1], boot=BOOT + 1), gap(1, LAST_SEQ), numbered(0, BOOT + 1)) == [
        numbered(0, BOOT + 1)
    ]


def test_boots_in_between_are_asked_for_too():
    replica = greeted(boot=9, oldest=7)
    new = [numbered(seq, 9) for seq in range(2)]
    assert fed(replica, *new) == []
    ranges = [(a, b, c) for command, a, b, c, *_ in said(replica) if command == RESEND]
    assert ranges == [(7, 0, LAST_SEQ), (8, 0, LAST_SEQ)]
    # An end that a lost page should stand before is no end.
    assert fed(replica, gap(5, LAST_SEQ, 7), gap(0, LAST_SEQ, 8)) == []
    assert fed(replica, numbered(0, 7), gap(1, LAST_SEQ, 7)) == [numbered(0, 7), *new]


def test_a_new_boot_may_begin_with_a_gap():
    again = [gap(0, 20), numbered(21)]
    assert fed(greeted(), *again) == again


def test_a_number_that_no_board_counts_to_is_asked_for_no_more_than_a_line_can_say():
    """A CRC may fit rubbish: what a record or an answer of such a number leads to is at most a question."""
    replica = greeted()
    assert fed(replica, numbered(LAST_SEQ), gap(0xFFFFFFF0, 0xFFFFFFF5), gap(0xFFFFFFFE, 0xFFFFFFFE)) == []
    assert asked(replica) == []
    replica.hello()
    said(replica)
    assert fed(replica, answer(last_id[HELLO], sent_seq=0xFFFFFFFF)) == []
    assert asked(replica) == [(0, LAST_SEQ - 1)]
    assert fed(replica, numbered(0)) == [numbered(0)]


def test_answers_to_commands_go_apart():
    replica = greeted()
    reply = answer(99, DBP)
    assert fed(replica, numbered(0), reply, numbered(1)) == [numbered(0), numbered(1)]
    assert replica.answers == [reply]


def test_an_answer_too_short_to_be_one_is_none():
    replica = greeted()
    for size in range(len(answer(1))):
        fed(replica, answer(ids[-1])[: max(size, 12)])
    assert replica.answers == []
    assert replica.greeted


def test_a_board_that_serves_another_host_is_not_greeted():
    replica = Replica(77)
    replica.hello()
    said(replica)
    busy = answer(ids[-1], status=BUSY)
    assert fed(replica, busy, numbered(0)) == []
    assert replica.answers == [busy]
    assert not replica.greeted
    # Anything but a greeting would be taken for that host's, and keep it alive.
    replica.tell(BOOT, 0, 1.0)
    replica.feed(b"\x01" * 2000, 1.0)
    assert said(replica) == []
    replica.poll(9.0)
    assert [command for command, *_ in said(replica)] == [HELLO]


def test_what_another_host_was_answered_is_no_answer_to_this_one():
    first, second = Replica(77), Replica(78)
    first.hello()
    said(first)
    old = answer(ids[-1])
    second.hello()
    said(second)
    assert fed(second, old, numbered(0)) == []
    assert not second.greeted
    assert second.answers == []
    assert fed(second, answer(ids[-1]), numbered(0)) == [numbered(0)]


def test_a_board_of_another_version_is_told_by_the_start_of_its_answer():
    replica = Replica(77)
    replica.hello()
    said(replica)
    body = struct.pack("<IBBH", ids[-1], HELLO, OK, WIRE_VERSION + 1) + b"whatever that version says"
    other = pack(ANSWER, 255, BOOT, NO_SEQ, 5, (0,) * 11)[:HEADER_SIZE] + body
    assert fed(replica, other, numbered(0)) == []
    assert replica.wire_version == WIRE_VERSION + 1
    assert not replica.greeted


def test_what_comes_before_the_first_frame_is_no_record_and_is_kept_as_text():
    replica = greeted()
    assert replica.feed(b"rst:0x1 (POWERON_RESET)\r\nboot\r\n\0" + frame(numbered(0))) == [numbered(0)]
    assert b"POWERON_RESET" in replica.decoder.text
    replica.feed(b"MicroPython v1.28\r\n>>> " * 100)
    assert b">>>" in replica.decoder.text + replica.decoder.pending
    # Greeted again, it is still known what had come.
    replica.hello(9.0)
    assert b">>>" in replica.decoder.text + replica.decoder.pending


def test_tells_what_it_has_read_every_512_bytes_and_after_a_while():
    replica = greeted()
    replica.feed(b"\x01" * 400, 1.0)
    assert said(replica) == []
    replica.poll(1.3)
    base = said(replica)[-1][1]
    total = 0
    told = []
    while total < 4000:
        replica.feed(b"\x01" * 50, 1.3)
        total += 50
        told += [a - base for command, a, *_ in said(replica) if command == ACK]
    assert told == [550 * n for n in range(1, 8)]
    replica.tell(BOOT, 41)
    assert said(replica) == [(ACK, base + total, BOOT, 41, 0, 0)]


@pytest.mark.parametrize("percent", [1, 10, 30])
def test_every_record_comes_through_a_bad_wire(percent):
    """A board that answers each question, over a wire that drops, doubles and spoils frames and drops lines."""
    random = Random(percent)
    replica = greeted()
    records = [numbered(seq) for seq in range(400)]
    got = []
    at = 0
    again = []
    frames = 0
    while len(got) < len(records):
        frames += 1
        assert frames < 400 * 40, f"stuck after {len(got)} records"
        # When all is sent the board goes on with what it logs meanwhile: the last one stands for that.
        if again:
            seq = again.pop(0)
        else:
            seq = at
            at += 1
        data = frame(records[seq] if seq < len(records) else numbered(seq))
        fate = random.randrange(100)
        now = frames / 100
        if fate >= percent:
            got += replica.feed(data, now)
        elif fate % 3 == 0:
            got += replica.feed(data + data, now)
        elif fate % 3 == 1:
            got += replica.feed(spoiled(data), now)
        for first, last in asked(replica):
            if random.randrange(100) >= percent:
                again += range(first, last + 1)
        got = got[: len(records)]
    assert got == records


@pytest.mark.parametrize("log_seq", [4, 5])
def test_a_log_that_is_shorter_than_what_came_of_it_is_another_one(log_seq):
    replica = greeted()
    fed(replica, *[numbered(seq) for seq in range(5)])
    replica.poll(1.0)
    assert PING in [line[0] for line in said(replica)]
    replica.feed(frame(answer(last_id[PING], PING, log_seq=log_seq)), 1.0)
    assert ((HELLO, BOOT, 5, 77, 0, 0) in said(replica)) == (log_seq < 5)


def test_a_greeting_finds_another_log_under_the_same_number():
    replica = Replica(77, BOOT, 5)
    replica.hello(0.0)
    said(replica)
    replica.feed(frame(answer(ids[-1], log_seq=4)), 0.0)
    assert replica.begun_anew
    assert not replica.greeted
    # Whose log it is, the answer says: perhaps that of another board.
    assert len(replica.answers) == 1
