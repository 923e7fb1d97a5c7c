"""The converter that measures a Pico's supply: 12 bits of its third against 3.3 V, as 16 bits.

Source: Raspberry Pi Pico datasheet (VSYS / 3 on the RP2040's fourth input) and MicroPython, which repeats the upper
bits below. Noise is one step of the converter, up and down in turn.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from turgor_host.sim.bus import Clock
    from turgor_host.sim.signal import Track


class Vsys:
    """Reads `supply` (mV over time); `dead`: its pin is tied to ground."""

    def __init__(self, clock: "Clock", supply: "Track") -> None:
        self.dead = False
        self._clock = clock
        self._supply = supply
        self._noise = 0

    def read_u16(self) -> int:
        self._noise = 1 - self._noise
        mv = 0 if self.dead else self._supply.at(self._clock.us)
        code = min(max(mv * 4096 // 9900 + self._noise, 0), 4095)
        return code << 4 | code >> 8
