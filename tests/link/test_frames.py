"""Frames: the CRC against zlib, the stuffing against the `cobs` package."""

import zlib
from random import Random

import pytest
from cobs import cobs as reference
from hypothesis import given, settings
from hypothesis import strategies as st

from turgor.link.frames import CRC_TABLE, cobs, crc_append, crc_fits, encode
from turgor.link.records import FRAME_LIMIT, RECORD_LIMIT


def crc(data):
    buffer = bytearray(data) + bytes(4)
    crc_append(buffer, len(data), CRC_TABLE)
    assert buffer[: len(data)] == data
    return int.from_bytes(buffer[len(data) :], "little")


def stuffed(data):
    """What `cobs` makes of `data`; it may not write beyond what it says."""
    out = bytearray(b"\xa5" * 300)
    n = cobs(data, len(data), out)
    assert out[n:] == b"\xa5" * (300 - n)
    return bytes(out[:n])


def test_by_hand():
    """The check value of CRC-32; 11 22 00 33 becomes 03 11 22 02 33 00."""
    assert crc(b"123456789") == 0xCBF43926
    assert stuffed(bytes.fromhex("11 22 00 33")) == bytes.fromhex("03 11 22 02 33 00")
    assert stuffed(b"") == b"\x01\x00"


@given(st.binary(max_size=300))
def test_crc_is_zlibs(data):
    assert crc(data) == zlib.crc32(data)


@pytest.mark.parametrize("fill", [b"\x00", b"\x01", b"\xff", b"\x01\x00", b"\x00\x01", b"\x01\x02\x03\x00"])
def test_stuffing_is_the_cobs_packages_at_every_length(fill):
    # 254 is the longest run, 255 and 256 go beyond what a record needs.
    for n in range(257):
        data = (fill * 257)[:n]
        assert stuffed(data) == reference.encode(data) + b"\0"


def test_stuffing_with_one_zero_anywhere():
    for n in (1, 2, 253, 254, 255, 256):
        for at in range(n):
            data = b"\x07" * at + b"\0" + b"\x07" * (n - at - 1)
            assert stuffed(data) == reference.encode(data) + b"\0"


@given(st.lists(st.sampled_from([0, 0, 1, 255]) | st.integers(0, 255), max_size=256))
@settings(deadline=None)
def test_stuffing_is_the_cobs_packages(values):
    data = bytes(values)
    assert stuffed(data) == reference.encode(data) + b"\0"
    assert reference.decode(stuffed(data)[:-1]) == data


def test_the_longest_record_fits_a_frame():
    random = Random(1)
    longest = 0
    for fill in (b"\x01", b"\x00", b"\xff", *[random.randbytes(RECORD_LIMIT) for _ in range(300)]):
        record = bytearray((fill * RECORD_LIMIT)[:RECORD_LIMIT]) + bytes(4)
        frame = bytearray(FRAME_LIMIT)
        n = encode(record, RECORD_LIMIT, frame)
        longest = max(longest, n)
        assert frame.index(0) == n - 1
        assert reference.decode(bytes(frame[: n - 1])) == record
    assert longest <= FRAME_LIMIT


@given(st.binary(min_size=1, max_size=60), st.data())
def test_a_spoiled_byte_is_found(data, draw):
    buffer = bytearray(data) + zlib.crc32(data).to_bytes(4, "little")
    assert crc_fits(bytearray(buffer), len(data))
    at = draw.draw(st.integers(0, len(buffer) - 1))
    buffer[at] ^= draw.draw(st.integers(1, 255))
    assert not crc_fits(buffer, len(data))
