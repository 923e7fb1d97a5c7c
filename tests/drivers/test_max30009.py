"""The bioimpedance driver on the simulated bus: sweeps, the patient current's limit, faults, both runtimes."""

import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
from impedance_bench import Bench

from turgor.drivers import (
    ABSENT,
    FAULT,
    FIFO_OVERFLOW,
    NEVER_READY,
    NO_FAULT,
    PLL_UNLOCKED,
    READBACK,
    RESTARTED,
    RESULT,
    WRONG_ID,
)
from turgor.drivers.current import CURRENTS_NA, current_step
from turgor.drivers.max30009 import FREQUENCIES_HZ, GAIN, NOMINAL_NANOOHM_PER_COUNT, PAIRS, Max30009, nanoohm_per_count

MASK = 2**30 - 1
PERIODS_US = (12_800, 5121.64, 5121.64)


def test_first_result_is_59_ohm_at_5_khz() -> None:
    bench = Bench()
    bench.start()
    result = bench.sweep()[0]
    # The load gives 60 - 0.0002 x 5000 = 59 ohm; 16 words of 59 / 6.62 milliohm each.
    assert result["count"] == 16
    assert result["sum_i"] / 16 * 6.620411e-3 == pytest.approx(59.0, abs=0.007)


def test_constructor_touches_nothing() -> None:
    assert Bench().bus.transfers == 0


def test_a_sweep_measures_every_frequency() -> None:
    bench = Bench()
    bench.start()
    for _ in range(3):
        results = bench.sweep()
        assert [result["frequency_index"] for result in results] == [0, 1, 2]
        for result, hz, nanoohm in zip(results, FREQUENCIES_HZ, NOMINAL_NANOOHM_PER_COUNT, strict=True):
            assert result["count"] == PAIRS
            assert result["leads"] == 0
            for axis, ohm in (("i", 60 - 2e-4 * hz), ("q", -3 - 5e-5 * hz)):
                mean = result["sum_" + axis] / PAIRS
                assert mean * nanoohm * 1e-9 == pytest.approx(ohm, abs=0.008)
                # The first samples after enabling are far too small: all of them were dropped.
                assert result["max_" + axis] - result["min_" + axis] <= 8
                assert abs(result["min_" + axis] - mean) <= 6


def test_extremes_and_sums_of_noisy_words() -> None:
    bench = Bench(noise_lsb=200)
    bench.start()
    for result in bench.sweep():
        for axis in "iq":
            low, high, mean = result["min_" + axis], result["max_" + axis], result["sum_" + axis] / PAIRS
            assert low < mean < high
            assert 300 < high - low < 1400


@pytest.mark.parametrize("period_ppm", [-25_000, 0, 25_000])
@pytest.mark.parametrize("step_us", [20, 120, 1500])
def test_a_sweep_is_over_in_980_ms(period_ppm: int, step_us: int) -> None:
    bench = Bench(period_ppm=period_ppm)
    bench.start()
    bench.step_us = step_us
    begun = bench.clock.us
    assert len(bench.sweep()) == 3
    assert bench.clock.us - begun < (620_000 if step_us < 1000 else 980_000)


@pytest.mark.parametrize("start_ticks", [0, 2**30 - 2_300_000, 2**30 - 500_000])
def test_ticks_are_those_of_the_samples(start_ticks: int) -> None:
    bench = Bench(start_ticks=start_ticks)
    bench.start()
    for _ in range(3):
        bench.load.asked_us.clear()
        bench.sweep()
        # The load was last asked for the newest word of the 100 kHz burst or by the reading of the leads.
        results = bench.sweep()
        for result, period_us in zip(results, PERIODS_US, strict=True):
            span_us = result["tick"] - result["first_tick"] & MASK
            assert abs(span_us - 15 * period_us) <= period_us
    last_us = max(bench.load.asked_us)
    assert abs((last_us + start_ticks - results[2]["tick"]) & MASK) < 2 * PERIODS_US[2]


def test_nothing_is_driven_but_in_a_sweep() -> None:
    bench = Bench()
    bench.start()
    assert bench.chip.driving_na == 0
    bench.sweep()
    assert bench.worst_ratio > 0.5
    assert bench.chip.driving_na == 0
    assert bench.chip._registers[0x41] == 0  # electrodes disconnected
    assert bench.chip._registers[0x20] & 3 == 0
    bench.worst_ratio = 0
    transfers = bench.bus.transfers
    list(bench.events(5_000_000))
    assert bench.worst_ratio == 0
    assert bench.bus.transfers == transfers


# Patient current.


@pytest.mark.parametrize("type_bf", [False, True])
def test_current_on_the_electrodes_stays_below_the_limit(type_bf: bool) -> None:
    bench = Bench(type_bf=type_bf)
    bench.start()
    assert len(bench.sweep()) == 3
    assert bench.worst_ratio == pytest.approx(0.16 if type_bf else 0.8)


