"""Honeywell TruStability HSC and SSC: the model against a table, then the driver on the model, on both runtimes.

The datasheets are Honeywell 50099148 (HSC) and 50099533 (SSC), with technical note 008201 for I2C. Of the note the
layout of the answer could be read, of the datasheets nothing: status bits, limits and formulas are as the Linux driver
hsc030pa.c gives them, which names the HSC datasheet; the upper limit of A is 14745 in older sheets and public drivers,
14746 there, a difference of 0.008 % of the range. RIOT's driver has "stale" and "command mode" the other way round,
ESPHome's has them as here. Not known, and assumed: start-up time (3 ms), update rate (1 kHz), operating temperatures
(-40 to 85 deg C, the driver's bounds), whether counts are clipped beyond the limits (taken as not).
"""

from array import array
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from pressure_bench import (
    MASK,
    Bench,
    Ramp,
    all_one,
    all_zero,
    changed,
    flagged_and_mended,
    lift,
    locked_on_a_board_heap,
    put,
    run,
    same_on_both,
    spoil_bus,
)

from turgor.core.noise import noise_block, noise_state, still_codes
from turgor.drivers import (
    ABSENT,
    DIAGNOSTIC,
    FAULT,
    NEVER_READY,
    NO_FAULT,
    RESTARTED,
    SAMPLE,
    SATURATED,
    STALE,
    TEMPERATURE,
    hsc,
)
from turgor_host.sim.bus import Bus
from turgor_host.sim.chips.hsc import Hsc as Model
from turgor_host.sim.clock import Clock

ADDRESS = 0x28
# Byte and bit of the answer's fields: two status bits, 14 of pressure, 11 of temperature, 5 that mean nothing.
NORMAL, COMMAND_MODE, STALE_DATA, DIAGNOSTIC_CONDITION = range(4)
UPDATE_US = 1000
# Letter: counts at the ends of the range, 10 to 90, 5 to 95, 5 to 85 and 4 to 94 % of 2^14.
LIMITS = {"A": (1638, 14745), "B": (819, 15565), "C": (819, 13926), "F": (655, 15401)}
FULL = 0x3FFF
TEMPERATURE_FULL = 2047
# Parts: low and high end in milli-mmHg, of psi, bar and inH2O rounded to the unit.
PSI_5 = (0, 258575)
PARTS = {"005PG": PSI_5, "001PD": (-51715, 51715), "010BG": (0, 7500617), "0.5ND": (-934, 934), "015PA": (0, 775724)}
# A count of 5 psi, and what a measurement's age of 1 ms makes in a ramp of 1 mmHg/s.
COUNT_MILLI_MMHG = Fraction(258575, 14745 - 1638)
TOLERANCE = 12


def pressure_milli_mmhg(counts: int, low: int, high: int, transfer: str) -> Fraction:
    """The datasheet's formula."""
    least, most = LIMITS[transfer]
    return low + Fraction((counts - least) * (high - low), most - least)


def temperature_milli_degc(counts: int) -> Fraction:
    """The datasheet's formula, in thousandths."""
    return 1000 * (Fraction(counts * 200, TEMPERATURE_FULL) - 50)


def counts_of(milli_mmhg: int, low: int, high: int, transfer: str) -> int:
    least, most = LIMITS[transfer]
    return round(least + Fraction((milli_mmhg - low) * (most - least), high - low))


class ModelBench:
    """The chip alone."""

    def __init__(self, part: tuple[int, int] = PSI_5, pressure: Ramp | None = None, **options: Any) -> None:
        self.clock = Clock()
        self.bus = Bus(self.clock)
        options.setdefault("noise_lsb", 0)
        self.chip = Model(self.clock, pressure or Ramp(rate=0), *part, **options)
        self.bus.attach(ADDRESS, self.chip)

    def read(self) -> tuple[int, int, int]:
        """Status, pressure and temperature counts."""
        buf = bytearray(4)
        self.bus.readfrom_into(ADDRESS, buf)
        word = int.from_bytes(buf, "big")
        return word >> 30, word >> 16 & FULL, word >> 5 & TEMPERATURE_FULL


