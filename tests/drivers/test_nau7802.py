"""The bridge converter's driver on the simulated bus, with and without the data-ready pin, on both runtimes."""

import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from bridge_bench import TEN_MMHG_PV, Bench

from turgor.drivers import (
    ABSENT,
    CAL_FAILED,
    DIAGNOSTIC,
    FAULT,
    FAULT_NAMES,
    NEVER_READY,
    NO_FAULT,
    NOTHING,
    READBACK,
    RESTARTED,
    SAMPLE,
    WRONG_ID,
)
from turgor.drivers.nau7802 import Nau7802

MASK = 2**30 - 1


def test_ten_mmhg_reads_107374() -> None:
    bench = Bench()
    bench.until(RESTARTED)
    bench.until(SAMPLE)
    assert bench.driver.code == 107374


def test_names_for_every_fault() -> None:
    assert len(FAULT_NAMES) == DIAGNOSTIC + 1
    assert FAULT_NAMES[NEVER_READY] == "never_ready"


def test_constructor_touches_nothing() -> None:
    assert Bench().bus.transfers == 0


@pytest.mark.parametrize("rate", [10, 20, 40, 80, 320])
@pytest.mark.parametrize("period_ppm", [-50_000, 0, 31_000])
@pytest.mark.parametrize("pin", [True, False], ids=["pin", "polled"])
def test_every_conversion_is_read_once(rate: int, period_ppm: int, pin: bool) -> None:
    # The ticks wrap two seconds after the start.
    bench = Bench(rate, pin=pin, period_ppm=period_ppm, start_ticks=2**30 - 2_000_000)
    bench.until(RESTARTED)
    period_us = 1_000_000 / rate * (1 + period_ppm * 1e-6)
    ends = []
    for event in bench.events(bench.clock.us + 400_000_000 // rate):
        assert event == SAMPLE
        assert bench.driver.missed == 0
        late_us = bench.clock.ticks() - bench.driver.tick & MASK
        assert late_us < 1000
        ends.append(bench.driver.tick)
    assert len(ends) >= 378  # 400 periods, 5 % slow
    for before, after in pairwise(ends):
        # A polled tick is late by up to one retry and its own read.
        assert abs((after - before & MASK) - period_us) < (2 if pin else 420)
    assert abs(bench.driver.period_us() - period_us) < (2 if pin else 60)


def test_start_up_by_the_datasheet() -> None:
    bench = Bench()
    bench.until(RESTARTED)
    assert bench.bus.writes == [
        b"\x00\x01",  # reset
        b"\x00\x02",  # digital part on
        b"\x00\x86",  # analog part and regulator on
        b"\x01\x2f",  # 3.0 V, gain 128
        b"\x02\x30",  # 80 samples/s
        b"\x15\x30",
        b"\x1c\x80",
        b"\x00\x96",  # converting
        b"\x02\x34",  # internal calibration
        b"\x00\x86",
        b"\x00\x96",  # anew
    ]
    # Regulator 200 ms, calibration 344 ms polled every 10, five conversions unannounced and six dropped.
    assert abs(bench.clock.us - (200_000 + 350_000 + 11 * 12_500)) < 5_000


def test_no_unsettled_code_gets_through() -> None:
    bench = Bench(320)
    codes = [bench.driver.code for event in bench.events(2_000_000) if event == SAMPLE]
    assert set(codes) == {107374}


def test_negative_codes() -> None:
    bench = Bench()
    bench.chip.bridge.pv = -TEN_MMHG_PV
    bench.until(SAMPLE)
    assert bench.driver.code == -107374


@pytest.mark.parametrize("pin", [True, False], ids=["pin", "polled"])
def test_conversions_that_passed_are_counted(pin: bool) -> None:
    bench = Bench(pin=pin)
    bench.until(RESTARTED)
    bench.until(SAMPLE)
    for pause_us, passed in ((20_000, 1), (60_000, 4), (3_000, 0), (126_000, 10)):
        end = bench.driver.tick
        # The pause begins within 1 ms of the end of a conversion.
        bench.clock.us += pause_us
        bench.until(SAMPLE)
        assert bench.driver.missed == round((bench.driver.tick - end) / 12_500) - 1
        assert abs(bench.driver.missed - passed) <= 1


def test_a_read_too_near_the_next_conversion_is_not_kept() -> None:
    bench = Bench()
    bench.until(RESTARTED)
    bench.until(SAMPLE)
    end = bench.driver.tick
    # 12 100 us after the end of conversion k: which one a late read would return is open.
    bench.clock.us = end + 12_500 + 12_100
    transfers = bench.bus.transfers
    wait_us = bench.driver.step(bench.clock.ticks())
    # It only lets the pin fall.
    assert (bench.bus.transfers - transfers, bench.driver.event) == (1, NOTHING)
    assert 400 <= wait_us < 600
    bench.until(SAMPLE)
    assert bench.driver.tick == end + 25_000
    assert bench.driver.missed == 1


@pytest.mark.parametrize("rate", [10, 80, 320])
@pytest.mark.parametrize("off", [True, False], ids=["interrupts off", "stalled"])
def test_the_pin_is_raised_again_after_any_interval(rate: int, off: bool) -> None:
    """A flash page, an erase, a stall of 20 ms: a conversion that nobody read is not the last, and each is counted."""
    bench = Bench(rate, period_ppm=12_345, start_ticks=2**30 - 2_000_000)
    bench.until(RESTARTED)
    driver, clock = bench.driver, bench.clock
    for n in range(60):
        for _ in range(25):
            bench.until(SAMPLE)
            assert not driver.missed
        k, end = bench.chip.read[1], driver.tick
        # Begins anywhere in a period.
        clock.us += n * 1_012_345 // rate // 60
        begun = clock.us
        clock.us += (700, 3_000, 20_000, 45_000, 126_000, 400_000)[n % 6]
        if off:
            bench.chip.ready.blind(begun, clock.us)
            driver.blind(clock.us - begun)
        bench.until(SAMPLE)
        assert driver.missed == bench.chip.read[1] - k - 1
        late = (driver.tick - end & MASK) - (driver.missed + 1) * 1_012_345 / rate
        assert abs(late) < 3
        # What ended meanwhile, and one or two that let the pin fall.
        assert driver.missed <= (clock.us - begun) * rate // 1_012_345 + 2


def test_silence_reads_the_chip_once() -> None:
    """In case the pin stands; then it is a fault."""
    bench = Bench()
    bench.until(RESTARTED)
    bench.until(SAMPLE)
    bench.chip.stopped = True
    transfers = bench.bus.transfers
    bench.until(FAULT)
    assert bench.bus.transfers == transfers + 1


def test_lost_interrupt_shows_as_a_missed_conversion() -> None:
    bench = Bench()
    bench.until(RESTARTED)
    bench.until(SAMPLE)
    ready = bench.chip.ready
    bench.clock.us = bench.driver.tick + 12_500 + 10
    ready.take()  # counted by nobody
    bench.until(SAMPLE)
    assert bench.driver.missed == 1


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (lambda bench: setattr(bench.chip, "dead", True), ABSENT),
        (lambda bench: bench.bus.spoilt.update({0x1F: 0x01}), WRONG_ID),
        (lambda bench: bench.bus.spoilt.update({0x00: 0x08}), NEVER_READY),
        (lambda bench: setattr(bench.chip, "calibration_fails", True), CAL_FAILED),
    ],
    ids=["absent", "wrong id", "power-up", "calibration"],
)
def test_start_up_faults_and_recovers(spoil, fault: int) -> None:
    bench = Bench()
    spoil(bench)
    bench.until(FAULT)
    assert bench.driver.fault == fault
    assert bench.due_us - bench.clock.us > 499_000
    bench.until(FAULT)
    assert bench.driver.fault == fault
    bench.bus.spoilt.clear()
    bench.chip.dead = False
    bench.chip.calibration_fails = False
    bench.until(RESTARTED)
    assert bench.driver.fault == NO_FAULT


