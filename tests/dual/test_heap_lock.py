"""Core, samplers, blocks and spill pages allocate nothing at their work, where small integers have 31 bits.

20 000 samples of each kind of channel; 100 000:
TURGOR_FULL=1 .venv/bin/pytest -n 0 tests/dual/test_heap_lock.py
"""

import os
from pathlib import Path

import pytest
import runtimes

SAMPLES = 100_000 if os.environ.get("TURGOR_FULL") else 20_000


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, str]]:
    """Of each kind of work: how often it was done, and what came of it."""
    lacks = runtimes.missing("webassembly")
    if lacks:
        pytest.skip(lacks)
    target = tmp_path_factory.mktemp("webassembly")
    lines = runtimes.output("webassembly", runtimes.SCRIPTS / "heap_lock.py", None, target, SAMPLES).splitlines()
    return {name: (int(count), text) for name, count, text in (line.split(maxsplit=2) for line in lines)}


def test_by_hand(said: dict[str, tuple[int, str]]) -> None:
    """The negative control: 16 times the coefficient that just fits asks for the heap under a locked one."""
    assert said.pop("over-wide")[1] == "allocates"
    assert {text for _, text in said.values()} == {"allocates nothing"}


@pytest.mark.parametrize(
    "kind",
    [
        "pressure",
        "arterial",
        "calf_z",
        "thorax_z",
        "noise",
        "slow",
        "estimates",
        "pressure_sampler",
        "arterial_sampler",
        "impedance_sampler",
    ],
)
def test_samples(said: dict[str, tuple[int, str]], kind: str) -> None:
    assert said[kind] == (SAMPLES, "allocates nothing")


@pytest.mark.parametrize("kind", ["judge", "annunciator", "trend", "pages", "snapshots", "keep"])
def test_a_quarter_of_an_hour_of_one_second_work(said: dict[str, tuple[int, str]], kind: str) -> None:
    assert said[kind] == (900, "allocates nothing")


def test_the_heap_has_the_boards_integers(tmp_path: Path) -> None:
    """2^30 - 1 is the last that is no object; the next one cannot be made."""
    script = tmp_path / "limits.py"
    script.write_text(
        "import micropython\n"
        "def grow(by):\n"
        "    micropython.heap_lock()\n"
        "    try:\n"
        "        last = 0x3FFFFFFE + by\n"
        "        said = 'a small integer'\n"
        "    except MemoryError:\n"
        "        said = 'an object'\n"
        "    micropython.heap_unlock()\n"
        "    print(said)\n"
        "grow(1)\n"
        "grow(2)\n"
    )
    lacks = runtimes.missing("webassembly")
    if lacks:
        pytest.skip(lacks)
    assert runtimes.output("webassembly", script, None, tmp_path / "firmware") == "a small integer\nan object\n"
