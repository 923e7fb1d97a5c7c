"""A virtual SPI bus with one chip selected: the part of `machine.SPI` that the firmware uses, with its select line.

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


class SpiBus:
    """`chip` behind its select line."""

    def __init__(self, clock: "Clock", chip: "SpiChip") -> None:
        self.clock = clock
        self._chip = chip

    def write(self, buf: bytes) -> None:
        self.write_readinto(buf, bytearray(len(buf)))

    def write_readinto(self, out: bytes, into: bytearray) -> None:
        """Send `out` and fill `into`, which are of one length."""
        if len(out) != len(into):
            raise ValueError("buffers must be the same length")
        self.clock.us += _BYTE_US * len(out) + _FRAME_US
        self._chip.transfer(out, into)
