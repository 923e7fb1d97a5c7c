"""Picks the board and runs the app; a board's own `main.py` says `from turgor.main import main; main()`."""

import gc
import sys
import time

from turgor.app.app import App
from turgor.app.assemble import check_rates, make_samplers
from turgor.app.config import Config, default_channels
from turgor.mp import const, micropython

# Sectors that `turgor.app.keep` cannot do without.
_LEAST_SECTORS = const(12)
_WAIT_US = const(500)
# TICKS_MASK, which viper would look up anew each time.
_MASK = const(0x3FFFFFFF)
_HALF = const(0x1FFFFFFF)


def board_ports():
    """The ports of the board this runs on."""
    if sys.platform == "rp2":
        from turgor.boards.rp2 import make_ports
    elif sys.platform == "esp32":
        from turgor.boards.esp32 import make_ports
    else:
        raise RuntimeError("no board file for platform " + sys.platform + "; Turgor runs on rp2 and esp32")
    return make_ports(_LEAST_SECTORS)


def now_us():
    # On these boards the counter wraps at 2^30 by itself.
    return time.ticks_us()


def main():
    """Run for ever; Ctrl-C ends with the impedance drive off."""
    ports = board_ports()
    keep = None
    config = Config(default_channels())
    if ports.flash:
        # 23 KB of heap that a board without the region keeps free.
        from turgor.app.keep import Keep

        keep = Keep(ports.flash)
        config = keep.configuration(config, check_rates)
    app = App(ports, config, make_samplers(config, ports), keep, now_us())
    # From here on nothing is left behind on the heap; while modules came, `turgor.mp` had it collected often.
    gc.collect()
    gc.threshold(-1)
    try:
        _loop(app, ports.serial.wait, time.ticks_us)
    finally:
        app.stop()


@micropython.viper
def _loop(app, wait, ticks_us):
    """Step by step for ever. A wait is rounded to milliseconds, so that a step is up to half of one early or late.

    Early means some looks at the schedule, which cost as much as a step; a conversion's tick is its interrupt's.
    """
    poll = app.poll
    while True:
        due = int(poll(ticks_us()))
        ahead = (due - int(ticks_us())) & _MASK
        if ahead >= _WAIT_US and ahead <= _HALF and wait((ahead + _WAIT_US) // 1000):
            app.wake(ticks_us())
