"""The small versions that go onto stand-in boards, and the boards."""

from collections.abc import Callable
from pathlib import Path

import pytest
from board_standin import Standin
from small_firmware import SMALL_SECTORS, Small

from turgor_host.flash import install, repl


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Small:
    return Small(tmp_path_factory.mktemp("packages"))


@pytest.fixture
def make(micropython: str, tmp_path: Path) -> Callable[..., Standin]:
    """A stand-in board with room for small versions, unless it is told otherwise."""
    return lambda **options: Standin(micropython, tmp_path, **{"sectors": SMALL_SECTORS, **options})


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not answer is not waited for as long as usual."""
    monkeypatch.setattr(install, "_GREET_S", 0.2)
    monkeypatch.setattr(install, "_START_S", 1.0)
    monkeypatch.setattr(repl, "_ENTER_S", 0.3)
