"""Runs on a board at its prompt: what answers on its buses, and what its sensors give. Nothing is driven or stored.

Lent to the board by `turgor_host.flash.lend` together with the firmware's own boards and drivers.
"""

import sys
import time
from array import array

from turgor.drivers import FAULT, RESTARTED, SAMPLE
from turgor.drivers.tca9548a import ADDRESS as MUX_ADDRESS
from turgor.drivers.tca9548a import PORTS as MUX_PORTS
from turgor.drivers.tca9548a import Tca9548a
from turgor.mp import const, settle

if sys.platform == "rp2":
    from turgor.boards.rp2 import make_ports
else:
    from turgor.boards.esp32 import make_ports

_FIRST = const(0x08)
_LAST = const(0x77)
# TICKS_MASK.
_MASK = const(0x3FFFFFFF)
_HALF = const(0x20000000)

_WITHOUT_CODES = ("MAX30009", "TMP117", "LIS3DH", "VSYS")

# With a flash region of any size no boot is counted.
ports = make_ports(0)


def board():
    """What the firmware makes of it: cause of the last reset, sectors of its own, pins by signal."""
    pins = {name: number for name, number in ports.pins.items() if number is not None}
    return ports.reset_cause, ports.flash.sectors if ports.flash else 0, pins


def scan(number):
    """Of an I2C bus: "" or what is wrong with it, whether the multiplexer is there, and (port, address) that answer.

    Port -1 is the bus itself. What answers there is not looked for behind the multiplexer.
    """
    lines = ports.lines(number)
    if lines is None:
        return "no pins", False, []
    if lines.low():
        lines.free()
        if lines.low():
            return "held low", False, []
    bus = lines.i2c
    select = bytearray(1)
    has_mux = _answers(bus, MUX_ADDRESS)
    if has_mux:
        bus.writeto(MUX_ADDRESS, select)
    found = [(-1, address) for address in range(_FIRST, _LAST + 1) if _answers(bus, address)]
    known = [address for _, address in found]
    wrong = ""
    for port in range(MUX_PORTS if has_mux else 0):
        select[0] = 1 << port
        try:
            bus.writeto(MUX_ADDRESS, select)
        except OSError:
            wrong = "multiplexer lost at port %d" % port
            break
        if lines.low():
            wrong = "held low behind port %d" % port
            lines.free()
            if lines.low():
                break
        found += [(port, a) for a in range(_FIRST, _LAST + 1) if a not in known and _answers(bus, a)]
    if has_mux and not lines.low():
        select[0] = 0
        try:
            bus.writeto(MUX_ADDRESS, select)
        except OSError:
            wrong = wrong or "multiplexer lost"
    return wrong, has_mux, found


def _answers(bus, address):
    # An emulated bus shows nobody to `scan()`.
    try:
        bus.readfrom_into(address, bytearray(1))
    except OSError:
        return False
    return True


def register(bus, mux_port, address, number):
    """A register of a chip, None where it does not answer."""
    byte = bytearray(1)
    try:
        _bus(bus, mux_port, {}).readfrom_mem_into(address, number, byte)
    except OSError:
        return None
    return byte[0]


def _bus(number, mux_port, muxes):
    bus = ports.bus(number)
    if mux_port < 0:
        return bus
    if number not in muxes:
        muxes[number] = Tca9548a(bus)
    return muxes[number].port(mux_port)


def _driver(muxes, name, sensor, letter, bus, address, mux_port, rate_hz, pin):
    """The firmware's driver of a channel; `pin`: its data-ready pin is listened to."""
    if sensor == "ADS1220":
        from turgor.drivers.ads1220 import Ads1220

        return Ads1220(ports.select(name), ports.ready(name, True), rate_hz)
    if sensor == "VSYS":
        from turgor.drivers.vsys import Vsys

        return Vsys(ports.supply())
    bus = _bus(bus, mux_port, muxes)
    if sensor == "NAU7802":
        from turgor.drivers.nau7802 import Nau7802

        return Nau7802(bus, ports.ready(name) if pin else None, rate_hz, address)
    if sensor == "ABP2":
        from turgor.drivers.abp2 import Abp2

        return Abp2(bus, rate_hz, letter, address)
    if sensor == "HSC":
        from turgor.drivers.hsc import Hsc

        return Hsc(bus, rate_hz, letter, address)
    if sensor == "TMP117":
        from turgor.drivers.tmp117 import Tmp117

        return Tmp117(bus, address)
    if sensor == "LIS3DH":
        from turgor.drivers.lis3dh import Lis3dh

        return Lis3dh(bus, address)
    from turgor.drivers.max30009 import Max30009

    # It is started and configured; no sweep begins, so that no current flows.
    return Max30009(bus, address)


class _Watched:
    def __init__(self, driver, most):
        self.driver = driver
        self.due = time.ticks_us() & _MASK
        self.fault = 0
        self.started = False
        self.count = 0
        self.codes = array("i", bytes(4 * most))

    def step(self, now):
        driver = self.driver
        self.due = (now + driver.step(now)) & _MASK
        event = driver.event
        if event == SAMPLE:
            # Some begin without a word.
            self.started = True
            if self.count < len(self.codes):
                self.codes[self.count] = driver.code
                self.count += 1
        elif event == RESTARTED:
            self.started = True
        elif event == FAULT:
            self.fault = driver.fault


def watch(channels, most, ms):
    """Run the drivers of `channels`, rows for `_driver`, together until each gave `most` codes, for `ms` at most.

    A row each: name, last fault, whether it started, codes, of pressures alone. A chip that faults is given up.
    """
    muxes = {}
    watched = [_Watched(_driver(muxes, *row), 0 if row[1] in _WITHOUT_CODES else most) for row in channels]
    settle()
    begun = time.ticks_ms()
    try:
        while time.ticks_diff(time.ticks_ms(), begun) < ms:
            busy = False
            for one in watched:
                if one.fault or (one.started and one.count == len(one.codes)):
                    continue
                busy = True
                now = time.ticks_us() & _MASK
                if (now - one.due) & _MASK < _HALF:
                    one.step(now)
            if not busy:
                break
    finally:
        for one in watched:
            if hasattr(one.driver, "stop"):
                one.driver.stop()
    return [(row[0], one.fault, one.started, list(one.codes)[: one.count]) for row, one in zip(channels, watched)]
