"""Chip drivers, one chip a file.

A driver is handed its bus and starts nothing by itself. `step(now)` does at most one bounded bus action, sets `event`
and returns the microseconds until it wants the next step; `now` is in microsecond ticks modulo 2^30. A failure becomes
the event FAULT with a code in `fault`, never a number that looks like a measurement.

This module holds what all drivers share: the events, the fault codes and their names.
"""

from turgor.mp import const

# Events.
NOTHING = const(0)
SAMPLE = const(1)
RESULT = const(2)
RESTARTED = const(3)
FAULT = const(4)

# Faults.
NO_FAULT = const(0)
ABSENT = const(1)
WRONG_ID = const(2)
NEVER_READY = const(3)
CAL_FAILED = const(4)
PLL_UNLOCKED = const(5)
FIFO_OVERFLOW = const(6)
READBACK = const(7)
# Not of a driver: a line of its bus is held low; no driver runs.
BUS_LOW = const(8)
SWITCHED_OFF = const(9)
# Of the driver of a MAX30009: its supply was away; its words stand still.
BROWN_OUT = const(10)
STUCK = const(11)

FAULT_NAMES = (
    "no_fault",
    "absent",
    "wrong_id",
    "never_ready",
    "cal_failed",
    "pll_unlocked",
    "fifo_overflow",
    "readback",
    "bus_low",
    "switched_off",
    "brown_out",
    "stuck",
)
