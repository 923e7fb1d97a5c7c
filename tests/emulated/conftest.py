"""What the tests on the emulated Pico share: the UF2, the compiled firmware as files, and a board that has recorded."""

import ast
import csv
import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from pico import BOOT_S, PROMPT, SECONDS, Pico
from wired import Wired

from turgor_host.configuration.file import Configuration
from turgor_host.flash.board import Board
from turgor_host.flash.payload import compile_for
from turgor_host.sim.episode import leak_episode
from turgor_host.sim.scenario import compile_scenario

# Where a stock build for this board puts its file system.
FILES_AT = 0xA0000
FILES_BLOCKS = 352
# Of a divided flash (README.md, 'What outlives a restart'): the sectors of the first file system and of the second.
BOOT_BLOCKS = 2
DIVIDED_BLOCKS = 70
BOOT = (
    "import rp2, vfs\nvfs.umount('/')\n"
    f"vfs.mount(vfs.VfsLfs2(rp2.Flash(start={4096 * BOOT_BLOCKS}, len={4096 * DIVIDED_BLOCKS}), progsize=256), '/')\n"
)
MAIN = "from turgor.main import main\n\nmain()\n"
MEASURED = """import gc
gc.collect()
free = gc.mem_free()
import measure
gc.collect()
measure.run(free - gc.mem_free())
"""
# What the closing lines of the run say.
SAID: list[str] = []


def pytest_terminal_summary(terminalreporter: Any) -> None:
    for line in SAID:
        terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def say() -> Callable[[str], None]:
    """Adds a line to those at the end of the run."""
    return SAID.append


@pytest.fixture(scope="session")
def uf2() -> Path:
    """The MicroPython that TURGOR_RP2_UF2 names; whoever has none skips."""
    name = os.environ.get("TURGOR_RP2_UF2")
    if not name:
        pytest.skip("no UF2: let TURGOR_RP2_UF2 name MicroPython for a Pico, from micropython.org/download/RPI_PICO")
    path = Path(name)
    assert path.is_file(), f"TURGOR_RP2_UF2={name}: there is no such file"
    SAID.append(f"{path.name}: SHA-256 {sha256(path.read_bytes()).hexdigest()}")
    return path


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as it lies on a board: `lib/turgor` as `turgor flash` would put it there, and `main.py`."""
    folder = tmp_path_factory.mktemp("board")
    pico = Board("emulated", "rp2", "Raspberry Pi Pico with RP2040", "", (1, 28, 0), "6.3", "armv6m", 4096, 0)
    for name, content in compile_for(pico).files.items():
        out = folder / "lib" / "turgor" / name
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_bytes(content)
    (folder / "main.py").write_text(MAIN)
    return folder


@pytest.fixture(scope="session")
def pins(root: Path) -> dict[str, int]:
    """Pin numbers of the Pico by signal."""
    with (root / "hardware" / "pinout.csv").open(newline="", encoding="utf-8") as file:
        return {row["signal"]: int(row["pin"]) for row in csv.DictReader(file) if row["board"] == "rp2"}


Maker = Callable[..., tuple[Pico, Wired]]


@pytest.fixture(scope="session")
def board(
    uf2: Path, package: Path, pins: dict[str, int], micropython: str, tmp_path_factory: pytest.TempPathFactory
) -> Maker:
    """Makes a Pico with the chips of the virtual board, switched on, the firmware in its files.

    With `measured` `measure.py` runs it instead of `main.py`; with a `configuration` its chips are wired, and its flash
    is divided, so that it can be kept.
    """

    def image(folder: Path, blocks: int) -> bytes:
        out = folder.with_suffix(".img")
        script = Path(__file__).with_name("make_files.py")
        subprocess.run([micropython, script, folder, out, str(blocks)], check=True)
        return out.read_bytes()

    def make(measured: bool, configuration: Configuration | None = None) -> tuple[Pico, Wired]:
        folder = tmp_path_factory.mktemp("files")
        subprocess.run(["cp", "-r", *package.iterdir(), folder], check=True)
        if measured:
            (folder / "measure.py").write_text(Path(__file__).with_name("measure.py").read_text())
            (folder / "main.py").write_text(MEASURED)
        if configuration is None:
            contents = image(folder, FILES_BLOCKS)
        else:
            first = tmp_path_factory.mktemp("boot")
            (first / "boot.py").write_text(BOOT)
            contents = image(first, FILES_BLOCKS)[: 4096 * BOOT_BLOCKS] + image(folder, DIVIDED_BLOCKS)
        pico = Pico(uf2, FILES_AT, contents)
        return pico, Wired(pico, compile_scenario(leak_episode(), 1, configuration), pins)

    return make


@dataclass
class Recorded:
    """A board after `turgor record` of SECONDS and Ctrl-C, and what was seen."""

    pico: Pico
    wired: Wired
    file: Path
    summary: dict[str, Any]
    # Of the time while it recorded.
    cpu_share: float
    # The current through electrodes, nA, just before Ctrl-C and after it.
    driven_na: list[list[int]]
    # What the board said from Ctrl-C on.
    end: bytes

    def ask(self, line: str) -> str:
        """What the board's prompt says to a line."""
        self.pico.received.clear()
        self.pico.send(line.encode() + b"\r\n")
        assert self.pico.run(20, lambda: self.pico.received.endswith(PROMPT)), bytes(self.pico.received)
        return self.pico.received.decode()

    @cached_property
    def report(self) -> dict[str, Any]:
        """What `measure.py` has found."""
        said = self.ask("import measure; measure.report()")
        lines = (line.partition(" ") for line in said.splitlines() if line[-1:] in (")", "}"))
        found = {name: ast.literal_eval(value) for name, _, value in lines if name != "import"}
        free, before, after, samples, _ = found["heap"]
        count, altogether, longest = found["samples"]
        SAID.append(f"free heap after boot {free} bytes; {after - before} bytes more in use after {samples} samples")
        SAID.append(f"a sample {altogether // count} us with the wire, {longest} at the most, of {count}")
        for kind, (steps, us, most) in found["kinds"].items():
            if steps:
                SAID.append(f"{kind}: {steps} steps of {us // steps} us, the longest {most}")
        return found


def record(board: tuple[Pico, Wired], folder: Path) -> Recorded:
    pico, wired = board
    file = folder / "board.turgor"
    pico.run(BOOT_S, lambda: PROMPT in pico.received)
    assert not pico.received, bytes(pico.received).decode()
    before = pico.busy_us(), pico.clock.us
    summary = pico.turgor("record", file, "--seconds", SECONDS)
    share = (pico.busy_us() - before[0]) / (pico.clock.us - before[1])
    pico.run(2.5, lambda: any(chip.driving_na for chip in wired.impedance_chips))
    driven = [[chip.driving_na for chip in wired.impedance_chips]]
    pico.received.clear()
    pico.send(b"\x03")
    pico.run(1, lambda: pico.received.endswith(PROMPT))
    driven.append([chip.driving_na for chip in wired.impedance_chips])
    return Recorded(pico, wired, file, summary, share, driven, bytes(pico.received))


@pytest.fixture(scope="session")
def plain(board: Maker, tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """The firmware as it is."""
    found = record(board(False), tmp_path_factory.mktemp("plain"))
    SAID.append(f"CPU share {100 * found.cpu_share:.1f} %")
    return found


@pytest.fixture(scope="session")
def measured(board: Maker, tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """The firmware with a stop-watch around its steps."""
    return record(board(True), tmp_path_factory.mktemp("measured"))
