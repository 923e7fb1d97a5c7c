"""A Raspberry Pi Pico that runs a real MicroPython: `rp2040py` with what it lacks beside it.

Emulated time is the chip's own: it stands still between two calls of `run`. Beyond the package's emulation, an armed
USB endpoint is answered only when there is something to send, and an erase or a page takes its time with the CPU
stopped, as when its code lies in the flash that is busy.
"""

import json
import mmap
import os
import select
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from struct import pack
from typing import Any

from rp2040py.boards import BoardSpec
from rp2040py.device.base_device import BaseDevice
from rp2040py.execute_batch import execute_batch
from rp2040py.memory_map import FLASH_START_ADDRESS

# The firmware's first data come 2.3 s after power-on.
BOOT_S = 3.0
# How long a recording is.
SECONDS = 60 if os.environ.get("TURGOR_FULL") else 5
PROMPT = b">>> "
# What runs `turgor` on the board's time, and how long it may take.
_BOARD_TIME = Path(__file__).with_name("board_time.py")
_LONGEST_S = 7200
ERASE_US = 45000
ERASE_64K_US = 150000
PAGE_US = 700
_SECTOR_ERASE = 0x20
_BLOCK_ERASE = 0xD8
_PAGE_PROGRAM = 0x02
_PACKET = 64
_CYCLE_NS = 8
_LOOK_NS = 10e6
_SLICE_S = 0.001
# The clock moves after at most so many instructions, or at the next alarm.
_TICK_INSTRUCTIONS = 32


class Pico:
    """`uf2` and `contents`, at `at` of the flash, in a Pico that is switched on when it first runs.

    `clock.us` are the chip's microseconds since power-on. What it sends comes to `received`, or to `on_output` if set.
    """

    def __init__(self, uf2: Path, at: int = 0, contents: bytes = b"") -> None:
        self._device = BaseDevice(board=BoardSpec(image=uf2))
        self.mcu = self._device.mcu
        self._simulator = self._device.simulator
        self.mcu.flash[at : at + len(contents)] = contents
        self.clock = Clock(self.mcu)
        self.received = bytearray()
        self.on_output: Callable[[bytes], None] | None = None
        self.stalled_us = 0
        self._to_board: deque[int] = deque()
        self._armed = 0
        self._connected = False
        self._end = self.mcu.clock.create_alarm(self._stop)
        self._mend_usb()
        self._mend_flash()
        self.mcu.core.pc = FLASH_START_ADDRESS

    def run(self, seconds: float, until: Callable[[], bool] | None = None) -> bool:
        """Let emulated time pass, until `until` holds or `seconds` are over; whether `until` held.

        It is asked every 10 ms of emulated time.
        """
        clock = self.mcu.clock
        end = clock.nanos + seconds * 1e9
        while not (until and until()):
            left = end - clock.nanos
            if left <= 0:
                return False
            # Without an alarm, a chip that waits for nothing but a byte would let no time pass.
            self._end.schedule(min(left, _LOOK_NS) if until else left)
            self._simulator.stopped = False
            while not self._simulator.stopped:
                execute_batch(self._simulator, _TICK_INSTRUCTIONS)
        return True

    def send(self, data: bytes) -> None:
        """What the computer sends; the board takes it at its own pace."""
        self._to_board.extend(data)
        self._feed()

    def _stop(self) -> None:
        self._simulator.stopped = True

    def busy_us(self) -> float:
        """How long the CPU ran or was stopped by its flash since power-on, in emulated microseconds."""
        return self.mcu.core.cycles * _CYCLE_NS / 1000 + self.stalled_us

    def turgor(self, command: str, *options: object) -> Any:
        """The document that `turgor COMMAND PORT OPTIONS --json` prints of this board, on the board's time."""
        with tempfile.NamedTemporaryFile() as clock, self.served(Path(clock.name)) as url:
            words = [sys.executable, _BOARD_TIME, clock.name, command, url, *map(str, options), "--json"]
            done = subprocess.run(words, capture_output=True, check=False, text=True, timeout=_LONGEST_S)
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)

    @contextmanager
    def served(self, clock: Path) -> Iterator[str]:
        """The board's USB port as a pyserial URL, never faster than the computer's clock, until the block ends.

        Its time stands in the file `clock`, which is made here, for `board_time.py`.
        """
        server = _Server(self, clock)
        try:
            yield server.url
        finally:
            server.stop()

    def _mend_usb(self) -> None:
        usb = self.mcu.usb_ctrl
        cdc = self._device.cdc
        usual = usb.on_endpoint_read

        def on_endpoint_read(endpoint: int, size: int) -> None:
            if endpoint == cdc._out_endpoint:
                self._armed = size
                self._feed()
            else:
                usual(endpoint, size)

        def on_output(data: bytes | bytearray) -> None:
            if self.on_output:
                self.on_output(bytes(data))
            else:
                self.received += data

        def on_reset() -> None:
            usual_reset()
            self._armed = 0

        usual_reset = usb.on_reset
        usb.on_reset = on_reset
        usb.on_endpoint_read = on_endpoint_read
        cdc.on_serial_data = on_output

    def _feed(self) -> None:
        if not self._armed or not self._to_board:
            return
        size = min(self._armed, _PACKET, len(self._to_board))
        packet = bytes(self._to_board.popleft() for _ in range(size))
        self._armed = 0
        self.mcu.usb_ctrl.endpoint_read_done(self._device.cdc._out_endpoint, packet)

    def _mend_flash(self) -> None:
        ssi = self.mcu.ssi
        apply = ssi._apply_command

        def timed() -> None:
            command = ssi._tx_buffer[0] if ssi._tx_buffer else 0
            enabled = ssi._write_enabled
            apply()
            took = {_SECTOR_ERASE: ERASE_US, _BLOCK_ERASE: ERASE_64K_US, _PAGE_PROGRAM: PAGE_US}.get(command, 0)
            if took and enabled:
                self.stalled_us += took
                self.mcu.clock.tick(took * 1000)

        ssi._apply_command = timed


