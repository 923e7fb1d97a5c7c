"""A board at file level behind a port: MicroPython's unix port on a flash of its own, whose power can be cut.

Its serial port speaks MicroPython's prompts, its littlefs lies on a flash that this process holds, so that a cut may
fall before or in the middle of any change to it; `boards/standin.py` is the board's own side.
"""

import contextlib
import os
import pty
import select
import signal
import socket
import struct
import subprocess
import threading
import time
import tty
from pathlib import Path
from typing import Self

from turgor_host.source import board_environment

SECTOR = 4096
_SCRIPT = Path(__file__).parent / "boards" / "standin.py"
_CHANGE = struct.Struct("<cIH")
_SOFT_RESET, _RAW_RESET = 0, 3
# A host that reads nothing for so long loses what the board says.
_UNREAD_S = 5.0
# A second Ctrl-C before the first was taken ends the process.
_TAKEN_S = 1.0
# The signal of a Ctrl-C is an exception wherever it strikes, in the middle of a garbage collection too: it waits until
# the process waits for something, or for so long, and is looked after so often.
_STRIKES_S = 1.0
_LOOK_S = 0.002


class Standin:
    """A board with a flash of `sectors` sectors, or one that holds `image`; on until the `with` block ends.

    `port` is the name of its serial port, or with `as_socket` a URL. `version` is MicroPython's, as "1.29.0" or
    "circuitpython 9.2.0"; without `paste` the raw prompt refuses raw paste, `mpy` is another
    `sys.implementation._mpy` than that of the code it can run, `chips` the file of a scenario with the sensors on it,
    `cause` MicroPython's number of the last reset. `changes` counts what was written and erased, `touched` has the
    sectors. When change number `cut_at` comes the power fails, with `torn` after half of it.
    `keep`, where it is a list, is given what the flash holds before each change and in the middle of it.
    """

    def __init__(
        self,
        micropython: str,
        folder: Path,
        *,
        platform: str = "rp2",
        version: str = "1.29.0",
        sectors: int = 352,
        image: bytes = b"",
        as_socket: bool = False,
        paste: bool = True,
        mpy: int = 0,
        chips: Path | None = None,
        cause: int = 1,
    ) -> None:
        self.flash = bytearray(image or b"\xff" * (sectors * SECTOR))
        self.changes = 0
        self.touched: set[int] = set()
        self.cut_at = -1
        self.torn = False
        self.keep: list[tuple[bytes, bytes]] | None = None
        self.starts = 0
        self.port = ""
        self.on = False
        self._words = (platform, str(folder / "flash.bin"), str(len(self.flash) // SECTOR), version)
        self._options = [*([] if paste else ["no-paste"]), *([f"mpy={mpy}"] if mpy else []), f"cause={cause}"]
        self._path = [".frozen"]
        if chips:
            self._options.append(f"chips={chips}")
            self._path = [*board_environment()["MICROPYPATH"].split(os.pathsep), str(_SCRIPT.parent)]
        self._micropython = micropython
        self._folder = folder
        self._listener = socket.create_server(("127.0.0.1", 0)) if as_socket else None
        self._connection: socket.socket | None = None
        self._host = self._far = -1

    def __enter__(self) -> Self:
        self.power()
        return self

    def __exit__(self, *_: object) -> None:
        self.cut()
        if self._listener:
            self._listener.close()

    def power(self) -> None:
        """Plug the board in; a serial port has a new name then."""
        if self._listener:
            self.port = f"socket://127.0.0.1:{self._listener.getsockname()[1]}"
        else:
            self._host, self._far = pty.openpty()
            tty.setraw(self._far)
            self.port = os.ttyname(self._far)
        self.cut_at = -1
        # What the host has sent from a Ctrl-C on that could not be handed over yet; no program may take what is behind
        # one before it.
        self._sent = b""
        self._sent_s = 0.0
        self._stopped, self._stop = os.pipe()
        # What comes while a reset is under way is for the program after it.
        self._input, self._in = os.pipe()
        self._boot(False)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def cut(self) -> None:
        """Pull the plug."""
        os.write(self._stop, b"x")
        self._thread.join()
        for descriptor in (self._stop, self._stopped, self._in, self._input):
            os.close(descriptor)

    def wait(self) -> None:
        """Until the power has failed at `cut_at`."""
        self._thread.join(30)
        assert not self.on
        self.cut()

    def _boot(self, raw: bool) -> None:
        Path(self._words[1]).write_bytes(self.flash)
        self._channel, theirs = socket.socketpair()
        words = [self._micropython, "-X", "heapsize=16M", str(_SCRIPT), *self._words, str(theirs.fileno())]
        with theirs:
            self._process = subprocess.Popen(
                [*words, *(["raw"] if raw else []), *self._options],
                stdin=self._input,
                stdout=subprocess.PIPE,
                pass_fds=[theirs.fileno()],
                env={**os.environ, "MICROPYPATH": os.pathsep.join(self._path)},
                cwd=self._folder,
                start_new_session=True,
            )
        assert self._process.stdout
        self._out = self._process.stdout.fileno()
        self._runs = False
        self._signalled_s = -_TAKEN_S
        self._starts = True
        self._tells = True
        self.on = True
        self.starts += 1

    def _end(self) -> int:
        self._process.kill()
        code = self._process.wait()
        assert self._process.stdout
        self._process.stdout.close()
        self._channel.close()
        return code

    def _hang_up(self) -> None:
        if self._connection:
            self._connection.close()
            self._connection = None
        for descriptor in {self._host, self._far} - {-1}:
            os.close(descriptor)
        self._host = self._far = -1

    def _serve(self) -> None:
        """Carry bytes between port and process and make the changes to the flash, until the power fails."""
        try:
            while self._step():
                pass
        finally:
            self._end()
            self._hang_up()
            self.on = False

    def _step(self) -> bool:
        port = self._listener.fileno() if self._listener and self._host < 0 else self._host
        waits = [self._out, port, self._stopped, *([self._channel] if self._tells else [])]
        ready = select.select(waits, [], [], _LOOK_S if self._sent and not self._starts else None)[0]
        if self._stopped in ready:
            return False
        # What the process tells goes first: nobody else can know before that it runs.
        if self._channel in ready:
            return self._take_change()
        if self._out in ready:
            return self._from_board()
        self._hand_over()
        if port not in ready:
            return True
        if self._listener and self._host < 0:
            connection, _ = self._listener.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._connection = connection
            self._host = os.dup(connection.fileno())
        else:
            self._from_host()
        return True

    def _take_change(self) -> bool:
        kind = self._channel.recv(1)
        if kind == b"x":
            self._starts = True
        elif kind in (b"r", b"i"):
            self._runs = kind == b"r"
            self._signalled_s = -_TAKEN_S
            self._starts = False
            self._sent_s = time.monotonic()
            self._hand_over()
        elif kind:
            _, at, size = _CHANGE.unpack(kind + self._receive(_CHANGE.size - 1))
            data = b"\xff" * SECTOR if kind == b"e" else self._receive(size)
            half = data[: len(data) // 2]
            if self.keep is not None:
                torn = bytearray(self.flash)
                torn[at : at + len(half)] = half
                self.keep.append((bytes(self.flash), bytes(torn)))
            if self.changes == self.cut_at:
                if self.torn:
                    self.flash[at : at + len(half)] = half
                return False
            self.flash[at : at + len(data)] = data
            self.changes += 1
            self.touched.add(at // SECTOR)
            with contextlib.suppress(BrokenPipeError):
                self._channel.send(b"k")
        else:
            # It has ended; what it said last is still to come.
            self._tells = False
        return True

    def _receive(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            data += self._channel.recv(size - len(data))
        return data

    def _from_board(self) -> bool:
        """What the process says goes to the host; when it has ended a reset goes on with the next."""
        data = os.read(self._out, 4096)
        over = not data
        while data and self._host >= 0 and select.select([], [self._host], [], _UNREAD_S)[1]:
            try:
                data = data[os.write(self._host, data) :]
            except OSError:
                break
        if not over:
            return True
        code = self._end()
        if code not in (_SOFT_RESET, _RAW_RESET):
            return False
        self._boot(code == _RAW_RESET)
        return True

    def _from_host(self) -> None:
        try:
            data = os.read(self._host, 4096)
        except OSError:
            data = b""
        if not data:
            self._hang_up()
            return
        if self._connection:
            # Else the host's next packet waits 40 ms for it.
            self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        if not self._sent:
            self._sent_s = time.monotonic()
        self._sent += data
        self._hand_over()

    def _hand_over(self) -> None:
        """Give what the host has sent to the process, up to a Ctrl-C whose time has not come."""
        while self._sent:
            before, _, behind = self._sent.partition(b"\x03")
            if before:
                os.write(self._in, before)
                self._sent = self._sent[len(before) :]
                self._sent_s = time.monotonic()
            elif self._starts or not self._interrupt():
                # It is for the program that begins, or cannot strike yet.
                return
            else:
                self._sent = behind
                self._sent_s = time.monotonic()

    def _interrupt(self) -> bool:
        """Ctrl-C: an exception where board code runs, at the prompts a byte as others. False: not now."""
        now_s = time.monotonic()
        if not self._runs or now_s - self._signalled_s < _TAKEN_S:
            os.write(self._in, b"\x03")
            return True
        state = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()[0]
        if state == "R" and now_s - self._sent_s < _STRIKES_S:
            return False
        self._signalled_s = now_s
        self._process.send_signal(signal.SIGINT)
        return True
