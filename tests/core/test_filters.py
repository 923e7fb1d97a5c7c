"""The sample chain: a hand case, despiking, accuracy against float64, rest, calibration, flags, blocks."""

from array import array
from fractions import Fraction
from math import ceil
from random import Random

import numpy as np
import pytest
from filter_signals import CUTOFFS_HZ, FULL, signals
from scipy.signal import butter, sosfilt, sosfilt_zi

from turgor.core import filter_words as at
from turgor.core.filter_words import COUNT, FLAGS, OVER, SATURATED, SETTLED, filter_state, filtered, restart, take_flags
from turgor.core.filters import filter_block
from turgor_host import compiled
from turgor_host.calibrate.lowpass import lowpass

# One code is one milli-mmHg: 32 in 2^5, the gain 2^27 / 2^30 / 2^2.
UNIT = (0, 4096, 0, 2)


def state(cutoff_hz=1, rate_hz=80, order=2, median=1, calibration=None, settle=0, threshold=30000, release=28000):
    return filter_state(median, lowpass(cutoff_hz, rate_hz, order).words, calibration, threshold, release, settle)


def run(s, codes, block=filter_block):
    x = array("i", [int(code) for code in codes])
    o = array("i", bytes(4 * len(x)))
    block(0, len(x), s, x, o)
    return np.array(o)


def test_by_hand() -> None:
    """A constant 2^20 is at rest at once: 2^20 x 32 filtered, and 2^20 x 1562500 / 2^24 = 97656.25 milli-mmHg."""
    assert list(run(state(), [1 << 20] * 5)) == [1 << 25] * 5
    # 1562500 / 2^24 / 32 is 200000000 / 2^36; 200000000 is 6103 x 2^15 + 16896, and 36 is 30 + 6.
    assert list(run(state(calibration=(0, 6103, 16896, 6)), [1 << 20] * 5)) == [97656] * 5