def test_wrong_read_back_is_a_fault() -> None:
    bench = Bench()
    bench.bus.spoilt[0x00] = 0
    real = bench.bus.readfrom_mem_into

    def changed(address: int, register: int, buf: bytearray) -> None:
        real(address, register, buf)
        if register == 0 and len(buf) == 3:
            buf[1] = 0x27  # 4.5 V

    bench.driver._read = changed
    bench.until(FAULT)
    assert bench.driver.fault == READBACK


def test_endless_calibration_is_bounded() -> None:
    bench = Bench()
    bench.bus.spoilt[0x02] = 0x04
    # The bit reads inverted: set for ever once the calibration is over.
    begun = bench.clock.us
    bench.until(FAULT)
    assert bench.driver.fault in (NEVER_READY, CAL_FAILED, READBACK)
    assert bench.clock.us - begun < 1_500_000


@pytest.mark.parametrize("pin", [True, False], ids=["pin", "polled"])
def test_silence_is_a_fault_after_four_periods(pin: bool) -> None:
    bench = Bench(pin=pin)
    bench.until(RESTARTED)
    bench.until(SAMPLE)
    end = bench.driver.tick
    bench.chip.stopped = True
    bench.until(FAULT)
    assert bench.driver.fault == NEVER_READY
    assert 50_000 < bench.clock.us - end < 52_000
    bench.chip.stopped = False
    bench.until(RESTARTED)
    bench.until(SAMPLE)
    assert bench.driver.missed == 0
    assert bench.driver.code == 107374


