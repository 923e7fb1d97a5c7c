"""The NAU7802's driver on its model, stepped as a board would; what its tests share."""

from collections.abc import Iterator
from typing import Any

from turgor.drivers.nau7802 import Nau7802
from turgor_host.sim.bus import Bus
from turgor_host.sim.chips.nau7802 import Nau7802 as Model
from turgor_host.sim.clock import Clock

TEN_MMHG_PV = 50_000_000
# Time a board spends on a step beside the bus.
STEP_US = 30


class Bridge:
    """A constant signal."""

    def __init__(self, pv: int) -> None:
        self.pv = pv

    def at(self, t_us: int) -> int:
        return self.pv


class Counted(Bus):
    """A bus that counts transfers and can answer wrongly."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.transfers = 0
        self.writes: list[bytes] = []
        self.spoilt: dict[int, int] = {}

    def writeto(self, address: int, buf: bytes) -> int:
        self.transfers += 1
        self.writes.append(bytes(buf))
        return super().writeto(address, buf)

    def readfrom_mem_into(self, address: int, register: int, buf: bytearray) -> None:
        self.transfers += 1
        super().readfrom_mem_into(address, register, buf)
        if register in self.spoilt:
            buf[-1] ^= self.spoilt[register]


class Bench:
    """A driver on its chip, stepped as a board would."""

    def __init__(
        self, rate: int = 80, *, pin: bool = True, start_ticks: int = 0, driver: Any = Nau7802, **options: int
    ) -> None:
        options.setdefault("noise_lsb", 0)
        self.clock = Clock(start_ticks)
        self.bus = Counted(self.clock)
        self.chip = Model(self.clock, Bridge(TEN_MMHG_PV), **options)
        self.bus.attach(0x2A, self.chip)
        self.driver = driver(self.bus, self.chip.ready if pin else None, rate)
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
        assert any(found == event for found in self.events(limit_us))
