"""What the low-pass is judged with: cut-offs, rates, and signals that use the full range of the 24-bit codes."""

from math import ceil
from pathlib import Path

import numpy as np

FULL = 2**23 - 1
CUTOFFS_HZ = (0.05, 0.1, 0.5, 1, 2, 5, 10)
RATES_HZ = (80, 320)
ARTERIAL = Path(__file__).parents[2] / "shared" / "data" / "arterial_041s.csv"


def signals(cutoff_hz: float, rate_hz: float) -> dict[str, np.ndarray]:
    """Codes by the signal's name: at least 40 s and 40 periods of the cut-off. The recording only where it is kept."""
    n = int(max(40 * rate_hz, 40 / cutoff_hz * rate_hz))
    random = np.random.default_rng(7)
    t = np.arange(n) / rate_hz
    period = ceil(6 / cutoff_hz * rate_hz)
    found = {
        "noise": random.integers(-FULL - 1, FULL + 1, n),
        "steps": np.where(np.arange(n) // period % 2 == 0, FULL, -FULL - 1),
        "sine": np.round(0.8 * FULL * np.sin(0.4 * np.pi * cutoff_hz * t) + random.normal(0, 90, n)),
    }
    if ARTERIAL.exists():
        recorded = np.loadtxt(ARTERIAL, delimiter=",", skiprows=1)
        seconds = np.arange(0, recorded[-1, 0], 1 / rate_hz)
        found["arterial"] = np.tile(np.round(10737 * np.interp(seconds, *recorded.T)), n // len(seconds) + 1)[:n]
    return found
