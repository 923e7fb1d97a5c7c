"""The page's server: what it serves, what it does, and whom it turns away."""

import hashlib
import socket
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from turgor_host.errors import TurgorError
from turgor_host.live import Live
from turgor_host.page.server import Server, make_app

HOME = "http://127.0.0.1:8000"
# The test client takes a base URL for requests only.
STREAM = "ws://127.0.0.1:8000/live"


@pytest.fixture
def client(live: Live, board: Any) -> Iterator[TestClient]:
    with TestClient(make_app(live, board.act), base_url=HOME) as client:
        yield client


def test_the_state_is_the_live_state(client: TestClient, live: Live, board: Any) -> None:
    board.run(40)
    state = client.get("/state").json()
    assert state["t_s"] == 40
    assert state["channels"][0]["median"] == 22.0


@pytest.mark.parametrize(
    ("name", "sha256"),
    [
        ("uplot.iife.min.js", "2d27e8ad3d228164525ce213f9dc716f39b4e3aee0cc773fb3491c96cf4921a2"),
        ("uplot.min.css", "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04"),
    ],
)
def test_uplot_is_the_released_one(client: TestClient, name: str, sha256: str) -> None:
    response = client.get(f"/{name}")
    assert hashlib.sha256(response.content).hexdigest() == sha256


@pytest.mark.parametrize(
    ("path", "media_type"),
    [("/", "text/html"), ("/app.js", "text/javascript"), ("/style.css", "text/css"), ("/icon.svg", "image/svg+xml")],
)
def test_files_come_with_their_type_and_the_policy(client: TestClient, path: str, media_type: str) -> None:
    response = client.get(path)
    assert response.status_code == 200
    assert response.headers["content-type"].startswith(media_type)
    policy = response.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert response.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", ["/server.py", "/../server.py", "/%2e%2e/server.py", "/static/app.js", "/index.html"])
def test_nothing_else_is_served(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 404


def test_the_page_names_no_other_machine(client: TestClient) -> None:
    text = client.get("/").text
    assert "http://" not in text
    assert "https://" not in text
    assert "not a medical device" in text
    # The policy forbids inline script and style: a page with one would not work.
    assert "<style" not in text
    assert " style=" not in text
    assert text.count("<script") == text.count("<script src=")


def test_the_stream_says_the_state_at_once_and_again_when_it_changed(client: TestClient, board: Any) -> None:
    board.run(3)
    with client.websocket_connect(STREAM) as stream:
        assert stream.receive_json()["t_s"] == 3
        board.run(1)
        assert stream.receive_json()["t_s"] == 4
        # Nothing changed: a heartbeat comes all the same.
        assert stream.receive_json()["t_s"] == 4


def test_trends(client: TestClient, board: Any) -> None:
    board.run(120)
    found = client.get("/history?from=1&to=120&points=12").json()
    assert (found["step_s"], found["t"][0]) == (10, 0)
    everything = client.get("/history").json()
    assert (everything["step_s"], everything["t"][-1]) == (1, 120)


@pytest.mark.parametrize("query", ["from=x", "points=0", "points=1e9", "from=nan", "from=9&to=3"])
def test_a_bad_query_says_what_is_wrong(client: TestClient, query: str) -> None:
    response = client.get(f"/history?{query}")
    assert response.status_code == 400
    assert query.partition("=")[0] in response.json()["error"] or "to=3" in response.json()["error"]


def test_a_dbp_is_entered(client: TestClient, live: Live, board: Any) -> None:
    assert client.post("/dbp", json={"mmhg": 70}).json() == {"done": "DBP taken"}
    board.run(1)
    assert live.state()["dbp"]["value"] == 70.0


def test_what_the_session_refuses_is_one_line(client: TestClient) -> None:
    response = client.post("/dbp", json={"mmhg": 500})
    assert response.status_code == 400
    assert response.json() == {"error": "a diastolic pressure of 500 mmHg is refused; it must lie between 10 and 200"}
    assert client.post("/ack", json={}).json() == {"error": "no such alarm stands unacknowledged"}


def test_an_alarm_is_acknowledged(client: TestClient, live: Live, board: Any) -> None:
    board.act("dbp", mmhg=40)
    board.run(500)
    board.act("dbp", mmhg=40)
    board.run(500)
    assert len(live.state()["alarms"]) == 2
    one = {"channel": "calf_l", "rule": "dp_low"}
    assert client.post("/ack", json=one).status_code == 200
    board.run(1)
    assert [a["channel"] for a in live.state()["alarms"] if a["acknowledged"]] == ["calf_l"]
    assert client.post("/ack", json={}).status_code == 200
    board.run(1)
    assert all(a["acknowledged"] for a in live.state()["alarms"])


def test_the_sound_is_paused(client: TestClient, live: Live, board: Any) -> None:
    assert client.post("/pause", json={"seconds": 120}).json() == {"done": "sound paused"}
    board.run(1)
    assert live.state()["paused_s"] == 120


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (b"{", "application/json"),
        (b"[70]", "application/json"),
        (b'{"mmhg": 70, "name": "x"}', "application/json"),
        (b'{"mmhg": "70"}', "application/json"),
        (b'{"mmhg": 70}', "text/plain"),
        (b'{"mmhg": ' + b" " * 5000 + b"70}", "application/json"),
    ],
)
def test_a_bad_request_is_refused(client: TestClient, live: Live, board: Any, content: bytes, media_type: str) -> None:
    response = client.post("/dbp", content=content, headers={"content-type": media_type})
    assert response.status_code == 400
    assert "\n" not in response.json()["error"]
    board.run(1)
    assert live.state()["dbp"]["value"] is None


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example:8000", "192.168.1.9", "", "127.0.0.1:x", "[::2]"]
)
def test_another_host_name_is_refused(client: TestClient, host: str) -> None:
    assert client.get("/state", headers={"host": host}).status_code == 403
    with pytest.raises(WebSocketDisconnect), client.websocket_connect(STREAM, headers={"host": host}):
        pass


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:8437", "[::1]:8437"])
def test_this_machine_by_any_of_its_names_is_served(client: TestClient, host: str) -> None:
    assert client.get("/state", headers={"host": host}).status_code == 200
    own = {"host": host, "origin": f"http://{host}"}
    assert client.post("/dbp", json={"mmhg": 70}, headers=own).status_code == 200


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:9999", "http://localhost:8000"])
def test_another_website_may_not_act_or_listen(client: TestClient, live: Live, board: Any, origin: str) -> None:
    assert client.post("/dbp", json={"mmhg": 70}, headers={"origin": origin}).status_code == 403
    board.run(1)
    assert live.state()["dbp"]["value"] is None
    with pytest.raises(WebSocketDisconnect), client.websocket_connect(STREAM, headers={"origin": origin}):
        pass
    with client.websocket_connect(STREAM, headers={"origin": HOME}) as stream:
        assert stream.receive_json()["type"] == "state"


def test_a_server_on_a_real_port(live: Live, board: Any) -> None:
    server = Server(make_app(live, board.act))
    try:
        assert server.url.startswith("http://127.0.0.1:")
        with urllib.request.urlopen(server.url + "state", timeout=5) as answer:
            assert answer.status == 200
    finally:
        server.stop()
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(server.url + "state", timeout=5)


def test_a_port_in_use_is_named_with_the_remedy(live: Live, board: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(TurgorError, match=f"port {port} is in use; choose another with --port"):
            Server(make_app(live, board.act), port)
