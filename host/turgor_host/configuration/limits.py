"""Limits: rows of integers, as the board has them, from and to the tables of a file."""

from dataclasses import dataclass
from typing import Any

from turgor.core.rules import (
    DEFAULT_LIMITS,
    DP_LOST,
    DP_LOW,
    FALLING,
    FIRST_TROUBLE,
    FLUID_GAIN,
    FLUID_RETURN,
    HIGH,
    HOW,
    MAP_LOW,
    MEDIUM,
    PRESSURE_HIGH,
    PRESSURE_RISING,
    PRIORITY_NAMES,
    RULE_NAMES,
    RULES,
    SHOCK,
)
from turgor_host.errors import UsageError

Row = tuple[int, int, int, int, int, int, int, int]

# Off, unless a file has its table.
OPTIONAL_LIMITS = (
    (MAP_LOW, 0, MEDIUM, 40000, 900, 42000, 300, 0),
    (MAP_LOW, 1, HIGH, 40000, 7200, 42000, 300, 0),
)
ALL_LIMITS = tuple(sorted(DEFAULT_LIMITS + OPTIONAL_LIMITS))
_UNITS = {
    "milli_mmhg": ("mmhg", 1000, 700),
    "milli_mmhg_h": ("mmhg_h", 1000, 700),
    "milli_mmhg_per_h": ("mmhg_per_h", 1000, 700),
    "permille": ("percent", 10, 100),
    "s": ("s", 1, 604800),
}


@dataclass(frozen=True)
class Extra:
    """A part of a row's last number: (it >> shift & mask) / scale, at most `most`."""

    key: str
    shift: int
    mask: int
    scale: int
    most: int


_PRESSURE = (0, 0xFFFFFFF, 1000, 700)
_EXTRAS = {
    (PRESSURE_HIGH, 0): (Extra("low_from_dp_mmhg", *_PRESSURE),),
    (PRESSURE_RISING, 0): (Extra("icp_mmhg", *_PRESSURE),),
    (FLUID_GAIN, 2): (Extra("icp_mmhg", 15, 0x7FFF, 1, 700), Extra("dp_mmhg", 0, 0x7FFF, 1, 700)),
    (FLUID_RETURN, 0): (Extra("limb_percent", 15, 0x7FFF, 10, 100), Extra("limb_s", 0, 0x7FFF, 1, 0x7FFF)),
}
_DEFICIT_EXTRA = (Extra("dp_mmhg", *_PRESSURE),)
_STAGE_NAMES = {(PRESSURE_HIGH, 2): "high_without_dp", (SHOCK, 1): "pulse_above_systolic"}
# What they judge is yes or no: a file gives them nothing but their time.
_TIMED = {(SHOCK, 1)}


@dataclass(frozen=True)
class Stage:
    """A stage by the name of its priority, or its own, with its default row."""

    name: str
    row: Row
    extras: tuple[Extra, ...]

    @property
    def is_timed(self) -> bool:
        return self.row[:2] in _TIMED


@dataclass(frozen=True)
class Rule:
    """A rule whose limits a file may give; `unit` is that of its limits, of which `scale` make one."""

    number: int
    name: str
    unit: str
    scale: int
    most: float
    stages: tuple[Stage, ...]

    @property
    def is_trouble(self) -> bool:
        return bool(self.number >= FIRST_TROUBLE)

    @property
    def limit_key(self) -> str:
        return f"limit_{self.unit}"

    @property
    def clear_key(self) -> str:
        return "clear_age_s" if self.unit == "s" else f"clear_{self.unit}"

    @property
    def is_optional(self) -> bool:
        return self.stages[0].row in OPTIONAL_LIMITS


def _stage(row: Row) -> Stage:
    rule, number, priority = row[:3]
    extras = _DEFICIT_EXTRA if RULE_NAMES[rule] == "dp_deficit" and number == 0 else _EXTRAS.get((rule, number), ())
    return Stage(_STAGE_NAMES.get((rule, number), PRIORITY_NAMES[priority]), row, extras)


