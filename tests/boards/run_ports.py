"""Makes the ports of the board named on the command line and prints what they did.

run_ports.py PLATFORM SAID: what MicroPython calls the board is SAID.
"""

import os
import sys

import fake_flash  # noqa: F401  it puts itself in the place of the board's flash
import fake_machine
from fake_machine import BUSES, CAUSE, HELD, KEPT, MADE, WATCHDOG, WIRE, Reset

if sys.argv[1] == "rp2":
    from turgor.boards.rp2 import make_ports
else:
    from turgor.boards.esp32 import make_ports
from turgor.boards import ports as boards
from turgor.boards.ports import HOLD, SIGNALS
from turgor.core.annunciation import RED, SOUND, YELLOW


def make():
    return make_ports(12, sys.argv[2])


fake_machine.CAUSE[0] = 3
ports = make()
pins = ports.pins
print("pins", [pins[name] for name in SIGNALS])
print("cause", ports.reset_cause, "id", hex(ports.board_id))
print("buses", [(bus.number, bus.pins, bus.freq, bus.timeout) for bus in BUSES.values()])
alarm = MADE[pins["alarm"]]
lamps = [MADE[pins[name]] for name in ("led_red", "led_yellow") if pins[name]]
for bits in (SOUND, RED, YELLOW, 0):
    ports.alarm(bits)
    print("alarm", alarm.pwm.freq, alarm.level, [bool(lamp.level) for lamp in lamps])
ready = ports.ready("forearm_l")
pin = MADE[pins["drdy_forearm_l"]]
print("ready", ready.take(), pin.hard, pin.trigger, pin.pull)
for _ in range(3):
    pin.handler(pin)
print("ready", ready.take(), ready.take(), ready.tick > 0)
ports.ready("calf_l", True)
pin = MADE[pins["drdy_calf_l"]]
print("falling", pin.trigger, pin.pull)
print("none", ports.ready("calf_z"), ports.select("calf_z"))

MADE.pop(25, None)
supply = ports.supply()
print("supply", supply and supply.number, MADE[25].level if 25 in MADE else None)

MADE[pins["button_ack"]].level = 1
pressed = [ports.buttons() & 1]
MADE[pins["button_ack"]].level = 0
pressed.append(ports.buttons() & 1)
print("buttons", pressed, len(ports._buttons))

chip = ports.select("calf_l")
if chip:
    chip.write(b"\x06")
    select = pins["select_calf_l"]
    ((sent, low),) = chip._spi.sent
    print("spi", chip._spi.about, sent == b"\x06" and select in low, MADE[select].level)
else:
    print("spi", None)

# A chip that was cut off in a byte: low until its fourth clock. The object stays, and is made anew.
lines = ports.lines(0)
bus = ports.bus(0)
scl, sda = pins["i2c0_scl"], pins["i2c0_sda"]
print("low", lines.low(), bus.made)
HELD[scl] = [sda, 4]
print("low", lines.low())
WIRE[:] = []
ports.free()
clocks = [level for number, level in WIRE if number == scl]
# Four clocks and the stop condition's; all nine where none helps.
print("freed", not lines.low(), ports.bus(0) is bus, bus.made, clocks == [0, 1] * 5)
# The last clock is the stop condition's: SDA down while SCL is low, up while it is high.
print("stop", WIRE[-4:] == [(scl, 0), (sda, 0), (scl, 1), (sda, 1)])
# One that never lets go, and one that is gone: no clock without need.
HELD[scl] = [sda, 1000]
WIRE[:] = []
ports.free()
print("held", lines.low(), bus.made, len(WIRE))
del HELD[scl]
WIRE[:] = []
lines.free()
print("idle", WIRE, lines.low())
try:
    ports.bus(1).readfrom_mem_into(0x2A, 0, bytearray(1))
except OSError as error:
    print("second bus", ports.lines(1) is not None, error.args[0])

buffer = bytearray(8)
n = ports.serial.read_into(buffer)
print("serial", n, bytes(buffer[:n]))
print("wait", ports.serial.wait(1))
print("flash", ports.flash, ports.identity.split(b";")[-1], ports.identity.split(b";")[-2])
print("boot", ports.boot, "again", make().boot)


# A file system that takes nothing, one that takes it and cannot rename: the number is not kept.
def refuse(*names):
    raise OSError(28)


class Full:
    rename = refuse


boards.os = Full
boots = [make().boot, make().boot]
boards.os = os
os.remove("turgor.boot.new")
os.mkdir("turgor.boot.new")
boots.append(make().boot)
os.rmdir("turgor.boot.new")
print("full", boots, make().boot)
# What cannot be made at all is heard.
unique_id, fake_machine.unique_id = fake_machine.unique_id, refuse
try:
    make()
except OSError as error:
    print("heard", error.args[0], alarm.level)
fake_machine.unique_id = unique_id
causes = []
for cause in (0, 1, 2, 3, 4, 5, 77):
    CAUSE[0] = cause
    causes.append(make().reset_cause)
print("causes", causes)

# What outlives a reset: a run that main did not end makes any reset but power the watchdog's.
CAUSE[0] = 3
ports.arm()
ports.remember(0x12345)
again = make()
print("armed", again.recalled == 0x12345, again.reset_cause)
CAUSE[0] = 0
print("crashed", make().reset_cause)
CAUSE[0] = 1
print("power", make().reset_cause)
CAUSE[0] = 3
WATCHDOG[:] = []
ports.alarm(SOUND | RED)
ports.disarm()
print("disarmed", WATCHDOG, MADE[pins["alarm"]].level, make().recalled)
try:
    ports.hold()
except Reset:
    again = make()
    print("hold", again.recalled == HOLD, again.reset_cause)
KEPT.clear()

# A platform whose numbers are others.
fake_machine.PWRON_RESET = 0x10
fake_machine.SOFT_RESET = 0
causes = []
for cause in (0, 1, 0x10):
    CAUSE[0] = cause
    causes.append(make().reset_cause)
print("causes", causes)
