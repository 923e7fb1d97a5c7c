"""What register models share: a register pointer, and the faults of the wire."""

from turgor.mp import const

TYPE_CHECKING = False
if TYPE_CHECKING:
    from turgor_host.sim.bus import Clock

_EIO = const(5)


class RegisterChip:
    """A chip with a register pointer; a model gives `_store`, what a write does, and `_value`, the bytes of a read.

    Attributes to change at any time: `dead` (answers no more), `naks` (so many transfers to come break off after their
    first byte), `line` (0 or 255 for a data line that is held: every byte reads so; else None).
    """

    def __init__(self, clock: "Clock") -> None:
        self.clock = clock
        self.dead = False
        self.naks = 0
        self.line: "int | None" = None
        self._pointer = 0

    def write(self, buf: bytes) -> None:
        if self.dead:
            raise OSError(_EIO)
        if buf:
            self._pointer = buf[0]
            self._break_off()
            self._store(buf)

    def read_into(self, buf: bytearray) -> None:
        self.read_register_into(self._pointer, buf)

    def read_register_into(self, register: int, buf: bytearray) -> None:
        if self.dead:
            raise OSError(_EIO)
        self._pointer = register
        if self.naks:
            buf[0] = self._value(register, 0)
        self._break_off()
        for i in range(len(buf)):
            # The chip does not know that nobody hears it.
            value = self._value(register, i)
            buf[i] = value if self.line is None else self.line

    def _break_off(self) -> None:
        if self.naks:
            self.naks -= 1
            raise OSError(_EIO)

    def _store(self, buf: bytes) -> None:
        """Take a write in: register address and data."""
        raise NotImplementedError  # MicroPython, which runs this too, has no abstract methods

    def _value(self, register: int, i: int) -> int:
        """Byte `i` of a read from `register` on."""
        raise NotImplementedError  # as above
