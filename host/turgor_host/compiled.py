"""The core's sample chain compiled for this computer, when numba is installed; the very same source, the same bits.

Without numba the plain functions run, interpreted. A chain is compiled for its shape (median, sections, calibrated) at
its first block, which takes about a second.
"""

from array import array
from collections.abc import Callable, Mapping
from functools import cache
from types import FunctionType
from typing import Any

import numpy as np

from turgor.core import beats, filter_words, filters, fixed, noise

# Samples that the loops of a block pass on to each other in the processor's nearer caches.
PIECE = 1 << 14

Plain = Callable[..., Any]

numba: Any
try:
    import numba
except ImportError:
    numba = None


def _with(function: FunctionType, **constants: int) -> FunctionType:
    """A core function with constants of its module replaced."""
    there = function.__globals__
    if missing := constants.keys() - there.keys():
        raise RuntimeError(f"{function.__module__} lacks {', '.join(sorted(missing))}")
    return FunctionType(function.__code__, {**there, **constants}, function.__name__)


def wide(median: int, sections: int, calibrated: bool) -> FunctionType:
    """`filter_block` with 64-bit products for one shape; still Python."""
    return _with(
        filters.filter_block,
        _WIDE=1,
        _SHAPE_SECTIONS=sections,
        _SHAPE_MEDIAN=median,
        _SHAPE_CALIBRATED=int(calibrated),
    )


def _mul_shift() -> Callable[..., Any]:
    function = _with(fixed.mul_shift, _WIDE=1)
    if numba is None:
        return function
    compiled: Callable[..., Any] = numba.njit(function)
    return compiled


# `turgor.core.fixed.mul_shift` by one 64-bit product, of numbers or of 64-bit arrays.
mul_shift = _mul_shift()


def whole(function: Plain, stand_ins: Mapping[Plain, Plain]) -> Plain:
    """A plain function of numbers and arrays with all of its callees, compiled; without numba the function itself.

    `stand_ins` are compiled in place of functions that do the same with more steps.
    """
    if numba is None:
        return function
    if function not in _WHOLE:
        _WHOLE[function] = _whole(function, stand_ins, {})
    return _WHOLE[function]


def is_whole(function: Plain) -> bool:
    """Whether `whole` has it ready."""
    return function in _WHOLE


_WHOLE: dict[Plain, Plain] = {}


def _whole(function: Any, stand_ins: Mapping[Plain, Plain], made: dict[Plain, Plain]) -> Plain:
    function = stand_ins.get(function, function)
    if function not in made:
        there = function.__globals__
        called = {name: there[name] for name in function.__code__.co_names if isinstance(there.get(name), FunctionType)}
        compiled = {name: _whole(callee, stand_ins, made) for name, callee in called.items()}
        copy = FunctionType(function.__code__, {**there, **compiled}, function.__name__, function.__defaults__)
        made[function] = numba.njit(copy, nogil=True, error_model="numpy")
    return made[function]


@cache
def _beat_block() -> Callable[..., int]:
    compiled: Callable[..., int] = beats.beat_block if numba is None else numba.njit(beats.beat_block)
    return compiled


def beat_block(first: int, end: int, s: "array[int]", x: "array[int]") -> int:
    """`turgor.core.beats.beat_block`, at full speed."""
    if numba is None:
        return _beat_block()(first, end, s, x)
    return int(_beat_block()(first, end, np.frombuffer(s, np.int32), np.frombuffer(x, np.int32)))


@cache
def _noise_block() -> Callable[..., None]:
    compiled: Callable[..., None] = noise.noise_block if numba is None else numba.njit(noise.noise_block)
    return compiled


def noise_block(first: int, end: int, s: "array[int]", x: "array[int]") -> None:
    """`turgor.core.noise.noise_block`, at full speed."""
    if numba is None:
        _noise_block()(first, end, s, x)
    else:
        _noise_block()(first, end, np.frombuffer(s, np.int32), np.frombuffer(x, np.int32))


@cache
def _compiled(median: int, sections: int, calibrated: bool) -> Callable[..., int]:
    function = wide(median, sections, calibrated)
    if numba is None:
        return function
    compiled: Callable[..., int] = numba.njit(function)
    return compiled


def filter_block(first: int, end: int, s: "array[int]", x: Any, o: Any) -> int:
    """`turgor.core.filters.filter_block`, at full speed on 32-bit arrays of codes and of results.

    IndexError for what lies outside them: compiled code would write there.
    """
    if not 0 <= first <= end <= min(len(x), len(o)):
        raise IndexError(f"samples {first} to {end} of {len(x)} codes and {len(o)} results")
    block = _compiled(s[filter_words.MEDIAN], s[filter_words.SECTIONS], bool(s[filter_words.CALIBRATED]))
    if numba is None:
        return block(first, end, s, x, o)
    words, codes, results = (np.frombuffer(a, np.int32) if isinstance(a, array) else a for a in (s, x, o))
    while end - first > PIECE:
        block(first, first + PIECE, words, codes, results)
        first += PIECE
    return int(block(first, end, words, codes, results))
