"""TCA9548A, eight-port I2C multiplexer. Source: TI datasheet SCPS207F (November 2016), section 8.5.

It has one control register without an address: bit n of the last byte written connects port n after the stop condition.
"""

from turgor.mp import const, micropython

ADDRESS = const(0x70)
PORTS = const(8)


class Tca9548a:
    """The multiplexer; `port(n)` gives what a driver takes for its bus."""

    def __init__(self, bus, address=ADDRESS):
        self.bus = bus
        self.address = address
        # The MuxPort that is connected for certain, or None.
        self.connected = None

    def port(self, n):
        """The bus behind port `n`, 0 to 7."""
        if not 0 <= n < PORTS:
            raise ValueError("multiplexer port {}: 0 to 7".format(n))
        return MuxPort(self, n)


class MuxPort:
    """The bus methods of one port; each connects the port first when it is not.

    After an OSError the connection is taken for unknown and made anew by the next call.
    """

    def __init__(self, mux, n):
        self._mux = mux
        self._mux_address = mux.address
        self._select = bytes((1 << n,))
        # Bound once: lookups saved on every sample.
        self._write = mux.bus.writeto
        self._read = mux.bus.readfrom_into
        self._read_memory = mux.bus.readfrom_mem_into

    def writeto(self, address, buf):
        mux = self._mux
        try:
            if mux.connected is not self:
                self._write(self._mux_address, self._select)
                mux.connected = self
            return self._write(address, buf)
        except OSError:
            mux.connected = None
            raise

    def readfrom_into(self, address, buf):
        mux = self._mux
        try:
            if mux.connected is not self:
                self._write(self._mux_address, self._select)
                mux.connected = self
            self._read(address, buf)
        except OSError:
            mux.connected = None
            raise

    @micropython.native
    def readfrom_mem_into(self, address, register, buf):
        mux = self._mux
        try:
            if mux.connected is not self:
                self._write(self._mux_address, self._select)
                mux.connected = self
            self._read_memory(address, register, buf)
        except OSError as error:
            mux.connected = None
            # The native emitter has no bare raise.
            raise error
