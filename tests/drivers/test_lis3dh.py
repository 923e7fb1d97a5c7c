"""The accelerometer: its model against the datasheet's table, then its driver on the model, on both runtimes.

The table is from ST's LIS3DH datasheet, DocID17530 Rev 2 (December 2016). Read there: operating modes and turn-on times
(tables 10 to 12), the meaning of zero-g level and sensitivity; in Rev 1 and in the sister chip LIS2DH's, which has the
same registers: the status bits and the left-justified outputs. The register addresses, reset values, the bits of
CTRL_REG1, 4 and 5, the identity and the sensitivity of 1 milli-g a digit (table 4) could not be read there; they stand
so in several public drivers that quote it. The boot time of 5 ms, the reset values 0x10 of CTRL_REG0 and 0x20 of
FIFO_SRC_REG, and that BOOT resets the control registers are unconfirmed; the driver relies on none of them.
"""

import sys
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest
from driver_bench import DriverBench, Watched, run_script, spoil

from turgor.drivers import ABSENT, FAULT, NEVER_READY, NO_FAULT, READBACK, RESTARTED, SAMPLE, WRONG_ID
from turgor.drivers.lis3dh import Lis3dh, milli_g
from turgor_host.sim.chips.lis3dh import Lis3dh as Model
from turgor_host.sim.clock import Clock

# Register, address, value after reset, whether it can be written.
REGISTERS = [
    ("STATUS_REG_AUX", 0x07, 0x00, False),
    ("WHO_AM_I", 0x0F, 0x33, False),
    ("CTRL_REG0", 0x1E, 0x10, True),
    ("TEMP_CFG_REG", 0x1F, 0x00, True),
    ("CTRL_REG1", 0x20, 0x07, True),
    ("CTRL_REG2", 0x21, 0x00, True),
    ("CTRL_REG3", 0x22, 0x00, True),
    ("CTRL_REG4", 0x23, 0x00, True),
    ("CTRL_REG5", 0x24, 0x00, True),
    ("CTRL_REG6", 0x25, 0x00, True),
    ("REFERENCE", 0x26, 0x00, True),
    ("STATUS_REG", 0x27, 0x00, False),
    ("OUT_X_L", 0x28, 0x00, False),
    ("OUT_X_H", 0x29, 0x00, False),
    ("OUT_Y_L", 0x2A, 0x00, False),
    ("OUT_Y_H", 0x2B, 0x00, False),
    ("OUT_Z_L", 0x2C, 0x00, False),
    ("OUT_Z_H", 0x2D, 0x00, False),
    ("FIFO_CTRL_REG", 0x2E, 0x00, True),
    ("FIFO_SRC_REG", 0x2F, 0x20, False),
    ("INT1_CFG", 0x30, 0x00, True),
    ("INT1_SRC", 0x31, 0x00, False),
    ("INT1_THS", 0x32, 0x00, True),
    ("INT1_DURATION", 0x33, 0x00, True),
    ("INT2_CFG", 0x34, 0x00, True),
    ("INT2_SRC", 0x35, 0x00, False),
    ("INT2_THS", 0x36, 0x00, True),
    ("INT2_DURATION", 0x37, 0x00, True),
    ("CLICK_CFG", 0x38, 0x00, True),
    ("CLICK_SRC", 0x39, 0x00, False),
    ("CLICK_THS", 0x3A, 0x00, True),
    ("TIME_LIMIT", 0x3B, 0x00, True),
    ("TIME_LATENCY", 0x3C, 0x00, True),
    ("TIME_WINDOW", 0x3D, 0x00, True),
    ("ACT_THS", 0x3E, 0x00, True),
    ("ACT_DUR", 0x3F, 0x00, True),
]
ADDRESS = 0x18
# A leg lying with its foot rolled outwards; one axis negative, and no two bytes alike.
LYING = (-345, 87, 934)
MASK = 2**30 - 1


