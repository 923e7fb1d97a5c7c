"""Stand-in boards with sensors on their pins, as the default configuration wants them and otherwise."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from board_standin import Standin

from turgor_host.sim.scenario import Scenario, compile_scenario

Hang = Callable[..., Standin]


@pytest.fixture
def hang(micropython: str, tmp_path: Path, root: Path) -> Hang:
    """A board whose sensors are those of the default configuration, changed by `more` (`boards/standin_chips.py`)."""

    def make(more: dict[str, Any] | None = None, platform: str = "rp2", **options: Any) -> Standin:
        scenario = compile_scenario(Scenario(), 1)
        with (root / "hardware" / "pinout.csv").open(newline="", encoding="utf-8") as file:
            rows = [row for row in csv.DictReader(file) if row["board"] == platform]
        pins = {row["signal"].removeprefix("drdy_"): int(row["pin"]) for row in rows if row["function"] == "drdy"}
        scenario["ready_pins"] = {name: pin for name, pin in pins.items() if name in scenario["pressure"]}
        path = tmp_path / "chips.json"
        path.write_text(json.dumps(scenario | (more or {})))
        return Standin(micropython, tmp_path, platform=platform, chips=path, **options)

    return make
