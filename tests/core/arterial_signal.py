"""Synthetic arterial pressure with known beats: heart, artery, catheter, transducer, and what goes wrong with a line.

A stroke of flow for each beat runs into a windkessel and a resonant artery; the wave is scaled to a diastolic and a
pulse pressure and rides on respiration. The catheter is a system of second order: a good one has a natural frequency of
12 Hz or more and a damping ratio of 0.2 to 0.7, a damped one 2 to 5 Hz and 1 to 1.6. Flush and blood draw act on the
catheter's end, so that a good line rings after them.
"""

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.signal import bilinear, lfilter, lfilter_zi

RATE_HZ = 320
# The wave is made this much finer.
FINE = 4
FINE_HZ = RATE_HZ * FINE
SECONDS = 60
CODES_PER_MMHG = 2**24 / 1562.5
FAULTS = ("none", "damped", "flush", "draw")


@dataclass
class Variant:
    """What one synthetic line is like; times in s, pressures in mmHg.

    `slowness` 0 to 1 makes upstrokes of 35 to 95 ms (height by steepest slope; a fast heart has quick ones);
    `dicrotic` is the height of the wave after the notch, relative to the first.
    """

    seed: int
    rate_per_min: float
    dbp: float
    pulse: float
    rhythm: str
    respiration: float
    respiration_hz: float
    slowness: float
    dicrotic: float
    catheter: tuple[float, float]
    noise: float
    fault: str
    fault_from_s: float = 0
    fault_to_s: float = 0
    damping: tuple[float, float] = (3, 1)
    level: float = 300


@dataclass
class Signal:
    """`mmhg` at RATE_HZ as the transducer sees it; `clean` is what a good line would show all the time.

    `onset_s`, `diastolic`, `systolic` and `mean` are of `clean`, one a beat; `good` says for each sample whether
    the line is as it should be.
    """

    mmhg: np.ndarray
    clean: np.ndarray
    onset_s: np.ndarray
    diastolic: np.ndarray
    systolic: np.ndarray
    mean: np.ndarray
    good: np.ndarray
    codes: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int32))


def variant(seed: int) -> Variant:
    """The ranges of the requirement, evenly drawn; every fourth line keeps well."""
    random = np.random.default_rng(seed)
    rate = random.uniform(40, 180)
    fault = FAULTS[seed % 4]
    begin = random.uniform(18, 24)
    longest = {"none": 1, "damped": 22, "flush": 8, "draw": 20}[fault]
    # Of the damped lines one in four is damped from the first sample on.
    if fault == "damped" and seed % 16 == 1:
        begin = 0
    return Variant(
        seed=seed,
        rate_per_min=rate,
        dbp=random.uniform(25, 90),
        pulse=random.uniform(10, 80),
        rhythm=("regular", "regular", "fibrillation", "premature")[int(random.integers(4))],
        respiration=random.uniform(0, 7.5),
        respiration_hz=random.uniform(0.15, 0.4),
        slowness=random.uniform(0, 1) * (1.1 - rate / 400),
        dicrotic=random.uniform(0, 0.2),
        catheter=(random.uniform(12, 30), random.uniform(0.2, 0.7)),
        noise=random.uniform(0, 0.4),
        fault=fault,
        fault_from_s=begin,
        fault_to_s=begin + random.uniform(0.5 * longest, longest),
        damping=(random.uniform(2, 5), random.uniform(1, 1.6)),
        level=random.uniform(180, 310) if fault == "flush" else random.uniform(-8, 10),
    )


def second_order(x: np.ndarray, natural_hz: float, ratio: float) -> np.ndarray:
    """x through a catheter of that natural frequency and damping ratio, at rest on its first value."""
    w = 2 * np.pi * natural_hz
    b, a = bilinear([w * w], [1, 2 * ratio * w, w * w], FINE_HZ)
    return lfilter(b, a, x, zi=lfilter_zi(b, a) * x[0])[0]


