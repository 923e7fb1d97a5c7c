"""What goes wrong for a user: one line on stderr with the remedy, and what was recorded so far is whole."""

import json
import os
import pty
import resource
import signal
import subprocess
import sys
import threading
import time
import tty
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import serial


def _one_line(done: subprocess.CompletedProcess[str], *words: str) -> None:
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith("turgor: ")
    for word in words:
        assert word in done.stderr


@pytest.fixture
def terminal() -> Iterator[tuple[int, str]]:
    """A raw pty: the descriptor of the far end, and the name a user would give as a port."""
    far, near = pty.openpty()
    tty.setraw(near)
    yield far, os.ttyname(near)
    os.close(far)
    os.close(near)


def test_no_such_port(turgor: Any, tmp_path: Path) -> None:
    _one_line(
        turgor("record", "/dev/ttyNOWHERE", tmp_path / "a.turgor", code=1), "/dev/ttyNOWHERE", "no such port", "sim:"
    )


def test_an_url_of_no_kind(turgor: Any, tmp_path: Path) -> None:
    _one_line(turgor("record", "gopher://x", tmp_path / "a.turgor", code=2), "gopher://x")


def test_a_refused_connection(turgor: Any, tmp_path: Path) -> None:
    _one_line(turgor("record", "socket://127.0.0.1:1", tmp_path / "a.turgor", code=1), "socket://127.0.0.1:1")


@pytest.mark.parametrize(
    ("name", "code", "says"),
    [
        ("", 1, "'': no such port"),
        ("socket://host", 2, "socket://host: no port number in it"),
        (__file__, 1, "is no serial port; `turgor ports`"),
    ],
)
def test_what_is_no_port(turgor: Any, name: str, code: int, says: str) -> None:
    _one_line(turgor("doctor", name, code=code), says)


@pytest.mark.parametrize("command", ["flash", "bench"])
def test_the_virtual_board_where_a_port_is_wanted(turgor: Any, command: str) -> None:
    _one_line(turgor(command, "sim:", code=2), "sim:: the virtual board has no serial port; give that of a board")


def test_a_port_in_use(turgor: Any, tmp_path: Path, terminal: tuple[int, str]) -> None:
    with serial.Serial(terminal[1], exclusive=True):
        done = turgor("record", terminal[1], tmp_path / "a.turgor", code=1)
    _one_line(done, terminal[1], "another program")


def test_a_board_that_says_nothing(turgor: Any, tmp_path: Path, terminal: tuple[int, str]) -> None:
    _one_line(turgor("record", terminal[1], tmp_path / "a.turgor", code=1), "nothing answers")


def test_a_board_at_its_prompt(turgor: Any, tmp_path: Path, terminal: tuple[int, str]) -> None:
    def prompt() -> None:
        while True:
            try:
                os.read(terminal[0], 100)
                os.write(terminal[0], b"Traceback ...\r\n>>> ")
            except OSError:
                return

    threading.Thread(target=prompt, daemon=True).start()
    _one_line(turgor("record", terminal[1], tmp_path / "a.turgor", code=1), "MicroPython prompt")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("t_s,calf_mmhg\n0,1\n", ("calf_mmhg", "calf_l_mmhg")),
        ("t_s,calf_l_mmhg\n0,high\n", ("line 2", "calf_l_mmhg", "'high'", "number")),
        ("t_s,calf_l_mmhg\n5,1\n4,1\n", ("line 3", "t_s")),
        ("t_s,dbp_mmhg\n0,700\n", ("line 2", "dbp_mmhg", "200")),
        ("t_s,dbp_mmhg\nnan,70\n", ("line 2", "t_s is nan; a finite number")),
        ("t_s,motion_shake_g\n0,5\n", ("line 2", "motion_shake_g", "between 0 and 4")),
        ("t_s,fault\n0,silent:skin\n", ("line 2", "silent:skin", "with a column temp_degc")),
        ("t_s,fault\n0,broken:calf_l\n", ("line 2", "broken:calf_l", "uncalibrated")),
        ("calf_l_mmhg\n1\n", ("t_s",)),
        ("t_s,calf_l_mmhg\n", ("no row",)),
        ("", ("t_s",)),
    ],
)
def test_a_scenario_that_is_none(turgor: Any, tmp_path: Path, text: str, words: tuple[str, ...]) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(text)
    file = tmp_path / "a.turgor"
    _one_line(turgor("record", f"sim:{path}", file, code=2), str(path), *words)
    assert not file.exists()


