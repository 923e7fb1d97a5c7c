"""Honeywell ABP2 and HSC/SSC on their models, on both runtimes.

What is known of the chips, and from where, stands in tests/sim/test_digital_models.py.
"""

import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from driver_bench import MASK, Counted, DriverBench, Signal, run
from mutants import load

from turgor.drivers import (
    ABSENT,
    DIAGNOSTIC,
    FAULT,
    NEVER_READY,
    NO_FAULT,
    RESTARTED,
    SAMPLE,
    TEMPERATURE,
    WRONG_ID,
    abp2,
    hsc,
)
from turgor_host.sim.chips.abp2 import Abp2 as Abp2Model
from turgor_host.sim.chips.hsc import Hsc as HscModel
from turgor_host.sim.clock import Clock

PSI_5 = (0, 258575)
MODULES = {"abp2": abp2, "hsc": hsc}
MODELS = {"abp2": Abp2Model, "hsc": HscModel}
BITS = {"abp2": 24, "hsc": 14}
LIMITS = {
    "abp2": {"A": (1677722, 15099494), "B": (5033165, 11744051)},
    "hsc": {"A": (1638, 14745), "B": (819, 15565), "C": (819, 13926), "F": (655, 15401)},
}
THIRTY_MMHG = 30_000_000


class Bench(DriverBench):
    """A sensor of 5 psi (micro-mmHg), at 30 mmHg unless told otherwise."""

    def __init__(
        self,
        name: str,
        rate: int = 80,
        *,
        module: Any = None,
        transfer: str = "A",
        start_ticks: int = 2**30 - 2_000_000,
        **options: Any,
    ) -> None:
        options.setdefault("noise_lsb", 0)
        clock = Clock(start_ticks)
        bus = Counted(clock)
        self.name = name
        self.transfer = transfer
        self.signal = Signal(THIRTY_MMHG)
        chip = MODELS[name](clock, self.signal, *PSI_5, transfer=transfer, **options)
        bus.attach(0x28, chip)
        driver_class = getattr(module or MODULES[name], name.title())
        super().__init__(clock, bus, chip, driver_class(bus, rate, transfer))

    def code(self) -> int:
        """What the driver should say of the present signal."""
        low, high = LIMITS[self.name][self.transfer]
        counts = round(low + self.signal.value / 1000 * (high - low) / PSI_5[1])
        return counts * 2**22 // 2 ** BITS[self.name] - 2**21


def test_by_hand() -> None:
    """30 mmHg of 258.575: 10 % + 80 % x 0.11602 = 19.28 % of full scale, -30.72 % of 2^22 from its middle."""
    for name in MODULES:
        bench = Bench(name)
        bench.until(SAMPLE)
        assert abs(bench.driver.code / 2**22 + 0.3072) < 0.0001


def check_sequence(name: str, module: Any) -> None:
    """Read in one piece, once a period; the first one only opens the run; what is written is the command alone."""
    for transfer in LIMITS[name]:
        bench = Bench(name, module=module, transfer=transfer)
        assert bench.bus.transfers == 0
        bench.until(RESTARTED)
        ticks = []
        for event in bench.events(4_000_000):
            assert event == SAMPLE
            assert bench.driver.missed == 0
            assert abs(bench.driver.code - bench.code()) <= 1
            ticks.append(bench.driver.tick)
        assert set(bench.bus.writes) == ({b"\xaa\x00\x00"} if name == "abp2" else set())
        assert len(ticks) > 310
        assert all(before + 12_500 & MASK == after for before, after in pairwise(ticks))


def check_changing(name: str, module: Any) -> None:
    """The words are those of the conversion that the tick tells of, however long it takes."""
    options = {"conversion_us": 8000} if name == "abp2" else {}
    bench = Bench(name, module=module, **options)
    # A mmHg a second, in micro-mmHg a microsecond.
    bench.signal.rate = 1
    bench.until(RESTARTED)
    for _ in range(50):
        bench.until(SAMPLE)
        taken_us = bench.clock.us - (bench.clock.ticks() - bench.driver.tick & MASK)
        at = Bench(name)
        at.signal.value = bench.signal.at(taken_us)
        # A measurement of HSC may be a millisecond old, and has 14 bits.
        assert abs(bench.driver.code - at.code()) <= (2 if name == "abp2" else 2 * 256)