class Clock:
    """The emulated time as the chip models want it. The wire moves it, so that they cannot."""

    start_ticks = 0

    def __init__(self, mcu: object) -> None:
        self._mcu = mcu

    @property
    def us(self) -> int:
        return int(self._mcu.clock.nanos) // 1000


class _Server:
    """A thread that runs the board and carries its bytes to and from one TCP client at a time."""

    def __init__(self, pico: Pico, clock: Path) -> None:
        self._pico = pico
        clock.write_bytes(bytes(8))
        with clock.open("r+b") as file:
            self._clock = mmap.mmap(file.fileno(), 8)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"socket://127.0.0.1:{self._listener.getsockname()[1]}"
        self._client: socket.socket | None = None
        self._output = bytearray()
        self._stopping = False
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def stop(self) -> None:
        self._stopping = True
        self._thread.join()
        for end in (self._client, self._listener):
            if end:
                end.close()

    def _serve(self) -> None:
        pico = self._pico
        pico.on_output = self._output.extend
        start = time.monotonic() - pico.clock.us / 1e6
        while not self._stopping:
            pico.run(_SLICE_S)
            self._clock[:8] = pack("=d", pico.clock.us / 1e6)
            ahead = pico.clock.us / 1e6 - (time.monotonic() - start)
            if ahead < 0:
                # Slower than the computer: it never makes up for that.
                start -= ahead
            self._carry(max(ahead, 0))
        pico.on_output = None

    def _carry(self, wait: float) -> None:
        ends = [self._client or self._listener]
        readable, _, _ = select.select(ends, [], [], wait)
        if readable and not self._client:
            self._client, _ = self._listener.accept()
            self._client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._output.clear()
        elif readable:
            self._receive()
        if self._client and self._output:
            try:
                self._client.sendall(self._output)
            except OSError:
                self._hang_up()
        self._output.clear()

    def _receive(self) -> None:
        try:
            data = self._client.recv(4096)
        except OSError:
            data = b""
        if data:
            self._pico.send(data)
        else:
            self._hang_up()

    def _hang_up(self) -> None:
        self._client.close()
        self._client = None
