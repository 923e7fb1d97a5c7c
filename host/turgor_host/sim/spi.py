"""A virtual SPI bus: the part of `machine.SPI` that the firmware uses, and the select lines of its chips.

Every transfer advances the clock by its time on the wire at 1 MHz. There is no acknowledge: where no chip is selected,
the line reads all ones.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Protocol

    from turgor_host.sim.bus import Clock

    class SpiChip(Protocol):
        """A model that takes the bytes of one transfer and fills `into` with what it sends meanwhile."""

        def transfer(self, out: bytes, into: bytearray) -> None: ...


_BYTE_US = 8
# The select line, before and after.
_FRAME_US = 2


class SpiBus:
    """Chips, each behind the line that `attach` gives."""

    def __init__(self, clock: "Clock") -> None:
        self.clock = clock
        self._selected: "list[SpiChip]" = []

    def attach(self, chip: "SpiChip") -> "Callable[[int], None]":
        """Put `chip` on the bus; what is given drives its select line, 0 for selected."""

        def select(level: int) -> None:
            if level:
                self._selected.remove(chip)
            else:
                self._selected.append(chip)

        return select

    def write(self, buf: bytes) -> None:
        self.write_readinto(buf, bytearray(len(buf)))

    def write_readinto(self, out: bytes, into: bytearray) -> None:
        """Send `out` and fill `into`, which are of one length."""
        if len(out) != len(into):
            raise ValueError("buffers must be the same length")
        if len(self._selected) > 1:
            raise ValueError("two chips are selected")
        self.clock.us += _BYTE_US * len(out) + _FRAME_US
        for i in range(len(into)):
            into[i] = 255
        for chip in self._selected:
            chip.transfer(out, into)
