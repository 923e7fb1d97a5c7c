"""A scenario, a seed and a configuration give the same samples, readings and events every time, on either runtime."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

_HASHES = ("samples_sha256", "readings_sha256", "events_sha256")
_SECONDS = 1000


@pytest.fixture(scope="module")
def first(record: Callable[..., Path], micropython: Path) -> Path:
    return record("sim:", _SECONDS)


def _hashes(info: dict[str, Any]) -> list[str]:
    return [info[name] for name in _HASHES]


def test_the_built_in_episode_raises_an_alarm(first: Path, events: Any) -> None:
    # 22 mmHg at 0 s, 33 at 360 s: 30 mmHg is passed at 262 s, by the 60 s median 30 s later, raised 600 s after that.
    assert [(e["rule"], e["channel"], e["state"], e["t_s"]) for e in events(first)] == [
        ("pressure_high", "calf_l", "raised", 892),
        ("pressure_rising", "calf_l", "raised", 960),
    ]


@pytest.mark.parametrize("runtime", ["micropython", "cpython"])
def test_a_second_run_gives_the_same(first: Path, record: Any, info: Any, runtime: str) -> None:
    assert _hashes(info(record("sim:", _SECONDS, runtime))) == _hashes(info(first))


def test_another_seed_gives_other_samples(first: Path, record: Any, info: Any) -> None:
    other = info(record("sim:", 60, seed=2))
    same = info(record("sim:", 60))
    assert other["samples_sha256"] != same["samples_sha256"]


def test_replay_finds_board_and_host_equal(first: Path, turgor: Any) -> None:
    turgor("replay", first, "--verify")
