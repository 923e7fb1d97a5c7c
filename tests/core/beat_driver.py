"""Runs `turgor.core.beats` over a whole line, compiled by numba where there is one, and scores what it found."""

from array import array
from dataclasses import dataclass
from types import FunctionType

import numpy as np
from arterial_signal import RATE_HZ, SECONDS, Signal

from turgor.app.config import LOWPASS_20_HZ_AT_320, NOMINAL_PRESSURE
from turgor.core import beats
from turgor.core.beats import (
    DIASTOLICS,
    GOOD_PLACE,
    LEVEL_0,
    PHASE,
    RISING,
    SYSTOLICS,
    WAITING,
    beat_block,
    beat_quality,
    diastolic_milli_mmhg,
    mean_milli_mmhg,
    pulse_tenths_per_min,
    systolic_milli_mmhg,
)
from turgor.core.filter_words import filter_state
from turgor_host import compiled

# The summary is asked this often.
STEP_SAMPLES = 64
SUMMARY = ("beat_quality", "_median", "diastolic_milli_mmhg", "systolic_milli_mmhg", "mean_milli_mmhg")
# An upstroke is found so long after the valve has opened, give or take TOLERANCE_S.
DELAY_S, TOLERANCE_S = 0.07, 0.11


def _follow(s, x, step, upstrokes, outputs, values):
    """Feed x sample by sample; upstrokes, outputs (a row a step) and values (a row a beat) are filled.

    Returns the number of upstrokes and of beats.
    """
    found = 0
    complete = 0
    for i in range(len(x)):
        before = s[PHASE]
        strikes = s[GOOD_PLACE]
        if beat_block(i, i + 1, s, x):
            values[complete, 0] = i
            values[complete, 1] = s[GOOD_PLACE] != strikes
            last = (s[GOOD_PLACE] + 7) & 7
            values[complete, 2] = s[DIASTOLICS + last] - LEVEL_0
            values[complete, 3] = s[SYSTOLICS + last] - LEVEL_0
            complete += 1
        if before == WAITING and s[PHASE] == RISING:
            upstrokes[found] = i
            found += 1
        if (i + 1) % step == 0:
            row = i // step
            outputs[row, 0] = beat_quality(s)
            outputs[row, 1] = diastolic_milli_mmhg(s)
            outputs[row, 2] = systolic_milli_mmhg(s)
            outputs[row, 3] = mean_milli_mmhg(s)
            outputs[row, 4] = pulse_tenths_per_min(s)
    return found, complete


def _driver():
    """`_follow` bound to the functions of the core, all compiled if that is possible."""
    names = dict(vars(beats))
    for name in ("beat_block", *SUMMARY, "pulse_tenths_per_min"):
        function = FunctionType(names[name].__code__, names, name)
        names[name] = compiled.numba.njit(function) if compiled.numba else function
    follow = FunctionType(_follow.__code__, names, "follow")
    return compiled.numba.njit(follow) if compiled.numba else follow


_FOLLOW = _driver()


@dataclass
class Found:
    """`upstrokes_s`; at `times_s` the summary's `quality`, `diastolic`, `systolic`, `mean` (mmHg, NaN where absent) and
    `pulse` (1/min); `beats`: time, whether good, and if so diastolic and systolic in mmHg."""

    upstrokes_s: np.ndarray
    times_s: np.ndarray
    quality: np.ndarray
    diastolic: np.ndarray
    systolic: np.ndarray
    mean: np.ndarray
    pulse: np.ndarray
    beats: np.ndarray


def chain(codes: np.ndarray) -> np.ndarray:
    """Raw codes at 320/s through the board's own filter, to milli-mmHg."""
    s = filter_state(3, LOWPASS_20_HZ_AT_320, NOMINAL_PRESSURE, 1 << 28, 0, 160)
    # Interpreted, numpy's own integers would overflow.
    values = array("i", np.asarray(codes, np.int32).tobytes())
    compiled.filter_block(0, len(values), s, values, values)
    return np.array(values)


def find(values: np.ndarray, rate_hz: int = RATE_HZ, step: int = STEP_SAMPLES) -> Found:
    """What the core makes of calibrated values in milli-mmHg."""
    s = np.array(beats.beat_state(rate_hz), np.int32)
    x = np.ascontiguousarray(values, np.int32)
    upstrokes = np.zeros(len(x), np.int64)
    outputs = np.zeros((len(x) // step, 5), np.int64)
    rows = np.zeros((len(x), 4), np.int64)
    if compiled.numba is None:
        s, x = array("i", s.tolist()), array("i", x.tolist())
    found, complete = _FOLLOW(s, x, step, upstrokes, outputs, rows)
    pressures = np.where(outputs == beats.ABSENT, np.nan, outputs / 1000)
    return Found(
        upstrokes[:found] / rate_hz,
        (np.arange(len(outputs)) + 1) * step / rate_hz,
        outputs[:, 0],
        pressures[:, 1],
        pressures[:, 2],
        pressures[:, 3],
        pressures[:, 4] * 100,
        rows[:complete] / (rate_hz, 1, 1000, 1000),
    )


@dataclass
class Score:
    """Beats that there were, those missed, and those found where there was none, in good stretches."""

    beats: int
    missed: int
    extra: int


def score(signal: Signal, found: Found, settle_s: float) -> Score:
    """Good is what lies `settle_s` after the begin or a fault, 0.3 s before a fault and 2 s before the end."""
    bad = np.concatenate([[0], np.cumsum(~signal.good)])

    def judged(times: np.ndarray) -> np.ndarray:
        a, b = (np.clip((times + by) * RATE_HZ, 0, len(signal.good)).astype(int) for by in (-settle_s, 0.3))
        return (bad[a] == bad[b]) & (times > settle_s) & (times < SECONDS - 2)

    near = np.abs(found.upstrokes_s[:, None] - signal.onset_s[None] - DELAY_S) < TOLERANCE_S
    there = judged(signal.onset_s)
    # Each beat answers for one upstroke, and each upstroke for one beat.
    hits = near.any(0)
    doubles = np.maximum(near.sum(0) - 1, 0)
    extra = ~near.any(1) & judged(found.upstrokes_s)
    return Score(int(there.sum()), int((there & ~hits).sum()), int(extra.sum() + doubles[there].sum()))


def diastolic_errors(signal: Signal, found: Found) -> np.ndarray:
    """Error in mmHg of each diastolic given out: against the median of the last 8 beats that a good line would show.

    The beat in progress and up to three before it may not have been counted yet; the nearest median is the one meant.
    NaN where none is given out.
    """
    errors = np.full(len(found.times_s), np.nan)
    for row, value in enumerate(found.diastolic):
        if np.isnan(value):
            continue
        seen = int(np.searchsorted(signal.onset_s, found.times_s[row]))
        medians = [np.median(signal.diastolic[max(0, seen - late - 8) : seen - late]) for late in (1, 2, 3, 4)]
        differences = value - np.array(medians)
        errors[row] = differences[np.abs(differences).argmin()]
    return errors


def beat_errors(signal: Signal, found: Found) -> np.ndarray:
    """Error in mmHg of the diastolic of each good beat in good stretches, against what a good line shows of it."""
    good = found.beats[found.beats[:, 1] == 1]
    # The last valve to open before a beat is complete opens for the next one.
    which = np.searchsorted(signal.onset_s, good[:, 0]) - 2
    known = (which >= 0) & (which < len(signal.onset_s) - 2)
    known &= signal.good[(good[:, 0] * RATE_HZ).astype(int)]
    return good[known, 2] - signal.diastolic[which[known]]
