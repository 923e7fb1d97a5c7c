"""The noise estimate against numpy, over what it is to see and what it is to overlook."""

from array import array

import numpy as np
import pytest
from checked import small, smalls
from hypothesis import given, settings
from hypothesis import strategies as st

from turgor.core.decimate import mean_block, mean_state
from turgor.core.noise import (
    AVERAGE,
    CHUNK,
    NO_NOISE,
    SHIFT_MOST,
    STILL,
    STILL_MOST,
    noise_block,
    noise_restart,
    noise_rms_code_q4,
    noise_state,
    still_codes,
)

FULL = 2**23
RATE = 80
CODES_A_MMHG = 10737.418
CODES = st.integers(-FULL, FULL - 1) | st.sampled_from([-FULL, FULL - 1]) | st.integers(-3, 3)


def fed(codes, shift=6):
    s = noise_state(shift)
    x = array("i", np.round(codes).astype(int).tolist())
    noise_block(0, len(x), s, x)
    return s


def rms(codes, shift=6):
    return noise_rms_code_q4(fed(codes, shift)) / 16


def plain(codes, shift):
    """Average and chunks without a difference, from numpy's second differences."""
    codes = np.array(codes, np.int64)
    n = len(codes) // CHUNK
    # Before the first code there was the same one.
    differences = np.abs(np.diff(np.r_[codes[:1], codes[:1], codes], 2))
    average, still = 0, 0
    for i, total in enumerate(differences[: n * CHUNK].reshape(n, CHUNK).sum(1).tolist()):
        still = 0 if total else still + 1
        total = min(total, 2**22)
        if i == 1:
            average = total << shift
        elif i:
            average += total - (average >> shift)
    return average, still


def white(n, seed=1):
    return np.random.default_rng(seed).normal(0, 90, n)


def test_by_hand():
    """0 and 1 in turn: every second difference is 2, a chunk's sum 32; 2 / 1.954 x 16 = 16.37, of which 16 is whole."""
    s = fed([0, 1] * 15)
    assert noise_rms_code_q4(s) == NO_NOISE
    noise_block(0, 2, s, [0, 1])
    assert s[AVERAGE] >> 6 == 32
    assert noise_rms_code_q4(s) == 16
    assert still_codes(s) == 0


@given(st.lists(CODES, max_size=300), st.integers(0, SHIFT_MOST), st.lists(st.integers(1, 40), min_size=1))
@settings(deadline=None, max_examples=150)
def test_like_numpy_in_blocks_of_any_length(codes, shift, lengths):
    """In integers that refuse to grow."""
    s = smalls(noise_state(shift))
    x = smalls(codes)
    a, turn = 0, 0
    while a < len(x):
        b = min(len(x), a + lengths[turn % len(lengths)])
        noise_block(a, b, s, x)
        a, turn = b, turn + 1
    assert (s[AVERAGE], s[STILL]) == (plain(codes, shift) if codes else (0, 0))
    whole, single = noise_state(shift), noise_state(shift)
    noise_block(0, len(codes), whole, array("i", codes))
    for code in codes:
        noise_block(0, 1, single, array("i", [code]))
    assert list(whole) == list(single) == s


@pytest.mark.parametrize("codes", [[FULL - 1, -FULL], [-FULL, -FULL, FULL - 1, FULL - 1], [-FULL, FULL - 1, FULL - 1]])
def test_range(codes):
    """Full-scale alternation at the longest average: the largest differences, sums and average."""
    s = smalls(noise_state(SHIFT_MOST))
    x = smalls(codes * 1200)
    noise_block(0, len(x), s, x)
    assert noise_rms_code_q4(s) == 131 << 14
    s[STILL] = small(STILL_MOST)
    noise_block(0, 64, s, smalls([5] * 64))
    assert s[STILL] == 3
    s[STILL] = small(STILL_MOST)
    noise_block(0, 64, s, smalls([5] * 64))
    assert s[STILL] == STILL_MOST
    assert still_codes(s) == STILL_MOST * CHUNK


def test_reads_the_rms_of_white_noise():
    """90 codes, as an NAU7802 has: the mean of an hour to 0.2 %, a single reading to 3 standard deviations of 3 %."""
    x = array("i", np.round(white(RATE * 3600)).astype(int).tolist())
    s = noise_state(6)
    readings = []
    for second in range(3600):
        noise_block(RATE * second, RATE * (second + 1), s, x)
        readings.append(noise_rms_code_q4(s) / 16)
    readings = np.array(readings[60:])
    assert abs(readings.mean() / 90 - 1) < 0.002
    assert readings.std() / 90 < 0.03
    assert abs(readings / 90 - 1).max() < 0.1