@pytest.mark.parametrize("type_bf", [False, True])
def test_nominal_scale_against_the_formula(type_bf: bool) -> None:
    for hz, nanoohm in zip(FREQUENCIES_HZ, nanoohm_per_count(type_bf), strict=True):
        peak_a = math.sqrt(2) * CURRENTS_NA[current_step(hz, type_bf)] * 1e-9
        exact = 1e9 / (2**19 * GAIN * 2 / math.pi * peak_a)
        assert nanoohm == pytest.approx(exact, rel=1e-6)
        assert 2**19 * exact * 1e-9 > 500  # ohm at full scale


def test_five_hundred_ohm_do_not_saturate() -> None:
    bench = Bench()
    bench.load.at = lambda frequency_hz, t_us: (500_000_000, 0)
    bench.start()
    for result, nanoohm in zip(bench.sweep(), NOMINAL_NANOOHM_PER_COUNT, strict=True):
        assert result["max_i"] * nanoohm * 1e-9 == pytest.approx(500, abs=0.03)


def test_frequency_is_set_before_the_current_and_both_before_the_drive() -> None:
    bench = Bench()
    bench.start()
    bench.bus.writes.clear()
    bench.sweep()
    writes = bench.bus.writes
    enables = [at for at, (register, value) in enumerate(writes) if register == 0x20 and value & 3]
    assert len(enables) == 3
    for at in enables:
        before = writes[:at]
        current = max(n for n, (register, value) in enumerate(before) if register == 0x22 and value & 3 == 0)
        pll = max(n for n, (register, _) in enumerate(before) if register in (0x17, 0x18))
        assert pll < current < at
        after = [register for register, value in writes[at + 1 : at + 3]]
        assert after == [0x20, 0x22]


def test_tetrapolar_wiring_is_written_and_read_back() -> None:
    bench = Bench()
    bench.start()
    bench.bus.writes.clear()
    bench.sweep()
    assert bench.bus.writes[:4] == [(0x25, 0xCB), (0x28, 0x02), (0x43, 0xA0), (0x41, 0x02)]
    bench.bus.spoilt[0x43] = 0xA0  # reads as two-electrode
    bench.begin()
    assert next(bench.events(2_000_000)) == FAULT
    assert bench.driver.fault == READBACK


# Faults.


@pytest.mark.parametrize("register", [0x17, 0x18, 0x19, 0x1A, 0x20, 0x22, 0x24, 0x25, 0x28, 0x41, 0x43])
def test_wrong_read_back_never_drives(register: int) -> None:
    bench = Bench()
    bench.start()
    bench.bus.spoilt[register] = 0x10
    bench.begin()
    assert next(bench.events(2_000_000)) == FAULT
    assert bench.driver.fault == READBACK
    assert bench.worst_ratio == 0


def test_an_error_anywhere_ends_with_the_drive_off_and_a_restart() -> None:
    reference = Bench()
    reference.start()
    reference.sweep()
    for at in range(1, reference.bus.transfers + 1):
        bench = Bench()
        bench.bus.fail_from, bench.bus.fail_until = at, at + 1
        found = []
        for event in bench.events(4_000_000):
            found.append(event)
            if event == FAULT:
                assert bench.driver.fault == ABSENT
                assert not bench.driver.idle
                assert bench.chip.driving_na == 0
                assert bench.due_us - bench.clock.us > 499_000
            if event == RESTARTED:
                assert bench.driver.fault == NO_FAULT
                bench.begin()
        assert found.count(FAULT) == 1
        assert found[-3:] == [RESULT] * 3


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (lambda bench: setattr(bench.chip, "dead", True), ABSENT),
        (lambda bench: bench.bus.spoilt.update({0xFF: 0x02}), WRONG_ID),
        (lambda bench: setattr(bench.chip, "hung", True), READBACK),
    ],
    ids=["absent", "wrong id", "hung"],
)
def test_start_up_faults_and_recovers(spoil, fault: int) -> None:
    bench = Bench()
    spoil(bench)
    for _ in range(2):
        assert next(bench.events(3_000_000)) == FAULT
        assert bench.driver.fault == fault
    bench.chip.dead = False
    bench.bus.spoilt.clear()
    bench.chip.power_cycle()
    bench.start()
    assert bench.driver.fault == NO_FAULT


def test_a_strange_chip_is_not_written_to() -> None:
    bench = Bench()
    bench.bus.spoilt[0xFF] = 0x02
    assert next(bench.events(3_000_000)) == FAULT
    assert bench.bus.writes == []


def test_a_chip_left_driving_is_switched_off_and_reset() -> None:
    bench = Bench()
    bench.start()
    bench.begin()
    list(bench.events(200_000))
    assert bench.chip.driving_na == 32_000
    # The board restarts in the middle of a sweep.
    bench.driver = Max30009(bench.bus)
    bench.due_us = 0
    before = len(bench.bus.writes)
    bench.start()
    assert bench.bus.writes[before] == (0x20, 0x04)
    assert not bench.chip.hung
    assert len(bench.sweep()) == 3


