"""A digital pressure sensor's driver on its model, stepped as a board would: what tests of both families share."""

import os
import subprocess
import sys
import types
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import runtimes

from turgor.drivers import FAULT, NO_FAULT, RESTARTED, SAMPLE
from turgor_host.sim.bus import Bus
from turgor_host.sim.clock import Clock

MASK = 2**30 - 1
# Time a board spends on a step beside the bus.
STEP_US = 30
FLAGGED_WITHIN_US = 2_000_000
THIRTY_MMHG = 30_000_000
ONE_MMHG_PER_S = 1


class Ramp:
    """Micro-mmHg that rise by `rate` (micro-mmHg per us), lifted by `lift`."""

    def __init__(self, start: int = THIRTY_MMHG, rate: int = ONE_MMHG_PER_S) -> None:
        self.start = start
        self.rate = rate
        self.lift = 0

    def at(self, t_us: int) -> int:
        return self.start + self.lift + self.rate * t_us


class Counted(Bus):
    """A bus that counts transfers, keeps what was written, and changes what is read by `spoil`."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.transfers = 0
        self.writes: list[bytes] = []
        self.spoil: Callable[[bytearray], None] | None = None

    def writeto(self, address: int, buf: bytes) -> int:
        self.transfers += 1
        self.writes.append(bytes(buf))
        return super().writeto(address, buf)

    def readfrom_into(self, address: int, buf: bytearray) -> None:
        self.transfers += 1
        super().readfrom_into(address, buf)
        if self.spoil:
            self.spoil(buf)

    def readfrom_mem_into(self, address: int, register: int, buf: bytearray) -> None:
        raise AssertionError("these chips have no registers")


class Bench:
    """`make_driver(bus)` on `make_chip(clock, pressure)`."""

    def __init__(
        self, make_chip: Callable[..., Any], make_driver: Callable[..., Any], pressure: Any = None, start_ticks: int = 0
    ) -> None:
        self.clock = Clock(start_ticks)
        self.bus = Counted(self.clock)
        self.pressure = pressure or Ramp()
        self.chip = make_chip(self.clock, self.pressure)
        self.bus.attach(0x28, self.chip)
        self.driver = make_driver(self.bus)
        self.due_us = 0

    def events(self, until_us: int) -> Iterator[int]:
        """Step until the absolute time `until_us`; yields each event but NOTHING."""
        clock = self.clock
        while max(clock.us, self.due_us) < until_us:
            clock.us = max(clock.us, self.due_us)
            begun, transfers = clock.us, self.bus.transfers
            wait_us = self.driver.step(clock.ticks())
            assert wait_us >= 0
            assert self.bus.transfers - transfers <= 1
            clock.us += STEP_US
            self.due_us = begun + wait_us
            if self.driver.event:
                yield self.driver.event

    def until(self, event: int, limit_us: int = 5_000_000) -> None:
        limit_us += self.clock.us
        assert any(found == event for found in self.events(limit_us)), f"no event {event}"

    def error_milli_mmhg(self, age_us: int) -> Fraction:
        """The present sample against the pressure `age_us` before its tick, and as far as it is from that."""
        taken_us = self.clock.us - (self.clock.ticks() - self.driver.tick & MASK)
        return self.driver.pressure_milli_mmhg - Fraction(self.pressure.at(taken_us - age_us), 1000)


Change = Callable[[Bench], None]


def put(name: str, value: Any) -> Change:
    """Set an attribute of the chip's model."""
    return lambda bench: setattr(bench.chip, name, value)


def lift(milli_mmhg: int) -> Change:
    return lambda bench: setattr(bench.pressure, "lift", 1000 * milli_mmhg)


def spoil_bus(change: Callable[[bytearray], None] | None) -> Change:
    return lambda bench: setattr(bench.bus, "spoil", change)


def all_zero(buf: bytearray) -> None:
    buf[:] = bytes(len(buf))


def all_one(buf: bytearray) -> None:
    buf[:] = b"\xff" * len(buf)


def flagged_and_mended(
    bench: Bench,
    fault: int,
    spoil: Callable[[Bench], None],
    mend: Callable[[Bench], None],
    *,
    tolerance: int,
    is_checked: bool = True,
) -> None:
    """A fault that begins shows by its name within 2 s, and no number while it lasts; when it ends, so does all that.

    Every sample on the way is the pressure within `tolerance` milli-mmHg, but for a fault that cannot be seen at once
    (`is_checked`).
    """
    bench.until(SAMPLE)
    spoil(bench)
    begun_us = bench.clock.us
    flagged_us = None
    faults = set()
    for event in bench.events(begun_us + 4_000_000):
        if event == FAULT:
            flagged_us = flagged_us or bench.clock.us
            faults.add(bench.driver.fault)
        else:
            assert flagged_us is None, "a sample while the fault lasts"
            if is_checked:
                assert abs(bench.error_milli_mmhg(0)) <= tolerance
    assert flagged_us is not None, "not flagged"
    assert flagged_us - begun_us < FLAGGED_WITHIN_US
    assert faults == {fault}
    assert bench.driver.fault == fault
    mend(bench)
    mended_us = bench.clock.us
    assert next(bench.events(mended_us + FLAGGED_WITHIN_US)) == RESTARTED
    assert bench.driver.fault == NO_FAULT
    samples = 0
    for event in bench.events(mended_us + FLAGGED_WITHIN_US):
        assert event == SAMPLE
        assert bench.driver.missed == 0
        assert abs(bench.error_milli_mmhg(0)) <= tolerance
        samples += 1
    assert samples > 10


def changed(source: Path, old: str, new: str) -> types.ModuleType:
    """The module of `source` with one place of its text changed."""
    text = source.read_text()
    assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {source.name}"
    module = types.ModuleType(source.stem)
    exec(compile(text.replace(old, new), str(source), "exec"), vars(module))
    return module


def run(runtime: str, script: str, root: Path) -> str:
    """What `script` prints on CPython or MicroPython's unix port, with firmware and host at hand."""
    paths = [str(root / "firmware"), str(root / "host")]
    env = {**os.environ, "MICROPYPATH": ":".join([*paths, ".frozen"]), "PYTHONPATH": os.pathsep.join(paths)}
    done = subprocess.run([runtime, "-c", script], env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def locked_on_a_board_heap(script: str, folder: Path) -> str:
    """What `script` prints on the 32-bit WebAssembly port, whose integers turn into objects where a board's do."""
    lacks = runtimes.missing("webassembly")
    if lacks:
        pytest.skip(lacks)
    file = folder / "locked.py"
    file.write_text(script)
    return runtimes.output("webassembly", file, None, folder / "firmware")


# A driver with its model over 6 s of a clock that wraps, with a loss of supply in them.
_RUN = """
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
driver = Driver(bus, 80, -258575, 258575)
cycles = 0
while clock.us < 6000000:
    begun = clock.us
    wait = driver.step(clock.ticks())
    if driver.event == SAMPLE:
        print(driver.code, driver.pressure_milli_mmhg, driver.temperature_milli_degc, driver.tick, driver.missed)
    elif driver.event:
        print(driver.event, driver.fault)
    clock.us = max(clock.us + 40, begun + wait)
    if clock.us > 3000000 and not cycles:
        cycles += 1
        chip.power_cycle(50000)
"""


def same_on_both(module: str, micropython: str, root: Path) -> None:
    """The driver of `module` and its model say the same on CPython and on MicroPython's unix port."""
    script = _RUN.format(module=module, name=module.title())
    output = run(micropython, script, root)
    assert output.count("\n") > 400
    assert output == run(sys.executable, script, root)
