"""A `machine` module of recorded calls, put in place of the board's own before `turgor.boards` is imported."""

import sys


class Pin:
    IN = 0
    OUT = 1
    PULL_DOWN = 2
    IRQ_RISING = 4

    def __init__(self, number, mode=None, pull=None, value=None):
        # What the input-only pins of an ESP32 do.
        if pull is not None and number in (34, 35):
            raise ValueError("pin has no pull")
        self.number = number
        self.level = value
        self.handler = None
        self.hard = False
        MADE[number] = self

    def irq(self, handler, trigger, hard=False):
        self.handler = handler
        self.hard = hard

    def value(self, level):
        self.level = level


class I2C:
    def __init__(self, number, scl, sda, freq):
        self.number = number
        self.pins = (sda.number, scl.number)
        self.freq = freq


def unique_id():
    return b"\x01\x02\x03\x04\x05\x06\x07\x08"


PWRON_RESET = 1
WDT_RESET = 3


def reset_cause():
    return CAUSE[0]


def reset():
    """The script that has it typed starts the board itself."""


# What reset_cause() tells.
CAUSE = [3]


# Every pin by its number.
MADE = {}

sys.modules["machine"] = sys.modules[__name__]