def test_pll_that_does_not_lock_is_bounded() -> None:
    bench = Bench()
    bench.start()
    bench.chip.pll_fails = True
    bench.begin()
    begun = bench.clock.us
    assert next(bench.events(2_000_000)) == FAULT
    assert bench.driver.fault == PLL_UNLOCKED
    assert 20_000 < bench.clock.us - begun < 25_000
    assert bench.worst_ratio == 0


def test_overflow_is_a_fault() -> None:
    bench = Bench()
    bench.start()
    bench.begin()
    list(bench.events(100_000))
    bench.bus.spoilt[0x0A] = 0x03
    assert next(bench.events(2_000_000)) == FAULT
    assert bench.driver.fault == FIFO_OVERFLOW
    assert bench.chip.driving_na == 0


def test_a_sweep_that_takes_too_long_is_given_up_with_the_drive_off() -> None:
    bench = Bench()
    bench.start()
    begun = bench.clock.us
    bench.begin()
    list(bench.events(100_000))
    # The board stands still.
    bench.clock.us = begun + 981_000
    assert next(bench.events(2_000_000)) == FAULT
    assert bench.driver.fault == NEVER_READY
    assert bench.clock.us - begun < 983_000
    assert bench.chip.driving_na == 0


@pytest.mark.parametrize(("fault", "bits"), [("drive_off", 0x50), ("sense_off", 0x29)])
def test_electrode_off_shows_in_leads_at_5_khz(fault: str, bits: int) -> None:
    bench = Bench()
    bench.start()
    setattr(bench.chip, fault, True)
    assert bench.sweep()[0]["leads"] == bits
    setattr(bench.chip, fault, False)
    assert bench.sweep()[0]["leads"] == 0


# Both runtimes, and under MicroPython with the heap locked: a sweep allocates nothing.
SCRIPT = """
from turgor.drivers import RESULT
from turgor.drivers.max30009 import Max30009
from turgor_host.sim.bus import Bus
from turgor_host.sim.chips.max30009 import Max30009 as Model
from turgor_host.sim.clock import Clock

class Load:
    def at(self, frequency_hz, t_us):
        return 60000000 - 200 * frequency_hz + t_us, -50 * frequency_hz

class Recorder(Bus):
    answers = []
    def readfrom_mem_into(self, address, register, buf):
        Bus.readfrom_mem_into(self, address, register, buf)
        self.answers.append(bytes(buf))

clock = Clock((1 << 30) - 700000)
bus = Recorder(clock)
bus.attach(0x68, Model(clock, Load(), period_ppm=-7000, noise_lsb=20, seed=3))
driver = Max30009(bus)
ticks = []
sweeps = 0
while sweeps < 3:
    if driver.idle:
        driver.begin(clock.ticks())
        ticks.append(-1 - clock.ticks())
        sweeps += 1
    begun = clock.us
    ticks.append(clock.ticks())
    wait = driver.step(ticks[-1])
    if driver.event == RESULT:
        print(driver.frequency_index, driver.count, driver.sum_i, driver.sum_q, driver.min_i, driver.max_i)
        print(driver.min_q, driver.max_q, driver.leads, driver.first_tick, driver.tick)
    elif driver.event:
        print(driver.event, driver.fault)
    clock.us = max(clock.us + 150, begun + wait)
"""

LOCKED = (
    SCRIPT
    + """
import micropython

class Replay:
    def __init__(self):
        self.at = 0
    def writeto(self, address, buf):
        pass
    def readfrom_mem_into(self, address, register, buf):
        answer = Recorder.answers[self.at]
        self.at += 1
        for i in range(len(buf)):
            buf[i] = answer[i]

again = Max30009(Replay())

def replay():
    results = 0
    for tick in ticks:
        if tick < 0:
            again.begin(-1 - tick)
        else:
            again.step(tick)
            results += again.event == RESULT
    return results

results = 0
micropython.heap_lock()
results = replay()
micropython.heap_unlock()
print("again", results, again.sum_i == driver.sum_i, again.tick == driver.tick)
"""
)


def run(runtime: str, script: str, root: Path) -> str:
    paths = [str(root / "firmware"), str(root / "host")]
    env = {**os.environ, "MICROPYPATH": ":".join([*paths, ".frozen"]), "PYTHONPATH": os.pathsep.join(paths)}
    done = subprocess.run([runtime, "-c", script], env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_both_runtimes_give_the_same_results(micropython: str, root: Path) -> None:
    output = run(micropython, SCRIPT, root)
    assert output.count("\n") == 1 + 2 * 3 * 2
    assert output == run(sys.executable, SCRIPT, root)


def test_a_sweep_allocates_nothing(micropython: str, root: Path) -> None:
    assert "again 6 True True" in run(micropython, LOCKED, root)
