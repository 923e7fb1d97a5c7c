"""Lays a board's flash out as the command line says, starts the board on it and prints what it found.

run_flash.py BOARD LAYOUT [SCRIPT]: `stock` is MicroPython's own file system over all, `front:N` and `back:N` one of N
sectors at the beginning and at the end, `partition:N` a partition `turgor` beside a whole one, `script` what SCRIPT
types at the prompt of a stock board.
"""

import os
import sys

import fake_machine
import micropython
import vfs
from fake_flash import CHIP, PARTITIONS, SECTOR, SECTORS, Device, Flash, blank

from turgor.app.keep import Keep

if sys.argv[1] == "rp2":
    from turgor.boards.rp2 import make_ports

    SAID = "Raspberry Pi Pico with RP2040"
else:
    from turgor.boards.esp32 import make_ports

    SAID = "Generic ESP32 module with ESP32"


def make(device):
    vfs.VfsLfs2.mkfs(device, progsize=256)
    vfs.mount(vfs.VfsLfs2(device, progsize=256), "/")


def start():
    """What a stock board does: mount everything it has, or format it, then boot.py."""
    vfs.umount("/")
    try:
        files = vfs.VfsLfs2(Flash(), progsize=256)
    except OSError:
        print("formats anew")
        vfs.VfsLfs2.mkfs(Flash(), progsize=256)
        files = vfs.VfsLfs2(Flash(), progsize=256)
    vfs.mount(files, "/")
    if "boot.py" in os.listdir("/"):
        with open("/boot.py") as file:
            text = file.read()
        exec(text, {})


name, _, sectors = sys.argv[2].partition(":")
count = int(sectors or "0")
script = ""
if len(sys.argv) > 3:
    with open(sys.argv[3]) as file:
        script = file.read()
# The machine's own file system is done with.
vfs.umount("/")
if name == "front":
    make(Device(CHIP, 0, count))
elif name == "back":
    make(Device(CHIP, SECTORS - count, count))
elif name == "partition":
    make(Flash())
    PARTITIONS["turgor"] = Device(blank(count), 0, count)
else:
    make(Flash())
if script:
    try:  # noqa: SIM105  MicroPython has no contextlib
        exec(script, {})
    except fake_machine.Reset:
        pass
    start()
print("files", os.statvfs("/")[2])

# Fill the file system, so that a region inside it would be seen.
kept = b"".join(bytes([i]) * 64 for i in range(64))
written = 0
while os.statvfs("/")[3] > 6 and written < 60:
    with open("/full" + str(written), "wb") as file:
        file.write(kept)
    written += 1

for _ in range(2):
    ports = make_ports(12, SAID)
    print("flash", ports.flash and ports.flash.sectors, "boot", ports.boot, ports.identity.split(b";")[-1])
    if ports.flash:
        print("keep", Keep(ports.flash).boot)
print("boot file", "turgor.boot" in os.listdir("/"))

flash = ports.flash
if flash:
    page = bytearray(range(256))
    back = bytearray(256)
    same = 0
    micropython.heap_lock()
    for sector in range(flash.sectors):
        flash.erase(sector)
        flash.program(sector * SECTOR + 3840, page)
        flash.read(sector * SECTOR + 3840, back)
        same += back == page
    micropython.heap_unlock()
    print("same", same == flash.sectors)
if script:
    start()
whole = 0
for i in range(written):
    with open("/full" + str(i), "rb") as file:
        whole += file.read() == kept
print("whole", whole == written > 0)
