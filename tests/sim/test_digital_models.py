"""The models of Honeywell ABP2 and HSC/SSC against tables of their datasheets.

ABP2: the datasheet is Honeywell 32350268 (issue D seen). Of it only the description could be read: 24 bits of pressure
and temperature by I2C, updated at about 200 Hz. Command, status bits, limits and formulas are as the Linux driver
abp2030pa.c and ESPHome's honeywellabp2_i2c give them, both of which name that datasheet and agree; transfer function B
is in ESPHome's only. Assumed: start-up time (3 ms), operating temperatures (-40 to 110 deg C, the driver's bounds),
what the words hold after a loss of supply (zeros: Linux saw those with a sound status), and that counts go on beyond
the transfer function's limits.

HSC and SSC: the datasheets are Honeywell 50099148 and 50099533, with technical note 008201 for I2C. Of the note the
layout of the answer could be read, of the datasheets nothing: status bits, limits and formulas are as the Linux driver
hsc030pa.c gives them; the upper limit of A is 14745 in older sheets and public drivers, 14746 there, a difference of
0.008 % of the range. RIOT's driver has "stale" and "command mode" the other way round, ESPHome's has them as here.
Assumed: start-up time (3 ms), update rate (1 kHz), operating temperatures (-40 to 85 deg C, the driver's bounds), and
that counts go on beyond the limits.
"""

from typing import Any

import pytest
from driver_bench import Signal

from turgor_host.sim.bus import Bus
from turgor_host.sim.chips.abp2 import Abp2
from turgor_host.sim.chips.hsc import Hsc
from turgor_host.sim.clock import Clock

PSI_5 = (0, 258575)
CONVERSION_US = 5000
UPDATE_US = 1000
LIMITS = {
    Abp2: {"A": (1677722, 15099494), "B": (5033165, 11744051)},
    Hsc: {"A": (1638, 14745), "B": (819, 15565), "C": (819, 13926), "F": (655, 15401)},
}
CASES = [(model, transfer) for model, limits in LIMITS.items() for transfer in limits]
# ABP2's status bits, the others are 0; the two of HSC.
POWERED, BUSY, MEMORY, MATH = 0x40, 0x20, 0x04, 0x01
NORMAL, COMMAND_MODE, STALE, DIAGNOSTIC = range(4)


class Bench:
    """A chip alone, at 30 mmHg."""

    def __init__(self, model: Any, milli_mmhg: int = 30_000, part: tuple[int, int] = PSI_5, **options: Any) -> None:
        self.clock = Clock()
        self.bus = Bus(self.clock)
        self.signal = Signal(1000 * milli_mmhg)
        options.setdefault("noise_lsb", 0)
        self.chip = model(self.clock, self.signal, *part, **options)
        self.bus.attach(0x28, self.chip)
        self.is_abp2 = model is Abp2

    def command(self, command: bytes = b"\xaa\x00\x00") -> None:
        self.bus.writeto(0x28, command)

    def read(self) -> tuple[int, int, int]:
        """Status, pressure and temperature."""
        buf = bytearray(7 if self.is_abp2 else 4)
        self.bus.readfrom_into(0x28, buf)
        if self.is_abp2:
            return buf[0], int.from_bytes(buf[1:4], "big"), int.from_bytes(buf[4:], "big")
        word = int.from_bytes(buf, "big")
        return word >> 30, word >> 16 & 0x3FFF, word >> 5 & 0x7FF

    def measure(self) -> tuple[int, int, int]:
        if self.is_abp2:
            self.command()
        self.clock.us += CONVERSION_US
        return self.read()


def test_by_hand() -> None:
    """30 mmHg of 5 psi: 1638 + 13107 x 0.11602 = 3159 counts; 25 deg C: 2047 x 75 / 200 = 767."""
    assert Bench(Hsc).measure() == (NORMAL, 3159, 767)
    assert Bench(Abp2, 129_287).measure()[2] == 0x5FFFFF


@pytest.mark.parametrize(("model", "transfer"), CASES)
@pytest.mark.parametrize("part", [(0, 258576), (-258575, 258575), (0, 51716)])
def test_transfer_function(model: Any, transfer: str, part: tuple[int, int]) -> None:
    limits = LIMITS[model][transfer]
    for milli_mmhg, counts in zip(part, limits, strict=True):
        assert Bench(model, milli_mmhg, part, transfer=transfer).measure()[1] == counts
    assert abs(Bench(model, sum(part) // 2, part, transfer=transfer).measure()[1] - sum(limits) / 2) <= 1


@pytest.mark.parametrize(("model", "full"), [(Abp2, 0xFFFFFF), (Hsc, 0x7FF)])
def test_temperature(model: Any, full: int) -> None:
    for degc in (-50, 0, 50, 150):
        bench = Bench(model)
        bench.chip.temperature_milli_degc = 1000 * degc
        assert bench.measure()[2] == (degc + 50) * full // 200


@pytest.mark.parametrize(("model", "full"), [(Abp2, 0xFFFFFF), (Hsc, 0x3FFF)])
def test_it_ends_at_its_bits(model: Any, full: int) -> None:
    assert Bench(model, -100_000).measure()[1] == 0
    assert Bench(model, 400_000).measure()[1] == full


def test_abp2_converts_once_a_command_for_5_ms() -> None:
    bench = Bench(Abp2)
    assert bench.read() == (POWERED, 0, 0)
    for other in (b"\xaa\x00", b"\xf0\x00\x00"):
        bench.command(other)
    assert bench.read() == (POWERED, 0, 0)
    before = bench.measure()
    bench.signal.value *= 2
    bench.clock.us += 10 * CONVERSION_US
    assert bench.read() == before
    bench.command()
    begun_us = bench.clock.us
    bench.clock.us = begun_us + CONVERSION_US - 500
    assert bench.read() == (POWERED | BUSY, *before[1:])
    bench.command()  # ignored: the one under way is as long as before
    bench.clock.us = begun_us + CONVERSION_US
    status, pressure, _ = bench.read()
    assert status == POWERED
    assert pressure > before[1]
    assert bench.chip.conversions == 2


def test_abp2_sets_its_status_bits() -> None:
    bench = Bench(Abp2, 600_000)
    bench.chip.memory_error = True
    assert bench.measure()[0] == POWERED | MEMORY | MATH


def test_hsc_says_stale_until_the_next_measurement() -> None:
    bench = Bench(Hsc)
    status, first, _ = bench.measure()
    assert status == NORMAL
    assert bench.read()[:2] == (STALE, first)
    bench.signal.value *= 2
    bench.clock.us += UPDATE_US
    status, second, _ = bench.read()
    assert status == NORMAL
    assert second > first
    bench.chip.stopped = True
    bench.clock.us += 10 * UPDATE_US
    assert bench.read()[:2] == (STALE, second)
    bench.chip.command_mode = True
    assert bench.read()[0] == COMMAND_MODE
    bench.chip.diagnostic = True
    assert bench.read()[0] == DIAGNOSTIC


@pytest.mark.parametrize(("model", "status"), [(Abp2, POWERED), (Hsc, STALE)])
def test_its_words_are_lost_with_its_supply(model: Any, status: int) -> None:
    bench = Bench(model)
    before = bench.measure()
    bench.chip.power_cycle(4000)
    with pytest.raises(OSError, match="5"):
        bench.read()
    bench.clock.us += 4000 + (3000 if model is Abp2 else 0)
    assert bench.read() == (status, 0, 0)
    bench.clock.us += 3000
    assert bench.measure() == before
