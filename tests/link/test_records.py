"""The record table: every row packs and unpacks, and fits a frame."""

import struct
from random import Random

import pytest

from turgor.link.records import (
    FRAME_LIMIT,
    GAP,
    HEADER,
    HEADER_SIZE,
    READING,
    READING_FIELDS,
    READING_SIZE,
    READINGS,
    RECORD_LIMIT,
    RECORDS,
    pack,
    pack_header,
    row,
    unpack,
    unpack_readings,
)

NAMES = [entry[1] for entry in RECORDS]
LIMITS = {"B": (0, 2**8 - 1), "H": (0, 2**16 - 1), "I": (0, 2**32 - 1), "Q": (0, 2**64 - 1), "i": (-(2**31), 2**31 - 1)}


def letters(fmt):
    """The letter of each field of a struct format without counts."""
    assert fmt[0] == "<"
    return fmt[1:]


def test_by_hand():
    """The gap of records 5 to 9 of boot 2, told at 3 s."""
    record = bytes.fromhex("0a ff 0200 05000000 03000000 09000000")
    assert pack(GAP, 255, 2, 5, 3, (9,)) == record
    header = {"kind": "gap", "channel": 255, "boot": 2, "seq": 5, "t_s": 3}
    assert unpack(record) == (header, {"last_seq": 9}, b"")


def test_kinds_and_names_are_one_each():
    assert len({entry[0] for entry in RECORDS}) == len(RECORDS)
    assert len(set(NAMES)) == len(RECORDS)
    assert struct.calcsize(HEADER) == HEADER_SIZE
    assert struct.calcsize(READING) == READING_SIZE
    assert len(letters(READING)) == len(READING_FIELDS)


@pytest.mark.parametrize("name", NAMES)
def test_a_row_is_whole(name):
    kind, _, fmt, fields, _ = row(name)
    assert row(kind) is row(name)
    assert len(letters(fmt)) == len(fields) == len(set(fields))
    assert HEADER_SIZE + struct.calcsize(fmt) <= RECORD_LIMIT


@pytest.mark.parametrize("name", NAMES)
def test_packs_and_unpacks(name):
    kind, _, fmt, fields, tail_name = row(name)
    random = Random(kind)
    for pick in (min, max, *[lambda limits: random.randint(*limits)] * 40):
        values = [pick(LIMITS[letter]) for letter in letters(fmt)]
        header = [pick(LIMITS[letter]) for letter in letters(HEADER)[1:]]
        room = RECORD_LIMIT - HEADER_SIZE - struct.calcsize(fmt)
        tail = random.randbytes(random.choice([0, 1, room])) if tail_name else b""
        record = pack(kind, *header, values, tail)
        assert len(record) <= RECORD_LIMIT
        got_header, body, got_tail = unpack(record)
        assert got_header == dict(zip(("kind", "channel", "boot", "seq", "t_s"), (name, *header), strict=True))
        assert body == dict(zip(fields, values, strict=True))
        assert got_tail == tail


@pytest.mark.parametrize("name", NAMES)
def test_a_wrong_length_is_refused(name):
    kind, _, fmt, _, tail_name = row(name)
    record = pack(kind, 0, 0, 0, 0, [0] * len(letters(fmt)))
    for n in range(len(record)):
        with pytest.raises(ValueError, match=r"shorter than its header|wrong length"):
            unpack(record[:n])
    if not tail_name:
        with pytest.raises(ValueError, match=f"a {name} record of {len(record) + 1} bytes has the wrong length"):
            unpack(record + b"\0")


def test_an_unknown_kind_is_refused():
    with pytest.raises(ValueError, match="no record kind 99"):
        unpack(bytes([99]) + bytes(40))


def test_headers_are_written_in_place():
    buffer = bytearray(b"\xaa" * 16)
    pack_header(buffer, GAP, 255, 2, 5, 3)
    assert bytes(buffer) == pack(GAP, 255, 2, 5, 3, (9,))[:HEADER_SIZE] + b"\xaa" * 4


def test_readings_of_all_channels_fit_and_unpack():
    entries = [(channel, 15, 2**32 - 1 - channel, -(2**28), 2**28) for channel in range(15)]
    tail = b"".join(struct.pack(READING, *entry) for entry in entries)
    assert len(pack(READINGS, 255, 0, 0, 0, (-1, 65535, 0), tail)) <= RECORD_LIMIT < FRAME_LIMIT
    assert [tuple(found[field] for field in READING_FIELDS) for found in unpack_readings(tail)] == entries
    with pytest.raises(ValueError, match="a readings tail of 13 bytes is not whole entries"):
        unpack_readings(tail[:13])
