"""Many sample blocks at once: the same codes as one by one, and the same verdict on spoiled ones."""

from array import array
from random import Random
from struct import calcsize, error, pack, unpack_from

import numpy as np
import pytest

from turgor.link.blocks import BLOCK_SAMPLES, rice_pack, rice_unpack
from turgor.link.records import READING, SAMPLES, row
from turgor_host.recording.decode import decode_blocks, decode_readings

FORM = row(SAMPLES)[2]


def block(first_index: int, codes: list[int], missed: tuple[tuple[int, int], ...] = ()) -> bytes:
    packed = bytearray(400)
    end = rice_pack(array("i", codes), len(codes), packed, 0)
    head = pack(FORM, first_index, len(codes), len(missed), 0, 500000, codes[0])
    return head + b"".join(bytes(pair) for pair in missed) + packed[:end]


def one_by_one(body: bytes) -> list[int] | None:
    """What the board's own module makes of a body, None when it is spoiled."""
    try:
        _, count, missed, _, _, first_code = unpack_from(FORM, body)
        codes = rice_unpack(body[calcsize(FORM) :], 2 * missed, first_code, count)
    except (ValueError, error):
        return None
    return codes if count and all(abs(code) <= 1 << 23 for code in codes) else None


@pytest.fixture(scope="module")
def many() -> list[bytes]:
    random = Random(2)
    bodies = []
    for i in range(3000):
        count = BLOCK_SAMPLES if random.random() < 0.9 else random.randint(1, BLOCK_SAMPLES)
        spread = random.choice([1, 90, 90, 90, 1000, 60000, 8000000])
        codes = [max(-(1 << 23), min((1 << 23) - 1, int(random.gauss(1e5, spread)))) for _ in range(count)]
        missed = ((random.randrange(1, count), random.randint(1, 40)),) if count > 1 and i % 7 == 0 else ()
        bodies.append(block(100 * i + 1, codes, missed))
    return bodies


def test_by_hand() -> None:
    """Differences 1, -2, 3 are 2, 3, 6 in zigzag; with k = 2 they are 0 10, 0 11, 10 10: 0100 1110 1000 0000."""
    body = pack(FORM, 7, 4, 1, 0, 60000, 10) + bytes([2, 5]) + bytes([2, 0b01001110, 0b10000000])
    found = decode_blocks([body])
    assert found.codes.tolist() == [10, 11, 9, 12]
    # Five conversions passed unread before the sample at position 2.
    assert found.index.tolist() == [7, 8, 14, 15]
    assert (found.first.tolist(), found.last.tolist()) == ([7], [15])
    # 60 ms for eight conversions.
    assert found.sample_times(np.array([1.0])) == pytest.approx([1.0, 1.0075, 1.0525, 1.06])


def test_equals_the_boards_own_module(many: list[bytes]) -> None:
    found = decode_blocks(many)
    assert not found.bad.any()
    assert found.codes.tolist() == [code for body in many for code in one_by_one(body) or ()]


def test_chunks_do_not_show(many: list[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    whole = decode_blocks(many)
    monkeypatch.setattr("turgor_host.recording.decode._CHUNK", 7)
    parts = decode_blocks(many)
    for name in ("codes", "index", "starts", "first", "last", "flags", "span_us", "bad"):
        assert np.array_equal(getattr(whole, name), getattr(parts, name)), name


def test_spoiled_blocks_are_found_and_leave_their_neighbours_alone(many: list[bytes]) -> None:
    random = Random(3)
    bad = 0
    for _ in range(1500):
        body = bytearray(random.choice(many))
        if random.random() < 0.5:
            del body[random.randrange(len(body)) :]
        else:
            body[random.randrange(len(body))] ^= 1 << random.randrange(8)
        found = decode_blocks([many[0], bytes(body), many[1]])
        expected = one_by_one(bytes(body))
        assert found.bad.tolist() == [False, expected is None, False], bytes(body)
        assert found.codes[found.starts[1] : found.starts[2]].tolist() == (expected or [])
        assert found.codes[: found.starts[1]].tolist() == one_by_one(many[0])
        bad += expected is None
    assert 500 < bad < 1500


def test_nothing_gives_nothing() -> None:
    found = decode_blocks([])
    assert (len(found.codes), found.starts.tolist()) == (0, [0])
    assert len(decode_readings([]).entries) == 0


def test_readings_of_different_length() -> None:
    first, second = pack(READING, 0, 1, 80, 20000, 19000), pack(READING, 4, 3, 2, 60000, 60000)
    ticks = decode_readings([pack("<iHB", -1, 65535, 0) + first, pack("<iHB", 60000, 5, 1) + first + second])
    assert ticks.owner.tolist() == [0, 1, 1]
    assert ticks.entries["channel"].tolist() == [0, 0, 4]
    assert ticks.dbp_milli_mmhg.tolist() == [-1, 60000]
    with pytest.raises(ValueError, match="not whole entries"):
        decode_readings([pack("<iHB", -1, 65535, 0) + first[:-1]])