def check_missed(name: str, module: Any) -> None:
    """A step that comes late makes missed readings, which are counted, and the grid stays."""
    bench = Bench(name, module=module)
    bench.until(SAMPLE)
    first = bench.driver.tick
    for late_us, passed in ((30_000, 2), (3_000, 0), (126_000, 10), (12_500, 1)):
        before = bench.driver.tick
        bench.due_us += late_us
        bench.until(SAMPLE)
        assert bench.driver.missed == passed
        assert bench.driver.tick - before & MASK == 12_500 + late_us
        bench.until(SAMPLE)
        assert bench.driver.missed == 0
        assert (bench.driver.tick - first & MASK) % 12_500 == 0


def check_limits(name: str, module: Any) -> None:
    """Beyond its range by a 20th of it (12.9 mmHg) a pressure is one still; from there on the code is a limit."""
    for transfer in "AB":
        for mmhg, limit in ((-12, 0), (271, 0), (-14, -0x800000), (-400, -0x800000), (273, 0x7FFFFF), (999, 0x7FFFFF)):
            bench = Bench(name, module=module, transfer=transfer)
            bench.signal.value = mmhg * 1_000_000
            bench.until(SAMPLE)
            assert abs(bench.driver.code - (limit or bench.code())) <= 1


def check_stale(name: str, module: Any) -> None:
    """An answer that was read before is asked for again, and its code is not taken a second time."""
    if name == "hsc":
        bench = Bench("hsc", module=module)
        bench.until(SAMPLE)
        for _ in range(25):  # more than the stale answers in a row that make a fault
            # Somebody else has read just before.
            bench.clock.us = bench.due_us
            bench.chip.read_into(bytearray(4))
            transfers = bench.bus.transfers
            assert next(bench.events(bench.clock.us + 5_000)) == SAMPLE
            assert bench.bus.transfers - transfers == 2
            assert bench.driver.missed == 0


Case = tuple[int, str, Any, Any]
# Chip, fault: what the driver says; an attribute of the model (or `line` of the bus), while it lasts and when it ends.
FAULTS: dict[tuple[str, str], Case] = {
    ("abp2", "absent"): (ABSENT, "dead", True, False),
    ("abp2", "line low"): (ABSENT, "line", 0, None),
    ("abp2", "line high"): (ABSENT, "line", 255, None),
    ("abp2", "another chip"): (WRONG_ID, "extra_status", 0x08, 0),
    ("abp2", "never ready"): (NEVER_READY, "never_ready", True, False),
    ("abp2", "memory error"): (DIAGNOSTIC, "memory_error", True, False),
    ("abp2", "cold"): (TEMPERATURE, "temperature_milli_degc", -41_000, 25_000),
    ("abp2", "hot"): (TEMPERATURE, "temperature_milli_degc", 111_000, 25_000),
    ("hsc", "absent"): (ABSENT, "dead", True, False),
    ("hsc", "line low"): (ABSENT, "line", 0, None),
    ("hsc", "line high"): (ABSENT, "line", 255, None),
    ("hsc", "stale"): (NEVER_READY, "stopped", True, False),
    ("hsc", "command mode"): (NEVER_READY, "command_mode", True, False),
    ("hsc", "diagnostic"): (DIAGNOSTIC, "diagnostic", True, False),
    ("hsc", "cold"): (TEMPERATURE, "temperature_milli_degc", -41_000, 25_000),
    ("hsc", "hot"): (TEMPERATURE, "temperature_milli_degc", 86_000, 25_000),
}


def check_fault(name: str, module: Any, what: str) -> None:
    """Told within 2 s by its name, no sample while it lasts, and over when it ends."""
    fault, attribute, begun, ended = FAULTS[name, what]
    for rate in (10, 80):
        bench = Bench(name, rate, module=module)
        bench.until(SAMPLE)
        owner = bench.bus if attribute == "line" else bench.chip
        setattr(owner, attribute, begun)
        begun_us = bench.clock.us
        found = []
        for event in bench.events(begun_us + 3_000_000):
            assert event == FAULT or not found
            found += [bench.clock.us] if event == FAULT else []
            assert event != SAMPLE or abs(bench.driver.code - bench.code()) <= 1
        assert found
        assert found[0] - begun_us < 2_000_000
        assert bench.driver.fault == fault
        setattr(owner, attribute, ended)
        assert list(bench.events(bench.clock.us + 1_500_000))[:2] == [RESTARTED, SAMPLE]
        assert bench.driver.fault == NO_FAULT
        assert abs(bench.driver.code - bench.code()) <= 1


