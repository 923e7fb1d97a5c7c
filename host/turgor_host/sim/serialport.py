"""The virtual board's serial port: standard input and output, a raw and non-blocking pty."""

import select
import sys

# CPython buffers; below the buffer both runtimes make one system call.
_INPUT = getattr(sys.stdin.buffer, "raw", sys.stdin.buffer)
_OUTPUT = getattr(sys.stdout.buffer, "raw", sys.stdout.buffer)


class HangUp(Exception):
    """Nobody holds the other end any more."""


class SerialPort:
    """`read_into` and `write` as the app's wire wants them; both return 0 instead of waiting."""

    def __init__(self):
        self._poll = select.poll()
        self._poll.register(sys.stdin, select.POLLIN)

    def read_into(self, buffer):
        try:
            n = _INPUT.readinto(buffer)
        except OSError:
            raise HangUp()
        return n or 0

    def write(self, buffer, at, n):
        try:
            return _OUTPUT.write(memoryview(buffer)[at : at + n]) or 0
        except OSError:
            raise HangUp()

    def wait(self, ms):
        """Wait for input, at most `ms`."""
        for _, event in self._poll.poll(ms):
            if event & (select.POLLHUP | select.POLLERR):
                raise HangUp()


class NoPort:
    """A serial port with nothing plugged in."""

    def read_into(self, buffer):
        return 0

    def write(self, buffer, at, n):
        return 0
