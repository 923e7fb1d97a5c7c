"""The error of the low-pass beside that of CMSIS-DSP's biquads, in LSB of the 24-bit code, against float64 `sosfilt`.

`pytest -s tests/bench/test_accuracy_table.py` prints the table; `extra_info` has it for each signal.

Both get the same float design. CMSIS is given the best scaling that its formats allow: codes x 2^6 in Q31, a factor 2
of headroom, so that nothing saturates (its form with 64-bit state asks for as much); coefficients / 2 with a post-shift
of 1, for an a1 of up to 2; each section of unit gain, its b1 such that the gain at 0 Hz of the rounded coefficients is
exactly 1. `left` is the largest value from 6 / cut-off (order 2; 10 / cut-off of order 4) after a full-scale step
has returned to 0.
"""

from collections.abc import Callable
from math import ceil

import numpy as np
import pytest
from filter_signals import CUTOFFS_HZ, FULL, RATES_HZ, signals
from scipy.signal import butter, sosfilt

from turgor.core.filter_words import filter_state
from turgor_host import compiled
from turgor_host.calibrate.lowpass import lowpass

cmsisdsp = pytest.importorskip("cmsisdsp", reason="no cmsisdsp: pip install cmsisdsp==1.10.1")

CMSIS = {
    "cmsis_df1_q31": (
        cmsisdsp.arm_biquad_casd_df1_inst_q31,
        cmsisdsp.arm_biquad_cascade_df1_init_q31,
        cmsisdsp.arm_biquad_cascade_df1_q31,
        np.int32,
    ),
    "cmsis_df1_32x64_q31": (
        cmsisdsp.arm_biquad_cas_df1_32x64_ins_q31,
        cmsisdsp.arm_biquad_cas_df1_32x64_init_q31,
        cmsisdsp.arm_biquad_cas_df1_32x64_q31,
        np.int64,
    ),
}
HEADROOM_SHIFT = 6
POST_SHIFT = 1
UNITY = 2 ** (31 - POST_SHIFT)

Filter = Callable[[np.ndarray], np.ndarray]


def turgor(cutoff_hz: float, rate_hz: float, order: int) -> Filter:
    words = lowpass(cutoff_hz, rate_hz, order).words

    def run(codes: np.ndarray) -> np.ndarray:
        x = codes.astype(np.int32)
        o = np.empty_like(x)
        compiled.filter_block(0, len(x), filter_state(1, words, None, 0, 0, 0), x, o)
        return o / 32

    return run


def q31_sections(sos: np.ndarray) -> np.ndarray:
    """b0 b1 b2 a1 a2 of each section, rounded, the last two with the signs of CMSIS."""
    sections = []
    for b0, b1, b2, _, a1, a2 in sos:
        unit = (1 + a1 + a2) / (b0 + b1 + b2)
        first, last, back1, back2 = (round(UNITY * value) for value in (b0 * unit, b2 * unit, -a1, -a2))
        sections += [first, UNITY - back1 - back2 - first - last, last, back1, back2]
    return np.array(sections, np.int32)


def cmsis(form: str, sections: np.ndarray) -> Filter:
    instance, init, process, state = CMSIS[form]

    def run(codes: np.ndarray) -> np.ndarray:
        biquads = instance()
        n = len(sections) // 5
        init(biquads, n, sections, np.zeros(4 * n, state), POST_SHIFT)
        return process(biquads, codes.astype(np.int32) << HEADROOM_SHIFT) / 2**HEADROOM_SHIFT

    return run


def test_by_hand() -> None:
    """The mean of two codes: b0 = b1 = 1/2, halved once more by the post-shift."""
    mean = np.array([UNITY // 2, UNITY // 2, 0, 0, 0], np.int32)
    for form in CMSIS:
        assert list(cmsis(form, mean)(np.array([0, 8, 8, -FULL - 1, FULL]))) == [0, 4, 8, (7 - FULL) / 2, -0.5]
    assert list(q31_sections(np.array([[1, 1, 0, 1, 0, 0]]))) == list(mean)


def accuracy(cutoff_hz: float, rate_hz: float, order: int) -> dict:
    """A row of the table: for each filter the largest error for each signal, and what is left after a step."""
    sos = butter(order, cutoff_hz, fs=rate_hz, output="sos")
    filters = {"turgor": turgor(cutoff_hz, rate_hz, order)}
    filters |= {form: cmsis(form, q31_sections(sos)) for form in CMSIS}
    errors: dict[str, dict[str, float]] = {name: {} for name in filters}
    for signal, x in signals(cutoff_hz, rate_hz).items():
        # A first code of 0 starts all of them at rest there.
        codes = np.concatenate([[0], x])
        ideal = sosfilt(sos, codes)
        for name, run in filters.items():
            errors[name][signal] = float(np.abs(run(codes) - ideal).max())
    after = ceil((6 if order == 2 else 10) * rate_hz / cutoff_hz)
    for name, run in filters.items():
        left = [
            np.abs(run(np.repeat([0, level, 0], [1, 2 * after, 2 * after]))[-after:]).max()
            for level in (FULL, -FULL - 1)
        ]
        errors[name]["left"] = float(max(left))
    return {"order": order, "rate_hz": rate_hz, "cutoff_hz": cutoff_hz, **errors}


def largest(errors: dict[str, float]) -> float:
    return max(error for signal, error in errors.items() if signal != "left")


def readable(rows: list[dict]) -> str:
    names = ("turgor", *CMSIS)
    lines = ["order  rate  cut-off" + "".join(f"{name + ' / left':>30}" for name in names)]
    for row in rows:
        cells = (f"{largest(row[name]):.3f} / {row[name]['left']:.3f}" for name in names)
        design = f"{row['order']:5}{row['rate_hz']:6}{row['cutoff_hz']:9}"
        lines.append(design + "".join(f"{cell:>30}" for cell in cells))
    return "\n".join(lines)


def test_accuracy_table(benchmark) -> None:
    def table() -> list[dict]:
        return [accuracy(cutoff, rate, order) for order in (2, 4) for rate in RATES_HZ for cutoff in CUTOFFS_HZ]

    rows = benchmark.pedantic(table, rounds=1)
    benchmark.extra_info["accuracy_lsb"] = rows
    print("\n" + readable(rows))
    for row in rows:
        assert largest(row["turgor"]) <= (0.08 if row["cutoff_hz"] <= 2 else 0.12), row
        assert row["turgor"]["left"] == 0, row
        if row["cutoff_hz"] <= 2:
            assert largest(row["turgor"]) < largest(row["cmsis_df1_q31"]), row
