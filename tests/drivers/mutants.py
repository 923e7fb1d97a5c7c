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


# What drivers are made of beside their own file.
_PARTS = ("bridge", "digital", "max30009_writes", "slow")


def load(name: str, changes: Changes = ()) -> ModuleType:
    """`turgor.drivers.NAME` with each old text, which stands once there or in a part of it, replaced by the new."""
    source = (_DRIVERS / f"{name}.py").read_text(encoding="utf-8")
    parts = [part for part in _PARTS if f"from turgor.drivers.{part} import" in source]
    sources = {part: (_DRIVERS / f"{part}.py").read_text(encoding="utf-8") for part in parts} | {name: source}
    for old, new in changes:
        found = sum(text.count(old) for text in sources.values())
        assert found == 1, f"{found} times in {' and '.join(sources)}: {old!r}"
        sources = {part: text.replace(old, new) for part, text in sources.items()}
    module = ModuleType(name)
    with pytest.MonkeyPatch.context() as patch:
        for part, text in sources.items():
            module = ModuleType(f"mutant_{part}")
            patch.setitem(sys.modules, f"turgor.drivers.{part}", module)
            exec(compile(text, f"{part}.py", "exec"), module.__dict__)
    return module


def kills(name: str, driver: str, check: Check, changes: Changes) -> None:
    """Assert that `check` passes the driver as it is and fails it with `changes`."""
    check(getattr(load(name), driver))
    mutant = getattr(load(name, changes), driver)
    # A mutant may also hang up what it is tested with: an endless wait ends as StopIteration.
    with pytest.raises((AssertionError, StopIteration)):
        check(mutant)
