"""Lends the fake board of the dual runs."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def fake(root: Path) -> ModuleType:
    """The module `tests/dual/fake_board.py`."""
    spec = importlib.util.spec_from_file_location("fake_board", root / "tests" / "dual" / "fake_board.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