def test_by_hand() -> None:
    """30 mmHg of 5 psi (258.575 mmHg): 1638 + 13107 x 0.11602 = 3159 counts; 25 deg C: 2047 x 75 / 200 = 767."""
    assert ModelBench().read() == (NORMAL, 3159, 767)
    driver = hsc.Hsc(None, 10, *PSI_5)
    assert driver._pressure.at(3159) == 30006  # 1521 x 258575 / 13107
    assert driver._temperature.at(767) == 24939


# The model against the table.


@pytest.mark.parametrize("transfer", LIMITS)
@pytest.mark.parametrize("part", PARTS.values(), ids=list(PARTS))
def test_model_keeps_the_transfer_function(part: tuple[int, int], transfer: str) -> None:
    low, high = part
    for milli_mmhg, counts in zip(part, LIMITS[transfer], strict=True):
        assert ModelBench(part, Ramp(1000 * milli_mmhg, 0), transfer=transfer).read()[:2] == (NORMAL, counts)
    middle = ModelBench(part, Ramp(500 * (low + high), 0), transfer=transfer).read()[1]
    assert abs(middle - Fraction(sum(LIMITS[transfer]), 2)) <= Fraction(1, 2)


@pytest.mark.parametrize(("degc", "counts"), [(-50, 0), (150, 2047), (50, 1023), (0, 511)])
def test_model_keeps_the_temperature_formula(degc: int, counts: int) -> None:
    bench = ModelBench()
    bench.chip.temperature_milli_degc = 1000 * degc
    assert bench.read()[2] == counts


def test_model_says_stale_until_the_next_measurement() -> None:
    bench = ModelBench(pressure=Ramp(rate=1000))
    status, first, _ = bench.read()
    assert status == NORMAL
    assert bench.read()[:2] == (STALE_DATA, first)
    bench.clock.us += UPDATE_US
    status, second, _ = bench.read()
    assert status == NORMAL
    assert second > first
    bench.chip.stopped = True
    bench.clock.us += 10 * UPDATE_US
    assert bench.read()[:2] == (STALE_DATA, second)


def test_model_says_what_else_there_is() -> None:
    bench = ModelBench()
    bench.chip.command_mode = True
    assert bench.read()[0] == COMMAND_MODE
    bench.chip.diagnostic = True
    assert bench.read()[0] == DIAGNOSTIC_CONDITION


def test_model_is_stale_after_a_loss_of_supply() -> None:
    bench = ModelBench()
    bench.clock.us += 10 * UPDATE_US
    bench.chip.power_cycle(1000)
    with pytest.raises(OSError, match="5"):
        bench.read()
    bench.clock.us += 1000
    assert bench.read() == (STALE_DATA, 0, 0)
    bench.clock.us += 3000
    assert bench.read() == (NORMAL, 3159, 767)


@pytest.mark.parametrize(("milli_mmhg", "counts"), [(-100_000, 0), (400_000, FULL)])
def test_model_ends_at_its_bits(milli_mmhg: int, counts: int) -> None:
    assert ModelBench(pressure=Ramp(1000 * milli_mmhg, 0)).read()[:2] == (NORMAL, counts)


# The driver. Each check takes the driver's module, so that a mistaken one can stand in for it.


def bench_of(module: Any, rate: int = 80, start_ticks: int = 0, transfer: str = "A", **options: Any) -> Bench:
    options.setdefault("noise_lsb", 0)
    return Bench(
        lambda clock, pressure: Model(clock, pressure, *PSI_5, transfer=transfer, **options),
        lambda bus: module.Hsc(bus, rate, *PSI_5, transfer),
        start_ticks=start_ticks,
    )


