"""The ADS1220's driver on the simulated SPI bus, its faults, its conversion to a pressure; on both runtimes."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest
from checked import small
from hypothesis import given
from hypothesis import strategies as st

from turgor.app.config import LOWPASS_1_HZ_AT_80
from turgor.core.channel import READING_SATURATED, READING_VALID, PressureChannel
from turgor.core.filter_words import filter_state
from turgor.drivers import ABSENT, FAULT, NEVER_READY, NO_FAULT, READBACK, RESTARTED, SAMPLE, STUCK
from turgor.drivers.ads1220 import RATES_SPS, Ads1220, milli_mmhg
from turgor_host.sim.chips.ads1220 import Ads1220 as Model
from turgor_host.sim.clock import Clock
from turgor_host.sim.spi import SpiBus

MASK = 2**30 - 1
TEN_MMHG_PV = 50_000_000
TEN_MMHG_CODE = 53687
# Far outside what 90 LSB rms make of a code.
NEAR = 1000
# Time a board spends on a step beside the bus.
STEP_US = 30
CLOCKS = {20: 204768, 45: 91120, 90: 46128, 175: 23664, 330: 12464, 600: 6896, 1000: 4144}


class Bridge:
    """A constant signal."""

    def __init__(self, pv: int) -> None:
        self.pv = pv

    def at(self, t_us: int) -> int:
        return self.pv


class Counted(SpiBus):
    """A bus that counts transfers, and whose receiving line can stick: `line` is then the byte that it reads."""

    def __init__(self, clock: Clock, chip: Model) -> None:
        super().__init__(clock, chip)
        self.transfers = 0
        self.sent: list[bytes] = []
        self.line: int | None = None
        self.broken = False

    def write_readinto(self, out: bytes, into: bytearray) -> None:
        self.transfers += 1
        self.sent.append(bytes(out))
        if self.broken:
            raise OSError(5)
        super().write_readinto(out, into)
        if self.line is not None:
            into[:] = bytes((self.line,)) * len(into)


class Bench:
    """A driver on its chip, stepped as a board would."""

    def __init__(self, rate: int = 90, *, start_ticks: int = 0, **options: int) -> None:
        self.clock = Clock(start_ticks)
        self.chip = Model(self.clock, Bridge(TEN_MMHG_PV), **options)
        self.bus = Counted(self.clock, self.chip)
        self.driver = Ads1220(self.bus, self.chip.ready, rate)
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

    def until(self, event: int, limit_us: int = 3_000_000) -> None:
        limit_us += self.clock.us
        assert any(found == event for found in self.events(limit_us))


def test_by_hand() -> None:
    bench = Bench(noise_lsb=0)
    bench.until(SAMPLE)
    assert bench.driver.code == TEN_MMHG_CODE  # 10 mmHg x 5368.7
    assert milli_mmhg(TEN_MMHG_CODE) == 9999  # 9999.983, rounded down


@pytest.mark.parametrize("code", [-(2**23), 2**23 - 1, 0, 1, -1, 161061, -161061, 4095, 4096, -4096])
def test_pressure_by_the_formula(code: int) -> None:
    """Both ends, the middle and 30 mmHg against the datasheet's formula, each intermediate within 30 bits."""
    exact = Fraction(code) / (128 * 2**23 * Fraction(5, 10**6)) * 1000
    assert milli_mmhg(small(code)) == exact.__floor__()


@given(st.integers(-(2**23), 2**23 - 1))
def test_every_code_is_within_a_unit(code: int) -> None:
    assert milli_mmhg(small(code)) == code * 1562500 >> 23


def test_codes_all_over_the_range_are_rounded_down() -> None:
    assert [milli_mmhg(code) for code in range(-(2**23), 2**23, 127)] == [
        code * 1562500 >> 23 for code in range(-(2**23), 2**23, 127)
    ]


