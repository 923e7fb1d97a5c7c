"""A calibration as a TOML file: the integers first, then how they were found."""

import time
import tomllib
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from turgor.core.channels import CHANNELS, PRESSURES
from turgor_host.calibrate.impedance import ImpedanceCalibration
from turgor_host.calibrate.pressure import Calibration, Point
from turgor_host.errors import TurgorError, UsageError

WORDS = ("offset_code", "gain_high", "gain_low", "gain_shift")
_PRESSURE_NAMES = [name for name, kind, _ in CHANNELS if kind in PRESSURES]


def read_certificate(path: Path) -> dict[str, dict[str, int]]:
    """The WORDS of each pressure channel in a calibration file; UsageError names what is wrong with it."""
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8")).get("pressure")
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}; give a file made by `turgor calibrate pressure --out`") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: no TOML ({error}); give a file made by `turgor calibrate pressure --out`") from None
    if not isinstance(tables, dict) or not tables:
        raise UsageError(f"{path}: no [pressure.CHANNEL] in it; give a file made by `turgor calibrate pressure --out`")
    found = {}
    for channel, table in tables.items():
        if channel not in _PRESSURE_NAMES:
            raise UsageError(f"{path}: no pressure channel {channel!r}; channels are {' '.join(_PRESSURE_NAMES)}")
        for word in WORDS:
            if not isinstance(table, dict) or type(table.get(word)) is not int:
                raise UsageError(f"{path}: [pressure.{channel}] needs a whole number {word}")
        found[channel] = {word: table[word] for word in WORDS}
    return found


def write_certificate(
    path: Path, result: Calibration, points: Sequence[Point], simulated: bool, utc: float, recording: str
) -> None:
    """Write `path` (replaced when it exists); TurgorError when it cannot be."""
    lines = [
        "# Two-point pressure calibration. Procedure: two_point_pressure.md",
        *_origin(simulated, utc, recording),
        f"[pressure.{result.channel}]",
        f"offset_code = {result.offset_code}",
        f"gain_high = {result.gain_high}",
        f"gain_low = {result.gain_low}",
        f"gain_shift = {result.gain_shift}",
        f"codes_per_mmhg = {result.codes_per_mmhg:.3f}",
        f"slope_against_nominal_percent = {result.slope_against_nominal_percent:.3f}",
        f"offset_mmhg = {result.offset_mmhg:.3f}",
    ]
    for point, noise, error in zip(points, result.noise_mmhg, result.error_mmhg, strict=True):
        lines += [
            "",
            f"[[pressure.{result.channel}.points]]",
            f"mmhg = {point.mmhg:g}",
            f"fitted = {'true' if point.fitted else 'false'}",
            f"from_s = {point.times_s[0]:.3f}",
            f"to_s = {point.times_s[-1]:.3f}",
            f"samples = {len(point.codes)}",
            f"noise_mmhg = {noise:.4f}",
            f"error_mmhg = {error:.4f}",
        ]
    _write(path, lines)


def write_impedance_certificate(
    path: Path, result: ImpedanceCalibration, simulated: bool, utc: float, recording: str
) -> None:
    """Write `path` (replaced when it exists); TurgorError when it cannot be."""
    lines = [
        "# Impedance calibration with a known resistor on the chip's calibration ports.",
        *_origin(simulated, utc, recording),
        f"[impedance.{result.channel}]",
        f"ohm = {result.ohm:g}",
        f"words = {list(result.words)}",
    ]
    for receiver in result.receivers:
        lines += ["", f"[[impedance.{result.channel}.receivers]]"]
        lines += [f"{key} = {value:.10g}" for key, value in asdict(receiver).items()]
    _write(path, lines)


def _origin(simulated: bool, utc: float, recording: str) -> list[str]:
    return [
        f'recording = "{recording}"',
        f"made = {time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(utc))}",
        f"simulated = {'true' if simulated else 'false'}",
        "",
    ]


def _write(path: Path, lines: Sequence[str]) -> None:
    try:
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    except OSError as error:
        raise TurgorError(f"{path}: {error.strerror}; choose another place with --out") from None
