"""Means of groups against exact fractions."""

from array import array
from fractions import Fraction
from math import floor
from random import Random

import pytest
from checked import smalls
from hypothesis import given, settings
from hypothesis import strategies as st

from turgor.core.decimate import FACTOR_MOST, MINUTE_LEAST, MINUTE_S, mean_block, mean_state
from turgor.core.median import ABSENT

LIMIT = 2**28
VALUES = st.integers(-LIMIT, LIMIT) | st.integers(-3, 3) | st.just(ABSENT)


def plain(values, factor, least):
    means = []
    for at in range(0, len(values) - factor + 1, factor):
        there = [value for value in values[at : at + factor] if value != ABSENT]
        mean = floor(Fraction(sum(there), len(there)) + Fraction(1, 2)) if len(there) >= least else ABSENT
        means.append(mean)
    return means


def means(values, factor, least, lengths=(10**9,)):
    """The means when `values` come in blocks of `lengths` in turn; the state afterwards is the second result."""
    s = mean_state(factor, least)
    x = array("i", values)
    o = array("i", bytes(4 * len(values)))
    got, a, turn = [], 0, 0
    while a < len(x):
        b = min(len(x), a + lengths[turn % len(lengths)])
        got += o[: mean_block(a, b, s, x, o)]
        a, turn = b, turn + 1
    return got, s


def test_by_hand():
    """Of 1, 2 and an absent one the mean is 1.5: 2. Of -1, -2 and an absent one -1.5: -1. One of three is too few."""
    values = [1, 2, ABSENT, -1, ABSENT, -2, ABSENT, 7, ABSENT, 4]
    assert means(values, 3, 2)[0] == [2, -1, ABSENT]


def test_a_minute_needs_half_its_seconds():
    one_too_few = [12] * 29 + [ABSENT] * 31
    assert means(one_too_few + [ABSENT] * 30 + [12] * 30, MINUTE_S, MINUTE_LEAST)[0] == [ABSENT, 12]


@given(st.lists(VALUES, max_size=200), st.integers(1, 20), st.integers(1, 20), st.lists(st.integers(1, 30), min_size=1))
@settings(deadline=None)
def test_blocks_of_any_length_give_exact_means(values, factor, least, lengths):
    least = min(least, factor)
    got, s = means(values, factor, least, lengths)
    assert got == plain(values, factor, least)
    assert s == means(values, factor, least, (1,))[1] == means(values, factor, least)[1]


def test_into_its_own_input():
    values = list(range(-50, 50))
    x = array("i", values)
    n = mean_block(10, 100, mean_state(4, 1), x, x)
    assert list(x[:n]) == plain(values[10:], 4, 1)


@pytest.mark.parametrize("value", [LIMIT, LIMIT - 1, -LIMIT, 1 - LIMIT])
@pytest.mark.parametrize("there", [1, 2, 4097, FACTOR_MOST])
def test_range(value, there):
    values = [value] * there + [ABSENT] * (FACTOR_MOST - there)
    o = [0]
    assert mean_block(0, FACTOR_MOST, smalls(mean_state(FACTOR_MOST, 1)), smalls(values), o) == 1
    assert o == [value]


@given(st.lists(VALUES, min_size=60, max_size=60))
def test_range_of_a_minute(values):
    o = [0]
    mean_block(0, MINUTE_S, smalls(mean_state(MINUTE_S, MINUTE_LEAST)), smalls(values), o)
    assert o == plain(values, MINUTE_S, MINUTE_LEAST)


def test_the_mean_of_noisy_codes_keeps_what_a_code_cannot_hold():
    """Noise of 90 over 80 codes: the mean of means is that of the codes, to the rounding."""
    random = Random(4)
    codes = [round(random.gauss(331000.4, 90)) for _ in range(80 * 200)]
    got, _ = means(codes, 80, 1)
    assert abs(sum(got) / 200 - sum(codes) / 16000) < 0.1
