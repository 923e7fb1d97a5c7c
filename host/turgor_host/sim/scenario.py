"""Scenarios: a CSV of what patient and sensors do -> the integer tables that the virtual board plays. Host only.

Columns: `t_s` and any of `<pressure channel>_mmhg`, `<impedance channel>_r0_ohm`, `_rinf_ohm`, `_fc_hz`, `_alpha`,
`art_mmhg`, `cuff_mmhg`, `dbp_mmhg` (typed at that moment), `temp_degc` (of `skin`), `supply_v`, `motion_incline_deg`
(how far the limb's far end is raised), `motion_roll_deg` (how far it is rolled about itself), `motion_shake_g` (added
and taken away in turn, twice a second), `fault` (`NAME:CHANNEL`). Linear between rows; an empty cell holds the last
value.
"""

import csv
import json
import math
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from turgor.core.channels import CHANNELS, IMPEDANCE, PRESSURES
from turgor.drivers.max30009_writes import FREQUENCIES_HZ
from turgor_host.configuration.file import Configuration, default_configuration
from turgor_host.errors import UsageError

PRESSURE_NAMES = tuple(name for name, kind, _ in CHANNELS if kind in PRESSURES)
IMPEDANCE_NAMES = tuple(name for name, kind, _ in CHANNELS if kind == IMPEDANCE)
MOTION_COLUMNS = ("motion_incline_deg", "motion_roll_deg", "motion_shake_g")
# What a board has only when it is told to, and the columns that say what it feels.
OPTIONAL_COLUMNS = {"art": ("art_mmhg",), "cuff": ("cuff_mmhg",), "skin": ("temp_degc",), "motion": MOTION_COLUMNS}
OPTIONAL_COLUMNS |= {"supply": ("supply_v",)}
COLE_COLUMNS = ("r0_ohm", "rinf_ohm", "fc_hz", "alpha")
OPTIONAL_COLUMNS |= {name: tuple(f"{name}_{part}" for part in COLE_COLUMNS) for name in ("calf_r_z", "forearm_z")}
# What a sensor can suffer; `mended` ends it.
_PRESSURE_FAULTS = ("uncalibrated", "absent", "silent", "saturated", "stuck", "noisy", "mended")
FAULTS = {name: _PRESSURE_FAULTS for name in PRESSURE_NAMES} | {
    **dict.fromkeys(IMPEDANCE_NAMES, ("absent", "electrode_off", "mended")),
    "cuff": ("absent", "mended"),
    "skin": ("absent", "silent", "saturated", "mended"),
    "motion": ("absent", "silent", "saturated", "stuck", "mended"),
    "supply": ("saturated", "mended"),
}

# What a healthy, resting person shows where a scenario is silent.
RESTING_MMHG = {"calf_l": 9.0, "calf_r": 8.5, "forearm_l": 7.0, "forearm_r": 7.5}
RESTING_COLE = {
    "calf_z": (62.0, 38.0, 42000.0, 0.70),
    "thorax_z": (51.4, 25.0, 49000.0, 0.687),
    "calf_r_z": (62.0, 38.0, 42000.0, 0.70),
    "forearm_z": (95.0, 60.0, 45000.0, 0.70),
}
_LIMITS = {"mmhg": (-700.0, 700.0), "r0_ohm": (1.0, 1000.0), "rinf_ohm": (0.5, 1000.0), "fc_hz": (100.0, 1e7)}
_LIMITS |= {"alpha": (0.3, 1.0), "dbp_mmhg": (10.0, 200.0), "temp_degc": (-100.0, 200.0), "supply_v": (0.0, 9.9)}
_LIMITS |= {"incline_deg": (-90.0, 90.0), "roll_deg": (-180.0, 180.0), "shake_g": (0.0, 4.0)}
_RESTING_DEGC = 33.0
# What a Pico has behind the diode of a good USB port.
_SUPPLY_V = 4.75
# A gap in which fc or alpha move by more than this share is cut, into so many parts at most.
_MOVED_SHARE = 0.01
_PARTS_MOST = 16
# A gap in a motion is cut into so many parts.
_PIECES = 16


@dataclass
class Scenario:
    """Columns of (t_s, value) points by name, and what is typed or breaks at a moment."""

    points: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    dbp: list[tuple[float, float]] = field(default_factory=list)
    faults: list[tuple[float, str, str]] = field(default_factory=list)

    @property
    def channels(self) -> list[str]:
        """The default channels, and the optional ones that have a column."""
        optional = [name for name, columns in OPTIONAL_COLUMNS.items() if not self.points.keys().isdisjoint(columns)]
        return [*(name for name in (*RESTING_MMHG, *RESTING_COLE) if name not in OPTIONAL_COLUMNS), *optional]


