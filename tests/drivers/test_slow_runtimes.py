"""TMP117 and LIS3DH on both runtimes: the same samples, and under MicroPython nothing allocated for them."""

import sys
from pathlib import Path

import pytest
from driver_bench import run

# A driver with its model over a clock that wraps, with faults in it.
SCRIPT = """
from turgor.drivers import SAMPLE
from turgor.drivers.{module} import {name} as Driver
from turgor_host.sim.bus import Bus
from turgor_host.sim.chips.{module} import {name} as Model
from turgor_host.sim.clock import Clock

class Warmth:
    def at(self, t_us):
        return 30000 + t_us // 1000 % 7919

class Motion:
    def at(self, t_us):
        return t_us // 1000 % 4001 - 2000, -300, 900 - t_us // 100000 % 1789

clock = Clock((1 << 30) - 2000000)
bus = Bus(clock)
chip = Model(clock, {signal}(), period_ppm=31000)
bus.attach(0x48, chip)
driver = Driver(bus, 0x48)
due = 0
while clock.us < 40000000:
    clock.us = max(clock.us, due)
    due = clock.us + driver.step(clock.ticks())
    if driver.event == SAMPLE:
        print(clock.us, driver.code if "{module}" == "tmp117" else tuple(driver.code))
        if clock.us % 7 == 0:
            clock.us += 250000
    elif driver.event:
        print(driver.event, driver.fault)
    clock.us += 40
    chip.dead = 10000000 < clock.us < 12000000
    chip.stopped = clock.us > 36000000
"""

# A chip that always has something new behind a look that had not, under a locked heap: a sample allocates nothing.
LOCKED = """
import micropython
from turgor.drivers.{module} import {name} as Driver

class Bus:
    looks = 0
    def readfrom_mem_into(self, address, register, buf):
        for i in range(len(buf)):
            buf[i] = Driver._settings[i] if register == Driver._settings_at else 0x1F
        if register == Driver._settings_at:
            self.looks += 1
            at, bit = Driver._ready
            if self.looks % 2:
                buf[at] |= bit

driver = Driver(Bus(), 1)
driver._state = 99
def steady(steps):
    now = 0x3FFF0000
    driver._since = now
    samples = 0
    for i in range(steps):
        now = (now - 0x3FFFFFFF - 1 + driver.step(now)) & 0x3FFFFFFF
        samples += driver.event == 1
    return samples
steady(20)
micropython.heap_lock()
samples = steady(3000)
micropython.heap_unlock()
print(samples, driver.fault)
"""


@pytest.mark.parametrize("name", ["tmp117", "lis3dh"])
def test_both_runtimes_give_the_same_samples(name: str, micropython: str, root: Path) -> None:
    signal = {"tmp117": "Warmth", "lis3dh": "Motion"}[name]
    script = SCRIPT.format(module=name, name=name.capitalize(), signal=signal)
    output = run(micropython, script, root)
    assert output.count("\n") > 50
    assert output == run(sys.executable, script, root)


@pytest.mark.parametrize("name", ["tmp117", "lis3dh"])
def test_a_sample_allocates_nothing(name: str, micropython: str, root: Path) -> None:
    assert run(micropython, LOCKED.format(module=name, name=name.capitalize()), root) == "1000 0\n"
