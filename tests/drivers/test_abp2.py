"""Honeywell ABP2: the model against a table, then the driver on the model, on both runtimes.

The datasheet is Honeywell 32350268 (issue D seen). Of it only the description could be read for this table: 24 bits
of pressure and temperature by I2C, updated at about 200 Hz. Command, status bits, limits and formulas are as the Linux
driver abp2030pa.c and ESPHome's honeywellabp2_i2c give them, both of which name that datasheet and agree; transfer
function B is in ESPHome's only. Not known, and assumed: start-up time (3 ms), operating temperatures (-40 to 110 deg C,
the driver's bounds), what the words hold after a loss of supply (zeros: Linux saw those with a sound status), whether
counts are clipped beyond the transfer function's limits (taken as not).
"""

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

from turgor.drivers import (
    ABSENT,
    FAULT,
    MEMORY_ERROR,
    NEVER_READY,
    NO_FAULT,
    RESTARTED,
    SAMPLE,
    SATURATED,
    STUCK,
    TEMPERATURE,
    WRONG_ID,
    abp2,
)
from turgor_host.sim.bus import Bus
from turgor_host.sim.chips.abp2 import Abp2 as Model
from turgor_host.sim.clock import Clock

ADDRESS = 0x28
COMMAND = b"\xaa\x00\x00"
ANSWER_BYTES = 7
CONVERSION_US = 5000
# bit: what it says. The others are always 0.
STATUS = {6: "powered", 5: "busy", 2: "memory error", 0: "math saturation"}
# Letter: counts at the ends of the range, 10 to 90 % and 30 to 70 % of 2^24.
LIMITS = {"A": (1677722, 15099494), "B": (5033165, 11744051)}
FULL = 16777215
# Parts: low and high end in milli-mmHg, of psi and bar rounded to the unit.
PSI_5 = (0, 258575)
PARTS = {"005PG": PSI_5, "001PG": (0, 51715), "005PD": (-258575, 258575), "012BG": (0, 9000740), "002ND": (-3737, 3737)}


def pressure_milli_mmhg(counts: int, low: int, high: int, transfer: str) -> Fraction:
    """The datasheet's formula."""
    least, most = LIMITS[transfer]
    return low + Fraction((counts - least) * (high - low), most - least)


def temperature_milli_degc(counts: int) -> Fraction:
    """The datasheet's formula, in thousandths."""
    return 1000 * (Fraction(counts * 200, FULL) - 50)


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

    def command(self, command: bytes = COMMAND) -> None:
        self.bus.writeto(ADDRESS, command)

    def read(self, count: int = ANSWER_BYTES) -> bytes:
        buf = bytearray(count)
        self.bus.readfrom_into(ADDRESS, buf)
        return bytes(buf)

    def convert(self) -> tuple[int, int, int]:
        """Status and both words of a conversion."""
        self.command()
        self.clock.us += CONVERSION_US
        answer = self.read()
        return answer[0], int.from_bytes(answer[1:4], "big"), int.from_bytes(answer[4:], "big")


def test_by_hand() -> None:
    """Half of 5 psi is half of the counts, and 25 deg C are three eighths of them."""
    bench = ModelBench(pressure=Ramp(start=129_287_500, rate=0))
    assert bench.convert() == (0x40, 0x800000, 0x5FFFFF)
    driver = abp2.Abp2(None, 10, *PSI_5)
    assert driver._pressure.at(0x800000) == 129288  # 129287.5
    assert driver._temperature.at(0x5FFFFF) == 25000


# The model against the table.


@pytest.mark.parametrize("transfer", LIMITS)
@pytest.mark.parametrize("part", PARTS.values(), ids=list(PARTS))
def test_model_keeps_the_transfer_function(part: tuple[int, int], transfer: str) -> None:
    low, high = part
    for milli_mmhg, counts in zip(part, LIMITS[transfer], strict=True):
        bench = ModelBench(part, Ramp(1000 * milli_mmhg, 0), transfer=transfer)
        assert bench.convert()[:2] == (0x40, counts)
    middle = ModelBench(part, Ramp(500 * (low + high), 0), transfer=transfer)
    assert middle.convert()[1] == 0x800000


