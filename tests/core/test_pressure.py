"""A pressure channel's sample: the hand case, the filter against float64, calibration, flags."""

from array import array
from fractions import Fraction
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import butter, sosfilt, sosfilt_zi

from turgor.app.config import (
    LOWPASS_1_HZ_AT_80,
    LOWPASS_8_HZ_AT_320,
    NOMINAL_PRESSURE,
    pressure_words,
)
from turgor.core.pressure import (
    COUNT,
    FILTERED,
    LAST_CODE,
    OFFSET_LIMIT_CODE,
    OVER,
    SATURATED,
    SETTLED,
    VALUE,
    milli_mmhg,
    pressure_step,
    restart,
    take_flags,
)
from turgor_host.calibrate.filters import lowpass
from turgor_host.calibrate.fixed import coefficient

FULL = 2**23 - 1
# One code is one milli-mmHg: 32 in 2^5, the gain 2^27 / 2^30 / 2^2.
UNIT = (0, 4096, 0, 2)


def words(design=LOWPASS_1_HZ_AT_80, calibration=UNIT, settle=0, threshold=30000, release=28000):
    return pressure_words(design, calibration, settle, threshold, release)


def filtered(state, codes):
    """FILTERED after each code, in LSB of the code."""
    out = np.empty(len(codes))
    for i, code in enumerate(codes):
        pressure_step(state, code)
        out[i] = state[FILTERED] / 32
    return out


def reference(cutoff_hz, rate_hz, codes):
    """The same chain in float64: median of 3, Butterworth, at rest on the first code."""
    x = np.asarray(codes, dtype=float)
    x = np.median(np.stack([x, np.r_[x[0], x[:-1]], np.r_[x[0], x[0], x[:-2]][: len(x)]]), axis=0)
    sos = butter(2, cutoff_hz, fs=rate_hz, output="sos")
    return sosfilt(sos, x, zi=sosfilt_zi(sos) * x[0])[0]


def test_by_hand():
    """A constant 2^20 is at rest at once: 2^20 x 1562500 / 2^24 = 97656.25 milli-mmHg."""
    state = words(calibration=NOMINAL_PRESSURE)
    for _ in range(5):
        pressure_step(state, 1 << 20)
        assert state[FILTERED] == 1 << 25
        assert state[VALUE] == 97656
    assert state[LAST_CODE] == 1 << 20


def test_first_steps_by_hand():
    """E = C = 1/8, codes 0 0 64 64: the median lets the 64 in at the second one; then u = 512, v = 64, y = 64."""
    state = words(design=(4096, 0, 0, 4096, 0, 0))
    seen = []
    for code in (0, 0, 64, 64, 64):
        pressure_step(state, code)
        seen.append(state[FILTERED])
    # Next: u = 8 (64 + 2 x 64) - 64 = 1472, v = 64 + 184 - 8 = 240, y = 304.
    assert seen == [0, 0, 0, 64, 304]


def signals(rate_hz, seconds):
    n = int(rate_hz * seconds)
    random = Random(4)
    t = np.arange(n) / rate_hz
    steps = np.where((t * 0.7).astype(int) % 2 == 0, FULL, -FULL)
    return {
        "noise": [random.randint(-FULL, FULL) for _ in range(n)],
        "small_noise": [round(random.gauss(-123456, 90)) for _ in range(n)],
        "steps": [int(code) for code in steps],
        "ramp": [int(code) for code in np.linspace(-FULL, FULL, n)],
        "sine": [int(code) for code in np.round(300000 * np.sin(2 * np.pi * 1.3 * t) + 100000)],
        "still": [1234567] * n,
    }


# Measured: 0.13, 0.08, 0.08, 0.26 and 0.98 LSB.
@pytest.mark.parametrize(
    ("cutoff_hz", "rate_hz", "bound_lsb"),
    [(1, 80, 0.2), (8, 320, 0.12), (2, 80, 0.12), (0.5, 80, 0.4), (0.1, 80, 1.5)],
)
def test_filter_follows_float64(cutoff_hz, rate_hz, bound_lsb):
    worst = {}
    for name, codes in signals(rate_hz, 20 if rate_hz < 100 else 8).items():
        got = filtered(words(design=lowpass(cutoff_hz, rate_hz)), codes)
        worst[name] = np.abs(got - reference(cutoff_hz, rate_hz, codes)).max()
    assert max(worst.values()) < bound_lsb, worst


@given(st.lists(st.integers(-FULL - 1, FULL) | st.sampled_from([FULL, -FULL - 1, 0]), min_size=1, max_size=120))
@settings(deadline=None, max_examples=150)
def test_filter_follows_float64_on_any_codes(codes):
    got = filtered(words(), codes)
    assert np.abs(got - reference(1, 80, codes)).max() < 0.3


@pytest.mark.parametrize(("design", "rate_hz"), [(LOWPASS_1_HZ_AT_80, 80), (LOWPASS_8_HZ_AT_320, 320)])
@pytest.mark.parametrize("level", [FULL, -FULL - 1, 1, -1, 4711])
def test_gain_at_0_hz_is_exactly_1_and_nothing_rings_on(design, rate_hz, level):
    state = words(design=design)
    settled = 6 * rate_hz if rate_hz < 100 else rate_hz
    for target in (0, level, 0):
        for _ in range(settled):
            pressure_step(state, target)
        for _ in range(200):
            pressure_step(state, target)
            assert state[FILTERED] == 32 * target


