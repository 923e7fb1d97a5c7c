"""MicroPython's raw prompt on a port that is already open, for code and files."""

import contextlib
import io
import struct
import time
from ast import literal_eval
from base64 import b64encode
from collections.abc import Callable, Iterator
from typing import Any

import serial
from mpremote.transport import TransportError, TransportExecError
from mpremote.transport_serial import SerialTransport

from turgor_host.errors import PortGone, TurgorError

# A board that says nothing for so long in the middle of a command is not there any more.
_SILENT_S = 10.0
_ENTER_S = 5.0
_ENTER_TRIES = 3
# Bytes of a file in one command. It stands in the board's heap as base64 and as bytes, beside its compiled command.
_CHUNK = 1536
_ENOSPC = ("ENOSPC", "Errno 28")
_EXITED = b"soft reboot\r\n"
# What the commands below use: the hash of a file, the hashes and the room of a tree, its end, the folders of a path.
_HELPERS = """\
import os,sys
from binascii import a2b_base64,hexlify
from hashlib import sha256
def _hash(p):
 h=sha256();b=bytearray(1024);v=memoryview(b)
 with open(p,'rb') as f:
  while 1:
   n=f.readinto(b)
   if not n:return hexlify(h.digest()).decode()
   h.update(v[:n])
def _tree(p,q=''):
 try:e=list(os.ilistdir(p))
 except OSError:return
 for x in e:
  if x[1]&0x4000:_tree(p+'/'+x[0],q+x[0]+'/')
  else:print(repr((q+x[0],_hash(p+'/'+x[0]))))
def _there(p):
 try:os.stat(p)
 except OSError:return False
 return True
def _room(p,b):
 if not _there(p):return 0
 return 4*b+sum(_room(p+'/'+x[0],b) if x[1]&0x4000 else (x[3]>128 and -(-x[3]//b)*b) for x in os.ilistdir(p))
def _remove(p):
 if not _there(p):return
 if os.stat(p)[0]&0x4000:
  for x in list(os.ilistdir(p)):_remove(p+'/'+x[0])
  os.rmdir(p)
 else:os.remove(p)
def _make(p):
 at=p.find('/',1)
 while at>0:
  if not _there(p[:at]):os.mkdir(p[:at])
  at=p.find('/',at+1)
"""


class Repl(SerialTransport):  # type: ignore[misc]  # mpremote carries no types
    """The prompt of the board on `port`, whose program was ended and whose heap is fresh."""

    def __init__(self, name: str, port: serial.Serial) -> None:
        # Not the parent's, which opens the port by itself.
        self.name = name
        self.device_name = name
        self.serial = port
        self.in_raw_repl = False
        self.use_raw_paste = True
        self.mounted = False
        self.is_pty = False
        # What came while the prompt was waited for.
        self.said = b""
        port.timeout = _SILENT_S
        self._enter()
        self.run(_HELPERS)

    def _enter(self) -> None:
        for _ in range(_ENTER_TRIES):
            with self._failures(), contextlib.redirect_stdout(io.StringIO()):
                try:
                    self.enter_raw_repl(soft_reset=True, timeout_overall=_ENTER_S)
                    return
                except TransportError:
                    continue
        raise TurgorError(
            f"{self.name}: no MicroPython prompt at the other end; look at cable and port (`turgor ports`), or install "
            "MicroPython 1.23 or newer on the board (micropython.org/download)"
        )

    @contextlib.contextmanager
    def _failures(self) -> Iterator[None]:
        try:
            yield
        except (OSError, TypeError) as error:
            raise PortGone(f"{self.name}: the connection ended ({error})") from None

    def read_until(
        self,
        min_num_bytes: int,
        ending: bytes,
        timeout: float | None = _SILENT_S,
        data_consumer: Callable[[bytes], None] | None = None,
        timeout_overall: float | None = None,
    ) -> bytes:
        """As mpremote's, but woken by the byte that comes instead of looking every 10 ms."""
        data = b""
        last_s = begun_s = time.monotonic()
        self.serial.timeout = min(0.2, timeout_overall or 0.2)
        try:
            while not data.endswith(ending):
                new = self.serial.read(1)
                now = time.monotonic()
                if new:
                    last_s = now
                    if data_consumer:
                        data_consumer(new)
                        data = new
                    else:
                        data += new
                elif timeout is not None and now - last_s >= timeout:
                    break
                if timeout_overall is not None and now - begun_s >= timeout_overall:
                    break
        finally:
            self.serial.timeout = _SILENT_S
        self.said = data
        return data

    def run(self, code: str) -> str:
        """Run `code` on the board and return what it printed; TurgorError when it fails there, PortGone without it."""
        with self._failures():
            try:
                return bytes(self.exec(code)).decode()
            except TransportExecError as error:
                line = error.error_output.strip().splitlines()[-1]
                if any(text in line for text in _ENOSPC):
                    raise TurgorError(
                        f"{self.name}: the board's file system is full; delete files on it (`mpremote fs rm`)"
                    ) from None
                raise TurgorError(f"{self.name}: the board refused {code.splitlines()[0][:40]!r}: {line}") from None
            except (TransportError, struct.error) as error:
                raise PortGone(f"{self.name}: the board stopped answering ({error})") from None

    def get(self, expression: str) -> Any:
        """The value of an expression on the board."""
        return literal_eval(self.run(f"print(repr({expression}))").strip())

    def tree(self, folder: str) -> dict[str, str]:
        """The files below `folder` by their path there, with their SHA-256; empty when there is none."""
        lines = self.run(f"_tree({folder!r})").splitlines()
        return dict(literal_eval(line) for line in lines)

    def write(self, path: str, content: bytes, progress: Callable[[int], None] = lambda n: None) -> None:
        """Write a file and the folders that it is in; `progress` is given the bytes of each part."""
        parts = [content[at : at + _CHUNK] for at in range(0, len(content), _CHUNK)] or [b""]
        for number, part in enumerate(parts):
            code = f"_make({path!r})\nf=open({path!r},'wb')\n" if number == 0 else ""
            code += f"f.write(a2b_base64({b64encode(part)!r}))\n"
            code += "f.close()\n" if number == len(parts) - 1 else ""
            self.run(code)
            progress(len(part))

    def room(self, folder: str, block: int) -> int:
        """The bytes that `folder` takes in blocks of `block`, counted as `Payload.room` does."""
        return int(self.get(f"_room({folder!r},{block})"))

    def remove(self, path: str) -> None:
        """Remove a file or a folder with all that is in it, if it is there."""
        self.run(f"_remove({path!r})")

    def rename(self, old: str, new: str) -> None:
        self.run(f"os.rename({old!r},{new!r})")

    def leave(self) -> None:
        """Go back to the friendly prompt with a fresh heap; `/main.py` does not start."""
        self._enter()
        with self._failures():
            self.exit_raw_repl()

    def restart(self) -> None:
        """Have the board start anew, as after power-on; what it sends then is left to others."""
        with self._failures():
            # Whatever a command was cut short in.
            self.serial.write(b"\r\x03")
            self.exit_raw_repl()
            self.serial.write(b"\x04")
            self.read_until(1, _EXITED, timeout_overall=_ENTER_S)
