"""Limits: rows of integers, as the board has them, from and to the tables of a file."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from turgor.core.entries import ADULT
from turgor.core.rules import (
    AGE_STAGES,
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
from turgor_host.age_limits import age_of, limits_of
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
    "milli_v": ("v", 1000, 6),
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
        stages = tuple(_stage(row) for row in ALL_LIMITS if row[0] == number and age_of(row) == ADULT)
        if unit in _UNITS:
            made.append(Rule(number, name, *_UNITS[unit], stages))
    return tuple(made)


CONFIGURABLE = _rules()
_BY_NAME = {rule.name: rule for rule in CONFIGURABLE}
# Rows that no file changes.
FIXED_LIMITS = tuple(row for row in DEFAULT_LIMITS if RULE_NAMES[row[0]] not in _BY_NAME)


def default_table(name: str, age: int = ADULT) -> dict[str, Any]:
    """The defaults of a rule as its table, for an age group."""
    rule = _BY_NAME[name]
    rows = limits_of(ALL_LIMITS, age)
    first = rows[rule.stages[0].row[:2]]
    if rule.is_trouble:
        return {"limit_s": first[4], "clear_s": first[6]}
    table: dict[str, Any] = {rule.clear_key: first[5] / rule.scale, "clear_s": first[6]}
    for stage in rule.stages:
        row = rows[stage.row[:2]]
        limit = {} if stage.is_timed else {rule.limit_key: row[3] / rule.scale}
        keys: dict[str, Any] = limit | {"run_s": row[4]}
        for extra in stage.extras:
            value = row[7] >> extra.shift & extra.mask
            keys[extra.key] = value / extra.scale if extra.scale > 1 else value
        table[stage.name] = keys
    return table


def own_table(name: str, age: int) -> dict[str, Any]:
    """What of a rule's defaults is an age group's own, as its table: {} where it has the same as everybody."""
    return _unlike(default_table(name, age), default_table(name))


def _unlike(own: dict[str, Any], everybodys: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in own.items():
        part = _unlike(value, everybodys[key]) if isinstance(value, dict) else value
        if part != everybodys[key] and part != {}:
            found[key] = part
    return found


def age_rows(age: int, rows: Iterable[Row], everybodys: Sequence[Row]) -> list[Row]:
    """Those of the rows of an age group that everybody has otherwise, as the board has them."""
    return [(row[0], row[1] + AGE_STAGES * age, *row[2:]) for row in rows if row not in everybodys]


def limit_rows(name: str, table: Any, where: str, age: int) -> list[Row]:
    """The rows of a rule from its checked table (at `where` in the file), as everybody's."""
    rule = _BY_NAME[name]
    if rule.is_trouble:
        row = rule.stages[0].row
        return [(*row[:4], table.limit_s, row[5], table.clear_s, 0)]
    clear = round(getattr(table, rule.clear_key) * rule.scale)
    defaults = limits_of(ALL_LIMITS, age)
    rows: list[Row] = []
    for stage in rule.stages:
        model = getattr(table, stage.name)
        if stage.is_timed:
            row = defaults[stage.row[:2]]
            rows.append((*row[:4], model.run_s, row[5], table.clear_s, 0))
            continue
        aux = 0
        for extra in stage.extras:
            aux |= round(getattr(model, extra.key) * extra.scale) << extra.shift
        limit = round(getattr(model, rule.limit_key) * rule.scale)
        rows.append((*stage.row[:3], limit, model.run_s, clear, table.clear_s, aux))
    _check(rule, rows, where)
    return rows


def _check(rule: Rule, rows: list[Row], where: str) -> None:
    """Refuse limits that contradict each other."""
    # Of a rule whose input falls, the clear limit lies above.
    sign = -1 if HOW[rule.number * 12 + 3] & FALLING else 1
    if any(sign * row[5] > sign * row[3] for row in rows if row[:2] not in _TIMED):
        side = "above" if sign < 0 else "below"
        raise UsageError(f"{where}.{rule.clear_key}: must not lie within the alarm; it lies at the limit or {side}")
    for before, after, stage, earlier in zip(rows, rows[1:], rule.stages[1:], rule.stages, strict=False):
        if after[2] <= before[2] or stage.name not in PRIORITY_NAMES:
            continue
        if sign * after[3] < sign * before[3] or (after[3] == before[3] and after[4] <= before[4]):
            raise UsageError(
                f"{where}.{stage.name}: would not come after {earlier.name};"
                " give the higher priority a limit further on, or the same one for longer"
            )


def check_together(limits: Iterable[Row], age: int) -> None:
    """Refuse limits of rules that contradict each other for an age group."""
    rows = limits_of(limits, age).values()
    lost = [row[3] for row in rows if row[0] == DP_LOST]
    low = [row[3] for row in rows if row[0] == DP_LOW]
    if lost and low and lost[0] > min(low):
        found, most = lost[0] / 1000, min(low) / 1000
        raise UsageError(f"limits.dp_lost.high.limit_mmhg = {found:g}: must not lie above that of dp_low, {most:g}")
