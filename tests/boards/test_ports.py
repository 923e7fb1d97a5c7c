"""The boards' pins against the pin-out, and what the ports do, with a fake `machine`, on MicroPython and CPython."""

import ast
import csv
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

_HERE = Path(__file__).parent
_ROOT = _HERE.parents[1]
# Platform, what MicroPython says the board is, its rows in the pin-out.
BOARDS = [
    ("rp2", "Raspberry Pi Pico with RP2040", "rp2"),
    ("rp2", "Raspberry Pi Pico2 with RP2350", "rp2"),
    ("esp32", "Generic ESP32 module with ESP32", "esp32"),
    ("rp2", "Raspberry Pi Pico W with RP2040", "rp2"),
    ("esp32", "Generic ESP32S3 module with Octal-SPIRAM with ESP32S3", "esp32s3"),
    ("esp32", "ESP32C3 module with ESP32C3", "esp32c3"),
]


def pinout(board: str) -> dict[str, int | None]:
    with (_ROOT / "hardware/pinout.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["board"] == board]
    return {row["signal"]: int(row["pin"]) if row["pin"] else None for row in rows}


@pytest.mark.parametrize(("platform", "said", "board"), BOARDS)
@pytest.mark.parametrize("runtime", ["micropython", "cpython"])
def test_what_the_ports_do(
    platform: str,
    said: str,
    board: str,
    runtime: str,
    tmp_path: Path,
    run: Callable[..., str],
    request: pytest.FixtureRequest,
) -> None:
    interpreter = sys.executable if runtime == "cpython" else request.getfixturevalue("micropython")
    pins = pinout(board)
    output = run(interpreter, "run_ports.py", tmp_path, platform, said)
    lines = dict(line.split(" ", 1) for line in output.splitlines() if " " in line)
    is_rp2 = platform == "rp2"
    has_two = pins["i2c1_sda"] is not None
    assert ast.literal_eval(lines["pins"]) == list(pins.values())
    # A watchdog's reset without a run of ours before it is `machine.reset()` on an RP2040.
    assert lines["cause"] == f"{2 if is_rp2 else 3} id 0x102030405060708"
    timeout_us = 1400 if is_rp2 else 20000
    assert ast.literal_eval(lines["buses"]) == [
        (n, (pins[f"i2c{n}_sda"], pins[f"i2c{n}_scl"]), 400000, timeout_us) for n in range(1 + has_two)
    ]
    alarms = ("16384 [False, False]", "0 [True, False]", "0 [False, True]", "0 [False, False]")
    for line in alarms if pins["led_red"] else ("16384 []", "0 []"):
        assert f"alarm 500 {line}\n" in output
    # 4 and 2 are the fake's rising edge and pull-down; 2 and 1 its falling edge and pull-up.
    pull = None if board == "esp32" else 2
    assert f"ready 0 {is_rp2} 4 {pull}\nready 3 0 True\nfalling 2 1\nnone None None\n" in output
    assert lines["supply"] == f"{pins['supply']} {1 if ' W ' in said else None}"
    assert lines["buttons"] == f"[0, 1] {2 if pins['button_mark'] else 1}"
    if pins["spi_sck"]:
        about = (0 if is_rp2 else 1, 1000000, 0, 1, pins["spi_sck"], pins["spi_mosi"], pins["spi_miso"])
        assert lines["spi"].startswith(str(about))
        assert lines["spi"].endswith(" True 1")
    else:
        assert lines["spi"] == "None"
    assert "low False 1\nlow True\nfreed True True 2 True\nstop True\nheld True 3 31\nidle [] False\n" in output
    assert lines["second"] == f"bus {has_two} {5 if has_two else 19}"
    assert lines["serial"] == "2 b'hi'"
    # The machine's own file system is no littlefs: no region behind it.
    name = {"Raspberry Pi Pico with RP2040": "rp2040", "Raspberry Pi Pico2 with RP2350": "rp2350"}.get(
        said.replace(" W ", " "), board
    )
    assert f"flash None b'flash=none' b'machine={name}'\nboot 1 again 2\n" in output
    assert "full [3, 3, 3] 3\nheard 28 16384\n" in output
    watchdog = 2 if is_rp2 else 3
    assert f"causes [0, 1, 0, {watchdog}, 0, 0, 0]\n" in output
    assert "causes [5, 0, 1]\n" in output
    assert "armed True 3\ncrashed 3\npower 1\n" in output
    stopped = [("cleared", 1 << 30)] if is_rp2 else [("made", 1000000000)]
    assert f"disarmed {stopped} 0 -1\nhold True {watchdog}\n" in output


def test_pins_are_those_of_the_pinout() -> None:
    signals: dict[str, list[str]] = {}
    with (_ROOT / "hardware/pinout.csv").open() as file:
        for row in csv.DictReader(file):
            signals.setdefault(row["board"], []).append(row["signal"])
    assert sorted(signals) == sorted({board for _, _, board in BOARDS})
    assert len({tuple(names) for names in signals.values()}) == 1


def test_a_radio_keeps_its_pins() -> None:
    """A Pico W and a Pico 2 W have it on 23, 24, 25 and 29; the last one measures the supply when somebody asks."""
    pins = pinout("rp2")
    assert pins.pop("supply") == 29
    assert not {23, 24, 25, 29} & set(pins.values())


@pytest.mark.parametrize(
    ("said", "chip"),
    [
        ("Generic ESP32 module with ESP32", "esp32"),
        ("M5Stack ATOM with ESP32-PICO-D4", "esp32"),
        ("LOLIN D32 with ESP32-D0WDQ6", "esp32"),
        ("TinyS3 with ESP32-S3-FN8", "esp32s3"),
        ("LOLIN_C3_MINI with ESP32-C3FH4", "esp32c3"),
        ("Generic ESP32S2 module with ESP32S2", None),
        ("ESP32C6 module with ESP32C6", None),
        ("ESP32P4 module with ESP32P4", None),
        ("linux [GCC 12.2.0] version", None),
    ],
)
def test_chips_are_told_apart(said: str, chip: str | None, tmp_path: Path) -> None:
    script = (
        "import fake_flash, fake_machine, sys\nfrom turgor.boards.esp32 import chip_of\n"
        "try: print(chip_of(sys.argv[1]))\nexcept ValueError as error: print(error)"
    )
    path = os.pathsep.join([str(_HERE), str(_ROOT / "firmware")])
    done = subprocess.run(
        [sys.executable, "-c", script, said],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    wanted = chip or f"no pins for {said}; Turgor knows ESP32, ESP32-S3 and ESP32-C3"
    assert done.stdout == wanted + "\n"
