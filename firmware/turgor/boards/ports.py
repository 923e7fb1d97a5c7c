"""What every board gives the app: buses, pins, serial port, alarm, buttons, watchdog, flash, identity."""

import os
import select
import sys
import time
from array import array

import machine

from turgor import __version__
from turgor.boards.buses import Lines, NoBus, Selected
from turgor.core.annunciation import RED, SOUND, TONE_DUTY, TONE_HZ, YELLOW
from turgor.link.records import (
    DEEP_SLEEP_RESET,
    HARD_RESET,
    POWER_ON,
    SOFT_RESET,
    UNKNOWN_RESET,
    WATCHDOG_RESET,
)
from turgor.mp import const, micropython, ptr32

# The signals of `hardware/pinout.csv`, in order; a board's pins are a tuple of their numbers, None for what it has not.
SIGNALS = [
    "i2c0_sda",
    "i2c0_scl",
    "i2c1_sda",
    "i2c1_scl",
    "drdy_calf_l",
    "drdy_calf_r",
    "drdy_forearm_l",
    "drdy_forearm_r",
    "drdy_art",
    "alarm",
    "led_red",
    "led_yellow",
    "button_ack",
    "button_mark",
    "spi_sck",
    "spi_mosi",
    "spi_miso",
    "select_calf_l",
    "select_calf_r",
    "select_forearm_l",
    "select_forearm_r",
    "select_art",
    "supply",
]
# What MicroPython calls the board and its chip.
SAID = getattr(sys.implementation, "_machine", "")
_BOOT_FILE = "turgor.boot"
_SPI_HZ = const(1000000)
# The RP2040's counter holds no more.
_WATCHDOG_MS = const(8388)
# The word that outlives a reset: 20 bits under this mark, HOLD to stay at the prompt.
_MARK = const(0x2A500000)
_MARKED = const(0x3FF00000)
HOLD = const(0xFFFFF)


class Ready:
    """A converter's data-ready pin: the interrupt counts conversions and keeps the tick of the latest."""

    def __init__(self, pin, hard, trigger):
        self.tick = 0
        # How many there were, the tick of the latest, how many were taken: one lookup instead of three.
        self._words = array("i", bytes(12))
        # Bound once: a bound method made inside an interrupt would allocate.
        self._ticks_us = time.ticks_us
        if hard:
            pin.irq(self._interrupt, trigger, hard=True)
        else:
            pin.irq(self._interrupt, trigger)

    @micropython.viper
    def _interrupt(self, pin):
        words = ptr32(self._words)
        # The stubs have ticks of a type of their own; viper takes the integer out of the object.
        words[1] = int(self._ticks_us())  # pyright: ignore[reportArgumentType]
        words[0] = (words[0] + 1) & 0xFFFF

    @micropython.viper
    def take(self) -> int:
        """Conversions since the last call; `tick` is the end of the latest."""
        words = ptr32(self._words)
        count = words[0]
        tick = words[1]
        if count != words[0]:
            # One came in between; the next is milliseconds away.
            count = words[0]
            tick = words[1]
        self.tick = tick
        new = (count - words[2]) & 0xFFFF
        words[2] = count
        return new


class SerialPort:
    """USB or UART as MicroPython's standard input and output; Ctrl-C keeps working."""

    def __init__(self):
        self._read = sys.stdin.buffer.readinto
        self._output = sys.stdout.buffer
        self._readable = select.poll()
        self._readable.register(sys.stdin, select.POLLIN)
        # Bound once: a bound method takes room on the heap.
        self._ready = self._readable.ipoll
        self._writable = select.poll()
        self._writable.register(sys.stdout, select.POLLOUT)
        self._byte = bytearray(1)

    @micropython.native
    def read_into(self, buffer):
        """What is there, at most len(buffer) bytes; 0 when there is nothing."""
        # Looked up once, not for each byte.
        ready = self._ready
        read = self._read
        byte = self._byte
        most = len(buffer)
        n = 0
        while n < most:
            for _ in ready(0):
                break
            else:
                break
            if not read(byte):
                break
            buffer[n] = byte[0]
            n += 1
        return n

    def write(self, buffer, at, n):
        """Write the `n` bytes from `at` on if the port takes anything now; returns how many it took."""
        for _ in self._writable.ipoll(0):
            return self._output.write(buffer, at, n) or 0
        return 0

    @micropython.native
    def wait(self, ms):
        """Wait at most `ms` for input; True when some came."""
        for _ in self._ready(ms):
            return True
        return False


