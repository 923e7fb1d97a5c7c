"""The host's decoder against the plainest one: every cut of the stream, whatever stands in it."""

import zlib
from random import Random

import pytest
from cobs import cobs
from hypothesis import given
from hypothesis import strategies as st
from wire_stream import frame, random_record, record

from turgor.link.records import BASELINE, FRAME_LIMIT, HEADER_SIZE, RECORD_LIMIT
from turgor_host import decoder
from turgor_host.decoder import Decoder


def plain(stream):
    """The records of a stream: split, unstuffed, compared with their CRC."""
    found = []
    for part in stream.split(b"\0")[:-1]:
        try:
            data = cobs.decode(part)
        except cobs.DecodeError:
            continue
        if len(data) >= HEADER_SIZE + 4 and zlib.crc32(data[:-4]) == int.from_bytes(data[-4:], "little"):
            found.append(data[:-4])
    return found


def test_by_hand():
    """Two whole frames around a spoiled one, which is counted and kept as text."""
    first, second = (record(BASELINE, seq, b"\x01\x00\x02") for seq in (0, 1))
    spoiled = frame(second)[:-2] + b"\x7f\0"
    decoder = Decoder()
    assert decoder.feed(frame(first) + spoiled + frame(second)) == [first, second]
    assert (decoder.bad_frames, decoder.text, decoder.pending) == (1, spoiled[:-1], b"")


@pytest.mark.parametrize("size", [1, 2, 7, 64, 4096])
def test_the_cut_of_the_stream_does_not_matter(size):
    random = Random(size)
    records = [random_record(random, seq) for seq in range(300)]
    stream = b"".join(map(frame, records))
    decoder = Decoder()
    found = []
    for at in range(0, len(stream), size):
        found += decoder.feed(stream[at : at + size])
    assert found == records
    assert decoder.bad_frames == 0


def test_every_length_of_a_record():
    for size in range(HEADER_SIZE, RECORD_LIMIT + 1):
        for fill in (b"\0", b"\1", b"\xff"):
            assert Decoder().feed(frame(fill * size)) == [fill * size]


def test_what_is_shorter_than_a_header_is_no_record_though_its_crc_is_right():
    good = record(BASELINE, 0, b"\x01\x00\x02")
    for size in range(HEADER_SIZE):
        decoder = Decoder()
        assert decoder.feed(frame(good) + frame(good[:size])) == [good]
        assert decoder.bad_frames == 1


def test_zeros_between_frames_are_nothing():
    good = record(BASELINE, 0, b"\x01\x00\x02")
    decoder = Decoder()
    assert decoder.feed(b"\0\0" + frame(good) + b"\0" + frame(good) + b"\0") == [good, good]
    assert (decoder.bad_frames, decoder.text) == (0, b"")


@given(
    st.lists(st.binary(max_size=40) | st.integers(0, 30).map(lambda n: frame(random_record(Random(n), n)))), st.data()
)
def test_finds_what_the_plainest_decoder_finds(parts, draw):
    stream = b"".join(parts)
    decoder = Decoder()
    found = []
    at = 0
    while at < len(stream):
        end = draw.draw(st.integers(at + 1, len(stream)))
        found += decoder.feed(stream[at:end])
        at = end
    assert found == plain(stream)
    whole = stream.split(b"\0")[:-1]
    assert decoder.bad_frames == len([part for part in whole if part]) - len(found)


def test_what_never_ends_is_kept_as_text_and_no_more_than_that():
    decoder = Decoder()
    for size in (1, 63, 1000, 100_000):
        for _ in range(30):
            decoder.feed(b"\x05" * size)
            assert len(decoder.pending) <= 4 * FRAME_LIMIT
            assert len(decoder.text) <= FRAME_LIMIT
    decoder.feed(b"\x05" * 100_000 + b"\0")
    assert len(decoder.text) <= 4 * FRAME_LIMIT


def test_both_crcs_are_one():
    isal_zlib = pytest.importorskip("isal.isal_zlib", reason="no isal: pip install turgor[fast]")
    assert decoder.crc32 is isal_zlib.crc32
    random = Random(1)
    for size in range(300):
        data = random.randbytes(size)
        assert isal_zlib.crc32(data) == zlib.crc32(data)
