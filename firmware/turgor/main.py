"""Picks the board and runs the app; a board's own `main.py` says `from turgor.main import main; main()`."""

import gc
import sys
import time

from turgor.app.app import App
from turgor.app.assemble import check_rates, make_samplers
from turgor.app.config import Config, default_channels
from turgor.core.ticks import ticks_diff
from turgor.mp import const

# Sectors that `turgor.app.keep` cannot do without.
_LEAST_SECTORS = const(12)


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
        while True:
            due = app.poll(now_us())
            wait_us = ticks_diff(due, now_us())
            if wait_us >= 1000 and ports.serial.wait(wait_us // 1000):
                app.wake(now_us())
    finally:
        app.stop()