class Ports:
    """The ports of a board with `pins`; `machine_name` is for people, `hard`: pin interrupts may be hard.

    `flash` is the raw region of `turgor.boards.flash`, None where there is none. With one, what is kept there has the
    number of this boot, and `boot` is 0. `timeout_us` ends a bus transfer. A platform adds `_recall()` and
    `_store(word)`, 30 bits that outlive a reset but no loss of power, and `_stop_watchdog()`.

    `recalled` is what `remember` was last told before this boot, -1 for nothing: then main had ended.
    """

    _SPI = 1

    def __init__(self, pins, machine_name, hard, flash, timeout_us):
        pins = dict(zip(SIGNALS, pins))
        self.pins = pins
        self._hard = hard
        # The first thing of all: no sound, and no chip in the middle of a byte.
        pin = machine.Pin(pins["alarm"], machine.Pin.OUT, value=0)
        self._sound = machine.PWM(pin, freq=TONE_HZ, duty_u16=0)
        try:
            self._make(machine_name, flash, timeout_us)
        except Exception:
            # Nobody is there yet who could do more than sound.
            self._sound.duty_u16(TONE_DUTY)
            raise

    def _make(self, machine_name, flash, timeout_us):
        pins = self.pins
        self._lamps = []
        for name, bit in (("led_red", RED), ("led_yellow", YELLOW)):
            if pins[name] is not None:
                self._lamps.append((machine.Pin(pins[name], machine.Pin.OUT, value=0), bit))
        self._lines = []
        for number in (0, 1):
            scl = pins["i2c%d_scl" % number]
            self._lines.append(scl and Lines(number, scl, pins["i2c%d_sda" % number], timeout_us))
        self._buttons = []
        for name in ("button_ack", "button_mark"):
            if pins[name] is not None:
                self._buttons.append(machine.Pin(pins[name], machine.Pin.IN, machine.Pin.PULL_UP))
        self._spi = None
        self.feed = None
        word = self._recall()
        self.recalled = word & HOLD if word & _MARKED == _MARK else -1
        self.reset_cause = self._cause(_reset_cause())
        self.flash = flash
        self.boot = 0 if flash else _next_boot()
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

    def _cause(self, cause):
        """A watchdog that main had not stopped was ours, whatever the platform makes of it."""
        is_ours = 0 <= self.recalled != HOLD and cause not in (POWER_ON, SOFT_RESET)
        return WATCHDOG_RESET if is_ours else cause

    def _recall(self):
        return 0

    def _store(self, word):
        """Nothing outlives a reset here."""

    def _stop_watchdog(self):
        """It cannot be stopped here."""

    def bus(self, number):
        lines = self._lines[number]
        return lines.i2c if lines else NoBus()

    def lines(self, number):
        """The two wires of an I2C bus, None where the board has no pins for it."""
        return self._lines[number]

    def free(self):
        """Free each bus that somebody holds low."""
        for lines in self._lines:
            if lines and lines.low():
                lines.free()

    def ready(self, channel_name, falling=False):
        """The data-ready pin of a channel, None where none can be wired."""
        number = self.pins.get("drdy_" + channel_name)
        if number is None:
            return None
        pin = machine.Pin
        pull, trigger = (pin.PULL_UP, pin.IRQ_FALLING) if falling else (pin.PULL_DOWN, pin.IRQ_RISING)
        return Ready(_input(number, pull), self._hard, trigger)

    def select(self, channel_name):
        """The channel's chip on the SPI bus, in mode 1; None where the board has no pin to select it."""
        pins = self.pins
        number = pins.get("select_" + channel_name)
        if number is None:
            return None
        pin = machine.Pin
        if self._spi is None:
            sck, mosi, miso = pin(pins["spi_sck"]), pin(pins["spi_mosi"]), pin(pins["spi_miso"])
            self._spi = machine.SPI(self._SPI, _SPI_HZ, polarity=0, phase=1, sck=sck, mosi=mosi, miso=miso)
        return Selected(self._spi, pin(number, pin.OUT, value=1))

    def supply(self):
        """The converter that measures a third of the board's supply, None where there is none."""
        number = self.pins["supply"]
        return None if number is None else machine.ADC(number)

    def alarm(self, pins):
        """Sound and lights by the bits of `turgor.core.annunciation`."""
        self._sound.duty_u16(TONE_DUTY if pins & SOUND else 0)
        for lamp, bit in self._lamps:
            lamp(pins & bit)

    def buttons(self):
        """The buttons that are pressed now: 1 acknowledge, 2 mark."""
        pressed = 0
        bit = 1
        for button in self._buttons:
            if not button():
                pressed |= bit
            bit += bit
        return pressed

    def arm(self):
        """Start the watchdog: the board starts anew after 8.4 s without `feed`."""
        self.feed = machine.WDT(timeout=_WATCHDOG_MS).feed

    def remember(self, word):
        """Keep 20 bits for the next boot, as `recalled`."""
        self._store(_MARK | word)

    def disarm(self):
        """Main ends: silence, no watchdog, and what comes next is no reset of ours."""
        self.alarm(0)
        if self.feed:
            self._stop_watchdog()
        self._store(0)

    def hold(self):
        """Reset, and stay at the prompt once."""
        self.remember(HOLD)
        machine.reset()


def _input(number, pull):
    try:
        return machine.Pin(number, machine.Pin.IN, pull)
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
    try:
        with open(_BOOT_FILE + ".new", "w") as file:
            file.write(str(boot))
        os.rename(_BOOT_FILE + ".new", _BOOT_FILE)
    except OSError:
        # Full or worn: a number that comes again, rather than a board that does not run.
        pass
    return boot
