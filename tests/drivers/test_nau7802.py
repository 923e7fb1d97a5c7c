"""The bridge converter's driver on the simulated bus, with and without the data-ready pin, on both runtimes."""

import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from driver_bench import MASK, Counted, DriverBench, Signal, mistaken, run

from turgor.drivers import (
    ABSENT,
    CAL_FAILED,
    DIAGNOSTIC,
    FAULT,
    FAULT_NAMES,
    NEVER_READY,
    NO_FAULT,
    READBACK,
    RESTARTED,
    SAMPLE,
    WRONG_ID,
    nau7802,
)
from turgor_host.sim.chips.nau7802 import Nau7802 as Model
from turgor_host.sim.clock import Clock

TEN_MMHG_PV = 50_000_000


class Bench(DriverBench):
    """The converter with 10 mmHg on its transducer."""

    def __init__(
        self, rate: int = 80, *, pin: bool = True, start_ticks: int = 0, module: Any = nau7802, **options: int
    ) -> None:
        options.setdefault("noise_lsb", 0)
        clock = Clock(start_ticks)
        bus = Counted(clock)
        chip = Model(clock, Signal(TEN_MMHG_PV), **options)
        bus.attach(0x2A, chip)
        super().__init__(clock, bus, chip, module.Nau7802(bus, chip.ready if pin else None, rate))


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


def check_start_up(module: Any) -> None:
    bench = Bench(module=module)
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


def test_start_up_by_the_datasheet() -> None:
    check_start_up(nau7802)


def check_codes(module: Any) -> None:
    """Each is read in one piece and settled."""
    bench = Bench(320, module=module)
    codes = [bench.driver.code for event in bench.events(2_000_000) if event == SAMPLE]
    assert set(codes) == {107374}


def test_no_unsettled_code_gets_through() -> None:
    check_codes(nau7802)


def check_missed(module: Any) -> None:
    bench = Bench(module=module)
    bench.until(SAMPLE)
    bench.clock.us += 30_000
    bench.until(SAMPLE)
    assert bench.driver.missed == 2


def check_faults(module: Any) -> None:
    bench = Bench(module=module)
    bench.until(SAMPLE)
    bench.chip.stopped = True
    bench.until(FAULT)
    assert bench.driver.fault == NEVER_READY
    bench = Bench(module=module)
    bench.bus.spoilt[0x1F] = 1
    bench.until(FAULT)
    assert bench.driver.fault == WRONG_ID


def test_negative_codes() -> None:
    bench = Bench()
    bench.chip.bridge.value = -TEN_MMHG_PV
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


def test_a_read_too_near_the_next_conversion_is_not_made() -> None:
    bench = Bench()
    bench.until(RESTARTED)
    bench.until(SAMPLE)
    end = bench.driver.tick
    # 12 400 us after the end of conversion k: which one a read would return is open.
    bench.clock.us = end + 12_500 + 12_400
    transfers = bench.bus.transfers
    wait_us = bench.driver.step(bench.clock.ticks())
    assert bench.bus.transfers == transfers
    assert 100 <= wait_us < 300
    bench.until(SAMPLE)
    assert bench.driver.tick == end + 25_000
    assert bench.driver.missed == 1


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
        nau7802.Nau7802(None, None, 100)


def check_all(module: Any) -> None:
    check_start_up(module)
    check_codes(module)
    check_missed(module)
    check_faults(module)


# What was seen in public drivers of this chip, and in drafts of this one.
MUTANTS = {
    "three transactions": (
        "self._read(self._address, _RESULT, self._result)",
        "[self._read(self._address, _RESULT + i, self._result) for i in range(3)]",
    ),
    "a silent 0 on time-out": (
        "return self._silent() if waited - self._blind_us > self._patience_us else _RETRY_US",
        "return self._silent() if False else _RETRY_US",
    ),
    "the code doubled": ("^ 0x800000) - 0x800000", "^ 0x800000) * 2 - 0x1000000"),
    "3.3 V from 3.3 V": ("_VLDO_3V0 = const(0x28)", "_VLDO_3V0 = const(0x20)"),
    "no time for the regulator": ("_LDO_RAMP_US = const(200000)", "_LDO_RAMP_US = const(0)"),
    "pipeline not flushed": ("FLUSHED = const(6)", "FLUSHED = const(1)"),
    "no internal calibration": ("bytes((_CTRL2, rate_bits | _CALS))", "bytes((_CTRL2, rate_bits))"),
    "calibration not waited for": ("if self._byte[0] & _CALS:", "if False:"),
    "two channels": ("bytes((_POWER, _PGA_CAP_EN))", "bytes((_POWER, 0))"),
    "missed not counted": ("self.missed = count + passed - 1", "self.missed = 0"),
    "wrong identity taken": ("if self._byte[0] & _REVISION_MASK != _REVISION_ID:", "if False:"),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_mistake_is_found(name: str) -> None:
    module = mistaken("nau7802", "bridge", *MUTANTS[name])
    with pytest.raises((AssertionError, OSError)):
        check_all(module)


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


def test_both_runtimes_give_the_same_samples(micropython: str, root: Path) -> None:
    output = run(micropython, SCRIPT, root)
    assert output.count("\n") > 4 * 200
    assert output == run(sys.executable, SCRIPT, root)


def test_a_sample_allocates_nothing(micropython: str, root: Path) -> None:
    assert run(micropython, LOCKED, root) == "True -1\n" * 2