def check_conversion(module: Any) -> None:
    """Both ends, middle and 30 mmHg of every part within one unit of the formulas; and temperature."""
    for low, high in PARTS.values():
        for transfer, (least, most) in LIMITS.items():
            driver = module.Hsc(None, 10, low, high, transfer)
            thirty = counts_of(30000, low, high, transfer) if low <= 30000 <= high else least
            for counts in (least, most, (least + most) // 2, thirty, thirty + 1):
                exact = pressure_milli_mmhg(counts, low, high, transfer)
                assert abs(driver._pressure.at(counts) - exact) <= 1
            for counts in (0, TEMPERATURE_FULL, 1023, 767):
                assert abs(driver._temperature.at(counts) - temperature_milli_degc(counts)) <= 1


def check_sequence(module: Any) -> None:
    """Read in one piece once a period, nothing written; the first one only opens the run."""
    bench = bench_of(module, start_ticks=2**30 - 2_000_000)
    bench.until(RESTARTED)
    ticks = []
    for event in bench.events(4_000_000):
        assert event == SAMPLE
        assert bench.driver.missed == 0
        assert abs(bench.error_milli_mmhg(0)) <= TOLERANCE
        assert abs(bench.driver.temperature_milli_degc - 25000) <= 98
        ticks.append(bench.driver.tick)
    assert bench.bus.writes == []
    assert bench.bus.transfers - len(ticks) in (1, 2)
    assert len(ticks) > 4 * 79
    assert all(before + 12_500 & MASK == after for before, after in pairwise(ticks))


def check_thirty_mmhg(module: Any) -> None:
    """From the port to the number, within half a count, for every transfer function."""
    for transfer in LIMITS:
        bench = bench_of(module, transfer=transfer)
        bench.pressure.rate = 0
        bench.until(SAMPLE)
        assert abs(bench.driver.pressure_milli_mmhg - 30000) <= COUNT_MILLI_MMHG / 2 + 1
        assert bench.driver.code == counts_of(30000, *PSI_5, transfer) - 2**13


def check_without_temperature(module: Any) -> None:
    """Two bytes are read, and no temperature is made of what follows."""
    bench = Bench(
        lambda clock, pressure: Model(clock, pressure, *PSI_5, noise_lsb=0),
        lambda bus: module.Hsc(bus, 10, *PSI_5, has_temperature=False),
    )
    bench.chip.temperature_milli_degc = 120_000
    lengths = set()
    bench.bus.spoil = lambda buf: lengths.add(len(buf))
    bench.until(SAMPLE)
    assert lengths == {2}
    assert bench.driver.temperature_milli_degc is None
    assert abs(bench.error_milli_mmhg(0)) <= TOLERANCE


def check_a_stale_answer(module: Any) -> None:
    """A reading between two measurements is asked for again, and its code is not taken a second time."""
    bench = bench_of(module)
    bench.until(SAMPLE)
    for _ in range(25):  # more than the stale answers in a row that make a fault
        # Somebody else has read just before.
        bench.clock.us = bench.due_us
        bench.chip.read_into(bytearray(4))
        transfers = bench.bus.transfers
        assert next(bench.events(bench.clock.us + 5_000)) == SAMPLE
        assert bench.bus.transfers - transfers == 2
        assert bench.driver.missed == 0


def check_missed(module: Any) -> None:
    """A step that comes late makes missed readings, which are counted, and the grid stays."""
    bench = bench_of(module)
    bench.until(SAMPLE)
    first = bench.driver.tick
    for late_us, passed in ((30_000, 2), (3_000, 0), (126_000, 10), (12_500, 1)):
        before = bench.driver.tick
        bench.due_us += late_us
        bench.until(SAMPLE)
        assert bench.driver.missed == passed
        assert bench.driver.tick - before == 12_500 + late_us
        bench.until(SAMPLE)
        assert bench.driver.missed == 0
        assert (bench.driver.tick - first) % 12_500 == 0


Case = tuple[int, Callable[[Bench], None], Callable[[Bench], None]]
FAULTS: dict[str, Case] = {
    "absent": (ABSENT, put("dead", True), put("dead", False)),
    "bus low": (SATURATED, spoil_bus(all_zero), spoil_bus(None)),
    "bus high": (DIAGNOSTIC, spoil_bus(all_one), spoil_bus(None)),
    "stale": (STALE, put("stopped", True), put("stopped", False)),
    "command mode": (NEVER_READY, put("command_mode", True), put("command_mode", False)),
    "diagnostic": (DIAGNOSTIC, put("diagnostic", True), put("diagnostic", False)),
    "far above": (SATURATED, lift(500_000), lift(0)),
    "far below": (SATURATED, lift(-200_000), lift(0)),
    "above": (SATURATED, lift(245_000), lift(0)),
    "below": (SATURATED, lift(-50_000), lift(0)),
    "cold": (TEMPERATURE, put("temperature_milli_degc", -41_000), put("temperature_milli_degc", 25_000)),
    "hot": (TEMPERATURE, put("temperature_milli_degc", 86_000), put("temperature_milli_degc", 25_000)),
}


def check_faults(module: Any, name: str) -> None:
    fault, spoil, mend = FAULTS[name]
    for rate in (10, 80):
        bench = bench_of(module, rate, start_ticks=2**30 - 3_000_000)
        flagged_and_mended(bench, fault, spoil, mend, tolerance=TOLERANCE)


def check_one_nak(module: Any) -> None:
    """One transfer not acknowledged: told, and over after one restart."""
    bench = bench_of(module)
    bench.until(SAMPLE)
    bench.chip.deaf = 1
    assert list(bench.events(bench.clock.us + 600_000))[:3] == [FAULT, RESTARTED, SAMPLE]
    assert bench.driver.fault == NO_FAULT


def check_brown_out(module: Any) -> None:
    """Supply lost for any time at any moment: a fault or no trace, and never a number that was not measured."""
    for moment_us in range(0, 12_500, 700):
        for off_us in (0, 2_000, 100_000):
            bench = bench_of(module)
            bench.until(SAMPLE)
            assert set(bench.events(bench.clock.us + moment_us)) <= {SAMPLE}
            bench.chip.power_cycle(off_us)
            events = []
            for event in bench.events(bench.clock.us + 1_000_000):
                events.append(event)
                if event == SAMPLE:
                    assert abs(bench.error_milli_mmhg(0)) <= TOLERANCE
                elif event == FAULT:
                    assert bench.driver.fault == ABSENT
            assert events[-1] == SAMPLE
            if off_us > 12_500:
                assert events[:2] == [FAULT, RESTARTED]


CHECKS: dict[str, Callable[[Any], None]] = {
    "conversion": check_conversion,
    "sequence": check_sequence,
    "thirty mmHg": check_thirty_mmhg,
    "without temperature": check_without_temperature,
    "a stale answer": check_a_stale_answer,
    "missed": check_missed,
    "one nak": check_one_nak,
    "brown-out": check_brown_out,
    **{name: lambda module, name=name: check_faults(module, name) for name in FAULTS},
}


@pytest.mark.parametrize("name", CHECKS)
def test_driver(name: str) -> None:
    CHECKS[name](hsc)


def test_a_stuck_code_shows_in_the_core_within_2_s() -> None:
    """The driver hands it on: 33 equal codes are the core's to flag."""
    bench = bench_of(hsc, noise_lsb=2)
    noise = noise_state(6)
    codes = array("i", [0])
    bench.until(SAMPLE)
    for limit_us, is_stuck in ((3_000_000, False), (2_000_000, True)):
        bench.chip.stuck = is_stuck
        for event in bench.events(bench.clock.us + limit_us):
            assert event == SAMPLE
            codes[0] = bench.driver.code
            noise_block(0, 1, noise, codes)
        assert (still_codes(noise) >= 16) == is_stuck


def test_constructor_touches_nothing() -> None:
    assert bench_of(hsc).bus.transfers == 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((100, *PSI_5), "HSC rate 100"),
        ((10, *PSI_5, "D"), "transfer function D"),
        ((10, 5, 5), "range 5 to 5"),
    ],
)
def test_refusals(arguments: tuple[Any, ...], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        hsc.Hsc(None, *arguments)


# What was seen or feared: (place, mistake).
MUTANTS = {
    "B limits for A": ('{"A": (1638, 14745)', '{"A": (819, 15565)'),
    "B of the ABP2 family": ('"B": (819, 15565)', '"B": (4915, 11469)'),
    "limits of all 14 bits": ('{"A": (1638, 14745)', '{"A": (0, 16383)'),
    "12 bits": ("answer[0] << 8 | answer[1]) & _FULL", "answer[0] << 8 | answer[1]) >> 2 & _FULL"),
    "temperature of 12 bits": ("answer[3]) >> 5", "answer[3]) >> 4"),
    "temperature of 8 bits": ("(answer[2] << 8 | answer[3]) >> 5", "answer[2] & answer[3]"),
    "stale and command mode swapped": (
        "_COMMAND_MODE = const(1)\n_STALE = const(2)",
        "_COMMAND_MODE = const(2)\n_STALE = const(1)",
    ),
    "stale taken": ("if status == _STALE:", "if False:"),
    "stale for ever": ("_TRIES = const(20)", "_TRIES = const(1 << 29)"),
    "stale at once": ("_TRIES = const(20)", "_TRIES = const(1)"),
    "tries never begin anew": ("        self._tries = 0\n        period_us", "        period_us"),
    "diagnostic taken": ("if status == _DIAGNOSTIC:", "if False:"),
    "command mode taken": ("if status == _COMMAND_MODE:", "if False:"),
    "saturation not looked at": ("if not self._least <= counts <= self._most:", "if False:"),
    "temperature not looked at": ("if not _OPERATING_LOW", "if False and not _OPERATING_LOW"),
    "temperature always taken": ("        if self._has_temperature:", "        if True:"),
    "temperature over 150 degC": ("_HOTTEST_MILLI_DEGC = const(150000)", "_HOTTEST_MILLI_DEGC = const(100000)"),
    "missed not counted": ("self.missed = late_us // period_us", "self.missed = 0"),
    "no restart told": ("self.event = RESTARTED", "self.event = SAMPLE"),
    "an error ends the driver": ("except OSError:", "except ValueError:"),
    "fault stays": ("self.fault = NO_FAULT\n            self.event", "self.event"),
    "grid drifts": ("self._planned = (now - late_us) & _MASK", "self._planned = now"),
    "ticks do not wrap": ("((now - self._planned) & _MASK) -", "(now - self._planned) -"),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_mutant_is_killed(name: str) -> None:
    module = changed(Path(hsc.__file__), *MUTANTS[name])
    for check in CHECKS.values():
        try:
            check(module)
        except (AssertionError, OSError, IndexError, StopIteration):
            return
    pytest.fail(f"{name}: no check fails")


# Under a locked heap: a sample allocates nothing.
LOCKED = """
import micropython
from turgor.drivers.hsc import Hsc

class Bus:
    count = 0
    def readfrom_into(self, address, buf):
        self.count += 1
        buf[0] = (0x80 if self.count % 11 == 0 else 0) + 8 + self.count % 48
        buf[1] = self.count & 255
        buf[2] = 0x10 + self.count % 150
        buf[3] = self.count & 255

driver = Hsc(Bus(), 80, -7500617, 7500617)

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
samples = steady(22000)
micropython.heap_unlock()
print(samples, driver.fault)
"""


def test_both_runtimes_give_the_same_samples(micropython: str, root: Path) -> None:
    same_on_both("hsc", micropython, root)


def test_a_sample_allocates_nothing(micropython: str, root: Path) -> None:
    assert run(micropython, LOCKED, root) == "20000 0\n"


def test_a_sample_allocates_nothing_where_integers_have_31_bits(tmp_path: Path) -> None:
    assert locked_on_a_board_heap(LOCKED, tmp_path) == "20000 0\n"
