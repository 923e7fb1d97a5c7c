"""Drivers with a seeded defect: the source with pieces of its text changed, loaded as a module of its own.

A check takes the driver's class and raises AssertionError. It has to pass the driver as it is, and to fail each of its
mutants; so no check can fail everything.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

Changes = Sequence[tuple[str, str]]
Check = Callable[[Any], None]

_DRIVERS = Path(__file__).resolve().parents[2] / "firmware" / "turgor" / "drivers"


def load(name: str, changes: Changes = ()) -> ModuleType:
    """`turgor.drivers.NAME` with each old text, which has to stand there once, replaced by the new one."""
    source = (_DRIVERS / f"{name}.py").read_text(encoding="utf-8")
    for old, new in changes:
        assert source.count(old) == 1, f"{source.count(old)} times in {name}.py: {old!r}"
        source = source.replace(old, new)
    module = ModuleType(f"mutant_{name}")
    exec(compile(source, f"{name}.py", "exec"), module.__dict__)
    return module


def kills(name: str, driver: str, check: Check, changes: Changes) -> None:
    """Assert that `check` passes the driver as it is and fails it with `changes`."""
    check(getattr(load(name), driver))
    mutant = getattr(load(name, changes), driver)
    # A mutant may also hang up what it is tested with: an endless wait ends as StopIteration.
    with pytest.raises((AssertionError, StopIteration)):
        check(mutant)
