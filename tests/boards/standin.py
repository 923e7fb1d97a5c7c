"""A board at file level, for MicroPython's unix port: flash with littlefs, boot, prompt and raw prompt as a board has.

standin.py PLATFORM IMAGE SECTORS VERSION FLASH: the flash is the file IMAGE of SECTORS sectors, read once; every change
goes to descriptor FLASH as `w` or `e`, address u32, length u16 and its bytes, and is made when a byte came back. There
also goes `r` before board code runs, `i` when it has ended and `x` at the end: while it runs Ctrl-C is a signal, at the
prompts a byte of standard input. The process ends where a board would start anew: exit code 0 for a soft reset to the
prompt, 3 for one to the raw prompt, with `raw` as last argument that is where it begins.

What board code imports of `sys`, `machine`, `rp2` and `esp32` says PLATFORM. With `chips=FILE` the sensors of that
scenario hang on it (`standin_chips.py`), else its buses have no chip. `cause=N` is what `machine.reset_cause()` tells.
"""

import os
import struct
import sys
import time

import vfs

SECTOR = 4096
WINDOW = 128
real = sys
platform, image, sectors, version, channel = real.argv[1:6]
raw = "raw" in real.argv[6:]
PASTE_REFUSED = "no-paste" in real.argv[6:]
options = dict(word.split("=", 1) for word in real.argv[6:] if "=" in word)
chips = None
if "chips" in options:
    from standin_chips import Chips

    chips = Chips(options["chips"])
    # The board's own firmware is another one than the models'.
    for key in [key for key in real.modules if key.split(".")[0] == "turgor"]:
        del real.modules[key]
sectors = int(sectors)
with open(image, "rb") as file:
    chip = bytearray(file.read())
changes = open(int(channel), "r+b", 0)  # noqa: SIM115  open as long as it runs
stdin = real.stdin.buffer
stdout = real.stdout.buffer


