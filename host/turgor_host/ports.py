"""The serial ports of this computer that may be boards, and what is at their other end."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from serial.tools import list_ports
from serial.tools.list_ports_common import ListPortInfo

from turgor_host.errors import TurgorError
from turgor_host.greeting import greet
from turgor_host.source import Source, open_port

_GREET_S = 1.0
# USB vendor ids of what boards have: their own USB, or a converter beside them.
VENDORS = {
    0x2E8A: "Raspberry Pi",
    0x303A: "Espressif",
    0x10C4: "Silicon Labs CP210x",
    0x1A86: "WCH CH340",
    0x0403: "FTDI",
}


@dataclass(frozen=True)
class FoundPort:
    """`usb` is "VID:PID" in hexadecimal, `state` what answers; a running Turgor has `board_id` and `version`."""

    port: str
    usb: str
    serial_number: str
    maker: str
    description: str
    state: str
    board_id: str = ""
    version: str = ""


def find_ports() -> list[FoundPort]:
    """Every port that by its USB identity may be a board, in order; each is greeted for a second, all at once."""
    candidates = sorted((port for port in list_ports.comports() if port.vid in VENDORS), key=lambda port: port.device)
    if not candidates:
        return []
    with ThreadPoolExecutor(len(candidates)) as pool:
        return list(pool.map(_look, candidates))


def _look(port: ListPortInfo) -> FoundPort:
    state, board_id, version = _ask(port.device)
    return FoundPort(
        port=port.device,
        usb=f"{port.vid:04X}:{port.pid or 0:04X}",
        serial_number=port.serial_number or "",
        maker=VENDORS[port.vid],
        description=port.description or "",
        state=state,
        board_id=board_id,
        version=version,
    )


def _ask(name: str) -> tuple[str, str, str]:
    """What is at the other end: its state, and of a running Turgor board id and version."""
    try:
        port = open_port(name)
    except TurgorError as error:
        return str(error).removeprefix(f"{name}: "), "", ""
    try:
        greeting = greet(Source(name, port), _GREET_S)
    except TurgorError as error:
        return str(error).removeprefix(f"{name}: "), "", ""
    finally:
        port.close()
    if greeting.identity:
        return "Turgor", greeting.identity.get("id", ""), greeting.identity.get("version", "")
    if greeting.turgor:
        return "Turgor of another version, or busy with another host", "", ""
    if greeting.prompt:
        return "MicroPython prompt", "", ""
    return "silent", "", ""
