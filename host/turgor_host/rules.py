"""The rules in force in words: a default, a configuration's, or those that a recording was judged by."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from turgor.core.doubt import FALL_MILLI_MMHG, NEAR_ZERO_MILLI_MMHG, NEAR_ZERO_RUN_S
from turgor.core.rules import (
    AGE_STAGES,
    DEFAULT_LIMITS,
    DP_DEFICIT,
    FALLING,
    FIRST_TECHNICAL,
    FIRST_TROUBLE,
    FLUID_GAIN,
    FLUID_RETURN,
    HOW,
    LUNG_FLUID,
    MOMENTARY,
    PRESSURE_HIGH,
    PRESSURE_RISING,
    PRIORITY_NAMES,
    RULES,
    SHOCK,
    STRICT,
    STRICT_CLEAR,
)
from turgor_host.age_limits import age_of
from turgor_host.configuration.file import read_configuration
from turgor_host.course import CRITERIA
from turgor_host.entries import AGE_GROUPS
from turgor_host.errors import UsageError
from turgor_host.host_rules import HOST_RULES
from turgor_host.limits_hash import limits_hash
from turgor_host.recording.events import UNITS, row_of
from turgor_host.recording.reader import open_recording

Row = tuple[int, ...]

# Where the defaults come from.
_ORIGINS = {
    "dp_low": "McQueen 2013",
    "dp_lost": "Turgor's choice",
    "dp_deficit": "after 2021, n = 46",
    "map_low": "Turgor's choice",
    "pressure_high": "published 30 to 45 mmHg",
    "fluid_return": "Turgor's proposal",
    "lung_fluid": "Shochat 2006",
}
# Of those of an age group.
_AGE_ORIGINS = {("pressure_rising", 0): "Bussell 2019", ("shock", 0): "Haque 2007", ("shock", 1): "Acker 2015"}
_OTHERWISE = "Turgor's choice"
_HERE = "this computer judges"
# What rules without a limit of their own look for.
_FIXED = {
    "pressure_doubt": f"ICP falls by {FALL_MILLI_MMHG // 1000} mmHg within 60 s without an entry, lies below"
    f" {NEAR_ZERO_MILLI_MMHG // 1000} mmHg for {NEAR_ZERO_RUN_S // 60} min, or varies by less than a quarter"
    " of its own hour; its DBP - ICP alarms freeze",
    "step_artefact": "R steps by more than 2 % within 10 s; the baseline goes along, the change so far is kept",
    "baseline_unknown": "a baseline taken late, a gap of over 10 min, steps of over 10 % together or over 3 a day; in a"
    " local episode fluid_gain then also counts what R lies below 0.861 of the other leg's (healthy: 1.005 +- 0.072)",
    "watchdog_reset": "the watchdog restarted the board",
}
_REMARKS = (
    "Decisions are made once a second on the median of the last 60 s; at least 30 readings of it, else a run is held.",
    "High alarms stand until acknowledged; technical ones never latch. Not validated under 16 years.",
    CRITERIA,
    "No limit here is clinical advice.",
)


@dataclass(frozen=True)
class Line:
    """A stage of a rule, for an age group or for everybody whose group has no own; limits in `unit`."""

    rule: str
    stage: int
    age_group: str | None
    priority: str
    limit: float
    unit: str
    run_s: int
    clear_limit: float
    clear_s: int
    raised: str
    clears: str
    origin: str


@dataclass(frozen=True)
class InForce:
    """All stages, whose limits they are, and a hash over the rows (16 hex digits)."""

    source: str
    hash: str
    lines: tuple[Line, ...]
    remarks: tuple[str, ...]


def rules_in_force(path: Path | None) -> InForce:
    """Those of a recording (its last boot), of a configuration, or the defaults without either."""
    if path is None:
        return in_force("the defaults", DEFAULT_LIMITS)
    if path.suffix == ".toml":
        return in_force(str(path), read_configuration(path).config.limits)
    with open_recording(path) as recording:
        rows = (
            [row for row in recording.boots[-1].limits if row[0] < len(RULES) and age_of(row) < len(AGE_GROUPS)]
            if recording.boots
            else []
        )
    if not rows:
        raise UsageError(f"{path}: no limits are in it; give a recording that has its beginning, or a configuration")
    return in_force(str(path), rows)


def in_force(source: str, rows: Iterable[Row]) -> InForce:
    rows = sorted(tuple(row) for row in rows)
    there = {row[0] for row in rows}
    off = [name for number, (name, *_) in enumerate(RULES) if number not in there]
    remarks = (f"Off: {', '.join(off)}.", *_REMARKS) if off else _REMARKS
    here = [
        Line(
            name,
            0,
            None,
            f"{PRIORITY_NAMES[rule.priority]}, technical",
            1,
            "yes",
            0,
            0,
            0,
            rule.raised,
            "acknowledged",
            _HERE,
        )
        for name, rule in HOST_RULES.items()
    ]
    return InForce(source, limits_hash(rows), (*(_line(row) for row in rows), *here), remarks)


def _line(row: Row) -> Line:
    age = age_of(row)
    rule, stage, priority, limit, run_s, clear, clear_s, aux = row
    stage %= AGE_STAGES
    name, quantity, unit_name, _ = row_of(rule, stage)
    unit, scale = UNITS[unit_name]
    form = HOW[(rule * 3 + stage) * 4 + 3]
    default = next((r for r in DEFAULT_LIMITS if r[:2] == row[:2]), None)
    origin = "configuration"
    if default == row:
        origin = _AGE_ORIGINS[name, stage] if age else _ORIGINS.get(name, _OTHERWISE)
    if (rule, stage) == (SHOCK, 1):
        raised, clears = f"{quantity} of the last 8 beats > 1 for {_span(run_s)}", f"<= 1 for {_span(clear_s)}"
        if limit > 1:
            raised, clears = "not judged by the pulse", ""
    elif unit_name == "yes":
        raised, clears = _FIXED[name], "acknowledged" if form & MOMENTARY else "confirmed or over"
    elif rule >= FIRST_TROUBLE:
        raised, clears = f"{quantity}: {_span(run_s)}", f"well for {_span(clear_s)}"
    else:
        beyond = ("<" if form & STRICT else "<=") if form & FALLING else (">" if form & STRICT else ">=")
        inside = (">" if form & STRICT_CLEAR else ">=") if form & FALLING else ("<" if form & STRICT_CLEAR else "<=")
        shown = _amount(limit / scale, unit)
        raised = f"{_quantity(rule, stage, quantity)} {beyond} {shown}" + (f" for {_span(run_s)}" if run_s else "")
        raised += _condition(rule, stage, aux)
        clears = f"{inside} {_amount(clear / scale, unit)}" + (f" for {_span(clear_s)}" if clear_s else "")
    priority_name = PRIORITY_NAMES[priority] + (", technical" if rule >= FIRST_TECHNICAL else "")
    amounts = limit / scale, unit, run_s, clear / scale, clear_s
    return Line(name, stage, AGE_GROUPS[age] if age else None, priority_name, *amounts, raised, clears, origin)


def _quantity(rule: int, stage: int, quantity: str) -> str:
    if rule == LUNG_FLUID:
        return quantity + (" from its baseline or its highest in 6 h" if stage else " from its baseline")
    return quantity


def _condition(rule: int, stage: int, aux: int) -> str:
    if (rule, stage) == (PRESSURE_HIGH, 0) and aux:
        return f"; low while a fresh DBP - ICP >= {aux / 1000:g} mmHg"
    if (rule, stage) == (PRESSURE_HIGH, 2):
        return " without a DBP"
    if rule == PRESSURE_RISING:
        return f" with ICP >= {aux / 1000:g} mmHg"
    if (rule, stage) == (FLUID_GAIN, 2):
        return f" with ICP >= {aux >> 15} or DBP - ICP < {aux & 0x7FFF} mmHg"
    if rule == FLUID_RETURN and aux:
        return f"; the limb's by {(aux >> 15) / 10:g} % since a lowest {_span(aux & 0x7FFF)} ago"
    if (rule, stage) == (DP_DEFICIT, 0):
        return f"; the limit is {aux / 1000:g} mmHg"
    return ""


def _amount(value: float, unit: str) -> str:
    return _span(round(value)) if unit == "s" else f"{value:g} {unit}"


def _span(seconds: int) -> str:
    if seconds and seconds % 3600 == 0:
        return f"{seconds // 3600} h"
    if seconds and seconds % 60 == 0:
        return f"{seconds // 60} min"
    return f"{seconds} s"