@pytest.mark.parametrize("median", [3, 5])
def test_median(median: int) -> None:
    """E = C = 1/2 makes the section quick; its input is compared with a median made by sorting."""
    random = Random(median)
    for span in (2, 5, 1000, FULL):
        codes = [random.randint(-span, span) for _ in range(400)]
        middles = []
        for i in range(len(codes)):
            window = [codes[max(0, i - back)] for back in range(median)]
            middles.append(sorted(window)[median // 2])
        quick = ((1 << 27, 1 << 27, 0, 0),)
        got = run(filter_state(median, quick, None, 0, 0, 0), codes)
        assert list(got) == list(run(filter_state(1, quick, None, 0, 0, 0), middles))


@pytest.mark.parametrize("order", [2, 4])
@pytest.mark.parametrize("rate_hz", [80, 320])
@pytest.mark.parametrize("cutoff_hz", CUTOFFS_HZ)
def test_accuracy(cutoff_hz: float, rate_hz: float, order: int) -> None:
    """Against float64 in LSB of the 24-bit code; measured: 0.019 to 0.040 (order 2), 0.025 to 0.069 (order 4)."""
    d = lowpass(cutoff_hz, rate_hz, order)
    sos = butter(order, cutoff_hz, fs=rate_hz, output="sos")
    worst = {}
    for name, x in signals(cutoff_hz, rate_hz).items():
        # A first code of 0 starts both at rest there.
        codes = np.concatenate([[0], x]).astype(np.int32)
        got = run(state(cutoff_hz, rate_hz, order), codes, compiled.filter_block)
        worst[name] = float(np.abs(got / 32 - sosfilt(sos, codes.astype(float))).max())
    assert max(worst.values()) <= (0.08 if cutoff_hz <= 2 else 0.12), worst
    assert max(worst.values()) <= d.error_lsb


@pytest.mark.parametrize("rate_hz", [80, 320])
@pytest.mark.parametrize("cutoff_hz", CUTOFFS_HZ)
def test_error_bound_of_order_2_is_below_the_limits(cutoff_hz: float, rate_hz: float) -> None:
    """For any codes whatever, by the l1 bounds of rounding and of the coefficients."""
    assert lowpass(cutoff_hz, rate_hz).error_lsb <= 0.08


@pytest.mark.parametrize("order", [2, 4])
@pytest.mark.parametrize("rate_hz", [80, 320])
@pytest.mark.parametrize("cutoff_hz", CUTOFFS_HZ)
def test_gain_at_0_hz_is_exactly_1_and_nothing_rings_on(cutoff_hz: float, rate_hz: float, order: int) -> None:
    """Nothing is left 6 / cut-off after a step, nor later; of order 4 the ideal filter itself leaves 2 to 9 codes of a
    full-scale step then, so its own rest is judged 10 / cut-off after the step."""
    after = ceil((6 if order == 2 else 10) * rate_hz / cutoff_hz)
    for level in (FULL, -FULL - 1, 1, -1, 4711):
        s = state(cutoff_hz, rate_hz, order)
        codes = np.concatenate([[0], np.full(2 * after, level), np.zeros(2 * after)]).astype(np.int32)
        got = run(s, codes, compiled.filter_block)
        assert (got[after + 1 : 2 * after + 1] == 32 * level).all()
        assert not got[3 * after + 1 :].any()


def test_order_4_is_as_far_as_the_ideal_filter_6_periods_after_a_step() -> None:
    after = 6 * 80
    codes = np.concatenate([[0], np.full(after, FULL), np.zeros(after + 1)]).astype(np.int32)
    got = run(state(order=4), codes)
    ideal = sosfilt(butter(4, 1, fs=80, output="sos"), codes.astype(float))
    assert abs(got[-1] / 32 - ideal[-1]) < 0.05
    assert abs(ideal[-1]) > 1


@pytest.mark.parametrize("order", [2, 4])
def test_starts_at_rest_on_any_code(order: int) -> None:
    sos = butter(order, 1, fs=80, output="sos")
    random = Random(order)
    for level in (FULL, -FULL - 1, 4711, -123456):
        codes = [level, *(random.randint(-FULL, FULL) for _ in range(500))]
        ideal = sosfilt(sos, np.array(codes, float), zi=sosfilt_zi(sos) * level)[0]
        assert np.abs(run(state(order=order), codes) / 32 - ideal).max() < 0.08


@pytest.mark.parametrize(("cutoff_hz", "rate_hz", "order"), [(1, 80, 2), (10, 80, 4), (0.05, 320, 2), (79, 320, 4)])
def test_design_facts(cutoff_hz: float, rate_hz: float, order: int) -> None:
    """The true -3 dB point and the delay, the latter against a ramp: what lags behind it by its slope x delay."""
    d = lowpass(cutoff_hz, rate_hz, order)
    assert d.true_cutoff_hz == pytest.approx(cutoff_hz, rel=1e-7)
    assert d.gain(0) == pytest.approx(1, abs=1e-9)
    n = ceil(12 * rate_hz / cutoff_hz)
    slope = max(1, 2 * FULL // n - 1)
    got = run(state(cutoff_hz, rate_hz, order), range(-FULL, -FULL + n * slope, slope), compiled.filter_block)
    behind = (-FULL + (n - 1) * slope - got[-1] / 32) / slope / rate_hz
    assert behind == pytest.approx(d.delay_s, abs=0.1 / slope / rate_hz + 1e-6)


def test_a_block_is_its_samples_and_may_be_filtered_in_place() -> None:
    random = Random(8)
    for order, median, calibration in ((2, 1, None), (2, 3, UNIT), (4, 3, UNIT), (4, 5, None)):
        codes = array("i", [random.randint(-FULL, FULL) for _ in range(300)])
        whole = state(order=order, median=median, calibration=calibration)
        single = array("i", whole)
        o = array("i", bytes(1200))
        flags = filter_block(0, 300, whole, codes, o)
        for i in range(300):
            last = filter_block(i, i + 1, single, codes, codes)
        assert (codes, single, last) == (o, whole, flags)


def test_an_empty_block_changes_nothing() -> None:
    s = state()
    run(s, [5, 6, 7])
    before = array("i", s)
    assert filter_block(1, 1, s, s, s) == before[FLAGS]
    assert s == before


def test_calibration_is_the_exact_product_to_half_a_milli_mmhg() -> None:
    random = Random(1)
    for _ in range(1500):
        offset = random.choice([0, 2097152, -2097152, random.randint(-100000, 100000)])
        high = random.choice([-8192, 8191, random.randint(-8192, 8191)])
        low = random.choice([0, 32767, random.randint(0, 32767)])
        shift = random.randint(1, 13)
        code = random.choice([0, 1, -1, FULL, -FULL - 1, random.randint(-FULL, FULL)])
        value = run(state(calibration=(offset, high, low, shift)), [code])[0]
        exact = Fraction(32 * (code - offset)) * (high * 2**15 + low) / 2 ** (30 + shift)
        assert abs(int(value) - exact) <= Fraction(1, 2)


@pytest.mark.parametrize(
    ("code", "saturated"),
    [(8388607, True), (8388600, True), (8388599, False), (-8388608, True), (-8388600, True), (-8388599, False)],
)
def test_saturation_is_kept_until_it_is_taken(code: int, saturated: bool) -> None:
    s = state(threshold=1 << 28)
    run(s, [0, 0, code, 0, 0])
    assert bool(take_flags(s) & SATURATED) == saturated
    assert not take_flags(s) & SATURATED
    run(s, [0])
    assert not take_flags(s) & SATURATED


@pytest.mark.parametrize(("threshold", "release"), [(30000, 28000), (-1000, -3000)])
def test_threshold_holds_until_release(threshold: int, release: int) -> None:
    s = state(calibration=UNIT, threshold=threshold, release=release)
    seen = []
    for level in (threshold - 1, threshold, threshold - 1, release, release - 1, release, threshold - 1, threshold):
        # At rest on each level; what a restart clears besides is kept.
        s[COUNT] = 0
        seen.append(bool(filter_block(0, 1, s, [level], [0]) & OVER))
    assert seen == [False, True, True, True, False, False, False, True]


def test_settled_after_the_stated_samples_and_again_after_a_restart() -> None:
    s = state(settle=160)
    for _ in range(2):
        run(s, [5000] * 160)
        assert not s[FLAGS] & SETTLED
        run(s, [5000])
        assert take_flags(s) & SETTLED
        restart(s)
        assert take_flags(s) == 0


def test_a_restart_forgets_the_past() -> None:
    random = Random(3)
    for order, median in ((2, 3), (4, 5)):
        codes = [random.randint(-FULL, FULL) for _ in range(300)]
        used = state(order=order, median=median)
        run(used, [random.randint(-FULL, FULL) for _ in range(500)])
        restart(used)
        fresh = state(order=order, median=median)
        assert list(run(used, codes)) == list(run(fresh, codes))
        assert (used, filtered(used)) == (fresh, filtered(fresh))


def test_the_words_lie_where_their_names_say() -> None:
    """The viper code has the numbers, the rest of the core the names."""
    assert (at.LAST, at.SUMS) == (
        2 * at.SECTION_WORDS,
        2 * at.SECTION_WORDS + 4,
    )
    s = state(settle=7, median=3)
    run(s, [100, 200, 300])
    assert [word - at.CODE_BIAS for word in s[at.LAST : at.LAST + 2]] == [300, 200]
    # The median is 200, its sum with the one before it (100) 300, both with the bias.
    assert s[at.SUMS : at.SUMS + 2] == array("i", [200 + at.CODE_BIAS, 300 + 2 * at.CODE_BIAS])
    assert (s[at.COUNT], s[at.SETTLE]) == (3, 7)
