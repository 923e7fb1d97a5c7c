"""A driver on its chip on the simulated bus, stepped as a board would, and scripts on either runtime."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from turgor.drivers import SAMPLE
from turgor_host.sim.bus import Bus
from turgor_host.sim.clock import Clock

# Time a board spends on a step beside the bus.
STEP_US = 30


class Watched(Bus):
    """A bus that counts transfers and keeps writes."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.transfers = 0
        self.writes: list[bytes] = []

    def writeto(self, address: int, buf: bytes) -> int:
        self.transfers += 1
        self.writes.append(bytes(buf))
        return super().writeto(address, buf)

    def readfrom_mem_into(self, address: int, register: int, buf: bytearray) -> None:
        self.transfers += 1
        super().readfrom_mem_into(address, register, buf)


class DriverBench:
    """`driver` on `chip` behind `bus`."""

    def __init__(self, clock: Clock, bus: Watched, chip: Any, driver: Any) -> None:
        self.clock = clock
        self.bus = bus
        self.chip = chip
        self.driver = driver
        self.due_us = 0

    def step(self) -> int:
        """One step at its due time, or now when that has passed; returns its event."""
        clock = self.clock
        clock.us = max(clock.us, self.due_us)
        begun_us, transfers = clock.us, self.bus.transfers
        wait_us = self.driver.step(clock.ticks())
        assert 0 <= wait_us <= 1_000_000
        assert self.bus.transfers - transfers <= 1
        clock.us += STEP_US
        self.due_us = begun_us + wait_us
        event: int = self.driver.event
        return event

    def events(self, duration_us: int) -> Iterator[int]:
        """Step for `duration_us`; yields each event but NOTHING."""
        until_us = self.clock.us + duration_us
        while max(self.clock.us, self.due_us) < until_us:
            if event := self.step():
                yield event
        self.clock.us = until_us

    def until(self, event: int, limit_us: int = 5_000_000) -> int:
        """Step to the next `event`, which comes before any SAMPLE; returns how long it took."""
        begun_us = self.clock.us
        for found in self.events(limit_us):
            if found == event:
                return self.clock.us - begun_us
            assert found != SAMPLE
        raise AssertionError(f"no event {event} in {limit_us} us")


def spoil(chip: Any, attribute: str, value: object) -> None:
    """Begin (or end) a fault: set an attribute of the model, or cut its supply for a moment with "power"."""
    if attribute == "power":
        chip.power_cycle()
    else:
        setattr(chip, attribute, value)


def run_script(runtime: str, script: str, root: Path) -> str:
    """What `script` prints on `runtime`, an interpreter's path."""
    paths = [str(root / "firmware"), str(root / "host")]
    env = {**os.environ, "MICROPYPATH": ":".join([*paths, ".frozen"]), "PYTHONPATH": os.pathsep.join(paths)}
    done = subprocess.run([runtime, "-c", script], env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
