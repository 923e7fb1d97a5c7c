"""The host's end of the wire: whatever is dropped, doubled or spoiled, each record comes once and in order."""

import struct
from random import Random

import pytest

from turgor.link.frames import encode
from turgor.link.lines import ACK, COMMAND, COMMAND_SIZE, HELLO, OK, RESEND, read_line
from turgor.link.records import ANSWER, BASELINE, FRAME_LIMIT, GAP, NO_SEQ, RECORD_LIMIT, WIRE_VERSION, pack, unpack
from turgor_host.wire import Replica

BOOT = 3


def frame(record):
    out = bytearray(FRAME_LIMIT)
    n = encode(bytearray(record) + bytes(4), len(record), out)
    return bytes(out[:n])


def numbered(seq, boot=BOOT):
    """Record number `seq`, 21 bytes."""
    return pack(BASELINE, 4, boot, seq, seq, 0, (1, 1000 + seq))


def gap(first, last, boot=BOOT):
    return pack(GAP, 255, boot, first, 0, 0, (last,))


def spoiled(data):
    """A frame with one byte changed (to another than 0)."""
    at = len(data) // 2
    return data[:at] + bytes((data[at] ^ 0x81 or 1,)) + data[at + 1 :]


def said(replica):
    """The lines that wait, as (command, a, b, c), and taken off."""
    found = []
    for line in replica.lines:
        data = bytearray(COMMAND_SIZE + 4)
        assert read_line(line[:-1], len(line) - 1, data)
        _, command, _, _, a, b, c, _, _ = struct.unpack_from(COMMAND, data)
        found.append((command, a, b, c))
    replica.lines.clear()
    return found


def asked(replica):
    return [a for command, a, _, _ in said(replica) if command == RESEND]


def fed(replica, *records):
    return replica.feed(b"".join(frame(record) for record in records))


def test_by_hand():
    """Three records, the second doubled: each comes once; nothing has to be said."""
    replica = Replica()
    records = [numbered(seq) for seq in range(3)]
    assert fed(replica, records[0], records[1], records[1], records[2]) == records
    assert replica.next_seq == 3
    assert said(replica) == []


def test_greets_with_what_it_wants_next():
    replica = Replica()
    first = replica.hello()
    assert said(replica) == [(HELLO, -1, 0, 0)]
    fed(replica, *[numbered(seq) for seq in range(5)])
    assert replica.hello() != first
    assert said(replica) == [(HELLO, BOOT, 5, 0)]


@pytest.mark.parametrize("size", [1, 2, 7, 64, 100000])
def test_the_cut_of_the_stream_does_not_matter(size):
    random = Random(size)
    records = [pack(1, 255, BOOT, seq, 0, 0, (1, 1, 6, 0, seq), random.randbytes(seq)) for seq in range(200)]
    stream = b"".join(frame(record) for record in records)
    replica = Replica()
    got = []
    for at in range(0, len(stream), size):
        got += replica.feed(stream[at : at + size])
    assert got == records
    assert replica.bad_frames == 0


def test_the_longest_record_comes_through():
    record = pack(1, 255, BOOT, 0, 0, 0, (1, 1, 6, 0, 1), b"\x01" * (RECORD_LIMIT - 28))
    assert len(record) == RECORD_LIMIT
    assert fed(Replica(), record) == [record]


def test_a_dropped_record_is_asked_for_once_and_the_rest_waits():
    replica = Replica()
    assert fed(replica, numbered(0), numbered(2), numbered(3)) == [numbered(0)]
    assert asked(replica) == [1]
    assert fed(replica, numbered(4), numbered(5)) == []
    assert asked(replica) == []
    # The board goes back to it.
    assert fed(replica, *[numbered(seq) for seq in range(1, 8)]) == [numbered(seq) for seq in range(1, 8)]
    assert asked(replica) == []
    # The same can happen to the next one.
    fed(replica, numbered(9))
    assert asked(replica) == [8]


def test_a_spoiled_frame_is_counted_and_asked_for():
    replica = Replica()
    assert replica.feed(frame(numbered(0)) + spoiled(frame(numbered(1))) + frame(numbered(2))) == [numbered(0)]
    assert replica.bad_frames == 1
    assert asked(replica) == [1]


def test_two_frames_run_into_one_are_asked_for():
    replica = Replica()
    fed(replica, numbered(0))
    assert replica.feed(frame(numbered(1))[:-1] + frame(numbered(2)) + frame(numbered(3))) == []
    assert asked(replica) == [1]