class Flash:
    """A block device over a part of the chip."""

    def __init__(self, start=0, len=-1):
        self.at = max(start, 0)
        self.size = sectors * SECTOR - self.at if len == -1 else len

    def readblocks(self, block, buffer, offset=0):
        at = self.at + block * SECTOR + offset
        buffer[:] = chip[at : at + len(buffer)]

    def writeblocks(self, block, buffer, offset=None):
        if offset is None:
            for i in range(-(-len(buffer) // SECTOR)):
                self.ioctl(6, block + i)
            offset = 0
        at = self.at + block * SECTOR + offset
        # As flash does: bits go from 1 to 0 alone.
        old = chip[at : at + len(buffer)]
        data = bytes(buffer) if old.count(b"\xff") == len(old) else bytes([old[i] & buffer[i] for i in range(len(old))])
        change(b"w", at, data)
        chip[at : at + len(data)] = data

    def ioctl(self, request, argument):
        if request == 4:
            return self.size // SECTOR
        if request == 5:
            return SECTOR
        if request == 6:
            at = self.at + argument * SECTOR
            change(b"e", at, b"")
            chip[at : at + SECTOR] = b"\xff" * SECTOR
            return 0
        return None


def change(kind, at, data):
    changes.write(kind + struct.pack("<IH", at, len(data)) + data)
    interrupted = None
    while True:
        try:
            if not changes.read(1):
                raise SystemExit(1)
            break
        except KeyboardInterrupt as error:
            # A board raises it when the flash is done.
            interrupted = error
    if interrupted:
        raise interrupted


class Module:
    pass


def module(name, **members):
    made = Module()
    for key, value in members.items():
        setattr(made, key, value)
    real.modules[name] = made
    return made


class Pin:
    IN, OUT, PULL_UP, PULL_DOWN, IRQ_RISING, IRQ_FALLING, OPEN_DRAIN = range(7)

    def __init__(self, number, *args, **options):
        self.number = number

    def init(self, *args, **options):
        pass

    def irq(self, handler, *args, **options):
        if chips:
            chips.listen(self.number, handler)

    def value(self, *level):
        return chips.level(self.number) if chips else 1

    __call__ = value


class PWM:
    def __init__(self, pin, *args, **options):
        """Nobody hears it."""

    def duty_u16(self, duty):
        """Nobody hears it."""


class NoI2C:
    def _nobody(self, *args, **options):
        raise OSError(19)

    readfrom_into = writeto = readfrom_mem_into = writeto_mem = readfrom_mem = readfrom = writevto = _nobody

    def scan(self):
        return []


def I2C(number, *args, **options):
    return chips.bus(number) if chips else NoI2C()


class WDT:
    def __init__(self, *args, **options):
        pass

    def feed(self):
        pass


class Timer:
    def init(self, *args, **options):
        pass

    def deinit(self):
        pass


class SPI:
    def __init__(self, *args, **options):
        pass

    def write(self, buffer):
        pass

    def write_readinto(self, out, into):
        pass


class RTC:
    def memory(self, *data):
        return b""


class Words(dict):
    def __getitem__(self, address):
        return self.get(address, 0)


class Partition:
    TYPE_APP, TYPE_DATA = 0, 1

    @staticmethod
    def find(kind=0, label=None, **options):
        return [Flash()] if kind == 1 and label == "vfs" else []


def reset():
    raise SystemExit


def unique_id():
    return b"\xe6\x61\x38\x52\x83\x5f\x1c\x2e"


MACHINE = {"rp2": "Raspberry Pi Pico with RP2040", "esp32": "Generic ESP32 module with ESP32"}.get(platform, platform)
module(
    "machine",
    Pin=Pin,
    PWM=PWM,
    I2C=I2C,
    WDT=WDT,
    Timer=Timer,
    SPI=SPI,
    RTC=RTC,
    unique_id=unique_id,
    reset=reset,
    soft_reset=reset,
    reset_cause=lambda: int(options.get("cause", 1)),
    PWRON_RESET=1,
    WDT_RESET=3,
    mem32=Words(),
)
module("rp2", Flash=Flash)
clock = module("time")
for key in dir(time):
    if not key.startswith("__"):
        setattr(clock, key, getattr(time, key))


# A board's small integers end there.
microseconds = chips.ticks_us if chips else time.ticks_us
clock.ticks_us = lambda: microseconds() & 0x3FFFFFFF
clock.ticks_ms = lambda: (chips.clock.ticks() // 1000 if chips else time.ticks_ms()) & 0x3FFFFFFF
module("esp32", Partition=Partition)
name, _, numbers = version.rpartition(" ")
implementation = (
    name or "micropython",
    tuple(int(part) for part in numbers.split(".")),
    MACHINE,
    real.implementation._mpy,
)


class Implementation(tuple):
    name, version, _machine, _ = implementation
    _mpy = int(options.get("mpy", real.implementation._mpy))


said = module("sys")
for key in dir(real):
    if not key.startswith("__"):
        setattr(said, key, getattr(real, key))
said.platform = platform
said.implementation = Implementation(implementation[:3])


def say(text):
    stdout.write(text.encode() if isinstance(text, str) else text)


class ForcedExit(Exception):
    pass


def run(text, names, name="<stdin>"):
    """Run board code; the traceback where it fails. SystemExit starts the board anew."""
    try:
        changes.write(b"r")
        if chips:
            chips.clock.go_on()
        code = compile(text, name, "exec")
        exec(code, names)
    except SystemExit:
        raise ForcedExit from None
    except BaseException as error:
        changes.write(b"i")
        return error
    changes.write(b"i")
    return None


def print_error(error):
    import io

    text = io.StringIO()
    real.print_exception(error, text)
    say(text.getvalue().replace("\n", "\r\n"))


def byte():
    while True:
        try:
            data = stdin.read(1)
        except KeyboardInterrupt:
            return b"\x03"
        if not data:
            raise SystemExit(1)
        return data


def execute(text, names):
    error = run(text, names)
    say(b"\x04")
    if error:
        print_error(error)
    say(b"\x04")


def paste():
    """Code in raw paste mode: flow control by windows. None where Ctrl-C ended it."""
    say(b"R\x01" + struct.pack("<H", WINDOW) + b"\x01")
    text = bytearray()
    taken = 0
    while True:
        c = byte()
        if c == b"\x03":
            say(b"\x04")
            return None
        if c == b"\x04":
            say(b"\x04")
            return text
        text += c
        taken += 1
        if taken == WINDOW:
            taken = 0
            say(b"\x01")


def raw_prompt(names):
    """Until Ctrl-B; True for a soft reset."""
    say("raw REPL; CTRL-B to exit\r\n>")
    line = bytearray()
    while True:
        c = byte()
        if c == b"\x01":
            if line == b"\x05A" and not PASTE_REFUSED:
                text = paste()
                if text is None:
                    say(b"\x04" + b"KeyboardInterrupt: \r\n\x04>")
                else:
                    execute(str(text, "utf8"), names)
                    say(">")
            elif line == b"\x05A":
                say(b"R\x00")
            else:
                say("raw REPL; CTRL-B to exit\r\n>")
            line = bytearray()
        elif c == b"\x02":
            say("\r\n")
            return False
        elif c == b"\x03":
            line = bytearray()
        elif c == b"\x04":
            say("OK")
            if not line:
                say("\r\n")
                return True
            execute(str(line, "utf8"), names)
            line = bytearray()
            say(">")
        else:
            line += c


def prompt(names):
    """The friendly prompt, a line at a time; True for a soft reset, False for the raw prompt."""
    say("MicroPython v" + version + " on 2026-08-29; " + MACHINE + '\r\nType "help()" for more information.\r\n>>> ')
    line = bytearray()
    while True:
        c = byte()
        if c == b"\x01":
            return False
        if c == b"\x02":
            return prompt(names)
        if c == b"\x03":
            say("\r\n>>> ")
            line = bytearray()
        elif c == b"\x04" and not line:
            say("\r\n")
            return True
        elif c in b"\r\n":
            say("\r\n")
            if line:
                error = run(str(line, "utf8"), names)
                if error:
                    print_error(error)
            line = bytearray()
            say(">>> ")
        else:
            line += c
            say(c)


def start():
    """What a board does at a start; the exit code says how the next one begins."""
    global raw
    names = {"__name__": "__main__"}
    vfs.umount("/")
    try:
        files = vfs.VfsLfs2(Flash(), progsize=256)
    except OSError:
        vfs.VfsLfs2.mkfs(Flash(), progsize=256)
        files = vfs.VfsLfs2(Flash(), progsize=256)
    vfs.mount(files, "/")
    os.chdir("/")
    real.path[:] = ["", ".frozen", "/lib"]
    for name in ("boot.py",) if raw else ("boot.py", "main.py"):
        if name in os.listdir("/"):
            with open(name) as file:
                text = file.read()
            error = run(text, names, name)
            if error:
                print_error(error)
    changes.write(b"i")
    while True:
        try:
            if raw_prompt(names) if raw else prompt(names):
                break
            raw = not raw
        except KeyboardInterrupt:
            # The signal came when the code had just ended.
            say("\r\n")


try:
    start()
except ForcedExit:
    say("")
changes.write(b"x")
say("MPY: soft reboot\r\n")
raise SystemExit(3 if raw else 0)
