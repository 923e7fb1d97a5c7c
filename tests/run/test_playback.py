"""A recording played back is the same recording again."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

_HASHES = ("samples_sha256", "readings_sha256", "events_sha256", "records", "lost")


@pytest.fixture(scope="module")
def file(record: Callable[..., Path], micropython: str) -> Path:
    return record("sim:", 120)


def test_a_copy_is_equal(file: Path, turgor: Any, info: Any, tmp_path: Path) -> None:
    copy = tmp_path / "copy.turgor"
    turgor("record", file, copy, "--speed", "max")
    first, second = info(file), info(copy)
    assert [second[name] for name in _HASHES] == [first[name] for name in _HASHES]
    assert second["simulated"] is True
    turgor("replay", copy, "--verify")


def test_speed_is_kept(file: Path, turgor: Any, tmp_path: Path) -> None:
    # 100 s at 50 times the speed cannot be read in less than 2 s, and a run that is told to stop early stops.
    done = turgor("record", file, tmp_path / "part.turgor", "--speed", 50, "--seconds", 100)
    assert "100 s" in done.stdout


def test_a_recording_takes_no_command(file: Path, turgor: Any, tmp_path: Path) -> None:
    calibration = Path(__file__).parents[2] / "calibration/example_two_point.toml"
    done = turgor("record", file, tmp_path / "copy.turgor", "--calibration", calibration, code=2)
    assert "plays back what it has" in done.stderr


def test_one_that_is_not_there(turgor: Any, tmp_path: Path) -> None:
    done = turgor("record", "nowhere.turgor", tmp_path / "copy.turgor", code=1)
    assert done.stderr.startswith("turgor: nowhere.turgor: no such file")
