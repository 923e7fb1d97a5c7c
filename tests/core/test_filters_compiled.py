"""The sample chain gives the same bits interpreted and compiled, by split products and by those of 64 bits.

`tests/dual/run_filters.py` is what runs: over 10^5 codes for each shape of the chain; `tests/dual/test_dual.py` runs it
on MicroPython and as a board's machine code too.
"""

import contextlib
import io
import re
import textwrap
from array import array
from collections.abc import Callable
from pathlib import Path

import pytest
from run_filters import CALIBRATION, SHAPES, Codes, run

from turgor.core import filter_words, filters
from turgor_host import compiled
from turgor_host.calibrate.lowpass import lowpass


def lines(block: Callable[..., int], samples: int = 100000) -> str:
    """What the script prints for its shapes when `block` is the chain."""
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        for shape in SHAPES:
            run(shape, block, samples).show()
    return printed.getvalue()


@pytest.fixture(scope="module")
def here() -> str:
    return lines(filters.filter_block)


def test_by_hand() -> None:
    """E = C = 1/2 (2^27 / 2^28), codes 0 0 8: the sums 1 2 1 make 64 of the 8, so u = 64 and v = y = 32, a code."""
    s = filter_words.filter_state(1, ((1 << 27, 1 << 27, 0, 0),), None, 0, 0, 0)
    x = array("i", [0, 0, 8, 8])
    o = array("i", bytes(16))
    filters.filter_block(0, 4, s, x, o)
    # Then the sums make 8 (3 x 8) = 192: u = 160, v = 32 + 80 - 16 = 96, y = 128.
    assert list(o) == [0, 0, 32, 128]


def test_the_shapes_are_designs() -> None:
    for name, design, sections, _, _ in SHAPES:
        assert lowpass(*design).words == sections, name


def test_the_second_section_is_the_first_one_letter_by_letter() -> None:
    """Viper has no cheap calls, so its arithmetic stands twice."""
    text = Path(filters.__file__).read_text()
    first, second = re.findall(r"^ +b = a >> 14\n(?:.*\n)+? +y = a\n", text, re.MULTILINE)
    assert textwrap.dedent(first) == textwrap.dedent(second)


def test_64_bit_products(here: str) -> None:
    def wide(first, end, s, x, o):
        shape = s[filter_words.MEDIAN], s[filter_words.SECTIONS], bool(s[filter_words.CALIBRATED])
        return compiled.wide(*shape)(first, end, s, x, o)

    assert lines(wide) == here


def test_numba(here: str) -> None:
    pytest.importorskip("numba", reason="no numba: pip install turgor[fast]")
    assert lines(compiled.filter_block) == here


def test_numba_in_place_and_in_pieces() -> None:
    """A block longer than the pieces it is passed on in, into another array and into its own."""
    pytest.importorskip("numba", reason="no numba: pip install turgor[fast]")
    n = 2 * compiled.PIECE + 3
    x, o = (array("i", bytes(4 * n)) for _ in range(2))
    Codes(1).fill(x, n)
    for name, _, sections, median, calibrated in SHAPES:
        states = [
            filter_words.filter_state(median, sections, CALIBRATION if calibrated else None, 9, 5, 7) for _ in "abc"
        ]
        here, own = array("i", x), array("i", x)
        flags = {
            filters.filter_block(0, n, states[0], here, here),
            compiled.filter_block(0, n, states[1], x, o),
            compiled.filter_block(0, n, states[2], own, own),
        }
        assert here == o == own, name
        assert states[0] == states[1] == states[2]
        assert len(flags) == 1


def test_without_numba(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "numba", None)
    compiled._compiled.cache_clear()
    try:
        assert lines(compiled.filter_block, 2000) == lines(filters.filter_block, 2000)
    finally:
        compiled._compiled.cache_clear()


@pytest.mark.parametrize(("first", "end"), [(-5, 20), (50, 20), (0, 101), (0, 200000)])
def test_samples_that_are_not_there_are_refused(first: int, end: int) -> None:
    s = filter_words.filter_state(1, SHAPES[0][2], None, 0, 0, 0)
    x = array("i", bytes(400))
    with pytest.raises(IndexError, match=f"samples {first} to {end} of 100 codes"):
        compiled.filter_block(first, end, s, x, x)