def column_names() -> list[str]:
    names = ["t_s", *(f"{name}_mmhg" for name in PRESSURE_NAMES)]
    names += [f"{name}_{part}" for name in IMPEDANCE_NAMES for part in COLE_COLUMNS]
    return [*names, *MOTION_COLUMNS, "dbp_mmhg", "temp_degc", "supply_v", "fault"]


def _limits(column: str) -> tuple[float, float]:
    for ending, limits in reversed(_LIMITS.items()):
        if column.endswith(ending):
            return limits
    return (-math.inf, math.inf)


def read_scenario(path: Path) -> Scenario:
    """Read a scenario CSV; UsageError names line, column and remedy."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}; give the path of a scenario CSV") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path}: not a text file; give the path of a scenario CSV") from None
    rows = csv.reader(text.splitlines())
    header = [name.strip() for name in next(rows, [])]
    known = column_names()
    if "t_s" not in header:
        raise UsageError(f"{path}: no column t_s in the first line; a scenario begins with its column names")
    for name in header:
        if name not in known:
            raise UsageError(f"{path}: unknown column {name!r}; columns are {' '.join(known)}")
        if header.count(name) > 1:
            raise UsageError(f"{path}: column {name!r} stands twice; keep one")
    scenario = Scenario({name: [] for name in header if name not in ("t_s", "dbp_mmhg", "fault")})
    last_t = -math.inf
    for row in rows:
        if not any(cell.strip() for cell in row):
            continue
        line = rows.line_num
        if len(row) > len(header):
            raise UsageError(f"{path}: line {line} has {len(row)} cells for {len(header)} columns")
        cells = {name: cell.strip() for name, cell in zip(header, row, strict=False)}
        t_s = _number(path, line, "t_s", cells.get("t_s", ""))
        if t_s < 0 or t_s <= last_t:
            raise UsageError(f"{path}: line {line}: t_s {t_s:g} must be 0 or more and later than the row before")
        last_t = t_s
        for name, cell in cells.items():
            if name == "t_s" or not cell:
                continue
            if name == "fault":
                scenario.faults.append((t_s, *_fault(path, line, cell, scenario.channels)))
                continue
            value = _number(path, line, name, cell)
            if name == "dbp_mmhg":
                scenario.dbp.append((t_s, value))
            elif name in scenario.points:
                scenario.points[name].append((t_s, value))
    if last_t == -math.inf:
        raise UsageError(f"{path}: no row below the column names; a scenario needs at least one")
    return scenario


def _number(path: Path, line: int, column: str, cell: str) -> float:
    low, high = _limits(column)
    try:
        value = float(cell)
    except ValueError:
        raise UsageError(f"{path}: line {line}: {column} is {cell!r}; a number belongs there") from None
    if not math.isfinite(value) and (low, high) == (-math.inf, math.inf):
        raise UsageError(f"{path}: line {line}: {column} is {cell}; a finite number belongs there")
    if not math.isfinite(value) or not low <= value <= high:
        raise UsageError(f"{path}: line {line}: {column} is {cell}; it must lie between {low:g} and {high:g}")
    return value


def _fault(path: Path, line: int, cell: str, channels: list[str]) -> tuple[str, str]:
    name, _, channel = cell.partition(":")
    if channel in FAULTS and channel not in channels:
        columns = " or ".join(OPTIONAL_COLUMNS[channel])
        raise UsageError(f"{path}: line {line}: fault {cell!r}; {channel} is on a board with a column {columns} alone")
    if channel not in channels:
        raise UsageError(
            f"{path}: line {line}: fault {cell!r}; write NAME:CHANNEL, CHANNEL one of {' '.join(channels)}"
        )
    if name not in FAULTS[channel]:
        known = " ".join(FAULTS[channel])
        raise UsageError(f"{path}: line {line}: fault {cell!r}; a fault of {channel} is one of {known}")
    return name, channel


def cole(frequency_hz: float, r0: float, rinf: float, fc: float, alpha: float) -> complex:
    """Impedance of the Cole model, ohm."""
    return rinf + (r0 - rinf) / (1 + (1j * frequency_hz / fc) ** alpha)


def compile_scenario(scenario: Scenario, seed: int, configuration: Configuration | None = None) -> dict[str, Any]:
    """The integer tables of `turgor_host.sim.board`: micro-mmHg, micro-ohm, milli-degC and micro-g over microseconds.

    The board has the sensors of `configuration`; without one the usual ones, and an arterial line where there is a
    column for it.
    """
    if configuration is None:
        configuration = default_configuration("art" in scenario.channels)
    pressure: dict[str, Any] = {}
    impedance: dict[str, Any] = {}
    slow: dict[str, Any] = {}
    for channel in configuration.config.channels:
        name = channel.name
        if channel.is_impedance():
            impedance[name] = _cole_tracks(scenario, name)
        elif name == "skin":
            points = scenario.points.get("temp_degc") or [(0.0, _RESTING_DEGC)]
            slow[name] = [[_us(t) for t, _ in points], [round(v * 1000) for _, v in points]]
        elif name == "supply":
            points = scenario.points.get("supply_v") or [(0.0, _SUPPLY_V)]
            slow[name] = [[_us(t) for t, _ in points], [round(v * 1000) for _, v in points]]
        elif name == "motion":
            slow[name] = _motion_tracks(scenario)
        else:
            points = scenario.points.get(f"{name}_mmhg") or [(0.0, RESTING_MMHG.get(name, 0.0))]
            pressure[name] = [[_us(t) for t, _ in points], [round(v * 1e6) for _, v in points]]
    names = pressure.keys() | impedance.keys() | slow.keys()
    return {
        "seed": seed,
        "image": configuration.image.hex(),
        "ranges": configuration.ranges,
        "pressure": pressure,
        "impedance": impedance,
        "slow": slow,
        "dbp": [[_us(t), round(v * 1000)] for t, v in scenario.dbp],
        "faults": [[_us(t), name, channel] for t, name, channel in scenario.faults if channel in names],
    }


def _us(t_s: float) -> int:
    return round(t_s * 1e6)


def _interpolate(times: list[float], points: list[tuple[float, float]]) -> NDArray[np.float64]:
    """Linear between points, held before the first and after the last."""
    return np.interp(times, [t for t, _ in points], [value for _, value in points])


def _cole_tracks(scenario: Scenario, name: str) -> list[list[Any]]:
    columns = []
    for part, resting in zip(COLE_COLUMNS, RESTING_COLE[name], strict=True):
        columns.append(scenario.points.get(f"{name}_{part}") or [(0.0, resting)])
    times = sorted({t for points in columns for t, _ in points})
    # The impedance is linear in R0 and Rinf only: where fc or alpha move, points are set in between.
    moving = [_interpolate(times, points) for points in columns[2:]]
    moved = np.max([np.abs(np.diff(at)) / at[:-1] for at in moving], axis=0)
    gaps = zip(pairwise(times), np.clip(np.ceil(moved / _MOVED_SHARE), 1, _PARTS_MOST), strict=True)
    times = [*(t0 + (t1 - t0) * i / n for (t0, t1), n in gaps for i in range(int(n))), times[-1]]
    parts = [_interpolate(times, points) for points in columns]
    tracks = []
    for frequency in FREQUENCIES_HZ:
        values = [cole(frequency, *at) for at in zip(*parts, strict=True)]
        re = [round(z.real * 1e6) for z in values]
        im = [round(z.imag * 1e6) for z in values]
        tracks.append([frequency, [_us(t) for t in times], re, im])
    return tracks


def _motion_tracks(scenario: Scenario) -> list[list[int]]:
    """Times, then x (along the limb), y, z (away from it) and shaking; lying flat z feels 1 g."""
    columns = [scenario.points.get(name) or [(0.0, 0.0)] for name in MOTION_COLUMNS]
    ends = sorted({t for points in columns for t, _ in points})
    # Sines are not linear in their angles.
    times = [*(t0 + (t1 - t0) * i / _PIECES for t0, t1 in pairwise(ends) for i in range(_PIECES)), ends[-1]]
    incline, roll, shake = (_interpolate(times, points) for points in columns)
    incline, roll = np.radians(incline), np.radians(roll)
    axes = (np.sin(incline), np.cos(incline) * np.sin(roll), np.cos(incline) * np.cos(roll), shake)
    return [[_us(t) for t in times], *([round(1e6 * float(g)) for g in axis] for axis in axes)]


def write_compiled(scenario: Scenario, seed: int, path: Path, configuration: Configuration | None = None) -> None:
    path.write_text(json.dumps(compile_scenario(scenario, seed, configuration)), encoding="ascii")