def test_a_scenario_that_is_not_there(turgor: Any, tmp_path: Path) -> None:
    _one_line(turgor("record", "sim:nowhere.csv", tmp_path / "a.turgor", code=2), "nowhere.csv")


@pytest.mark.parametrize("command", ["info", "events", "plot", "replay"])
def test_a_file_that_is_no_recording(turgor: Any, tmp_path: Path, command: str) -> None:
    path = tmp_path / "letter.turgor"
    path.write_text("Dear Sir or Madam, " * 500)
    _one_line(turgor(command, path, code=1), str(path))
    _one_line(turgor(command, tmp_path / "nowhere.turgor", code=1), "nowhere.turgor")


def test_a_file_that_exists_is_kept(turgor: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.turgor"
    path.write_text("mine")
    _one_line(turgor("record", "sim:", path, code=1), str(path))
    assert path.read_text() == "mine"


def test_unknown_words(turgor: Any, tmp_path: Path) -> None:
    _one_line(turgor("recrod", code=2), "recrod")
    _one_line(turgor("record", "sim:", tmp_path / "a.turgor", "--speed", "fast", code=2), "fast", "max")
    _one_line(turgor("record", "sim:", tmp_path / "a.turgor", "--runtime", "pypy", code=2), "pypy", "micropython")
    _one_line(turgor("dbp", "70", code=1), "start one")


@pytest.fixture
def full(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A recording, by `tmp_path` / a.turgor, whose disk is full: it has said so."""

    def limit() -> None:
        # No file may grow beyond 300 KB: what a full disk is to the recorder.
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    path = tmp_path / "a.turgor"
    command = [sys.executable, "-m", "turgor_host.cli", "record", "sim:", str(path), "--speed", "max", "--json"]
    with (tmp_path / "said").open("wb") as said:
        process = subprocess.Popen(
            [*command, "--seconds", "1500"], stdout=subprocess.PIPE, stderr=said, preexec_fn=limit
        )
    for _ in range(600):
        if "goes on when there is room" in (tmp_path / "said").read_text():
            break
        time.sleep(0.1)
    yield process
    if process.poll() is None:
        process.kill()
        process.wait()
    assert process.stdout is not None
    process.stdout.close()


def test_a_full_disk_ends_cleanly(turgor: Any, tmp_path: Path, full: subprocess.Popen[bytes]) -> None:
    full.send_signal(signal.SIGINT)
    assert full.wait(30) == 1
    first, last = (tmp_path / "said").read_text().splitlines()
    assert "full" in first
    assert last.startswith("turgor: ")
    assert "full" in last
    assert json.loads(turgor("info", tmp_path / "a.turgor", "--check", "--json").stdout)["records"] > 100


def test_recording_goes_on_when_there_is_room(turgor: Any, tmp_path: Path, full: subprocess.Popen[bytes]) -> None:
    no_limit = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    resource.prlimit(full.pid, resource.RLIMIT_FSIZE, no_limit)
    out, _ = full.communicate(timeout=120)
    assert full.returncode == 0
    result = json.loads(out)
    assert (result["lost"], result["board_s"]) == (0, 1500)
    assert "recording goes on" in (tmp_path / "said").read_text().splitlines()[-1]
    assert json.loads(turgor("info", tmp_path / "a.turgor", "--check", "--json").stdout)["records"] > 10_000


# Says when Python itself has started: before that a Ctrl-C is not ours to answer.
_STARTED = "import sys; print('started', flush=True); from turgor_host.cli import main; sys.argv[0] = 'turgor'; main()"


@pytest.mark.parametrize("after_s", [0.2, 0.5, 1.0, 1.5, 2.5])
def test_ctrl_c_at_any_moment(turgor: Any, tmp_path: Path, after_s: float) -> None:
    path = tmp_path / "a.turgor"
    process = subprocess.Popen(
        [sys.executable, "-c", _STARTED, "record", "sim:", str(path), "--speed", "60"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell that runs the tests in the background has its children ignore Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "started\n"
        time.sleep(after_s)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    finally:
        process.kill()
    assert "Traceback" not in errors
    assert errors.count("\n") <= 1
    if path.exists():
        turgor("info", path, "--check")