@pytest.mark.parametrize(
    ("name", "signal", "most"),
    [
        ("60 mmHg a minute", lambda t: t, 0.02),
        ("breathing, 2 mmHg", lambda t: np.sin(2 * np.pi * 0.25 * t), 0.02),
        ("pulse, 1 mmHg", lambda t: 0.5 * np.sin(2 * np.pi * 1.2 * t), 0.03),
        ("pulse of 0.5 mmHg with its overtones", lambda t: 0.25 * np.sin(7.5 * t) + 0.12 * np.sin(15 * t), 0.03),
    ],
)
def test_overlooks_drift_breathing_and_pulse(name, signal, most):
    """Each of which would make first differences read 1.4 times the noise and more."""
    noise = white(RATE * 60)
    x = noise + CODES_A_MMHG * signal(np.arange(len(noise)) / RATE)
    assert abs(rms(x) / rms(noise) - 1) < most
    assert np.abs(np.diff(x)).mean() > 1.4 * np.abs(np.diff(noise)).mean()


def test_decimated_it_sees_pulse_and_breathing():
    """A pulse of 1 mmHg makes more than ten times what one of 0.05 makes, and noise alone reads 90 / sqrt 20."""
    t = np.arange(RATE * 240) / RATE
    found = []
    for height in (1, 0.05, 0):
        x = array("i", np.round(CODES_A_MMHG * height * np.sin(7.5 * t) / 2 + white(len(t))).astype(int).tolist())
        n = mean_block(0, len(x), mean_state(20, 1), x, x)
        found.append(rms(x[:n], 2))
    assert found[0] > 10 * found[1] > 10 * found[2]
    assert found[2] == pytest.approx(90 / 20**0.5, rel=0.2)


def test_a_step_is_forgotten():
    """Of 100 mmHg: it reads high at once, and 90 s later less than 10 % too high."""
    noise = white(RATE * 180)
    step = noise + np.where(np.arange(len(noise)) < RATE * 60, 0, 100 * CODES_A_MMHG)
    assert rms(step[: RATE * 60 + 16]) > 10 * 90
    assert rms(step[: RATE * 150]) / rms(noise[: RATE * 150]) < 1.1


def test_stuck_shows_at_once():
    for level in (0, -5, FULL - 1):
        # 33 equal codes are needed at one of 16 places in a chunk, fewer at the others.
        noise = [white(n) for n in range(2000, 2016)]
        assert all(still_codes(fed(np.r_[codes, [level] * 33])) for codes in noise)
        assert not all(still_codes(fed(np.r_[codes, [level] * 32])) for codes in noise)
        assert all(noise_rms_code_q4(fed(np.r_[codes, [level] * 33])) for codes in noise)


@pytest.mark.parametrize("shift", range(SHIFT_MOST + 1))
def test_stuck_reads_exactly_0_in_the_end(shift):
    """From the largest average, 16 times what it reaches back over is enough."""
    s = fed([FULL - 1, -FULL] * 20000, shift)
    x = array("i", [7]) * (CHUNK << shift)
    assert noise_rms_code_q4(s) > 16 * 100000
    for _ in range(16):
        noise_block(0, len(x), s, x)
    assert noise_rms_code_q4(s) == 0


def test_noise_of_one_code_is_not_stuck():
    s = noise_state(6)
    for i in range(4000):
        noise_block(0, 1, s, [100 + (i % 12 == 0)])
        assert still_codes(s) == 0


def test_the_mean_of_means_is_the_mean_of_sums():
    """To the average's first and last value: nothing is lost on the way."""
    x = array("i", np.round(white(CHUNK * 5000)).astype(int).tolist())
    s = noise_state(7)
    noise_block(0, 2 * CHUNK, s, x)
    first, means, sums = s[AVERAGE], 0, 0
    differences = np.abs(np.diff(np.array(x), 2))
    for chunk in range(2, 5000):
        means += s[AVERAGE] >> 7
        noise_block(chunk * CHUNK, (chunk + 1) * CHUNK, s, x)
        sums += int(differences[chunk * CHUNK - 2 : (chunk + 1) * CHUNK - 2].sum())
    assert sums - means == s[AVERAGE] - first


def test_restart_is_a_fresh_state():
    s = fed(white(500))
    noise_restart(s)
    assert s == noise_state(6)
