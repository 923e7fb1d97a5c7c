"""Recordings of a board without chips: the firmware's own app on fake drivers, its log written to a file."""

import importlib.util
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import ModuleType

import pytest
from power import Disk, watching

from turgor.app.config import NAU7802
from turgor.core.rules import DP_LOW, FLUID_GAIN, HIGH, LOW, MEDIUM, PRESSURE_HIGH
from turgor.link import lines
from turgor_host.recording.opened import Connect
from turgor_host.recording.writer import Writer
from turgor_host.timebase import Exchange

UTC = 1_800_000_000.0
Records = list[bytes]
Store = Callable[[Iterable[bytes]], Path]


@pytest.fixture(scope="session")
def fake(root: Path) -> ModuleType:
    """The module `tests/dual/fake_board.py`."""
    spec = importlib.util.spec_from_file_location("fake_board", root / "tests" / "dual" / "fake_board.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Write records to a new recording, whose board time 0 was at UTC; returns its path."""
    made: list[Path] = []

    def write(records: Iterable[bytes]) -> Path:
        path = tmp_path / f"{len(made)}.turgor"
        made.append(path)
        with Writer(path, "sim:", True, 60) as writer:
            writer.set_identity({"version": "0.1.0", "runtime": "MicroPython 1.29.0", "machine": "virtual board"})
            writer.exchange(7, 0, Exchange(UTC + 10.49, 10.5, 10.5, UTC + 10.51))
            writer.add(records)
        return path

    return write


@pytest.fixture
def watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Disk, Connect]]:
    """A Disk that notes all file operations in `tmp_path`, and how a Writer there connects."""
    with watching(tmp_path, monkeypatch) as both:
        yield both


def _wave(mmhg: float, swing_codes: int) -> Callable[[int], int]:
    """Codes around a pressure (8000 a mmHg) that look like noise and are the same every time."""
    return lambda index: int(mmhg * 8000) + (index * 7919 % 101 - 50) * swing_codes // 50


@pytest.fixture(scope="session")
def eventful(fake: ModuleType) -> Records:
    """170 s of a board, at 20 samples/s, on which all that a replay has to follow happens.

    calf_l stands at 20 mmHg, until a calibration at 120 s makes that 35; calf_r misses conversions and fails twice;
    forearm_l is over its threshold when it fails; calf_z falls by 4.5 % from 70 to 112 s. DBP 60 is typed at 40 s, 70
    at 100 s; alarms come after seconds and are acknowledged at 150 s.
    """
    limits = (
        (DP_LOW, 0, MEDIUM, 45000, 10, 46000, 5, 0),
        (DP_LOW, 1, HIGH, 45000, 30, 46000, 5, 0),
        (PRESSURE_HIGH, 0, MEDIUM, 34000, 5, 28000, 5, 40000),
        (FLUID_GAIN, 0, LOW, 10, 5, 5, 0, 0),
        (FLUID_GAIN, 1, MEDIUM, 20, 10, 5, 0, 0),
    )
    # Holes close behind one another, each of which ends a chunk, and one that is too long to be held.
    missed = {500: 3, 525: 1, 800: 60, 1200: 40} | dict.fromkeys(range(600, 624, 2), 1)
    bridges = {
        "calf_l": (_wave(20, 400),),
        "calf_r": (_wave(10, 400), missed, {900: 3, 1500: 1}),
        "forearm_l": (_wave(31, 400), None, {1000: 3, 2205: 1}),
    }
    board = fake.Board(
        bridges, {"calf_z": lambda n: 7000 - min(max(n - 35, 0) * 15, 315)}, limits=limits, period_us=50000
    )
    said = (
        (40, (lines.DBP, 60000)),
        (100, (lines.DBP, 70000)),
        (120, (lines.CALIBRATE, NAU7802 << 8, -120000, 4096, 0, 5)),
        (150, (lines.ACKNOWLEDGE, 255, 255)),
    )
    records: Records = []
    for number, (t_s, words) in enumerate(said):
        records += board.drained(t_s * 1_000_000 + 300_000)
        board.say(lines.command_line(number + 1, *words))
    records += board.drained(170_300_000)
    return records
