"""A designed low-pass as a picture: a few lines for the terminal, or gain and step response as a PNG."""

from math import log10
from pathlib import Path

import numpy as np

from turgor_host.calibrate.lowpass import Lowpass, step_response
from turgor_host.errors import TurgorError

_OF_CUTOFF = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50)
_LEAST_DB = -80
_DB_A_CHARACTER = 2


def sketch(design: Lowpass) -> list[str]:
    """The gain at multiples of the cut-off below half the rate, a bar each from -80 to 0 dB."""
    lines = []
    for multiple in _OF_CUTOFF:
        frequency_hz = multiple * design.cutoff_hz
        if frequency_hz < design.rate_hz / 2:
            # Rounded as it is printed, and 0 without a sign.
            gain_db = round(20 * log10(max(design.gain(frequency_hz), 1e-12)), 1) + 0.0
            bar = "\u2588" * round((max(gain_db, _LEAST_DB) - _LEAST_DB) / _DB_A_CHARACTER)
            lines.append(f"{frequency_hz:>9.4g} Hz {gain_db:>7.1f} dB {bar}".rstrip())
    return lines


def draw(design: Lowpass, path: Path) -> None:
    """Gain and step response as a PNG at just that path; TurgorError when it cannot be written or matplotlib lacks."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise TurgorError("pictures need matplotlib; pip install 'turgor[all]'") from None
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    gain, step = figure.subplots(1, 2)
    frequencies = np.geomspace(design.cutoff_hz / 100, design.rate_hz / 2 * 0.99, 400)
    gain.semilogx(frequencies, [20 * np.log10(max(design.gain(f), 1e-9)) for f in frequencies])
    gain.axvline(design.true_cutoff_hz, color="tab:red", linewidth=0.8, label=f"-3 dB: {design.true_cutoff_hz:.4g} Hz")
    gain.set(
        xlabel="Hz", ylabel="gain, dB", ylim=(-100, 6), title=f"order {design.order}, {design.rate_hz:g} samples/s"
    )
    gain.legend()
    gain.grid(alpha=0.3)
    y = step_response(design)
    step.plot(np.arange(len(y)) / design.rate_hz, y)
    step.set(xlabel="s", ylabel="answer to a step of 1", title=f"delay {1000 * design.delay_s:.3g} ms")
    step.grid(alpha=0.3)
    try:
        with path.open("wb") as file:
            figure.savefig(file, dpi=120, format="png")
    except OSError as error:
        raise TurgorError(f"{path}: cannot be written ({error.strerror or error}); choose another --picture") from None
