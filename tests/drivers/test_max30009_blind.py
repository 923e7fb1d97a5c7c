"""A board that stands still in a sweep, as in an erase of its flash: no value is wrong, what is late is a fault.

The board itself erases between sweeps (`turgor.app.keep`); this is what happens where it cannot choose.
"""

import pytest

from turgor.drivers import NEVER_READY, NO_FAULT, RESULT
from turgor.drivers.max30009 import Max30009
from turgor_host.sim.bus import Bus
from turgor_host.sim.chips.max30009 import Max30009 as Model
from turgor_host.sim.clock import Clock

MASK = 2**30 - 1
ADDRESS = 0x68
PERIODS_US = (12_800, 5122, 5122)
# Time a board spends on a step beside the bus.
STEP_US = 120


class Load:
    """A limb: resistance falls with frequency."""

    def at(self, frequency_hz: int, t_us: int) -> tuple[int, int]:
        return 60_000_000 - 200 * frequency_hz, -3_000_000 - 50 * frequency_hz


class Sweep:
    """A sweep that stands still for `blind_us` before its step number `at`: its results, their spans, its steps."""

    def __init__(self, blind_us: int = 0, at: int = -1) -> None:
        clock = Clock(MASK - 1_000_000)
        bus = Bus(clock)
        bus.attach(ADDRESS, Model(clock, Load(), noise_lsb=1))
        self.driver = driver = Max30009(bus)
        while not driver.idle:
            clock.us += STEP_US + driver.step(clock.ticks())
        begun_us = clock.us
        driver.begin(clock.ticks())
        self.results: list[tuple[int, ...]] = []
        self.spans_us: list[int] = []
        self.steps = 0
        while not driver.idle and driver.fault == NO_FAULT:
            if self.steps == at:
                clock.us += blind_us
            step_us = clock.us
            wait_us = driver.step(clock.ticks())
            clock.us = max(clock.us + STEP_US, step_us + wait_us)
            self.steps += 1
            if driver.event == RESULT:
                sums = driver.sum_i, driver.sum_q, driver.min_i, driver.max_i, driver.min_q, driver.max_q
                self.results.append((driver.frequency_index, driver.count, driver.leads, *sums))
                self.spans_us.append((driver.tick - driver.first_tick) & MASK)
        self.us = clock.us - begun_us


def test_by_hand() -> None:
    """400 ms at 195 pairs a second are 156 words, and 8 were dropped before: the 256 of the FIFO hold them."""
    undisturbed = Sweep()
    assert [result[:3] for result in undisturbed.results] == [(0, 16, 0), (1, 16, 0), (2, 16, 0)]
    assert 570_000 < undisturbed.us < 600_000
    # The last burst of the last frequency comes 400 ms late, and 980 ms have passed.
    late = Sweep(400_000, undisturbed.steps - 6)
    assert late.driver.fault == NEVER_READY
    assert late.results == undisturbed.results[:2]


@pytest.mark.parametrize(("blind_us", "in_time"), [(700, True), (3000, True), (45_000, True), (400_000, False)])
def test_anywhere_in_a_sweep(blind_us: int, in_time: bool) -> None:
    expected = Sweep()
    assert expected.steps > 80
    for at in range(expected.steps):
        sweep = Sweep(blind_us, at)
        # What came late has other noise, of one count.
        for result, wanted in zip(sweep.results, expected.results, strict=False):
            assert result[:3] == wanted[:3]
            assert all(abs(a - b) <= 20 for a, b in zip(result[3:], wanted[3:], strict=True))
        # Both ends of a result are known to one sample.
        for span_us, period_us in zip(sweep.spans_us, PERIODS_US, strict=False):
            assert abs(span_us - 15 * period_us) <= 2 * period_us
        if len(sweep.results) < 3 or not sweep.driver.idle:
            assert not in_time
            assert sweep.driver.fault == NEVER_READY