class Motion:
    """A constant acceleration, or one that rises by `rise` milli-g a second along every axis."""

    def __init__(self, milli_g: tuple[int, int, int] = LYING, rise: int = 0) -> None:
        self.milli_g = milli_g
        self.rise = rise

    def at(self, t_us: int) -> tuple[int, int, int]:
        x, y, z = self.milli_g
        more = self.rise * t_us // 1_000_000
        return x + more, y + more, z + more


class Bench(DriverBench):
    def __init__(self, *, start_ticks: int = 0, period_ppm: int = 0, address: int = ADDRESS) -> None:
        clock = Clock(start_ticks)
        bus = Watched(clock)
        self.motion = Motion()
        chip = Model(clock, self.motion, period_ppm=period_ppm)
        bus.attach(address, chip)
        super().__init__(clock, bus, chip, Lis3dh(bus, address))
        clock.us += 5000

    def read(self, register: int, count: int = 1) -> bytes:
        buf = bytearray(count)
        self.bus.readfrom_mem_into(ADDRESS, register, buf)
        return bytes(buf)

    def write(self, register: int, *values: int) -> None:
        self.bus.writeto(ADDRESS, bytes((register, *values)))

    def run(self) -> None:
        """To the second sample."""
        self.until(RESTARTED)
        self.until(SAMPLE)
        self.until(SAMPLE)

    def felt(self) -> tuple[int, int, int]:
        return self.driver.x_milli_g, self.driver.y_milli_g, self.driver.z_milli_g


def test_by_hand() -> None:
    assert milli_g(0xE0, 0x15) == 350  # 0x15E digits
    assert milli_g(0x20, 0xEA) == -350


# The model.


@pytest.mark.parametrize(("name", "address", "reset", "writable"), REGISTERS, ids=[row[0] for row in REGISTERS])
def test_model_has_the_register(name: str, address: int, reset: int, writable: bool) -> None:
    bench = Bench()
    assert bench.read(address) == bytes((reset,))
    for value in (0x7F, 0x55, 0x2A, 0x00):
        bench.write(address, value)
        assert bench.read(address)[0] == (value if writable else reset)


def test_model_increments_only_when_told() -> None:
    bench = Bench()
    bench.write(0xA0, 0x07, 0x01, 0x02)
    assert bench.read(0xA0, 3) == b"\x07\x01\x02"
    assert bench.read(0x20, 3) == b"\x07\x07\x07"
    bench.write(0x20, 0x07, 0x01, 0x02)
    assert bench.read(0xA0, 3) == b"\x02\x01\x02"


@pytest.mark.parametrize(("odr", "rate"), [(1, 1), (2, 10), (3, 25), (4, 50), (5, 100), (6, 200), (7, 400), (9, 1344)])
def test_model_keeps_the_rates(odr: int, rate: int) -> None:
    bench = Bench()
    bench.write(0x23, 0x88)
    bench.write(0x20, odr << 4 | 7)
    begun = bench.clock.us
    bench.clock.us = begun + 1_000_000 // rate - 300
    assert bench.read(0x27) == b"\x00"
    bench.clock.us = begun + 1_000_000 // rate + 100
    assert bench.read(0x27) == b"\x0f"
    bench.clock.us = begun + 2_000_000 // rate + 100
    assert bench.read(0x27) == b"\xff"  # overrun
    bench.read(0xA8, 6)
    assert bench.read(0x27) == b"\x00"


def test_model_is_off_after_reset() -> None:
    bench = Bench()
    bench.clock.us += 10_000_000
    assert bench.read(0xA7, 7) == bytes(7)


@pytest.mark.parametrize(
    ("ctrl_reg1", "ctrl_reg4", "x", "z"),
    [
        (0x27, 0x88, b"\x70\xea", b"\x60\x3a"),  # 12 bit: -345 and 934 digits of 1 milli-g
        (0x27, 0x80, b"\x40\xea", b"\x40\x3a"),  # 10 bit
        (0x2F, 0x80, b"\x00\xea", b"\x00\x3a"),  # 8 bit
        (0x27, 0x98, b"\x30\xf5", b"\x30\x1d"),  # +-4 g
        (0x26, 0x88, b"\x00\x00", b"\x60\x3a"),  # x off
    ],
)
def test_model_justifies_left(ctrl_reg1: int, ctrl_reg4: int, x: bytes, z: bytes) -> None:
    bench = Bench()
    bench.write(0x23, ctrl_reg4)
    bench.write(0x20, ctrl_reg1)
    bench.clock.us += 2_000_000
    out = bench.read(0xA8, 6)
    assert (out[:2], out[4:]) == (x, z)


