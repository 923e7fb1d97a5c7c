"""The NAU7802 model against the register table transcribed from the datasheet, and its clock and input."""

import csv
from fractions import Fraction
from pathlib import Path

import pytest

from turgor_host.sim.bus import Bus
from turgor_host.sim.chips.nau7802 import Nau7802
from turgor_host.sim.clock import Clock

VECTORS = Path(__file__).resolve().parent.parent / "vectors"
ROWS = list(csv.DictReader((VECTORS / "nau7802_registers.csv").read_text().splitlines()))
ADDRESS = 0x2A
# 10 mmHg at 5 uV/V/mmHg.
TEN_MMHG_PV = 50_000_000
COUNTS_PER_MMHG = Fraction(2**24 * 128 * 5, 10**6)


class Bridge:
    """A constant signal, or a ramp of `pv_per_s`."""

    def __init__(self, pv: int = 0, pv_per_s: int = 0) -> None:
        self.pv = pv
        self.pv_per_s = pv_per_s

    def at(self, t_us: int) -> int:
        return self.pv + self.pv_per_s * t_us // 1_000_000


class Bench:
    """A chip on a bus."""

    def __init__(self, bridge: Bridge | None = None, **options: int) -> None:
        self.clock = Clock()
        self.bus = Bus(self.clock)
        self.chip = Nau7802(self.clock, bridge or Bridge(), **options)
        self.bus.attach(ADDRESS, self.chip)

    def write(self, register: int, value: int) -> None:
        self.bus.writeto(ADDRESS, bytes((register, value)))

    def read(self, register: int, count: int = 1) -> bytes:
        buf = bytearray(count)
        self.bus.readfrom_mem_into(ADDRESS, register, buf)
        return bytes(buf)

    def code(self) -> int:
        return int.from_bytes(self.read(0x12, 3), "big", signed=True)

    def take_result(self) -> None:
        """Read it in no time."""
        self.chip.read_register_into(0x12, bytearray(3))

    def start(self, ctrl2: int = 0x30, gain: int = 7) -> None:
        """As the datasheet's section 1.17, with the internal calibration."""
        self.write(0x00, 0x01)
        self.write(0x00, 0x02)
        self.clock.us += 200
        self.write(0x00, 0x86)
        self.write(0x01, 0x28 | gain)
        self.write(0x02, ctrl2)
        self.write(0x15, 0x30)
        self.clock.us += 200_000
        self.write(0x02, ctrl2 | 0x04)
        self.clock.us += 400_000
        self.write(0x00, 0x96)


def test_ten_mmhg_is_107374_counts() -> None:
    bench = Bench(Bridge(TEN_MMHG_PV), noise_lsb=0)
    bench.start()
    bench.clock.us += 1_000_000
    assert bench.code() == 107374  # 10 x 2^24 x 128 x 5e-6


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["register"])
def test_register_table(row: dict[str, str]) -> None:
    bench = Bench()
    register = int(row["address"], 16)
    reset = int(row["reset"], 16)
    assert bench.read(register)[0] == reset
    kind, _, mask_text = row["access"].partition(" ")
    mask = int(mask_text, 16) if kind == "rw" else 0
    # RR in PU_CTRL and CALS in CTRL2 act; everything else stands.
    acting = {0x00: 0x01, 0x02: 0x04}.get(register, 0)
    for value in (0xFF & ~acting, 0x55 & ~acting, 0xAA & ~acting):
        bench.write(register, value)
        assert bench.read(register)[0] == (reset & ~mask) | (value & mask)


def test_reset_bit_restores_every_register() -> None:
    bench = Bench()
    writable = [row for row in ROWS if row["access"].startswith("rw") and row["register"] != "PU_CTRL"]
    for row in writable:
        bench.write(int(row["address"], 16), 0x50)
    bench.write(0x00, 0x01)
    bench.write(0x01, 0x07)  # held at reset
    assert bench.read(0x00)[0] == 0x01
    for row in writable:
        assert bench.read(int(row["address"], 16))[0] == int(row["reset"], 16)


def test_power_up_is_ready_after_200_us() -> None:
    bench = Bench()
    bench.write(0x00, 0x02)
    powered = bench.clock.us
    assert not bench.read(0x00)[0] & 0x08
    bench.clock.us = powered + 200
    assert bench.read(0x00)[0] & 0x08


