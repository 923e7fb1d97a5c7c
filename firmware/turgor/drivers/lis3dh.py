"""LIS3DH, three-axis accelerometer, I2C 0x18 or 0x19. Source: ST datasheet DocID17530 Rev 2 (December 2016).

High resolution (12 bit), +-2 g, 10 samples a second, block data update. Every poll reads all settings along with the
status, so a chip that lost them is told at once. A burst needs the top bit of the register address: without it the same
register is read again and again.
"""

from turgor.drivers import ABSENT, FAULT, NEVER_READY, NO_FAULT, NOTHING, READBACK, RESTARTED, SAMPLE, WRONG_ID
from turgor.mp import const

ADDRESSES = (0x18, 0x19)
PERIOD_US = const(100000)

_WHO_AM_I = const(0x0F)
_CTRL_REG1 = const(0x20)
_CTRL_REG2 = const(0x21)
_CTRL_REG5 = const(0x24)
_STATUS_REG = const(0x27)
_INCREMENT = const(0x80)

_ID = const(0x33)
_BOOT = const(0x80)
_ZYXDA = const(0x08)
_ZYXOR = const(0x80)
# CTRL_REG1 to 6: 10 Hz and all axes; no high-pass; no interrupts; block data update, +-2 g, high resolution; no FIFO.
_SETTINGS = bytes((0x27, 0x00, 0x00, 0x88, 0x00, 0x00))

_BOOT_US = const(10000)  # typically 5 ms
_QUIET_US = const(75000)
_POLL_US = const(10000)
_PATIENCE_US = const(500000)
_FLUSHED = const(8)  # high resolution settles in 7 samples; one more may be left from before
_RESTART_US = const(500000)

_MASK = const(0x3FFFFFFF)
_HALF = const(0x20000000)

# States: each is one bus action.
_IDENTIFY = const(0)
_POWER_DOWN = const(1)
_REBOOT = const(2)
_CONFIGURE = const(3)
_START = const(4)
_POLL = const(5)
_READ = const(6)
_CONFIRM = const(7)


def milli_g(low, high):
    """The acceleration in an output register pair: 12 bit, signed, at the upper end; 1 milli-g a digit, so exact."""
    return ((high << 4 | low >> 4) ^ 0x800) - 0x800


class Lis3dh:
    """One accelerometer, ten samples a second.

    After SAMPLE: `x_milli_g`, `y_milli_g`, `z_milli_g` (-2048 and 2047 are the ends of the range), `tick` (seen ready,
    late by up to 10 ms), `overrun` (1 when the chip says that samples were overwritten before this one), `missed` (how
    many; by the time between ticks, so it can be one off). RESTARTED says that the samples that follow are a new run.
    After FAULT: `fault`; the driver starts over 500 ms later.
    """

    def __init__(self, bus, address=0x18):
        if address not in ADDRESSES:
            raise ValueError("LIS3DH address 0x{:02X}: 0x18 or 0x19".format(address))
        self.event = NOTHING
        self.fault = NO_FAULT
        self.x_milli_g = 0
        self.y_milli_g = 0
        self.z_milli_g = 0
        self.tick = 0
        self.overrun = 0
        self.missed = 0
        self._bus = bus
        self._address = address
        self._byte = bytearray(1)
        self._settings = bytearray(8)  # CTRL_REG1 to 6, REFERENCE, STATUS_REG
        self._burst = bytearray(7)  # STATUS_REG, X, Y, Z
        self._state = _IDENTIFY
        self._flush = 0
        self._seen = 0
        self._power_down_write = bytes((_CTRL_REG1, 0))
        self._boot_write = bytes((_CTRL_REG5, _BOOT))
        self._settings_write = bytes((_CTRL_REG2 | _INCREMENT,)) + _SETTINGS[1:]
        self._start_write = bytes((_CTRL_REG1, _SETTINGS[0]))

    def step(self, now):
        """One bounded action; returns the microseconds until the next is wanted."""
        self.event = NOTHING
        try:
            return self._start_up(now) if self._state < _POLL else self._run(now)
        except OSError:
            return self._fail(ABSENT)

    def _start_up(self, now):
        state = self._state
        wait_us = 0
        if state == _IDENTIFY:
            self._bus.readfrom_mem_into(self._address, _WHO_AM_I, self._byte)
            if self._byte[0] != _ID:
                return self._fail(WRONG_ID)
        elif state == _POWER_DOWN:
            self._bus.writeto(self._address, self._power_down_write)
        elif state == _REBOOT:
            self._bus.writeto(self._address, self._boot_write)
            wait_us = _BOOT_US
        elif state == _CONFIGURE:
            self._bus.writeto(self._address, self._settings_write)
        else:
            self._bus.writeto(self._address, self._start_write)
            self.tick = now
            self._flush = _FLUSHED
        self._state = state + 1
        return wait_us

    def _run(self, now):
        if self._state == _READ:
            self._bus.readfrom_mem_into(self._address, _STATUS_REG | _INCREMENT, self._burst)
            # A data line that is held reads as weightless or nearly so, and a chip that loses its supply in mid-burst
            # leaves ones: believed only when the settings still read as written.
            self._state = _CONFIRM
            return 0
        settings = self._settings
        self._bus.readfrom_mem_into(self._address, _CTRL_REG1 | _INCREMENT, settings)
        for i in range(6):
            if settings[i] != _SETTINGS[i]:
                return self._fail(READBACK)
        if self._state == _CONFIRM:
            return self._take()
        if settings[7] & _ZYXDA:
            self._seen = now
            self._state = _READ
            return 0
        waited = (((now - self.tick) & _MASK) ^ _HALF) - _HALF
        return self._fail(NEVER_READY) if waited > _PATIENCE_US else _POLL_US

    def _take(self):
        burst = self._burst
        if not burst[0] & _ZYXDA:  # although the poll saw it, and nothing was read since
            return self._fail(READBACK)
        elapsed = (self._seen - self.tick) & _MASK
        self.tick = self._seen
        self._state = _POLL
        if self._flush:
            self._flush -= 1
            if not self._flush:
                self.fault = NO_FAULT
                self.event = RESTARTED
            return _QUIET_US
        self.x_milli_g = milli_g(burst[1], burst[2])
        self.y_milli_g = milli_g(burst[3], burst[4])
        self.z_milli_g = milli_g(burst[5], burst[6])
        self.overrun = 1 if burst[0] & _ZYXOR else 0
        periods = (elapsed + PERIOD_US // 2) // PERIOD_US
        self.missed = (periods - 1 if periods > 2 else 1) if self.overrun else 0
        self.event = SAMPLE
        return _QUIET_US

    def _fail(self, fault):
        self.fault = fault
        self.event = FAULT
        self._state = _IDENTIFY
        return _RESTART_US
