"""The estimate of R0 over Cole models: its weights, its error and what it costs."""

from math import radians

import numpy as np
import pytest

from turgor.core.impedance import r0_milliohm
from turgor.drivers.max30009_writes import FREQUENCIES_HZ
from turgor_host.calibrate.r0 import (
    ALPHA,
    BOARD_WEIGHTS,
    FC_HZ,
    R0_ERROR,
    SCALE,
    error_share,
    r0_error_ohm,
    weights,
)


def cole(hz, r0, rinf, fc_hz, alpha):
    return rinf + (r0 - rinf) / (1 + (1j * hz / fc_hz) ** alpha)


def estimate(z_5, z_50):
    parts = [round(1000 * part) for z in (z_5, z_50) for part in (z.real, z.imag)]
    return r0_milliohm(*parts) / 1000


def at_two_frequencies(*model):
    return [complex(cole(hz, *model)) for hz in FREQUENCIES_HZ[:2]]


def test_by_hand():
    """Without reactance nothing is added; of the 26.4 ohm between a thorax's R0 and Rinf it may be 1.82 % off."""
    assert estimate(50, 50) == 50
    assert r0_error_ohm(51.4, 25.0) == pytest.approx(0.0182 * 26.4)


def test_the_boards_weights_are_the_best_ones():
    assert weights() == BOARD_WEIGHTS
    # They do not hang on the number of models.
    assert weights(33) == BOARD_WEIGHTS


def test_the_stated_error_is_the_largest_one():
    alpha, fc_hz = np.meshgrid(np.linspace(*ALPHA, 401), np.geomspace(*FC_HZ, 401))
    shares = error_share(alpha.ravel(), fc_hz.ravel())
    assert 0.018 < np.abs(shares).max() <= R0_ERROR


def test_the_board_keeps_to_the_stated_error():
    random = np.random.default_rng(9)
    for _ in range(5000):
        r0 = random.uniform(20, 400)
        rinf = random.uniform(0.1, 0.95) * r0
        model = r0, rinf, random.uniform(*FC_HZ), random.uniform(*ALPHA)
        # The parts come in whole milliohm, off by a half each, and the estimate is rounded down.
        slack = 0.001 * (1 + sum(BOARD_WEIGHTS) / SCALE)
        assert abs(estimate(*at_two_frequencies(*model)) - r0) <= r0_error_ohm(r0, rinf) + slack


@pytest.mark.parametrize(
    ("ri_over_re", "percent"),
    [(6, 0.26), (2.6, 0.51), (2, 0.61), (25 / 26.4, 0.94)],
    ids=["edema", "calf", "limb", "thorax"],
)
def test_in_percent_of_r0(ri_over_re, percent):
    """Extracellular 60 ohm with intracellular fluid beside it: the estimate, and what R at 5 kHz alone lacks."""
    r0, rinf = 60.0, 60 * ri_over_re / (1 + ri_over_re)
    off, lacking = [], []
    for fc_hz in np.geomspace(*FC_HZ, 21):
        for alpha in np.linspace(*ALPHA, 21):
            z_5, z_50 = at_two_frequencies(r0, rinf, fc_hz, alpha)
            off.append(abs(estimate(z_5, z_50) - r0))
            lacking.append((r0 - z_5.real) / (r0 - rinf))
    assert 100 * r0_error_ohm(r0, rinf) / r0 == pytest.approx(percent, abs=0.006)
    assert max(off) <= r0_error_ohm(r0, rinf) + 0.005
    assert min(lacking) == pytest.approx(0.034, abs=0.001)
    assert max(lacking) == pytest.approx(0.262, abs=0.001)


def test_what_a_phase_error_and_noise_cost():
    """0.1 degree at 5 kHz is 0.47 % of R; noise of one size in all four parts comes out 2.8 times as large."""
    z_5, z_50 = at_two_frequencies(60000, 43000, 50e3, 0.7)
    turned = z_5 * np.exp(-1j * radians(0.1))
    assert (estimate(turned, z_50) - estimate(z_5, z_50)) / z_5.real == pytest.approx(0.0047, abs=0.0001)
    x_5, x_50, r = np.array(BOARD_WEIGHTS) / SCALE
    assert np.hypot.reduce([1 - r, x_5, x_50, r]) == pytest.approx(2.83, abs=0.01)
