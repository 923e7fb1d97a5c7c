"""Sample blocks: codes come back whole, and the worst block fits a record."""

from array import array
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from turgor.link.blocks import BLOCK_SAMPLES, ESCAPE, MISSED_LIMIT, rice_pack, rice_unpack, unpack_missed
from turgor.link.records import HEADER_SIZE, RECORD_LIMIT, SAMPLES, pack, unpack

HIGH = 2**23 - 1
LOW = -(2**23)
BODY_SIZE = 16


def packed(codes, at=0):
    out = bytearray(b"\xa5" * 300)
    end = rice_pack(array("i", codes), len(codes), out, at)
    assert out[:at] == b"\xa5" * at
    assert out[end:] == b"\xa5" * (300 - end)
    return bytes(out[at:end])


def test_by_hand():
    """10 11 9 9: differences 1 -2 0, zigzag 2 3 0; twice 3 over 4 samples: k = 1.

    Each z is z >> 1 ones, a zero, and its last bit: 10 0, 10 1, 0 0, and zeros to fill the byte: 10010100.
    """
    assert packed([10, 11, 9, 9]) == bytes((1, 0b10010100))
    assert rice_unpack(bytes((1, 0b10010100)), 0, 10, 4) == [10, 11, 9, 9]


def test_an_escape_by_hand():
    """0 and then 2^23 - 1: z = 2^24 - 2; k = 20, z >> 20 is 15: twelve ones and 25 bits."""
    bits = "1" * ESCAPE + f"{2**24 - 2:025b}" + "000"
    assert packed([0, HIGH]) == bytes((20, *int(bits, 2).to_bytes(5, "big")))


@given(st.lists(st.integers(LOW, HIGH), min_size=1, max_size=BLOCK_SAMPLES), st.integers(0, 40))
@settings(deadline=None)
def test_any_codes_come_back(codes, at):
    data = packed(codes, at)
    assert rice_unpack(b"\xee" * at + data, at, codes[0], len(codes)) == codes


@given(st.integers(LOW, HIGH), st.integers(0, 2**23), st.integers(0, 2**32))
@settings(deadline=None)
def test_codes_of_any_spread_come_back(base, spread, seed):
    random = Random(seed)
    codes = [max(LOW, min(HIGH, base + random.randint(-spread, spread))) for _ in range(BLOCK_SAMPLES)]
    assert rice_unpack(packed(codes), 0, codes[0], BLOCK_SAMPLES) == codes


EXTREMES = {
    "one code": [LOW],
    "still": [12345] * BLOCK_SAMPLES,
    "swing": [LOW, HIGH] * (BLOCK_SAMPLES // 2),
    "one swing": [0] * 39 + [LOW],
    "up": [LOW + i * (2**24 // 40) for i in range(BLOCK_SAMPLES)],
    "doubling": [(1 << min(i, 22)) * (-1) ** i for i in range(BLOCK_SAMPLES)],
}


@pytest.mark.parametrize("name", EXTREMES)
def test_extremes_come_back(name):
    codes = EXTREMES[name]
    assert rice_unpack(packed(codes), 0, codes[0], len(codes)) == codes


def test_the_worst_block_fits_a_record_with_all_its_missed_pairs():
    """No code takes more than an escape's 37 bits, and 39 escapes do occur."""
    random = Random(2)
    blocks = list(EXTREMES.values())
    for bits in range(1, 24):
        for share in (1, 4, 20):
            blocks.append(
                [random.randint(-(2**bits), 2**bits - 1) * (random.randrange(share) == 0) for _ in range(BLOCK_SAMPLES)]
            )
    sizes = [len(packed(block)) for block in blocks]
    assert max(sizes) == len(packed(EXTREMES["swing"])) == 1 + (39 * (ESCAPE + 25) + 7) // 8
    assert HEADER_SIZE + BODY_SIZE + 2 * MISSED_LIMIT + max(sizes) <= RECORD_LIMIT


def test_noise_of_90_lsb_takes_little():
    random = Random(3)
    codes = [round(random.gauss(100000, 90)) for _ in range(BLOCK_SAMPLES)]
    assert len(packed(codes)) < 1.4 * BLOCK_SAMPLES


def test_data_that_end_early_are_refused():
    codes = [i * 7919 % 5000 for i in range(BLOCK_SAMPLES)]
    data = packed(codes)
    for n in range(len(data)):
        with pytest.raises(ValueError, match="a sample block ends early"):
            rice_unpack(data[:n], 0, codes[0], BLOCK_SAMPLES)


def test_an_impossible_parameter_is_refused():
    with pytest.raises(ValueError, match="Rice parameter 21"):
        rice_unpack(bytes((21, 0, 0)), 0, 0, 2)


def test_the_tail_of_a_record():
    missed = bytes((3, 1, 17, 40))
    codes = EXTREMES["doubling"]
    record = pack(SAMPLES, 1, 0, 0, 0, 0, (1000, 40, 2, 0, 500000, codes[0]), missed + packed(codes))
    _, body, tail = unpack(record)
    assert unpack_missed(tail, body["missed_count"]) == [(3, 1), (17, 40)]
    assert rice_unpack(tail, 2 * body["missed_count"], body["first_code"], body["count"]) == codes
