"""Two chips on one body: what one drives reaches the other's electrodes, unless they take turns.

The current of the other chip makes a voltage on one's own electrodes. Its frequency differs by what the two clocks
differ, so that it turns in phase, and the receiver's decimation filter, three in a row, takes off what turns fast.
"""

import math
from statistics import fmean, pstdev

from impedance_bench import Bench, Load

from turgor_host.sim.clock import Clock

# 3 ohm of the body are common to both paths.
TRANSFER_OHM = 3.0
RATES_HZ = {5000: 78.125, 49_984: 195.25, 99_968: 195.25}


class Coupled(Load):
    """A limb through which another chip's current flows as well, while that drives at about the same frequency."""

    def __init__(self) -> None:
        super().__init__()
        # Spans (begin, end, nA, Hz), those of the other chip.
        self.other: list[tuple[int, int, int, int]] = []
        self.apart_ppm = 0
        self.own_na = {5000: 32_000, 49_984: 64_000, 99_968: 64_000}

    def at(self, frequency_hz: int, t_us: int) -> tuple[int, int]:
        re, im = super().at(frequency_hz, t_us)
        for begin, end, na, hz in self.other:
            if begin <= t_us < end and hz == frequency_hz:
                apart_hz = frequency_hz * self.apart_ppm * 1e-6
                x = math.pi * apart_hz / RATES_HZ[hz]
                ohm = TRANSFER_OHM * na / self.own_na[hz] * (abs(math.sin(x) / x) ** 3 if x else 1)
                turned = 2 * math.pi * apart_hz * t_us * 1e-6
                re += round(ohm * 1e6 * math.cos(turned))
                im += round(ohm * 1e6 * math.sin(turned))
        return re, im


class Second:
    """The other chip, stepped beside a Bench; it notes when it drives what."""

    def __init__(self, clock: Clock) -> None:
        self.bench = Bench(noise_lsb=5)
        self.bench.clock.us = clock.us
        self.chip = self.bench.chip
        self.spans: list[tuple[int, int, int, int]] = []

    def sweep_from(self, us: int) -> None:
        """One sweep that begins at `us`."""
        self.bench.clock.us = us
        self.bench.due_us = 0
        assert self.bench.driver.begin(self.bench.clock.ticks())
        before = (0, 0)
        since = us
        while not self.bench.driver.idle:
            self.bench.clock.us = max(self.bench.clock.us, self.bench.due_us)
            begun = self.bench.clock.us
            self.bench.due_us = begun + self.bench.driver.step(self.bench.clock.ticks())
            self.bench.clock.us += 120
            now = (self.chip.driving_na, self.chip.frequency_hz)
            if now != before:
                if before[0]:
                    self.spans.append((since, self.bench.clock.us, *before))
                before, since = now, self.bench.clock.us


def readings(second: str, sweeps: int = 30) -> list[list[float]]:
    """Means of I in ohm for each frequency; the second chip sweeps "never", "apart" (a second later) or "along"."""
    bench = Bench(noise_lsb=5)
    load = Coupled()
    load.apart_ppm = 837
    bench.load = bench.chip.load = load
    bench.start()
    other = Second(bench.clock)
    other.bench.start()
    found: list[list[float]] = [[], [], []]
    for number in range(1, sweeps + 1):
        start_us = 2_000_000 * number
        if second != "never":
            other.sweep_from(start_us - (1_000_000 if second == "apart" else 0))
            load.other = other.spans[-3:]
        bench.clock.us = start_us
        for result, nanoohm in zip(bench.sweep(), (6_620_412, 3_310_206, 3_310_206), strict=True):
            found[result["frequency_index"]].append(result["sum_i"] / 16 * nanoohm * 1e-9)
    return found


def test_taking_turns_keeps_them_from_disturbing_each_other() -> None:
    alone, apart, along = (readings(second) for second in ("never", "apart", "along"))
    for lonely, turned, together in zip(alone, apart, along, strict=True):
        noise = pstdev(lonely)
        # The mean of 30 sweeps differs by less than the noise of one.
        assert abs(fmean(turned) - fmean(lonely)) < noise
        assert pstdev(turned) < 1.5 * noise
        print(noise, fmean(turned) - fmean(lonely), pstdev(turned), pstdev(together))
        # Were both to drive, the reading would scatter by many times as much.
        assert pstdev(together) > 5 * noise


def test_by_hand() -> None:
    """Two of 32 uA through 3 common ohm: 3 ohm more where both drive at 5 kHz, nothing when the other has ended."""
    load = Coupled()
    load.other = [(0, 10, 32_000, 5000)]
    assert load.at(5000, 5)[0] - Load().at(5000, 5)[0] == 3_000_000
    assert load.at(5000, 10) == Load().at(5000, 10)