def check_brown_out(name: str, module: Any) -> None:
    """Supply lost for any time at any moment: a fault or no trace, and never a number that was not measured."""
    for moment_us in range(0, 12_500, 1_100):
        for off_us in (0, 2_000, 100_000):
            bench = Bench(name, module=module)
            bench.until(SAMPLE)
            assert set(bench.events(bench.clock.us + moment_us)) <= {SAMPLE}
            bench.chip.power_cycle(off_us)
            events = []
            for event in bench.events(bench.clock.us + 1_000_000):
                events.append(event)
                if event == SAMPLE:
                    assert abs(bench.driver.code - bench.code()) <= 1
                elif event == FAULT:
                    assert bench.driver.fault in (ABSENT, NEVER_READY)
            assert events[-1] == SAMPLE
            if off_us > 12_500:
                assert events[:2] == [FAULT, RESTARTED]


def check_one_nak(name: str, module: Any) -> None:
    bench = Bench(name, module=module)
    bench.until(SAMPLE)
    bench.chip.deaf = 1
    assert list(bench.events(bench.clock.us + 600_000))[:3] == [FAULT, RESTARTED, SAMPLE]


CHECKS: list[Callable[[str, Any], None]] = [
    check_sequence,
    check_changing,
    check_missed,
    check_limits,
    check_stale,
    check_brown_out,
    check_one_nak,
]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", MODULES)
def test_driver(name: str, check: Callable[[str, Any], None]) -> None:
    check(name, MODULES[name])


@pytest.mark.parametrize(("name", "what"), FAULTS)
def test_fault(name: str, what: str) -> None:
    check_fault(name, MODULES[name], what)


@pytest.mark.parametrize("counts", [0, 0x7FF])
def test_a_part_without_temperature_works(counts: int) -> None:
    bench = Bench("hsc")
    bench.chip.temperature_milli_degc = -50_000 if counts == 0 else 150_000
    bench.until(SAMPLE)
    assert set(bench.events(bench.clock.us + 1_000_000)) == {SAMPLE}


@pytest.mark.parametrize("name", MODULES)
def test_what_cannot_be_is_refused(name: str) -> None:
    driver = getattr(MODULES[name], name.title())
    with pytest.raises(ValueError, match="rate 100"):
        driver(None, 100)
    with pytest.raises(KeyError):
        driver(None, 10, "D")


# What was seen or feared: chip, place, mistake.
MUTANTS = {
    "A's limits for B": ("abp2", '"B": (5033165, 11744051)', '"B": (1677722, 15099494)'),
    "B of the MPR family": ("abp2", '"B": (5033165, 11744051)', '"B": (419430, 3774873)'),
    "busy not looked at": ("abp2", "if status & _BUSY:", "if False:"),
    "memory error not looked at": ("abp2", "if status & _MEMORY:", "if False:"),
    "powered not looked at": ("abp2", "_FIXED = const(0xDA)", "_FIXED = const(0x9A)"),
    "status not looked at": ("abp2", "if status & _FIXED != _POWERED:", "if False:"),
    "zeros taken": ("abp2", "if pressure == 0 and temperature == 0:", "if False:"),
    "words a byte too early": (
        "abp2",
        "answer[1] << 16 | answer[2] << 8 | answer[3]",
        "answer[0] << 16 | answer[1] << 8",
    ),
    "another command": ("abp2", r'b"\xaa\x00\x00"', r'b"\xaa\x00"'),
    "commanded once only": ("abp2", "self._converting = False\n        return self._take", "return self._take"),
    "stale and command mode exchanged": (
        "hsc",
        "_COMMAND_MODE = const(1)\n_STALE = const(2)",
        "_COMMAND_MODE = const(2)\n_STALE = const(1)",
    ),
    "stale taken": ("hsc", "if status == _STALE:", "if False:"),
    "diagnostic not looked at": ("hsc", "if status == _DIAGNOSTIC:", "if False:"),
    "status taken for pressure": ("hsc", "& _FULL, is_warm", "| 0x4000, is_warm"),
    "waits for ever": ("abp2", "TRIES = const(20)", "TRIES = const(1 << 29)"),
    "a silent 0 on time-out": (
        "abp2",
        "return self._fail(fault) if self._tries >= TRIES else RETRY_US",
        "return self._take(0, 0, 1677722, True)",
    ),
    "saturation not looked at": ("abp2", "elif counts > self._most:", "elif False:"),
    "temperature not looked at": ("hsc", "if not is_warm:", "if False:"),
    "missed not counted": ("hsc", "self._passed += late_us // self._period_us", "pass"),
    "no restart told": ("hsc", "self.event = RESTARTED", "self.event = SAMPLE"),
    "an error ends the driver": ("hsc", "except OSError:", "except ValueError:"),
    "fault stays": ("abp2", "self.fault = NO_FAULT\n            self.event", "self.event"),
    "grid drifts": ("hsc", "(now - late_us % self._period_us) & _MASK", "now"),
    "ticks do not wrap": (
        "hsc",
        "((now - self._planned) & _MASK) - self._period_us\n        if",
        "(now - self._planned) - self._period_us\n        if",
    ),
    "a dead line taken": ("hsc", "if self._is_dead():", "if False:"),
}


