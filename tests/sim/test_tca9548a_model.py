"""The TCA9548A model and the bus, against the datasheet's one register."""

import csv
from pathlib import Path

import pytest

from turgor_host.sim.bus import Bus
from turgor_host.sim.chips.tca9548a import Tca9548a
from turgor_host.sim.clock import Clock

VECTORS = Path(__file__).resolve().parent.parent / "vectors"


class Echo:
    """Answers every read with one byte."""

    def __init__(self, byte: int) -> None:
        self.byte = byte
        self.written: list[bytes] = []

    def write(self, buf: bytes) -> None:
        self.written.append(bytes(buf))

    def read_into(self, buf: bytearray) -> None:
        for i in range(len(buf)):
            buf[i] = self.byte

    def read_register_into(self, register: int, buf: bytearray) -> None:
        self.read_into(buf)


def read(bus: Bus, address: int) -> int:
    buf = bytearray(1)
    bus.readfrom_mem_into(address, 0, buf)
    return buf[0]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def bus(clock: Clock) -> Bus:
    return Bus(clock)


@pytest.fixture
def mux(bus: Bus) -> Tca9548a:
    mux = Tca9548a()
    bus.attach(0x70, mux)
    mux.attach(0, 0x2A, Echo(10))
    mux.attach(3, 0x2A, Echo(13))
    mux.attach(3, 0x28, Echo(23))
    return mux


def test_bit_three_connects_port_three(bus: Bus, mux: Tca9548a) -> None:
    bus.writeto(0x70, b"\x08")
    assert read(bus, 0x2A) == 13


def test_register_table(mux: Tca9548a) -> None:
    (row,) = csv.DictReader((VECTORS / "tca9548a_registers.csv").read_text().splitlines())
    buf = bytearray(1)
    mux.read_into(buf)
    assert buf[0] == int(row["reset"], 16)
    mask = int(row["access"].split()[1], 16)
    for value in range(256):
        mux.write(bytes((value,)))
        mux.read_into(buf)
        assert buf[0] == value & mask


def test_nobody_answers_on_a_port_that_is_off(bus: Bus, mux: Tca9548a) -> None:
    with pytest.raises(OSError, match="5") as error:
        read(bus, 0x2A)
    assert error.value.args == (5,)
    bus.writeto(0x70, b"\x02")
    with pytest.raises(OSError, match="5"):
        read(bus, 0x2A)


def test_last_byte_counts(bus: Bus, mux: Tca9548a) -> None:
    bus.writeto(0x70, b"\x08\x01")
    assert read(bus, 0x2A) == 10


def test_two_ports_at_once(bus: Bus, mux: Tca9548a) -> None:
    bus.writeto(0x70, b"\x09")
    assert read(bus, 0x28) == 23
    with pytest.raises(OSError, match="5"):
        read(bus, 0x2A)  # two chips of one address


def test_dead_multiplexer_hides_what_is_behind_it(bus: Bus, mux: Tca9548a) -> None:
    bus.writeto(0x70, b"\x01")
    mux.dead = True
    for address in (0x70, 0x2A):
        with pytest.raises(OSError, match="5"):
            read(bus, address)
    mux.dead = False
    assert read(bus, 0x2A) == 10


def test_power_cycle_disconnects(bus: Bus, mux: Tca9548a) -> None:
    bus.writeto(0x70, b"\x01")
    mux.power_cycle()
    with pytest.raises(OSError, match="5"):
        read(bus, 0x2A)


@pytest.mark.parametrize(
    ("transfer", "bits"),
    [
        (lambda bus: bus.writeto(0x50, b"\x00"), 2 * 9 + 2),
        (lambda bus: bus.writeto(0x50, bytes(10)), 11 * 9 + 2),
        (lambda bus: bus.readfrom_into(0x50, bytearray(7)), 8 * 9 + 2),
        (lambda bus: bus.readfrom_mem_into(0x50, 0x12, bytearray(3)), 6 * 9 + 3),
        (lambda bus: bus.readfrom_mem_into(0x50, 0x0C, bytearray(48)), 51 * 9 + 3),
    ],
)
def test_wire_time_at_400_khz(bus: Bus, clock: Clock, transfer, bits: int) -> None:
    echo = Echo(0)
    bus.attach(0x50, echo)
    before = clock.us
    transfer(bus)
    # Two address bytes and a repeated start where a register is addressed; half a microsecond goes up.
    assert clock.us - before == -(-bits * 5 // 2)
