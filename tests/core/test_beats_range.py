"""No intermediate of the beats leaves +-2^30, for any line whatever."""

from array import array

import pytest
from checked import small, smalls
from hypothesis import given, settings
from hypothesis import strategies as st
from run_beats import Line

from turgor.core import beats

LIMIT = 1 << 28
SUMMARY = (
    beats.diastolic_milli_mmhg,
    beats.systolic_milli_mmhg,
    beats.mean_milli_mmhg,
    beats.pulse_tenths_per_min,
    beats.is_pulse_above,
)


def checked(values: list[int], rate_hz: int = 400) -> list[int]:
    """The state after `values`, fed and summed up in integers that refuse to grow."""
    s = smalls(beats.beat_state(rate_hz))
    x = smalls(values)
    for begin in range(0, len(x), 97):
        part = x[begin : begin + 97]
        beats.beat_block(small(0), small(len(part)), s, part)
        assert min(s) >= 0
        for function in SUMMARY:
            function(s)
    return s


def test_by_hand() -> None:
    """81 mmHg is level 281000; -201 and 325 mmHg are the ends, 0 and 524287."""
    s = beats.beat_state(320)
    beats.beat_block(0, 3, s, array("i", [81000, -201000, 325000]))
    assert list(s[:3]) == [281000, 0, 524287]


def test_range_of_a_mixed_line() -> None:
    x = array("i", bytes(4 * 60000))
    Line(7).fill(x, len(x))
    assert checked(list(x), 320)[beats.BEATS] > 30


@pytest.mark.parametrize("rate_hz", [100, 400])
@pytest.mark.parametrize("low", [-LIMIT, 0, 300000])
def test_range_of_the_longest_intervals(rate_hz: int, low: int) -> None:
    """Highest sums: intervals just under 4 s at the upper end, and steps of all heights."""
    values = [low] * (2 * rate_hz + 5)
    for gap in (0.2, 3.98, 3.98, 3.99, 1, 3.99, 4.1, 3.9):
        n = int(gap * rate_hz)
        values += [LIMIT] * (n - n // 8) + [low] * (n // 8)
    s = checked(values, rate_hz)
    assert s[beats.BEATS] > 0


@given(
    st.lists(
        st.tuples(
            st.integers(-LIMIT, LIMIT) | st.integers(-220000, 340000), st.integers(1, 300), st.integers(-9000, 9000)
        ),
        min_size=1,
        max_size=40,
    ),
    st.sampled_from([100, 320, 400]),
)
@settings(deadline=None, max_examples=80)
def test_range_of_any_line(pieces: list[tuple[int, int, int]], rate_hz: int) -> None:
    """Ramps from anywhere at any slope."""
    values = []
    for begin, n, slope in pieces:
        values += [max(-LIMIT, min(LIMIT, begin + slope * k)) for k in range(n)]
    checked(values, rate_hz)
