"""Sample blocks: whatever the codes are, they come back; an outlier costs its escape alone."""

import contextlib
from array import array
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from turgor.app.blocks import Blocks
from turgor.core.ticks import BoardTime
from turgor.link.blocks import (
    BEGINS,
    BRIEF_BITS,
    CHUNK_SAMPLES,
    CODE_BIAS,
    FULL_BITS,
    REGULAR,
    RESTART,
    chunk_plan,
    put_bits,
    put_codes,
    unpack_chunks,
    usual_k,
)

LEAST, MOST = -(1 << 23), (1 << 23) - 1
code_lists = st.lists(st.integers(LEAST, MOST), min_size=1, max_size=CHUNK_SAMPLES)
near = st.tuples(st.integers(LEAST + 5000, MOST - 5000), st.lists(st.integers(-500, 500), min_size=1, max_size=48)).map(
    lambda both: [both[0] + d for d in both[1]]
)


any_codes = code_lists | near


class Log:
    """Keeps the tails of what is logged."""

    def __init__(self):
        self.record = bytearray(300)
        self.tails = []
        self.seconds = []

    def append(self, n, kind, channel, t_s):
        self.tails.append(bytes(self.record[12:n]))
        self.seconds.append(t_s)


def gathered(*chunks):
    """The tails of records of chunks (channel, full, how, index, first tick, last tick, codes)."""
    log = Log()
    blocks = Blocks(log, BoardTime(0))
    for channel, full, how, index, first, last, codes in chunks:
        blocks.add(channel, full, how, index, first, last, array("i", [code + CODE_BIAS for code in codes]), len(codes))
    blocks.append()
    return log.tails


def size_bits(codes):
    """Bits of the residuals of a chunk, its base included."""
    log = Log()
    blocks = Blocks(log, BoardTime(0))
    blocks.add(0, False, REGULAR, 0, 0, 0, array("i", [code + CODE_BIAS for code in codes]), len(codes))
    return blocks._bits - BRIEF_BITS


def test_by_hand():
    """k 1, each code expected where the last was: base 10 in steps of 4; +1, -2 and a jump to 2^24 - 1.

    z = 2: q 1, 1 0 0; z = 3: q 1, 1 0 1; then eight ones and 24 more.
    """
    codes = array("i", [41, 39 - 0, 0xFFFFFF])
    out = bytearray(16)
    # Predictor 3 follows differences; its trend is 1 >> 1 = 0 after the first code.
    end = put_codes(codes, 3, 1 << 2 | 3, 10, out, 0)
    assert (out[0], out[1] >> 6) == (0b10010111, 0b11)
    assert end == 3 + 3 + 32
    # 30 bits of base and these are the most that it takes.
    assert chunk_plan(codes, 3, 1, array("i", [0, 0, 0])) <= 22 + end


def test_bits_are_put_where_they_belong():
    out = bytearray(4)
    assert put_bits(out, 3, 0b1011, 4) == 7
    assert put_bits(out, 7, 0x1FF, 9) == 16
    assert bytes(out) == bytes((0b00010111, 0xFF, 0, 0))


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 15), st.booleans(), st.integers(0, 2), st.integers(0, 2**29), code_lists | near))
)
def test_whatever_goes_in_comes_out(chunks):
    given_chunks = [(c, full, how, index, 1000, 1000 + 12500 * (len(k) - 1), k) for c, full, how, index, k in chunks]
    found = [chunk for tail in gathered(*given_chunks) for chunk in unpack_chunks(tail)]
    assert len(found) == len(chunks)
    for (channel, full, how, index, codes), got in zip(chunks, found, strict=True):
        assert got[0] == channel
        assert got[6] == codes
        assert got[2] == index & 511
        if full:
            assert got[1] == how
            assert got[3] << 9 | got[2] == index
            assert got[4] == 1000
            assert got[5] == (12500 if len(codes) > 1 else 0)
        else:
            assert got[1] == -1