def check_all(name: str, module: Any) -> None:
    for check in CHECKS:
        check(name, module)
    for chip, what in FAULTS:
        if chip == name:
            check_fault(name, module, what)


@pytest.mark.parametrize("mutant", MUTANTS)
def test_mistake_is_found(mutant: str) -> None:
    name, *change = MUTANTS[mutant]
    module = load(name, [(change[0], change[1])])
    with pytest.raises((AssertionError, OSError, StopIteration)):
        check_all(name, module)


# A driver with its model over 6 s of a clock that wraps, with a loss of supply in them.
SCRIPT = """
from turgor.drivers import SAMPLE
from turgor.drivers.{module} import {name} as Driver
from turgor_host.sim.bus import Bus
from turgor_host.sim.chips.{module} import {name} as Model
from turgor_host.sim.clock import Clock

class Pressure:
    def at(self, t_us):
        return 30000000 + t_us % 1000003

clock = Clock((1 << 30) - 2000000)
bus = Bus(clock)
chip = Model(clock, Pressure(), -258575, 258575)
bus.attach(0x28, chip)
driver = Driver(bus, 80)
cycles = 0
while clock.us < 6000000:
    begun = clock.us
    wait = driver.step(clock.ticks())
    if driver.event == SAMPLE:
        print(driver.code, driver.tick, driver.missed)
    elif driver.event:
        print(driver.event, driver.fault)
    clock.us = max(clock.us + 40, begun + wait)
    if clock.us > 3000000 and not cycles:
        cycles += 1
        chip.power_cycle(50000)
"""

# A bus that gives any sensor's answer, under a locked heap: a sample allocates nothing.
LOCKED = """
import micropython
from turgor.drivers.{module} import {name} as Driver

class Bus:
    count = 0
    def writeto(self, address, buf):
        self.count += 1
    def readfrom_into(self, address, buf):
        self.count += 1
        # The status of an ABP2; of an HSC the status and six bits of the pressure.
        buf[0] = 0x40 if len(buf) == 7 else 0x10 | self.count & 15
        buf[1] = 0x29 + self.count % 150
        for i in range(2, len(buf)):
            buf[i] = 0x60 + (self.count & 15)

samples = 0
driver = Driver(Bus(), 80)

def steady(steps):
    # Ticks wrap on the way; every seventh reading is late by several.
    now = 0x3FFF0000
    samples = 0
    for i in range(steps):
        wait = driver.step(now)
        samples += driver.event == 1
        now = (now - 0x3FFFFFFF - 1 + wait + (40000 if i % 7 == 6 else 120)) & 0x3FFFFFFF
    return samples

steady(10)
micropython.heap_lock()
samples = steady(2000)
micropython.heap_unlock()
print(samples >= 1000, driver.fault)
"""


@pytest.mark.parametrize("name", MODULES)
def test_both_runtimes_give_the_same_samples(name: str, micropython: str, root: Path) -> None:
    script = SCRIPT.format(module=name, name=name.title())
    output = run(micropython, script, root)
    assert output.count("\n") > 400
    assert output == run(sys.executable, script, root)


@pytest.mark.parametrize("name", MODULES)
def test_a_sample_allocates_nothing(name: str, micropython: str, root: Path) -> None:
    assert run(micropython, LOCKED.format(module=name, name=name.title()), root) == "True 0\n"
