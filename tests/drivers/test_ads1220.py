"""The ADS1220's driver on the simulated SPI bus, and its faults; on both runtimes."""

import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from driver_bench import MASK, CountedSpi, DriverBench, Signal, run
from mutants import load

from turgor.drivers import ABSENT, FAULT, NEVER_READY, NO_FAULT, READBACK, RESTARTED, SAMPLE, ads1220
from turgor_host.sim.chips.ads1220 import Ads1220 as Model
from turgor_host.sim.clock import Clock
from turgor_host.sim.spi import Selected

TEN_MMHG_PV = 50_000_000
TEN_MMHG_CODE = 53687
CLOCKS = {20: 204768, 45: 91120, 90: 46128, 175: 23664, 330: 12464}


class Bench(DriverBench):
    """The converter with 10 mmHg on its transducer."""

    def __init__(self, rate: int = 90, *, start_ticks: int = 0, module: Any = ads1220, **options: int) -> None:
        options.setdefault("noise_lsb", 0)
        clock = Clock(start_ticks)
        bus = CountedSpi(clock)
        chip = Model(clock, Signal(TEN_MMHG_PV), **options)
        super().__init__(clock, bus, chip, module.Ads1220(Selected(bus, chip), chip.ready, rate))


def test_ten_mmhg_reads_53687() -> None:
    bench = Bench()
    assert bench.bus.transfers == 0
    bench.until(SAMPLE)
    assert bench.driver.code == TEN_MMHG_CODE  # 10 mmHg x 5368.7
    bench.chip.bridge.value = -TEN_MMHG_PV
    bench.until(SAMPLE)
    bench.until(SAMPLE)
    assert bench.driver.code == -TEN_MMHG_CODE


def check_start_up(module: Any) -> None:
    for rate, registers in ((20, b"\x3e\x04\x50\x00"), (330, b"\x3e\x84\x40\x00")):
        bench = Bench(rate, module=module)
        next(bench.events(100), None)
        assert bench.due_us >= 58  # of a reset: 50 us and 32 clocks of 4.096 MHz
        bench.until(RESTARTED)
        frame = b"\x10\0\0\0\x23\0\0\0\0"
        assert bench.bus.writes[:5] == [b"\x06", frame, b"\x43" + registers, frame, b"\x08"]
        assert bench.chip.registers == registers
        assert set(bench.bus.writes[5:]) == {frame}


def check_every_conversion(module: Any) -> None:
    for rate, clocks in CLOCKS.items():
        for period_ppm in (-20_000, 20_000):
            # The ticks wrap two seconds after the start.
            bench = Bench(rate, module=module, period_ppm=period_ppm, start_ticks=2**30 - 2_000_000)
            bench.until(RESTARTED)
            period_us = clocks / 4.096 * (1 + period_ppm * 1e-6)
            ends = []
            for event in bench.events(bench.clock.us + int(100 * period_us)):
                assert event == SAMPLE
                assert bench.driver.missed == 0
                assert bench.driver.code == TEN_MMHG_CODE
                assert bench.clock.ticks() - bench.driver.tick & MASK < 500
                ends.append(bench.driver.tick)
            assert len(ends) >= 98
            for before, after in pairwise(ends):
                assert abs((after - before & MASK) - period_us) < 2
            assert abs(bench.driver.period_us() - period_us) < 2


def check_missed(module: Any) -> None:
    bench = Bench(module=module)
    bench.until(SAMPLE)
    for pause_us, passed in ((20_000, 1), (60_000, 5), (3_000, 0), (126_000, 11)):
        end = bench.driver.tick
        bench.clock.us += pause_us
        bench.until(SAMPLE)
        assert bench.driver.missed == round((bench.driver.tick - end) / 11_261.7) - 1
        assert abs(bench.driver.missed - passed) <= 1
    # An interrupt that nobody counted, and a blind interval of which one edge was kept.
    bench.clock.us = bench.driver.tick + 11_270
    bench.chip.ready.take()
    bench.until(SAMPLE)
    assert bench.driver.missed == 1
    end = bench.driver.tick
    bench.chip.ready.blind(bench.clock.us, bench.clock.us + 100_000)
    bench.clock.us += 100_000
    bench.driver.blind(100_000)
    bench.until(SAMPLE)
    assert bench.driver.missed == round((bench.driver.tick - end) / 11_261.7) - 1 >= 8


