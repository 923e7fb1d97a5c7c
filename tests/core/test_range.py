"""No intermediate leaves +-2^30: beyond it a board's integers go to the heap.

The routines of core and link run on integers that refuse to grow, at their stated limits.
"""

import itertools
from random import Random

import pytest
from checked import LIMIT, Small, small, smalls
from hypothesis import example, given, settings
from hypothesis import strategies as st

from turgor.app.config import LOWPASS_1_HZ_AT_80
from turgor.core.bounds import OFFSET_LIMIT_CODE
from turgor.core.filter_words import filter_state, milli_mmhg
from turgor.core.fixed import isqrt, mul_shift
from turgor.core.impedance import (
    OFFSET_LIMIT,
    SHIFT_LIMIT,
    magnitude_milliohm,
    r0_milliohm,
    reactance_milliohm,
    resistance_milliohm,
)
from turgor.core.median import ABSENT, STATE_WORDS, median, median_push
from turgor.core.ticks import BoardTime, ticks_diff
from turgor.link.blocks import CHUNK_SAMPLES, chunk_plan, put_bits, put_codes, usual_k
from turgor.link.frames import CRC_TABLE, cobs, crc_append

FULL = 2**23
# What the parts of an impedance stay within.
MILLIOHM_LIMIT = 168_000_000


def test_by_hand():
    """2^15 x 2^14 is 2^29 and fits, 2^15 x 2^15 does not; neither does a sum of two 2^29."""
    assert type(small(2**15) * 2**14) is Small
    for grow in (lambda: small(2**15) * 2**15, lambda: 2**29 + small(2**29), lambda: 1 << small(30)):
        with pytest.raises(OverflowError, match="1073741824"):
            grow()


@pytest.mark.parametrize("offset", [OFFSET_LIMIT_CODE, -OFFSET_LIMIT_CODE])
@pytest.mark.parametrize("gain", [(8191, 32767), (-8192, 0), (-8192, 32767)])
def test_raw_calibration(offset, gain):
    state = smalls(filter_state(3, LOWPASS_1_HZ_AT_80, (offset, *gain, 1), 1 << 28, -(1 << 28), 0))
    for code in (-FULL, FULL - 1, -1, 0, offset):
        milli_mmhg(state, small(code))


@pytest.mark.parametrize("shift", [0, 30])
def test_mul_shift(shift):
    edges = [2**29, -(2**29), 2**29 - 1, 2**15 - 1, -1, 0]
    for a in edges:
        for n in (2**28, -(2**28), 2**28 - 1, -(2**28) + 1):
            assert mul_shift(small(a), small(n >> 15), small(n & 0x7FFF), small(shift)) == (a * n) >> (30 + shift)


@given(st.integers(0, 2**58 - 1))
@example(2**58 - 1)
@example((2**29 - 1) ** 2)
@example((2**29 - 1) ** 2 - 1)
@settings(deadline=None)
def test_isqrt(n):
    isqrt(small(n >> 30), small(n & (2**30 - 1)))


WORDS = st.sampled_from([2**19 - 1, -(2**19), 0]) | st.integers(-(2**19), 2**19 - 1)
FACTORS = st.sampled_from([2**28, -(2**28), 2**28 - 1]) | st.integers(-(2**28), 2**28)
OFFSETS = st.sampled_from([OFFSET_LIMIT, -OFFSET_LIMIT, 0]) | st.integers(-OFFSET_LIMIT, OFFSET_LIMIT)


def impedance(factors, offsets, shift, i, q, count):
    """All that is made of one step, at both frequencies alike and with the signs that add up most."""
    words = smalls([*factors, *offsets] + [0] * 12 + [shift])
    sums = small(count * i), small(count * q)
    resistance = resistance_milliohm(words, small(0), *sums, small(count))
    reactance = reactance_milliohm(words, small(0), *sums, small(count))
    for r in (resistance, -resistance):
        for x in (reactance, -reactance):
            magnitude_milliohm(r, x)
            r0_milliohm(resistance, reactance, r, x)
    assert max(abs(resistance), abs(reactance)) <= MILLIOHM_LIMIT


@given(
    st.lists(FACTORS, min_size=4, max_size=4),
    st.tuples(OFFSETS, OFFSETS),
    st.integers(0, SHIFT_LIMIT),
    WORDS,
    WORDS,
    st.integers(1, 16),
)
@settings(deadline=None)
def test_impedance(factors, offsets, shift, i, q, count):
    impedance(factors, offsets, shift, i, q, count)


@pytest.mark.parametrize("shift", [0, 1, SHIFT_LIMIT])
@pytest.mark.parametrize("count", [1, 7, 15, 16])
def test_impedance_at_the_corners(shift, count):
    ends = 2**28, -(2**28)
    for factors in itertools.product(ends, repeat=4):
        for offsets in itertools.product((OFFSET_LIMIT, -OFFSET_LIMIT), repeat=2):
            for words in itertools.product((2**19 - 1, -(2**19)), repeat=2):
                impedance(factors, offsets, shift, *words, count)


def test_magnitude_and_r0():
    for parts in itertools.product((MILLIOHM_LIMIT, -MILLIOHM_LIMIT, 2**27 - 1, 1023, 0), repeat=4):
        r0_milliohm(*smalls(parts))
    # The low halves that carry most.
    for parts in itertools.product((2**28, -(2**28), 2**28 - 1, 2**15 - 1), repeat=2):
        magnitude_milliohm(*smalls(parts))


def test_median():
    words = smalls([0] * STATE_WORDS)
    random = Random(2)
    for _ in range(300):
        value = random.choice([2**28, -(2**28), 2**28 - 1, ABSENT, random.randint(-(2**28), 2**28)])
        median_push(words, small(value))
        median(words)


def test_sample_blocks():
    random = Random(4)
    top = 2 * FULL - 1
    chunks = [[top, 0] * (CHUNK_SAMPLES // 2), [top] * CHUNK_SAMPLES]
    for bits in range(1, 25):
        chunks.append([random.randint(0, 2**bits - 1) for _ in range(CHUNK_SAMPLES)])
        # Just below and at the length from which a difference escapes, and a trend that goes on and turns.
        chunks.append([0, 2**bits - 1] * (CHUNK_SAMPLES // 2))
        chunks.append([min(i * 2**bits // 30, 2**bits - 1) for i in (*range(24), *range(24, 0, -1))])
    for chunk in chunks:
        codes = smalls(chunk)
        count = small(len(chunk))
        plan = smalls([0, 0, 0])
        out = [0] * 300
        chunk_plan(codes, count, small(usual_k(codes, count)), plan)
        at = put_bits(out, small(0), plan[2], small(23) - plan[0])
        put_codes(codes, count, plan[0] << 2 | plan[1], plan[2], out, at)


def test_frames():
    record = smalls([255, 0, 170, 85] * 64)
    crc_append(record, small(249), smalls(CRC_TABLE))
    cobs(record, small(253), [0] * 300)


def test_ticks_around_the_wrap():
    for start in (0, 2**29 - 3, 2**29, 2**30 - 1, 2**30 - 500_000):
        time = BoardTime(small(start))
        now = small(start)
        for passed in (0, 1, 999_999, 1_000_000, 2**29 - 1):
            now = small((int(now) + passed) % LIMIT)
            time.advance(now)
            for offset in (-1_000_000, 0, 2_000_000):
                tick = time.tick_at(small(offset))
                assert time.offset_us(tick) == offset
                assert ticks_diff(tick, now) == offset - time.us
