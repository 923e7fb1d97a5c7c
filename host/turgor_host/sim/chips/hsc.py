"""HSC and SSC model: a digital pressure sensor that measures by itself about once a millisecond.

Sources: Honeywell datasheets 50099148 and 50099533, technical note 008201, as far as tests/drivers/test_hsc.py says.
Measurements are never stored: which one is the newest follows from the clock.
"""

from turgor.mp import const
from turgor_host.sim.noise import TABLE, put_noisy, salt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from turgor_host.sim.bus import Clock
    from turgor_host.sim.chips.abp2 import Pressure


_EIO = const(5)
_STALE = const(0x80)
_DIAGNOSTIC = const(0xC0)
_FULL = const(0x3FFF)
_MIDDLE = const(0x2000)
_LIMITS = {"A": (1638, 14745), "B": (819, 15565), "C": (819, 13926), "F": (655, 15401)}
_TEMPERATURE_FULL = const(0x7FF)
# -50 to 150 deg C over the full counts.
_ZERO_MILLI_DEGC = const(-50000)
_SPAN_MILLI_DEGC = const(200000)
_UPDATE_US = const(1000)
_START_UP_US = const(3000)


class Hsc:
    """The chip with `pressure` (micro-mmHg) on its port, ranged `low_milli_mmhg` to `high_milli_mmhg`.

    Attributes to change at any time: `dead` (answers no more), `deaf` (so many more transfers are not acknowledged),
    `stopped` (measures no more: stale), `stuck` (every measurement gives the code read last), `diagnostic`,
    `command_mode`, `temperature_milli_degc`, `noise_lsb` (rms).
    """

    def __init__(
        self,
        clock: "Clock",
        pressure: "Pressure",
        low_milli_mmhg: int,
        high_milli_mmhg: int,
        *,
        transfer: str = "A",
        noise_lsb: int = 1,
        seed: int = 1,
    ) -> None:
        self.clock = clock
        self.pressure = pressure
        self.temperature_milli_degc = 25000
        self.noise_lsb = noise_lsb
        self.dead = False
        self.deaf = 0
        self.stopped = False
        self.stuck = False
        self.diagnostic = False
        self.command_mode = False
        self._low = low_milli_mmhg
        self._high = high_milli_mmhg
        self._limits = _LIMITS[transfer]
        self._salt = salt(seed)
        self._powered_us = -_START_UP_US
        # The measurement read last, since the supply came.
        self._read = 0
        self._words = bytearray(4)
        self._scratch = bytearray(3)

    def power_cycle(self, off_us: int = 0) -> None:
        """Supply off for `off_us` from now on and on again: stale until the first measurement has ended."""
        self._powered_us = self.clock.us + off_us
        self._read = 0
        for i in range(4):
            self._words[i] = 0

    def write(self, buf: bytes) -> None:
        """A command is for the first milliseconds after power-up only; later ones are acknowledged and ignored."""
        self._answer()

    def read_into(self, buf: bytearray) -> None:
        self._answer()
        newest = (self.clock.us - self._powered_us - _START_UP_US) // _UPDATE_US + 1
        is_new = newest > self._read and not self.stopped
        if is_new:
            self._read = newest
            if not self.stuck:
                self._measure(newest)
        words = self._words
        status = 0 if is_new else _STALE
        if self.command_mode:
            status = 0x40
        if self.diagnostic:
            status = _DIAGNOSTIC
        for i in range(len(buf)):
            buf[i] = words[i] if i < 4 else 0
        if len(buf):
            buf[0] |= status

    def read_register_into(self, register: int, buf: bytearray) -> None:
        """There are no registers."""
        self.write(bytes((register,)))
        self.read_into(buf)

    def _answer(self) -> None:
        if self.deaf:
            self.deaf -= 1
            raise OSError(_EIO)
        if self.dead or self.clock.us < self._powered_us:
            raise OSError(_EIO)

    def _measure(self, number: int) -> None:
        t_us = self._powered_us + _START_UP_US + (number - 1) * _UPDATE_US
        low, high = self._limits
        span = 1000 * (self._high - self._low)
        counts = low + (2 * (self.pressure.at(t_us) - 1000 * self._low) * (high - low) + span) // (2 * span)
        code = put_noisy(self._scratch, 0, 0, counts - _MIDDLE, _MIDDLE - 1, number, self._salt, self.noise_lsb, TABLE)
        counts = code + _MIDDLE
        words = self._words
        words[0] = counts >> 8
        words[1] = counts & 255
        counts = (self.temperature_milli_degc - _ZERO_MILLI_DEGC) * _TEMPERATURE_FULL // _SPAN_MILLI_DEGC
        counts = min(max(counts, 0), _TEMPERATURE_FULL) << 5
        words[2] = counts >> 8
        words[3] = counts & 255
