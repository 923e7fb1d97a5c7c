"""The fuzz targets, briefly. 10^7 inputs each: TURGOR_FULL=1 .venv/bin/pytest -n 2 tests/fuzz

Longer, or from another seed: `python tests/fuzz/fuzz_lines.py --inputs N --seed S`, `fuzz_frames.py` likewise.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from fuzz_lines import command_of
from fuzzing import MOST_BLOCKS, MOST_RSS_BYTES

from turgor.link.lines import DBP, command_line

FULL = bool(os.environ.get("TURGOR_FULL"))
INPUTS = 10_000_000 if FULL else 100_000
FEW_INPUTS = 5_000


def run(command: list[str], **environment: str) -> str:
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_by_hand() -> None:
    """What the target holds `read_line` to: the line itself, and none with another last digit, CRC, or end."""
    line = command_line(1, DBP, 60000)[:-1]
    assert command_of(line) == (1, DBP, 60000, 0, 0, 0, 0)
    assert line[-2:] == b"0="
    for other in (line[:-2] + b"1=", line[:1] + b"B" + line[2:], line + b" ", line[:-1], b"?" + line[1:], b""):
        assert command_of(other) is None


@pytest.mark.parametrize("name", ["fuzz_frames", "fuzz_lines"])
def test_target(root: Path, name: str) -> None:
    """In a process of its own, whose memory is the target's."""
    said = run([sys.executable, str(root / "tests" / "fuzz" / f"{name}.py"), "--inputs", str(INPUTS), "--seed", "7"])
    counts = [int(line.split()[0]) for line in said.splitlines()]
    assert counts[0] == INPUTS
    # Whole frames or lines, others, records or commands that came through.
    assert counts[1] > INPUTS / 10
    assert counts[2] > INPUTS / 10
    assert counts[3] > INPUTS / 20
    assert counts[4] <= MOST_BLOCKS
    assert int(said.splitlines()[4].split()[3]) <= MOST_RSS_BYTES
    print(said)


def test_the_parser_on_micropython(root: Path, micropython: str) -> None:
    folders = ("firmware", "host", "tests/dual", "tests/fuzz")
    path = ":".join([*(str(root / folder) for folder in folders), ".frozen"])
    script = str(root / "tests" / "fuzz" / "fuzz_lines.py")
    command = [micropython, "-X", "heapsize=32m", script, "--inputs", str(FEW_INPUTS), "--seed", "7"]
    assert run(command, MICROPYPATH=path).startswith(f"{FEW_INPUTS} inputs")


# Runs a target with something spoiled: the table of the CRC, by which the board would refuse commands; the decoder's
# eye for spoiled frames.
BROKEN = """
import os, runpy, sys
from turgor.link import frames
from turgor_host import decoder
frames.CRC_TABLE[6] ^= 1
decoder._RESIDUE ^= 1
target = sys.argv.pop()
sys.path.insert(0, os.path.dirname(target))
runpy.run_path(target, run_name="__main__")
"""


@pytest.mark.parametrize(("name", "promise"), [("fuzz_lines", "read_line"), ("fuzz_frames", "the decoder")])
def test_a_broken_promise_says_which_input_broke_it(root: Path, name: str, promise: str) -> None:
    command = [sys.executable, "-c", BROKEN, str(root / "tests" / "fuzz" / f"{name}.py")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    assert done.returncode == 1
    assert "of seed 1" in done.stdout
    assert f"AssertionError: ('{promise}'" in done.stderr