def test_every_record_fits_and_the_longest_chunk_does():
    random = Random(1)
    wild = [random.choice((LEAST, MOST)) for _ in range(CHUNK_SAMPLES)]
    tails = gathered(*[(channel, True, BEGINS, 0, 0, 0, wild) for channel in range(4)])
    assert len(tails) == 4
    assert all(len(tail) <= 249 - 12 for tail in tails)
    assert FULL_BITS + BRIEF_BITS + 23 + 32 * CHUNK_SAMPLES <= 8 * (249 - 12)


@pytest.mark.parametrize("stall_us", [0, 4_400_000, 4_600_000, 8_300_000, 60_000_000])
def test_a_chunk_that_a_stall_held_back_keeps_its_time(stall_us):
    """Begun at 2.25 s, added after the stall between two others."""
    log = Log()
    time = BoardTime(0)
    blocks = Blocks(log, time)
    time.advance(2_500_000 + stall_us)
    now = 2_480_000 + stall_us
    for channel, first in ((0, now), (1, 2_250_000), (2, now)):
        blocks.add(channel, True, BEGINS, 100, first, first + 12_500, array("i", [CODE_BIAS] * 2), 2)
    blocks.append()
    found = {}
    for t_s, tail in zip(log.seconds, log.tails, strict=True):
        for channel, _, _, _, tick, *_ in unpack_chunks(tail):
            found[channel] = t_s * 1_000_000 + tick
    assert found == {0: now, 1: 2_250_000, 2: now}
    # The offset reaches back for TICK_BIAS from the second in which the record was begun.
    assert len(log.tails) == (1 if stall_us < 4_500_000 else 3)


@pytest.mark.parametrize("noise", [0, 3, 90, 2000])
def test_one_outlier_widens_a_chunk_by_four_bytes_at_most(noise):
    """Anywhere, the first and the last sample too, and however large it is."""
    random = Random(noise)
    worst = 0
    for _ in range(20):
        codes = [214748 + round(random.gauss(0, noise)) for _ in range(20)]
        usual = size_bits(codes)
        for position in range(20):
            for outlier in (LEAST, MOST, 214748 + 20 * max(noise, 10), 214748 - 300 * max(noise, 10)):
                worst = max(worst, size_bits([*codes[:position], outlier, *codes[position + 1 :]]) - usual)
    assert worst <= 32


@pytest.mark.parametrize("noise", [0, 90])
def test_a_step_costs_two_escapes_or_so(noise):
    random = Random(noise)
    codes = [round(random.gauss(0, noise)) for _ in range(20)]
    stepped = [*codes[:10], *[code + 1_000_000 for code in codes[10:]]]
    assert size_bits(stepped) - size_bits(codes) <= 80


def test_noise_takes_little_more_than_it_holds():
    """White noise of 90 codes holds 8.54 bits a sample; 20 samples with their base take no more than 10.2."""
    random = Random(2)
    sizes = [size_bits([round(random.gauss(0, 90)) for _ in range(20)]) for _ in range(200)]
    assert sum(sizes) / 200 / 20 < 10.2


def test_k_is_that_of_the_noise():
    random = Random(3)
    for k in range(1, 14):
        codes = array("i", [CODE_BIAS + round(random.gauss(0, 1.2 * 2**k)) for _ in range(40)])
        assert abs(usual_k(codes, 40) - (k + 1)) <= 1


@settings(max_examples=500, deadline=None)
@given(st.binary(max_size=240))
def test_anything_else_is_refused(data):
    with contextlib.suppress(ValueError):
        assert all(len(codes) <= 64 for *_, codes in unpack_chunks(data))


def test_a_damaged_end_is_refused():
    (tail,) = gathered((1, True, RESTART, 7, 0, 12500, [5, 6]))
    assert unpack_chunks(tail)[0][6] == [5, 6]
    for n in range(1, len(tail)):
        with pytest.raises(ValueError, match="ends early"):
            unpack_chunks(tail[:n])
    with pytest.raises(ValueError, match="sample block"):
        unpack_chunks(tail + b"\x01")