def test_reset_is_given_its_time() -> None:
    bench = Bench()
    assert bench.driver.step(0) >= 58  # 50 us and 32 clocks of 4.096 MHz
    assert bench.bus.sent == [b"\x06"]


def test_constructor_touches_nothing() -> None:
    assert Bench().bus.transfers == 0


@pytest.mark.parametrize(("rate", "registers"), [(20, b"\x3e\x04\x50\x00"), (1000, b"\x3e\xc4\x40\x00")])
def test_start_up_by_the_datasheet(rate: int, registers: bytes) -> None:
    bench = Bench(rate)
    bench.until(RESTARTED)
    frame = b"\x10\0\0\0\x23\0\0\0\0"
    assert bench.bus.sent[:5] == [b"\x06", frame, b"\x43" + registers, frame, b"\x08"]
    assert bench.chip.registers == registers
    assert set(bench.bus.sent[5:]) == {frame}


@pytest.mark.parametrize("rate", RATES_SPS)
@pytest.mark.parametrize("period_ppm", [-20_000, 0, 20_000])
def test_every_conversion_is_read_once(rate: int, period_ppm: int) -> None:
    # The ticks wrap two seconds after the start.
    bench = Bench(rate, period_ppm=period_ppm, start_ticks=2**30 - 2_000_000)
    bench.until(RESTARTED)
    period_us = CLOCKS[rate] / 4.096 * (1 + period_ppm * 1e-6)
    ends = []
    for event in bench.events(bench.clock.us + int(400 * period_us)):
        assert event == SAMPLE
        assert bench.driver.missed == 0
        assert abs(bench.driver.code - TEN_MMHG_CODE) < NEAR
        assert bench.clock.ticks() - bench.driver.tick & MASK < 500
        ends.append(bench.driver.tick)
    assert len(ends) >= 398
    for before, after in pairwise(ends):
        assert abs((after - before & MASK) - period_us) < 2
    assert abs(bench.driver.period_us() - period_us) < 2


def test_negative_codes() -> None:
    bench = Bench(noise_lsb=0)
    bench.chip.bridge.pv = -TEN_MMHG_PV
    bench.until(SAMPLE)
    assert bench.driver.code == -TEN_MMHG_CODE


def test_conversions_that_passed_are_counted() -> None:
    bench = Bench()
    bench.until(SAMPLE)
    for pause_us, passed in ((20_000, 1), (60_000, 5), (3_000, 0), (126_000, 11)):
        end = bench.driver.tick
        bench.clock.us += pause_us
        bench.until(SAMPLE)
        assert bench.driver.missed == round((bench.driver.tick - end) / 11_261.7) - 1
        assert abs(bench.driver.missed - passed) <= 1


def test_a_read_too_near_the_next_conversion_is_not_made() -> None:
    bench = Bench()
    bench.until(SAMPLE)
    end = bench.driver.tick
    # 100 us before the end of the next but one: which one a read would return is open.
    bench.clock.us = end + 2 * 11_262 - 100
    transfers = bench.bus.transfers
    assert 50 <= bench.driver.step(bench.clock.ticks()) < 250
    assert bench.bus.transfers == transfers
    bench.until(SAMPLE)
    assert abs(bench.driver.tick - end - 2 * 11_262) < 3
    assert bench.driver.missed == 1


def test_lost_interrupt_shows_as_a_missed_conversion() -> None:
    bench = Bench()
    bench.until(SAMPLE)
    bench.clock.us = bench.driver.tick + 11_270
    bench.chip.ready.take()  # counted by nobody
    bench.until(SAMPLE)
    assert bench.driver.missed == 1


def test_blind_intervals_are_counted_by_time() -> None:
    bench = Bench()
    bench.until(SAMPLE)
    end = bench.driver.tick
    bench.clock.us += 100_000
    bench.chip.ready.blind()
    bench.driver.blind(100_000)
    bench.until(SAMPLE)
    assert bench.driver.missed == round((bench.driver.tick - end) / 11_261.7) - 1
    assert bench.driver.missed >= 8


