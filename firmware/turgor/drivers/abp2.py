"""Honeywell ABP2, digital pressure and temperature, I2C 0x28. Source: Honeywell datasheet 32350268.

The chip sleeps until it is told to measure, then converts once, pressure and temperature, in about 5 ms. It has no
identity register: status bits that are always 0 or always 1 have to do. A chip that lost its supply in between answers
with a sound status and no conversion, all zeros.
"""

from turgor.drivers import ABSENT, DIAGNOSTIC, NEVER_READY, WRONG_ID
from turgor.drivers.digital import Digital
from turgor.mp import const

ADDRESS = const(0x28)
_MEASURE = b"\xaa\x00\x00"

# Status, the first byte of an answer.
_POWERED = const(0x40)
_BUSY = const(0x20)
_MEMORY = const(0x04)
_MATH = const(0x01)
_FIXED = const(0xDA)  # all but busy, memory error and math saturation: powered is 1, the others are 0

_BITS = const(24)
_FULL = const(0xFFFFFF)
# Counts at the ends of the pressure range, by the letter in the part's name.
TRANSFER = {"A": (1677722, 15099494), "B": (5033165, 11744051)}  # 10 to 90 %, 30 to 70 %
# -40 to 110 deg C of the -50 to 150 that all counts reach.
_COLD = const(838861)
_HOT = const(13421772)
_CONVERSION_US = const(5000)


class Abp2(Digital):
    """One sensor; `transfer` is the letter of the part's transfer function."""

    def __init__(self, bus, rate_sps, transfer="A", address=ADDRESS):
        super().__init__(bus, rate_sps, address, 7, _BITS, TRANSFER[transfer])
        self._converting = False
        self._begun = 0

    def _act(self, now):
        if not self._converting:
            wait_us = self._early(now)
            if wait_us:
                return wait_us
            self._bus.writeto(self._address, _MEASURE)
            self._begun = now
            self._converting = True
            return _CONVERSION_US
        answer = self._answer
        self._bus.readfrom_into(self._address, answer)
        status = answer[0]
        if status & _FIXED != _POWERED:
            return self._fail(ABSENT if self._is_dead() else WRONG_ID)
        if status & _BUSY:
            return self._again(NEVER_READY)
        if status & _MEMORY:
            return self._fail(DIAGNOSTIC)
        pressure = answer[1] << 16 | answer[2] << 8 | answer[3]
        temperature = answer[4] << 16 | answer[5] << 8 | answer[6]
        if pressure == 0 and temperature == 0:
            return self._fail(NEVER_READY)
        if status & _MATH:
            pressure = 0 if pressure < self._least else _FULL
        self._converting = False
        return self._take(now, self._begun, pressure, _COLD <= temperature <= _HOT)

    def _fail(self, fault):
        self._converting = False
        return super()._fail(fault)
