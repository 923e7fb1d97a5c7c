"""A look at a board from its prompt: memory, files, buses and sensors."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from turgor.app.config import NAU7802, Channel
from turgor.drivers import NEVER_READY, max30009, max30009_writes, nau7802
from turgor_host.configuration.sensors import SENSORS, sensor_of
from turgor_host.flash.board import Board
from turgor_host.flash.lend import lend
from turgor_host.flash.repl import Repl
from turgor_host.timebase import Exchange

_SCRIPT = "turgor_doctor.py"
_MODULES = ("__init__.py", "mp.py", "link/__init__.py", "link/records.py", "drivers/__init__.py", "drivers/tca9548a.py")
_BOARD_MODULES = ("__init__.py", "buses.py", "flash.py", "ports.py")
_DRIVER_MODULES = {
    "NAU7802": ("bridge.py", "nau7802.py"),
    "ADS1220": ("bridge.py", "ads1220.py"),
    "ABP2": ("digital.py", "abp2.py"),
    "HSC": ("digital.py", "hsc.py"),
    "MAX30009": ("current.py", "max30009.py", "max30009_writes.py"),
}
# A converter takes 0.6 s to start, and 2 s give enough codes to tell its noise.
_CODES = 160
_WATCH_MS = 4000
_CLOCK_S = 2.0
BUSES = (0, 1)
# Identity registers by address: what it may be, the register, its bits that tell. The drivers check the same ones.
IDENTITIES = {
    nau7802.ADDRESS: ("NAU7802", nau7802._REVISION, "revision"),
    max30009_writes.ADDRESS: ("MAX30009", max30009._PART_ID, "part id"),
    max30009_writes.ADDRESS + 1: ("MAX30009", max30009._PART_ID, "part id"),
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
    without_pin: bool = False


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
    free, used = repl.get("__import__('gc').collect() or (__import__('gc').mem_free(),__import__('gc').mem_alloc())")
    return free, free + used


def clock(repl: Repl, seconds: float = _CLOCK_S) -> list[Exchange]:
    """Two looks at the board's microseconds."""
    repl.run("import time")
    found: list[Exchange] = []
    first = 0
    for _ in range(2):
        sent = time.monotonic()
        ticks = repl.get("time.ticks_us()&0x3fffffff")
        received = time.monotonic()
        first = first if found else ticks
        board_s = ((ticks - first) & 0x3FFFFFFF) / 1e6
        found.append(Exchange(sent, board_s, board_s, received))
        if len(found) == 1:
            time.sleep(seconds)
    return found


def place(channel: Channel) -> Place:
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
                value = repl.get(f"D.register({number},{port},{address},{IDENTITIES[address][1]})")
                if value is not None:
                    looked.identities[number, port, address] = value
    progress("listening to the sensors")
    there = [channel for channel in channels if _answers(looked, channel)]
    rows = [_row(channel, True) for channel in there]
    looked.tried = {name: Tried(*rest) for name, *rest in repl.get(f"D.watch({rows!r},{_CODES},{_WATCH_MS})")}
    silent = [c for c in there if c.driver == NAU7802 and looked.tried[c.name].fault == NEVER_READY]
    if silent:
        rows = [_row(channel, False) for channel in silent]
        for name, *rest in repl.get(f"D.watch({rows!r},{_CODES},{_WATCH_MS})"):
            polled = Tried(*rest, without_pin=True)
            if polled.started:
                looked.tried[name] = polled
    return looked


def _answers(looked: Looked, channel: Channel) -> bool:
    if SENSORS[sensor_of(channel.driver)[0]].addresses == ():
        return True
    return (channel.mux_port, channel.address) in looked.buses[channel.bus].found


def _row(channel: Channel, pin: bool) -> tuple[Any, ...]:
    return (
        channel.name,
        *sensor_of(channel.driver),
        channel.bus,
        channel.address,
        channel.mux_port,
        channel.rate_millihz // 1000,
        pin,
    )
