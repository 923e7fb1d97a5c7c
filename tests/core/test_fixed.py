"""Split products against whole integers."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turgor.core.fixed import mul_shift, split
from turgor_host.calibrate.fixed import coefficient, factor
from turgor_host.errors import UsageError

FACTOR_LIMIT = 2**29
COEFFICIENT_LIMIT = 2**28


def test_by_hand():
    """2^20 times a quarter (2^28 / 2^30) is 2^18; times its negative, shifted by 2, -2^16."""
    assert split(2**28 - 2**15) == (8191, 0)
    assert split(-1) == (-1, 32767)
    assert mul_shift(1 << 20, *split(1 << 28), 0) == 1 << 18
    assert mul_shift(1 << 20, *split(-(1 << 28)), 2) == -(1 << 16)


@given(
    st.integers(-FACTOR_LIMIT, FACTOR_LIMIT),
    st.integers(-COEFFICIENT_LIMIT, COEFFICIENT_LIMIT),
    st.integers(0, 15),
)
def test_is_the_floor_of_the_product(a, n, shift):
    high, low = split(n)
    assert high * 2**15 + low == n
    assert 0 <= low < 2**15
    assert mul_shift(a, high, low, shift) == (a * n) >> (30 + shift)


def test_is_the_floor_of_the_product_at_the_corners():
    edges = [0, 1, -1, 2**15, -(2**15), 2**15 - 1]
    for a in [*edges, FACTOR_LIMIT, -FACTOR_LIMIT, FACTOR_LIMIT - 1]:
        for n in [*edges, COEFFICIENT_LIMIT, -COEFFICIENT_LIMIT, COEFFICIENT_LIMIT - 1]:
            assert mul_shift(a, *split(n), 0) == (a * n) >> 30


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