@pytest.mark.parametrize(("crs", "rate"), [(0, 10), (1, 20), (2, 40), (3, 80), (7, 320)])
@pytest.mark.parametrize("period_ppm", [0, 31_234, -50_000])
def test_conversions_keep_time_without_drift(crs: int, rate: int, period_ppm: int) -> None:
    bench = Bench(period_ppm=period_ppm)
    bench.start(crs << 4)
    start = bench.chip.start_us
    period = Fraction(1_000_000 + period_ppm, rate)
    ready = bench.chip.ready
    for k in (6, 7, 8, 1000, 86_400 * rate):
        end = start + int(k * period)
        bench.clock.us = end - 1
        ready.take()
        bench.take_result()
        bench.clock.us = end
        assert ready.take() == 1
        assert ready.tick == end % 2**30


def test_first_five_conversions_are_not_announced() -> None:
    bench = Bench(period_ppm=0)
    bench.start()
    start = bench.chip.start_us
    bench.clock.us = start + 6 * 12_500 - 300
    assert bench.chip.ready.take() == 0
    assert not bench.read(0x00)[0] & 0x20
    bench.clock.us = start + 6 * 12_500
    assert bench.chip.ready.take() == 1
    assert bench.read(0x00)[0] & 0x20
    # A rise that nobody took before a restart is still counted, once, and the new run begins as the first did.
    bench.take_result()
    bench.clock.us = start + 10 * 12_500
    bench.write(0x00, 0x86)
    bench.write(0x00, 0x96)
    assert [bench.chip.ready.take(), bench.chip.ready.take()] == [1, 0]
    bench.clock.us = bench.chip.start_us + 6 * 12_500 - 1
    assert bench.chip.ready.take() == 0
    bench.clock.us += 1
    assert bench.chip.ready.take() == 1


def test_the_pin_stands_until_a_result_is_read() -> None:
    bench = Bench(period_ppm=0)
    bench.start()
    start = bench.chip.start_us
    ready = bench.chip.ready

    def at(us: int) -> tuple[int, int]:
        bench.clock.us = start + us
        return ready.take(), ready.tick - start

    assert at(75_000) == (1, 75_000)
    assert at(100_000) == (0, 75_000)
    bench.take_result()
    assert at(112_499) == (0, 75_000)
    assert at(137_500) == (1, 112_500)
    # A rise that was read before it was taken keeps its time; the two behind it raise nothing.
    bench.take_result()
    bench.clock.us = start + 160_000
    bench.take_result()
    assert at(160_001) == (1, 150_000)
    # While interrupts were off: told at their end.
    ready.blind(start + 160_001, start + 210_000)
    assert at(210_000) == (1, 210_000)
    ready.blind(start + 210_000, start + 260_000)
    assert at(260_000) == (0, 210_000)


def test_first_conversions_are_wrong() -> None:
    bench = Bench(Bridge(TEN_MMHG_PV), noise_lsb=0)
    bench.start()
    bench.clock.us = bench.chip.start_us + 12_500
    assert bench.code() == 107374 // 6


def test_regulator_ramp_shows() -> None:
    bench = Bench(Bridge(TEN_MMHG_PV), noise_lsb=0)
    bench.write(0x00, 0x86)
    bench.write(0x01, 0x2F)
    bench.write(0x02, 0x34)
    bench.chip.power_cycle()
    bench.write(0x01, 0x2F)
    bench.write(0x02, 0x70)
    bench.write(0x00, 0x96)  # no calibration, no pause
    bench.clock.us += 100_000
    early = bench.code()
    bench.clock.us += 200_000
    late = bench.code()
    assert late == 107374 + 2147  # the amplifier's own offset, which the calibration would take away
    assert 0.990 * late < early < 0.996 * late


def test_ready_bit_falls_when_the_result_is_read() -> None:
    bench = Bench()
    bench.start()
    bench.clock.us = bench.chip.start_us + 20 * 12_500 + 1000
    assert bench.read(0x00)[0] & 0x20
    bench.code()
    assert not bench.read(0x00)[0] & 0x20
    bench.clock.us += 12_500
    assert bench.read(0x00)[0] & 0x20


def test_no_conversion_without_cycle_start_or_supply() -> None:
    for control in (0x86, 0x16, 0x92, 0x94):
        bench = Bench()
        bench.start()
        bench.write(0x00, control)
        bench.chip.ready.take()
        bench.clock.us += 1_000_000
        assert bench.chip.ready.take() == 0
        assert not bench.read(0x00)[0] & 0x20


