"""The ADS1220 model against the table transcribed from the datasheet.

The sources stand in the table, a line each. The ADS1220's own pages (SBAS501) could be read in fragments only: the
commands, register 0 and the conversion's start are its 16-bit sibling's (ADS1120-Q1, SBAS683B), the conversion times
the ADS112U04's (SBAS838A) by the ratio of the clocks; registers 1 to 3 come from masks of public drivers. Not read at
all, and from memory: electrical limits, the data format's table, which registers 50/60 goes with.
"""

import csv
from fractions import Fraction
from pathlib import Path

import pytest

from turgor_host.sim.chips.ads1220 import Ads1220
from turgor_host.sim.clock import Clock
from turgor_host.sim.spi import Selected, SpiBus

VECTORS = Path(__file__).resolve().parent.parent / "vectors"
ROWS = list(csv.DictReader((VECTORS / "ads1220.csv").read_text().splitlines()))
CONFIGURATION = bytes((0x3E, 0x44, 0x40, 0x00))  # 90 SPS
TEN_MMHG_PV = 50_000_000


def rows(kind: str) -> list[dict[str, str]]:
    return [row for row in ROWS if row["kind"] == kind]


class Bridge:
    """A constant signal."""

    def __init__(self, pv: int = TEN_MMHG_PV) -> None:
        self.pv = pv

    def at(self, t_us: int) -> int:
        return self.pv


class Bench:
    """A chip on a bus, awake."""

    def __init__(self, pv: int = TEN_MMHG_PV, **options: int) -> None:
        options.setdefault("noise_lsb", 0)
        self.clock = Clock()
        self.chip = Ads1220(self.clock, Bridge(pv), **options)
        self.bus = Selected(SpiBus(self.clock), self.chip)

    def exchange(self, *out: int) -> bytes:
        into = bytearray(len(out))
        self.bus.write_readinto(bytes(out), into)
        return bytes(into)

    def registers(self) -> bytes:
        return self.exchange(0x23, 0, 0, 0, 0)[1:]

    def start(self, configuration: bytes = CONFIGURATION) -> None:
        self.exchange(0x43, *configuration)
        self.exchange(0x08)

    def code(self) -> int:
        return int.from_bytes(self.exchange(0x10, 0, 0, 0)[1:], "big", signed=True)


def test_by_hand() -> None:
    bench = Bench()
    bench.start()
    bench.clock.us += 100_000
    assert bench.code() == 53687  # 10 mmHg x 5 uV/V x 128 x 2^23


@pytest.mark.parametrize("row", rows("register"), ids=lambda row: row["name"])
def test_register_table(row: dict[str, str]) -> None:
    bench = Bench()
    number = int(row["code"], 16)
    assert bench.registers()[number] == int(row["value"], 16)
    for value in (0xFF, 0x55, 0xAA):
        bench.exchange(0x40 | number << 2, value)
        assert bench.exchange(0x20 | number << 2, 0)[1] == value
        assert bench.registers() == bytes(value if n == number else 0 for n in range(4))


@pytest.mark.parametrize("row", rows("command"), ids=lambda row: row["name"])
def test_command_table(row: dict[str, str]) -> None:
    """Every byte that the table's pattern covers is that command."""
    fixed = row["code"].replace(" ", "")
    covered = [n for n in range(256) if all(c in (b, "x", "r", "n") for c, b in zip(fixed, f"{n:08b}", strict=True))]
    for byte in covered:
        bench = Bench()
        bench.start()
        bench.clock.us += 30_000
        finished = bench.chip.finished()
        assert finished == 2
        first, count = byte >> 2 & 3, (byte & 3) + 1
        whole = first + count <= 4
        answer = bench.exchange(byte, *(0x44,) * 4)
        if row["value"] == "resets":
            bench.clock.us += 58
            assert bench.registers() == bytes(4)
        elif row["value"] == "stops":
            bench.clock.us += 30_000
            assert bench.chip.finished() == finished
        elif row["value"] == "converts":
            bench.clock.us += 11_000  # anew: the conversion that was under way is lost
            assert bench.chip.finished() == finished
        elif row["value"] == "3 bytes":
            assert int.from_bytes(answer[1:4], "big") == 53687
        elif row["name"] == "RREG" and whole:
            assert answer[1 : 1 + count] == CONFIGURATION[first : first + count]
        elif row["name"] == "WREG" and whole and count == 4:
            assert bench.registers() == b"\x44" * 4