# What the driver says; whose attribute, while the fault lasts and when it ends.
FAULTS: dict[str, tuple[int, str, Any, Any]] = {
    "gone, line high": (ABSENT, "absent", 0xFF, None),
    "gone, line low": (ABSENT, "absent", 0x00, None),
    "line high": (ABSENT, "line", 0xFF, None),
    "line low": (ABSENT, "line", 0x00, None),
    "gain reads wrong": (READBACK, "spoilt", {0: 0x02}, {}),
    "last register reads wrong": (READBACK, "spoilt", {3: 0x80}, {}),
    "never ready": (NEVER_READY, "stopped", True, False),
}


def check_fault(module: Any, name: str) -> None:
    fault, attribute, begun, ended = FAULTS[name]
    for rate, is_running in ((20, True), (90, False), (330, True)):
        bench = Bench(rate, module=module)
        if is_running:
            bench.until(SAMPLE)
        owner = bench.bus if attribute == "line" else bench.chip
        setattr(owner, attribute, begun)
        begun_us = bench.clock.us
        assert next(bench.events(begun_us + 2_000_000), None) == FAULT
        assert bench.driver.fault == fault
        # It is tried again twice a second, and says the same each time.
        assert set(bench.events(bench.clock.us + 2_000_000)) == {FAULT}
        assert bench.driver.fault == fault
        setattr(owner, attribute, ended)
        # An attempt that was under way may still fail.
        found = list(bench.events(bench.clock.us + 2_000_000))
        assert found[found[0] == FAULT :][:2] == [RESTARTED, SAMPLE]
        assert bench.driver.fault == NO_FAULT
        assert bench.driver.code == TEN_MMHG_CODE


def check_brown_out(module: Any) -> None:
    for rate in (20, 330):
        for later_us in (0, 150, 600, 1_100, 9_000):
            bench = Bench(rate, module=module)
            bench.until(SAMPLE)
            bench.clock.us += later_us
            bench.chip.power_cycle()
            found = []
            for event in bench.events(bench.clock.us + 2_000_000):
                assert event != FAULT or bench.driver.fault == READBACK
                assert event != SAMPLE or bench.driver.code == TEN_MMHG_CODE
                found.append(event)
            assert found[:3] == [FAULT, RESTARTED, SAMPLE]
            assert found.count(FAULT) == 1


CHECKS = [check_start_up, check_every_conversion, check_missed, check_brown_out]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_driver(check: Any) -> None:
    check(ads1220)


@pytest.mark.parametrize("name", FAULTS)
def test_fault(name: str) -> None:
    check_fault(ads1220, name)


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="rate 1000"):
        ads1220.Ads1220(None, None, 1000)


def test_a_board_without_its_pins_says_so() -> None:
    """It starts all the same, and the other sensors run."""
    bench = Bench()
    for driver, fault in (
        (ads1220.Ads1220(None, bench.chip.ready, 90), ABSENT),
        (ads1220.Ads1220(Selected(bench.bus, bench.chip), None, 90), NEVER_READY),
    ):
        bench.driver = driver
        bench.due_us = 0
        bench.until(FAULT)
        assert driver.fault == fault


def check_all(module: Any) -> None:
    for check in CHECKS:
        check(module)
    for name in FAULTS:
        check_fault(module, name)


