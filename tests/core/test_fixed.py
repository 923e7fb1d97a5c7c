"""Split products and square roots against whole integers."""

import math
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from turgor.core import fixed
from turgor.core.fixed import isqrt, mul_shift, split
from turgor_host import compiled
from turgor_host.calibrate.fixed import coefficient, factor
from turgor_host.errors import UsageError

FACTOR_LIMIT = 2**29
COEFFICIENT_LIMIT = 2**28
SQUARE_LIMIT = 2**58
EDGES = [0, 1, -1, 2, 2**15 - 1, 2**15, -(2**15), -(2**15) - 1]
A_EDGES = [*EDGES, FACTOR_LIMIT, -FACTOR_LIMIT, FACTOR_LIMIT - 1, 1 - FACTOR_LIMIT]
N_EDGES = [*EDGES, COEFFICIENT_LIMIT, -COEFFICIENT_LIMIT, COEFFICIENT_LIMIT - 1, 1 - COEFFICIENT_LIMIT]


def root(n):
    return isqrt(n >> 30, n & (2**30 - 1))


def test_by_hand():
    """2^20 times a quarter (2^28 / 2^30) is 2^18; times its negative, shifted by 2, -2^16."""
    assert split(2**28 - 2**15) == (8191, 0)
    assert split(-1) == (-1, 32767)
    assert mul_shift(1 << 20, *split(1 << 28), 0) == 1 << 18
    assert mul_shift(1 << 20, *split(-(1 << 28)), 2) == -(1 << 16)
    assert [root(n) for n in (0, 1, 3, 4, 8, 9, 10**17)] == [0, 1, 1, 2, 2, 3, 316227766]


@given(
    st.integers(-FACTOR_LIMIT, FACTOR_LIMIT),
    st.integers(-COEFFICIENT_LIMIT, COEFFICIENT_LIMIT),
    st.integers(0, 30),
)
@settings(deadline=None)
def test_is_the_floor_of_the_product(a, n, shift):
    high, low = split(n)
    assert high * 2**15 + low == n
    assert 0 <= low < 2**15
    assert mul_shift(a, high, low, shift) == (a * n) >> (30 + shift)
    assert compiled.mul_shift(a, high, low, shift) == (a * n) >> (30 + shift)


@pytest.mark.parametrize("shift", [0, 1, 30])
def test_is_the_floor_of_the_product_at_the_corners(shift):
    for a in A_EDGES:
        for n in N_EDGES:
            assert mul_shift(a, *split(n), shift) == (a * n) >> (30 + shift)
            assert compiled.mul_shift(a, *split(n), shift) == (a * n) >> (30 + shift)


def a_million_products():
    random = np.random.default_rng(28)
    a = random.integers(-FACTOR_LIMIT, FACTOR_LIMIT, 10**6, endpoint=True)
    n = random.integers(-COEFFICIENT_LIMIT, COEFFICIENT_LIMIT, 10**6, endpoint=True)
    return a, n >> 15, n & 0x7FFF, random.integers(0, 31, 10**6)


def test_one_64_bit_product_gives_the_same_bits():
    """Over 10^6 numbers; `compiled.mul_shift` is what numba makes of the source, where numba is."""
    a, high, low, shift = a_million_products()
    wanted = (a * (high * 2**15 + low)) >> (30 + shift)
    assert np.array_equal(mul_shift(a, high, low, shift), wanted)
    assert np.array_equal(compiled.mul_shift(a, high, low, shift), wanted)


def test_numba_compiles_both_forms():
    numba = pytest.importorskip("numba", reason="no numba: pip install turgor[fast]")
    args = a_million_products()
    assert np.array_equal(numba.njit(fixed.mul_shift)(*args), compiled.mul_shift(*args))
    assert compiled.mul_shift.signatures


def test_without_numba(monkeypatch):
    monkeypatch.setattr(compiled, "numba", None)
    product = compiled._mul_shift()
    assert product.__globals__["_WIDE"] == 1
    assert fixed._WIDE == 0
    for a in A_EDGES:
        assert product(a, *split(12345678), 3) == (a * 12345678) >> 33


@given(st.integers(0, SQUARE_LIMIT - 1))
@settings(deadline=None)
def test_is_the_floor_of_the_root(n):
    assert root(n) == math.isqrt(n)


def test_roots_around_squares():
    random = Random(58)
    whole = [1, 2, 2**14, 2**15 - 1, 2**15, 2**28, 2**29 - 1]
    whole += [random.randrange(1, 2 ** random.randrange(1, 30)) for _ in range(5000)]
    for r in whole:
        assert [root(r * r - 1), root(r * r), root(r * r + 2 * r)] == [r - 1, r, r]


def test_roots_of_the_first_numbers():
    assert [isqrt(0, n) for n in range(20000)] == [math.isqrt(n) for n in range(20000)]


def test_a_coefficient_has_28_bits():
    random = Random(6)
    for _ in range(2000):
        value = random.choice([-1, 1]) * random.uniform(0.125, 0.25) * 2 ** -random.randrange(20)
        high, low, shift = coefficient(value)
        assert abs(high * 2**15 + low) <= COEFFICIENT_LIMIT
        assert abs(factor(high, low, shift) / value - 1) <= 2**-27


@pytest.mark.parametrize("value", [0, 0.25, -0.25, 1])
def test_a_factor_that_does_not_fit_is_refused(value):
    with pytest.raises(UsageError, match="does not fit"):
        coefficient(value)
