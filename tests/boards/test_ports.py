"""The boards' pins against the pin-out, and what the ports do, under MicroPython with a fake `machine`."""

import csv
import os
import subprocess
from pathlib import Path

import pytest

_HERE = Path(__file__).parent
_ROOT = _HERE.parents[1]


def _pinout(board: str) -> dict[str, int]:
    with (_ROOT / "hardware/pinout.csv").open() as file:
        return {row["signal"]: int(row["pin"]) for row in csv.DictReader(file) if row["board"] == board}


def _run(micropython: Path, board: str, folder: Path) -> str:
    path = os.pathsep.join([str(_HERE), str(_ROOT / "firmware")])
    environment = {**os.environ, "MICROPYPATH": path + os.pathsep + ".frozen"}
    done = subprocess.run(
        [str(micropython), str(_HERE / "run_ports.py"), board],
        cwd=folder,
        env=environment,
        input="hi",
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("board", ["rp2", "esp32"])
def test_what_the_ports_do(board: str, tmp_path: Path, micropython: Path) -> None:
    pins = _pinout(board)
    output = _run(micropython, board, tmp_path)
    assert "cause 3 id 0x102030405060708\n" in output
    assert f"buses {[(n, (pins[f'i2c{n}_sda'], pins[f'i2c{n}_scl']), 400000) for n in (0, 1)]}\n" in output
    # The machine's own file system is no littlefs: no region behind it.
    assert "flash None b'flash=none'\nboot 1 again 2\n" in output
    assert "causes [0, 1, 0, 3, 0, 0, 0]\ncauses [5, 0, 1]\n" in output
    assert "alarm 1 1\nalarm 0\n" in output
    assert f"ready 0 {board == 'rp2'}\nready 3 0 True\nnone None\n" in output
    assert "serial 2 b'hi'\n" in output


@pytest.mark.parametrize("board", ["rp2", "esp32"])
def test_pins_are_those_of_the_pinout(board: str) -> None:
    source = (_ROOT / f"firmware/turgor/boards/{board}.py").read_text()
    start = source.index("PINS = ") + len("PINS = ")
    pins = eval(source[start : source.index("}", start) + 1])
    assert pins == _pinout(board)