MUTANTS = {
    "registers not looked at": (
        "frame[5] != wanted[0] or frame[6] != wanted[1] or frame[7] != wanted[2] or",
        "False and",
    ),
    "another input": ("_REG0 = const(0x3E)", "_REG0 = const(0x0E)"),
    "gain 64": ("_REG0 = const(0x3E)", "_REG0 = const(0x3C)"),
    "internal reference": ("_REG2_REFP0 = const(0x40)", "_REG2_REFP0 = const(0x00)"),
    "single conversions": ("_REG1_CM = const(0x04)", "_REG1_CM = const(0x00)"),
    "no start": ("self._bus.write(self._start_write)", "pass"),
    "reset not waited for": ("_RESET_US = const(200)", "_RESET_US = const(0)"),
    "a dead line taken for a brown-out": ("if self._reads(0xFF):", "if False:"),
    "silence for ever": ("self._state = _DIAGNOSE", "pass"),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_mistake_is_found(name: str) -> None:
    module = load("ads1220", [MUTANTS[name]])
    with pytest.raises((AssertionError, ValueError)):
        check_all(module)


# Both runtimes, and under MicroPython with the heap locked: a sample allocates nothing.
SCRIPT = """
from turgor.drivers import SAMPLE
from turgor.drivers.ads1220 import Ads1220
from turgor_host.sim.chips.ads1220 import Ads1220 as Model
from turgor_host.sim.clock import Clock
from turgor_host.sim.spi import Selected, SpiBus

class Bridge:
    def at(self, t_us):
        return t_us % 1000003 * 100 - 50000000

clock = Clock((1 << 30) - 2000000)
bus = SpiBus(clock)
chips = [Model(clock, Bridge(), period_ppm=9000 * n - 9000, seed=n) for n in range(3)]
drivers = [Ads1220(Selected(bus, chips[n]), chips[n].ready, (20, 90, 330)[n]) for n in range(3)]
due = [0] * 3
at = [1000000, 2000000, 3000000]
while clock.us < 5000000:
    n = due.index(min(due))
    clock.us = max(clock.us, due[n])
    if clock.us > at[n]:
        at[n] = 1 << 40
        chips[n].power_cycle()
    begun = clock.us
    driver = drivers[n]
    due[n] = begun + driver.step(clock.ticks())
    if driver.event == SAMPLE:
        print(n, driver.code, driver.tick, driver.missed)
    elif driver.event:
        print(n, driver.event, driver.fault)
    clock.us += 40
"""

LOCKED = """
import micropython
from turgor.drivers.ads1220 import Ads1220

class Bus:
    code = 0
    def write(self, buf):
        pass
    def write_readinto(self, out, into):
        self.code = (self.code + 1) & 255
        into[1] = self.code
        into[5] = 0x3e
        into[6] = 0x44
        into[7] = 0x40
        into[8] = 0

class Ready:
    tick = 0
    count = 1
    def take(self):
        return self.count

def steady(driver, ready, steps):
    # Ticks wrap on the way; every seventh conversion passes unread.
    now = 0x3FFF0000
    samples = 0
    for i in range(steps):
        ready.tick = now
        ready.count = 0 if i % 5 == 4 else 1 + (i % 7 == 6)
        wait = driver.step(now)
        samples += driver.event == 1
        now = (now + (wait or 120)) & 0x3FFFFFFF
    return samples

samples = 0
ready = Ready()
driver = Ads1220(Bus(), ready, 90)
# Where a start-up ends.
driver._state = 4
steady(driver, ready, 40)
driver._patience_us = 1 << 29
micropython.heap_lock()
samples = steady(driver, ready, 1000)
micropython.heap_unlock()
print(samples > 300)
"""


def test_both_runtimes_give_the_same_samples(micropython: str, root: Path) -> None:
    output = run(micropython, SCRIPT, root)
    assert output.count("\n") > 1500
    assert output == run(sys.executable, SCRIPT, root)


def test_a_sample_allocates_nothing(micropython: str, root: Path) -> None:
    assert run(micropython, LOCKED, root) == "True\n"
