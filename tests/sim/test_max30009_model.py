"""The MAX30009 model against the register table transcribed from the datasheet, and what it measures."""

import csv
import math
from pathlib import Path

import pytest

from turgor_host.sim.bus import Bus
from turgor_host.sim.chips.max30009 import Max30009
from turgor_host.sim.clock import Clock

VECTORS = Path(__file__).resolve().parent.parent / "vectors"
ROWS = list(csv.DictReader((VECTORS / "max30009_registers.csv").read_text().splitlines()))
ADDRESS = 0x68
# M = 625, K = 16, N = 1024, DAC_OSR = 256, ADC_OSR = 256: 5000 Hz, 78.125 samples/s.
FIVE_KHZ = {0x1A: 0x20, 0x17: 0xA8, 0x18: 0x70, 0x20: 0xEC}
# M = 781, K = 1, ADC_OSR = 128: 99968 Hz, 195.25 samples/s.
HUNDRED_KHZ = {0x1A: 0x20, 0x17: 0xE0, 0x18: 0x0C, 0x20: 0xE4}


class Load:
    """A constant impedance that remembers what it was asked."""

    def __init__(self, re_ohm: float = 50.0, im_ohm: float = -5.0) -> None:
        self.z = (round(re_ohm * 1e6), round(im_ohm * 1e6))
        self.frequencies: set[int] = set()

    def at(self, frequency_hz: int, t_us: int) -> tuple[int, int]:
        self.frequencies.add(frequency_hz)
        return self.z


class Bench:
    """A chip on a bus."""

    def __init__(self, load: Load | None = None, **options: int) -> None:
        self.clock = Clock()
        self.bus = Bus(self.clock)
        options.setdefault("noise_lsb", 0)
        self.load = load or Load()
        self.chip = Max30009(self.clock, self.load, **options)
        self.bus.attach(ADDRESS, self.chip)

    def write(self, register: int, value: int) -> None:
        self.bus.writeto(ADDRESS, bytes((register, value)))

    def read(self, register: int, count: int = 1) -> bytes:
        buf = bytearray(count)
        self.bus.readfrom_mem_into(ADDRESS, register, buf)
        return bytes(buf)

    def start(self, clocks: dict[int, int], current: int = 0x28, gain: int = 3, mux: int = 0xA0) -> None:
        """Settle the bandgap, set the clocks, lock, and enable both channels; `current` 0x28 is 32 uA."""
        for register, value in clocks.items():
            self.write(register, value)
        self.write(0x43, mux)
        self.write(0x41, 0x02)
        self.write(0x24, gain)
        self.write(0x17, clocks[0x17] | 1)
        self.clock.us += 200_000
        self.write(0x22, current)
        self.write(0x0E, 0x1A)
        self.write(0x20, clocks[0x20] | 3)

    def count(self) -> int:
        high, low = self.read(0x0A, 2)
        return high >> 7 << 8 | low

    def words(self, count: int) -> list[tuple[int, int]]:
        """Tag and signed value."""
        data = self.read(0x0C, 3 * count)
        found = []
        for at in range(0, len(data), 3):
            word = int.from_bytes(data[at : at + 3], "big")
            value = word & 0xFFFFF
            found.append((word >> 20, value - (value >> 19 << 20)))
        return found


def counts(ohm: float, current_ua: float, gain: int) -> float:
    return ohm * 2**19 * gain * (2 / math.pi) * math.sqrt(2) * current_ua * 1e-6


def test_fifty_ohm_at_32_ua_and_gain_10_is_7552_counts() -> None:
    bench = Bench()
    bench.start(FIVE_KHZ)
    bench.clock.us += 100_000
    # 50 x 2^19 x 10 x 0.63662 x 45.255 uA peak = 7552.4; the reactance a tenth of it, negative.
    assert bench.words(14)[-2:] == [(1, 7552), (2, -756)]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["register"])
def test_register_table(row: dict[str, str]) -> None:
    bench = Bench()
    register = int(row["address"], 16)
    reset = int(row["reset"], 16)
    assert bench.read(register)[0] == reset
    kind, _, mask_text = row["access"].partition(" ")
    mask = int(mask_text, 16) if kind == "rw" else 0
    # RESET would act; everything else stands. PWR_RDY was cleared by the read above.
    acting = {0x11: 0x01}.get(register, 0)
    kept = {0x00: 0, 0x09: 0}.get(register, reset & ~mask)
    for value in (0x55 & ~acting, 0xA2, 0xFF & ~acting):
        bench.write(register, value)
        expected = kept | (value & mask)
        if register == 0x22 and value >> 2 & 3 == 3:
            expected = bench.read(register)[0]  # the chip's own limit, below
        assert bench.read(register)[0] == expected