def intervals(v: Variant, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Times from each beat to the next, and each beat's stroke relative to a normal one."""
    mean = 60 / v.rate_per_min
    n = int(SECONDS / mean * 1.4) + 20
    if v.rhythm == "fibrillation":
        rr = np.maximum(mean * random.uniform(0.75, 1.25, n), 0.24)
        before = np.concatenate([[mean], rr[:-1]])
        # Filling saturates with the time that there was for it.
        stroke = (1 - np.exp(-before / mean)) / (1 - np.exp(-1))
        return rr, stroke * random.uniform(0.95, 1.05, n)
    rr = mean * (1 + random.normal(0, 0.015, n))
    stroke = np.ones(n)
    if v.rhythm == "premature" and mean > 0.45:
        k = int(random.integers(5, 10))
        while k < n - 3:
            early = random.uniform(0.62, 0.8)
            rr[k] = mean * early
            rr[k + 1] = mean * (2 - early)
            stroke[k + 1] = random.uniform(0.5, 0.7)
            stroke[k + 2] = 1.15
            k += int(random.integers(6, 20))
    return rr, stroke


def artery(v: Variant, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Pressure before the catheter at FINE_HZ, and the times at which ejections begin."""
    rr, stroke = intervals(v, random)
    onsets = np.cumsum(rr) - rr[0] - 4
    n = (SECONDS + 6) * FINE_HZ
    flow = np.zeros(n)
    ejection_s = np.clip(0.413 - 0.0017 * v.rate_per_min, 0.15, 0.34)
    span = int(ejection_s * FINE_HZ)
    x = (np.arange(span) + 0.5) / span
    shape = np.sin(np.pi * x ** (0.4 + 0.15 * v.slowness)) ** (1.2 + 0.3 * v.slowness)
    tail = np.arange(int(0.08 * FINE_HZ)) / FINE_HZ
    # The valve closes with a short backward flow.
    shape = np.concatenate([shape, -0.25 * np.exp(-0.5 * ((tail - 0.02) / 0.01) ** 2)])
    for onset, size in zip(onsets, stroke, strict=True):
        at = int((onset + 5) * FINE_HZ)
        if 0 <= at < n - len(shape):
            flow[at : at + len(shape)] += size * shape
    time_constant_s = random.uniform(0.9, 1.8)
    keep = np.exp(-1 / (time_constant_s * FINE_HZ))
    stored = lfilter([1 / FINE_HZ], [1, -keep], flow, zi=[flow.mean() / FINE_HZ / (1 - keep)])[0]
    # What comes back from the legs arrives when the valve is shut.
    returned = gaussian_filter1d(np.roll(flow, int((ejection_s + 0.06) * FINE_HZ)), 0.02 * FINE_HZ)
    wave = random.uniform(0.06, 0.14) * (flow + v.dicrotic * returned) + stored
    wave = second_order(wave, random.uniform(8, 12) - 1.5 * v.slowness, random.uniform(0.35, 0.6))
    wave = gaussian_filter1d(wave, (0.004 + 0.006 * v.slowness) * FINE_HZ)
    wave = wave[5 * FINE_HZ :]
    onsets = onsets[(onsets > 0.1) & (onsets < SECONDS + 0.2)]
    edges = (onsets * FINE_HZ).astype(int)
    troughs = np.array([wave[a : a + int(0.05 * FINE_HZ)].min() for a in edges if a + FINE_HZ < len(wave)])
    peaks = np.array([wave[a:b].max() for a, b in pairwise(edges)])
    low, high = np.median(troughs), np.median(peaks)
    t = np.arange(len(wave)) / FINE_HZ
    breath = np.sin(2 * np.pi * v.respiration_hz * t + random.uniform(0, 6))
    scaled = (wave - low) / (high - low) * v.pulse * (1 + 0.06 * np.roll(breath, FINE_HZ // 2))
    return v.dbp + scaled + v.respiration * breath, onsets


def signal(v: Variant) -> Signal:
    """The variant's pressure, its beats and its raw codes."""
    random = np.random.default_rng([v.seed, 1])
    before, onsets = artery(v, random)
    clean = second_order(before, *v.catheter)
    t = np.arange(len(before)) / FINE_HZ
    shown = clean
    good = np.ones(len(t), bool)
    if v.fault != "none":
        good = (t < v.fault_from_s) | (t > v.fault_to_s)
        # How far the fault has come: in a tenth of a second for a stopcock, slower for a clot.
        blend_s = random.uniform(0.05, 1.0) if v.fault == "damped" else 0.05
        part = np.clip(np.minimum(t - v.fault_from_s, v.fault_to_s - t) / blend_s + (v.fault_from_s == 0), 0, 1)
        if v.fault == "damped":
            shown = (1 - part) * clean + part * second_order(before, *v.damping)
        else:
            shown = second_order((1 - part) * before + part * v.level, *v.catheter)
    clean, shown, good = (x[: SECONDS * FINE_HZ : FINE] for x in (clean, shown, good))
    noisy = shown + random.normal(0, v.noise, len(shown)) if v.noise else shown
    codes = np.round(noisy * CODES_PER_MMHG).astype(np.int32)
    beats = beats_of(clean, onsets)
    return Signal(shown, clean, *beats, good, codes)


def beats_of(clean: np.ndarray, onsets: np.ndarray) -> tuple[np.ndarray, ...]:
    """When the beats begin to eject, and the diastolic before, the systolic, and the mean from foot to foot."""
    feet, times = [], []
    for before, onset in pairwise(onsets):
        # From late in the last beat on; the wave reaches the line some hundredths of a second after the valve opens.
        a, b = int((0.4 * before + 0.6 * onset) * RATE_HZ), int((onset + 0.08) * RATE_HZ)
        if b <= len(clean):
            feet.append(a + int(clean[a:b].argmin()))
            times.append(onset)
    found = [
        (time, clean[a], clean[a:b].max(), clean[a:b].mean()) for time, a, b in zip(times, feet, feet[1:], strict=False)
    ]
    return tuple(np.array(column) for column in zip(*found, strict=True))
