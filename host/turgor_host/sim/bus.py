"""A virtual I2C bus: the part of `machine.I2C` that the firmware uses, over chip models.

Every transfer advances the clock by its time on the wire at 400 kHz: 9 bits a byte, address bytes included, and the
start, repeated start and stop conditions. An address that nobody answers raises OSError(5), as on a board.
"""

from turgor.mp import const, micropython

TYPE_CHECKING = False  # the name that type checkers take for true; MicroPython has no typing
if TYPE_CHECKING:
    from typing import Any, Protocol

    class Clock(Protocol):
        """Absolute microseconds since the board's start; never wraps."""

        us: int

    class Chip(Protocol):
        """A model that answers at one address; it raises OSError(5) where the chip would not acknowledge."""

        def write(self, buf: bytes) -> None: ...

        def read_into(self, buf: bytearray) -> None: ...

        def read_register_into(self, register: int, buf: bytearray) -> None:
            """What `write` of the register address and `read_into` would do, in one call: the simulator's hot path."""


# Half microseconds: 2.5 us a bit, 9 bits a byte.
_BYTE_HALF_US = const(45)
# Address byte, start and stop; rounded up to whole microseconds when halved.
_FRAME_HALF_US = const(45 + 10 + 1)
# Two address bytes, the register, start, repeated start and stop.
_REGISTER_FRAME_HALF_US = const(3 * 45 + 15 + 1)
_EIO = const(5)
_ETIMEDOUT = const(110)
_FREE_US = const(400)
_TIMEOUT_US = const(1400)
ADDRESSES = const(128)


class Bus:
    """Chips on the bus itself and on the enabled ports of the multiplexers on it.

    A multiplexer is a chip with attributes `dead` and `active`, the list of what answers on its enabled ports at each
    of the 128 addresses, None where nobody does. A chip on the bus itself hides one of the same address behind a
    multiplexer. Between `hold` and `release` somebody holds a line low: every transfer ends in a time-out.
    """

    def __init__(self, clock: "Clock") -> None:
        self.clock = clock
        self.held = False
        self._chips: "list[Chip | None]" = [None] * ADDRESSES
        self._connected = self._chips
        self._muxes: "list[Any]" = []

    def hold(self) -> None:
        self.held = True
        self._chips, self._connected = [None] * ADDRESSES, self._chips

    def release(self) -> None:
        self.held = False
        self._chips = self._connected

    def low(self) -> bool:
        """The look at the wires that `turgor.boards.buses.Lines` gives."""
        return self.held

    def free(self) -> None:
        """Nine clocks, a stop condition and a new I2C object, as a board does."""
        self.clock.us += _FREE_US

    def attach(self, address: int, chip: "Chip") -> None:
        """Put `chip` on the bus; one already at that address is replaced."""
        self._chips[address] = chip
        if hasattr(chip, "active"):
            self._muxes.append(chip)

    def at(self, address: int) -> "Chip":
        """The chip that answers at `address` now; OSError(5) where none does."""
        return self._chips[address] or self._behind(address)

    @micropython.native
    def writeto(self, address: int, buf: bytes) -> int:
        """Write `buf`; returns the number of acknowledged bytes."""
        n = len(buf)
        self.clock.us += (_BYTE_HALF_US * n + _FRAME_HALF_US) >> 1
        chip = self._chips[address]
        if chip is None:
            chip = self._behind(address)
        chip.write(buf)
        return n

    def readfrom_into(self, address: int, buf: bytearray) -> None:
        """Fill `buf` from the chip's register pointer on."""
        self.clock.us += (_BYTE_HALF_US * len(buf) + _FRAME_HALF_US) >> 1
        chip = self._chips[address]
        if chip is None:
            chip = self._behind(address)
        chip.read_into(buf)

    @micropython.native
    def readfrom_mem_into(self, address: int, register: int, buf: bytearray) -> None:
        """Fill `buf` from `register` on, in one transaction with a repeated start."""
        self.clock.us += (_BYTE_HALF_US * len(buf) + _REGISTER_FRAME_HALF_US) >> 1
        chip = self._chips[address]
        if chip is None:
            chip = self._behind(address)
        chip.read_register_into(register, buf)

    @micropython.native
    def _behind(self, address: int) -> "Chip":
        if self.held:
            self.clock.us += _TIMEOUT_US
            raise OSError(_ETIMEDOUT)
        for mux in self._muxes:
            chip: "Chip | None" = mux.active[address]
            if chip is not None and not mux.dead:
                return chip
        raise OSError(_EIO)
