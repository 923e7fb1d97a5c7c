"""A `machine` module of recorded calls, put in place of the board's own before `turgor.boards` is imported.

Pins of an I2C bus read what a wire does: high unless the board or `HELD`, a chip that lets SDA go after so many clocks,
pulls it low. `I2C` gives one object a bus however often it is made, as both ports of MicroPython do.
"""

import sys


class Reset(BaseException):
    """The board starts anew here."""


class Pin:
    IN = 0
    OUT = 1
    OPEN_DRAIN = 2
    PULL_UP = 1
    PULL_DOWN = 2
    IRQ_FALLING = 2
    IRQ_RISING = 4

    def __new__(cls, number, *args, **named):
        if number not in MADE:
            MADE[number] = object.__new__(cls)
        return MADE[number]

    def __init__(self, number, mode=None, pull=None, value=None):
        if not hasattr(self, "number"):
            self.number = number
            self.mode = None
            self.level = None
            self.handler = None
            self.trigger = None
            self.hard = False
            self.pull = None
        if mode is not None:
            self.init(mode, pull, value)

    def init(self, mode, pull=None, value=None):
        # What the input-only pins of an ESP32 do.
        if pull is not None and self.number in (34, 35):
            raise ValueError("pin has no pull")
        self.mode = mode
        self.pull = pull
        self.level = value

    def irq(self, handler, trigger, hard=False):
        self.handler = handler
        self.trigger = trigger
        self.hard = hard

    def value(self, *level):
        if level:
            if self.number in HELD and not self.level and level[0]:
                held = HELD[self.number]
                held[1] -= 1
            self.level = level[0]
            WIRE.append((self.number, int(level[0])))
            return None
        for sda, clocks in HELD.values():
            if self.number == sda and clocks > 0:
                return 0
        return 1 if self.level is None else int(self.level)

    __call__ = value


class PWM:
    """`pin.level` is the duty, `pin.pulses` how often it went from nothing to something."""

    def __init__(self, pin, freq, duty_u16):
        self.pin = pin
        self.freq = freq
        pin.pwm = self
        pin.pulses = getattr(pin, "pulses", 0)
        pin.level = duty_u16

    def duty_u16(self, duty):
        if duty and not self.pin.level:
            self.pin.pulses += 1
        self.pin.level = duty


class ADC:
    def __init__(self, number):
        self.number = number


class I2C:
    def __new__(cls, number, **named):
        if number not in BUSES:
            BUSES[number] = object.__new__(cls)
        return BUSES[number]

    def __init__(self, number, scl, sda, freq, timeout):
        self.number = number
        self.pins = (sda.number, scl.number)
        self.freq = freq
        self.timeout = timeout
        self.made = getattr(self, "made", 0) + 1
        self.written = getattr(self, "written", [])

    def writeto(self, address, buf):
        if address not in TAKES:
            raise OSError(5)
        self.written.append((address, bytes(buf)))

    def readfrom_into(self, address, buf):
        raise OSError(5)

    def readfrom_mem_into(self, address, register, buf):
        raise OSError(5)


class SPI:
    def __init__(self, number, baudrate, polarity, phase, sck, mosi, miso):
        self.about = (number, baudrate, polarity, phase, sck.number, mosi.number, miso.number)
        self.sent = []

    def write(self, buf):
        self.sent.append((bytes(buf), [n for n, pin in MADE.items() if pin.mode == Pin.OUT and pin.level == 0]))

    def write_readinto(self, out, into):
        self.write(out)


class WDT:
    def __init__(self, id=0, timeout=5000):
        WATCHDOG.append(("made", timeout))

    def feed(self):
        WATCHDOG.append(("fed", 0))


class RTC:
    def memory(self, *data):
        if data:
            KEPT["rtc"] = bytes(data[0])
        return KEPT.get("rtc", b"")


class _Memory:
    def __getitem__(self, address):
        return KEPT.get(address, 0)

    def __setitem__(self, address, word):
        KEPT[address] = word
        # The alias that clears bits of the RP2040's or RP2350's watchdog.
        if address in (0x4005B000, 0x400DB000):
            WATCHDOG.append(("cleared", word))


mem32 = _Memory()


def unique_id():
    return b"\x01\x02\x03\x04\x05\x06\x07\x08"


PWRON_RESET = 1
WDT_RESET = 3


def reset_cause():
    return CAUSE[0]


def reset():
    raise Reset


# What reset_cause() tells.
CAUSE = [1]
# Every pin and bus by its number.
MADE = {}
BUSES = {}
# Addresses that take what is written; nobody is ever read.
TAKES = []
# SCL -> [SDA, clocks after which it is let go].
HELD = {}
# Every level that was written, what became of the watchdog, and what outlives a reset.
WIRE = []
WATCHDOG = []
KEPT = {}

sys.modules["machine"] = sys.modules[__name__]
if sys.implementation.name == "cpython":
    import time

    import turgor.mp  # noqa: F401  before there is a `micropython`

    class _Micropython:
        @staticmethod
        def kbd_intr(char):
            """Ctrl-C comes from nowhere here."""

        @staticmethod
        def viper(function):
            return function

    sys.modules["micropython"] = _Micropython
    time.sleep_us = time.sleep_ms = lambda duration: None
    time.ticks_us = lambda: time.monotonic_ns() // 1000 & 0x3FFFFFFF
    sys.print_exception = lambda error: print("Traceback", type(error).__name__, error)

    import select

    class _Poll:
        poll = select.poll

        def __init__(self):
            self._poll = _Poll.poll()

        def register(self, file, mask):
            self._poll.register(file, mask)

        def ipoll(self, ms):
            return self._poll.poll(ms)

    select.poll = _Poll