def test_three_transactions_tear_and_one_does_not() -> None:
    # Over this ramp the low byte changes with every conversion.
    bench = Bench(Bridge(0, 3_000_000_000), noise_lsb=0)
    bench.start()
    bench.clock.us = bench.chip.start_us + 20 * 12_500
    whole = bench.read(0x12, 3)
    parts = []
    for register in (0x12, 0x13, 0x14):
        parts.append(bench.read(register)[0])
        bench.clock.us += 12_500
    assert bytes(parts) != whole
    assert bench.read(0x12, 3) != whole


def test_calibration_takes_its_time_and_removes_the_offset() -> None:
    bench = Bench(noise_lsb=0)
    bench.write(0x00, 0x96)
    bench.write(0x01, 0x2F)
    bench.write(0x02, 0x30)
    bench.clock.us += 1_000_000
    assert bench.code() == 2147
    bench.write(0x02, 0x34)
    begun = bench.clock.us
    assert bench.read(0x02)[0] == 0x34
    bench.clock.us = begun + 343_000
    assert bench.read(0x02)[0] == 0x34
    bench.clock.us = begun + 344_000
    assert bench.read(0x02)[0] == 0x30
    bench.clock.us += 200_000
    assert bench.code() == 0
    assert int.from_bytes(bench.read(0x03, 3), "big", signed=True) == 2147


def test_failed_calibration_says_so_until_one_succeeds() -> None:
    bench = Bench()
    bench.chip.calibration_fails = True
    bench.start()
    assert bench.read(0x02)[0] == 0x38
    bench.chip.calibration_fails = False
    bench.write(0x02, 0x34)
    bench.clock.us += 400_000
    assert bench.read(0x02)[0] == 0x30


def test_codes_clip_at_full_scale() -> None:
    for sign, limit in ((1, 2**23 - 1), (-1, -(2**23))):
        bench = Bench(Bridge(sign * 5_000_000_000))
        bench.start()
        bench.clock.us += 1_000_000
        assert bench.code() == limit


@pytest.mark.parametrize("gain", range(8))
def test_code_against_the_exact_quotient(gain: int) -> None:
    for pv in (0, 1, 4_999, -123_456_789, 3_900_000_000):
        bench = Bench(Bridge(pv), noise_lsb=0)
        bench.start(gain=gain)
        bench.clock.us += 1_000_000
        exact = Fraction(pv * 2**gain * 2**24, 10**12)
        assert abs(bench.code() - exact) <= Fraction(1, 2)


def test_input_errors_for_calibration() -> None:
    bench = Bench(Bridge(TEN_MMHG_PV), noise_lsb=0)
    bench.start()
    bench.chip.gain_ppm = 20_000
    bench.chip.offset_pv = 10_000_000
    bench.clock.us += 1_000_000
    assert abs(bench.code() - 12 * Fraction(102, 100) * COUNTS_PER_MMHG) <= 1


def test_noise_is_gaussian_enough_white_and_repeatable() -> None:
    def codes(seed: int) -> list[int]:
        bench = Bench(period_ppm=0, noise_lsb=90, seed=seed)
        bench.start(0x70)
        start = bench.chip.start_us
        found = []
        for k in range(100, 8100):
            bench.clock.us = start + k * 3125
            found.append(bench.code())
        return found

    first = codes(1)
    n = len(first)
    assert codes(1) == first
    assert codes(2) != first
    mean = sum(first) / n
    rms = (sum(code * code for code in first) / n) ** 0.5
    assert abs(mean) < 4  # four standard errors
    assert abs(rms - 90) < 3
    for lag in (1, 2, 3, 7):
        correlation = sum(a * b for a, b in zip(first, first[lag:], strict=False)) / (n * rms * rms)
        assert abs(correlation) < 4 / n**0.5
    inside = sum(abs(code) < rms for code in first) / n
    assert abs(inside - 0.6827) < 0.03
    assert 3 * rms < max(map(abs, first)) < 6 * rms


def test_nobody_answers_when_dead() -> None:
    bench = Bench()
    bench.chip.dead = True
    with pytest.raises(OSError, match="5"):
        bench.read(0x1F)
    with pytest.raises(OSError, match="5"):
        bench.write(0x00, 1)
