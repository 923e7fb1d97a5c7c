"""The models of TMP117 and LIS3DH against tables of their datasheets.

TMP117: TI's datasheet SNOSD82D (September 2022). Register map, reset values and the result register are from its
section 7.6, the result's codes from table 7-1. The bits of the configuration and unlock registers, the table of
conversion cycles and the times (power-up 1.5 ms, soft reset 2 ms, EEPROM programming 7 ms, conversion 15.5 ms, 13 to
17.5) could not be read there; the bits and the reset's time stand so in several public drivers that quote it, the other
times are unconfirmed. The reset values of EEPROM1 to 3 differ from chip to chip and stand as 0.

LIS3DH: ST's datasheet DocID17530 Rev 2 (December 2016). Read there: operating modes and turn-on times (tables 10 to
12), the meaning of zero-g level and sensitivity; in Rev 1 and in the sister chip LIS2DH's, which has the same
registers: the status bits and the left-justified outputs. The register addresses, reset values, the bits of CTRL_REG1,
4 and 5, the identity and the sensitivity of 1 milli-g a digit (table 4) could not be read there; they stand so in
several public drivers that quote it. The boot time of 5 ms, the reset values 0x10 of CTRL_REG0 and 0x20 of
FIFO_SRC_REG, and that BOOT resets the control registers are unconfirmed; the driver relies on none of them.
"""

from itertools import pairwise

import pytest
from driver_bench import Signal

from turgor.drivers.lis3dh import milli_g
from turgor_host.sim.bus import Bus
from turgor_host.sim.chips.lis3dh import Lis3dh
from turgor_host.sim.chips.tmp117 import Tmp117
from turgor_host.sim.clock import Clock

