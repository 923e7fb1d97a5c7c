"""A virtual SPI bus and the chips on it, each behind its select line: what the firmware uses of `turgor.boards`.

Every transfer advances the clock by its time on the wire at 1 MHz. There is no acknowledge: where no chip answers, the
line reads all ones or all zeros, by the resistor on it.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from turgor_host.sim.bus import Clock

    class SpiChip(Protocol):
        """A model that takes the bytes of one transfer and fills `into` with what it sends meanwhile."""

        def transfer(self, out: bytes, into: bytearray) -> None: ...


_BYTE_US = 8
# The select line, before and after.
_FRAME_US = 2


class Selected:
    """One chip on a bus: what a board's `select` gives."""

    def __init__(self, bus: "SpiBus", chip: "SpiChip") -> None:
        self._bus = bus
        self._chip = chip

    def write(self, buf: bytes) -> None:
        self._bus.transfer(self._chip, buf, bytearray(len(buf)))

    def write_readinto(self, out: bytes, into: bytearray) -> None:
        """Send `out` and fill `into`, which are of one length."""
        self._bus.transfer(self._chip, out, into)


class SpiBus:
    """Moves the clock by what its transfers take."""

    def __init__(self, clock: "Clock") -> None:
        self.clock = clock

    def transfer(self, chip: "SpiChip", out: bytes, into: bytearray) -> None:
        if len(out) != len(into):
            raise ValueError("buffers must be the same length")
        self.clock.us += _BYTE_US * len(out) + _FRAME_US
        chip.transfer(out, into)
