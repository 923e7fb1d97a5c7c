"""The line from counts to a unit against exact fractions, and within the integers of a 32-bit board."""

from fractions import Fraction

import pytest
from checked import small
from hypothesis import given
from hypothesis import strategies as st

from turgor.drivers.linear import Linear

# (bits, low counts, high counts, low, high): pressure ranges in milli-mmHg, temperatures in milli-deg C.
LINES = {
    "1 psi gauge": (24, 1677722, 15099494, 0, 51715),
    "2 inH2O, B": (24, 5033165, 11744051, 0, 3737),
    "+-5 psi": (24, 1677722, 15099494, -258575, 258575),
    "+-12 bar": (24, 1677722, 15099494, -9000740, 9000740),
    "+-12 bar, B": (24, 5033165, 11744051, -9000740, 9000740),
    "degC of 24 bits": (24, 0, 16777215, -50000, 150000),
    "10 bar of 14 bits": (14, 1638, 14745, 0, 7500617),
    "0.5 inH2O of 14 bits": (14, 655, 15401, -934, 934),
    "degC of 11 bits": (11, 0, 2047, -50000, 150000),
}


def exact(line: tuple[int, int, int, int, int], counts: int) -> Fraction:
    _, low_counts, high_counts, low, high = line
    return low + Fraction((counts - low_counts) * (high - low), high_counts - low_counts)


def test_by_hand() -> None:
    """A third of the way from 0 to 3 counts, and of the way from 10 to 40."""
    line = Linear(2, 0, 3, 10, 40)
    assert [line.at(counts) for counts in range(4)] == [10, 20, 30, 40]


@pytest.mark.parametrize("name", LINES)
def test_within_one_unit_over_all_counts(name: str) -> None:
    line = LINES[name]
    scale = Linear(*line)
    full = (1 << line[0]) - 1
    ends = [0, 1, line[1] - 1, line[1], line[1] + 1, line[2] - 1, line[2], line[2] + 1, full - 1, full]
    for counts in [*ends, *range(0, full, max(1, full // 4001))]:
        assert abs(int(scale.at(small(counts))) - exact(line, counts)) <= Fraction(6, 10)


@given(line=st.sampled_from(sorted(LINES.values())), data=st.data())
def test_any_counts(line: tuple[int, int, int, int, int], data: st.DataObject) -> None:
    counts = data.draw(st.integers(0, (1 << line[0]) - 1))
    assert abs(int(Linear(*line).at(small(counts))) - exact(line, counts)) <= Fraction(6, 10)


@given(
    bits=st.integers(2, 24),
    ends=st.tuples(st.integers(0, 2**24 - 1), st.integers(0, 2**24 - 1)),
    units=st.tuples(st.integers(-(2**29), 2**29), st.integers(-(2**29), 2**29)),
    counts=st.integers(0, 2**24 - 1),
)
def test_any_line_is_refused_or_right(bits: int, ends: tuple[int, int], units: tuple[int, int], counts: int) -> None:
    line = (bits, ends[0] >> 24 - bits, ends[1] >> 24 - bits, *units)
    counts >>= 24 - bits
    try:
        scale = Linear(*line)
    except ValueError:
        return
    value = exact(line, counts)
    if abs(value) < 2**29:
        assert abs(int(scale.at(small(counts))) - value) <= 1


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ((25, 0, 9, 0, 1), "counts of 25 bits"),
        ((14, 0, 16384, 0, 1), "counts 0 to 16384"),
        ((14, 9, 9, 0, 1), "counts 9 to 9"),
        ((14, 0, 9, 1, 1), "range 1 to 1"),
        ((14, 0, 9, 0, 1 << 29), "range 0 to 536870912"),
        ((24, 0, 9, 0, 1 << 20), "too wide for 9 counts"),
    ],
)
def test_refusals(line: tuple[int, int, int, int, int], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        Linear(*line)