def test_a_record_lost_twice_is_asked_for_again():
    """The board went back to record 1 and that was lost too: without another question it would never come."""
    replica = Replica()
    fed(replica, *[numbered(seq) for seq in (0, 2, 3)])
    assert asked(replica) == [1]
    again = []
    # The second round lacks record 1 as well; what comes after it fills the wire more than twice.
    for seq in range(2, 150):
        fed(replica, numbered(seq))
        again += asked(replica)
    assert again[:1] == [1]
    # Not for every frame either: what was on its way when it asked still comes.
    assert len(again) <= 4


def test_a_question_that_got_lost_is_asked_again():
    replica = Replica()
    fed(replica, numbered(0))
    again = []
    for seq in range(2, 150):
        fed(replica, numbered(seq))
        again += asked(replica)
    assert again[0] == 1
    assert 2 <= len(again) <= 5


def test_a_gap_stands_for_its_records():
    replica = Replica()
    stream = [numbered(0), gap(1, 9), numbered(10)]
    assert fed(replica, *stream) == stream
    assert fed(replica, numbered(5), gap(1, 9)) == []
    assert said(replica) == []
    assert replica.next_seq == 11


def test_a_new_boot_begins_at_its_oldest_record():
    replica = Replica()
    fed(replica, *[numbered(seq) for seq in range(4)])
    again = [numbered(seq, BOOT + 1) for seq in range(3)]
    assert fed(replica, *again) == again
    assert (replica.boot, replica.next_seq) == (BOOT + 1, 3)


def test_a_new_boot_may_begin_with_a_gap():
    replica = Replica()
    fed(replica, *[numbered(seq) for seq in range(4)])
    again = [gap(0, 20, BOOT + 1), numbered(21, BOOT + 1)]
    assert fed(replica, *again) == again


def test_a_new_boot_heard_in_the_middle_is_asked_from_the_start():
    replica = Replica()
    fed(replica, *[numbered(seq) for seq in range(4)])
    assert fed(replica, numbered(7, BOOT + 1), numbered(8, BOOT + 1)) == []
    assert asked(replica) == [0]
    assert fed(replica, numbered(0, BOOT + 1)) == [numbered(0, BOOT + 1)]


def test_answers_go_apart():
    replica = Replica()
    answer = pack(ANSWER, 255, BOOT, NO_SEQ, 5, 6, (99, HELLO, OK, WIRE_VERSION, 12), b"version=x")
    assert fed(replica, numbered(0), answer, numbered(1)) == [numbered(0), numbered(1)]
    assert replica.answers == [answer]
    assert unpack(answer)[1]["id"] == 99


def test_what_comes_before_the_first_frame_is_no_record_and_is_kept_as_text():
    replica = Replica()
    assert replica.feed(b"rst:0x1 (POWERON_RESET)\r\nboot\r\n\0" + frame(numbered(0))) == [numbered(0)]
    assert b"POWERON_RESET" in replica.text
    replica.feed(b"MicroPython v1.28\r\n>>> " * 100)
    assert b">>>" in replica.text + replica.pending


def test_tells_what_it_has_read_every_512_bytes():
    replica = Replica()
    replica.hello()
    said(replica)
    total = 0
    told = []
    while total < 4000:
        replica.feed(b"\x01" * 50)
        total += 50
        for command, a, b, c in said(replica):
            assert (command, b, c) == (ACK, -1, -1)
            told.append(a)
    assert told == [550 * n for n in range(1, 8)]
    replica.tell(BOOT, 41)
    assert said(replica) == [(ACK, total, BOOT, 41)]


@pytest.mark.parametrize("percent", [1, 10, 30])
def test_every_record_comes_through_a_bad_wire(percent):
    """A board that answers each question, over a wire that drops, doubles and spoils frames and drops lines."""
    random = Random(percent)
    replica = Replica()
    records = [numbered(seq) for seq in range(400)]
    got = []
    at = 0
    frames = 0
    while len(got) < len(records):
        frames += 1
        assert frames < 400 * 40, f"stuck after {len(got)} records"
        # When all is sent the board goes on with what it logs meanwhile: the last one stands for that.
        data = frame(records[at] if at < len(records) else numbered(at))
        at += 1
        fate = random.randrange(100)
        if fate >= percent:
            got += replica.feed(data)
        elif fate % 3 == 0:
            got += replica.feed(data + data)
        elif fate % 3 == 1:
            got += replica.feed(spoiled(data))
        for seq in asked(replica):
            if random.randrange(100) >= percent:
                at = seq
        got = got[: len(records)]
    assert got == records
