"""Real processes and everything between them goes wrong: nothing is missing but what was declared.

A day of board time instead of half an hour: TURGOR_FULL=1 .venv/bin/pytest -n 0 -s tests/faults/test_soak.py
"""

import json
import os
from pathlib import Path

import pytest
import soak

FULL = bool(os.environ.get("TURGOR_FULL"))
# At most so much more memory at the end than after a quarter of the faults, in MB.
_MORE_MB = 16


@pytest.mark.usefixtures("micropython")
def test_soak(tmp_path: Path) -> None:
    hours, speed = (24.0, 240) if FULL else (0.5, 60)
    result = soak.run(hours, speed, 1, tmp_path)
    print(json.dumps(result))
    assert not soak.missing(result), result
    assert result["logged"] > hours * 36_000
    for early, late in result["resident_mb"].values():
        assert late < early + _MORE_MB
