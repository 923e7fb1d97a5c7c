"""Versions of a firmware that only answers greetings, with the firmware's own wire, for what goes onto a board."""

import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random

from turgor_host.flash.board import Board
from turgor_host.flash.payload import Payload, compile_for
from turgor_host.greeting import greet
from turgor_host.source import Source, open_port

TESTS = Path(__file__).parent
FIRMWARE = TESTS.parent / "firmware" / "turgor"
_FILLER = 12288
# A file system with room for two small versions.
SMALL_SECTORS = 64
_KEPT = ("archive.py", "mp.py", "start.py", "link/__init__.py", "link/frames.py", "link/lines.py", "link/records.py")


def small_package(folder: Path, version: str) -> Path:
    """A package in `folder`/`version` that answers greetings as `version`."""
    target = folder / version / "turgor"
    for name in _KEPT:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(FIRMWARE / name, target / name)
    shutil.copy(TESTS / "flash" / "small_main.py", target / "main.py")
    (target / "__init__.py").write_text(f'__version__ = "{version}"\n')
    # What does not deflate, so that an upload takes a while.
    (target / "filler.py").write_text(f"FILLER = {Random(version).randbytes(_FILLER)!r}\n")
    return target


class Small:
    """The payloads of small versions, each compiled once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._made: dict[str, Payload] = {}

    def __call__(self, version: str) -> Callable[[Board], Payload]:
        return lambda board: self.payload(version, board)

    def payload(self, version: str, board: Board) -> Payload:
        if version not in self._made:
            self._made[version] = compile_for(board, small_package(self.folder, version))
        return self._made[version]


def running(port: str, timeout_s: float = 10.0) -> str:
    """What answers at `port`: a version of Turgor, "prompt", or nothing."""
    opened = open_port(port)
    try:
        greeting = greet(Source(port, opened), timeout_s)
    finally:
        opened.close()
    return greeting.identity.get("version", "prompt" if greeting.prompt else "")
