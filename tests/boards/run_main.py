"""Main on a fake board, ended in the way that the command line names; prints what became of the board.

The chips are absent: the buses take writes down and answer with an error.
"""

import sys
import time

import fake_flash  # noqa: F401  it puts itself in the place of the board's flash
import fake_machine
from fake_machine import BUSES, CAUSE, HELD, KEPT, MADE, WATCHDOG, Reset

from turgor import main
from turgor.app.app import App
from turgor.app.guard import Guard
from turgor.boards.rp2 import make_ports
from turgor.link import lines

SAID = "Raspberry Pi Pico with RP2040"
DRIVE_OFF = [(address, register) for address in (0x68, 0x69) for register in (b"\x20\x04", b"\x22", b"\x41\x00")]


class Serial:
    def __init__(self, inbox):
        self.inbox = inbox

    def read_into(self, buffer):
        n = min(len(buffer), len(self.inbox))
        buffer[:n] = self.inbox[:n]
        self.inbox = self.inbox[n:]
        return n

    def write(self, view):
        return len(view)

    def wait(self, ms):
        CLOCK[0] += 1000 * ms
        return False


# Microseconds of the board, and what is raised when: (us, exception).
CLOCK = [0]
RAISES = []
FED_AT = []
INBOX = [b""]
STOPS = []


def board_ports():
    ports = make_ports(12, SAID)
    ports.serial = Serial(INBOX[0])
    arm = ports.arm

    def armed():
        arm()
        feed = ports.feed

        def fed():
            FED_AT.append(CLOCK[0])
            feed()

        ports.feed = fed

    ports.arm = armed
    return ports


def now_us():
    # Each look costs a little, so that the clock never stands.
    CLOCK[0] += 20
    if RAISES and CLOCK[0] >= RAISES[0][0]:
        raise RAISES.pop(0)[1]
    return CLOCK[0] & 0x3FFFFFFF


main.board_ports = board_ports
main.now_us = now_us
stop = App.stop


def stopped(self):
    # The second Ctrl-C comes while the first one's work is done.
    STOPS.append(CLOCK[0])
    if len(STOPS) == 1 and way == "twice":
        raise KeyboardInterrupt
    stop(self)
    LAST.append(self)


App.stop = stopped
LAST = []


def run():
    """Main once; the exception that came out of it, or "returns"."""
    try:
        main.main()
    except BaseException as error:
        return type(error).__name__
    return "returns"


def writes():
    """The chips that were told to switch off last, with the registers of it."""
    found = []
    for address, buf in BUSES[0].written:
        if address in (0x68, 0x69):
            found.append((address, buf[0]))
    BUSES[0].written[:] = []
    return sorted(set(found))


def show(name):
    state = KEPT.get(0x4005800C, 0)
    print(name, "|", run(), "| drive off", writes(), "| alarm", MADE[15].level, "| word", hex(state), end=" ")
    print(hex(KEPT.get(0x4005800C, 0)), "| watchdog", sorted({what for what, _ in WATCHDOG}))
    WATCHDOG[:] = []


def bite(ms):
    """What waits for the watchdog gets it."""
    CLOCK[0] += 1000 * ms
    if FED_AT and CLOCK[0] - FED_AT[-1] > 8388000:
        raise Reset


main.time.sleep_ms = bite if sys.implementation.name == "cpython" else None
