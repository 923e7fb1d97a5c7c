"""What every board gives the app: buses, data-ready pins, serial port, alarm, flash, identity.

A board's pins are a dictionary from the signals of `hardware/pinout.csv` to pin numbers.
"""

import os
import select
import sys
import time

import machine

from turgor import __version__
from turgor.link.records import (
    DEEP_SLEEP_RESET,
    HARD_RESET,
    POWER_ON,
    SOFT_RESET,
    UNKNOWN_RESET,
    WATCHDOG_RESET,
)
from turgor.mp import const

_BUS_HZ = const(400000)
_BOOT_FILE = "turgor.boot"


class Ready:
    """A converter's data-ready pin: the interrupt counts conversions and keeps the tick of the latest."""

    def __init__(self, pin, hard):
        self.tick = 0
        self._count = 0
        self._taken = 0
        self._latest = 0
        # Bound once: a bound method made inside an interrupt would allocate.
        self._ticks_us = time.ticks_us
        if hard:
            pin.irq(self._interrupt, machine.Pin.IRQ_RISING, hard=True)
        else:
            pin.irq(self._interrupt, machine.Pin.IRQ_RISING)

    def _interrupt(self, pin):
        self._latest = self._ticks_us()
        self._count = (self._count + 1) & 0xFFFF

    def take(self):
        """Conversions since the last call; `tick` is the end of the latest."""
        count = self._count
        self.tick = self._latest
        if count != self._count:
            # One came in between; the next is milliseconds away.
            count = self._count
            self.tick = self._latest
        new = (count - self._taken) & 0xFFFF
        self._taken = count
        return new


class SerialPort:
    """USB or UART as MicroPython's standard input and output; Ctrl-C keeps working."""

    def __init__(self):
        self._input = sys.stdin.buffer
        self._output = sys.stdout.buffer
        self._readable = select.poll()
        self._readable.register(sys.stdin, select.POLLIN)
        self._writable = select.poll()
        self._writable.register(sys.stdout, select.POLLOUT)
        self._byte = bytearray(1)

    def read_into(self, buffer):
        """What is there, at most len(buffer) bytes; 0 when there is nothing."""
        n = 0
        while n < len(buffer):
            ready = False
            for _ in self._readable.ipoll(0):
                ready = True
            if not ready or not self._input.readinto(self._byte):
                break
            buffer[n] = self._byte[0]
            n += 1
        return n

    def write(self, view):
        """Write if the port takes anything now; returns how many bytes it took."""
        n = 0
        for _ in self._writable.ipoll(0):
            n = self._output.write(view) or 0
        return n

    def wait(self, ms):
        """Wait at most `ms` for input; True when some came."""
        came = False
        for _ in self._readable.ipoll(ms):
            came = True
        return came


class Ports:
    """The ports of a board with `pins`; `machine_name` is for people, `hard`: pin interrupts may be hard.

    `flash` is the raw region of `turgor.boards.flash`, None where there is none. With one, what is kept there has the
    number of this boot, and `boot` is 0.
    """

    def __init__(self, pins, machine_name, hard, flash):
        self.flash = flash
        self.boot = 0 if flash else _next_boot()
        self.reset_cause = _reset_cause()
        self.board_id = int.from_bytes(machine.unique_id()[:8], "big")
        version = ".".join(str(part) for part in sys.implementation.version[:3])
        self.identity = (
            "version="
            + __version__
            + ";platform="
            + sys.platform
            + ";runtime=MicroPython "
            + version
            + ";machine="
            + machine_name
            + ";flash="
            + (str(flash.sectors) if flash else "none")
        ).encode()
        self.serial = SerialPort()
        self._alarm = machine.Pin(pins["alarm"], machine.Pin.OUT, value=0)
        self._led = machine.Pin(pins["led"], machine.Pin.OUT, value=0)
        self._buses = []
        for number in (0, 1):
            scl = machine.Pin(pins["i2c%d_scl" % number])
            sda = machine.Pin(pins["i2c%d_sda" % number])
            self._buses.append(machine.I2C(number, scl=scl, sda=sda, freq=_BUS_HZ))
        self._pins = pins
        self._hard = hard

    def bus(self, number):
        return self._buses[number]

    def ready(self, channel_name):
        """The data-ready pin of a channel, None where none is wired."""
        number = self._pins.get("drdy_" + channel_name)
        if number is None:
            return None
        return Ready(_input(number), self._hard)

    def alarm(self, level):
        """Sound and light for a priority, 0 for silence."""
        self._alarm.value(1 if level else 0)
        self._led.value(1 if level else 0)


def _input(number):
    try:
        return machine.Pin(number, machine.Pin.IN, machine.Pin.PULL_DOWN)
    except ValueError:
        # Input-only pins of the ESP32 have no pull resistors; `hardware/pinout.csv` asks for one outside.
        return machine.Pin(number, machine.Pin.IN)


def _reset_cause():
    """The cause of this boot as the log's number; a platform has some of these names, under numbers of its own."""
    cause = machine.reset_cause()
    for name, number in (
        ("PWRON_RESET", POWER_ON),
        ("HARD_RESET", HARD_RESET),
        ("WDT_RESET", WATCHDOG_RESET),
        ("DEEPSLEEP_RESET", DEEP_SLEEP_RESET),
        ("SOFT_RESET", SOFT_RESET),
    ):
        if getattr(machine, name, None) == cause:
            return number
    return UNKNOWN_RESET


def _next_boot():
    """The number of this boot: one more than the last, kept in a file that is replaced whole."""
    boot = 0
    try:
        with open(_BOOT_FILE) as file:
            boot = int(file.read())
    except (OSError, ValueError):
        pass
    boot = (boot + 1) & 0xFFFF
    with open(_BOOT_FILE + ".new", "w") as file:
        file.write(str(boot))
    os.rename(_BOOT_FILE + ".new", _BOOT_FILE)
    return boot