def _rules() -> tuple[Rule, ...]:
    made = []
    for number, (name, _, unit, _) in enumerate(RULES):
        stages = tuple(_stage(row) for row in ALL_LIMITS if row[0] == number)
        if unit in _UNITS:
            made.append(Rule(number, name, *_UNITS[unit], stages))
    return tuple(made)


CONFIGURABLE = _rules()
_BY_NAME = {rule.name: rule for rule in CONFIGURABLE}
# Rows that no file changes.
FIXED_LIMITS = tuple(row for row in DEFAULT_LIMITS if RULE_NAMES[row[0]] not in _BY_NAME)


def default_table(name: str) -> dict[str, Any]:
    """The defaults of a rule as its table."""
    rule = _BY_NAME[name]
    first = rule.stages[0].row
    if rule.is_trouble:
        return {"limit_s": first[4], "clear_s": first[6]}
    table: dict[str, Any] = {rule.clear_key: first[5] / rule.scale, "clear_s": first[6]}
    for stage in rule.stages:
        limit = {} if stage.is_timed else {rule.limit_key: stage.row[3] / rule.scale}
        keys: dict[str, Any] = limit | {"run_s": stage.row[4]}
        for extra in stage.extras:
            value = stage.row[7] >> extra.shift & extra.mask
            keys[extra.key] = value / extra.scale if extra.scale > 1 else value
        table[stage.name] = keys
    return table


def limit_rows(name: str, table: Any) -> list[Row]:
    """The rows of a rule from its checked table."""
    rule = _BY_NAME[name]
    if rule.is_trouble:
        row = rule.stages[0].row
        return [(*row[:4], table.limit_s, row[5], table.clear_s, 0)]
    clear = round(getattr(table, rule.clear_key) * rule.scale)
    rows: list[Row] = []
    for stage in rule.stages:
        model = getattr(table, stage.name)
        if stage.is_timed:
            rows.append((*stage.row[:4], model.run_s, stage.row[5], table.clear_s, 0))
            continue
        aux = 0
        for extra in stage.extras:
            aux |= round(getattr(model, extra.key) * extra.scale) << extra.shift
        limit = round(getattr(model, rule.limit_key) * rule.scale)
        rows.append((*stage.row[:3], limit, model.run_s, clear, table.clear_s, aux))
    _check(rule, rows)
    return rows


def _check(rule: Rule, rows: list[Row]) -> None:
    """Refuse limits that contradict each other."""
    # Of a rule whose input falls, the clear limit lies above.
    sign = -1 if HOW[rule.number * 12 + 3] & FALLING else 1
    if any(sign * row[5] > sign * row[3] for row in rows if row[:2] not in _TIMED):
        side = "above" if sign < 0 else "below"
        raise UsageError(
            f"limits.{rule.name}.{rule.clear_key}: must not lie within the alarm; it lies at the limit or {side}"
        )
    for before, after, stage, earlier in zip(rows, rows[1:], rule.stages[1:], rule.stages, strict=False):
        if after[2] <= before[2] or stage.name not in PRIORITY_NAMES:
            continue
        if sign * after[3] < sign * before[3] or (after[3] == before[3] and after[4] <= before[4]):
            raise UsageError(
                f"limits.{rule.name}.{stage.name}: would not come after {earlier.name};"
                " give the higher priority a limit further on, or the same one for longer"
            )


def check_together(rows: list[Row]) -> None:
    """Refuse limits of rules that contradict each other."""
    lost = [row[3] for row in rows if row[0] == DP_LOST]
    low = [row[3] for row in rows if row[0] == DP_LOW]
    if lost and low and lost[0] > min(low):
        found, most = lost[0] / 1000, min(low) / 1000
        raise UsageError(f"limits.dp_lost.high.limit_mmhg = {found:g}: must not lie above that of dp_low, {most:g}")
