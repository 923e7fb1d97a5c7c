"""The MAX30009's driver on its model, stepped as a board would; what its tests share."""

from collections.abc import Iterator
from fractions import Fraction
from random import Random
from typing import Any

from turgor.app.log import Log
from turgor.app.sampler import ImpedanceSampler
from turgor.core.ticks import BoardTime
from turgor.drivers import FAULT, RESTARTED, RESULT
from turgor.drivers.current import Body, limit_na
from turgor.drivers.max30009 import Max30009
from turgor.drivers.tca9548a import ADDRESS as MUX_ADDRESS
from turgor.drivers.tca9548a import Tca9548a
from turgor_host.sim.bus import Bus
from turgor_host.sim.chips.max30009 import Max30009 as Model
from turgor_host.sim.chips.tca9548a import Tca9548a as MuxModel
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
        if address != MUX_ADDRESS:
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


def limit(hz: Fraction, type_bf: bool) -> Fraction:
    """0.8 x min(base x max(1, f / 1 kHz), 10 mA) in nA."""
    return Fraction(8, 10) * min((100_000 if type_bf else 10_000) * max(1, hz / 1000), 10_000_000)


def driven_hz(chip: Model) -> Fraction:
    """The frequency that the registers select, by the datasheet's formula."""
    r = chip._registers
    pll_hz = ((r[0x17] >> 6) * 256 + r[0x18] + 1) * (32768 if r[0x1A] & 0x20 else 32000)
    return Fraction(pll_hz, 2 ** min(r[0x17] >> 1 & 15, 13) * (32 << (r[0x20] >> 6)))


def share(chip: Model, type_bf: bool = False) -> Fraction:
    """What the chip drives into electrodes now, as a part of its limit."""
    return Fraction(chip.driving_na) / limit(driven_hz(chip), type_bf)


# Addresses, multiplexer ports (-1: on the bus itself) and clocks of chips on one body.
_TWO = ((0x68, -1, 4000), (0x69, -1, -6000))
_FOUR = ((0x68, 6, 4000), (0x69, -1, -6000), (0x68, 4, -2000), (0x68, 5, 9000))


class Together:
    """Two chips, or four, with their samplers; `worst` is the largest sum of their shares of the limit at any moment,
    `both` counts the moments in which more than one drove."""

    def __init__(self, seed: int = 1, *, stalls: bool = False, refusals: float = 0.0, four: bool = False) -> None:
        self.clock = Clock()
        self.bus = Watched(self.clock)
        self.random = Random(seed)
        self.stalls, self.refusals = stalls, refusals
        self.time = BoardTime(0)
        body = Body()
        log = Log(8192, 1)
        places = _FOUR if four else _TWO
        self.chips = [Model(self.clock, Load(), address=a, period_ppm=p) for a, _, p in places]
        self.samplers = []
        model = MuxModel()
        self.bus.attach(MUX_ADDRESS, model)
        mux = Tca9548a(self.bus)
        rate_millihz = 1000 // len(places)
        for number, (chip, (address, port, _)) in enumerate(zip(self.chips, places, strict=True)):
            if port < 0:
                self.bus.attach(address, chip)
            else:
                model.attach(port, address, chip)
            driver = Max30009(self.bus if port < 0 else mux.port(port), address, body=body)
            self.samplers.append(
                ImpedanceSampler(5 + number, (0,) * 19, driver, log, self.time, 0, number, rate_millihz)
            )
        self.worst = Fraction(0)
        self.results = [0] * len(places)
        self.faults: list[set[int]] = [set() for _ in places]
        # Each fault as it was told: when, of which chip, which.
        self.told: list[tuple[int, int, int]] = []
        self.both = 0

    def run(self, limit_us: int) -> None:
        clock = self.clock
        limit_us += clock.us
        while clock.us < limit_us:
            number = min(range(len(self.samplers)), key=lambda n: self.samplers[n].due)
            sampler = self.samplers[number]
            clock.us = max(clock.us, sampler.due)
            now = clock.us
            self.time.advance(clock.ticks())
            if self.random.random() < self.refusals:
                n = self.bus.transfers + 1
                self.bus.fail_from, self.bus.fail_until = n, n + self.random.randint(1, 5)
            sampler.due = now + sampler.step(clock.ticks())
            self.results[number] += sampler.driver.event == RESULT
            if sampler.driver.event == FAULT:
                self.faults[number].add(sampler.driver.fault)
                self.told.append((clock.us, number, sampler.driver.fault))
            shares = [share(chip) for chip in self.chips]
            self.worst = max(self.worst, sum(shares, Fraction(0)))
            self.both += sum(map(bool, shares)) > 1
            clock.us += STEP_US
            if self.stalls and self.random.random() < 0.02:
                clock.us += self.random.randint(1000, 400_000)
