"""LIS3DH model: a three-axis accelerometer. Source: ST datasheet DocID17530 Rev 2 (December 2016).

Stricter than the datasheet: without block data update every read tears, low bytes from the newest sample and high ones
from the sample before; a reboot takes all registers back to their reset values. Not modelled: FIFO, interrupts,
high-pass, self-test, the auxiliary converter.
"""

from turgor.mp import const
from turgor_host.sim.chips.registers import RegisterChip

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from turgor_host.sim.bus import Clock

    class Motion(Protocol):
        """What the chip feels."""

        def at(self, t_us: int) -> "tuple[int, int, int]":
            """Acceleration along x, y and z at the absolute time `t_us`, in milli-g."""


_WHO_AM_I = const(0x0F)
_CTRL_REG1 = const(0x20)
_CTRL_REG4 = const(0x23)
_CTRL_REG5 = const(0x24)
_STATUS_REG = const(0x27)
_OUT_X_L = const(0x28)
_OUT_Z_H = const(0x2D)
_SIZE = const(0x40)
_INCREMENT = const(0x80)

_LPEN = const(0x08)
_BDU = const(0x80)
_HR = const(0x08)
_BOOT = const(0x80)

_RESET = {0x0F: 0x33, 0x1E: 0x10, 0x20: 0x07, 0x2F: 0x20}
_FIRST_WRITABLE = const(0x1E)
_READ_ONLY = (0x27, 0x28, 0x29, 0x2A, 0x2B, 0x2C, 0x2D, 0x2F, 0x31, 0x35, 0x39)
# Hz by ODR; 8 exists in low power only.
_RATES = (0, 1, 10, 25, 50, 100, 200, 400, 0, 1344, 0, 0, 0, 0, 0, 0)
# Milli-g a digit of 12 bit by FS.
_SENSITIVITY = (1, 2, 4, 12)
_BOOT_US = const(5000)
_SETTLING = const(7)


class Lis3dh(RegisterChip):
    """The chip that feels `motion`; `period_ppm` is its oscillator's error.

    Attributes to change at any time, beside those of every RegisterChip: `identity`, `stopped` (no samples any more),
    `forced` (what it feels instead, or None).
    """

    def __init__(self, clock: "Clock", motion: "Motion", *, period_ppm: int = 0) -> None:
        super().__init__(clock)
        self.motion = motion
        self.identity = 0x33
        self.forced: "tuple[int, int, int] | None" = None
        self._rate_ppm = 1000000 + period_ppm
        self._stopped = False
        self._registers = bytearray(_SIZE)
        self._start_us = 0
        self._boot_us = 0
        self._read_k = 0
        self._reset()

    def power_cycle(self) -> None:
        """Supply off and on again."""
        self._reset()

    @property
    def stopped(self) -> bool:
        return self._stopped

    @stopped.setter
    def stopped(self, stopped: bool) -> None:
        if stopped != self._stopped:
            self._stopped = stopped
            self._restart()

    def _reset(self) -> None:
        for register in range(_SIZE):
            self._registers[register] = _RESET.get(register, 0)
        self._boot_us = self.clock.us + _BOOT_US
        self._restart()

    def _restart(self) -> None:
        self._start_us = self.clock.us
        self._read_k = 0

    def _store(self, buf: bytes) -> None:
        for i in range(1, len(buf)):
            register = self._at(buf[0], i - 1)
            if register < _FIRST_WRITABLE or register in _READ_ONLY or self.clock.us < self._boot_us:
                continue
            if register == _CTRL_REG5 and buf[i] & _BOOT:
                self._reset()
                continue
            before = self._registers[register]
            self._registers[register] = buf[i]
            if register in (_CTRL_REG1, _CTRL_REG4) and before != buf[i]:
                self._restart()

    def _at(self, register: int, i: int) -> int:
        at: int = (register + i if register & _INCREMENT else register) & (_SIZE - 1)
        return at

    def _value(self, register: int, i: int) -> int:
        register = self._at(register, i)
        value: int = self._registers[register]
        if register == _WHO_AM_I:
            return self.identity
        if register == _CTRL_REG5 and self.clock.us < self._boot_us:
            value |= _BOOT
        if register == _STATUS_REG:
            unread = self._finished() - self._read_k
            value = (0x0F if unread > 0 else 0) | (0xF0 if unread > 1 else 0)
        if _OUT_X_L <= register <= _OUT_Z_H:
            return self._output(register)
        return value

    def _period(self) -> int:
        """Millionths of a microsecond from sample to sample; 0 when there are none."""
        rate = _RATES[self._registers[_CTRL_REG1] >> 4]
        return 0 if self._stopped or not rate else 1000000 * self._rate_ppm // rate

    def _finished(self) -> int:
        """Samples since the present run began."""
        period = self._period()
        return (self.clock.us - self._start_us) * 1000000 // period if period else 0

    def _output(self, register: int) -> int:
        k = self._finished()
        is_high = register & 1
        if register == _OUT_Z_H:
            self._read_k = k
        if is_high and not self._registers[_CTRL_REG4] & _BDU:
            k -= 1
        if k <= 0:
            return 0
        axis = (register - _OUT_X_L) >> 1
        if not self._registers[_CTRL_REG1] >> axis & 1:
            return 0
        felt = (self.forced or self.motion.at(self._start_us + k * self._period() // 1000000))[axis]
        digits = felt // _SENSITIVITY[self._registers[_CTRL_REG4] >> 4 & 3]
        if k <= _SETTLING:
            digits = digits * k // (_SETTLING + 1)
        word = max(-2048, min(2047, digits)) << 4
        if self._registers[_CTRL_REG1] & _LPEN:
            word &= 0xFF00
        elif not self._registers[_CTRL_REG4] & _HR:
            word &= 0xFFC0
        return word >> 8 & 0xFF if is_high else word & 0xFF
