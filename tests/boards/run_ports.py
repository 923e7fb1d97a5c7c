"""Makes the ports of the board named on the command line and prints what they did."""

import sys

import fake_flash  # noqa: F401  it puts itself in the place of the board's flash
import fake_machine
from fake_machine import MADE

if sys.argv[1] == "rp2":
    from turgor.boards.rp2 import PINS, make_ports
else:
    from turgor.boards.esp32 import PINS, make_ports

ports = make_ports(12)
print("cause", ports.reset_cause, "id", hex(ports.board_id))
print("buses", [(ports.bus(n).number, ports.bus(n).pins, ports.bus(n).freq) for n in (0, 1)])
alarm = MADE[PINS["alarm"]]
ports.alarm(2)
print("alarm", alarm.level, MADE[PINS["led"]].level)
ports.alarm(0)
print("alarm", alarm.level)
ready = ports.ready("forearm_l")
pin = MADE[PINS["drdy_forearm_l"]]
print("ready", ready.take(), pin.hard)
for _ in range(3):
    pin.handler(pin)
print("ready", ready.take(), ready.take(), ready.tick > 0)
print("none", ports.ready("calf_z"))
buffer = bytearray(8)
n = ports.serial.read_into(buffer)
print("serial", n, bytes(buffer[:n]))
print("wait", ports.serial.wait(1))
print("flash", ports.flash, ports.identity.split(b";")[-1])
print("boot", ports.boot, "again", make_ports(12).boot)
causes = []
for cause in (0, 1, 2, 3, 4, 5, 77):
    fake_machine.CAUSE[0] = cause
    causes.append(make_ports(12).reset_cause)
print("causes", causes)
# A platform whose numbers are others.
fake_machine.PWRON_RESET = 0x10
fake_machine.SOFT_RESET = 0
causes = []
for cause in (0, 1, 0x10):
    fake_machine.CAUSE[0] = cause
    causes.append(make_ports(12).reset_cause)
print("causes", causes)
