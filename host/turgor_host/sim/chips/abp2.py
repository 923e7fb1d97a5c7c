"""ABP2 model: a digital pressure and temperature sensor that converts when it is told to.

Sources: Honeywell datasheet 32350268, as far as tests/drivers/test_abp2.py says. The two words belong to the moment the
conversion began. Stricter than the datasheet: an answer during a conversion carries the words of the one before, and
after a loss of supply there are none: zeros with a sound status.
"""

from turgor.mp import const
from turgor_host.sim.noise import TABLE, put_noisy, salt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from turgor_host.sim.bus import Clock

    class Pressure(Protocol):
        """What lies on the port."""

        def at(self, t_us: int) -> int:
            """Micro-mmHg at the absolute time `t_us`."""


_EIO = const(5)
_MEASURE = const(0xAA)
_POWERED = const(0x40)
_BUSY = const(0x20)
_MEMORY = const(0x04)
_MATH = const(0x01)
_FULL = const(0xFFFFFF)
_MIDDLE = const(0x800000)
_LIMITS = {"A": (1677722, 15099494), "B": (5033165, 11744051)}
# -50 to 150 deg C over the full counts.
_ZERO_MILLI_DEGC = const(-50000)
_SPAN_MILLI_DEGC = const(200000)
# What the supply's return takes until the chip answers; the datasheet's figure is not known here.
_START_UP_US = const(3000)


class Abp2:
    """The chip with `pressure` on its port, ranged `low_milli_mmhg` to `high_milli_mmhg`.

    Attributes to change at any time: `dead` (answers no more), `deaf` (so many more transfers are not acknowledged),
    `never_ready` (conversions do not end), `stuck` (every conversion repeats the last), `memory_error`,
    `temperature_milli_degc`, `noise_lsb` (rms, of both words), `extra_status` (bits that the status has besides).
    """

    def __init__(
        self,
        clock: "Clock",
        pressure: "Pressure",
        low_milli_mmhg: int,
        high_milli_mmhg: int,
        *,
        transfer: str = "A",
        conversion_us: int = 5000,
        noise_lsb: int = 40,
        seed: int = 1,
    ) -> None:
        self.clock = clock
        self.pressure = pressure
        self.temperature_milli_degc = 25000
        self.noise_lsb = noise_lsb
        self.dead = False
        self.deaf = 0
        self.never_ready = False
        self.stuck = False
        self.memory_error = False
        self.extra_status = 0
        self.conversions = 0
        self._low = low_milli_mmhg
        self._high = high_milli_mmhg
        self._limits = _LIMITS[transfer]
        self._conversion_us = conversion_us
        self._salt = salt(seed)
        self._powered_us = 0
        # The words that can be read, and those of the conversion under way.
        self._words = bytearray(6)
        self._next = bytearray(6)
        self._begun_us = -1
        self._math = False
        self._next_math = False

    def power_cycle(self, off_us: int = 0) -> None:
        """Supply off for `off_us` from now on and on again: the conversion and its words are gone."""
        self._powered_us = self.clock.us + off_us + _START_UP_US
        self._begun_us = -1
        self._math = False
        for i in range(6):
            self._words[i] = 0

    def write(self, buf: bytes) -> None:
        self._answer()
        if len(buf) != 3 or buf[0] != _MEASURE or buf[1] or buf[2]:
            return
        if not self._is_busy():
            self._begun_us = self.clock.us
            self._convert()

    def read_into(self, buf: bytearray) -> None:
        self._answer()
        status = _POWERED | self.extra_status
        if self._is_busy():
            status |= _BUSY
        if self.memory_error:
            status |= _MEMORY
        if self._math:
            status |= _MATH
        for i in range(len(buf)):
            buf[i] = 0
            if i == 0:
                buf[i] = status
            elif i < 7:
                buf[i] = self._words[i - 1]

    def read_register_into(self, register: int, buf: bytearray) -> None:
        """There are no registers: a lone byte is no command."""
        self.write(bytes((register,)))
        self.read_into(buf)

    def _answer(self) -> None:
        if self.deaf:
            self.deaf -= 1
            raise OSError(_EIO)
        if self.dead or self.clock.us < self._powered_us:
            raise OSError(_EIO)

    def _is_busy(self) -> bool:
        if self._begun_us < 0:
            return False
        if self.never_ready or self.clock.us < self._begun_us + self._conversion_us:
            return True
        self._begun_us = -1
        if not self.stuck:
            self._words[:] = self._next
            self._math = self._next_math
        return False

    def _convert(self) -> None:
        low, high = self._limits
        self.conversions += 1
        # In micro-mmHg: rounded to the nearest count.
        span = 1000 * (self._high - self._low)
        counts = low + (2 * (self.pressure.at(self.clock.us) - 1000 * self._low) * (high - low) + span) // (2 * span)
        self._next_math = not 0 <= counts <= _FULL
        number = 2 * self.conversions
        self._put(0, counts, number)
        counts = (self.temperature_milli_degc - _ZERO_MILLI_DEGC) * _FULL // _SPAN_MILLI_DEGC
        self._put(3, counts, number + 1)

    def _put(self, at: int, counts: int, number: int) -> None:
        """Write noisy counts, clipped to 24 bits without a sign."""
        put_noisy(self._next, at, 0, counts - _MIDDLE, _MIDDLE - 1, number, self._salt, self.noise_lsb, TABLE)
        self._next[at] ^= 0x80