# Name of the fault, what makes it, what ends it, the driver's fault.
FAULTS: dict[str, tuple[Callable[[Bench], object], Callable[[Bench], object], int]] = {
    "gone, line high": (
        lambda bench: setattr(bench.chip, "absent", 0xFF),
        lambda bench: setattr(bench.chip, "absent", None),
        ABSENT,
    ),
    "gone, line low": (
        lambda bench: setattr(bench.chip, "absent", 0x00),
        lambda bench: setattr(bench.chip, "absent", None),
        ABSENT,
    ),
    "receiving line high": (
        lambda bench: setattr(bench.bus, "line", 0xFF),
        lambda bench: setattr(bench.bus, "line", None),
        ABSENT,
    ),
    "receiving line low": (
        lambda bench: setattr(bench.bus, "line", 0x00),
        lambda bench: setattr(bench.bus, "line", None),
        ABSENT,
    ),
    "bus refuses": (
        lambda bench: setattr(bench.bus, "broken", True),
        lambda bench: setattr(bench.bus, "broken", False),
        ABSENT,
    ),
    "gain reads wrong": (
        lambda bench: bench.chip.spoilt.update({0: 0x02}),
        lambda bench: bench.chip.spoilt.clear(),
        READBACK,
    ),
    "last register reads wrong": (
        lambda bench: bench.chip.spoilt.update({3: 0x80}),
        lambda bench: bench.chip.spoilt.clear(),
        READBACK,
    ),
    "never ready": (
        lambda bench: setattr(bench.chip, "stopped", True),
        lambda bench: setattr(bench.chip, "stopped", False),
        NEVER_READY,
    ),
    "stuck": (
        lambda bench: setattr(bench.chip, "stuck", TEN_MMHG_CODE),
        lambda bench: setattr(bench.chip, "stuck", None),
        STUCK,
    ),
    "stuck at zero": (
        lambda bench: setattr(bench.chip, "stuck", 0),
        lambda bench: setattr(bench.chip, "stuck", None),
        STUCK,
    ),
}


@pytest.mark.parametrize("rate", [20, 90, 1000])
@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.parametrize("running", [True, False], ids=["running", "from the start"])
def test_fault_is_flagged_and_ends_by_itself(name: str, rate: int, running: bool) -> None:
    begin, end, fault = FAULTS[name]
    bench = Bench(rate)
    if running:
        bench.until(SAMPLE)
    begin(bench)
    codes = []
    for event in bench.events(bench.clock.us + 2_000_000):
        if event == FAULT:
            break
        if event == SAMPLE:
            codes.append(bench.driver.code)
    else:
        pytest.fail("not flagged within 2 s")
    assert bench.driver.fault == fault
    # A stuck chip is believed until it is known to be; nothing else gives a sample.
    assert fault == STUCK or len(codes) == 0
    # It is tried again twice a second, and says the same each time.
    later = list(bench.events(bench.clock.us + 3_000_000))
    assert set(later) == {FAULT}
    assert len(later) >= 2
    assert bench.driver.fault == fault
    end(bench)
    # An attempt that was under way may still fail.
    found = list(bench.events(bench.clock.us + 2_000_000))
    assert found[found[0] == FAULT :][:2] == [RESTARTED, SAMPLE]
    assert bench.driver.fault == NO_FAULT
    assert bench.driver.missed == 0
    assert abs(bench.driver.code - TEN_MMHG_CODE) < NEAR


