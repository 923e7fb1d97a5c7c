"""A look at a board from its prompt: memory, files, buses and sensors."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from turgor.app.config import NAU7802, Channel
from turgor.drivers import NEVER_READY, max30009, nau7802
from turgor_host.configuration.sensors import SENSORS, sensor_of
from turgor_host.flash.board import Board
from turgor_host.flash.lend import lend
from turgor_host.flash.repl import Repl
from turgor_host.timebase import Exchange

_SCRIPT = "turgor_doctor.py"
_MODULES = (
    *("__init__.py", "mp.py", "core/__init__.py", "core/annunciation.py", "link/__init__.py", "link/records.py"),
    *("drivers/__init__.py", "drivers/tca9548a.py"),
)
_BOARD_MODULES = ("__init__.py", "buses.py", "flash.py", "ports.py")
_DRIVER_MODULES = {
    "NAU7802": ("bridge.py", "nau7802.py"),
    "ADS1220": ("bridge.py", "ads1220.py"),
    "ABP2": ("digital.py", "abp2.py"),
    "HSC": ("digital.py", "hsc.py"),
    "MAX30009": ("current.py", "max30009.py", "max30009_writes.py"),
    "TMP117": ("slow.py", "tmp117.py"),
    "LIS3DH": ("slow.py", "lis3dh.py"),
    "VSYS": ("vsys.py",),
}
# A converter takes 0.6 s to start, and 2 s give enough codes to tell its noise.
_CODES = 160
_WATCH_MS = 4000
_CLOCK_S = 2.0
_CLOCK_LOOKS = 3
BUSES = (0, 1)


class Identity(NamedTuple):
    """A chip's register that tells what it is: the bits of `mask` are `expected`. The drivers check the same."""

    chip: str
    register: int
    called: str
    mask: int
    expected: int

    def fits(self, value: int) -> bool:
        return value & self.mask == self.expected


# By address. The firmware keeps these numbers private, which costs a board nothing.
IDENTITIES = {
    nau7802.ADDRESS: Identity("NAU7802", nau7802._REVISION, "revision", nau7802._REVISION_MASK, nau7802._REVISION_ID),
    **{
        address: Identity("MAX30009", max30009._PART_ID, "part id", 0xFF, max30009._PART)
        for address in SENSORS["MAX30009"].addresses
    },
}

Place = tuple[int, int, int]


@dataclass
class Bus:
    """`wrong` says what hinders it; `found` are (multiplexer port, address), port -1 the bus itself."""

    wrong: str
    has_mux: bool
    found: list[tuple[int, int]]


@dataclass
class Tried:
    """How a channel's driver fared: its fault (0: none), whether it started, its codes.

    `without_pin`: it never heard of its data-ready pin, and does without.
    """

    fault: int
    started: bool
    codes: list[int]
    without_pin: bool


@dataclass
class Looked:
    """`identities` by (bus, multiplexer port, address)."""

    reset_cause: int = 0
    sectors: int = 0
    pins: dict[str, int] = field(default_factory=dict)
    buses: dict[int, Bus] = field(default_factory=dict)
    identities: dict[Place, int] = field(default_factory=dict)
    tried: dict[str, Tried] = field(default_factory=dict)


def memory(repl: Repl) -> tuple[int, int]:
    """Free bytes of the board's heap, and all of it."""
    repl.run("import gc\ngc.collect()")
    free, used = repl.get("(gc.mem_free(),gc.mem_alloc())")
    return free, free + used


def clock(repl: Repl) -> list[Exchange]:
    """Some looks at the board's microseconds, and some more a while later."""
    repl.run("import time")
    found: list[Exchange] = []
    first = repl.get("time.ticks_us()&0x3fffffff")
    for look in range(2 * _CLOCK_LOOKS):
        if look == _CLOCK_LOOKS:
            time.sleep(_CLOCK_S)
        sent = time.monotonic()
        board_s = (repl.get("time.ticks_us()&0x3fffffff") - first & 0x3FFFFFFF) / 1e6
        found.append(Exchange(sent, board_s, board_s, time.monotonic()))
    return found


def place_of(channel: Channel) -> Place:
    return channel.bus, channel.mux_port, channel.address


def look(repl: Repl, board: Board, channels: list[Channel], progress: Callable[[str], None]) -> Looked:
    """Scan the buses and start the sensor of each channel. No current flows through electrodes."""
    sensors = {sensor_of(channel.driver)[0] for channel in channels}
    names = [*_MODULES, *(f"boards/{name}" for name in (*_BOARD_MODULES, f"{board.platform}.py"))]
    names += sorted({f"drivers/{name}" for sensor in sensors for name in _DRIVER_MODULES[sensor]})
    progress("lending the board the firmware's drivers")
    lend(repl, board, names, {_SCRIPT: Path(__file__).with_name("on_board.py")})
    progress("looking at the buses")
    repl.run("import turgor_doctor as D")
    looked = Looked(*repl.get("D.board()"))
    for number in BUSES:
        looked.buses[number] = Bus(*repl.get(f"D.scan({number})"))
        for port, address in looked.buses[number].found:
            if address in IDENTITIES:
                value = repl.get(f"D.register({number},{port},{address},{IDENTITIES[address].register})")
                if value is not None:
                    looked.identities[number, port, address] = value
    progress("listening to the sensors")
    looked.tried = _watch(repl, [channel for channel in channels if _answers(looked, channel)], True)
    silent = [c for c in channels if c.driver == NAU7802 and c.name in looked.tried]
    silent = [channel for channel in silent if looked.tried[channel.name].fault == NEVER_READY]
    if silent:
        polled = _watch(repl, silent, False)
        looked.tried |= {name: tried for name, tried in polled.items() if tried.started}
    return looked


def _answers(looked: Looked, channel: Channel) -> bool:
    if SENSORS[sensor_of(channel.driver)[0]].addresses == ():
        return True
    return (channel.mux_port, channel.address) in looked.buses[channel.bus].found


def _watch(repl: Repl, channels: list[Channel], with_pin: bool) -> dict[str, Tried]:
    """Run the drivers of channels on the board; `with_pin`: their data-ready pins are listened to."""
    rows = []
    for channel in channels:
        place = (channel.bus, channel.address, channel.mux_port)
        rows.append((channel.name, *sensor_of(channel.driver), *place, channel.rate_millihz // 1000, with_pin))
    found = repl.get(f"D.watch({rows!r},{_CODES},{_WATCH_MS})")
    return {name: Tried(fault, started, codes, not with_pin) for name, fault, started, codes in found}