@pytest.mark.parametrize(("ctrl_reg4", "whole"), [(0x88, True), (0x08, False)])
def test_model_tears_without_block_data_update(ctrl_reg4: int, whole: bool) -> None:
    bench = Bench()
    bench.motion.rise = 10  # 1 milli-g a sample: the high byte changes at every sixteenth
    bench.write(0x23, ctrl_reg4)
    bench.write(0x20, 0x27)
    bench.clock.us += 1_000_000
    read = []
    for _ in range(32):
        bench.clock.us += 100_000 - 211  # the read takes so long
        out = bench.read(0xA8, 6)
        read.append(milli_g(out[4], out[5]))
    steps = {after - before for before, after in pairwise(read)}
    assert steps == ({1} if whole else {1, -15, 17})


def test_model_settles_in_seven_samples() -> None:
    bench = Bench()
    bench.write(0x23, 0x88)
    bench.write(0x20, 0x27)
    begun = bench.clock.us
    for k in range(1, 10):
        bench.clock.us = begun + 100_000 * k + 100
        out = bench.read(0xA8, 6)
        assert (milli_g(out[4], out[5]) == LYING[2]) == (k > 7)


# The conversion.


def test_conversion_of_every_code_is_exact() -> None:
    # A digit of the 12 bit at the upper end is 1 milli-g: a sixteenth of that for the 16-bit word.
    for word in range(-32768, 32768, 16):
        assert milli_g(word & 0xFF, word >> 8 & 0xFF) == Fraction(word, 16)
    # Whatever the lower four bits are, within one unit.
    for word in range(-32768, 32768):
        assert 0 <= Fraction(word, 16) - milli_g(word & 0xFF, word >> 8 & 0xFF) < 1


# The driver.


def test_start_up_by_the_datasheet() -> None:
    bench = Bench()
    assert bench.bus.transfers == 0
    bench.until(RESTARTED)
    assert bench.bus.writes == [b"\x20\x00", b"\x24\x80", b"\xa1\x00\x00\x88\x00\x00", b"\x20\x27"]
    bench.until(SAMPLE)
    assert bench.clock.us < 1_000_000
    assert bench.felt() == LYING


def test_no_unsettled_sample_gets_through_after_a_start_in_mid_run() -> None:
    """The board restarted, the chip did not."""
    bench = Bench()
    bench.write(0x23, 0x88)
    bench.write(0x20, 0x27)
    bench.clock.us += 5_000_000
    for _ in range(20):
        bench.until(SAMPLE)
        assert bench.felt() == LYING


@pytest.mark.parametrize("address", [0x18, 0x19])
def test_every_address(address: int) -> None:
    bench = Bench(address=address)
    bench.until(SAMPLE)


def test_other_addresses_are_refused() -> None:
    with pytest.raises(ValueError, match="0x1A: 0x18 or 0x19"):
        Lis3dh(None, 0x1A)


@pytest.mark.parametrize("felt", [(-2048, 2047, 0), (2047, -2048, -1), (0, 1, -2048), (3000, -3000, 15)])
def test_the_whole_range(felt: tuple[int, int, int]) -> None:
    bench = Bench()
    bench.motion.milli_g = felt
    bench.until(SAMPLE)
    assert bench.felt() == tuple(max(-2048, min(2047, axis)) for axis in felt)


