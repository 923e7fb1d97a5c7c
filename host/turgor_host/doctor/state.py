"""What was seen of port, MicroPython, firmware, memory and clock -> findings."""

import os
from collections.abc import Iterator
from itertools import combinations
from math import inf
from pathlib import Path

from serial.tools import list_ports

from turgor import __version__
from turgor.app.config import Config
from turgor.core.channels import CHANNEL_NAMES
from turgor.link.records import (
    CONFIG_REFUSED,
    DEEP_SLEEP_RESET,
    FLASH_FAILED,
    HARD_RESET,
    LINK_STALLED,
    POWER_ON,
    SENSORS_OFF,
    SOFT_RESET,
    STATE_REFUSED,
    WATCHDOG_RESET,
    WIRE_VERSION,
)
from turgor_host.clockrange import RATE_LIMIT, RESOLUTION_S
from turgor_host.configuration.sensors import sensor_of
from turgor_host.doctor.findings import Finding, failure, ok, warning
from turgor_host.doctor.link import Seen
from turgor_host.flash.board import OLDEST
from turgor_host.flash.plan import Plan
from turgor_host.ports import VENDORS
from turgor_host.timebase import Exchange

_DOWNLOAD = "micropython.org/download"
_OUTLIVES = "README.md, 'What outlives a restart', has how"
_OLDEST = ".".join(map(str, OLDEST))
# The firmware's budget of an RP2040's heap: code, channels and rules, log ring, link and drivers, and what stays free.
NEEDED_HEAP = (90 + 16 + 40 + 12 + 64) * 1024
# A rate that is known less exactly than this is not told.
_TELLING = 5e-3
# A link as slow as this makes the board wait.
_SLOW_TRIP_S = 0.1
_CAUSES = {
    POWER_ON: "power-on",
    HARD_RESET: "machine.reset()",
    WATCHDOG_RESET: "the watchdog",
    DEEP_SLEEP_RESET: "deep sleep",
    SOFT_RESET: "a soft reset",
}


def port_finding(name: str) -> Finding:
    """Whether this user may use the port, before it is opened."""
    path = Path(name)
    if path.exists() and not os.access(path, os.R_OK | os.W_OK):
        return failure("port", "no permission to read and write it", _permission(path))
    usb = next((port for port in list_ports.comports() if port.device == name and port.vid is not None), None)
    if usb is None:
        return ok("port", "opens; no USB device that tells its maker")
    maker = VENDORS.get(usb.vid, "unknown maker")
    return ok("port", f"opens; USB {usb.vid:04X}:{usb.pid or 0:04X}, {maker}")


def _permission(path: Path) -> str:
    try:
        group = path.group()
    except (KeyError, OSError, NotImplementedError):  # the last where a system has no groups
        group = "dialout"
    return f"sudo usermod -aG {group} $USER, then log in again"


def micropython_finding(version: tuple[int, ...]) -> Finding:
    said = ".".join(map(str, version))
    if version[:2] < OLDEST:
        return failure("MicroPython", f"{said} is too old", f"install {_OLDEST} or newer ({_DOWNLOAD})")
    return ok("MicroPython", said)


def turgor_finding(port: str, version: str, wire_version: int = WIRE_VERSION) -> Finding:
    """The version on the board, "" where none is, against this program's."""
    if not version:
        return failure("Turgor", "is not on the board", f"turgor flash {port}")
    if wire_version != WIRE_VERSION:
        said = f"{version} speaks wire version {wire_version}, and this program {__version__} speaks {WIRE_VERSION}"
        return failure("Turgor", said, f"turgor flash {port}")
    if version != __version__:
        return warning("Turgor", f"{version} on the board, {__version__} here", f"turgor flash {port}")
    return ok("Turgor", f"{version} on the board and here, wire version {wire_version}")


def reset_finding(cause: int) -> Finding:
    said = _CAUSES.get(cause, "unknown")
    if cause == WATCHDOG_RESET:
        return warning(
            "last reset",
            f"by {said}: the firmware hung or stopped at an error",
            "look at the board's supply and cable; the traceback is what the port says just before the next one",
        )
    return ok("last reset", said)


def clock_finding(exchanges: list[Exchange]) -> Iterator[Finding]:
    """Round trip, and how fast the board's clock runs against this computer's, both of them within 100 ppm."""
    if len(exchanges) < 2:
        return
    # The least: a busy computer is not the board's fault.
    trip_s = min(e.received - e.sent - (e.answered - e.taken) for e in exchanges)
    said = f"round trip {trip_s * 1000:.1f} ms"
    low, high = _rate(exchanges)
    if (high - low) / 2 < _TELLING:
        said += f", runs {(low + high) / 2e-6:+.0f} ppm against this computer's, +-{(high - low) / 2e-6:.0f}"
    if low > RATE_LIMIT or high < -RATE_LIMIT:
        yield failure(
            "clock", said, "its crystal or frequency setting is wrong: reset the frequency, or replace the board"
        )
    elif trip_s > _SLOW_TRIP_S:
        yield warning("clock", said, "plug the board into the computer itself, without a hub or a network between")
    else:
        yield ok("clock", said)


