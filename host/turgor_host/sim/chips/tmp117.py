"""TMP117 model: a thermometer that converts by itself. Source: TI datasheet SNOSD82D (September 2022).

Stricter than the datasheet: a conversion that began before the offset was written still has the old one; bytes beyond a
register's two read as 0xFF. Not modelled: alert flags, one-shot mode (it converts nothing), general-call reset.
"""

from turgor.mp import const
from turgor_host.sim.chips.registers import RegisterChip

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from turgor_host.sim.bus import Clock

    class Warmth(Protocol):
        """What the chip feels."""

        def at(self, t_us: int) -> int:
            """Temperature at the absolute time `t_us`, in milli-degC."""


_RESULT = const(0x00)
_CONFIGURATION = const(0x01)
_UNLOCK = const(0x04)
_OFFSET = const(0x07)
_DEVICE_ID = const(0x0F)

_DATA_READY = const(0x2000)
_EEPROM_BUSY = const(0x1000)
_SOFT_RESET = const(0x02)
_EUN = const(0x8000)
_NO_RESULT = const(0x8000)

# What a write changes, by register; the others are read only.
_WRITABLE = {1: 0x0FFC, 2: 0xFFFF, 3: 0xFFFF, 4: 0x8000, 5: 0xFFFF, 6: 0xFFFF, 7: 0xFFFF, 8: 0xFFFF}

_POWER_UP_US = const(1500)
_RESET_US = const(2000)
_PROGRAMMING_US = const(7000)
_CONVERSION_US = const(15500)
_AVERAGED = (1, 8, 32, 64)
_CYCLES_US = (15500, 125000, 250000, 500000, 1000000, 4000000, 8000000, 16000000)


class Tmp117(RegisterChip):
    """The chip at the temperature of `warmth`; `period_ppm` is its oscillator's error.

    Attributes to change at any time, beside those of every RegisterChip: `identity`, `stopped` (conversions cease),
    `busy` (the EEPROM never gets done), `flag_stuck` (data-ready is always set), `eeprom` (power-on values by
    register), `forced` (its temperature instead, or None).
    """

    def __init__(self, clock: "Clock", warmth: "Warmth", *, period_ppm: int = 0) -> None:
        super().__init__(clock)
        self.warmth = warmth
        self.identity = 0x0117
        self.busy = False
        self.forced: "int | None" = None
        self.flag_stuck = False
        self.eeprom = {1: 0x0220, 2: 0x6000, 3: 0x8000, 5: 0, 6: 0, 7: 0, 8: 0}
        self._rate_ppm = 1000000 + period_ppm
        self._stopped = False
        self._registers: "dict[int, int]" = {}
        self._busy_until_us = 0
        self._start_us = 0
        self._read_k = 0
        self._offset_us = 0
        self._old_offset = 0
        self._last_code: int = _NO_RESULT
        self._word = 0
        self._reset(_POWER_UP_US)

    def power_cycle(self) -> None:
        """Supply off and on again."""
        self._reset(_POWER_UP_US)

    @property
    def stopped(self) -> bool:
        return self._stopped

    @stopped.setter
    def stopped(self, stopped: bool) -> None:
        if stopped != self._stopped:
            self._last_code = self._result()
            self._stopped = stopped
            self._restart(self.clock.us)

    def _reset(self, duration_us: int) -> None:
        self._registers = dict(self.eeprom)
        self._registers[_UNLOCK] = 0
        self._busy_until_us = self.clock.us + duration_us
        self._old_offset = self._registers[_OFFSET]
        self._last_code = _NO_RESULT
        self._restart(self._busy_until_us)

    def _restart(self, start_us: int) -> None:
        self._start_us = start_us
        self._read_k = 0

    def _store(self, buf: bytes) -> None:
        register = buf[0]
        if len(buf) != 3 or register not in _WRITABLE or self._is_busy():
            return
        word = buf[1] << 8 | buf[2]
        if register == _CONFIGURATION and word & _SOFT_RESET:
            self._reset(_RESET_US)
            return
        before = self._registers[register]
        after = word & _WRITABLE[register]
        if register == _OFFSET:
            self._old_offset = before
            self._offset_us = self.clock.us
        if register == _CONFIGURATION and (before ^ after) & 0x0FE0:
            self._last_code = self._result()
            self._restart(self.clock.us)
        self._registers[register] = after
        if self._registers[_UNLOCK] & _EUN and register != _UNLOCK:
            self.eeprom[register] = after
            self._busy_until_us = self.clock.us + _PROGRAMMING_US

    def _value(self, register: int, i: int) -> int:
        if i > 1:
            return 0xFF
        if i == 0:
            self._word = self._read(register)
        return self._word >> 8 if i == 0 else self._word & 0xFF

    def _read(self, register: int) -> int:
        if register == _DEVICE_ID:
            return self.identity
        if register == _RESULT:
            code = self._result()
            self._read_k = self._finished()
            return code
        word = self._registers.get(register, 0)
        if register == _UNLOCK and self._is_busy():
            word |= 0x4000
        if register == _CONFIGURATION:
            if self._is_busy():
                word |= _EEPROM_BUSY
            if self.flag_stuck or self._finished() > self._read_k:
                word |= _DATA_READY
            self._read_k = self._finished()
        return word

    def _is_busy(self) -> bool:
        return self.busy or self.clock.us < self._busy_until_us

    def _timing(self) -> "tuple[int, int]":
        """How long a conversion with its averages takes, and from one to the next."""
        configuration = self._registers[_CONFIGURATION]
        active_us = _CONVERSION_US * _AVERAGED[configuration >> 5 & 3]
        cycle_us = max(active_us, _CYCLES_US[configuration >> 7 & 7])
        return active_us * self._rate_ppm // 1000000, cycle_us * self._rate_ppm // 1000000

    def _finished(self) -> int:
        """Conversions since the present run began."""
        if self._stopped or self._registers[_CONFIGURATION] & 0x0400:
            return 0
        active_us, cycle_us = self._timing()
        return max(0, (self.clock.us - self._start_us - active_us) // cycle_us + 1)

    def _result(self) -> int:
        k = self._finished()
        if not k:
            return self._last_code
        active_us, cycle_us = self._timing()
        begun_us = self._start_us + (k - 1) * cycle_us
        offset = self._old_offset if begun_us < self._offset_us else self._registers[_OFFSET]
        milli_degc = self.warmth.at(begun_us + active_us) if self.forced is None else self.forced
        code = (milli_degc * 32 + 125) // 250 + ((offset ^ 0x8000) - 0x8000)
        limited: int = max(-32768, min(32767, code)) & 0xFFFF
        return limited
