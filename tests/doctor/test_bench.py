"""`turgor bench` on a stand-in board: every routine is timed, nothing is written, what ran goes on."""

import json
from collections.abc import Callable

import pytest
from board_standin import Standin
from small_firmware import running
from typer.testing import CliRunner

from turgor import __version__
from turgor_host.bench import run
from turgor_host.bench.run import ROUNDS, ROUTINES
from turgor_host.cli.commands import app
from turgor_host.errors import TurgorError
from turgor_host.flash import install

Hang = Callable[..., Standin]


def test_each_routine_is_timed(hang: Hang) -> None:
    with hang() as board:
        result = CliRunner().invoke(app, ["bench", board.port])
        assert result.exit_code == 0, result.output
        head, _, *rows = result.stdout.splitlines()
        assert head.startswith(f"{board.port}: Raspberry Pi Pico with RP2040, MicroPython 1.29.0, x64; Turgor ")
        assert [row.rsplit(None, 2)[0] for row in rows] == [what for what, _ in ROUTINES.values()]
        changes = board.changes
        said = json.loads(CliRunner().invoke(app, ["bench", board.port, "--json"]).stdout)
        assert board.changes == changes
    timings = {timing["name"]: timing for timing in said["timings"]}
    assert timings.keys() == ROUTINES.keys()
    assert said["rounds"] == ROUNDS
    for timing in timings.values():
        assert 0 < timing["least_ns"] <= timing["median_ns"]
    # A block spares the calls, machine code the interpreter: orders of magnitude, whatever else the computer does.
    assert 4 * timings["chain_block"]["least_ns"] < timings["chain_one"]["least_ns"]
    assert 100 * timings["crc"]["least_ns"] < timings["tick"]["least_ns"]


def test_a_board_that_watches_is_left_alone(hang: Hang, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "ROUTINES", {"crc": ROUTINES["crc"]})
    with hang() as board:
        install.flash(board.port)
        starts = board.starts
        with pytest.raises(TurgorError, match="Turgor runs there and watches its sensors; --stop interrupts it"):
            run.bench(board.port)
        assert board.starts == starts
        assert [timing.name for timing in run.bench(board.port, stop=True).timings] == ["crc"]
        assert running(board.port) == __version__
        assert board.starts == starts + 2