def test_a_chip_whose_ends_nobody_sees_is_not_silent() -> None:
    """320/s without the pin on a busy board: after a blind interval polls come too late to see an end, for a while."""
    bench = Bench(320, pin=False)
    bench.until(RESTARTED)
    bench.until(SAMPLE)
    bench.clock.us += 3000
    bench.driver.blind(3000)
    for _ in range(25):
        bench.clock.us += 4000
        bench.driver.step(bench.clock.ticks())
        assert bench.driver.event == NOTHING
    bench.due_us = bench.clock.us
    assert next(bench.events(bench.clock.us + 50_000)) == SAMPLE
    assert 30 <= bench.driver.missed <= 36


def test_power_loss_is_noticed_and_mended() -> None:
    bench = Bench()
    bench.until(RESTARTED)
    bench.until(SAMPLE)
    bench.chip.power_cycle()
    assert list(bench.events(bench.clock.us + 3_000_000))[:3] == [FAULT, RESTARTED, SAMPLE]
    assert bench.driver.code == 107374


def test_pulled_plug_while_running() -> None:
    bench = Bench()
    bench.until(SAMPLE)
    bench.chip.dead = True
    found = list(bench.events(bench.clock.us + 1_200_000))
    assert found == [FAULT] * 3
    assert bench.driver.fault == ABSENT


def test_unknown_rate_is_refused() -> None:
    with pytest.raises(ValueError, match="rate 100"):
        Nau7802(None, None, 100)


# Both runtimes, and under MicroPython with the heap locked: a sample allocates nothing.
SCRIPT = """
from turgor.drivers import SAMPLE
from turgor.drivers.nau7802 import Nau7802
from turgor_host.sim.bus import Bus
from turgor_host.sim.chips.nau7802 import Nau7802 as Model
from turgor_host.sim.chips.tca9548a import Tca9548a as MuxModel
from turgor.drivers.tca9548a import Tca9548a
from turgor_host.sim.clock import Clock

class Bridge:
    def at(self, t_us):
        return 50000000 + t_us % 1000003

clock = Clock((1 << 30) - 2000000)
bus = Bus(clock)
model = MuxModel()
bus.attach(0x70, model)
mux = Tca9548a(bus)
drivers = []
for port in range(4):
    chip = Model(clock, Bridge(), period_ppm=9000 * port - 20000, seed=port)
    model.attach(port, 0x2A, chip)
    drivers.append(Nau7802(mux.port(port), chip.ready if port else None, 80))
due = [0] * 4
while clock.us < 4000000:
    n = due.index(min(due))
    clock.us = max(clock.us, due[n])
    begun = clock.us
    driver = drivers[n]
    due[n] = begun + driver.step(clock.ticks())
    if driver.event == SAMPLE:
        print(n, driver.code, driver.tick, driver.missed)
    elif driver.event:
        print(n, driver.event, driver.fault)
    clock.us += 40
"""

LOCKED = """
import micropython
from turgor.drivers.nau7802 import Nau7802
from turgor.drivers.tca9548a import Tca9548a

class Bus:
    def writeto(self, address, buf):
        pass
    def readfrom_into(self, address, buf):
        pass
    def readfrom_mem_into(self, address, register, buf):
        for i in range(len(buf)):
            buf[i] = 255

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
        now = (now + (wait or 120)) & 0x3FFFFFFF
    return samples

mux = Tca9548a(Bus())
ready = Ready()
samples = 0
for pin in (ready, None):
    driver = Nau7802(mux.port(1), pin, 80)
    # Where a start-up ends.
    driver._state = 9
    steady(driver, ready, 40)
    driver._patience_us = 1 << 29
    micropython.heap_lock()
    samples = steady(driver, ready, 1000)
    micropython.heap_unlock()
    print(samples > 300, driver.code)
"""


def run(runtime: str, script: str, root: Path) -> str:
    paths = [str(root / "firmware"), str(root / "host")]
    env = {**os.environ, "MICROPYPATH": ":".join([*paths, ".frozen"]), "PYTHONPATH": os.pathsep.join(paths)}
    done = subprocess.run([runtime, "-c", script], env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_both_runtimes_give_the_same_samples(micropython: str, root: Path) -> None:
    output = run(micropython, SCRIPT, root)
    assert output.count("\n") > 4 * 200
    assert output == run(sys.executable, SCRIPT, root)


def test_a_sample_allocates_nothing(micropython: str, root: Path) -> None:
    assert run(micropython, LOCKED, root) == "True -1\n" * 2
