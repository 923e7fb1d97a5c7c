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
        self._connect()
        acknowledged = self._write(address, buf)
        self._mux.connected = self
        return acknowledged

    def readfrom_into(self, address, buf):
        self._connect()
        self._read(address, buf)
        self._mux.connected = self

    @micropython.viper
    def readfrom_mem_into(self, address, register, buf):
        # _connect written out: every bridge sample passes here.
        mux = self._mux
        connected = mux.connected
        mux.connected = None
        if connected is not self:
            self._write(self._mux_address, self._select)
        self._read_memory(address, register, buf)
        mux.connected = self

    def _connect(self):
        """Connect the port when it is not; for unknown until the caller's transfer has passed as well."""
        mux = self._mux
        connected = mux.connected
        mux.connected = None
        if connected is not self:
            self._write(self._mux_address, self._select)