# Register, address, value after reset, bits that a write changes (bit 1 of the configuration acts and reads as 0).
TMP117_REGISTERS = [
    ("Temp_Result", 0x00, 0x8000, 0x0000),
    ("Configuration", 0x01, 0x0220, 0x0FFC),
    ("THigh_Limit", 0x02, 0x6000, 0xFFFF),
    ("TLow_Limit", 0x03, 0x8000, 0xFFFF),
    ("EEPROM_UL", 0x04, 0x0000, 0x8000),
    ("EEPROM1", 0x05, 0x0000, 0xFFFF),
    ("EEPROM2", 0x06, 0x0000, 0xFFFF),
    ("Temp_Offset", 0x07, 0x0000, 0xFFFF),
    ("EEPROM3", 0x08, 0x0000, 0xFFFF),
    ("Device_ID", 0x0F, 0x0117, 0x0000),
]
# Micro-degC by code.
TABLE_7_1 = {
    0x8000: -256_000_000,
    0xF380: -25_000_000,
    0xFFF0: -125_000,
    0xFFFF: -7_812.5,
    0x0000: 0,
    0x0001: 7_812.5,
    0x0010: 125_000,
    0x0080: 1_000_000,
    0x0C80: 25_000_000,
    0x3200: 100_000_000,
    0x7FFF: 255_992_187.5,
}
# Register, address, value after reset, whether it can be written.
LIS3DH_REGISTERS = [
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
ADDRESS = 0x48
SKIN_MILLI_DEGC, SKIN_CODE = 36_625, 4688
# A leg lying with its foot rolled outwards; one axis negative, and no two bytes alike.
LYING = (-345, 87, 934)


class Motion:
    """A constant acceleration, or one that rises by `rise` milli-g a second along every axis."""

    rise = 0

    def at(self, t_us: int) -> tuple[int, int, int]:
        more = self.rise * t_us // 1_000_000
        return LYING[0] + more, LYING[1] + more, LYING[2] + more


class Bench:
    """A chip alone."""

    def __init__(self, is_thermometer: bool) -> None:
        self.clock = Clock()
        self.bus = Bus(self.clock)
        self.warmth = Signal(SKIN_MILLI_DEGC)
        self.motion = Motion()
        self.chip = Tmp117(self.clock, self.warmth) if is_thermometer else Lis3dh(self.clock, self.motion)
        self.bus.attach(ADDRESS, self.chip)
        self.clock.us = 5000

    def read(self, register: int, count: int = 1) -> bytes:
        buf = bytearray(count)
        self.bus.readfrom_mem_into(ADDRESS, register, buf)
        return bytes(buf)

    def write(self, register: int, *values: int) -> None:
        self.bus.writeto(ADDRESS, bytes((register, *values)))

    def word(self, register: int) -> int:
        return int.from_bytes(self.read(register, 2), "big")

    def write_word(self, register: int, value: int) -> None:
        self.write(register, value >> 8, value & 0xFF)


@pytest.fixture
def warm() -> Bench:
    return Bench(True)


@pytest.fixture
def moved() -> Bench:
    return Bench(False)


def test_by_hand(warm: Bench, moved: Bench) -> None:
    """36.625 degC are 36 x 128 + 80 codes of 7.8125 milli-degC; 934 milli-g are 0x3A6 digits at the upper end."""
    warm.clock.us = 2_000_000
    assert warm.word(0x00) == 36 * 128 + 80
    moved.write(0x23, 0x88)
    moved.write(0x20, 0x27)
    moved.clock.us = 2_000_000
    assert moved.read(0xAC, 2) == b"\x60\x3a"


# The thermometer.


@pytest.mark.parametrize(("name", "address", "reset", "mask"), TMP117_REGISTERS, ids=[r[0] for r in TMP117_REGISTERS])
def test_tmp117_has_the_register(warm: Bench, name: str, address: int, reset: int, mask: int) -> None:
    assert warm.word(address) == reset
    for value in (0xFFFD, 0x5555, 0xA0A8, 0x0000):
        warm.write_word(address, value)
        # Bits 14 to 12 of the configuration and bit 14 of the unlock register are flags.
        flags = {0x01: 0xF000, 0x04: 0x4000}.get(address, 0)
        assert warm.word(address) & ~flags == (reset & ~mask & ~flags) | (value & mask)


@pytest.mark.parametrize("code", TABLE_7_1)
def test_tmp117_gives_the_tables_codes(warm: Bench, code: int) -> None:
    warm.warmth.value = round(TABLE_7_1[code] / 1000)
    warm.clock.us += 2_000_000
    assert warm.word(0x00) == code


@pytest.mark.parametrize(("configuration", "cycle_us"), [(0x0220, 1_000_000), (0x01A0, 500_000)])
def test_tmp117_converts_by_itself(warm: Bench, configuration: int, cycle_us: int) -> None:
    warm.write_word(0x01, configuration)
    begun = 1500 if configuration == 0x0220 else warm.clock.us
    ready = []
    while warm.clock.us < 3_000_000:
        warm.clock.us += 1000
        if warm.word(0x01) & 0x2000:  # which clears it
            ready.append(warm.clock.us)
    for k, seen in enumerate(ready):
        assert abs(seen - begun - 124_000 - k * cycle_us) < 2500
    assert len(ready) == (2_875_000 - begun) // cycle_us + 1


def test_tmp117_clears_data_ready_when_the_result_is_read(warm: Bench) -> None:
    warm.clock.us += 200_000
    warm.word(0x00)
    assert not warm.word(0x01) & 0x2000


def test_tmp117_resets_and_forgets(warm: Bench) -> None:
    warm.write_word(0x07, 0x0100)
    warm.write_word(0x01, 0x0222)
    assert warm.word(0x01) & 0x1000
    warm.clock.us += 2000
    assert [warm.word(register) for register in (0x00, 0x01, 0x07)] == [0x8000, 0x0220, 0]


def test_tmp117_programs_its_eeprom_only_unlocked(warm: Bench) -> None:
    warm.write_word(0x07, 0x0100)
    warm.chip.power_cycle()
    warm.clock.us += 2000
    assert warm.word(0x07) == 0
    warm.write_word(0x04, 0x8000)
    warm.write_word(0x07, 0x0100)
    assert warm.word(0x01) & 0x1000
    assert warm.word(0x04) & 0x4000
    warm.clock.us += 7000
    warm.chip.power_cycle()
    warm.clock.us += 200_000
    assert warm.word(0x07) == 0x0100
    assert warm.word(0x00) == SKIN_CODE + 0x0100


# The accelerometer.


@pytest.mark.parametrize(("name", "address", "reset", "can"), LIS3DH_REGISTERS, ids=[r[0] for r in LIS3DH_REGISTERS])
def test_lis3dh_has_the_register(moved: Bench, name: str, address: int, reset: int, can: bool) -> None:
    assert moved.read(address) == bytes((reset,))
    for value in (0x7F, 0x55, 0x2A, 0x00):
        moved.write(address, value)
        assert moved.read(address)[0] == (value if can else reset)


def test_lis3dh_increments_only_when_told(moved: Bench) -> None:
    moved.write(0xA0, 0x07, 0x01, 0x02)
    assert moved.read(0xA0, 3) == b"\x07\x01\x02"
    assert moved.read(0x20, 3) == b"\x07\x07\x07"
    moved.write(0x20, 0x07, 0x01, 0x02)
    assert moved.read(0xA0, 3) == b"\x02\x01\x02"


@pytest.mark.parametrize(("odr", "rate"), [(1, 1), (2, 10), (3, 25), (4, 50), (5, 100), (6, 200), (7, 400), (9, 1344)])
def test_lis3dh_keeps_the_rates(moved: Bench, odr: int, rate: int) -> None:
    moved.write(0x23, 0x88)
    moved.write(0x20, odr << 4 | 7)
    begun = moved.clock.us
    moved.clock.us = begun + 1_000_000 // rate - 300
    assert moved.read(0x27) == b"\x00"
    moved.clock.us = begun + 1_000_000 // rate + 100
    assert moved.read(0x27) == b"\x0f"
    moved.clock.us = begun + 2_000_000 // rate + 100
    assert moved.read(0x27) == b"\xff"  # overrun
    moved.read(0xA8, 6)
    assert moved.read(0x27) == b"\x00"


def test_lis3dh_is_off_after_reset(moved: Bench) -> None:
    moved.clock.us += 10_000_000
    assert moved.read(0xA7, 7) == bytes(7)


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
def test_lis3dh_justifies_left(moved: Bench, ctrl_reg1: int, ctrl_reg4: int, x: bytes, z: bytes) -> None:
    moved.write(0x23, ctrl_reg4)
    moved.write(0x20, ctrl_reg1)
    moved.clock.us += 2_000_000
    out = moved.read(0xA8, 6)
    assert (out[:2], out[4:]) == (x, z)


@pytest.mark.parametrize(("ctrl_reg4", "whole"), [(0x88, True), (0x08, False)])
def test_lis3dh_tears_without_block_data_update(moved: Bench, ctrl_reg4: int, whole: bool) -> None:
    moved.motion.rise = 10  # 1 milli-g a sample: the high byte changes at every sixteenth
    moved.write(0x23, ctrl_reg4)
    moved.write(0x20, 0x27)
    moved.clock.us += 1_000_000
    read = []
    for _ in range(32):
        moved.clock.us += 100_000 - 211  # the read takes so long
        out = moved.read(0xA8, 6)
        read.append(milli_g(out[4], out[5]))
    steps = {after - before for before, after in pairwise(read)}
    assert steps == ({1} if whole else {1, -15, 17})


def test_lis3dh_settles_in_seven_samples(moved: Bench) -> None:
    moved.write(0x23, 0x88)
    moved.write(0x20, 0x27)
    begun = moved.clock.us
    for k in range(1, 10):
        moved.clock.us = begun + 100_000 * k + 100
        out = moved.read(0xA8, 6)
        assert (milli_g(out[4], out[5]) == LYING[2]) == (k > 7)