@pytest.mark.parametrize("period_ppm", [-120_000, 0, 120_000])
def test_every_sample_is_read_once(period_ppm: int) -> None:
    # The ticks wrap three seconds after the start.
    bench = Bench(start_ticks=2**30 - 3_000_000, period_ppm=period_ppm)
    bench.motion.rise = 20
    bench.run()
    period_us = 100_000 + period_ppm // 10
    first = bench.driver.tick
    for _ in range(300):
        before = bench.driver.tick
        bench.until(SAMPLE)
        assert (bench.driver.missed, bench.driver.overrun) == (0, 0)
        assert bench.driver.z_milli_g - bench.driver.x_milli_g == LYING[2] - LYING[0]
        assert abs((bench.driver.tick - before & MASK) - period_us) < 11_000
    assert abs((bench.driver.tick - first & MASK) - 300 * period_us) < 11_000


@pytest.mark.parametrize(("pause_us", "missed"), [(150_000, 1), (380_000, 3), (60_000, 0), (2_000_000, 19)])
def test_overrun_is_told_with_its_count(pause_us: int, missed: int) -> None:
    bench = Bench()
    bench.run()
    bench.clock.us = bench.driver.tick + 100_000 + pause_us - 50_000
    bench.until(SAMPLE)
    assert bench.driver.overrun == (1 if missed else 0)
    assert abs(bench.driver.missed - missed) <= (1 if missed else 0)
    assert (bench.driver.missed > 0) == (missed > 0)
    bench.until(SAMPLE)
    assert (bench.driver.missed, bench.driver.overrun) == (0, 0)


@pytest.mark.parametrize("register", range(0x20, 0x26))
def test_a_changed_setting_is_noticed(register: int) -> None:
    bench = Bench()
    bench.run()
    bench.write(register, 0x37 if register == 0x20 else 0x08)
    bench.until(FAULT, 200_000)
    assert bench.driver.fault == READBACK
    bench.until(SAMPLE)
    assert bench.felt() == LYING


# Attribute, value, value when all is well, fault, and whether it lasts until it is mended.
BREAKS = {
    "absent": ("dead", True, False, ABSENT, True),
    "nak in mid-transfer": ("naks", 1, 0, ABSENT, False),
    "never ready": ("stopped", True, False, NEVER_READY, True),
    "held low": ("stuck", 0, None, READBACK, True),
    "held high": ("stuck", 255, None, READBACK, True),
    "brown-out": ("power", None, None, READBACK, False),
}


@pytest.mark.parametrize("name", BREAKS)
@pytest.mark.parametrize("pause_us", [0, 50_000, 99_000])
def test_fault_while_running(name: str, pause_us: int) -> None:
    attribute, value, good, fault, lasts = BREAKS[name]
    bench = Bench()
    bench.run()
    assert list(bench.events(pause_us)) == []
    spoil(bench.chip, attribute, value)
    assert bench.until(FAULT, 2_000_000) < 600_000
    assert bench.driver.fault == fault
    if lasts:
        # A chip without samples still starts up, but gives nothing.
        assert set(bench.events(6_000_000)) == {FAULT}
        spoil(bench.chip, attribute, good)
    bench.until(RESTARTED)
    assert bench.driver.fault == NO_FAULT
    bench.until(SAMPLE)
    assert bench.felt() == LYING
    assert (bench.driver.missed, bench.driver.overrun) == (0, 0)


@pytest.mark.parametrize(
    ("attribute", "value", "good", "fault"),
    [
        ("dead", True, False, ABSENT),
        ("identity", 0x32, 0x33, WRONG_ID),
        ("stuck", 0, None, WRONG_ID),
        ("stopped", True, False, NEVER_READY),
    ],
)
def test_fault_at_start_up(attribute: str, value: object, good: object, fault: int) -> None:
    bench = Bench()
    spoil(bench.chip, attribute, value)
    for _ in range(3):
        assert bench.until(FAULT) < 1_100_000
        assert bench.driver.fault == fault
        assert bench.due_us - bench.clock.us > 499_000
    spoil(bench.chip, attribute, good)
    bench.until(RESTARTED)
    assert bench.driver.fault == NO_FAULT
    bench.until(SAMPLE)
    assert bench.felt() == LYING


