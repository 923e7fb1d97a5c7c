"""Drivers with a seeded defect: the source with pieces of its text changed, loaded as a module of its own.

A check takes the driver's class and raises AssertionError. It has to pass the driver as it is, and to fail each of its
mutants; so no check can fail everything.
"""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

Changes = Sequence[tuple[str, str]]
Check = Callable[[Any], None]

_DRIVERS = Path(__file__).resolve().parents[2] / "firmware" / "turgor" / "drivers"


def load(name: str, changes: Changes = ()) -> ModuleType:
    """`turgor.drivers.NAME` with each old text, which stands once there or in NAME_writes, replaced by the new one."""
    parts = [part for part in (f"{name}_writes", name) if (_DRIVERS / f"{part}.py").exists()]
    sources = {part: (_DRIVERS / f"{part}.py").read_text(encoding="utf-8") for part in parts}
    for old, new in changes:
        counts = {part: source.count(old) for part, source in sources.items()}
        assert sum(counts.values()) == 1, f"{counts}: {old!r}"
        sources = {part: source.replace(old, new) for part, source in sources.items()}
    with pytest.MonkeyPatch.context() as patch:
        for part, source in sources.items():
            module = ModuleType(f"mutant_{part}")
            exec(compile(source, f"{part}.py", "exec"), module.__dict__)
            patch.setitem(sys.modules, f"turgor.drivers.{part}", module)
    return module


def kills(name: str, driver: str, check: Check, changes: Changes) -> None:
    """Assert that `check` passes the driver as it is and fails it with `changes`."""
    check(getattr(load(name), driver))
    mutant = getattr(load(name, changes), driver)
    # A mutant may also hang up what it is tested with: an endless wait ends as StopIteration.
    with pytest.raises((AssertionError, StopIteration)):
        check(mutant)
