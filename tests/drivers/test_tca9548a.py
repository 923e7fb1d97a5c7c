"""The multiplexer driver on the simulated bus."""

import pytest

from turgor.drivers.tca9548a import Tca9548a
from turgor_host.sim.bus import Bus
from turgor_host.sim.chips.tca9548a import Tca9548a as Model
from turgor_host.sim.clock import Clock


class Chip:
    """Answers with its own number; `dead` ones do not."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.dead = False

    def write(self, buf: bytes) -> None:
        if self.dead:
            raise OSError(5)

    def read_into(self, buf: bytearray) -> None:
        self.write(b"")
        buf[0] = self.number

    def read_register_into(self, register: int, buf: bytearray) -> None:
        self.read_into(buf)


class Wiretap(Bus):
    """Keeps the multiplexer's control bytes."""

    def __init__(self) -> None:
        super().__init__(Clock())
        self.selected: list[int] = []

    def writeto(self, address: int, buf: bytes) -> int:
        if address == 0x70:
            self.selected.append(buf[0])
        return super().writeto(address, buf)


@pytest.fixture
def bus() -> Wiretap:
    return Wiretap()


@pytest.fixture
def model(bus: Wiretap) -> Model:
    model = Model()
    bus.attach(0x70, model)
    for port in range(8):
        model.attach(port, 0x2A, Chip(port))
    return model


def read(port) -> int:
    buf = bytearray(1)
    port.readfrom_mem_into(0x2A, 0x1F, buf)
    return buf[0]


def test_port_3_is_selected_by_bit_3_once(bus: Wiretap, model: Model) -> None:
    port = Tca9548a(bus).port(3)
    assert [read(port), read(port)] == [3, 3]
    assert bus.selected == [0x08]


def test_every_port_reaches_its_own_chip(bus: Wiretap, model: Model) -> None:
    mux = Tca9548a(bus)
    ports = [mux.port(n) for n in range(8)]
    order = [0, 7, 3, 3, 5, 1, 0, 0, 6, 2, 4]
    assert [read(ports[n]) for n in order] == order
    assert len(bus.selected) == 9


def test_all_three_transfers_select(bus: Wiretap, model: Model) -> None:
    mux = Tca9548a(bus)
    buf = bytearray(1)
    mux.port(1).readfrom_into(0x2A, buf)
    assert buf[0] == 1
    assert mux.port(2).writeto(0x2A, b"\x00\x01") == 2
    mux.port(3).readfrom_mem_into(0x2A, 0, buf)
    assert buf[0] == 3
    assert bus.selected == [2, 4, 8]


def test_after_an_error_the_port_is_selected_again(bus: Wiretap, model: Model) -> None:
    mux = Tca9548a(bus)
    port = mux.port(3)
    read(port)
    chip = model.ports[3][0x2A]
    chip.dead = True
    with pytest.raises(OSError, match="5"):
        read(port)
    chip.dead = False
    model.control = 0
    model.power_cycle()
    assert read(port) == 3
    assert bus.selected == [8, 8]


def test_a_dead_multiplexer_is_an_error_every_time(bus: Wiretap, model: Model) -> None:
    port = Tca9548a(bus).port(0)
    model.dead = True
    for _ in range(2):
        with pytest.raises(OSError, match="5"):
            read(port)
    model.dead = False
    assert read(port) == 0


@pytest.mark.parametrize("n", [-1, 8])
def test_port_out_of_range_is_refused(bus: Wiretap, n: int) -> None:
    with pytest.raises(ValueError, match=f"port {n}"):
        Tca9548a(bus).port(n)
