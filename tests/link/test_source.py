"""What a port has is read at once, from a serial port and from a socket, and a port that is gone is said to be."""

import os
import pty
import socket
import threading
import time
import tty
from types import SimpleNamespace
from typing import Any

import pytest

from turgor_host import source as source_module
from turgor_host.errors import TurgorError
from turgor_host.source import Source, open_port


@pytest.fixture
def serial_ends():
    """A source on a pty and the function that writes to it, and one that closes its other end."""
    board, host = pty.openpty()
    tty.setraw(host)
    name = os.ttyname(host)
    source = Source(name, open_port(name))
    os.close(host)
    yield source, lambda data: os.write(board, data), lambda: os.close(board)
    source.close()


@pytest.fixture
def socket_ends():
    with socket.create_server(("127.0.0.1", 0)) as server:
        name = f"socket://127.0.0.1:{server.getsockname()[1]}"
        source = Source(name, open_port(name))
        board, _ = server.accept()
        with board:
            yield source, board.sendall, board.close
    source.close()


@pytest.fixture(params=["serial_ends", "socket_ends"])
def ends(request):
    return request.getfixturevalue(request.param)


def test_by_hand(ends):
    """Nothing, then 1000 bytes, then nothing again; what waits comes in one piece."""
    source, write, _ = ends
    data = bytes(range(250)) * 4
    assert source.read(0) == b""
    write(data)
    assert source.read(5) == data
    assert source.read(0) == b""


def test_waits_no_longer_than_it_is_told(ends):
    source, _, _ = ends
    begin = time.monotonic()
    assert source.read(0.05) == b""
    assert 0.045 <= time.monotonic() - begin < 1


def test_returns_with_the_first_byte(ends):
    source, write, _ = ends
    begin = time.monotonic()
    timer = threading.Timer(0.05, write, (b"!",))
    timer.start()
    assert source.read(20) == b"!"
    assert time.monotonic() - begin < 10
    timer.join()


def test_a_port_that_is_gone_is_an_error_of_one_line(ends):
    source, write, end = ends
    write(b"last")
    assert source.read(5) == b"last"
    end()
    for timeout_s in (0, 0.05):
        with pytest.raises(TurgorError, match=r"the connection ended"):
            source.read(timeout_s)


def test_a_port_of_pyserials_alone_is_read_too():
    """`loop://` has no descriptor."""
    source = Source("loop://", open_port("loop://"))
    assert source.read(0) == b""
    source.write(b"there and back")
    assert source.read(1) == b"there and back"
    source.close()


class World:
    """The ports there are, by name the serial number of the device."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **ports: str) -> None:
        self.ports = {f"/dev/{name}": number for name, number in ports.items()}
        monkeypatch.setattr(source_module, "_usb_serials", lambda: dict(self.ports))
        monkeypatch.setattr(source_module, "open_port", self._open)

    def _open(self, name: str) -> Any:
        if name not in self.ports and "://" not in name:
            raise TurgorError(f"{name}: no such port")
        return SimpleNamespace(close=lambda: None)

    def plug(self, **ports: str) -> None:
        self.ports = {f"/dev/{name}": number for name, number in ports.items()}


@pytest.mark.parametrize("away", [True, False])
def test_a_port_that_was_another_boards_is_ours_again(monkeypatch: pytest.MonkeyPatch, away: bool) -> None:
    world = World(monkeypatch, ttyNone0="ours")
    port = Source("/dev/ttyNone0", source_module.open_port("/dev/ttyNone0"))
    world.plug()
    assert not port.reopen()
    world.plug(ttyNone0="other")
    assert port.reopen()
    port.reject()
    assert not port.reopen()
    if away:
        world.plug()
        assert not port.reopen()
    world.plug(ttyNone0="ours")
    assert port.reopen()
    world.plug(ttyNone0="other", ttyNone1="ours")
    assert port.reopen()
    assert port.name == "/dev/ttyNone1"


def test_a_url_that_was_another_boards_is_asked_again_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    World(monkeypatch)
    port = Source("socket://127.0.0.1:9", source_module.open_port("socket://127.0.0.1:9"))
    port.reject()
    assert not port.reopen()
    monkeypatch.setattr(source_module, "_URL_AGAIN_S", 0.0)
    assert port.reopen()


@pytest.mark.parametrize("error", [TypeError("int() argument"), OSError(5, "gone"), ValueError("x")])
def test_a_device_that_vanishes_while_it_is_looked_at_is_not_there(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def comports() -> list[Any]:
        raise error

    monkeypatch.setattr(source_module.list_ports, "comports", comports)
    assert source_module._usb_serials() == {}
