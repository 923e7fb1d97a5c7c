"""TCA9548A model: an eight-port multiplexer with one control register. Source: TI datasheet SCPS207F, section 8.5."""

from turgor.mp import const, micropython

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
    """Ports are dictionaries of chips by address; `active` is what answers at present.

    `dead = True` makes it, and with it everything behind it, answer no more.
    """

    def __init__(self) -> None:
        self.control = 0
        self.ports: "list[dict[int, Chip]]" = [{} for _ in range(8)]
        self.active: "dict[int, Chip]" = {}
        self._single = {1 << port: chips for port, chips in enumerate(self.ports)}
        self._dead = False

    @property
    def dead(self) -> bool:
        return self._dead

    @dead.setter
    def dead(self, dead: bool) -> None:
        self._dead = dead
        self._connect()

    def attach(self, port: int, address: int, chip: "Chip") -> None:
        """Put `chip` behind `port`."""
        self.ports[port][address] = chip
        self._connect()

    def power_cycle(self) -> None:
        """Back to the power-on state: no port connected."""
        self.control = 0
        self._connect()

    @micropython.native
    def write(self, buf: bytes) -> None:
        if self._dead:
            raise OSError(_EIO)
        if len(buf):
            control = buf[-1]
            self.control = control
            active = self._single.get(control)
            if active is None:
                self._connect()
            else:
                self.active = active

    def read_into(self, buf: bytearray) -> None:
        if self._dead:
            raise OSError(_EIO)
        for i in range(len(buf)):
            buf[i] = self.control

    def read_register_into(self, register: int, buf: bytearray) -> None:
        """There are no register addresses: the byte is a control byte like any other."""
        self.write(bytes((register,)))
        self.read_into(buf)

    def _connect(self) -> None:
        control = 0 if self._dead else self.control
        if control in self._single:
            self.active = self._single[control]
            return
        active: "dict[int, Chip]" = {}
        for port in range(8):
            if control >> port & 1:
                for address, chip in self.ports[port].items():
                    active[address] = _Clash() if address in active else chip
        self.active = active
