"""What a board at its prompt is, and whether Turgor can run on it."""

from dataclasses import dataclass

from turgor_host.errors import TurgorError
from turgor_host.flash.repl import Repl

PLATFORMS = ("rp2", "esp32")
# The first whose .mpy files with machine code are those of today (6.3), and with the module `vfs`.
OLDEST = (1, 23)
# Bits 10 to 13 of `sys.implementation._mpy`, by the names that mpy-cross knows.
_ARCHITECTURES = (
    "",
    "x86",
    "x64",
    "armv6",
    "armv6m",
    "armv7m",
    "armv7em",
    "armv7emsp",
    "armv7emdp",
    "xtensa",
    "xtensawin",
    "rv32imc",
    "rv64imc",
)
_DOWNLOAD = "micropython.org/download"
_ASK = (
    "(sys.platform,sys.implementation[0],tuple(sys.implementation[1])[:3],getattr(sys.implementation,'_mpy',0),"
    "getattr(sys.implementation,'_machine',''),hexlify(__import__('machine').unique_id()).decode(),os.statvfs('/')[:5])"
)


@dataclass(frozen=True)
class Board:
    """`version` is MicroPython's, `mpy` that of the files it loads ("6.3"), `block` and `free` are in bytes."""

    name: str
    platform: str
    machine: str
    board_id: str
    version: tuple[int, ...]
    mpy: str
    architecture: str
    block: int
    free: int

    @property
    def micropython(self) -> str:
        return ".".join(str(part) for part in self.version)

    def unfit(self) -> str:
        """Why Turgor cannot run with this MicroPython, "" where it can."""
        if self.version[:2] < OLDEST:
            return f"MicroPython {self.micropython} is too old"
        return "" if self.architecture else f"this MicroPython ({self.machine}) loads no machine code"


def look(repl: Repl) -> Board:
    """Ask the board what it is; TurgorError with the remedy when Turgor cannot run there."""
    board = look_at(repl)
    why = board.unfit()
    if why:
        newest = "the newest standard build for the board" if board.version[:2] >= OLDEST else f"{_oldest()} or newer"
        raise TurgorError(f"{board.name}: {why}; install {newest} ({_DOWNLOAD}), then run this again")
    return board


def look_at(repl: Repl) -> Board:
    """Ask the board what it is; TurgorError when it is none of those that Turgor is for."""
    if repl.get("sys.implementation[0]") != "micropython":
        raise TurgorError(
            f"{repl.name}: this is {repl.get('sys.implementation[0]')} and no MicroPython; install MicroPython "
            f"{_oldest()} or newer ({_DOWNLOAD})"
        )
    platform, _, version, mpy, machine, board_id, status = repl.get(_ASK)
    if platform not in PLATFORMS:
        raise TurgorError(
            f"{repl.name}: this board's platform is {platform} and Turgor runs on {' and '.join(PLATFORMS)}; give the "
            "port of a Raspberry Pi Pico or an ESP32 (`turgor ports`)"
        )
    _, fragment, _, free, _ = status
    number = mpy >> 10 & 0xF
    return Board(
        name=repl.name,
        platform=platform,
        machine=machine,
        board_id=board_id,
        version=version,
        mpy=f"{mpy & 0xFF}.{mpy >> 8 & 3}",
        architecture=_ARCHITECTURES[number] if number < len(_ARCHITECTURES) else "",
        block=fragment,
        free=free * fragment,
    )


def _oldest() -> str:
    return ".".join(str(part) for part in OLDEST)
