"""The MAX30009's driver on its model, stepped as a board would; what its tests share."""

from collections.abc import Iterator
from typing import Any

from turgor.drivers import RESTARTED, RESULT
from turgor.drivers.current import limit_na
from turgor.drivers.max30009 import Max30009
from turgor_host.sim.bus import Bus
from turgor_host.sim.chips.max30009 import Max30009 as Model
from turgor_host.sim.clock import Clock

ADDRESS = 0x68
# Time a board spends on a step beside the bus.
STEP_US = 120


class Load:
    """A limb: resistance falls with frequency. Keeps the times it was asked for."""

    def __init__(self) -> None:
        self.asked_us: list[int] = []

    def at(self, frequency_hz: int, t_us: int) -> tuple[int, int]:
        self.asked_us.append(t_us)
        return 60_000_000 - 200 * frequency_hz, -3_000_000 - 50 * frequency_hz


class Watched(Bus):
    """Counts transfers, times them, keeps writes, and can answer wrongly or not at all."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.transfers = 0
        self.writes: list[tuple[int, int]] = []
        self.spoilt: dict[int, int] = {}
        self.fail_from = self.fail_until = -1

    def _next(self) -> None:
        self.transfers += 1
        if self.fail_from <= self.transfers < self.fail_until:
            raise OSError(5)

    def writeto(self, address: int, buf: bytes) -> int:
        self._next()
        assert len(buf) == 2
        self.writes.append((buf[0], buf[1]))
        return super().writeto(address, buf)

    def readfrom_mem_into(self, address: int, register: int, buf: bytearray) -> None:
        self._next()
        super().readfrom_mem_into(address, register, buf)
        for i in range(len(buf)):
            if register + i in self.spoilt and register != 0x0C:
                buf[i] ^= self.spoilt[register + i]


class Bench:
    """A driver on its chip, stepped as a board would."""

    def __init__(
        self,
        *,
        type_bf: bool = False,
        start_ticks: int = 0,
        driver: Any = Max30009,
        clocks: Any = None,
        **options: int,
    ) -> None:
        options.setdefault("noise_lsb", 1)
        self.clock = Clock(start_ticks)
        self.bus = Watched(self.clock)
        self.load = Load()
        self.chip = Model(self.clock, self.load, **options)
        self.bus.attach(ADDRESS, self.chip)
        self.driver = driver(self.bus, type_bf=type_bf, **({"clocks": clocks} if clocks else {}))
        self.type_bf = type_bf
        self.step_us = STEP_US
        self.due_us = 0
        self.worst_ratio = 0.0

    def events(self, limit_us: int, *, until_idle: bool = False) -> Iterator[int]:
        """Step for `limit_us`; yields each event but NOTHING. Watches the current at every step."""
        clock, chip = self.clock, self.chip
        limit_us += clock.us
        while max(clock.us, self.due_us) < limit_us and not (until_idle and self.driver.idle):
            clock.us = max(clock.us, self.due_us)
            begun, transfers = clock.us, self.bus.transfers
            wait_us = self.driver.step(clock.ticks())
            assert wait_us >= 0
            assert self.bus.transfers - transfers <= 1
            assert clock.us - begun < 1200
            if chip.driving_na:
                self.worst_ratio = max(self.worst_ratio, chip.driving_na / limit_na(chip.frequency_hz, self.type_bf))
            clock.us += self.step_us
            self.due_us = begun + wait_us
            if self.driver.event:
                yield self.driver.event

    def start(self) -> None:
        assert list(self.events(3_000_000, until_idle=True))[-1] == RESTARTED

    def begin(self) -> None:
        assert self.driver.begin(self.clock.ticks())
        self.due_us = 0

    def sweep(self) -> list[dict[str, int]]:
        """The results of one sweep."""
        self.begin()
        found = []
        for event in self.events(2_000_000, until_idle=True):
            assert event == RESULT
            names = "frequency_index count sum_i sum_q min_i max_i min_q max_q leads first_tick tick"
            found.append({name: getattr(self.driver, name) for name in names.split()})
        return found