def _rate(exchanges: list[Exchange]) -> tuple[float, float]:
    """The least and the most by which the board's clock can run faster, as a share; infinite where nothing tells."""
    low, high = -1.0, inf
    for first, last in combinations(exchanges, 2):
        board_s = last.answered - first.answered
        # Each answer fell between sending and receiving.
        low = max(low, (board_s - RESOLUTION_S) / (last.received - first.sent) - 1)
        if last.sent > first.received:
            high = min(high, (board_s + RESOLUTION_S) / (last.sent - first.received) - 1)
    return min(low, high), max(low, high)


def memory_finding(free: int, total: int) -> Finding:
    said = f"{free // 1024} KB free of {total // 1024} at the prompt"
    if free < NEEDED_HEAP:
        remedy = "fewer channels, or a board with more memory (Pico 2, ESP32-S3)"
        return warning("memory", f"{said}; Turgor is made for {NEEDED_HEAP // 1024}", remedy)
    return ok("memory", said)


def region_finding(sectors: int) -> Finding:
    if not sectors:
        said = "none for Turgor: configuration, rule state and records that nobody fetched are lost at a restart"
        return warning("flash region", said, _OUTLIVES)
    return ok("flash region", f"{sectors} sectors, {4 * sectors} KB")


def files_findings(port: str, plan: Plan, version: str, here: bool, runs: bool) -> Iterator[Finding]:
    """Room in the file system, and whether the firmware there is this program's file by file.

    `here`: there is one, `runs`: it does.
    """
    yield ok("file system", f"room for {plan.room // 1024} KB beside what is there")
    if plan.there and not plan.start:
        yield ok("firmware files", f"those of Turgor {version}, file by file")
    elif here:
        said = "/main.py is not the one that starts Turgor" if plan.there else f"are not those of Turgor {version}"
        found = warning if plan.there or runs else failure
        yield found("firmware files", said if runs else said + ", and none runs", f"turgor flash {port}")


def notice_findings(port: str, notices: list[tuple[int, int]]) -> Iterator[Finding]:
    """What the board has noted of itself since its start."""
    latest = dict(notices)
    if CONFIG_REFUSED in latest:
        yield failure(
            "kept configuration",
            "the board cannot run it, and runs the default",
            f"turgor record {port} FILE --config BOARD.toml sends one",
        )
    if SENSORS_OFF in latest:
        yield failure(
            "watchdog",
            f"bit three times within {latest[SENSORS_OFF]} s: no sensor runs",
            "look at the board's supply, then unplug it and plug it in",
        )
    if FLASH_FAILED in latest:
        said = f"sector {latest[FLASH_FAILED]} failed its check"
        yield warning("flash", said, "replace the board soon: its flash wears out")
    if STATE_REFUSED in latest:
        said = "what was kept of the rules' state was not usable; judging began anew"
        yield warning("rule state", said, "after a change of configuration that is so; otherwise look at the flash")
    if LINK_STALLED in latest:
        said = f"a write to the port took {latest[LINK_STALLED]} ms"
        yield warning("link", said, "a host had stopped reading: end it, or plug the board in without a hub between")


def differing(seen: Seen, wanted: Config) -> list[str]:
    """The channels that a running board has otherwise than `wanted`; where their sensors are it does not tell."""
    here = {n: (sensor_of(body["driver"]), body["rate_millihz"]) for n, body in seen.channels.items()}
    there = {channel.number: (sensor_of(channel.driver), channel.rate_millihz) for channel in wanted.channels}
    return [CHANNEL_NAMES[n] for n in sorted(here.keys() | there.keys()) if here.get(n) != there.get(n)]


def configuration_finding(port: str, seen: Seen, wanted: Config, given: bool) -> Finding:
    """The channels of a running board against those of `wanted`; `given`: the user named it, else it is the default."""
    names = " ".join(CHANNEL_NAMES[n] for n in sorted(seen.channels))
    differ = differing(seen, wanted)
    if not given:
        return ok("configuration", f"{names}: {'not ' if differ else ''}the default")
    if not differ:
        return ok("configuration", f"{names}: as the file has it")
    return failure(
        "configuration",
        f"the board's is another one than the file: {' '.join(differ)}",
        f"turgor record {port} FILE --config BOARD.toml sends it; it is in force from the next start on",
    )