@pytest.mark.parametrize("row", rows("rate"), ids=lambda row: row["name"])
@pytest.mark.parametrize("period_ppm", [0, 20_000, -20_000])
def test_rate_table(row: dict[str, str], period_ppm: int) -> None:
    bench = Bench(period_ppm=period_ppm)
    bench.start(bytes((0x3E, int(row["code"]) << 5 | 0x04, 0x40, 0)))
    start = bench.clock.us + 210 * 1_000_000 // 4_096_000
    period_us = Fraction(int(row["value"]) * (1_000_000 + period_ppm), 4_096_000)
    assert abs(1_000_000 / period_us / int(row["name"]) - 1) < 0.035
    ready = bench.chip.ready
    for k in (1, 2, 3, 1000, 10_000_000):
        end = start + int(k * period_us)
        bench.clock.us = end - 1
        ready.take()
        bench.clock.us = end
        assert ready.take() == 1
        assert ready.tick == end % 2**30


@pytest.mark.parametrize("row", rows("code"), ids=lambda row: row["name"])
def test_codes_are_clipped(row: dict[str, str]) -> None:
    wanted = int(row["code"], 16)
    sign = -1 if wanted >> 23 else 1
    # VREF / 128 is 7.8125 mV/V.
    for pv in (7_812_500_000, 8_000_000_000, 400_000_000_000):
        bench = Bench(sign * pv)
        bench.start()
        bench.clock.us += 100_000
        assert bench.code() & 0xFFFFFF == wanted


def test_reset_takes_its_time() -> None:
    bench = Bench()
    bench.exchange(0x43, 1, 2, 3, 4)
    bench.exchange(0x06)
    bench.exchange(0x43, 1, 2, 3, 4)  # too early: not taken
    bench.clock.us += 58
    assert bench.registers() == bytes(4)


def test_single_shot_converts_once_and_a_write_restarts() -> None:
    bench = Bench()
    bench.start(bytes((0x3E, 0x40, 0x40, 0)))
    bench.clock.us += 1_000_000
    assert bench.chip.finished() == 1
    bench.start()
    bench.clock.us += 11_000
    bench.exchange(0x40, 0x3E)
    bench.clock.us += 11_000
    assert bench.chip.finished() == 1
    bench.clock.us += 1_000
    assert bench.chip.finished() == 2


@pytest.mark.parametrize(
    ("configuration", "code"),
    [((0x0E, 0x44, 0x40, 0), 0), ((0x3C, 0x44, 0x40, 0), 26844), ((0x3E, 0x44, 0x00, 0), 86508)],
    ids=["other input", "gain 64", "internal reference"],
)
def test_a_wrong_setting_shows_in_the_code(configuration: tuple[int, ...], code: int) -> None:
    bench = Bench()
    bench.start(bytes(configuration))
    bench.clock.us += 100_000
    assert abs(bench.code() - code) <= 1


@pytest.mark.parametrize("line", [0xFF, 0x00])
def test_nobody_there(line: int) -> None:
    bench = Bench()
    bench.start()
    bench.chip.absent = line
    bench.clock.us += 100_000
    assert bench.registers() == bytes((line,)) * 4
    assert bench.chip.ready.take() == 0


def test_buffers_of_two_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="same length"):
        Bench().bus.write_readinto(b"\x23\x00", bytearray(5))