def test_every_gain_and_current_against_the_formula() -> None:
    currents_ua = (0.016, 0.032, 0.08, 0.16, 0.32, 0.64, 1.6, 3.2, 6.4, 12.8, 32, 64, 128, 256, 640, 1280)
    for step, current_ua in enumerate(currents_ua):
        for code, gain in enumerate((1, 2, 5, 10)):
            bench = Bench(Load(40.0, -4.0))
            bench.start(HUNDRED_KHZ, current=(step & 3) << 4 | step >> 2 << 2, gain=code)
            bench.clock.us += 100_000
            (_, i), (_, q) = bench.words(14)[-2:]
            expected = min(counts(40, current_ua, gain), 2**19 - 1)
            assert abs(i - expected) <= 1 + expected * 2e-3
            assert abs(q + expected / 10) <= 1.5 + expected * 2e-3 or i == 2**19 - 1


def test_the_chip_lowers_a_current_beyond_its_own_limit() -> None:
    bench = Bench()
    for register, value in FIVE_KHZ.items():
        bench.write(register, value)
    bench.write(0x22, 0x3C)  # 1.28 mA, from 16384 Hz
    assert bench.read(0x22)[0] == 0x1C  # 256 uA, from 2048 Hz
    bench.write(0x22, 0x38)
    assert bench.read(0x22)[0] == 0x38


def test_reset_wiring_is_two_electrode_and_reads_too_much() -> None:
    bench = Bench()
    bench.start(FIVE_KHZ, mux=0x00)
    bench.clock.us += 100_000
    (_, i), _ = bench.words(14)[-2:]
    assert abs(i - counts(1050, 32, 10)) < 2


@pytest.mark.parametrize(
    ("register", "value"),
    [(0x41, 0x00), (0x25, 0xA0), (0x25, 0x90), (0x43, 0xE0), (0x22, 0x29)],
    ids=["mux off", "drive reset", "dac reset", "wrong electrode", "voltage mode"],
)
def test_nothing_is_measured_when_not_driven_and_wired(register: int, value: int) -> None:
    bench = Bench()
    bench.start(FIVE_KHZ)
    bench.write(register, value)
    bench.clock.us += 100_000
    assert bench.words(bench.count())[-2:] == [(1, 0), (2, 0)]


def test_standby_stops_the_drive_and_the_samples() -> None:
    bench = Bench()
    bench.start(FIVE_KHZ)
    assert bench.chip.driving_na == 32_000
    bench.write(0x22, 0x2B)
    assert bench.chip.driving_na == 0
    bench.write(0x0E, 0x1A)
    bench.clock.us += 100_000
    assert bench.count() == 0


@pytest.mark.parametrize(("clocks", "frequency_hz"), [(FIVE_KHZ, 5000), (HUNDRED_KHZ, 99_968)])
@pytest.mark.parametrize("period_ppm", [0, -25_000, 10_000])
def test_sample_clock(clocks: dict[int, int], frequency_hz: int, period_ppm: int) -> None:
    bench = Bench(period_ppm=period_ppm)
    bench.start(clocks)
    enabled = bench.clock.us
    rate = {5000: 78.125, 99_968: 195.25}[frequency_hz]
    period_us = 1e6 / rate * (1 + period_ppm * 1e-6)
    for pairs in (1, 2, 10, 60):
        end = enabled + 2000 + pairs * period_us
        bench.clock.us = math.floor(end) - 200  # a read takes 120 us
        assert bench.count() == 2 * (pairs - 1)
        bench.clock.us = math.ceil(end)
        assert bench.count() == 2 * pairs
    bench.words(4)
    assert bench.load.frequencies == {frequency_hz}


def test_first_samples_are_not_settled() -> None:
    bench = Bench(Load(60.0, 0.0))
    bench.start(FIVE_KHZ)
    bench.clock.us += 100_000
    values = [value for tag, value in bench.words(8) if tag == 1]
    assert values[0] < values[1] < values[2] == values[3]


def test_bandgap_has_to_settle() -> None:
    bench = Bench()
    bench.start(FIVE_KHZ)
    bench.write(0x20, 0xE8)
    bench.write(0x0E, 0x1A)
    bench.write(0x20, 0xEF)
    bench.clock.us += 100_000
    assert bench.words(14)[-2][1] < 0.6 * 7552