@pytest.mark.parametrize(
    ("attribute", "value", "good"),
    [("dead", True, False), ("naks", 1, 0), ("stuck", 0, None), ("stuck", 255, None), ("power", None, None)],
)
def test_no_number_is_made_up_wherever_it_breaks(attribute: str, value: object, good: object) -> None:
    """The fault begins before each step in turn and lasts for a second."""
    for steps in range(60):
        bench = Bench()
        felt = []
        for _ in range(steps):
            if bench.step() == SAMPLE:
                felt.append(bench.felt())
        spoil(bench.chip, attribute, value)
        felt += [bench.felt() for event in bench.events(1_000_000) if event == SAMPLE]
        if attribute != "power":
            spoil(bench.chip, attribute, good)
        felt += [bench.felt() for event in bench.events(2_500_000) if event == SAMPLE]
        assert set(felt) == {LYING}


def test_data_line_held_for_one_burst_only() -> None:
    bench = Bench()
    bench.run()
    while bench.driver._state != 6:
        bench.step()
    bench.chip.stuck = 0
    bench.step()
    bench.chip.stuck = None
    bench.until(FAULT)
    assert bench.driver.fault == READBACK
    bench.until(SAMPLE)
    assert bench.felt() == LYING


# Both runtimes, and under MicroPython with the heap locked: a sample allocates nothing.
SCRIPT = """
from turgor.drivers import SAMPLE
from turgor.drivers.lis3dh import Lis3dh
from turgor_host.sim.bus import Bus
from turgor_host.sim.chips.lis3dh import Lis3dh as Model
from turgor_host.sim.clock import Clock

class Motion:
    def at(self, t_us):
        return t_us // 1000 % 4001 - 2000, -300, 900 - t_us // 100000 % 1789

clock = Clock((1 << 30) - 2000000)
bus = Bus(clock)
chip = Model(clock, Motion(), period_ppm=31000)
bus.attach(0x18, chip)
driver = Lis3dh(bus)
due = 0
while clock.us < 30000000:
    clock.us = max(clock.us, due)
    due = clock.us + driver.step(clock.ticks())
    if driver.event == SAMPLE:
        print(driver.x_milli_g, driver.y_milli_g, driver.z_milli_g, driver.tick, driver.missed, driver.overrun)
        if driver.tick % 7 == 0:
            clock.us += 250000
    elif driver.event:
        print(driver.event, driver.fault)
    clock.us += 40
    chip.dead = 10000000 < clock.us < 12000000
    chip.stopped = clock.us > 28000000
"""

LOCKED = """
import micropython
from turgor.drivers.lis3dh import Lis3dh

class Bus:
    settings = bytes((0x27, 0, 0, 0x88, 0, 0, 0, 0xFF))
    data = bytes((0xFF, 0xE0, 0x15, 0x20, 0xEA, 0xF0, 0x7F))
    def readfrom_mem_into(self, address, register, buf):
        source = self.settings if register == 0xA0 else self.data
        for i in range(len(buf)):
            buf[i] = source[i]

driver = Lis3dh(Bus())
def steady(steps):
    now = 0x3FFF0000
    samples = 0
    driver.tick = now
    for i in range(steps):
        now = (now + driver.step(now)) & 0x3FFFFFFF
        samples += driver.event == 1 and driver.x_milli_g == 350 and driver.y_milli_g == -350
    return samples
driver._state = 5
steady(20)
micropython.heap_lock()
samples = steady(2000)
micropython.heap_unlock()
print(samples, driver.z_milli_g, driver.overrun)
"""


def test_both_runtimes_give_the_same_samples(micropython: str, root: Path) -> None:
    output = run_script(micropython, SCRIPT, root)
    assert output.count("\n") > 150
    assert output == run_script(sys.executable, SCRIPT, root)


def test_a_sample_allocates_nothing(micropython: str, root: Path) -> None:
    assert run_script(micropython, LOCKED, root) == "667 2047 1\n"
