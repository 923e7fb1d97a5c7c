"""`turgor flash` with the power cut at every change to the board's flash: it starts one of two versions, and goes on.

A run is recorded with what the flash held before each change and, where a change is torn, in the middle of it. A board
is started from each of these; then the command is run again.

    TURGOR_FULL=1 .venv/bin/pytest tests/flash/test_cuts.py
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

import pytest
from board_standin import Standin
from small_firmware import SMALL_SECTORS, Small, running, small_package

from turgor.start import LIB
from turgor_host.errors import TurgorError
from turgor_host.flash.install import flash
from turgor_host.flash.repl import Repl
from turgor_host.source import open_port

_FULL = bool(os.environ.get("TURGOR_FULL"))
# The last changes are those of the change of versions; of those before it every so many is gone on from in short.
_SWITCH = 6
_AGAIN_EVERY = 6
_OWN_MAIN = "from turgor.main import main\nmain()\n"


def _nothing(board: Standin, small: Small) -> None:
    """A bare board."""


def _flashed(board: Standin, small: Small) -> None:
    """Version 1.0.0 as `turgor flash` leaves it."""
    flash(board.port, payload_for=small("1.0.0"))


def _by_hand(board: Standin, small: Small) -> None:
    """Version 1.0.0 in source, and a `/main.py` of one's own."""
    package = small_package(small.folder / "source", "1.0.0")
    port = open_port(board.port)
    repl = Repl(board.port, port)
    for path in sorted(package.rglob("*.py")):
        repl.write(f"{LIB}turgor/{path.relative_to(package).as_posix()}", path.read_bytes())
    repl.write("/main.py", _OWN_MAIN.encode())
    repl.restart()
    port.close()
    assert running(board.port) == "1.0.0"


def _snapshots(before: Callable[[Standin, Small], None], micropython: str, folder: Path, small: Small) -> list[bytes]:
    """What the flash holds at each moment of an update to 2.0.0: before every change, and in the middle of some."""
    with Standin(micropython, folder, sectors=SMALL_SECTORS) as board:
        before(board, small)
        board.keep = []
        flash(board.port, payload_for=small("2.0.0"))
        kept = board.keep
    assert len(kept) >= 30
    # In short every second change is a torn one, and each is of those of the change of versions.
    both = [_FULL or number >= len(kept) - _SWITCH for number in range(len(kept))]
    return [image for i, pair in enumerate(kept) for image in (pair if both[i] else (pair[i % 2],))]


@pytest.mark.parametrize(
    ("before", "versions"),
    [(_by_hand, {"1.0.0", "2.0.0"}), (_nothing, {"prompt", "2.0.0"})]
    + ([(_flashed, {"1.0.0", "2.0.0"})] if _FULL else []),
)
def test_every_cut(
    before: Callable[[Standin, Small], None], versions: set[str], micropython: str, tmp_path: Path, small: Small
) -> None:
    images = _snapshots(before, micropython, tmp_path, small)

    def start(number: int) -> str:
        folder = tmp_path / str(number)
        folder.mkdir()
        with Standin(micropython, folder, image=images[number], as_socket=True) as board:
            started = running(board.port)
            if _FULL or number % _AGAIN_EVERY == 0 or number >= len(images) - _SWITCH:
                done = flash(board.port, payload_for=small("2.0.0"))
                assert (done.before, done.version) == (started if started != "prompt" else "", "2.0.0")
        return started

    with ThreadPoolExecutor(4) as pool:
        started = list(pool.map(start, range(len(images))))
    assert set(started) == versions
    # Once the new one starts it goes on doing so.
    assert started == sorted(started, key=lambda version: version == "2.0.0")


@pytest.mark.parametrize("seed", range(20) if _FULL else [1])
def test_cut_again_and_again(seed: int, micropython: str, tmp_path: Path, small: Small) -> None:
    """Cuts during the running again too, as the command sees them."""
    random = Random(seed)
    with Standin(micropython, tmp_path, sectors=SMALL_SECTORS) as board:
        _flashed(board, small)
        cuts = 0
        while True:
            board.changes = 0
            board.cut_at = random.randrange(25)
            board.torn = random.random() < 0.5
            said = ""
            try:
                flash(board.port, payload_for=small("2.0.0"))
            except TurgorError as error:
                said = str(error)
            if not said:
                break
            assert f"run `turgor flash {board.port}` again" in said
            board.wait()
            cuts += 1
            board.power()
            assert running(board.port) in ("1.0.0", "2.0.0")
        assert cuts
        board.cut_at = -1
        assert running(board.port) == "2.0.0"