@pytest.mark.parametrize(("degc", "counts"), [(-50, 0), (150, FULL), (50, FULL // 2), (0, FULL // 4)])
def test_model_keeps_the_temperature_formula(degc: int, counts: int) -> None:
    bench = ModelBench()
    bench.chip.temperature_milli_degc = 1000 * degc
    assert bench.convert()[2] == counts


def test_model_converts_once_per_command() -> None:
    bench = ModelBench(pressure=Ramp())
    assert bench.read() == bytes((0x40, 0, 0, 0, 0, 0, 0))
    bench.command(b"\xaa\x00")
    bench.command(b"\xf0\x00\x00")
    assert bench.read(1) == b"\x40"
    first = bench.convert()
    bench.clock.us += 10 * CONVERSION_US
    assert bench.read()[1:4] == first[1].to_bytes(3, "big")
    assert bench.convert()[1] > first[1]
    assert bench.chip.conversions == 2


def test_model_is_busy_for_5_ms() -> None:
    bench = ModelBench(pressure=Ramp())
    before = bench.convert()[1].to_bytes(3, "big")
    bench.command()
    begun_us = bench.clock.us
    bench.clock.us = begun_us + CONVERSION_US - 500
    answer = bench.read()
    assert answer[0] == 1 << 6 | 1 << 5
    assert answer[1:4] == before
    bench.command()  # ignored: the one under way is as long as before
    bench.clock.us = begun_us + CONVERSION_US
    assert bench.read()[0] == 1 << 6
    assert bench.chip.conversions == 2


def test_model_sets_each_status_bit() -> None:
    seen = 0
    bench = ModelBench()
    bench.chip.memory_error = True
    bench.chip.pressure.lift = 500_000_000
    seen |= bench.convert()[0]
    assert bench.read()[1:4] == b"\xff\xff\xff"
    bench.command()
    seen |= bench.read(1)[0]
    assert seen == sum(1 << bit for bit in STATUS)


def test_model_loses_its_words_with_its_supply() -> None:
    bench = ModelBench()
    bench.convert()
    bench.command()
    bench.chip.power_cycle(1000)
    with pytest.raises(OSError, match="5"):
        bench.read()
    bench.clock.us += CONVERSION_US
    assert bench.read() == bytes((0x40, 0, 0, 0, 0, 0, 0))


# The driver. Each check takes the driver's module, so that a mistaken one can stand in for it.


def bench_of(module: Any, rate: int = 80, start_ticks: int = 0, transfer: str = "A", **options: Any) -> Bench:
    options.setdefault("noise_lsb", 0)
    return Bench(
        lambda clock, pressure: Model(clock, pressure, *PSI_5, transfer=transfer, **options),
        lambda bus: module.Abp2(bus, rate, *PSI_5, transfer),
        start_ticks=start_ticks,
    )


def check_conversion(module: Any) -> None:
    """Both ends, middle and 30 mmHg of every part within one unit of the formulas; and temperature."""
    for low, high in PARTS.values():
        for transfer, (least, most) in LIMITS.items():
            driver = module.Abp2(None, 10, low, high, transfer)
            thirty = counts_of(30000, low, high, transfer) if low <= 30000 <= high else least
            for counts in (least, most, 0x800000, thirty, thirty + 1):
                exact = pressure_milli_mmhg(counts, low, high, transfer)
                assert abs(driver._pressure.at(counts) - exact) <= 1
            for counts in (0, FULL, 0x800000, 0x5FFFFF):
                assert abs(driver._temperature.at(counts) - temperature_milli_degc(counts)) <= 1


def check_sequence(module: Any) -> None:
    """Commanded, waited for, read in one piece, once a period; the first one only opens the run."""
    bench = bench_of(module, start_ticks=2**30 - 2_000_000)
    bench.until(RESTARTED)
    assert bench.bus.writes == [COMMAND]
    ticks = []
    for event in bench.events(4_000_000):
        assert event == SAMPLE
        assert bench.driver.missed == 0
        assert abs(bench.error_milli_mmhg(0)) <= 1
        assert abs(bench.driver.temperature_milli_degc - 25000) <= 1
        ticks.append(bench.driver.tick)
    assert set(bench.bus.writes) == {COMMAND}
    assert bench.chip.conversions - len(ticks) in (1, 2)  # the first, and one that may be under way
    assert len(ticks) > 4 * 79
    assert all(before + 12_500 & MASK == after for before, after in pairwise(ticks))


def check_thirty_mmhg(module: Any) -> None:
    """From the port to the number, for both transfer functions."""
    for transfer in LIMITS:
        bench = bench_of(module, transfer=transfer)
        bench.pressure.rate = 0
        bench.until(SAMPLE)
        assert abs(bench.driver.pressure_milli_mmhg - 30000) <= 1
        assert bench.driver.code == counts_of(30000, *PSI_5, transfer) - 2**23


def check_slow_conversions(module: Any) -> None:
    """A conversion of 8 ms is waited for, and none of the one before is taken for it."""
    bench = bench_of(module, conversion_us=8000)
    bench.until(RESTARTED)
    for _ in range(50):
        bench.until(SAMPLE)
        assert abs(bench.error_milli_mmhg(0)) <= 1


def check_missed(module: Any) -> None:
    """A step that comes late makes missed conversions, which are counted, and the grid stays."""
    bench = bench_of(module)
    bench.until(SAMPLE)
    first = bench.driver.tick
    for late_us, passed in ((30_000, 2), (3_000, 0), (126_000, 10), (12_500, 1)):
        before = bench.driver.tick
        # The step that would have commanded the next one.
        bench.due_us += late_us
        bench.until(SAMPLE)
        assert bench.driver.missed == passed
        assert bench.driver.tick - before == 12_500 + late_us
        bench.until(SAMPLE)
        assert bench.driver.missed == 0
        assert (bench.driver.tick - first) % 12_500 == 0


def half_way(spoil: Callable[[Bench], None]) -> Callable[[Bench], None]:
    """`spoil` between a command and its answer."""

    def then(bench: Bench) -> None:
        commands = len(bench.bus.writes)
        while len(bench.bus.writes) == commands:
            next(bench.events(bench.due_us + 1), None)
        spoil(bench)

    return then


def zero_words(buf: bytearray) -> None:
    buf[1:] = bytes(len(buf) - 1)


Case = tuple[int, Callable[[Bench], None], Callable[[Bench], None]]
FAULTS: dict[str, Case] = {
    "absent": (ABSENT, put("dead", True), put("dead", False)),
    "absent half way": (ABSENT, half_way(put("dead", True)), put("dead", False)),
    "bus low": (WRONG_ID, spoil_bus(all_zero), spoil_bus(None)),
    "bus high": (WRONG_ID, spoil_bus(all_one), spoil_bus(None)),
    "another chip": (WRONG_ID, put("extra_status", 0x08), put("extra_status", 0)),
    "never ready": (NEVER_READY, put("never_ready", True), put("never_ready", False)),
    "no conversion": (NEVER_READY, spoil_bus(zero_words), spoil_bus(None)),
    "memory error": (MEMORY_ERROR, put("memory_error", True), put("memory_error", False)),
    "math saturation": (SATURATED, put("extra_status", 0x01), put("extra_status", 0)),
    "far above": (SATURATED, lift(500_000), lift(0)),
    "far below": (SATURATED, lift(-200_000), lift(0)),
    "above, unsaid": (SATURATED, lift(250_000), lift(0)),
    "below, unsaid": (SATURATED, lift(-50_000), lift(0)),
    "cold": (TEMPERATURE, put("temperature_milli_degc", -41_000), put("temperature_milli_degc", 25_000)),
    "hot": (TEMPERATURE, put("temperature_milli_degc", 111_000), put("temperature_milli_degc", 25_000)),
    "stuck": (STUCK, put("stuck", True), put("stuck", False)),
}


def check_faults(module: Any, name: str) -> None:
    fault, spoil, mend = FAULTS[name]
    for rate in (10, 80):
        bench = bench_of(module, rate, start_ticks=2**30 - 3_000_000)
        flagged_and_mended(bench, fault, spoil, mend, tolerance=2, is_checked=name != "stuck")


def check_one_nak(module: Any) -> None:
    """One transfer not acknowledged: told, and over after one restart."""
    for spoil in (put("deaf", 1), half_way(put("deaf", 1))):
        bench = bench_of(module)
        bench.until(SAMPLE)
        spoil(bench)
        assert list(bench.events(bench.clock.us + 600_000))[:3] == [FAULT, RESTARTED, SAMPLE]
        assert bench.driver.fault == NO_FAULT


def check_brown_out(module: Any) -> None:
    """Supply lost for any time at any moment: a fault or no trace, and never a number that was not measured."""
    named = set()
    for moment_us in range(0, 12_500, 700):
        for off_us in (0, 2_000, 100_000):
            bench = bench_of(module)
            bench.until(SAMPLE)
            until_us = bench.clock.us + moment_us
            assert set(bench.events(until_us)) <= {SAMPLE}
            bench.chip.power_cycle(off_us)
            events = []
            for event in bench.events(bench.clock.us + 1_000_000):
                events.append(event)
                if event == SAMPLE:
                    assert abs(bench.error_milli_mmhg(0)) <= 1
                elif event == FAULT:
                    named.add(bench.driver.fault)
            assert events[-1] == SAMPLE
            if off_us > 12_500:
                assert events[:2] == [FAULT, RESTARTED]
    assert named == {ABSENT, NEVER_READY}


def check_quiet_pressure(module: Any) -> None:
    """A constant pressure with the noise of a count is not stuck."""
    bench = bench_of(module, noise_lsb=1)
    bench.pressure.rate = 0
    bench.until(RESTARTED)
    assert set(bench.events(20_000_000)) == {SAMPLE}


CHECKS: dict[str, Callable[[Any], None]] = {
    "conversion": check_conversion,
    "sequence": check_sequence,
    "thirty mmHg": check_thirty_mmhg,
    "slow conversions": check_slow_conversions,
    "missed": check_missed,
    "one nak": check_one_nak,
    "brown-out": check_brown_out,
    "quiet": check_quiet_pressure,
    **{name: lambda module, name=name: check_faults(module, name) for name in FAULTS},
}


@pytest.mark.parametrize("name", CHECKS)
def test_driver(name: str) -> None:
    CHECKS[name](abp2)


def test_constructor_touches_nothing() -> None:
    assert bench_of(abp2).bus.transfers == 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((100, *PSI_5), "ABP2 rate 100"),
        ((10, *PSI_5, "C"), "transfer function C"),
        ((10, 5, 5), "range 5 to 5"),
    ],
)
def test_refusals(arguments: tuple[Any, ...], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        abp2.Abp2(None, *arguments)


# What was seen or feared: (place, mistake).
MUTANTS = {
    "B limits for A": ('{"A": (1677722, 15099494)', '{"A": (5033165, 11744051)'),
    "A limits for B": ('"B": (5033165, 11744051)', '"B": (1677722, 15099494)'),
    "B of the MPR family": ('"B": (5033165, 11744051)', '"B": (419430, 3774873)'),
    "limits of all 24 bits": ("(1677722, 15099494)", "(0, 16777215)"),
    "busy not looked at": ("if status & _BUSY:", "if False:"),
    "waits for ever": ("_TRIES = const(20)", "_TRIES = const(1 << 29)"),
    "a silent 0 on time-out": ("return self._fail(NEVER_READY) if self._tries >= _TRIES else _RETRY_US", "pass"),
    "memory error not looked at": ("if status & _MEMORY:", "if False:"),
    "math saturation not looked at": ("if status & _MATH:", "if False:"),
    "powered not looked at": ("_FIXED = const(0xDA)", "_FIXED = const(0x9A)"),
    "status not looked at": ("if status & _FIXED != _POWERED:", "if False:"),
    "zeros taken": ("if pressure == 0 and temperature == 0:", "if False:"),
    "saturation not looked at": ("if not self._least <= pressure <= self._most:", "if False:"),
    "temperature not looked at": ("if not _OPERATING_LOW", "if False and not _OPERATING_LOW"),
    "temperature over 150 degC": ("_HOTTEST_MILLI_DEGC = const(150000)", "_HOTTEST_MILLI_DEGC = const(100000)"),
    "temperature from 0 degC": ("_COLDEST_MILLI_DEGC = const(-50000)", "_COLDEST_MILLI_DEGC = const(0)"),
    "words a byte too early": ("answer[1] << 16 | answer[2] << 8 | answer[3]", "answer[0] << 16 | answer[1] << 8"),
    "commanded once only": ("        self._state = _COMMAND\n        if self._running", "        if self._running"),
    "never stuck": ("if self._is_stuck(pressure, temperature):", "if False:"),
    "stuck is forgotten by the restart": (
        "self._passed = 0\n        return _RESTART_US",
        "self._equal = 0\n        return _RESTART_US",
    ),
    "stuck too soon": ("_STUCK_US = const(1500000)", "_STUCK_US = const(30000)"),
    "missed not counted": ("self._passed += late_us // period_us", "pass"),
    "no restart told": ("self.event = RESTARTED", "self.event = SAMPLE"),
    "another command": (r'b"\xaa\x00\x00"', r'b"\xaa\x00"'),
    "an error ends the driver": ("except OSError:", "except ValueError:"),
    "fault stays": ("self.fault = NO_FAULT\n            self.event", "self.event"),
    "grid drifts": ("(now - late_us % period_us) & _MASK", "now"),
    "ticks do not wrap": ("((now - self._planned) & _MASK) - period_us", "(now - self._planned) - period_us"),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_mutant_is_killed(name: str) -> None:
    module = changed(Path(abp2.__file__), *MUTANTS[name])
    for check in CHECKS.values():
        try:
            check(module)
        except (AssertionError, OSError, StopIteration):
            return
    pytest.fail(f"{name}: no check fails")


# Under a locked heap: a sample allocates nothing.
LOCKED = """
import micropython
from turgor.drivers.abp2 import Abp2

class Bus:
    count = 0
    def writeto(self, address, buf):
        self.count += 1
    def readfrom_into(self, address, buf):
        buf[0] = 0x40
        buf[1] = 0x19 + self.count % 200
        buf[2] = self.count & 255
        buf[3] = 255
        buf[4] = 0x0D + self.count % 190

driver = Abp2(Bus(), 80, -9000740, 9000740)

def steady(steps):
    # Ticks wrap on the way; every seventh conversion is late by several.
    now = 0x3FFF0000
    samples = 0
    for i in range(steps):
        wait = driver.step(now)
        samples += driver.event == 1
        now = (now - 0x3FFFFFFF - 1 + wait + (40000 if i % 7 == 6 else 120)) & 0x3FFFFFFF
    return samples

steady(10)
micropython.heap_lock()
samples = steady(20000)
micropython.heap_unlock()
print(samples, driver.fault)
"""


def test_both_runtimes_give_the_same_samples(micropython: str, root: Path) -> None:
    same_on_both("abp2", micropython, root)


def test_a_sample_allocates_nothing(micropython: str, root: Path) -> None:
    assert run(micropython, LOCKED, root) == "10000 0\n"


def test_a_sample_allocates_nothing_where_integers_have_31_bits(tmp_path: Path) -> None:
    assert locked_on_a_board_heap(LOCKED, tmp_path) == "10000 0\n"