def test_a_spike_of_one_sample_leaves_no_trace_and_one_of_two_does():
    random = Random(2)
    for base in (0, 250000, -77777):
        for spike in (FULL, -FULL - 1, base + 1, base - 5000):
            spiked = words()
            plain = words()
            at = random.randint(2, 20)
            for i in range(60):
                pressure_step(spiked, spike if i == at else base)
                pressure_step(plain, base)
                assert spiked[FILTERED] == plain[FILTERED]
            pressure_step(spiked, FULL)
            pressure_step(spiked, FULL)
            assert spiked[FILTERED] > 32 * base


def exact(code, calibration):
    offset, high, low, shift = calibration
    return Fraction(32 * (code - offset)) * (high * 2**15 + low) / 2 ** (30 + shift)


def test_calibration_is_the_exact_product_to_half_a_milli_mmhg():
    random = Random(1)
    extremes = [0, 1, -1, FULL, -FULL - 1]
    for _ in range(4000):
        calibration = (
            random.choice([0, OFFSET_LIMIT_CODE, -OFFSET_LIMIT_CODE, random.randint(-100000, 100000)]),
            random.choice([-8192, 8191, random.randint(-8192, 8191)]),
            random.choice([0, 32767, random.randint(0, 32767)]),
            random.randint(1, 13),
        )
        code = random.choice([*extremes, random.randint(-FULL - 1, FULL)])
        state = words(calibration=calibration)
        pressure_step(state, code)
        assert abs(state[VALUE] - exact(code, calibration)) <= Fraction(1, 2)
        assert milli_mmhg(state, code) == state[VALUE]


@pytest.mark.parametrize("milli_mmhg_per_code", [0.0931322574615478, 0.0721, 0.11, -0.0931, 1.5])
def test_a_float_gain_arrives_whole(milli_mmhg_per_code):
    calibration = (-1234, *coefficient(milli_mmhg_per_code / 32))
    for code in range(-FULL, FULL, 99991):
        wanted = (code + 1234) * milli_mmhg_per_code
        # Half a milli-mmHg of rounding, and 2^-28 of the reading from the coefficient.
        assert abs(milli_mmhg(words(calibration=calibration), code) - wanted) <= 0.5 + abs(wanted) * 2**-27


def run(state, codes):
    flags = 0
    for code in codes:
        flags = pressure_step(state, code)
    return flags


@pytest.mark.parametrize(
    ("code", "saturated"),
    [(8388607, True), (8388600, True), (8388599, False), (-8388608, True), (-8388600, True), (-8388599, False)],
)
def test_saturation_is_kept_until_it_is_taken(code, saturated):
    state = words(threshold=1 << 28)
    run(state, [0, 0, code, 0, 0])
    assert bool(take_flags(state) & SATURATED) == saturated
    assert not take_flags(state) & SATURATED
    assert not run(state, [0]) & SATURATED


def at_rest(state, level):
    """Flags of a sample whose filter rests on `level`; what a restart clears besides is kept."""
    state[COUNT] = 0
    return pressure_step(state, level)


def test_threshold_holds_until_release():
    state = words(threshold=30000, release=28000)
    levels = (29999, 30000, 29999, 28000, 27999, 28000, 29999, 30000)
    assert [bool(at_rest(state, level) & OVER) for level in levels] == [False, True, True, True] + [False] * 3 + [True]
    # It belongs to the last sample: taking the flags does not end it.
    assert take_flags(state) & OVER
    assert take_flags(state) & OVER


def test_negative_threshold_and_release():
    state = words(threshold=-1000, release=-3000)
    assert [bool(at_rest(state, level) & OVER) for level in (-1001, -1000, -3000, -3001)] == [False, True, True, False]


def test_settled_after_the_stated_samples_and_again_after_a_restart():
    state = words(settle=160, threshold=1000)
    for _ in range(2):
        assert not run(state, [5000] * 160) & SETTLED
        assert run(state, [5000]) & SETTLED
        assert take_flags(state) & SETTLED
        run(state, [FULL])
        restart(state)
        assert take_flags(state) == 0


def test_a_restart_forgets_the_past():
    random = Random(3)
    codes = [random.randint(-FULL, FULL) for _ in range(300)]
    used = words()
    run(used, [random.randint(-FULL, FULL) for _ in range(500)])
    restart(used)
    fresh = words()
    for code in codes:
        pressure_step(used, code)
        pressure_step(fresh, code)
        assert used == fresh


def test_the_state_is_all_there_is():
    """A copy of the words goes on as the original does: what a snapshot of the state relies on."""
    random = Random(5)
    one = words()
    run(one, [random.randint(-FULL, FULL) for _ in range(100)])
    other = array("i", one)
    for code in [random.randint(-FULL, FULL) for _ in range(100)]:
        assert pressure_step(one, code) == pressure_step(other, code)
    assert one == other
