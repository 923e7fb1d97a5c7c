"""TCA9548A model: an eight-port multiplexer with one control register. Source: TI datasheet SCPS207F, section 8.5."""

from turgor.mp import const, micropython
from turgor_host.sim.bus import ADDRESSES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from turgor_host.sim.bus import Chip

_EIO = const(5)


class _Clash:
    """Two chips of one address on enabled ports drive the wire against each other; the model does not acknowledge."""

    def write(self, buf: bytes) -> None:
        raise OSError(_EIO)

    def read_into(self, buf: bytearray) -> None:
        raise OSError(_EIO)

    def read_register_into(self, register: int, buf: bytearray) -> None:
        raise OSError(_EIO)


class Tca9548a:
    """Ports are dictionaries of chips by address; `active` is what answers at present, as a list by address.

    `dead = True` makes it, and with it everything behind it, answer no more.
    """

    def __init__(self) -> None:
        self.dead = False
        self.control = 0
        self.ports: "list[dict[int, Chip]]" = [{} for _ in range(8)]
        # What answers, by control byte; None where it was not asked for yet.
        self._connections: "list[list[Chip | None] | None]" = [None] * 256
        self.active = self._connected(0)

    def attach(self, port: int, address: int, chip: "Chip") -> None:
        """Put `chip` behind `port`."""
        self.ports[port][address] = chip
        self._connections = [None] * 256
        self.active = self._connected(self.control)

    def power_cycle(self) -> None:
        """Back to the power-on state: no port connected."""
        self.control = 0
        self.active = self._connected(0)

    @micropython.native
    def write(self, buf: bytes) -> None:
        if self.dead:
            raise OSError(_EIO)
        if buf:
            control = buf[-1]
            self.control = control
            active = self._connections[control]
            self.active = self._connected(control) if active is None else active

    def read_into(self, buf: bytearray) -> None:
        if self.dead:
            raise OSError(_EIO)
        for i in range(len(buf)):
            buf[i] = self.control

    def read_register_into(self, register: int, buf: bytearray) -> None:
        """There are no register addresses: the byte is a control byte like any other."""
        self.write(bytes((register,)))
        self.read_into(buf)

    def _connected(self, control: int) -> "list[Chip | None]":
        active: "list[Chip | None]" = [None] * ADDRESSES
        for port in range(8):
            if control >> port & 1:
                for address, chip in self.ports[port].items():
                    active[address] = chip if active[address] is None else _Clash()
        self._connections[control] = active
        return active
