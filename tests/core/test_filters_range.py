"""No intermediate of the sample chain leaves +-2^30, for any codes: the design's bounds, and codes that reach them."""

from array import array

import numpy as np
import pytest
from checked import LIMIT, small, smalls
from hypothesis import given, settings
from hypothesis import strategies as st

from turgor.core import filter_words
from turgor.core.filter_words import filter_state, filtered
from turgor.core.filters import filter_block
from turgor_host.calibrate import lowpass as design
from turgor_host.calibrate.lowpass import Lowpass, Reach, Section, lowpass
from turgor_host.errors import UsageError

LEAST, MOST = -(2**23), 2**23 - 1
DESIGNS = [
    (cutoff_hz, rate_hz, order)
    for order in (2, 4)
    for rate_hz in (80, 320)
    for cutoff_hz in (0.1, 0.5, 1, 2, 5, 10, rate_hz * 0.249)
]
CALIBRATION = (2097152, -8192, 32767, 1)


def responses(d: Lowpass, n: int) -> dict[str, np.ndarray]:
    """Impulse responses from a code to u, v and y of each section."""
    x = design._numerator(d.order, n)
    found = {}
    for k, section in enumerate(d.sections):
        e, c = section.floats
        found[f"u{k}"], found[f"v{k}"], x = design._run(e, c, section.g, x)
        found[f"y{k}"] = x
    return found


def worst(response: np.ndarray, sign: int) -> list[int]:
    """The codes that bring a response to its l1 bound at the last one."""
    return [MOST if sign * h > 0 else LEAST for h in response[::-1]]


def checked_run(d: Lowpass, codes: list[int], median: int = 1, calibration=None) -> list[int]:
    s = smalls(filter_state(median, d.words, calibration, 30000, 28000, 10))
    o = [0] * len(codes)
    filter_block(0, len(codes), s, smalls(codes), o)
    assert min(s) >= 0
    return s


def test_by_hand() -> None:
    """2^29 + 2^29 is one too many, and so is a product of 2^15 and 2^15; 2^30 - 1 is the last that fits."""
    half = small(2**29)
    for grown in (lambda: half + half, lambda: half << 1, lambda: small(2**15) * 2**15, lambda: -half * 3):
        with pytest.raises(OverflowError):
            grown()
    assert half + (half - 1) == LIMIT - 1
    assert -half - half == -LIMIT


@pytest.mark.parametrize(("cutoff_hz", "rate_hz", "order"), DESIGNS)
def test_worst_codes_stay_in_range(cutoff_hz: float, rate_hz: float, order: int) -> None:
    """The codes of every l1 bound, from full scale of the other sign on; they do come within 1 % of the bound."""
    d = lowpass(cutoff_hz, rate_hz, order)
    n = min(int(2.5 * rate_hz / cutoff_hz) + 40, 3000)
    reached = {}
    for name, response in responses(d, n).items():
        for sign in (1, -1):
            codes = worst(response, sign)
            s = checked_run(d, codes)
            at = int(name[1]) * filter_words.SECTION_WORDS
            if name[0] == "v":
                reached[name] = max(reached.get(name, 0), abs(s[at + filter_words.V] - filter_words.WORD_BIAS))
            if name[0] == "y":
                reached[name] = max(reached.get(name, 0), abs(s[at + filter_words.Y] - filter_words.WORD_BIAS))
    if n < 3000:
        for k, reach in enumerate(d.reaches):
            assert 0.99 * reach.v <= reached[f"v{k}"] <= reach.v
            assert 0.99 * reach.y <= reached[f"y{k}"] <= reach.y


@pytest.mark.parametrize(("cutoff_hz", "rate_hz", "order"), [*DESIGNS, (0.05, 80, 2), (0.05, 320, 2), (0.05, 320, 4)])
def test_full_scale_stays_in_range(cutoff_hz: float, rate_hz: float, order: int) -> None:
    d = lowpass(cutoff_hz, rate_hz, order)
    period = max(2, int(rate_hz / cutoff_hz / 2))
    for codes in (
        [LEAST] * 300,
        [MOST, LEAST] * 150,
        [MOST] * 300 + [LEAST] * 300,
        [(MOST if i // period % 2 else LEAST) for i in range(min(4 * period, 2000))],
    ):
        for median in (1, 3, 5):
            checked_run(d, codes, median, CALIBRATION)


@given(
    st.lists(st.integers(LEAST, MOST) | st.sampled_from([LEAST, MOST, 0]), min_size=1, max_size=200),
    st.sampled_from(DESIGNS),
    st.sampled_from([1, 3, 5]),
    st.sampled_from([None, CALIBRATION, (-2097152, 8191, 32767, 1)]),
)
@settings(deadline=None, max_examples=150)
def test_any_codes_stay_in_range(codes, which, median, calibration) -> None:
    checked_run(lowpass(*which), codes, median, calibration)


@pytest.mark.parametrize(("times_e", "times_c", "more_g"), [(6, 6, 0), (16, 1, 4)])
def test_an_over_wide_design_is_caught(times_e: int, times_c: int, more_g: int) -> None:
    """The negative control: a coefficient too wide, or four more bits of velocity, and full-scale codes raise."""
    section = lowpass(1, 80).sections[0]
    codes = [MOST, LEAST] * 20 + [MOST] * 200 + [LEAST] * 200
    sections = ((section.e * times_e, section.c * times_c, section.z, section.g + more_g),)
    s = smalls(filter_state(1, sections, None, 0, 0, 0))
    with pytest.raises(OverflowError):
        filter_block(0, len(codes), s, smalls(codes), [0] * len(codes))


@pytest.mark.parametrize("changed", [{"e": 1 << 30}, {"g": 12}, {"c": 1 << 30}])
def test_the_design_refuses_what_does_not_fit(changed: dict[str, int]) -> None:
    d = lowpass(1, 80)
    kept = {**vars(d.sections[0]), **changed}
    section = Section(**kept)
    reach = d.reaches[0]
    grown = Reach(reach.u, reach.v * 2.0 ** (section.g - d.sections[0].g), reach.y)
    assert "its limit is 2^" in design._misfit(section, grown)


@pytest.mark.parametrize(
    ("arguments", "limit"),
    [
        ((20, 80, 2), "20 Hz"),
        ((80, 320, 4), "80 Hz"),
        ((0, 80, 2), "above 0"),
        ((-1, 80, 2), "above 0"),
        ((float("nan"), 80, 2), "above 0"),
        ((1e-5, 80, 2), "at least 0.0006103515625 Hz"),
        ((1, 80, 3), "2 or 4"),
        ((1, float("inf"), 2), "rate of inf"),
    ],
)
def test_bad_designs_are_refused_with_the_limit(arguments, limit: str) -> None:
    with pytest.raises(UsageError, match=limit):
        lowpass(*arguments)


def test_the_lowest_cutoff_fits() -> None:
    d = lowpass(80 * 2**-17, 80)
    assert d.sections[0].z <= design.MOST_Z
    codes = array("i", [MOST] * 50)
    s = filter_state(1, d.words, None, 0, 0, 0)
    filter_block(0, 50, s, codes, codes)
    assert filtered(s) == 32 * MOST