def test_empty_fifo_marker_and_stray_word() -> None:
    bench = Bench()
    assert bench.read(0x0C, 3) == b"\xff\xff\xff"
    bench.start(FIVE_KHZ)
    bench.clock.us += 16_000
    bench.write(0x0E, 0x2A)
    assert bench.count() == 3
    bench.write(0x20, 0xEC)
    data = bench.read(0x0C, 15)
    assert [data[at] >> 4 for at in (0, 3)] == [1, 2]
    assert data[6:] == b"\xff\xff\xfe\x00\x40\x00\xff\xff\xff"


def test_overflow_counts_and_keeps_the_newest() -> None:
    bench = Bench()
    bench.start(FIVE_KHZ)
    bench.clock.us += 2000 + 130 * 12_800 + 100
    assert bench.read(0x0A, 2) == bytes((0x80 | 4, 0))
    assert bench.words(1)[0][0] == 1
    assert bench.read(0x0A, 2) == b"\x00\xff"
    bench.clock.us += 1000 * 12_800
    assert bench.read(0x0A)[0] == 0xFF  # saturated
    bench.write(0x0E, 0x1A)
    assert bench.read(0x0A, 2) == b"\x00\x00"


def test_pll_locks_after_its_time_and_a_stale_bit_stands_until_read() -> None:
    bench = Bench()
    bench.read(0x00)
    for register, value in FIVE_KHZ.items():
        bench.write(register, value)
    bench.write(0x17, 0xA9)
    assert bench.read(0x00)[0] == 0x14
    bench.clock.us += 2000
    assert bench.read(0x00)[0] == 0x0A
    bench.write(0x18, 0x71)
    assert bench.read(0x00)[0] == 0x0A | 0x14
    assert bench.read(0x00)[0] == 0x14


def test_pll_out_of_range_never_locks() -> None:
    bench = Bench()
    bench.write(0x1A, 0x20)
    bench.write(0x18, 0x00)
    bench.write(0x17, 0x41)  # M = 257: 8.4 MHz
    bench.clock.us += 1_000_000
    assert bench.read(0x00)[0] & 0x0A == 0


def test_power_ready_is_cleared_by_reading_and_set_by_power() -> None:
    bench = Bench()
    assert bench.read(0x00)[0] == 0x01
    assert bench.read(0x00)[0] == 0x00
    bench.chip.power_cycle()
    assert bench.read(0x00)[0] == 0x01


def test_soft_reset_by_the_sequence() -> None:
    bench = Bench()
    bench.start(FIVE_KHZ)
    bench.write(0x20, 0x04)
    bench.write(0x1A, 0x00)
    bench.write(0x17, 0x40)
    bench.clock.us += 1000
    bench.write(0x11, 0x01)
    for row in ROWS:
        if row["register"] != "STATUS_1":
            assert bench.read(int(row["address"], 16))[0] == int(row["reset"], 16)


def test_soft_reset_under_a_running_pll_hangs_the_registers() -> None:
    bench = Bench()
    bench.start(FIVE_KHZ)
    bench.write(0x11, 0x01)
    bench.write(0x26, 0x12)
    assert bench.read(0x26)[0] == 0x00
    bench.chip.power_cycle()
    bench.write(0x26, 0x12)
    assert bench.read(0x26)[0] == 0x12


@pytest.mark.parametrize(
    ("fault", "bits"),
    [(None, 0x00), ("drive_off", 0x50), ("sense_off", 0x29)],
)
def test_electrodes_off_after_125_ms(fault: str | None, bits: int) -> None:
    bench = Bench()
    bench.write(0x50, 0x54)
    bench.write(0x21, 0x05)
    bench.write(0x26, 0x0A)
    bench.start(FIVE_KHZ)
    if fault:
        setattr(bench.chip, fault, True)
    bench.clock.us += 100_000
    assert bench.read(0x01)[0] == 0
    bench.clock.us += 30_000
    assert bench.read(0x01)[0] == bits


def test_demodulator_phases_swap_the_channels() -> None:
    bench = Bench()
    bench.start(FIVE_KHZ)
    bench.write(0x28, 0x0C)
    bench.clock.us += 100_000
    (_, i), (_, q) = bench.words(bench.count())[-2:]
    assert (i, q) == (-756, 7552)


def test_a_read_without_an_address_starts_at_register_0() -> None:
    bench = Bench()
    bench.read(0xFF)
    buf = bytearray(1)
    bench.bus.readfrom_into(ADDRESS, buf)
    assert buf[0] == 0x01
