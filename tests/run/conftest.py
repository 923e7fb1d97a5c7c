"""Runs of the whole chain: the command `turgor` against the virtual board."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from played import PRESSURES, TEN_MINUTES, Played

Turgor = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session", autouse=True)
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Sessions that somebody else runs on this machine are not to be found."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("runtime")))
        yield


@pytest.fixture(scope="session")
def turgor() -> Turgor:
    """Run the command `turgor` with arguments; the test fails when the exit code is not `code`."""

    def run(*arguments: object, code: int = 0, **options: Any) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "turgor_host.cli", *(str(argument) for argument in arguments)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False, **options)
        assert done.returncode == code, f"{arguments}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    return run


@pytest.fixture(scope="session")
def record(turgor: Turgor, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Record a source at full speed into a new file."""

    def run(source: str, seconds: int, runtime: str = "micropython", **options: object) -> Path:
        file = tmp_path_factory.mktemp("recording") / "out.turgor"
        extra = [text for name, value in options.items() for text in (f"--{name}", value)]
        done = turgor(
            "record", source, file, "--seconds", seconds, "--speed", "max", "--runtime", runtime, "--json", *extra
        )
        result = json.loads(done.stdout)
        assert result["lost"] == 0
        assert result["board_s"] == seconds
        return file

    return run


@pytest.fixture(scope="session")
def events(turgor: Turgor) -> Callable[[Path], list[dict[str, Any]]]:
    return lambda file: json.loads(turgor("events", file, "--json").stdout)


@pytest.fixture(scope="session")
def info(turgor: Turgor) -> Callable[[Path], dict[str, Any]]:
    return lambda file: json.loads(turgor("info", file, "--json").stdout)


@pytest.fixture
def play(
    tmp_path: Path, record: Callable[..., Path], events: Callable[[Path], list[dict[str, Any]]], micropython: Path
) -> Callable[..., Played]:
    """Write a scenario (points by column) and its configuration, and let the board run it."""

    def run(
        seconds: int,
        columns: dict[str, dict[float, float]],
        dbp: float | None = None,
        configuration: str = PRESSURES,
        typed: dict[float, float] | None = None,
    ) -> Played:
        points: dict[float, dict[str, float]] = {0.0: {}}
        for column, values in columns.items():
            for t_s, value in values.items():
                points.setdefault(t_s, {})[column] = value
        entries = typed or {} if dbp is None else dict.fromkeys(range(5, seconds, TEN_MINUTES), dbp)
        for at_s, mmhg in entries.items():
            points.setdefault(at_s, {})["dbp_mmhg"] = mmhg
        names = [*columns, "dbp_mmhg"]
        lines = [",".join(["t_s", *names])]
        lines += [
            ",".join([f"{t_s:g}" if t_s < 1e5 else str(t_s), *(str(points[t_s].get(name, "")) for name in names)])
            for t_s in sorted(points)
        ]
        scenario, config = tmp_path / "rules.csv", tmp_path / "rules.toml"
        scenario.write_text("\n".join(lines) + "\n")
        config.write_text(configuration)
        file = record(f"sim:{scenario}", seconds, config=config)
        return Played(file, events(file))

    return run