@pytest.mark.parametrize("rate", [20, 90, 1000])
@pytest.mark.parametrize("later_us", [0, 150, 600, 1_100, 9_000])
def test_brown_out_is_a_fault_and_mended(rate: int, later_us: int) -> None:
    bench = Bench(rate)
    bench.until(SAMPLE)
    bench.clock.us += later_us
    bench.chip.power_cycle()
    begun = bench.clock.us
    found = []
    for event in bench.events(bench.clock.us + 3_000_000):
        if event == FAULT:
            assert bench.clock.us - begun < 2_000_000
            assert bench.driver.fault == READBACK
        elif event == SAMPLE:
            assert abs(bench.driver.code - TEN_MMHG_CODE) < NEAR
        found.append(event)
    assert found[:3] == [FAULT, RESTARTED, SAMPLE]
    assert found.count(FAULT) == 1


@pytest.mark.parametrize("sign", [1, -1], ids=["high", "low"])
def test_saturation_is_flagged_by_the_channel_and_no_reading(sign: int) -> None:
    """The driver gives the chip's limit for what it is; no reading is made of it, and it is not called stuck."""
    bench = Bench(90)
    channel = PressureChannel(filter_state(3, LOWPASS_1_HZ_AT_80, (0, 4096, 0, 2), 30000, 28000, 1))
    bench.until(SAMPLE)
    bench.chip.bridge.pv = sign * 20_000_000_000
    until_us = bench.clock.us
    for _ in range(5):
        until_us += 1_000_000
        for event in bench.events(until_us):
            assert event == SAMPLE
            channel.sample(bench.driver.code)
        channel.capture()
        assert bench.driver.code == (0x7FFFFF if sign > 0 else -0x800000)
        assert channel.flags & READING_SATURATED
        assert not channel.flags & READING_VALID


def test_a_glitch_of_one_transfer_gives_no_sample() -> None:
    bench = Bench()
    bench.until(SAMPLE)
    real = bench.driver._exchange

    def shifted(out: bytes, into: bytearray) -> None:
        real(out, into)
        into[:] = (int.from_bytes(into, "big") >> 1).to_bytes(len(into), "big")
        bench.driver._exchange = real

    bench.driver._exchange = shifted
    assert list(bench.events(bench.clock.us + 1_000_000))[:2] == [FAULT, RESTARTED]


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="rate 100"):
        Ads1220(None, None, 100)
    with pytest.raises(ValueError, match="wire DRDY"):
        Ads1220(None, None, 90)


# Both runtimes, and under MicroPython with the heap locked: a sample allocates nothing.
SCRIPT = """
from turgor.drivers import SAMPLE
from turgor.drivers.ads1220 import Ads1220, milli_mmhg
from turgor_host.sim.chips.ads1220 import Ads1220 as Model
from turgor_host.sim.clock import Clock
from turgor_host.sim.spi import SpiBus

class Bridge:
    def at(self, t_us):
        return t_us % 1000003 * 100 - 50000000

clock = Clock((1 << 30) - 2000000)
chips = [Model(clock, Bridge(), period_ppm=9000 * n - 9000, seed=n) for n in range(3)]
drivers = [Ads1220(SpiBus(clock, chips[n]), chips[n].ready, (20, 90, 330)[n]) for n in range(3)]
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
        print(n, driver.code, milli_mmhg(driver.code), driver.tick, driver.missed)
    elif driver.event:
        print(n, driver.event, driver.fault)
    clock.us += 40
"""

LOCKED = """
import micropython
from turgor.drivers.ads1220 import Ads1220, milli_mmhg

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
        milli_mmhg(driver.code)
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


def run(runtime: str, script: str, root: Path) -> str:
    paths = [str(root / "firmware"), str(root / "host")]
    env = {**os.environ, "MICROPYPATH": ":".join([*paths, ".frozen"]), "PYTHONPATH": os.pathsep.join(paths)}
    done = subprocess.run([runtime, "-c", script], env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_both_runtimes_give_the_same_samples(micropython: str, root: Path) -> None:
    output = run(micropython, SCRIPT, root)
    assert output.count("\n") > 1500
    assert output == run(sys.executable, SCRIPT, root)


def test_a_sample_allocates_nothing(micropython: str, root: Path) -> None:
    assert run(micropython, LOCKED, root) == "True\n"
