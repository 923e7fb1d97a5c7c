"""The page's server, for this machine alone: static files, live state, trends, and what a user asks the board to do."""

import asyncio
import errno
import json
import math
import socket
import threading
import time
from contextlib import suppress
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from turgor_host.errors import TurgorError
from turgor_host.history import POINTS_LIMIT
from turgor_host.live import Live
from turgor_host.page.notes import Act, enter, forms

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_PUSH_S = 0.2
# Without a change the state goes out this often all the same, so that the page knows the server is there.
_HEARTBEAT_S = 1.0
_BODY_LIMIT = 4096
_START_S = 10.0
_STOP_S = 3.0

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}
_UPLOT = ("uplot.iife.min.js", "uplot.min.css")
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = [
    (b"content-security-policy", _POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    # A newer program must not run with an older page.
    (b"cache-control", b"no-store"),
]


def uplot_folder() -> Path:
    """Where the installed `youplot` keeps uPlot, found without importing it."""
    spec = find_spec("youplot")
    if spec is None or not spec.submodule_search_locations:
        raise TurgorError("the package youplot is not installed; run `pip install youplot==1.0.0`")
    return Path(spec.submodule_search_locations[0]) / "vendor"


def _static_files() -> dict[str, tuple[bytes, str]]:
    """Everything that can be asked for, by path: no request ever names a file."""
    found = {}
    for entry in files("turgor_host.page").joinpath("static").iterdir():
        path = "/" if entry.name == "index.html" else "/" + entry.name
        found[path] = (entry.read_bytes(), _TYPES[Path(entry.name).suffix])
    for name in _UPLOT:
        found["/" + name] = ((uplot_folder() / name).read_bytes(), _TYPES[Path(name).suffix])
    return found


def _is_loopback(authority: str) -> bool:
    try:
        parts = urlsplit("//" + authority)
        # A port that is no number raises, as does half an address.
        return parts.hostname in _LOOPBACK and (parts.port or 0) >= 0
    except ValueError:
        return False


class _OnlyHere:
    """Answers this machine's own page and nobody else.

    A name that another website had resolve to this machine fails at Host, another website's request at Origin.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        host = headers.get("host", "")
        reads = scope["type"] == "http" and scope["method"] in ("GET", "HEAD")
        refused = ""
        if not _is_loopback(host):
            refused = f"Host {host!r} is not this machine; open the page at http://127.0.0.1"
        elif not reads and headers.get("origin", f"http://{host}") != f"http://{host}":
            refused = f"Origin {headers['origin']!r} is another website; it may not act here"

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], *_HEADERS]}
            await send(message)

        if not refused:
            await self._app(scope, receive, send_with_headers)
        elif scope["type"] == "http":
            await JSONResponse({"error": refused}, 403)(scope, receive, send_with_headers)
        else:
            # Closed before it was accepted: the server answers 403.
            await receive()
            await send({"type": "websocket.close", "code": 1008, "reason": ""})


async def _json_object(request: Request, keys: tuple[str, ...]) -> dict[str, Any]:
    """The body's JSON object, of which only `keys` may be there."""
    # A form of another website cannot have this type.
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise TurgorError("send the request as application/json")
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _BODY_LIMIT:
            raise TurgorError(f"a request of more than {_BODY_LIMIT} bytes is refused")
    try:
        found = json.loads(body or b"{}")
    except ValueError:
        raise TurgorError("the request is no JSON") from None
    if not isinstance(found, dict) or not found.keys() <= set(keys):
        raise TurgorError(f"send a JSON object with nothing but {' and '.join(keys)}")
    return found


def _query(request: Request, name: str, default: float, least: float, most: float) -> float:
    text = request.query_params.get(name)
    try:
        value = default if text is None else float(text)
    except ValueError:
        value = math.nan
    if not least <= value <= most:
        raise TurgorError(f"{name}={text} does not go; give a number from {least:g} to {most:g}")
    return value


def make_app(live: Live, act: Act) -> Starlette:
    """The page of `live`; `act(name, **arguments) -> str` does what a user asks and raises TurgorError when refused."""
    static = _static_files()

    async def file(request: Request) -> Response:
        content, media_type = static[request.url.path]
        return Response(content, headers={"content-type": media_type})

    async def state(request: Request) -> Response:
        return JSONResponse(live.state())

    async def history(request: Request) -> Response:
        most = 1e9
        t0 = _query(request, "from", 0, -most, most)
        t1 = _query(request, "to", max(t0, live.t_s or 0), t0, most)
        points = int(_query(request, "points", 600, 1, POINTS_LIMIT))
        return JSONResponse(await run_in_threadpool(live.history, t0, t1, points))

    async def dbp(request: Request) -> Response:
        arguments = await _json_object(request, ("mmhg",))
        return JSONResponse({"done": await run_in_threadpool(act, "dbp", mmhg=arguments.get("mmhg"), below_icp=True)})

    async def ack(request: Request) -> Response:
        arguments = await _json_object(request, ("channel", "rule"))
        return JSONResponse({"done": await run_in_threadpool(act, "ack", **arguments)})

    async def pause(request: Request) -> Response:
        arguments = await _json_object(request, ("seconds",))
        return JSONResponse({"done": await run_in_threadpool(act, "pause", seconds=arguments.get("seconds"))})

    async def note(request: Request) -> Response:
        asked = await _json_object(request, ("form", "values", "text", "channel"))
        fields = [asked.get(name) for name in ("form", "values", "text", "channel")]
        return JSONResponse({"done": await run_in_threadpool(enter, act, *fields)})

    async def notes(request: Request) -> Response:
        return JSONResponse(forms())

    async def refused(request: Request, error: Exception) -> Response:
        return JSONResponse({"error": " ".join(str(error).split())}, 400)

    async def missing(request: Request, error: Exception) -> Response:
        return PlainTextResponse("there is no such page\n", 404)

    async def follow(websocket: WebSocket) -> None:
        await websocket.accept()
        # The page sends nothing: what comes is its end.
        ended = asyncio.create_task(websocket.receive())
        sent_version, sent_s = -1, 0.0
        try:
            while not ended.done():
                now = time.monotonic()
                version = live.version
                if version != sent_version or now - sent_s >= _HEARTBEAT_S:
                    sent_version, sent_s = version, now
                    await websocket.send_json(live.state())
                await asyncio.wait({ended}, timeout=_PUSH_S)
        except (WebSocketDisconnect, RuntimeError):
            pass
        finally:
            ended.cancel()
            with suppress(asyncio.CancelledError, RuntimeError):
                await ended

    app = Starlette(
        routes=[
            *(Route(path, file) for path in static),
            Route("/state", state),
            Route("/history", history),
            Route("/dbp", dbp, methods=["POST"]),
            Route("/ack", ack, methods=["POST"]),
            Route("/pause", pause, methods=["POST"]),
            Route("/note", note, methods=["POST"]),
            Route("/forms", notes),
            WebSocketRoute("/live", follow),
        ],
        exception_handlers={TurgorError: refused, 404: missing},
    )
    app.add_middleware(_OnlyHere)
    return app


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        # Here and not in the server's thread: two that reuse an address may both bind it, only one can listen.
        listener.listen(64)
    except OSError as error:
        listener.close()
        why = "is in use" if error.errno == errno.EADDRINUSE else f"cannot be opened ({error.strerror})"
        raise TurgorError(f"port {port} {why}; choose another with --port (0: any free one)") from None
    return listener


class Server:
    """Serves `app` on 127.0.0.1 in a thread of its own until `stop`. `url` is where the page is."""

    def __init__(self, app: Starlette, port: int = 0) -> None:
        listener = _listen(port)
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="off",
            ws="websockets-sansio",
            server_header=False,
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([listener],), name="turgor-page", daemon=True)
        self._thread.start()
        deadline = time.monotonic() + _START_S
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > deadline:
                listener.close()
                raise TurgorError("the page's server did not start; try again, or use `turgor record` without a page")
            time.sleep(0.01)

    def stop(self) -> None:
        """End it; open pages see that their server is gone."""
        self._server.should_exit = True
        self._thread.join(timeout=_STOP_S)
