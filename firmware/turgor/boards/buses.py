"""The buses of a board by their pins: an I2C bus that can be freed, and a chip on the SPI bus."""

import time

from machine import I2C, Pin

from turgor.mp import const

_BUS_HZ = const(400000)
_CLOCKS = const(9)
_HALF_CLOCK_US = const(5)
_ENODEV = const(19)


class Lines:
    """I2C bus `number` on its pins; `i2c` is what drivers take. A transfer ends within `timeout_us`."""

    def __init__(self, number, scl, sda, timeout_us):
        self._number = number
        # Without a mode the pins stay the bus's own, and still tell their levels.
        self._scl = Pin(scl)
        self._sda = Pin(sda)
        self._timeout_us = timeout_us
        self.free()

    def low(self):
        """Whether a line is held low; to be asked between two transfers."""
        return not (self._scl.value() and self._sda.value())

    def free(self):
        """Make the bus, again after the first time: one step of about half a millisecond.

        A chip that was cut off within a byte holds SDA low until it is clocked out of it: where it does, up to nine
        clocks until SDA is let go, and a stop condition, come first (UM10204, 3.1.16). Both ports of MicroPython have
        one object a bus however often it is made, so what a driver has bound of it goes on.
        """
        scl = self._scl
        sda = self._sda
        scl.init(Pin.OPEN_DRAIN, Pin.PULL_UP, value=1)
        sda.init(Pin.OPEN_DRAIN, Pin.PULL_UP, value=1)
        time.sleep_us(_HALF_CLOCK_US)
        if scl.value() and not sda.value():
            for clock in range(_CLOCKS + 1):
                # Each clock more than needed would ask a chip for another bit.
                stops = clock == _CLOCKS or sda.value()
                scl.value(0)
                # The stop condition: SDA rises while SCL is high.
                sda.value(not stops)
                time.sleep_us(_HALF_CLOCK_US)
                scl.value(1)
                time.sleep_us(_HALF_CLOCK_US)
                if stops:
                    break
            sda.value(1)
        self.i2c = I2C(self._number, scl=scl, sda=sda, freq=_BUS_HZ, timeout=self._timeout_us)


class NoBus:
    """Stands for a bus that the board has no pins for: nobody answers."""

    def writeto(self, address, buf):
        raise OSError(_ENODEV)

    readfrom_into = writeto

    def readfrom_mem_into(self, address, register, buf):
        raise OSError(_ENODEV)


class Selected:
    """One chip on the SPI bus: each call is one transfer with its `select` pin low."""

    def __init__(self, spi, select):
        self._spi = spi
        self._select = select

    def write(self, buf):
        self._select(0)
        self._spi.write(buf)
        self._select(1)

    def write_readinto(self, out, into):
        """Send `out` and fill `into`, which are of one length."""
        self._select(0)
        self._spi.write_readinto(out, into)
        self._select(1)
