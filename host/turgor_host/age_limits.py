"""The limits of an age group: everybody's rows, some of them replaced by the group's own."""

from collections.abc import Iterable, Sequence
from typing import Any

from turgor.core.entries import ADULT
from turgor.core.rules import AGE_STAGES

Row = tuple[Any, ...]


def age_of(row: Sequence[int]) -> int:
    """The age group of a row of limits, ADULT where it is everybody's."""
    return int(row[1] // AGE_STAGES)


def limits_of(rows: Iterable[Sequence[int]], age: int) -> dict[tuple[int, int], Row]:
    """By rule and stage the row that holds for a patient of `age`; rows as `turgor.core.rules.DEFAULT_LIMITS`."""
    found: dict[tuple[int, int], Row] = {}
    for row in sorted(map(tuple, rows)):
        if age_of(row) in (ADULT, age):
            rule, stage, *rest = row
            found[rule, stage % AGE_STAGES] = (rule, stage % AGE_STAGES, *rest)
    return found
