"""Honeywell TruStability HSC and SSC, digital pressure, I2C 0x28 unless ordered otherwise.

Sources: Honeywell datasheets 50099148 (HSC) and 50099533 (SSC), technical note 008201 (I2C). The chip measures by
itself about once a millisecond and is only read: two status bits and 14 bits of pressure, then 11 bits of temperature
in parts ordered with it; all alike in those without. Parts ordered with sleep mode need another driver. There is no
identity register.
"""

from turgor.drivers import ABSENT, DIAGNOSTIC, NEVER_READY
from turgor.drivers.digital import Digital
from turgor.mp import const

ADDRESS = const(0x28)

# Status, the top two bits of the first byte; 0 is a new measurement.
_STATUS = const(6)
_COMMAND_MODE = const(1)
_STALE = const(2)
_DIAGNOSTIC = const(3)

_BITS = const(14)
_FULL = const(0x3FFF)
# Counts at the ends of the pressure range, by the letter in the part's name; not the letters of ABP2 or MPR.
TRANSFER = {"A": (1638, 14745), "B": (819, 15565), "C": (819, 13926), "F": (655, 15401)}
# -40 to 85 deg C of the -50 to 150 that all counts reach; nothing that works has the first or the last count.
_COLD = const(103)
_HOT = const(1381)
_NO_TEMPERATURE = (0, 0x7FF)


class Hsc(Digital):
    """One sensor; `transfer` is the letter of the part's transfer function."""

    def __init__(self, bus, rate_sps, transfer="A", address=ADDRESS):
        super().__init__(bus, rate_sps, address, 4, _BITS, TRANSFER[transfer])

    def _act(self, now):
        # Asked again, it is still the one that was planned.
        wait_us = 0 if self._tries else self._early(now)
        if wait_us:
            return wait_us
        answer = self._answer
        self._bus.readfrom_into(self._address, answer)
        if self._is_dead():
            return self._fail(ABSENT)
        status = answer[0] >> _STATUS
        if status == _DIAGNOSTIC:
            return self._fail(DIAGNOSTIC)
        if status == _COMMAND_MODE:
            return self._fail(NEVER_READY)
        if status == _STALE:
            return self._again(NEVER_READY)
        temperature = (answer[2] << 8 | answer[3]) >> 5
        is_warm = _COLD <= temperature <= _HOT or temperature in _NO_TEMPERATURE
        return self._take(now, now, (answer[0] << 8 | answer[1]) & _FULL, is_warm)
