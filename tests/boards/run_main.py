"""Main on a fake Pico, ended in every way, over resets that keep what a reset keeps; prints what became of the board.

The impedance chips take what is written and are dead otherwise; nobody else is there.
"""

import fake_flash  # noqa: F401  it puts itself in the place of the board's flash
from fake_machine import BUSES, CAUSE, KEPT, MADE, TAKES, WATCHDOG, Reset

from turgor import main
from turgor.app.app import App
from turgor.app.guard import Guard
from turgor.app.tick import Tick
from turgor.boards.rp2 import make_ports
from turgor.drivers import FAULT_NAMES
from turgor.link import lines
from turgor.link.records import unpack

SAID = "Raspberry Pi Pico with RP2040"


class Serial:
    def __init__(self, inbox):
        self.inbox = inbox

    def read_into(self, buffer):
        n = min(len(buffer), len(self.inbox))
        buffer[:n] = self.inbox[:n]
        self.inbox = self.inbox[n:]
        return n

    def write(self, buffer, at, n):
        return n

    def wait(self, ms):
        CLOCK[0] += 1000 * ms
        return False


CLOCK = [0]
RAISES = []
FED = [0]
INBOX = [b""]
APPS = []
# How often it had sounded when the app was stopped.
SOUNDED = [0]
WAY = [""]
# The board as the watchdog cut it off: a fake one still runs what Python runs behind an exception.
CUT = []
TAKES[:] = [0x68, 0x69]


def board_ports():
    ports = make_ports(12, SAID)
    ports.serial = Serial(INBOX[0])
    arm = ports.arm

    def armed():
        arm()
        FED[0] = CLOCK[0]
        feed = ports.feed

        def fed():
            FED[0] = CLOCK[0]
            feed()

        ports.feed = fed

    ports.arm = armed
    if WAY[0] == "stuck":
        ports.free = fail
    return ports


def fail():
    raise OSError(5)


def now_us():
    # Each look costs a little, so that the clock never stands.
    CLOCK[0] += 20
    if RAISES and CLOCK[0] >= RAISES[0][0]:
        raise RAISES.pop(0)[1]
    return CLOCK[0] & 0x3FFFFFFF


class Time:
    @staticmethod
    def sleep_ms(ms):
        """Who waits for the watchdog gets it."""
        now_us()
        CLOCK[0] += 1000 * ms
        if CLOCK[0] - FED[0] > 8388000:
            written = list(BUSES[0].written)
            CUT[:] = [dict(KEPT), MADE[15].pulses, list(WATCHDOG), written, len(APPS)]
            raise Reset


def guard(ports):
    if WAY[0] == "unarmed":
        raise KeyboardInterrupt
    if WAY[0] == "broken":
        raise ValueError("no guard")
    return Guard(ports)


main.Guard = guard
main.board_ports = board_ports
main.now_us = now_us
main.time = Time
stop = App.stop
step = Tick.step


def stopped(app):
    # Another Ctrl-C comes while the first one's work is under way.
    APPS.append(app)
    SOUNDED[0] = MADE[15].pulses
    if WAY[0] == "twice" and len(APPS) == 1:
        raise KeyboardInterrupt
    stop(app)


def stepped(tick, now):
    if WAY[0] == "error" and tick._second == 3:
        raise ValueError("a fault of the firmware")
    if WAY[0] == "hang" and tick._second == 3:
        Time.sleep_ms(9000)
    return step(tick, now)


App.stop = stopped
Tick.step = stepped


def show(way, cause, *raises):
    """A boot after `cause` until it ends; what came out of main, and the state of the board then."""
    WAY[0] = way
    CAUSE[0] = cause
    APPS[:] = []
    WATCHDOG[:] = []
    CUT[:] = []
    if 15 in MADE:
        MADE[15].pulses = 0
    RAISES[:] = [(CLOCK[0] + us, error) for us, error in raises]
    BUSES.clear()
    try:
        main.main()
        end = "returns"
    except BaseException as error:
        end = type(error).__name__
    # Of who was cut off how often it sounded, else the level that is left.
    kept, alarm, watchdog, written, stops = CUT or (KEPT, MADE[15].level, WATCHDOG, BUSES[0].written, len(APPS))
    # Stimulus off, standby, electrodes let go: by main at its start, by the drivers that fail, by main at its end.
    off = [[buf[0] for to, buf in written if to == address] for address in TAKES]
    is_off = off[0] == off[1] == [0x20, 0x22, 0x41] * (len(off[0]) // 3)
    print(
        "=",
        way,
        end,
        "stops",
        stops,
        "off",
        is_off and len(off[0]) > 3,
        "alarm",
        alarm,
        "word",
        hex(kept.get(0x4005800C, 0)),
        end=" ",
    )
    print("sounded", SOUNDED[0], "fed", ("fed", 0) in watchdog, "stopped", ("cleared", 1 << 30) in watchdog)
    KEPT[0x4005800C] = kept.get(0x4005800C, 0)
    if APPS:
        app = APPS[-1]
        record = bytearray(256)
        found = []
        for seq in range(app.log.first_seq, app.log.next_seq):
            n = app.log.fetch(seq, record)
            header, body, _ = unpack(record[:n])
            if header["kind"] == "boot":
                found.append(("cause", body["reset_cause"]))
            elif header["kind"] == "notice":
                found.append(("notice", body["notice"], body["value"]))
            elif header["kind"] == "fault":
                found.append((header["channel"], FAULT_NAMES[body["fault"]]))
            elif header["kind"] == "command":
                found.append(("command", body["command"]))
        print(found)


POWER, WATCHDOG_BIT = 1, 3
show("ctrl-c", POWER, (5000000, KeyboardInterrupt()))
show("twice", POWER, (5000000, KeyboardInterrupt()))
# Ctrl-C in the boot, before there is an app.
show("early", POWER, (0, KeyboardInterrupt()))
show("unarmed", POWER)
# The buses cannot be freed at the end.
show("stuck", POWER, (5000000, KeyboardInterrupt()))
# No guard that could be told: the watchdog is armed all the same.
show("broken", POWER)
INBOX[0] = lines.command_line(7, lines.MAINTAIN)
show("maintain", POWER)
INBOX[0] = b""
show("held", WATCHDOG_BIT)
show("error", WATCHDOG_BIT)
show("waiting", WATCHDOG_BIT, (5000000, ValueError("twice")), (6000000, KeyboardInterrupt()))
show("error", POWER)
show("error", WATCHDOG_BIT)
show("hang", WATCHDOG_BIT)
show("off", WATCHDOG_BIT, (30000000, KeyboardInterrupt()))
show("on", WATCHDOG_BIT, (3000000, KeyboardInterrupt()))
