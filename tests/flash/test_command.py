"""What `turgor flash` and `turgor ports` print, and plain mpremote beside them."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from board_standin import Standin
from serial.tools import list_ports
from small_firmware import FIRMWARE, Small, running, small_package
from typer.testing import CliRunner

from turgor import __version__
from turgor_host.cli.commands import app
from turgor_host.flash import install
from turgor_host.flash.board import PLATFORMS
from turgor_host.flash.fold import reached
from turgor_host.flash.payload import sources

Make = Callable[..., Standin]


@pytest.fixture
def with_small(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command installs a small version."""
    flash = install.flash
    monkeypatch.setattr(install, "flash", lambda name, **options: flash(name, payload_for=small("1.0.0"), **options))


@pytest.mark.usefixtures("with_small")
def test_what_is_printed(make: Make) -> None:
    with make() as board:
        head = f"{board.port}: Raspberry Pi Pico with RP2040, MicroPython 1.29.0, x64, id e6613852835f1c2e\n"
        result = CliRunner().invoke(app, ["flash", board.port, "--dry-run"])
        assert result.stdout == (
            head + "no Turgor answers\nwould upload 2 files of Turgor 1.0.0 and switch to it\n"
            "needs 56 KB, and has 248\nwould write /main.py\nnothing was written\n"
        )
        result = CliRunner().invoke(app, ["flash", board.port])
        assert result.stdout == head + "2 files, 14 KB written and verified\nTurgor 1.0.0 runs\n"
        result = CliRunner().invoke(app, ["flash", board.port, "--json"])
        done = json.loads(result.stdout)
        assert (done["before"], done["version"], done["changed"], done["written_bytes"]) == ("1.0.0", "1.0.0", False, 0)
        assert done["board"]["board_id"] == "e6613852835f1c2e"
        assert done["plan"]["missing"] == []


def test_ports_are_listed_by_identity(
    make: Make, small: Small, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A running Turgor, a bare board, one that is not there, and a device that is no board and is left alone."""
    (tmp_path / "bare").mkdir()
    with make() as board, Standin(board._micropython, tmp_path / "bare", sectors=64) as bare:
        install.flash(board.port, payload_for=small("1.0.0"))

        def listed() -> list[SimpleNamespace]:
            ports = [(bare.port, 0x303A), (board.port, 0x2E8A), ("/dev/nothing", 0x10C4), ("/dev/printer", 0x1234)]
            ports += [("/dev/ttyS0", None)]
            return [
                SimpleNamespace(device=name, vid=vid, pid=5, serial_number="E66", description="Board in FS mode")
                for name, vid in ports
            ]

        monkeypatch.setattr(list_ports, "comports", listed)
        found = {port["port"]: port for port in json.loads(CliRunner().invoke(app, ["ports", "--json"]).stdout)}
        assert found.keys() == {bare.port, board.port, "/dev/nothing"}
        assert found[board.port] == {
            "port": board.port,
            "usb": "2E8A:0005",
            "serial_number": "E66",
            "maker": "Raspberry Pi",
            "description": "Board in FS mode",
            "state": "Turgor",
            "board_id": "1",
            "version": "1.0.0",
        }
        assert found[bare.port]["state"] == "MicroPython prompt"
        assert found["/dev/nothing"]["state"].startswith("no such port; plug the board in")
        # Nobody restarted them.
        assert (board.starts, bare.starts) == (3, 1)
        shown = CliRunner().invoke(app, ["ports"]).stdout
        assert "Espressif" in shown
        monkeypatch.setattr(list_ports, "comports", list)
        assert "no port that may be a board" in CliRunner().invoke(app, ["ports"]).stdout
        assert CliRunner().invoke(app, ["ports", "--json"]).stdout == "[]\n"


def test_the_package_lists_for_mip_what_a_board_loads() -> None:
    package = json.loads((FIRMWARE.parent / "package.json").read_text(encoding="utf-8"))
    loaded = {"start.py"}.union(*(reached(sources(FIRMWARE, platform)) for platform in PLATFORMS))
    # Nothing but numbers, which a folded program has in their places and the sources import.
    loaded.add("core/entries.py")
    assert {target for target, _ in package["urls"]} == {f"turgor/{name}" for name in loaded}
    assert all(target == source for target, source in package["urls"])
    assert package["version"] == __version__


def _mpremote(board: Standin, folder: Path, *words: str) -> None:
    command = [sys.executable, "-m", "mpremote", "connect", board.port, *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("way", ["cp", "mip"])
def test_plain_mpremote(way: str, make: Make, small: Small, tmp_path: Path) -> None:
    """As the README has it, with a small package; the upload by `turgor flash` over it goes as any other."""
    package = small_package(tmp_path, "firmware")
    (package / "__init__.py").write_text('__version__ = "0.5.0"\n')
    folder = package.parent
    with make() as board:
        if way == "cp":
            _mpremote(board, folder, "fs", "mkdir", ":/lib")
            _mpremote(board, folder, "fs", "cp", "-r", "turgor", ":/lib/")
        else:
            names = [path.relative_to(folder).as_posix() for path in sorted(package.rglob("*.py"))]
            text = json.dumps({"urls": [[name, name] for name in names], "version": "0.5.0"})
            (folder / "package.json").write_text(text)
            _mpremote(board, folder, "mip", "install", "package.json")
        _mpremote(board, folder, "fs", "cp", "turgor/start.py", ":/main.py")
        _mpremote(board, folder, "soft-reset")
        assert install.flash(board.port, payload_for=small("1.0.0"), dry_run=True).plan.start is False
        assert running(board.port) == "0.5.0"
        install.flash(board.port, payload_for=small("1.0.0"))
        assert running(board.port) == "1.0.0"
