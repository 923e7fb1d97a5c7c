"""Picks the board and runs the app; `turgor.start` is a board's own `/main.py`.

However it ends, the current through electrodes is switched off first, and again at the start. Ctrl-C then stops the
watchdog and gives the prompt, for as long as one likes. The command MAINTAIN ends in a reset that stays at a bare
prompt once. After any other exception the alarm is on, its traceback is printed at the port, and the watchdog, which
nobody feeds any more, starts the board anew within 9 s: that boot's reset cause says so, and the third within
10 minutes leaves the sensors off (`turgor.app.guard`).
"""

import sys
import time

import micropython

from turgor.app.app import App
from turgor.app.assemble import check_rates, drive_off, make_samplers
from turgor.app.config import Config, default_channels
from turgor.app.guard import Guard
from turgor.app.tick import Maintenance
from turgor.boards.ports import HOLD
from turgor.core.annunciation import PIN_BITS, PINS, annunciation
from turgor.core.rules import HIGH
from turgor.mp import const, settle

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


# On these boards the counter wraps at 2^30 by itself.
now_us = time.ticks_us


def main():
    """Run for ever, or until Ctrl-C or the command MAINTAIN."""
    ports = board_ports()
    if ports.recalled == HOLD:
        ports.disarm()
        print("Turgor waits at the prompt; machine.reset() starts it")
        return
    asked = False
    try:
        try:
            _run(ports)
        except Maintenance:
            asked = True
        except Exception as error:
            _wait_for_the_watchdog(ports, error)
    except KeyboardInterrupt:
        print("Turgor has stopped; main() or machine.reset() starts it")
    finally:
        _surely(ports.disarm)
        micropython.kbd_intr(3)
    if asked:
        ports.hold()


def _run(ports):
    app = keep = None
    config = Config(default_channels())
    try:
        # Before anything that could fail; once more as soon as it is known where the chips are.
        drive_off(config, ports)
        guard = Guard(ports)
        if ports.flash:
            # 23 KB of heap that a board without the region keeps free.
            from turgor.app.keep import Keep

            keep = Keep(ports.flash)
            config = keep.configuration(config, check_rates)
            drive_off(config, ports)
        app = App(ports, config, make_samplers(config, ports), keep, now_us(), guard)
        settle()
        ports.feed()
        _loop(app, ports.serial.wait, now_us)
    finally:
        try:
            _surely(ports.free)
        finally:
            _surely(app.stop if app else lambda: drive_off(config, ports))


@micropython.viper
def _loop(app, wait, now_us):
    """Step by step for ever. A wait is rounded to milliseconds, so that a step is up to half of one early or late.

    Early means some looks at the schedule; a conversion's tick is its interrupt's.
    """
    poll = app.poll
    now = int(now_us())
    while True:
        due = int(poll(now))
        now = int(now_us())
        ahead = (due - now) & _MASK
        if ahead >= _WAIT_US and ahead <= _HALF:
            came = wait((ahead + _WAIT_US) // 1000)
            now = int(now_us())
            if came:
                app.wake(app.wire, now)


def _surely(function):
    """Call it, and see to it that another Ctrl-C does not cut it short; Ctrl-C is off then."""
    while True:
        try:
            micropython.kbd_intr(-1)
            function()
            return
        except KeyboardInterrupt:
            pass


def _wait_for_the_watchdog(ports, error):
    """Say what happened, sound, and wait to be started anew."""
    # A frame may have been cut off: the zeros keep the text apart.
    print("\0")
    sys.print_exception(error)
    print("Turgor stopped at this; the watchdog starts it anew within 9 s, Ctrl-C gives the prompt\0")
    micropython.kbd_intr(3)
    if not ports.feed:
        ports.arm()
    ms = 0
    while True:
        state = annunciation(HIGH, False, ms)
        ports.alarm(state & PINS)
        time.sleep_ms(state >> PIN_BITS)
        ms += state >> PIN_BITS
