"""The local socket of a running `monitor` or `record`, over which `turgor dbp`, `ack` and `pause` act on it.

One request and one reply, each a line of JSON: {"act": name, ...} -> {"done": text} or {"error": text, "exit": code}.
"""

import contextlib
import json
import os
import socket
import threading
import warnings
from collections.abc import Callable
from pathlib import Path

from platformdirs import user_runtime_path

from turgor_host.errors import TurgorError, UsageError

_TIMEOUT_S = 8.0
_LINE_LIMIT = 4096


def _folder() -> Path:
    with warnings.catch_warnings():
        # Without XDG_RUNTIME_DIR a folder of this user's in the temporary one does as well.
        warnings.simplefilter("ignore")
        folder = user_runtime_path("turgor", ensure_exists=True)
    folder.chmod(0o700)
    return folder


class ControlServer:
    """Listens for this process; `act` is `Session.act`, `file` the recording that its answers name."""

    def __init__(self, act: Callable[..., str], file: Path) -> None:
        self._act = act
        self._file = file
        self._path = _folder() / f"{os.getpid()}.sock"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        # Whoever asks takes away what does not listen, so it gets its name once it does.
        early = self._path.with_suffix(".new")
        early.unlink(missing_ok=True)
        self._socket.bind(str(early))
        self._socket.listen(4)
        early.rename(self._path)
        self._thread = threading.Thread(target=self._serve, name="turgor-control", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(timeout=1)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError):
                connection.settimeout(_TIMEOUT_S)
                reply = self._answer(connection.recv(_LINE_LIMIT))
                connection.sendall(json.dumps(reply).encode() + b"\n")

    def _answer(self, line: bytes) -> dict[str, object]:
        try:
            request = json.loads(line)
            return {"done": f"{self._act(request.pop('act'), **request)}, recorded in {self._file}"}
        except TurgorError as error:
            return {"error": str(error), "exit": error.exit_code}
        except (ValueError, TypeError, KeyError, AttributeError):
            return {"error": "a request that is no JSON object with an act", "exit": 2}
        except Exception as error:
            # Whatever it is, the next one has to be answered too.
            return {"error": f"{type(error).__name__}: {error}; please report it", "exit": 1}


def ask(act: str, **arguments: object) -> str:
    """Have the one running session do `act`; TurgorError when none or several run, or when it refuses."""
    sockets = []
    try:
        for path in sorted(_folder().glob("*.sock")):
            client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            client.settimeout(_TIMEOUT_S)
            try:
                client.connect(str(path))
            except (ConnectionRefusedError, FileNotFoundError):
                # Left behind by a process that was killed, or just gone.
                client.close()
                path.unlink(missing_ok=True)
                continue
            except OSError:
                client.close()
                raise
            sockets.append((path, client))
        if not sockets:
            raise TurgorError("no `turgor monitor`, `record` or `demo` is running here; start one first")
        if len(sockets) > 1:
            raise TurgorError(f"{len(sockets)} runs are active here; end all but the one you mean")
        client = sockets[0][1]
        client.sendall(json.dumps({"act": act, **arguments}).encode() + b"\n")
        reply = json.loads(client.recv(_LINE_LIMIT) or b'{"error": "the run ended", "exit": 1}')
    except OSError as error:
        raise TurgorError(f"the running session did not answer ({error}); try again") from None
    finally:
        for _, client in sockets:
            client.close()
    if "error" in reply:
        raise (UsageError if reply.get("exit") == 2 else TurgorError)(reply["error"])
    return str(reply["done"])
