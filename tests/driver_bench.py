"""A driver on its chip's model, stepped as a board would."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from turgor_host.sim.bus import Bus
from turgor_host.sim.clock import Clock
from turgor_host.sim.spi import SpiBus

MASK = 2**30 - 1
# Time a board spends on a step beside the bus.
STEP_US = 30


class Signal:
    """What lies on a sensor: `value`, rising by `rate` a microsecond."""

    def __init__(self, value: int = 0, rate: int = 0) -> None:
        self.value = value
        self.rate = rate

    def at(self, t_us: int) -> int:
        return self.value + self.rate * t_us


class Counted(Bus):
    """An I2C bus that counts transfers, keeps what was written and can spoil what is read.

    `spoilt` maps a register to bits inverted in the last byte read from it; `line` is the byte that every read gives.
    """

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.transfers = 0
        self.writes: list[bytes] = []
        self.spoilt: dict[int, int] = {}
        self.line: int | None = None

    def writeto(self, address: int, buf: bytes) -> int:
        self.transfers += 1
        self.writes.append(bytes(buf))
        return super().writeto(address, buf)

    def readfrom_into(self, address: int, buf: bytearray) -> None:
        self.transfers += 1
        super().readfrom_into(address, buf)
        self._spoil(buf)

    def readfrom_mem_into(self, address: int, register: int, buf: bytearray) -> None:
        self.transfers += 1
        super().readfrom_mem_into(address, register, buf)
        if register in self.spoilt:
            buf[-1] ^= self.spoilt[register]
        self._spoil(buf)

    def _spoil(self, buf: bytearray) -> None:
        if self.line is not None:
            buf[:] = bytes((self.line,)) * len(buf)


class CountedSpi(SpiBus):
    """An SPI bus that counts transfers and keeps what was sent; `line` is the byte that every read gives."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.transfers = 0
        self.writes: list[bytes] = []
        self.line: int | None = None

    def transfer(self, chip: Any, out: bytes, into: bytearray) -> None:
        self.transfers += 1
        self.writes.append(bytes(out))
        super().transfer(chip, out, into)
        if self.line is not None:
            into[:] = bytes((self.line,)) * len(into)


class DriverBench:
    """`driver` on `chip` behind `bus`."""

    def __init__(self, clock: Clock, bus: Counted | CountedSpi, chip: Any, driver: Any) -> None:
        self.clock = clock
        self.bus = bus
        self.chip = chip
        self.driver = driver
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


def run(runtime: str, script: str, root: Path) -> str:
    """What `script` prints on CPython or MicroPython's unix port, with firmware and host at hand."""
    paths = [str(root / "firmware"), str(root / "host")]
    env = {**os.environ, "MICROPYPATH": ":".join([*paths, ".frozen"]), "PYTHONPATH": os.pathsep.join(paths)}
    done = subprocess.run([runtime, "-c", script], env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
